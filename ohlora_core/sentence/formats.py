"""How the parts of an interview step become one text (system description, section 5)."""

from __future__ import annotations

from collections.abc import Sequence

__all__ = [
    "ALL_ANSWERED",
    "EXPERIENCE_TOPIC",
    "interview_answer_text",
    "interview_next_text",
]

ALL_ANSWERED = "모든 질문 해결 완료"
EXPERIENCE_TOPIC = "Loss Function 관련 실무 경험"


def interview_answer_text(topic: str, answer: str, remaining: Sequence[str]) -> str:
    """Input of INTERVIEW_ANSWER; `remaining` is what the topic needed before this answer."""
    if topic == EXPERIENCE_TOPIC and remaining:
        answer = f"[{remaining[0]}] {answer}"
    return f"{topic} -> {answer}"


def interview_next_text(topic: str, answer: str, remaining: Sequence[str]) -> str:
    """Input of INTERVIEW_NEXT; `remaining` is what the topic still needs after this answer."""
    return f"{topic} -> {answer} (남은 답변: {', '.join(remaining) or ALL_ANSWERED})"
