"""Thresholds of the S-BERT, chosen on validation data, and the metrics stored beside them."""

from __future__ import annotations

import itertools
import json
import logging
import random
from collections import defaultdict
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from ohlora_core import content
from ohlora_core.chat.memory import memory_key
from ohlora_core.content import Split, split_of
from ohlora_core.evaluation.sentence import (
    CATEGORY_KEYS,
    EVALUATIONS,
    GENERAL,
    category_cosines,
    fact_index_texts,
    memory_choices,
    rounded,
)
from ohlora_core.sentence import SentenceEncoder, SentenceTask, TextIndex, load_lite
from ohlora_core.training.sentence_corpus import PublicCorpora, ordinary_messages

__all__ = ["calibrate", "pair_choices", "write_calibration"]

logger = logging.getLogger(__name__)

_FALSE_SHARE = 1 / 1000  # of the messages that calibrate; of others it is more, 1 in 500 allowed
_MEANT, _NOT_MEANT = 0.8, 0.3  # grades of memory pairs
_STRANGERS_PASSING = 0.03  # share of ordinary talk that may match some fact
_START = {"memory": 0.6, "qna": 0.6, "ethics.general": 0.5} | {
    f"ethics.{key}": 0.7 for key in CATEGORY_KEYS.values()
}


def write_calibration(
    folder: Path, thresholds: dict[str, float], metrics: dict[str, Any] | None = None
) -> None:
    """Write `calibration.json`: thresholds and the metrics at these thresholds."""
    digits = {name: round(value, 4) for name, value in thresholds.items()}
    text = json.dumps(
        {"thresholds": digits, "metrics": metrics or {}}, ensure_ascii=False, indent=2
    )
    (folder / "calibration.json").write_text(text + "\n", encoding="utf-8")


def calibrate(models_dir: Path, corpora: PublicCorpora) -> dict[str, Any]:
    """Choose the thresholds of the model in `models_dir / "sentence"`, measure, and store both.

    Returns:
        {"calibration": counts, "validation": {task: metrics}, "test": {task: metrics}}
    """
    folder = models_dir / "sentence"
    write_calibration(folder, _START)
    encoder = load_lite(models_dir)
    thresholds = dict(_START)
    ethics, counted = _ethics_thresholds(encoder, corpora)
    thresholds |= ethics
    thresholds["memory"] = _memory_threshold(encoder, ordinary_messages(corpora, "calibration"))
    thresholds["qna"] = _qna_threshold(encoder, ordinary_messages(corpora, "calibration"))
    write_calibration(folder, thresholds)
    logger.info("thresholds: %s", thresholds)
    encoder = load_lite(models_dir)
    metrics: dict[str, dict[str, Any]] = {"calibration": counted}
    splits: tuple[Split, ...] = ("validation", "test")
    for split in splits:
        by_task = metrics[split] = {}
        for name, measure in EVALUATIONS.items():
            by_task[name] = rounded(measure(encoder, corpora, (split,)))
            logger.info("%s %s: %s", split, name, by_task[name])
    write_calibration(folder, thresholds, metrics)
    return metrics


def _ethics_thresholds(
    encoder: SentenceEncoder, corpora: PublicCorpora
) -> tuple[dict[str, float], dict[str, Any]]:
    """The lowest threshold per category that keeps false sanctions rare, and the count behind it.

    The pool are ordinary messages that the adapter did not train on: part of the public chat
    training questions, validation dialogues, and the ordinary validation sentences of our ethics
    content, which were chosen to be confusing.
    """
    rows = [row for row in content.load_ethics() if row.split == "validation"]
    pool = ordinary_messages(corpora, "calibration")
    pool += [row.text for row in rows if row.category == GENERAL]
    cosines = category_cosines(encoder, pool)
    general = _START["ethics.general"]
    budget = int(len(pool) * _FALSE_SHARE)
    options: list[list[tuple[float, float]]] = []  # category -> (threshold, recall) by false ones
    for name in CATEGORY_KEYS:
        offences = category_cosines(encoder, [row.text for row in rows if row.category == name])
        false = np.sort(cosines[name][cosines[GENERAL] < general])[::-1]
        options.append([])
        for allowed in range(budget + 1):
            bound = float(false[allowed]) if allowed < len(false) else 0.0
            threshold = max(0.5, bound + 0.001)
            found = (offences[GENERAL] < general) & (offences[name] >= threshold)
            options[-1].append((threshold, float(found.mean())))
    chosen = _best_shares(options, budget)
    thresholds = {f"ethics.{key}": t for key, t in zip(CATEGORY_KEYS.values(), chosen, strict=True)}
    flagged = np.zeros(len(pool), dtype=bool)
    for name, threshold in zip(CATEGORY_KEYS, chosen, strict=True):
        flagged |= (cosines[name] >= threshold) & (cosines[GENERAL] < general)
    counted = {"ordinary_n": len(pool), "false_sanctions": int(flagged.sum())}
    logger.info("ethics calibrated: %s", counted)
    return thresholds, counted


def _best_shares(options: list[list[tuple[float, float]]], budget: int) -> list[float]:
    """Thresholds with the best sum of recalls (then the lowest) for `budget` false ones in all.

    `options[c][k]` is (threshold, recall) of category c if k ordinary messages may be flagged.
    """
    best: tuple[float, list[float]] = (-1e9, [])
    for shares in itertools.product(range(budget + 1), repeat=len(options)):
        if sum(shares) <= budget:
            picked = [option[k] for option, k in zip(options, shares, strict=True)]
            merit = sum(recall - 0.2 * threshold for threshold, recall in picked)
            best = max(best, (merit, [threshold for threshold, _ in picked]))
    return best[1]


def _memory_threshold(encoder: SentenceEncoder, ordinary: list[str]) -> float:
    """The threshold with the best balanced share of right decisions (use this one, use none)."""
    cosines, is_right, wants_one = [], [], []
    validation: tuple[Split, ...] = ("validation",)
    choices = memory_choices(validation)
    choices += pair_choices(content.load_memory_pairs(), "validation")
    stored = [candidates for _, _, candidates in choices]
    choices += [(text, None, stored[i % len(stored)]) for i, text in enumerate(ordinary[:400])]
    for message, right, candidates in choices:
        values = encoder.similarity(SentenceTask.MEMORY, message, candidates)
        best = int(values.argmax())
        cosines.append(float(values[best]))
        is_right.append(candidates[best] == right)
        wants_one.append(right is not None)
    score, correct, wanted = np.array(cosines), np.array(is_right), np.array(wants_one)
    return _best_threshold(score[wanted], score[~wanted], correct[wanted])


def pair_choices(
    pairs: Sequence[content.MemoryPairRow], split: Split
) -> list[tuple[str, str | None, list[str]]]:
    """Graded pairs as choices like those of `memory_choices`; middling grades are left out.

    A memory that is meant stands among four of other keys; one that is not stands alone, since
    another may well be meant.
    """
    rng = random.Random(5)
    by_key: dict[str, list[str]] = defaultdict(list)
    for pair in pairs:
        by_key[memory_key(pair.memory)].append(pair.memory)
    choices: list[tuple[str, str | None, list[str]]] = []
    for pair in pairs:
        if pair.split != split:
            continue
        if pair.similarity >= _MEANT:
            others = [key for key in by_key if key != memory_key(pair.memory)]
            drawn = [rng.choice(by_key[key]) for key in rng.sample(others, min(4, len(others)))]
            choices.append((pair.message, pair.memory, [pair.memory, *drawn]))
        elif pair.similarity <= _NOT_MEANT:
            choices.append((pair.message, None, [pair.memory]))
    return choices


def _qna_threshold(encoder: SentenceEncoder, ordinary: list[str]) -> float:
    """Separates validation questions from unknown questions and ordinary talk."""
    facts = content.load_knowledge()
    texts, owners = fact_index_texts(facts)
    index = TextIndex(encoder, SentenceTask.QNA, texts)
    scores, right = [], []
    for number, fact in enumerate(facts):
        for question in fact.questions:
            if split_of(question) == "validation":
                position, cosine = index.search(question)[0]
                scores.append(cosine)
                right.append(owners[position] == number)
    strangers = [r.question for r in content.load_unmatched() if r.split != "test"]
    far = index.best_cosines([*strangers, *ordinary[:500]])
    bound = float(np.quantile(far, 1 - _STRANGERS_PASSING))
    return max(bound, _best_threshold(np.array(scores), far, np.array(right)))


def _best_threshold(near: np.ndarray, far: np.ndarray, right: np.ndarray) -> float:
    """The middle of the best thresholds for `near` (counted if `right`) above and `far` below."""
    grid = np.linspace(0.2, 0.95, 151)
    merit = np.array([((near >= t) & right).mean() + 1.5 * (far < t).mean() for t in grid])
    best = grid[merit >= merit.max() - 1e-9]
    return float(best[len(best) // 2])
