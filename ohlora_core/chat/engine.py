"""The models' side of a chat turn: input, reply, expression, memory, summary.

Knows nothing of users, the store, sanctions or frames; `ohlora_core.core` puts those around it.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

import numpy as np

from ohlora_core.chat.asking import Question, ask
from ohlora_core.chat.choice import ReplyChooser
from ohlora_core.chat.examples import ExampleFinder, told_keys
from ohlora_core.chat.expression import (
    Labels,
    choose_expression,
    expression_question,
    scores_of,
)
from ohlora_core.chat.memory import (
    MemoryReader,
    extract_memory,
    memory_question,
    memory_value,
    pick_memory,
)
from ohlora_core.chat.reply import ReplyMaker
from ohlora_core.chat.summary import summarise
from ohlora_core.chat.time_words import day_label, with_time_prefix
from ohlora_core.content import DialogueRow, load_comments, load_dialogues
from ohlora_core.events import ExpressionChosen, ReplyText
from ohlora_core.language import (
    Role,
    TextGenerator,
    final_input,
    memory_prompt,
    neutralise,
    reply_prompt,
    summary_example,
    summary_prompt,
)
from ohlora_core.language.values import ValueReader
from ohlora_core.sentence import SentenceEncoder, SentenceTask

__all__ = ["ChatAids", "ChatEngine", "ChatInput"]

SUMMARY_EXAMPLES = 2  # whole turns are long, and their summaries alike


@dataclass(frozen=True)
class ChatInput:
    """What the models read for one message.

    Attributes:
        message: The user's text, control marks neutralised.
        final_input: Memory or summary, time and message (system.md 2.4).
        memory_used: The memory in `final_input`, if any.
        examples: Similar turns for the prompts, nearest last; none for models that need none.
    """

    message: str
    final_input: str
    memory_used: str | None
    examples: tuple[DialogueRow, ...] = ()

    @property
    def reply_prompt(self) -> str:
        """The whole prompt of the reply."""
        shown = [
            (final_input(row.message, memory=row.memory, summary=row.summary), row.reply)
            for row in self.examples
        ]
        return reply_prompt(self.final_input, shown)

    @property
    def memory_prompt(self) -> str:
        """The whole prompt of what to remember."""
        return memory_prompt(self.final_input)

    def summary_prompt(self, reply: str) -> str:
        """The whole prompt of the summary of the turn."""
        shown = [
            summary_example(row.message, row.reply, row.new_summary)
            for row in self.examples[-SUMMARY_EXAMPLES:]
        ]
        return summary_prompt(self.final_input, reply, shown)


@dataclass(frozen=True)
class ChatAids:
    """What helps small language models.

    Attributes:
        values: Reads memories out of messages.
        chooser: Decides which example's reply or comment fits best.
    """

    values: ValueReader
    chooser: ReplyChooser

    @classmethod
    def load(cls, models_dir: Path) -> ChatAids:
        """Those of the folder models/.

        Raises:
            ModelFileError: if a file is missing or broken.
        """
        return cls(ValueReader.load(models_dir), ReplyChooser.load(models_dir))


class ChatEngine:
    """All model calls of a chat turn.

    Args:
        generator: The language models; its `example_count` says how many examples a prompt gets.
        encoder: The S-BERTs.
        cache_dir: Where vectors of the examples are kept between starts.
        dialogues: Where examples are taken from; by default all of ours. Whoever measures the
            models gives the training rows alone.
        aids: What stands beside a generator that wants examples; without it a language model
            writes the memories, and the nearest example is the best.
    """

    def __init__(
        self,
        generator: TextGenerator,
        encoder: SentenceEncoder,
        cache_dir: Path | None = None,
        dialogues: Sequence[DialogueRow] | None = None,
        aids: ChatAids | None = None,
    ) -> None:
        self._generator = generator
        self._encoder = encoder
        self._examples: ExampleFinder | None = None
        self._memories: MemoryReader | None = None
        if generator.example_count:
            cache = cache_dir / "dialogues.safetensors" if cache_dir else None
            rows = load_dialogues() if dialogues is None else list(dialogues)
            self._examples = ExampleFinder(
                encoder, rows, load_comments(), cache, aids.chooser if aids else None
            )
            if aids:
                self._memories = MemoryReader(encoder, aids.values, told_keys(rows))
        self._reply_maker = ReplyMaker(generator, self._rank if self._examples else None)

    def read(
        self, message: str, memories: Sequence[str], last_summary: str, now: datetime
    ) -> ChatInput:
        """Build the input of a turn (steps 3 and 4).

        Args:
            memories: All stored memory texts of the user.
            last_summary: Summary of the last turn, "" if none.
            now: Local time.
        """
        message = neutralise(message)
        is_recall = self._examples is not None and self._examples.is_recall(message)
        memory = pick_memory(self._encoder, message, memories, is_recall=is_recall)
        return self.input_of(message, memory, None if memory else last_summary or None, now)

    def input_of(
        self, message: str, memory: str | None, summary: str | None, now: datetime
    ) -> ChatInput:
        """The input of a neutralised message behind a memory, a summary or neither."""
        whole = final_input(with_time_prefix(message, now), memory=memory, summary=summary)
        examples: list[DialogueRow] = []
        if self._examples:
            examples = self._examples.find(
                message,
                memory=memory,
                summary=summary,
                today=day_label(now)[0],
                count=self._generator.example_count,
            )
        return ChatInput(message, whole, memory, tuple(examples))

    def reply(
        self,
        chat_input: ChatInput,
        now: datetime,
        *,
        seed: int | None = None,
        cancel: threading.Event | None = None,
    ) -> Iterator[ReplyText]:
        """The growing reply (step 5); see `ReplyMaker.stream`."""
        examples = chat_input.examples
        fitting = (None, chat_input.memory_used)
        read = [row.reply for row in examples if row.memory in fitting]
        return self._reply_maker.stream(
            chat_input.reply_prompt,
            chat_input.message,
            now,
            read=read,
            recalled=memory_value(chat_input.memory_used or ""),
            seed=seed,
            cancel=cancel,
        )

    def expression(self, reply: str, rng: np.random.Generator) -> ExpressionChosen:
        """The expression of any text she says (step 6)."""
        shown = self._examples.find_expressed(reply) if self._examples else []
        return choose_expression(self._generator, reply, rng, shown)

    def memory(self, chat_input: ChatInput, rng: np.random.Generator) -> str | None:
        """What to remember from a message, if anything (step 7)."""
        if self._memories:
            return self._memories.read(chat_input.message)
        return extract_memory(self._generator, chat_input.memory_prompt, rng)

    def expression_and_memory(
        self,
        chat_input: ChatInput,
        reply: str,
        rng: np.random.Generator,
        show: Callable[[ExpressionChosen], None],
    ) -> str | None:
        """What to remember, as `memory`; `show` gets the expression as soon as it is known.

        One batch where a language model writes both and the roles share a base, else the
        expression first.
        """
        generator = self._generator
        if self._examples or not generator.share_base(Role.EYES_MOUTH_POSE, Role.MEMORY):
            show(self.expression(reply, rng))
            return self.memory(chat_input, rng)
        questions: list[Question[Labels | str]] = [
            expression_question(reply),
            memory_question(chat_input.memory_prompt),
        ]
        memory = ""
        for answer in ask(generator, questions, rng):
            if isinstance(answer, str):
                memory = answer
            else:
                show(scores_of(answer, rng))
        return memory or None

    def summary(self, chat_input: ChatInput, reply: str, rng: np.random.Generator) -> str:
        """The summary of the turn (step 8)."""
        return summarise(self._generator, chat_input.summary_prompt(reply), rng)

    def is_too_long(self, message: str, limit: int) -> bool:
        """Whether a message has more tokens of the reply model than the limit."""
        return self._generator.count_tokens(message) > limit

    def _rank(self, message: str, replies: list[str]) -> np.ndarray:
        return self._encoder.similarity(SentenceTask.RANKING, message, replies)
