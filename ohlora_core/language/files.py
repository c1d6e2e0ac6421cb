"""Checks of model files before anything large is loaded: whole, readable, of the right kind."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from ohlora_core.errors import ModelFileError

__all__ = [
    "TOKENIZER_FILES",
    "Hint",
    "check_file",
    "check_weights",
    "load_tokenizer",
    "read_header",
]

TOKENIZER_FILES = ("tokenizer.json", "tokenizer_config.json")
_INDEX = ".index.json"
Hint = tuple[str, str]


def check_file(path: Path, hint: Hint | None = None) -> None:
    """Raises `ModelFileError` if a file is missing, truncated, or not what its name says."""
    if not path.is_file():
        raise ModelFileError(path, hint, "missing")
    if path.suffix == ".safetensors":
        read_header(path, hint)
    if path.suffix != ".json":
        return
    try:
        json.loads(path.read_text(encoding="utf-8"))
    except (ValueError, OSError) as error:
        raise ModelFileError(path, hint, first_line(error)) from error


def check_weights(folder: Path, hint: Hint | None = None) -> None:
    """Raises `ModelFileError` unless all weights of a base are there: one file, or its shards."""
    safe, pickled = "model.safetensors", "pytorch_model.bin"
    is_pickled = not list(folder.glob("model*.safetensors*")) and list(folder.glob("*.bin*"))
    name = pickled if is_pickled else safe
    index = folder / f"{name}{_INDEX}"
    if not index.is_file():
        check_file(folder / name, hint)
        return
    check_file(index, hint)
    shards = json.loads(index.read_text(encoding="utf-8"))["weight_map"].values()
    for shard in sorted(set(shards)):
        check_file(folder / shard, hint)


def read_header(path: Path, hint: Hint | None = None) -> dict[str, list[int]]:
    """Names and shapes of the tensors of a safetensors file; none of them is read.

    Raises:
        ModelFileError: if the file is missing or truncated.
    """
    from safetensors import SafetensorError, safe_open

    if not path.is_file():
        raise ModelFileError(path, hint, "missing")
    try:
        with safe_open(path, framework="pt") as file:
            return {name: file.get_slice(name).get_shape() for name in file.keys()}  # noqa: SIM118
    except (SafetensorError, OSError) as error:
        raise ModelFileError(path, hint, first_line(error)) from error


def load_tokenizer(folder: Path, hint: Hint | None = None) -> Any:
    """The tokenizer in a folder.

    Raises:
        ModelFileError: if its files are missing or broken.
    """
    from transformers import PreTrainedTokenizerFast

    for name in TOKENIZER_FILES:
        check_file(folder / name, hint)
    try:
        return PreTrainedTokenizerFast.from_pretrained(folder)
    except Exception as error:  # the library raises a bare Exception for a broken file
        raise ModelFileError(folder / "tokenizer.json", hint, str(error)) from error


def first_line(error: Exception) -> str:
    """What an error of a library says first, or its name if it says nothing."""
    return str(error).strip().partition("\n")[0] or type(error).__name__
