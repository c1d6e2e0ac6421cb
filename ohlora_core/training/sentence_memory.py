"""Training batches of the memory adapter: message vs stored memory.

As in use, the memory that is meant competes with one of every other key, and with those of its own
key where the message names the value.

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
from ohlora_core.chat.memory import memory_key
from ohlora_core.training.sentence_base import cosent_loss
from ohlora_core.training.sentence_corpus import noised

__all__ = ["MemoryTask", "may_be_meant", "mentions_value"]

_USED = 0.9  # similarity of a message and the memory that its dialogue row uses
_NEAR, _FAR = 0.8, 0.3  # grades between say only which of two pairs is nearer
_SCALE = 20.0  # inverse temperature of the ranking


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
        used = [self._exchanged(*pair) for pair in rng.sample(self.used, min(28, len(self.used)))]
        batch += [(message, memory, _USED) for message, memory in used]
        batch += [(text, rng.choice(self.memories), 0.0) for text in rng.sample(self.ordinary, 12)]
        rivals = [rng.choice(memories) for memories in self.by_key.values()]
        messages = [noised(m, rng) if rng.random() < 0.4 else m for m, _, _ in batch]
        vectors = encode(messages + [memory for _, memory, _ in batch] + rivals)
        said, stored = vectors[: len(batch)], vectors[len(batch) : 2 * len(batch)]
        cosines = (said * stored).sum(dim=1)
        wanted = torch.tensor([score for _, _, score in batch])
        clear = (wanted >= _NEAR) | (wanted <= _FAR)
        loss = functional.mse_loss(cosines[clear], wanted[clear])
        loss = loss + 0.3 * cosent_loss(cosines, wanted)
        close = [i for i, (_, _, score) in enumerate(batch) if score >= _NEAR]
        candidates = torch.cat([stored[close], vectors[2 * len(batch) :]])
        confusable = may_be_meant([batch[i][:2] for i in close], rivals)
        return loss + 2 * _ranking_loss(said[close] @ candidates.T, confusable)

    def _exchanged(self, message: str, memory: str) -> tuple[str, str]:
        """The pair, often with another value of the same key if the message does not name it."""
        if self.rng.random() < 0.6 and not mentions_value(message, memory):
            memory = self.rng.choice(self.by_key[memory_key(memory)])
        return message, memory


def may_be_meant(pairs: Sequence[tuple[str, str]], rivals: Sequence[str]) -> Tensor:
    """Which other memories a message may mean as well: those of its key, if it names no value.

    Args:
        pairs: n messages with the memory that each means.
        rivals: m further memories.

    Returns:
        [n, n + m] bool, False for a message's own memory.
    """
    memories = [*(memory for _, memory in pairs), *rivals]
    keys = [memory_key(memory) for memory in memories]
    rows = []
    for i, (message, own) in enumerate(pairs):
        named = mentions_value(message, own)
        rows.append(
            [
                i != j and (memory == own or (keys[j] == keys[i] and not named))
                for j, memory in enumerate(memories)
            ]
        )
    return torch.tensor(rows, dtype=torch.bool).reshape(len(pairs), len(memories))


def _ranking_loss(cosines: Tensor, may_be_meant: Tensor) -> Tensor:
    """The own memory (on the diagonal) comes first of all that are surely others. [n, n + m]."""
    if not len(cosines):
        return cosines.new_zeros(())
    scores = (_SCALE * cosines).masked_fill(may_be_meant, -1e4)
    return functional.cross_entropy(scores, torch.arange(len(cosines)))
