import pytest

from ohlora_core.chat.examples import ExampleFinder, clauses_of
from ohlora_core.content import DialogueRow
from tests.fakes import FakeEncoder


def row(message: str, reply: str, memory: str | None = None, summary: str | None = None):
    return DialogueRow(
        message=message,
        memory=memory,
        summary=summary,
        reply=reply,
        new_summary="요약",
        eyes="보통",
        mouth="보통",
        pose="없음",
        topic="t",
        intent="i",
    )


ROWS = [
    row("너는 누구야", "오로라야!"),
    row("배고파 죽겠다", "밥 먹자!"),
    row("배고파", "그거 먹자!", summary="떡볶이 이야기"),
    row("내 일정 뭐야", "카페 간다며!", memory="[주말 일정: 카페 방문]"),
    row("내 취미 뭐야", "등산이지!", memory="[취미: 등산]"),
]


@pytest.fixture
def finder():
    return ExampleFinder(FakeEncoder(), ROWS)


def test_the_nearest_example_stands_last(finder):
    found = finder.find("배고파", memory=None, summary=None, count=2)
    assert [row.reply for row in found] == ["오로라야!", "밥 먹자!"]


def test_an_example_with_the_same_kind_of_prefix_is_preferred(finder):
    found = finder.find("배고파", memory=None, summary="영화 이야기", count=1)
    assert found == [ROWS[2]]


def test_a_change_of_topic_may_show_an_example_without_summary(finder):
    found = finder.find("너는 누구야", memory=None, summary="영화 이야기", count=1)
    assert found == [ROWS[0]]


def test_a_memory_with_the_same_key_comes_first(finder):
    found = finder.find("내 뭐야", memory="[취미: 뜨개질]", summary=None, count=1)
    assert found == [ROWS[4]]


def test_one_sentence_of_several_finds_its_example(finder):
    found = finder.find("로라야 오랜만이다! 너는 누구야?", memory=None, summary=None, count=1)
    assert found == [ROWS[0]]
    assert clauses_of("한 문장이야?") == []
