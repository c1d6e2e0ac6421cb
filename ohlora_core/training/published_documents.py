"""Content files as prompts and answers of the published language models: nothing retrieved before.

Reads a content folder of the same layout as `ohlora_core/content`; knows nothing of tokens.
"""

from __future__ import annotations

from pathlib import Path

from ohlora_core.chat.examples import expression_of
from ohlora_core.content import (
    DialogueRow,
    InterviewRow,
    KnowledgeRow,
    QuizRow,
    Split,
    UnmatchedRow,
    read_rows,
)
from ohlora_core.errors import TrainingDataError
from ohlora_core.language import prompts
from ohlora_core.language.roles import Role
from ohlora_core.training.language_tasks import Document, asked, final_of

__all__ = ["documents_of"]

FILES = {
    Role.QNA: "knowledge/*.jsonl, unmatched.jsonl",
    Role.QUIZ: "quiz/*.jsonl",
    Role.INTERVIEW: "interview/*.jsonl",
}
GREETING = "면접 시작 인사"


def documents_of(role: Role, folder: Path, split: Split) -> list[Document]:
    """All documents of a role in one split: a prompt and the answer to be learnt.

    Args:
        role: The role.
        folder: Holds dialogues/, knowledge/ and unmatched.jsonl, quiz/, interview/, whichever the
            role needs.
        split: "train", "validation" or "test".

    Raises:
        ContentError: with file and line, if a row does not fit its schema.
        TrainingDataError: if there is no row to train on.
    """
    match role:
        case Role.QNA:
            found = _questions(folder, split)
        case Role.QUIZ:
            found = _explanations(folder, split)
        case Role.INTERVIEW:
            rows = read_rows(folder / "interview", InterviewRow)
            found = [_utterance(row) for row in rows if row.split == split]
        case _:
            turns = read_rows(folder / "dialogues", DialogueRow)
            found = [_turn(role, row) for row in turns if row.split == split]
    if split == "train" and not found:
        files = FILES.get(role, "dialogues/*.jsonl")
        raise TrainingDataError(
            f"{role} 학습에 쓸 자료가 {folder} 에 없어요. 필요한 파일: {files}",
            f"{folder} has nothing to train {role} on. Needed: {files}",
        )
    return found


def _turn(role: Role, row: DialogueRow) -> Document:
    match role:
        case Role.MEMORY:
            return asked(prompts.memory_prompt(final_of(row)), row.remember or "", role)
        case Role.SUMMARY:
            return asked(prompts.summary_prompt(final_of(row), row.reply), row.new_summary, role)
        case Role.EYES_MOUTH_POSE:
            return asked(prompts.expression_prompt(row.reply), expression_of(row), role)
        case _:
            return asked(prompts.reply_prompt(final_of(row)), row.reply, role)


def _questions(folder: Path, split: Split) -> list[Document]:
    facts = [row for row in read_rows(folder / "knowledge", KnowledgeRow) if row.split == split]
    others = read_rows(folder, UnmatchedRow, "unmatched.jsonl")
    return [
        asked(prompts.qna_prompt(row.text, question), row.answer, Role.QNA)
        for row in facts
        for question in row.questions
    ] + [
        asked(prompts.qna_prompt(None, row.question), row.answer, Role.QNA)
        for row in others
        if row.split == split
    ]


def _explanations(folder: Path, split: Split) -> list[Document]:
    return [
        asked(
            prompts.quiz_prompt(row.question, row.model_answer, sample.answer),
            sample.explanation,
            Role.QUIZ,
        )
        for row in read_rows(folder / "quiz", QuizRow)
        for sample in row.samples
        if sample.split == split
    ]


def _utterance(row: InterviewRow) -> Document:
    if row.user_answer is None:
        return asked(prompts.interview_prompt(), row.utterance, Role.INTERVIEW)
    success = None if row.topic == GREETING else row.success
    prompt = prompts.interview_prompt(row.topic, row.user_answer, success, row.next)
    return asked(prompt, row.utterance, Role.INTERVIEW)
