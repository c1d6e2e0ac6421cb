"""What surrounds the face: backdrop, neck and shoulders, the hair's shadow on skin, last light.

Knows nothing of faces beyond where the head turns; clothes are in `portrait_clothes`.
"""

from __future__ import annotations

from functools import cache

import cv2
import numpy as np
import skia
from numpy.typing import NDArray

from ohlora_core.training.portrait_canvas import Stage, argb, linear, moved, points, smooth
from ohlora_core.training.portrait_clothes import draw_clothes
from ohlora_core.training.portrait_head import Head
from ohlora_core.training.portrait_identity import Color, Identity, mix, shade

Field = NDArray[np.floating]
_COARSE = 96  # side of the colour field behind the figure, enlarged smoothly
_WHITE: Color = (255.0, 255.0, 255.0)

# Soft discs x, y, radius, opacity and stars x, y, radius: around the figure, never behind the face.
_DISCS = (
    (22, 40, 21, 0.34),
    (54, 16, 12, 0.26),
    (8, 96, 14, 0.30),
    (32, 128, 10, 0.24),
    (14, 178, 20, 0.22),
    (206, 22, 16, 0.32),
    (240, 56, 23, 0.30),
    (222, 104, 11, 0.28),
    (246, 140, 16, 0.24),
    (228, 190, 13, 0.20),
    (92, 8, 8, 0.20),
)
# Clouds x, y, half widths and opacity, in shares of the picture.
_CLOUDS = (
    (0.00, 0.30, 0.20, 0.09, 0.85),
    (0.13, 0.32, 0.16, 0.06, 0.70),
    (0.24, 0.14, 0.20, 0.03, 0.45),
    (1.00, 0.24, 0.22, 0.08, 0.80),
    (0.86, 0.26, 0.16, 0.05, 0.70),
    (0.72, 0.10, 0.18, 0.03, 0.45),
    (1.00, 0.58, 0.24, 0.10, 0.85),
    (0.84, 0.60, 0.18, 0.05, 0.65),
    (0.04, 0.78, 0.26, 0.10, 0.60),
)
_STARS = (
    (18, 22, 2.6),
    (42, 58, 1.8),
    (10, 96, 2.0),
    (228, 16, 2.4),
    (204, 40, 1.7),
    (246, 84, 2.2),
)


@cache
def _grid(side: int) -> tuple[Field, Field]:
    """x and y of a square's cells, 0..1."""
    line = (np.arange(side, dtype=np.float32) + 0.5) / side
    x, y = np.meshgrid(line, line)
    return x, y


def _bump(value: Field, centre: float, width: float) -> Field:
    return np.asarray(np.exp(-(((value - centre) / width) ** 2)), dtype=np.float32)


def _rise(value: Field) -> Field:
    """0 below 0, 1 above 1, smooth in between."""
    t = np.clip(value, 0.0, 1.0)
    return np.asarray(t * t * (3.0 - 2.0 * t), dtype=np.float32)


@cache
def _maps() -> dict[str, Field]:
    """Where the lights of the backdrops are, [n, n] each: the same for everybody."""
    x, y = _grid(_COARSE)
    slant = x + 0.55 * y
    pane = np.zeros_like(slant)
    for start in (0.10, 0.36, 1.02, 1.26):
        pane += _rise((slant - start) / 0.05) * _rise((start + 0.19 - slant) / 0.05)
    bar = 1.0 - 0.75 * (_bump(y - 0.42 * x, 0.22, 0.022) + _bump(y - 0.42 * x, -0.14, 0.022))
    clear = np.ones_like(x)
    for cx, cy, rx, ry, share in _CLOUDS:  # flat below, round above
        lift = (y - cy) / np.where(y > cy, 0.4 * ry, ry)
        clear *= 1.0 - share * np.exp(-((((x - cx) / rx) ** 2 + lift**2) ** 1.5))
    veil = 0.34 + 0.92 * np.sqrt((x - 0.55) ** 2 + 0.02) + 0.03 * np.sin(11.0 * x + 0.6)
    drape = 0.62 - 0.92 * np.sqrt((x - 0.46) ** 2 + 0.02) + 0.03 * np.sin(12.0 * x + 2.4)
    near = _curtain(x, y, veil, 0.30, 34.0, 0.3)
    far = _curtain(x, y, drape, 0.30, 40.0, 1.9)
    return {
        "down": y,
        "halo": np.exp(-(((x - 0.46) / 0.50) ** 2) - ((y - 0.36) / 0.46) ** 2),
        "pane": np.asarray(pane * bar * _rise(1.25 - y), dtype=np.float32),
        "cloud": 1.0 - clear,
        "sun": np.exp(-(((x - 0.10) / 0.30) ** 2) - ((y - 0.66) / 0.24) ** 2),
        "near": near,
        "far": far,
    }


def _curtain(x: Field, y: Field, edge: Field, height: float, rays: float, phase: float) -> Field:
    """A curtain of northern light: bright along its lower edge, fading upwards, in soft folds."""
    above = edge - y
    body = _rise((above + 0.05) / 0.10) * (
        0.75 * np.exp(-np.maximum(above, 0.0) / height)
        + 0.45 * np.exp(-np.maximum(above, 0.0) / (0.22 * height))
    )
    folds = 0.66 + 0.34 * np.sin(rays * x + 2.2 * np.sin(4.0 * x) + phase)
    return np.asarray(body * folds, dtype=np.float32)


def _lay(field: Field, where: Field, color: Color, strength: float) -> Field:
    """The field blended towards a colour."""
    share = (strength * where)[:, :, None]
    return np.asarray(field + (np.array(color, dtype=np.float32) - field) * share, np.float32)


def _shine(field: Field, where: Field, color: Color, strength: float) -> Field:
    """The field with light of a colour added, as on a screen."""
    light = np.array(color, dtype=np.float32) * ((strength / 255.0) * where)[:, :, None]
    return np.asarray(field + (255.0 - field) * light, np.float32)


def draw_background(stage: Stage, person: Identity) -> None:
    """Window light, bokeh, sunset clouds or northern lights over a soft run of two colours."""
    window, bokeh, sunset, aurora = (max(0.0, 1.0 - abs(person.backdrop - k)) for k in range(4))
    maps = _maps()
    plain = np.empty((_COARSE, _COARSE, 3), dtype=np.float32)
    plain[:] = np.array(person.back_top, dtype=np.float32)
    field = _lay(plain, _rise(maps["down"] * 1.15), person.back_bottom, 1.0)
    field = _lay(field, maps["halo"], person.glow, 0.20 + 0.22 * bokeh)
    if window > 0.0:
        field = _lay(field, maps["pane"], person.glow, 0.85 * window)
    if sunset > 0.0:
        field = _lay(field, maps["sun"], person.glow, 0.90 * sunset)
        field = _lay(field, maps["cloud"], mix(person.glow, (255, 186, 190), 0.40), 0.62 * sunset)
    if aurora > 0.0:
        cold = mix(person.glow, (60, 255, 196), 0.60)
        warm = mix(person.glow, (176, 96, 255), 0.70)
        field = _shine(field, maps["far"], warm, 0.95 * aurora)
        field = _shine(field, maps["near"], cold, 1.0 * aurora)
    stage.spread(field)
    if bokeh > 0.0:
        for x, y, radius, alpha in _DISCS:
            _draw_disc(stage, x, y, radius, mix(person.glow, _WHITE, 0.35), alpha * bokeh)
    if aurora > 0.0:
        for star_x, star_y, size in _STARS:
            stage.glow(star_x, star_y, 1.5 * size, 1.5 * size, (236, 244, 255), 0.95 * aurora)


def _draw_disc(stage: Stage, x: float, y: float, radius: float, color: Color, alpha: float) -> None:
    """An out-of-focus light: an even disc with a slightly brighter, soft edge."""
    paint = skia.Paint(AntiAlias=True)
    paint.setShader(
        skia.GradientShader.MakeRadial(
            skia.Point(x, y),
            radius,
            [argb(color, alpha * share) for share in (0.62, 0.74, 1.0, 0.0)],
            [0.0, 0.6, 0.88, 1.0],
        )
    )
    stage.canvas.drawCircle(x, y, radius, paint)


def draw_body(stage: Stage, person: Identity, head: Head, mouth: float) -> None:
    """Neck and shoulders with collar bones, the shadow of chin and hair on them, and clothes."""
    skin = person.skin
    lit = mix(skin, (255.0, 248.0, 240.0), 0.45)
    soft = mix(shade(skin, 0.95, 0.82, 0.82), (236, 150, 160), 0.12)
    deep = mix(shade(skin, 0.84, 0.64, 0.66), (190, 96, 120), 0.12)
    half = [
        (23.5, 170.0),
        (21.5, 192.0),
        (21.0, 206.0),
        (25.0, 216.0),
        (42.0, 224.5),
        (68.0, 231.0),
        (88.0, 241.0),
        (97.0, 256.0),
        (100.0, 275.0),
    ]
    rows = points([*half, *[(-x, y) for x, y in reversed(half)]])
    # The neck's top follows the head, the shoulders a little.
    follow = np.clip((222.0 - rows[:, 1]) / 40.0, 0.0, 1.0)
    inner = np.clip(1.6 - np.abs(rows[:, 0]) / 60.0, 0.0, 1.0)
    rows[:, 0] += 128.0 + head.pose * (2.0 * inner + 5.0 * follow)
    body = smooth(rows)
    stage.fill(
        body,
        linear((70, 190), (190, 262), [(0, lit, 1), (0.45, skin, 1), (1, mix(skin, soft, 0.7), 1)]),
        hair=False,
    )
    with stage.clipped(body):
        turn = 2.0 * head.pose
        x = 128.0 + 8.0 * head.pose
        # hair keeps light off the outer shoulders; tied hair less
        for side, share in ((-1.0, 0.55), (1.0, 0.80)):
            stage.glow(128 + side * 58, 232, 34, 30, soft, share * (1.0 - 0.6 * person.tied))
        for side in (-1.0, 1.0):  # neck muscles towards the notch, collar bones
            stage.stroke(
                points(
                    [
                        (x + side * 18, 204),
                        (128 + turn + side * 9, 226),
                        (128 + turn + side * 5, 236),
                    ]
                ),
                4.0,
                soft,
                0.34,
            )
            bone = points(
                [
                    (128 + turn + side * 7, 239.5),
                    (128 + turn + side * 22, 235),
                    (128 + turn + side * 52, 233),
                ]
            )
            stage.stroke(bone, 2.8, deep, 0.34, peak=0.3)
            stage.stroke(moved(bone, 0.0, -2.4), 2.6, lit, 0.75, peak=0.4)
        stage.glow(128 + turn, 238, 7, 5, deep, 0.26)
        stage.glow(128 + turn - 30, 243, 24, 8, lit, 0.55, turn=8)
        # The chin's shadow: one clear shape with a soft end, drawn towards the lower right.
        chin = 5.0 * mouth
        cast = [
            (-40.0, 166.0),
            (-26.0, 200.0 + chin),
            (-6.0, 213.5 + chin),
            (9.0, 216.5 + chin),
            (22.0, 210.0 + chin),
            (40.0, 166.0),
        ]
        knots = moved(points(cast), x, 0.0)
        stage.glow(x + 3, 208 + chin, 36, 24, deep, 0.50)
        stage.fill(
            smooth(knots),
            linear((0, 194), (0, 217 + chin), [(0, deep, 0.8), (0.6, deep, 0.45), (1, deep, 0.10)]),
        )
    draw_clothes(stage, person, 128.0 + 2.0 * head.pose)


def draw_hair_shadow(stage: Stage, person: Identity, head: Head, outline: skia.Path) -> None:
    """Soft, cool-pink shadow of fringe and side locks on forehead and cheeks."""
    deep = mix(shade(person.skin, 0.86, 0.66, 0.68), (196, 100, 124), 0.12)
    reach = 20.0 * person.fringe
    with stage.clipped(outline):
        x, _ = head.one(0.25 * person.part, 60)
        stage.glow(x + 2, 55 + 0.5 * reach, 70, 26 + 7.0 * person.bangs + reach, deep, 0.60)
        for side, share in ((-1.0, 0.42), (1.0, 0.58)):
            x, y = head.one(side * 58, 116)
            stage.glow(x, y, 15, 66, deep, share)


@cache
def _last_light(side: int) -> tuple[Field, Field, Field]:
    """Warm light from the upper left and the corners' dimming [n, n, 3], both as shares of each
    channel, and where hair meets the backdrop rather than the face [n, n]."""
    x, y = _grid(side)
    light = np.exp(-(((x - 0.12) / 0.62) ** 2) - ((y - 0.02) / 0.60) ** 2)
    corner = _rise((np.hypot(x - 0.5, 0.92 * (y - 0.46)) - 0.40) / 0.42)
    rise = _rise((0.88 - y) / 0.16)  # not on the tips over the clothes
    outside = rise - rise * np.exp(-((((x - 0.5) / 0.25) ** 2 + ((y - 0.54) / 0.30) ** 2) ** 2))
    return (
        light[:, :, None] * np.array([0.10, 0.092, 0.080], dtype=np.float32),
        1.0 - corner[:, :, None] * np.array([0.18, 0.20, 0.15], dtype=np.float32),
        outside,
    )


def finish(shown: Field, mask: Field, person: Identity) -> NDArray[np.uint8]:
    """Backlight along the hair's outline, warm light from the upper left, quiet corners.

    shown: RGB [n, n, 3], 0..255, overwritten. mask: hair [n, n] 0..1. Returns the finished
    picture.
    """
    side = len(shown)
    light, corner, outside = _last_light(side)
    reach = max(side // 42, 1) | 1
    around = cv2.blur(cv2.blur(mask, (reach, reach)), (reach, reach))
    rim = (0.50 * mask * (1.0 - around) * outside)[:, :, None]
    glow = np.array(mix(person.glow, (255, 240, 226), 0.25), dtype=np.float32)
    shown += (glow - shown) * rim
    shown += (255.0 - shown) * light
    shown *= corner
    return np.asarray(shown + 0.5, dtype=np.uint8)
