"""How the expression moves in time: replies, random walk, blinks (design/system.md section 4).

Knows scores and frames; nothing of pictures. A score is a weight of a property vector: smaller is
eyes wider, mouth wider, head turned more.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ohlora_core.errors import ScoreError

FPS = 24
REPLY_FRAMES = 110
_MOVE_FRAMES = 50
_HOLD_FRAMES = 10
# Per-frame step and reach of the random walk around the base: eyes, mouth, pose.
_WALK_STEP = np.array([0.02, 0.015, 0.025])
_WALK_REACH = np.array([0.15, 0.1, 0.2])
_BLINK_CHANCE = 0.025
_BLINK_GAP_FRAMES = 2 * FPS
_LONGEST_BLINK = 13
_BLINK_FROM_FRAME = 40
"""In a reply; a reply of ordinary length has its own movement and needs no blink."""
_SETTLE_FRAMES = 12
_EASE_FRAMES = 12
LEAD_FRAMES = 8
"""So many frames of a reply need no target yet: its weight is below 0.05 there."""
MAX_REPLY_FRAMES = 12 * FPS
"""When the target comes in time."""
MAX_SPEECH_FRAMES = MAX_REPLY_FRAMES - _MOVE_FRAMES
MAX_WAIT_FRAMES = 8 * FPS
"""A target that is still missing then is given up."""
_BREATH_FRAMES = 90
"""One breath: 16 a minute."""
_BREATH = np.array([0.012, 0.01, 0.05])
# Opening of the mouth at the widest vowel: what a neutral face reaches, and what its expression
# adds, both as a share of the way from closed to wide open.
_SPEECH_REACH, _SPEECH_EXPRESSION = 0.45, 0.45
_MOUTH_CLOSED, _MOUTH_WIDEST = 1.0, -1.6

LIMITS = {"eyes": (-1.5, 1.5), "mouth": (-1.8, 1.8), "pose": (-1.8, 0.6)}
"""Scores that make sense: the grid of VectorFind, for the eyes as far as a blink goes."""


def clip(name: str, value: object, low: float, high: float) -> float:
    """The nearest number in low..high. Raises ScoreError, which names it, if it is no number."""
    try:
        number = float(value)  # type: ignore[arg-type]
    except (TypeError, ValueError) as error:
        raise ScoreError(name, value, low, high) from error
    if math.isnan(number):
        raise ScoreError(name, value, low, high)
    return min(max(number, low), high)


@dataclass(frozen=True)
class Expression:
    """Weights of the eyes, mouth and pose vectors."""

    eyes: float
    mouth: float
    pose: float

    def clipped(self) -> Expression:
        """The nearest expression within the limits. Raises ScoreError for NaN."""
        return Expression(*(clip(name, getattr(self, name), *LIMITS[name]) for name in LIMITS))


BASE = Expression(eyes=0.2, mouth=1.0, pose=0.0)
"""At rest: eyes normally open, mouth closed, frontal."""


def _vector(expression: Expression) -> NDArray[np.float64]:
    return np.array([expression.eyes, expression.mouth, expression.pose])


def _expression(values: NDArray[np.float64]) -> Expression:
    return Expression(*(float(value) for value in values))


def target_weight(frame: int) -> float:
    """Weight of the reply's target at a frame: up over 50 frames, held for 10, down over 50."""
    if frame < _MOVE_FRAMES:
        return (math.cos((1 + max(frame, 0) / _MOVE_FRAMES) * math.pi) + 1) / 2
    if frame <= _MOVE_FRAMES + _HOLD_FRAMES:
        return 1.0
    falling = min(frame - _MOVE_FRAMES - _HOLD_FRAMES, _MOVE_FRAMES)
    return (math.cos((2 + falling / _MOVE_FRAMES + 1) * math.pi + math.pi) + 1) / 2


class RandomWalk:
    """Small steps around the base that never leave their reach."""

    def __init__(self, rng: np.random.Generator) -> None:
        self._rng = rng
        self.offset = np.zeros(3)

    def step(self) -> NDArray[np.float64]:
        """The next offset [3]: eyes, mouth, pose."""
        moved = self.offset + self._rng.uniform(-1, 1, 3) * _WALK_STEP
        self.offset = _within_reach(moved)
        return self.offset


def blink_curve(rng: np.random.Generator) -> NDArray[np.float64]:
    """What one blink adds to the eyes score, frame by frame (8 to 13 frames)."""
    frames = int(rng.integers(8, _LONGEST_BLINK + 1))
    peak = rng.uniform(0.7, 0.85) * rng.uniform(1.1, 1.5)
    phase = (np.arange(frames) + 1) / (frames + 1)
    return peak * np.sin(np.pi * phase) ** 2


def reply_animation(
    target: Expression | Callable[[], Expression | None],
    seed: int,
    start: Expression = BASE,
    speech: Sequence[float] | NDArray[np.float64] = (),
) -> Iterator[Expression]:
    """The frames after a reply: from the present scores to the target and back to the base.

    target: scores of the reply, or a function that is asked for them when the first 8 frames are
    done. While it has none (None) she speaks and breathes on without them and is asked again for
    every frame, 8 s at most. start: present scores. speech: mouth opening of each frame while she
    speaks, 0..1 (`mouth_openings`); the target is held until the last of them, at most 12 s in all.
    Without speech there are 110 frames and the mouth follows the expression; with speech it speaks,
    wider the wider the expression, and then stays closed. The walk settles to the base at the end,
    so that the idle loop can follow without a jump.
    """
    walk = RandomWalk(np.random.default_rng(seed))
    mouth = list(speech)[:MAX_SPEECH_FRAMES]
    base, first = _vector(BASE), _vector(start)
    goal = first
    chosen = _vector(target) if isinstance(target, Expression) else first
    ask = None if isinstance(target, Expression) else target
    lead = LEAD_FRAMES if ask else 0
    played = waited = 0
    held, blinks = _course(len(mouth), waited, seed)
    while played < len(blinks):
        if ask and played == lead + waited:
            answer = ask()
            if answer is None and waited < MAX_WAIT_FRAMES:
                waited += 1
            else:
                chosen = first if answer is None else _vector(answer)
                ask = None
            held, blinks = _course(len(mouth), waited, seed)
        moved = played - waited
        if moved >= lead:  # a late target fades in
            late = min(1.0, (moved - lead + 1) / (lead or 1))
            goal = (1 - late) * first + late * chosen
        extra = min(max(moved - _MOVE_FRAMES - _HOLD_FRAMES + 1, 0), held)
        frame = moved - extra
        weight = target_weight(frame)
        settle = min(1.0, (len(blinks) - 1 - played) / _SETTLE_FRAMES)
        alive = _within_reach(walk.step() + _breath(played)) * settle
        present = base + alive + (first - base if frame < _MOVE_FRAMES else 0)
        values = (1 - weight) * present + weight * goal
        if 0 < extra < held:  # she does not freeze while the target is held
            values = values + alive * min(1.0, extra / _EASE_FRAMES, (held - extra) / _EASE_FRAMES)
        if mouth:
            opening = mouth[played] if played < len(mouth) else 0.0
            values[1] = _spoken(values[1], opening)
        closing, shut = blinks[played]
        values[0] += closing * max(0.0, shut - values[0])
        yield _expression(values)
        played += 1


def _course(speech: int, waited: int, seed: int) -> tuple[int, NDArray[np.float64]]:
    """For how many frames a reply holds its target, and its blinks, a row for each of its frames.

    speech: frames of speech. waited: frames without a target.
    """
    held = max(0, speech - waited - _MOVE_FRAMES - _HOLD_FRAMES)
    frames = REPLY_FRAMES + waited + held
    return held, _reply_blinks(frames, seed) if held else np.zeros((frames, 2))


def _spoken(mouth: float, opening: float) -> float:
    """The mouth score while speaking: closed at opening 0, wider with a wider expression."""
    span = _MOUTH_CLOSED - _MOUTH_WIDEST
    expressed = min(max((_MOUTH_CLOSED - mouth) / span, 0.0), 1.0)
    # what is left of the walk while the mouth is closed
    idle = min(max(mouth - _MOUTH_CLOSED, 0.0), float(_WALK_REACH[1]))
    open_share = opening * (_SPEECH_REACH + _SPEECH_EXPRESSION * expressed)
    return _MOUTH_CLOSED + idle * (1 - opening) - span * open_share


def _within_reach(offsets: NDArray[np.float64]) -> NDArray[np.float64]:
    return np.clip(offsets, -_WALK_REACH, _WALK_REACH)


def _breath(frame: float) -> NDArray[np.float64]:
    """Breathing [3]: a small, slow sine on every score."""
    return _BREATH * math.sin(2 * math.pi * frame / _BREATH_FRAMES)


def _reply_blinks(frames: int, seed: int) -> NDArray[np.float64]:
    """[frames, 2]: how far the eyes are closed (0..1), and the score at which they are shut.

    Wide eyes close as far as others do, so a blink here is a way to go and not a sum.
    """
    rng = np.random.default_rng([seed, frames])
    blinks = np.zeros((frames, 2))
    start = _BLINK_FROM_FRAME + int(rng.integers(_BLINK_GAP_FRAMES // 2))
    while start + _LONGEST_BLINK < frames - _SETTLE_FRAMES:
        curve = blink_curve(rng)
        blinks[start : start + len(curve), 0] = curve / curve.max()
        blinks[start : start + len(curve), 1] = BASE.eyes + curve.max()
        start += len(curve) + _BLINK_GAP_FRAMES + int(rng.geometric(_BLINK_CHANCE))
    return blinks


def rest_animation(frames: int, seed: int) -> list[Expression]:
    """A seamless loop at rest: random walk, breathing and blinks, from the base to the base.

    frames: length of the loop at 24 fps, at least 4 s so that a blink fits with its distance.
    Raises ValueError for a shorter loop.
    """
    if frames < 2 * _BLINK_GAP_FRAMES:
        raise ValueError(f"a loop needs at least {2 * _BLINK_GAP_FRAMES} frames, not {frames}")
    rng = np.random.default_rng(seed)
    walk = RandomWalk(rng)
    steps = np.array([walk.step() for _ in range(frames)])  # [frames, 3]
    # A bridge: take out the drift, so that the last frame leads into the first.
    steps -= np.linspace(0, 1, frames)[:, None] * steps[-1]
    breaths = max(1, round(frames / _BREATH_FRAMES))
    phase = np.arange(frames) * breaths / frames * _BREATH_FRAMES
    steps += np.array([_breath(at) for at in phase])
    values = _vector(BASE) + _within_reach(steps)
    for start in blink_starts(frames, rng):
        curve = blink_curve(rng)
        values[start : start + len(curve), 0] += curve[: frames - start]
    return [_expression(row) for row in values]


def blink_starts(frames: int, rng: np.random.Generator) -> list[int]:
    """First frames of the blinks of a loop: at least one, all 2 s apart, also over the seam."""
    starts: list[int] = []
    last = frames - _BLINK_GAP_FRAMES
    for frame in range(_BLINK_GAP_FRAMES // 2, last):
        far = not starts or frame - starts[-1] >= _BLINK_GAP_FRAMES
        if far and rng.random() < _BLINK_CHANCE:
            starts.append(frame)
    return starts or [last]
