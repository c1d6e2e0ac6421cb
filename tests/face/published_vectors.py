"""Face vectors as CSV files in the published layout."""

from __future__ import annotations

import csv
from collections.abc import Iterable, Mapping
from pathlib import Path

import numpy as np

from ohlora_core.face.generator import LABEL_SIZES
from ohlora_core.face.published import GROUP_FILE, VECTOR_FOLDER, Z_FILE


def write_rows(path: Path, *rows: Iterable[object]) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("w", newline="") as file:
        csv.writer(file).writerows(rows)


def write_faces(
    folder: Path, version: str, groups: Mapping[int, str], latents: np.ndarray | None = None
) -> np.ndarray:
    """A small set of faces, number -> group; returns its latents with their labels.

    latents: One row a face, [n, 512 + label values]; random by default.
    """
    if latents is None:
        rng = np.random.default_rng(0)
        latents = rng.standard_normal((len(groups), 512 + LABEL_SIZES[version])).round(4)
    write_rows(folder / Z_FILE, range(latents.shape[1]), *latents.tolist())
    write_rows(
        folder / GROUP_FILE,
        ("case", "vector_no", "group_name", "eyes_corr"),
        *((number, 0, group, -0.93) for number, group in groups.items()),
    )
    for place, name in enumerate(("eyes", "mouth", "pose")):
        for group in set(groups.values()):
            vector = np.eye(512)[place]
            path = folder / VECTOR_FOLDER / f"{name}_change_w_vector_{group}.csv"
            write_rows(path, ("", *range(512)), (0, *vector.tolist()))
    return latents
