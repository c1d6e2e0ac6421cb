"""Weights of the published checkpoints by the rule of design/checkpoints.md."""

from __future__ import annotations

import json
import zlib
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import Tensor

FIXTURES = Path(__file__).parents[1] / "fixtures"

GENERATORS = {"v7": "stylegan_gen_vector_find_v7", "v8": "stylegan_gen_vector_find_v8"}
PROPERTY_CNNS = {"v7": "stylegan_gen_fine_tuned_v2_cnn", "v8": "ohlora_v3_merged_property_cnn"}
HAIR = "segmentation_model_ohlora_v4"


def standard_normal(key: str, shape: Sequence[int]) -> Tensor:
    rng = np.random.default_rng(zlib.crc32(key.encode()))
    return torch.from_numpy(np.asarray(rng.standard_normal(shape, dtype=np.float32)))


def generator_weights(shapes: Mapping[str, Sequence[int]]) -> dict[str, Tensor]:
    """State dict of a generator for key -> shape."""
    row = torch.tensor([1.0, 2.0, 1.0])
    state = {}
    for key, shape in shapes.items():
        if key.endswith(".kernel"):
            state[key] = (row[:, None] * row / 16).expand(list(shape)).clone()
        elif key == "synthesis.lod":
            state[key] = torch.zeros(list(shape))
        else:
            state[key] = standard_normal(key, shape) * _generator_scale(key)
    return state


def _generator_scale(key: str) -> float:
    if key.startswith("mapping.dense"):
        return 100 if key.endswith("weight") else 10
    return 0.1 if key.endswith((".bias", "apply_noise.weight", "w_avg")) else 1.0


def cnn_weights(shapes: Mapping[str, Sequence[int]]) -> dict[str, Tensor]:
    """State dict of a hair model or property CNN for key -> shape."""
    return {key: _cnn_weight(key, shape) for key, shape in shapes.items()}


def _cnn_weight(key: str, shape: Sequence[int]) -> Tensor:
    if key.endswith("num_batches_tracked"):
        return torch.tensor(1)
    normal = standard_normal(key, shape)
    if key.endswith("running_var"):
        return 0.5 + 0.5 * normal.abs()
    if key.endswith(("running_mean", ".bias")):
        return 0.1 * normal
    if len(shape) == 1:
        return 1 + 0.1 * normal
    return normal * (2 / np.prod(shape[1:])) ** 0.5


def network_input(pixels: np.ndarray) -> Tensor:
    """[256, 256, 3] uint8 -> [1, 3, 256, 256] in -1..1."""
    return torch.from_numpy(pixels.copy()).permute(2, 0, 1)[None].float() / 127.5 - 1


@pytest.fixture(scope="session")
def published_keys() -> dict[str, dict[str, list[int]]]:
    """Name of each published checkpoint -> key -> shape."""
    return json.loads((FIXTURES / "state_dict_keys.json").read_text(encoding="utf-8"))


@pytest.fixture(scope="session")
def published_files(
    published_keys: dict[str, dict[str, list[int]]], tmp_path_factory: pytest.TempPathFactory
) -> dict[str, Path]:
    """Name -> file of each published checkpoint, with the weights of parity.npz."""
    folder = tmp_path_factory.mktemp("published")
    paths = {}
    for name, shapes in published_keys.items():
        rule = generator_weights if name in GENERATORS.values() else cnn_weights
        paths[name] = folder / f"{name}.pth"
        torch.save(rule(shapes), paths[name])
    return paths


@pytest.fixture(scope="session")
def parity() -> dict[str, np.ndarray]:
    """Inputs of the original networks and what they give."""
    with np.load(FIXTURES / "parity.npz") as arrays:
        return {name: arrays[name] for name in arrays.files}
