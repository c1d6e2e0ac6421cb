"""Who is drawn: the looks of one face as continuous numbers, and the fixed function z -> looks.

Every look is a smooth function of z (one fixed-seed unit direction per look, squashed by the normal
distribution function), so that a generator can learn it. Knows nothing of drawing.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import cache

import numpy as np
from numpy.typing import NDArray

Color = tuple[float, float, float]
"""Red, green, blue, each 0..255."""

Z_SIZE = 512
_DIRECTIONS = 48
_DIRECTION_SEED = 20031011

OFFERED_FACE_SEEDS: dict[int, int] = {
    1: 9957,  # Oh-LoRA: long dark-brown waves before an aurora
    2: 4339,  # long straight black hair with a fringe, pink
    3: 3413,  # long blonde waves, deep teal
    4: 488,  # short black bob, lavender
    5: 744,  # shoulder-length dark brown, side parting, cream
    6: 11165,  # auburn waves, blue grey
    7: 7297,  # ash beige with a fringe, pale blue
    8: 93,  # honey-coloured curly bob, dark green
    9: 1113,  # blue-black waves, night aurora
    10: 8458,  # long straight brown, tanned, warm yellow
}
"""Offered face number -> seed; z = default_rng(seed).standard_normal(512)."""

# Anchor colours, each ordered so that neighbours blend well.
_SKIN: list[Color] = [(255, 231, 218), (253, 223, 207), (248, 211, 191), (236, 194, 168)]
_HAIR: list[Color] = [
    (38, 34, 44),
    (54, 38, 36),
    (78, 50, 40),
    (112, 72, 50),
    (160, 112, 74),
    (206, 166, 118),
]
_IRIS: list[Color] = [(58, 38, 34), (92, 58, 42), (132, 88, 56), (112, 116, 104), (92, 118, 140)]


@dataclass(frozen=True)
class Identity:
    """The looks of one face. Lengths in pixels of a 256 px picture unless a line says otherwise."""

    face_width: float  # factor on the face's half width, about 0.94..1.05
    jaw: float  # 0 pointed chin .. 1 full jaw
    chin: float  # chin lower (+) or higher (-)
    skin: Color
    blush: float  # 0..1
    eye_size: float  # factor
    eye_height: float  # factor on the opening
    eye_tilt: float  # outer corner above the inner one
    eye_spacing: float  # from the middle line to the eye's centre
    iris: Color
    lash: float  # 0 natural .. 1 long
    brow_thickness: float
    brow_arch: float
    brow_lift: float
    nose_width: float  # factor
    nose_length: float  # tip lower (+)
    lip_fullness: float  # factor
    lip_width: float  # factor
    lips: Color
    hair: Color
    hair_end: float  # row of the lowest tips, about 186..246
    wave: float  # 0 straight .. 1 curly
    volume: float  # extra half width of the hair
    part: float  # where the hair parts, pixels right of the middle
    fringe: float  # 0 none .. 1 full see-through fringe
    clothes: Color
    neckline: float  # 0 high .. 1 wide
    back_top: Color
    back_bottom: Color
    glow: Color
    aurora: float  # strength of the light bands, 0..1
    glow_x: float
    light: float  # background brightness 0..1


@cache
def _directions() -> NDArray[np.float64]:
    """Orthonormal rows [_DIRECTIONS, 512]: one independent standard normal score per look."""
    noise = np.random.default_rng(_DIRECTION_SEED).standard_normal((Z_SIZE, _DIRECTIONS))
    basis, upper = np.linalg.qr(noise)
    return np.ascontiguousarray((basis * np.sign(np.diag(upper))).T)


def _uniform(score: float) -> float:
    """Standard normal score -> 0..1, uniformly spread."""
    return 0.5 * (1.0 + math.erf(score / math.sqrt(2.0)))


def _soft_step(x: float, edge: float, width: float) -> float:
    """0 below, 1 above the edge, smooth in between."""
    t = min(max((x - edge) / width + 0.5, 0.0), 1.0)
    return t * t * (3.0 - 2.0 * t)


def _blend(anchors: list[Color], t: float) -> Color:
    """Piecewise linear colour at t in 0..1 along the anchors."""
    place = min(max(t, 0.0), 1.0) * (len(anchors) - 1)
    index = min(int(place), len(anchors) - 2)
    return mix(anchors[index], anchors[index + 1], place - index)


def mix(a: Color, b: Color, t: float) -> Color:
    """Linear blend of two colours, t in 0..1."""
    return (a[0] + (b[0] - a[0]) * t, a[1] + (b[1] - a[1]) * t, a[2] + (b[2] - a[2]) * t)


def shade(color: Color, red: float, green: float, blue: float) -> Color:
    """The colour with its channels multiplied, clipped to 0..255."""
    return (
        min(max(color[0] * red, 0.0), 255.0),
        min(max(color[1] * green, 0.0), 255.0),
        min(max(color[2] * blue, 0.0), 255.0),
    )


def _hue(angle: float, saturation: float, value: float) -> Color:
    """A soft, periodic hue circle (radians), saturation and value 0..1."""
    channels = []
    for offset in (0.0, 2.0 * math.pi / 3.0, 4.0 * math.pi / 3.0):
        wave = 0.5 + 0.5 * math.cos(angle - offset)
        channels.append(255.0 * value * (1.0 - saturation * (1.0 - wave)))
    return (channels[0], channels[1], channels[2])


def _hair_color(tone: float, tint: float) -> Color:
    """Natural tones by lightness, tinted ash (tint near 0) or rose (tint near 1)."""
    base = _blend(_HAIR, tone)
    ash, rose = shade(base, 0.90, 0.98, 1.16), shade(base, 1.20, 0.86, 0.96)
    return (
        mix(ash, base, min(tint * 2.5, 1.0))
        if tint < 0.5
        else mix(base, rose, max(tint * 2.5 - 1.5, 0.0))
    )


def identity_from_z(z: NDArray[np.floating]) -> Identity:
    """Looks of the face that belongs to z.

    z: [512], standard normal. Raises ValueError for another shape.
    """
    vector = np.asarray(z, dtype=np.float64)
    if vector.shape != (Z_SIZE,):
        raise ValueError(f"z must have shape ({Z_SIZE},), not {vector.shape}")
    n = [float(v) for v in _directions() @ vector]
    u = [_uniform(v) for v in n]
    lightness = u[26]
    hue = math.atan2(n[27], n[28])
    saturation = 0.09 + 0.25 * u[29]
    value = 0.34 + 0.64 * lightness
    cloth_light = 0.28 + 0.70 * u[23]
    return Identity(
        face_width=0.945 + 0.105 * u[0],
        jaw=u[1],
        chin=-2.0 + 3.5 * u[2],
        skin=_blend(_SKIN, 0.9 * u[3] ** 1.2),
        blush=0.35 + 0.65 * u[4],
        eye_size=0.99 + 0.12 * u[5],
        eye_height=0.88 + 0.20 * u[6],
        eye_tilt=-2.0 + 4.2 * u[7],
        eye_spacing=28.2 + 2.2 * u[8],
        iris=_blend(_IRIS, 0.85 * u[9] ** 1.3),
        lash=u[10],
        brow_thickness=2.3 + 2.0 * u[11],
        brow_arch=0.2 + 2.0 * u[12],
        brow_lift=-1.2 + 2.6 * u[13],
        nose_width=0.9 + 0.22 * u[14],
        nose_length=-1.5 + 3.0 * u[15],
        lip_fullness=0.86 + 0.36 * u[16],
        lip_width=0.91 + 0.19 * u[17],
        lips=_blend([(222, 96, 104), (214, 84, 84), (226, 118, 108), (190, 66, 82)], u[18]),
        hair=_hair_color(0.04 + 0.92 * u[19] ** 1.25, u[20]),
        hair_end=188.0 + 58.0 * (1.0 - (1.0 - u[21]) ** 1.9),
        wave=_soft_step(u[22], 0.55, 0.8),
        volume=-3.0 + 8.0 * u[30],
        part=13.0 * math.tanh(1.2 * n[31]),
        fringe=_soft_step(u[32], 0.60, 0.45),
        clothes=mix(
            _hue(math.atan2(n[24], n[25]), 0.07 + 0.34 * u[33], cloth_light), (158, 144, 152), 0.22
        ),
        neckline=u[34],
        back_top=_hue(hue, saturation, value * 0.94),
        back_bottom=_hue(hue + 0.7 * math.tanh(n[36]), saturation * 0.9, min(value * 1.06, 1.0)),
        glow=_hue(hue - 0.8 * math.tanh(n[37]), 0.55 * saturation, min(value + 0.24, 1.0)),
        aurora=_soft_step(u[38], 0.66, 0.5),
        glow_x=128.0 + 70.0 * math.tanh(n[39]),
        light=lightness,
    )


def identity_of_seed(seed: int) -> Identity:
    """Looks of the face whose z is `default_rng(seed).standard_normal(512)`."""
    return identity_from_z(np.random.default_rng(seed).standard_normal(Z_SIZE))
