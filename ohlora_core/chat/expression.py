"""Step 6 of a turn: the expression of a reply, as labels and as scores for the face."""

from __future__ import annotations

import re
from collections.abc import Sequence

import numpy as np

from ohlora_core.chat.asking import Question, ask
from ohlora_core.events import ExpressionChosen
from ohlora_core.language import Role, TextGenerator, expression_prompt

__all__ = ["Labels", "choose_expression", "expression_question", "parse_expression", "scores_of"]

NEUTRAL = ("보통", "보통", "없음")
_FORMAT = re.compile(
    r"\(눈 (작게|보통|크게|아주 크게), 입 (보통|크게|아주 크게), 고개 돌림 (없음|보통|많이)\)"
)
# label -> (lowest score, width of the uniform range); scores are negated before use
_EYES = {"작게": (-0.2, 0.3), "보통": (0.3, 0.3), "크게": (0.8, 0.3), "아주 크게": (1.1, 0.1)}
_MOUTH = {"보통": (0.4, 0.4), "크게": (1.0, 0.4), "아주 크게": (1.4, 0.2)}
_POSE = {"없음": (-0.6, 0.9), "보통": (0.8, 0.7), "많이": (1.5, 0.3)}

Labels = tuple[str, str, str]


def parse_expression(text: str) -> Labels | None:
    """The labels (eyes, mouth, pose) of a model's answer, or None if it is not one."""
    match = _FORMAT.search(text)
    return (match[1], match[2], match[3]) if match else None


def scores_of(labels: Labels, rng: np.random.Generator) -> ExpressionChosen:
    """Draw the scores of the labels: weights on the property vectors, negative = stronger."""
    eyes, mouth, pose = (
        -(lowest + width * float(rng.random()))
        for lowest, width in (_EYES[labels[0]], _MOUTH[labels[1]], _POSE[labels[2]])
    )
    return ExpressionChosen(labels, eyes, mouth, pose)


def expression_question(reply: str, examples: Sequence[tuple[str, str]] = ()) -> Question[Labels]:
    """What the expression model is asked, at most 5 times; neutral if it never answers well."""
    prompt = expression_prompt(reply, examples)
    return Question(Role.EYES_MOUTH_POSE, prompt, parse_expression, NEUTRAL)


def choose_expression(
    generator: TextGenerator,
    reply: str,
    rng: np.random.Generator,
    examples: Sequence[tuple[str, str]] = (),
) -> ExpressionChosen:
    """The expression of any text she says; `examples` as in `expression_prompt`."""
    [labels] = ask(generator, [expression_question(reply, examples)], rng)
    return scores_of(labels, rng)
