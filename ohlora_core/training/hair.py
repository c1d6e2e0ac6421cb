"""Trains the hair segmentation student on the exact soft masks of the portrait renderer.

Distillation with soft binary cross-entropy on soft labels, as the published model was made; here
the teacher is the renderer itself, so its labels are exact.
"""

from __future__ import annotations

import json
import logging
import math
import time
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
import torch
import torch.nn.functional as F
from safetensors.torch import save_file
from torch import Tensor

from ohlora_core.face.hair import MASK_SIZE, HairStudent

logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class Options:
    """What to train on, where to, and for how long."""

    data_dir: Path = Path("work/face/data")  # images.npy, masks.npy, progress.json of face_data
    work_dir: Path = Path("work/face")  # checkpoint
    out_dir: Path = Path("models/face")  # models/face: hair.safetensors
    seed: int = 0
    resume: bool = True
    minutes: float = 6.0
    batch_size: int = 16
    learning_rate: float = 4e-3
    held_out: int = 64  # first samples of the data set, never trained on


def augment(images: Tensor, rng: np.random.Generator) -> Tensor:
    """Brightness, contrast and colour jitter, and the softness of generated pictures; -1..1."""
    batch = len(images)
    gain = torch.from_numpy(rng.uniform(0.8, 1.2, (batch, 1, 1, 1)).astype(np.float32))
    shift = torch.from_numpy(rng.uniform(-0.15, 0.15, (batch, 3, 1, 1)).astype(np.float32))
    images = images * gain + shift
    blurred = F.avg_pool2d(F.pad(images, (1, 1, 1, 1), mode="replicate"), 3, stride=1)
    share = torch.from_numpy(rng.uniform(-0.3, 1.0, (batch, 1, 1, 1)).astype(np.float32))
    return torch.lerp(images, blurred, share.clamp_min(0)).clamp(-1, 1)


def to_input(images: np.ndarray) -> Tensor:
    """[n, 256, 256, 3] uint8 -> [n, 3, 256, 256] in -1..1."""
    return torch.from_numpy(np.array(images)).permute(0, 3, 1, 2).float() / 127.5 - 1


def to_mask(masks: np.ndarray) -> Tensor:
    """[n, 256, 256] uint8 -> [n, 1, 224, 224] in 0..1."""
    size = (MASK_SIZE, MASK_SIZE)
    small = [cv2.resize(mask, size, interpolation=cv2.INTER_AREA) for mask in masks]
    return torch.from_numpy(np.stack(small)).float()[:, None] / 255


def overlap(made: Tensor, wanted: Tensor) -> tuple[float, float]:
    """Mean IoU and Dice of maps [n, 1, h, w] cut at 0.5."""
    a, b = made > 0.5, wanted > 0.5
    both = (a & b).sum(dim=(1, 2, 3)).float()
    sizes = a.sum(dim=(1, 2, 3)) + b.sum(dim=(1, 2, 3))
    iou = both / (sizes - both).clamp_min(1)
    return float(iou.mean()), float((2 * both / sizes.clamp_min(1)).mean())


def train(options: Options) -> None:
    """Train, or go on from work_dir; writes hair.safetensors (float16)."""
    torch.set_num_threads(1)
    torch.manual_seed(options.seed)
    options.work_dir.mkdir(parents=True, exist_ok=True)
    checkpoint = options.work_dir / "hair.pt"
    student = HairStudent()
    optimizer = torch.optim.AdamW(student.parameters(), lr=options.learning_rate)
    spent, step = 0.0, 0
    if options.resume and checkpoint.is_file():
        state = torch.load(checkpoint, weights_only=True)
        student.load_state_dict(state["student"])
        optimizer.load_state_dict(state["optimizer"])
        spent, step = state["spent"], state["step"]
    rng = np.random.default_rng([options.seed, step])
    images = np.load(options.data_dir / "images.npy", mmap_mode="r")
    masks = np.load(options.data_dir / "masks.npy", mmap_mode="r")
    limit = options.minutes * 60
    while spent < limit:
        started = time.monotonic()
        done = json.loads((options.data_dir / "progress.json").read_text())["done"]
        rows = np.sort(rng.integers(options.held_out, done, options.batch_size))
        inputs, wanted = augment(to_input(images[rows]), rng), to_mask(masks[rows])
        rate = options.learning_rate * (0.5 + 0.5 * math.cos(math.pi * spent / limit))
        for group in optimizer.param_groups:
            group["lr"] = rate * min(1.0, (step + 1) / 50) + 1e-6
        logits = F.interpolate(
            student.logits(inputs), wanted.shape[-2:], mode="bilinear", align_corners=False
        )
        loss = F.binary_cross_entropy_with_logits(logits, wanted)
        optimizer.zero_grad(set_to_none=True)
        loss.backward()
        optimizer.step()
        step += 1
        if step % 100 == 0:
            logger.info("hair: %.1f min, step %d, loss %.4f", spent / 60, step, loss.item())
            torch.save(
                {
                    "student": student.state_dict(),
                    "optimizer": optimizer.state_dict(),
                    "spent": spent,
                    "step": step,
                },
                checkpoint,
            )
        spent += time.monotonic() - started
    student.eval()
    held_out = slice(0, options.held_out)
    with torch.no_grad():
        iou, dice = overlap(student(to_input(images[held_out])), to_mask(masks[held_out]))
    logger.info("hair: held-out IoU %.4f, Dice %.4f after %d steps", iou, dice, step)
    options.out_dir.mkdir(parents=True, exist_ok=True)
    state = {k: v.half() if v.is_floating_point() else v for k, v in student.state_dict().items()}
    save_file(state, options.out_dir / "hair.safetensors")
