from datetime import datetime

import pytest

from ohlora_core.chat.time_words import day_label, is_wrong_about_day, with_time_prefix

# 2026-11-16 is a Monday
MONDAY, TUESDAY, THURSDAY, FRIDAY, SATURDAY, SUNDAY = 16, 17, 19, 20, 21, 22


def at(day: int, hour: int = 13, minute: int = 0) -> datetime:
    return datetime(2026, 11, day, hour, minute)


@pytest.mark.parametrize(
    ("now", "label"),
    [
        (at(MONDAY, 4), "월요일 오전"),
        (at(MONDAY, 11, 59), "월요일 오전"),
        (at(MONDAY, 12), "월요일 오후"),
        (at(MONDAY, 17, 59), "월요일 오후"),
        (at(MONDAY, 18), "월요일 저녁"),
        (at(TUESDAY, 3, 59), "월요일 저녁"),
        (at(FRIDAY, 16, 59), "금요일 오후"),
        (at(FRIDAY, 17), "금요일 저녁"),
        (at(MONDAY, 0), "일요일 저녁"),
    ],
)
def test_day_label_follows_the_clock_of_the_spec(now, label):
    assert day_label(now) == label


@pytest.mark.parametrize("word", ["오늘", "내일", "지금", "요일", "이따", "휴일"])
def test_only_time_words_get_the_prefix(word):
    now = at(SATURDAY, 14)
    assert with_time_prefix(f"{word} 뭐 해", now) == f"(지금은 토요일 오후) {word} 뭐 해"
    assert with_time_prefix("뭐 해", now) == "뭐 해"


@pytest.mark.parametrize(
    ("reply", "right_days"),
    [
        ("내일은 주말이야", "금토"),
        ("오늘 주말이잖아", "금토일"),
        ("내일부터 주말이네", "목금"),
        ("오늘부터 주말이다", "금토"),
        ("내일 불금!", "목"),
        ("오늘은 불금이야", "금"),
        ("내일부터 한 주 시작이네", "토일"),
        ("오늘부터 한 주 시작!", "일월"),
        ("오늘은 수요일이야", "수"),
        ("오늘도 수요일", "수"),
        ("내일은 수요일이지", "화"),
        ("수요일에 만나", "월화수목금토일"),
    ],
)
def test_replies_are_wrong_exactly_on_the_other_days(reply, right_days):
    for offset, day in enumerate("월화수목금토일"):
        wrong = is_wrong_about_day(reply, at(MONDAY + offset))
        assert wrong == (day not in right_days), day
