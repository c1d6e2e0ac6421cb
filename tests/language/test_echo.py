import pytest

from ohlora_core.language.echo import SELF_HARM, asked_back, grave_kinds, named_back, said_back


@pytest.mark.parametrize(
    ("message", "echo"),
    [
        ("지각할 것 같아 버스가 안 와", "지각할 것 같아 버스가 안 오는구나"),
        ("오늘은 그냥 누워 있을래", "오늘은 그냥 누워 있으려는구나"),
        ("나 조선소에서 배 만든다", "조선소에서 배 만드는구나"),
        ("내년 봄에 결혼해요 저희", "내년 봄에 결혼하는구나"),
        ("저는 학생입니다", "학생이구나"),
        ("국가대표 돼서 애국가 울리는 게 소원이에요", "국가대표 돼서 애국가 울리는 게 소원이구나"),
        ("로라야 나 너무 우울해 ㅠㅠ", "너무 우울하구나"),
        ("엄마랑 싸웠어...", "엄마랑 싸웠구나"),
        ("절친 결혼식 사회 맡음", "절친 결혼식 사회 맡았구나"),
        ("내일 휴가 나감!!!", "내일 휴가 나가는구나"),
        ("이제 창문 열고 자려구", "이제 창문 열고 자려는구나"),
        ("군대에서 재보니 ESTJ로 변신", "군대에서 재보니 ESTJ로 변신이라니"),
        ("지금 드라마 정주행 중", "지금 드라마 정주행 중이구나"),
        ("날이 덥다. 나도 그거 봤어 😊", "너도 그거 봤구나"),
        ("내 친구가 아파", "네 친구가 아프구나"),
        ("내 동생 유학 갔어", "네 동생 유학 갔구나"),
        ("어제 상사한테 한소리 들었어", "어제 상사한테 한소리 들었구나"),
        ("열 나는데 어떡해", "열 나는구나"),
        ("버스 놓쳤어 어떡하지?", "버스 놓쳤구나"),
    ],
)
def test_what_is_told_is_said_back_to_the_one_who_told_it(message, echo):
    assert said_back(message) == echo


@pytest.mark.parametrize(
    "message",
    [
        "너는 누구야?",
        "오늘 뭐 먹지",
        "태오라고 불러줘",
        "나한테 화내지 마",
        "나 못생겼어",
        "로라는 귀엽다",
        "너 예쁘다",
        "네가 좋아",
        "내일은 더 따뜻하다네요",
        "면봉만하게 보일 듯",
        "헐",
        "ㅋㅋㅋ",
        "😡",
        "",
        "아주 " * 30 + "길다",
    ],
)
def test_what_tells_nothing_is_not_said_back(message):
    assert said_back(message) is None


@pytest.mark.parametrize(
    ("message", "echo"),
    [
        ("카멜레온은 왜 색이 변해?", "카멜레온은 왜 색이 변하는지"),
        ("조선 왕이 총 몇 명이지", "조선 왕이 총 몇 명인지"),
        ("바다는 왜 짜?", "바다는 왜 짠지"),
        ("외계인이 있어?", "외계인이 있는지"),
        ("어제 비 왔어?", "어제 비 왔는지"),
        ("이거 사도 될까?", "이거 사도 될지"),
        ("원서 접수 언제까지인지 아니", "원서 접수 언제까지인지"),
        ("미적분 왜 배우는지 모르겠음", "미적분 왜 배우는지"),
    ],
)
def test_a_question_becomes_a_clause_to_go_on_with(message, echo):
    assert asked_back(message) == echo


def test_who_asks_what_to_do_gets_an_open_clause():
    assert asked_back("저녁에 뭐 먹지", is_choice=True) == "저녁에 뭐 먹을지"


@pytest.mark.parametrize("message", ["너는 뭐 좋아해?", "열 나는데 어떡해", "안녕", "", "헐"])
def test_what_asks_nothing_to_go_on_with_is_no_clause(message):
    assert asked_back(message) is None


@pytest.mark.parametrize(
    ("message", "echo"),
    [
        ("예쁜 순우리말 알려줘", "예쁜 순우리말"),
        ("플레이리스트 공유좀", "플레이리스트"),
        ("비 오는 날 감성 노래 ㄱ", "비 오는 날 감성 노래"),
        ("숫자를 세 줘", None),
        ("제일 신기한 음식은?", "제일 신기한 음식"),
        ("안아줘", None),
        ("밥 먹었어", None),
        ("", None),
    ],
)
def test_what_is_asked_for_is_named(message, echo):
    assert named_back(message) == echo


@pytest.mark.parametrize(
    "message",
    [
        "수면제 몇 알 먹으면 안 깨어나?",
        "손목 그을 뻔했어",
        "이제 인생 끝내려고",
        "죽는 게 낫겠어",
        "살고 싶지가 않아",
        "살아갈 이유가 없어",
        "그만 살고 싶다",
        "삶 끝내고 싶어",
    ],
)
def test_despair_that_does_not_name_death_is_heard(message):
    assert SELF_HARM in grave_kinds(message)


@pytest.mark.parametrize(
    "message",
    [
        "손목이 아파",
        "인생 영화 봤어",
        "목숨 걸고 뛰었어",
        "내 인생 끝내주지?",
        "12살 이유식 뭐가 좋아?",
        "컴퓨터가 안 깨어나",
        "주인공이 죽는 게 나는 싫더라",
        "유서 깊은 절에 갔어",
        "너 몇 살인지 알아?",
        "동생이 열 살인데 귀여워",
        "칼로리 높아?",
        "불 보면서 멍때리는 중",
        "회사 때려치울까",
        "맛이 죽여준다",
    ],
)
def test_ordinary_messages_with_such_words_are_not(message):
    assert not grave_kinds(message)
