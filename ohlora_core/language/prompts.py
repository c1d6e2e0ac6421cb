"""The prompt strings of every role, exactly as in sections 2 and 5 of the system description.

Pure functions over strings. They do not know where memories, summaries or facts come from, and
they expect text typed by a user to have gone through `neutralise` once.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Sequence

from ohlora_core.language.roles import CONTROL_MARKS, ROLE_FORMATS, Role

__all__ = [
    "INTERVIEW_OPENING",
    "NOTHING_TO_REMEMBER",
    "NO_FACT",
    "expression_prompt",
    "expression_text",
    "final_input",
    "interview_prompt",
    "memory_example",
    "memory_prompt",
    "neutralise",
    "qna_prompt",
    "quiz_prompt",
    "reply_prompt",
    "summary_example",
    "summary_prompt",
    "with_examples",
]

INTERVIEW_OPENING = "면접 시작"
NO_FACT = "알맞은 정보를 찾을 수 없음"
NOTHING_TO_REMEMBER = "없음"

_TIME_MARK = "(지금은"
_MARK = re.compile(
    "|".join(
        [
            r"</?s>|<pad>",
            # "(지금은 비밀)" is ordinary Korean; with a day behind it, it is our time prefix.
            re.escape(_TIME_MARK) + r"\s*[월화수목금토일]요일",
            *(
                r"\s*".join(re.escape(part) for part in mark.split())
                for mark in sorted(CONTROL_MARKS, key=len, reverse=True)
                if mark != _TIME_MARK
            ),
        ]
    )
)
_LEADING_MEMORY = re.compile(r"^\s*\[([^\[\]]*:[^\[\]]*)\]")
_INVISIBLE = re.compile(
    "[\u200b\u200c\u200e\u200f\u2028-\u202e\u2060-\u2064\ufeff\x00-\x08\x0b-\x1f\x7f]"
    # A joiner is kept only where it joins emoji.
    "|(?<![\u2600-\u27bf\ufe0f\U0001f000-\U0001faff])\u200d"
)


def neutralise(text: str) -> str:
    """User text without anything that could pass for a part of a prompt.

    Marks lose their brackets (`(답변 시작)` becomes `답변 시작`, whatever the spacing), a leading
    `[key: value]` loses its square brackets, invisible characters go and white space becomes single
    spaces, so that no mark can hide behind them. Ordinary text stays as it is (NFC).
    """
    text = _INVISIBLE.sub("", unicodedata.normalize("NFKC", text) if _has_wide(text) else text)
    text = " ".join(unicodedata.normalize("NFC", text).split())
    while (bare := _MARK.sub(lambda match: match.group().strip("()#<>/ :"), text)) != text:
        text = bare
    while match := _LEADING_MEMORY.match(text):
        text = match.group(1).strip() + text[match.end() :]
    return text


def _has_wide(text: str) -> bool:
    """Whether full-width brackets could imitate a mark."""
    return any(character in text for character in "（）［］：＃")


def final_input(message: str, memory: str | None = None, summary: str | None = None) -> str:
    """What the reply answers to: the message behind its memory or summary, if there is one.

    Args:
        message: The user's message, with its time prefix if it has one.
        memory: `[key: value]`, or None.
        summary: Summary of her last reply, or None. Ignored if there is a memory.
    """
    if memory:
        return f"{memory} {message}"
    if summary:
        return f"(오로라 답변 요약) {summary} (사용자 질문) {message}"
    return message


def with_examples(final: str, examples: Sequence[tuple[str, str]]) -> str:
    """The final input behind retrieved dialogue examples.

    Args:
        final: Result of `final_input`.
        examples: (final input of the example without its time prefix, her reply) pairs, the most
            similar one LAST: next to the question that it resembles, as in training.
    """
    shown = "".join(f"(예시) {message} (답변) {reply} " for message, reply in examples)
    return shown + final


def reply_prompt(final: str, examples: Sequence[tuple[str, str]] = ()) -> str:
    """Prompt of `output_message`."""
    return _open(Role.OUTPUT_MESSAGE, with_examples(final, examples))


def expression_prompt(reply: str, examples: Sequence[tuple[str, str]] = ()) -> str:
    """Prompt of `eyes_mouth_pose`: the expression that goes with a reply.

    Args:
        reply: What she says.
        examples: Lite only: (reply, `expression_text`) of others, the likeliest last.
    """
    return _open(Role.EYES_MOUTH_POSE, with_examples(reply, examples))


def expression_text(eyes: str, mouth: str, pose: str) -> str:
    """`(눈 A, 입 B, 고개 돌림 C)`, the answer of `eyes_mouth_pose`."""
    return f"(눈 {eyes}, 입 {mouth}, 고개 돌림 {pose})"


def memory_prompt(final: str, examples: Sequence[tuple[str, str]] = ()) -> str:
    """Prompt of `memory`: what to remember of the final input.

    Args:
        final: Result of `final_input`.
        examples: Lite only: results of `memory_example`, nearest last.
    """
    return _open(Role.MEMORY, with_examples(final, examples))


def memory_example(message: str, remember: str | None) -> tuple[str, str]:
    """A message and what was remembered of it, as an example for `memory_prompt`."""
    return message, remember or NOTHING_TO_REMEMBER


def summary_prompt(final: str, reply: str, examples: Sequence[tuple[str, str]] = ()) -> str:
    """Prompt of `summary`: what the turn was about.

    Args:
        final: Result of `final_input`.
        reply: What she answered.
        examples: Lite only: results of `summary_example`, nearest last.
    """
    return _open(Role.SUMMARY, with_examples(f"{final} (오로라 답변){reply}", examples))


def summary_example(message: str, reply: str, summary: str) -> tuple[str, str]:
    """A turn and its summary, as an example for `summary_prompt`."""
    return f"{message} (오로라 답변){reply}", summary


def qna_prompt(fact: str | None, question: str) -> str:
    """Prompt of `qna`; without a fact the model is told that there is none."""
    return _open(Role.QNA, f"(제공된 정보) {fact or NO_FACT} (사용자 질문) {question}")


def quiz_prompt(
    question: str, model_answer: str, answer: str, examples: Sequence[tuple[str, str]] = ()
) -> str:
    """Prompt of `quiz`: explain how the answer compares with the model answer.

    Args:
        question: The quiz question.
        model_answer: Its model answer.
        answer: What the user answered.
        examples: Lite only: (other answer to the question, its explanation), nearest last.
    """
    text = f"(퀴즈 문제) {question} (모범 답안) {model_answer} (사용자 답변) {answer}"
    return _open(Role.QUIZ, with_examples(text, examples))


def interview_prompt(
    topic: str | None = None,
    answer: str | None = None,
    success: str | None = None,
    next_topic: str | None = None,
    examples: Sequence[tuple[str, str]] = (),
) -> str:
    """Prompt of `interview`.

    Args:
        topic: Topic that the answer belongs to; None (with everything else) opens the interview.
        answer: The user's answer.
        success: Label of the successful answer; None for the greeting, which has none.
        next_topic: Topic of the next question.
        examples: Lite only: (user's answer, her line) pairs with the same topic, outcome and next
            topic, nearest last. The answer to the opening is `INTERVIEW_OPENING`.
    """
    if topic is None:
        return _open(Role.INTERVIEW, with_examples(INTERVIEW_OPENING, examples))
    outcome = f" (성공한 답변) {success}" if success else ""
    text = f"(대화 주제) {topic} (사용자 답변) {answer}{outcome} (다음 질문) {next_topic}"
    return _open(Role.INTERVIEW, with_examples(text, examples))


def _open(role: Role, text: str) -> str:
    return f"{text} {ROLE_FORMATS[role].start_mark}"
