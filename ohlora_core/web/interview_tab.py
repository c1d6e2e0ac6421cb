"""The Interview tab: the dialogue, where it stands in the list of topics, and the report."""

from __future__ import annotations

import json
from html import escape
from typing import Any

import gradio as gr

from ohlora_core.events import InterviewProgress, Notice
from ohlora_core.messages import Lang
from ohlora_core.session import Session
from ohlora_core.tutor import TOPICS
from ohlora_core.web.assets import static_text
from ohlora_core.web.dialogue import DialogueLog, dialogue_view
from ohlora_core.web.input_row import input_row
from ohlora_core.web.texts import both, text
from ohlora_core.web.turn import FLUSH_FACE, Page, Part, Start, TurnPart, quiet

__all__ = ["build_interview_tab"]

TAB = "interview"
PAUSED = Notice("info", "interview_paused")
HISTORY_TURNS = 100


def build_interview_tab(page: Page) -> Part:
    """Lay out and connect the tab."""
    labels = page.labels
    with gr.Row(elem_classes="interview"):
        with gr.Column(scale=3, min_width=280):
            log = dialogue_view("interview-log", empty="interview.empty")
            row = input_row(page, TAB, visible=False, lines=2)
            with gr.Row(elem_classes="examples"):
                start = labels(
                    gr.Button,
                    {"value": "interview.start"},
                    variant="primary",
                    elem_id="interview-start",
                )
                resume = labels(
                    gr.Button,
                    {"value": "interview.resume"},
                    variant="primary",
                    visible=False,
                    elem_id="interview-resume",
                )
                pause = labels(
                    gr.Button,
                    {"value": "interview.pause"},
                    size="sm",
                    visible=False,
                    elem_id="interview-pause",
                )
                restart = labels(
                    gr.Button,
                    {"value": "interview.restart"},
                    size="sm",
                    visible=False,
                    elem_id="interview-restart",
                    elem_classes="quiet",
                )
        with gr.Column(scale=1, min_width=220):
            progress = _progress_view()
    panels = [row.row, start, resume, pause, restart, progress]

    def refresh(session: Session, log: DialogueLog) -> list[Any]:
        standing = session.interview_progress()
        paused = bool(log.messages) and log.messages[-1].get("key") == PAUSED.key
        running = standing is not None and not standing.finished
        shown = [
            running and not paused,
            standing is None,
            running and paused,
            running and not paused,
            standing is not None,
        ]
        return [*(gr.update(visible=bool(is_shown)) for is_shown in shown), _progress(standing)]

    def restart_and_open(session: Session, text: str) -> Any:
        session.restart_interview()
        yield from session.interview("")

    turn = TurnPart(
        page,
        TAB,
        log,
        row.box,
        row.stop,
        run=lambda session, text: session.interview(text),
        refresh=refresh,
        panels=panels,
    )
    turn.wire(
        [
            Start([row.box.submit, row.send.click]),
            Start([start.click, resume.click], text=""),
            Start([restart.click], text="", fresh=True, run=restart_and_open),
        ]
    )

    def stop_for_now(request: gr.Request, kept: Any, shown: str) -> list[Any]:
        page.turns.stop(request, TAB)
        log = DialogueLog.parse(shown)
        log.settle()
        log.notice(PAUSED)
        return [log.dump(), *refresh(page.session(kept, request), log)]

    pause.click(
        stop_for_now,
        [page.browser, log],
        [log, *panels],
        js=FLUSH_FACE,
        **quiet,
    )

    def restore(session: Session) -> list[Any]:
        """The stored dialogue; a running interview waits to be continued."""
        log = DialogueLog.of_turns(session.history(TAB, HISTORY_TURNS))
        standing = session.interview_progress()
        if standing is not None and not standing.finished:
            log.notice(PAUSED)
        return [log.dump(), *refresh(session, log)]

    return Part([log, *panels], restore)


def _progress_view() -> gr.HTML:
    template = (
        f'<section class="card progress"><p class="eyebrow">{both("interview.progress")}</p>'
        '<div class="progress-list"></div>'
        f'<button type="button" class="link-button">{both("interview.save")}</button></section>'
    )
    return gr.HTML(
        "",
        html_template=template,
        js_on_load=static_text("progress.js"),
        apply_default_css=False,
        elem_id="interview-progress",
    )


def _progress(standing: InterviewProgress | None) -> str:
    """JSON: the list as HTML, and the report (Markdown, per language) once it is over."""
    report = None
    if standing is not None and standing.finished:
        report = {lang: _report(standing, lang) for lang in ("ko", "en")}
    return json.dumps({"html": _topics_html(standing), "report": report}, ensure_ascii=False)


def _topics_html(standing: InterviewProgress | None) -> str:
    rows = []
    for topic in TOPICS:
        state = _state(topic, standing)
        current = ' aria-current="step"' if state == "current" else ""
        rest = ""
        if standing and state == "current" and standing.remaining != (topic,):
            remaining = escape(", ".join(standing.remaining))
            rest = f"<small>{both('interview.remaining')}: {remaining}</small>"
        rows.append(
            f'<li class="{state}"{current}><span>{escape(topic)}{rest}</span>'
            f'<span class="state">{both(f"interview.{state}")}</span></li>'
        )
    return f"<ol>{''.join(rows)}</ol>"


def _state(topic: str, standing: InterviewProgress | None) -> str:
    if standing is None:
        return "open"
    if topic in standing.outcomes:
        return standing.outcomes[topic]
    if topic == standing.topic:
        return "at_once" if standing.finished else "current"
    return "open"


def _report(standing: InterviewProgress, lang: Lang) -> str:
    """The report as Markdown: each topic with its outcome, and how many of each."""
    counts = {
        outcome: sum(value == outcome for value in standing.outcomes.values())
        for outcome in ("at_once", "after_follow_ups", "failed")
    }
    summary = "\n".join(
        f"- {text(f'interview.{outcome}', lang)}: {count}" for outcome, count in counts.items()
    )
    topics = "\n".join(
        f"| {topic} | {text(f'interview.{standing.outcomes[topic]}', lang)} |"
        for topic in TOPICS
        if topic in standing.outcomes
    )
    return f"# {text('interview.report', lang)}\n\n{summary}\n\n| | |\n|---|---|\n{topics}\n"
