"""The head that all layers of the portrait share: its turn by depth, and the tones of the skin.

Frontal x is given from the middle line (right positive), y as picture row; `Head.at` moves points
by their depth.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from ohlora_core.training.portrait_canvas import Points
from ohlora_core.training.portrait_identity import Color, mix, shade

WHITE: Color = (255.0, 255.0, 255.0)


class Head:
    """Head turn: moves frontal points sideways by their depth. pose -1..1, 0 frontal."""

    def __init__(self, pose: float) -> None:
        self.pose = pose

    def at(self, rows: Sequence[Sequence[float]] | Points, lift: float = 0.0) -> Points:
        """Points [n, 2] (x from the middle, row) on the head, `lift` pixels above the skin."""
        flat = np.asarray(rows, dtype=np.float64)
        x = flat[:, 0]
        depth = 5.0 + (10.8 + lift) * np.maximum(1.0 - (x / 62.0) ** 2, -0.25)
        out = flat.copy()
        out[:, 0] = 128.0 + x * (1.0 - 0.03 * self.pose**2) + self.pose * depth
        return out

    def one(self, x: float, y: float, lift: float = 0.0) -> tuple[float, float]:
        """One point."""
        row = self.at([[x, y]], lift)[0]
        return float(row[0]), float(row[1])

    def stretch(self, x: float) -> float:
        """Width factor of a small feature at x (the far side of a turned head is narrower)."""
        return 1.0 - 0.03 * self.pose**2 - self.pose * 20.0 * x / 62.0**2


def tones(skin: Color) -> tuple[Color, Color, Color]:
    """Light, shadow and deep shadow tones of a skin; the shadows are a cool pink."""
    return (
        mix(skin, (255.0, 250.0, 243.0), 0.6),
        shade(skin, 0.95, 0.80, 0.79),
        shade(skin, 0.82, 0.59, 0.60),
    )
