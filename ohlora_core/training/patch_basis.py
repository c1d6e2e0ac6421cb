"""Where the lite synthesis starts: principal components of every patch of the training pictures.

Predicting the weights of principal components is plain regression with independent targets, which
takes minutes where convolutions that draw from nothing take hours. Knows pictures and the layout
of patches in `face/lite.py`; nothing of latents.
"""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from tqdm import tqdm

from ohlora_core.face.lite import COARSE_MAPS, MAP_SIZE_PX, PATCHES, LiteSynthesis

_SIDE = MAP_SIZE_PX // PATCHES
COARSE_SIZE_PX = 2 * MAP_SIZE_PX


@dataclass(frozen=True)
class PatchBasis:
    """mean [64, n], components [64, codes, n] with orthonormal rows, n values of a patch."""

    mean: Tensor
    components: Tensor

    def codes(self, pictures: NDArray[np.uint8]) -> Tensor:
        """[b, h, h, 3] -> [b, 64, codes]."""
        centred = patches_of(pictures) - self.mean
        return torch.einsum("bpn,pkn->bpk", centred, self.components)


def patches_of(pictures: NDArray[np.uint8]) -> Tensor:
    """[b, h, h, 3] uint8 -> [b, 64, n] in -1..1: the patches of the pictures at 128 pixels.

    The values of a patch lie as [row, column, map] of the first maps of `LiteSynthesis.maps`.
    """
    size = (COARSE_SIZE_PX, COARSE_SIZE_PX)
    small = np.stack([cv2.resize(one, size, interpolation=cv2.INTER_AREA) for one in pictures])
    x = torch.from_numpy(small).float() / 127.5 - 1
    x = x.view(-1, PATCHES, _SIDE, 2, PATCHES, _SIDE, 2, 3)
    return x.permute(0, 1, 4, 2, 5, 7, 3, 6).reshape(len(x), PATCHES**2, -1)


def find_basis(images: NDArray[np.uint8], rows: NDArray[np.int64], codes: int) -> PatchBasis:
    """Mean and leading principal components of each patch over those rows of images."""
    values = _SIDE**2 * COARSE_MAPS
    total = torch.zeros(PATCHES**2, values, dtype=torch.float64)
    products = torch.zeros(PATCHES**2, values, values)
    for part in tqdm(np.array_split(np.sort(rows), max(len(rows) // 200, 1)), desc="patches"):
        x = patches_of(images[part]).transpose(0, 1)  # [64, b, n]
        total += x.sum(dim=1)
        products.baddbmm_(x.transpose(1, 2), x)
    mean = (total / len(rows)).float()
    spread = products - len(rows) * mean[:, :, None] * mean[:, None]
    _, vectors = torch.linalg.eigh(spread)  # rising eigenvalues
    return PatchBasis(mean, vectors.flip(2)[:, :, :codes].transpose(1, 2).contiguous())


def put_basis(network: LiteSynthesis, basis: PatchBasis) -> None:
    """Start the network from a basis of the coarse picture; its other maps are 0."""
    network.basis.zero_()
    mean, components = _coarse_part(network)
    mean.copy_(basis.mean.view_as(mean))
    components.copy_(basis.components.view_as(components))


def taken_basis(network: LiteSynthesis) -> PatchBasis:
    """The basis that `put_basis` gave to the network."""
    mean, components = _coarse_part(network)
    return PatchBasis(mean.flatten(1), components.flatten(2))


def _coarse_part(network: LiteSynthesis) -> tuple[Tensor, Tensor]:
    """Views of mean and basis: the values of the coarse picture, [64, 64, 12], [64, codes, ...]."""
    pixels = (-1, network.config.maps)
    mean, basis = network.mean.unflatten(1, pixels), network.basis.unflatten(2, pixels)
    return mean[..., :COARSE_MAPS], basis[..., :COARSE_MAPS]
