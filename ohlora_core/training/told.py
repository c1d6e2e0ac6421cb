"""What users tell in our dialogues, and the same with other words in it. Knows no models."""

from __future__ import annotations

import random
import re
from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from ohlora_core import content
from ohlora_core.chat.memory import memory_key, memory_value
from ohlora_core.language.nouns import replaced

__all__ = ["Told", "told_of", "with_other_values"]

_THINGS = re.compile(
    "이름|사는 곳|직업|전공|학교|취미|관심사|반려동물|MBTI"
    "|(좋아하는|싫어하는|가고 싶은|먹고 싶은) .+"
)
"""Keys whose values are names of things, one as good as another in a sentence."""


@dataclass(frozen=True)
class Told:
    """A message and what is remembered of it."""

    message: str
    key: str
    value: str


def told_of(rows: Iterable[content.DialogueRow]) -> list[Told]:
    """What is remembered of some dialogues; those that tell nothing are left out."""
    return [
        Told(row.message, memory_key(row.remember), memory_value(row.remember))
        for row in rows
        if row.remember
    ]


def with_other_values(rows: Sequence[Told], seed: int) -> list[Told]:
    """Messages that say the thing they tell, each once more with that of another row of its key.

    "나는 다온이라고 해" teaches a name, and that any name may stand there.
    """
    rng = random.Random(seed)
    values: dict[str, set[str]] = defaultdict(set)
    for row in rows:
        values[row.key].add(row.value)
    found = []
    for row in rows:
        others = sorted(values[row.key] - {row.value}) if _THINGS.fullmatch(row.key) else []
        if others:
            other = rng.choice(others)
            message = replaced(row.message, row.value, other)
            if message != row.message:
                found.append(Told(message, row.key, other))
    return found
