"""Eyes and brows of the portrait, from closed over ordinary to wide open.

An eye is described by offsets from its centre, inner to outer corner, and mirrored by its side
(-1 left, 1 right in the picture). The light comes from the upper left on both sides.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import skia
from numpy.typing import NDArray

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
from ohlora_core.training.portrait_head import WHITE, Head, tones
from ohlora_core.training.portrait_identity import Color, Identity, mix, shade

EYE_ROW = 124.0
EYE_SPACING = 30.0
_HALF = 18.8
LASH: Color = (46.0, 26.0, 36.0)
_LASH_WARM: Color = (122.0, 62.0, 58.0)

# Lids from the inner to the outer corner: share of the half width, then rows of the wide open
# upper lid, the wide open lower lid and the closed seam.
_LIDS = np.array(
    [
        (-1.00, 4.8, 4.8, 5.2),
        (-0.87, -1.8, 7.2, 7.4),
        (-0.50, -12.6, 9.9, 9.9),
        (-0.02, -17.2, 11.5, 11.4),
        (0.44, -16.2, 11.1, 11.4),
        (0.80, -11.0, 7.4, 10.2),
        (1.00, -4.0, 0.6, 9.0),
    ]
)
# Width along the lash line from the inner corner to the wing's tip, and along one lash.
_ALONG = np.linspace(0.0, 1.0, 29)
_LASH_LINE = np.interp(
    _ALONG, [0.0, 0.16, 0.42, 0.64, 0.78, 0.90, 1.0], [0.14, 0.34, 0.84, 1.0, 0.88, 0.50, 0.0]
)


@dataclass(frozen=True)
class _Eye:
    """One eye in place: how to put offsets on the head, its lids, and how far it is open."""

    head: Head
    person: Identity
    side: float
    opening: float  # 0..1, share of the way of the lids
    upper: Points
    lower: Points

    def place(self, offsets: Points, dx: float = 0.0, dy: float = 0.0, lift: float = 0.0) -> Points:
        """Offsets [n, 2] from the eye's centre as picture points."""
        x = self.side * (EYE_SPACING + offsets[:, 0] + dx)
        return self.head.at(np.stack([x, EYE_ROW + offsets[:, 1] + dy], axis=1), lift)

    @property
    def centre(self) -> tuple[float, float]:
        return self.head.one(self.side * EYE_SPACING, EYE_ROW)

    @property
    def narrow(self) -> float:
        return self.head.stretch(self.side * EYE_SPACING)


def _shape_eye(person: Identity, head: Head, eyes: float, side: float) -> _Eye:
    """Lids at an expression: fast at first, so that an ordinary look is well open."""
    amount = min(max(eyes, 0.0), 1.0)
    opening = amount * (1.76 - 0.76 * amount)
    x = _LIDS[:, 0] * _HALF * person.eye_size
    tilt = person.eye_tilt * (0.55 * _LIDS[:, 0] + 0.1)
    high = person.eye_size * person.eye_height
    up, low, shut = _LIDS[:, 1] * high, _LIDS[:, 2] * person.eye_size, _LIDS[:, 3]
    upper = np.stack([x, shut + (up - shut) * opening - tilt], axis=1)
    lower = np.stack([x, shut + (low - shut) * opening - tilt], axis=1)
    return _Eye(head, person, side, opening, upper, lower)


def draw_eye(stage: Stage, person: Identity, head: Head, eyes: float, side: float) -> None:
    """One eye with lid shadow, eyeball, iris, lashes and crease; side -1 left, 1 right."""
    eye = _shape_eye(person, head, eyes, side)
    _draw_socket(stage, eye)
    up, low = eye.place(eye.upper), eye.place(eye.lower)
    shape = smooth(np.vstack([up, low[-2:0:-1]]))
    with stage.clipped(shape):
        _draw_eyeball(stage, eye, up, low)
        _draw_iris(stage, eye)
        _shade_under_lid(stage, up, 0.45 + 0.55 * eye.opening)
        _draw_catch_lights(stage, eye)
    _draw_lower_lid(stage, eye, low)
    _draw_lashes(stage, eye)
    _draw_crease(stage, eye)


def _draw_socket(stage: Stage, eye: _Eye) -> None:
    """Soft rose shadow of the lid, stronger towards the outer corner, light under the eye."""
    light, _, deep = tones(eye.person.skin)
    x, y = eye.centre
    rose = mix(deep, (226, 108, 112), 0.45)
    stage.glow(x, y - 9, 25 * eye.narrow, 13, rose, 0.30)
    stage.glow(x + eye.side * 15 * eye.narrow, y + 1, 13 * eye.narrow, 12, rose, 0.34)
    stage.glow(x, y + 15.5, 17 * eye.narrow, 4.0, light, 0.70)
    stage.glow(x, y + 19.5, 16 * eye.narrow, 3.4, rose, 0.14)
    # the lid itself, seen when it closes
    shut = 1.0 - eye.opening
    lid = float(eye.upper[3, 1])
    stage.glow(x, y + lid - 6, 17 * eye.narrow, 9, rose, 0.26 * shut)
    stage.glow(x - 2, y + lid - 8, 8 * eye.narrow, 4, light, 0.55 * shut)


def _draw_eyeball(stage: Stage, eye: _Eye, up: Points, low: Points) -> None:
    """A ball that is never quite white: lilac under the lid, rosy at the corners."""
    top, bottom = float(up[:, 1].min()), float(low[:, 1].max())
    stage.canvas.drawRect(
        skia.Rect(*_box(up, low)),
        linear(
            (0, top),
            (0, bottom + 0.1),
            [(0.0, (214, 202, 220), 1), (0.40, (246, 241, 246), 1), (1.0, (255, 252, 251), 1)],
        ),
    )
    for end in (up[0], up[-1]):
        stage.glow(float(end[0]), float(end[1]), 8 * eye.narrow, 8, (232, 138, 142), 0.55)


def _shade_under_lid(stage: Stage, up: Points, reach: float) -> None:
    """Shadow of lid and lashes on the ball: a vertical run plus soft strokes; reach 0..1."""
    color = (64.0, 34.0, 66.0)
    top = float(up[:, 1].min())
    stage.canvas.drawRect(
        skia.Rect(float(up[:, 0].min()), top - 1, float(up[:, 0].max()), top + 14),
        linear(
            (0, top), (0, top + 13 * reach), [(0, color, 0.5), (0.4, color, 0.22), (1, color, 0)]
        ),
    )
    for width, alpha in ((11.0, 0.08), (7.5, 0.12)):
        shadow = solid(color, alpha)
        shadow.setStyle(skia.Paint.kStroke_Style)
        shadow.setStrokeWidth(width * reach)
        stage.canvas.drawPath(smooth(up, closed=False), shadow)


def _box(up: Points, low: Points) -> tuple[float, float, float, float]:
    """Rectangle around an eye."""
    both = np.vstack([up, low])
    (x0, y0), (x1, y1) = both.min(axis=0) - 2.0, both.max(axis=0) + 2.0
    return float(x0), float(y0), float(x1), float(y1)


def _iris_frame(eye: _Eye) -> tuple[float, float, float, float]:
    """Centre and half axes of the iris."""
    x, y = eye.centre
    radius = 13.3 * eye.person.eye_size
    tilt = 0.1 * eye.person.eye_tilt
    return (
        x - eye.side * 0.5 + 0.6 * eye.head.pose,
        y - 2.2 - tilt + 2.0 * (1.0 - eye.opening),
        radius * eye.narrow,
        1.12 * radius,
    )


def _draw_iris(stage: Stage, eye: _Eye) -> None:
    """Dark above, a bright crescent below, reflected sky, and the pupil (in units of the iris)."""
    canvas, base = stage.canvas, eye.person.iris
    dark, black = shade(base, 0.34, 0.28, 0.36), (30.0, 15.0, 26.0)
    bright = mix(shade(base, 1.62, 1.52, 1.42), (255, 226, 190), 0.20)
    x, y, rx, ry = _iris_frame(eye)
    canvas.save()
    canvas.translate(x, y)
    canvas.scale(rx, ry)
    stage.glow(0, 0, 1.16, 1.14, dark, 0.55)
    canvas.drawCircle(0, 0, 1.0, solid(dark))
    canvas.drawCircle(
        0,
        0.02,
        0.90,
        linear(
            (0, -0.9),
            (0, 0.9),
            [
                (0.0, mix(dark, black, 0.4), 1),
                (0.34, shade(base, 0.72, 0.66, 0.72), 1),
                (0.66, base, 1),
                (1.0, bright, 1),
            ],
        ),
    )
    disc = skia.Path()
    disc.addCircle(0, 0, 0.9)
    with stage.clipped(disc):
        stage.glow(0.05, 0.66, 0.84, 0.56, bright, 0.95)
        stage.glow(0.0, 0.86, 0.50, 0.26, (255, 244, 224), 0.45)
        stage.glow(0.62, -0.02, 0.40, 0.55, mix(base, (180, 190, 255), 0.55), 0.50)
        stage.glow(-0.62, 0.30, 0.36, 0.44, mix(bright, (255, 176, 170), 0.5), 0.42)
        for turn, share in ((-62, 0.30), (-30, 0.42), (2, 0.48), (34, 0.42), (66, 0.30)):
            _draw_petal(stage, turn, mix(bright, WHITE, 0.12), share)
        stage.glow(0, -0.10, 0.62, 0.64, black, 0.70)
    canvas.drawOval(skia.Rect(-0.34, -0.46, 0.34, 0.32), solid(black))
    stage.glow(0.0, 0.22, 0.26, 0.16, bright, 0.30)
    with stage.clipped(disc):
        canvas.drawRect(
            skia.Rect(-1, -1, 1, 0.1),
            linear((0, -1.0), (0, 0.1), [(0, black, 0.85), (0.45, black, 0.45), (1, black, 0.0)]),
        )
    canvas.restore()


def _draw_petal(stage: Stage, turn: float, color: Color, share: float) -> None:
    """One soft ray of the iris below the pupil (in units of the iris); turn in degrees."""
    stage.canvas.save()
    stage.canvas.rotate(turn)
    ray = skia.Path()
    ray.moveTo(0.0, 0.22)
    ray.quadTo(0.15, 0.66, 0.09, 0.84)
    ray.quadTo(0.0, 0.92, -0.09, 0.84)
    ray.quadTo(-0.15, 0.66, 0.0, 0.22)
    paint = linear(
        (0, 0.25), (0, 0.9), [(0, color, 0), (0.7, color, share), (1, color, 0.6 * share)]
    )
    stage.canvas.drawPath(ray, paint)
    stage.canvas.restore()


def _draw_catch_lights(stage: Stage, eye: _Eye) -> None:
    """One big and one small catch light and a faint sky reflection between."""
    x, y, rx, ry = _iris_frame(eye)
    stage.glow(x - 0.38 * rx, y - 0.34 * ry, 0.62 * rx, 0.60 * ry, (214, 226, 255), 0.50)
    canvas = stage.canvas
    canvas.save()
    lid = eye.centre[1] + float(eye.upper[3, 1])  # the light stays in sight below the lid
    canvas.translate(x - 0.38 * rx, max(y - 0.31 * ry, lid + 0.16 * ry))
    canvas.rotate(-24)
    small = min(0.2 + 1.7 * eye.opening, 1.0)
    canvas.scale(small, small)
    canvas.drawOval(skia.Rect(-0.27 * rx, -0.28 * ry, 0.27 * rx, 0.28 * ry), solid(WHITE, 0.98))
    canvas.restore()
    stage.glow(x + 0.42 * rx, y + 0.40 * ry, 0.32 * rx, 0.30 * ry, WHITE, 0.55)
    stage.glow(x + 0.52 * rx, y - 0.34 * ry, 0.34 * rx, 0.26 * ry, (226, 214, 255), 0.55, turn=32)
    canvas.drawCircle(x + 0.42 * rx, y + 0.40 * ry, 0.135 * rx, solid(WHITE, 0.95))


def _draw_lower_lid(stage: Stage, eye: _Eye, low: Points) -> None:
    """A fine lash line that fades inwards."""
    _, _, deep = tones(eye.person.skin)
    line = moved(low[1:], 0.0, 0.9)
    stage.stroke(line, 1.5, mix(_LASH_WARM, deep, 0.3), 0.85 * eye.opening, 0.0, 0.3, 0.78)
    stage.stroke(moved(low[3:], 0.0, 0.7), 1.7, LASH, 0.60 * eye.opening, 0.0, 0.15, 0.6)


def _lash_paint(eye: _Eye, line: Points) -> skia.Paint:
    """Warm at both ends, nearly black in the middle of the lash line."""
    inner, outer = float(line[0, 0]), float(line[-1, 0])
    return linear(
        (inner, 0),
        (outer, 0),
        [
            (0.0, _LASH_WARM, 1),
            (0.28, LASH, 1),
            (0.78, LASH, 1),
            (1.0, mix(LASH, _LASH_WARM, 0.55), 1),
        ],
    )


def _draw_lashes(stage: Stage, eye: _Eye) -> None:
    """The thick upper lash line, its wing and three grouped lashes at the outer corner."""
    lash = eye.person.lash
    upper = eye.upper
    size = eye.person.eye_size
    end = upper[-1]
    bend = 1.0 - 2.1 * (1.0 - eye.opening) ** 1.5  # closed lids point their lashes down
    wing = end + np.array([(4.2 + 1.4 * lash) * size, 0.4 - 1.2 * bend - 0.4 * eye.opening])
    line = resample(eye.place(np.vstack([upper, wing]), 0.0, -0.8), 29)
    width = (4.4 + 0.7 * lash) * (0.84 + 0.16 * eye.opening)
    paint = _lash_paint(eye, line)
    stage.canvas.drawPath(ribbon(line, width * _LASH_LINE), paint)
    reach = (0.86 + 0.28 * lash) * size
    path = skia.Path()
    # each lash: its place on the lid (knot), then how far its tip reaches outwards and upwards
    for knot, out, rise in ((5.80, 6.0, 3.8), (5.20, 5.2, 5.0), (4.60, 3.8, 5.2)):
        before, after = (_between_knots(upper, knot + k) - (0.0, 0.6) for k in (-0.42, 0.30))
        root = 0.5 * (before + after)
        tip = root + np.array([out, -rise * bend - 0.8]) * reach
        curl = np.array([0.16 * out, 0.22 * rise * bend]) * reach
        row = [before, 0.45 * before + 0.55 * tip + curl, tip, 0.5 * (after + tip) + curl, after]
        knots = eye.place(np.vstack(row), 0.0, -0.8).tolist()
        path.moveTo(*knots[0])
        path.quadTo(*knots[1], *knots[2])
        path.quadTo(*knots[3], *knots[4])
        path.close()
    stage.canvas.drawPath(path, paint)


def _between_knots(knots: Points, place: float) -> Points:
    """The point at a fractional index of a polyline."""
    index = min(int(place), len(knots) - 2)
    between: Points = knots[index] + (knots[index + 1] - knots[index]) * (place - index)
    return between


def _draw_crease(stage: Stage, eye: _Eye) -> None:
    """Fold of the upper lid, close to the lashes when open, high and faint when closed."""
    open_ = eye.opening
    rows: NDArray[np.float64] = eye.upper[1:] * (1.0, 0.92)
    calm = points([(x, -7.0 + 0.010 * x * x) for x in rows[:, 0]])
    rows = rows - (0.0, 5.4 + 0.6 * open_)
    knots = calm + (rows - calm) * open_
    color = mix(_LASH_WARM, eye.person.skin, 0.22)
    stage.stroke(eye.place(knots, 0.6), 1.35, color, 0.24 + 0.44 * open_, 0.1, 0.1, 0.55)


def draw_brow(stage: Stage, person: Identity, head: Head, eyes: float, side: float) -> None:
    """One soft brow, feathered at its inner end; wide eyes lift it a little."""
    centre, row = EYE_SPACING + 1.5, EYE_ROW - 22.5 - 5.5 * (eyes - 0.6)
    arch, tilt = person.brow_arch, 0.15 * person.eye_tilt
    knots = head.at(
        [
            (side * (centre - 16.5), row + 1.3 + tilt),
            (side * (centre - 8.0), row - 0.2 - 0.3 * arch),
            (side * (centre + 3.5), row - 0.8 - arch),
            (side * (centre + 12.0), row + 0.4 - 0.7 * arch - tilt),
            (side * (centre + 18.0), row + 4.4 - 0.4 * arch - tilt),
        ]
    )
    dense = resample(knots, 21)
    color = mix(shade(person.hair, 0.74, 0.64, 0.64), (104, 66, 58), 0.36)
    ends = (float(knots[0, 0]), 0.0), (float(knots[-1, 0]), 0.0)
    paint = linear(*ends, [(0, color, 0.06), (0.32, color, 0.72), (1, color, 0.80)])
    shape = ribbon(dense, taper(21, person.brow_thickness + 0.5, 0.35, 0.0, 0.36))
    stage.canvas.drawPath(shape, paint)
