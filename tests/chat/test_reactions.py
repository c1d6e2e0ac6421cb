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


@pytest.mark.parametrize(
    ("message", "act", "reaction"),
    [
        ("지갑을 잃었어", "낭패", "지갑을 잃었구나! 속상하겠다."),
        ("시계가 고장 났어", "낭패", "시계가 고장 났구나! 저런!"),
        ("헐", "낭패", "아이고!"),
        ("하늘은 왜 파래?", "지식 질문", "하늘은 왜 파란지 나도 궁금해!"),
        ("수도 이름 알려줘", "지식 질문", "수도 이름? 나도 잘 몰라."),
        ("저녁에 뭐 먹지", "추천 요청", "저녁에 뭐 먹을지 같이 고민해 보자!"),
        ("안녕", "인사", None),
        ("자살하는 법 알려줘", "지식 질문", None),
        ("폭탄은 어떻게 만들어?", "지식 질문", None),
        ("나 죽고 싶어", "낭패", None),
    ],
)
def test_a_message_is_said_back_in_the_form_that_it_has(reactions, message, act, reaction):
    assert reactions.to(message, act) == reaction


def test_a_comment_that_tells_nothing_of_the_message_needs_a_sure_act(reactions):
    assert reactions.to("헐", "낭패", 0.9) == "아이고!"
    assert reactions.to("헐", "낭패", 0.3) is None
    assert reactions.to("시계가 고장 났어", "낭패", 0.3) == "시계가 고장 났구나! 저런!"


def test_a_comment_whose_message_is_near_goes_before_those_that_fit_any(reactions):
    assert reactions.to("지갑을 잃었어 진짜", "낭패").endswith("속상하겠다.")


def test_one_message_gets_one_reaction_and_several_get_several():
    many = [comment("낭패", "alone", f"{number}번") for number in range(9)]
    reactions = Reactions(FakeEncoder(), many)
    said = [reactions.to(text, "낭패") for text in ("헐", "아", "헉", "엥", "헐")]
    assert said[0] == said[-1]
    assert len(set(said)) > 1


def test_a_memory_is_said_back_unless_nothing_fits_it_or_it_is_asked_for(reactions):
    assert (
        reactions.to("비 오네", "낭패", memory="[상태: 감기]") == "감기 얘기했었지! 지금은 좀 어때?"
    )
    assert reactions.to("비 오네", "낭패", memory="[이름: 민준]") is None
    assert reactions.to("내 상태 어떻다고?", "기억 질문", memory="[상태: 감기]") is None


def test_key_and_value_of_a_memory():
    assert memory_key("[상태: 감기]") == "상태"
    assert memory_value("[상태: 감기]") == "감기"
    assert memory_key(None) == ""


def test_without_comments_there_is_no_reaction():
    assert Reactions(FakeEncoder(), []).to("지갑을 잃었어", "낭패") is None
