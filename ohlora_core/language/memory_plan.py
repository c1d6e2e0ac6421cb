"""How much memory the full language models need, and which GPU takes which base.

Works on shapes (models on the meta device) and on numbers of bytes; loads nothing.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from ohlora_core.language.compute import Compute

__all__ = ["RESERVED_BYTES", "BaseNeed", "base_need", "free_bytes", "memory_table", "place_bases"]

GIB = 2**30
RESERVED_BYTES = 2 * GIB
"""Kept free on each GPU for what a full profile puts beside the language models: six S-BERTs of
111 million float16 numbers (1.2 GiB), the face with its hair model and a batch of frames, and the
CUDA context."""
_BATCH_TOKENS = 4 * 640  # four rows of the longest prompt and answer
_ACTIVATION_BYTES = GIB // 4
_FOUR_BIT_BYTES = 0.5 + 4 / 64  # a weight, and its share of the scale of a block of 64


@dataclass(frozen=True)
class BaseNeed:
    """What one base needs in memory, in bytes.

    Attributes:
        name: Name of the base.
        roles: Its roles, one adapter each.
        parameters: How many numbers it has.
        weights: The base itself.
        adapters: All of its adapters.
        work: Key-value cache and activations.
    """

    name: str
    roles: tuple[str, ...]
    parameters: int
    weights: int
    adapters: int
    work: int

    @property
    def total(self) -> int:
        """Everything together."""
        return self.weights + self.adapters + self.work


def base_need(
    name: str, model: Any, roles: Sequence[str], adapter_numbers: int, compute: Compute
) -> BaseNeed:
    """What a base needs.

    Args:
        name: Name of the base.
        model: The base; its parameters may be on the meta device.
        roles: Its roles.
        adapter_numbers: How many numbers its adapters have together.
        compute: Number format.
    """
    parameters = {id(p): p.numel() for p in model.parameters()}
    total = sum(parameters.values())
    packed = 0
    if compute.four_bit:
        head = model.get_output_embeddings()
        packed = sum(
            module.weight.numel()
            for module in model.modules()
            if hasattr(module, "in_features") and module is not head
        )
    config = model.config
    heads = getattr(config, "num_key_value_heads", None) or config.num_attention_heads
    head_size = getattr(config, "head_dim", None) or (
        config.hidden_size // config.num_attention_heads
    )
    cached = 2 * config.num_hidden_layers * heads * head_size * _BATCH_TOKENS
    size = compute.weight_bytes
    return BaseNeed(
        name,
        tuple(roles),
        total,
        int((total - packed) * size + packed * _FOUR_BIT_BYTES),
        adapter_numbers * (4 if compute.four_bit else size),
        cached * size + _ACTIVATION_BYTES,
    )


def memory_table(profile: str, needs: Sequence[BaseNeed], compute: Compute) -> str:
    """The expected memory of each base and of the profile, as a table of text."""
    rows: list[tuple[str, ...]] = [
        ("base", "roles", "parameters", "weights", "adapters", "work", "total")
    ]
    for need in needs:
        sizes = (need.weights, need.adapters, need.work, need.total)
        rows.append(
            (
                need.name,
                ", ".join(need.roles),
                f"{need.parameters / 1e9:.2f} B",
                *(f"{size / GIB:.2f} GiB" for size in sizes),
            )
        )
    whole = sum(need.total for need in needs)
    rows.append((f"profile {profile}", "", "", "", "", "", f"{whole / GIB:.2f} GiB"))
    widths = [max(len(row[column]) for row in rows) for column in range(len(rows[0]))]
    lines = ["  ".join(map(str.ljust, row, widths)).rstrip() for row in rows]
    bits = "4-bit weights, " if compute.four_bit else ""
    return "\n".join([f"expected memory ({bits}{compute.reason})", *lines])


def free_bytes(compute: Compute) -> dict[int | str, int]:
    """Free memory of each GPU by number, or of this machine as "cpu"."""
    import psutil
    import torch

    if compute.device == "cuda":
        return {gpu: torch.cuda.mem_get_info(gpu)[0] for gpu in range(torch.cuda.device_count())}
    return {"cpu": psutil.virtual_memory().available}


def place_bases(
    needs: Sequence[BaseNeed], free: Mapping[int | str, int]
) -> list[dict[int | str, int]] | None:
    """The devices of each base with the bytes that it may take there, in the order of `needs`.

    The largest base goes first, whole, to the device with the most room; one that fits on no
    single device is spread over all of them. None if there is not enough room.
    """
    left = {
        device: room - (0 if device == "cpu" else RESERVED_BYTES) for device, room in free.items()
    }
    found: dict[int, dict[int | str, int]] = {}
    for index in sorted(range(len(needs)), key=lambda i: -needs[i].total):
        wanted = needs[index].total
        roomiest = max(left, key=lambda device: left[device])
        if left[roomiest] >= wanted:
            shares = {roomiest: wanted}
        else:
            room = {device: max(size, 0) for device, size in left.items()}
            if sum(room.values()) < wanted:
                return None
            shares = room
        found[index] = shares
        for device, share in shares.items():
            left[device] -= min(share, wanted)
            wanted -= min(share, wanted)
    return [found[index] for index in range(len(needs))]
