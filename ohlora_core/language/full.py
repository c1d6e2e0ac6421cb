"""Loads the published language models: each base once, with the adapters of all its roles.

Knows folders, not where they come from: a callable gives the folder of a source. Numbers: sections
2 and 5 of the system description; the published adapters were made and run with these settings.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeVar

import torch

from ohlora_core.errors import ModelFileError, NotEnoughMemoryError
from ohlora_core.language.adapters import adapter_shapes, attach_adapters, check_adapter
from ohlora_core.language.architecture import empty_base, read_architecture
from ohlora_core.language.base_model import LoadedBase
from ohlora_core.language.compute import Compute, choose_compute
from ohlora_core.language.files import Hint, check_weights, first_line, load_tokenizer
from ohlora_core.language.local import GenerationSettings, LocalGenerator
from ohlora_core.language.memory_plan import (
    BaseNeed,
    base_need,
    free_bytes,
    memory_table,
    place_bases,
)
from ohlora_core.language.roles import Role

__all__ = ["FULL_SETTINGS", "Plan", "load_base", "load_full", "plan_full"]

logger = logging.getLogger(__name__)
SourceT = TypeVar("SourceT")

_IN_ALL = {"output_message": 128, "qna": 512, "quiz": 512, "interview": 512}
FULL_SETTINGS = {
    # 50 is what the original's generate() took without being asked.
    "v4": GenerationSettings(top_k=50, tokens_in_all=_IN_ALL),
    "v2": GenerationSettings(
        top_k=50, tokens_in_all=_IN_ALL, temperatures={"eyes_mouth_pose": 1.5}
    ),
}


@dataclass
class _Group:
    """The roles of one base before it is loaded."""

    folder: Path
    adapters: dict[Role, Path] = field(default_factory=dict)
    tokenizer: Any = None


@dataclass(frozen=True)
class Plan:
    """What is to be loaded, and where to.

    Attributes:
        compute: Device type and number format.
        groups: The bases with their roles.
        shares: The devices of each base, with the bytes that it may take there.
        too_large: What to raise if there is not enough room after all.
    """

    compute: Compute
    groups: list[_Group]
    shares: list[dict[int | str, int]]
    too_large: NotEnoughMemoryError


def load_full(
    profile: str,
    sources: Mapping[str, tuple[SourceT, SourceT]],
    local: Callable[[SourceT], Path],
    *,
    four_bit: bool = False,
) -> LocalGenerator:
    """The language models of a full profile; arguments and errors are those of `plan_full`."""
    plan = plan_full(profile, sources, local, four_bit=four_bit)
    hint = _fetch_again(profile)
    bases: dict[Role, LoadedBase] = {}
    for group, share in zip(plan.groups, plan.shares, strict=True):
        try:
            model = load_base(group.folder, plan.compute, share, hint)
            model = attach_adapters(model, group.adapters, hint)
        except (torch.OutOfMemoryError, MemoryError) as error:
            raise plan.too_large from error
        loaded = LoadedBase(model, group.tokenizer, group.adapters)
        bases |= dict.fromkeys(group.adapters, loaded)
        logger.info("%s: on %s", group.folder.name, ", ".join(map(str, share)))
    return LocalGenerator(bases, FULL_SETTINGS[profile])


def plan_full(
    profile: str,
    sources: Mapping[str, tuple[SourceT, SourceT]],
    local: Callable[[SourceT], Path],
    *,
    four_bit: bool = False,
) -> Plan:
    """Checks everything before the first weight is read: files, adapters, 4-bit support, memory.

    Args:
        profile: "v2" or "v4".
        sources: Base and adapter of each role, by the role's value.
        local: Gives the folder of a source, or raises what tells the user how to get it.
        four_bit: Keep the weights of linear layers in 4 bits.

    Raises:
        ModelFileError: a file is missing, cut off or broken.
        AdapterMismatchError: an adapter was made for another base; names both.
        NotEnoughMemoryError: says what to choose instead.
        SettingsError: 4 bits are not possible here.
    """
    compute, hint = choose_compute(four_bit), _fetch_again(profile)
    groups: dict[Path, _Group] = {}
    for name, (base, adapter) in sources.items():
        folder = local(base).resolve()
        groups.setdefault(folder, _Group(folder)).adapters[Role(name)] = local(adapter)
    needs = []
    for group in groups.values():
        needs.append(_check(group, compute, hint))
        group.tokenizer = load_tokenizer(group.folder, hint)
    logger.info("%s", memory_table(profile, needs, compute))
    free = free_bytes(compute)
    shares = place_bases(needs, free)
    too_large = _too_large(profile, needs, free, compute)
    if shares is None:
        raise too_large
    return Plan(compute, list(groups.values()), shares, too_large)


def load_base(
    folder: Path,
    compute: Compute,
    share: Mapping[int | str, int] | None = None,
    hint: Hint | None = None,
) -> Any:
    """A causal model from a folder.

    Args:
        folder: Configuration and weights in the transformers format.
        compute: Device type and number format.
        share: GPUs to use with the bytes for each; several spread the layers over them. None or
            "cpu" loads into main memory.
        hint: How to get the files again.

    Raises:
        ModelFileError: if the weights are broken or of another model.
    """
    config, family = read_architecture(folder, hint)
    how: dict[str, Any] = {}
    if compute.device == "cuda" and share:
        one = len(share) == 1
        how["device_map"] = {"": next(iter(share))} if one else "auto"
        how |= {} if one else {"max_memory": dict(share)}
    if compute.four_bit:
        how["quantization_config"] = _four_bit_config(compute)
    try:
        loaded: Any = family.from_pretrained(
            folder,
            config=config,
            dtype=compute.dtype,
            local_files_only=True,
            output_loading_info=True,
            **how,
        )
    except torch.OutOfMemoryError:
        raise
    except (OSError, ValueError, RuntimeError, KeyError) as error:
        if "can't allocate memory" in str(error):  # what torch says of main memory
            raise MemoryError(str(error)) from error
        raise ModelFileError(folder, hint, first_line(error)) from error
    model, report = loaded
    if missing := sorted(report["missing_keys"]):
        raise ModelFileError(folder, hint, f"the weights lack {missing[0]}")
    return model


def _fetch_again(profile: str) -> Hint:
    command = f"python -m ohlora_core fetch {profile}"
    return command, command


def _check(group: _Group, compute: Compute, hint: Hint) -> BaseNeed:
    """Checks all files of a base and its adapters; what they will need in memory."""
    base = empty_base(group.folder, hint)
    check_weights(group.folder, hint)
    numbers = 0
    for adapter in group.adapters.values():
        check_adapter(adapter, group.folder, base, hint)
        numbers += sum(rows * columns for rows, columns in adapter_shapes(adapter).values())
    roles = [role.value for role in group.adapters]
    return base_need(group.folder.name, base, roles, numbers, compute)


def _too_large(
    profile: str, needs: list[BaseNeed], free: Mapping[int | str, int], compute: Compute
) -> NotEnoughMemoryError:
    on_gpu = compute.device == "cuda"
    choices = [] if compute.four_bit or not on_gpu else ["OHLORA_FOUR_BIT=true"]
    choices += ["--profile v2"] if profile == "v4" else []
    choices += ["--profile lite"]
    place = ", ".join(f"cuda:{gpu}" if on_gpu else str(gpu) for gpu in free)
    needed = sum(need.total for need in needs)
    return NotEnoughMemoryError(profile, needed, sum(free.values()), place, choices)


def _four_bit_config(compute: Compute) -> Any:
    from transformers import BitsAndBytesConfig

    return BitsAndBytesConfig(
        load_in_4bit=True, bnb_4bit_quant_type="nf4", bnb_4bit_compute_dtype=compute.dtype
    )
