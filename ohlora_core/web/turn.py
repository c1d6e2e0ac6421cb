"""What the tabs share: one turn from the core to the page, how it starts and how it is stopped.

Knows nothing of what a tab asks the core for; each tab hands in a function that yields events.
Turns are stopped by a flag on the server: Gradio's `cancels` waits for the running step and then
forgets whichever turn runs by that time, which may be the next one.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass, field
from typing import Any, cast

import gradio as gr
from gradio.blocks import Block
from gradio.events import Dependency

from ohlora_core.core import Core
from ohlora_core.errors import OhLoraError
from ohlora_core.events import Event, ExpressionChosen, FrameBatch, Notice
from ohlora_core.session import Session
from ohlora_core.web.dialogue import DialogueLog
from ohlora_core.web.face_panel import FrameStream, stop_message
from ohlora_core.web.identity import Identity
from ohlora_core.web.labels import Labels

__all__ = ["FLUSH_FACE", "Page", "Part", "RunningTurns", "Start", "TurnPart", "quiet"]

logger = logging.getLogger(__name__)

TURNS_AT_ONCE = 8
ECHO_LIMIT = 1200
FLUSH_FACE = "(...values) => { window.ohlora?.player?.flush(); return values; }"

quiet: dict[str, Any] = {
    "show_progress": "hidden",
    "api_visibility": "private",
    "concurrency_limit": None,
}
"""Options of events that only move things on the page."""


class RunningTurns:
    """The newest turn of each dialogue of each open page. A turn that is no longer it ends."""

    def __init__(self) -> None:
        self._newest: dict[tuple[str, str], int] = {}
        self._count = 0
        self._lock = threading.Lock()

    def begin(self, request: gr.Request, tab: str) -> int:
        """A number for a new turn; the one before ends."""
        with self._lock:
            self._count += 1
            self._newest[_key(request, tab)] = self._count
            return self._count

    def stop(self, request: gr.Request, tab: str) -> None:
        """End the running turn."""
        with self._lock:
            self._newest.pop(_key(request, tab), None)

    def end(self, request: gr.Request, tab: str, turn: int) -> None:
        """Forget a turn that is over."""
        with self._lock:
            if self._newest.get(_key(request, tab)) == turn:
                del self._newest[_key(request, tab)]

    def runs(self, request: gr.Request, tab: str, turn: int) -> bool:
        return self._newest.get(_key(request, tab)) == turn


def _key(request: gr.Request, tab: str) -> tuple[str, str]:
    return str(request.session_hash), tab


@dataclass(frozen=True)
class Page:
    """What every part of the page needs.

    Attributes:
        core: Models and store.
        identity: Checks who a browser is.
        labels: Makes components whose texts follow the language.
        browser: What the browser keeps: {"user": token, "lang": language}.
        face: The face panel.
        turns: The turns that run.
    """

    core: Core
    identity: Identity
    labels: Labels
    browser: gr.BrowserState
    face: gr.HTML
    turns: RunningTurns = field(default_factory=RunningTurns)

    def session(self, kept: object, request: gr.Request | None = None) -> Session:
        """The conversation of a visitor: of the login if there is one, else of the browser.

        Raises:
            UserTokenError: if the browser's token is not one of this server's.
        """
        login = getattr(request, "username", None)
        token = kept.get("user") if isinstance(kept, dict) else None
        user_id = f"login:{login}" if login else self.identity.user_of_token(token)
        return self.core.session(user_id)


@dataclass(frozen=True)
class Part:
    """A part of the page that shows what is stored about a user.

    Attributes:
        outputs: Its components.
        restore: Their values for a session, in the same order.
    """

    outputs: Sequence[Block]
    restore: Callable[[Session], Sequence[Any]]


@dataclass(frozen=True)
class Start:
    """What starts a turn.

    Attributes:
        triggers: Events of components.
        text: What is sent; None: what stands in the box.
        fresh: Whether the dialogue is emptied first.
        run: Session, text and extra inputs to events; None: that of the tab.
    """

    triggers: Sequence[Callable[..., Dependency]]
    text: str | None = None
    fresh: bool = False
    run: Callable[..., Iterator[Event]] | None = None


@dataclass(frozen=True)
class TurnPart:
    """The components of one tab's turn and how they work together.

    Attributes:
        page: The page.
        tab: Name of the tab.
        log: The dialogue.
        box: Where the user types.
        stop: The stop button.
        run: Session, text and the values of `extra` to events.
        refresh: Session and dialogue to the values of `panels`.
        panels: Components that change with a turn.
        extra: State that `run` gets besides the text.
    """

    page: Page
    tab: str
    log: gr.HTML
    box: gr.Textbox
    stop: gr.Button
    run: Callable[..., Iterator[Event]]
    refresh: Callable[[Session, DialogueLog], Sequence[Any]] = lambda session, log: ()
    panels: Sequence[Block] = ()
    extra: Sequence[Block] = ()

    def wire(self, starts: Sequence[Start]) -> None:
        """Connect what starts a turn, and the stop button."""
        for start in starts:
            self._wire_start(start)
        self.stop.click(self._stop, self.log, [self.log, self.page.face], js=FLUSH_FACE, **quiet)

    def _wire_start(self, start: Start) -> None:
        sent: gr.State = gr.State(("", 0))
        gr.on(
            list(start.triggers),
            self._begin(start),
            [self.box, self.log],
            [self.box, self.log, sent],
            js=FLUSH_FACE,
            trigger_mode="multiple",
            **quiet,
        ).then(
            self._turn(start.run or self.run),
            [self.page.browser, sent, self.log, *self.extra],
            [self.log, self.page.face, *self.panels],
            trigger_mode="multiple",
            **(quiet | {"concurrency_limit": TURNS_AT_ONCE}),
        )

    def _begin(self, start: Start) -> Callable[..., tuple[Any, ...]]:
        """Ends the turn before, shows what was said and the sign that she types."""

        def begin(request: gr.Request, typed: str, shown: str) -> tuple[Any, ...]:
            turn = self.page.turns.begin(request, self.tab)
            text = typed if start.text is None else start.text
            log = DialogueLog() if start.fresh else DialogueLog.parse(shown)
            log.interrupt()
            if text.strip():
                log.say(text if len(text) <= ECHO_LIMIT else text[:ECHO_LIMIT] + " …")
            log.wait()
            return "" if start.text is None else gr.skip(), log.dump(), (text, turn)

        return begin

    def _turn(
        self, run: Callable[..., Iterator[Event]]
    ) -> Callable[..., Iterator[tuple[Any, ...]]]:
        """Runs a turn until its end, or until another one is the newest."""
        unchanged = tuple(gr.skip() for _ in self.panels)

        def turn(
            request: gr.Request, kept: Any, sent: tuple[str, int], shown: str, *extra: Any
        ) -> Iterator[tuple[Any, ...]]:
            text, number = sent
            log = DialogueLog.parse(shown)
            try:
                session = self.page.session(kept, request)
                for dialogue, face, changed in _render(run(session, text, *extra), log):
                    if not self.page.turns.runs(request, self.tab, number):
                        yield gr.skip(), gr.skip(), *unchanged
                        return
                    panels = self.refresh(session, log) if changed else unchanged
                    yield dialogue or gr.skip(), face or gr.skip(), *panels
            except OhLoraError as error:
                log.settle()
                log.error(error)
                yield log.dump(), gr.skip(), *unchanged
            except Exception:
                logger.exception("a turn failed")
                log.settle()
                log.notice(Notice("error", "failed"))
                yield log.dump(), gr.skip(), *unchanged
            finally:
                self.page.turns.end(request, self.tab, number)

        return turn

    def _stop(self, request: gr.Request, shown: str) -> tuple[str, str]:
        self.page.turns.stop(request, self.tab)
        log = DialogueLog.parse(shown)
        log.interrupt()
        return log.dump(), stop_message()


def _render(
    events: Iterator[Event], log: DialogueLog
) -> Iterator[tuple[str | None, str | None, bool]]:
    """Events to (dialogue, face message, whether the panels change); None: unchanged."""
    stream = FrameStream()
    streamed = False
    with closing(cast(Any, events)):
        for event in events:
            if isinstance(event, FrameBatch):
                streamed = True
                yield None, stream.frames(event.jpegs), False
            elif isinstance(event, ExpressionChosen):
                yield None, None, True
            elif log.add(event):
                yield log.dump(), None, False
    log.settle()
    yield log.dump(), stream.end() if streamed else None, True
