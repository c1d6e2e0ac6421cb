"""Hair layers of the portrait: back hair, side locks, fringe, each drawn into the hair mask too.

Hair is built of large overlapping locks. Points are given as x from the middle line and row until
`_turn` moves them with the head. Where locks run is decided in portrait_locks.
"""

from __future__ import annotations

import numpy as np
import skia
from numpy.typing import NDArray

from ohlora_core.training.portrait_canvas import (
    Points,
    Stage,
    linear,
    points,
    resample,
    ribbon,
    smooth,
    solid,
)
from ohlora_core.training.portrait_head import Head
from ohlora_core.training.portrait_identity import Color, Identity, mix, shade
from ohlora_core.training.portrait_locks import (
    SAMPLES,
    TAIL_SIDE,
    bob,
    fringe_locks,
    lock_widths,
    side_lock,
    styled,
)


class HairTones:
    """Colours of the hair: dark roots, a ring of light around the crown, lighter tips."""

    def __init__(self, hair: Color, end: float) -> None:
        # Dark hair shines cool, light hair warm; dark hair needs more light to show its form.
        bright = (hair[0] + hair[1] + hair[2]) / 765.0
        self.hair = hair
        self.shine = mix(
            shade(hair, 1.55, 1.50, 1.50),
            mix((206, 190, 226), (255, 244, 226), min(1.6 * bright, 1.0)),
            0.34,
        )
        self.glint = mix(self.shine, (255, 248, 244), 0.42)
        self.dark = mix(shade(hair, 0.56, 0.48, 0.56), (44, 22, 44), 0.20)
        self.end = end

    def paint(self, ring: float, tone: float, end: float) -> skia.Paint:
        """Paint of a lock with its ring of light at the row `ring` and its tip at the row `end`."""
        base = shade(self.hair, tone, tone, tone)
        root = mix(base, self.dark, 0.55)
        top, low = 14.0, max(end, ring + 50.0)

        def place(row: float) -> float:
            return (row - top) / (low - top)

        return linear(
            (0, top),
            (0, low),
            [
                (0.0, root, 1),
                (place(ring - 15.0), mix(base, self.dark, 0.22), 1),
                (place(ring), mix(base, self.shine, 0.66), 1),
                (place(ring + 16.0), base, 1),
                (place(ring + 40.0), mix(base, self.dark, 0.20), 1),
                (1.0, mix(base, self.shine, 0.40), 1),
            ],
        )


def _turn(knots: Points, head: Head, front: float) -> Points:
    """Move hair knots with the head, more the further in front (0..1); tips stay on the body."""
    hold = np.clip((236.0 - knots[:, 1]) / 90.0, 0.0, 1.0)
    depth = 3.0 + 13.5 * front * np.maximum(1.0 - (knots[:, 0] / 66.0) ** 2, -0.2)
    out = knots.copy()
    out[:, 0] += 128.0 + head.pose * depth * hold * hold * (3.0 - 2.0 * hold)
    return out


def _section(
    line: Points, widths: NDArray[np.float64], rows: tuple[float, float], shift: float
) -> tuple[Points, NDArray[np.float64]]:
    """Part of a lock between two rows, `shift` widths beside its middle; 7 points and widths."""
    where = np.linspace(rows[0], rows[1], 7)
    order = np.maximum.accumulate(line[:, 1] + np.arange(len(line)) * 1e-4)
    wide = np.interp(where, order, widths)
    x = np.interp(where, order, line[:, 0]) + shift * wide
    return np.stack([x, where], axis=1), wide * np.sin(np.linspace(0.0, np.pi, 7))


def _draw_lock(
    stage: Stage,
    tones: HairTones,
    line: Points,
    widths: NDArray[np.float64],
    ring: float,
    tone: float,
    glint: float = 1.0,
) -> None:
    """One lock: body with a run of light, a shaded side, a lit side, its piece of the ring."""
    end = float(line[-1, 1])
    body = ribbon(line, widths)
    stage.fill(body, tones.paint(ring, tone, end), hair=True)
    # Light comes from the upper left: the right of a lock lies in shade, its left edge is lit.
    left, right = float((line[:, 0] - widths / 2).min()), float((line[:, 0] + widths / 2).max())
    stage.fill(
        body,
        linear(
            (left, 0),
            (right, 0),
            [
                (0.0, tones.shine, 0.26),
                (0.30, tones.shine, 0.0),
                (0.52, tones.dark, 0.0),
                (1.0, tones.dark, 0.62),
            ],
        ),
    )
    normal = np.gradient(line, axis=0)[:, ::-1] * (1.0, -1.0)
    normal /= np.maximum(np.hypot(normal[:, 0], normal[:, 1]), 1e-6)[:, None]
    for shift, wide, color, strength in (
        (0.22, 1.4, tones.dark, 0.30),
        (-0.16, 1.5, tones.shine, 0.30),
    ):
        strand = (line + shift * widths[:, None] * normal)[2:]
        stage.fill(ribbon(strand, wide * _swell(len(strand))), solid(color, strength))
    if glint > 0.0:
        for shift, reach, strength in ((-0.20, 11.0, 0.42), (0.12, 8.0, 0.26)):
            piece, spread = _section(line, widths, (ring - reach, ring + reach), shift)
            stage.fill(ribbon(piece, 0.30 * spread), solid(tones.glint, strength * glint))


def _swell(count: int) -> NDArray[np.float64]:
    """Width factors that start and end at nothing."""
    swell: NDArray[np.float64] = np.sin(np.linspace(0.0, np.pi, count))
    return swell


def draw_back_hair(stage: Stage, person: Identity, head: Head, tones: HairTones) -> None:
    """Hair behind neck and shoulders: a dark mass and locks that loosen its outline."""
    v, tied = person.volume, person.tied
    end = person.hair_end + (196.0 - person.hair_end) * tied
    low_x = (70.0 + v) * (1.0 - 0.42 * tied) * (1.0 - 0.22 * bob(person))
    half = [
        (0.0, 9.0),
        (22.0, 13.6),
        (43.0 + 0.4 * v, 28.0),
        (58.0 + 0.7 * v, 50.0),
        (67.5 + v - 3.0 * tied, 90.0),
        (71.5 + v - 9.0 * tied, 138.0),
        (low_x, end - 34.0),
        (0.86 * low_x, end - 18.0),
        (0.40 * low_x, end - 14.0),
    ]
    rows = points([*half, *[(-x, y) for x, y in reversed(half) if x > 0]])
    deep = mix(tones.dark, tones.hair, 0.16)
    stage.fill(
        smooth(_turn(rows, head, 0.0)),
        linear((0, 60), (0, end), [(0, tones.dark, 1), (1, deep, 1)]),
        hair=True,
    )
    paint = linear(
        (0, 60),
        (0, end),
        [(0, tones.dark, 1), (0.6, deep, 1), (1, mix(tones.hair, tones.shine, 0.10), 1)],
    )
    for side in (-1.0, 1.0):
        for t, wide, short in ((0.10, 22.0, 8.0), (0.55, 24.0, 2.0), (1.0, 22.0, 12.0)):
            x = 22.0 + (low_x - 14.0) * t
            knots = points(
                [
                    (side * (30 + 26 * t), 92),
                    (side * (0.5 * x + 27 + 8 * t), 135),
                    (side * x, (150 + end) / 2),
                    (side * (x + 5.0 * t * (1.0 - bob(person))), end - short),
                ]
            )
            line = styled(resample(knots, SAMPLES), person, side, 1.0 + 0.3 * t)
            stage.fill(ribbon(_turn(line, head, 0.0), lock_widths(wide, 0.4)), paint, hair=True)


def draw_side_locks(stage: Stage, person: Identity, head: Head, tones: HairTones) -> None:
    """The hair that falls on both sides from the parting over the shoulders."""
    for side in (-1.0, 1.0):
        inner, outer = (side_lock(person, side, t, 26.0)[0] for t in (0.04, 0.97))
        edges = _turn(inner, head, 0.9), _turn(outer, head, 0.15)
        shape = smooth(np.vstack([edges[1], edges[0][::-1]]), closed=False)
        shape.close()
        stage.fill(
            shape,
            linear(
                (0, 20),
                (0, tones.end),
                [(0, mix(tones.dark, tones.hair, 0.45), 1), (1, tones.dark, 1)],
            ),
            hair=True,
        )
        # From the back to the front; each lock shades the one behind it.
        for t, tone, short, wide in (
            (0.92, 0.90, 7.0, 2.5),
            (0.24, 0.96, 4.0, 2.5),
            (0.60, 1.03, 0.0, 2.5),
            (0.02, 1.07, 20.0, 1.0),
        ):
            line, widths = side_lock(person, side, t, short)
            line = _turn(line, head, 0.95 - 0.8 * t)
            _draw_lock(stage, tones, line, widths * wide, 56.0 + 7.0 * t, tone)
    if person.tied > 0.0:
        _draw_tie(stage, person, head)


def _draw_tie(stage: Stage, person: Identity, head: Head) -> None:
    """The band that holds the side ponytail."""
    color = mix(person.clothes, (236, 120, 140), 0.35)
    x, y = _turn(points([(TAIL_SIDE * 59.0, 190.0)]), head, 0.4)[0]
    half = 13.0
    band = points([(-half, -3), (-4, -6.5), (6, -7), (half, -3), (half, 4), (3, 5.5), (-half, 4)])
    shape = smooth(band * person.tied + np.array([x, y]))
    dark = shade(color, 0.72, 0.66, 0.74)
    stage.fill(shape, linear((x - 12, y), (x + 14, y), [(0, color, 1), (1, dark, 1)]), hair=False)


def draw_fringe(stage: Stage, person: Identity, head: Head, tones: HairTones) -> None:
    """The shade along the parting, then fringe locks, from the sides to the middle."""
    x, y = _turn(points([(person.part, 33.0)]), head, 0.95)[0]
    stage.glow(float(x), float(y), 26.0, 20.0, tones.dark, 0.62)
    for line, widths, tone in fringe_locks(person):
        placed = head.at(line, 1.5)
        _draw_lock(stage, tones, placed, widths, 49.0 + 0.002 * float(line[4, 0]) ** 2, tone)
