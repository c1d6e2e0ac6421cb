"""What the tabs share: a dialogue with its buttons, and one turn from the core to the page.

Knows nothing of what a tab asks the core for; each tab hands in a function that yields events.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass
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

__all__ = ["FLUSH_FACE", "Page", "Part", "Start", "TurnPart", "quiet", "render_turn"]

logger = logging.getLogger(__name__)

TURNS_AT_ONCE = 8
ECHO_LIMIT = 1200
FLUSH_FACE = "(...values) => { window.ohlora?.player?.flush(); return values; }"

quiet: dict[str, Any] = {
    "queue": False,
    "show_progress": "hidden",
    "api_visibility": "private",
}
"""Options of events that only move things on the page."""


@dataclass(frozen=True)
class Page:
    """What every part of the page needs.

    Attributes:
        core: Models and store.
        identity: Checks who a browser is.
        labels: Makes components whose texts follow the language.
        browser: What the browser keeps: {"user": token, "lang": language}.
        face: The face panel.
    """

    core: Core
    identity: Identity
    labels: Labels
    browser: gr.BrowserState
    face: gr.HTML

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
        log: The dialogue.
        box: Where the user types.
        stop: The stop button.
        run: Session, text and the values of `extra` to events.
        refresh: Session and dialogue to the values of `panels`.
        panels: Components that change with a turn.
        extra: State that `run` gets besides the text.
    """

    page: Page
    log: gr.HTML
    box: gr.Textbox
    stop: gr.Button
    run: Callable[..., Iterator[Event]]
    refresh: Callable[[Session, DialogueLog], Sequence[Any]] = lambda session, log: ()
    panels: Sequence[Block] = ()
    extra: Sequence[Block] = ()

    def wire(self, starts: Sequence[Start]) -> list[Dependency]:
        """Connect the starts and the stop button; returns the running events, to cancel them."""
        sent = gr.State("")
        turns = [self._wire_start(start, sent) for start in starts]
        for start in starts:
            # Registered after the turn, yet quicker than its first step: it ends the turn before.
            gr.on(list(start.triggers), None, None, None, cancels=turns, **quiet)
        self.stop.click(
            _stop,
            self.log,
            [self.log, self.page.face],
            cancels=turns,
            js=FLUSH_FACE,
            concurrency_limit=None,
            **quiet,
        )
        return turns

    def _wire_start(self, start: Start, sent: gr.State) -> Dependency:
        def begin(typed: str, shown: str) -> tuple[str, str, str]:
            text = typed if start.text is None else start.text
            log = DialogueLog() if start.fresh else DialogueLog.parse(shown)
            log.interrupt()
            if text.strip():
                log.say(text if len(text) <= ECHO_LIMIT else text[:ECHO_LIMIT] + " …")
            log.wait()
            return "" if start.text is None else typed, log.dump(), text

        begun = gr.on(
            list(start.triggers),
            begin,
            [self.box, self.log],
            [self.box, self.log, sent],
            js=FLUSH_FACE,
            concurrency_limit=None,
            trigger_mode="multiple",
            **quiet,
        )
        return begun.then(
            self._turn(start.run or self.run),
            [self.page.browser, sent, self.log, *self.extra],
            [self.log, self.page.face, *self.panels],
            concurrency_limit=TURNS_AT_ONCE,
            trigger_mode="multiple",
            show_progress="hidden",
            api_visibility="private",
        )

    def _turn(
        self, run: Callable[..., Iterator[Event]]
    ) -> Callable[..., Iterator[tuple[Any, ...]]]:
        unchanged = [gr.skip() for _ in self.panels]

        def turn(
            request: gr.Request, kept: Any, text: str, shown: str, *extra: Any
        ) -> Iterator[tuple[Any, ...]]:
            log = DialogueLog.parse(shown)
            try:
                session = self.page.session(kept, request)
                for dialogue, face, changed in render_turn(run(session, text, *extra), log):
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

        return turn


def render_turn(
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


def _stop(shown: str) -> tuple[str, str]:
    log = DialogueLog.parse(shown)
    log.interrupt()
    return log.dump(), stop_message()
