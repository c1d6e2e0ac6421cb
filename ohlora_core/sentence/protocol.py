"""What the rest of the program may ask of a sentence encoder, whatever its size."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

import numpy as np

from ohlora_core.sentence.tasks import SentenceTask

__all__ = ["SentenceEncoder"]


class SentenceEncoder(Protocol):
    """Encodes texts for a task; safe to call from several threads."""

    @property
    def fingerprint(self) -> str:
        """Changes whenever the model's files change; keys cached indexes."""
        ...

    def encode(self, task: SentenceTask, texts: Sequence[str]) -> np.ndarray:
        """[n, d] float32 vectors of unit length."""
        ...

    def similarity(self, task: SentenceTask, a: str, candidates: Sequence[str]) -> np.ndarray:
        """[n] float32 cosines of `a` with each candidate, in -1..1."""
        ...

    def threshold(self, name: str) -> float:
        """A calibrated cosine threshold: "memory", "qna", "ethics.love", "ethics.politics",
        "ethics.paedrip", "ethics.hate" (at or above: counts) or "ethics.general" (at or above:
        ordinary).

        Raises:
            KeyError: if there is no such threshold.
        """
        ...
