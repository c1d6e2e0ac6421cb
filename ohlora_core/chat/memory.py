"""Steps 4 and 7 of a turn: which memory fits a message, and what to remember from it."""

from __future__ import annotations

import re
from collections.abc import Sequence

import numpy as np

from ohlora_core.chat.asking import Question, ask
from ohlora_core.language import NOTHING_TO_REMEMBER, Role, TextGenerator, neutralise
from ohlora_core.language.echo import SELF_HARM, grave_kinds
from ohlora_core.language.values import ValueReader
from ohlora_core.sentence import SentenceEncoder, SentenceTask, pick_best

__all__ = [
    "MemoryReader",
    "extract_memory",
    "memory_key",
    "memory_question",
    "memory_value",
    "parse_memory",
    "pick_memory",
]

RECALL_SHARE = 0.6  # of the threshold, for a message that asks what is remembered
_MEMORY = re.compile(r"\[([^:\[\]]+):([^\[\]]+)\]")
_BRACKETS = str.maketrans("(){}", "[][]")


def pick_memory(
    encoder: SentenceEncoder, message: str, memories: Sequence[str], *, is_recall: bool = False
) -> str | None:
    """The stored memory that fits the raw message best, if it fits well enough.

    Args:
        encoder: The S-BERTs.
        message: What the user says.
        memories: What is stored of the user.
        is_recall: Whether the message asks for a memory, so that a lower cosine will do.
    """
    if not memories:
        return None
    cosines = encoder.similarity(SentenceTask.MEMORY, message, list(memories))
    threshold = encoder.threshold("memory") * (RECALL_SHARE if is_recall else 1.0)
    best = pick_best(cosines, threshold)
    return None if best is None else memories[best]


def parse_memory(answer: str) -> str | None:
    """The "[key: value]" of a model's answer with brackets and spaces repaired; "" for nothing.

    None if the answer is neither empty nor exactly one memory.
    """
    text = answer.strip().translate(_BRACKETS)
    if text in ("", NOTHING_TO_REMEMBER):
        return ""
    match = _MEMORY.fullmatch(text)
    if not match:
        return None
    key, value = " ".join(match[1].split()), " ".join(match[2].split())
    return f"[{key}: {value}]" if key and value else None


def memory_value(memory: str) -> str:
    """The value of "[key: value]", "" of ""."""
    return memory.strip("[]").partition(":")[2].strip()


def memory_key(memory: str | None) -> str:
    """The key of "[key: value]", "" of None."""
    return memory.strip("[]").split(":")[0].strip() if memory else ""


def memory_question(prompt: str) -> Question[str]:
    """What the memory model is asked, at most 5 times; "" for nothing."""
    return Question(Role.MEMORY, prompt, parse_memory, "")


def extract_memory(generator: TextGenerator, prompt: str, rng: np.random.Generator) -> str | None:
    """What to remember; None if nothing."""
    [memory] = ask(generator, [memory_question(prompt)], rng)
    return memory or None


class MemoryReader:
    """What to remember of a message, read out of it instead of written: for small models.

    Args:
        encoder: Knows what kind of thing a message tells (task KEY).
        values: Finds its words.
        keys: Of all memories, and the one that stands for nothing.
    """

    def __init__(self, encoder: SentenceEncoder, values: ValueReader, keys: Sequence[str]) -> None:
        self._encoder = encoder
        self._values = values
        self._keys = list(keys)

    def read(self, message: str) -> str | None:
        """A memory "[key: value]"; None if the message tells nothing to keep, or despair."""
        if SELF_HARM in grave_kinds(message):
            return None
        shares = self._encoder.similarity(SentenceTask.KEY, message, self._keys)
        key = self._keys[int(shares.argmax())]
        if key == NOTHING_TO_REMEMBER:
            return None
        value = self._values.read(key, message)
        return parse_memory(f"[{key}: {neutralise(value)}]") or None if value else None
