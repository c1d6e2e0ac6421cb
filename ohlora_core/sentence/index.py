"""Pre-computed vectors of a list of texts, with a cache on disk that notices every change."""

from __future__ import annotations

import hashlib
import logging
import os
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from ohlora_core.sentence.protocol import SentenceEncoder
from ohlora_core.sentence.scoring import top_k
from ohlora_core.sentence.tasks import SentenceTask

__all__ = ["TextIndex"]

logger = logging.getLogger(__name__)


class TextIndex:
    """Finds the nearest of a fixed list of texts.

    Args:
        encoder: Encodes texts and queries.
        task: The adapter to use.
        texts: What can be found; hits are positions in this list.
        cache: A safetensors file. Vectors are read from it if texts, task and model are those it
            was made of, else computed and written. None: always computed.
    """

    def __init__(
        self,
        encoder: SentenceEncoder,
        task: SentenceTask,
        texts: Sequence[str],
        cache: Path | None = None,
    ) -> None:
        self._encoder = encoder
        self._task = task
        self.texts = list(texts)
        self.key = _key(encoder.fingerprint, task, self.texts)
        stored = _read(cache, self.key) if cache else None
        if stored is None:
            stored = encoder.encode(task, self.texts)
            if cache:
                _write(cache, self.key, stored)
        self.vectors: np.ndarray = stored  # [n, d] float32, unit length

    def __len__(self) -> int:
        return len(self.texts)

    def cosines(self, query: str) -> np.ndarray:
        """[n] cosines of the query with every text."""
        if not self.texts:
            return np.zeros(0, dtype=np.float32)
        return self.vectors @ self._encoder.encode(self._task, [query])[0]

    def best_cosines(self, queries: Sequence[str]) -> np.ndarray:
        """[n] cosine of each query with its nearest text, -1 if there are no texts."""
        if not self.texts or not queries:
            return np.full(len(queries), -1.0, dtype=np.float32)
        return (self._encoder.encode(self._task, queries) @ self.vectors.T).max(axis=1)

    def search(self, query: str, top: int = 1) -> list[tuple[int, float]]:
        """(position, cosine) of the `top` nearest texts, best first."""
        return top_k(self.cosines(query), top)


def _key(fingerprint: str, task: SentenceTask, texts: Sequence[str]) -> str:
    digest = hashlib.sha256(f"{fingerprint}\0{task}\0{len(texts)}".encode())
    for text in texts:
        digest.update(b"\0" + text.encode("utf-8", "surrogatepass"))
    return digest.hexdigest()


def _read(path: Path, key: str) -> np.ndarray | None:
    """The stored vectors, or None if there are none, they are of other texts or unreadable."""
    from safetensors import SafetensorError, safe_open

    try:
        with safe_open(str(path), framework="numpy") as file:
            if (file.metadata() or {}).get("key") != key:
                return None
            return file.get_tensor("vectors").astype(np.float32)
    except FileNotFoundError:
        return None
    except (OSError, SafetensorError) as error:
        logger.warning("index %s is unreadable and is made again: %s", path, error)
        return None


def _write(path: Path, key: str, vectors: np.ndarray) -> None:
    """Store vectors; a folder that cannot be written only costs the cache."""
    from safetensors.numpy import save_file

    temporary = path.with_name(f"{path.name}.{os.getpid()}.part")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        save_file({"vectors": np.ascontiguousarray(vectors)}, temporary, metadata={"key": key})
        temporary.replace(path)
    except OSError as error:
        logger.warning("index %s cannot be stored: %s", path, error)
