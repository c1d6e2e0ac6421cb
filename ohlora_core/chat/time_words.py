"""Her sense of time: the prefix of messages with time words, and replies wrong about the day.

Pure functions of a text and a local time (section 2, steps 3 and 5, of the system description).
"""

from __future__ import annotations

import re
from datetime import datetime, timedelta

from ohlora_core.content.schema import TIME_WORDS

__all__ = ["day_label", "is_wrong_about_day", "with_time_prefix"]

WEEKDAYS = "월화수목금토일"
_MORNING_HOUR, _NOON_HOUR, _EVENING_HOUR, _FRIDAY_EVENING_HOUR = 4, 12, 18, 17
_FRIDAY = 4


def day_label(now: datetime) -> str:
    """E.g. "토요일 오후". The night until 03:59 is the evening of the day before."""
    if now.hour < _MORNING_HOUR:
        return f"{WEEKDAYS[(now - timedelta(days=1)).weekday()]}요일 저녁"
    if now.hour < _NOON_HOUR:
        part = "오전"
    else:
        evening = _FRIDAY_EVENING_HOUR if now.weekday() == _FRIDAY else _EVENING_HOUR
        part = "오후" if now.hour < evening else "저녁"
    return f"{WEEKDAYS[now.weekday()]}요일 {part}"


def with_time_prefix(message: str, now: datetime) -> str:
    """The message, with the present day in front if it has a time word."""
    if any(word in message for word in TIME_WORDS):
        return f"(지금은 {day_label(now)}) {message}"
    return message


# phrase -> weekdays (of today) on which it counts as false
_FALSE_ON: tuple[tuple[re.Pattern[str], str], ...] = (
    (re.compile(r"내일은? 주말"), "일월화수목"),
    (re.compile(r"오늘은? 주말"), "월화수목"),
    (re.compile(r"내일부터 주말"), "월화수토일"),
    (re.compile(r"오늘부터 주말"), "월화수목일"),
    (re.compile(r"내일은? 불금"), "월화수금토일"),
    (re.compile(r"오늘은? 불금"), "월화수목토일"),
    (re.compile(r"내일부터 한 주 시작"), "월화수목금"),
    (re.compile(r"오늘부터 한 주 시작"), "화수목금토"),
)
_NAMED_DAY = re.compile(r"(오늘|내일)(?:은|도) ([월화수목금토일])요일")


def is_wrong_about_day(reply: str, now: datetime) -> bool:
    """Whether a reply says something about today or tomorrow that is false now."""
    today = day_label(now)[0]
    if any(today in days and phrase.search(reply) for phrase, days in _FALSE_ON):
        return True
    index = WEEKDAYS.index(today)
    right = {"오늘": today, "내일": WEEKDAYS[(index + 1) % 7]}
    return any(right[which] != day for which, day in _NAMED_DAY.findall(reply))
