"""The jobs of the sentence encoder. Knows nothing of models."""

from __future__ import annotations

from enum import StrEnum

__all__ = [
    "BASE_TASKS",
    "HEAD_SHARES",
    "HEAD_TASKS",
    "NGRAM_SHARES",
    "NGRAM_TASKS",
    "TRAINED_TASKS",
    "SentenceTask",
]


class SentenceTask(StrEnum):
    """What a cosine means; the value is the folder name."""

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


HEAD_TASKS = frozenset(
    {
        SentenceTask.MEMORY,
        SentenceTask.ETHICS,
        SentenceTask.ACT,
        SentenceTask.KEY,
        SentenceTask.EXPRESSION,
    }
)
"""Of the embedded encoder: have a linear head (`linear`) on the base."""
HEAD_SHARES = {SentenceTask.MEMORY: 0.5}
"""Share of the head in the cosine where it does not decide alone."""
BASE_TASKS = HEAD_TASKS | {SentenceTask.RETRIEVAL, SentenceTask.RANKING}
"""Of the embedded encoder: have no adapter."""
NGRAM_TASKS = frozenset({SentenceTask.MEMORY, SentenceTask.RETRIEVAL})
"""Of the embedded encoder: have a bag of n-grams beside the network."""
NGRAM_SHARES = {SentenceTask.MEMORY: 0.33, SentenceTask.RETRIEVAL: 0.3}
"""Share of the bag in the cosine (of MEMORY: in what is not the head's)."""
TRAINED_TASKS = tuple(
    task for task in SentenceTask if task not in BASE_TASKS or task in HEAD_TASKS | NGRAM_TASKS
)
"""Of the embedded encoder: have files of their own."""
