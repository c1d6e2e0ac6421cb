"""The named API for gradio_client and MCP: the same turns, limits and ethics as the page.

Texts come in the language of the settings. Errors of the caller are raised as `gr.Error`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import asdict
from functools import wraps
from typing import Any, ParamSpec, TypeVar

import gradio as gr
import numpy as np

from ohlora_core.core import Core
from ohlora_core.errors import OhLoraError, UnknownFaceError
from ohlora_core.events import (
    Event,
    ExpressionChosen,
    InterviewProgress,
    Notice,
    QuizGraded,
    ReplyText,
    SourcesFound,
    TurnDone,
)
from ohlora_core.face import BASE
from ohlora_core.face.animation import LIMITS, clip
from ohlora_core.session import Preferences, Session
from ohlora_core.web.identity import Identity

__all__ = ["add_api"]

CALLS_AT_ONCE = 4
P = ParamSpec("P")
R = TypeVar("R")


def add_api(core: Core, identity: Identity) -> None:
    """Add the endpoints to the Blocks that is being built."""
    lang = core.settings.lang
    calls = _Calls(core, identity)
    for call in (
        calls.chat,
        calls.qna,
        calls.quiz_next,
        calls.quiz_answer,
        calls.interview,
        calls.memories,
        calls.forget,
        calls.health,
        calls.session,
    ):
        gr.api(_told_in(lang, call), api_name=call.__name__, concurrency_limit=CALLS_AT_ONCE)
    rest = (BASE.eyes, BASE.mouth, BASE.pose)
    scores = [gr.Number(value, visible=False) for value in (*rest, None, None)]
    picture = gr.Image(format="png", visible=False)
    gr.Button(visible=False).click(
        _told_in(lang, calls.face),
        scores,
        picture,
        api_name="face",
        concurrency_limit=CALLS_AT_ONCE,
    )


class _Calls:
    """One method per endpoint; the docstrings are the API's documentation."""

    def __init__(self, core: Core, identity: Identity) -> None:
        self._core = core
        self._identity = identity
        self._lang = core.settings.lang

    def chat(self, message: str, user: str) -> dict[str, Any]:
        """Say something to Oh-LoRA; she answers in Korean and may remember it."""
        turn = _Collected(self._session(user).chat(message), self._lang)
        done = turn.last(TurnDone) or TurnDone()
        return {
            "reply": turn.reply,
            "expression": turn.expression,
            "notices": turn.notices,
            "memory_used": done.memory_used,
            "memory_added": done.memory_added,
            "summary": done.summary,
            "frames": done.frames,
        }

    def qna(self, question: str, user: str) -> dict[str, Any]:
        """Ask a question about machine learning."""
        turn = _Collected(self._session(user).qna(question), self._lang)
        found = turn.last(SourcesFound) or SourcesFound(())
        return {
            "answer": turn.reply,
            "sources": [{"text": text, "score": score} for text, score in found.sources],
            "matched": found.matched,
            "notices": turn.notices,
        }

    def quiz_next(self, user: str) -> dict[str, Any]:
        """The next quiz question for a user, and why it was chosen."""
        pick = self._session(user).quiz_next()
        if isinstance(pick, Notice):
            raise gr.Error(pick.text(self._lang), print_exception=False)
        return {
            "id": pick.row.id,
            "question": pick.row.question,
            "keywords": list(pick.row.keywords),
            "reason": pick.reason.text(self._lang),
        }

    def quiz_answer(self, id: str, answer: str, user: str) -> dict[str, Any]:
        """Grade (0..1) and explain an answer to a quiz question."""
        turn = _Collected(self._session(user).quiz_answer(id, answer), self._lang)
        graded = turn.last(QuizGraded)
        return {
            "score": graded.score if graded else None,
            "explanation": turn.reply,
            "model_answer": graded.model_answer if graded else None,
            "notices": turn.notices,
        }

    def interview(self, message: str, user: str) -> dict[str, Any]:
        """One step of the mock interview; an empty message starts or resumes it."""
        session = self._session(user)
        turn = _Collected(session.interview(message), self._lang)
        standing = turn.last(InterviewProgress) or session.interview_progress()
        return {
            "utterance": turn.reply,
            "topic": standing.topic if standing else None,
            "passed": list(standing.passed) if standing else [],
            "remaining": list(standing.remaining) if standing else [],
            "finished": bool(standing and standing.finished),
            "notices": turn.notices,
        }

    def memories(self, user: str) -> list[dict[str, Any]]:
        """What Oh-LoRA remembers about a user."""
        return [
            {
                "id": memory.id,
                "text": memory.text,
                "created_at": memory.created_at.isoformat(timespec="seconds"),
            }
            for memory in self._session(user).memories()
        ]

    def forget(self, user: str) -> dict[str, Any]:
        """Delete everything that is stored about a user but the record of blocks."""
        self._session(user).forget()
        return {"forgotten": True}

    def face(
        self,
        eyes: float | None = None,
        mouth: float | None = None,
        pose: float | None = None,
        face: float | None = None,
        hue: float | None = None,
    ) -> np.ndarray:
        """A picture of a face. Smaller scores: eyes wider, mouth wider, head turned more.

        Args:
            eyes: -1.5 to 1.5; at rest, and by default, 0.2.
            mouth: -1.8 to 1.8; closed, and by default, 1.0.
            pose: -1.8 to 0.6; frontal, and by default, 0.
            face: Number of an offered face; by default the one a new user sees.
            hue: Colour of the hair, 0 to 1; by default the hair is natural.
        """
        at_rest = asdict(BASE)
        given = {"eyes": eyes, "mouth": mouth, "pose": pose}
        scores = {
            name: clip(name, at_rest[name] if value is None else value, *LIMITS[name])
            for name, value in given.items()
        }
        hair = "natural" if hue is None else "fixed"
        preferences = Preferences(
            self._face_number(face), hair, clip("hue", 0 if hue is None else hue, 0, 1)
        )
        return self._core.picture(preferences, **scores)

    def _face_number(self, face: float | None) -> int:
        """Raises UnknownFaceError, which lists the valid numbers, if it is not one of them."""
        if face is None:
            return self._core.default_face
        valid = self._core.face.face_numbers()
        if face not in valid:
            raise UnknownFaceError(face, valid)
        return int(face)

    def health(self) -> dict[str, Any]:
        """What runs here."""
        return self._core.health()

    def session(self) -> dict[str, Any]:
        """A token of a new user, to be passed as `user`."""
        return {"user": self._identity.issue()}

    def _session(self, user: str) -> Session:
        return self._core.session(self._identity.user_of_caller(user))


class _Collected:
    """All events of a turn, run to its end."""

    def __init__(self, events: Iterator[Event], lang: Any) -> None:
        self._latest: dict[type, Any] = {}
        self.notices: list[str] = []
        for event in events:
            if isinstance(event, Notice):
                self.notices.append(event.text(lang))
            else:
                self._latest[type(event)] = event

    def last(self, kind: type[R]) -> R | None:
        return self._latest.get(kind)

    @property
    def reply(self) -> str:
        reply = self.last(ReplyText)
        return reply.text if reply and reply.done else ""

    @property
    def expression(self) -> dict[str, float] | None:
        chosen = self.last(ExpressionChosen)
        if chosen is None:
            return None
        return {"eyes": chosen.eyes, "mouth": chosen.mouth, "pose": chosen.pose}


def _told_in(lang: Any, call: Callable[P, R]) -> Callable[P, R]:
    """The call with its `OhLoraError`s told to the caller."""

    @wraps(call)
    def told(*args: P.args, **kwargs: P.kwargs) -> R:
        try:
            return call(*args, **kwargs)
        except OhLoraError as error:
            raise gr.Error(error.text(lang), print_exception=False) from error

    return told
