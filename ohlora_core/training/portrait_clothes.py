"""Clothes of the portrait: ribbed knit, blouse with ribbon, hoodie, camisole with cardigan."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import skia

from ohlora_core.training.portrait_canvas import (
    Points,
    Stage,
    linear,
    moved,
    points,
    resample,
    ribbon,
    smooth,
    solid,
    taper,
)
from ohlora_core.training.portrait_identity import Color, Identity, mix, shade

_WHITE: Color = (255.0, 255.0, 255.0)
_SHOULDER = [(72.0, 229.0), (92.0, 238.0), (103.0, 256.0), (106.0, 285.0)]
Row = tuple[float, float]


class _Cloth:
    """Tones of one cloth."""

    def __init__(self, color: Color) -> None:
        self.base = color
        # A dark cloth takes less light.
        self.lit = mix(color, (255.0, 252.0, 246.0), 0.16 + 0.28 * sum(color) / 765.0)
        self.shadow = shade(color, 0.74, 0.68, 0.78)
        self.deep = shade(color, 0.52, 0.46, 0.60)

    def paint(self, top: float = 222.0, bottom: float = 262.0) -> skia.Paint:
        """Light from the upper left."""
        return linear(
            (92, top),
            (164, bottom),
            [(0, self.lit, 1), (0.42, self.base, 1), (1, mix(self.base, self.shadow, 0.75), 1)],
        )


def draw_clothes(stage: Stage, person: Identity, middle: float) -> None:
    """The garment; between two kinds the later one fades in. middle: x of the breast bone."""
    kinds = (_draw_knit, _draw_blouse, _draw_hoodie, _draw_cardigan)
    first = min(int(person.garment), len(kinds) - 2)
    share = person.garment - first
    if share < 1.0:
        kinds[first](stage, person, middle)
    if share >= 1.0:
        kinds[first + 1](stage, person, middle)
    elif share > 0.0:
        with stage.faded(share):
            kinds[first + 1](stage, person, middle)
    # Long open hair keeps light off the shoulders.
    open_hair = min(max((person.hair_end - 206.0) / 30.0, 0.0), 1.0) * (1.0 - person.tied)
    dark = shade(person.clothes, 0.60, 0.52, 0.66)
    for side, share in ((-1.0, 0.30), (1.0, 0.45)):
        stage.glow(middle + side * 60, 240, 34, 16, dark, share * open_hair, side * 18)


def _placed(rows: Points, middle: float) -> Points:
    """Rows (x from the breast bone, row) in the picture; the shoulders' ends stay."""
    out = rows.copy()
    out[:, 0] += 128.0 + (middle - 128.0) * np.clip(1.6 - np.abs(rows[:, 0]) / 60.0, 0.0, 1.0)
    return out


def _mirrored(half: Sequence[Row], middle: float) -> Points:
    """Rows of the right half from the middle outwards as one line from left to right."""
    return _placed(points([*[(-x, y) for x, y in reversed(half) if x > 0.0], *half]), middle)


def _side(rows: Sequence[Row], side: float, middle: float) -> Points:
    """Rows of the right half on one side of the body."""
    return _placed(points([(side * x, y) for x, y in rows]), middle)


def _garment(stage: Stage, cloth: _Cloth, neckline: Sequence[Row], middle: float) -> skia.Path:
    """Fill the shoulders below a neckline (right half from the middle) and shade their folds."""
    shape = smooth(_mirrored([*neckline, *_SHOULDER], middle))
    stage.fill(shape, cloth.paint(), hair=False)
    with stage.clipped(shape):
        stage.glow(middle + 80, 262, 40, 34, cloth.shadow, 0.85)
        stage.glow(middle - 84, 266, 30, 28, cloth.shadow, 0.60)
        stage.glow(middle - 62, 236, 26, 9, cloth.lit, 0.65, turn=22)
        for side, share in ((-1.0, 0.30), (1.0, 0.42)):
            fold = _side([(74, 238), (66, 248), (64, 266)], side, middle)
            stage.stroke(fold, 5.0, cloth.shadow, share, 0.0, 0.8, 0.7)
    return shape


def _draw_knit(stage: Stage, person: Identity, middle: float) -> None:
    """A chunky knit: wide columns of stitches, raglan seams and a thick ribbed neck."""
    cloth = _Cloth(person.clothes)
    neckline = [(0.0, 238.0), (17.0, 234.5), (30.0, 225.0), (37.0, 219.5)]
    shape = _garment(stage, cloth, neckline, middle)
    with stage.clipped(shape):
        for k in range(-4, 5):
            x = middle + 15.0 * k
            line = points([(x, 226 + 0.5 * abs(k)), (x + 1.2 * k, 244), (x + 2.0 * k, 264)])
            stage.stroke(line, 4.2, cloth.shadow, 0.30, 0.4, 1.0, 0.8)
            stage.stroke(moved(line, -4.6, -0.0), 3.4, cloth.lit, 0.42, 0.4, 1.0, 0.8)
        for side in (-1.0, 1.0):
            seam = _side([(38, 226), (52, 240), (60, 262)], side, middle)
            stage.stroke(seam, 2.0, cloth.shadow, 0.55, 1.0, 1.0)
    # the neck band: base, ribs across it, edges
    band = resample(_mirrored([*neckline[:-1], (35.0, 217.0)], middle), 25)
    stage.fill(ribbon(moved(band, 0.0, 5.0), taper(25, 4.0, 1.0, 1.0)), solid(cloth.deep, 0.45))
    shape = ribbon(band, taper(25, 10.5, 0.55, 0.55))
    stage.fill(shape, cloth.paint(216, 246), hair=False)
    with stage.clipped(shape):
        across = np.gradient(band, axis=0)
        across = across[:, ::-1] * (-1.0, 1.0)
        across /= np.hypot(across[:, 0], across[:, 1])[:, None]
        for k in range(1, 24, 2):
            rib = np.stack([band[k] - 6.0 * across[k], band[k], band[k] + 6.0 * across[k]])
            stage.stroke(rib, 2.2, cloth.shadow, 0.55, 0.6, 0.6)
    stage.fill(ribbon(moved(band[3:-3], 0.0, -4.6), taper(19, 1.6)), solid(cloth.lit, 0.9))


def _draw_blouse(stage: Stage, person: Identity, middle: float) -> None:
    """A white blouse with a pointed collar and a ribbon under a vest."""
    vest, white = _Cloth(person.clothes), _Cloth((252.0, 249.0, 250.0))
    cream = _Cloth(mix(person.clothes, _WHITE, 0.86))
    _garment(stage, cream, [(0.0, 234.0), (14.0, 230.0), (24.0, 220.0), (34.0, 217.0)], middle)
    for side in (-1.0, 1.0):
        panel = _side(
            [(47, 222), (72, 228), (92, 238), (103, 256), (104, 280), (8, 280), (22, 252)],
            side,
            middle,
        )
        path = smooth(panel)
        stage.fill(path, vest.paint(), hair=False)
        with stage.clipped(path):
            stage.glow(middle + side * 80, 258, 36, 26, vest.shadow, 0.45 + 0.2 * side)
            stage.stroke(
                _side([(45, 224), (31, 240), (19, 264)], side, middle), 4.0, vest.lit, 0.7, 1.0, 1.0
            )
    for side in (-1.0, 1.0):
        flap = _side(
            [(1, 229.5), (14, 222), (24, 210.5), (31, 213.5), (41, 226), (33, 247), (15, 239)],
            side,
            middle,
        )
        path = smooth(flap)
        stage.fill(
            smooth(moved(flap, 0.8 * side, 2.4)), solid(mix(vest.deep, (90, 70, 110), 0.4), 0.30)
        )
        stage.fill(path, white.paint(208, 252), hair=False)
        with stage.clipped(path):
            stage.glow(middle + side * 20, 213, 20, 9, (196, 178, 206), 0.55, turn=side * 40)
            stage.stroke(moved(flap[4:], -1.6 * side, -2.4), 1.3, person.accent, 0.55, 0.8, 0.8)
    _draw_bow(stage, _Cloth(person.accent), middle, 237.0)


def _draw_bow(stage: Stage, cloth: _Cloth, x: float, y: float) -> None:
    """A ribbon tied to a bow with two tails."""
    for side in (-1.0, 1.0):
        tail = _side(
            [(0, y), (5, y + 5), (13, y + 22), (12, y + 30), (4, y + 30), (1, y + 12)], side, x
        )
        stage.fill(smooth(tail), cloth.paint(y, y + 26), hair=False)
    for side in (-1.0, 1.0):
        loop = _side(
            [(0, y - 1), (9, y - 8), (20, y - 9.5), (24, y - 1), (21, y + 8), (10, y + 5.5)],
            side,
            x,
        )
        path = smooth(loop)
        stage.fill(smooth(moved(loop, 0.6, 1.8)), solid(cloth.deep, 0.35))
        stage.fill(path, cloth.paint(y - 10, y + 14), hair=False)
        with stage.clipped(path):
            stage.glow(x + side * 3, y, 11, 7, cloth.deep, 0.60)
            stage.glow(x + side * 15, y - 5, 8, 4, _WHITE, 0.35, turn=side * -12)
            for dy in (-2.5, 2.5):
                crease = _side([(3, y), (9, y + 0.6 * dy), (14, y + dy)], side, x)
                stage.stroke(crease, 1.5, cloth.deep, 0.55, 1.0, 0.0, 0.2)
    knot = points(
        [(x - 4.6, y - 4), (x, y - 5), (x + 4.6, y - 4), (x + 4, y + 4.5), (x - 4, y + 4.5)]
    )
    stage.fill(
        smooth(knot), linear((0, y - 6), (0, y + 6), [(0, cloth.lit, 1), (1, cloth.base, 1)])
    )


def _draw_hoodie(stage: Stage, person: Identity, middle: float) -> None:
    """A hoodie: the thick hood around the neck, a light shirt below it, two cords."""
    cloth, shirt = _Cloth(person.clothes), _Cloth(mix(person.accent, _WHITE, 0.80))
    _garment(stage, cloth, [(0.0, 240.0), (16.0, 236.0), (34.0, 222.0), (48.0, 220.0)], middle)
    inner = _mirrored(
        [(0.0, 234.0), (14.0, 230.5), (25.0, 221.0), (30.0, 240.0), (0.0, 260.0)], middle
    )
    stage.fill(smooth(inner), shirt.paint(224, 254), hair=False)
    for side in (-1.0, 1.0):
        hood = _side(
            [
                (27, 201),
                (42, 203),
                (57, 213),
                (62, 226),
                (49, 240),
                (25, 251),
                (1, 262),
                (2, 248),
                (15, 236),
                (23, 222),
            ],
            side,
            middle,
        )
        path = smooth(hood)
        stage.fill(smooth(moved(hood, 1.2 * side, 3.0)), solid(cloth.deep, 0.40))
        stage.fill(path, cloth.paint(204, 258), hair=False)
        with stage.clipped(path):
            stage.glow(middle + side * 62, 230, 16, 26, cloth.shadow, 0.5 + 0.2 * side)
            fold = _side([(36, 205), (42, 220), (32, 238), (12, 252)], side, middle)
            stage.stroke(fold, 5.5, cloth.shadow, 0.45)
            stage.stroke(
                _side([(27, 202), (24, 222), (15, 237), (1, 250)], side, middle),
                4.5,
                cloth.lit,
                0.85,
                0.5,
                0.5,
            )
        cord = _side([(14, 243), (15, 250), (14, 262)], side, middle)
        stage.stroke(moved(cord, 0.9, 0.6), 3.2, cloth.deep, 0.40, 1.0, 1.0)
        stage.stroke(cord, 2.6, mix(person.accent, _WHITE, 0.55), 1.0, 1.0, 1.0)
        stage.canvas.drawCircle(middle + side * 14, 242.5, 2.3, solid(cloth.deep, 0.8))


def _draw_cardigan(stage: Stage, person: Identity, middle: float) -> None:
    """A camisole with straps under an open cardigan, and a fine necklace."""
    cloth, top = _Cloth(person.clothes), _Cloth(mix(person.accent, _WHITE, 0.42))
    chain = _mirrored([(0.0, 246.0), (9.0, 241.0), (19.0, 229.0), (23.0, 217.0)], middle)
    stage.stroke(chain, 1.2, (236, 200, 128), 0.85, 0.7, 0.7)
    for side in (-1.0, 1.0):
        strap = _side([(42, 222), (40, 236), (36, 254)], side, middle)
        stage.stroke(
            moved(strap, 0.8, 0.8), 3.6, shade(person.skin, 0.8, 0.6, 0.62), 0.45, 1.0, 1.0
        )
        stage.stroke(strap, 3.0, top.base, 1.0, 1.0, 1.0)
    bodice = _mirrored(
        [(0.0, 254.5), (14.0, 250.0), (33.0, 245.5), (50.0, 252.0), (52.0, 280.0)], middle
    )
    stage.fill(smooth(bodice), top.paint(244, 264), hair=False)
    stage.stroke(bodice[1:-1], 1.8, top.lit, 0.95, 0.6, 0.6)
    stage.glow(middle, 244.5, 4.2, 4.2, (255, 226, 150), 0.55)
    stage.canvas.drawCircle(
        middle,
        247.0,
        2.2,
        linear(
            (middle - 2, 245), (middle + 2, 249), [(0, (255, 246, 214), 1), (1, (226, 176, 96), 1)]
        ),
    )
    for side in (-1.0, 1.0):
        panel = _side(
            [(53, 222.5), (74, 228), (94, 238), (104, 256), (106, 285), (46, 285), (49, 250)],
            side,
            middle,
        )
        path = smooth(panel)
        stage.fill(smooth(moved(panel, -1.6 * side, 1.6)), solid((150, 84, 96), 0.30))
        stage.fill(path, cloth.paint(), hair=False)
        with stage.clipped(path):
            stage.glow(middle + side * 86, 262, 26, 28, cloth.shadow, 0.70)
            for x in (66, 78, 90):
                line = _side([(x, 230), (x + 3, 244), (x + 3, 264)], side, middle)
                stage.stroke(line, 3.6, cloth.shadow, 0.32, 0.4, 1.0, 0.8)
            edge = _side([(54, 222), (51, 240), (49, 266)], side, middle)
            stage.stroke(edge, 7.0, cloth.lit, 0.80, 1.0, 1.0)
            stage.stroke(moved(edge, 4.0 * side, 0.0), 1.4, cloth.shadow, 0.7, 1.0, 1.0)
