from datetime import datetime

import numpy as np
import pytest

from ohlora_core.chat.reply import NO_REPLY, ReplyMaker, clean_reply, is_broken, is_parroting
from ohlora_core.language import Role
from tests.fakes import FakeGenerator

MONDAY = datetime(2026, 11, 16, 13)
PROMPT = "안녕 (답변 시작)"


def final_reply(maker: ReplyMaker) -> str:
    events = list(maker.stream(PROMPT, "안녕", MONDAY, seed=0))
    assert [event.done for event in events[:-1]] == [False] * (len(events) - 1)
    assert events[-1].done
    return events[-1].text


@pytest.mark.parametrize(
    ("raw", "clean"),
    [
        ("### 답변: 안녕\u200b!", "안녕!"),
        ("오늘는 좋아, 내일는 더 좋아\u00a0", "오늘은 좋아, 내일은 더 좋아"),
        ("가족 👨‍👩‍👧 사진", "가족 👨‍👩‍👧 사진"),
    ],
)
def test_known_defects_are_repaired(raw, clean):
    assert clean_reply(raw) == clean


@pytest.mark.parametrize(
    "bad",
    ["", "답 (답변 종료", "(사용자 질문) 뭐", "이건 요약) 응", "http://a.b 봐", "내일은 주말이야"],
)
def test_a_bad_reply_is_made_again(bad):
    answers = iter([bad, bad, "안녕!"])
    generator = FakeGenerator({Role.OUTPUT_MESSAGE: lambda _: next(answers)})
    assert final_reply(ReplyMaker(generator)) == "안녕!"


def test_after_five_failures_she_does_not_answer():
    generator = FakeGenerator({Role.OUTPUT_MESSAGE: ""})
    assert final_reply(ReplyMaker(generator)) == NO_REPLY
    assert len(generator.prompts) == 5


def test_only_day_errors_raise_the_temperature():
    heard: list[float | None] = []

    class Listening(FakeGenerator):
        def stream(self, role, prompt, *, temperature=None, seed=None, cancel=None):
            heard.append(temperature)
            yield ["", "내일은 주말이야", "내일은 주말이야", "안녕"][len(heard) - 1]

    assert final_reply(ReplyMaker(Listening())) == "안녕"
    assert heard == pytest.approx([0.6, 0.6, 0.7, 0.8])


def test_the_ranker_chooses_among_sound_candidates():
    answers = iter(["내일은 주말이야", "", "짧아", "이게 더 좋은 답이야"])
    generator = FakeGenerator({Role.OUTPUT_MESSAGE: lambda _: next(answers)})
    rank = lambda _, replies: np.array([len(reply) for reply in replies])  # noqa: E731
    assert final_reply(ReplyMaker(generator, rank)) == "이게 더 좋은 답이야"


@pytest.mark.parametrize(
    "reply", ["", "좋아! (답변", "그냥 들어 줄까, 그냥 들어 줄까, 그냥 들어 줄까"]
)
def test_a_broken_reply_is_known(reply):
    assert is_broken(reply)


def test_a_reply_may_say_a_word_twice():
    assert not is_broken("천천히, 천천히 하자. 천천히 가도 멈추지 않으면 도착해!")


def test_a_reply_that_only_repeats_the_message_is_no_candidate():
    assert is_parroting("지각할 거 같아", "지각할 것 같아")
    assert not is_parroting("지각할 것 같구나! 얼른 뛰어 보자.", "지각할 것 같아 버스가 안 와")
    assert not is_parroting("안녕!", "안녕")
    generator = FakeGenerator({Role.OUTPUT_MESSAGE: "버스가 안 와서 지각할 것 같아"})
    maker = ReplyMaker(generator, rank=lambda _, replies: np.array([len(r) for r in replies]))
    *_, last = maker.stream(
        PROMPT, "버스가 안 와 지각할 것 같아", MONDAY, read=["어떡해, 얼른 뛰자!"], seed=0
    )
    assert last.text == "어떡해, 얼른 뛰자!"


def test_a_reply_that_says_the_memory_goes_before_one_that_does_not():
    answers = iter(["모르겠는데 아주 긴 답이야", "등산이지!"] * 5)
    generator = FakeGenerator({Role.OUTPUT_MESSAGE: lambda _: next(answers)})
    rank = lambda _, replies: np.array([len(reply) for reply in replies])  # noqa: E731
    maker = ReplyMaker(generator, rank)
    for recalled, wanted in (("등산", "등산이지!"), ("낚시", "모르겠는데 아주 긴 답이야")):
        *_, last = maker.stream(PROMPT, "내 취미 뭐야?", MONDAY, recalled=recalled, seed=0)
        assert last.text == wanted
