"""Metrics of the lite face models against the portrait renderer that taught them.

Needs skia-python (requirements-dev.txt): the renderer draws pictures that were never in training.
"""

from __future__ import annotations

import json
import logging
from pathlib import Path

import cv2
import numpy as np
import torch
from numpy.typing import NDArray

from ohlora_core.errors import OhLoraError
from ohlora_core.face.hair import load_hair_student
from ohlora_core.face.vectors import PROPERTIES, latent_of_seed, load_face_book

logger = logging.getLogger(__name__)

HELD_OUT_SEED = 90_000_000
"""Seeds of random faces from here on: far from those of the training set."""


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


def evaluate(models_dir: Path, samples: int = 60, seed: int = 1) -> dict[str, float]:
    """Compare generator, hair student and property CNN with the renderer on new expressions.

    models_dir: the folder that holds `face/`. samples: pictures of offered faces, and as many of
    random ones. Returns name -> value: "psnr_offered_db", "ssim_offered", the same for "random",
    "hair_iou_offered", "hair_iou_random" (on generated pictures), "cnn_error_<property>" (mean
    absolute, on generated pictures), "correlation_<property>_min" and "correlation_<property>_mean"
    over the offered faces. Raises OhLoraError when skia-python is missing, ModelFileError when a
    model is.
    """
    try:
        from ohlora_core.training.portrait import OFFERED_FACE_SEEDS, identity_of_seed, render
        from ohlora_core.training.vectors import SCORE_COLUMNS, Scorer, correlations
    except ImportError as error:
        raise OhLoraError(
            f"얼굴 평가에는 {error.name} 이(가) 필요해요: pip install -r requirements-dev.txt",
            f"Evaluating the face needs {error.name}: pip install -r requirements-dev.txt",
        ) from error

    folder = Path(models_dir) / "face"
    scorer = Scorer.load(folder)
    hair = load_hair_student(folder / "hair.safetensors")
    rng = np.random.default_rng(seed)
    offered = list(OFFERED_FACE_SEEDS.values())
    results: dict[str, float] = {}
    cnn_errors = []
    for kind in ("offered", "random"):
        rows: list[tuple[float, float, float]] = []
        for index in range(samples):
            face = offered[index % len(offered)] if kind == "offered" else HELD_OUT_SEED + index
            label = rng.uniform((0, 0, -1), 1).astype(np.float32)
            eyes, mouth, pose = (float(value) for value in label)
            wanted, mask = render(identity_of_seed(face), eyes, mouth, pose)
            w = scorer.mapping(latent_of_seed(face)[None], label[None])
            with torch.inference_mode():
                image = scorer.pictures(w)
                hair_map = hair(image)[0, 0].numpy()
                score = scorer.cnn(image)[0].numpy()
            made = ((image[0] + 1) * 127.5).round().byte().permute(1, 2, 0).numpy()
            small = cv2.resize(mask, hair_map.shape[::-1], interpolation=cv2.INTER_AREA)
            rows.append(
                (psnr(made, wanted), ssim(made, wanted), overlap(hair_map, np.asarray(small)))
            )
            columns = [SCORE_COLUMNS[name] for name in PROPERTIES]
            cnn_errors.append(np.abs(score[columns] - label))
        for name, value in zip(("psnr", "ssim", "hair_iou"), np.mean(rows, axis=0), strict=True):
            results[f"{name}_{kind}{'_db' if name == 'psnr' else ''}"] = float(value)
    for name, value in zip(PROPERTIES, np.mean(cnn_errors, axis=0), strict=True):
        results[f"cnn_error_{name}"] = float(value)
    faces = load_face_book(folder)
    found = [correlations(scorer, faces[number]) for number in faces.numbers()]
    for name in PROPERTIES:
        values = [abs(face[name]) for face in found]
        results[f"correlation_{name}_min"] = float(min(values))
        results[f"correlation_{name}_mean"] = float(np.mean(values))
    logger.info("face: %s", json.dumps(results))
    return {name: round(value, 4) for name, value in results.items()}
