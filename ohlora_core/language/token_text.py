"""Decodes tokens as they come. Knows nothing of models, marks or what is shown."""

from __future__ import annotations

import re
from typing import Any

__all__ = ["TokenText"]

_BROKEN = "\ufffd"  # what a decoder writes for bytes that are no character (yet)
_BYTE = re.compile("<0x[0-9A-F]{2}>")  # the name of a byte-fallback token


class TokenText:
    """A text that grows by a token at a time, always what decoding all tokens at once gives.

    Tokens are decoded again only while a later one can still change their text: up to the end of a
    character, or of a row of byte tokens, which a decoder takes or refuses as a whole. The last
    settled token is decoded with them, since decoders may treat the first token of a text
    differently.

    Args:
        tokenizer: A fast tokenizer.
    """

    def __init__(self, tokenizer: Any) -> None:
        self.text = ""
        self._tokenizer = tokenizer
        self._settled = ""
        self._context: list[int] = []
        self._open: list[int] = []

    def add(self, token: int) -> None:
        """Let `text` grow by a token."""
        self._open.append(token)
        known = len(self._decode(self._context))
        decoded = self._decode([*self._context, *self._open])
        self.text = self._settled + decoded[known:]
        if not (decoded.endswith(_BROKEN) or self._is_byte(token)):
            self._settled, self._context, self._open = self.text, [token], []

    def _decode(self, tokens: list[int]) -> str:
        return str(self._tokenizer.decode(tokens))

    def _is_byte(self, token: int) -> bool:
        return _BYTE.fullmatch(self._tokenizer.convert_ids_to_tokens(token) or "") is not None
