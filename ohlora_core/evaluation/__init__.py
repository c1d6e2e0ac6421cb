"""Metrics of every embedded model on our own held-out splits."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from ohlora_core.errors import OhLoraError, SettingsError
from ohlora_core.settings import Settings

__all__ = ["MEMORY_CASES", "SHEET_TASKS", "TASKS", "evaluate"]

SENTENCE_TASKS = (
    "ethics",
    "memory",
    "retrieval",
    "qna",
    "quiz",
    "interview-answer",
    "interview-next",
    "ranking",
    "sts",
)
MEMORY_CASES, REPLIES = "memory-cases", "replies"
SHEET_TASKS = (MEMORY_CASES, REPLIES)
TASKS = ("language", *SHEET_TASKS, "face", *SENTENCE_TASKS)


def evaluate(
    settings: Settings, task: str | None = None, sheet: Path | None = None
) -> Iterator[dict[str, Any]]:
    """One JSON-ready dict per task ("task" and its metrics).

    Args:
        settings: Name the models; only "memory-cases" heeds the profile, the others are of lite.
        task: One of `TASKS`; all by default.
        sheet: Receives a JSON line per case of "memory-cases", or per message of "replies".

    Raises:
        SettingsError: if there is no such task.
    """
    if task is not None and task not in TASKS:
        from ohlora_core.evaluation.files import FILE_TASKS

        names, with_file = ", ".join(TASKS), ", ".join(FILE_TASKS)
        raise SettingsError(
            f"'{task}' 평가는 없어요. 가능한 이름: {names}; --file X.csv 를 주면: {with_file}",
            f"No task '{task}'. Tasks: {names}; with --file X.csv: {with_file}",
        )
    for name in [task] if task else TASKS:
        yield {"task": name} | _metrics(settings, name, sheet)


def _metrics(settings: Settings, task: str, sheet: Path | None) -> dict[str, Any]:
    # each module loads heavy libraries: import only what the task needs
    models_dir = settings.models_dir
    if task == MEMORY_CASES:
        from ohlora_core.evaluation.memory_cases import evaluate as play_memory_cases

        return play_memory_cases(settings, sheet)
    if task == REPLIES:
        from ohlora_core.evaluation.replies import judged, reply_sheet

        if sheet:
            from ohlora_core.chat import ChatAids
            from ohlora_core.evaluation.sheets import write_sheet
            from ohlora_core.language import load_lite as load_language
            from ohlora_core.sentence import load_lite as load_sentence

            models = load_language(models_dir), load_sentence(models_dir)
            write_sheet(sheet, reply_sheet(*models, ChatAids.load(models_dir)))
        return judged()
    if task == "language":
        from ohlora_core.evaluation.language import evaluate as evaluate_language
        from ohlora_core.sentence import load_lite

        return evaluate_language(models_dir, load_lite(models_dir))
    if task == "face":
        try:
            from ohlora_core.evaluation.face import evaluate as evaluate_face
        except ImportError as error:
            raise OhLoraError(
                f"얼굴 평가에는 {error.name} 이(가) 필요해요: pip install -r requirements-dev.txt",
                f"Evaluating the face needs {error.name}: pip install -r requirements-dev.txt",
            ) from error

        return evaluate_face(models_dir)
    from ohlora_core.evaluation.sentence import evaluate as evaluate_sentence

    return evaluate_sentence(models_dir, task)
