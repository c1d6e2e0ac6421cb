"""The Quiz tab: one question at a time, its grade and explanation, and results per topic."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from html import escape
from typing import Any

import gradio as gr

from ohlora_core.events import Event, Notice
from ohlora_core.session import Session
from ohlora_core.tutor import QuizPick, TopicResult
from ohlora_core.web.dialogue import DialogueLog, dialogue_view
from ohlora_core.web.input_row import input_row
from ohlora_core.web.texts import both, in_both
from ohlora_core.web.turn import FLUSH_FACE, Page, Part, Start, TurnPart, quiet

__all__ = ["build_quiz_tab"]

TAB = "quiz"


def build_quiz_tab(page: Page) -> Part:
    """Lay out and connect the tab."""
    labels = page.labels
    asked = gr.State("")
    card = gr.HTML(apply_default_css=False, elem_id="quiz-card")
    log = dialogue_view("quiz-log", empty="quiz.empty")
    row = input_row(page, TAB, send="quiz.submit", lines=3)
    with gr.Row(elem_classes="examples"):
        following = labels(
            gr.Button, {"value": "quiz.next"}, visible=False, size="sm", elem_id="quiz-next"
        )
        skip = labels(gr.Button, {"value": "quiz.skip"}, size="sm", elem_id="quiz-skip")
        void = labels(
            gr.Button, {"value": "quiz.void"}, size="sm", elem_id="quiz-void", elem_classes="quiet"
        )
    with labels(gr.Accordion, {"label": "quiz.results"}, open=False):
        results = gr.HTML(apply_default_css=False, elem_id="quiz-results")
    panels = [row.send, following, skip, void, results]

    def refresh(session: Session, log: DialogueLog) -> list[Any]:
        open_question = not any("grade" in message for message in log.messages)
        buttons = [
            gr.update(interactive=open_question),
            gr.update(visible=not open_question),
            gr.update(visible=open_question),
            gr.update(visible=open_question),
        ]
        return [*buttons, _results_html(session.quiz_results()[0])]

    def run(session: Session, text: str, quiz_id: str) -> Iterator[Event]:
        return session.quiz_answer(quiz_id, text)

    turn = TurnPart(page, TAB, log, row.box, row.stop, run, refresh, panels, extra=[asked])
    turn.wire([Start([row.box.submit, row.send.click])])
    outputs = [asked, card, log, *panels]

    def restore(session: Session) -> list[Any]:
        """The next question, or the finish screen of a round that is over."""
        log = DialogueLog()
        quiz_id, shown = "", ""
        over = session.quiz_results()[1]
        pick = None if over else session.quiz_next()
        if isinstance(pick, Notice):
            log.notice(pick)
        elif pick:
            quiz_id, shown = pick.row.id, _question_html(pick)
        else:
            shown = _finished_html()
        values = refresh(session, log)
        if over:
            values[:4] = _finished_buttons()
        return [quiz_id, shown, log.dump(), *values]

    def next_question(request: gr.Request, kept: Any, quiz_id: str) -> list[Any]:
        """On to the next question; from the finish screen into a new round."""
        page.turns.stop(request, TAB)
        session = page.session(kept, request)
        if not quiz_id:
            session.quiz_next()
        return restore(session)

    def set_aside(*, is_void: bool) -> Callable[..., list[Any]]:
        def leave(request: gr.Request, kept: Any, quiz_id: str) -> list[Any]:
            page.turns.stop(request, TAB)
            session = page.session(kept, request)
            if quiz_id:
                session.quiz_set_aside(quiz_id, void=is_void)
            return restore(session)

        return leave

    for button, action in (
        (following, next_question),
        (skip, set_aside(is_void=False)),
        (void, set_aside(is_void=True)),
    ):
        button.click(action, [page.browser, asked], outputs, js=FLUSH_FACE, **quiet)
    return Part(outputs, restore)


def _finished_buttons() -> list[dict[str, Any]]:
    hidden = gr.update(visible=False)
    return [gr.update(interactive=False), gr.update(visible=True), hidden, hidden]


def _question_html(pick: QuizPick) -> str:
    keywords = "".join(f'<span class="chip">{escape(word)}</span>' for word in pick.row.keywords)
    reason = in_both(pick.reason.text("ko"), pick.reason.text("en"))
    return (
        '<section class="card question">'
        f'<p class="eyebrow">{both("quiz.question")} · {escape(pick.row.topic)}</p>'
        f"<h2>{escape(pick.row.question)}</h2>"
        f'<p class="chips"><span class="sr-only">{both("quiz.keywords")}: </span>{keywords}</p>'
        f'<p class="muted"><span class="why">{both("quiz.why")}</span> {reason}</p></section>'
    )


def _finished_html() -> str:
    return (
        f'<section class="card question"><h2>{both("quiz.finished")}</h2>'
        f'<p class="muted">{both("quiz.finished.hint")}</p></section>'
    )


def _results_html(results: Sequence[TopicResult]) -> str:
    """Bars of the mean score per topic, as a table that screen readers can read."""
    rows = "".join(_result_row(result) for result in results)
    return f'<table class="bars"><tbody>{rows}</tbody></table>'


def _result_row(result: TopicResult) -> str:
    count = f"{result.answered}/{result.total}"
    if result.mean_score is None:
        value, width = both("quiz.unanswered"), 0
    else:
        width = round(100 * result.mean_score)
        value = f"{width} {both('quiz.score')}"
    return (
        f'<tr><th scope="row">{escape(result.topic)}</th>'
        f'<td><span class="bar" style="--value:{width}%"></span></td>'
        f'<td class="bar-value">{value}<small>{count} {both("quiz.answered")}</small></td></tr>'
    )
