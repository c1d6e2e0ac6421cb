"""Scored pictures of a generator: what VectorFind searches in.

Knows options, generators and property CNNs; nothing of what is searched for.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from ohlora_core.errors import ModelFileError, TrainingDataError
from ohlora_core.face.generator import (
    LABEL_SIZES,
    LATENT_SIZE,
    Generator,
    load_generator,
)
from ohlora_core.face.property_cnn import PropertyCnn, load_property_cnn
from ohlora_core.face.state_dict import read_state_dict
from ohlora_core.face.vectors import PROPERTIES
from ohlora_core.training.fitting import training_device

logger = logging.getLogger(__name__)

_CHUNK_IDENTITIES = 100
_SAVE_SECONDS = 60.0


class Family(NamedTuple):
    """What differs between the searches."""

    grouping: tuple[str, ...]
    samples: int
    expressions_per_identity: int
    faces: int  # random faces to test
    orthogonal: bool  # properties vary independently, so their vectors must


_LOOKS = ("hair_color", "hair_length", "background")
FAMILIES = {
    "lite": Family(_LOOKS, 2400, 6, 40, orthogonal=True),
    "v7": Family(_LOOKS, 20_000, 1, 200, orthogonal=False),
    "v8": Family((*_LOOKS, "hairstyle"), 20_000, 1, 200, orthogonal=False),
}


@dataclass(frozen=True)
class Options:
    """What to search in, how long, and where to."""

    generator: Path | None = None  # default: generator.safetensors in out_dir
    property_cnn: Path | None = None  # default: property_cnn.safetensors in out_dir
    version: Literal["auto", "lite", "v7", "v8"] = "auto"  # auto: as the generator's file tells
    out_dir: Path | None = None  # default: models/face, for v7 and v8 work/vectors/{version}
    work_dir: Path = Path("work/face")  # scored samples, so that a stopped search goes on
    seed: int = 0
    resume: bool = True
    samples: int | None = None  # pictures to score; default by version
    expressions_per_identity: int | None = None  # default by version
    faces: int | None = None  # random faces to test with 50 pictures each; default by version
    tail_share: float = 0.2
    batch_size: int = 8
    threads: int = 1

    @property
    def family(self) -> Family:
        """The numbers of the version, where these options do not replace them."""
        known = FAMILIES[self.version]
        return known._replace(
            samples=known.samples if self.samples is None else self.samples,
            expressions_per_identity=self.expressions_per_identity
            or known.expressions_per_identity,
            faces=known.faces if self.faces is None else self.faces,
        )

    @property
    def folder(self) -> Path:
        """Where the vectors go."""
        default = "models/face" if self.version == "lite" else f"work/vectors/{self.version}"
        return self.out_dir or Path(default)

    @property
    def model_files(self) -> tuple[Path, Path]:
        """Generator and property CNN."""
        return (
            self.generator or self.folder / "generator.safetensors",
            self.property_cnn or self.folder / "property_cnn.safetensors",
        )


def detected_version(generator: Path | None) -> Literal["lite", "v7", "v8"]:
    """The family of a generator's file, by its label and synthesis; lite without a file.

    Raises ModelFileError when the file holds no generator.
    """
    if generator is None:
        return "lite"
    state = read_state_dict(generator)
    label = state.get("mapping.label_weight")
    if label is None:
        raise ModelFileError(generator, detail="not a generator: no mapping.label_weight")
    if len(label) == LABEL_SIZES["v8"]:
        return "v8"
    return "lite" if "synthesis.basis" in state else "v7"


class Scorer:
    """Pictures of w and their property scores."""

    def __init__(self, generator: Generator, cnn: PropertyCnn, batch_size: int = 8) -> None:
        self.device = training_device()
        self.generator = generator
        if self.device.type != "cpu":
            self.generator = generator.to(self.device).freeze()  # what is folded does not move
        self.cnn = cnn.to(self.device)
        self.batch_size = batch_size

    @classmethod
    def load(cls, folder: Path) -> Scorer:
        """The lite models of a folder."""
        return cls(
            load_generator(folder / "generator.safetensors", "lite"),
            load_property_cnn(folder / "property_cnn.safetensors"),
        )

    def mapping(self, z: NDArray[np.float32], label: NDArray[np.float32]) -> NDArray[np.float32]:
        """w [n, 512] of z [n, 512] and label [n, labels]."""
        inputs = [torch.from_numpy(values).to(self.device) for values in (z, label)]
        with torch.inference_mode():
            return self.generator.mapping(*inputs).cpu().numpy()

    def pictures(self, w: NDArray[np.float32]) -> Tensor:
        """[n, 3, 256, 256] in -1..1."""
        return self.generator.synthesis(torch.from_numpy(w).to(self.device)).clamp_(-1, 1)

    def scores(
        self, w: NDArray[np.float32], properties: Sequence[str] = PROPERTIES
    ) -> NDArray[np.float32]:
        """[n, properties] scores of the pictures of w [n, 512].

        Only the nets of these properties run: those that look at the whole picture cost more than
        the generator. Raises TrainingDataError where a score is not a number.
        """
        parts = [np.zeros((0, len(properties)), np.float32)]
        with torch.inference_mode():
            for start in range(0, len(w), self.batch_size):
                pictures = self.pictures(w[start : start + self.batch_size])
                parts.append(self.cnn.scores(pictures, properties).cpu().numpy())
        scores = np.concatenate(parts)
        if not np.isfinite(scores).all():
            raise TrainingDataError(
                "생성된 그림의 속성 점수가 숫자가 아니에요. --generator 와 --property-cnn 파일을 "
                "확인해 주세요.",
                "The property scores of the generated pictures are not numbers. Check the files of "
                "--generator and --property-cnn.",
            )
        return scores


class Samples(NamedTuple):
    """Scored pictures; the expressions of one identity follow each other."""

    w: NDArray[np.float32]  # [n, 512]
    scores: NDArray[np.float32]  # [n, 3]: eyes, mouth, pose
    looks: NDArray[np.float32]  # [identities, grouping properties], of the first expression


def draw_labels(version: str, count: int, rng: np.random.Generator) -> NDArray[np.float32]:
    """Labels [count, labels] as the generator saw them in training: expressions, or normal."""
    if version == "lite":
        return rng.uniform((0, 0, -1), 1, (count, 3)).astype(np.float32)
    return rng.standard_normal((count, LABEL_SIZES[version])).astype(np.float32)


def sample(scorer: Scorer, options: Options) -> Samples:
    """Score random pictures, chunk by chunk; what work_dir has of the same search is kept."""
    family, each = options.family, options.family.expressions_per_identity
    identities = max(1, family.samples // each)
    path = options.work_dir / f"vector_samples_{options.version}.npz"
    key = _search_key(options)
    starts = range(0, identities, _CHUNK_IDENTITIES)
    chunks = _stored_chunks(path, key)[: len(starts)] if options.resume else []
    saved_at = time.monotonic()
    for start in starts:
        index, count = start // _CHUNK_IDENTITIES, min(_CHUNK_IDENTITIES, identities - start)
        if index < len(chunks) and len(chunks[index].looks) == count:
            continue
        rng = np.random.default_rng([options.seed, index])
        z = rng.standard_normal((count, LATENT_SIZE)).astype(np.float32).repeat(each, 0)
        w = scorer.mapping(z, draw_labels(options.version, len(z), rng))
        chunks[index:] = [score_samples(scorer, w, each, family.grouping)]
        logger.info("vectors: %d of %d identities scored", start + count, identities)
        if time.monotonic() - saved_at > _SAVE_SECONDS or start == starts[-1]:
            _store_chunks(path, key, chunks)
            saved_at = time.monotonic()
    return Samples(*(np.concatenate(parts) for parts in zip(*chunks, strict=True)))


def score_samples(
    scorer: Scorer, w: NDArray[np.float32], each: int, grouping: tuple[str, ...]
) -> Samples:
    """Draw and score w [n, 512]: `each` rows an identity, whose looks are those of the first."""
    is_first = np.arange(len(w)) % each == 0
    first = scorer.scores(w[is_first], (*PROPERTIES, *grouping))
    scores = np.empty((len(w), len(PROPERTIES)), np.float32)
    scores[is_first] = first[:, : len(PROPERTIES)]
    scores[~is_first] = scorer.scores(w[~is_first])
    return Samples(w, scores, first[:, len(PROPERTIES) :])


def _search_key(options: Options) -> str:
    """Tells searches apart: samples of other models or seeds are of no use."""
    stats = [path.stat() for path in options.model_files]
    each = options.family.expressions_per_identity
    return str([options.seed, each, *((stat.st_size, stat.st_mtime_ns) for stat in stats)])


def _store_chunks(path: Path, key: str, chunks: list[Samples]) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    partial = path.with_suffix(".partial.npz")
    arrays = {
        f"{name}{index}": values
        for index, chunk in enumerate(chunks)
        for name, values in chunk._asdict().items()
    }
    np.savez(partial, key=np.array(key), **arrays)
    partial.replace(path)


def _stored_chunks(path: Path, key: str) -> list[Samples]:
    """The chunks of the same search, none if there are none that can be read."""
    try:
        with np.load(path, allow_pickle=False) as arrays:
            if str(arrays["key"]) != key:
                return []
            count = (len(arrays.files) - 1) // len(Samples._fields)
            names = Samples._fields
            return [Samples(*(arrays[f"{name}{i}"] for name in names)) for i in range(count)]
    except Exception as error:  # a truncated archive raises many kinds; it is made anew
        if path.is_file():
            logger.warning("vectors: %s cannot be read (%s): starts anew", path, error)
        return []
