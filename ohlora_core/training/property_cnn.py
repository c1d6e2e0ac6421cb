"""Trains the property CNN of the lite faces on the renderer's exact values.

Targets: eyes, mouth and pose as drawn; hair colour as its lightness, hair length as drawn (0 short
.. 1 long), background as mean and deviation of its lightness. All but the pose lie in 0..1.
"""

from __future__ import annotations

import json
import logging
import math
import time
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F
from numpy.typing import NDArray
from safetensors.torch import save_file
from torch import Tensor

from ohlora_core.face.property_cnn import LITE_DIVISOR, SPECS, PropertyCnn
from ohlora_core.training.hair import augment, to_input
from ohlora_core.training.portrait_identity import identity_of_seed

logger = logging.getLogger(__name__)

MOVING = ("eyes", "mouth", "pose")
COLUMNS = {"eyes": 0, "hair_color": 1, "hair_length": 2, "mouth": 3, "pose": 4, "background": 5}
_LIGHTNESS = np.array([0.299, 0.587, 0.114], np.float32) / 255


@dataclass(frozen=True)
class Options:
    """What to train on, where to, and for how long."""

    data_dir: Path = Path("work/face/data")  # pictures, labels and seeds of face_data
    work_dir: Path = Path("work/face")  # checkpoint
    out_dir: Path = Path("models/face")  # models/face: property_cnn.safetensors
    seed: int = 0
    resume: bool = True
    minutes: float = 6.0
    batch_size: int = 32
    whole_picture_batch_size: int = 4  # the hair and background nets are ten times dearer
    learning_rate: float = 2e-3
    held_out: int = 64  # first samples of the data set, never trained on


def targets(
    images: NDArray[np.uint8], labels: NDArray[np.float32], seeds: NDArray[np.int64]
) -> Tensor:
    """[n, 7] in the published column order, of pictures [n, 256, 256, 3]."""
    corners = np.concatenate([images[:, :48, :40], images[:, :48, 216:]], axis=2)
    light = corners.astype(np.float32) @ _LIGHTNESS
    looks = [identity_of_seed(int(seed)) for seed in seeds]
    hair = np.array([look.hair for look in looks], np.float32) @ _LIGHTNESS
    length = np.array([(look.hair_end - 188) / 58 for look in looks], np.float32)
    columns = [
        labels[:, 0],
        hair,
        length,
        labels[:, 1],
        labels[:, 2],
        light.mean(axis=(1, 2)),
        light.std(axis=(1, 2)),
    ]
    return torch.from_numpy(np.stack(columns, axis=1).astype(np.float32))


class Samples:
    """Random rows of the growing data set."""

    def __init__(self, options: Options, rng: np.random.Generator) -> None:
        self.options, self.rng = options, rng
        self.images = np.load(options.data_dir / "images.npy", mmap_mode="r")
        self.labels = np.load(options.data_dir / "labels.npy")
        self.seeds = np.load(options.data_dir / "seeds.npy")

    def rows(self, rows: NDArray[np.int64]) -> tuple[Tensor, Tensor]:
        """Pictures [n, 3, 256, 256] in -1..1 and targets [n, 7] of these rows."""
        images = self.images[rows]
        return to_input(images), targets(images, self.labels[rows], self.seeds[rows])

    def draw(self) -> tuple[Tensor, Tensor]:
        """An augmented batch."""
        done = json.loads((self.options.data_dir / "progress.json").read_text())["done"]
        count = self.options.batch_size
        images, wanted = self.rows(np.sort(self.rng.integers(self.options.held_out, done, count)))
        return images, wanted


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


def train(options: Options) -> None:
    """Train, or go on from work_dir; writes property_cnn.safetensors (float16)."""
    torch.set_num_threads(1)
    torch.manual_seed(options.seed)
    options.work_dir.mkdir(parents=True, exist_ok=True)
    checkpoint = options.work_dir / "property_cnn.pt"
    cnn = PropertyCnn(channel_divisor=LITE_DIVISOR)
    optimizer = torch.optim.AdamW(cnn.parameters(), lr=options.learning_rate)
    spent, step = 0.0, 0
    if options.resume and checkpoint.is_file():
        state = torch.load(checkpoint, weights_only=True)
        cnn.load_state_dict(state["cnn"])
        optimizer.load_state_dict(state["optimizer"])
        spent, step = state["spent"], state["step"]
    rng = np.random.default_rng([options.seed, step])
    samples = Samples(options, rng)
    limit = options.minutes * 60
    while spent < limit:
        started = time.monotonic()
        images, wanted = samples.draw()
        rate = options.learning_rate * (0.5 + 0.5 * math.cos(math.pi * spent / limit))
        for group in optimizer.param_groups:
            group["lr"] = rate + 1e-6
        few = options.whole_picture_batch_size
        loss = batch_loss(cnn, images, augment(images, rng), wanted, few)
        optimizer.zero_grad(set_to_none=True)
        loss.backward()
        optimizer.step()
        step += 1
        if step % 100 == 0:
            logger.info("cnn: %.1f min, step %d, loss %.5f", spent / 60, step, loss.item())
            torch.save(
                {
                    "cnn": cnn.state_dict(),
                    "optimizer": optimizer.state_dict(),
                    "spent": spent,
                    "step": step,
                },
                checkpoint,
            )
        spent += time.monotonic() - started
    cnn.eval()
    images, wanted = samples.rows(np.arange(options.held_out))
    with torch.no_grad():
        error = (cnn(images) - wanted).abs().mean(dim=0)
    names = [f"{name} {error[column]:.4f}" for name, column in COLUMNS.items()]
    logger.info("cnn: held-out mean absolute errors after %d steps: %s", step, ", ".join(names))
    options.out_dir.mkdir(parents=True, exist_ok=True)
    save_file(
        {k: v.half() for k, v in cnn.state_dict().items()},
        options.out_dir / "property_cnn.safetensors",
    )
