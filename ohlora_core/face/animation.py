"""How the expression moves in time: replies, random walk, blinks (design/system.md section 4).

Knows scores and frames; nothing of pictures. A score is a weight of a property vector: smaller is
eyes wider, mouth wider, head turned more.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

FPS = 24
REPLY_FRAMES = 110
_MOVE_FRAMES = 50
_HOLD_FRAMES = 10
# Per-frame step and reach of the random walk around the base: eyes, mouth, pose.
_WALK_STEP = np.array([0.02, 0.015, 0.025])
_WALK_REACH = np.array([0.15, 0.1, 0.2])
_BLINK_CHANCE = 0.025
_BLINK_GAP_FRAMES = 2 * FPS
_SETTLE_FRAMES = 12
_SYLLABLE_FRAMES = (4, 8)


@dataclass(frozen=True)
class Expression:
    """Weights of the eyes, mouth and pose vectors."""

    eyes: float
    mouth: float
    pose: float


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
        self.offset = np.clip(moved, -_WALK_REACH, _WALK_REACH)
        return self.offset


def blink_curve(rng: np.random.Generator) -> NDArray[np.float64]:
    """What one blink adds to the eyes score, frame by frame (8 to 13 frames)."""
    frames = int(rng.integers(8, 14))
    peak = rng.uniform(0.7, 0.85) * rng.uniform(1.1, 1.5)
    phase = (np.arange(frames) + 1) / (frames + 1)
    return peak * np.sin(np.pi * phase) ** 2


def reply_animation(
    target: Expression,
    seed: int,
    start: Expression = BASE,
    is_speaking: Callable[[], bool] | None = None,
    speech_frames: int = 0,
) -> Iterator[Expression]:
    """The 110 frames after a reply: from the present scores to the target and back to the base.

    target: scores of the reply. start: present scores. is_speaking: asked each frame at the end of
    the hold; the target is held while it says yes (more frames then). speech_frames: the mouth
    moves in syllables for so many frames (0: not at all). The walk settles to the base at the end,
    so that the idle loop can follow without a jump.
    """
    rng = np.random.default_rng(seed)
    walk = RandomWalk(rng)
    base, goal = _vector(BASE), _vector(target)
    from_start = _vector(start) - base
    syllables = _syllables(rng, speech_frames)
    frame = played = 0
    while frame < REPLY_FRAMES:
        weight = target_weight(frame)
        rising = frame < _MOVE_FRAMES
        settle = min(1.0, (REPLY_FRAMES - 1 - frame) / _SETTLE_FRAMES)
        present = base + walk.step() * settle + (from_start if rising else 0)
        values = (1 - weight) * present + weight * goal
        if played < len(syllables):
            values[1] -= syllables[played]
        yield _expression(values)
        played += 1
        holding = frame == _MOVE_FRAMES + _HOLD_FRAMES - 1
        if not (holding and is_speaking is not None and is_speaking()):
            frame += 1


def _syllables(rng: np.random.Generator, frames: int) -> NDArray[np.float64]:
    """[frames] of mouth opening while speaking: one hump a syllable, none at the ends."""
    humps: list[NDArray[np.float64]] = [np.zeros(0)]
    total = 0
    while total < frames:
        length = int(rng.integers(*_SYLLABLE_FRAMES))
        strength = rng.uniform(0.15, 0.6) * (rng.random() > 0.15)
        humps.append(strength * np.sin(np.pi * np.arange(length) / length) ** 2)
        total += length
    return np.concatenate(humps)[:frames]


def rest_animation(frames: int, seed: int) -> list[Expression]:
    """A seamless loop at rest: random walk and blinks, starting and ending at the base.

    frames: length of the loop at 24 fps, at least 4 s so that a blink fits with its distance.
    Raises ValueError for a shorter loop.
    """
    if frames < 2 * _BLINK_GAP_FRAMES:
        raise ValueError(f"a loop needs at least {2 * _BLINK_GAP_FRAMES} frames, not {frames}")
    rng = np.random.default_rng(seed)
    walk = RandomWalk(rng)
    steps = np.array([walk.step() for _ in range(frames)])
    # A bridge: take out the drift, so that the last frame leads into the first.
    steps -= np.linspace(0, 1, frames)[:, None] * steps[-1]
    offsets = np.clip(steps, -_WALK_REACH, _WALK_REACH)
    values = _vector(BASE) + offsets
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
