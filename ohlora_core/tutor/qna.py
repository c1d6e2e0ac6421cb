"""ML Q&A: find the facts that answer a question and let the model say them in her voice."""

from __future__ import annotations

import threading
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from ohlora_core.content import KnowledgeRow
from ohlora_core.events import ReplyText
from ohlora_core.language import Role, TextGenerator, neutralise, qna_prompt
from ohlora_core.sentence import SentenceEncoder, SentenceTask, TextIndex, fact_texts
from ohlora_core.tutor.speech import speak

__all__ = ["QnaEngine", "Source"]

MAX_SOURCES = 3
_POOL = 24  # phrases searched; several may belong to one fact


@dataclass(frozen=True)
class Source:
    """A fact that matches a question.

    Attributes:
        text: The fact.
        score: Cosine with the question, -1..1.
    """

    text: str
    score: float


class QnaEngine:
    """Answers single questions from the knowledge base.

    Args:
        rows: The facts.
        cache: File that keeps the vectors between starts.
        by_text_only: Find a fact by its text alone, as the published S-BERT was trained to, and
            not also by its names, aliases and example questions, which the embedded one needs.
    """

    def __init__(
        self,
        generator: TextGenerator,
        encoder: SentenceEncoder,
        rows: Sequence[KnowledgeRow],
        cache: Path | None = None,
        *,
        by_text_only: bool = False,
    ) -> None:
        self._generator = generator
        self._encoder = encoder
        phrases = [
            (phrase, row.text)
            for row in rows
            for phrase in ([row.text] if by_text_only else _phrases(row))
        ]
        self._facts = [fact for _, fact in phrases]
        texts = [phrase for phrase, _ in phrases]
        self._index = TextIndex(encoder, SentenceTask.QNA, texts, cache)

    def find(self, question: str) -> list[Source]:
        """At most 3 facts at or above the calibrated cosine, best first."""
        cut_off = self._encoder.threshold("qna")
        best: dict[str, float] = {}
        for index, cosine in self._index.search(neutralise(question), _POOL):
            if cosine >= cut_off:
                best.setdefault(self._facts[index], cosine)
        return [Source(text, score) for text, score in best.items()][:MAX_SOURCES]

    def answer(
        self,
        question: str,
        sources: Sequence[Source],
        *,
        seed: int | None = None,
        cancel: threading.Event | None = None,
    ) -> Iterator[ReplyText]:
        """The growing answer, grounded in the best source (none: she says she is not sure)."""
        fact = sources[0].text if sources else None
        prompt = qna_prompt(fact, neutralise(question))

        def grounded(texts: Sequence[str]) -> np.ndarray:
            reference = fact or question
            return self._encoder.similarity(SentenceTask.QUIZ, reference, list(texts))

        return speak(self._generator, Role.QNA, prompt, judge=grounded, seed=seed, cancel=cancel)


def _phrases(row: KnowledgeRow) -> list[str]:
    return fact_texts(row.term, row.text, row.aliases, row.questions)
