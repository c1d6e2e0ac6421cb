"""What the tutor says: one text of a role, retried while it is empty or leaks prompt marks."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Iterator, Sequence

import numpy as np

from ohlora_core.events import ReplyText
from ohlora_core.language import CONTROL_MARKS, Role, TextGenerator
from ohlora_core.sentence import SentenceEncoder, SentenceTask

__all__ = ["NO_ANSWER", "Judge", "nearest_examples", "speak"]

logger = logging.getLogger(__name__)

MAX_TRIES = 5
CANDIDATES = 4
NO_ANSWER = "(읽씹)"

Judge = Callable[[Sequence[str]], np.ndarray]
"""texts -> how well each fits, [n], higher is better."""


def is_sound(text: str) -> bool:
    """Whether a text is not empty and shows no piece of a prompt and no link."""
    return bool(text) and "http" not in text and not any(mark in text for mark in CONTROL_MARKS)


def speak(
    generator: TextGenerator,
    role: Role,
    prompt: str,
    *,
    judge: Judge | None = None,
    seed: int | None = None,
    cancel: threading.Event | None = None,
) -> Iterator[ReplyText]:
    """The growing text; a failed try is replaced by the next, the last event is `done`.

    Args:
        judge: For the small models (those that take examples): several texts are sampled in one
            batch and the one that the judge likes best is taken, without a judge the first. The
            others stream a single text.
    """
    for attempt in range(MAX_TRIES):
        try_seed = None if seed is None else seed + attempt
        if generator.example_count:
            texts = generator.sample_candidates(role, prompt, CANDIDATES, seed=try_seed)
        else:
            text = ""
            for piece in generator.stream(role, prompt, seed=try_seed, cancel=cancel):
                text += piece
                yield ReplyText(text.strip())
            texts = [text]
        if cancel and cancel.is_set():
            return
        sound = [text.strip() for text in texts if is_sound(text.strip())]
        if sound:
            best = int(np.argmax(judge(sound))) if judge and len(sound) > 1 else 0
            yield ReplyText(sound[best], done=True)
            return
        logger.info("%s try %d failed: %r", role, attempt + 1, texts)
    yield ReplyText(NO_ANSWER, done=True)


def nearest_examples(
    encoder: SentenceEncoder,
    task: SentenceTask,
    answer: str,
    examples: Sequence[tuple[str, str]],
    count: int,
) -> list[tuple[str, str]]:
    """The `count` (answer, what she said) pairs nearest to an answer, nearest last."""
    if not count or not examples:
        return []
    cosines = encoder.similarity(task, answer, [other for other, _ in examples])
    nearest = np.argsort(-cosines, kind="stable")[:count]
    return [examples[place] for place in nearest[::-1]]
