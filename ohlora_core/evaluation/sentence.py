"""Metrics of the sentence encoder, task by task, on held-out splits.

Every function takes an encoder and a split and gives a flat dict of numbers with the count `n`
they rest on. Knows nothing of how the encoder was trained.
"""

from __future__ import annotations

import random
from collections import defaultdict
from collections.abc import Callable, Collection, Sequence
from pathlib import Path

import numpy as np

from ohlora_core import content
from ohlora_core.content import Split, split_of
from ohlora_core.sentence import (
    SentenceEncoder,
    SentenceTask,
    TextIndex,
    fact_texts,
    interview_answer_text,
    interview_next_text,
    load_lite,
    pick_best_owner,
)
from ohlora_core.training.sentence_corpus import PublicCorpora, load_public, ordinary_messages
from ohlora_core.training.sentence_interview import decided_by_model, remaining_before
from ohlora_core.tutor.interview_track import END, LABELS, TOPICS

__all__ = ["CATEGORY_KEYS", "EVALUATIONS", "evaluate", "rounded", "sanctioned"]

Metrics = dict[str, float | int | str | None]

CATEGORY_KEYS = {
    "사랑 고백/만남": "love",
    "정치": "politics",
    "패드립": "paedrip",
    "혐오/기타": "hate",
}
GENERAL = "일반"
_TEST: tuple[Split, ...] = ("test",)
_PUBLIC = Path("../shared/data")  # of the public corpora; not part of the repository


def evaluate(models_dir: Path, task: str, data_dir: Path | None = _PUBLIC) -> Metrics:
    """Test metrics of one task of the embedded encoder.

    Args:
        models_dir: The folder that holds sentence/.
        task: A key of `EVALUATIONS`.
        data_dir: The public corpora; without them "sts" is skipped and "ethics" counts ordinary
            messages of our own content only.

    Raises:
        KeyError: if there is no such task.
        ModelFileError: if the model cannot be loaded.
    """
    measure = EVALUATIONS[task]
    corpora = load_public(data_dir) if data_dir and data_dir.is_dir() else None
    return {"task": task, **rounded(measure(load_lite(models_dir), corpora, _TEST))}


def rounded(metrics: Metrics) -> Metrics:
    """Four digits, and None for what could not be measured (JSON has no NaN)."""
    return {
        key: (None if np.isnan(value) else round(value, 4)) if isinstance(value, float) else value
        for key, value in metrics.items()
    }


def mean_errors(predicted: np.ndarray, wanted: np.ndarray) -> Metrics:
    """mse, mae and Pearson correlation of [n] predictions."""
    error = predicted - wanted
    varied = len(wanted) > 2 and predicted.std() > 0 and wanted.std() > 0
    return {
        "n": len(wanted),
        "mse": float((error**2).mean()),
        "mae": float(np.abs(error).mean()),
        "corr": float(np.corrcoef(predicted, wanted)[0, 1]) if varied else float("nan"),
    }


def pair_cosines(
    encoder: SentenceEncoder, task: SentenceTask, left: Sequence[str], right: Sequence[str]
) -> np.ndarray:
    """[n] cosines of two lists of texts, pair by pair."""
    return (encoder.encode(task, left) * encoder.encode(task, right)).sum(axis=1)


def memory_grades(
    encoder: SentenceEncoder, messages: Sequence[str], memories: Sequence[str]
) -> np.ndarray:
    """[n] how much each message is about its memory, 0..1.

    The cosine; where the threshold of the encoder is low, stretched so that it stands for a half.
    """
    cosines = pair_cosines(encoder, SentenceTask.MEMORY, messages, memories)
    stretch = max(1.0, 0.5 / encoder.threshold("memory"))
    return np.clip(cosines * stretch, -1.0, 1.0)


def category_cosines(encoder: SentenceEncoder, texts: Sequence[str]) -> dict[str, np.ndarray]:
    """Category name -> [n] cosines of the texts with it."""
    names = [GENERAL, *CATEGORY_KEYS]
    table = (
        encoder.encode(SentenceTask.ETHICS, texts) @ encoder.encode(SentenceTask.ETHICS, names).T
    )
    return {name: table[:, i] for i, name in enumerate(names)}


def sanctioned(encoder: SentenceEncoder, texts: Sequence[str]) -> dict[str, np.ndarray]:
    """Offence name -> [n] whether the score alone sanctions the text (system description, 3)."""
    cosines = category_cosines(encoder, texts)
    not_general = cosines[GENERAL] < encoder.threshold("ethics.general")
    return {
        name: not_general & (cosines[name] >= encoder.threshold(f"ethics.{key}"))
        for name, key in CATEGORY_KEYS.items()
    }


def ethics(
    encoder: SentenceEncoder, corpora: PublicCorpora | None, splits: Collection[Split]
) -> Metrics:
    """Accuracy of the nearest category, recall at the thresholds, false sanctions.

    `false_sanctions` are those among all `ordinary_n` ordinary messages of the splits, by the
    scores alone.
    """
    rows = [row for row in content.load_ethics() if row.split in splits]
    cosines = category_cosines(encoder, [row.text for row in rows])
    names = list(cosines)
    nearest = np.stack([cosines[name] for name in names]).argmax(axis=0)
    correct = [names[i] == row.category for i, row in zip(nearest, rows, strict=True)]
    flags = sanctioned(encoder, [row.text for row in rows])
    metrics: Metrics = {"n": len(rows), "accuracy": float(np.mean(correct))}
    for name, key in CATEGORY_KEYS.items():
        own = [flags[name][i] for i, row in enumerate(rows) if row.category == name]
        caught = [
            any(flags[other][i] for other in flags)
            for i, row in enumerate(rows)
            if row.category == name
        ]
        metrics[f"recall_{key}"] = float(np.mean(own)) if own else float("nan")
        metrics[f"caught_{key}"] = float(np.mean(caught)) if caught else float("nan")
    ordinary = ordinary_messages(corpora, "test" if "test" in splits else "calibration")
    ordinary += [row.text for row in rows if row.category == GENERAL]
    any_flag = np.any(list(sanctioned(encoder, ordinary).values()), axis=0)
    metrics["ordinary_n"] = len(ordinary)
    metrics["false_sanctions"] = int(any_flag.sum())
    metrics["false_sanctions_per_1000"] = float(any_flag.mean() * 1000)
    return metrics


def memory(
    encoder: SentenceEncoder, corpora: PublicCorpora | None, splits: Collection[Split]
) -> Metrics:
    """Errors of the similarity; hit@1 of the used memory among five; decisions at the threshold."""
    pairs = [pair for pair in content.load_memory_pairs() if pair.split in splits]
    metrics: Metrics = {}
    if pairs:
        predicted = memory_grades(
            encoder, [pair.message for pair in pairs], [pair.memory for pair in pairs]
        )
        metrics = mean_errors(predicted, np.array([pair.similarity for pair in pairs]))
    hits, decisions = [], []
    for message, right, candidates in memory_choices(splits):
        cosines = encoder.similarity(SentenceTask.MEMORY, message, candidates)
        best = int(cosines.argmax())
        used = candidates[best] if cosines[best] >= encoder.threshold("memory") else None
        decisions.append(used == right)
        if right:
            hits.append(candidates[best] == right)
    return metrics | {
        "choices_n": len(decisions),
        "hit_at_1": float(np.mean(hits)) if hits else float("nan"),
        "decision_accuracy": float(np.mean(decisions)) if decisions else float("nan"),
    }


def memory_choices(splits: Collection[Split]) -> list[tuple[str, str | None, list[str]]]:
    """(message, the memory to use or None, five stored memories of different keys)."""
    rng = random.Random(5)
    rows = content.load_dialogues()
    by_key: dict[str, list[str]] = defaultdict(list)
    for row in rows:
        for stored in (row.memory, row.remember):
            if stored:
                by_key[stored.partition(":")[0]].append(stored)
    keys = list(by_key)
    choices = []
    for row in rows:
        if row.split not in splits:
            continue
        own = (row.memory or row.remember or "").partition(":")[0]
        others = [key for key in keys if key != own]
        candidates = [rng.choice(by_key[key]) for key in rng.sample(others, min(5, len(others)))]
        if row.memory:
            candidates[0] = row.memory
        choices.append((row.message, row.memory, candidates))
    return choices


def retrieval(
    encoder: SentenceEncoder, corpora: PublicCorpora | None, splits: Collection[Split]
) -> Metrics:
    """hit@1 and hit@3: the nearest training messages share the intent (of intents seen there)."""
    rows = [row for row in content.load_dialogues() if row.split == "train"]
    index = TextIndex(encoder, SentenceTask.RETRIEVAL, [row.message for row in rows])
    known = {row.intent for row in rows}
    first, among = [], []
    for row in content.load_dialogues():
        if row.split in splits and row.intent in known:
            found = [rows[i].intent for i, _ in index.search(row.message, 3)]
            first.append(found[0] == row.intent)
            among.append(row.intent in found)
    return {"n": len(first), "hit_at_1": _mean(first), "hit_at_3": _mean(among)}


def qna(
    encoder: SentenceEncoder, corpora: PublicCorpora | None, splits: Collection[Split]
) -> Metrics:
    """hit@1 of held-out questions; how many pass the threshold, and how many strangers do."""
    facts = content.load_knowledge()
    texts, owners = fact_index_texts(facts)
    index = TextIndex(encoder, SentenceTask.QNA, texts)
    hits, passed = [], []
    for number, fact in enumerate(facts):
        for question in fact.questions:
            if split_of(question) in splits:
                owner, cosine = pick_best_owner(index.search(question, 8), owners)[0]
                hits.append(owner == number)
                passed.append(owner == number and cosine >= encoder.threshold("qna"))
    strangers = [row.question for row in content.load_unmatched() if row.split in splits]
    ordinary = ordinary_messages(corpora, "test" if "test" in splits else "calibration")[:1000]
    wrong = index.best_cosines(strangers) >= encoder.threshold("qna")
    wrong_talk = index.best_cosines(ordinary) >= encoder.threshold("qna")
    return {
        "n": len(hits),
        "hit_at_1": _mean(hits),
        "matched": _mean(passed),
        "unmatched_n": len(wrong),
        "unmatched_passing": _mean(wrong),
        "ordinary_n": len(wrong_talk),
        "ordinary_passing": _mean(wrong_talk),
    }


def fact_index_texts(facts: Sequence[content.KnowledgeRow]) -> tuple[list[str], list[int]]:
    """Texts of the Q&A index less held-out questions, and the number of the fact of each text."""
    texts: list[str] = []
    owners: list[int] = []
    for number, fact in enumerate(facts):
        questions = [question for question in fact.questions if split_of(question) == "train"]
        found_by = fact_texts(fact.term, fact.text, fact.aliases, questions)
        texts += found_by
        owners += [number] * len(found_by)
    return texts, owners


def quiz(
    encoder: SentenceEncoder, corpora: PublicCorpora | None, splits: Collection[Split]
) -> Metrics:
    """Errors of the grade on questions that training never saw."""
    rows = [row for row in content.load_quiz() if row.split in splits]
    samples = [(s.answer, row.model_answer, s.score) for row in rows for s in row.samples]
    if not samples:
        return {"n": 0}
    cosines = pair_cosines(
        encoder, SentenceTask.QUIZ, [s[0] for s in samples], [s[1] for s in samples]
    )
    grades = np.clip(np.round(20 * cosines) / 20, 0, 1)
    return mean_errors(grades, np.array([s[2] for s in samples])) | {"questions": len(rows)}


def interview_answer(
    encoder: SentenceEncoder, corpora: PublicCorpora | None, splits: Collection[Split]
) -> Metrics:
    """Accuracy of the answer label among all labels."""
    labels = list(LABELS)
    right = []
    for row in content.load_interview():
        if row.user_answer and row.success and row.split in splits:
            text = interview_answer_text(row.topic, row.user_answer, remaining_before(row))
            cosines = encoder.similarity(SentenceTask.INTERVIEW_ANSWER, text, labels)
            right.append(labels[int(cosines.argmax())] == row.success)
    return {"n": len(right), "accuracy": _mean(right), "labels": len(labels)}


def interview_next(
    encoder: SentenceEncoder, corpora: PublicCorpora | None, splits: Collection[Split]
) -> Metrics:
    """Accuracy of the next topic among the current one and those after it."""
    right = []
    for row in content.load_interview():
        if row.user_answer and row.split in splits and decided_by_model(row):
            text = interview_next_text(row.topic, row.user_answer, row.remaining)
            later = [topic for topic in TOPICS[TOPICS.index(row.topic) + 1 :] if topic != END]
            solved = not row.remaining or row.success == row.topic
            allowed = later if solved else [row.topic, *later]
            cosines = encoder.similarity(SentenceTask.INTERVIEW_NEXT, text, allowed)
            right.append(allowed[int(cosines.argmax())] == row.next)
    return {"n": len(right), "accuracy": _mean(right)}


def ranking(
    encoder: SentenceEncoder, corpora: PublicCorpora | None, splits: Collection[Split]
) -> Metrics:
    """How often the true reply is first among ten (nine replies of other intents)."""
    rng = random.Random(7)
    rows = [row for row in content.load_dialogues() if row.split in splits]
    right = []
    for row in rows:
        others = [other.reply for other in rows if other.intent != row.intent]
        others = [reply for reply in others if reply != row.reply]
        candidates = [row.reply, *rng.sample(others, min(9, len(others)))]
        right.append(encoder.similarity(SentenceTask.RANKING, row.message, candidates).argmax())
    return {"n": len(right), "accuracy_at_1_of_10": _mean([i == 0 for i in right])}


def sts(
    encoder: SentenceEncoder, corpora: PublicCorpora | None, splits: Collection[Split]
) -> Metrics:
    """Spearman correlation on the KorSTS test set (retrieval adapter: general likeness)."""
    if corpora is None:
        return {"n": 0, "skipped": "needs the public corpora (KorSTS)"}
    from scipy.stats import spearmanr

    pairs = [pair for split in splits for pair in corpora.sts[split]]
    cosines = pair_cosines(
        encoder, SentenceTask.RETRIEVAL, [pair.a for pair in pairs], [pair.b for pair in pairs]
    )
    rho = spearmanr(cosines, [pair.score for pair in pairs]).statistic
    return {"n": len(pairs), "spearman": float(rho)}


def _mean(values: Sequence[bool] | np.ndarray) -> float:
    return float(np.mean(values)) if len(values) else float("nan")


Measure = Callable[[SentenceEncoder, PublicCorpora | None, Collection[Split]], Metrics]
EVALUATIONS: dict[str, Measure] = {
    "ethics": ethics,
    "memory": memory,
    "retrieval": retrieval,
    "qna": qna,
    "quiz": quiz,
    "interview-answer": interview_answer,
    "interview-next": interview_next,
    "ranking": ranking,
    "sts": sts,
}
