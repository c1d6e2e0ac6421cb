"""Weights of the CNN checkpoints by the rule of design/checkpoints.md."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

import numpy as np
import torch
from torch import Tensor

Draw = Callable[[str, Sequence[int]], np.ndarray]


def cnn_weights(shapes: Mapping[str, Sequence[int]], draw: Draw) -> dict[str, Tensor]:
    """State dict for key -> shape; draw(key, shape) gives the standard normal values of a key."""
    return {key: _weight(key, shape, draw) for key, shape in shapes.items()}


def network_input(pixels: np.ndarray) -> Tensor:
    """[256, 256, 3] uint8 -> [1, 3, 256, 256] in -1..1."""
    return torch.from_numpy(pixels.copy()).permute(2, 0, 1)[None].float() / 127.5 - 1


def _weight(key: str, shape: Sequence[int], draw: Draw) -> Tensor:
    if key.endswith("num_batches_tracked"):
        return torch.tensor(1)
    normal = torch.from_numpy(draw(key, shape))
    if key.endswith("running_var"):
        return 0.5 + 0.5 * normal.abs()
    if key.endswith(("running_mean", ".bias")):
        return 0.1 * normal
    if len(shape) == 1:
        return 1 + 0.1 * normal
    return normal * (2 / np.prod(shape[1:])) ** 0.5
