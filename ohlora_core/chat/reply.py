"""Step 5 of a turn: one reply, with the retries of the system description.

Knows the language models and how a good reply is recognised; nothing of users or the store.
"""

from __future__ import annotations

import logging
import re
import threading
from collections.abc import Callable, Iterator, Sequence
from datetime import datetime
from difflib import SequenceMatcher

import numpy as np

from ohlora_core.chat.time_words import is_wrong_about_day
from ohlora_core.events import ReplyText
from ohlora_core.language import ROLE_FORMATS, Role, TextGenerator

__all__ = ["NO_REPLY", "Ranker", "ReplyMaker", "clean_reply"]

logger = logging.getLogger(__name__)

MAX_TRIES = 5
NO_REPLY = "(읽씹)"
DAY_ERROR_HEAT = 0.1  # added to the temperature per reply that was wrong about the day
CANDIDATES = 2
MEANT = 0.6  # likeness from which a reply is a slip of one that was read, or of the message
FOUND_BONUS = 0.5  # cosine by which another reply must beat the one that was found
GREETING = 6  # characters of a message that may be said back as it is

_INVISIBLE = re.compile("[\u200b\u200c\u2060\ufeff\u00a0]")
_LEAKS = ("(답변", "답변 종료", "(사용자", "요약)", "(예시", "http")

_REPEATED = re.compile(r"(.{5,}).*\1.*\1|(.{12,}).*\2|(\S{2,})(\s+\3){2,}", re.DOTALL)

Ranker = Callable[[str, list[str]], np.ndarray]
"""(message, replies) -> fit of each reply, [n], higher is better."""


def clean_reply(text: str) -> str:
    """Repair what is known to go wrong: invisible characters, 오늘는, a leading "### 답변:".

    The zero-width joiner stays, since emoji sequences need it.
    """
    text = _INVISIBLE.sub("", text).replace("오늘는", "오늘은").replace("내일는", "내일은")
    return text.strip().removeprefix("### 답변:").strip()


def is_broken(reply: str) -> bool:
    """Whether a reply is empty, goes round in circles, or shows a piece of a prompt or a link."""
    return not reply or any(mark in reply for mark in _LEAKS) or bool(_REPEATED.search(reply))


def is_parroting(reply: str, message: str) -> bool:
    """Whether a reply only says the message again (a greeting may)."""
    likeness = SequenceMatcher(None, reply, message, autojunk=False).ratio()
    return len(message) > GREETING and likeness >= MEANT


def without_slip(reply: str, read: Sequence[str]) -> str:
    """The reply, or the one of the prompt that it nearly is.

    A small model copies most of its replies from the examples, and slips in the middle now and
    then; what it meant is then plain.
    """
    likeness = [SequenceMatcher(None, reply, other, autojunk=False).ratio() for other in read]
    best = max(likeness, default=0.0)
    return read[likeness.index(best)] if best >= MEANT else reply


class ReplyMaker:
    """Makes replies with the output_message model.

    Args:
        generator: The language models.
        rank: If given, several replies are sampled in one batch and the best-ranked one is taken;
            otherwise one reply is streamed.
    """

    def __init__(self, generator: TextGenerator, rank: Ranker | None = None) -> None:
        self._generator = generator
        self._rank = rank

    def stream(
        self,
        prompt: str,
        message: str,
        now: datetime,
        *,
        read: Sequence[str] = (),
        recalled: str = "",
        seed: int | None = None,
        cancel: threading.Event | None = None,
    ) -> Iterator[ReplyText]:
        """The growing reply; a failed try is replaced by the next, the last event is `done`.

        Args:
            prompt: The whole prompt, examples and start mark included.
            message: What the user said (the ranker judges the replies against it).
            now: Local time, for the day-of-week rules.
            read: Replies in the prompt that would do for the message as they are, the best last;
                that one is a candidate too.
            recalled: Words of the user's memory; a reply that says them goes before one that does
                not.
        """
        heat = 0.0
        for attempt in range(MAX_TRIES):
            temperature = ROLE_FORMATS[Role.OUTPUT_MESSAGE].temperature + heat
            try_seed = None if seed is None else seed + attempt
            if self._rank:
                replies = self._candidates(prompt, message, read, temperature, try_seed)
            else:
                text = ""
                for piece in self._generator.stream(
                    Role.OUTPUT_MESSAGE,
                    prompt,
                    temperature=temperature,
                    seed=try_seed,
                    cancel=cancel,
                ):
                    text += piece
                    yield ReplyText(clean_reply(text))
                replies = [clean_reply(text)]
            if cancel and cancel.is_set():
                return
            sound = [reply for reply in replies if not is_broken(reply)]
            good = [reply for reply in sound if not is_wrong_about_day(reply, now)]
            if good:
                saying = [reply for reply in good if recalled in reply]
                yield ReplyText(self._best(message, saying or good, read), done=True)
                return
            if sound:
                heat += DAY_ERROR_HEAT
            logger.info("reply try %d failed: %r", attempt + 1, replies)
        yield ReplyText(NO_REPLY, done=True)

    def _candidates(
        self, prompt: str, message: str, read: Sequence[str], temperature: float, seed: int | None
    ) -> list[str]:
        texts = self._generator.sample_candidates(
            Role.OUTPUT_MESSAGE, prompt, CANDIDATES, temperature=temperature, seed=seed
        )
        written = [without_slip(clean_reply(text), read) for text in texts]
        written = [reply for reply in written if not is_parroting(reply, message)]
        return list(dict.fromkeys([*written, *read[-1:]]))

    def _best(self, message: str, replies: list[str], read: Sequence[str]) -> str:
        """The best-ranked reply; the one that was found may be a little behind."""
        if self._rank is None or len(replies) == 1:
            return replies[0]
        scores = self._rank(message, replies)
        if read and read[-1] in replies:
            scores[replies.index(read[-1])] += FOUND_BONUS
        return replies[int(np.argmax(scores))]
