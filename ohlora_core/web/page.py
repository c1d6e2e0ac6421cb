"""The page: header, face, tabs and settings, and what happens when a visitor arrives."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any, cast

import gradio as gr

from ohlora_core.core import Core
from ohlora_core.errors import UserTokenError
from ohlora_core.messages import Lang
from ohlora_core.session import Session
from ohlora_core.web.api import add_api
from ohlora_core.web.chat_tab import build_chat_tab
from ohlora_core.web.face_panel import face_panel, rest_message
from ohlora_core.web.identity import Identity
from ohlora_core.web.interview_tab import build_interview_tab
from ohlora_core.web.labels import Labels
from ohlora_core.web.qna_tab import build_qna_tab
from ohlora_core.web.quiz_tab import build_quiz_tab
from ohlora_core.web.settings_panel import build_settings_panel
from ohlora_core.web.texts import both
from ohlora_core.web.turn import Page, Part, quiet

__all__ = ["build_page"]

_TABS = {
    "chat": build_chat_tab,
    "qna": build_qna_tab,
    "quiz": build_quiz_tab,
    "interview": build_interview_tab,
}
_ARRIVE = "(...values) => { values[1] = window.ohlora.prefersStill(); return values; }"
_SET_LANGUAGE = "(...values) => { window.ohlora.language(values[0]); return values; }"


def build_page(core: Core, identity: Identity) -> gr.Blocks:
    """The whole page and its API, ready to be launched."""
    settings = core.settings
    with gr.Blocks(title="Oh-LoRA 오로라", analytics_enabled=False, fill_width=True) as blocks:
        labels = Labels(settings.lang)
        browser = gr.BrowserState(None, storage_key="ohlora", secret=identity.key("browser"))
        language, opener = _header(core, labels)
        with gr.Row(elem_id="stage"):
            with gr.Column(elem_id="side", scale=0, min_width=280):
                face = face_panel()
            page = Page(core, identity, labels, browser, face)
            with gr.Column(elem_id="rooms", scale=1, min_width=300):
                parts = _tabs(page)
        drawer, forget = build_settings_panel(page, opener)
        parts.append(drawer)
        _wire(page, parts, language, blocks, forget)
        add_api(core, identity)
    return blocks


def _header(core: Core, labels: Labels) -> tuple[gr.Radio, gr.Button]:
    settings = core.settings
    models = (
        f"{both('models.profile')} <b>{settings.profile}</b> · {both('models.face')} "
        f'<b>{settings.face} <span class="face-number">#{core.default_face}</span></b>'
    )
    note = ""
    if core.lack:
        why = both(f"models.lack.{core.lack}", profile=settings.profile)
        note = f'<p class="muted" id="lack">{why}</p>'
    with gr.Row(elem_id="header"):
        gr.HTML(
            '<div class="brand"><span class="brand-mark" aria-hidden="true"></span>'
            f'<div><h1>오로라 <span lang="en">Oh-LoRA</span></h1><p class="muted">{models}</p>'
            f"{note}</div></div>",
            apply_default_css=False,
        )
        language = labels(
            gr.Radio,
            {"label": "language"},
            choices={"ko": "language.ko", "en": "language.en"},
            value=core.settings.lang,
            show_label=False,
            container=False,
            min_width=0,
            elem_id="language",
        )
        opener = labels(
            gr.Button, {"value": "settings"}, size="sm", min_width=0, elem_id="settings-open"
        )
    return language, opener


def _tabs(page: Page) -> list[Part]:
    parts = []
    with gr.Tabs(elem_id="tabs"):
        for name, build in _TABS.items():
            with page.labels(gr.Tab, {"label": f"tab.{name}"}, id=name, elem_id=f"tab-{name}"):
                parts.append(build(page))
    return parts


def _wire(
    page: Page, parts: Sequence[Part], language: gr.Radio, blocks: gr.Blocks, forget: gr.Button
) -> None:
    outputs = [component for part in parts for component in part.outputs]
    prefers_still = gr.Checkbox(False, visible=False)

    def show(session: Session) -> list[Any]:
        shown = [value for part in parts for value in part.restore(session)]
        return [rest_message(session.preferences(), page.core.face_version), *shown]

    def arrive(kept: Any, still: bool, request: gr.Request) -> list[Any]:
        kept = dict(kept) if isinstance(kept, dict) else {}
        try:
            session = page.session(kept, request)
        except UserTokenError:
            kept["user"] = page.identity.issue()
            session = page.session(kept, request)
            if still:
                session.set_preferences(replace(session.preferences(), animation=False))
        lang = kept.get("lang") or page.core.settings.lang
        return [kept, lang, *show(session)]

    def forget_all(kept: Any, request: gr.Request) -> list[Any]:
        session = page.session(kept, request)
        session.forget()
        return show(session)

    def relabel(lang: str, kept: Any) -> list[Any]:
        kept = dict(kept) if isinstance(kept, dict) else {}
        return [kept | {"lang": lang}, *page.labels.updates(cast(Lang, lang))]

    blocks.load(
        arrive,
        [page.browser, prefers_still],
        [page.browser, language, page.face, *outputs],
        js=_ARRIVE,
        **quiet,
    ).then(None, language, None, js=_SET_LANGUAGE, **quiet)
    forget.click(forget_all, page.browser, [page.face, *outputs], **quiet)
    language.change(
        relabel,
        [language, page.browser],
        [page.browser, *page.labels.components],
        js=_SET_LANGUAGE,
        **quiet,
    )
