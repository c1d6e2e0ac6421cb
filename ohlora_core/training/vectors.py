"""VectorFind: finds the property vectors of the lite faces (design/system.md section 4).

Random z become pictures, the property CNN scores them, and a linear SVM in w separates the top
fifth of each property from the bottom fifth, group by group; its unit normal is the vector. Each z
is drawn with several expressions and w is taken relative to the mean of its z: with few samples in
512 dimensions the normal would otherwise pick up who is drawn instead of how she looks.
"""

from __future__ import annotations

import json
import logging
from dataclasses import dataclass
from itertools import product
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from safetensors.numpy import save_file
from torch import Tensor

from ohlora_core.face.animation import BASE, Expression
from ohlora_core.face.generator import LATENT_SIZE, Generator, load_generator
from ohlora_core.face.property_cnn import PropertyCnn, load_property_cnn
from ohlora_core.face.vectors import (
    LATENT_FILE,
    PROPERTIES,
    VECTOR_FILE,
    Face,
    latent_of_seed,
    load_face_book,
    weights,
)
from ohlora_core.training.portrait_identity import OFFERED_FACE_SEEDS

logger = logging.getLogger(__name__)

SCORE_COLUMNS = {"eyes": 0, "hair_color": 1, "hair_length": 2, "mouth": 3, "pose": 4, "light": 5}
GROUPING = ("hair_color", "hair_length", "light")
GRID = tuple(
    Expression(*values)
    for values in product((-1.2, 1.2), (-1.8, -0.9, 0.0, 0.9, 1.8), (-1.8, -1.2, -0.6, 0.0, 0.6))
)
"""The 50 expressions of the acceptance test."""
WANTED_CORRELATION = {"eyes": 0.92, "mouth": 0.88, "pose": 0.88}


@dataclass(frozen=True)
class Options:
    """What to search in and how the weights shall act."""

    out_dir: Path = Path("models/face")  # reads generator and CNN; writes faces.json and vectors
    work_dir: Path = Path("work/face")  # not used: the search takes minutes
    seed: int = 0
    resume: bool = True  # has no effect: it always starts anew
    identities: int = 400
    expressions_per_identity: int = 6
    tail_share: float = 0.2
    # Change of the CNN score (the renderer's own units) for a weight of 1, and the score at BASE.
    # A weight of -1.6 opens the mouth wholly; the highest blink all but closes the eyes.
    slopes: tuple[float, float, float] = (-0.39, -0.385, -0.55)
    base_scores: tuple[float, float, float] = (0.6, 0.0, 0.0)


class Scorer:
    """Pictures of w and their property scores."""

    def __init__(self, generator: Generator, cnn: PropertyCnn, resolution_px: int) -> None:
        self.generator, self.cnn, self.resolution = generator, cnn, resolution_px

    @classmethod
    def load(cls, folder: Path) -> Scorer:
        """The models in models/face."""
        config = json.loads((folder / "config.json").read_text(encoding="utf-8"))
        return cls(
            load_generator(folder / "generator.safetensors", "lite"),
            load_property_cnn(folder / "property_cnn.safetensors"),
            int(config["resolution_px"]),
        )

    def mapping(self, z: NDArray[np.float32], label: NDArray[np.float32]) -> NDArray[np.float32]:
        """w [n, 512] of z [n, 512] and label [n, 3]."""
        with torch.inference_mode():
            return self.generator.mapping(torch.from_numpy(z), torch.from_numpy(label)).numpy()

    def pictures(self, w: NDArray[np.float32]) -> Tensor:
        """[n, 3, 256, 256] in -1..1."""
        images = self.generator.synthesis(torch.from_numpy(w), self.resolution)
        if self.resolution != 256:
            images = torch.nn.functional.interpolate(images, (256, 256), mode="bicubic")
        return images.clamp_(-1, 1)

    def scores(self, w: NDArray[np.float32], batch: int = 8) -> NDArray[np.float32]:
        """[n, 7] property scores of the pictures of w [n, 512]."""
        with torch.inference_mode():
            parts = [
                self.cnn(self.pictures(w[start : start + batch])).numpy()
                for start in range(0, len(w), batch)
            ]
        return np.concatenate(parts)


def group_names(scores: NDArray[np.float32], medians: NDArray[np.float32]) -> list[str]:
    """Group of each row of property scores [n, 7]: "h" or "l" of each grouping property."""
    columns = [SCORE_COLUMNS[name] for name in GROUPING]
    high = scores[:, columns] >= medians
    return ["".join("h" if value else "l" for value in row) for row in high]


def find_normal(
    w: NDArray[np.float32], score: NDArray[np.float32], tail_share: float
) -> NDArray[np.float32]:
    """Unit normal [512] of the linear SVM between the highest and the lowest scores.

    w: [n, 512], relative to each identity's mean. score: [n].
    """
    from sklearn.svm import LinearSVC

    order = np.argsort(score)
    count = max(2, int(len(order) * tail_share))
    rows = np.concatenate([order[:count], order[-count:]])
    sides = np.repeat([0, 1], count)
    svm = LinearSVC(C=1.0, dual="auto", max_iter=20000, random_state=0).fit(w[rows], sides)
    normal = svm.coef_[0]
    return (normal / np.linalg.norm(normal)).astype(np.float32)


def search(
    scorer: Scorer, options: Options
) -> tuple[dict[str, NDArray[np.float32]], NDArray[np.float32]]:
    """Normals by "<property>.<group>", and the medians that tell the groups apart."""
    rng = np.random.default_rng(options.seed)
    each = options.expressions_per_identity
    z = rng.standard_normal((options.identities, LATENT_SIZE)).astype(np.float32).repeat(each, 0)
    label = rng.uniform((0, 0, -1), 1, (len(z), 3)).astype(np.float32)
    w = scorer.mapping(z, label)
    scores = scorer.scores(w)
    by_face = scores.reshape(options.identities, each, -1).mean(axis=1)
    medians = np.median(by_face[:, [SCORE_COLUMNS[name] for name in GROUPING]], axis=0)
    groups = np.repeat(group_names(by_face, medians), each)
    centred = w.reshape(options.identities, each, -1)
    centred = (centred - centred.mean(axis=1, keepdims=True)).reshape(len(w), -1)
    normals = {}
    for group in ("".join(letters) for letters in product("hl", repeat=len(GROUPING))):
        rows = np.flatnonzero(groups == group)
        for name in PROPERTIES:
            score = scores[rows, SCORE_COLUMNS[name]]
            normals[f"{name}.{group}"] = find_normal(centred[rows], score, options.tail_share)
        logger.info("vectors: group %s from %d pictures", group, len(rows))
    return normals, medians


def steepness(
    scorer: Scorer, w: NDArray[np.float32], normals: NDArray[np.float32], column: int
) -> float:
    """Mean change of a score for one step along the normals [n, 512] from w [n, 512]."""
    step = 2.0
    up, down = scorer.scores(w + step * normals), scorer.scores(w - step * normals)
    return float((up - down)[:, column].mean() / (2 * step))


def correlations(scorer: Scorer, face: Face) -> dict[str, float]:
    """Correlation of weight and CNN score over the 50 expressions, by property."""
    w0 = scorer.mapping(face.z[None], face.label[None])
    moves = weights(list(GRID))
    scores = scorer.scores(w0 + moves @ face.vectors)
    return {
        name: float(np.corrcoef(moves[:, index], scores[:, SCORE_COLUMNS[name]])[0, 1])
        for index, name in enumerate(PROPERTIES)
    }


def train(options: Options) -> None:
    """Search the vectors, calibrate their lengths, write faces.json and vectors.safetensors."""
    torch.set_num_threads(1)
    scorer = Scorer.load(options.out_dir)
    normals, medians = search(scorer, options)

    base = np.array([BASE.eyes, BASE.mouth, BASE.pose])
    slopes = np.array(options.slopes)
    label = (np.array(options.base_scores) - slopes * base).astype(np.float32)
    z = np.stack([latent_of_seed(seed) for seed in OFFERED_FACE_SEEDS.values()])
    w = scorer.mapping(z, np.tile(label, (len(z), 1)))
    groups = group_names(scorer.scores(w), medians)
    scale = {}
    for index, name in enumerate(PROPERTIES):
        own = np.stack([normals[f"{name}.{group}"] for group in groups])
        measured = steepness(scorer, w, own, SCORE_COLUMNS[name])
        scale[name] = float(slopes[index] / measured)
    book = {
        "label": [round(float(value), 4) for value in label],
        "scale": {name: round(value, 4) for name, value in scale.items()},
        "medians": dict(zip(GROUPING, (round(float(m), 4) for m in medians), strict=True)),
        "faces": {
            str(number): {"seed": seed, "group": group}
            for (number, seed), group in zip(OFFERED_FACE_SEEDS.items(), groups, strict=True)
        },
    }
    text = json.dumps(book, indent=1) + "\n"
    (options.out_dir / LATENT_FILE).write_text(text, encoding="utf-8")
    save_file(normals, options.out_dir / VECTOR_FILE)

    faces = load_face_book(options.out_dir)
    for number in faces.numbers():
        found = correlations(scorer, faces[number])
        passed = all(abs(found[name]) >= WANTED_CORRELATION[name] for name in PROPERTIES)
        logger.info("vectors: face %d %s %s", number, found, "passes" if passed else "FAILS")
