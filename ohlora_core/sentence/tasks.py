"""The jobs of the sentence encoder. Knows nothing of models."""

from __future__ import annotations

from enum import StrEnum

__all__ = ["BASE_TASKS", "LEXICAL_TASKS", "NGRAM_SHARES", "NGRAM_TASKS", "SentenceTask"]


class SentenceTask(StrEnum):
    """What a cosine means; the value is the adapter's folder name."""

    MEMORY = "memory"  # message vs stored memory: how much the message is about it
    ETHICS = "ethics"  # message vs category name
    QNA = "qna"  # question vs knowledge text
    QUIZ = "quiz"  # answer vs model answer: the score
    INTERVIEW_ANSWER = "interview_answer"  # "{topic} -> {answer}" vs label of the answer
    INTERVIEW_NEXT = "interview_next"  # "{topic} -> {answer} (남은 답변: ...)" vs next topic
    RETRIEVAL = "retrieval"  # message vs message of the same intent
    RANKING = "ranking"  # message vs a reply that fits it
    ACT = "act"  # message vs name of its speech act
    KEY = "key"  # message vs key of what to remember of it
    EXPRESSION = "expression"  # reply vs the expression that goes with it


LEXICAL_TASKS = frozenset({SentenceTask.ACT, SentenceTask.KEY, SentenceTask.EXPRESSION})
"""Of the embedded encoder: known by their n-grams alone, without an adapter."""
BASE_TASKS = frozenset({SentenceTask.RETRIEVAL})
"""Of the embedded encoder: known by its base, without an adapter."""
NGRAM_TASKS = LEXICAL_TASKS | {
    SentenceTask.MEMORY,
    SentenceTask.ETHICS,
    SentenceTask.RETRIEVAL,
}
"""Of the embedded encoder: have a bag of n-grams."""
NGRAM_SHARES = {SentenceTask.RETRIEVAL: 0.3}
"""Share of the bag in the cosine, where it is not a half."""
