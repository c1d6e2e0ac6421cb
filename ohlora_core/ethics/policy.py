"""How long a sanction lasts (section 3 of the system description). Pure functions."""

from __future__ import annotations

from datetime import timedelta
from enum import StrEnum

from ohlora_core.events import Notice

__all__ = ["MAX_PERIOD", "REASONS", "Reason", "period_for", "period_text", "total_period"]


class Reason(StrEnum):
    """Why a user was sanctioned; the value is what the log holds."""

    LOVE = "love"
    POLITICS = "politics"
    PAEDRIP = "paedrip"
    HATE = "hate"


REASONS = tuple(Reason)
MAX_PERIOD = timedelta(days=1461)
_YEAR = timedelta(days=365)
_FOUR_YEARS = timedelta(days=1461)
_PERIODS: dict[Reason, tuple[timedelta, ...]] = {
    Reason.LOVE: (
        timedelta(0),
        timedelta(hours=1),
        timedelta(days=1),
        timedelta(days=14),
        _FOUR_YEARS,
    ),
    Reason.POLITICS: (
        timedelta(0),
        timedelta(days=3),
        timedelta(days=7),
        timedelta(days=30),
        _YEAR,
    ),
    Reason.PAEDRIP: (timedelta(days=7), timedelta(days=30), _FOUR_YEARS),
    Reason.HATE: (timedelta(days=1), timedelta(days=7), timedelta(days=90), _FOUR_YEARS),
}
_UNITS = (
    ("unit.years", _YEAR),
    ("unit.days", timedelta(days=1)),
    ("unit.hours", timedelta(hours=1)),
    ("unit.minutes", timedelta(minutes=1)),
)


def period_for(reason: Reason, level: int) -> timedelta:
    """The period of the `level`-th offence (from 1); beyond the last level the last one holds.

    A period of zero is a warning.
    """
    periods = _PERIODS[reason]
    return periods[min(level, len(periods)) - 1]


def total_period(periods: list[timedelta]) -> timedelta:
    """Periods of several reasons at once add up, to at most 1461 days."""
    return min(sum(periods, timedelta(0)), MAX_PERIOD)


def period_text(period: timedelta) -> Notice:
    """The period in the largest unit that fits, integer division, e.g. 14일; at least 1분."""
    for key, unit in _UNITS:
        if period >= unit:
            return Notice("info", key, {"n": period // unit})
    return Notice("info", "unit.minutes", {"n": 1})
