"""The dialogue of a tab: what was said, as data, and the component that shows it.

A message is a plain dict. Texts of users and models reach the page as JSON and are set there as
text, never as HTML. What the program says is kept in both languages.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from typing import Any

import gradio as gr

from ohlora_core.errors import OhLoraError
from ohlora_core.events import Event, Notice, QuizGraded, ReplyText, SourcesFound, TurnDone
from ohlora_core.store import Turn
from ohlora_core.web.assets import static_text
from ohlora_core.web.texts import TEXTS, both

__all__ = ["DialogueLog", "dialogue_view"]

MAX_MESSAGES = 200
_LABELS = (
    "you",
    "her",
    "notice",
    "typing",
    "qna.sources",
    "qna.cosine",
    "quiz.score",
    "quiz.score.note",
    "quiz.model_answer",
    "chat.memory_used",
    "chat.memory_added",
)

Message = dict[str, Any]


class DialogueLog:
    """The messages of one dialogue, oldest first.

    Each message has `role` ("user", "her", "notice") and `text` (a string, or `{"ko", "en"}`);
    a notice has `kind` and `key`; hers may have `pending`, `sources`, `grade`, `model_answer`,
    `memory_used` and `memory_added`.
    """

    def __init__(self, messages: Iterable[Message] = ()) -> None:
        self.messages = list(messages)[-MAX_MESSAGES:]

    @classmethod
    def parse(cls, value: object) -> DialogueLog:
        """From what the browser sent back; anything malformed counts as empty."""
        try:
            messages = json.loads(value) if isinstance(value, str) else []
        except ValueError:
            messages = []
        if not isinstance(messages, list):
            messages = []
        return cls(message for message in messages if isinstance(message, dict))

    @classmethod
    def of_turns(cls, turns: Sequence[Turn]) -> DialogueLog:
        """From the stored transcript."""
        log = cls()
        for turn in turns:
            if turn.message:
                log.say(turn.message)
            if turn.reply:
                log.messages.append({"role": "her", "text": turn.reply, **turn.details})
        return log

    def dump(self) -> str:
        return json.dumps(self.messages, ensure_ascii=False)

    def say(self, text: str) -> None:
        """Append what the user said."""
        self.messages.append({"role": "user", "text": text})

    def wait(self) -> None:
        """Append her reply, still empty."""
        self.messages.append({"role": "her", "text": "", "pending": True})

    def notice(self, notice: Notice) -> None:
        """Append a system message; one that comes before her first word stands above her reply."""
        shown = {
            "role": "notice",
            "kind": notice.kind,
            "key": notice.key,
            "text": {"ko": notice.text("ko"), "en": notice.text("en")},
        }
        pending = self._pending()
        empty = pending is not None and not pending["text"]
        self.messages.insert(len(self.messages) - empty, shown)

    def error(self, error: OhLoraError) -> None:
        text = {"ko": error.text("ko"), "en": error.text("en")}
        self.messages.append({"role": "notice", "kind": "error", "text": text})

    def add(self, event: Event) -> bool:
        """Apply an event of the core; whether the dialogue changed."""
        if isinstance(event, Notice):
            self.notice(event)
            return True
        hers = self._hers()
        if hers is None:
            return False
        if isinstance(event, ReplyText):
            hers.update(text=event.text, pending=not event.done)
        elif isinstance(event, SourcesFound):
            hers["sources"] = [[text, round(score, 2)] for text, score in event.sources]
        elif isinstance(event, QuizGraded):
            hers.update(grade=round(100 * event.score), model_answer=event.model_answer)
        elif isinstance(event, TurnDone) and (event.memory_used or event.memory_added):
            hers.update(memory_used=event.memory_used, memory_added=event.memory_added)
        else:
            return False
        return True

    def settle(self) -> bool:
        """End the turn: an unfinished reply disappears; whether there was one."""
        hers = self._pending()
        if hers is None:
            return False
        self.messages.remove(hers)
        return True

    def interrupt(self) -> None:
        """The user stopped: an unfinished reply gives way to a notice."""
        if self.settle():
            self.notice(Notice("info", "interrupted"))

    def _hers(self) -> Message | None:
        replies = (message for message in reversed(self.messages) if message.get("role") == "her")
        return next(replies, None)

    def _pending(self) -> Message | None:
        hers = self._hers()
        return hers if hers and hers.get("pending") else None


def dialogue_view(name: str, *, empty: str, idle_s: tuple[float, float] | None = None) -> gr.HTML:
    """The component that shows a log.

    Args:
        name: Id of the element.
        empty: Key of the text shown while nothing was said; `<key>.hint` is its second line.
        idle_s: Silence after a message, and the mean of the further random delay, in seconds,
            after which the component triggers its `idle` event.
    """
    template = (
        '<div class="dialogue" tabindex="0">'
        f'<div class="dialogue-empty"><strong>{both(empty)}</strong>'
        f"<p>{both(f'{empty}.hint')}</p></div>"
        '<div class="dialogue-log" role="log" aria-live="off"></div>'
        '<div class="sr-only" aria-live="polite" aria-atomic="true"></div></div>'
    )
    return gr.HTML(
        "[]",
        html_template=template,
        js_on_load=static_text("dialogue.js"),
        apply_default_css=False,
        elem_id=name,
        elem_classes="dialogue-box",
        texts={key: TEXTS[key] for key in _LABELS},
        idle_s=list(idle_s) if idle_s else None,
    )
