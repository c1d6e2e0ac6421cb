"""Runs causal language models in this process: one base, one PEFT adapter per role.

The decoding loop is our own, because it must switch adapters between steps of different callers,
stop on decoded text, read a prompt once for several candidates, and be reproducible by seed.
Knows nothing of prompts: it completes the text that it is given.
"""

from __future__ import annotations

import json
import logging
import math
import random
import threading
from collections.abc import Collection, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from ohlora_core.errors import ModelFileError
from ohlora_core.language.roles import CONTROL_MARKS, ROLE_FORMATS, Role
from ohlora_core.language.streaming import AnswerText

__all__ = ["LiteSettings", "LocalGenerator", "load_lite", "load_tokenizer"]

log = logging.getLogger(__name__)

_BASE_FILES = ("config.json", "tokenizer.json", "tokenizer_config.json", "model.safetensors")
_ADAPTER_FILES = ("adapter_config.json", "adapter_model.safetensors")
_SETTINGS_FILE = "lite.json"


@dataclass(frozen=True)
class LiteSettings:
    """How a set of models wants to be used; stored beside it as lite.json.

    Attributes:
        example_count: Retrieved dialogue examples before the final input.
        top_p: Probability mass that is sampled from, 0..1; 1 samples from everything.
        context_tokens: Longest prompt plus answer in tokens; longer prompts lose their beginning.
        slip_margin: A small model slips in the middle of a sentence now and then, and such a text
            is far less probable than the others. Candidates whose mean log-probability (nats per
            token) lies more than this below that of the best are replaced by the best.
        min_likelihood: Role -> mean log-probability below which an answer counts as a guess and
            becomes the empty text.
    """

    example_count: int = 0
    top_p: float = 1.0
    context_tokens: int = 1024
    slip_margin: float = math.inf
    min_likelihood: dict[str, float] = field(default_factory=dict)


@dataclass
class _Draft:
    """An answer while it is being written: its tokens, their text, and how probable it is."""

    tokens: list[int] = field(default_factory=list)
    text: str = ""
    log_probability: float = 0.0

    @property
    def likelihood(self) -> float:
        """Mean log-probability of a token, in nats, before temperature."""
        return self.log_probability / max(len(self.tokens), 1)


class LocalGenerator:
    """A `TextGenerator` over a transformers model.

    Args:
        model: Causal model, or PEFT model whose adapters are named after their roles.
        tokenizer: Its tokenizer.
        adapters: Roles that have an adapter; the others run on the bare model.
        settings: See `LiteSettings`.
    """

    def __init__(
        self,
        model: Any,
        tokenizer: Any,
        adapters: Collection[Role] = (),
        settings: LiteSettings | None = None,
    ) -> None:
        self._model = model.eval()
        self._tokenizer = tokenizer
        self._adapters = frozenset(adapters)
        self._settings = settings or LiteSettings()
        # Held for one step only, so that callers take turns and an abandoned stream blocks nobody.
        self._lock = threading.Lock()
        self._active: Role | None = None
        self._banned: dict[Role, list[int]] = {}

    @property
    def example_count(self) -> int:
        """How many retrieved dialogue examples go before the final input."""
        return self._settings.example_count

    def count_tokens(self, text: str) -> int:
        """Length of a text in tokens, without begin and end tokens."""
        return len(self._encode(text))

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
        for drafts in self._decode(role, [prompt], 1, temperature, seed):
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
        with self._lock:
            self._activate(role)
        return self._model, self._tokenizer

    def _answers(
        self,
        role: Role,
        prompts: list[str],
        copies: int,
        temperature: float | None,
        seed: int | None,
    ) -> list[tuple[str, float]]:
        """Finished answers with their likelihood, `copies` for each prompt."""
        # The same path as a stream, so that both give the same text.
        mark = ROLE_FORMATS[role].end_mark
        answers = [AnswerText(mark) for _ in range(len(prompts) * copies)]
        drafts: list[_Draft] = []
        for drafts in self._decode(role, prompts, copies, temperature, seed):
            for answer, draft in zip(answers, drafts, strict=True):
                answer.update(draft.text)
        for answer, draft in zip(answers, drafts, strict=True):
            answer.close(draft.text)
        floor = self._settings.min_likelihood.get(role.value, -math.inf)
        return [
            (answer.shown if draft.likelihood >= floor else "", draft.likelihood)
            for answer, draft in zip(answers, drafts, strict=True)
        ]

    # -- decoding -----------------------------------------------------------------------------

    def _decode(
        self,
        role: Role,
        prompts: list[str],
        copies: int,
        temperature: float | None,
        seed: int | None,
    ) -> Iterator[list[_Draft]]:
        """Yields the drafts of all rows after each step, until every row has ended."""
        from transformers import DynamicCache

        role_format = ROLE_FORMATS[role]
        heat = role_format.temperature if temperature is None else temperature
        seed = random.SystemRandom().getrandbits(63) if seed is None else seed
        source = torch.Generator().manual_seed(seed)
        limit = self._settings.context_tokens
        longest = max(8, limit - min(role_format.max_new_tokens, limit // 2))
        ids, mask = self._padded([self._encode(prompt)[-longest:] for prompt in prompts])
        steps = min(role_format.max_new_tokens, limit - ids.shape[1])

        banned = self._banned_tokens(role)
        cache = DynamicCache(config=self._model.config)
        logits = self._step(role, ids, mask, cache)  # [rows, vocabulary]
        if copies > 1:
            cache.batch_repeat_interleave(copies)
            logits = logits.repeat_interleave(copies, 0)
            mask = mask.repeat_interleave(copies, 0)
        rows = len(mask)
        drafts = [_Draft() for _ in range(rows)]
        open_rows = set(range(rows))
        for step in range(steps):
            logits[:, banned] = -torch.inf
            chosen = self._choose(logits, heat, source)  # [rows]
            known = logits.log_softmax(-1).gather(1, chosen[:, None])[:, 0]  # [rows]
            for row in sorted(open_rows):
                draft, token = drafts[row], int(chosen[row])
                draft.log_probability += float(known[row])
                if token == self._tokenizer.eos_token_id:
                    open_rows.discard(row)
                    continue
                draft.tokens.append(token)
                draft.text = self._tokenizer.decode(draft.tokens)
                if role_format.end_mark in draft.text or _is_looping(draft.tokens):
                    open_rows.discard(row)
            yield drafts
            if not open_rows or step + 1 == steps:
                return
            mask = torch.cat([mask, mask.new_ones(rows, 1)], 1)
            logits = self._step(role, chosen[:, None], mask, cache)

    def _step(self, role: Role, ids: Tensor, mask: Tensor, cache: Any) -> Tensor:
        """Feeds ids [rows, n]; returns the logits behind the last one, [rows, vocabulary]."""
        positions = (mask.cumsum(1) - 1).clamp(min=0)[:, -ids.shape[1] :]
        device = self._model.device
        with self._lock, torch.inference_mode():
            self._activate(role)
            output = self._model(
                input_ids=ids.to(device),
                # Without padding the mask says nothing, and the faster causal kernel can run.
                attention_mask=None if bool(mask.all()) else mask.to(device),
                position_ids=positions.to(device),
                past_key_values=cache,
                use_cache=True,
                logits_to_keep=1,
            )
        return output.logits[:, -1].float().cpu().clone()

    def _banned_tokens(self, role: Role) -> list[int]:
        """Tokens that no answer of this role holds: padding, begin, every mark but its end mark."""
        if role not in self._banned:
            ids = {self._tokenizer.pad_token_id, self._tokenizer.bos_token_id} - {None}
            ids.discard(self._tokenizer.eos_token_id)  # some tokenizers pad with it
            for mark in CONTROL_MARKS:
                encoded = self._encode(mark)
                if len(encoded) == 1 and mark != ROLE_FORMATS[role].end_mark:
                    ids.add(encoded[0])
            self._banned[role] = sorted(ids)
        return self._banned[role]

    def _activate(self, role: Role) -> None:
        if role is self._active or role not in self._adapters:
            return
        self._model.set_adapter(role.value)
        self._active = role

    def _choose(self, logits: Tensor, temperature: float, source: torch.Generator) -> Tensor:
        """The next token of each row, [rows]."""
        if temperature <= 0:
            return logits.argmax(-1)
        probabilities = (logits / temperature).softmax(-1)
        if self._settings.top_p < 1:
            ordered, order = probabilities.sort(-1, descending=True)
            # A token stays if the mass before it is still below top_p; the first always does.
            ordered[ordered.cumsum(-1) - ordered >= self._settings.top_p] = 0
            probabilities = torch.zeros_like(probabilities).scatter(-1, order, ordered)
        return torch.multinomial(probabilities, 1, generator=source)[:, 0]

    def _encode(self, text: str) -> list[int]:
        return list(self._tokenizer(text, add_special_tokens=False)["input_ids"])

    def _padded(self, rows: list[list[int]]) -> tuple[Tensor, Tensor]:
        """Rows behind a begin token, padded on the left: ids and mask, [rows, longest]."""
        begin = self._tokenizer.bos_token_id
        rows = [row if begin is None else [begin, *row] for row in rows]
        longest = max(map(len, rows))
        pad = self._tokenizer.pad_token_id or 0
        ids = torch.tensor([[pad] * (longest - len(row)) + row for row in rows])
        mask = torch.tensor([[0] * (longest - len(row)) + [1] * len(row) for row in rows])
        return ids, mask


def _is_looping(ids: list[int], longest: int = 8) -> bool:
    """Whether an answer ends in the same 1 to `longest` tokens over and over (at least 4 times)."""
    for period in range(1, longest + 1):
        span = max(4 * period, 8)
        tail = ids[-span:]
        if len(tail) == span and tail[period:] == tail[:-period]:
            return True
    return False


def load_tokenizer(folder: Path) -> Any:
    """The tokenizer in a folder.

    Raises:
        ModelFileError: if its files are missing or broken.
    """
    from transformers import PreTrainedTokenizerFast

    for name in ("tokenizer.json", "tokenizer_config.json"):
        _check(folder / name)
    try:
        return PreTrainedTokenizerFast.from_pretrained(folder)
    except Exception as error:  # the library raises a bare Exception for a broken file
        raise ModelFileError(folder / "tokenizer.json", detail=str(error)) from error


def load_lite(models_dir: Path, dtype: torch.dtype = torch.float32) -> LocalGenerator:
    """The embedded language model with its seven adapters.

    Args:
        models_dir: The folder models/ of the repository.
        dtype: Precision to run in; the files hold float16.

    Raises:
        ModelFileError: names the missing or broken file and how to restore it.
    """
    from peft import PeftModel
    from transformers import LlamaForCausalLM

    folder = models_dir / "language"
    base = folder / "base"
    for name in _BASE_FILES:
        _check(base / name)
    for role in Role:
        for name in _ADAPTER_FILES:
            _check(folder / "adapters" / role.value / name)
    settings = _read_settings(folder / _SETTINGS_FILE)
    tokenizer = load_tokenizer(base)
    at = base / "model.safetensors"
    try:
        loaded: Any = LlamaForCausalLM.from_pretrained(
            base, dtype=dtype, local_files_only=True, output_loading_info=True
        )
        model, report = loaded
        if report["missing_keys"]:
            raise ValueError(f"missing {sorted(report['missing_keys'])[0]}")
        for role in Role:
            at = folder / "adapters" / role.value / "adapter_model.safetensors"
            if role is next(iter(Role)):
                model = PeftModel.from_pretrained(model, at.parent, adapter_name=role.value)
            else:
                model.load_adapter(at.parent, adapter_name=role.value)
    except (OSError, ValueError, RuntimeError, KeyError) as error:
        raise ModelFileError(at, detail=str(error).splitlines()[0]) from error
    return LocalGenerator(model.to(dtype), tokenizer, list(Role), settings)


def _read_settings(path: Path) -> LiteSettings:
    _check(path)
    try:
        return LiteSettings(**json.loads(path.read_text(encoding="utf-8")))
    except TypeError as error:
        raise ModelFileError(path, detail=str(error)) from error


def _check(path: Path) -> None:
    """Raises `ModelFileError` if a file is missing, empty, or not what its name says."""
    from safetensors import SafetensorError, safe_open

    if not path.is_file():
        raise ModelFileError(path, detail="missing")
    try:
        if path.suffix == ".safetensors":
            with safe_open(path, framework="pt") as file:
                file.keys()
        else:
            json.loads(path.read_text(encoding="utf-8"))
    except (SafetensorError, ValueError, OSError) as error:
        raise ModelFileError(path, detail=str(error).splitlines()[0]) from error
