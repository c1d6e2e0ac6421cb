"""Distils hair segmentation models with soft binary cross-entropy on soft masks.

Teaches the light student from the exact masks of the portrait renderer, or either architecture from
anybody's folders of pictures and masks. The published model was made in the same way.
"""

from __future__ import annotations

import logging
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import numpy as np
import torch
import torch.nn.functional as F
from numpy.typing import NDArray
from safetensors.torch import save_file
from torch import Tensor

from ohlora_core.errors import SettingsError
from ohlora_core.face.effisegnet import EffiSegNet
from ohlora_core.face.generator import Generator, load_generator
from ohlora_core.face.hair import MASK_SIZE, HairStudent
from ohlora_core.face.pipeline import to_pixels
from ohlora_core.face.state_dict import load_strict, read_state_dict
from ohlora_core.training.fitting import Schedule, fit, training_device
from ohlora_core.training.picture_sets import FaceSet, FolderSet, PictureSet, to_input
from ohlora_core.training.portrait_identity import latent_of_seed

logger = logging.getLogger(__name__)

ARCHITECTURES = {"student": HairStudent, "effisegnet": EffiSegNet}
_VALIDATION_BATCH = 16
_GENERATED_BATCH = 8


@dataclass(frozen=True)
class Options:
    """What to train on, where to, and for how long."""

    images: Path | None = None  # folder of pictures; with `masks`, instead of the face set
    masks: Path | None = None  # folder of their soft masks, the same names
    data_dir: Path = Path("work/face/data")  # the face set of `train face-data`
    architecture: Literal["student", "effisegnet"] = "student"
    start: Path | None = None  # weights to start from, of the same architecture
    generator: Path | None = None  # lite generator: part of the face set as it draws it
    generated_samples: int = 2000
    generated_share: float = 0.5  # of a batch, with `generator`
    work_dir: Path = Path("work/face")  # checkpoint
    out_dir: Path | None = None  # hair.safetensors; default models/face, with `images` work/hair
    seed: int = 0
    resume: bool = True
    minutes: float = 6.0
    steps: int | None = None  # instead of minutes
    batch_size: int = 16
    learning_rate: float = 4e-3
    held_out: int = 64  # first samples of the face set, never trained on
    validation_share: float = 0.1  # of the pictures of a folder, never trained on
    threads: int = 1

    @property
    def folder(self) -> Path:
        """Where the weights go."""
        return self.out_dir or Path("work/hair" if self.images else "models/face")


def augment(images: Tensor, rng: np.random.Generator) -> Tensor:
    """Brightness, contrast and colour jitter, and the softness of generated pictures; -1..1."""
    batch = len(images)

    def draw(low: float, high: float, channels: int = 1) -> Tensor:
        values = rng.uniform(low, high, (batch, channels, 1, 1)).astype(np.float32)
        return torch.from_numpy(values).to(images.device)

    images = images * draw(0.8, 1.2) + draw(-0.15, 0.15, channels=3)
    blurred = F.avg_pool2d(F.pad(images, (1, 1, 1, 1), mode="replicate"), 3, stride=1)
    return torch.lerp(images, blurred, draw(-0.3, 1.0).clamp_min(0)).clamp(-1, 1)


def overlap(made: Tensor, wanted: Tensor) -> tuple[float, float]:
    """Mean IoU and Dice of maps [n, 1, h, w] cut at 0.5; 1 where both are empty."""
    a, b = made > 0.5, wanted > 0.5
    both = (a & b).sum(dim=(1, 2, 3)).float()
    sizes = a.sum(dim=(1, 2, 3)) + b.sum(dim=(1, 2, 3))
    iou = torch.where(sizes > 0, both / (sizes - both).clamp_min(1), torch.ones_like(both))
    dice = torch.where(sizes > 0, 2 * both / sizes.clamp_min(1), torch.ones_like(both))
    return float(iou.mean()), float(dice.mean())


class GeneratedPictures:
    """Samples of the face set as a generator draws them; their masks are those of the renderer.

    The generator is trained to draw exactly the rendered picture, so its softness and its errors
    are what differs: what the hair model must see through.
    """

    def __init__(self, path: Path, faces: FaceSet, count: int, seed: int) -> None:
        generator = load_generator(path, "lite")
        rng = np.random.default_rng(seed)
        self.rows = faces.draw_rows(count, rng)
        parts = np.array_split(self.rows, count // _GENERATED_BATCH + 1)
        self.images = np.concatenate([self._draw(generator, faces, part) for part in parts])
        logger.info("hair: %d samples drawn by %s", count, path)

    @staticmethod
    def _draw(generator: Generator, faces: FaceSet, rows: NDArray[np.int64]) -> NDArray[np.uint8]:
        z = np.stack([latent_of_seed(int(seed)) for seed in faces.seeds[rows]])
        labels = torch.from_numpy(np.array(faces.labels[rows], dtype=np.float32))
        with torch.inference_mode():
            w = generator.mapping(torch.from_numpy(z), labels)
            return to_pixels(generator.synthesis(w).clamp(-1, 1))

    def draw(self, count: int, rng: np.random.Generator) -> tuple[NDArray, NDArray]:
        """Rows [count] of the face set and their pictures [count, 256, 256, 3]."""
        chosen = rng.integers(0, len(self.rows), count)
        return self.rows[chosen], self.images[chosen]


def soft_bce(model: HairStudent | EffiSegNet, images: Tensor, masks: Tensor) -> Tensor:
    """Soft binary cross-entropy of maps of [n, 3, 256, 256] against masks [n, 1, 224, 224]."""
    size = (MASK_SIZE, MASK_SIZE)
    logits = F.interpolate(model.logits(images), size, mode="bilinear", align_corners=False)
    return F.binary_cross_entropy_with_logits(logits, masks)


def validate(
    model: HairStudent | EffiSegNet, data: PictureSet, device: torch.device
) -> dict[str, float]:
    """IoU, Dice and loss on the held-out rows."""
    sums, count = np.zeros(3), 0
    for part in np.array_split(data.held_out, len(data.held_out) // _VALIDATION_BATCH + 1):
        if not len(part):
            continue
        images, masks = to_input(data.pictures(part)).to(device), data.masks(part).to(device)
        with torch.inference_mode():
            made = model(images)
            loss = float(F.binary_cross_entropy(made, masks))
        sums += np.array([*overlap(made, masks), loss]) * len(part)
        count += len(part)
    names = ("validation_iou", "validation_dice", "validation_bce")
    return {n: round(float(v), 4) for n, v in zip(names, sums / max(count, 1), strict=True)}


def train(options: Options) -> dict[str, Any]:
    """Train, or go on from work_dir; writes hair.safetensors (float16).

    Returns steps and the metrics on held-out pictures. Raises SettingsError for options that do not
    go together, TrainingDataError for data that cannot be used, ModelFileError for `start`,
    `generator` or a checkpoint of another model.
    """
    if options.architecture not in ARCHITECTURES:
        raise _wrong_option("architecture", options.architecture, ", ".join(ARCHITECTURES))
    if (options.images is None) != (options.masks is None):
        raise _wrong_option("images/masks", "one of them", "both or none")
    if options.generator is not None and options.images is not None:
        raise _wrong_option("generator", str(options.generator), "only without --images")
    torch.set_num_threads(options.threads)
    torch.manual_seed(options.seed)
    device = training_device()
    data: PictureSet
    generated = None
    if options.images is not None and options.masks is not None:
        data = FolderSet(options.images, options.masks, options.validation_share)
    else:
        data = faces = FaceSet(options.data_dir, options.held_out)
        if options.generator is not None:
            count = options.generated_samples
            generated = GeneratedPictures(options.generator, faces, count, options.seed)
    model = ARCHITECTURES[options.architecture]().to(device)
    if options.start is not None:
        load_strict(model, read_state_dict(options.start), options.start)

    def loss_of_batch(rng: np.random.Generator) -> Tensor:
        from_generator = round(options.batch_size * options.generated_share) if generated else 0
        rows = data.draw_rows(options.batch_size - from_generator, rng)
        pictures = data.pictures(rows)
        if generated:
            other_rows, others = generated.draw(from_generator, rng)
            rows = np.concatenate([rows, other_rows])
            pictures = np.concatenate([pictures, others])
        images = augment(to_input(pictures).to(device), rng)
        return soft_bce(model, images, data.masks(rows).to(device))

    steps = fit(
        f"hair {options.architecture}",
        model,
        loss_of_batch,
        Schedule(options.minutes, options.steps, options.learning_rate),
        options.work_dir / f"hair_{options.architecture}.pt",
        resume=options.resume,
        seed=options.seed,
    )
    metrics = validate(model, data, device)
    logger.info("hair: held-out %s after %d steps", metrics, steps)
    options.folder.mkdir(parents=True, exist_ok=True)
    path = options.folder / "hair.safetensors"
    state = model.cpu().state_dict()
    save_file({k: v.half() if v.is_floating_point() else v for k, v in state.items()}, path)
    return {"model": str(path), "steps": steps, **metrics}


def _wrong_option(name: str, value: str, allowed: str) -> SettingsError:
    return SettingsError(
        f"--{name} 의 값 {value} 을(를) 쓸 수 없어요. 가능한 값: {allowed}",
        f"--{name} cannot be {value}; allowed: {allowed}",
    )
