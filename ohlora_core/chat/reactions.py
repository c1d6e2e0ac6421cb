"""What she may say to any message: it is said back, with a comment.

A comment fits what the message does (its speech act), whatever it is about; a clause, a name or an
exclamation with the words of the message goes before it (`language.echo`). Which of them is best is
decided elsewhere (`chat.choice`).
"""

from __future__ import annotations

import zlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from ohlora_core.chat.memory import memory_key, memory_value
from ohlora_core.content import CommentRow, SpeechAct
from ohlora_core.language.echo import asked_back, grave_kinds, named_back, said_back
from ohlora_core.morphemes import analyser
from ohlora_core.sentence import SentenceEncoder, SentenceTask, TextIndex

__all__ = ["RECALL", "Reaction", "Reactions"]

RECALL: SpeechAct = "기억 질문"  # only a memory answers it
CHOICES: frozenset[SpeechAct] = frozenset({"고민 질문", "추천 요청"})
"""Acts that ask what to do."""
ANY_COMMENT = 0.62  # cosine below which a comment that fits any message of the act is better
_OF_AN_ACT = 6  # comments with the words of the message
_ALONE = 2  # comments without
_OF_A_MEMORY = 5


@dataclass(frozen=True)
class Reaction:
    """A comment with what stands before it.

    Attributes:
        reply: Both.
        comment: The row of the comment.
        cosine: Of the message with that of the comment; of one that fits any, about `ANY_COMMENT`.
    """

    reply: str
    comment: CommentRow
    cosine: float


class Reactions:
    """Makes reactions out of comments.

    Args:
        encoder: Encodes messages (task RETRIEVAL).
        comments: What to choose from.
        cache: File that keeps the vectors of their messages between starts.
    """

    def __init__(
        self, encoder: SentenceEncoder, comments: Sequence[CommentRow], cache: Path | None = None
    ) -> None:
        self._comments = comments
        messages = [row.message or "" for row in comments]
        self._index = TextIndex(encoder, SentenceTask.RETRIEVAL, messages, cache)
        self._fit_any = np.array([not row.message for row in comments], dtype=bool)
        self._acts = np.array([row.act or row.key for row in comments])
        self._forms = np.array([row.after for row in comments])
        if comments:
            analyser()  # now, not when somebody waits for it

    def to(
        self, message: str, acts: Sequence[str], memory: str | None = None
    ) -> Iterator[Reaction]:
        """Reactions to a message; none if no comment fits, it is too grave for one or asks for a
        memory that is there.

        Args:
            message: What the user said.
            acts: What it may do, the likeliest first.
            memory: The memory that it means, if any: that is said back then.
        """
        if grave_kinds(f"{message} {memory}") or (memory and acts[0] == RECALL):
            return
        scores = np.where(self._fit_any, self._chance(message), self._index.cosines(message))
        if memory:
            fits = (self._acts == memory_key(memory)) & (self._forms == "remembered")
            recalled = f"{memory_value(memory)} 얘기했었지! "
            yield from self._best(recalled, scores, fits, _OF_A_MEMORY)
            return
        named = _with(named_back(message), "? ")
        told = _with(said_back(message), "! ")
        asked = {
            is_choice: _with(asked_back(message, is_choice=is_choice), " ")
            for is_choice in {act in CHOICES for act in acts}
        }
        for act in acts:
            ways = (("named", named), ("asked", asked[act in CHOICES]), ("told", told))
            for form, before in ways:
                fits = (self._acts == act) & (self._forms == form)
                if fits.any() and before is not None:
                    yield from self._best(before, scores, fits, _OF_AN_ACT)
                    break
            yield from self._best(
                "", scores, (self._acts == act) & (self._forms == "alone"), _ALONE
            )

    def _best(
        self, before: str, scores: np.ndarray, fits: np.ndarray, count: int
    ) -> Iterator[Reaction]:
        """The comments that fit best, of some, behind a text."""
        order = np.argsort(-np.where(fits, scores, -np.inf), kind="stable")
        for place in order[: min(count, int(fits.sum()))]:
            comment = self._comments[place]
            yield Reaction(before + comment.comment, comment, float(scores[place]))

    def _chance(self, message: str) -> np.ndarray:
        """Scores of comments that fit any message: some of them are ahead, by the message."""
        draw = np.random.default_rng(zlib.crc32(message.encode("utf-8", "surrogatepass")))
        return ANY_COMMENT + 1e-3 * draw.random(len(self._comments))


def _with(said: str | None, mark: str) -> str | None:
    return None if said is None else said + mark
