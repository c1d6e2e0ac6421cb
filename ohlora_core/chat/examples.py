"""Dialogue examples for the prompts: the nearest messages of our own dialogues.

A small model answers far better when it reads how a similar message was answered.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from ohlora_core.chat.memory import memory_key, memory_value
from ohlora_core.chat.reactions import RECALL, SPECIAL, Reactions
from ohlora_core.content import CommentRow, DialogueRow
from ohlora_core.language import NOTHING_TO_REMEMBER, expression_text
from ohlora_core.language.echo import grave_kinds
from ohlora_core.language.nouns import NounPool, replaced
from ohlora_core.sentence import SentenceEncoder, SentenceTask, TextIndex

__all__ = ["SHORT_REPLY", "ExampleFinder", "clauses_of", "expression_of", "told_key", "told_keys"]

NEAR_SCORE = 0.9
"""Cosine and bonus from which an example's own reply fits; below it, its broad one."""
REACTION_SCORE = 0.75
"""Below it a message is said back with a comment that fits what it does."""
OWN_ANSWER = 0.25  # by which a row may be further away where no ready comment is good
CLAUSE_DISCOUNT = 0.93  # of the cosine of a sentence that is not the last: the last asks
SAME_KEY_BONUS = 0.15  # for an example whose memory has the same key
CONTEXT = 0.3  # share of the summary in the likeness of two messages that continue one
NO_CONTEXT_MALUS = 0.1  # for an example without memory or summary where the message has one
SAME_ACT_BONUS = 0.15  # times the cosine of the message with what an example's message does
OTHER_NOUN_MALUS = 0.2  # for an example that says a noun again which the message does not have
OTHER_KEY_MALUS = 0.5  # for an example that speaks of another kind of memory
LOOKED_AT = 16  # times as many rows as are wanted: so many are tried with the message's noun
SHORT_REPLY = 24  # characters of a reply that stands for an expression
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
        encoder: Encodes messages and replies (tasks RETRIEVAL, ACT, EXPRESSION).
        rows: The dialogues to choose from.
        comments: What may be added to a message that is said back.
        cache: File that keeps the vectors of the messages between starts.
    """

    def __init__(
        self,
        encoder: SentenceEncoder,
        rows: list[DialogueRow],
        comments: Sequence[CommentRow] = (),
        cache: Path | None = None,
    ) -> None:
        self._rows = rows
        self._encoder = encoder

        def beside(name: str) -> Path | None:
            return cache and cache.with_stem(f"{cache.stem}_{name}")

        self._reactions = Reactions(encoder, comments, beside("comments"))
        summaries = sorted({row.summary for row in rows if row.summary})
        self._summary_index = TextIndex(
            encoder, SentenceTask.RETRIEVAL, summaries, beside("summaries")
        )
        places = {summary: place for place, summary in enumerate(summaries)}
        self._summaries = np.array([places.get(row.summary or "", -1) for row in rows])
        messages = [row.message for row in rows]
        self._index = TextIndex(encoder, SentenceTask.RETRIEVAL, messages, cache)
        self._kinds = np.array([_kind(row.memory, row.summary) for row in rows])
        self._keys = np.array([memory_key(row.memory) for row in rows])
        self._grave = [grave_kinds(row.message) for row in rows]
        self._days = np.array([_day_of_reply(row) for row in rows])
        self._act_names = sorted({row.act or "" for row in rows})
        self._acts = np.array([self._act_names.index(row.act or "") for row in rows])
        self._nouns = NounPool(text for row in rows for text in (row.message, row.reply))
        self._expressed = {
            expression_of(row): row.reply for row in rows if len(row.reply) <= SHORT_REPLY
        }

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
        may have little to do with what is before it, so a clearly nearer row without may be shown.
        A message of several sentences may be met by an example of one of them. A row that is not
        very near shows its broad reply; where none is near, what the message tells is said back.
        Where an example's reply says a noun of its message again, the noun of this message stands
        in its place. A message of death, violence or crime is met by rows of its kind.
        """
        scores = self._index.cosines(message)
        for clause in clauses_of(message):
            weight = 1.0 if message.endswith(clause) else CLAUSE_DISCOUNT
            scores = np.maximum(scores, weight * self._index.cosines(clause))
        kind = _kind(memory, summary)
        act, shares = self._act_of(message)
        if kind == "summary" and summary:
            context = np.append(self._summary_index.cosines(summary), 0.0)[self._summaries]
            scores = np.where(
                self._summaries >= 0, (1 - CONTEXT) * scores + CONTEXT * context, scores
            )
        scores = scores + SAME_ACT_BONUS * shares[self._acts]
        if kind == "memory":
            scores = scores + SAME_KEY_BONUS * (self._keys == memory_key(memory))
        fits = self._kinds == kind
        if kind != "plain" and not (kind == "memory" and act == RECALL):
            plain = self._kinds == "plain"
            scores, fits = scores - NO_CONTEXT_MALUS * plain, fits | plain
        fits &= (self._days == "") | (self._days == today)
        if grave := grave_kinds(message):
            same = fits & np.array([bool(grave & own) for own in self._grave])
            fits = same if same.any() else fits
        scores = np.where(fits, scores, -np.inf)
        nearest = np.argsort(-scores, kind="stable")[: count * LOOKED_AT]
        found = [
            self._fitted(self._rows[place], message, memory, float(scores[place]))
            for place in nearest
            if np.isfinite(scores[place])
        ]
        found.sort(key=lambda one: -one[1])
        chosen = [row for row, _ in found[:count][::-1]]
        enough = REACTION_SCORE - OWN_ANSWER * (act in SPECIAL)
        if found and (found[0][1] < enough or (memory and not found[0][0].memory)):
            reaction = self._reactions.to(message, act, float(shares.max()), memory)
            if reaction:
                said = {"message": message, "memory": memory, "summary": summary, "now": None}
                answered = {"reply": reaction, "remember": None}
                answered["new_summary"] = f"{message[:SHORT_REPLY]}, 하는 이야기"
                chosen = [*chosen[1:], chosen[-1].model_copy(update=said | answered)]
        return chosen

    def is_recall(self, message: str) -> bool:
        """Whether a message asks what is remembered of the user."""
        return self._act_of(message)[0] == RECALL

    def _act_of(self, message: str) -> tuple[str, np.ndarray]:
        """What a message does, and its cosines with all that messages do."""
        shares = self._encoder.similarity(SentenceTask.ACT, message, self._act_names)
        return self._act_names[int(shares.argmax())], shares

    def _fitted(
        self, row: DialogueRow, message: str, memory: str | None, score: float
    ) -> tuple[DialogueRow, float]:
        """An example with the words of the message where its reply says its own, and its score.

        Words: the value of the memory, or the noun that message and reply share.
        """
        if row.memory and memory:
            if row.memory == memory:
                return row, score
            if memory_key(row.memory) != memory_key(memory):
                return row, score - OTHER_KEY_MALUS
            reply = replaced(row.reply, memory_value(row.memory), memory_value(memory))
            if reply == row.reply:
                return row, score - OTHER_NOUN_MALUS
            return row.model_copy(update={"memory": memory, "reply": reply}), score
        if score < NEAR_SCORE and row.broad_reply and not row.memory:
            return row.model_copy(update={"reply": row.broad_reply}), score
        adapted = self._nouns.adapted(row.message, row.reply, message)
        if adapted is None:
            return row, score - OTHER_NOUN_MALUS
        if adapted == (row.message, row.reply):
            return row, score
        return row.model_copy(update={"message": adapted[0], "reply": adapted[1]}), score

    def find_expressed(self, reply: str) -> list[tuple[str, str]]:
        """A short reply with its expression of each of the two likeliest, the likeliest last."""
        names = sorted(self._expressed)
        cosines = self._encoder.similarity(SentenceTask.EXPRESSION, reply, names)
        likeliest = [names[place] for place in np.argsort(-cosines, kind="stable")[:2]]
        return [(self._expressed[name], name) for name in likeliest[::-1]]


def _kind(memory: str | None, summary: str | None) -> str:
    return "memory" if memory else "summary" if summary else "plain"


def told_key(row: DialogueRow) -> str:
    """Key of what is remembered of a message without context, or "nothing"; "" in context."""
    if row.memory or row.summary:
        return ""
    return memory_key(row.remember) or NOTHING_TO_REMEMBER


def told_keys(rows: Sequence[DialogueRow]) -> list[str]:
    """All that `told_key` says of some rows."""
    return sorted({key for row in rows if (key := told_key(row))})


def expression_of(row: DialogueRow) -> str:
    """The expression of a row as the language model writes it."""
    return expression_text(row.eyes, row.mouth, row.pose)


def _day_of_reply(row: DialogueRow) -> str:
    """The day on which the reply is right, or "" if it is right on any."""
    return row.now[0] if row.now and _NAMES_A_DAY.search(row.reply) else ""
