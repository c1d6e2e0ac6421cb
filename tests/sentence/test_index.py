"""Search in pre-computed vectors and their cache."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from ohlora_core.sentence import SentenceTask, TextIndex, pick_best, pick_best_owner
from ohlora_core.sentence.scoring import top_k

TASK = SentenceTask.QNA


class LetterEncoder:
    """Vectors of letter counts; counts how many texts were encoded."""

    def __init__(self, fingerprint: str = "one") -> None:
        self.fingerprint = fingerprint
        self.encoded = 0

    def encode(self, task: SentenceTask, texts: Sequence[str]) -> np.ndarray:
        self.encoded += len(texts)
        counts = np.zeros((len(texts), 128), dtype=np.float32)
        for row, text in zip(counts, texts, strict=True):
            for letter in text:
                row[ord(letter) % 128] += 1
        return counts / (np.linalg.norm(counts, axis=1, keepdims=True) + 1e-9)

    def similarity(self, task: SentenceTask, a: str, candidates: Sequence[str]) -> np.ndarray:
        return self.encode(task, candidates) @ self.encode(task, [a])[0]

    def threshold(self, name: str) -> float:
        return 0.5


def test_nearest_first() -> None:
    index = TextIndex(LetterEncoder(), TASK, ["abc", "abd", "xyz"])
    hits = index.search("abcc", 2)
    assert [position for position, _ in hits] == [0, 1]
    assert hits[0][1] > hits[1][1]


def test_more_hits_than_texts_and_no_texts() -> None:
    assert len(TextIndex(LetterEncoder(), TASK, ["a"]).search("a", 5)) == 1
    assert TextIndex(LetterEncoder(), TASK, []).search("a", 5) == []


def test_best_cosines_of_many_queries() -> None:
    index = TextIndex(LetterEncoder(), TASK, ["abc", "xyz"])
    expected = [index.search(query)[0][1] for query in ("ab", "xz")]
    np.testing.assert_allclose(index.best_cosines(["ab", "xz"]), expected, atol=1e-6)
    assert index.best_cosines([]).shape == (0,)


def test_cache_is_read_back(tmp_path: Path) -> None:
    cache = tmp_path / "folder" / "index.safetensors"
    first = TextIndex(LetterEncoder(), TASK, ["abc", "xyz"], cache)
    encoder = LetterEncoder()
    second = TextIndex(encoder, TASK, ["abc", "xyz"], cache)
    assert encoder.encoded == 0
    np.testing.assert_array_equal(first.vectors, second.vectors)


def test_cache_is_made_again_when_texts_task_or_model_change(tmp_path: Path) -> None:
    cache = tmp_path / "index.safetensors"
    cases = [
        (LetterEncoder(), TASK, ["abc", "xyz"]),
        (LetterEncoder(), TASK, ["abc", "xyy"]),
        (LetterEncoder(), SentenceTask.MEMORY, ["abc", "xyy"]),
        (LetterEncoder("two"), SentenceTask.MEMORY, ["abc", "xyy"]),
    ]
    for encoder, task, texts in cases:
        TextIndex(encoder, task, texts, cache)
        assert encoder.encoded == 2


def test_damaged_or_unwritable_cache_is_no_error(tmp_path: Path) -> None:
    damaged = tmp_path / "index.safetensors"
    damaged.write_bytes(b"not a tensor file")
    assert len(TextIndex(LetterEncoder(), TASK, ["abc"], damaged)) == 1
    (tmp_path / "file").write_text("in the way")
    assert len(TextIndex(LetterEncoder(), TASK, ["abc"], tmp_path / "file" / "index")) == 1


def test_pick_best() -> None:
    cosines = np.array([0.2, 0.8, 0.8])
    assert pick_best(cosines) == 1
    assert pick_best(cosines, threshold=0.9) is None
    assert pick_best(np.zeros(0)) is None
    assert top_k(cosines, 0) == []


def test_best_owner_counts_its_best_text_once() -> None:
    hits = [(3, 0.9), (2, 0.8), (0, 0.7), (1, 0.6)]
    assert pick_best_owner(hits, owners=[7, 8, 9, 9], k=2) == [(9, 0.9), (7, 0.7)]
