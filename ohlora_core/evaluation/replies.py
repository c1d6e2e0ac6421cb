"""Her replies to messages of the validation split, to be judged by reading.

Examples come from the training rows alone, through the same engine as in a chat turn. The judged
sheet of the shipped models is `judged_replies.jsonl`, beside this file.
"""

from __future__ import annotations

import json
import random
from collections.abc import Iterator
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

from ohlora_core.chat import ChatAids, ChatEngine
from ohlora_core.chat.time_words import day_label
from ohlora_core.content import DialogueRow, load_dialogues
from ohlora_core.language import TextGenerator
from ohlora_core.sentence import SentenceEncoder

__all__ = ["JUDGED_FILE", "judged", "reply_sheet", "rows_to_judge"]

JUDGED_FILE = Path(__file__).with_name("judged_replies.jsonl")
_SEED = 20261
_WEDNESDAY = datetime(2025, 7, 2, 14)  # for messages without a time word


def rows_to_judge(count: int) -> list[DialogueRow]:
    """`count` rows of the validation split, always the same."""
    rows = [row for row in load_dialogues() if row.split == "validation"]
    return random.Random(_SEED).sample(rows, min(count, len(rows)))


def reply_sheet(
    generator: TextGenerator, encoder: SentenceEncoder, aids: ChatAids, count: int = 200
) -> Iterator[dict[str, Any]]:
    """A line per message: what she read, what she answered, and what was written to the nearest.

    `nearest` is the baseline that a model must not fall behind: the reply of the nearest example.
    """
    training = [row for row in load_dialogues() if row.split == "train"]
    engine = ChatEngine(generator, encoder, dialogues=training, aids=aids)
    baseline = ChatEngine(generator, encoder, dialogues=training)
    for number, row in enumerate(rows_to_judge(count)):
        now = _moment(row.now)
        shown = engine.input_of(row.message, row.memory, row.summary, now)
        near = baseline.input_of(row.message, row.memory, row.summary, now).examples
        *_, last = engine.reply(shown, now, seed=_SEED + number)
        yield {
            "input": shown.final_input,
            "reply": last.text,
            "nearest": near[-1].reply if near else None,
        }


def judged() -> dict[str, Any]:
    """Shares of the judged sheet.

    Each of its lines has `topic`, `voice` and `grammar` (of the reply) and `nearest_topic`.
    """
    lines = JUDGED_FILE.read_text(encoding="utf-8").splitlines()
    rows = [json.loads(line) for line in lines]
    shares = {
        name: round(sum(row[name] for row in rows) / len(rows), 3)
        for name in ("topic", "voice", "grammar", "nearest_topic")
    }
    good = [row["topic"] and row["voice"] and row["grammar"] for row in rows]
    return {"n": len(rows), **shares, "good": round(sum(good) / len(rows), 3)}


def _moment(label: str | None) -> datetime:
    """A time that has the label, e.g. "토요일 오후"."""
    hours = (_WEDNESDAY + timedelta(hours=step) for step in range(7 * 24))
    return next((hour for hour in hours if day_label(hour) == label), _WEDNESDAY)
