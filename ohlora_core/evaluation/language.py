"""Metrics of the lite language model on the held-out split of our own content.

Losses are measured with the role's adapter and the prompt of the role; "copy" metrics use prompts
whose answer stands in the prompt. Samples go side by side into a file, for people to read.
"""

from __future__ import annotations

import json
import logging
import math
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

from ohlora_core.chat.examples import ExampleFinder
from ohlora_core.content import DialogueRow, Split, load_dialogues
from ohlora_core.language import Role, memory_example, memory_prompt, reply_prompt
from ohlora_core.language.local import LocalGenerator, load_lite
from ohlora_core.sentence import SentenceEncoder, SentenceTask
from ohlora_core.training.adapters import probes_of
from ohlora_core.training.language_corpus import PublicText
from ohlora_core.training.language_model import measure
from ohlora_core.training.language_tasks import Document, Tasks, example_of, final_of

__all__ = ["evaluate", "sample_table"]

log = logging.getLogger(__name__)

_MEMORY = re.compile(r"^\[([^:\[\]]+): ([^\[\]]+)\]$")
_SEED = 20261


def evaluate(
    models_dir: Path,
    sentence_encoder: SentenceEncoder | None = None,
    samples_file: Path | None = None,
    split: Split = "test",
) -> dict[str, Any]:
    """Measures the embedded language model.

    Args:
        models_dir: The folder models/.
        sentence_encoder: Finds the examples by meaning and ranks candidates; without it examples
            are found by letters and nothing is ranked.
        samples_file: JSON lines with plain, with-examples, ranked and nearest replies.
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
    for role in Role:
        probes = probes_of(role, held, 100)
        model, tokenizer = generator.model_for(role)
        if probes:
            loss = measure(model, tokenizer, probes)["loss"]
            results["perplexity"][role.value] = round(math.exp(loss), 2)
    results |= _copying(generator, held)
    results |= _remembering(generator, held, _retriever(held, sentence_encoder))
    if samples_file:
        rows = [row for row in load_dialogues() if row.split == "validation"][::7][:20]
        samples_file.parent.mkdir(parents=True, exist_ok=True)
        lines = [
            json.dumps(row, ensure_ascii=False)
            for row in sample_table(generator, rows, sentence_encoder)
        ]
        samples_file.write_text("\n".join(lines) + "\n", encoding="utf-8")
    return results


def sample_table(
    generator: LocalGenerator, rows: list[DialogueRow], encoder: SentenceEncoder | None
) -> list[dict[str, str]]:
    """One line per row: plain, with examples, ranked and the nearest example's own reply."""
    similar = _retriever(Tasks(PublicText(), "validation", seed=_SEED), encoder)
    role, table = Role.OUTPUT_MESSAGE, []
    for row in rows:
        final = final_of(row)
        shown = [example_of(other) for other in similar(row, generator.example_count)]
        candidates = generator.sample_candidates(role, reply_prompt(final, shown), 4, seed=_SEED)
        line = {
            "input": final,
            "plain": generator.generate(role, [reply_prompt(final)], seed=_SEED)[0],
            "with_examples": candidates[0],
            "nearest": shown[-1][1] if shown else "",
            "written_by_us": row.reply,
        }
        if encoder:
            fit = encoder.similarity(SentenceTask.RANKING, row.message, candidates)
            line["ranked"] = candidates[int(fit.argmax())]
        table.append(line)
    return table


def _retriever(
    held: Tasks, encoder: SentenceEncoder | None
) -> Callable[[DialogueRow, int], list[DialogueRow]]:
    """Finds training rows like a row, nearest last: by meaning with an encoder, else by letters."""
    if encoder is None:
        return held.neighbours
    finder = ExampleFinder(encoder, [row for row in load_dialogues() if row.split == "train"])

    def similar(row: DialogueRow, count: int) -> list[DialogueRow]:
        today = (row.now or "월요일 오후")[0]
        return finder.find(
            row.message, memory=row.memory, summary=row.summary, today=today, count=count
        )

    return similar


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


def _remembering(
    generator: LocalGenerator,
    held: Tasks,
    similar: Callable[[DialogueRow, int], list[DialogueRow]],
) -> dict[str, float]:
    keys, exact, silent = [], [], []
    for row in [*held.remembered[:60], *held.quiet[:60]]:
        near = similar(row, generator.example_count)
        shown = [memory_example(other.message, other.remember) for other in near]
        prompt = memory_prompt(final_of(row), shown)
        text = generator.generate(Role.MEMORY, [prompt], greedy=True)[0]
        if row.remember is None:
            silent.append(text == "")
            continue
        match = _MEMORY.match(text)
        keys.append(bool(match) and row.remember.startswith(f"[{match.group(1) if match else ''}:"))
        exact.append(text == row.remember)
    expressions = measure(
        *generator.model_for(Role.EYES_MOUTH_POSE), probes_of(Role.EYES_MOUTH_POSE, held, 100)
    )
    return {
        "memory_key": _share(keys),
        "memory_exact": _share(exact),
        "memory_silent": _share(silent),
        "expression_exact": expressions["exact"],
    }


def _share(hits: list[bool]) -> float:
    return round(sum(hits) / max(len(hits), 1), 3)
