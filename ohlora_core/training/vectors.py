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
from collections.abc import Iterable, Sequence
from dataclasses import replace
from itertools import product
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from safetensors.numpy import load_file

from ohlora_core.errors import ModelFileError, SettingsError
from ohlora_core.face.animation import BASE, Expression
from ohlora_core.face.generator import LATENT_SIZE, load_generator
from ohlora_core.face.property_cnn import load_property_cnn
from ohlora_core.face.vectors import LATENT_FILE, PROPERTIES, VECTOR_FILE, Face, weights
from ohlora_core.training.portrait_identity import OFFERED_FACES, latent_of_seed
from ohlora_core.training.vector_files import FaceResult, write_csv_layout, write_lite_layout
from ohlora_core.training.vector_samples import (
    FAMILIES,
    Family,
    Options,
    Samples,
    Scorer,
    detected_version,
    draw_labels,
    sample,
)

logger = logging.getLogger(__name__)

GRID = tuple(
    Expression(*values)
    for values in product((-1.2, 1.2), (-1.8, -0.9, 0.0, 0.9, 1.8), (-1.8, -1.2, -0.6, 0.0, 0.6))
)
"""The 50 expressions of the acceptance test."""
WANTED_CORRELATION = {"eyes": 0.92, "mouth": 0.88, "pose": 0.88}

# Change of the lite scores (the renderer's own units) for a weight of 1, and the scores at BASE.
# A weight of -1.6 opens the mouth wholly; the highest blink all but closes the eyes.
LITE_SLOPES = (-0.44, -0.385, -0.55)
LITE_BASE_SCORES = (0.55, 0.0, 0.0)
RANDOM_FACE_SEED = 80_000_000
"""Seeds of the random lite faces under test from here on: far from those of the training set."""
_FEWEST_IN_A_GROUP = 10


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
    return correlations_of(grid_scores(scorer, face, PROPERTIES))


def grid_scores(scorer: Scorer, face: Face, properties: Sequence[str]) -> NDArray[np.float32]:
    """CNN scores [50, properties] of the 50 expressions."""
    w0 = scorer.mapping(face.z[None], face.label[None])
    return scorer.scores(w0 + weights(list(GRID)) @ face.vectors, properties)


def correlations_of(scores: NDArray[np.float32]) -> dict[str, float]:
    """Correlation with the weights of the first scores of `grid_scores`: eyes, mouth, pose."""
    moves = weights(list(GRID))
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
    if options.version == "auto":
        options = replace(options, version=detected_version(options.generator))
    if options.version not in FAMILIES:
        known = ", ".join(("auto", *FAMILIES))
        raise SettingsError(
            f"--version 의 값 {options.version!r} 을(를) 쓸 수 없어요. 가능한 값: {known}",
            f"--version cannot be {options.version!r}; allowed: {known}",
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
