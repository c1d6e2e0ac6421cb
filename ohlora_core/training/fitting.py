"""The training loop that the small face models share: schedule, checkpoint, resume.

Knows modules and losses; nothing of what they are about.
"""

from __future__ import annotations

import logging
import math
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from torch import Tensor, nn

from ohlora_core.errors import ModelFileError, TrainingDataError

logger = logging.getLogger(__name__)

_LOG_STEPS = 100
_SAVE_SECONDS = 60.0


@dataclass(frozen=True)
class Schedule:
    """How long and how fast to learn."""

    minutes: float  # of training time over all runs; not counted when `steps` is given
    steps: int | None = None
    learning_rate: float = 2e-3
    warmup_steps: int = 50

    def progress(self, step: int, seconds: float) -> float:
        """Share of the training that is done; 1 or more at its end."""
        if self.steps is not None:
            return step / max(self.steps, 1)
        return seconds / (self.minutes * 60) if self.minutes > 0 else 1.0

    def rate(self, step: int, progress: float) -> float:
        """Learning rate: a short rise, then half a cosine down to almost nothing."""
        falling = 0.5 + 0.5 * math.cos(math.pi * min(progress, 1.0))
        return self.learning_rate * falling * min(1.0, (step + 1) / self.warmup_steps) + 1e-6


def training_device() -> torch.device:
    """A CUDA GPU where there is one, else the CPU."""
    return torch.device("cuda" if torch.cuda.is_available() else "cpu")


def mixed_precision() -> torch.autocast:
    """Matrix products in bfloat16 where the processor computes in it, else as they are."""
    native = torch.cpu._is_avx512_bf16_supported() or torch.cpu._is_amx_tile_supported()
    return torch.autocast("cpu", torch.bfloat16, enabled=native)


def fit(
    name: str,
    module: nn.Module,
    loss_of_batch: Callable[[np.random.Generator], Tensor],
    schedule: Schedule,
    checkpoint: Path,
    *,
    resume: bool = True,
    seed: int = 0,
) -> int:
    """Train `module` in place with AdamW and return the number of steps it has had in all.

    loss_of_batch: draws a batch with the generator given and returns its loss. checkpoint: written
    once a minute, at the end and on an interrupt; with `resume` a run goes on from it. name: for
    the log.

    Raises:
        ModelFileError: the checkpoint cannot be read or is of another model.
        TrainingDataError: the loss is no longer a number.
    """
    checkpoint.parent.mkdir(parents=True, exist_ok=True)
    optimizer = torch.optim.AdamW(module.parameters(), lr=schedule.learning_rate)
    seconds, step = 0.0, 0
    if resume and checkpoint.is_file():
        seconds, step = _restore(checkpoint, module, optimizer)
        logger.info("%s: goes on from step %d", name, step)
    rng = np.random.default_rng([seed, step])
    module.train()
    saved_at = seconds
    try:
        while (progress := schedule.progress(step, seconds)) < 1:
            started = time.monotonic()
            for group in optimizer.param_groups:
                group["lr"] = schedule.rate(step, progress)
            loss = loss_of_batch(rng)
            if not torch.isfinite(loss):
                raise _diverged(name, step)
            optimizer.zero_grad(set_to_none=True)
            loss.backward()
            optimizer.step()
            step += 1
            seconds += time.monotonic() - started
            if step % _LOG_STEPS == 0:
                logger.info("%s: %.1f min, step %d, loss %.5f", name, seconds / 60, step, loss)
            if seconds - saved_at >= _SAVE_SECONDS:
                _save(checkpoint, module, optimizer, seconds, step)
                saved_at = seconds
    except KeyboardInterrupt:
        _save(checkpoint, module, optimizer, seconds, step)
        raise
    _save(checkpoint, module, optimizer, seconds, step)
    module.eval()
    return step


def _save(
    path: Path, module: nn.Module, optimizer: torch.optim.Optimizer, seconds: float, step: int
) -> None:
    state = {
        "model": module.state_dict(),
        "optimizer": optimizer.state_dict(),
        "seconds": seconds,
        "step": step,
    }
    partial = path.with_suffix(".partial")
    torch.save(state, partial)
    partial.replace(path)  # a reader or an interrupt never meets half a file


def _restore(path: Path, module: nn.Module, optimizer: torch.optim.Optimizer) -> tuple[float, int]:
    """Seconds and steps spent so far."""
    try:
        state = torch.load(path, map_location="cpu", weights_only=True)
        module.load_state_dict(state["model"])
        optimizer.load_state_dict(state["optimizer"])
        return float(state["seconds"]), int(state["step"])
    except Exception as error:  # torch raises many kinds here; all mean the same to the user
        hint = (
            "--no-resume 로 새로 시작하거나 다른 --work-dir 를 지정해 주세요",
            "start anew with --no-resume, or name another --work-dir",
        )
        why = str(error).splitlines()[0] if str(error) else type(error).__name__
        raise ModelFileError(path, hint, f"not a checkpoint of this model: {why}") from error


def _diverged(name: str, step: int) -> TrainingDataError:
    return TrainingDataError(
        f"{name} 학습의 손실이 {step}단계에서 숫자가 아니게 되었어요. --learning-rate 를 낮추고 "
        "--no-resume 로 다시 시작하거나 자료의 값을 확인해 주세요.",
        f"The loss of {name} is no longer a number at step {step}. Lower --learning-rate and start "
        "again with --no-resume, or check the values of the data.",
    )
