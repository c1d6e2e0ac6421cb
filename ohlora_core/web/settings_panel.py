"""The settings drawer: face, hair, animation, and what is stored about the visitor."""

from __future__ import annotations

import json
from dataclasses import replace
from html import escape
from typing import Any

import gradio as gr

from ohlora_core.errors import UnknownFaceError
from ohlora_core.session import Preferences, Session
from ohlora_core.web.assets import static_text
from ohlora_core.web.face_panel import rest_message, thumbnail_url
from ohlora_core.web.routes import HUE_STEPS, rounded_hue
from ohlora_core.web.texts import TEXTS, both
from ohlora_core.web.turn import Page, Part, quiet

__all__ = ["build_settings_panel"]

DEGREES = 360
COUNTED_TURNS = 100_000


def build_settings_panel(page: Page, opener: gr.Button) -> tuple[Part, gr.Button]:
    """Lay out and connect the drawer; returns it and the button that deletes everything.

    Args:
        opener: The button that opens it.
    """
    labels = page.labels
    with gr.Column(elem_id="settings", elem_classes="drawer"):
        with gr.Row(elem_classes="drawer-head"):
            gr.HTML(f"<h2>{both('settings')}</h2>", apply_default_css=False)
            close = labels(
                gr.Button,
                {"value": "settings.close"},
                size="sm",
                min_width=0,
                elem_classes="quiet",
                elem_id="settings-close",
            )
        gallery = _gallery(page.core.settings.face)
        hair = labels(
            gr.Radio,
            {"label": "settings.hair"},
            choices={name: f"settings.hair.{name}" for name in ("cycle", "fixed", "natural")},
            value="cycle",
            elem_id="settings-hair",
        )
        hue = labels(
            gr.Slider,
            {"label": "settings.hue"},
            minimum=0,
            maximum=DEGREES - DEGREES // HUE_STEPS,
            step=DEGREES // HUE_STEPS,
            value=DEGREES // 2,
            visible=False,
            elem_id="settings-hue",
        )
        animation = labels(
            gr.Checkbox,
            {"label": "settings.animation", "info": "settings.animation.info"},
            value=True,
            elem_id="settings-animation",
        )
        stored = gr.HTML(apply_default_css=False, elem_id="settings-stored")
        with gr.Row():
            forget = labels(
                gr.Button, {"value": "settings.forget"}, size="sm", elem_id="settings-forget"
            )
            confirm = labels(
                gr.Button,
                {"value": "settings.forget.confirm"},
                variant="stop",
                size="sm",
                visible=False,
                elem_id="settings-confirm",
            )

    def restore(session: Session) -> list[Any]:
        chosen = session.preferences()
        return [
            _gallery_value(page, chosen),
            chosen.hair,
            gr.update(value=round(chosen.hue * DEGREES), visible=chosen.hair == "fixed"),
            chosen.animation,
            _stored_html(session),
            gr.update(visible=False),
        ]

    shown = [gallery, hair, hue, animation, stored, confirm]

    def choose_face(kept: Any, chosen: gr.EventData, request: gr.Request) -> list[Any]:
        session = page.session(kept, request)
        preferences = replace(session.preferences(), face=int(chosen._data["face"]))
        try:
            session.set_preferences(preferences)
        except UnknownFaceError as error:  # a page that was loaded before the models changed
            preferences = session.preferences()
            told = {"ko": error.text("ko"), "en": error.text("en")}
            return [_gallery_value(page, preferences, told), *restore(session)[1:], gr.skip()]
        return [*restore(session), rest_message(preferences, page.core.face_version)]

    def choose(
        kept: Any, style: str, degrees: float, moves: bool, request: gr.Request
    ) -> list[Any]:
        session = page.session(kept, request)
        preferences = Preferences(
            session.preferences().face, style, rounded_hue(degrees / DEGREES), moves
        )
        session.set_preferences(preferences)
        return [*restore(session), rest_message(preferences, page.core.face_version)]

    def count_stored(request: gr.Request, kept: Any) -> str:
        return _stored_html(page.session(kept, request))

    gallery.choose(choose_face, page.browser, [*shown, page.face], **quiet)
    gr.on(
        [hair.input, hue.release, animation.input],
        choose,
        [page.browser, hair, hue, animation],
        [*shown, page.face],
        **quiet,
    )
    forget.click(lambda: gr.update(visible=True), None, confirm, **quiet)
    opener.click(
        count_stored,
        page.browser,
        stored,
        js="(...values) => { window.ohlora.drawer(true); return values; }",
        **quiet,
    )
    close.click(None, None, None, js="() => window.ohlora.drawer(false)", **quiet)
    return Part(shown, restore), confirm


def _gallery(family: str) -> gr.HTML:
    template = (
        f'<fieldset class="gallery"><legend>{both("settings.face")} '
        f'<small>{escape(family)} · <span class="gallery-count"></span></small></legend>'
        '<div class="gallery-list"></div><p class="gallery-note" role="alert"></p></fieldset>'
    )
    return gr.HTML(
        "",
        html_template=template,
        js_on_load=static_text("gallery.js"),
        apply_default_css=False,
        elem_id="settings-face",
        face_label=TEXTS["settings.face.number"],
    )


def _gallery_value(page: Page, chosen: Preferences, told: dict[str, str] | None = None) -> str:
    """What the gallery shows, as JSON. told: a message in both languages."""
    version = page.core.face_version
    faces = [
        {"number": number, "url": thumbnail_url(number, version)}
        for number in page.core.face.face_numbers()
    ]
    return json.dumps({"faces": faces, "chosen": chosen.face, "told": told})


def _stored_html(session: Session) -> str:
    turns = sum(
        len(session.history(tab, COUNTED_TURNS)) for tab in ("chat", "qna", "quiz", "interview")
    )
    answered = sum(result.answered for result in session.quiz_results()[0])
    counts = {
        "memories": len(session.memories()),
        "turns": turns,
        "quiz": answered,
        "interview": int(session.interview_progress() is not None),
    }
    rows = "".join(
        f"<li><strong>{count}</strong> {both(f'settings.data.{name}')}</li>"
        for name, count in counts.items()
    )
    return (
        f'<section class="stored"><h3>{both("settings.data")}</h3><ul>{rows}</ul>'
        f'<p class="muted">{both("settings.data.info")}</p></section>'
    )
