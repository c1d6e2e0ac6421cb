"""Fits the linear classifiers of the S-BERT (`sentence.linear`): seconds, no gradient steps."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import torch

from ohlora_core.sentence.linear import LinearHead, weighted_buckets

__all__ = ["Classified", "fit_head"]


@dataclass(frozen=True)
class Classified:
    """What a classifier learns from."""

    names: list[str]  # of the three or more classes
    texts: list[tuple[str, int, float]]  # text, number of its class, weight


def fit_head(
    classified: Classified,
    encode: Callable[[Sequence[str]], np.ndarray],
    buckets: int,
    looseness: float = 1.0,
) -> LinearHead:
    """A head for which a text is nearest to the name of its class.

    Args:
        classified: The examples.
        encode: Texts to vectors of the base, [n, width].
        buckets: Rows of the table of words.
        looseness: The C of the support vector machine: less where the names are disputable.

    Raises:
        ValueError: if a class has no texts.
    """
    from scipy import sparse
    from sklearn.feature_extraction.text import TfidfTransformer
    from sklearn.svm import LinearSVC

    texts, labels, weights = zip(*classified.texts, strict=True)
    if set(labels) != set(range(len(classified.names))):
        raise ValueError("every class needs texts")
    rows = [weighted_buckets(text, buckets) for text in texts]
    shares = [weight for row in rows for weight in row.values()]
    places = [place for row in rows for place in row]
    starts = np.cumsum([0, *map(len, rows)])
    seen = sparse.csr_matrix((shares, places, starts), (len(rows), buckets))
    rarity = TfidfTransformer(norm=None).fit(seen)
    idf = rarity.idf_ / np.median(rarity.idf_)
    vectors = encode(texts)
    classifier = LinearSVC(C=looseness, fit_intercept=False)
    features = sparse.hstack([seen @ sparse.diags(idf), sparse.csr_matrix(vectors)]).tocsr()
    classifier.fit(features, labels, sample_weight=weights)
    scores = torch.from_numpy(classifier.coef_.T).float()  # [features, classes]
    head = LinearHead(buckets, vectors.shape[1], classified.names)
    head.table.weight.data = scores[:buckets] * torch.from_numpy(idf).float().unsqueeze(1)
    head.dense.data = scores[buckets:].clone()
    return head.eval()
