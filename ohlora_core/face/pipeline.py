"""From expressions to frames: generator, hair segmentation and ombre dyeing in one place.

Knows models and pictures; nothing of users or pages, and of time only the hair's phase.
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

import cv2
import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from ohlora_core.face.animation import Expression
from ohlora_core.face.generator import Generator, load_generator
from ohlora_core.face.hair import load_hair_student
from ohlora_core.face.hairstyle import HAIR_PERIOD_FRAMES, HairStyle, wall_clock_phase
from ohlora_core.face.loop import make_loop
from ohlora_core.face.ombre import SIZE, apply_ombre
from ohlora_core.face.vectors import Face, FaceBook, load_face_book, weights

logger = logging.getLogger(__name__)

BATCH_FRAMES = 6


@dataclass
class Timings:
    """Where the time of the last render went, in ms a frame."""

    generator_ms: float = 0.0
    hair_ms: float = 0.0
    ombre_ms: float = 0.0
    frames: int = 0

    @property
    def total_ms(self) -> float:
        """Generator, hair and ombre together."""
        return self.generator_ms + self.hair_ms + self.ombre_ms


@dataclass(frozen=True)
class Compute:
    """Number format of the networks and why it was chosen."""

    dtype: torch.dtype
    reason: str


def choose_compute() -> Compute:
    """bfloat16 where the processor multiplies it in hardware, else float32.

    Without such units bfloat16 is several times slower than float32. Features are channels-last
    either way.
    """
    capability = torch.backends.cpu.get_cpu_capability()
    if torch.cpu._is_amx_tile_supported():
        return Compute(torch.bfloat16, f"bfloat16: AMX matrix units ({capability})")
    if torch.cpu._is_avx512_bf16_supported():
        return Compute(torch.bfloat16, f"bfloat16: AVX512-BF16 ({capability})")
    return Compute(torch.float32, f"float32: no bfloat16 units in this processor ({capability})")


def encode_jpeg(frame: NDArray[np.uint8], quality: int = 80) -> bytes:
    """JPEG file of a frame [h, w, 3] uint8 RGB. quality: 1..95."""
    done, data = cv2.imencode(
        ".jpg", cv2.cvtColor(frame, cv2.COLOR_RGB2BGR), [cv2.IMWRITE_JPEG_QUALITY, quality]
    )
    if not done:
        raise ValueError(f"not a frame that JPEG can hold: {frame.shape} {frame.dtype}")
    return data.tobytes()


def repeat_border(pixels: NDArray[np.uint8], width: int = 2) -> None:
    """Overwrite the outermost pixels of [n, h, w, 3] with their neighbours, in place.

    Zero padding darkens them in the small generator, which shows as a thin frame on the page.
    """
    pixels[:, :width] = pixels[:, width : width + 1]
    pixels[:, -width:] = pixels[:, -width - 1 : -width]
    pixels[:, :, :width] = pixels[:, :, width : width + 1]
    pixels[:, :, -width:] = pixels[:, :, -width - 1 : -width]


@dataclass
class FacePipeline:
    """Renders frames of the offered faces. Thread-safe: one render at a time.

    models_dir: the folder that holds `face/`. family: "lite". Raises ModelFileError when a file
    is missing or does not fit.
    """

    models_dir: Path
    family: str = "lite"
    timings: Timings = field(default_factory=Timings, init=False)

    def __post_init__(self) -> None:
        if self.family != "lite":
            raise ValueError(f"face family {self.family!r} is not embedded; known: 'lite'")
        folder = Path(self.models_dir) / "face"
        self.compute = choose_compute()
        logger.info("face: %s", self.compute.reason)
        self.generator: Generator = load_generator(
            folder / "generator.safetensors", self.family, self.compute.dtype
        )
        self.hair = load_hair_student(folder / "hair.safetensors")
        self.faces: FaceBook = load_face_book(folder)
        # Weights have one place in the repository, so size and time of change tell versions apart.
        files = sorted(folder.glob("*.safetensors"))
        stamps = [(f.name, f.stat().st_size, f.stat().st_mtime_ns) for f in files]
        self.fingerprint = str(stamps)
        self._neutral: dict[int, Tensor] = {}
        self._lock = threading.Lock()

    def face_numbers(self) -> list[int]:
        """Numbers of the offered faces, ascending."""
        return self.faces.numbers()

    def render(
        self,
        face: int,
        expressions: Sequence[Expression],
        hair: HairStyle | None = None,
        phases: Sequence[float] | None = None,
    ) -> NDArray[np.uint8]:
        """Frames [n, 256, 256, 3] uint8 RGB.

        face: an offered number (else UnknownFaceError). expressions: one a frame. hair: None is
        natural. phases: hair phase of each frame, 0..1; by default consecutive frames from now on
        the wall clock. Raises ValueError when their number differs from that of the expressions.
        """
        style = hair or HairStyle("natural")
        known = self.faces[face]
        if phases is None:
            start = wall_clock_phase()
            phases = [(start + k / HAIR_PERIOD_FRAMES) % 1.0 for k in range(len(expressions))]
        if len(phases) != len(expressions):
            raise ValueError(f"{len(phases)} phases for {len(expressions)} expressions")
        frames = np.empty((len(expressions), SIZE, SIZE, 3), np.uint8)
        with self._lock, torch.inference_mode():
            self.timings = Timings(frames=len(expressions))
            for start_frame in range(0, len(expressions), BATCH_FRAMES):
                part = slice(start_frame, start_frame + BATCH_FRAMES)
                frames[part] = self._batch(known, expressions[part], style, phases[part])
        return frames

    def _batch(
        self,
        face: Face,
        expressions: Sequence[Expression],
        style: HairStyle,
        phases: Sequence[float],
    ) -> NDArray[np.uint8]:
        started = time.perf_counter()
        images = self.images(face, list(expressions))
        pixels = ((images + 1) * 127.5).round().byte().permute(0, 2, 3, 1).contiguous().numpy()
        repeat_border(pixels)
        self._count("generator_ms", started)
        if style.mode == "natural":
            return pixels
        started = time.perf_counter()
        masks = self.hair(images)[:, 0].numpy()
        self._count("hair_ms", started)
        started = time.perf_counter()
        for frame, mask, phase in zip(pixels, masks, phases, strict=True):
            ombre = style.ombre(phase)
            if ombre is not None:
                frame[:] = np.round(apply_ombre(frame, mask, *ombre)).astype(np.uint8)
        self._count("ombre_ms", started)
        return pixels

    def images(self, face: Face, expressions: list[Expression]) -> Tensor:
        """[n, 3, 256, 256] in -1..1, before the hair is dyed."""
        if face.number not in self._neutral:
            z, label = torch.from_numpy(face.z)[None], torch.from_numpy(face.label)[None]
            self._neutral[face.number] = self.generator.mapping(z, label)
        moves = torch.from_numpy(weights(expressions) @ face.vectors)
        return self.generator.synthesis(self._neutral[face.number] + moves).clamp_(-1, 1)

    def _count(self, name: str, started: float) -> None:
        spent = (time.perf_counter() - started) * 1000 / max(self.timings.frames, 1)
        setattr(self.timings, name, getattr(self.timings, name) + spent)

    def idle_loop(self, face: int, hair: HairStyle | None, cache_dir: Path) -> Path:
        """The resting face as a seamless animated WebP, made once and kept in cache_dir."""
        return make_loop(self, face, hair or HairStyle("natural"), Path(cache_dir))
