"""VectorFind: finds the property vectors of a generator (design/system.md section 4).

Random z become pictures, the property CNN scores them, and a linear SVM in w separates the top
fifth of each property from the bottom fifth, group by group; its unit normal is the vector. The
same search serves the published generators (one expression per z) and the lite one, where each z is
drawn with several expressions and w is taken relative to the mean of its z: with few samples in 512
dimensions the normal would otherwise pick up who is drawn instead of how she looks.
"""

from __future__ import annotations

import json
import logging
import time
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import product
from pathlib import Path
from typing import Any, Literal, NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from safetensors.numpy import load_file
from torch import Tensor

from ohlora_core.errors import ModelFileError, SettingsError, TrainingDataError
from ohlora_core.face.animation import BASE, Expression
from ohlora_core.face.generator import LABEL_SIZES, LATENT_SIZE, Generator, load_generator
from ohlora_core.face.property_cnn import PropertyCnn, load_property_cnn
from ohlora_core.face.vectors import LATENT_FILE, PROPERTIES, VECTOR_FILE, Face, weights
from ohlora_core.training.fitting import training_device
from ohlora_core.training.portrait_identity import OFFERED_FACES, latent_of_seed
from ohlora_core.training.vector_files import FaceResult, write_csv_layout, write_lite_layout

logger = logging.getLogger(__name__)

SCORE_COLUMNS = {
    "eyes": 0,
    "hair_color": 1,
    "hair_length": 2,
    "mouth": 3,
    "pose": 4,
    "background": 5,
    "hairstyle": 7,
}
"""Columns of the CNN's output; 6 is the deviation of the background."""
GRID = tuple(
    Expression(*values)
    for values in product((-1.2, 1.2), (-1.8, -0.9, 0.0, 0.9, 1.8), (-1.8, -1.2, -0.6, 0.0, 0.6))
)
"""The 50 expressions of the acceptance test."""
WANTED_CORRELATION = {"eyes": 0.92, "mouth": 0.88, "pose": 0.88}

# Change of the lite scores (the renderer's own units) for a weight of 1, and the scores at BASE.
# A weight of -1.6 opens the mouth wholly; the highest blink all but closes the eyes.
LITE_SLOPES = (-0.39, -0.385, -0.55)
LITE_BASE_SCORES = (0.6, 0.0, 0.0)
RANDOM_FACE_SEED = 80_000_000
"""Seeds of the random lite faces under test from here on: far from those of the training set."""
_CHUNK_IDENTITIES = 100
_SAVE_SECONDS = 60.0
_FEWEST_IN_A_GROUP = 10


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
    version: Literal["lite", "v7", "v8"] = "lite"
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


def group_names(looks: NDArray[np.float32], medians: NDArray[np.float32]) -> list[str]:
    """Group of each row of grouping scores [n, properties]: "h" or "l" of each."""
    return ["".join("h" if value else "l" for value in row) for row in looks >= medians]


def find_normal(
    w: NDArray[np.float32], score: NDArray[np.float32], tail_share: float
) -> NDArray[np.float32]:
    """Unit normal [512] of the linear SVM between the highest and the lowest scores.

    It points to the low side, as the published vectors do: a negative weight raises the score.
    w: [n, 512]. score: [n].
    """
    from sklearn.svm import LinearSVC

    order = np.argsort(score)
    count = max(1, int(len(order) * tail_share))
    rows = np.concatenate([order[-count:], order[:count]])
    sides = np.repeat([0, 1], count)
    svm = LinearSVC(C=1.0, dual="auto", max_iter=20000, random_state=0).fit(w[rows], sides)
    normal = svm.coef_[0]
    return (normal / np.linalg.norm(normal)).astype(np.float32)


def apart(normals: NDArray[np.float32]) -> NDArray[np.float32]:
    """The orthonormal vectors nearest to unit vectors [k, 512] (Loewdin's symmetric method).

    Chance lets two properties go together in a few hundred samples, and leaks each into the other's
    normal alike: an inner product of 0.5 between mouth and pose cost 0.1 of the correlation.
    """
    u, _, vt = np.linalg.svd(normals, full_matrices=False)
    return (u @ vt).astype(np.float32)


def find_normals(
    samples: Samples, tail_share: float, orthogonal: bool
) -> tuple[dict[str, NDArray[np.float32]], NDArray[np.float32]]:
    """Normals by "<property>.<group>", and the medians that tell the groups apart."""
    identities = len(samples.looks)
    each = len(samples.w) // identities
    medians = np.median(samples.looks, axis=0)
    groups = np.repeat(group_names(samples.looks, medians), each)
    w = samples.w
    if each > 1:
        by_identity = w.reshape(identities, each, -1)
        w = (by_identity - by_identity.mean(axis=1, keepdims=True)).reshape(len(w), -1)
    normals: dict[str, NDArray[np.float32]] = {}
    for group in ("".join(letters) for letters in product("hl", repeat=len(medians))):
        rows = np.flatnonzero(groups == group)
        logger.info("vectors: group %s has %d pictures", group, len(rows))
        if len(rows) < _FEWEST_IN_A_GROUP:
            logger.warning("vectors: too few for group %s: takes the pictures of all", group)
            rows = np.arange(len(w))
        found = np.stack([find_normal(w[rows], s, tail_share) for s in samples.scores[rows].T])
        found = apart(found) if orthogonal else found
        normals |= {f"{name}.{group}": row for name, row in zip(PROPERTIES, found, strict=True)}
    return normals, medians


def steepness(
    scorer: Scorer, w: NDArray[np.float32], normals: NDArray[np.float32], name: str
) -> float:
    """Mean change of a property's score for one step along the normals [n, 512] from w [n, 512]."""
    step = np.float32(2.0)
    up, down = (scorer.scores(w + sign * step * normals, (name,)) for sign in (1, -1))
    return float((up - down).mean() / (2 * step))


def correlations(scorer: Scorer, face: Face) -> dict[str, float]:
    """Correlation of weight and CNN score over the 50 expressions, by property.

    0 where the score does not move at all.
    """
    w0 = scorer.mapping(face.z[None], face.label[None])
    moves = weights(list(GRID))
    scores = scorer.scores(w0 + moves @ face.vectors)
    return {
        name: float(np.corrcoef(moves[:, index], scores[:, index])[0, 1])
        if scores[:, index].std() > 0
        else 0.0
        for index, name in enumerate(PROPERTIES)
    }


def passes(found: dict[str, float]) -> bool:
    """Whether these correlations make a face that can be offered."""
    return all(abs(found[name]) >= WANTED_CORRELATION[name] for name in PROPERTIES)


def tested(scorer: Scorer, faces: Iterable[Face]) -> list[FaceResult]:
    """The faces with their correlations, logged one by one."""
    results = []
    for face in faces:
        found = correlations(scorer, face)
        results.append(FaceResult(face, found, passes(found)))
        rounded = {name: round(value, 3) for name, value in found.items()}
        verdict = "passes" if results[-1].passed else "fails"
        logger.info("vectors: face %d (%s) %s %s", face.number, face.group, verdict, rounded)
    return results


def train(options: Options) -> dict[str, Any]:
    """Search the vectors, test faces, write the files of the version.

    lite: faces.json and vectors.safetensors with the offered faces. v7, v8: the CSV layout that
    `load_face_vectors` reads, with the random faces that pass. Returns which faces pass. Raises
    ModelFileError, SettingsError, TrainingDataError.
    """
    if options.version not in FAMILIES:
        raise SettingsError(
            f"--version 의 값 {options.version!r} 을(를) 쓸 수 없어요. 가능한 값: lite, v7, v8",
            f"--version cannot be {options.version!r}; allowed: lite, v7, v8",
        )
    torch.set_num_threads(options.threads)
    generator_path, cnn_path = options.model_files
    cnn = load_property_cnn(cnn_path)
    if "hairstyle" in options.family.grouping and not hasattr(cnn, "hairstyle_score_cnn"):
        detail = "has no hairstyle scores; faces of v8 need the merged property CNN v3"
        raise ModelFileError(cnn_path, detail=detail)
    scorer = Scorer(load_generator(generator_path, options.version), cnn, options.batch_size)
    samples = sample(scorer, options)
    normals, medians = find_normals(samples, options.tail_share, options.family.orthogonal)
    finish = finish_lite if options.version == "lite" else finish_published
    result = finish(scorer, options, normals, medians)
    return {"version": options.version, "out_dir": str(options.folder), **result}


def finish_published(
    scorer: Scorer,
    options: Options,
    normals: dict[str, NDArray[np.float32]],
    medians: NDArray[np.float32],
) -> dict[str, Any]:
    """Test random faces and write those that pass in the CSV layout."""
    family = options.family
    rng = np.random.default_rng([options.seed, len(normals)])
    # rounded first, so that the files hold exactly the faces that were tested
    z = rng.standard_normal((family.faces, LATENT_SIZE)).round(4).astype(np.float32)
    label = draw_labels(options.version, family.faces, rng).round(4)
    faces = grouped_faces(scorer, family, z, label, range(family.faces), normals, medians)
    results = tested(scorer, faces)
    write_csv_layout(options.folder, results, normals)
    return {
        "faces_tested": len(results),
        "faces_passed": [result.face.number for result in results if result.passed],
    }


def finish_lite(
    scorer: Scorer,
    options: Options,
    normals: dict[str, NDArray[np.float32]],
    medians: NDArray[np.float32],
) -> dict[str, Any]:
    """Calibrate the lengths of the vectors, write the offered faces, test them and random ones."""
    family = options.family
    base, slopes = np.array([BASE.eyes, BASE.mouth, BASE.pose]), np.array(LITE_SLOPES)
    label = (np.array(LITE_BASE_SCORES) - slopes * base).round(4).astype(np.float32)
    random_seeds = range(RANDOM_FACE_SEED, RANDOM_FACE_SEED + family.faces)
    numbers = sorted(OFFERED_FACES)
    seeds = [*numbers, *random_seeds]
    z = np.stack([latent_of_seed(seed) for seed in seeds])
    labels = np.tile(label, (len(z), 1))
    faces = grouped_faces(scorer, family, z, labels, seeds, normals, medians)
    offered = faces[: len(numbers)]
    w = scorer.mapping(z[: len(offered)], labels[: len(offered)])
    lengths = {}
    for index, name in enumerate(PROPERTIES):
        own = np.stack([face.vectors[index] for face in offered])
        measured = steepness(scorer, w, own, name)
        if not measured:
            detail = f"its pictures do not react to the {name} vector"
            raise ModelFileError(options.model_files[0], detail=detail)
        lengths[name] = round(float(slopes[index] / measured), 4)
    scale = np.array([lengths[name] for name in PROPERTIES], np.float32)[:, None]
    faces = [
        Face(
            number=face.number,
            group=face.group,
            z=face.z,
            label=face.label,
            vectors=face.vectors * scale,
        )
        for face in faces
    ]
    named_medians = dict(zip(family.grouping, (round(float(m), 4) for m in medians), strict=True))
    write_lite_layout(options.folder, faces[: len(numbers)], normals, lengths, named_medians)
    results = tested(scorer, faces)
    passed = [result.face.number for result in results if result.passed]
    return {
        "offered_failed": sorted(set(numbers) - set(passed)),
        "faces_tested": family.faces,
        "faces_passed": [number for number in passed if number in random_seeds],
        "lengths": lengths,
    }


def lite_faces(scorer: Scorer, folder: Path, seeds: Sequence[int]) -> list[Face]:
    """Faces of any seeds with the vectors that were found: those of the group they belong to."""
    book = json.loads((folder / LATENT_FILE).read_text(encoding="utf-8"))
    normals = load_file(folder / VECTOR_FILE)
    scaled = {
        key: normal * np.float32(book["scale"][key.split(".")[0]])
        for key, normal in normals.items()
        if key.split(".")[0] in PROPERTIES
    }
    family = FAMILIES["lite"]
    medians = np.array([book["medians"][name] for name in family.grouping], np.float32)
    z = np.stack([latent_of_seed(seed) for seed in seeds])
    labels = np.tile(np.array(book["label"], np.float32), (len(z), 1))
    return grouped_faces(scorer, family, z, labels, seeds, scaled, medians)


def grouped_faces(
    scorer: Scorer,
    family: Family,
    z: NDArray[np.float32],
    label: NDArray[np.float32],
    numbers: Sequence[int],
    normals: dict[str, NDArray[np.float32]],
    medians: NDArray[np.float32],
) -> list[Face]:
    """Faces of z [n, 512] and label [n, labels] with the unit vectors of their groups."""
    groups = group_names(scorer.scores(scorer.mapping(z, label), family.grouping), medians)
    return [
        Face(
            number=number,
            group=group,
            z=z[row],
            label=label[row],
            vectors=np.stack([normals[f"{name}.{group}"] for name in PROPERTIES]),
        )
        for row, (number, group) in enumerate(zip(numbers, groups, strict=True))
    ]
