"""Weights files of the face networks: safe to read, strict to load.

Knows files and the modules they must fit; nothing of what the networks do.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import torch
from torch import Tensor, nn

from ohlora_core.errors import ModelFileError


def read_state_dict(path: Path) -> dict[str, Tensor]:
    """Read safetensors or a plain ``.pth`` state dict (never unpickling code), as float32.

    Raises ModelFileError when the file is missing or is not a flat dict of tensors.
    """
    if not path.is_file():
        raise ModelFileError(path, detail="missing")
    try:
        if path.suffix == ".safetensors":
            from safetensors.torch import load_file

            state: object = load_file(path)
        else:
            state = torch.load(path, map_location="cpu", weights_only=True)
    except Exception as error:  # both raise many kinds here; all mean the same to the user
        why = str(error).splitlines()[0] if str(error) else type(error).__name__
        raise ModelFileError(path, detail=f"truncated or not a plain state dict: {why}") from error
    if not isinstance(state, Mapping):
        raise ModelFileError(path, detail=f"holds a {type(state).__name__}, not a state dict")
    others = [str(key) for key, value in state.items() if not isinstance(value, Tensor)]
    if others:
        found = f"not tensors: {', '.join(others[:8])}"
        raise ModelFileError(path, detail=f"not a plain state dict of tensors; {found}")
    return {k: v.float() if v.is_floating_point() else v for k, v in state.items()}


def load_strict(module: nn.Module, state: Mapping[str, Tensor], source: Path) -> None:
    """load_state_dict(strict=True); ModelFileError names keys and shapes expected and found."""
    expected = {key: tuple(value.shape) for key, value in module.state_dict().items()}
    found = {key: tuple(value.shape) for key, value in state.items()}
    problems = [f"missing {key} {expected[key]}" for key in expected.keys() - found.keys()]
    problems += [f"unexpected {key} {found[key]}" for key in found.keys() - expected.keys()]
    problems += [
        f"{key}: expected {expected[key]}, found {found[key]}"
        for key in expected.keys() & found.keys()
        if expected[key] != found[key]
    ]
    if problems:
        shown = "; ".join(sorted(problems)[:8])
        more = f"; and {len(problems) - 8} more" if len(problems) > 8 else ""
        raise ModelFileError(
            source,
            detail=f"does not fit {type(module).__name__}, {len(expected)} keys expected, "
            f"{len(found)} found: {shown}{more}",
        )
    module.load_state_dict(dict(state), strict=True)
