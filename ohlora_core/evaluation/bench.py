"""Speed of real turns and frames on this machine: medians, never asserted by a test."""

from __future__ import annotations

import statistics
import tempfile
import time
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import numpy as np
import psutil
import torch
from torch import Tensor

from ohlora_core.core import Core
from ohlora_core.events import ExpressionChosen, ReplyText
from ohlora_core.face import BASE, FacePipeline, HairStyle, apply_ombre
from ohlora_core.face.effisegnet import EffiSegNet
from ohlora_core.face.generator import (
    LABEL_SIZES,
    LATENT_SIZE,
    FixedNoise,
    Generator,
    GeneratorConfig,
)
from ohlora_core.face.pipeline import choose_compute
from ohlora_core.settings import Settings

__all__ = ["bench_face", "bench_turn"]

MESSAGES = (
    "로라야 안녕?",
    "나 오늘 시험 망했어",
    "너는 뭐 좋아해?",
    "나 내일 친구랑 카페 가기로 했어",
    "내일 나 뭐 한다고 했지?",
    "배고픈데 뭐 먹을까",
    "요즘 잠이 안 와",
    "너 진짜 사람이야?",
    "주말에 영화 볼까 하는데",
    "고마워, 힘이 난다",
)
FACE_BATCH = 6
LITE_BATCHES = 10


def bench_turn(settings: Settings, turns: int) -> dict[str, Any]:
    """Seconds to the first text and to the commit of chat turns, medians.

    Frames are rendered beside each turn, as on the page, but the commit does not wait for them.
    """
    with tempfile.TemporaryDirectory(prefix="ohlora-bench-") as folder:
        own = settings.model_copy(update={"data_dir": Path(folder), "database_url": None})
        started = time.perf_counter()
        core = Core.load(own)
        start_s = time.perf_counter() - started
        _turn(core, MESSAGES[0])  # warm-up
        times = [_turn(core, MESSAGES[k % len(MESSAGES)]) for k in range(turns)]
        core.close()
    return {
        "bench": "turn",
        "first_text_s": round(statistics.median(first for first, _ in times), 3),
        "turn_s": round(statistics.median(whole for _, whole in times), 3),
        "turns": turns,
        "rss_mb": round(psutil.Process().memory_info().rss / 2**20),
        "start_s": round(start_s, 2),
    }


def _turn(core: Core, message: str) -> tuple[float, float]:
    """(seconds to the first text, seconds to the commit) of one turn, its frames rendered too."""
    started = time.perf_counter()
    first = None
    committed: list[float] = []
    for event in core.session("bench").chat(message):
        if isinstance(event, ReplyText) and first is None:
            first = time.perf_counter() - started
        if isinstance(event, ExpressionChosen):
            commit = core.user_lock("bench").pending
            if commit is not None:
                commit.add_done_callback(lambda _: committed.append(time.perf_counter() - started))
    whole = time.perf_counter() - started
    return first if first is not None else whole, committed[0] if committed else whole


def bench_face(settings: Settings) -> dict[str, Any]:
    """Milliseconds per dyed frame of the embedded faces and of the published sizes.

    The full networks get random weights, whose speed is that of the published ones.
    `full_ms_per_frame` is the path that `choose_compute` picks on this machine,
    `full_reference_ms_per_frame` the float32 path of the parity tests; where both are the same
    path it is measured once. `ratio` is reference / chosen: above 1, the chosen path is faster.

    Raises:
        ModelFileError: if the embedded face models are missing or do not fit.
    """
    if settings.threads:
        torch.set_num_threads(settings.threads)
    compute = choose_compute()
    lite_ms = _median_ms(_lite_frame_times(settings.models_dir))
    reference_ms = full_ms = _median_ms([_full_frame_time(torch.float32)])
    if compute.dtype != torch.float32:
        full_ms = _median_ms([_full_frame_time(compute.dtype)])
    return {
        "bench": "face",
        "lite_ms_per_frame": lite_ms,
        "full_ms_per_frame": full_ms,
        "full_reference_ms_per_frame": reference_ms,
        "ratio": round(reference_ms / full_ms, 2),
        "device": "cpu",
        "dtype": str(compute.dtype).removeprefix("torch."),
        "threads": torch.get_num_threads(),
        "reason": compute.reason,
    }


def _lite_frame_times(models_dir: Path) -> list[float]:
    """Seconds per frame of consecutive batches, after one batch of warm-up."""
    pipeline = FacePipeline(models_dir)
    face, hair = pipeline.face_numbers()[0], HairStyle("cycle")
    expressions = [BASE] * FACE_BATCH
    pipeline.render(face, expressions, hair)
    times = []
    for _ in range(LITE_BATCHES):
        started = time.perf_counter()
        pipeline.render(face, expressions, hair)
        times.append((time.perf_counter() - started) / FACE_BATCH)
    return times


@torch.inference_mode()
def _full_frame_time(dtype: torch.dtype) -> float:
    """Seconds per frame of one batch at the published sizes, after one frame of warm-up."""
    torch.manual_seed(0)
    generator = Generator(GeneratorConfig(LABEL_SIZES["v8"]))
    for module in generator.modules():
        if isinstance(module, FixedNoise):  # new ones are silent and skipped, published ones not
            module.weight.normal_(std=0.1)
    generator.to(dtype).freeze()
    hair = EffiSegNet().to(dtype).eval().requires_grad_(False)
    latents = torch.randn(FACE_BATCH, LATENT_SIZE, dtype=dtype)
    _full_batch(generator, hair, latents[:1])
    started = time.perf_counter()
    _full_batch(generator, hair, latents)
    return (time.perf_counter() - started) / FACE_BATCH


def _full_batch(generator: Generator, hair: EffiSegNet, latents: Tensor) -> None:
    """What the pipeline does for one batch of latents w [n, 512]."""
    images = generator.synthesis(latents).clamp_(-1, 1)
    masks = hair(images)[:, 0].float().numpy()
    frames = ((images.float() + 1) * 127.5).round().byte().permute(0, 2, 3, 1).contiguous().numpy()
    for frame, mask in zip(frames, masks, strict=True):
        # Random weights find no hair; a full mask makes the dyeing cost what it does with hair.
        frame[:] = np.round(apply_ombre(frame, np.ones_like(mask), 0.5, 0.6, 0.5)).astype(np.uint8)


def _median_ms(work: Iterable[float]) -> float:
    return round(1000 * statistics.median(work), 2)
