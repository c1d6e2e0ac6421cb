"""What she says to a message that none of our dialogues is like: it is said back, with a comment.

A comment fits what the message does (its speech act), whatever it is about; a clause, a name or an
exclamation with the words of the message goes before it (`language.echo`).
"""

from __future__ import annotations

import zlib
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np

from ohlora_core.chat.memory import memory_key, memory_value
from ohlora_core.content import CommentRow, SpeechAct
from ohlora_core.language.echo import asked_back, grave_kinds, named_back, said_back
from ohlora_core.language.morphemes import analyser
from ohlora_core.sentence import SentenceEncoder, SentenceTask, TextIndex

__all__ = ["RECALL", "SPECIAL", "Reactions"]

RECALL: SpeechAct = "기억 질문"  # only a memory answers it
CHOICES: frozenset[SpeechAct] = frozenset({"고민 질문", "추천 요청"})
"""Acts that ask what to do."""
SPECIAL: frozenset[SpeechAct] = frozenset(
    {
        "오로라 질문", "오로라 취향 질문", "놀이 부탁", "기능 부탁", "의견 질문", "고민 질문",
        "기억 질문", "맞장구", "부정", "짧은 대답", "세상 이야기",
    }
)  # fmt: skip
"""Acts that a ready comment seldom meets well, as readers judged: a row that is less near is
better."""
SURE = {"remembered": 0.0, "told": 0.0, "named": 0.3, "asked": 0.5, "alone": 0.5}
"""Cosine that a message must have with its act for a form: what tells nothing of the message is
right only where its act is."""
ANY_COMMENT = 0.62  # cosine below which a comment that fits any message of the act is better


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
        self, message: str, act: str, share: float = 1.0, memory: str | None = None
    ) -> str | None:
        """A reaction to a message; None if no comment fits, or the message is too grave for one.

        Args:
            message: What the user said.
            act: What it does.
            share: Cosine of the message and the act: how sure that is, 0..1.
            memory: The memory that it means, if any: that is said back then.
        """
        if grave_kinds(f"{message} {memory}") or (memory and act == RECALL):
            return None
        forms: dict[str, Callable[[], str | None]] = {
            "named": lambda: _with(named_back(message), "? "),
            "asked": lambda: _with(asked_back(message, is_choice=act in CHOICES), " "),
            "told": lambda: _with(said_back(message), "! "),
            "alone": lambda: "",
        }
        if memory:
            act, share = memory_key(memory), 1.0
            forms = {"remembered": lambda: f"{memory_value(memory)} 얘기했었지! "}
        for form, said in forms.items():
            fits = (self._acts == act) & (self._forms == form)
            if fits.any() and share >= SURE[form] and (before := said()) is not None:
                return before + self._best(message, fits)
        return None

    def _best(self, message: str, fits: np.ndarray) -> str:
        """The comment that fits best, of some."""
        scores = np.where(self._fit_any, self._chance(message), self._index.cosines(message))
        return self._comments[int(np.where(fits, scores, -np.inf).argmax())].comment

    def _chance(self, message: str) -> np.ndarray:
        """Scores of comments that fit any message: one of them is ahead, by the message."""
        draw = np.random.default_rng(zlib.crc32(message.encode("utf-8", "surrogatepass")))
        return ANY_COMMENT + 1e-3 * draw.random(len(self._comments))


def _with(said: str | None, mark: str) -> str | None:
    return None if said is None else said + mark
