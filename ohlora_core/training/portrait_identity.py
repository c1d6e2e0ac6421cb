"""Who is drawn: the looks of one face as continuous numbers, and the fixed function z -> looks.

Every look is a smooth function of z (one fixed-seed unit direction per look, squashed by the normal
distribution function), so that a generator can learn it. Knows nothing of drawing.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import cache
from statistics import NormalDist

import numpy as np
from numpy.typing import NDArray

from ohlora_core.training.portrait_offered import LOOK_NUMBERS, OFFERED_LOOKS

OFFERED_FACES: tuple[int, ...] = tuple(OFFERED_LOOKS)
"""Numbers of the faces to choose from; each is the seed of its latent as well."""

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
    (236, 208, 170),
]
_IRIS: list[Color] = [
    (74, 44, 38),
    (128, 76, 46),
    (150, 116, 70),
    (84, 132, 120),
    (88, 120, 190),
    (128, 92, 170),
]

_CLOTHES: list[Color] = [
    (250, 243, 232),
    (246, 206, 206),
    (214, 120, 128),
    (176, 156, 214),
    (112, 150, 204),
    (120, 168, 150),
    (66, 74, 112),
    (48, 46, 62),
]
_ACCENT: list[Color] = [
    (206, 66, 84),
    (240, 150, 160),
    (246, 200, 110),
    (96, 160, 150),
    (84, 112, 186),
    (126, 92, 176),
]
# Backdrops from day to night; each has a few (top, bottom, glow) moods that blend into each other.
_Mood = tuple[Color, Color, Color]
_BACKDROPS: list[list[_Mood]] = [
    [  # window light
        ((252, 242, 228), (232, 204, 184), (255, 252, 240)),
        ((226, 240, 230), (184, 212, 200), (255, 255, 238)),
        ((218, 232, 250), (178, 200, 232), (255, 253, 246)),
        ((252, 228, 234), (226, 186, 206), (255, 250, 244)),
    ],
    [  # bokeh
        ((150, 190, 150), (224, 234, 190), (255, 250, 196)),
        ((104, 178, 190), (194, 232, 224), (240, 255, 240)),
        ((160, 148, 216), (226, 206, 244), (255, 226, 246)),
        ((226, 140, 164), (254, 212, 204), (255, 236, 210)),
    ],
    [  # sunset
        ((238, 160, 120), (255, 222, 166), (255, 246, 196)),
        ((150, 104, 168), (255, 178, 146), (255, 230, 172)),
        ((84, 104, 176), (250, 180, 186), (255, 224, 196)),
    ],
    [  # aurora
        ((14, 20, 56), (36, 58, 112), (110, 255, 206)),
        ((20, 18, 62), (58, 50, 124), (140, 180, 255)),
        ((34, 16, 62), (82, 46, 116), (250, 130, 220)),
    ],
]


EDGE_WIDTH = 0.02
"""Share of all faces between two kinds of one look: a straight slope joins them."""
KIND_EDGES: dict[str, tuple[float, ...]] = {
    "length": (0.30, 0.55, 0.75),
    "wave": (0.35, 0.70),
    "volume": (0.45,),
    "part": (0.33, 0.67),
    "fringe": (0.24, 0.60),
    "tied": (0.74,),
    "garment": (0.25, 0.50, 0.75),
    "backdrop": (0.25, 0.50, 0.75),
}
"""Looks that come in kinds, as a stylist cuts hair, and the shares of faces below each next kind.
A hair style half way between two is no style, and no network draws its ends sharply."""
HAIR_ENDS = (196.0, 222.0, 236.0, 247.0)
"""Rows of the lowest tips of bob, shoulder-length, half long and long hair."""
PARTS = (-9.0, 0.0, 9.0)
"""Where the hair parts, pixels right of the middle."""


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
    hair_end: float  # row of the lowest tips
    wave: float  # 0 straight, 0.5 wavy, 1 curly
    volume: float  # extra half width of the hair
    part: float  # where the hair parts, pixels right of the middle
    fringe: float  # 0 parted .. 1 full fringe
    bangs: float  # without a full fringe: 0 combed away .. 1 curtain bangs or a side sweep
    tied: float  # 0 open .. 1 tied up
    # scene
    clothes: Color
    accent: Color  # ribbon, cords, camisole
    garment: float  # 0 ribbed knit, 1 blouse and ribbon, 2 hoodie, 3 cardigan; soft in between
    back_top: Color
    back_bottom: Color
    glow: Color
    backdrop: float  # 0 window light, 1 bokeh, 2 sunset, 3 aurora; soft in between


@cache
def look_directions() -> NDArray[np.float64]:
    """Orthonormal rows [LOOKS, 512]: one independent standard normal score per look."""
    noise = np.random.default_rng(_DIRECTION_SEED).standard_normal((Z_SIZE, LOOKS))
    basis, upper = np.linalg.qr(noise)
    return np.ascontiguousarray((basis * np.sign(np.diag(upper))).T)


def _uniform(score: float) -> float:
    """Standard normal score -> 0..1, uniformly spread."""
    return 0.5 * (1.0 + math.erf(score / math.sqrt(2.0)))


def _step(share: float, edge: float) -> float:
    """0 below, 1 above the edge, straight in between."""
    return min(max((share - edge) / EDGE_WIDTH + 0.5, 0.0), 1.0)


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


def _kind(name: str, share: float) -> float:
    """The kind of a look in `KIND_EDGES`: a whole number, but for the narrow slopes between."""
    return sum(_step(share, edge) for edge in KIND_EDGES[name])


def _one_of(values: tuple[float, ...], kind: float) -> float:
    """The value of that kind; between two kinds a mixture."""
    return float(np.interp(kind, range(len(values)), values))


def _mood(backdrop: float, tone: float) -> dict[str, Color]:
    """Colours of the background: one mood of the backdrop, between two backdrops a mixture."""
    first = min(int(backdrop), len(_BACKDROPS) - 2)
    day, later = (
        [_blend([mood[k] for mood in _BACKDROPS[kind]], tone) for k in range(3)]
        for kind in (first, first + 1)
    )
    top, bottom, glow = (mix(a, b, backdrop - first) for a, b in zip(day, later, strict=True))
    return {"back_top": top, "back_bottom": bottom, "glow": glow}


def _hair_color(tone: float, tint: float) -> Color:
    """Natural tones by lightness, tinted ash (tint near 0) or rose (tint near 1)."""
    base = _blend(_HAIR, tone)
    ash, rose = shade(base, 0.86, 1.04, 1.50), shade(base, 1.14, 0.88, 1.24)
    return (
        mix(ash, base, min(tint * 2.5, 1.0))
        if tint < 0.5
        else mix(base, rose, max(tint * 2.5 - 1.5, 0.0))
    )


def identity_from_z(z: NDArray[np.floating]) -> Identity:
    """Looks of the face that belongs to z.

    z: [512], standard normal; its length does not matter, as in the generator, which divides by it.
    Raises ValueError for another shape.
    """
    vector = np.asarray(z, dtype=np.float64)
    if vector.shape != (Z_SIZE,):
        raise ValueError(f"z must have shape ({Z_SIZE},), not {vector.shape}")
    vector = vector * math.sqrt(Z_SIZE / np.square(vector).sum())
    return identity_from_looks(look_directions() @ vector)


def identity_from_looks(looks: NDArray[np.floating]) -> Identity:
    """Looks of a face from its scores [LOOKS], each standard normal over all faces."""
    u = [_uniform(float(v)) for v in looks]
    kind = {name: _kind(name, u[LOOK_NUMBERS[name]]) for name in KIND_EDGES}
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
        hair_end=_one_of(HAIR_ENDS, kind["length"]),
        wave=kind["wave"] / 2,
        volume=_one_of((-1.0, 3.0), kind["volume"]),
        part=_one_of(PARTS, kind["part"]),
        fringe=max(kind["fringe"] - 1.0, 0.0),
        bangs=min(kind["fringe"], 1.0),
        tied=kind["tied"],
        # scene: scores 19..23
        clothes=_blend(_CLOTHES, u[19]),
        garment=kind["garment"],
        **_mood(kind["backdrop"], u[21]),
        backdrop=kind["backdrop"],
        accent=_blend(_ACCENT, u[23]),
    )


def latent_of_seed(seed: int) -> NDArray[np.float32]:
    """Latent z [512] of a face: `default_rng(seed).standard_normal(512)`.

    The numbers of the offered faces keep that noise in all directions that carry no look, and get
    the scores of `OFFERED_LOOKS` in those that do.
    """
    z = np.random.default_rng(seed).standard_normal(Z_SIZE)
    if seed in OFFERED_LOOKS:
        wanted = np.zeros(LOOKS)
        for name, share in OFFERED_LOOKS[seed].items():
            wanted[LOOK_NUMBERS[name]] = NormalDist().inv_cdf(share)
        rest = z - look_directions().T @ (look_directions() @ z)
        rest *= math.sqrt((Z_SIZE - np.square(wanted).sum()) / np.square(rest).sum())
        z = rest + wanted @ look_directions()
    return z.astype(np.float32)


def identity_of_seed(seed: int) -> Identity:
    """Looks of the face with that number or seed."""
    return identity_from_z(latent_of_seed(seed))
