import numpy as np
import pytest

from ohlora_core.chat.examples import ExampleFinder, clauses_of
from ohlora_core.content import CommentRow, DialogueRow
from ohlora_core.sentence import SentenceTask
from tests.fakes import FakeEncoder


def row(
    message: str,
    reply: str,
    memory: str | None = None,
    summary: str | None = None,
    now: str | None = None,
    act: str | None = None,
    topic: str = "t",
    broad: str | None = None,
):
    return DialogueRow(
        message=message,
        memory=memory,
        summary=summary,
        now=now,
        reply=reply,
        broad_reply=broad,
        new_summary="요약",
        eyes="보통",
        mouth="보통",
        pose="없음",
        topic=topic,
        intent="i",
        act=act,
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
    found = finder.find("배고파", memory=None, summary=None, today="월", count=2)
    assert [row.reply for row in found] == ["오로라야!", "밥 먹자!"]


def test_an_example_with_the_same_kind_of_prefix_is_preferred(finder):
    found = finder.find("배고파", memory=None, summary="영화 이야기", today="월", count=1)
    assert found == [ROWS[2]]


def test_a_change_of_topic_may_show_an_example_without_summary(finder):
    found = finder.find("너는 누구야", memory=None, summary="영화 이야기", today="월", count=1)
    assert found == [ROWS[0]]


def test_a_memory_with_the_same_key_comes_first(finder):
    found = finder.find("내 뭐야", memory="[취미: 뜨개질]", summary=None, today="월", count=1)
    assert [row.reply for row in found] == ["뜨개질이지!"]


def test_a_reply_that_names_a_day_is_an_example_only_on_that_day():
    rows = [
        row("내일 카페 가", "토요일 카페 좋다!", now="금요일 오후"),
        row("내일 산에 가", "조심해!", now="금요일 오후"),
    ]
    finder = ExampleFinder(FakeEncoder(), rows)
    for today, reply in (("금", "토요일 카페 좋다!"), ("토", "조심해!")):
        (found,) = finder.find("내일 카페 가", memory=None, summary=None, today=today, count=1)
        assert found.reply == reply


def test_one_sentence_of_several_finds_its_example(finder):
    found = finder.find(
        "로라야 오랜만이다! 너는 누구야?", memory=None, summary=None, today="월", count=1
    )
    assert found == [ROWS[0]]
    assert clauses_of("한 문장이야?") == []


class ActEncoder(FakeEncoder):
    """Knows bad news by its tears."""

    def similarity(self, task, text, candidates):
        if task != SentenceTask.ACT:
            return super().similarity(task, text, candidates)
        wanted = "낭패" if "ㅠ" in text else "좋은 소식"
        return np.array([float(name == wanted) for name in candidates])


NEWS = [row("신난다", "무슨 일이야?", act="좋은 소식"), row("힘들어", "왜?", act="낭패")]


TRIPS = [row("제주도에 여행 가", "한라산 보겠네!", act="계획", broad="여행이라니 좋겠다!")]


@pytest.mark.parametrize(
    ("message", "reply"),
    [("제주도에 여행 가", "한라산 보겠네!"), ("강릉에 여행 가려고 해", "여행이라니 좋겠다!")],
)
def test_a_row_that_is_not_very_near_shows_its_broad_reply(message, reply):
    found = ExampleFinder(FakeEncoder(), TRIPS).find(
        message, memory=None, summary=None, today="월", count=1
    )
    assert [row.reply for row in found] == [reply]


WORK = [
    row(
        "내 직업 뭐야",
        "펜싱 선수! 칼끝이 멋져.",
        memory="[직업: 펜싱 선수]",
        broad="펜싱 선수라고 했지!",
    ),
    row("내 별명 뭐야", "콩이라고 했지!", memory="[별명: 콩]"),
]


@pytest.mark.parametrize(
    ("message", "memory", "reply", "form"),
    [
        ("내 직업 뭐야", "[직업: 펜싱 선수]", "펜싱 선수! 칼끝이 멋져.", "own"),
        ("내 직업 뭐야", "[직업: 약사]", "약사라고 했지!", "broad"),
        ("내 별명 뭐야", "[별명: 두부]", "두부라고 했지!", "own"),
    ],
)
def test_another_value_of_a_memory_stands_in_the_broad_reply(message, memory, reply, form):
    finder = ExampleFinder(FakeEncoder(), WORK)
    assert found_by(finder, message, memory).reply == reply
    _, choice = finder.offer(message, memory=memory, summary=None, today="월")
    assert [(one.reply, one.form) for one in choice.candidates] == [(reply, form)]


COMMENTS = [
    CommentRow(key="상태", after="remembered", comment="지금은 좀 어때?"),
    CommentRow(act="낭패", after="told", comment="속상하겠다."),
    CommentRow(act="낭패", after="alone", comment="저런!"),
    CommentRow(act="좋은 소식", after="told", comment="잘됐다!"),
]


def found_by(finder, message, memory=None):
    (found,) = finder.find(message, memory=memory, summary=None, today="월", count=1)
    return found


class Chooser:
    """Takes the first candidate of a form."""

    def __init__(self, form):
        self.form = form

    def best(self, choice, encoder):
        return next(one for one in choice.candidates if one.form == self.form)


def test_a_chosen_comment_stands_last_and_says_the_message_back():
    finder = ExampleFinder(ActEncoder(), NEWS, COMMENTS, chooser=Chooser("told"))
    found = found_by(finder, "우산을 잃었어 ㅠ")
    assert found.message == "우산을 잃었어 ㅠ"
    assert found.reply == "우산을 잃었구나! 속상하겠다."
    assert "우산" in found.new_summary


def test_a_memory_may_be_said_back():
    finder = ExampleFinder(ActEncoder(), NEWS, COMMENTS, chooser=Chooser("remembered"))
    found = found_by(finder, "비 와 ㅠ", "[상태: 감기]")
    assert found.reply == "감기 얘기했었지! 지금은 좀 어때?"
    assert found.memory == "[상태: 감기]"


def test_without_a_chooser_the_nearest_row_stays():
    found = found_by(ExampleFinder(ActEncoder(), [ROWS[0]], COMMENTS), "우산 어디 있어?")
    assert found == ROWS[0]


def test_a_chosen_row_stands_last_once():
    rows = [*TRIPS, row("제주도에 또 여행 가", "귤 먹어!", act="계획")]
    finder = ExampleFinder(FakeEncoder(), rows, chooser=Chooser("broad"))
    found = finder.find("제주도에 자주 여행 가", memory=None, summary=None, today="월", count=2)
    assert [row.reply for row in found] == ["귤 먹어!", "여행이라니 좋겠다!"]


def test_all_that_may_be_answered_is_offered_once():
    finder = ExampleFinder(ActEncoder(), [*NEWS, *TRIPS], COMMENTS)
    _, choice = finder.offer("제주도에 혼자 여행 가 ㅠ", memory=None, summary=None, today="월")
    offered = [(one.form, one.reply) for one in choice.candidates]
    assert ("broad", "여행이라니 좋겠다!") in offered
    assert ("own", "한라산 보겠네!") in offered
    assert ("told", "제주도에 혼자 여행 가는구나! 속상하겠다.") in offered
    assert len(offered) == len({reply for _, reply in offered})


def test_the_rows_of_a_message_can_be_left_out():
    finder = ExampleFinder(FakeEncoder(), ROWS)
    found, _ = finder.offer("배고파", memory=None, summary=None, today="월", without="너는 누구야!")
    assert [row.reply for row, _ in found] == ["밥 먹자!"]


def test_a_grave_message_is_met_by_rows_of_its_kind():
    rows = [
        row("프로그램 죽이는 법 알려줘", "버튼을 눌러!"),
        row("자살하고 싶어", "109에 꼭 말해 줘."),
    ]
    found = found_by(ExampleFinder(FakeEncoder(), rows), "자살하는 법 알려줘")
    assert found.reply == "109에 꼭 말해 줘."


def test_despair_is_met_by_rows_of_despair_whatever_else_it_names():
    rows = [
        row("왕따 당하고 있어", "네 잘못이 아니야."),
        row("죽고 싶어", "109에 꼭 말해 줘."),
        row("나 아프다고 한 거 기억나?", "감기라며!", memory="[상태: 감기]"),
    ]
    finder = ExampleFinder(FakeEncoder(), rows, COMMENTS, chooser=Chooser("told"))
    assert found_by(finder, "왕따 당해서 죽고 싶어").reply == "109에 꼭 말해 줘."
    recalled = found_by(finder, "내가 죽고 싶다고 한 거 기억나?", "[상태: 감기]")
    assert recalled.reply == "109에 꼭 말해 줘."


def test_a_row_about_another_memory_is_not_offered():
    finder = ExampleFinder(FakeEncoder(), ROWS)
    _, choice = finder.offer("내 취미 뭐야", memory="[취미: 뜨개질]", summary=None, today="월")
    replies = [one.reply for one in choice.candidates]
    assert "뜨개질이지!" in replies
    assert "카페 간다며!" not in replies
