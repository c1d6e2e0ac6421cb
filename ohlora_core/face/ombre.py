"""Ombre dyeing of hair: the fixed algorithm of design/system.md section 4.

Knows pictures, masks and colours; nothing of models, faces or time.
"""

from __future__ import annotations

from functools import cache
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

SIZE = 256
HUES = 360
_EDGE = 191.25  # 0.75 * 255: what counts as hair


@cache
def hue_rgb() -> NDArray[np.float32]:
    """[360, 3] full-saturation colours, 0..255, red first."""
    table = np.load(Path(__file__).with_name("hue_rgb.npy"), allow_pickle=False)
    return table.astype(np.float32)


def contrasted(mask: NDArray[np.floating]) -> NDArray[np.float32]:
    """Hair mask [h, w] in 0..1 -> [256, 256] in 0..255, steepened around 0.78."""
    values = np.ascontiguousarray(mask, dtype=np.float32) * 255
    large = cv2.resize(values, (SIZE, SIZE), interpolation=cv2.INTER_CUBIC)
    return np.clip((large - _EDGE) * 4, 0, 255).astype(np.float32, copy=False)


def hair_alpha(
    mask: NDArray[np.floating], height: float, grad_height: float
) -> NDArray[np.float32] | None:
    """How strongly each pixel is dyed: [256, 256] in 0..1, or None where no hair is found.

    mask: [h, w], 0..1. height: share of the hair's height that is dyed, from its tips up.
    grad_height: share of that which is the gradient. Both 0..1.
    """
    hair = contrasted(mask)
    rows = np.flatnonzero(hair.max(axis=1) >= _EDGE)
    if not len(rows):
        return None
    top, bottom = int(rows[0]), int(rows[-1])
    start = int(top + (bottom - top) * (1 - height))
    end = int(start + (bottom - start) * grad_height)
    weights = (np.arange(SIZE) >= start).astype(np.float32)
    if end > start:
        weights = np.clip((np.arange(SIZE) - start) / (end - start), 0, 1).astype(np.float32)
    return (hair * (weights[:, None] / 255)).astype(np.float32, copy=False)


def dye(
    image: NDArray[np.uint8], alpha: NDArray[np.float32] | None, color: float
) -> NDArray[np.float32]:
    """Blend the hue `color` (0..1) into image [256, 256, 3] by alpha [256, 256]; 0..255 float."""
    picture = image.astype(np.float32)
    if alpha is None:
        return picture
    return picture + alpha[..., None] * (_dyed(picture, color) - picture)


def apply_ombre(
    image: NDArray[np.uint8],
    mask: NDArray[np.floating],
    color: float,
    height: float,
    grad_height: float,
) -> NDArray[np.float32]:
    """Dye the lower hair of image [256, 256, 3] uint8 RGB; result of that shape, float 0..255.

    mask: hair map [h, w] (224 x 224 from the hair models). color, height, grad_height: 0..1.
    An image without hair comes back unchanged.
    """
    return dye(image, hair_alpha(mask, height, grad_height), color)


def dye_frame(
    frame: NDArray[np.uint8],
    mask: NDArray[np.floating],
    color: float,
    height: float,
    grad_height: float,
) -> None:
    """What `apply_ombre` makes, rounded, written into frame [256, 256, 3] uint8 RGB itself.

    A dyed value depends on the value and the colour channel alone, so it is looked up, and only in
    the rows that are dyed.
    """
    alpha = hair_alpha(mask, height, grad_height)
    if alpha is None:
        return
    rows = np.flatnonzero(alpha.any(axis=1))
    if not len(rows):
        return
    part = slice(int(rows[0]), int(rows[-1]) + 1)
    change = cv2.LUT(frame[part], _changes(color)).astype(np.float32, copy=False)
    change *= alpha[part, :, None]
    change += frame[part]
    np.rint(change, out=change)
    frame[part] = change


def _changes(color: float) -> NDArray[np.float32]:
    """[1, 256, 3]: what full dyeing adds to each value of each channel."""
    values = np.repeat(np.arange(256, dtype=np.float32)[None, :, None], 3, axis=2)
    return _dyed(values, color) - values


def _dyed(picture: NDArray[np.float32], color: float) -> NDArray[np.float32]:
    """Every pixel [..., 3] fully dyed: the fixed arithmetic of the reference."""
    hue = hue_rgb()[min(int(HUES * color), HUES - 1)]
    return np.floor(np.clip(picture * 1.35 + (0.25 * hue - 38.25), 0, 255))
