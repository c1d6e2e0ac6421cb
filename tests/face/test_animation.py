"""The curves of system.md section 4."""

import numpy as np
import pytest

from ohlora_core.errors import ScoreError
from ohlora_core.face.animation import (
    BASE,
    LEAD_FRAMES,
    LIMITS,
    MAX_REPLY_FRAMES,
    MAX_WAIT_FRAMES,
    REPLY_FRAMES,
    Expression,
    RandomWalk,
    blink_curve,
    blink_starts,
    reply_animation,
    rest_animation,
    target_weight,
)
from ohlora_core.face.speech import mouth_openings

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


TALK = mouth_openings("오늘 정말 재미있었어! 내일 또 만나서 같이 마라탕 먹으러 가자, 알겠지?")


def column(frames, name):
    return np.array([getattr(frame, name) for frame in frames])


def test_target_is_held_while_she_speaks():
    assert len(TALK) > 60
    frames = list(reply_animation(TARGET, seed=1, speech=TALK))
    assert len(frames) == REPLY_FRAMES + len(TALK) - 60
    held = frames[50 : len(TALK)]
    assert np.abs(column(held, "pose") - TARGET.pose).max() <= 0.2
    assert np.ptp(column(held, "pose")) > 0.01, "she does not freeze"


def test_a_speech_that_fits_adds_no_frames():
    assert len(list(reply_animation(TARGET, seed=1, speech=TALK[:60]))) == REPLY_FRAMES


def test_the_longest_reply_takes_12_s():
    frames = list(reply_animation(TARGET, seed=1, speech=[0.5] * 5000))
    assert len(frames) == MAX_REPLY_FRAMES == 12 * 24


def test_the_mouth_speaks_and_ends_closed():
    talking = column(reply_animation(TARGET, seed=3, speech=TALK), "mouth")
    shut = np.flatnonzero(TALK == 0)
    assert (talking[shut] >= BASE.mouth - 1e-9).all(), "lips close"
    wide = np.flatnonzero(TALK > 0.8)
    assert (talking[wide] < 0.2).all(), "vowels open"
    assert (talking[len(TALK) :] >= BASE.mouth - 1e-9).all() and talking[-1] == BASE.mouth


@pytest.mark.parametrize("mouth", [1.0, -0.4, -1.6])
def test_speech_stays_in_range_and_follows_the_expression(mouth):
    frames = list(reply_animation(Expression(-0.5, mouth, 0.0), seed=3, speech=[1.0] * 100))
    said = column(frames, "mouth")
    assert said.min() >= -1.6 and said.max() <= BASE.mouth + 0.1
    if mouth < 0:
        calm = column(reply_animation(BASE, seed=3, speech=[1.0] * 100), "mouth")
        assert said[60:90].mean() < calm[60:90].mean() - 0.2


def test_long_replies_blink():
    for seed in range(10):
        eyes = column(reply_animation(TARGET, seed, speech=[0.5] * 230), "eyes")
        assert (eyes[50:230] > BASE.eyes + 0.3).any(), "wide eyes close, too"
        assert eyes.max() <= LIMITS["eyes"][1]


def test_the_target_may_come_late():
    asked = []

    def choose():
        asked.append(len(seen))
        return TARGET

    seen = []
    for frame in reply_animation(choose, seed=1):
        seen.append(frame)
    assert asked == [LEAD_FRAMES]
    assert len(seen) == REPLY_FRAMES and seen[55] == TARGET
    values = np.array([(f.eyes, f.mouth, f.pose) for f in seen])
    assert np.abs(np.diff(values, axis=0)).max() < 0.12, "no jump where it comes"


def test_she_speaks_on_while_there_is_no_target():
    answers = iter([None] * 30 + [TARGET])
    frames = list(reply_animation(lambda: next(answers), seed=1, speech=TALK))
    waiting = frames[: LEAD_FRAMES + 30]
    assert np.abs(column(waiting, "pose")).max() < 0.3 and np.ptp(column(waiting, "pose")) > 0.01
    assert min(column(waiting, "mouth")) < 0.5, "she speaks"
    assert min(column(frames, "pose")) == pytest.approx(TARGET.pose, abs=0.2)
    assert len(frames) == max(REPLY_FRAMES + 30, REPLY_FRAMES + len(TALK) - 60)
    assert frames[-1].mouth == BASE.mouth


def test_a_target_that_never_comes_is_given_up():
    frames = list(reply_animation(lambda: None, seed=1))
    assert len(frames) == REPLY_FRAMES + MAX_WAIT_FRAMES
    assert np.abs(column(frames, "pose")).max() < 0.3


def test_scores_far_outside_are_clipped():
    assert Expression(9.0, -9.0, -9.0).clipped() == Expression(1.5, -1.8, -1.8)
    assert TARGET.clipped() == TARGET
    with pytest.raises(ScoreError, match="mouth"):
        Expression(0.0, float("nan"), 0.0).clipped()


def test_rest_breathes_within_the_reach_of_the_walk():
    values = np.array([(f.eyes, f.mouth, f.pose) for f in rest_animation(360, seed=4)])
    assert np.abs(values[:, 1] - BASE.mouth).max() <= 0.1 + 1e-9
    spectrum = np.abs(np.fft.rfft(values[:, 2] - values[:, 2].mean()))
    assert spectrum[4] > np.median(spectrum) * 5  # four breaths in 15 s


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
