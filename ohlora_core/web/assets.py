"""The static files of the page, each read once."""

from __future__ import annotations

from functools import cache
from pathlib import Path

__all__ = ["STATIC", "static_text"]

STATIC = Path(__file__).parent / "static"


@cache
def static_text(name: str) -> str:
    """The text of a script or style sheet of `static/`."""
    return (STATIC / name).read_text(encoding="utf-8")
