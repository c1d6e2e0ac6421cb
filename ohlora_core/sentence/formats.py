"""How interview steps and knowledge entries become texts (system description, section 5)."""

from __future__ import annotations

import re
from collections.abc import Sequence

__all__ = [
    "ALL_ANSWERED",
    "EXPERIENCE_TOPIC",
    "fact_texts",
    "interview_answer_text",
    "interview_next_text",
    "term_names",
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


def term_names(term: str) -> list[str]:
    """The names in a term: "크로스 엔트로피(Cross Entropy, CE)" has three."""
    return [name for name in (part.strip() for part in re.split(r"[(),]", term)) if name]


def fact_texts(term: str, text: str, aliases: Sequence[str], questions: Sequence[str]) -> list[str]:
    """The texts under which a knowledge entry is found (task QNA).

    The statement alone is long, so a short question about a rare name needs the name by itself.
    """
    names = [*term_names(term), *aliases]
    asked = [f"{name} 뭐야?" for name in names]
    return list(dict.fromkeys([text, *names, *asked, *questions]))
