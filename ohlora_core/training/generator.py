"""Trains the lite face generator: paired regression (z, expression) -> portrait, growing in size.

The teacher is `training/portrait.py`, so every latent has a known right picture and no adversary is
needed. The mapping is fitted first (`training/mapping.py`); then the picture grows from 32 to 256
pixels, because most of what is to be learned is cheap to learn small. Knows the data folder of
`training/face_data.py` and the network; not the vectors.
"""

from __future__ import annotations

import copy
import json
import logging
import math
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import cast

import cv2
import numpy as np
import torch
import torch.distributed as dist
import torch.nn.functional as F
from numpy.typing import NDArray
from safetensors.torch import save_file
from torch import Tensor, nn

from ohlora_core.face.generator import (
    LITE_CHANNELS,
    Generator,
    GeneratorConfig,
    LiteBlock,
    LiteConv,
    LiteSynthesis,
    activate_and_style,
)
from ohlora_core.training.mapping import fit_mapping
from ohlora_core.training.portrait import OFFERED_FACES, latent_of_seed

logger = logging.getLogger(__name__)

# Lowest and highest label (eyes, mouth, pose) and how far past them the animation goes.
LABEL_ENDS = ((0.0, 1.0, 0.2, 0.15), (0.0, 1.0, 0.35, 0.1), (-1.0, 1.0, 0.1, 0.1))
# Rows and columns of a 256 px picture with what the animation moves.
DETAIL_REGIONS = (((96, 148), (64, 192), 3.0), ((156, 204), (96, 160), 3.0))
FACE_REGION = ((56, 210), (60, 196), 1.0)
FINAL_SIZE_PX = 256


@dataclass(frozen=True)
class Phase:
    """One size of the growing picture."""

    size_px: int
    minutes: float
    batch_size: int
    first_rate: float
    last_rate: float
    offered_share: float = 0.35  # share of samples that show an offered face


@dataclass(frozen=True)
class Options:
    """What to train on, where to, and for how long."""

    data_dir: Path = Path("work/face/data")  # pictures, labels and seeds of face_data
    work_dir: Path = Path("work/face")  # checkpoints and contact sheets
    out_dir: Path = Path("models/face")  # models/face: generator.safetensors, config.json
    seed: int = 0
    resume: bool = True
    threads: int = 2
    channels: tuple[int, ...] = LITE_CHANNELS
    mapping_steps: int = 4000
    mapping_faces: int = 60_000
    held_out: int = 64  # first samples of the data set, never trained on
    checkpoint_minutes: float = 3.0
    phases: tuple[Phase, ...] = field(
        default=(
            Phase(32, 3, 16, 0.02, 0.01),
            Phase(64, 10, 8, 0.012, 0.006),
            Phase(128, 20, 8, 0.008, 0.004),
            Phase(256, 45, 8, 0.005, 0.0002, offered_share=0.5),
        )
    )


class Portraits:
    """The growing data set at one picture size, in memory; yields batches for ever."""

    def __init__(self, options: Options, phase: Phase, seed: Sequence[int]) -> None:
        self.options = options
        self.phase = phase
        self.size_px = phase.size_px
        self.batch_size = phase.batch_size
        self.rng = np.random.default_rng(seed)
        self.images: NDArray[np.uint8] = np.empty((0, self.size_px, self.size_px, 3), np.uint8)
        self.seeds = np.empty(0, np.int64)
        self.labels = np.empty((0, 3), np.float32)
        self.latents: dict[int, NDArray[np.float32]] = {}
        self.refresh()

    def refresh(self) -> None:
        """Take in what the renderer has finished since the last call."""
        folder = self.options.data_dir
        done = int(json.loads((folder / "progress.json").read_text())["done"])
        have = len(self.images)
        if done <= have:
            return
        fresh = np.load(folder / "images.npy", mmap_mode="r")[have:done]
        size = (self.size_px, self.size_px)
        small = [cv2.resize(image, size, interpolation=cv2.INTER_AREA) for image in fresh]
        self.images = np.concatenate([self.images, np.stack(small)])
        self.seeds = np.load(folder / "seeds.npy", mmap_mode="r")[:done].astype(np.int64)
        self.labels = np.load(folder / "labels.npy", mmap_mode="r")[:done].astype(np.float32)
        trainable = np.arange(self.options.held_out, done)
        offered = np.isin(self.seeds[trainable], OFFERED_FACES)
        self.offered, self.others = trainable[offered], trainable[~offered]

    def latent(self, seed: int) -> NDArray[np.float32]:
        """z [512] of a seed."""
        if seed not in self.latents:
            self.latents[seed] = latent_of_seed(seed)
        return self.latents[seed]

    def take(self, rows: NDArray[np.int64]) -> tuple[Tensor, Tensor, Tensor]:
        """z [n, 512], labels [n, 3], pictures [n, 3, h, h] in -1..1."""
        z = np.stack([self.latent(int(self.seeds[row])) for row in rows])
        images = torch.from_numpy(self.images[rows]).permute(0, 3, 1, 2).float() / 127.5 - 1
        return torch.from_numpy(z), torch.from_numpy(self.labels[rows]), images

    def __iter__(self) -> Iterator[tuple[Tensor, Tensor, Tensor]]:
        while True:
            from_offered = self.rng.random(self.batch_size) < self.phase.offered_share
            rows = np.where(
                from_offered,
                self.rng.choice(self.offered, self.batch_size),
                self.rng.choice(self.others, self.batch_size),
            )
            z, label, images = self.take(rows)
            yield z, beyond_the_ends(label, self.rng), images


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


class GrowingSynthesis(nn.Module):
    """The synthesis network with an output layer for every smaller picture."""

    def __init__(self, synthesis: LiteSynthesis, channels: tuple[int, ...]) -> None:
        super().__init__()
        self.synthesis = synthesis
        self.heads = nn.ModuleList(
            LiteConv(count, 3, enlarges=True, gain=0.3) for count in channels[:-2]
        )

    def forward(self, w: Tensor, size_px: int) -> Tensor:
        """[b, 512] -> [b, 3, size_px, size_px]; size_px: 8, 16, ... 256."""
        if size_px == FINAL_SIZE_PX:
            return cast(Tensor, self.synthesis(w))
        level = size_px.bit_length() - 4
        features = self.synthesis.features(w, 2 * level + 1)
        head = self.heads[level] if level < len(self.heads) else self.synthesis.coarse
        return cast(Tensor, head(features))


class Trainer:
    """State of one run: networks, optimiser, where it is; saved and restored as one file."""

    def __init__(self, options: Options) -> None:
        torch.manual_seed(options.seed)
        self.options = options
        self.generator = Generator(GeneratorConfig(3, options.channels))
        self.generator.requires_grad_(False)
        synthesis = cast(LiteSynthesis, self.generator.synthesis)
        self.growing = GrowingSynthesis(copy.deepcopy(synthesis), options.channels)
        self.growing.requires_grad_(True)
        # The running average of the trained weights is what reports, evaluation and models/ use.
        self.average = GrowingSynthesis(synthesis, options.channels).requires_grad_(False)
        self.average.load_state_dict(self.growing.state_dict())
        compiled = torch.compile(activate_and_style, dynamic=False)
        for module in self.growing.modules():
            if isinstance(module, LiteBlock):
                module.activate = compiled
        self.optimizer = torch.optim.Adam(self.growing.parameters(), betas=(0.9, 0.99))
        self.phase = 0
        self.phase_seconds = 0.0
        self.step = 0
        self.rank = dist.get_rank() if dist.is_initialized() else 0

    @property
    def checkpoint_path(self) -> Path:
        return self.options.work_dir / "generator.pt"

    def save(self) -> None:
        if self.rank:
            return
        state = {
            "mapping": self.generator.mapping.state_dict(),
            "growing": self.growing.state_dict(),
            "average": self.average.state_dict(),
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
        self.generator.mapping.load_state_dict(state["mapping"])
        self.growing.load_state_dict(state["growing"])
        self.average.load_state_dict(state["average"])
        self.optimizer.load_state_dict(state["optimizer"])
        self.phase, self.phase_seconds = state["phase"], state["phase_seconds"]
        self.step = state["step"]

    def share_gradients(self) -> None:
        """Average the gradients of all processes, so that they stay the same network."""
        if not dist.is_initialized():
            return
        gradients = [p.grad for p in self.growing.parameters() if p.grad is not None]
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
            self.save()
        if self.rank == 0:
            save_generator(self.generator, self.options.out_dir)

    def run_phase(self, phase: Phase) -> None:
        options = self.options
        data = Portraits(options, phase, [options.seed, self.step, self.rank])
        weights = detail_weights(phase.size_px)
        limit = phase.minutes * 60
        logger.info("%d px: %d pictures", phase.size_px, len(data.images))
        checkpoint_at = self.phase_seconds + 60
        losses: list[float] = []
        grows = self.phase > 0 and phase.size_px < FINAL_SIZE_PX  # the last step only adds details
        for z, label, wanted in data:
            start = time.monotonic()
            progress = min(self.phase_seconds / limit, 1.0)
            self.set_rate(phase, progress)
            w = self.generator.mapping(z, label)
            made = self.growing(w, phase.size_px)
            if grows and progress < 0.05:
                made = self.fade_in(made, w, progress / 0.05)
            loss = picture_loss(made, wanted, weights)
            self.optimizer.zero_grad(set_to_none=True)
            loss.backward()
            self.share_gradients()
            self.optimizer.step()
            self.follow()
            self.step += 1
            losses.append(loss.item())
            self.phase_seconds = self.common(self.phase_seconds + time.monotonic() - start)
            if self.phase_seconds >= checkpoint_at:
                checkpoint_at = self.phase_seconds + options.checkpoint_minutes * 60
                if self.rank == 0:
                    self.report(phase, data, losses)
                losses.clear()
                self.save()
                data.refresh()
            if self.phase_seconds >= limit:
                return

    def fade_in(self, made: Tensor, w: Tensor, share: float) -> Tensor:
        """Blend with the enlarged picture of the size before, as in progressive growing."""
        small = self.growing(w, made.shape[-1] // 2)
        return share * made + (1 - share) * F.interpolate(small, scale_factor=2.0)

    def set_rate(self, phase: Phase, progress: float) -> None:
        falling = 0.5 + 0.5 * math.cos(math.pi * progress)
        rate = phase.last_rate + (phase.first_rate - phase.last_rate) * falling
        rate *= min(1.0, (self.step + 1) / 100)
        for group in self.optimizer.param_groups:
            group["lr"] = rate

    def follow(self) -> None:
        """Move the running average of the weights."""
        decay = min(0.995, (self.step + 1) / (self.step + 10))
        with torch.no_grad():
            averages: list[Tensor] = list(self.average.parameters())
            trained: list[Tensor] = list(self.growing.parameters())
            torch._foreach_lerp_(averages, trained, 1 - decay)

    def report(self, phase: Phase, data: Portraits, losses: list[float]) -> None:
        """Log the loss, the PSNR on held-out samples, and draw a contact sheet."""
        z, label, wanted = data.take(np.arange(self.options.held_out))
        with torch.no_grad():
            made = self.average(self.generator.mapping(z, label), phase.size_px)
        made = made.clamp(-1, 1)
        per_image = (made - wanted).square().mean(dim=(1, 2, 3))
        psnr = (10 * torch.log10(4 / per_image)).numpy()
        offered = np.isin(data.seeds[: len(psnr)], OFFERED_FACES)
        logger.info(
            "%d px, %.1f of %.0f min, step %d, %d samples: loss %.4f, held-out PSNR %.2f dB "
            "offered faces, %.2f dB others",
            phase.size_px,
            self.phase_seconds / 60,
            phase.minutes,
            self.step,
            len(data.images),
            float(np.mean(losses)) if losses else float("nan"),
            float(psnr[offered].mean()),
            float(psnr[~offered].mean()),
        )
        columns = [torch.cat([a, b], dim=1) for a, b in zip(wanted[:12], made[:12], strict=True)]
        sheet = ((torch.cat(columns, dim=2) + 1) * 127.5).round().byte().permute(1, 2, 0).numpy()
        path = self.options.work_dir / f"sheet_{phase.size_px:03d}.png"
        cv2.imwrite(str(path), sheet[:, :, ::-1])


def save_generator(generator: Generator, out_dir: Path) -> None:
    """Write generator.safetensors (float16) and config.json."""
    out_dir.mkdir(parents=True, exist_ok=True)
    state = {k: v.detach().half().contiguous() for k, v in generator.state_dict().items()}
    save_file(state, out_dir / "generator.safetensors")
    config = {
        "label_size": generator.config.label_size,
        "channels": list(generator.config.channels),
    }
    (out_dir / "config.json").write_text(json.dumps(config, indent=1) + "\n", encoding="utf-8")


def train(options: Options) -> None:
    """Train, or go on from the last checkpoint in work_dir; writes the averaged weights.

    Under `torchrun` every process draws its own batches and the gradients are averaged. On a busy
    machine processes of one thread each are many times faster than the threads of one process.
    """
    if dist.is_torchelastic_launched():
        dist.init_process_group("gloo")
    torch.set_num_threads(options.threads)
    torch._dynamo.config.recompile_limit = 64  # one shape for each layer and picture size
    options.work_dir.mkdir(parents=True, exist_ok=True)
    trainer = Trainer(options)
    if options.resume and trainer.checkpoint_path.is_file():
        trainer.restore()
    else:
        mapping = trainer.generator.mapping.requires_grad_(True)
        fit_mapping(mapping, options.mapping_steps, options.mapping_faces, options.seed)
        mapping.requires_grad_(False)
        trainer.save()
    trainer.run()
