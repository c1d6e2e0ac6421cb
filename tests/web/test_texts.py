"""The catalogue of labels, and HTML made of texts."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from ohlora_core.content import load_quiz
from ohlora_core.events import InterviewProgress, Notice
from ohlora_core.tutor import TOPICS, QuizPick, TopicResult
from ohlora_core.web import interview_tab, quiz_tab
from ohlora_core.web.assets import STATIC, static_text
from ohlora_core.web.texts import TEXTS, in_both, text

HANGUL = re.compile("[가-힣]")
EVIL = "<script>alert('x')</script>"


@pytest.mark.parametrize("key", sorted(TEXTS))
def test_every_label_has_both_languages(key):
    korean, english = TEXTS[key]
    assert korean.strip() and english.strip()
    if key not in ("language.ko",) and korean != english:
        assert HANGUL.search(korean)


def test_a_text_in_both_languages_is_escaped():
    shown = in_both(EVIL, "fine")
    assert "<script>" not in shown and "&lt;script&gt;" in shown
    assert text("send", "en") == "Send"


def test_every_key_that_the_page_asks_for_exists():
    sources = " ".join(path.read_text() for path in (STATIC.parent).glob("*.py"))
    asked = set(re.findall(r"""(?<![\w.])(?:both|text)\(["']([\w.]+)["']""", sources))
    assert asked and asked <= TEXTS.keys()


def test_a_question_and_the_results_are_escaped():
    row = load_quiz()[0].model_copy(update={"question": EVIL, "topic": EVIL, "keywords": [EVIL]})
    shown = quiz_tab._question_html(QuizPick(row, Notice("info", "quiz_first")))
    shown += quiz_tab._results_html([TopicResult(EVIL, 1, 2, 0.5), TopicResult("b", 0, 2, None)])
    assert "<script" not in shown and "--value:50%" in shown


def test_the_list_of_topics_says_where_an_interview_stands():
    outcomes = {TOPICS[0]: "at_once", TOPICS[1]: "failed"}
    standing = InterviewProgress(TOPICS[2], TOPICS[:2], ("거대 언어 모델 정의",), outcomes, False)
    shown = interview_tab._topics_html(standing)
    assert shown.count("aria-current") == 1 and shown.count('class="failed"') == 1


def test_the_report_names_every_outcome():
    outcomes = {TOPICS[0]: "at_once", TOPICS[1]: "after_follow_ups", TOPICS[2]: "failed"}
    standing = InterviewProgress(TOPICS[-1], TOPICS[:-1], (), outcomes, True)
    report = interview_tab._report(standing, "ko")
    assert all(topic in report for topic in outcomes) and "바로 통과: 1" in report


def test_nothing_static_asks_another_host():
    for path in Path(STATIC).iterdir():
        if path.suffix == ".png":
            continue
        addresses = re.findall(r"https?://[^\s\"')]+", static_text(path.name))
        assert set(addresses) <= {"http://www.w3.org/2000/svg"}, path.name
