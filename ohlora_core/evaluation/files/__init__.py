"""What the models of a profile do on a CSV file that a user brings."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ohlora_core.errors import SettingsError
from ohlora_core.evaluation.files import answers, scores
from ohlora_core.evaluation.files.models import Models
from ohlora_core.evaluation.files.table import Record, read_records
from ohlora_core.evaluation.sentence import rounded

__all__ = ["FILE_TASKS", "FileTask", "Models", "evaluate_file"]


@dataclass(frozen=True)
class FileTask:
    """What a task reads and what it does with it.

    Attributes:
        columns: Those that the file must have.
        read: A record -> the row that the task works on.
        run: Models and rows -> JSON-ready dicts: one for a task with metrics, else one per row.
        optional: Columns that the file may have.
    """

    columns: tuple[str, ...]
    read: Callable[[Record], Any]
    run: Callable[[Models, list[Any]], Iterable[dict[str, Any]]]
    optional: tuple[str, ...] = ()


def evaluate_file(task: str, path: Path, models: Models) -> Iterator[dict[str, Any]]:
    """JSON-ready results of a task on a file; the whole file is checked before a model is loaded.

    Raises:
        SettingsError: if there is no such task.
        EvaluationFileError: if the file cannot be read, or a row is not what the task needs.
        MissingModelError: if the models of the profile are not here.
    """
    if task not in FILE_TASKS:
        listed = "; ".join(f"{name} ({_columns(known)})" for name, known in FILE_TASKS.items())
        raise SettingsError(
            f"'{task}' 은(는) 파일로 평가할 수 없어요. 가능한 이름 (열): {listed}",
            f"'{task}' cannot be evaluated on a file. Tasks (columns): {listed}",
        )
    chosen = FILE_TASKS[task]
    rows = [chosen.read(record) for record in read_records(path, chosen.columns, chosen.optional)]
    yield from chosen.run(models, rows)


def _columns(task: FileTask) -> str:
    return ", ".join([*task.columns, *(f"[{column}]" for column in task.optional)])


def _metrics(
    name: str, measure: Callable[..., dict[str, Any]]
) -> Callable[[Models, list[Any]], Iterable[dict[str, Any]]]:
    """A task that gives one line: what `measure` makes of the encoder and the rows."""

    def run(models: Models, rows: list[Any]) -> Iterable[dict[str, Any]]:
        metrics = rounded(measure(models.encoder, rows))
        return [{"task": name, "profile": models.settings.profile, **metrics}]

    return run


FILE_TASKS: dict[str, FileTask] = {
    "ethics": FileTask(("text", "category"), scores.read_ethics, _metrics("ethics", scores.ethics)),
    "memory": FileTask(
        ("memory", "message", "similarity"),
        scores.read_memory,
        _metrics("memory", scores.memory),
    ),
    "retrieval": FileTask(
        ("question", "passage", "score"),
        scores.read_retrieval,
        _metrics("retrieval", scores.retrieval),
    ),
    "quiz": FileTask(
        ("question", "model_answer", "user_answer", "score"),
        scores.read_quiz,
        _metrics("quiz", scores.quiz),
    ),
    "interview-answer": FileTask(
        ("topic", "user_answer", "label"),
        scores.read_interview_answer,
        _metrics("interview-answer", scores.interview_answer),
    ),
    "interview-next": FileTask(
        ("topic", "user_answer", "remaining", "next"),
        scores.read_interview_next,
        _metrics("interview-next", scores.interview_next),
    ),
    "chat": FileTask(
        ("message",), answers.read_chat, answers.chat, optional=("memory", "summary", "now")
    ),
    "qna": FileTask(("question",), answers.read_qna, answers.qna, optional=("passage",)),
    "explain": FileTask(
        ("question", "model_answer", "user_answer"), answers.read_explain, answers.explain
    ),
}
