"""Step 8 of a turn: what the turn was about, for the pronouns of the next one."""

from __future__ import annotations

import numpy as np

from ohlora_core.chat.asking import Question, ask
from ohlora_core.language import Role, TextGenerator

__all__ = ["is_usable_summary", "summarise"]

MAX_TRIES = 3
MIN_CHARACTERS = 2
MAX_TOKENS = 60
_LEAKS = ("(답변", "(사용자", "요약)", "(요약", "(오로라", "(예시")


def is_usable_summary(summary: str, tokens: int) -> bool:
    """Whether a summary is neither too short, too long nor full of prompt marks."""
    return (
        len(summary) >= MIN_CHARACTERS
        and tokens < MAX_TOKENS
        and not any(mark in summary for mark in _LEAKS)
    )


def summarise(generator: TextGenerator, prompt: str, rng: np.random.Generator) -> str:
    """The summary of a turn; "" if three tries gave none that is usable."""

    def read(answer: str) -> str | None:
        summary = answer.strip()
        return summary if is_usable_summary(summary, generator.count_tokens(summary)) else None

    [summary] = ask(generator, [Question(Role.SUMMARY, prompt, read, "", MAX_TRIES)], rng)
    return summary
