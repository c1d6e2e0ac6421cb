"""What a drawing depends on, as numbers that a network can use without bending them first.

An edge that moves with a look is a different picture at every place of the edge, and a garment
appears only in its own colour. So besides the looks themselves there are hat functions of them
(weights of linear interpolation between a few places), shares of the kinds, and products of what
acts together. Knows identities; nothing of networks and pictures.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from ohlora_core.training.portrait_identity import HAIR_ENDS, PARTS, Identity

Table = NDArray[np.float32]  # [faces, n]

_LEAST_SPREAD = 0.2  # features that are nearly always 0 stay small
_HATS = {
    "hair_end": HAIR_ENDS,
    "part": PARTS,
    "wave": (0, 0.5, 1),
    "garment": (0, 1, 2, 3),
    "backdrop": (0, 1, 2, 3),
    "face_width": (0.965, 1.0, 1.035),
    "jaw": (0, 0.5, 1),
    "eye_size": (0.94, 1.0, 1.06),
    "eye_height": (0.88, 0.98, 1.08),
    "eye_tilt": (-2, 0.5, 3),
    "brow_arch": (0.2, 1.2, 2.2),
    "lip_fullness": (0.9, 1.025, 1.15),
}


def looks_of(person: Identity) -> NDArray[np.float32]:
    """All looks of a face as numbers [n].

    A colour gives three: brightness, red against green, yellow against blue. Red, green and blue
    themselves nearly agree, and a network that is a little off in one of them gets another tint.
    """
    values: list[float] = []
    for field in dataclasses.fields(person):
        value = getattr(person, field.name)
        if isinstance(value, tuple):
            red, green, blue = (channel / 255 for channel in value)
            values += [(red + green + blue) / 3, red - green, (red + green) / 2 - blue]
        else:
            values.append(float(value))
    return np.array(values, np.float32)


def looks_table(people: Sequence[Identity]) -> Table:
    """Looks of all faces, [faces, n], not standardised."""
    return np.stack([looks_of(person) for person in people])


def feature_table(looks: Table) -> Table:
    """Features [faces, m] of a table of looks: hats, kinds and products, not standardised."""
    column = _columns()
    hats = {name: _hats(looks[:, column[name][0]], places) for name, places in _HATS.items()}
    fringe, bangs, tied, volume = (
        looks[:, column[name]] for name in ("fringe", "bangs", "tied", "volume")
    )
    style = np.hstack([1 - bangs, bangs - fringe, fringe])
    fall = np.hstack([tied, (1 - tied) * hats["wave"]])

    def color(name: str) -> Table:
        return standardised(looks[:, column[name]], least_spread=1e-6)

    products = [
        _products(hats["hair_end"], fall),
        _products(hats["hair_end"], style),
        _products(hats["hair_end"], hats["part"]),
        _products(hats["hair_end"], volume),
        _products(hats["part"], style),
        *(_products(hats[name], color("hair")) for name in ("hair_end", "part", "wave")),
        _products(style, color("hair")),
        *(_products(hats["garment"], color(name)) for name in ("clothes", "accent")),
        *(_products(hats["backdrop"], color(name)) for name in ("back_top", "back_bottom", "glow")),
    ]
    return np.hstack([*hats.values(), style, *products]).astype(np.float32)


def standardised(table: Table, least_spread: float = _LEAST_SPREAD) -> Table:
    """Columns with mean 0 and spread 1 (less where they hardly vary)."""
    spread = np.maximum(table.std(axis=0), least_spread)
    result: Table = ((table - table.mean(axis=0)) / spread).astype(np.float32)
    return result


def _columns() -> dict[str, list[int]]:
    """Columns of each look in `looks_of`."""
    columns: dict[str, list[int]] = {}
    at = 0
    for field in dataclasses.fields(Identity):
        width = 3 if field.type == "Color" else 1
        columns[field.name] = list(range(at, at + width))
        at += width
    return columns


def _hats(values: Table, places: Sequence[float]) -> Table:
    """[n] -> [n, places]: the weights of linear interpolation between the places."""
    peaks = np.eye(len(places))
    return np.stack([np.interp(values, places, peak) for peak in peaks], axis=1)


def _products(a: Table, b: Table) -> Table:
    """[n, i], [n, j] -> [n, i * j]: every column of a times every column of b."""
    product: Table = (a[:, :, None] * b[:, None]).reshape(len(a), -1)
    return product
