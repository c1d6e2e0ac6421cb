"""What surrounds the face: background, neck, shoulders, clothes, and the hair's shadow on it."""

from __future__ import annotations

import skia

from ohlora_core.training.portrait_canvas import Stage, linear, points, smooth
from ohlora_core.training.portrait_face import Head, tones
from ohlora_core.training.portrait_identity import Identity, mix, shade


def draw_background(stage: Stage, person: Identity) -> None:
    """A vertical run of two colours, a large soft light, and aurora bands."""
    paint = linear((0, 0), (0, 256), [(0, person.back_top, 1), (1, person.back_bottom, 1)])
    stage.canvas.drawRect(skia.Rect(0, 0, 256, 256), paint)
    stage.glow(person.glow_x, 60, 170, 130, person.glow, 0.55)
    if person.aurora > 0.0:
        for x, y, rx, ry, turn, share in (
            (10, 80, 62, 170, 20, 0.65),
            (62, 20, 40, 120, 26, 0.40),
            (200, 20, 50, 140, 22, 0.50),
            (250, 100, 56, 160, 16, 0.60),
        ):
            color = (
                mix(person.glow, (150, 255, 226), 0.6)
                if x < 128
                else mix(person.glow, (190, 160, 255), 0.6)
            )
            stage.glow(x, y, rx, ry, color, share * person.aurora, turn=turn)


def draw_body(stage: Stage, person: Identity, head: Head, mouth: float) -> None:
    """Neck, shoulders, shadow of the chin, clothes."""
    light, dark, deep = tones(person.skin)
    shift = head.pose * 5.0
    neck = smooth(
        points(
            [
                (100 + shift, 168),
                (156 + shift, 168),
                (155 + 0.6 * shift, 205),
                (158, 222),
                (186, 234),
                (232, 250),
                (250, 290),
                (6, 290),
                (24, 250),
                (70, 234),
                (98, 222),
                (101 + 0.6 * shift, 205),
            ]
        )
    )
    stage.fill(
        neck,
        linear(
            (0, 196),
            (0, 256),
            [
                (0, mix(dark, deep, 0.35), 1),
                (0.45, mix(person.skin, dark, 0.4), 1),
                (1, person.skin, 1),
            ],
        ),
        hair=False,
    )
    with stage.clipped(neck):
        x, _ = head.one(0, 205)
        stage.glow(x, 208 + 5 * mouth, 46, 22, deep, 0.75)
        for side in (-1.0, 1.0):
            stage.stroke(
                points([(128 + side * 9, 243), (128 + side * 24, 238), (128 + side * 46, 238)]),
                2.0,
                deep,
                0.30,
            )
    dip = 234.0 + 12.0 * (1.0 - person.neckline)
    wide = 40.0 + 22.0 * person.neckline
    depth = 246.0 + 8.0 * person.neckline
    cloth = smooth(
        points(
            [
                (128 - wide, dip - 4),
                (128 - 0.55 * wide, depth - 2),
                (128, depth + 2),
                (128 + 0.55 * wide, depth - 2),
                (128 + wide, dip - 4),
                (228, 246),
                (270, 266),
                (262, 300),
                (-6, 300),
                (-14, 266),
                (28, 246),
            ]
        )
    )
    base = person.clothes
    stage.fill(
        cloth,
        linear(
            (0, 230),
            (0, 262),
            [(0, mix(base, (255, 255, 255), 0.16), 1), (1, shade(base, 0.80, 0.78, 0.84), 1)],
        ),
        hair=False,
    )


def draw_hair_shadow(stage: Stage, person: Identity, head: Head, outline: skia.Path) -> None:
    """Soft shadow of the hair along the forehead and temples."""
    _, dark, deep = tones(person.skin)
    with stage.clipped(outline):
        x, _ = head.one(0, 58)
        stage.glow(x + 1, 52, 74, 34, deep, 0.55)
        for side in (-1.0, 1.0):
            x, y = head.one(side * 56, 112)
            stage.glow(x, y, 14, 62, deep, 0.42)
