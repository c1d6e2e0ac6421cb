"""What Oh-LoRA knows and was taught: data files and their validated loaders.

Every file is JSONL; a row that does not fit its schema raises `ContentError` with file and line.
"""

from __future__ import annotations

import functools
from pathlib import Path
from typing import TypeVar

from pydantic import ValidationError

from ohlora_core.content.schema import (
    CommentRow,
    DialogueRow,
    EthicsRow,
    GradedAnswer,
    InterviewRow,
    KnowledgeRow,
    MeantKeysRow,
    MemoryPairRow,
    QuizRow,
    Row,
    SpeechAct,
    Split,
    UnmatchedRow,
    split_of,
)
from ohlora_core.errors import ContentError

__all__ = [
    "CONTENT_DIR",
    "CommentRow",
    "DialogueRow",
    "EthicsRow",
    "GradedAnswer",
    "InterviewRow",
    "KnowledgeRow",
    "MeantKeysRow",
    "MemoryPairRow",
    "QuizRow",
    "SpeechAct",
    "Split",
    "UnmatchedRow",
    "load_comments",
    "load_dialogues",
    "load_ethics",
    "load_interview",
    "load_knowledge",
    "load_meant_keys",
    "load_memory_pairs",
    "load_quiz",
    "load_unmatched",
    "read_rows",
    "split_of",
]

CONTENT_DIR = Path(__file__).parent
RowT = TypeVar("RowT", bound=Row)


def read_rows(folder: Path, schema: type[RowT], pattern: str = "*.jsonl") -> list[RowT]:
    """All rows of the files in a folder, in file-name order.

    Raises:
        ContentError: with file and line, if a row is not valid JSON or does not fit `schema`.
    """
    rows = []
    for path in sorted(folder.glob(pattern)):
        for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), start=1):
            if not line.strip():
                continue
            try:
                rows.append(schema.model_validate_json(line))
            except ValidationError as error:
                first = error.errors()[0]
                where = ".".join(map(str, first["loc"]))
                raise ContentError(path, number, f"{where}: {first['msg']}") from error
    return rows


@functools.cache
def load_dialogues() -> list[DialogueRow]:
    """Her dialogues: message, prefixes, reply, memory, summary and expression."""
    return read_rows(CONTENT_DIR / "dialogues", DialogueRow)


@functools.cache
def load_comments() -> list[CommentRow]:
    """What she adds to a message that she says back."""
    return read_rows(CONTENT_DIR / "comments", CommentRow)


@functools.cache
def load_knowledge() -> list[KnowledgeRow]:
    """The machine-learning facts of the Q&A tab."""
    return read_rows(CONTENT_DIR / "knowledge", KnowledgeRow)


@functools.cache
def load_unmatched() -> list[UnmatchedRow]:
    """Questions that no fact answers."""
    return read_rows(CONTENT_DIR, UnmatchedRow, "unmatched.jsonl")


@functools.cache
def load_quiz() -> list[QuizRow]:
    """The quiz bank."""
    return read_rows(CONTENT_DIR / "quiz", QuizRow)


@functools.cache
def load_interview() -> list[InterviewRow]:
    """The interview track: answers, their outcomes and what the interviewer says."""
    return read_rows(CONTENT_DIR / "interview", InterviewRow)


@functools.cache
def load_ethics() -> list[EthicsRow]:
    """Sentences of the five ethics categories."""
    return read_rows(CONTENT_DIR / "ethics", EthicsRow)


@functools.cache
def load_memory_pairs() -> list[MemoryPairRow]:
    """Memory texts with messages that are or are not about them."""
    return read_rows(CONTENT_DIR / "memory_pairs", MemoryPairRow)


@functools.cache
def load_meant_keys() -> list[MeantKeysRow]:
    """Messages with the keys of the memories that matter to them."""
    return read_rows(CONTENT_DIR, MeantKeysRow, "meant_keys.jsonl")
