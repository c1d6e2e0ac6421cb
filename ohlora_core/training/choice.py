"""Fits the choice between replies (`chat.choice`) to replies that were judged by reading.

The judged file has, for messages of the training split, candidates that were found without the
message's own row, and which of them a reader accepted. The candidates are found again in the same
way; those that nobody judged are left out.
"""

from __future__ import annotations

import json
import logging
import lzma
import zlib
from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from operator import attrgetter
from pathlib import Path
from typing import Any

import numpy as np
import torch

from ohlora_core import content
from ohlora_core.chat.choice import (
    HIDDEN,
    Accepted,
    Choice,
    ReplyChooser,
    features_of,
    kinds_of,
    with_judged,
)
from ohlora_core.chat.examples import ExampleFinder
from ohlora_core.sentence import SentenceEncoder, SentenceTask, load_lite
from ohlora_core.training.sentence_adapters import HEAD_BUCKETS, HEAD_LOOSENESS
from ohlora_core.training.sentence_linear import Classified, fit_head
from ohlora_core.training.sentence_objectives import named_classes

__all__ = ["JUDGED_FILE", "Judged", "Options", "fit_chooser", "judged_choices", "train"]

logger = logging.getLogger(__name__)

JUDGED_FILE = Path(__file__).with_name("judged_candidates.jsonl.xz")
_FOLDS = 5
_USUAL_DAY = "수"  # for messages without a time word


@dataclass
class Options:
    """What `train` does and where.

    Attributes:
        out_dir: The models folder; the result goes to `out_dir / "language"`.
        seed: Of the weights and the folds.
        threads: CPU threads.
    """

    out_dir: Path = Path("models")
    seed: int = 0
    threads: int = 2


@dataclass(frozen=True)
class Judged:
    """A choice, its features and which of its candidates a reader accepted."""

    choice: Choice
    table: np.ndarray
    accepted: list[bool]


def train(options: Options) -> dict[str, Any]:
    """Find the judged candidates again (minutes), measure by cross-validation, fit and save.

    Returns:
        Counts, `accepted` (share of messages for which the best of the judged candidates was
        accepted) and `possible` (any of them).
    """
    torch.set_num_threads(options.threads)
    encoder = load_lite(options.out_dir)
    judged = list(judged_choices(encoder))
    logger.info("choice: %d messages", len(judged))
    hits = []
    for held, others in _folds(judged, options.seed):
        chooser = fit_chooser(others, options.seed)
        hits += [one.accepted[chooser.place_of_best(one.table, one.choice)] for one in held]
    fit_chooser(judged, options.seed).save(options.out_dir)
    possible = [any(one.accepted) for one in judged]
    return {
        "messages": len(judged),
        "candidates": sum(len(one.accepted) for one in judged),
        "accepted": round(float(np.mean(hits)), 4),
        "possible": round(float(np.mean(possible)), 4),
    }


def judged_choices(encoder: SentenceEncoder) -> Iterator[Judged]:
    """What was judged, found again, with speech acts told by heads that never saw the message."""
    rows = [row for row in content.load_dialogues() if row.split == "train"]
    finder = ExampleFinder(encoder, rows, content.load_comments())
    shares = _held_out_shares(encoder, finder.act_names)
    with lzma.open(JUDGED_FILE, "rt", encoding="utf-8") as file:
        for number, line in enumerate(file):
            if number % 1000 == 0:
                logger.info("choice: %d messages found again", number)
            row = json.loads(line)
            if row["message"] not in shares:
                continue  # no longer in the training split
            _, choice = finder.offer(
                row["message"],
                memory=row.get("memory"),
                summary=row.get("summary"),
                today=(row.get("now") or _USUAL_DAY)[0],
                without=row["message"],
                shares=shares[row["message"]],
            )
            verdicts = {reply: reply in row["good"] for reply in (*row["good"], *row["bad"])}
            known = [place for place, one in enumerate(choice.candidates) if one.reply in verdicts]
            if known:
                table = features_of(choice, encoder)[known]
                choice = replace(choice, candidates=[choice.candidates[place] for place in known])
                yield Judged(choice, table, [verdicts[one.reply] for one in choice.candidates])


def _held_out_shares(encoder: SentenceEncoder, names: Sequence[str]) -> dict[str, np.ndarray]:
    """Message -> cosines with the names of acts, by a head fitted to the other messages."""
    classified = named_classes(attrgetter("act"))
    texts = [text for text, _, _ in classified.texts]
    vectors = dict(zip(texts, encoder.encode(SentenceTask.RANKING, texts), strict=True))
    folds = [zlib.crc32(text.encode()) % _FOLDS for text in texts]
    shares: dict[str, np.ndarray] = {}
    for fold in range(_FOLDS):
        kept = [one for one, at in zip(classified.texts, folds, strict=True) if at != fold]
        held = list(dict.fromkeys(t for t, at in zip(texts, folds, strict=True) if at == fold))
        head = fit_head(
            Classified(classified.names, kept),
            lambda wanted: np.stack([vectors[text] for text in wanted]),
            HEAD_BUCKETS[SentenceTask.ACT],
            HEAD_LOOSENESS[SentenceTask.ACT],
        )
        order = [classified.names.index(name) for name in names]
        with torch.inference_mode():
            table = head(held, torch.from_numpy(np.stack([vectors[text] for text in held])))
        shares |= dict(zip(held, table.numpy()[:, order], strict=True))
    return shares


def fit_chooser(judged: Sequence[Judged], seed: int = 0) -> ReplyChooser:
    """A chooser that gives accepted candidates the higher scores.

    The counts of what was accepted are, for each message, those of the other folds: its own would
    tell the answer.
    """
    from sklearn.neural_network import MLPClassifier
    from sklearn.preprocessing import StandardScaler

    tables, wanted = [], []
    for held, others in _folds(judged, seed):
        counts = _counted(others)
        for one in held:
            tables.append(with_judged(one.table, one.choice, counts))
            wanted += one.accepted
    scaler = StandardScaler()
    table = scaler.fit_transform(np.vstack(tables))
    network = MLPClassifier(
        (HIDDEN,), alpha=1e-2, early_stopping=True, max_iter=60, random_state=seed
    ).fit(table, wanted)
    state = {"mean": scaler.mean_, "scale": scaler.scale_}
    for layer, weights, biases in zip((0, 2), network.coefs_, network.intercepts_, strict=True):
        state |= {f"layers.{layer}.weight": weights.T, f"layers.{layer}.bias": biases}
    chooser = ReplyChooser(_counted(judged))
    chooser.load_state_dict({name: torch.tensor(values) for name, values in state.items()})
    return chooser.eval()


def _folds(judged: Sequence[Judged], seed: int) -> Iterator[tuple[list[Judged], list[Judged]]]:
    """Each drawn part of what was judged, with the others."""
    folds = np.array_split(np.random.default_rng(seed).permutation(len(judged)), _FOLDS)
    for held in folds:
        others = [judged[place] for fold in folds if fold is not held for place in fold]
        yield [judged[place] for place in held], others


def _counted(judged: Iterable[Judged]) -> Accepted:
    """How often candidates of a kind were accepted and judged."""
    counts: dict[str, list[float]] = defaultdict(lambda: [0.0, 0.0])
    for one in judged:
        for candidate, accepted in zip(one.choice.candidates, one.accepted, strict=True):
            for kind in kinds_of(candidate):
                if kind:
                    counts[kind][0] += accepted
                    counts[kind][1] += 1
    return {kind: (accepted, total) for kind, (accepted, total) in counts.items()}
