"""Schemas of the content files: what a row must hold to be accepted.

Knows nothing of where the files are (`ohlora_core.content` reads them). Formats: content guide and
sections 2, 3 and 5 of the system description.
"""

from __future__ import annotations

import unicodedata
import zlib
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, StringConstraints, model_validator

Split = Literal["train", "validation", "test"]
Eyes = Literal["작게", "보통", "크게", "아주 크게"]
Mouth = Literal["보통", "크게", "아주 크게"]
Pose = Literal["없음", "보통", "많이"]
# What a message does; decides which reply can fit it whatever it is about.
SpeechAct = Literal[
    "좋은 소식", "즐거움", "설렘", "아픔", "피곤", "슬픔", "화", "걱정", "낭패", "불편", "심심",
    "계획", "근황", "해낸 일", "자기소개", "취향", "불호", "세상 이야기", "농담", "지식 질문",
    "방법 질문", "고민 질문", "추천 요청", "기능 부탁", "놀이 부탁", "의견 질문",
    "오로라 취향 질문", "오로라 질문", "기억 질문", "위로 부탁", "인사", "작별", "고마움", "사과",
    "칭찬", "놀림", "고백", "민감한 말", "긍정", "부정", "짧은 대답", "맞장구", "알 수 없음",
]  # fmt: skip
EthicsCategory = Literal["사랑 고백/만남", "일반", "정치", "패드립", "혐오/기타"]

Text = Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=400)]
MemoryText = Annotated[str, StringConstraints(pattern=r"^\[[^:\[\]]+: [^\[\]]+\]$")]
Score = Annotated[float, Field(ge=0.0, le=1.0)]
TIME_WORDS = ("오늘", "내일", "지금", "요일", "이따", "휴일")


def split_of(text: str) -> Split:
    """The split a text belongs to: about 90% train, 5% validation, 5% test.

    A pure function of the text (spaces and case ignored), so that all rows that share a message
    are always on the same side.
    """
    key = "".join(unicodedata.normalize("NFC", text).lower().split())
    bucket = zlib.crc32(key.encode()) % 100
    if bucket < 5:
        return "test"
    return "validation" if bucket < 10 else "train"


class Row(BaseModel):
    """A content row; unknown keys are errors, so that a typo cannot hide a field."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    def split_key(self) -> str:
        """The text that decides the split."""
        raise TypeError(f"{type(self).__name__} has no split")

    @property
    def split(self) -> Split:
        return split_of(self.split_key())


class DialogueRow(Row):
    """One turn: what the user said, what she answers, remembers and looks like."""

    message: Text
    memory: MemoryText | None = None
    summary: Text | None = None
    now: (
        Annotated[str, StringConstraints(pattern=r"^[월화수목금토일]요일 (오전|오후|저녁)$")] | None
    ) = None
    reply: Text
    broad_reply: Text | None = None  # fits like messages, or other memories of the key, too
    remember: MemoryText | None = None
    new_summary: Text
    eyes: Eyes
    mouth: Mouth
    pose: Pose
    topic: Text
    intent: Text
    act: SpeechAct | None = None

    @model_validator(mode="after")
    def _prefixes_fit(self) -> DialogueRow:
        if self.memory and self.summary:
            raise ValueError("memory and summary are never both given")
        has_time_word = any(word in self.message for word in TIME_WORDS)
        if has_time_word != (self.now is not None):
            raise ValueError("`now` is given exactly if the message has a time word")
        return self

    def split_key(self) -> str:
        return self.message


class CommentRow(Row):
    """What she adds when she says back what a user said, or says instead.

    Attributes:
        act: What the messages do that it fits; of one after a memory None.
        key: Of one after a memory: the key of the memories that it fits.
        after: What stands before it: a statement ("told": "고양이 키우는구나!"), a question that
            the comment goes on with ("asked": "왜 하늘이 파란지"), a thing with a question mark
            ("named": "예쁜 순우리말?"), a memory ("remembered": "감기 얘기했었지!") or nothing
            ("alone").
        message: One that it fits; without one it fits any of the act.
        comment: The text.
    """

    act: SpeechAct | None = None
    key: Text | None = None
    after: Literal["told", "asked", "named", "remembered", "alone"]
    message: Text | None = None
    comment: Text

    @model_validator(mode="after")
    def _fits_something(self) -> CommentRow:
        if (self.act is None) == (self.key is None) or (
            (self.key is not None) != (self.after == "remembered")
        ):
            raise ValueError("a comment has an act, or after a memory the key of it")
        return self

    def split_key(self) -> str:
        return self.message or self.comment


class KnowledgeRow(Row):
    """One machine-learning fact with questions that it answers."""

    id: Text
    term: Text
    text: Text
    aliases: list[Text]
    topic: Text
    level: Literal[1, 2, 3]
    questions: Annotated[list[Text], Field(min_length=2)]
    answer: Text

    def split_key(self) -> str:
        return self.text


class UnmatchedRow(Row):
    """A question that the knowledge base cannot answer, and how she says so."""

    question: Text
    answer: Text

    def split_key(self) -> str:
        return self.question


class GradedAnswer(Row):
    """A student's answer with its grade and explanation."""

    answer: Text
    score: Score
    explanation: Text

    def split_key(self) -> str:
        return self.answer


class QuizRow(Row):
    """One quiz question."""

    id: Text
    topic: Text
    question: Text
    keywords: Annotated[list[Text], Field(min_length=2, max_length=5)]
    key_points: Annotated[list[Text], Field(min_length=1)]
    model_answer: Text
    samples: Annotated[list[GradedAnswer], Field(min_length=4)]

    def split_key(self) -> str:
        return self.question


class InterviewRow(Row):
    """One step of the mock interview; `user_answer` is null for openings."""

    topic: Text
    user_answer: Text | None
    success: Text | None
    remaining: list[Text]
    next: Text
    utterance: Text

    def split_key(self) -> str:
        return self.user_answer or self.utterance


class EthicsRow(Row):
    """A sentence with its ethics category."""

    text: Text
    category: EthicsCategory

    def split_key(self) -> str:
        return self.text


class MemoryPairRow(Row):
    """A stored memory, a message, and how much the message is about the memory."""

    memory: MemoryText
    message: Text
    similarity: Score

    def split_key(self) -> str:
        return self.message


class MeantKeysRow(Row):
    """A message, and the keys of memories that would change what a friend answers to it."""

    message: Text
    keys: Annotated[list[Text], Field(max_length=3)]

    def split_key(self) -> str:
        return self.message
