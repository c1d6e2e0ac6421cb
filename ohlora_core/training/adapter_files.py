"""Writes trained LoRA adapters: standard PEFT folders in float16."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

__all__ = ["save_adapter"]


def save_adapter(model: Any, folder: Path, base: str = "../../base") -> None:
    """Saves a PEFT model's adapter in float16; `base` is what it says its base is."""
    from safetensors.torch import load_file, save_file

    # whole embeddings are never trained; to find that out PEFT would ask the hub
    model.save_pretrained(folder, save_embedding_layers=False)
    (folder / "README.md").unlink(missing_ok=True)  # PEFT's template; the card is one level up
    weights = folder / "adapter_model.safetensors"
    halved = {name: tensor.half() for name, tensor in load_file(weights).items()}
    save_file(halved, weights, metadata={"format": "pt"})
    config = folder / "adapter_config.json"
    settings = json.loads(config.read_text(encoding="utf-8"))
    settings["base_model_name_or_path"] = base
    config.write_text(json.dumps(settings, indent=2, sort_keys=True) + "\n", encoding="utf-8")
