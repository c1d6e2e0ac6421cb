"""In which number format the full language models run, and why. Knows the machine only."""

from __future__ import annotations

import importlib.util
from dataclasses import dataclass

import torch

from ohlora_core.errors import SettingsError

__all__ = ["Compute", "choose_compute"]


@dataclass(frozen=True)
class Compute:
    """Device type ("cuda" or "cpu") and number format, why, and whether weights are in 4 bits."""

    device: str
    dtype: torch.dtype
    reason: str
    four_bit: bool = False

    @property
    def weight_bytes(self) -> int:
        """Size of one number."""
        return self.dtype.itemsize


def choose_compute(four_bit: bool = False) -> Compute:
    """bfloat16 where the hardware computes in it, as the adapters were trained.

    Args:
        four_bit: Keep the weights of the linear layers in 4 bits (NF4).

    Raises:
        SettingsError: if 4 bits are asked for without a CUDA GPU or without bitsandbytes.
    """
    if four_bit:
        _check_four_bit()
    if torch.cuda.is_available():
        name = torch.cuda.get_device_name()
        if torch.cuda.is_bf16_supported(including_emulation=False):
            return Compute("cuda", torch.bfloat16, f"bfloat16: {name} computes in it", four_bit)
        reason = f"float16: {name} has no bfloat16 units"
        return Compute("cuda", torch.float16, reason, four_bit)
    capability = torch.backends.cpu.get_cpu_capability()
    if torch.cpu._is_amx_tile_supported():
        return Compute("cpu", torch.bfloat16, f"bfloat16: AMX matrix units ({capability})")
    reason = f"float32: no GPU, no bfloat16 matrix units in this processor ({capability})"
    return Compute("cpu", torch.float32, reason)


def _check_four_bit() -> None:
    if not torch.cuda.is_available():
        raise SettingsError(
            "4비트 양자화(OHLORA_FOUR_BIT)에는 CUDA GPU 가 필요해요. 설정을 지우거나 "
            "--profile lite 를 사용해 주세요.",
            "4-bit weights (OHLORA_FOUR_BIT) need a CUDA GPU. Unset it, or use --profile lite.",
        )
    if importlib.util.find_spec("bitsandbytes") is None:
        raise SettingsError(
            "4비트 양자화(OHLORA_FOUR_BIT)에는 bitsandbytes 가 필요해요: pip install bitsandbytes",
            "4-bit weights (OHLORA_FOUR_BIT) need bitsandbytes: pip install bitsandbytes",
        )
