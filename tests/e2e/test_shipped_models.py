"""The embedded models together, through the core: a short conversation, no page."""

from __future__ import annotations

import re
from collections.abc import Iterator

import numpy as np
import pytest

from ohlora_core.chat import NO_REPLY
from ohlora_core.core import Core
from ohlora_core.events import FrameBatch, ReplyText, SourcesFound, TurnDone
from ohlora_core.settings import PROJECT_DIR
from tests.fakes import make_settings

pytestmark = pytest.mark.e2e
MODELS = PROJECT_DIR / "models"
HANGUL = re.compile("[가-힣]")


@pytest.fixture(scope="module")
def core(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Core]:
    core = Core.load(make_settings(tmp_path_factory.mktemp("models")))
    yield core
    core.close()


def last(events, kind):
    return [event for event in events if isinstance(event, kind)][-1]


def test_she_answers_in_korean_without_internet(core):
    reply = last(core.session("greeter").chat("로라야 안녕? 너는 누구야?"), ReplyText)
    assert reply.done and reply.text != NO_REPLY and HANGUL.search(reply.text)


def test_a_plan_is_remembered_and_recalled(core):
    done = last(core.session("planner").chat("나 내일 친구랑 카페 가기로 했어"), TurnDone)
    assert done.memory_added is not None and "카페" in done.memory_added
    events = list(core.session("planner").chat("내일 나 뭐 한다고 했지?"))
    assert last(events, TurnDone).memory_used == done.memory_added
    assert "카페" in last(events, ReplyText).text


def test_an_ml_question_finds_its_fact(core):
    events = list(core.session("student").qna("LoRA가 뭐야?"))
    assert "LoRA" in last(events, SourcesFound).sources[0][0]
    assert HANGUL.search(last(events, ReplyText).text)


def test_a_right_quiz_answer_beats_a_wrong_one(core):
    quiz = core.quiz
    better = []
    for row in list(quiz._rows.values())[::6]:
        good = max(row.samples, key=lambda sample: sample.score)
        better.append(quiz.grade(row, good.answer) > quiz.grade(row, "잘 모르겠어요"))
    assert np.mean(better) >= 0.9


def test_the_face_moves_with_the_reply_and_comes_back(core):
    events = core.session("watcher").chat("우와 나 시험 합격했어!")
    jpegs = [jpeg for event in events if isinstance(event, FrameBatch) for jpeg in event.jpegs]
    import cv2

    frames = [
        cv2.imdecode(np.frombuffer(jpeg, np.uint8), cv2.IMREAD_COLOR).astype(float)
        for jpeg in jpegs
    ]
    eyes, mouth = np.s_[96:144, 64:192], np.s_[160:208, 96:160]
    for region in (eyes, mouth):
        moved = [np.abs(frame[region] - frames[0][region]).mean() for frame in frames]
        assert max(moved[20:60]) > 2 and max(moved[20:60]) > moved[-1]


@pytest.mark.parametrize("name", ["language", "sentence", "face"])
def test_every_model_has_a_card(name):
    card = (MODELS / name / "README.md").read_text(encoding="utf-8").lower()
    for topic in ("data", "licen", "recipe", "metrics", "limits"):
        assert topic in card, f"the card of {name} says nothing about {topic}"
