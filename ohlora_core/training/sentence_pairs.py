"""Content files as pairs of texts with the cosine that an S-BERT shall give them.

What the published S-BERTs were trained on: every task is pairs with a similarity in 0..1. Reads a
content folder of the same layout as `ohlora_core/content`; knows nothing of models.
"""

from __future__ import annotations

import random
from collections.abc import Sequence
from pathlib import Path
from typing import TypeVar

from ohlora_core.content import (
    EthicsRow,
    InterviewRow,
    KnowledgeRow,
    MemoryPairRow,
    QuizRow,
    Split,
    UnmatchedRow,
    read_rows,
    split_of,
)
from ohlora_core.content.schema import Row
from ohlora_core.errors import TrainingDataError
from ohlora_core.ethics.guard import CATEGORIES, GENERAL
from ohlora_core.sentence import SentenceTask, interview_answer_text, interview_next_text
from ohlora_core.training.sentence_corpus import ScoredPair
from ohlora_core.training.sentence_interview import decided_by_model, remaining_before
from ohlora_core.tutor.interview_track import LABELS, TOPICS

__all__ = ["graded_pairs"]

_WRONG = 4  # wrong partners shown beside each right one
RowT = TypeVar("RowT", bound=Row)


def graded_pairs(
    task: SentenceTask, folder: Path, split: Split, rng: random.Random
) -> list[ScoredPair]:
    """The pairs of one task and split; of the wrong partners of a text a few are drawn.

    Args:
        task: One that has a published model.
        folder: Holds ethics/, memory_pairs/, knowledge/, quiz/, interview/ (what the task needs).

    Raises:
        ContentError: with file and line, if a row does not fit its schema.
        TrainingDataError: if there is no row, or a file is no UTF-8.
        ValueError: if the task has no published model.
    """
    match task:
        case SentenceTask.ETHICS:
            return _ethics(_rows(folder / "ethics", EthicsRow), split)
        case SentenceTask.MEMORY:
            rows = _rows(folder / "memory_pairs", MemoryPairRow)
            return [ScoredPair(r.message, r.memory, r.similarity) for r in rows if r.split == split]
        case SentenceTask.QNA:
            facts = _rows(folder / "knowledge", KnowledgeRow)
            strangers = read_rows(folder, UnmatchedRow, "unmatched.jsonl")
            return _qna(facts, strangers, split, rng)
        case SentenceTask.QUIZ:
            return [
                ScoredPair(sample.answer, row.model_answer, sample.score)
                for row in _rows(folder / "quiz", QuizRow)
                if row.split == split
                for sample in row.samples
            ]
        case SentenceTask.INTERVIEW_ANSWER:
            return _interview_answer(_interview_rows(folder / "interview"), split, rng)
        case SentenceTask.INTERVIEW_NEXT:
            return _interview_next(_interview_rows(folder / "interview"), split, rng)
    raise ValueError(f"no published model does {task}")


def _rows(folder: Path, schema: type[RowT]) -> list[RowT]:
    try:
        rows = read_rows(folder, schema)
    except UnicodeDecodeError as error:
        raise TrainingDataError(
            f"{folder} 에 UTF-8 이 아닌 파일이 있어요. UTF-8 로 저장해 주세요.",
            f"A file in {folder} is not UTF-8. Save it as UTF-8.",
        ) from error
    if not rows:
        raise TrainingDataError(
            f"{folder} 에 학습할 내용이 없어요. ohlora_core/content/{folder.name} 같은 "
            "JSONL 파일을 넣거나 --content-dir 를 확인해 주세요.",
            f"There is nothing to learn in {folder}. Put JSONL files like those of "
            f"ohlora_core/content/{folder.name} there, or check --content-dir.",
        )
    return rows


def _interview_rows(folder: Path) -> list[InterviewRow]:
    """Rows of the track that the interview follows; it is fixed (system description, 5)."""
    rows = _rows(folder, InterviewRow)
    for row in rows:
        for name, known in ((row.topic, TOPICS), (row.next, TOPICS), (row.success, LABELS)):
            if name is not None and name not in known:
                raise TrainingDataError(
                    f"{folder} 의 '{name}' 은(는) 면접 주제나 답변 이름이 아니에요. 쓸 수 있는 "
                    f"이름: {', '.join(known)}",
                    f"'{name}' in {folder} is no topic or answer of the interview. Known: "
                    f"{', '.join(known)}",
                )
    return rows


def _ethics(rows: Sequence[EthicsRow], split: Split) -> list[ScoredPair]:
    names = [GENERAL, *CATEGORIES.values()]
    return [
        ScoredPair(row.text, name, float(name == row.category))
        for row in rows
        if row.split == split
        for name in names
    ]


def _qna(
    facts: Sequence[KnowledgeRow],
    strangers: Sequence[UnmatchedRow],
    split: Split,
    rng: random.Random,
) -> list[ScoredPair]:
    texts = [fact.text for fact in facts]
    pairs = []
    for fact in facts:
        for question in fact.questions:
            if split_of(question) == split:
                pairs += _with_wrong(question, fact.text, texts, rng)
    for row in strangers:
        if row.split == split:
            pairs += _with_wrong(row.question, None, texts, rng)
    return pairs


def _interview_answer(
    rows: Sequence[InterviewRow], split: Split, rng: random.Random
) -> list[ScoredPair]:
    pairs = []
    for row in rows:
        if row.user_answer and row.success and row.split == split:
            text = interview_answer_text(row.topic, row.user_answer, remaining_before(row))
            pairs += _with_wrong(text, row.success, LABELS, rng)
    return pairs


def _interview_next(
    rows: Sequence[InterviewRow], split: Split, rng: random.Random
) -> list[ScoredPair]:
    pairs = []
    for row in rows:
        if row.user_answer and row.split == split and decided_by_model(row):
            text = interview_next_text(row.topic, row.user_answer, row.remaining)
            pairs += _with_wrong(text, row.next, TOPICS, rng)
    return pairs


def _with_wrong(
    text: str, right: str | None, choices: Sequence[str], rng: random.Random
) -> list[ScoredPair]:
    """The text with its right partner (if it has one) at 1 and with a few others at 0."""
    others = [choice for choice in choices if choice != right]
    pairs = [ScoredPair(text, wrong, 0.0) for wrong in rng.sample(others, min(_WRONG, len(others)))]
    return [ScoredPair(text, right, 1.0), *pairs] if right else pairs
