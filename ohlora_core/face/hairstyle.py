"""How the hair colour runs through the hues (design/system.md section 4).

Knows phases and the clock; nothing of pictures.
"""

from __future__ import annotations

import math
import time
from dataclasses import dataclass

from ohlora_core.face.animation import FPS

HAIR_PERIOD_FRAMES = 360
HAIR_MODES = ("cycle", "fixed", "natural")


@dataclass(frozen=True)
class HairStyle:
    """How the hair is dyed: "cycle" (hues run through), "fixed" (one hue, 0..1) or "natural"."""

    mode: str = "cycle"
    hue: float = 0.5

    def __post_init__(self) -> None:
        if self.mode not in HAIR_MODES:
            raise ValueError(f"hair mode must be one of {HAIR_MODES}, not {self.mode!r}")
        if not 0.0 <= self.hue <= 1.0:
            raise ValueError(f"hue must lie in 0..1, not {self.hue}")

    def ombre(self, phase: float) -> tuple[float, float, float] | None:
        """color, height and grad_height at a phase in 0..1, or None for natural hair."""
        if self.mode == "natural":
            return None
        if self.mode == "fixed":
            return self.hue, 0.6, 0.5
        height = 0.6 + 0.2 * math.cos(6 * math.pi * phase)
        grad_height = 0.5 + 0.2 * math.cos(8 * math.pi * phase)
        return phase, height, grad_height


def wall_clock_phase(at_s: float | None = None) -> float:
    """Phase of the hair colour, 0..1, at a time (seconds since the epoch; default now)."""
    seconds = time.time() if at_s is None else at_s
    return (seconds * FPS / HAIR_PERIOD_FRAMES) % 1.0
