"""Writes what VectorFind found: the lite files and the CSV layout of the published faces.

Readers: `face.vectors.load_face_book` and `face.published.load_face_vectors`.
"""

from __future__ import annotations

import csv
import json
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from safetensors.numpy import save_file

from ohlora_core.face.published import GROUP_FILE, VECTOR_FOLDER, Z_FILE
from ohlora_core.face.vectors import LATENT_FILE, PROPERTIES, VECTOR_FILE, Face

REPORT_FILE = "tested_faces.csv"
_GROUP_COLUMNS = ("case", "vector_no", "passed", "group_name")


class FaceResult(NamedTuple):
    """A face and how well the weights of its vectors control what is seen."""

    face: Face
    correlations: dict[str, float]
    passed: bool


def write_lite_layout(
    folder: Path,
    faces: Sequence[Face],
    normals: Mapping[str, NDArray[np.float32]],
    lengths: Mapping[str, float],
    medians: Mapping[str, float],
) -> None:
    """Write faces.json and vectors.safetensors of lite faces, all with the same neutral label.

    vectors.safetensors: unit normals "<property>.<group>" and "faces.z" [n, 512], a row per face in
    ascending order of its number. faces.json: label, lengths of the vectors, medians of the groups,
    and number -> group.
    """
    ordered = sorted(faces, key=lambda face: face.number)
    book = {
        "label": [round(float(value), 4) for value in ordered[0].label],
        "scale": dict(lengths),
        "medians": dict(medians),
        "faces": {str(face.number): {"group": face.group} for face in ordered},
    }
    folder.mkdir(parents=True, exist_ok=True)
    (folder / LATENT_FILE).write_text(json.dumps(book, indent=1) + "\n", encoding="utf-8")
    z = np.stack([face.z for face in ordered]).astype(np.float32)
    save_file({**normals, "faces.z": z}, folder / VECTOR_FILE)


def write_csv_layout(
    folder: Path, results: Sequence[FaceResult], normals: Mapping[str, NDArray[np.float32]]
) -> None:
    """Write the faces that pass and all vectors in the layout of the published faces.

    Every tested face is in tested_faces.csv, with its correlations.
    """
    ordered = sorted(results, key=lambda result: result.face.number)
    passed = [result for result in ordered if result.passed]
    width = len(ordered[0].face.z) + len(ordered[0].face.label) if ordered else 0
    latents = [
        [f"{value:.4f}" for value in (*result.face.z, *result.face.label)] for result in passed
    ]
    _write(folder / Z_FILE, range(width), latents)
    header = (*_GROUP_COLUMNS, *(f"{name}_corr" for name in PROPERTIES), "sum_abs_corr")
    _write(folder / GROUP_FILE, header, map(_group_row, passed))
    _write(folder / REPORT_FILE, header, map(_group_row, ordered))
    for key, normal in normals.items():
        name, group = key.split(".")
        path = folder / VECTOR_FOLDER / f"{name}_change_w_vector_{group}.csv"
        _write(path, ("", *range(len(normal))), [(0, *(f"{value:.8f}" for value in normal))])


def _group_row(result: FaceResult) -> list[object]:
    found = [result.correlations[name] for name in PROPERTIES]
    return [
        result.face.number,
        0,
        "O" if result.passed else "X",
        result.face.group,
        *(round(value, 4) for value in found),
        round(sum(map(abs, found)), 4),
    ]


def _write(path: Path, header: Iterable[object], rows: Iterable[Iterable[object]]) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(list(header))
        writer.writerows(list(row) for row in rows)
