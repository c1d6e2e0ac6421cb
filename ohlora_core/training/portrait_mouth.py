"""Mouth layer of the portrait: lips, teeth and tongue from closed to wide open."""

from __future__ import annotations

import numpy as np
import skia
from numpy.typing import NDArray

from ohlora_core.training.portrait_canvas import Points, Stage, linear, smooth
from ohlora_core.training.portrait_face import WHITE, Head, tones
from ohlora_core.training.portrait_identity import Identity, mix, shade

MOUTH_ROW = 177.8
_LIP_X = np.array([1.0, 0.86, 0.52, 0.25, 0.0])


def _lip_rows(amount: float) -> NDArray[np.float64]:
    """Rows [4, 5] of outer upper, inner upper, inner lower, outer lower lip at `_LIP_X`."""
    shut = np.array(
        [
            [-1.6, -1.9, -3.1, -4.5, -3.4],
            [-1.6, -0.7, 0.3, 0.6, 1.0],
            [-1.6, -0.7, 0.3, 0.6, 1.0],
            [-1.6, 1.0, 4.8, 6.6, 7.2],
        ]
    )
    wide = np.array(
        [
            [-1.8, -3.6, -6.0, -7.1, -6.0],
            [-1.8, -2.3, -2.4, -2.4, -2.0],
            [-1.8, 4.6, 12.6, 15.4, 16.4],
            [-1.8, 6.6, 16.6, 20.0, 21.2],
        ]
    )
    return shut + (wide - shut) * amount


def draw_mouth(stage: Stage, person: Identity, head: Head, mouth: float) -> None:
    """Lips, teeth and tongue. mouth 0 closed with a slight smile .. 1 wide open, laughing."""
    _, dark, deep = tones(person.skin)
    amount = min(max(mouth, 0.0), 1.0)
    half = (15.6 + 3.2 * amount) * person.lip_width
    full = person.lip_fullness
    rows = _lip_rows(amount)
    rows[0] = rows[1] + (rows[0] - rows[1]) * full
    rows[3] = rows[2] + (rows[3] - rows[2]) * full
    x = _LIP_X * half

    def line(y: NDArray[np.float64]) -> Points:
        right = np.stack([x, y + MOUTH_ROW], axis=1)
        return head.at(np.vstack([right * (-1.0, 1.0), right[-2::-1]]), 1.0)

    top, inner_top, inner_low, low = (line(row) for row in rows)
    cx, _ = head.one(0, MOUTH_ROW, 1.0)
    stage.glow(cx, float(low[4, 1]) + 3.2, 12, 4.2, dark, 0.75)
    tint = mix(person.lips, person.skin, 0.14)
    if amount > 0.0:
        _draw_mouth_inside(stage, inner_top, inner_low, cx, half, amount)
    upper_lip = smooth(np.vstack([top[::-1]]), closed=False)
    upper_lip = smooth(inner_top, closed=False, onto=upper_lip)
    stage.canvas.drawPath(
        upper_lip,
        linear(
            (0, float(top[:, 1].min())),
            (0, float(inner_top[:, 1].max())),
            [(0, mix(tint, person.skin, 0.45), 1), (1, shade(tint, 0.90, 0.74, 0.78), 1)],
        ),
    )
    lower_lip = smooth(inner_low[::-1], closed=False)
    lower_lip = smooth(low, closed=False, onto=lower_lip)
    y0, y1 = float(inner_low[4, 1]), float(low[4, 1])
    stage.canvas.drawPath(
        lower_lip,
        linear(
            (0, y0 - 1.5),
            (0, y1),
            [
                (0, shade(tint, 0.92, 0.76, 0.80), 1),
                (0.45, mix(tint, (255, 190, 185), 0.22), 1),
                (1, mix(tint, person.skin, 0.45), 1),
            ],
        ),
    )
    stage.glow(cx - 2.0, y0 + 0.50 * (y1 - y0), 6.5, 1.7, WHITE, 0.62)
    stage.glow(cx - 3.0, float(top[3, 1]) + 1.4, 3.0, 1.0, WHITE, 0.30)
    # line between the lips, fading as they part; smiling corners
    seam = (118, 36, 46)
    stage.stroke(inner_top, 1.5, seam, 0.85 * (1.0 - 0.6 * amount), 0.4, 0.4)
    for side in (-1.0, 1.0):
        corner = head.at(
            [
                (side * (half - 1.2), MOUTH_ROW - 1.4),
                (side * (half + 1.0), MOUTH_ROW - 2.2),
                (side * (half + 2.0), MOUTH_ROW - 3.8),
            ],
            1.0,
        )
        stage.stroke(corner, 1.5, mix(deep, seam, 0.4), 0.7, 0.6, 0.0, 0.3)


def _draw_mouth_inside(
    stage: Stage, top: Points, low: Points, cx: float, half: float, amount: float
) -> None:
    """Dark cavity, upper teeth and tongue between the inner lip lines."""
    cavity = smooth(top, closed=False)
    cavity = smooth(low[::-1], closed=False, onto=cavity)
    cavity.close()
    y0, y1 = float(top[4, 1]), float(low[4, 1])
    stage.canvas.drawPath(
        cavity,
        linear((0, y0), (0, y1), [(0, (104, 26, 38), 1), (1, (146, 44, 54), 1)]),
    )
    with stage.clipped(cavity):
        ry = 0.52 * (y1 - y0)
        stage.canvas.drawOval(
            skia.Rect.MakeXYWH(cx - 0.62 * half, y1 - ry, 1.24 * half, 2.0 * ry),
            linear((0, y1 - ry), (0, y1), [(0, (238, 122, 122), 1), (1, (216, 88, 96), 1)]),
        )
        teeth = min(0.48 * (y1 - y0), 5.6)
        edge = np.stack([top[:, 0], top[:, 1] + teeth], axis=1)
        edge[:, 1] -= 0.35 * teeth * ((edge[:, 0] - cx) / half) ** 2
        row = smooth(top - (0.0, 3.0), closed=False)
        row = smooth(edge[::-1], closed=False, onto=row)
        stage.canvas.drawPath(
            row,
            linear(
                (0, y0),
                (0, y0 + teeth),
                [(0, (226, 212, 212), 1), (0.5, (255, 252, 250), 1), (1, (250, 244, 242), 1)],
            ),
        )
