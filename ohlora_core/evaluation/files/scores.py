"""Tasks with one line of metrics: what the S-BERTs of the app say about each row of a file.

Every task has a `read_...` (a record -> a typed row) and a function of encoder and rows that gives
the metrics. Cosines and decisions come from the app's own functions.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from ohlora_core.chat.memory import parse_memory
from ohlora_core.ethics.guard import CATEGORIES, GENERAL, EthicsGuard
from ohlora_core.evaluation.files.table import Record
from ohlora_core.evaluation.sentence import mean_errors, memory_grades
from ohlora_core.language import neutralise
from ohlora_core.sentence import SentenceEncoder, SentenceTask, TextIndex, pick_best
from ohlora_core.sentence.formats import ALL_ANSWERED, EXPERIENCE_TOPIC
from ohlora_core.tutor.interview import InterviewState, label_cosines, next_topic
from ohlora_core.tutor.interview_track import END, LABELS, NEEDED, TOPICS
from ohlora_core.tutor.quiz import grade_answer

__all__ = [
    "ethics",
    "interview_answer",
    "interview_next",
    "memory",
    "quiz",
    "read_ethics",
    "read_interview_answer",
    "read_interview_next",
    "read_memory",
    "read_quiz",
    "read_retrieval",
    "retrieval",
]

RIGHT_PASSAGE = 0.9
"""Score from which a passage counts as an answer to its question."""

_CATEGORY_NAMES = {name: name for name in (GENERAL, *CATEGORIES.values())}
_CATEGORY_NAMES |= {"general": GENERAL}
_CATEGORY_NAMES |= {reason.value: name for reason, name in CATEGORIES.items()}
_ASKED_TOPICS = tuple(topic for topic in TOPICS if topic != END)
_EXPERIENCE_MARK = re.compile(r"^\[\s*(기본 경험|상세 경험)\s*\]\s*")


@dataclass(frozen=True)
class Labelled:
    """A text with the name of its category."""

    text: str
    category: str


@dataclass(frozen=True)
class Pair:
    """Two texts and how close they are, 0..1."""

    left: str
    right: str
    score: float


@dataclass(frozen=True)
class Step:
    """An interview answer, the state it was given in, and what the app should decide."""

    state: InterviewState
    answer: str
    wanted: str


def read_ethics(record: Record) -> Labelled:
    return Labelled(record.text("text"), record.choice("category", _CATEGORY_NAMES))


def ethics(encoder: SentenceEncoder, rows: Sequence[Labelled]) -> dict[str, Any]:
    """The category that the guard decides from the scores alone, as in the tutor tabs.

    Errors and correlation are those of all cosines of a text with a category name, which should
    be 1 for its own category and 0 for the others.
    """
    guard = EthicsGuard(encoder)
    right: list[bool] = []
    predicted: list[float] = []
    wanted: list[float] = []
    for row in rows:
        scores = guard.score(row.text)
        offences = [CATEGORIES[reason] for reason in scores.decided_by(None)]
        decided = max(offences, key=scores.cosines.__getitem__, default=GENERAL)
        right.append(decided == row.category)
        predicted += scores.cosines.values()
        wanted += [float(name == row.category) for name in scores.cosines]
    hits: dict[str, list[bool]] = {}
    for row, hit in zip(rows, right, strict=True):
        hits.setdefault(row.category, []).append(hit)
    recall = {name: round(float(np.mean(hits[name])), 4) for name in sorted(hits)}
    errors = mean_errors(np.array(predicted), np.array(wanted)) | {"n": len(rows)}
    return {"n": len(rows), "accuracy": float(np.mean(right)), "recall": recall} | errors


def read_memory(record: Record) -> Pair:
    """The memory in the form in which the app stores it, if it can be brought into it."""
    text = record.text("memory")
    return Pair(
        neutralise(record.text("message")),
        parse_memory(text) or text,
        record.fraction("similarity"),
    )


def memory(encoder: SentenceEncoder, rows: Sequence[Pair]) -> dict[str, Any]:
    """How much a message is about a stored memory, by the cosine that picks one in the app."""
    grades = memory_grades(encoder, [row.left for row in rows], [row.right for row in rows])
    return dict(mean_errors(grades, _scores(rows)))


def read_retrieval(record: Record) -> Pair:
    return Pair(
        neutralise(record.text("question")), record.text("passage"), record.fraction("score")
    )


def retrieval(encoder: SentenceEncoder, rows: Sequence[Pair]) -> dict[str, Any]:
    """Cosine of question and passage, by which the Q&A finds its facts.

    hit@1: of the questions with a right passage, those for which the best of all passages of the
    file is a right one.
    """
    index = TextIndex(encoder, SentenceTask.QNA, list(dict.fromkeys(row.right for row in rows)))
    places = {passage: place for place, passage in enumerate(index.texts)}
    of_question: dict[str, list[int]] = {}
    for number, row in enumerate(rows):
        of_question.setdefault(row.left, []).append(number)
    predicted, hits = np.zeros(len(rows)), []
    for question, numbers in of_question.items():
        cosines = index.cosines(question)
        predicted[numbers] = [cosines[places[rows[number].right]] for number in numbers]
        right = {places[rows[i].right] for i in numbers if rows[i].score >= RIGHT_PASSAGE}
        if right:
            hits.append(pick_best(cosines) in right)
    return mean_errors(predicted, _scores(rows)) | {
        "hit@1": float(np.mean(hits)) if hits else float("nan"),
        "questions": len(hits),
        "passages": len(index),
    }


def read_quiz(record: Record) -> Pair:
    record.text("question")
    return Pair(record.text("user_answer"), record.text("model_answer"), record.fraction("score"))


def quiz(encoder: SentenceEncoder, rows: Sequence[Pair]) -> dict[str, Any]:
    """The grade that the quiz gives, in steps of 0.05."""
    grades = [grade_answer(encoder, row.left, row.right) for row in rows]
    return dict(mean_errors(np.array(grades), _scores(rows)))


def read_interview_answer(record: Record) -> Step:
    """The answer on a topic of which what came before it in the usual order was answered.

    An answer on the practical experience may say itself which part is asked for ("[상세 경험] …").
    """
    topic = record.choice("topic", _ASKED_TOPICS)
    answer, label = record.text("user_answer"), record.choice("label", LABELS)
    needed = NEEDED[topic]
    asked = label
    if topic == EXPERIENCE_TOPIC and (mark := _EXPERIENCE_MARK.match(answer)):
        asked, answer = mark[1], answer[mark.end() :]
    remaining = needed[needed.index(asked) :] if asked in needed else needed
    return Step(_state(topic, remaining), neutralise(answer), label)


def interview_answer(encoder: SentenceEncoder, rows: Sequence[Step]) -> dict[str, Any]:
    """The label that the interviewer gives an answer.

    mean_diff: mean of the cosine of the right label less that of the nearest wrong one, -2..2.
    """
    right, leads = [], []
    for row in rows:
        cosines = label_cosines(encoder, row.state, row.answer)
        own = LABELS.index(row.wanted)
        right.append(int(np.argmax(cosines)) == own)
        leads.append(float(cosines[own] - np.delete(cosines, own).max()))
    return {"n": len(rows), "accuracy": float(np.mean(right)), "mean_diff": float(np.mean(leads))}


def read_interview_next(record: Record) -> Step:
    """The state after an answer; nothing is open if `remaining` is empty or says so in words."""
    topic = record.choice("topic", _ASKED_TOPICS)
    known = (*NEEDED[topic], ALL_ANSWERED)
    parts = [part for part in record.cells["remaining"].split(",") if part.strip()]
    named = [record.name_of("remaining", part, known) for part in parts]
    remaining = [name for name in named if name != ALL_ANSWERED]
    answer = neutralise(record.text("user_answer"))
    return Step(_state(topic, remaining), answer, record.choice("next", TOPICS))


def interview_next(encoder: SentenceEncoder, rows: Sequence[Step]) -> dict[str, Any]:
    """The topic that the interviewer goes on with; the topic is over when nothing remains."""
    right = [
        next_topic(encoder, row.state, row.answer, not row.state.remaining) == row.wanted
        for row in rows
    ]
    return {"n": len(rows), "accuracy": float(np.mean(right))}


def _state(topic: str, remaining: Sequence[str]) -> InterviewState:
    """An interview in the usual order that has come to a topic."""
    passed = TOPICS[: TOPICS.index(topic)]
    return InterviewState(topic=topic, remaining=tuple(remaining), passed=passed)


def _scores(rows: Sequence[Pair]) -> np.ndarray:
    return np.array([row.score for row in rows])
