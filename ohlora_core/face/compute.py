"""Where and in which number format the face networks run, and why.

Knows the machine; nothing of networks.
"""

from __future__ import annotations

from dataclasses import dataclass, field

import torch


@dataclass(frozen=True)
class Compute:
    """Number format and device of the networks, and why they were chosen."""

    dtype: torch.dtype
    reason: str
    device: torch.device = field(default_factory=lambda: torch.device("cpu"))


def choose_compute() -> Compute:
    """A CUDA device where there is one; else bfloat16 where the processor has matrix units for it.

    Without AMX the processor path is float32: AVX512-BF16 doubles the multiplications a second,
    but the float32 path needs four times fewer of them (`inference`), by a trick whose rounding
    bfloat16 does not bear.
    """
    if torch.cuda.is_available():
        name = torch.cuda.get_device_name()
        return Compute(torch.bfloat16, f"bfloat16: CUDA device {name}", torch.device("cuda"))
    capability = torch.backends.cpu.get_cpu_capability()
    if torch.cpu._is_amx_tile_supported():
        return Compute(torch.bfloat16, f"bfloat16: AMX matrix units ({capability})")
    return Compute(torch.float32, f"float32: no bfloat16 matrix units here ({capability})")
