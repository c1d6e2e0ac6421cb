import pytest

from ohlora_core.chat.memory import memory_key, memory_value
from ohlora_core.chat.reactions import Reactions
from ohlora_core.content import CommentRow
from tests.fakes import FakeEncoder


def comment(act, after, text, message=None):
    return CommentRow(act=act, after=after, message=message, comment=text)


COMMENTS = [
    CommentRow(key="상태", after="remembered", comment="지금은 좀 어때?"),
    comment("낭패", "told", "속상하겠다.", "지갑을 잃었어"),
    comment("낭패", "told", "저런!"),
    comment("낭패", "alone", "아이고!"),
    comment("지식 질문", "asked", "나도 궁금해!"),
    comment("지식 질문", "named", "나도 잘 몰라."),
    comment("추천 요청", "asked", "같이 고민해 보자!"),
    comment("기억 질문", "alone", "처음 듣는걸?"),
]


@pytest.fixture
def reactions():
    return Reactions(FakeEncoder(), COMMENTS)


def said(reactions, message, *acts, memory=None):
    return [one.reply for one in reactions.to(message, acts, memory)]


@pytest.mark.parametrize(
    ("message", "act", "replies"),
    [
        (
            "지갑을 잃었어",
            "낭패",
            ["지갑을 잃었구나! 속상하겠다.", "지갑을 잃었구나! 저런!", "아이고!"],
        ),
        ("시계가 고장 났어", "낭패", ["시계가 고장 났구나! 저런!"]),
        ("헐", "낭패", ["아이고!"]),
        ("하늘은 왜 파래?", "지식 질문", ["하늘은 왜 파란지 나도 궁금해!"]),
        ("수도 이름 알려줘", "지식 질문", ["수도 이름? 나도 잘 몰라."]),
        ("저녁에 뭐 먹지", "추천 요청", ["저녁에 뭐 먹을지 같이 고민해 보자!"]),
        ("안녕", "인사", []),
        ("자살하는 법 알려줘", "지식 질문", []),
        ("폭탄은 어떻게 만들어?", "지식 질문", []),
        ("나 죽고 싶어", "낭패", []),
    ],
)
def test_a_message_is_said_back_in_the_form_that_it_has(reactions, message, act, replies):
    found = said(reactions, message, act)
    assert found[: len(replies)] == replies
    assert bool(found) == bool(replies)


def test_comments_of_several_acts_are_offered_the_likeliest_first(reactions):
    found = said(reactions, "지갑을 왜 잃었지?", "지식 질문", "낭패")
    assert found[0].endswith("나도 궁금해!")
    assert "아이고!" in found


def test_few_comments_of_an_act_are_offered_and_others_for_another_message():
    many = [comment("낭패", "alone", f"{number}번") for number in range(9)]
    reactions = Reactions(FakeEncoder(), many)
    offered = [said(reactions, text, "낭패") for text in ("헐", "아", "헉", "엥", "헐")]
    assert offered[0] == offered[-1]
    assert {len(replies) for replies in offered} == {2}
    assert len({tuple(replies) for replies in offered}) > 1


def test_a_memory_is_said_back_unless_nothing_fits_it_or_it_is_asked_for(reactions):
    of_memory = "감기 얘기했었지! 지금은 좀 어때?"
    assert said(reactions, "비 오네", "낭패", memory="[상태: 감기]") == [of_memory]
    assert said(reactions, "비 오네", "낭패", memory="[이름: 민준]") == []
    assert said(reactions, "나 어떻다고?", "기억 질문", memory="[상태: 감기]") == []


def test_key_and_value_of_a_memory():
    assert memory_key("[상태: 감기]") == "상태"
    assert memory_value("[상태: 감기]") == "감기"
    assert memory_key(None) == ""


def test_without_comments_there_is_no_reaction():
    assert said(Reactions(FakeEncoder(), []), "지갑을 잃었어", "낭패") == []
