"""Hair layers of the portrait: back hair, side locks, fringe, each drawn into the hair mask too."""

from __future__ import annotations

import numpy as np
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
from ohlora_core.training.portrait_face import Head
from ohlora_core.training.portrait_identity import Color, Identity, mix, shade

_SAMPLES = 15


class HairTones:
    """Paints of the hair: the same vertical run of light, in a few depths."""

    def __init__(self, hair: Color, end: float) -> None:
        shine = mix(shade(hair, 1.45, 1.38, 1.32), (250, 232, 222), 0.22)
        self.hair = hair
        self.shine = shine
        self.dark = shade(hair, 0.62, 0.58, 0.62)
        self.end = end

    def paint(self, tone: float) -> object:
        """Paint of a lock; tone below 1 darker, above 1 lighter."""
        base = shade(self.hair, tone, tone, tone)
        root = shade(base, 0.80, 0.78, 0.80)
        soft = mix(base, self.shine, 0.42)
        return linear(
            (0, 20),
            (0, self.end + 4),
            [
                (0.0, root, 1),
                (0.16, soft, 1),
                (0.30, base, 1),
                (0.62, shade(base, 0.92, 0.90, 0.90), 1),
                (1.0, mix(base, self.shine, 0.16), 1),
            ],
        )


def _turn(knots: Points, head: Head, depth: float) -> Points:
    """Move hair knots [n, 2] (x from the middle) with the head; tips stay on the body."""
    hold = np.clip((232.0 - knots[:, 1]) / 80.0, 0.0, 1.0)
    out = knots.copy()
    out[:, 0] += 128.0 + head.pose * depth * hold * hold * (3.0 - 2.0 * hold)
    return out


def _waved(knots: Points, person: Identity, phase: float, side: float) -> Points:
    """Swing a lock's points sideways below the cheek: loose waves to curls."""
    fall = np.clip((knots[:, 1] - 118.0) / 70.0, 0.0, 1.0)
    size = (0.5 + 6.0 * person.wave) * fall**1.2
    out = knots.copy()
    out[:, 0] += side * size * np.sin((knots[:, 1] - 118.0) / (9.2 - 1.2 * person.wave) + phase)
    return out


def _between(inner: Points, outer: Points, t: float) -> Points:
    return inner + (outer - inner) * t


def draw_back_hair(stage: Stage, person: Identity, head: Head, tones: HairTones) -> None:
    """Hair behind neck and shoulders."""
    v, end = person.volume, person.hair_end + 3.0
    top = [(0.0, 17.0), (34.0, 24.0), (60.0 + 0.5 * v, 50.0), (74.0 + v, 96.0), (78.0 + v, 150.0)]
    low = [(77.0 + v, end - 30.0), (66.0 + v, end - 14.0), (30.0, end - 12.0)]
    half = [*top, *low]
    rows = points([*half, *[(-x, y) for x, y in reversed(half) if x > 0]])
    base = mix(tones.dark, tones.hair, 0.25)
    stage.fill(
        smooth(_turn(rows, head, 3.0)),
        linear((0, 40), (0, end), [(0, tones.hair, 1), (0.5, tones.dark, 1), (1, base, 1)]),
        hair=True,
    )
    for side in (-1.0, 1.0):
        for k in range(5):
            t = k / 4.0
            knots = points(
                [
                    (side * (26 + 34 * t), 90),
                    (side * (34 + (34 + v) * t), 140),
                    (side * (34 + (36 + v) * t), (150 + end) / 2),
                    (side * (32 + (34 + v) * t), end - 12.0 * abs(t - 0.6)),
                ]
            )
            line = _waved(resample(knots, _SAMPLES), person, 1.6 * t, side)
            stage.fill(
                ribbon(_turn(line, head, 2.0), taper(_SAMPLES, 24.0, 0.0, 0.1, 0.6)),
                solid(mix(base, tones.hair, 0.08 * (k % 3)), 1.0),
                hair=True,
            )


def _side_edges(person: Identity, side: float) -> tuple[Points, Points]:
    """Inner and outer edge of a side lock, from the parting to the tips, x from the middle."""
    v, part, end = person.volume, person.part, person.hair_end
    reach = side * part  # a parting on the other side makes this side's sweep longer
    inner = points(
        [
            (part, 54.0),
            (part + side * (17.0 - 0.3 * reach), 65.0),
            (side * 39.0, 88.0),
            (side * 50.5, 114.0),
            (side * 53.5, 142.0),
            (side * 52.0, 172.0),
            (side * 50.0, 205.0),
            (side * 49.0, 250.0),
        ]
    )
    outer = points(
        [
            (part, 14.5),
            (part * 0.55 + side * 31.0, 19.5),
            (side * (57.5 + 0.7 * v), 42.0),
            (side * (71.0 + v), 82.0),
            (side * (78.0 + v), 130.0),
            (side * (80.0 + v), 172.0),
            (side * (80.0 + v), 212.0),
            (side * (76.0 + v), 250.0),
        ]
    )
    return _cut(inner, 250.0, end), _cut(outer, 250.0, end)


def _cut(knots: Points, old: float, end: float) -> Points:
    """Move a lock's last row from `old` to `end`, keeping the part above row 130 as it is."""
    out = knots.copy()
    below = out[:, 1] > 130.0
    out[below, 1] = 130.0 + (out[below, 1] - 130.0) * (end - 130.0) / (old - 130.0)
    return out


def draw_side_locks(stage: Stage, person: Identity, head: Head, tones: HairTones) -> None:
    """The hair that falls on both sides from the parting over the shoulders."""
    depth = np.linspace(8.0, 3.0, 2)
    count = 7
    paints = [tones.paint(t) for t in (0.90, 1.0, 1.08)]
    for side in (-1.0, 1.0):
        inner, outer = _side_edges(person, side)
        body = [
            _turn(
                _waved(
                    resample(_cut(edge, person.hair_end, person.hair_end - 15.0), _SAMPLES),
                    person,
                    ph,
                    side,
                ),
                head,
                d,
            )
            for edge, d, ph in ((inner, depth[0], 0.0), (outer, depth[1], 1.6))
        ]
        # The body ends in a rounded point; the locks on top of it fray that edge.
        point = 0.5 * (body[0][-1] + body[1][-1]) + np.array([0.0, 12.0])
        shape = smooth(np.vstack([body[1], point, body[0][::-1]]), closed=False)
        shape.close()
        stage.fill(shape, paints[0], hair=True)
        for k in (6, 0, 5, 1, 4, 2, 3):
            t = (k + 0.5) / count
            lock = _between(inner, outer, t)
            end = person.hair_end
            lock = _cut(lock, end, end - 20.0 * abs(t - 0.5) - 2.0 * (k % 2))
            line = _waved(resample(lock, _SAMPLES), person, 1.6 * t, side)
            line = _turn(line, head, float(8.0 - 5.0 * t))
            spread = np.hypot(*(resample(outer, _SAMPLES) - resample(inner, _SAMPLES)).T)
            widths = spread / count * 1.75 * _tip_profile()
            stage.fill(ribbon(line, widths), paints[(k * 2 + (side > 0)) % 3], hair=True)
        _draw_strands(stage, person, head, tones, (inner, outer), side)


def _tip_profile() -> NDArray[np.float64]:
    """Width factor along a lock: full, then pointed at the tip."""
    s = np.linspace(0.0, 1.0, _SAMPLES)
    return np.sqrt(np.clip((1.0 - s) / 0.16, 0.0, 1.0)) * np.clip(0.35 + s * 4.0, 0, 1)


def _draw_strands(
    stage: Stage,
    person: Identity,
    head: Head,
    tones: HairTones,
    edges: tuple[Points, Points],
    side: float,
) -> None:
    """Subtle strand lines and the band of light around the crown."""
    inner, outer = edges
    for k in range(5):
        t = (k + 0.6) / 5.4
        line = resample(_between(inner, outer, t), 2 * _SAMPLES - 1)
        line = _turn(_waved(line, person, 1.6 * t, side), head, 8.0 - 5.0 * t)
        dark = ribbon(line[2:-8], taper(len(line) - 10, 1.2))
        stage.fill(dark, solid(tones.dark, 0.26))
        shift = k % 3
        stage.fill(
            ribbon(moved(line[3 + shift : 12 + shift], 1.6, 0.0), taper(9, 4.6)),
            solid(tones.shine, 0.22),
        )
        stage.fill(
            ribbon(moved(line[14 + shift : 24 + shift], -1.4, 0.0), taper(10, 2.6)),
            solid(tones.shine, 0.16),
        )


def draw_fringe(stage: Stage, person: Identity, head: Head, tones: HairTones) -> None:
    """Fringe locks: swept aside like curtains (`fringe` 0) .. down to the brows (1)."""
    paints = [tones.paint(t) for t in (0.96, 1.06)]
    full = person.fringe
    for k, x in enumerate((-35.0, 35.0, -29.0, 28.0, -22.0, 21.0, -15.0, 14.0, -8.0, 7.0, -1.0)):
        side = 1.0 if x > 0 else -1.0
        root = person.part
        swept = [
            (root + 0.10 * x, 30.0),
            (root + 0.40 * x + side * 8.0, 50.0),
            (side * (32.0 + 0.14 * abs(x)), 82.0),
            (side * (46.0 + 0.10 * abs(x)), 110.0 + 0.35 * abs(x)),
        ]
        down = [
            (root + 0.25 * x, 30.0),
            (0.5 * root + 0.80 * x, 54.0),
            (1.02 * x + 1.0, 82.0),
            (1.10 * x + 3.0 * side, 106.0 + 0.005 * x * x - 3.0 * (k % 3)),
        ]
        knots = points(swept) * (1.0 - full) + points(down) * full
        line = resample(knots, 9)
        path = ribbon(head.at(line, 1.0), taper(9, 12.5, 0.5, 0.0, 0.22))
        stage.fill(path, paints[(k // 2) % 2], hair=True)
        stage.fill(
            ribbon(head.at(moved(line, 1.6, 0.0), 1.0), taper(9, 1.0)), solid(tones.dark, 0.22)
        )
