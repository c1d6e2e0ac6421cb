"""Reads which network a folder describes, and makes it: Llama and GPT-NeoX, or what else there is.

transformers 5 refuses Llama configurations whose hidden size is no multiple of the number of heads,
as that of Kanana 1.5 2.1B (1792 and 24), although its attention computes them from `head_dim`
(huggingface/transformers#46082). `LlamaWithHeadSize` lifts that check.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import torch
from huggingface_hub.dataclasses import strict
from huggingface_hub.errors import StrictDataclassError
from transformers import AutoConfig, AutoModelForCausalLM, LlamaConfig, LlamaForCausalLM

from ohlora_core.errors import ModelFileError
from ohlora_core.language.files import Hint, check_file, first_line

__all__ = ["LlamaWithHeadSize", "empty_base", "read_architecture"]


@strict
class LlamaWithHeadSize(LlamaConfig):
    """A Llama configuration in which `head_dim` is given and hidden_size / heads says nothing."""

    def validate_architecture(self) -> None:
        """Accepts any number of heads; the shapes of the weights are checked when they load."""


def read_architecture(folder: Path, hint: Hint | None = None) -> tuple[Any, Any]:
    """The configuration in a folder, and the transformers class that loads it.

    Raises:
        ModelFileError: if config.json is missing, broken, or describes no causal language model.
    """
    path = folder / "config.json"
    check_file(path, hint)
    described = json.loads(path.read_text(encoding="utf-8"))
    try:
        if described.get("model_type") == "llama" and described.get("head_dim"):
            return LlamaWithHeadSize.from_pretrained(
                folder, local_files_only=True
            ), LlamaForCausalLM
        return AutoConfig.from_pretrained(folder, local_files_only=True), AutoModelForCausalLM
    except (OSError, ValueError, KeyError, TypeError, StrictDataclassError) as error:
        raise ModelFileError(path, hint, first_line(error)) from error


def empty_base(folder: Path, hint: Hint | None = None) -> Any:
    """The model that a folder describes, with shapes but no weights.

    Raises:
        ModelFileError: see `read_architecture`.
    """
    config, family = read_architecture(folder, hint)
    try:
        with torch.device("meta"):
            if family is AutoModelForCausalLM:
                return family.from_config(config)
            return family(config)
    except (ValueError, TypeError) as error:
        detail = first_line(error)
        raise ModelFileError(folder / "config.json", hint, detail) from error
