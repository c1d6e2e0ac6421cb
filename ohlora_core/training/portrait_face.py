"""Face layers of the portrait: head shape, skin and nose.

Knows nothing of hair and background. Coordinates as in `portrait_head`.
"""

from __future__ import annotations

import numpy as np
import skia

from ohlora_core.training.portrait_canvas import (
    Stage,
    argb,
    linear,
    points,
    smooth,
    solid,
)
from ohlora_core.training.portrait_head import WHITE, Head, tones
from ohlora_core.training.portrait_identity import Color, Identity, mix, shade

_BLUSH: Color = (252.0, 116.0, 116.0)
_NOSE_ROW = 153.0


def face_outline(person: Identity, head: Head, mouth: float) -> skia.Path:
    """Outline of the face; an open mouth lowers the chin."""
    w, jaw, drop = person.face_width, person.jaw, 5.0 * mouth
    half = [
        (30.0, 55.0),
        (49.0 * w, 72.0),
        (56.4 * w, 98.0),
        (57.6 * w, 124.0),
        ((52.8 + 1.4 * jaw) * w, 147.0 + 0.10 * drop),
        ((43.0 + 3.4 * jaw) * w, 167.0 + 0.3 * drop),
        ((28.2 + 4.4 * jaw) * w, 184.0 + 0.7 * drop),
        ((10.0 + 3.0 * jaw) * w, 196.8 + drop),
    ]
    rows = [(0.0, 48.0), *half, (0.0, 200.0 + drop), *[(-x, y) for x, y in reversed(half)]]
    shape = head.at(rows)
    # The far cheek of a turned head: brow bone in, cheek bone out.
    side = np.sign(shape[:, 0] - 128.0) * head.pose
    bump = np.exp(-(((shape[:, 1] - 150.0) / 18.0) ** 2)) - np.exp(
        -(((shape[:, 1] - 118.0) / 14.0) ** 2)
    )
    shape[:, 0] += 1.2 * head.pose * np.maximum(side, 0.0) * bump
    return smooth(shape)


def draw_head(stage: Stage, person: Identity, head: Head, mouth: float) -> skia.Path:
    """Ears and the shaded face without features; returns the face outline."""
    light, dark, deep = tones(person.skin)
    for side in (-1.0, 1.0):
        _draw_ear(stage, person, head, side)
    outline = face_outline(person, head, mouth)
    stage.fill(
        outline,
        linear(
            (92, 60),
            (150, 212),
            [
                (0.0, mix(person.skin, light, 0.65), 1),
                (0.55, mix(person.skin, light, 0.32), 1),
                (1.0, person.skin, 1),
            ],
        ),
        hair=False,
    )
    with stage.clipped(outline):
        _shade_edges(stage, head, 5.0 * mouth, dark, deep)
        _light_skin(stage, person, head, 5.0 * mouth)
    edge = skia.Paint(AntiAlias=True)
    edge.setShader(
        linear(
            (0, 110), (0, 205), [(0, deep, 0.25), (1, shade(deep, 0.9, 0.8, 0.8), 0.8)]
        ).getShader()
    )
    edge.setStyle(skia.Paint.kStroke_Style)
    edge.setStrokeWidth(1.0)
    stage.canvas.drawPath(outline, edge)
    return outline


def _draw_ear(stage: Stage, person: Identity, head: Head, side: float) -> None:
    """A small ear with a rosy hollow."""
    _, dark, deep = tones(person.skin)
    w = person.face_width
    rows = [(52, 118), (58, 112), (62.5, 117), (61.5, 129), (57.5, 139), (52, 141)]
    ear = head.at([(side * x * w, y) for x, y in rows], -8.0)
    stage.fill(smooth(ear), solid(mix(person.skin, dark, 0.4)), hair=False)
    hollow = head.at([(side * x * w, y) for x, y in ((59, 117), (59.5, 126), (56, 136))], -8.0)
    stage.stroke(hollow, 3.0, deep, 0.5)


def _shade_edges(stage: Stage, head: Head, drop: float, dark: Color, deep: Color) -> None:
    """Turn the form away at its rim: a hollow radial shade, heavier away from the light."""
    canvas = stage.canvas
    for dx, dy, rx, ry, color, alpha in (
        (-2.0, 122.0, 64.0, 86.0 + drop, dark, 0.85),
        (-9.0, 112.0, 78.0, 100.0 + drop, mix(dark, deep, 0.5), 0.75),
    ):
        x, _ = head.one(dx, dy)
        canvas.save()
        canvas.translate(x, dy)
        canvas.scale(rx, ry)
        stops = ((0.0, 0.0), (0.58, 0.0), (0.72, 0.10), (0.84, 0.34), (0.95, 0.78), (1.0, 1.0))
        paint = skia.Paint()
        paint.setShader(
            skia.GradientShader.MakeRadial(
                skia.Point(0, 0),
                1.0,
                [argb(color, alpha * a) for _, a in stops],
                [p for p, _ in stops],
            )
        )
        canvas.drawRect(skia.Rect(-2, -2, 2, 2), paint)
        canvas.restore()


def _light_skin(stage: Stage, person: Identity, head: Head, drop: float) -> None:
    """Blush over cheeks and nose, lit forehead, cheekbones and chin, bounce on the jaw."""
    light, dark, _ = tones(person.skin)
    x, y = head.one(-8, 82, 2)
    stage.glow(x, y, 44, 30, light, 0.75)
    for side in (-1.0, 1.0):
        narrow = head.stretch(side * 36)
        x, y = head.one(side * 37, 150)
        stage.glow(x, y, 25 * narrow, 16, _BLUSH, 0.36)
    x, y = head.one(0, 147, 3)
    stage.glow(x, y, 22, 10, _BLUSH, 0.16)
    for side, share in ((-1.0, 0.75), (1.0, 0.5)):
        x, y = head.one(side * 35, 142)
        stage.glow(x - 1.5, y, 9 * head.stretch(side * 34), 4.5, light, share, turn=-14 * side)
    x, y = head.one(-1, 193 + drop, 1)
    stage.glow(x, y - 1, 10, 5.5, light, 0.75)
    x, y = head.one(0, 184 + 0.8 * drop, 1)
    stage.glow(x, y + 1, 10, 3.4, dark, 0.5)


def draw_nose(stage: Stage, person: Identity, head: Head) -> None:
    """A tiny nose: one shaded side, a rosy tip with a light, soft nostrils."""
    light, dark, deep = tones(person.skin)
    tip = _NOSE_ROW
    x, y = head.one(7.5, 128, 2)
    stage.glow(x, y + 4, 6.5, 22, dark, 0.36)
    x, y = head.one(-8.0, 122, 2)
    stage.glow(x, y - 2, 6, 17, dark, 0.20)
    x, y = head.one(-0.6, 132, 4)
    stage.glow(x, y, 3.4, 20, light, 0.65)
    x, y = head.one(0.5, tip + 3.6, 5)
    stage.glow(x, y, 9.0, 4.2, deep, 0.40)
    stage.glow(x, y - 3, 9, 7, _BLUSH, 0.20)
    x, y = head.one(0, tip - 2.0, 7)
    stage.glow(x - 1.0, y - 1.0, 3.8, 3.8, WHITE, 0.70)
    line = shade(deep, 0.80, 0.58, 0.58)
    for side in (-1.0, 1.0):
        nostril = head.at(
            points([(side * 1.4, tip + 3.2), (side * 2.9, tip + 2.5), (side * 4.2, tip + 2.8)]), 5
        )
        stage.stroke(nostril, 1.5, line, 0.52, 0.2, 0.0, 0.5)
