"""The offered faces and the property vectors that move them (VectorFind, design/system.md 4).

Knows latents and files; nothing of pictures.
"""

from __future__ import annotations

import json
import logging
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from safetensors import SafetensorError
from safetensors.numpy import load_file

from ohlora_core.errors import ModelFileError, UnknownFaceError
from ohlora_core.face.animation import BASE, Expression

logger = logging.getLogger(__name__)

PROPERTIES = ("eyes", "mouth", "pose")
LATENT_FILE = "faces.json"
VECTOR_FILE = "vectors.safetensors"
WEIGHT_LIMIT = 2.5
"""Largest weight of a vector: well beyond every expression, where pictures begin to break."""


@dataclass(frozen=True)
class Face:
    """One offered face: w = mapping(z, label) + eyes*E + mouth*M + pose*P."""

    number: int
    group: str
    z: NDArray[np.float32]  # [512]
    label: NDArray[np.float32]  # [labels]
    vectors: NDArray[np.float32]  # [3, 512]: eyes, mouth, pose, scaled


def weights(expressions: list[Expression]) -> NDArray[np.float32]:
    """[n, 3] weights of the eyes, mouth and pose vectors.

    A score that is not a number counts as the one at rest, one beyond ±WEIGHT_LIMIT as the limit:
    a bad score must not spoil a picture that is seen for a moment only.
    """
    rows = [(item.eyes, item.mouth, item.pose) for item in expressions]
    values = np.array(rows, dtype=np.float32).reshape(len(rows), len(PROPERTIES))
    bad = np.isnan(values)
    if bad.any():
        logger.warning("%d expression scores are not numbers: shown at rest", bad.sum())
        values = np.where(bad, np.array([BASE.eyes, BASE.mouth, BASE.pose], np.float32), values)
    return np.clip(values, -WEIGHT_LIMIT, WEIGHT_LIMIT)


class FaceBook:
    """All offered faces of one generator."""

    def __init__(self, faces: list[Face]) -> None:
        self._faces = {face.number: face for face in faces}

    def numbers(self) -> list[int]:
        """Face numbers in ascending order."""
        return sorted(self._faces)

    def __getitem__(self, number: int) -> Face:
        """Raises UnknownFaceError, which lists the valid numbers."""
        if number not in self._faces:
            raise UnknownFaceError(number, self.numbers())
        return self._faces[number]


def load_face_book(folder: Path) -> FaceBook:
    """Read faces.json and vectors.safetensors of the lite model.

    faces.json: {"label": the neutral label, "scale": {property: length of its vectors},
    "faces": {number: {"group"}}}; vectors.safetensors: unit normals "eyes.<group>", ... and
    "faces.z" [n, 512], a row per face in ascending order of its number. Raises ModelFileError when
    a file is missing or incomplete.
    """
    path = folder / LATENT_FILE
    try:
        book = json.loads(path.read_text(encoding="utf-8"))
        tensors = load_file(folder / VECTOR_FILE)
        label = np.array(book["label"], dtype=np.float32)
        scale = np.array([[book["scale"][name]] for name in PROPERTIES], np.float32)
        numbers = sorted(int(number) for number in book["faces"])
        faces = []
        for number, z in zip(numbers, tensors["faces.z"], strict=True):
            group = book["faces"][str(number)]["group"]
            normals = np.stack([tensors[f"{name}.{group}"] for name in PROPERTIES])
            vectors = normals.astype(np.float32) * scale
            faces.append(Face(number, group, z.astype(np.float32), label, vectors))
    except (OSError, KeyError, ValueError, TypeError, SafetensorError) as error:
        raise ModelFileError(folder, detail=f"{type(error).__name__}: {error}") from error
    return FaceBook(faces)
