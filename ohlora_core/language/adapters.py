"""Checks that LoRA adapters fit a base, and attaches them to it.

A published adapter names the base it was trained on by a path on its author's disk; that path is
ignored, and what decides is whether modules and shapes fit the base that was loaded here.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch

from ohlora_core.errors import AdapterMismatchError, ModelFileError
from ohlora_core.language.files import Hint, check_file, first_line, read_header
from ohlora_core.language.roles import Role

__all__ = ["CONFIG_FILE", "WEIGHTS_FILE", "adapter_shapes", "attach_adapters", "check_adapter"]

CONFIG_FILE, WEIGHTS_FILE = "adapter_config.json", "adapter_model.safetensors"
_PICKLED_FILE = "adapter_model.bin"  # of some older adapters; read as plain tensors only
_PREFIX, _LORA = "base_model.model.", ".lora_"


def check_adapter(adapter: Path, base: Path, model: Any, hint: Hint | None = None) -> None:
    """Check an adapter against a base before its weights are read.

    Args:
        adapter: Folder of the adapter.
        base: Folder of the base, for the message.
        model: The base; its parameters may be on the meta device.

    Raises:
        AdapterMismatchError: naming both, if modules or shapes do not fit.
        ModelFileError: if a file of the adapter is missing or broken.
    """
    from peft import LoraConfig
    from peft.tuners.tuners_utils import check_target_module_exists

    check_file(adapter / CONFIG_FILE, hint)
    kind = json.loads((adapter / CONFIG_FILE).read_text(encoding="utf-8")).get("peft_type")
    if kind != "LORA":
        raise AdapterMismatchError(adapter, base, f"peft_type {kind}, not LORA")
    config = LoraConfig.from_pretrained(str(adapter))
    shapes = {name: shape for name, shape in adapter_shapes(adapter, hint).items() if _LORA in name}
    wanted: dict[str, list[int]] = {}
    for name, module in model.named_modules():
        if hasattr(module, "in_features") and check_target_module_exists(config, name):
            first, second = (f"{_PREFIX}{name}{_LORA}{part}.weight" for part in "AB")
            # a rank may differ from layer to layer; then it is what the file says
            rank = shapes.get(first, [0])[0] if config.rank_pattern else config.r
            wanted |= {first: [rank, module.in_features], second: [module.out_features, rank]}
    for name in sorted(shapes.keys() | wanted.keys()):
        if name not in wanted:
            raise AdapterMismatchError(adapter, base, f"the base has no layer for {name}")
        if name not in shapes:
            raise AdapterMismatchError(adapter, base, f"the adapter lacks {name}")
        if shapes[name] != wanted[name]:
            detail = f"{name}: {shapes[name]}, the base wants {wanted[name]}"
            raise AdapterMismatchError(adapter, base, detail)
    if not wanted:
        raise AdapterMismatchError(adapter, base, f"no target modules: {config.target_modules}")


def attach_adapters(model: Any, adapters: Mapping[Role, Path], hint: Hint | None = None) -> Any:
    """The base with all adapters attached, each named after its role and on the base's devices.

    Args:
        model: The base; its weights stay as they are.
        adapters: Folder of each adapter; of files that passed `check_adapter`.

    Raises:
        ModelFileError: if a file cannot be read.
    """
    from peft import PeftModel

    attached = None
    # Without autocast an adapter runs in the number format of its layer.
    how: dict[str, Any] = {"autocast_adapter_dtype": False, "torch_device": "cpu"}
    for role, folder in adapters.items():
        try:
            if attached is None:
                attached = PeftModel.from_pretrained(model, folder, role.value, **how)
            else:
                attached.load_adapter(folder, role.value, **how)
        except (OSError, ValueError, KeyError) as error:
            detail = first_line(error)
            raise ModelFileError(folder / WEIGHTS_FILE, hint, detail) from error
    return model if attached is None else attached


def adapter_shapes(adapter: Path, hint: Hint | None = None) -> dict[str, list[int]]:
    """Names and shapes of an adapter's weights.

    Raises:
        ModelFileError: if the file is missing or broken.
    """
    pickled = adapter / _PICKLED_FILE
    if (adapter / WEIGHTS_FILE).is_file() or not pickled.is_file():
        return read_header(adapter / WEIGHTS_FILE, hint)
    try:
        tensors = torch.load(pickled, map_location="meta", weights_only=True)
    except Exception as error:  # torch raises many kinds for a broken or unsafe file
        raise ModelFileError(pickled, hint, first_line(error)) from error
    return {name: list(tensor.shape) for name, tensor in tensors.items()}
