"""Scripted conversations of two turns: what a user tells is remembered, found again and used.

The cases are in memory_cases.jsonl; none of their messages is in our dialogues. Each is played by a
user of its own through the same session as on the page, with the face at rest.
"""

from __future__ import annotations

import random
import tempfile
from collections import defaultdict
from dataclasses import asdict, dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

from ohlora_core.content import load_dialogues
from ohlora_core.content.schema import Row, Text
from ohlora_core.core import Core, Preferences
from ohlora_core.evaluation.sheets import write_sheet
from ohlora_core.events import ReplyText, TurnDone
from ohlora_core.session import Session
from ohlora_core.settings import Settings

__all__ = ["MemoryCase", "Played", "evaluate", "load_cases", "play"]

OTHER_MEMORIES = 3
SEED = 20261
_NOW = datetime(2025, 7, 2, 14)  # a Wednesday afternoon


class MemoryCase(Row):
    """What a user says in two turns.

    Attributes:
        tell: The message of the first turn.
        key: The key of what is to be remembered from it.
        or_keys: Keys that are as right.
        value: Words that the remembered value must hold.
        ask: The message of the second turn, which asks for it or relies on it.
        expect: One of these must be in the reply to it.
    """

    tell: Text
    key: Text
    or_keys: tuple[Text, ...] = ()
    value: Text
    ask: Text
    expect: tuple[Text, ...]

    def is_told_by(self, memory: str | None) -> bool:
        """Whether a memory "[key: value]" holds what the first turn told."""
        key, _, value = (memory or "").strip("[]").partition(": ")
        words = self.value.split()
        return key in (self.key, *self.or_keys) and all(_holds(value, word) for word in words)

    def is_used_by(self, reply: str) -> bool:
        """Whether the reply to the second turn says it."""
        return any(_holds(reply, wanted) for wanted in self.expect)


@dataclass(frozen=True)
class Played:
    """One case and what came of it.

    Attributes:
        others: Memories of other keys that the user had too before the second turn.
        told: The reply to the first turn.
        memory: What was remembered from the first turn.
        memory_used: The memory in the prompt of the second turn.
        reply: The reply to the second turn.
        stored: The memory is what the first turn told.
        retrieved: It is stored, and the one that was used.
        used: The reply to the second turn says it.
    """

    case: MemoryCase
    others: tuple[str, ...]
    told: str
    memory: str | None
    memory_used: str | None
    reply: str
    stored: bool
    retrieved: bool
    used: bool

    @property
    def passed(self) -> bool:
        """Remembered, found again and used."""
        return self.retrieved and self.used


class StillClock(Core):
    """A core for which it is always the same time, so that a run can be repeated."""

    def local_now(self) -> datetime:
        return _NOW.replace(tzinfo=self.settings.time_zone)


def evaluate(settings: Settings, sheet: Path | None = None) -> dict[str, int]:
    """Counts over all cases with the models that the settings name.

    Args:
        settings: Name the models; data goes to a folder that is deleted.
        sheet: Receives a JSON line per case.

    Returns:
        `n` cases, and how many were `stored`, `retrieved`, `used`, and `passed` (all three).
    """
    with tempfile.TemporaryDirectory(prefix="ohlora-memory-") as folder:
        changes = {"data_dir": Path(folder), "database_url": None, "seed": SEED}
        core = StillClock.load(settings.model_copy(update=changes))
        try:
            played = [play(core, case) for case in load_cases()]
        finally:
            core.close()
    if sheet:
        write_sheet(sheet, map(_line, played))
    counted = ("stored", "retrieved", "used", "passed")
    return {"n": len(played)} | {
        name: sum(getattr(one, name) for one in played) for name in counted
    }


def load_cases() -> list[MemoryCase]:
    """All cases, in the order of the file."""
    lines = Path(__file__).with_suffix(".jsonl").read_text(encoding="utf-8").splitlines()
    return [MemoryCase.model_validate_json(line) for line in lines]


def play(core: Core, case: MemoryCase) -> Played:
    """Both turns of a case, by a new user."""
    session = core.session(f"memory case: {case.tell}")
    session.set_preferences(Preferences(core.default_face, animation=False))
    told, done = _turn(session, case.tell)
    memory = done.memory_added if done else None
    others = _other_memories(case)
    with core.store.transaction() as transaction:
        for other in others:
            transaction.add_memory(session.user_id, other)
    reply, done = _turn(session, case.ask)
    used = done.memory_used if done else None
    stored = case.is_told_by(memory)
    return Played(
        case=case,
        others=others,
        told=told,
        memory=memory,
        memory_used=used,
        reply=reply,
        stored=stored,
        retrieved=stored and used == memory,
        used=case.is_used_by(reply),
    )


def _turn(session: Session, message: str) -> tuple[str, TurnDone | None]:
    """The reply and the end of a turn; "" and None if the message was not admitted."""
    reply, done = "", None
    for event in session.chat(message):
        if isinstance(event, ReplyText):
            reply = event.text
        elif isinstance(event, TurnDone):
            done = event
    return reply, done


def _other_memories(case: MemoryCase) -> tuple[str, ...]:
    """Memories of our dialogues with other keys, each with a key of its own."""
    by_key = defaultdict(list)
    for row in load_dialogues():
        for memory in filter(None, (row.memory, row.remember)):
            by_key[memory.strip("[").partition(":")[0]].append(memory)
    rng = random.Random(f"{SEED} {case.tell}")
    keys = rng.sample(sorted(by_key.keys() - {case.key, *case.or_keys}), OTHER_MEMORIES)
    return tuple(rng.choice(by_key[key]) for key in keys)


def _holds(text: str, part: str) -> bool:
    """Whether a text holds a part, spaces and case aside."""
    return _plain(part) in _plain(text)


def _plain(text: str) -> str:
    return "".join(text.casefold().split())


def _line(played: Played) -> dict[str, Any]:
    flags = asdict(played)
    case = flags.pop("case")
    return case.model_dump() | flags | {"passed": played.passed}
