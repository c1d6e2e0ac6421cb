"""Turns documents into packed token rows with a loss weight per token.

Knows nothing of what the documents teach. Rows are full: a document that does not fit is kept for
the next row, and plain text fills the rest.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np

from ohlora_core.training.language_tasks import Document

__all__ = ["Packer", "encode_document", "token_puzzle"]

Encoded = tuple[list[int], list[float]]
# Plain text has the highest loss of all; with its full weight it would drown the reading.
PLAIN_WEIGHT = 0.3


def encode_document(tokenizer: Any, document: Document) -> Encoded:
    """Token ids and loss weights of a document, behind a begin-of-text token."""
    texts = [text for text, _ in document]
    ids: list[int] = [tokenizer.bos_token_id]
    weights: list[float] = [0.0]
    encoded = tokenizer(texts, add_special_tokens=False)["input_ids"]
    for part, (_, weight) in zip(encoded, document, strict=True):
        ids += part
        weights += [weight] * len(part)
    return ids, weights


def token_puzzle(tokenizer: Any, rng: random.Random, first_id: int) -> Encoded:
    """Random tokens to be copied: a repeated span, the value of one key among several, or an answer
    with the query's part in place of the example's.

    Args:
        tokenizer: Tokenizer with the marks of our prompts.
        rng: Source of randomness.
        first_id: Smallest id of the tokens to draw from.
    """
    last = len(tokenizer) - 30

    def some(low: int, high: int) -> list[int]:
        return [rng.randrange(first_id, last) for _ in range(rng.randint(low, high))]

    bos = tokenizer.bos_token_id
    roll = rng.random()
    if roll < 0.2:
        span = some(6, 50)
        return [bos, *span, *span], [0.0] * (len(span) + 4) + [1.0] * (len(span) - 3)
    shown, value, start, end = tokenizer.convert_tokens_to_ids(
        ["(예시)", "(답변)", "(답변 시작)", "(답변 종료)"]
    )
    if roll < 0.4:
        return _substitution(rng, some, bos, (shown, value, start, end))
    pairs = [(some(2, 6), some(2, 9)) for _ in range(rng.randint(2, 5))]
    ids = [bos]
    for key, answer in pairs:
        ids += [shown, *key, value, *answer]
    weights = [0.0] * len(ids)
    for key, answer in rng.sample(pairs, len(pairs)):
        if len(key) > 2 and rng.random() < 0.4:  # noised: a token less
            key = key[:-1]
        ids += [*key, start, *answer, end]
        weights += [0.0] * (len(key) + 1) + [1.0] * (len(answer) + 1)
    return ids, weights


def _substitution(
    rng: random.Random, some: Callable[[int, int], list[int]], bos: int, marks: tuple[int, ...]
) -> Encoded:
    """An example that says a part of its message again, and queries with other parts."""
    shown, value, start, end = marks
    before, after, opening, closing = some(0, 3), some(0, 3), some(0, 3), some(1, 5)
    part = some(1, 3)
    ids = [bos, shown, *before, *part, *after, value, *opening, *part, *closing]
    weights = [0.0] * len(ids)
    for _ in range(rng.randint(1, 3)):
        part = some(1, 3)
        answer = [*opening, *part, *closing, end]
        query = [*before, *part, *after, start]
        ids += query + answer
        weights += [0.0] * len(query) + [1.0] * len(answer)
    return ids, weights


class Packer:
    """Packs documents into rows of equal length.

    Args:
        draw: Returns the next encoded document.
        fill: Returns an encoded plain text for the room that is left.
        length: Tokens in a row, plus one for the shifted targets.
    """

    def __init__(
        self, draw: Callable[[], Encoded], fill: Callable[[], Encoded], length: int
    ) -> None:
        self.draw, self.fill, self.length = draw, fill, length
        self.waiting: Encoded | None = None

    def row(self) -> Encoded:
        """The next row: exactly `length` + 1 tokens and weights."""
        size = self.length + 1
        ids: list[int] = []
        weights: list[float] = []
        while len(ids) < size:
            document = self.waiting or self.draw()
            self.waiting = None
            if len(ids) + len(document[0]) > size:
                if len(document[0]) <= size:
                    self.waiting = document
                break
            ids += document[0]
            weights += document[1]
        while len(ids) < size:
            text = self.fill()
            ids += text[0]
            weights += [PLAIN_WEIGHT * weight for weight in text[1]]
        return ids[:size], weights[:size]

    def batches(self, rows: int) -> Iterator[tuple[np.ndarray, np.ndarray]]:
        """Endless batches: ids int64 and weights float32, [rows, length + 1] each."""
        while True:
            drawn = [self.row() for _ in range(rows)]
            yield (
                np.array([ids for ids, _ in drawn], dtype=np.int64),
                np.array([weights for _, weights in drawn], dtype=np.float32),
            )
