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
LOOKS = 30
"""How many independent looks (projections of z) a face has."""
_DIRECTION_SEED = 20031011

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
_IRIS: list[Color] = [(74, 44, 38), (128, 76, 46), (150, 116, 70), (84, 132, 120), (88, 120, 190), (128, 92, 170)]

_CLOTHES: list[Color] = [
    (246, 240, 232),
    (238, 196, 200),
    (196, 178, 224),
    (140, 170, 214),
    (96, 140, 132),
    (56, 60, 84),
]
_BACK_DARK: list[Color] = [(58, 46, 92), (40, 62, 104), (36, 84, 92), (92, 56, 76)]
_BACK_LIGHT: list[Color] = [(226, 214, 250), (206, 228, 250), (208, 240, 230), (252, 220, 220)]


@dataclass(frozen=True)
class Identity:
    """The looks of one face. Lengths in pixels of a 256 px picture unless a line says otherwise."""

    # face
    face_width: float  # factor on the face's half width, about 0.96..1.04
    jaw: float  # 0 pointed chin .. 1 soft round jaw
    skin: Color
    eye_size: float  # factor
    eye_height: float  # factor on the opening
    eye_tilt: float  # outer corner above the inner one
    iris: Color
    lash: float  # 0 natural .. 1 long
    brow_thickness: float
    brow_arch: float
    lips: Color
    lip_fullness: float  # factor
    # hair
    hair: Color
    hair_end: float  # row of the lowest tips, about 186 (bob) .. 250 (long)
    wave: float  # 0 straight .. 1 curly
    volume: float  # extra half width of the hair
    part: float  # where the hair parts, pixels right of the middle
    fringe: float  # 0 none .. 1 full fringe
    tied: float  # 0 open .. 1 tied up
    # scene
    clothes: Color
    collar: float  # 0 round knit neckline .. 1 collar or hood
    back_top: Color
    back_bottom: Color
    glow: Color
    aurora: float  # strength of the light bands, 0..1
    light: float  # background brightness 0..1


@cache
def _directions() -> NDArray[np.float64]:
    """Orthonormal rows [LOOKS, 512]: one independent standard normal score per look."""
    noise = np.random.default_rng(_DIRECTION_SEED).standard_normal((Z_SIZE, LOOKS))
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


def _background(tone: float, light: float, warmth: float) -> dict[str, Color]:
    """Colours of the background from three scores 0..1."""
    dark, bright = _blend(_BACK_DARK, tone), _blend(_BACK_LIGHT, tone)
    top = mix(dark, bright, light)
    glow = mix(top, _blend([(255, 214, 236), (255, 244, 214), (206, 240, 255)], warmth), 0.55)
    return {"back_top": top, "back_bottom": mix(top, glow, 0.35), "glow": glow}


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
    return identity_from_looks(_directions() @ vector)


def identity_from_looks(looks: NDArray[np.floating]) -> Identity:
    """Looks of a face from its scores [LOOKS], each standard normal over all faces."""
    n = [float(v) for v in looks]
    u = [_uniform(v) for v in n]
    return Identity(
        # face: scores 0..9
        face_width=0.965 + 0.07 * u[0],
        jaw=u[1],
        skin=_blend(_SKIN, 0.9 * u[2] ** 1.2),
        eye_size=0.94 + 0.12 * u[3],
        eye_height=0.88 + 0.20 * u[4],
        eye_tilt=-2.0 + 5.0 * u[5],
        iris=_blend(_IRIS, u[6]),
        lash=u[5],
        brow_thickness=2.3 + 1.6 * u[7],
        brow_arch=0.2 + 2.0 * u[8],
        lips=_blend([(222, 96, 104), (226, 118, 108), (196, 66, 82)], u[9]),
        lip_fullness=0.9 + 0.25 * u[9],
        # hair: scores 10..18
        hair=_hair_color(0.04 + 0.92 * u[10] ** 1.25, u[11]),
        hair_end=188.0 + 60.0 * (1.0 - (1.0 - u[12]) ** 1.9),
        wave=_soft_step(u[13], 0.55, 0.8),
        volume=-3.0 + 8.0 * u[14],
        part=13.0 * math.tanh(1.2 * n[15]),
        fringe=_soft_step(u[16], 0.50, 0.45),
        tied=_soft_step(u[17], 0.75, 0.3),
        # scene: scores 19..27
        clothes=_blend(_CLOTHES, u[19]),
        collar=_soft_step(u[20], 0.5, 0.4),
        light=u[22],
        **_background(u[21], u[22], u[23]),
        aurora=_soft_step(u[24], 0.66, 0.5),
    )


def identity_of_seed(seed: int) -> Identity:
    """Looks of the face whose z is `default_rng(seed).standard_normal(512)`."""
    return identity_from_z(np.random.default_rng(seed).standard_normal(Z_SIZE))
