"""The curves of system.md section 4."""

import numpy as np
import pytest

from ohlora_core.face.animation import (
    BASE,
    REPLY_FRAMES,
    Expression,
    RandomWalk,
    blink_curve,
    blink_starts,
    reply_animation,
    rest_animation,
    target_weight,
)

TARGET = Expression(eyes=-1.0, mouth=-0.6, pose=-1.4)


@pytest.mark.parametrize(
    ("frame", "weight"),
    [(0, 0.0), (25, 0.5), (50, 1.0), (60, 1.0), (85, 0.5), (110, 0.0)],
)
def test_target_weight(frame, weight):
    assert target_weight(frame) == pytest.approx(weight, abs=1e-9)


def test_weight_follows_the_stated_cosines():
    for k in range(50):
        assert target_weight(k) == pytest.approx((np.cos((1 + k / 50) * np.pi) + 1) / 2)
        assert target_weight(60 + k) == pytest.approx((np.cos((2 + k / 50) * np.pi) + 1) / 2)


def test_reply_goes_to_the_target_and_back():
    frames = list(reply_animation(TARGET, seed=1))
    assert len(frames) == REPLY_FRAMES
    assert frames[55] == TARGET
    assert frames[-1].mouth == pytest.approx(BASE.mouth, abs=0.02)


def test_reply_starts_where_the_face_is():
    start = Expression(eyes=-0.5, mouth=0.2, pose=0.4)
    first = next(reply_animation(TARGET, seed=1, start=start))
    assert first.mouth == pytest.approx(start.mouth, abs=0.016)
    assert first.pose == pytest.approx(start.pose, abs=0.026)


def test_target_is_held_while_she_speaks():
    answers = iter([True] * 30 + [False])
    frames = list(reply_animation(TARGET, seed=1, is_speaking=lambda: next(answers)))
    assert len(frames) == REPLY_FRAMES + 30
    assert all(frame == TARGET for frame in frames[50:91])


def test_mouth_moves_only_while_speaking():
    silent = np.array([f.mouth for f in reply_animation(TARGET, seed=3)])
    talking = np.array([f.mouth for f in reply_animation(TARGET, seed=3, speech_frames=60)])
    assert (silent[61:] - talking[61:]).std() < 0.1
    assert np.ptp(silent[:60] - talking[:60]) > 0.2
    assert (talking[:60] <= 1.11).all()


def test_same_seed_same_frames():
    assert list(reply_animation(TARGET, 5)) == list(reply_animation(TARGET, 5))
    assert list(reply_animation(TARGET, 5)) != list(reply_animation(TARGET, 6))


def test_random_walk_stays_in_reach():
    walk = RandomWalk(np.random.default_rng(0))
    steps = np.array([walk.step().copy() for _ in range(3000)])
    assert (np.abs(steps) <= [0.15, 0.1, 0.2]).all()
    assert (np.abs(np.diff(steps, axis=0)) <= np.array([0.02, 0.015, 0.025]) + 1e-9).all()


def test_rest_is_seamless_and_blinks():
    frames = rest_animation(240, seed=2)
    values = np.array([(f.eyes, f.mouth, f.pose) for f in frames])
    assert len(frames) == 240
    assert np.abs(values[0] - values[-1]).max() < 0.06
    assert values[:, 0].max() > BASE.eyes + 0.15 + 0.3  # a blink
    assert np.abs(values[:, 2]).max() <= 0.2 + 1e-9


def test_blinks_are_two_seconds_apart_also_over_the_seam():
    for seed in range(20):
        starts = blink_starts(360, np.random.default_rng(seed))
        assert starts
        assert (np.diff([*starts, starts[0] + 360]) >= 48).all()


def test_blink_curve_shape():
    for seed in range(20):
        curve = blink_curve(np.random.default_rng(seed))
        assert 8 <= len(curve) <= 13
        assert 0.7 <= curve.max() <= 0.85 * 1.5 and curve[0] < 0.35 and curve[-1] < 0.35


def test_short_loop_is_refused():
    with pytest.raises(ValueError, match="at least"):
        rest_animation(24, seed=0)
