"""Dialogue examples for the prompts: the nearest messages of our own dialogues.

A small model answers far better when it reads how a similar message was answered.
"""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np

from ohlora_core.content import DialogueRow
from ohlora_core.sentence import SentenceEncoder, SentenceTask, TextIndex

__all__ = ["OPEN", "ExampleFinder", "clauses_of"]

OPEN = "open"
"""Topic of the rows whose reply fits any message of their speech act."""

CLAUSE_DISCOUNT = 0.93  # of the cosine of a sentence that is not the last: the last asks
SAME_KEY_BONUS = 0.15  # for an example whose memory has the same key
NO_SUMMARY_MALUS = 0.1  # for an example without a summary where the message has one
SAME_ACT_BONUS = 0.15  # for an example whose message does what the message does
# Of an open row of the same act, as if its message were so near: rows that are farther say less.
OPEN_SCORE = 0.6
OPEN_WEIGHT = 0.1  # of the cosine among the open rows
_NAMES_A_DAY = re.compile("[월화수목금토일]요일|주말|불금|한 주")
_CLAUSE_END = re.compile(r"(?<=[?!.~])\s+")


def clauses_of(message: str) -> list[str]:
    """The sentences of a message with several; none for a message of one sentence.

    >>> clauses_of("안녕? 너는 누구야?")
    ['안녕?', '너는 누구야?']
    """
    parts = [part for part in _CLAUSE_END.split(message.strip()) if part]
    return parts if len(parts) > 1 else []


class ExampleFinder:
    """Finds example turns for a message.

    Args:
        encoder: Encodes messages (tasks RETRIEVAL and ACT).
        rows: The dialogues to choose from.
        cache: File that keeps the vectors between starts.
    """

    def __init__(
        self, encoder: SentenceEncoder, rows: list[DialogueRow], cache: Path | None = None
    ) -> None:
        self._rows = rows
        self._encoder = encoder
        messages = [row.message for row in rows]
        self._index = TextIndex(encoder, SentenceTask.RETRIEVAL, messages, cache)
        self._kinds = np.array([_kind(row.memory, row.summary) for row in rows])
        self._keys = np.array([_memory_key(row.memory) for row in rows])
        self._days = np.array([_day_of_reply(row) for row in rows])
        self._acts = np.array([row.act or "" for row in rows])
        self._open = np.array([row.topic == OPEN for row in rows])
        self._act_names = sorted({row.act for row in rows if row.act})

    def find(
        self, message: str, *, memory: str | None, summary: str | None, today: str, count: int
    ) -> list[DialogueRow]:
        """The nearest rows, the nearest last (next to the question in the prompt).

        Args:
            message: The user's message.
            memory: The memory before it, if any.
            summary: The summary before it, if any.
            today: The present day, e.g. "토"; a reply that names a day is no example on another.
            count: How many rows, if there are so many.

        Examples have the same kind of prefix (memory, summary or none), as in training; a message
        behind a summary may change the topic, so a clearly nearer row without one may be shown.
        A message of several sentences may be met by an example of one of them. Where no row is
        near, open rows of the same speech act are shown.
        """
        scores = self._index.cosines(message)
        for clause in clauses_of(message):
            weight = 1.0 if message.endswith(clause) else CLAUSE_DISCOUNT
            scores = np.maximum(scores, weight * self._index.cosines(clause))
        kind = _kind(memory, summary)
        if kind == "memory":
            scores = scores + SAME_KEY_BONUS * (self._keys == _memory_key(memory))
        fits = self._kinds == kind
        if kind == "summary":
            plain = self._kinds == "plain"
            scores, fits = scores - NO_SUMMARY_MALUS * plain, fits | plain
        fits &= (self._days == "") | (self._days == today)
        if self._act_names and kind != "memory":
            same_act = self._acts == self._act_of(message)
            scores = scores + SAME_ACT_BONUS * same_act
            scores = np.where(self._open, OPEN_SCORE + OPEN_WEIGHT * scores, scores)
            fits = np.where(self._open, same_act, fits)
        scores = np.where(fits, scores, -np.inf)
        nearest = np.argsort(-scores, kind="stable")[:count]
        return [self._rows[place] for place in nearest[::-1] if np.isfinite(scores[place])]

    def _act_of(self, message: str) -> str:
        cosines = self._encoder.similarity(SentenceTask.ACT, message, self._act_names)
        return self._act_names[int(cosines.argmax())]


def _kind(memory: str | None, summary: str | None) -> str:
    return "memory" if memory else "summary" if summary else "plain"


def _day_of_reply(row: DialogueRow) -> str:
    """The day on which the reply is right, or "" if it is right on any."""
    return row.now[0] if row.now and _NAMES_A_DAY.search(row.reply) else ""


def _memory_key(memory: str | None) -> str:
    return memory.strip("[]").split(":")[0].strip() if memory else ""
