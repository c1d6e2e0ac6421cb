"""The row where a user types: box, send and stop, and a clear button where a tab wants one."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import gradio as gr

from ohlora_core.web.dialogue import DialogueLog
from ohlora_core.web.turn import FLUSH_FACE, Page, quiet

__all__ = ["InputRow", "clear_button", "input_row", "wire_clear"]


@dataclass(frozen=True)
class InputRow:
    """The components of the row."""

    row: gr.Row
    box: gr.Textbox
    send: gr.Button
    stop: gr.Button


def input_row(page: Page, tab: str, *, send: str = "send", lines: int = 1, **row: Any) -> InputRow:
    """Lay out the row of a tab.

    Args:
        tab: Its name; the catalogue has "<tab>.box" and "<tab>.placeholder".
        send: Catalogue key of the send button.
        lines: Height of the box; with one line Enter sends, with more Shift+Enter does.
        row: Options of the row.
    """
    with gr.Row(elem_classes="input-row", **row) as made:
        box = page.labels(
            gr.Textbox,
            {"label": f"{tab}.box", "placeholder": f"{tab}.placeholder"},
            lines=lines,
            max_lines=max(lines, 5),
            container=False,
            show_label=False,
            scale=1,
            min_width=0,
            elem_id=f"{tab}-box",
            html_attributes=gr.InputHTMLAttributes(autocomplete="off"),
        )
        stop = page.labels(
            gr.Button, {"value": "stop"}, min_width=0, elem_id=f"{tab}-stop", elem_classes="stop"
        )
        send_button = page.labels(
            gr.Button, {"value": send}, variant="primary", min_width=0, elem_id=f"{tab}-send"
        )
    return InputRow(made, box, send_button, stop)


def clear_button(page: Page, tab: str) -> gr.Button:
    """A quiet button that clears the dialogue."""
    return page.labels(
        gr.Button,
        {"value": "clear"},
        size="sm",
        min_width=0,
        elem_id=f"{tab}-clear",
        elem_classes="quiet",
    )


def wire_clear(page: Page, tab: str, button: gr.Button, log: gr.HTML) -> None:
    """Connect the button: ends a running turn, forgets the transcript, empties the dialogue."""

    def clear(request: gr.Request, kept: Any) -> str:
        page.turns.stop(request, tab)
        page.session(kept, request).clear_history(tab)
        return DialogueLog().dump()

    button.click(clear, page.browser, log, js=FLUSH_FACE, **quiet)
