"""Trains the property CNN of the lite faces on the renderer's exact values.

Targets: eyes, mouth and pose as drawn; hair colour as the mean lightness of the hair, hair length
as three times the share of the lower half that is hair, background as mean and deviation of its
lightness. All but the pose lie in about 0..1.
"""

from __future__ import annotations

import logging
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from numpy.typing import NDArray
from safetensors.torch import save_file
from torch import Tensor

from ohlora_core.face.property_cnn import LITE_DIVISOR, SPECS, PropertyCnn
from ohlora_core.training.fitting import Schedule, fit, training_device
from ohlora_core.training.hair import augment
from ohlora_core.training.picture_sets import FaceSet, to_input

logger = logging.getLogger(__name__)

MOVING = ("eyes", "mouth", "pose")
COLUMNS = {"eyes": 0, "hair_color": 1, "hair_length": 2, "mouth": 3, "pose": 4, "background": 5}
LENGTH_SCALE = 3.0
"""Long hair covers a third of the lower half: now its score spreads as far as the others."""
_LIGHTNESS = np.array([0.299, 0.587, 0.114], np.float32) / 255


@dataclass(frozen=True)
class Options:
    """What to train on, where to, and for how long."""

    data_dir: Path = Path("work/face/data")  # the face set of `train face-data`
    work_dir: Path = Path("work/face")  # checkpoint
    out_dir: Path = Path("models/face")  # models/face: property_cnn.safetensors
    seed: int = 0
    resume: bool = True
    minutes: float = 6.0
    steps: int | None = None  # instead of minutes
    batch_size: int = 32
    whole_picture_batch_size: int = 4  # the hair and background nets are ten times dearer
    learning_rate: float = 2e-3
    held_out: int = 64  # first samples of the data set, never trained on
    threads: int = 1


def targets(
    images: NDArray[np.uint8], masks: NDArray[np.uint8], labels: NDArray[np.float32]
) -> Tensor:
    """[n, 7] in the published column order.

    images: [n, 256, 256, 3]. masks: hair, [n, 256, 256], 0..255. labels: [n, 3], eyes, mouth, pose.
    """
    lightness = images.astype(np.float32) @ _LIGHTNESS
    hair = masks.astype(np.float32) / 255
    corners = np.concatenate([lightness[:, :48, :40], lightness[:, :48, 216:]], axis=2)
    columns = [
        labels[:, 0],
        (lightness * hair).sum(axis=(1, 2)) / np.maximum(hair.sum(axis=(1, 2)), 1),
        LENGTH_SCALE * hair[:, 128:].mean(axis=(1, 2)),
        labels[:, 1],
        labels[:, 2],
        corners.mean(axis=(1, 2)),
        corners.std(axis=(1, 2)),
    ]
    return torch.from_numpy(np.stack(columns, axis=1).astype(np.float32))


def batch_loss(
    cnn: PropertyCnn, images: Tensor, softened: Tensor, wanted: Tensor, few: int
) -> Tensor:
    """Squared error of all nets.

    Brightness is what the background net measures, so only the nets of what moves see the changed
    pictures; the others see the first `few` pictures as they are.
    """
    total = images.new_zeros(())
    for name in cnn.properties:
        net = cnn.get_submodule(f"{name}_score_cnn")
        inputs = softened if name in MOVING else images[:few]
        column, outputs = COLUMNS[name], SPECS[name].outputs
        total = total + F.mse_loss(net(inputs), wanted[: len(inputs), column : column + outputs])
    return total


def train(options: Options) -> dict[str, Any]:
    """Train, or go on from work_dir; writes property_cnn.safetensors (float16).

    Returns steps and the mean absolute error of each property on held-out pictures. Raises
    TrainingDataError when the face set is missing, ModelFileError for a foreign checkpoint.
    """
    torch.set_num_threads(options.threads)
    torch.manual_seed(options.seed)
    device = training_device()
    faces = FaceSet(options.data_dir, options.held_out)
    cnn = PropertyCnn(channel_divisor=LITE_DIVISOR).to(device)

    def samples(rows: NDArray[np.int64]) -> tuple[Tensor, Tensor]:
        pictures = faces.pictures(rows)
        wanted = targets(pictures, faces.hair[rows], faces.labels[rows])
        return to_input(pictures).to(device), wanted.to(device)

    def loss_of_batch(rng: np.random.Generator) -> Tensor:
        # the few pictures that the dear nets see are the first ones: a random part
        images, wanted = samples(rng.permutation(faces.draw_rows(options.batch_size, rng)))
        few = options.whole_picture_batch_size
        return batch_loss(cnn, images, augment(images, rng), wanted, few)

    steps = fit(
        "property cnn",
        cnn,
        loss_of_batch,
        Schedule(options.minutes, options.steps, options.learning_rate),
        options.work_dir / "property_cnn.pt",
        resume=options.resume,
        seed=options.seed,
    )
    images, wanted = samples(faces.held_out)
    with torch.inference_mode():
        error = (cnn(images) - wanted).abs().mean(dim=0)
    errors = {f"error_{name}": round(float(error[column]), 4) for name, column in COLUMNS.items()}
    logger.info("property cnn: held-out %s after %d steps", errors, steps)
    options.out_dir.mkdir(parents=True, exist_ok=True)
    path = options.out_dir / "property_cnn.safetensors"
    save_file({k: v.half() for k, v in cnn.cpu().state_dict().items()}, path)
    return {"model": str(path), "steps": steps, **errors}
