"""Tasks with one line per row: what she answers, by the app's own engines.

Every row is sampled with the same seed, so it does not matter which rows stand before it.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta, tzinfo
from typing import Any

import numpy as np

from ohlora_core.chat import ChatEngine
from ohlora_core.chat.memory import parse_memory
from ohlora_core.chat.time_words import WEEKDAYS, day_label
from ohlora_core.content import QuizRow, load_knowledge, load_quiz
from ohlora_core.core import load_aids
from ohlora_core.evaluation.files.models import Models
from ohlora_core.evaluation.files.table import Record
from ohlora_core.events import ReplyText
from ohlora_core.language import neutralise
from ohlora_core.sentence import SentenceTask
from ohlora_core.tutor import QnaEngine, QuizMaster, Source

__all__ = ["chat", "explain", "qna", "read_chat", "read_explain", "read_qna"]

SEED = 20261
_MEMORIES = re.compile(r"\[[^\[\]]*\]")
_DAY_LABEL = re.compile(f"([{WEEKDAYS}])요일 (오전|오후|저녁)")
_MONDAY = datetime(2025, 6, 30)
_HOURS = {"오전": 9, "오후": 14, "저녁": 20}


@dataclass(frozen=True)
class ChatRow:
    """A message and what the app would know of the user when it comes."""

    row: int
    message: str
    memories: tuple[str, ...]
    summary: str
    now: datetime | None


@dataclass(frozen=True)
class QnaRow:
    """A question; a passage replaces what would be found in the knowledge base."""

    row: int
    question: str
    passage: str


@dataclass(frozen=True)
class ExplainRow:
    """An answer to a quiz question."""

    row: int
    question: str
    model_answer: str
    answer: str


def read_chat(record: Record) -> ChatRow:
    return ChatRow(
        record.row,
        record.text("message"),
        _memories(record),
        record.cells["summary"],
        _now(record),
    )


def chat(models: Models, rows: Sequence[ChatRow]) -> Iterator[dict[str, Any]]:
    """One turn per row: reply, expression, what is remembered (or null) and the summary."""
    aids = load_aids(models.settings, models.generator)
    engine = ChatEngine(models.generator, models.encoder, models.cache, aids=aids)
    present = _in_zone(datetime.now().astimezone(), models.settings.time_zone)
    for row in rows:
        rng = np.random.default_rng(SEED)
        now = _in_zone(row.now or present, models.settings.time_zone)
        turn = engine.read(row.message, row.memories, row.summary, now)
        reply = _complete(engine.reply(turn, now, seed=int(rng.integers(2**31))))
        eyes, mouth, pose = engine.expression(reply, rng).labels
        yield {
            "row": row.row,
            "message": row.message,
            "now": day_label(now),
            "memory_used": turn.memory_used,
            "reply": reply,
            "expression": {"eyes": eyes, "mouth": mouth, "pose": pose},
            "memory": engine.memory(turn, rng),
            "summary": engine.summary(turn, reply, rng),
        }


def read_qna(record: Record) -> QnaRow:
    return QnaRow(record.row, record.text("question"), record.cells["passage"])


def qna(models: Models, rows: Sequence[QnaRow]) -> Iterator[dict[str, Any]]:
    """The answer to each question and the facts that it rests on, with their cosines."""
    cache = models.cache / "knowledge.safetensors"
    engine = QnaEngine(
        models.generator,
        models.encoder,
        load_knowledge(),
        cache,
        by_text_only=models.settings.profile != "lite",
    )
    for row in rows:
        sources = [_source(models, row)] if row.passage else engine.find(row.question)
        yield {
            "row": row.row,
            "question": row.question,
            "answer": _complete(engine.answer(row.question, sources, seed=SEED)),
            "sources": [
                {"text": source.text, "score": round(source.score, 4)} for source in sources
            ],
        }


def read_explain(record: Record) -> ExplainRow:
    return ExplainRow(
        record.row,
        record.text("question"),
        record.text("model_answer"),
        record.text("user_answer"),
    )


def explain(models: Models, rows: Sequence[ExplainRow]) -> Iterator[dict[str, Any]]:
    """The grade and the explanation of each answer."""
    bank = {(row.question, row.model_answer): row for row in load_quiz()}
    master = QuizMaster(models.generator, models.encoder, list(bank.values()))
    for row in rows:
        question = bank.get((row.question, row.model_answer)) or _outside_question(row)
        yield {
            "row": row.row,
            "question": row.question,
            "user_answer": row.answer,
            "score": master.grade(question, row.answer),
            "explanation": _complete(master.explain(question, row.answer, seed=SEED)),
        }


def _memories(record: Record) -> tuple[str, ...]:
    """The stored memories of a cell: one or several "[key: value]"."""
    text = record.cells["memory"]
    parts = _MEMORIES.findall(text)
    found = [parse_memory(part) for part in parts or [text]]
    if None in found or (parts and _MEMORIES.sub("", text).strip(" ,;")):
        raise record.wrong(
            "memory",
            f"'{text[:40]}' 은(는) 기억의 형식이 아니에요. 예: [내일 일정: 친구랑 카페 방문]",
            f"'{text[:40]}' is not a memory. Example: [내일 일정: 친구랑 카페 방문]",
        )
    return tuple(memory for memory in found if memory)


def _now(record: Record) -> datetime | None:
    """The time of a cell: ISO, or a day and its part such as "토요일 오후"."""
    text = record.cells["now"]
    if not text:
        return None
    if label := _DAY_LABEL.fullmatch(text):
        return _MONDAY + timedelta(days=WEEKDAYS.index(label[1]), hours=_HOURS[label[2]])
    day, _, hour = text.replace("T", " ").partition(" ")
    hour = f"0{hour}" if hour[1:2] == ":" else hour  # spreadsheets write 9:05
    try:
        return datetime.fromisoformat(f"{day} {hour}")
    except ValueError:
        raise record.wrong(
            "now",
            f"'{text[:40]}' 은(는) 시각이 아니에요. 예: 2025-07-05 14:30 또는 토요일 오후",
            f"'{text[:40]}' is not a time. Examples: 2025-07-05 14:30 or 토요일 오후",
        ) from None


def _in_zone(time: datetime, zone: tzinfo) -> datetime:
    """A time in the zone of the settings; one without a zone is meant to be local."""
    return time.astimezone(zone) if time.tzinfo else time.replace(tzinfo=zone)


def _source(models: Models, row: QnaRow) -> Source:
    passage = neutralise(row.passage)
    question = neutralise(row.question)
    cosine = models.encoder.similarity(SentenceTask.QNA, question, [passage])[0]
    return Source(passage, float(cosine))


def _outside_question(row: ExplainRow) -> QuizRow:
    """A question that is not in our bank: no graded answers, which a row of ours must have."""
    return QuizRow.model_construct(
        id="",
        topic="",
        question=neutralise(row.question),
        keywords=[],
        key_points=[],
        model_answer=neutralise(row.model_answer),
        samples=[],
    )


def _complete(texts: Iterable[ReplyText]) -> str:
    """The last text of a growing one."""
    *_, last = texts
    return last.text
