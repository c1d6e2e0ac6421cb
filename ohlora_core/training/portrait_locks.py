"""Where the locks of the hair run: side locks, fringe, waves, bob, ponytail. Draws nothing.

Lines are [n, 2] of x from the middle line and row, from the root to the tip.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from functools import cache

import numpy as np
from numpy.typing import NDArray

from ohlora_core.training.portrait_canvas import Points, points, resample
from ohlora_core.training.portrait_identity import Identity

SAMPLES = 17
TAIL_SIDE = 1.0
"""Over which shoulder the ponytail falls."""


def bob(person: Identity) -> float:
    """0 long .. 1 a bob that ends at the chin."""
    t = min(max((214.0 - person.hair_end) / 22.0, 0.0), 1.0)
    return t * t * (3.0 - 2.0 * t)


@cache
def _profile(start: float, count: int) -> NDArray[np.float64]:
    s = np.linspace(0.0, 1.0, count)
    rise = start + (1.0 - start) * np.sin(np.clip(s / 0.45, 0.0, 1.0) * math.pi / 2.0)
    fall = np.clip((1.0 - s) / 0.42, 0.0, 1.0)
    return rise * np.where(fall < 1.0, np.sin(fall * math.pi / 2.0) ** 1.15, 1.0)


def lock_widths(widest: float, start: float, count: int = SAMPLES) -> NDArray[np.float64]:
    """Widths of a lock: `start` (0..1) at the root, then full, then a long pointed tip."""
    return widest * _profile(start, count)


def styled(line: Points, person: Identity, side: float, t: float) -> Points:
    """Waves, curls and the inward tips of a bob, the same for neighbouring locks (t 0..1)."""
    end, wave, short = person.hair_end, person.wave, bob(person)
    row = line[:, 1]
    fall = np.clip((row - 112.0) / 84.0, 0.0, 1.0)
    size = (0.8 + 8.2 * wave) * fall**1.3 * (1.0 - 0.45 * short) * (1.0 - 0.6 * person.tied)
    swing = size * np.sin((row - 122.0) / (12.6 - 2.6 * wave) - 0.5 * t)
    q = np.clip((row - 128.0) / (end - 128.0), 0.0, 1.1)
    curl_in = short * (5.0 * np.sin(np.clip(q, 0, 1) * math.pi) - (7.0 + 9.0 * t) * q**3)
    flick = (1.0 - short) * (1.0 - wave) * (4.0 * t - 2.5) * q**4
    out = line.copy()
    out[:, 0] += side * (swing + curl_in + flick)
    return out


def side_lock(
    person: Identity, side: float, t: float, short: float
) -> tuple[Points, NDArray[np.float64]]:
    """Line [SAMPLES, 2] and widths of a side lock, t 0 at the face .. 1 outside.

    short: how far its tip stays above the longest one.
    """
    v, part, tied = person.volume, person.part, person.tied
    reach = side * part  # a parting on the other side makes this side's sweep longer
    inner = points(
        [
            (part, 50.0),
            (part + side * (17.0 - 0.3 * reach), 60.0),
            (side * 40.0, 84.0),
            (side * 51.5, 113.0),
            (side * 55.0, 142.0),
            (side * 52.0, 172.0),
            (side * 49.0, 207.0),
            (side * 48.0, 250.0),
        ]
    )
    outer = points(
        [
            (part, 10.5),
            (part * 0.5 + side * 23.0, 15.0),
            (side * (49.5 + 0.6 * v), 36.0),
            (side * (65.5 + v), 78.0),
            (side * (72.5 + v), 126.0),
            (side * (77.0 + v), 168.0),
            (side * (77.0 + 1.2 * v), 210.0),
            (side * (70.0 + 1.2 * v), 250.0),
        ]
    )
    line = inner + (outer - inner) * t
    spread = np.hypot(*(outer - inner).T)
    below = line[:, 1] > 130.0
    line[below, 1] = 130.0 + (line[below, 1] - 130.0) * (person.hair_end - 130.0) / 120.0
    if tied > 0.0:
        gathered, narrow = _gathered(line, side, t)
        line = line + (gathered - line) * tied
        spread = spread + (narrow - spread) * tied
        if side != TAIL_SIDE:
            short *= 1.0 - tied  # behind the neck all tips lie together
    line[below, 1] -= short * (line[below, 1] - 130.0) / max(line[-1, 1] - 130.0, 1.0)
    line = styled(resample(line, SAMPLES), person, side, t)
    widths = resample(spread[:, None], SAMPLES)[:, 0] * 0.20
    return line, widths * lock_widths(1.0, 0.5)


def _gathered(line: Points, side: float, t: float) -> tuple[Points, NDArray[np.float64]]:
    """The same lock tied up: into the tail on one side, behind the neck on the other."""
    out = line.copy()
    c = t - 0.5
    if side == TAIL_SIDE:
        out[3:] = [
            (side * (58 + 10 * t), 113),
            (side * (60 + 9 * t), 142),
            (side * (60 + 16 * c), 176),
            (side * (62 + 24 * c), 214),
            (side * (58 + 14 * c), 251),
        ]
        narrow = np.array([33.0, 40.0, 43.0, 36.0, 34.0, 30.0, 44.0, 44.0])
    else:
        out[3:] = [
            (side * (57 + 10 * t), 113),
            (side * (58 + 9 * t), 136),
            (side * (56 + 7 * t), 156),
            (side * (50 + 6 * t), 174),
            (side * (41 + 6 * t), 190),
        ]
        narrow = np.array([33.0, 40.0, 43.0, 36.0, 34.0, 30.0, 28.0, 24.0])
    return out, narrow


# Fringe locks: x of the tip in a full fringe, its row, how light, from the sides to the middle.
_FRINGE = (
    (-44.0, 122.0, 0.96),
    (43.0, 124.0, 0.92),
    (-31.0, 110.0, 1.03),
    (30.0, 111.0, 0.98),
    (-18.5, 103.0, 0.95),
    (19.0, 105.0, 1.02),
    (-6.5, 107.0, 1.05),
    (6.5, 103.5, 0.97),
)


def fringe_locks(person: Identity) -> Iterator[tuple[Points, NDArray[np.float64], float]]:
    """Line [11, 2], widths and tone of each fringe lock, in drawing order.

    `fringe` blends from hair combed away over curtain bangs or a side sweep to a full fringe.
    """
    full, bangs, part = person.fringe, person.bangs, person.part
    for x, tip, tone in _FRINGE:
        side = math.copysign(1.0, x)  # in curtains a lock falls to its own side of the parting
        order = abs(x) / 44.0
        curtain = points(
            [
                (part + 0.05 * x, 22.0 + 3.0 * order),
                (part + 0.16 * x + side * 5.0, 44.0 + 4.0 * order),
                (part * 0.4 + side * (23.0 + 7.0 * order), 72.0),
                (side * (40.0 + 6.0 * order), 97.0),
                (side * (52.0 + 5.0 * order), 118.0 + 26.0 * order),
            ]
        )
        back = points(
            [
                (part + 0.05 * x, 20.0),
                (part + 0.2 * x + side * 10.0, 32.0 + 10.0 * (1 - order)),
                (side * (38.0 + 8.0 * order), 62.0 + 10.0 * (1 - order)),
                (side * (52.0 + 6.0 * order), 92.0),
                (side * (57.0 + 6.0 * order), 122.0),
            ]
        )
        down = points(
            [
                (part * 0.7 + 0.20 * x, 22.0),
                (0.35 * part + 0.66 * x, 42.0),
                (0.96 * x, 68.0),
                (1.05 * x, 90.0),
                (1.06 * x - 0.18 * (x - 8.0), tip),
            ]
        )
        away = curtain * bangs + back * (1.0 - bangs)
        line = resample(away * (1.0 - full) + down * full, 11)
        yield line, lock_widths(14.0 + 3.5 * full, 0.45, 11), tone
