"""Weights as the passes of `kernels/` read them.

Knows tensors only.
"""

from __future__ import annotations

import torch
from torch import Tensor

LANES = 16
"""Channels of every map and columns of every matrix are a multiple of this."""
PANEL = 2 * LANES
# Winograd F(4x4, 3x3): points 0, 1, -1, 2, -2 and infinity (Lavin and Gray 2016).
_TO_DOMAIN = (
    (1 / 4, 0.0, 0.0),
    (-1 / 6, -1 / 6, -1 / 6),
    (-1 / 6, 1 / 6, -1 / 6),
    (1 / 24, 1 / 12, 1 / 6),
    (1 / 24, -1 / 12, 1 / 6),
    (0.0, 0.0, 1.0),
)


def padded(values: Tensor, dim: int, parts: int = 1) -> Tensor:
    """Each of `parts` equal stretches along dim filled up with zeros to a multiple of 16."""
    missing = -(values.shape[dim] // parts) % LANES
    if not missing:
        return values
    shape = list(values.shape)
    shape[dim] = missing
    stretches = values.chunk(parts, dim=dim)
    filled = [torch.cat([part, part.new_zeros(shape)], dim=dim) for part in stretches]
    return torch.cat(filled, dim=dim)


def panels(matrices: Tensor) -> Tensor:
    """[n, depth, columns] -> [n, depth * columns] float32: 32 columns lie together, then the rest.

    columns: a multiple of 16.
    """
    count, depth, columns = matrices.shape
    full = columns // PANEL * PANEL
    first = matrices[:, :, :full].reshape(count, depth, full // PANEL, PANEL).transpose(1, 2)
    rest = matrices[:, :, full:]
    return torch.cat([first.reshape(count, -1), rest.reshape(count, -1)], dim=1).float()


def winograd(weight: Tensor) -> Tensor:
    """[out, in, 3, 3] -> the 36 matrices [in, out] of F(4x4, 3x3) in panels."""
    points = torch.tensor(_TO_DOMAIN, dtype=torch.float64)
    made = torch.einsum("ak,bl,oikl->abio", points, points, weight.double())
    return panels(made.flatten(0, 1))
