"""The face at rest as a looping animated WebP, made once and kept on disk.

Knows frames and files; the renderer is given.
"""

from __future__ import annotations

import hashlib
import logging
import os
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Protocol

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from ohlora_core.face.animation import FPS, Expression, rest_animation
from ohlora_core.face.hairstyle import HAIR_PERIOD_FRAMES, HairStyle

logger = logging.getLogger(__name__)

LOOP_FRAMES = HAIR_PERIOD_FRAMES
"""One hair period (15 s) at 24 fps, so that the colours close too."""
STEP = 2
"""Every second frame is kept: 12 fps is enough at rest and halves the file."""
QUALITY = 72
PART = 6
PAUSE_S = 0.03
"""A loop is rendered in parts with a pause between them, so that a reply never waits long."""


class Renderer(Protocol):
    """What makes frames: the face pipeline, or a fake of it."""

    @property
    def fingerprint(self) -> str:
        """Changes whenever the pictures would."""

    def render(
        self,
        face: int,
        expressions: list[Expression],
        hair: HairStyle | None = None,
        phases: list[float] | None = None,
    ) -> NDArray[np.uint8]:
        """Frames [n, h, w, 3] uint8 RGB."""


def loop_path(renderer: Renderer, face: int, hair: HairStyle, cache_dir: Path) -> Path:
    """Where the loop of this face, hair and model is kept."""
    setting = f"{renderer.fingerprint} {face} {hair.mode} {hair.hue if hair.mode == 'fixed' else 0}"
    digest = hashlib.sha256(setting.encode()).hexdigest()[:12]
    return cache_dir / f"face-{face}-{hair.mode}-{digest}.webp"


def rest() -> None:
    """Leave the processor to others for a moment."""
    time.sleep(PAUSE_S)


def make_loop(
    renderer: Renderer,
    face: int,
    hair: HairStyle,
    cache_dir: Path,
    frames: int = LOOP_FRAMES,
    pause: Callable[[], None] = rest,
) -> Path:
    """Path of the loop, rendered first if it is not in cache_dir yet.

    Its frame k shows hair phase k/360 when the hair cycles; it starts and ends at the base
    expression and contains blinks. pause: called after each part. Raises UnknownFaceError.
    """
    path = loop_path(renderer, face, hair, cache_dir)
    if path.is_file():
        return path
    cache_dir.mkdir(parents=True, exist_ok=True)
    expressions = rest_animation(frames, seed=face)[::STEP]
    phases = [(k / HAIR_PERIOD_FRAMES) % 1.0 for k in range(0, frames, STEP)]
    images = []
    for start in range(0, len(expressions), PART):
        part = slice(start, start + PART)
        pictures = renderer.render(face, expressions[part], hair, phases[part])
        images += [Image.fromarray(picture) for picture in pictures]
        pause()
    # Written beside and moved, so that two processes never serve half a file.
    handle, partial = tempfile.mkstemp(suffix=".webp", dir=cache_dir)
    os.close(handle)
    images[0].save(
        partial,
        "WEBP",
        save_all=True,
        append_images=images[1:],
        duration=round(1000 * STEP / FPS),
        loop=0,
        quality=QUALITY,
        method=2,
    )
    os.replace(partial, path)
    logger.info("made %s (%.1f MiB)", path.name, path.stat().st_size / 2**20)
    return path
