"""Small pictures of the faces for the gallery, each made once and kept on disk.

Knows frames and files; the renderer is given.
"""

from __future__ import annotations

import hashlib
import os
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

from PIL import Image

from ohlora_core.face.animation import Expression
from ohlora_core.face.hairstyle import HairStyle

if TYPE_CHECKING:
    from ohlora_core.face.loop import Renderer

__all__ = ["make_thumbnail", "thumbnail_path"]

SIZE_PX = 160
"""Twice the size on the page, for sharp screens."""
QUALITY = 82
PORTRAIT = Expression(eyes=0.0, mouth=0.8, pose=0.0)
"""A little more awake than at rest."""


def thumbnail_path(renderer: Renderer, face: int, cache_dir: Path) -> Path:
    """Where the thumbnail of this face and model is kept."""
    setting = f"{renderer.fingerprint} {face} {PORTRAIT} {SIZE_PX} {QUALITY}"
    digest = hashlib.sha256(setting.encode()).hexdigest()[:12]
    return cache_dir / f"thumb-{face}-{digest}.webp"


def make_thumbnail(renderer: Renderer, face: int, cache_dir: Path) -> Path:
    """Path of the thumbnail, rendered first if it is not in cache_dir yet.

    Natural hair, so that the gallery shows what tells the faces apart. Raises UnknownFaceError.
    """
    path = thumbnail_path(renderer, face, cache_dir)
    if path.is_file():
        return path
    frame = renderer.render(face, [PORTRAIT], HairStyle("natural"), [0.0])[0]
    picture = Image.fromarray(frame).resize((SIZE_PX, SIZE_PX), Image.Resampling.LANCZOS)
    cache_dir.mkdir(parents=True, exist_ok=True)
    # Written beside and moved, so that two processes never serve half a file.
    handle, partial = tempfile.mkstemp(suffix=".webp", dir=cache_dir)
    os.close(handle)
    picture.save(partial, "WEBP", quality=QUALITY, method=4)
    os.replace(partial, path)
    return path
