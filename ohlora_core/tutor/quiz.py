"""Quiz: which question comes next, the grade, the explanation, results per topic."""

from __future__ import annotations

import threading
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from ohlora_core.content import QuizRow
from ohlora_core.errors import UnknownQuizError
from ohlora_core.events import Notice, ReplyText
from ohlora_core.language import Role, TextGenerator, neutralise, quiz_prompt
from ohlora_core.sentence import SentenceEncoder, SentenceTask
from ohlora_core.store import QuizAnswer, Transaction
from ohlora_core.tutor.speech import nearest_examples, speak

__all__ = ["QuizMaster", "QuizPick", "TopicResult", "grade_answer", "predicted_score", "to_grade"]

PRIOR_WEIGHT = 0.25
GRADE_STEPS = 20
ROUND = "quiz_round"


@dataclass(frozen=True)
class QuizPick:
    """The question to ask and why it was chosen."""

    row: QuizRow
    reason: Notice


@dataclass(frozen=True)
class TopicResult:
    """How a user did in one topic of the running round; `mean_score` is None before an answer."""

    topic: str
    answered: int
    total: int
    mean_score: float | None


def to_grade(cosine: float) -> float:
    """A cosine as a grade: steps of 0.05 in 0..1."""
    return float(np.clip(round(GRADE_STEPS * cosine) / GRADE_STEPS, 0.0, 1.0))


def grade_answer(encoder: SentenceEncoder, answer: str, model_answer: str) -> float:
    """The grade of an answer, 0..1 in steps of 0.05."""
    return to_grade(float(encoder.similarity(SentenceTask.QUIZ, answer, [model_answer])[0]))


def predicted_score(
    keywords: Sequence[str], answered: Sequence[tuple[Sequence[str], float]]
) -> float:
    """The score a user will probably get, from the answered questions that share keywords.

    Args:
        keywords: Those of the question.
        answered: (keywords, score) of each answered question; not empty.
    """
    mean = sum(score for _, score in answered) / len(answered)
    weighted, weights = PRIOR_WEIGHT * mean, PRIOR_WEIGHT
    for other, score in answered:
        overlap = len(set(keywords) & set(other)) / len(set(keywords) | set(other))
        weighted += overlap * score
        weights += overlap
    return weighted / weights


class QuizMaster:
    """Picks, grades and explains questions. A user's progress is in the store."""

    def __init__(
        self, generator: TextGenerator, encoder: SentenceEncoder, rows: Sequence[QuizRow]
    ) -> None:
        self._generator = generator
        self._encoder = encoder
        self._rows = {row.id: row for row in rows}

    def row(self, quiz_id: str) -> QuizRow:
        """The question of an id.

        Raises:
            UnknownQuizError: if there is none.
        """
        try:
            return self._rows[quiz_id]
        except KeyError:
            raise UnknownQuizError(quiz_id) from None

    def next_question(
        self, transaction: Transaction, user_id: str, rng: np.random.Generator
    ) -> QuizPick:
        """The open question with the lowest predicted score; a new round if none is open."""
        round_number = _round(transaction, user_id)
        log = self._log(transaction, user_id, round_number)
        seen = {answer.quiz_id for answer in log}
        fresh = [row for row in self._rows.values() if row.id not in seen]
        scores = self._scores(log)
        if not fresh:
            return self._after_fresh(transaction, user_id, round_number, log, rng)
        if scores:
            return self._weakest(fresh, scores)
        last_round = self._scores(self._log(transaction, user_id, round_number - 1))
        if last_round:
            return self._weakest(fresh, last_round)
        row = fresh[int(rng.integers(len(fresh)))]
        return QuizPick(row, Notice("info", "quiz_first"))

    def grade(self, row: QuizRow, answer: str) -> float:
        """The grade of an answer, 0..1 in steps of 0.05."""
        return grade_answer(self._encoder, answer, row.model_answer)

    def explain(
        self,
        row: QuizRow,
        answer: str,
        *,
        seed: int | None = None,
        cancel: threading.Event | None = None,
    ) -> Iterator[ReplyText]:
        """The growing explanation of how an answer compares with the model answer."""
        answer = neutralise(answer)
        shown = self._similar_answers(row, answer, self._generator.example_count)
        prompt = quiz_prompt(row.question, row.model_answer, answer, shown)

        return speak(self._generator, Role.QUIZ, prompt, seed=seed, cancel=cancel)

    def _similar_answers(self, row: QuizRow, answer: str, count: int) -> list[tuple[str, str]]:
        """(answer, explanation) of the graded answers nearest to an answer, nearest last."""
        samples = [
            (sample.answer, sample.explanation) for sample in row.samples if sample.split == "train"
        ]
        return nearest_examples(self._encoder, SentenceTask.QUIZ, answer, samples, count)

    def record(
        self,
        transaction: Transaction,
        user_id: str,
        quiz_id: str,
        status: str,
        answer: str = "",
        score: float | None = None,
    ) -> None:
        """Log an answer. Status: "answered", "skipped" or "void" (the question is strange)."""
        transaction.add_quiz_answer(
            QuizAnswer(
                user_id=user_id,
                quiz_id=self.row(quiz_id).id,
                round=_round(transaction, user_id),
                status=status,
                answer=answer,
                score=score,
            )
        )

    def results(self, transaction: Transaction, user_id: str) -> list[TopicResult]:
        """Results per topic of the running round, in the order of the bank."""
        log = self._log(transaction, user_id, _round(transaction, user_id))
        scores = self._scores(log)
        void = {answer.quiz_id for answer in log if answer.status == "void"}
        topics: dict[str, list[QuizRow]] = {}
        for row in self._rows.values():
            if row.id not in void:
                topics.setdefault(row.topic, []).append(row)
        results = []
        for topic, rows in topics.items():
            known = [scores[row.id] for row in rows if row.id in scores]
            mean = sum(known) / len(known) if known else None
            results.append(TopicResult(topic, len(known), len(rows), mean))
        return results

    def is_round_over(self, transaction: Transaction, user_id: str) -> bool:
        """Whether every question of the running round is answered or void."""
        log = self._log(transaction, user_id, _round(transaction, user_id))
        closed = {answer.quiz_id for answer in log if answer.status != "skipped"}
        return closed >= self._rows.keys()

    def _after_fresh(
        self,
        transaction: Transaction,
        user_id: str,
        round_number: int,
        log: list[QuizAnswer],
        rng: np.random.Generator,
    ) -> QuizPick:
        """A skipped question if one is left, else the first question of a new round."""
        closed = {answer.quiz_id for answer in log if answer.status != "skipped"}
        skipped = [answer.quiz_id for answer in log if answer.quiz_id not in closed]
        if skipped:
            last_time = {quiz_id: place for place, quiz_id in enumerate(skipped)}
            oldest = min(last_time, key=lambda quiz_id: last_time[quiz_id])
            return QuizPick(self.row(oldest), Notice("info", "quiz_skipped_back"))
        transaction.set_document(user_id, ROUND, {"round": round_number + 1})
        return self.next_question(transaction, user_id, rng)

    def _weakest(self, rows: Sequence[QuizRow], scores: dict[str, float]) -> QuizPick:
        answered = [(self._rows[quiz_id].keywords, score) for quiz_id, score in scores.items()]
        predicted = [scores.get(row.id, predicted_score(row.keywords, answered)) for row in rows]
        place = int(np.argmin(predicted))
        values = {"predicted": round(100 * predicted[place])}
        return QuizPick(rows[place], Notice("info", "quiz_next_predicted", values))

    def _scores(self, log: Sequence[QuizAnswer]) -> dict[str, float]:
        """Latest score of each answered question."""
        return {
            answer.quiz_id: answer.score
            for answer in log
            if answer.status == "answered" and answer.score is not None
        }

    def _log(self, transaction: Transaction, user_id: str, number: int) -> list[QuizAnswer]:
        """The answers of a round to questions that still exist."""
        answers = transaction.quiz_answers(user_id, number)
        return [answer for answer in answers if answer.quiz_id in self._rows]


def _round(transaction: Transaction, user_id: str) -> int:
    document = transaction.document(user_id, ROUND)
    return int(document["round"]) if document else 1
