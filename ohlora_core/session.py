"""One user's conversation: admits messages, runs turns, stores what must survive.

Yields events (`ohlora_core.events`); knows nothing of the page. Order of work: system.md section 2,
architecture "A turn, as data".
"""

from __future__ import annotations

import logging
import re
import threading
import unicodedata
from collections.abc import Callable, Iterator
from concurrent.futures import Future
from contextlib import ExitStack, closing, contextmanager
from dataclasses import asdict, dataclass, replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import numpy as np

from ohlora_core.errors import LlmGoneError
from ohlora_core.ethics import EthicsScores, active_block_notice, apply_sanctions
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
from ohlora_core.store import Memory, Transaction, Turn
from ohlora_core.tutor import InterviewState, QuizPick, TopicResult

if TYPE_CHECKING:
    from ohlora_core.core import Core, Performance

__all__ = ["Preferences", "Session", "clean_input"]

logger = logging.getLogger(__name__)

QNA_LIMIT = 300
TUTOR_LIMIT = 1000
BUSY_WAIT_S = 10
CHAT, QNA, QUIZ, INTERVIEW = "chat", "qna", "quiz", "interview"
_INTERVIEW_STATE = "interview"
_PREFERENCES = "preferences"
_FACES = "faces"
_FLAGS = "flags"
_HANGUL = re.compile("[\u1100-\u11ff\u3130-\u318f\uac00-\ud7a3]")
_LATIN_WORD = re.compile("[A-Za-z]{2}")


@dataclass(frozen=True)
class Preferences:
    """What a user chose on the page.

    Attributes:
        face: Number of the face.
        hair: "cycle" (hues run through), "fixed" (one hue) or "natural".
        hue: The hue of "fixed", 0..1.
        animation: Whether her face moves after replies.
    """

    face: int
    hair: str = "cycle"
    hue: float = 0.5
    animation: bool = True


def clean_input(text: str) -> str:
    """User text without control characters, outer spaces trimmed, in NFC."""
    text = unicodedata.normalize("NFC", text)
    kept = (c for c in text if c in "\n\t" or unicodedata.category(c) not in ("Cc", "Cs", "Co"))
    return "".join(kept).strip()


class UserLock:
    """Lets one turn of a user run at a time and the next one wait for its commit."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self.pending: Future[Any] | None = None

    @contextmanager
    def turn(self) -> Iterator[bool]:
        """Whether the turn may run; False if another one still makes its reply."""
        if not self._lock.acquire(timeout=BUSY_WAIT_S):
            yield False
            return
        try:
            if self.pending:
                self.pending.exception()  # waits; the failure was reported by its own turn
            yield True
        finally:
            self._lock.release()


class Session:
    """One user. Cheap to make; all state is in the store.

    Args:
        core: The loaded models and the store.
        user_id: Whose memories, sanctions and progress these are.
    """

    def __init__(self, core: Core, user_id: str) -> None:
        self._core = core
        self.user_id = user_id
        self._lock = core.user_lock(user_id)
        self._rng = np.random.default_rng(core.settings.seed)

    # chat
    def chat(self, text: str) -> Iterator[Event]:
        """One chat turn. Closing the iterator before the reply is done leaves nothing behind."""
        with self._lock.turn() as free:
            if not free:
                yield Notice("error", "busy")
                return
            message = clean_input(text)
            notices, scores = self._admit(message, self._chat_limit(message))
            yield from notices
            if scores is None:
                return
            reply = ""
            turn_input, now = self._read(message), self._core.local_now()
            with self._cancel_on_exit() as cancel:
                held = bool(scores.pending)
                for event in self._core.chat.reply(
                    turn_input, now, seed=self._seed(), cancel=cancel
                ):
                    reply = event.text
                    if not held and not event.done:
                        yield event
            sanction = self._sanction(scores, reply)
            if sanction:
                yield sanction
                if sanction.kind == "block":
                    return

            def finish(show: Callable[[ExpressionChosen], None]) -> TurnDone:
                chat = self._core.chat
                added = chat.expression_and_memory(turn_input, reply, self._rng, show)
                summary = chat.summary(turn_input, reply, self._rng)
                with self._core.store.transaction() as transaction:
                    if added and not transaction.add_memory(self.user_id, added):
                        added = None
                    details = {"memory_used": turn_input.memory_used, "memory_added": added}
                    transaction.add_turn(self.user_id, CHAT, message, reply, summary, details)
                return TurnDone(turn_input.memory_used, added, summary)

            face = self._core.perform(reply, self.preferences(), finish)
            self._lock.pending = face.finished
        with closing(face):
            yield ReplyText(reply, done=True)
            yield from self._korean_only_once(message)
            yield from face.events()

    def _read(self, message: str) -> Any:
        with self._core.store.transaction() as transaction:
            memories = [memory.text for memory in transaction.memories(self.user_id)]
            last = transaction.last_turns(self.user_id, CHAT, 1)
        summary = last[0].summary if last else ""
        return self._core.chat.read(message, memories, summary, self._core.local_now())

    def _chat_limit(self, message: str) -> Notice | None:
        return Notice("error", "too_long") if self._core.is_too_long_for_chat(message) else None

    # ML Q&A
    def qna(self, text: str) -> Iterator[Event]:
        """One question: sources, the growing answer, face, done."""
        question = clean_input(text)

        def work(cancel: threading.Event) -> Iterator[Event]:
            sources = self._core.qna.find(question)
            yield SourcesFound(tuple((source.text, source.score) for source in sources))
            if not sources:
                yield Notice("info", "qna_unmatched")
            yield from self._core.qna.answer(question, sources, seed=self._seed(), cancel=cancel)

        yield from self._tutor_turn(QNA, question, QNA_LIMIT, work)

    # quiz
    def quiz_next(self) -> QuizPick | Notice:
        """The next question, or the notice of a running block."""
        with self._core.store.transaction() as transaction:
            block = self._block(transaction)
            if block:
                return block
            return self._core.quiz.next_question(transaction, self.user_id, self._rng)

    def quiz_answer(self, quiz_id: str, text: str) -> Iterator[Event]:
        """Grade and explain an answer.

        Raises:
            UnknownQuizError: if there is no such question.
        """
        row = self._core.quiz.row(quiz_id)
        answer = clean_input(text)
        graded = QuizGraded(0.0, row.model_answer)

        def work(cancel: threading.Event) -> Iterator[Event]:
            nonlocal graded
            graded = replace(graded, score=self._core.quiz.grade(row, answer))
            yield graded
            yield from self._core.quiz.explain(row, answer, seed=self._seed(), cancel=cancel)

        def store(transaction: Transaction) -> None:
            self._core.quiz.record(
                transaction, self.user_id, quiz_id, "answered", answer, graded.score
            )

        yield from self._tutor_turn(QUIZ, answer, TUTOR_LIMIT, work, store)

    def quiz_set_aside(self, quiz_id: str, *, void: bool) -> None:
        """Skip a question, or take a strange one out of the round.

        Raises:
            UnknownQuizError: if there is no such question.
        """
        status = "void" if void else "skipped"
        with self._core.store.transaction() as transaction:
            self._core.quiz.record(transaction, self.user_id, quiz_id, status)

    def quiz_results(self) -> tuple[list[TopicResult], bool]:
        """Results per topic of the running round, and whether the round is over."""
        with self._core.store.transaction() as transaction:
            results = self._core.quiz.results(transaction, self.user_id)
            return results, self._core.quiz.is_round_over(transaction, self.user_id)

    # interview
    def interview(self, text: str) -> Iterator[Event]:
        """One step; "" starts an interview, or shows where a running one stands."""
        state = self._interview_state()
        if not text.strip():
            yield from self._open_interview(state)
            return
        if state is None:
            state = InterviewState()
        if state.finished:
            yield Notice("info", "interview_over")
            yield _progress(state)
            return
        answer, before = clean_input(text), state

        def work(cancel: threading.Event) -> Iterator[Event]:
            nonlocal state
            judgement = self._core.interviewer.judge(before, answer)
            state = judgement.state
            yield from self._core.interviewer.utter(
                before.topic, answer, judgement, seed=self._seed(), cancel=cancel
            )
            yield _progress(state)

        def store(transaction: Transaction) -> None:
            transaction.set_document(self.user_id, _INTERVIEW_STATE, state.to_json())

        yield from self._tutor_turn(INTERVIEW, answer, TUTOR_LIMIT, work, store)

    def restart_interview(self) -> None:
        """Forget the running interview."""
        with self._core.store.transaction() as transaction:
            transaction.set_document(self.user_id, _INTERVIEW_STATE, None)
            transaction.clear_turns(self.user_id, INTERVIEW)

    def interview_progress(self) -> InterviewProgress | None:
        """Where the stored interview stands, or None."""
        state = self._interview_state()
        return _progress(state) if state else None

    def _interview_state(self) -> InterviewState | None:
        with self._core.store.transaction() as transaction:
            value = transaction.document(self.user_id, _INTERVIEW_STATE)
        return InterviewState.from_json(value) if value else None

    def _open_interview(self, state: InterviewState | None) -> Iterator[Event]:
        if state is not None:
            yield _progress(state)
            last = self.history(INTERVIEW, 1)
            if last:
                yield ReplyText(last[0].reply, done=True)
            return
        state = InterviewState()

        def work(cancel: threading.Event) -> Iterator[Event]:
            yield from self._core.interviewer.open(seed=self._seed(), cancel=cancel)
            yield _progress(state)

        def store(transaction: Transaction) -> None:
            transaction.set_document(self.user_id, _INTERVIEW_STATE, state.to_json())

        yield from self._tutor_turn(INTERVIEW, "", TUTOR_LIMIT, work, store, typed=False)

    # what is stored about the user
    def memories(self) -> list[Memory]:
        with self._core.store.transaction() as transaction:
            return transaction.memories(self.user_id)

    def delete_memory(self, memory_id: int) -> bool:
        with self._core.store.transaction() as transaction:
            return transaction.delete_memory(self.user_id, memory_id)

    def history(self, tab: str, count: int = 50) -> list[Turn]:
        """The newest turns of a tab, oldest first."""
        with self._core.store.transaction() as transaction:
            return transaction.last_turns(self.user_id, tab, count)

    def clear_history(self, tab: str) -> None:
        with self._core.store.transaction() as transaction:
            transaction.clear_turns(self.user_id, tab)

    def forget(self) -> None:
        """Delete everything about the user but the sanctions."""
        with self._core.store.transaction() as transaction:
            transaction.forget(self.user_id)

    def preferences(self) -> Preferences:
        with self._core.store.transaction() as transaction:
            stored = dict(transaction.document(self.user_id, _PREFERENCES) or {})
        faces = stored.pop(_FACES, {})
        stored["face"] = faces.get(self._core.settings.face)
        if stored["face"] not in self._core.face.face_numbers():  # of another version of the models
            stored["face"] = self._core.default_face
        return Preferences(**stored)

    def set_preferences(self, preferences: Preferences) -> None:
        """Remember what the user chose; the face once per family of faces.

        Raises:
            UnknownFaceError: if there is no such face.
        """
        self._core.check_face(preferences.face)
        chosen = asdict(preferences)
        family, face = self._core.settings.face, chosen.pop("face")
        with self._core.store.transaction() as transaction:
            stored = transaction.document(self.user_id, _PREFERENCES) or {}
            chosen[_FACES] = stored.get(_FACES, {}) | {family: face}
            transaction.set_document(self.user_id, _PREFERENCES, chosen)

    def block_notice(self) -> Notice | None:
        """The notice of a running block, or None."""
        with self._core.store.transaction() as transaction:
            return self._block(transaction)

    # shared steps
    def _tutor_turn(
        self,
        tab: str,
        text: str,
        limit: int,
        work: Callable[[threading.Event], Iterator[Event]],
        store: Callable[[Transaction], None] | None = None,
        *,
        typed: bool = True,
    ) -> Iterator[Event]:
        """Admit a text, run `work`, commit, then show the face."""
        with ExitStack() as stage, self._lock.turn() as free:
            if not free:
                yield Notice("error", "busy")
                return
            if typed:
                notices, scores = self._admit(text, _over_limit(text, limit), tutor=True)
                yield from notices
                if scores is None:
                    return
            else:
                block = self.block_notice()
                if block:
                    yield block
                    return
            face: Performance | None = None
            reply, details = "", dict[str, Any]()
            with self._cancel_on_exit() as cancel:
                for event in work(cancel):
                    if isinstance(event, ReplyText):
                        reply = event.text
                        if event.done:
                            face = stage.enter_context(closing(self._express(reply)))
                    elif isinstance(event, SourcesFound):
                        details["sources"] = [
                            [fact, round(score, 2)] for fact, score in event.sources
                        ]
                    elif isinstance(event, QuizGraded):
                        details["grade"] = round(100 * event.score)
                        details["model_answer"] = event.model_answer
                    yield event
            with self._core.store.transaction() as transaction:
                transaction.add_turn(self.user_id, tab, text, reply, details=details)
                if store:
                    store(transaction)
            shown = stage.pop_all()  # the lock is left, her face goes on
        with shown:
            if face:
                try:
                    yield from face.events()
                except LlmGoneError as error:
                    raise LlmGoneError(error.detail, saved=True) from error

    def _admit(
        self, text: str, too_long: Notice | None, *, tutor: bool = False
    ) -> tuple[list[Notice], EthicsScores | None]:
        """Block, length and ethics checks: notices to show, and the scores if the turn goes on."""
        with self._core.store.transaction() as transaction:
            block = self._block(transaction)
        if block:
            return [block], None
        if not text:
            return [Notice("error", "empty")], None
        if too_long:
            return [too_long], None
        scores = self._core.guard.score(text)
        if not tutor and not scores.immediate:
            return [], scores
        notice = self._sanction(scores, None if tutor else "")
        stopped = notice is not None and notice.kind == "block"
        return ([notice] if notice else []), None if stopped else scores

    def _sanction(self, scores: EthicsScores, reply: str | None) -> Notice | None:
        reasons = scores.decided_by(reply)
        if not reasons:
            return None
        logger.info("sanction of %s: %s", self.user_id, sorted(reasons))
        scale = self._core.settings.effective_block_scale
        with self._core.store.transaction() as transaction:
            return apply_sanctions(transaction, self.user_id, reasons, datetime.now(UTC), scale)

    def _block(self, transaction: Transaction) -> Notice | None:
        zone = self._core.settings.time_zone
        return active_block_notice(transaction, self.user_id, datetime.now(UTC), zone)

    def _korean_only_once(self, message: str) -> Iterator[Notice]:
        if _HANGUL.search(message) or not _LATIN_WORD.search(message):
            return
        with self._core.store.transaction() as transaction:
            flags = transaction.document(self.user_id, _FLAGS) or {}
            if flags.get("told_korean"):
                return
            transaction.set_document(self.user_id, _FLAGS, flags | {"told_korean": True})
        yield Notice("info", "korean_only")

    def _express(self, reply: str) -> Performance:
        """Begin what follows a complete reply of which nothing but the expression is wanted."""

        def finish(show: Callable[[ExpressionChosen], None]) -> TurnDone:
            show(self._core.chat.expression(reply, self._rng))
            return TurnDone()

        return self._core.perform(reply, self.preferences(), finish)

    @contextmanager
    def _cancel_on_exit(self) -> Iterator[threading.Event]:
        """An event that is set if the reply is left before it is complete."""
        cancel = threading.Event()
        try:
            yield cancel
        except BaseException:
            cancel.set()
            raise

    def _seed(self) -> int:
        return int(self._rng.integers(2**31))


def _progress(state: InterviewState) -> InterviewProgress:
    return InterviewProgress(
        state.topic, state.passed, state.remaining, state.outcomes, state.finished
    )


def _over_limit(text: str, limit: int) -> Notice | None:
    if len(text) <= limit:
        return None
    return Notice("error", "over_limit", {"limit": limit, "length": len(text)})
