"""Fits the reader of values (`language.values`) to what our dialogues remember."""

from __future__ import annotations

import logging
import random
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch

from ohlora_core import content
from ohlora_core.language.values import FILE, ValueReader, candidates, features
from ohlora_core.morphemes import analysed
from ohlora_core.training.told import Told, told_of, with_other_values

__all__ = ["Options", "fit_reader", "likeness", "share_read", "train"]

logger = logging.getLogger(__name__)

_PASSES = 4
_BATCH = 64  # messages
_SHARPNESS = 15.0  # of the target: how far the likest candidate is ahead of the next
_LIKE = 0.5  # likeness of the best candidate below which a value is not in the message


@dataclass
class Options:
    """What `train` does and where.

    Attributes:
        out_dir: The models folder; the result goes to `out_dir / "language"`.
        seed: Of the order of the messages.
        threads: CPU threads.
    """

    out_dir: Path = Path("models")
    seed: int = 0
    threads: int = 1


def train(options: Options) -> dict[str, Any]:
    """Fit the reader, save it and measure it on the validation and test rows."""
    torch.set_num_threads(options.threads)
    (options.out_dir / FILE).parent.mkdir(parents=True, exist_ok=True)
    told = {
        split: told_of(row for row in content.load_dialogues() if row.split == split)
        for split in ("train", "validation", "test")
    }
    rows = told["train"]
    reader = fit_reader(rows + with_other_values(rows, options.seed), options.seed)
    reader.save(options.out_dir)
    return {split: share_read(reader, told[split]) for split in ("validation", "test")}


def likeness(one: str, other: str) -> float:
    """F1 of letters and pairs of letters of two texts, spaces aside, 0..1."""
    counts = [
        Counter(text) + Counter(text[i : i + 2] for i in range(len(text) - 1))
        for text in (one.replace(" ", ""), other.replace(" ", ""))
    ]
    total = sum(map(Counter.total, counts))
    return 2 * (counts[0] & counts[1]).total() / total if total else 0.0


def fit_reader(rows: Sequence[Told], seed: int = 0) -> ValueReader:
    """A reader that prefers the candidates that are like the remembered values (a minute)."""
    examples = list(_examples(rows))
    reader = ValueReader()
    optimizer = torch.optim.Adagrad(reader.parameters(), lr=0.1)
    rng = random.Random(seed)
    for _ in range(_PASSES):
        rng.shuffle(examples)
        total = 0.0
        for start in range(0, len(examples), _BATCH):
            batch = examples[start : start + _BATCH]
            scores = reader([own for found, _ in batch for own in found])
            loss = 1e-5 * reader.weights.weight.square().sum()
            split = scores.split([len(found) for found, _ in batch])
            for own, (_, wanted) in zip(split, batch, strict=True):
                loss = loss - (wanted * own.log_softmax(0)).sum() / len(batch)
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            total += float(loss.detach()) * len(batch)
        logger.info("values: loss %.3f of %d messages", total / len(examples), len(examples))
    return reader.eval()


def share_read(reader: ValueReader, rows: Sequence[Told]) -> dict[str, float]:
    """Shares of rows whose value is read letter by letter, and at least by its larger part."""
    alike = [likeness(reader.read(row.key, row.message) or "", row.value) for row in rows]
    return {
        "n": len(rows),
        "exact": sum(one == 1.0 for one in alike) / len(rows),
        "mostly": sum(one > 0.6 for one in alike) / len(rows),
    }


def _examples(rows: Iterable[Told]) -> Iterator[tuple[list[list[int]], torch.Tensor]]:
    """Features of the candidates of each message, and how much each is wanted."""
    for row in rows:
        tokens = analysed(row.message)
        found = candidates(row.message, tokens)
        alike = [likeness(candidate.value, row.value) for candidate in found]
        if max(alike, default=0.0) > _LIKE:
            wanted = torch.softmax(torch.tensor(alike) * _SHARPNESS, 0)
            yield [features(row.key, candidate, tokens) for candidate in found], wanted
