"""The Chat tab: dialogue, example prompts, and the drawer of her memories."""

from __future__ import annotations

import json
from html import escape
from typing import Any

import gradio as gr

from ohlora_core.events import Notice
from ohlora_core.session import Session
from ohlora_core.web.assets import static_text
from ohlora_core.web.dialogue import DialogueLog, dialogue_view
from ohlora_core.web.input_row import clear_button, input_row, wire_clear
from ohlora_core.web.texts import EXAMPLE_PROMPTS, TEXTS, both
from ohlora_core.web.turn import Page, Part, Start, TurnPart, quiet

__all__ = ["build_chat_tab"]

TAB = "chat"


def build_chat_tab(page: Page) -> Part:
    """Lay out and connect the tab."""
    settings = page.core.settings
    log = dialogue_view(
        "chat-log", empty="chat.empty", idle_s=(settings.idle_s, settings.idle_extra_mean_s)
    )
    with gr.Row(elem_classes="examples"):
        examples = [gr.Button(prompt, size="sm", min_width=0) for prompt in EXAMPLE_PROMPTS]
        clear = clear_button(page, TAB)
    row = input_row(page, TAB)
    with page.labels(gr.Accordion, {"label": "memory.drawer"}, open=False, elem_id="memories"):
        memories = _memories_view()

    def refresh(session: Session, log: DialogueLog) -> list[Any]:
        return [_memories(session)]

    def restore(session: Session) -> list[Any]:
        shown = DialogueLog.of_turns(session.history(TAB))
        block = session.block_notice()
        if block:
            shown.notice(block)
        return [shown.dump(), *refresh(session, shown)]

    turn = TurnPart(
        page,
        TAB,
        log,
        row.box,
        row.stop,
        run=lambda session, text: session.chat(text),
        refresh=refresh,
        panels=[memories],
    )
    typed = Start([row.box.submit, row.send.click])
    turn.wire([typed, *(Start([example.click], example.value) for example in examples)])

    wire_clear(page, TAB, clear, log)
    log.idle(_end_idle, log, log, **quiet)

    def delete(kept: Any, chosen: gr.EventData, request: gr.Request) -> str:
        session = page.session(kept, request)
        session.delete_memory(int(chosen._data["id"]))
        return _memories(session)

    memories.delete(delete, page.browser, memories, **quiet)
    return Part([log, memories], restore)


def _end_idle(shown: str) -> str:
    log = DialogueLog.parse(shown)
    if log.messages:
        log.notice(Notice("info", "idle_end"))
    return log.dump()


def _memories(session: Session) -> str:
    """What the drawer shows, as JSON."""
    return json.dumps(
        [
            {
                "id": memory.id,
                "text": memory.text,
                "created_at": memory.created_at.isoformat(timespec="seconds"),
            }
            for memory in session.memories()
        ],
        ensure_ascii=False,
    )


def _memories_view() -> gr.HTML:
    delete = " / ".join(TEXTS["memory.delete"])
    template = (
        f'<div class="memories"><p class="muted memories-empty">{both("memory.empty")}</p>'
        f'<ul class="memory-list" data-delete-label="{escape(delete)}"></ul>'
        f'<button type="button" class="link-button">{both("memory.export")}</button></div>'
    )
    return gr.HTML(
        "[]",
        html_template=template,
        js_on_load=static_text("memories.js"),
        apply_default_css=False,
    )
