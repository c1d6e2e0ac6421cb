"""What the rest of the core needs of a text generator, whatever runs behind it."""

from __future__ import annotations

import threading
from collections.abc import Iterator, Sequence
from typing import Protocol

from ohlora_core.language.roles import Role

__all__ = ["TextGenerator"]


class TextGenerator(Protocol):
    """Writes answers for the roles. Safe to use from several threads."""

    @property
    def example_count(self) -> int:
        """How many retrieved dialogue examples go before the final input (0 to 3)."""
        ...

    def stream(
        self,
        role: Role,
        prompt: str,
        *,
        temperature: float | None = None,
        seed: int | None = None,
        cancel: threading.Event | None = None,
    ) -> Iterator[str]:
        """Text deltas of one answer, without the end mark and the white space around the answer."""
        ...

    def generate(
        self,
        role: Role,
        prompts: list[str],
        *,
        temperature: float | None = None,
        seed: int | None = None,
        greedy: bool = False,
    ) -> list[str]:
        """One answer for each prompt, in one batch."""
        ...

    def share_base(self, *roles: Role) -> bool:
        """Whether `generate_mixed` answers these roles at once, not one after the other."""
        ...

    def generate_mixed(
        self, requests: Sequence[tuple[Role, str]], *, seeds: Sequence[int | None] = ()
    ) -> Iterator[str]:
        """One answer for each (role, prompt), in their order, each as soon as it is complete.

        An answer is the one that `generate` gives for the same seed; without seeds it is random.
        """
        ...

    def sample_candidates(
        self,
        role: Role,
        prompt: str,
        n: int,
        *,
        temperature: float | None = None,
        seed: int | None = None,
    ) -> list[str]:
        """`n` sampled answers to one prompt; the prompt is read once."""
        ...

    def count_tokens(self, text: str) -> int:
        """Length of a text in tokens of the reply model."""
        ...
