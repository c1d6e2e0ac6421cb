import pytest

from ohlora_core.language.echo import said_back


@pytest.mark.parametrize(
    ("message", "echo"),
    [
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
        ("내 동생 유학 갔어", "네 동생 유학 갔구나"),
        ("어제 상사한테 한소리 들었어", "어제 상사한테 한소리 들었구나"),
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
        "열 나는데 어떡해",
        "나 못생겼어",
        "헐",
        "ㅋㅋㅋ",
        "😡",
        "",
        "아주 " * 30 + "길다",
    ],
)
def test_what_tells_nothing_is_not_said_back(message):
    assert said_back(message) is None
