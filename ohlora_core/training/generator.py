"""Trains the lite face generator: paired regression (z, expression) -> portrait.

The teacher is `training/portrait.py`, so every latent has a known right picture and no adversary is
needed. First the mapping learns the looks (`mapping.py`), then the dense layers learn the patch
codes (`patch_basis.py`), then all of the synthesis learns the pictures. Knows the data folder of
`face_data.py` and the network; not the vectors.
"""

from __future__ import annotations

import copy
import dataclasses
import json
import logging
import math
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal, cast

import cv2
import numpy as np
import torch
import torch.distributed as dist
import torch.nn.functional as F
from numpy.typing import NDArray
from safetensors.torch import save_file
from torch import Tensor

from ohlora_core.face.generator import Generator, GeneratorConfig
from ohlora_core.face.lite import LiteConfig, LiteSynthesis
from ohlora_core.training.mapping import fit_mapping
from ohlora_core.training.patch_basis import find_basis, put_basis, taken_basis
from ohlora_core.training.picture_sets import FaceSet, to_input
from ohlora_core.training.portrait import OFFERED_FACES, latent_of_seed

logger = logging.getLogger(__name__)

# Lowest and highest label (eyes, mouth, pose) and how far past them the animation goes.
LABEL_ENDS = ((0.0, 1.0, 0.25, 0.35), (0.0, 1.0, 0.4, 0.2), (-1.0, 1.0, 0.15, 0.15))
# Rows and columns of a 256 px picture with what the animation moves.
DETAIL_REGIONS = (((96, 148), (64, 192), 3.0), ((156, 204), (96, 160), 3.0))
FACE_REGION = ((56, 210), (60, 196), 1.0)
_BASIS_PICTURES = 6000


@dataclass(frozen=True)
class Phase:
    """One part of the training of the synthesis: of the codes alone, or of whole pictures."""

    target: Literal["codes", "pictures"]
    minutes: float
    batch_size: int
    rate: float
    offered_share: float  # share of samples that show an offered face


@dataclass(frozen=True)
class Options:
    """What to train on, where to, and for how long."""

    data_dir: Path = Path("work/face/data")  # pictures, labels and seeds of face_data
    work_dir: Path = Path("work/face")  # checkpoints and contact sheets
    out_dir: Path = Path("models/face")  # models/face: generator.safetensors, config.json
    seed: int = 0
    resume: bool = True
    threads: int = 2
    lite: LiteConfig = field(default_factory=LiteConfig)
    mapping_steps: int = 12_000
    mapping_faces: int = 120_000
    held_out: int = 256  # first samples of the data set, never trained on
    checkpoint_minutes: float = 3.0
    phases: tuple[Phase, ...] = field(
        default=(
            Phase("codes", 17, 128, 1e-3, offered_share=0.2),
            Phase("pictures", 74, 8, 6e-4, offered_share=0.2),
        )
    )


class Portraits:
    """The rendered set by kind of face; yields batches of row numbers for ever."""

    def __init__(self, options: Options) -> None:
        self.set = FaceSet(options.data_dir, options.held_out)
        self.held_out = self.set.held_out
        self.is_offered = np.isin(self.set.seeds[: self.set.done], OFFERED_FACES)
        trainable = np.arange(options.held_out, len(self.is_offered))
        self.offered = trainable[self.is_offered[trainable]]
        self.others = trainable[~self.is_offered[trainable]]
        self.latents: dict[int, NDArray[np.float32]] = {}

    def batches(self, phase: Phase, rng: np.random.Generator) -> Iterator[NDArray[np.int64]]:
        """Rows [batch_size] of random training samples."""
        while True:
            from_offered = rng.random(phase.batch_size) < phase.offered_share
            yield np.where(
                from_offered,
                rng.choice(self.offered, phase.batch_size),
                rng.choice(self.others, phase.batch_size),
            )

    def inputs(self, rows: NDArray[np.int64]) -> tuple[Tensor, Tensor]:
        """z [n, 512], labels [n, 3]."""
        seeds = self.set.seeds[rows].tolist()
        for seed in seeds:
            if seed not in self.latents:
                self.latents[seed] = latent_of_seed(seed)
        z = np.stack([self.latents[seed] for seed in seeds])
        return torch.from_numpy(z), torch.from_numpy(self.set.labels[rows])

    def pictures(self, rows: NDArray[np.int64]) -> Tensor:
        """[n, 3, 256, 256] in -1..1."""
        return to_input(self.set.pictures(rows))


def beyond_the_ends(label: Tensor, rng: np.random.Generator) -> Tensor:
    """Move half of the labels at an end a little past it, so that the picture learns to stay.

    The animation reaches past closed and wide open; a straight line in w would go on beyond them.
    """
    label = label.clone()
    for column, (low, high, below, above) in enumerate(LABEL_ENDS):
        for row in range(len(label)):
            value = float(label[row, column])
            if value in (low, high) and rng.random() < 0.5:
                label[row, column] += rng.random() * (-below if value == low else above)
    return label


def detail_weights(size_px: int) -> Tensor:
    """[1, 1, h, h] loss weights, mean 1: face, eyes and mouth count more."""
    weights = np.ones((256, 256), np.float32)
    for (top, bottom), (left, right), extra in (FACE_REGION, *DETAIL_REGIONS):
        weights[top:bottom, left:right] += extra
    size = (size_px, size_px)
    soft = cv2.resize(cv2.GaussianBlur(weights, (0, 0), 4), size, interpolation=cv2.INTER_AREA)
    return torch.from_numpy(soft / soft.mean())[None, None]


def picture_loss(made: Tensor, wanted: Tensor, weights: Tensor) -> Tensor:
    """Weighted L1 of pictures and of their edges, at full, half and quarter size."""
    total = made.new_zeros(())
    error = made - wanted
    for scale in range(3):
        across = error[:, :, :, 1:] - error[:, :, :, :-1]
        down = error[:, :, 1:] - error[:, :, :-1]
        total = total + (error.abs() * weights).mean()
        total = total + (across.abs() * weights[:, :, :, 1:]).mean()
        total = total + (down.abs() * weights[:, :, 1:]).mean()
        if scale < 2:
            error = F.avg_pool2d(error, 2)
            weights = F.avg_pool2d(weights, 2)
    return total


def structure_loss(made: Tensor, wanted: Tensor) -> Tensor:
    """1 - structural similarity (Wang et al. 2004) of the brightness of pictures in -1..1.

    Boxes of 5 pixels at every second pixel stand for the Gaussian of the metric.
    """
    made, wanted = (picture.mean(dim=1, keepdim=True) for picture in (made, wanted))

    def mean(x: Tensor) -> Tensor:
        return F.avg_pool2d(x, 5, stride=2)

    mean_a, mean_b = mean(made), mean(wanted)
    both = mean(made * wanted) - mean_a * mean_b
    spread = mean(made.square() + wanted.square()) - mean_a.square() - mean_b.square()
    c1, c2 = (0.01 * 2) ** 2, (0.03 * 2) ** 2
    quality = (2 * mean_a * mean_b + c1) * (2 * both + c2)
    return 1 - (quality / ((mean_a.square() + mean_b.square() + c1) * (spread + c2))).mean()


class Trainer:
    """State of one run: networks, optimiser, where it is; saved and restored as one file."""

    def __init__(self, options: Options, data: Portraits) -> None:
        torch.manual_seed(options.seed)
        self.options = options
        self.data = data
        self.generator = Generator(GeneratorConfig(3, lite=options.lite)).requires_grad_(False)
        # The running average of the trained weights is what reports, evaluation and models/ use.
        self.average = cast(LiteSynthesis, self.generator.synthesis)
        self.trained = copy.deepcopy(self.average).requires_grad_(True)
        self.trained.channels_last()
        self.weights = detail_weights(256)
        self.patch_weights = F.adaptive_avg_pool2d(self.weights, 8).flatten()[None, :, None]
        self.phase = 0
        self.phase_seconds = 0.0
        self.step = 0
        self.rank = dist.get_rank() if dist.is_initialized() else 0
        self.optimizer = self.fresh_optimizer()

    def fresh_optimizer(self) -> torch.optim.Optimizer:
        return torch.optim.AdamW(
            self.trained.parameters(), betas=(0.9, 0.99), weight_decay=0.02, fused=True
        )

    @property
    def checkpoint_path(self) -> Path:
        return self.options.work_dir / "generator.pt"

    def save(self) -> None:
        if self.rank:
            return
        state = {
            "generator": self.generator.state_dict(),
            "trained": self.trained.state_dict(),
            "optimizer": self.optimizer.state_dict(),
            "phase": self.phase,
            "phase_seconds": self.phase_seconds,
            "step": self.step,
        }
        partial = self.checkpoint_path.with_suffix(".partial")
        torch.save(state, partial)
        partial.replace(self.checkpoint_path)

    def restore(self) -> None:
        state = torch.load(self.checkpoint_path, weights_only=True)
        self.generator.load_state_dict(state["generator"])
        self.trained.load_state_dict(state["trained"])
        self.optimizer.load_state_dict(state["optimizer"])
        self.phase, self.phase_seconds = state["phase"], state["phase_seconds"]
        self.step = state["step"]

    def start(self) -> None:
        """Fit the mapping and put the statistics of w and the patch basis into the synthesis."""
        mapping = self.generator.mapping.requires_grad_(True)
        fit_mapping(
            mapping, self.options.mapping_steps, self.options.mapping_faces, self.options.seed
        )
        mapping.requires_grad_(False)
        rng = np.random.default_rng(self.options.seed)
        w = mapping(*self.data.inputs(rng.permutation(self.data.others)[:4000]))
        rows = np.concatenate([self.data.others, self.data.offered])
        basis = find_basis(
            self.data.set.images, rng.permutation(rows)[:_BASIS_PICTURES], self.options.lite.codes
        )
        with torch.no_grad():
            self.trained.w_mean.copy_(w.mean(dim=0))
            self.trained.w_scale.copy_(1 / (w.std(dim=0) + 1e-3))
            put_basis(self.trained, basis)
        self.average.load_state_dict(self.trained.state_dict())
        self.save()

    def share_gradients(self) -> None:
        """Average the gradients of all processes, so that they stay the same network."""
        if not dist.is_initialized():
            return
        gradients = [p.grad for p in self.trained.parameters() if p.grad is not None]
        flat = torch.cat([gradient.flatten() for gradient in gradients])
        dist.all_reduce(flat)
        flat /= dist.get_world_size()
        for gradient, part in zip(
            gradients, flat.split([g.numel() for g in gradients]), strict=True
        ):
            gradient.copy_(part.view_as(gradient))

    @staticmethod
    def common(seconds: float) -> float:
        """The time that the first process measured: all must stop after the same step."""
        if not dist.is_initialized():
            return seconds
        value = torch.tensor(seconds, dtype=torch.float64)
        dist.broadcast(value, 0)
        return float(value)

    def run(self) -> None:
        while self.phase < len(self.options.phases):
            self.run_phase(self.options.phases[self.phase])
            self.phase, self.phase_seconds = self.phase + 1, 0.0
            self.optimizer = self.fresh_optimizer()
            self.save()
        if self.rank == 0:
            save_generator(self.generator, self.options.out_dir)

    def run_phase(self, phase: Phase) -> None:
        rng = np.random.default_rng([self.options.seed, self.step, self.rank])
        if phase.target == "codes":
            basis = taken_basis(self.average)
            count = len(self.data.is_offered)
            parts = np.array_split(np.arange(count), count // 500 + 1)
            self.wanted_codes = torch.cat(
                [basis.codes(self.data.set.pictures(rows)) for rows in parts]
            )
        limit = phase.minutes * 60
        checkpoint_at = self.phase_seconds + 60
        losses: list[float] = []
        for rows in self.data.batches(phase, rng):
            start = time.monotonic()
            self.set_rate(phase, min(self.phase_seconds / limit, 1.0))
            z, label = self.data.inputs(rows)
            w = self.generator.mapping(z, beyond_the_ends(label, rng))
            loss = self.loss(phase, w, rows)
            self.optimizer.zero_grad(set_to_none=True)
            loss.backward()
            self.share_gradients()
            self.optimizer.step()
            self.follow()
            self.step += 1
            losses.append(loss.item())
            self.phase_seconds = self.common(self.phase_seconds + time.monotonic() - start)
            if self.phase_seconds >= min(checkpoint_at, limit):
                checkpoint_at = self.phase_seconds + self.options.checkpoint_minutes * 60
                self.report(phase, float(np.mean(losses)))
                losses.clear()
                self.save()
            if self.phase_seconds >= limit:
                return

    def loss(self, phase: Phase, w: Tensor, rows: NDArray[np.int64]) -> Tensor:
        if phase.target == "pictures":
            # Channels last the losses would take twice as long, a fifth of the step.
            made = self.trained(w).contiguous()
            wanted = self.data.pictures(rows).contiguous()
            return picture_loss(made, wanted, self.weights) + structure_loss(made, wanted)
        made = self.trained.patch_codes(self.trained.understand(w)).transpose(0, 1)
        error = (made - self.wanted_codes[rows]).square() * self.patch_weights
        return error.sum() / len(rows) / (3 * 128**2)

    def set_rate(self, phase: Phase, progress: float) -> None:
        """Cosine from the phase's rate to a fiftieth of it."""
        rate = phase.rate * (0.02 + 0.98 * (0.5 + 0.5 * math.cos(math.pi * progress)))
        if self.phase_seconds < 10:
            rate *= self.phase_seconds / 10
        for group in self.optimizer.param_groups:
            group["lr"] = rate

    def follow(self) -> None:
        """Move the running average of the weights."""
        decay = min(0.998, (self.step + 1) / (self.step + 10))
        with torch.no_grad():
            averages: list[Tensor] = list(self.average.parameters())
            trained: list[Tensor] = list(self.trained.parameters())
            torch._foreach_lerp_(averages, trained, 1 - decay)

    def report(self, phase: Phase, loss: float) -> None:
        """Log the loss, the PSNR on held-out samples, and draw a contact sheet."""
        if self.rank:
            return
        rows = self.data.held_out
        with torch.no_grad():
            w = self.generator.mapping(*self.data.inputs(rows))
            made = torch.cat([self.average(part) for part in w.split(16)]).clamp(-1, 1)
        wanted = self.data.pictures(rows)
        per_image = (made - wanted).square().mean(dim=(1, 2, 3))
        psnr = (10 * torch.log10(4 / per_image)).numpy()
        offered = self.data.is_offered[rows]
        logger.info(
            "%s, %.1f of %.0f min, step %d: loss %.4f, held-out PSNR %.2f dB offered faces, "
            "%.2f dB others",
            phase.target,
            self.phase_seconds / 60,
            phase.minutes,
            self.step,
            loss,
            float(psnr[offered].mean()),
            float(psnr[~offered].mean()),
        )
        columns = [torch.cat([wanted[k], made[k]], dim=1) for k in range(min(12, len(rows)))]
        sheet = ((torch.cat(columns, dim=2) + 1) * 127.5).round().byte().permute(1, 2, 0).numpy()
        cv2.imwrite(str(self.options.work_dir / f"sheet_{phase.target}.png"), sheet[:, :, ::-1])


def save_generator(generator: Generator, out_dir: Path) -> None:
    """Write generator.safetensors (float16) and config.json."""
    out_dir.mkdir(parents=True, exist_ok=True)
    state = {k: v.detach().half().contiguous() for k, v in generator.state_dict().items()}
    save_file(state, out_dir / "generator.safetensors")
    config = dataclasses.asdict(cast(LiteConfig, generator.config.lite))
    (out_dir / "config.json").write_text(json.dumps(config, indent=1) + "\n", encoding="utf-8")


def train(options: Options) -> None:
    """Train, or go on from the last checkpoint in work_dir; writes the averaged weights.

    Under `torchrun` every process draws its own batches and the gradients are averaged. On a busy
    machine processes of one thread each are many times faster than the threads of one process.
    """
    if dist.is_torchelastic_launched():
        dist.init_process_group("gloo")
    torch.set_num_threads(options.threads)
    options.work_dir.mkdir(parents=True, exist_ok=True)
    trainer = Trainer(options, Portraits(options))
    if trainer.rank == 0 and not (options.resume and trainer.checkpoint_path.is_file()):
        trainer.start()
    if dist.is_initialized():
        dist.barrier()
    trainer.restore()
    trainer.run()
