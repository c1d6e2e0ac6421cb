"""The static files of the page, read once."""

from __future__ import annotations

from functools import cache
from pathlib import Path

__all__ = ["STATIC", "script", "style"]

STATIC = Path(__file__).parent / "static"


@cache
def script(name: str) -> str:
    """The text of a script of `static/`, to run when a component loads."""
    return (STATIC / name).read_text(encoding="utf-8")


def style() -> str:
    """The style sheet."""
    return (STATIC / "style.css").read_text(encoding="utf-8")
