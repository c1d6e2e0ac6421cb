"""Turns the growing text of an answer into deltas that are safe to show.

Works on decoded text and knows nothing of tokens. Held back are: whatever might still become the
end mark, incomplete characters, an emoji that might still be joined to another, and white space at
both ends. The "### 답변:" that the published models put before an answer is left out.
"""

from __future__ import annotations

import re

__all__ = ["AnswerText"]

_BROKEN = "\ufffd"  # what a decoder writes for bytes that are no character (yet)
# Emoji, joiners, variation selectors and skin tones: the next code point may belong to them.
_UNFINISHED = re.compile(
    "[\u200d\ufe0e\ufe0f\u20e3\u2190-\u2bff\U0001f000-\U0001faff\U000e0020-\U000e007f]+$"
)
_LEAD = re.compile(r"### ?[가-힣]{2} ?:\s*")
_LONGEST_LEAD = 9  # characters of "### 답변 :"


class AnswerText:
    """The text of one answer while it is being written.

    Args:
        end_mark: Text that ends the answer.
    """

    def __init__(self, end_mark: str) -> None:
        self.end_mark = end_mark
        self.shown = ""
        self.finished = False

    def update(self, decoded: str) -> str:
        """The next delta (maybe empty), given everything that was decoded so far.

        Sets `finished` once the end mark is complete; later calls return nothing.
        """
        if self.finished:
            return ""
        before, mark, _ = decoded.partition(self.end_mark)
        if mark:
            self.finished = True
            return self._delta(_visible(before))
        if decoded.endswith(_BROKEN):
            return ""
        text = decoded[: len(decoded) - _overlap(decoded, self.end_mark)]
        text = _UNFINISHED.sub("", text)
        text = _visible(text)
        if text.startswith("#") and len(text) < _LONGEST_LEAD:
            return ""
        return self._delta(text)

    def close(self, decoded: str) -> str:
        """The last delta of an answer that ended without its mark."""
        if self.finished:
            return ""
        self.finished = True
        return self._delta(_visible(decoded))

    def _delta(self, visible: str) -> str:
        if len(visible) <= len(self.shown) or not visible.startswith(self.shown):
            return ""
        delta, self.shown = visible[len(self.shown) :], visible
        return delta


def _visible(text: str) -> str:
    """The text without broken characters, white space at its ends, and the lead."""
    return _LEAD.sub("", text.replace(_BROKEN, "").strip(), count=1).strip()


def _overlap(text: str, mark: str) -> int:
    """Length of the longest end of `text` that is a beginning of `mark`."""
    for size in range(min(len(text), len(mark) - 1), 0, -1):
        if text.endswith(mark[:size]):
            return size
    return 0
