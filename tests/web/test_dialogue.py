"""The dialogue as data: what an event changes, and what the browser may send back."""

from __future__ import annotations

import json

import pytest

from ohlora_core.events import Notice, QuizGraded, ReplyText, SourcesFound, TurnDone
from ohlora_core.web.dialogue import MAX_MESSAGES, DialogueLog


def waiting() -> DialogueLog:
    log = DialogueLog()
    log.say("안녕")
    log.wait()
    return log


def test_a_reply_grows_and_is_done():
    log = waiting()
    log.add(ReplyText("안"))
    assert log.messages[-1] == {"role": "her", "text": "안", "pending": True}
    log.add(ReplyText("안녕!", done=True))
    assert log.messages[-1]["pending"] is False
    assert not log.settle()


def test_a_notice_before_her_first_word_stands_above_the_reply():
    log = waiting()
    log.add(Notice("warning", "warned", {"reason": Notice("info", "reason.love")}))
    log.add(ReplyText("미안", done=True))
    assert [message["role"] for message in log.messages] == ["user", "notice", "her"]
    assert log.messages[1]["text"]["ko"].startswith("🚨")
    assert "love" in log.messages[1]["text"]["en"]


def test_a_turn_without_reply_leaves_no_empty_bubble():
    log = waiting()
    log.add(Notice("error", "too_long"))
    assert log.settle()
    assert [message["role"] for message in log.messages] == ["user", "notice"]


def test_stopping_shows_that_the_turn_was_not_saved():
    log = waiting()
    log.interrupt()
    assert log.messages[-1]["key"] == "interrupted"
    log.interrupt()
    assert len(log.messages) == 2


def test_what_belongs_to_a_reply_is_kept_with_it():
    log = waiting()
    log.add(SourcesFound((("사실", 0.876),)))
    log.add(QuizGraded(0.85, "모범"))
    log.add(TurnDone(memory_added="[내일 일정: 카페]"))
    hers = log.messages[-1]
    assert hers["sources"] == [["사실", 0.88]] and hers["grade"] == 85
    assert hers["model_answer"] == "모범" and hers["memory_added"] == "[내일 일정: 카페]"


@pytest.mark.parametrize("sent", [None, "", "{", "3", '{"role": "user"}', "[1, null]", 7])
def test_malformed_input_of_the_browser_counts_as_empty(sent):
    assert DialogueLog.parse(sent).messages == []


def test_a_log_survives_the_browser_and_does_not_grow_for_ever():
    log = DialogueLog({"role": "user", "text": str(n)} for n in range(MAX_MESSAGES + 5))
    again = DialogueLog.parse(log.dump())
    assert len(again.messages) == MAX_MESSAGES and again.messages[0]["text"] == "5"


def test_html_is_carried_as_text():
    log = DialogueLog()
    log.say("<img src=x onerror=alert(1)>")
    assert json.loads(log.dump())[0]["text"] == "<img src=x onerror=alert(1)>"
