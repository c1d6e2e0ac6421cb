"""Face layers of the portrait: head shape, eyes, brows, nose, with head turn and expression.

Knows nothing of hair and background. Frontal x is given from the middle line (right positive),
y as picture row; `Head.at` moves points by their depth.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import skia

from ohlora_core.training.portrait_canvas import (
    Points,
    Stage,
    argb,
    linear,
    moved,
    points,
    smooth,
    solid,
)
from ohlora_core.training.portrait_identity import Color, Identity, mix, shade

EYE_ROW = 122.0
WHITE: Color = (255.0, 255.0, 255.0)
LASH: Color = (44.0, 26.0, 30.0)


class Head:
    """Head turn: moves frontal points sideways by their depth. pose -1..1, 0 frontal."""

    def __init__(self, pose: float) -> None:
        self.pose = pose

    def at(self, rows: Sequence[Sequence[float]] | Points, lift: float = 0.0) -> Points:
        """Points [n, 2] (x from the middle, row) on the head, `lift` pixels above the skin."""
        flat = np.asarray(rows, dtype=np.float64)
        x = flat[:, 0]
        depth = 5.0 + (10.8 + lift) * np.maximum(1.0 - (x / 62.0) ** 2, -0.25)
        out = flat.copy()
        out[:, 0] = 128.0 + x * (1.0 - 0.03 * self.pose**2) + self.pose * depth
        return out

    def one(self, x: float, y: float, lift: float = 0.0) -> tuple[float, float]:
        """One point."""
        row = self.at([[x, y]], lift)[0]
        return float(row[0]), float(row[1])

    def stretch(self, x: float) -> float:
        """Width factor of a small feature at x (the far side of a turned head is narrower)."""
        return 1.0 - 0.03 * self.pose**2 - self.pose * 20.0 * x / 62.0**2


def tones(skin: Color) -> tuple[Color, Color, Color]:
    """Light, shadow and deep shadow tones of a skin."""
    return (
        mix(skin, (255.0, 250.0, 244.0), 0.55),
        shade(skin, 0.93, 0.80, 0.77),
        shade(skin, 0.80, 0.60, 0.57),
    )


def face_outline(person: Identity, head: Head, mouth: float) -> skia.Path:
    """Outline of the face; an open mouth lowers the chin."""
    w, jaw, drop = person.face_width, person.jaw, person.chin + 5.0 * mouth
    half = [
        (30.0, 58.0),
        (50.0 * w, 76.0),
        (56.5 * w, 104.0),
        (56.0 * w, 130.0),
        ((50.5 + 2.4 * jaw) * w, 153.0 + 0.15 * drop),
        ((41.0 + 5.0 * jaw) * w, 173.0 + 0.4 * drop),
        ((27.8 + 5.6 * jaw) * w, 191.0 + 0.75 * drop),
        ((11.5 + 5.0 * jaw) * w, 203.8 + drop),
    ]
    rows = [(0.0, 52.0), *half, (0.0, 207.0 + drop), *[(-x, y) for x, y in reversed(half)]]
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
        ear = smooth(
            head.at(
                [
                    (side * 53 * person.face_width, 118),
                    (side * 57 * person.face_width, 115),
                    (side * 58.5 * person.face_width, 124),
                    (side * 56 * person.face_width, 142),
                    (side * 53 * person.face_width, 148),
                ]
            )
        )
        stage.fill(ear, solid(mix(person.skin, dark, 0.45)), hair=False)
    outline = face_outline(person, head, mouth)
    cx, _ = head.one(0, 130)
    stage.fill(
        outline,
        linear(
            (0, 60),
            (0, 212),
            [
                (0.0, mix(person.skin, light, 0.25), 1),
                (0.55, mix(person.skin, light, 0.12), 1),
                (1.0, person.skin, 1),
            ],
        ),
        hair=False,
    )
    with stage.clipped(outline):
        for side, strength in ((-1.0, 0.30), (1.0, 0.50)):  # light from the upper left
            x, _ = head.one(side * 61 * person.face_width, 150)
            near = strength * (1.0 - 0.35 * side * head.pose)
            stage.glow(x, 160, 25, 62, dark, near)
        drop = 5.0 * mouth
        stage.glow(cx, 214 + drop, 40, 15, dark, 0.55)
        for side in (-1.0, 1.0):
            x, y = head.one(side * 35, 151)
            stage.glow(x, y, 21 * head.stretch(side * 35), 14, (250, 122, 118), 0.38 * person.blush)
        x, y = head.one(-3, 84, 2)
        stage.glow(x, y, 34, 20, light, 0.45)
        for side in (-1.0, 1.0):
            x, y = head.one(side * 31, 140)
            stage.glow(x, y, 15 * head.stretch(side * 31), 7, light, 0.55, turn=-12 * side)
        x, y = head.one(0, 201 + drop, 1)
        stage.glow(x, y, 11, 6, light, 0.6)
    edge = skia.Paint(AntiAlias=True, Color=argb(deep, 0.45))
    edge.setStyle(skia.Paint.kStroke_Style)
    edge.setStrokeWidth(0.9)
    stage.canvas.drawPath(outline, edge)
    return outline


def draw_nose(stage: Stage, person: Identity, head: Head) -> None:
    """Bridge light, wing shadows, nostrils, tip light."""
    light, dark, deep = tones(person.skin)
    tip = 155.8 + person.nose_length
    w = person.nose_width
    bridge, _ = head.one(-0.5, 130, 4)
    x, _ = head.one(6.0 * w, 132, 2)
    stage.glow(x, 128, 6.5, 24, dark, 0.26)
    x, _ = head.one(-6.0 * w, 132, 2)
    stage.glow(x, 126, 5.5, 22, dark, 0.16)
    stage.glow(bridge, 134, 3.6, 24, light, 0.5)
    x, y = head.one(0, tip + 4.5, 5)
    stage.glow(x, y, 11 * w, 5.5, deep, 0.42)
    x, y = head.one(0.5, tip - 3.0, 7)
    stage.glow(x - 0.8, y - 1.5, 4.4, 4.2, WHITE, 0.62)
    for side in (-1.0, 1.0):
        nostril = head.at(
            [
                (side * 2.0 * w, tip + 2.6),
                (side * 3.9 * w, tip + 1.5),
                (side * 5.6 * w, tip + 2.3),
            ],
            5,
        )
        stage.stroke(nostril, 1.7, shade(deep, 0.74, 0.58, 0.58), 0.62, 0.2, 0.0, 0.5)
        wing = head.at(
            [
                (side * 6.6 * w, tip - 3.4),
                (side * 8.2 * w, tip - 0.4),
                (side * 6.9 * w, tip + 2.3),
            ],
            4,
        )
        stage.stroke(wing, 1.0, deep, 0.22)


def _eye_curves(person: Identity, eyes: float) -> tuple[Points, Points]:
    """Upper and lower lid, inner to outer corner, as offsets from the centre of a right eye."""
    half = 16.4 * person.eye_size
    tilt = person.eye_tilt
    opening = np.sin(min(max(eyes, 0.0), 1.0) * np.pi / 2.0) ** 0.9
    rise = (12.6 * person.eye_size * person.eye_height) * (0.78 + 0.22 * eyes) / 0.91
    sink = 7.8 * person.eye_size * (0.9 + 0.1 * eyes)
    x = points([(-1.0, 0), (-0.72, 0), (-0.30, 0), (0.18, 0), (0.62, 0), (1.0, 0)])[:, 0] * half
    base = np.array([3.0, 2.2, 1.4, 0.8, 0.4, 0.3]) - tilt * (x / half + 0.4) * 0.75
    up = base - rise * np.array([0.0, 0.60, 0.98, 1.0, 0.70, 0.0])
    low = base + sink * np.array([0.0, 0.50, 0.86, 0.95, 0.68, 0.0])
    shut = base + np.array([1.0, 4.0, 6.2, 6.6, 4.4, 0.6])
    upper = np.stack([x, shut + (up - shut) * opening], axis=1)
    lower = np.stack([x, shut + (low - shut) * (0.35 + 0.65 * opening)], axis=1)
    return upper, lower


def draw_eye(stage: Stage, person: Identity, head: Head, eyes: float, side: float) -> None:
    """One eye with lid shadow, iris, catch lights, lashes and crease; side -1 left, 1 right."""
    light, _, deep = tones(person.skin)
    centre = side * person.eye_spacing
    upper, lower = _eye_curves(person, eyes)
    opening = min(max(eyes, 0.0), 1.0)

    def place(offsets: Points, dx: float = 0.0, dy: float = 0.0) -> Points:
        return head.at(
            np.stack([centre + side * (offsets[:, 0] + dx), EYE_ROW + offsets[:, 1] + dy], axis=1)
        )

    cx, cy = head.one(centre, EYE_ROW)
    narrow = head.stretch(centre)
    half = 16.4 * person.eye_size
    stage.glow(cx, cy - 7, 24 * narrow, 13, mix(deep, (190, 96, 92), 0.35), 0.34)
    stage.glow(cx + side * 13 * narrow, cy - 1, 11 * narrow, 8, deep, 0.30)
    up, low = place(upper), place(lower)
    shape = smooth(np.vstack([up, low[-2:0:-1]]))
    stage.canvas.drawPath(
        shape,
        linear(
            (0, float(up[:, 1].min())),
            (0, float(low[:, 1].max())),
            [(0.0, (206, 192, 200), 1), (0.42, (246, 242, 244), 1), (1.0, (255, 252, 251), 1)],
        ),
    )
    with stage.clipped(shape):
        _draw_iris(stage, person, head, (cx, cy), narrow, opening)
        # shadow that the lashes cast on the eyeball
        stage.stroke(moved(up, 0.0, 1.6), 5.0, (60, 34, 44), 0.34, 0.6, 0.6)
    # lower lid: lash line, waterline light, and the soft fold below the eye
    stage.stroke(low[1:], 1.1, (122, 74, 72), 0.75, 0.0, 0.9, 0.75)
    fold = place(lower * (0.84, 1.0), 0.0, 5.2)[1:-1]
    stage.stroke(fold, 1.2, deep, 0.11)
    stage.glow(cx, cy + 10.5, 13 * narrow, 3.2, light, 0.45)
    # upper lash line with wing
    wing = place(points([(half + 2.6 + person.lash, upper[-1, 1] - 2.0 - 0.5 * person.eye_tilt)]))
    line = np.vstack([up, wing])
    stage.stroke(moved(line, 0.0, -0.3), 2.9 + 0.6 * person.lash, LASH, 1.0, 0.35, 0.0, 0.66)
    for k, (index, reach) in enumerate(((5, 4.6), (4, 4.8), (3, 3.8))):
        root = upper[index] if index < 5 else upper[5] - np.array([1.2, 0.6])
        size = reach * (0.75 + 0.4 * person.lash)
        bend = 1.0 - 2.0 * (1.0 - opening) ** 2  # closed lids: lashes point down
        tip = root + np.array([size * (0.75 - 0.12 * k), -size * 0.75 * bend])
        middle = (root + tip) / 2.0 + np.array([0.7, 0.5 * bend])
        stage.stroke(place(np.vstack([root, middle, tip])), 1.7, LASH, 0.9, 1.0, 0.0, 0.1)
    # double eyelid crease
    gap = 3.2 + 1.6 * opening
    crease = place(upper * (1.02, 0.94), 0.6, -gap)[1:]
    stage.stroke(crease, 1.2, (138, 78, 72), 0.30 + 0.35 * opening, 0.2, 0.1)


def _draw_iris(
    stage: Stage,
    person: Identity,
    head: Head,
    eye: tuple[float, float],
    narrow: float,
    opening: float,
) -> None:
    """Iris, pupil and catch lights around the eye's centre (drawn inside the eye's clip)."""
    canvas = stage.canvas
    radius = 11.1 * person.eye_size
    ring, base = shade(person.iris, 0.42, 0.38, 0.42), person.iris
    canvas.save()
    canvas.translate(eye[0] - 1.2 * head.pose, eye[1] + 0.2 - 1.0 * opening)
    canvas.scale(narrow * radius, 1.06 * radius)
    canvas.drawCircle(0, 0, 1.0, solid(ring))
    canvas.drawCircle(
        0,
        0,
        0.88,
        linear(
            (0, -0.9),
            (0, 0.9),
            [
                (0.0, shade(base, 0.42, 0.40, 0.44), 1),
                (0.5, base, 1),
                (1.0, mix(base, (255, 214, 170), 0.55), 1),
            ],
        ),
    )
    canvas.drawCircle(0, 0.02, 0.44, solid((22, 12, 14)))
    canvas.restore()
    x, y = eye[0] - 1.2 * head.pose, eye[1] + 0.2 - 1.0 * opening
    stage.glow(x, y + 0.62 * radius, 0.62 * radius * narrow, 0.36 * radius, (255, 232, 206), 0.55)
    canvas.drawOval(
        skia.Rect.MakeXYWH(
            x - 0.55 * radius * narrow, y - 0.62 * radius, 0.54 * radius * narrow, 0.52 * radius
        ),
        solid(WHITE, 0.97),
    )
    canvas.drawCircle(
        x + 0.42 * radius * narrow, y + 0.40 * radius, 0.15 * radius, solid(WHITE, 0.8)
    )


def draw_brow(stage: Stage, person: Identity, head: Head, eyes: float, side: float) -> None:
    """One soft brow; wide eyes lift it a little."""
    centre = side * (person.eye_spacing + 1.0)
    row = EYE_ROW - 23.0 - person.brow_lift - 5.0 * (eyes - 0.6)
    arch = person.brow_arch
    knots = head.at(
        [
            (centre - side * 15.0, row + 1.4),
            (centre - side * 6.0, row + 0.2 - 0.4 * arch),
            (centre + side * 5.5, row - 0.6 - arch),
            (centre + side * 17.5, row + 2.8),
        ]
    )
    color = mix(shade(person.hair, 0.92, 0.86, 0.86), (96, 66, 56), 0.35)
    stage.stroke(knots, person.brow_thickness + 1.3, color, 0.30, 0.25, 0.0, 0.42)
    stage.stroke(knots, person.brow_thickness, color, 0.66, 0.2, 0.0, 0.42)
