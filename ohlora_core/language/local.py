"""Runs causal language models in this process: a base for each role, a PEFT adapter per role.

The decoding loop is our own, because it must switch adapters between steps of different callers,
mix them in a batch, stop on decoded text, read a prompt once for several candidates, and be
reproducible by seed. Knows nothing of prompts: it completes the text that it is given.
"""

from __future__ import annotations

import json
import logging
import math
import random
import threading
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import zip_longest
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from ohlora_core.errors import ModelFileError
from ohlora_core.language.adapters import (
    CONFIG_FILE,
    WEIGHTS_FILE,
    attach_adapters,
    check_adapter,
)
from ohlora_core.language.base_model import LoadedBase
from ohlora_core.language.files import (
    TOKENIZER_FILES,
    check_file,
    first_line,
    load_tokenizer,
)
from ohlora_core.language.roles import ROLE_FORMATS, Role
from ohlora_core.language.streaming import AnswerText
from ohlora_core.language.token_text import TokenText

__all__ = ["LITE_ROLES", "GenerationSettings", "LocalGenerator", "load_lite"]

log = logging.getLogger(__name__)

_SETTINGS_FILE = "lite.json"
LITE_ROLES = tuple(role for role in Role if role is not Role.MEMORY)
"""What the embedded model writes; memories are read out of messages instead (`values`)."""
_SHORTEST_ROOM = 16  # tokens of an answer, however long its prompt is


@dataclass(frozen=True)
class GenerationSettings:
    """How a set of models wants to be used; those of the lite models are in lite.json.

    Attributes:
        example_count: Retrieved dialogue examples before the final input.
        top_k: Most probable tokens that are sampled from; 0 for all.
        top_p: Probability mass that is sampled from, 0..1; 1 samples from everything.
        context_tokens: Longest prompt plus answer in tokens; longer prompts lose their beginning.
        tokens_in_all: Role -> prompt plus answer in tokens, in place of the role's answer length.
        temperatures: Role -> sampling temperature of the first try, in place of the role's own.
        slip_margin: A small model slips in the middle of a sentence now and then, and such a text
            is far less probable than the others. Candidates whose mean log-probability (nats per
            token) lies more than this below that of the best are replaced by the best.
    """

    example_count: int = 0
    top_k: int = 0
    top_p: float = 1.0
    context_tokens: int = 1024
    tokens_in_all: Mapping[str, int] = field(default_factory=dict)
    temperatures: Mapping[str, float] = field(default_factory=dict)
    slip_margin: float = math.inf


@dataclass(frozen=True)
class _Request:
    """What one row of a batch is asked for; its seed makes it independent of the other rows."""

    role: Role
    prompt: str
    temperature: float | None
    seed: int


@dataclass
class _Draft:
    """An answer while it is being written: its tokens, their text, and how probable it is."""

    decoded: TokenText
    tokens: list[int] = field(default_factory=list)
    log_probability: float = 0.0
    ended: bool = False

    @property
    def text(self) -> str:
        """What is written so far."""
        return self.decoded.text

    def add(self, token: int) -> None:
        """Write a token."""
        self.tokens.append(token)
        self.decoded.add(token)

    @property
    def likelihood(self) -> float:
        """Mean log-probability of a token, in nats, before temperature."""
        return self.log_probability / max(len(self.tokens), 1)


class LocalGenerator:
    """A `TextGenerator` over transformers models.

    Args:
        bases: The model that each role runs on. Roles may share one.
        settings: See `GenerationSettings`.
    """

    def __init__(
        self, bases: Mapping[Role, LoadedBase], settings: GenerationSettings | None = None
    ) -> None:
        self._bases = dict(bases)
        self._settings = settings or GenerationSettings()

    @property
    def example_count(self) -> int:
        """How many retrieved dialogue examples go before the final input."""
        return self._settings.example_count

    @property
    def base_count(self) -> int:
        """How many models are in memory."""
        return len({id(base) for base in self._bases.values()})

    def share_base(self, *roles: Role) -> bool:
        """Whether roles run on one model, so that `generate_mixed` is one batch."""
        return len({id(self._bases[role]) for role in roles}) == 1

    def count_tokens(self, text: str) -> int:
        """Length of a text in tokens of the reply model, without begin and end tokens."""
        return len(self._bases[Role.OUTPUT_MESSAGE].encode(text))

    def stream(
        self,
        role: Role,
        prompt: str,
        *,
        temperature: float | None = None,
        seed: int | None = None,
        cancel: threading.Event | None = None,
    ) -> Iterator[str]:
        """Deltas of one sampled answer; see `TextGenerator.stream`.

        Args:
            role: Chooses adapter, end mark, length and default temperature.
            prompt: Text up to and including the start mark.
            temperature: 0 takes the most probable token each time.
            seed: The same seed, prompt and machine give the same answer; None is random.
            cancel: Once set, the stream ends before the next token.
        """
        answer = AnswerText(ROLE_FORMATS[role].end_mark)
        decoded = ""
        for drafts in self._decode([_Request(role, prompt, temperature, _seed(seed))]):
            decoded = drafts[0].text
            if delta := answer.update(decoded):
                yield delta
            if answer.finished or (cancel is not None and cancel.is_set()):
                return
        if delta := answer.close(decoded):
            yield delta

    def generate(
        self,
        role: Role,
        prompts: list[str],
        *,
        temperature: float | None = None,
        seed: int | None = None,
        greedy: bool = False,
    ) -> list[str]:
        """One answer for each prompt, in one batch; see `TextGenerator.generate`."""
        if not prompts:
            return []
        if greedy:
            temperature = 0.0
        copies = 1
        if len(set(prompts)) == 1:
            prompts, copies = prompts[:1], len(prompts)
        return [text for text, _ in self._answers(role, prompts, copies, temperature, seed)]

    def generate_mixed(
        self, requests: Sequence[tuple[Role, str]], *, seeds: Sequence[int | None] = ()
    ) -> Iterator[str]:
        """One answer for each (role, prompt); those on one base run as one batch.

        Each row has its role's adapter, temperature, length and end mark, so that an answer is the
        one that `generate` gives for the same seed. They come in the order of the requests, each
        as soon as it has ended.

        Args:
            requests: Role and prompt of each answer.
            seeds: Seed of each answer; none given: random.
        """
        asked = [
            _Request(role, prompt, None, _seed(seed))
            for (role, prompt), seed in zip_longest(requests, seeds)
        ]
        bases = [id(self._bases[request.role]) for request in asked]
        batches: dict[int, list[_Request]] = {}
        for base, request in zip(bases, asked, strict=True):
            batches.setdefault(base, []).append(request)
        running = {base: self._finished(requests) for base, requests in batches.items()}
        for base in bases:
            text, _ = next(running[base])
            yield text

    def sample_candidates(
        self,
        role: Role,
        prompt: str,
        n: int,
        *,
        temperature: float | None = None,
        seed: int | None = None,
    ) -> list[str]:
        """`n` sampled answers to one prompt, most probable first; the prompt is read once."""
        found = self._answers(role, [prompt], n, temperature, seed)
        found.sort(key=lambda answer: -answer[1])
        best, limit = found[0][0], found[0][1] - self._settings.slip_margin
        return [text if likelihood >= limit else best for text, likelihood in found]

    def model_for(self, role: Role) -> tuple[Any, Any]:
        """The model with the role's adapter active, and the tokenizer; for evaluation only."""
        base = self._bases[role]
        base.switch_to(role)
        return base.model, base.tokenizer

    def _answers(
        self,
        role: Role,
        prompts: list[str],
        copies: int,
        temperature: float | None,
        seed: int | None,
    ) -> list[tuple[str, float]]:
        """Finished answers with their likelihood, `copies` for each prompt."""
        seed = _seed(seed)
        requests = [
            _Request(role, prompt, temperature, _seed_of_row(seed, row * copies + copy))
            for row, prompt in enumerate(prompts)
            for copy in range(copies)
        ]
        return list(self._finished(requests, copies))

    def _finished(self, requests: list[_Request], copies: int = 1) -> Iterator[tuple[str, float]]:
        """Finished answers of a batch with their likelihood, each once those before it ended."""
        # The same path as a stream, so that both give the same text.
        answers = [AnswerText(ROLE_FORMATS[request.role].end_mark) for request in requests]
        row = 0
        for drafts in self._decode(requests, copies):
            for answer, draft in zip(answers, drafts, strict=True):
                answer.update(draft.text)
            while row < len(drafts) and drafts[row].ended:
                answers[row].close(drafts[row].text)
                yield answers[row].shown, drafts[row].likelihood
                row += 1

    # -- decoding -----------------------------------------------------------------------------

    def _decode(self, requests: list[_Request], copies: int = 1) -> Iterator[list[_Draft]]:
        """Yields the drafts of all rows after each step, until every row has ended.

        Args:
            requests: The rows, all on one base.
            copies: How many rows in succession have the same prompt; it is read once.
        """
        base = self._bases[requests[0].role]
        roles = [request.role for request in requests]
        prompts = [self._prompt(base, request) for request in requests[::copies]]
        taken = [len(base.opening) + len(prompt) for prompt in prompts for _ in range(copies)]
        steps = [self._answer_room(*row) for row in zip(roles, taken, strict=True)]
        heats = torch.tensor([self._heat(request) for request in requests])
        sources = [torch.Generator().manual_seed(request.seed) for request in requests]

        ids, mask = base.padded(prompts)
        cache = base.new_cache()
        logits = base.step(roles[::copies], ids, mask, cache)  # [rows, vocabulary]
        if copies > 1:
            cache.batch_repeat_interleave(copies)
            logits = logits.repeat_interleave(copies, 0)
            mask = mask.repeat_interleave(copies, 0)
        banned = torch.zeros_like(logits, dtype=torch.bool)
        for row, role in enumerate(roles):
            banned[row, base.banned_tokens(role)] = True

        drafts = [_Draft(TokenText(base.tokenizer)) for _ in requests]
        for step in range(max(steps)):
            logits.masked_fill_(banned, -torch.inf)
            noise = torch.cat([torch.rand(1, generator=source) for source in sources])
            chosen = self._choose(logits, heats, noise)  # [rows]
            known = logits.log_softmax(-1).gather(1, chosen[:, None])[:, 0]  # [rows]
            for row, draft in enumerate(drafts):
                if draft.ended:
                    continue
                token = int(chosen[row])
                draft.log_probability += float(known[row])
                if token in base.end_tokens:
                    draft.ended = True
                    continue
                draft.add(token)
                marked = ROLE_FORMATS[roles[row]].end_mark in draft.text
                draft.ended = marked or step + 1 == steps[row] or _is_looping(draft.tokens)
            yield drafts
            if all(draft.ended for draft in drafts):
                return
            mask = torch.cat([mask, mask.new_ones(len(mask), 1)], 1)
            logits = base.step(roles, chosen[:, None], mask, cache)

    def _prompt(self, base: LoadedBase, request: _Request) -> list[int]:
        """Tokens of a prompt, cut at its beginning so that the answer has room."""
        limit = self._settings.context_tokens
        longest = limit - min(ROLE_FORMATS[request.role].max_new_tokens, limit // 2)
        return base.encode(request.prompt)[-max(8, longest) :]

    def _answer_room(self, role: Role, taken: int) -> int:
        """Longest answer to a prompt of `taken` tokens, in tokens."""
        longest = ROLE_FORMATS[role].max_new_tokens
        if in_all := self._settings.tokens_in_all.get(role.value):
            longest = max(in_all - taken, _SHORTEST_ROOM)
        return max(min(longest, self._settings.context_tokens - taken), 1)

    def _heat(self, request: _Request) -> float:
        if request.temperature is not None:
            return request.temperature
        usual = ROLE_FORMATS[request.role].temperature
        return self._settings.temperatures.get(request.role.value, usual)

    def _choose(self, logits: Tensor, heats: Tensor, noise: Tensor) -> Tensor:
        """The next token of each row, [rows].

        Args:
            logits: [rows, vocabulary].
            heats: Temperature of each row, [rows]; 0 takes the most probable token.
            noise: A uniform draw in 0..1 for each row, [rows].
        """
        best = logits.argmax(-1)
        if bool((heats <= 0).all()):
            return best
        scaled = logits / heats.clamp(min=1e-4)[:, None]
        top_k, top_p = self._settings.top_k, self._settings.top_p
        if top_k:
            values, order = scaled.topk(min(top_k, scaled.shape[-1]))
        elif top_p < 1:
            values, order = scaled.sort(-1, descending=True)
        else:
            values, order = scaled, torch.arange(scaled.shape[-1]).expand_as(scaled)
        probabilities = values.softmax(-1)
        if top_p < 1:
            # A token stays if the mass before it is still below top_p; the first always does.
            probabilities[probabilities.cumsum(-1) - probabilities >= top_p] = 0
        mass = probabilities.double().cumsum(-1)
        place = torch.searchsorted(mass, (noise * mass[:, -1])[:, None], right=True)
        drawn = order.gather(1, place.clamp(max=order.shape[-1] - 1))[:, 0]
        return torch.where(heats > 0, drawn, best)


def _seed(seed: int | None) -> int:
    return random.SystemRandom().getrandbits(63) if seed is None else seed


def _seed_of_row(seed: int, row: int) -> int:
    """Seeds of the rows of a batch; that of the first row is the seed itself."""
    return (seed + row * 0x9E3779B97F4A7C15) % 2**63


def _is_looping(ids: list[int], longest: int = 8) -> bool:
    """Whether an answer ends in the same 1 to `longest` tokens over and over (at least 4 times)."""
    for period in range(1, longest + 1):
        span = max(4 * period, 8)
        tail = ids[-span:]
        if len(tail) == span and tail[period:] == tail[:-period]:
            return True
    return False


def load_lite(models_dir: Path, dtype: torch.dtype = torch.float32) -> LocalGenerator:
    """The embedded language model with an adapter for each of `LITE_ROLES`.

    Args:
        models_dir: The folder models/ of the repository.
        dtype: Precision to run in; the files hold float16.

    Raises:
        ModelFileError: names the missing or broken file and how to restore it.
    """
    from transformers import LlamaForCausalLM

    folder = models_dir / "language"
    base = folder / "base"
    for name in ("config.json", *TOKENIZER_FILES, "model.safetensors"):
        check_file(base / name)
    adapters: dict[Role, Path] = {role: folder / "adapters" / role.value for role in LITE_ROLES}
    for adapter in adapters.values():
        check_file(adapter / CONFIG_FILE)
        check_file(adapter / WEIGHTS_FILE)
    settings = read_settings(folder / _SETTINGS_FILE)
    tokenizer = load_tokenizer(base)
    weights = base / "model.safetensors"
    try:
        loaded: Any = LlamaForCausalLM.from_pretrained(
            base, dtype=dtype, local_files_only=True, output_loading_info=True
        )
    except (OSError, ValueError, RuntimeError, KeyError) as error:
        raise ModelFileError(weights, detail=first_line(error)) from error
    model, report = loaded
    if report["missing_keys"]:
        raise ModelFileError(weights, detail=f"missing {sorted(report['missing_keys'])[0]}")
    for adapter in adapters.values():
        check_adapter(adapter, base, model)
    model = attach_adapters(model, adapters)
    loaded_base = LoadedBase(model.to(dtype), tokenizer, LITE_ROLES, [tokenizer.bos_token_id])
    return LocalGenerator(dict.fromkeys(LITE_ROLES, loaded_base), settings)


def read_settings(path: Path) -> GenerationSettings:
    check_file(path)
    try:
        return GenerationSettings(**json.loads(path.read_text(encoding="utf-8")))
    except TypeError as error:
        raise ModelFileError(path, detail=str(error)) from error
