"""Choosing by cosine. Pure functions on arrays; knows nothing of models."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

__all__ = ["pick_best", "pick_best_owner", "top_k"]


def pick_best(cosines: np.ndarray, threshold: float = -1.0) -> int | None:
    """Index of the highest of [n] cosines if it reaches the threshold; the first one of equals."""
    if not len(cosines):
        return None
    best = int(np.argmax(cosines))
    return best if cosines[best] >= threshold else None


def top_k(cosines: np.ndarray, k: int) -> list[tuple[int, float]]:
    """(index, cosine) of the k highest of [n] cosines, best first."""
    k = min(k, len(cosines))
    if k <= 0:
        return []
    found = np.argpartition(-cosines, k - 1)[:k]
    ordered = found[np.lexsort((found, -cosines[found]))]
    return [(int(i), float(cosines[i])) for i in ordered]


def pick_best_owner(
    hits: Sequence[tuple[int, float]], owners: Sequence[int], k: int = 1
) -> list[tuple[int, float]]:
    """The k best owners of index hits, each with the cosine of its best text.

    An owner (say, a knowledge entry) may have several texts in an index: its statement and its
    known phrasings. `owners[i]` is the owner of text i; `hits` come best first.
    """
    best: dict[int, float] = {}
    for index, cosine in hits:
        best.setdefault(owners[index], cosine)
    return list(best.items())[:k]
