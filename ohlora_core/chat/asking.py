"""Asks the language models until their answers can be read, several roles in one batch.

Knows nothing of what is asked.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Generic, TypeVar

import numpy as np

from ohlora_core.language import Role, TextGenerator

__all__ = ["Question", "ask"]

T_co = TypeVar("T_co", covariant=True)


@dataclass(frozen=True)
class Question(Generic[T_co]):
    """What a role is asked.

    Attributes:
        role: Who is asked.
        prompt: The whole prompt.
        read: What an answer says; None: it cannot be read, and the role is asked again.
        otherwise: What is taken in place of the last answer if that cannot be read either.
        tries: How often the role is asked at most.
    """

    role: Role
    prompt: str
    read: Callable[[str], T_co | None]
    otherwise: T_co
    tries: int = 5


def ask(
    generator: TextGenerator, questions: Sequence[Question[T_co]], rng: np.random.Generator
) -> Iterator[T_co]:
    """What the answers say, each as soon as it is known: one per question, first tries first.

    Only the questions whose answers could not be read are asked again.

    Args:
        rng: Gives every try its seed, so that the same draws give the same answers.
    """
    open_questions, tries = list(questions), 0
    while open_questions:
        tries += 1
        seeds = [int(rng.integers(2**31)) for _ in open_questions]
        requests = [(question.role, question.prompt) for question in open_questions]
        unread = []
        answers = generator.generate_mixed(requests, seeds=seeds)
        for question, answer in zip(open_questions, answers, strict=True):
            said = question.read(answer)
            if said is None and tries < question.tries:
                unread.append(question)
            else:
                yield question.otherwise if said is None else said
        open_questions = unread
