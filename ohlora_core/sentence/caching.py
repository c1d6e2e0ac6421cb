"""What every encoder does around its networks: one lock, kept vectors, cosines, thresholds.

Knows nothing of tokens or weights; a subclass makes the vectors.
"""

from __future__ import annotations

import threading
from abc import ABC, abstractmethod
from collections import OrderedDict
from collections.abc import Mapping, Sequence

import numpy as np

from ohlora_core.sentence.tasks import SentenceTask

__all__ = ["CachedEncoder"]

_BULK = 256  # texts; more at once are an index being built, which must not empty the cache


class CachedEncoder(ABC):
    """A `SentenceEncoder` that remembers the texts it met; safe to call from several threads.

    Args:
        dimension: Length of a vector.
        thresholds: Cosine thresholds by name.
        fingerprint: Identifies the model's files.
        cache_size: How many vectors are kept (1 to 3 KiB each).
    """

    def __init__(
        self,
        dimension: int,
        thresholds: Mapping[str, float],
        fingerprint: str,
        cache_size: int = 4096,
    ) -> None:
        self.dimension = dimension
        self._thresholds = thresholds
        self._fingerprint = fingerprint
        self._lock = threading.Lock()
        self._cache: OrderedDict[tuple[SentenceTask, str], np.ndarray] = OrderedDict()
        self._cache_size = cache_size

    @abstractmethod
    def _forward(self, task: SentenceTask, texts: list[str]) -> np.ndarray:
        """[n, d] float32 of unit length, of at least one text; called under the lock."""

    @property
    def fingerprint(self) -> str:
        return self._fingerprint

    def encode(self, task: SentenceTask, texts: Sequence[str]) -> np.ndarray:
        """[n, d] float32 vectors of unit length."""
        texts = list(texts)
        vectors: dict[str, np.ndarray] = {}
        with self._lock:
            for text in texts:
                cached = self._cache.get((task, text))
                if cached is not None:
                    self._cache.move_to_end((task, text))
                    vectors[text] = cached
            missing = [text for text in dict.fromkeys(texts) if text not in vectors]
            if missing:
                for text, vector in zip(missing, self._forward(task, missing), strict=True):
                    vectors[text] = vector
                    if len(missing) <= _BULK:
                        self._cache[task, text] = vector.copy()
                while len(self._cache) > self._cache_size:
                    self._cache.popitem(last=False)
        if not texts:
            return np.zeros((0, self.dimension), dtype=np.float32)
        return np.stack([vectors[text] for text in texts])

    def similarity(self, task: SentenceTask, a: str, candidates: Sequence[str]) -> np.ndarray:
        """[n] float32 cosines of `a` with each candidate."""
        vectors = self.encode(task, [a, *candidates])
        return vectors[1:] @ vectors[0]

    def threshold(self, name: str) -> float:
        """A threshold by name; `KeyError` if unknown."""
        return self._thresholds[name]
