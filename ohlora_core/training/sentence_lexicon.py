"""The teacher of the ethics adapter: TF-IDF of character n-grams and a linear SVM.

It knows the words of our few thousand sentences better than a small encoder does after as many
batches. Its scores of a training sentence come from a model that did not see that sentence. Knows
texts and class numbers only.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

__all__ = ["held_out_shares"]

_FOLDS = 5
_SHARPNESS = 4.0  # of the softmax; SVM scores lie between about -2 and 1


def held_out_shares(texts: Sequence[str], labels: Sequence[int], seed: int) -> np.ndarray:
    """[n, classes] float32 shares of each class; rows sum to one.

    Each text is scored by a model fitted to the other four fifths; every class needs five texts.
    """
    from sklearn.feature_extraction.text import TfidfVectorizer
    from sklearn.model_selection import StratifiedKFold, cross_val_predict
    from sklearn.pipeline import make_pipeline
    from sklearn.svm import LinearSVC

    teacher = make_pipeline(
        TfidfVectorizer(analyzer="char_wb", ngram_range=(1, 4), sublinear_tf=True), LinearSVC()
    )
    folds = StratifiedKFold(_FOLDS, shuffle=True, random_state=seed)
    scores = cross_val_predict(
        teacher, list(texts), np.array(labels), cv=folds, method="decision_function"
    )
    shares = np.exp(_SHARPNESS * (scores - scores.max(axis=1, keepdims=True)))
    return (shares / shares.sum(axis=1, keepdims=True)).astype(np.float32)
