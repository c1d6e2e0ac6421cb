"""The face families on disk: the embedded lite one and the published v7 and v8.

Knows which files make up a family, where each comes from and where it belongs; nothing of frames.
Tables and layout: design/checkpoints.md.

Layout of `downloads_dir`:
    faces/generators/stylegan_gen_vector_find_{v7,v8}.pth
    faces/hair/segmentation_model_ohlora_v4.pth
    faces/vectors/{v7,v8}/ohlora_z_vectors.csv, ohlora_w_group_names.csv, property_score_vectors/
"""

from __future__ import annotations

import csv
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
from numpy.typing import NDArray
from torch import nn

from ohlora_core.errors import MissingModelError, ModelFileError
from ohlora_core.face.generator import LABEL_SIZES, LATENT_SIZE, Generator, load_generator
from ohlora_core.face.hair import load_hair_model
from ohlora_core.face.vectors import PROPERTIES, Face, FaceBook, load_face_book

if TYPE_CHECKING:
    from ohlora_core.face.compute import Compute

PUBLISHED = ("v7", "v8")
GROUP_LETTERS = {"v7": 3, "v8": 4}
"""Length of a group name: hair colour, hair length, background brightness(, hairstyle)."""
Z_FILE = "ohlora_z_vectors.csv"
GROUP_FILE = "ohlora_w_group_names.csv"
VECTOR_FOLDER = "property_score_vectors"
VECTORS_COMMIT = "2cb8d2f68011974bf94fe65b15a26a73d467b44c"
_VECTORS_REPO = "github.com/WannaBeSuperteur/AI_Projects"


class Source(NamedTuple):
    """One published file (or folder): its place under downloads_dir, and where it comes from."""

    place: str
    origin: str


def sources(version: str) -> dict[str, Source]:
    """The files of a published family by use: "generator", "hair", "vectors"."""
    generator = f"stylegan_gen_vector_find_{version}.pth"
    hair = "segmentation_model_ohlora_v4.pth"
    folder = f"2025_06_24_OhLoRA_v4/stylegan/stylegan_vectorfind_{version}"
    return {
        "generator": Source(
            f"faces/generators/{generator}",
            f"huggingface.co/daebakgazua/250526_OhLoRA_StyleGAN_VectorFind > {generator}",
        ),
        "hair": Source(
            f"faces/hair/{hair}",
            f"huggingface.co/daebakgazua/250624_OhLoRA_Hair_Segmentation > {hair}",
        ),
        "vectors": Source(
            f"faces/vectors/{version}", f"{_VECTORS_REPO}/tree/{VECTORS_COMMIT}/{folder}"
        ),
    }


@dataclass(frozen=True)
class FaceModels:
    """Everything that draws one family of faces.

    hair: a picture [b, 3, 256, 256] in -1..1 -> soft hair maps [b, 1, 224, 224] in 0..1, float32.
    fingerprint: changes with any of the files; for caches of what they draw.
    """

    family: str
    generator: Generator
    hair: nn.Module
    faces: FaceBook
    fingerprint: str


def load_face_models(
    family: str, models_dir: Path, downloads_dir: Path, compute: Compute
) -> FaceModels:
    """Load the models of a family: the generator in the number format of `compute`.

    family: "lite" (from models_dir/face), "v7" or "v8" (from downloads_dir, layout above).

    Raises:
        MissingModelError: a published file is not there; says where it comes from and belongs.
        ModelFileError: a file is truncated, of another model, or an embedded one is missing.
        ValueError: an unknown family.
    """
    if family == "lite":
        folder = Path(models_dir) / "face"
        places = {
            "generator": folder / "generator.safetensors",
            "hair": folder / "hair.safetensors",
        }
        faces = folder
        files = [*places.values(), folder / "vectors.safetensors", folder / "faces.json"]
    elif family in PUBLISHED:
        places = _published_places(family, Path(downloads_dir))
        faces = places.pop("vectors")
        files = [*places.values(), *sorted(faces.rglob("*.csv"))]
    else:
        raise ValueError(f"unknown face family {family!r}; known: lite, {', '.join(PUBLISHED)}")
    return FaceModels(
        family=family,
        generator=load_generator(places["generator"], family, compute.dtype),
        hair=load_hair_model(places["hair"]),
        faces=load_face_book(faces) if family == "lite" else load_face_vectors(faces, family),
        fingerprint=_fingerprint(family, files),
    )


def _published_places(version: str, downloads_dir: Path) -> dict[str, Path]:
    """Where each part of a published family is; raises MissingModelError that lists the absent."""
    known = sources(version)
    places = {use: downloads_dir / source.place for use, source in known.items()}
    wanted = {"vectors": places["vectors"] / Z_FILE}
    missing = [
        f"{source.origin} -> {places[use]}"
        for use, source in known.items()
        if not wanted.get(use, places[use]).is_file()
    ]
    if missing:
        raise MissingModelError(f"face {version}", "; ".join(missing), "faces")
    return places


def _fingerprint(family: str, files: list[Path]) -> str:
    # Weights keep their names from version to version, so size and time of change tell them apart.
    stats = [(file.name, file.stat()) for file in files]
    return str([family, *((name, stat.st_size, stat.st_mtime_ns) for name, stat in stats)])


def load_face_vectors(folder: Path, version: str) -> FaceBook:
    """Read the faces of a published generator: latents, groups and property vectors.

    folder: holds ohlora_z_vectors.csv (a row of 512 + label values per face, in the order of the
    face numbers), ohlora_w_group_names.csv (columns `case`, `group_name`) and
    property_score_vectors/{eyes,mouth,pose}_change_w_vector_{group}.csv (index + 512 values).
    version: "v7" or "v8". Raises ModelFileError, which names the file and what is wrong with it.
    """
    if version not in PUBLISHED:
        raise ValueError(f"unknown face version {version!r}; known: {', '.join(PUBLISHED)}")
    latents = _numbers(folder / Z_FILE, columns=LATENT_SIZE + LABEL_SIZES[version])
    groups = _groups(folder / GROUP_FILE, GROUP_LETTERS[version])
    if len(latents) != len(groups):
        raise ModelFileError(
            folder / Z_FILE,
            _restoring(version),
            f"{len(latents)} rows, but {GROUP_FILE} has {len(groups)} faces",
        )
    vectors = {group: _group_vectors(folder, group) for group in sorted(set(groups.values()))}
    return FaceBook(
        [
            Face(
                number=number,
                group=group,
                z=latents[row, :LATENT_SIZE],
                label=latents[row, LATENT_SIZE:],
                vectors=vectors[group],
            )
            for row, (number, group) in enumerate(groups.items())
        ]
    )


def _group_vectors(folder: Path, group: str) -> NDArray[np.float32]:
    """[3, 512]: eyes, mouth, pose."""
    paths = [folder / VECTOR_FOLDER / f"{name}_change_w_vector_{group}.csv" for name in PROPERTIES]
    rows = [_numbers(path, columns=LATENT_SIZE, index=True, rows=1) for path in paths]
    return np.concatenate(rows)


def _groups(path: Path, letters: int) -> dict[int, str]:
    """Face number -> group name, in the order of the file."""
    groups: dict[int, str] = {}
    header, rows = _table(path)
    try:
        case, name = header.index("case"), header.index("group_name")
        for row in rows:
            group = row[name]
            if len(group) != letters or set(group) - set("hl"):
                raise ValueError(f"group {group!r} is not {letters} letters h or l")
            if int(row[case]) in groups:
                raise ValueError(f"face {row[case]} twice")
            groups[int(row[case])] = group
    except (ValueError, IndexError) as error:
        raise ModelFileError(path, _restoring(), str(error)) from error
    return groups


def _numbers(
    path: Path, columns: int, index: bool = False, rows: int | None = None
) -> NDArray[np.float32]:
    """Values [rows, columns] of a CSV file with a header; index: the first column is a row name."""
    _, table = _table(path)
    try:
        values = np.array([row[int(index) :] for row in table], dtype=np.float32)
    except ValueError as error:
        raise ModelFileError(path, _restoring(), str(error)) from error
    wanted = (len(table) if rows is None else rows, columns)
    if values.shape != wanted:
        raise ModelFileError(path, _restoring(), f"expected {wanted}, found {values.shape} values")
    if not np.isfinite(values).all():
        raise ModelFileError(path, _restoring(), "holds values that are not numbers")
    return values


def _table(path: Path) -> tuple[list[str], list[list[str]]]:
    """Header and rows of a CSV file."""
    try:
        with path.open(encoding="utf-8", newline="") as file:
            lines = [row for row in csv.reader(file) if row]
    except OSError as error:
        raise ModelFileError(path, _restoring(), error.strerror or str(error)) from error
    except (UnicodeDecodeError, csv.Error) as error:
        raise ModelFileError(path, _restoring(), f"not a CSV text: {error}") from error
    if len(lines) < 2:
        raise ModelFileError(path, _restoring(), "no rows")
    return lines[0], lines[1:]


def _restoring(version: str = "{v7,v8}") -> tuple[str, str]:
    """How to restore a vector file."""
    origin = sources(version)["vectors"].origin
    return (
        f"{origin} 에서 다시 받거나 `train vectors` 로 다시 만들어 주세요",
        f"download it again from {origin}, or make it anew with `train vectors`",
    )
