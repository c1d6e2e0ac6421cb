"""Training batches of the memory adapter: message vs stored memory.

Knows the shape of memories ("[key: value]"); knows nothing of models.
"""

from __future__ import annotations

import random
import re
from collections import defaultdict
from collections.abc import Callable, Sequence

import torch
from torch import Tensor
from torch.nn import functional

from ohlora_core import content
from ohlora_core.training.sentence_base import contrastive_loss, cosent_loss
from ohlora_core.training.sentence_corpus import noised

__all__ = ["MemoryTask", "memory_key", "mentions_value"]

_USED = 0.9  # similarity of a message and the memory that its dialogue row uses


def memory_key(memory: str) -> str:
    """The key of "[key: value]"."""
    return memory[1:].partition(":")[0].strip()


def mentions_value(message: str, memory: str) -> bool:
    """Whether the message shares a stem of two syllables with the value of the memory."""
    value = memory.partition(":")[2].strip(" ]")
    stems = [word[:2] for word in re.findall(r"[가-힣A-Za-z]{2,}", value)]
    return any(stem in message for stem in stems)


class MemoryTask:
    """Graded pairs of our content, uses in dialogues, exchanged values, unrelated talk."""

    def __init__(self, ordinary: Sequence[str], rng: random.Random) -> None:
        self.rng = rng
        self.graded = [
            (pair.message, pair.memory, pair.similarity)
            for pair in content.load_memory_pairs()
            if pair.split == "train"
        ]
        rows = [row for row in content.load_dialogues() if row.split == "train"]
        self.used = [(row.message, row.memory) for row in rows if row.memory]
        self.ordinary = [text for text in ordinary if len(text) < 60]
        stored = [memory for _, memory in self.used] + [memory for _, memory, _ in self.graded]
        self.by_key: dict[str, list[str]] = defaultdict(list)
        for memory in dict.fromkeys([*stored, *(row.remember for row in rows if row.remember)]):
            self.by_key[memory_key(memory)].append(memory)
        self.memories = [memory for memories in self.by_key.values() for memory in memories]

    def loss(self, encode: Callable[[Sequence[str]], Tensor]) -> Tensor:
        rng = self.rng
        batch: list[tuple[str, str, float]] = []
        batch += rng.sample(self.graded, min(40, len(self.graded)))
        used = [self._exchanged(*pair) for pair in rng.sample(self.used, 28)]
        batch += [(message, memory, _USED) for message, memory in used]
        batch += [(text, rng.choice(self.memories), 0.0) for text in rng.sample(self.ordinary, 12)]
        messages = [noised(m, rng) if rng.random() < 0.4 else m for m, _, _ in batch]
        vectors = encode(messages + [memory for _, memory, _ in batch])
        cosines = (vectors[: len(batch)] * vectors[len(batch) :]).sum(dim=1)
        wanted = torch.tensor([score for _, _, score in batch])
        loss = 10 * functional.mse_loss(cosines, wanted) + 0.3 * cosent_loss(cosines, wanted)
        return loss + 0.5 * self._ranking(batch, vectors)

    def _exchanged(self, message: str, memory: str) -> tuple[str, str]:
        """The pair, often with another value of the same key if the message does not name it."""
        if self.rng.random() < 0.6 and not mentions_value(message, memory):
            memory = self.rng.choice(self.by_key[memory_key(memory)])
        return message, memory

    def _ranking(self, batch: Sequence[tuple[str, str, float]], vectors: Tensor) -> Tensor:
        """The right memory comes before those of the other messages (other keys only)."""
        close = [i for i, (_, _, score) in enumerate(batch) if score >= 0.8]
        if len(close) < 2:
            return vectors.new_zeros(())
        groups = [memory_key(batch[i][1]) for i in close]
        memories = vectors[[len(batch) + i for i in close]]
        return contrastive_loss(vectors[close], memories, groups=groups, scale=12.0)
