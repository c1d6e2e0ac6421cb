"""What a turn consists of, as data: the core yields these, the page and the API render them.

Knows nothing of models or of Gradio.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

from ohlora_core.messages import Lang, message

__all__ = [
    "Event",
    "ExpressionChosen",
    "FrameBatch",
    "InterviewProgress",
    "Notice",
    "QuizGraded",
    "ReplyText",
    "SourcesFound",
    "TurnDone",
]


@dataclass(frozen=True)
class Notice:
    """A system message in the dialogue: warning, block, limit or error.

    Attributes:
        kind: How grave it is.
        key: Key of the message catalogue.
        values: What is filled in; a `Notice` among them is rendered in turn, several are joined.
    """

    kind: Literal["info", "warning", "block", "error"]
    key: str
    values: Mapping[str, Any] = field(default_factory=dict)

    def text(self, lang: Lang = "ko") -> str:
        filled = {name: _render(value, lang) for name, value in self.values.items()}
        return message(self.key, lang, **filled)


def _render(value: Any, lang: Lang) -> Any:
    if isinstance(value, Notice):
        return value.text(lang)
    if isinstance(value, tuple):
        return ", ".join(str(_render(part, lang)) for part in value)
    return value


@dataclass(frozen=True)
class ReplyText:
    """Her reply so far; each one replaces the one before. `done`: it is complete."""

    text: str
    done: bool = False


@dataclass(frozen=True)
class ExpressionChosen:
    """The expression of a reply: the three labels and their scores (negated, system.md 2.6)."""

    labels: tuple[str, str, str]
    eyes: float
    mouth: float
    pose: float


@dataclass(frozen=True)
class FrameBatch:
    """Consecutive frames, each a JPEG of 256 x 256."""

    jpegs: tuple[bytes, ...]


@dataclass(frozen=True)
class TurnDone:
    """The turn is committed.

    Attributes:
        memory_used: The memory text that went into the prompt, if any.
        memory_added: The memory text that was stored, if any.
        summary: The summary of this turn; "" if none was accepted.
        frames: How many frames were yielded.
    """

    memory_used: str | None = None
    memory_added: str | None = None
    summary: str = ""
    frames: int = 0


@dataclass(frozen=True)
class SourcesFound:
    """The facts that an ML answer rests on: (text, cosine), best first; none: unmatched."""

    sources: tuple[tuple[str, float], ...]

    @property
    def matched(self) -> bool:
        return bool(self.sources)


@dataclass(frozen=True)
class QuizGraded:
    """The grade of a quiz answer, 0..1, and the model answer."""

    score: float
    model_answer: str


@dataclass(frozen=True)
class InterviewProgress:
    """Where an interview stands after an answer.

    Attributes:
        topic: The topic that is asked now.
        passed: Topics that are over.
        remaining: Needed answers of the topic that are still open.
        outcomes: Topic -> "at_once", "after_follow_ups" or "failed".
        finished: Whether the interview is over.
    """

    topic: str
    passed: tuple[str, ...]
    remaining: tuple[str, ...]
    outcomes: Mapping[str, str]
    finished: bool


Event = (
    Notice
    | ReplyText
    | ExpressionChosen
    | FrameBatch
    | SourcesFound
    | QuizGraded
    | InterviewProgress
    | TurnDone
)
