"""Mouth layer of the portrait: lips, teeth and tongue from closed to wide open."""

from __future__ import annotations

import numpy as np
import skia
from numpy.typing import NDArray

from ohlora_core.training.portrait_canvas import Points, Stage, linear, resample, smooth
from ohlora_core.training.portrait_head import WHITE, Head, tones
from ohlora_core.training.portrait_identity import Color, Identity, mix, shade

MOUTH_ROW = 174.0
_SEAM: Color = (126.0, 40.0, 52.0)
_LIP_X = np.array([1.0, 0.80, 0.50, 0.22, 0.0])

# Rows of outer upper, inner upper, inner lower, outer lower lip at `_LIP_X`, corner to middle.
_SHUT = np.array(
    [
        [-3.4, -2.7, -2.6, -3.3, -2.7],
        [-3.4, -1.4, 0.5, 0.9, 1.3],
        [-3.4, -1.4, 0.5, 0.9, 1.3],
        [-3.4, 0.2, 3.9, 5.5, 6.0],
    ]
)
_WIDE = np.array(
    [
        [-5.0, -4.9, -4.6, -4.6, -3.8],
        [-5.0, -3.8, -2.2, -1.4, -1.0],
        [-5.0, 5.6, 12.2, 14.5, 15.0],
        [-5.0, 7.6, 14.8, 17.3, 17.9],
    ]
)


def draw_mouth(stage: Stage, person: Identity, head: Head, mouth: float) -> None:
    """Lips, teeth and tongue. mouth 0 closed with a slight smile .. 1 wide open, laughing."""
    _, dark, deep = tones(person.skin)
    amount = min(max(mouth, 0.0), 1.0)
    half = 12.6 + 4.6 * amount
    rows: NDArray[np.float64] = _SHUT + (_WIDE - _SHUT) * amount
    rows[0] = rows[1] + (rows[0] - rows[1]) * person.lip_fullness
    rows[3] = rows[2] + (rows[3] - rows[2]) * person.lip_fullness
    x = _LIP_X * half

    def line(y: NDArray[np.float64]) -> Points:
        right = np.stack([x, y + MOUTH_ROW], axis=1)
        return head.at(np.vstack([right * (-1.0, 1.0), right[-2::-1]]), 1.0)

    top, inner_top, inner_low, low = (line(row) for row in rows)
    cx, _ = head.one(0, MOUTH_ROW, 1.0)
    stage.glow(cx, float(low[4, 1]) + 2.6, 11, 4.0, dark, 0.85)
    stage.glow(cx, MOUTH_ROW, 1.35 * half, 8.0, person.lips, 0.16)
    if amount > 0.0:
        _draw_mouth_inside(stage, inner_top, inner_low, cx, half, amount)
    _draw_lips(stage, person, (top, inner_top, inner_low, low), cx)
    stage.stroke(inner_top, 1.7, _SEAM, 0.90 - 0.25 * amount, 0.35, 0.35)
    if amount > 0.0:
        stage.stroke(inner_low[1:-1], 1.0, _SEAM, 0.35 * amount, 0.4, 0.4)
    for side in (-1.0, 1.0):
        x0, y0 = head.one(side * (half + 1.0), MOUTH_ROW + rows[1, 0] + 0.2, 1.0)
        stage.glow(x0, y0, 2.6, 2.0, mix(deep, _SEAM, 0.4), 0.45)
        stage.glow(x0 + side, y0 + 0.5, 5.0, 4.4, dark, 0.45)


def _draw_lips(
    stage: Stage, person: Identity, lines: tuple[Points, Points, Points, Points], cx: float
) -> None:
    """Both lips, strong at the seam and melting into the skin, with a gloss."""
    top, inner_top, inner_low, low = lines
    tint = mix(person.lips, (248, 138, 146), 0.34)
    upper = smooth(top, closed=False)
    upper = smooth(inner_top[::-1], closed=False, onto=upper)
    strong = shade(tint, 0.94, 0.78, 0.82)
    y0, y1 = float(top[:, 1].min()), float(inner_top[:, 1].max())
    stage.canvas.drawPath(
        upper, linear((0, y0), (0, y1), [(0, tint, 0.35), (0.6, tint, 0.9), (1, strong, 1)])
    )
    lower = smooth(inner_low[::-1], closed=False)
    lower = smooth(low, closed=False, onto=lower)
    y0, y1 = float(inner_low[4, 1]), float(low[4, 1])
    stage.canvas.drawPath(
        lower,
        linear(
            (0, y0 - 1.0),
            (0, y1),
            [
                (0, strong, 1),
                (0.4, mix(tint, (255, 170, 166), 0.35), 1),
                (0.8, tint, 0.85),
                (1, tint, 0.5),
            ],
        ),
    )
    stage.glow(cx - 1.6, y0 + 0.50 * (y1 - y0), 5.6, 1.5, WHITE, 0.80)
    stage.glow(cx - 2.6, float(top[3, 1]) + 1.2, 2.6, 0.9, WHITE, 0.40)


def _draw_mouth_inside(
    stage: Stage, top: Points, low: Points, cx: float, half: float, amount: float
) -> None:
    """Dark warm cavity, tongue, and a soft row of upper teeth between the inner lip lines."""
    cavity = smooth(top, closed=False)
    cavity = smooth(low[::-1], closed=False, onto=cavity)
    cavity.close()
    y0, y1 = float(top[4, 1]), float(low[4, 1])
    high = y1 - y0
    stage.canvas.drawPath(
        cavity, linear((0, y0), (0, y1), [(0, (110, 30, 44), 1), (1, (160, 54, 64), 1)])
    )
    with stage.clipped(cavity):
        ry = 0.46 * high
        stage.canvas.drawOval(
            skia.Rect.MakeXYWH(cx - 0.60 * half, y1 - ry, 1.20 * half, 2.0 * ry),
            linear((0, y1 - ry), (0, y1), [(0, (238, 124, 126), 1), (1, (222, 96, 104), 1)]),
        )
        stage.glow(cx - 1, y1 - 0.66 * ry, 0.3 * half, 0.22 * ry, (255, 190, 186), 0.6)
        teeth = min(0.42 * high, 5.2)
        dense = resample(top, 17)
        edge = dense.copy()
        edge[:, 1] += teeth * (1.0 - 0.70 * ((dense[:, 0] - cx) / half) ** 2)
        row = smooth(dense - (0.0, 3.0), closed=False)
        row = smooth(edge[::-1], closed=False, onto=row)
        stage.canvas.drawPath(
            row,
            linear(
                (0, y0 - 1.0),
                (0, y0 + teeth),
                [(0, (240, 224, 224), 1), (0.4, (255, 251, 249), 1), (1, (250, 243, 242), 1)],
            ),
        )
