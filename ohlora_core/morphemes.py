"""The morphemes of Korean text, by the Kiwi library. Knows nothing of what they are for."""

from __future__ import annotations

import functools
import threading
from collections.abc import Sequence
from typing import Any

__all__ = ["analysed", "analyser", "joined", "kind"]

_loading = threading.Lock()


def analyser() -> Any:
    """The analyser; the first call takes two seconds and 330 MB."""
    with _loading:
        return _load()


@functools.cache
def _load() -> Any:
    from kiwipiepy import Kiwi

    return Kiwi(num_workers=1, load_multi_dict=False)


def analysed(text: str) -> list[Any]:
    """The tokens of a text: `form`, `tag` (Sejong tag set), `start` and `end` in the text."""
    whole = text.encode("utf-16", "surrogatepass").decode("utf-16", "replace")
    return analyser().tokenize(whole)


def joined(words: Sequence[tuple[str, str]]) -> str:
    """Text of (form, tag) morphemes, with the changes that their meeting brings about.

    >>> joined([("돕", "VV"), ("아", "EC")])
    '도와'
    """
    return analyser().join(list(words))


def kind(token: Any) -> str:
    """The tag without the mark of a (regular or irregular) conjugation."""
    return token.tag.partition("-")[0]
