"""From expressions to frames: generator, hair segmentation and ombre dyeing in one place.

Knows models and pictures; nothing of users or pages, and of time only the hair's phase.
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import cast

import cv2
import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from ohlora_core.face.animation import Expression
from ohlora_core.face.compute import Compute, choose_compute
from ohlora_core.face.hair_inference import fast_hair
from ohlora_core.face.hairstyle import HAIR_PERIOD_FRAMES, HairStyle, wall_clock_phase
from ohlora_core.face.inference import fast_synthesis
from ohlora_core.face.loop import make_loop, rest
from ohlora_core.face.ombre import SIZE, dye_frame
from ohlora_core.face.published import load_face_models
from ohlora_core.face.vectors import Face, weights

logger = logging.getLogger(__name__)

BATCH_FRAMES = 6
Ombre = tuple[float, float, float]


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


def encode_jpeg(frame: NDArray[np.uint8], quality: int = 80) -> bytes:
    """JPEG file of a frame [h, w, 3] uint8 RGB. quality: 1..95."""
    done, data = cv2.imencode(
        ".jpg", cv2.cvtColor(frame, cv2.COLOR_RGB2BGR), [cv2.IMWRITE_JPEG_QUALITY, quality]
    )
    if not done:
        raise ValueError(f"not a frame that JPEG can hold: {frame.shape} {frame.dtype}")
    return data.tobytes()


def to_pixels(images: Tensor) -> NDArray[np.uint8]:
    """Pictures [n, 3, h, w] in -1..1, which are overwritten, to frames [n, h, w, 3] uint8 RGB."""
    values = images.add_(1).mul_(127.5).round_()
    count, channels, height, width = values.shape
    pixels = torch.empty(count, height, width, channels, dtype=torch.uint8)
    return pixels.copy_(values.permute(0, 2, 3, 1)).numpy()


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

    models_dir: the folder that holds `face/` of the embedded models. family: "lite", "v7" or "v8".
    downloads_dir: the folder of the published models (layout in `published`), only for those two.
    Raises ModelFileError when a file does not fit, MissingModelError when a published one is
    absent.
    """

    models_dir: Path
    family: str = "lite"
    downloads_dir: Path | None = None
    timings: Timings = field(default_factory=Timings, init=False)

    def __post_init__(self) -> None:
        self.compute: Compute = choose_compute()
        logger.info("face: %s", self.compute.reason)
        models_dir = Path(self.models_dir)
        downloads_dir = Path(self.downloads_dir or models_dir)
        models = load_face_models(self.family, models_dir, downloads_dir, self.compute)
        self.generator, self.faces = models.generator, models.faces
        self.fingerprint = models.fingerprint
        self.synthesis = fast_synthesis(models.generator, self.compute)
        self.hair = fast_hair(models.hair, self.compute)
        self._styles: dict[int, tuple[Tensor, Tensor]] = {}
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
        self._count("generator_ms", started)
        started = time.perf_counter()
        dyed = style.mode != "natural"
        masks = self.hair(images)[:, 0].numpy() if dyed else None
        self._count("hair_ms", started)
        started = time.perf_counter()
        pixels = to_pixels(images)
        if self.family == "lite":
            repeat_border(pixels)
        if masks is not None:
            for frame, mask, phase in zip(pixels, masks, phases, strict=True):
                dye_frame(frame, mask, *cast(Ombre, style.ombre(phase)))
        self._count("ombre_ms", started)
        return pixels

    def images(self, face: Face, expressions: list[Expression]) -> Tensor:
        """[n, 3, 256, 256] in -1..1, before the hair is dyed."""
        if face.number not in self._styles:
            self._styles[face.number] = self._face_styles(face)
        neutral, moves = self._styles[face.number]
        styles = neutral + torch.from_numpy(weights(expressions)) @ moves
        return self.synthesis.picture(styles).clamp_(-1, 1)

    def _face_styles(self, face: Face) -> tuple[Tensor, Tensor]:
        """Styles of the neutral face [1, n], and what each property vector adds to them [3, n]."""
        z, label = torch.from_numpy(face.z)[None], torch.from_numpy(face.label)[None]
        w = self.generator.mapping(z, label)
        neutral = self.synthesis.styles(w)
        return neutral, self.synthesis.styles(w + torch.from_numpy(face.vectors)) - neutral

    def _count(self, name: str, started: float) -> None:
        spent = (time.perf_counter() - started) * 1000 / max(self.timings.frames, 1)
        setattr(self.timings, name, getattr(self.timings, name) + spent)

    def idle_loop(
        self, face: int, hair: HairStyle | None, cache_dir: Path, pause: Callable[[], None] = rest
    ) -> Path:
        """The resting face as a seamless animated WebP, made once and kept in cache_dir.

        pause: called after each part, so that others can render.
        """
        return make_loop(self, face, hair or HairStyle("natural"), Path(cache_dir), pause=pause)
