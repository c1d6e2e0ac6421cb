"""Dialogue examples for the prompts: the nearest messages of our own dialogues, and what to say.

A small model answers far better when it reads how a similar message was answered; the last example
is the reply that fits best of all that are offered: those of near rows, and comments.
"""

from __future__ import annotations

import functools
import re
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np

from ohlora_core.chat.choice import Candidate, Choice, ReplyChooser
from ohlora_core.chat.memory import memory_key, memory_value
from ohlora_core.chat.reactions import RECALL, Reactions
from ohlora_core.content import CommentRow, DialogueRow
from ohlora_core.language import NOTHING_TO_REMEMBER, expression_text
from ohlora_core.language.echo import SELF_HARM, grave_kinds
from ohlora_core.language.nouns import NounPool, replaced
from ohlora_core.sentence import SentenceEncoder, SentenceTask, TextIndex

__all__ = ["SHORT_REPLY", "ExampleFinder", "clauses_of", "expression_of", "told_key", "told_keys"]

NEAR_SCORE = 0.9
"""Cosine and bonus from which an example's own reply fits; below it, its broad one. Of a row about
a memory the value decides instead."""
OFFERED_ROWS = 12  # to choose from
BOTH_REPLIES = 2  # of the nearest of them the own reply stands to choice beside the broad one
LIKELY_ACTS = 3  # what a message may do
CLAUSE_DISCOUNT = 0.93  # of the cosine of a sentence that is not the last: the last asks
SAME_KEY_BONUS = 0.15  # for an example whose memory has the same key
CONTEXT = 0.3  # share of the summary in the likeness of two messages that continue one
NO_CONTEXT_MALUS = 0.1  # for an example without memory or summary where the message has one
SAME_ACT_BONUS = 0.15  # times the cosine of the message with what an example's message does
OTHER_NOUN_MALUS = 0.2  # for an example that says a noun again which the message does not have
OTHER_KEY_MALUS = 0.5  # for an example that speaks of another kind of memory
LOOKED_AT = 48  # rows that are tried with the message's noun
SHORT_REPLY = 24  # characters of a reply that stands for an expression
_NAMES_A_DAY = re.compile("[월화수목금토일]요일|주말|불금|한 주")
_NO_LETTERS = re.compile(r"[\W_]")
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
        encoder: Encodes messages and replies (tasks RETRIEVAL, RANKING, ACT, EXPRESSION).
        rows: The dialogues to choose from.
        comments: What may be added to a message that is said back.
        cache: File that keeps the vectors of the messages between starts.
        chooser: Decides between rows and comments; without it the nearest row stays.
    """

    def __init__(
        self,
        encoder: SentenceEncoder,
        rows: list[DialogueRow],
        comments: Sequence[CommentRow] = (),
        cache: Path | None = None,
        chooser: ReplyChooser | None = None,
    ) -> None:
        self._rows = rows
        self._chooser = chooser
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
        self.act_names: list[str] = sorted({row.act or "" for row in rows})
        self._acts = np.array([self.act_names.index(row.act or "") for row in rows])
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
        very near shows its broad reply, and so does one about a memory with another value. Where an
        example's reply says a noun of its message again, the noun of this message stands in its
        place. A message of death, violence or crime is met by rows of its kind. The last row has
        the reply that fits best, be it of the row or one that says the message back.
        """
        found, choice = self.offer(message, memory=memory, summary=summary, today=today)
        chosen = [row for row, _ in found[:count][::-1]]
        if not self._chooser or not choice.candidates or grave_kinds(message):
            return chosen
        best = self._chooser.best(choice, self._encoder)
        if best.row:
            return [*(row for row in chosen if row.message != best.row.message), best.row][-count:]
        made = {"message": message, "memory": memory, "summary": summary, "now": None}
        made |= {"reply": best.reply, "broad_reply": None, "remember": None}
        made["new_summary"] = f"{message[:SHORT_REPLY]}, 하는 이야기"
        like = chosen[-1] if chosen else self._rows[0]
        return [*chosen, like.model_copy(update=made)][-count:]

    def offer(
        self,
        message: str,
        *,
        memory: str | None,
        summary: str | None,
        today: str,
        without: str | None = None,
        shares: np.ndarray | None = None,
    ) -> tuple[list[tuple[DialogueRow, float]], Choice]:
        """The nearest rows with their scores, the nearest first, and all that may be answered.

        Args:
            message: The user's message.
            memory: The memory before it, if any.
            summary: The summary before it, if any.
            today: The present day, e.g. "토".
            without: A message whose rows are left out (where they are what is learnt from).
            shares: Cosines of the message with all that messages do (`act_names`), if known.
        """
        if shares is None:
            shares = self._shares_of(message)
        near = self._index.cosines(message)
        scores, nearest = self._scores(message, near, memory, summary, shares)
        fits = self._fit(message, memory, summary, today, shares)
        if without is not None:
            fits &= self._messages != _letters(without)
        scores = np.where(fits, scores, -np.inf)
        found = []
        for place in np.argsort(-scores, kind="stable")[:LOOKED_AT]:
            if np.isfinite(scores[place]):
                found.append(
                    (place, *self._fitted(self._rows[place], message, memory, float(scores[place])))
                )
        found.sort(key=lambda one: -one[2])
        candidates: list[Candidate] = []
        own_replies: list[Candidate] = []
        for place, row, score, form in found:
            if row.memory not in (None, memory):
                continue  # it speaks of another memory
            if len(candidates) == OFFERED_ROWS:
                break
            source = self._rows[place]
            at = float(near[place]), float(nearest[place])
            one = Candidate(row.reply, form, row.act or "", row, None, score, *at)
            is_broad = form == "broad" and not source.memory and len(candidates) < BOTH_REPLIES
            if is_broad and (own := self._own(source, message)):
                own_replies.append(replace(one, reply=own.reply, form="own", row=own))
            candidates.append(one)
        candidates += own_replies
        acts = [self.act_names[place] for place in np.argsort(-shares)[:LIKELY_ACTS]]
        for reaction in self._reactions.to(message, acts, memory):
            said = reaction.comment
            kind = said.act or said.key or ""
            candidates.append(
                Candidate(reaction.reply, said.after, kind, comment=said, cosine=reaction.cosine)
            )
        distinct: dict[str, Candidate] = {}
        for one in candidates:
            distinct.setdefault(_letters(one.reply), one)
        by_name = dict(zip(self.act_names, map(float, shares), strict=True))
        rows = [(row, score) for _, row, score, _ in found]
        return rows, Choice(message, memory, summary, by_name, list(distinct.values()))

    @functools.cached_property
    def _messages(self) -> np.ndarray:
        """The letters of all messages; only training asks for them."""
        return np.array([_letters(row.message) for row in self._rows])

    def _scores(
        self,
        message: str,
        near: np.ndarray,
        memory: str | None,
        summary: str | None,
        shares: np.ndarray,
    ) -> tuple[np.ndarray, np.ndarray]:
        """Of all rows: cosine with bonuses, and the cosine with the message or a sentence of it."""
        for clause in clauses_of(message):
            weight = 1.0 if message.endswith(clause) else CLAUSE_DISCOUNT
            near = np.maximum(near, weight * self._index.cosines(clause))
        kind = _kind(memory, summary)
        scores = near + 0.0
        if kind == "summary" and summary:
            context = np.append(self._summary_index.cosines(summary), 0.0)[self._summaries]
            mixed = (1 - CONTEXT) * scores + CONTEXT * context
            scores = np.where(self._summaries >= 0, mixed, scores)
        scores += SAME_ACT_BONUS * shares[self._acts]
        if kind == "memory":
            scores += SAME_KEY_BONUS * (self._keys == memory_key(memory))
        if kind != "plain":
            scores -= NO_CONTEXT_MALUS * (self._kinds == "plain")
        return scores, near

    def _fit(
        self,
        message: str,
        memory: str | None,
        summary: str | None,
        today: str,
        shares: np.ndarray,
    ) -> np.ndarray:
        """Which rows may be shown at all, [rows] bool."""
        kind = _kind(memory, summary)
        of_day = (self._days == "") | (self._days == today)
        plain, own_kind = self._kinds == "plain", self._kinds == kind
        grave = grave_kinds(message)
        if SELF_HARM in grave:
            grave = frozenset({SELF_HARM})
        if grave:
            same = np.array([bool(grave & own) for own in self._grave])
            same &= of_day & (own_kind | plain)
            if same.any():
                return same
        asks_for_it = kind == "memory" and self._likeliest(shares) == RECALL
        return of_day & (own_kind if asks_for_it else own_kind | plain)

    def _own(self, row: DialogueRow, message: str) -> DialogueRow | None:
        """A row with its own reply and the noun of the message; None if that is not possible."""
        adapted = self._nouns.adapted(row.message, row.reply, message)
        if adapted is None:
            return None
        return row.model_copy(update={"message": adapted[0], "reply": adapted[1]})

    def is_recall(self, message: str) -> bool:
        """Whether a message asks what is remembered of the user."""
        return self._likeliest(self._shares_of(message)) == RECALL

    def _likeliest(self, shares: np.ndarray) -> str:
        return self.act_names[int(shares.argmax())]

    def _shares_of(self, message: str) -> np.ndarray:
        """Cosines of a message with all that messages do."""
        return self._encoder.similarity(SentenceTask.ACT, message, self.act_names)

    def _fitted(
        self, row: DialogueRow, message: str, memory: str | None, score: float
    ) -> tuple[DialogueRow, float, str]:
        """An example with the words of the message where its reply says its own, its score, and
        which of its replies it shows (`choice.FORMS`).

        Words: the value of the memory, or the noun that message and reply share.
        """
        if row.memory and memory:
            if row.memory == memory:
                return row, score, "own"
            if memory_key(row.memory) != memory_key(memory):
                return row, score - OTHER_KEY_MALUS, "own"
            value, other = memory_value(row.memory), memory_value(memory)
            for reply, form in ((row.broad_reply, "broad"), (row.reply, "own")):
                if reply and (said := replaced(reply, value, other)) != reply:
                    return row.model_copy(update={"memory": memory, "reply": said}), score, form
            return row, score - OTHER_NOUN_MALUS, "own"
        if score < NEAR_SCORE and row.broad_reply and not row.memory:
            return row.model_copy(update={"reply": row.broad_reply}), score, "broad"
        own = self._own(row, message)
        return (row, score - OTHER_NOUN_MALUS, "own") if own is None else (own, score, "own")

    def find_expressed(self, reply: str) -> list[tuple[str, str]]:
        """A short reply with its expression of each of the two likeliest, the likeliest last."""
        names = sorted(self._expressed)
        cosines = self._encoder.similarity(SentenceTask.EXPRESSION, reply, names)
        likeliest = [names[place] for place in np.argsort(-cosines, kind="stable")[:2]]
        return [(self._expressed[name], name) for name in likeliest[::-1]]


def _letters(text: str) -> str:
    return _NO_LETTERS.sub("", text)


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
