"""What an interview row of our content says about the two choices that the S-BERT makes."""

from __future__ import annotations

from ohlora_core.content import InterviewRow
from ohlora_core.tutor.interview_track import FAILED, FIXED_NEXT, GREETING, LAST_WORDS, NEEDED

__all__ = ["decided_by_model", "remaining_before"]


def remaining_before(row: InterviewRow) -> list[str]:
    """What the topic still needed before this answer, in the usual order."""
    needed = NEEDED[row.topic]
    return [answer for answer in needed if answer in row.remaining or answer == row.success]


def decided_by_model(row: InterviewRow) -> bool:
    """Whether the encoder, and no fixed rule, chooses the topic after this answer.

    Fixed are openings, three topics, and moving on after failures in a row.
    """
    if not row.user_answer or row.topic == LAST_WORDS or row.topic in FIXED_NEXT:
        return False
    gave_up = row.success == FAILED and row.next != row.topic and row.topic != GREETING
    return not gave_up
