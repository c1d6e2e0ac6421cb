"""Speed of real turns and frames on this machine: medians, never asserted by a test."""

from __future__ import annotations

import copy
import random
import statistics
import tempfile
import time
from collections.abc import Callable, Sequence
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import psutil
import torch
from numpy.typing import NDArray
from torch import Tensor

from ohlora_core.core import LITE_CHAT_CHARACTERS, Core
from ohlora_core.events import ReplyText
from ohlora_core.face import BASE, FacePipeline, HairStyle, apply_ombre, encode_jpeg
from ohlora_core.face.compute import Compute, choose_compute
from ohlora_core.face.effisegnet import EffiSegNet
from ohlora_core.face.generator import (
    LABEL_SIZES,
    LATENT_SIZE,
    FixedNoise,
    Generator,
    GeneratorConfig,
)
from ohlora_core.face.hair_inference import fast_hair
from ohlora_core.face.inference import NativeSynthesis, Synthesis, fast_synthesis
from ohlora_core.face.native import load_kernels
from ohlora_core.face.ombre import dye_frame
from ohlora_core.face.pipeline import to_pixels
from ohlora_core.settings import Settings
from ohlora_core.training.sentence_corpus import ordinary_messages

__all__ = ["bench_face", "bench_turn", "turn_messages"]

WARM_UP = "로라야 안녕?"
FACE_BATCH = 6
LITE_BATCHES = 10
FULL_BATCHES = 3
OMBRE = (0.5, 0.6, 0.5)


def bench_turn(settings: Settings, turns: int = 50) -> dict[str, Any]:
    """Seconds to the first text and to the commit of chat turns, medians.

    Every turn has another message, an ordinary one of the validation split of our dialogues; all
    are of one user, so that memories and summaries come in. Frames are rendered beside each turn,
    as on the page, but the commit does not wait for them.

    Args:
        settings: Name the models.
        turns: How many turns to measure, if there are so many messages.
    """
    with tempfile.TemporaryDirectory(prefix="ohlora-bench-") as folder:
        # a message that is taken for an offence is to end no later turn
        changes = {"data_dir": Path(folder), "database_url": None, "block_scale": 0}
        own = settings.model_copy(update=changes)
        started = time.perf_counter()
        core = Core.load(own)
        start_s = time.perf_counter() - started
        _turn(core, WARM_UP)
        times = [_turn(core, message) for message in turn_messages()[:turns]]
        core.close()
    return {
        "bench": "turn",
        "first_text_s": round(statistics.median(first for first, _ in times), 3),
        "turn_s": round(statistics.median(whole for _, whole in times), 3),
        "turns": len(times),
        "rss_mb": round(psutil.Process().memory_info().rss / 2**20),
        "start_s": round(start_s, 2),
    }


def turn_messages() -> list[str]:
    """Ordinary messages of the validation split, all different, in a fixed random order."""
    messages = ordinary_messages(None, "calibration")
    random.Random(0).shuffle(messages)
    return [message for message in messages if len(message) <= LITE_CHAT_CHARACTERS]


def _turn(core: Core, message: str) -> tuple[float, float]:
    """(seconds to the first text, seconds to the commit) of one turn, its frames rendered too."""
    started = time.perf_counter()
    first = None
    committed: list[float] = []
    for event in core.session("bench").chat(message):
        if isinstance(event, ReplyText) and first is None:
            first = time.perf_counter() - started
        if isinstance(event, ReplyText) and event.done:
            commit = core.user_lock("bench").pending
            if commit is not None:
                commit.add_done_callback(lambda _: committed.append(time.perf_counter() - started))
    whole = time.perf_counter() - started
    return first if first is not None else whole, committed[0] if committed else whole


def bench_face(settings: Settings, layers: bool = False) -> dict[str, Any]:
    """Milliseconds per dyed frame of the embedded faces and of the published sizes.

    Medians over batches of six, by part: generator, hair map, dyeing ("ombre", with the conversion
    to pixels) and, of the embedded faces, JPEG encoding. The networks of the published sizes get
    random weights, whose speed is that of the published ones; beside the fast path that this
    machine runs stands the float32 reference, which parity tests use, measured in the same run in
    turns with it. `ratio` is reference / fast. layers: adds a row per generator layer.

    Raises:
        ModelFileError: if the embedded face models are missing or do not fit.
    """
    if settings.threads:
        torch.set_num_threads(settings.threads)
    compute = choose_compute()
    full = FullFrames(compute)
    lite = _lite_parts(settings.models_dir)
    fast, reference = full.measured()
    result: dict[str, Any] = {
        "bench": "face",
        "lite_ms_per_frame": lite,
        "full_ms_per_frame": fast,
        "full_reference_ms_per_frame": reference,
        "ratio": round(reference["total"] / fast["total"], 2),
        "mean_difference": full.difference(),
        "device": compute.device.type,
        "dtype": str(compute.dtype).removeprefix("torch."),
        "reason": compute.reason,
        "compiled": load_kernels() is not None,
        "threads": torch.get_num_threads(),
    }
    if layers:
        result["layers"] = full.layers()
    return result


def _lite_parts(models_dir: Path) -> dict[str, float]:
    """Milliseconds per frame by part, over consecutive batches after one of warm-up."""
    pipeline = FacePipeline(models_dir)
    face, hair = pipeline.face_numbers()[0], HairStyle("cycle")
    expressions = [BASE] * FACE_BATCH
    rows = []
    for _ in range(LITE_BATCHES + 1):
        frames = pipeline.render(face, expressions, hair)
        spent = pipeline.timings
        started = time.perf_counter()
        for frame in frames:
            encode_jpeg(frame)
        jpeg_ms = 1000 * (time.perf_counter() - started) / FACE_BATCH
        rows.append((spent.generator_ms, spent.hair_ms, spent.ombre_ms, jpeg_ms))
    return _medians(("generator", "hair", "ombre", "jpeg"), rows[1:])


class FullFrames:
    """The networks of the published v8 faces with random weights, fast and as the reference."""

    def __init__(self, compute: Compute) -> None:
        torch.manual_seed(0)
        generator = Generator(GeneratorConfig(LABEL_SIZES["v8"]))
        for module in generator.modules():
            if isinstance(
                module, FixedNoise
            ):  # new ones are silent and skipped, published ones not
                module.weight.data.normal_(std=0.1)
        hair = EffiSegNet().freeze(torch.float32)
        self.reference, self.reference_hair = generator.freeze(), hair
        # copies: on an accelerator the fast forms move what they are given
        self.fast: Synthesis = fast_synthesis(copy.deepcopy(generator), compute)
        self.fast_hair = fast_hair(copy.deepcopy(hair), compute)
        self.latents = torch.randn(FACE_BATCH, LATENT_SIZE)
        self.styles = self.fast.styles(self.latents)

    @torch.inference_mode()
    def measured(self) -> tuple[dict[str, float], dict[str, float]]:
        """Milliseconds per frame by part: of the fast path and of the reference."""
        fast, reference = [], []
        for _ in range(FULL_BATCHES + 1):
            fast.append(self._fast_batch())
            reference.append(self._reference_batch())
        names = ("generator", "hair", "ombre")
        return _medians(names, fast[1:]), _medians(names, reference[1:])

    def _fast_batch(self) -> tuple[float, ...]:
        def dye(frame: NDArray[np.uint8], mask: NDArray[np.float32]) -> None:
            dye_frame(frame, mask, *OMBRE)

        return _laps(lambda: self.fast.picture(self.styles), self.fast_hair, dye)

    def _reference_batch(self) -> tuple[float, ...]:
        def dye(frame: NDArray[np.uint8], mask: NDArray[np.float32]) -> None:
            frame[:] = np.round(apply_ombre(frame, mask, *OMBRE)).astype(np.uint8)

        return _laps(lambda: self.reference.synthesis(self.latents), self.reference_hair, dye)

    @torch.inference_mode()
    def difference(self) -> float:
        """Mean absolute difference of fast and reference picture, as a share of the range."""
        wanted = self.reference.synthesis(self.latents[:1])
        made = self.fast.picture(self.styles[:1])
        reach = wanted.max() - wanted.min()
        return float(f"{((made - wanted).abs().mean() / reach).item():.1e}")

    @torch.inference_mode()
    def layers(self) -> list[dict[str, Any]]:
        """One row per convolution: ms per frame, its work as executed, and the plain one's."""
        if not isinstance(self.fast, NativeSynthesis):
            return []
        spent: dict[str, list[float]] = {step.name: [] for step in self.fast.steps}
        for _ in range(FULL_BATCHES + 1):
            self.fast.spent = dict.fromkeys(spent, 0.0)
            self.fast.picture(self.styles)
            for name, seconds in self.fast.spent.items():
                spent[name].append(1000 * seconds / FACE_BATCH)
        rows = []
        for step in self.fast.steps:
            ms = statistics.median(spent[step.name][1:])
            row = {"layer": step.name, "kind": step.kind, "ms": round(ms, 2)}
            gflop = step.multiplications() * 2e-9
            row |= {"gflop": round(gflop, 2), "gflops": round(gflop / ms * 1000)}
            rows.append(row | {"plain_gflop": round(step.plain_multiplications() * 2e-9, 2)})
        return rows


def _laps(
    draw: Callable[[], Tensor],
    hair: Callable[[Tensor], Tensor],
    dye: Callable[[NDArray[np.uint8], NDArray[np.float32]], None],
) -> tuple[float, ...]:
    """Milliseconds per frame of the three parts of one batch: pictures, hair maps, dyeing."""
    times = [time.perf_counter()]
    images = draw().clamp_(-1, 1)
    times.append(time.perf_counter())
    masks = hair(images)[:, 0].numpy()
    times.append(time.perf_counter())
    for frame, mask in zip(to_pixels(images), masks, strict=True):
        dye(frame, _full_mask(mask))
    times.append(time.perf_counter())
    return tuple(1000 * (end - start) / FACE_BATCH for start, end in pairwise(times))


def _full_mask(mask: NDArray[np.float32]) -> NDArray[np.float32]:
    """Random weights find no hair; a full mask makes the dyeing cost what it does with hair."""
    return np.ones_like(mask)


def _medians(names: Sequence[str], rows: Sequence[Sequence[float]]) -> dict[str, float]:
    """By name, and in total, the medians over rows of milliseconds."""
    medians = {
        name: round(statistics.median(column), 2)
        for name, column in zip(names, zip(*rows, strict=True), strict=True)
    }
    return medians | {"total": round(statistics.median(sum(row) for row in rows), 2)}
