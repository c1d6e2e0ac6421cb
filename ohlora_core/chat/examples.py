"""Dialogue examples for the reply prompt: the nearest messages of our own dialogues.

A small model answers far better when it reads how a similar message was answered.
"""

from __future__ import annotations

from pathlib import Path

from ohlora_core.content import DialogueRow
from ohlora_core.language import final_input
from ohlora_core.sentence import SentenceEncoder, SentenceTask, TextIndex

__all__ = ["ExampleFinder"]

POOL = 24  # nearest messages from which those with the same kind of prefix are preferred


class ExampleFinder:
    """Finds example turns for a message.

    Args:
        encoder: Encodes messages (task RETRIEVAL).
        rows: The dialogues to choose from (training split).
        cache: File that keeps the vectors between starts.
    """

    def __init__(
        self, encoder: SentenceEncoder, rows: list[DialogueRow], cache: Path | None = None
    ) -> None:
        self._rows = rows
        messages = [row.message for row in rows]
        self._index = TextIndex(encoder, SentenceTask.RETRIEVAL, messages, cache)

    def find(
        self, message: str, *, has_memory: bool, has_summary: bool, count: int
    ) -> list[tuple[str, str]]:
        """(final input, reply) of the nearest rows, the nearest last (next to the question).

        Rows whose prefix is of another kind (memory, summary or none) come after those that fit.
        """
        wanted = (has_memory, has_summary)
        found = self._index.search(message, POOL)
        kind_fits = {
            index: (bool(self._rows[index].memory), bool(self._rows[index].summary)) == wanted
            for index, _ in found
        }
        ordered = sorted(found, key=lambda hit: (not kind_fits[hit[0]], -hit[1]))
        chosen = [self._rows[index] for index, _ in ordered[:count]]
        return [
            (final_input(row.message, memory=row.memory, summary=row.summary), row.reply)
            for row in reversed(chosen)
        ]
