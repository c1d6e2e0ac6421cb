"""The content files: valid, enough of everything, and never on two sides of a split."""

from __future__ import annotations

from collections import Counter

import pytest

from ohlora_core import content
from ohlora_core.chat.memory import memory_value
from ohlora_core.chat.time_words import WEEKDAYS, is_wrong_about_day
from ohlora_core.content.schema import DialogueRow
from ohlora_core.errors import ContentError
from ohlora_core.language.nouns import replaced
from ohlora_core.tutor.interview_track import LABELS, TOPICS


def test_there_is_as_much_as_the_models_were_trained_on():
    assert len(content.load_dialogues()) >= 800
    assert len(content.load_knowledge()) >= 150
    assert len(content.load_quiz()) >= 60
    assert len(content.load_ethics()) >= 800
    assert {row.category for row in content.load_ethics()} == {
        "사랑 고백/만남",
        "일반",
        "정치",
        "패드립",
        "혐오/기타",
    }


def test_any_value_can_stand_in_the_broad_replies_about_a_memory():
    rows = [row for row in content.load_dialogues() if row.memory and row.broad_reply]
    assert len(rows) > 1_000
    for row in rows:
        said = replaced(row.broad_reply, memory_value(row.memory), "무엇")
        assert "무엇" in said and memory_value(row.memory) not in said, row.broad_reply


def test_replies_that_know_the_day_are_right_about_it():
    from datetime import datetime, timedelta

    monday = datetime(2026, 11, 16, 13)
    for row in content.load_dialogues():
        if row.now:
            now = monday + timedelta(days=WEEKDAYS.index(row.now[0]))
            assert not is_wrong_about_day(row.reply, now), row


def test_at_most_three_dialogues_share_a_reply():
    counts = Counter(row.reply for row in content.load_dialogues())
    assert max(counts.values()) <= 3, counts.most_common(3)


def test_quiz_ids_are_unique_and_grades_span_the_range():
    rows = content.load_quiz()
    assert len({row.id for row in rows}) == len(rows)
    for row in rows:
        scores = [sample.score for sample in row.samples]
        assert max(scores) >= 0.85 and min(scores) <= 0.15, row.id


def test_the_interview_covers_every_topic_and_label():
    rows = content.load_interview()
    assert {row.topic for row in rows} >= set(TOPICS) - {"면접 종료"}
    assert {row.success for row in rows} - {None} == set(LABELS)
    assert {row.next for row in rows} <= set(TOPICS)


def test_a_message_is_always_on_one_side_of_the_split():
    assert content.split_of("로라야 안녕?") == content.split_of(" 로라야안녕? ")
    splits = Counter(row.split for row in content.load_dialogues())
    total = sum(splits.values())
    assert 0.85 < splits["train"] / total < 0.95
    assert splits["validation"] > 50 and splits["test"] > 50


def test_a_bad_row_is_named_by_file_and_line(tmp_path):
    good = content.load_dialogues()[0].model_dump_json()
    path = tmp_path / "x.jsonl"
    path.write_text(good + "\n" + good.replace('"eyes":', '"eye":') + "\n", encoding="utf-8")
    with pytest.raises(ContentError, match=r"x\.jsonl.*2"):
        content.read_rows(tmp_path, DialogueRow)
