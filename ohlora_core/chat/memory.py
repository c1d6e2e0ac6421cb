"""Steps 4 and 7 of a turn: which memory fits a message, and what to remember from it."""

from __future__ import annotations

import re
from collections.abc import Sequence

import numpy as np

from ohlora_core.chat.asking import Question, ask
from ohlora_core.language import NOTHING_TO_REMEMBER, Role, TextGenerator
from ohlora_core.sentence import SentenceEncoder, SentenceTask, pick_best

__all__ = ["extract_memory", "memory_question", "parse_memory", "pick_memory"]

_MEMORY = re.compile(r"\[([^:\[\]]+):([^\[\]]+)\]")
_BRACKETS = str.maketrans("(){}", "[][]")


def pick_memory(encoder: SentenceEncoder, message: str, memories: Sequence[str]) -> str | None:
    """The stored memory that fits the raw message best, if it fits well enough."""
    if not memories:
        return None
    cosines = encoder.similarity(SentenceTask.MEMORY, message, list(memories))
    best = pick_best(cosines, encoder.threshold("memory"))
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


def memory_question(prompt: str) -> Question[str]:
    """What the memory model is asked, at most 5 times; "" for nothing."""
    return Question(Role.MEMORY, prompt, parse_memory, "")


def extract_memory(generator: TextGenerator, prompt: str, rng: np.random.Generator) -> str | None:
    """What to remember; None if nothing."""
    [memory] = ask(generator, [memory_question(prompt)], rng)
    return memory or None
