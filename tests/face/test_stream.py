"""Frames of a reply from a thread: order, batches, waiting, leaving, errors."""

import threading
import time

import pytest

from ohlora_core.face import BASE, Expression, HairStyle
from ohlora_core.face.animation import LEAD_FRAMES, MAX_REPLY_FRAMES
from ohlora_core.face.stream import AHEAD_BATCHES, ReplyFrames
from tests.fakes import FakeFace

TARGET = Expression(-1.0, -0.6, -1.4)


class NotingFace(FakeFace):
    """Remembers expressions and phases."""

    def __init__(self):
        self.expressions, self.phases = [], []

    def render(self, face, expressions, hair=None, phases=None):
        self.expressions += expressions
        self.phases += phases
        return super().render(face, expressions, hair, phases)


def encode(frame):
    return b"jpeg"


def frames_of(face, target=lambda timeout: TARGET, text="안녕!", number=1):
    return ReplyFrames(face, encode, number, HairStyle("cycle"), text, target, seed=1)


def test_all_frames_come_in_order_with_running_colours():
    face = NotingFace()
    batches = list(frames_of(face))
    assert [len(batch) for batch in batches[:3]] == [3, 5, 6]
    assert sum(map(len, batches)) == 110 == len(face.expressions)
    assert face.expressions[55].pose == pytest.approx(TARGET.pose)
    assert face.expressions[-1].mouth == BASE.mouth
    steps = {round((b - a) % 1 * 360) for a, b in zip(face.phases, face.phases[1:], strict=False)}
    assert steps == {1}


def test_she_says_the_text_after_a_breath():
    face = NotingFace()
    list(frames_of(face, lambda timeout: BASE, text="아바아바 아바아바"))
    mouth = [expression.mouth for expression in face.expressions]
    assert min(mouth[:5]) > 0.85, "closed at first"
    assert min(mouth[5:30]) < 0.1 and max(mouth[12:30]) > 0.95, "open and shut"
    list(frames_of(silent := NotingFace(), lambda timeout: BASE, text="😊"))
    assert min(expression.mouth for expression in silent.expressions) > 0.85


def test_a_text_that_is_too_long_ends_with_the_mouth_closed():
    face = NotingFace()
    assert sum(map(len, frames_of(face, text="가나다라마바사 " * 60))) == MAX_REPLY_FRAMES
    assert all(expression.mouth > 0.95 for expression in face.expressions[-50:])


def test_frames_keep_coming_at_their_pace_while_the_target_is_missing():
    known = threading.Event()
    face = NotingFace()
    began = time.monotonic()
    batches = iter(frames_of(face, lambda timeout: TARGET if known.wait(timeout) else None))
    shown = 0
    while shown < 48:
        shown += len(next(batches))
    assert time.monotonic() - began > 1, "not far ahead of what is shown"
    assert all(abs(expression.pose) < 0.3 for expression in face.expressions)
    known.set()
    assert len(list(batches)) > 10
    assert len(face.expressions) > 110 + LEAD_FRAMES
    assert min(expression.pose for expression in face.expressions) == pytest.approx(TARGET.pose)


def test_rendering_runs_ahead_but_not_for_ever_and_ends_when_left():
    face = NotingFace()
    frames = frames_of(face)
    batches = iter(frames)
    next(batches)
    wait_until(lambda: len(face.expressions) >= 8 + 6 * (AHEAD_BATCHES - 2))
    time.sleep(0.1)
    assert len(face.expressions) < 110
    batches.close()
    wait_until(lambda: not frames._thread.is_alive())
    assert len(face.expressions) < 110
    assert list(frames) == []


def test_an_error_reaches_whoever_takes_the_frames():
    def broken(timeout):
        raise RuntimeError("no expression")

    with pytest.raises(RuntimeError, match="no expression"):
        list(frames_of(NotingFace(), broken))
    with pytest.raises(Exception, match="1, 2, 3"):
        list(frames_of(NotingFace(), number=9))


def wait_until(holds):
    deadline = time.monotonic() + 10
    while not holds():
        assert time.monotonic() < deadline
        time.sleep(0.01)
