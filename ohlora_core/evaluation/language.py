"""Metrics of the lite language model on the held-out split of our own content.

Losses are measured with the role's adapter and the prompt of the role; "copy" metrics use prompts
whose answer stands in the prompt.
"""

from __future__ import annotations

import logging
import math
from pathlib import Path
from typing import Any

from ohlora_core.chat.examples import ExampleFinder, expression_of, told_key, told_keys
from ohlora_core.chat.memory import MemoryReader, memory_key
from ohlora_core.content import Split, load_dialogues
from ohlora_core.language import Role, expression_prompt
from ohlora_core.language.local import LITE_ROLES, LocalGenerator, load_lite
from ohlora_core.language.values import ValueReader
from ohlora_core.sentence import SentenceEncoder
from ohlora_core.training.adapters import probes_of
from ohlora_core.training.language_corpus import PublicText
from ohlora_core.training.language_model import measure
from ohlora_core.training.language_tasks import Document, Tasks

__all__ = ["evaluate"]

log = logging.getLogger(__name__)

_SEED = 20261
_EXPRESSIONS = 300


def evaluate(
    models_dir: Path,
    sentence_encoder: SentenceEncoder | None = None,
    split: Split = "test",
) -> dict[str, Any]:
    """Measures the embedded language model.

    Args:
        models_dir: The folder models/.
        sentence_encoder: Finds the examples by meaning; without it they are found by letters.
        split: Held-out split of our content.

    Returns:
        `perplexity` per role; `copy_token` and `copy_exact` (lookups among three examples with
        random replies); `recall_value` (share of memory questions whose reply holds the value);
        `memory_key`, `memory_exact` (of rows with something to remember), `memory_silent` (of rows
        without); `expression_exact`.
    """
    generator = load_lite(models_dir)
    held = Tasks(PublicText(), split, seed=_SEED)
    results: dict[str, Any] = {"perplexity": {}}
    for role in LITE_ROLES:
        probes = probes_of(role, held, 100)
        model, tokenizer = generator.model_for(role)
        if probes:
            loss = measure(model, tokenizer, probes)["loss"]
            results["perplexity"][role.value] = round(math.exp(loss), 2)
    results |= _copying(generator, held)
    results |= _expressing(generator, held, sentence_encoder)
    if sentence_encoder:
        results |= _remembering(models_dir, held, sentence_encoder)
    return results


def _training_finder(encoder: SentenceEncoder) -> ExampleFinder:
    return ExampleFinder(encoder, [row for row in load_dialogues() if row.split == "train"])


def _copying(generator: LocalGenerator, held: Tasks) -> dict[str, float]:
    lookups: list[Document] = []
    while len(lookups) < 60:
        document = held.random_examples()
        if document[0][0].count("(예시)") == 3:
            lookups.append(document[:2])  # the first query only
    copied = measure(*generator.model_for(Role.OUTPUT_MESSAGE), lookups)
    questions = [held.recall_question() for _ in range(60)]
    replies = [
        generator.generate(Role.OUTPUT_MESSAGE, [prompt], seed=_SEED)[0] for prompt, _ in questions
    ]
    found = [value in reply for reply, (_, value) in zip(replies, questions, strict=True)]
    return {
        "copy_token": copied["token"],
        "copy_exact": copied["exact"],
        "recall_value": round(sum(found) / len(found), 3),
    }


def _expressing(
    generator: LocalGenerator,
    held: Tasks,
    encoder: SentenceEncoder | None,
) -> dict[str, float]:
    finder = _training_finder(encoder) if encoder else None
    expressed = []
    for row in held.rows[:_EXPRESSIONS]:
        shown = finder.find_expressed(row.reply) if finder else []
        prompt = expression_prompt(row.reply, shown)
        text = generator.generate(Role.EYES_MOUTH_POSE, [prompt], greedy=True)[0]
        expressed.append(text == expression_of(row))
    return {
        "expression_exact": _share(expressed),
    }


def _remembering(models_dir: Path, held: Tasks, encoder: SentenceEncoder) -> dict[str, float]:
    keys = told_keys([row for row in load_dialogues() if row.split == "train"])
    reader = MemoryReader(encoder, ValueReader.load(models_dir), keys)
    read = [(row.remember, reader.read(row.message)) for row in held.rows if told_key(row)]
    told = [(wanted, found or "") for wanted, found in read if wanted]
    return {
        "memory_key": _share([memory_key(found) == memory_key(wanted) for wanted, found in told]),
        "memory_exact": _share([found == wanted for wanted, found in told]),
        "memory_silent": _share([found is None for wanted, found in read if not wanted]),
    }


def _share(hits: list[bool]) -> float:
    return round(sum(hits) / max(len(hits), 1), 3)
