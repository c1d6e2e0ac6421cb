"""What a stream shows and what it holds back."""

from __future__ import annotations

import pytest

from ohlora_core.language.streaming import AnswerText


def deltas(steps: list[str], mark: str = "(답변 종료)") -> list[str]:
    answer = AnswerText(mark)
    shown = [answer.update(step) for step in steps]
    return [*shown, answer.close(steps[-1])]


def test_the_end_mark_never_shows_even_in_pieces():
    text = " 안녕! (답변 종료) 더"
    steps = [text[:size] for size in range(1, len(text) + 1)]
    assert "".join(deltas(steps)) == "안녕!"


def test_a_beginning_of_the_mark_that_is_none_is_shown():
    assert "".join(deltas([" 좋아 (답", " 좋아 (답은 비밀)"])) == "좋아 (답은 비밀)"


def test_incomplete_characters_are_held_back():
    assert deltas(["반짝 \ufffd\ufffd", "반짝 ✨", "반짝 ✨!"]) == ["", "반짝", " ✨!", ""]


def test_joined_emoji_come_whole():
    steps = ["👩", "👩\u200d", "👩\u200d👧", "👩\u200d👧 응"]
    assert deltas(steps) == ["", "", "", "👩\u200d👧 응", ""]


def test_close_gives_what_is_left():
    assert deltas(["응 ✨"]) == ["응", " ✨"]


@pytest.mark.parametrize("text", ["", "   ", "\ufffd"])
def test_nothing_to_show(text):
    assert "".join(deltas([text])) == ""


def test_the_lead_of_the_published_models_never_shows():
    text = " ### 답변: 안녕! (답변 종료)"
    shown = deltas([text[:size] for size in range(1, len(text) + 1)])
    assert "".join(shown) == "안녕!"
    assert not any("#" in piece for piece in shown)


@pytest.mark.parametrize("text", ["#오로라 최고야", "### 제목은 없어, 그냥 답변이야"])
def test_other_number_signs_are_text(text):
    assert "".join(deltas([text[:size] for size in range(1, len(text) + 1)])) == text
