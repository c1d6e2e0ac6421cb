"""What surrounds the face: background, neck, shoulders, clothes, and the hair's shadow on it."""

from __future__ import annotations

import numpy as np
import skia

from ohlora_core.training.portrait_canvas import Stage, linear, moved, points, resample, smooth
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
                mix(person.glow, (120, 246, 216), 0.72)
                if x < 128
                else mix(person.glow, (176, 140, 255), 0.72)
            )
            stage.glow(x, y, rx, ry, color, share * person.aurora, turn=turn)


def draw_body(stage: Stage, person: Identity, head: Head, mouth: float) -> None:
    """Neck, shoulders, shadow of the chin, clothes."""
    _, dark, deep = tones(person.skin)
    shift = head.pose * 5.0
    half = [
        (28.0, 168.0),
        (27.0, 203.0),
        (31.0, 218.0),
        (56.0, 229.0),
        (98.0, 242.0),
        (126.0, 262.0),
        (126.0, 290.0),
    ]
    rows = points([*half, *[(-x, y) for x, y in reversed(half)]])
    rows[:, 0] += 128.0 + shift * np.clip((216.0 - rows[:, 1]) / 48.0, 0.0, 1.0)
    neck = smooth(rows)
    stage.fill(
        neck,
        linear(
            (0, 196),
            (0, 256),
            [
                (0, mix(dark, deep, 0.35), 1),
                (0.5, mix(person.skin, dark, 0.35), 1),
                (1, person.skin, 1),
            ],
        ),
        hair=False,
    )
    with stage.clipped(neck):
        x, _ = head.one(0, 205)
        stage.glow(x, 208 + 5 * mouth, 46, 20, deep, 0.75)
        for side in (-1.0, 1.0):
            bone = points([(128 + side * 8, 238), (128 + side * 22, 232), (128 + side * 46, 232)])
            stage.stroke(bone, 2.2, deep, 0.26)
            stage.stroke(moved(bone, 0.0, 2.2), 1.8, (255, 250, 246), 0.30)
    _draw_clothes(stage, person)


def _draw_clothes(stage: Stage, person: Identity) -> None:
    """Knitwear with a band along the neckline."""
    wide = 36.0 + 20.0 * person.neckline
    side_row = 220.0 + 0.36 * (wide - 30.0)
    depth = 236.0 + 11.0 * person.neckline
    neckline = [(-wide, side_row), (-0.62 * wide, depth - 4.0), (0.0, depth + 2.0)]
    neckline += [(-x, y) for x, y in reversed(neckline[:-1])]
    shoulder = [(98.0, 239.0), (124.0, 256.0), (140.0, 300.0)]
    rows = points([*neckline, *shoulder, *[(-x, y) for x, y in reversed(shoulder)]])
    cloth = smooth(moved(rows, 128.0, 0.0))
    base = person.clothes
    bright, shadow = mix(base, (255, 255, 255), 0.22), shade(base, 0.74, 0.70, 0.80)
    stage.fill(
        cloth,
        linear((0, 222), (0, 264), [(0, bright, 1), (0.4, base, 1), (1, shadow, 1)]),
        hair=False,
    )
    with stage.clipped(cloth):
        for side in (-1.0, 1.0):
            stage.glow(128 + side * 78, 262, 20, 26, shadow, 0.75, turn=side * 24)
        around = points([(-98.0, 239.0), *neckline, (98.0, 239.0)])
        band = moved(resample(around, 25)[4:-4], 128.0, 0.0)
        stage.stroke(moved(band, 0.0, 2.0), 6.0, mix(base, bright, 0.7), 1.0, 1.0, 1.0)
        stage.stroke(moved(band, 0.0, 5.2), 1.2, shadow, 0.6, 1.0, 1.0)


def draw_hair_shadow(stage: Stage, person: Identity, head: Head, outline: skia.Path) -> None:
    """Soft shadow of the hair along the forehead and temples."""
    _, _, deep = tones(person.skin)
    with stage.clipped(outline):
        x, _ = head.one(0, 58)
        stage.glow(x + 1, 52, 74, 34, deep, 0.55)
        for side in (-1.0, 1.0):
            x, y = head.one(side * 56, 112)
            stage.glow(x, y, 14, 62, deep, 0.42)
