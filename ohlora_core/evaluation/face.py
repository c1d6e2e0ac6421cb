"""Metrics of the lite face models against the portrait renderer that taught them.

Needs skia-python (requirements-dev.txt): the renderer draws pictures that were never in training.
"""

from __future__ import annotations

import logging
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import cv2
import numpy as np
import torch
from numpy.typing import NDArray

from ohlora_core.face import FPS, load_hair_model
from ohlora_core.face.animation import rest_animation
from ohlora_core.face.pipeline import to_pixels
from ohlora_core.face.vectors import PROPERTIES, load_face_book, weights
from ohlora_core.training.portrait import OFFERED_FACES, identity_of_seed, latent_of_seed, render
from ohlora_core.training.vectors import (
    FAMILIES,
    Scorer,
    correlations,
    correlations_of,
    grid_scores,
    lite_faces,
    passes,
)

logger = logging.getLogger(__name__)

HELD_OUT_SEED = 90_000_000
"""Seeds of random faces from here on: far from those of the training set."""
_BATCH = 8
_REST_FRAMES = 4 * FPS


class Sample(NamedTuple):
    """One held-out face with one expression."""

    seed: int
    label: NDArray[np.float32]  # [3] eyes, mouth, pose


def psnr(made: NDArray[np.uint8], wanted: NDArray[np.uint8]) -> float:
    """Peak signal to noise ratio of two pictures, dB."""
    error = float(np.mean((made.astype(np.float64) - wanted.astype(np.float64)) ** 2))
    return float(10 * np.log10(255**2 / max(error, 1e-9)))


def ssim(made: NDArray[np.uint8], wanted: NDArray[np.uint8]) -> float:
    """Structural similarity (Wang et al. 2004) of two pictures [h, w, 3], mean over channels."""

    def blur(x: NDArray[np.float64]) -> NDArray[np.float64]:
        return cv2.GaussianBlur(x, (11, 11), 1.5).astype(np.float64, copy=False)

    a, b = made.astype(np.float64), wanted.astype(np.float64)
    mean_a, mean_b = blur(a), blur(b)
    var_a, var_b = blur(a * a) - mean_a**2, blur(b * b) - mean_b**2
    both = blur(a * b) - mean_a * mean_b
    c1, c2 = (0.01 * 255) ** 2, (0.03 * 255) ** 2
    quality = (2 * mean_a * mean_b + c1) * (2 * both + c2)
    quality /= (mean_a**2 + mean_b**2 + c1) * (var_a + var_b + c2)
    return float(quality.mean())


def overlap(made: NDArray[np.floating], wanted: NDArray[np.floating]) -> float:
    """IoU of two soft maps cut at 0.5 (1 when both are empty)."""
    a, b = made > 0.5, wanted > 0.5
    return float((a & b).sum() / max(int((a | b).sum()), 1)) if (a | b).any() else 1.0


def evaluate(
    models_dir: Path, samples: int = 500, random_faces: int = 200, seed: int = 1
) -> dict[str, float]:
    """Compare generator, hair student and property CNN with the renderer on new pictures.

    models_dir: the folder that holds `face/`. samples: pictures of random faces, each of a face and
    with an expression of its own; half as many of the offered faces with new expressions.
    random_faces: on how many random faces the property vectors are tested.

    Returns name -> value. For "random" and "offered" pictures: "psnr_<kind>_db", "ssim_<kind>",
    "hair_iou_<kind>" and "cnn_error_<property>_<kind>" (mean absolute, on generated pictures).
    Of the 50-expression test: "correlation_<property>_offered_min", "faces_passed_offered" and
    "faces_passed_random" (shares, 0..1), "identity_drift" (mean absolute change of the looks that
    the CNN scores over the 50 expressions, in units of their spread between faces). At rest:
    "background_flicker" (mean absolute difference of consecutive frames where the renderer's do not
    change, in steps of 1/255). Raises ModelFileError when a model is missing.
    """
    folder = Path(models_dir) / "face"
    scorer = Scorer.load(folder)
    rng = np.random.default_rng(seed)
    labels = rng.uniform((0, 0, -1), 1, (samples + samples // 2, 3)).astype(np.float32)
    random = [Sample(HELD_OUT_SEED + k, label) for k, label in enumerate(labels[:samples])]
    offered = [
        Sample(OFFERED_FACES[k % len(OFFERED_FACES)], label)
        for k, label in enumerate(labels[samples:])
    ]
    results = {
        **_fidelity(scorer, folder, random, "random"),
        **_fidelity(scorer, folder, offered, "offered"),
        **_control(scorer, folder, random_faces),
        "background_flicker": _flicker(scorer, folder),
    }
    results = {name: round(value, 4) for name, value in results.items()}
    logger.info("face: %s", results)
    return results


def _fidelity(
    scorer: Scorer, folder: Path, samples: Sequence[Sample], kind: str
) -> dict[str, float]:
    """How near pictures, hair maps and scores are to what the renderer draws."""
    hair = load_hair_model(folder / "hair.safetensors")
    rows: list[tuple[float, float, float]] = []
    errors: list[NDArray[np.float32]] = []
    for part in _batches(samples):
        z = np.stack([latent_of_seed(sample.seed) for sample in part])
        w = scorer.mapping(z, np.stack([sample.label for sample in part]))
        with torch.inference_mode():
            images = scorer.pictures(w)
            maps = hair(images)[:, 0].numpy()
            scores = scorer.cnn.scores(images, PROPERTIES).numpy()
            frames = to_pixels(images)
        for sample, made, hair_map in zip(part, frames, maps, strict=True):
            eyes, mouth, pose = map(float, sample.label)
            wanted, mask = render(identity_of_seed(sample.seed), eyes, mouth, pose)
            small = cv2.resize(mask, hair_map.shape[::-1], interpolation=cv2.INTER_AREA)
            fit = overlap(hair_map, np.asarray(small))
            rows.append((psnr(made, wanted), ssim(made, wanted), fit))
        errors += list(np.abs(scores - np.stack([sample.label for sample in part])))
    names = (f"psnr_{kind}_db", f"ssim_{kind}", f"hair_iou_{kind}")
    results = dict(zip(names, np.mean(rows, axis=0).tolist(), strict=True))
    for name, value in zip(PROPERTIES, np.mean(errors, axis=0), strict=True):
        results[f"cnn_error_{name}_{kind}"] = float(value)
    return results


def _control(scorer: Scorer, folder: Path, random_faces: int) -> dict[str, float]:
    """The 50-expression test of the offered and of random faces, and how much else changes."""
    book = load_face_book(folder)
    offered = [book[number] for number in book.numbers()]
    seeds = range(HELD_OUT_SEED, HELD_OUT_SEED + random_faces)
    random = lite_faces(scorer, folder, seeds)
    looks = FAMILIES["lite"].grouping
    table = np.stack([grid_scores(scorer, face, (*PROPERTIES, *looks)) for face in offered])
    found = [correlations_of(scores) for scores in table]
    results: dict[str, float] = {
        f"correlation_{name}_offered_min": min(abs(face[name]) for face in found)
        for name in PROPERTIES
    }
    results["faces_passed_offered"] = float(np.mean([passes(face) for face in found]))
    results["faces_passed_random"] = float(
        np.mean([passes(correlations(scorer, face)) for face in random])
    )
    identity = table[:, :, len(PROPERTIES) :]  # [faces, expressions, looks]
    centres = identity.mean(axis=1)
    drift = np.abs(identity - centres[:, None]).mean(axis=(0, 1)) / centres.std(axis=0)
    results["identity_drift"] = float(drift.mean())
    return results


def _flicker(scorer: Scorer, folder: Path) -> float:
    """Mean change between frames at rest of pixels that the renderer leaves alone, in 1/255."""
    book = load_face_book(folder)
    number = book.numbers()[0]
    face = book[number]
    moves = weights(rest_animation(_REST_FRAMES, seed=0))
    w = scorer.mapping(face.z[None], face.label[None]) + moves @ face.vectors
    with torch.inference_mode():
        frames = np.concatenate([to_pixels(scorer.pictures(part)) for part in _batches(w)])
    person = identity_of_seed(number)
    drawn = [render(person, eyes, 0.2, pose)[0] for eyes, pose in ((0.5, -0.3), (0.7, 0.3))]
    still = (drawn[0] == drawn[1]).all(axis=-1)
    change = np.abs(np.diff(frames.astype(np.int16), axis=0)).mean(axis=-1)
    return float(change[:, still].mean())


def _batches(rows: Any) -> Iterator[Any]:
    for start in range(0, len(rows), _BATCH):
        yield rows[start : start + _BATCH]
