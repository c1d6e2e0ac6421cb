"""The ML Q&A tab: a question, her answer, and the facts that it rests on."""

from __future__ import annotations

from typing import Any

import gradio as gr

from ohlora_core.session import Session
from ohlora_core.web.dialogue import DialogueLog, dialogue_view
from ohlora_core.web.input_row import clear_button, input_row, wire_clear
from ohlora_core.web.texts import EXAMPLE_QUESTIONS
from ohlora_core.web.turn import Page, Part, Start, TurnPart

__all__ = ["build_qna_tab"]

TAB = "qna"


def build_qna_tab(page: Page) -> Part:
    """Lay out and connect the tab."""
    log = dialogue_view("qna-log", empty="qna.empty")
    with gr.Row(elem_classes="examples"):
        examples = [gr.Button(question, size="sm", min_width=0) for question in EXAMPLE_QUESTIONS]
        clear = clear_button(page, TAB)
    row = input_row(page, TAB)
    turn = TurnPart(page, TAB, log, row.box, row.stop, run=lambda session, text: session.qna(text))
    typed = Start([row.box.submit, row.send.click])
    turn.wire([typed, *(Start([example.click], example.value) for example in examples)])

    wire_clear(page, TAB, clear, log)

    def restore(session: Session) -> list[Any]:
        return [DialogueLog.of_turns(session.history(TAB)).dump()]

    return Part([log], restore)
