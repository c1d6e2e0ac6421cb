"""One causal model in memory with its tokenizer and the adapters attached to it.

Answers one question: what follows these tokens, with this role's adapter on each row. Knows
nothing of sampling, end marks or prompts; the caller keeps the key-value cache.
"""

from __future__ import annotations

import threading
from collections.abc import Collection, Sequence
from typing import Any

import torch
from torch import Tensor

from ohlora_core.language.roles import CONTROL_MARKS, ROLE_FORMATS, Role

__all__ = ["LoadedBase", "opening_tokens"]


class LoadedBase:
    """A causal model that several roles share.

    Args:
        model: Causal model, or PEFT model whose adapters are named after their roles.
        tokenizer: Its tokenizer.
        adapters: Roles that have an adapter; the others run on the bare model.
        opening: Token ids that every text begins with; by default those that the tokenizer adds.
    """

    def __init__(
        self,
        model: Any,
        tokenizer: Any,
        adapters: Collection[Role] = (),
        opening: Sequence[int] | None = None,
    ) -> None:
        self.model = model.eval()
        self.tokenizer = tokenizer
        self.opening = list(opening_tokens(tokenizer) if opening is None else opening)
        self.end_tokens = _end_tokens(model, tokenizer)
        self._adapters = frozenset(adapters)
        # Held for one step only, so that callers take turns and an abandoned stream blocks nobody.
        self._lock = threading.Lock()
        self._active: Role | None = None
        self._banned: dict[Role, list[int]] = {}

    def encode(self, text: str) -> list[int]:
        """Token ids of a text, without begin and end tokens."""
        return list(self.tokenizer(text, add_special_tokens=False)["input_ids"])

    def padded(self, rows: Sequence[list[int]]) -> tuple[Tensor, Tensor]:
        """Rows behind the opening tokens, padded on the left: ids and mask, [rows, longest]."""
        rows = [[*self.opening, *row] for row in rows]
        longest = max(map(len, rows))
        pad = self.tokenizer.pad_token_id or 0
        ids = torch.tensor([[pad] * (longest - len(row)) + row for row in rows])
        mask = torch.tensor([[0] * (longest - len(row)) + [1] * len(row) for row in rows])
        return ids, mask

    def banned_tokens(self, role: Role) -> list[int]:
        """Tokens that no answer of a role holds: padding, begin, every mark but its end mark."""
        if role not in self._banned:
            ids = {self.tokenizer.pad_token_id, self.tokenizer.bos_token_id} - {None}
            ids -= self.end_tokens  # some tokenizers pad or begin with it
            for mark in CONTROL_MARKS:
                encoded = self.encode(mark)
                if len(encoded) == 1 and mark != ROLE_FORMATS[role].end_mark:
                    ids.add(encoded[0])
            self._banned[role] = sorted(ids)
        return self._banned[role]

    def new_cache(self) -> Any:
        """An empty key-value cache for `step`."""
        from transformers import DynamicCache

        return DynamicCache(config=self.model.config)

    def step(self, roles: Sequence[Role], ids: Tensor, mask: Tensor, cache: Any) -> Tensor:
        """Feeds ids [rows, n]; returns the logits behind the last one, [rows, vocabulary].

        Args:
            roles: Role of each row. One role switches its adapter on; several share the batch,
                each row with its own adapter.
            ids: New tokens of each row, [rows, n].
            mask: 1 for every real token so far, the new ones included, [rows, tokens].
            cache: Result of `new_cache`, the same in all steps of a batch.
        """
        positions = (mask.cumsum(1) - 1).clamp(min=0)[:, -ids.shape[1] :]
        device = self.model.device
        with self._lock, torch.inference_mode():
            mixed = self._activate(roles)
            output = self.model(
                input_ids=ids.to(device),
                # Without padding the mask says nothing, and the faster causal kernel can run.
                attention_mask=None if bool(mask.all()) else mask.to(device),
                position_ids=positions.to(device),
                past_key_values=cache,
                use_cache=True,
                logits_to_keep=1,
                **mixed,
            )
        return output.logits[:, -1].float().cpu().clone()

    def switch_to(self, role: Role) -> None:
        """Makes a role's adapter the active one; for evaluation, which uses the model itself."""
        with self._lock:
            self._activate([role])

    def _activate(self, roles: Sequence[Role]) -> dict[str, list[str]]:
        """Arguments that the model needs for rows of these roles, once its adapter is switched."""
        known = self._adapters
        if not known:
            return {}
        role = roles[0]
        if len(set(roles)) > 1 or role not in known:
            return {"adapter_names": [r.value if r in known else "__base__" for r in roles]}
        if role is not self._active:
            self.model.set_adapter(role.value)
            self._active = role
        return {}


def opening_tokens(tokenizer: Any) -> list[int]:
    """The special tokens that a tokenizer puts before every text; none for some."""
    text = tokenizer("a", add_special_tokens=False)["input_ids"]
    whole = tokenizer("a")["input_ids"]
    size = len(text)
    start = next(i for i in range(len(whole) + 1) if whole[i : i + size] == text)
    return list(whole[:start])


def _end_tokens(model: Any, tokenizer: Any) -> set[int]:
    """Every token that ends a text: the tokenizer's, and those of the generation settings."""
    ends = getattr(getattr(model, "generation_config", None), "eos_token_id", None)
    several = ends if isinstance(ends, list | tuple) else [ends]
    return {tokenizer.eos_token_id, *several} - {None}
