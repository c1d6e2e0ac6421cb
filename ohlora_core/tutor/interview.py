"""The mock interview: judges an answer, chooses the next topic, lets the model speak.

The state is a small JSON value that the caller stores; nothing here knows users or the page.
"""

from __future__ import annotations

import threading
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass, field, replace
from typing import Any

import numpy as np

from ohlora_core.content import InterviewRow
from ohlora_core.events import ReplyText
from ohlora_core.language import (
    INTERVIEW_OPENING,
    Role,
    TextGenerator,
    interview_prompt,
    neutralise,
)
from ohlora_core.sentence import (
    SentenceEncoder,
    SentenceTask,
    interview_answer_text,
    interview_next_text,
)
from ohlora_core.tutor.interview_track import (
    EITHER,
    END,
    FIXED_NEXT,
    GREETING,
    KEEPS_REMAINING,
    LABELS,
    LAST_WORDS,
    NEEDED,
    TERM_QUESTION,
    TOPICS,
)
from ohlora_core.tutor.speech import nearest_examples, speak

__all__ = [
    "InterviewState",
    "Interviewer",
    "Judgement",
    "label_cosines",
    "next_topic",
    "remaining_after",
]

MAX_FAILURES = 3


@dataclass(frozen=True)
class InterviewState:
    """Where a candidate is.

    Attributes:
        topic: The topic being asked.
        remaining: Needed answers of the topic that are still open.
        passed: Topics that are over, in the order they were.
        outcomes: Topic -> "at_once", "after_follow_ups" or "failed".
        failures: Failed answers in a row on this topic.
        tries: Answers given on this topic.
    """

    topic: str = GREETING
    remaining: tuple[str, ...] = NEEDED[GREETING]
    passed: tuple[str, ...] = ()
    outcomes: dict[str, str] = field(default_factory=dict)
    failures: int = 0
    tries: int = 0

    @property
    def finished(self) -> bool:
        return self.topic == END

    def to_json(self) -> dict[str, Any]:
        return asdict(self) | {"remaining": list(self.remaining), "passed": list(self.passed)}

    @classmethod
    def from_json(cls, value: dict[str, Any]) -> InterviewState:
        lists = {name: tuple(value[name]) for name in ("remaining", "passed")}
        return cls(**(value | lists))


@dataclass(frozen=True)
class Judgement:
    """What an answer achieved: its label, and the state that follows."""

    label: str
    state: InterviewState


def remaining_after(remaining: Sequence[str], label: str) -> tuple[str, ...]:
    """The needed answers that are still open after an answer with this label."""
    if label in KEEPS_REMAINING:
        return tuple(remaining)
    if label in EITHER and label in remaining:
        return ()
    return tuple(answer for answer in remaining if answer != label)


def label_cosines(encoder: SentenceEncoder, state: InterviewState, answer: str) -> np.ndarray:
    """[27] cosine of an answer (control marks neutralised) with each of `LABELS` (S-BERT #1)."""
    text = interview_answer_text(state.topic, answer, state.remaining)
    return encoder.similarity(SentenceTask.INTERVIEW_ANSWER, text, list(LABELS))


def next_topic(encoder: SentenceEncoder, state: InterviewState, answer: str, solved: bool) -> str:
    """The next topic among the current one and those not yet passed (S-BERT #2).

    Args:
        state: With what still remains after the answer.
        answer: The answer, control marks neutralised.
        solved: The topic is over, so it is no candidate.
    """
    topic = state.topic
    if topic == LAST_WORDS:
        return END
    if topic in FIXED_NEXT:
        return FIXED_NEXT[topic]
    later = [other for other in TOPICS if other not in (*state.passed, topic, END)]
    if state.failures >= MAX_FAILURES:
        following = TOPICS[TOPICS.index(topic) + 1 :]
        return next((other for other in following if other in later), later[0])
    candidates = later if solved else [topic, *later]
    text = interview_next_text(topic, answer, state.remaining)
    cosines = encoder.similarity(SentenceTask.INTERVIEW_NEXT, text, candidates)
    return candidates[int(np.argmax(cosines))]


class Interviewer:
    """Runs one step of an interview at a time.

    Args:
        rows: Interview steps; a small model reads similar ones before it speaks.
    """

    def __init__(
        self,
        generator: TextGenerator,
        encoder: SentenceEncoder,
        rows: Sequence[InterviewRow] = (),
    ) -> None:
        self._generator = generator
        self._encoder = encoder
        self._rows = [row for row in rows if row.split == "train"]

    def open(self, **options: Any) -> Iterator[ReplyText]:
        """The growing opening utterance; options as of `utter`."""
        openings = [row.utterance for row in self._rows if row.user_answer is None]
        shown = [(INTERVIEW_OPENING, line) for line in openings[: self._generator.example_count]]
        return self._speak(interview_prompt(examples=shown), **options)

    def judge(self, state: InterviewState, answer: str) -> Judgement:
        """Label an answer (S-BERT #1) and choose the next topic (S-BERT #2)."""
        answer = neutralise(answer)
        label = LABELS[int(np.argmax(label_cosines(self._encoder, state, answer)))]
        remaining = remaining_after(state.remaining, label)
        progressed = remaining != state.remaining or label == state.topic
        failures = 0 if progressed else state.failures + (label != TERM_QUESTION)
        judged = replace(state, remaining=remaining, failures=failures, tries=state.tries + 1)
        solved = not remaining or label == state.topic
        following = next_topic(self._encoder, judged, answer, solved)
        return Judgement(label, _moved(judged, following, solved))

    def utter(
        self,
        topic: str,
        answer: str,
        judgement: Judgement,
        *,
        seed: int | None = None,
        cancel: threading.Event | None = None,
    ) -> Iterator[ReplyText]:
        """What she says after an answer on `topic`, growing."""
        label = None if topic == GREETING else judgement.label
        answer, following = neutralise(answer), judgement.state.topic
        shown = self._similar_steps(topic, answer, judgement.label, following)
        prompt = interview_prompt(topic, answer, label, following, shown)
        return self._speak(prompt, seed=seed, cancel=cancel)

    def _similar_steps(
        self, topic: str, answer: str, label: str, following: str
    ) -> list[tuple[str, str]]:
        """(answer, her line) of the nearest steps with the same outcome, nearest last."""
        steps = [
            (row.user_answer, row.utterance)
            for row in self._rows
            if row.user_answer and (row.topic, row.success, row.next) == (topic, label, following)
        ]
        count = self._generator.example_count
        return nearest_examples(self._encoder, SentenceTask.RETRIEVAL, answer, steps, count)

    def _speak(
        self, prompt: str, seed: int | None = None, cancel: threading.Event | None = None
    ) -> Iterator[ReplyText]:
        return speak(self._generator, Role.INTERVIEW, prompt, seed=seed, cancel=cancel)


def _moved(state: InterviewState, topic: str, solved: bool) -> InterviewState:
    """The state after the answer: the same topic again, or the start of another."""
    if topic == state.topic:
        return state
    outcome = "failed"
    if solved:
        outcome = "at_once" if state.tries == 1 else "after_follow_ups"
    return InterviewState(
        topic=topic,
        remaining=NEEDED[topic],
        passed=(*state.passed, state.topic),
        outcomes=state.outcomes | {state.topic: outcome},
    )
