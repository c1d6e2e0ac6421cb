"""Reads out of a message what is told in it: the value of a memory, in words of the message.

A small language model that writes a value freely often begins with the first noun it sees. Here
the stretches of the message that can be a value ("강아지 병원", "와플 굽기") stand to choice, and a
linear model of their morphemes, fitted to our dialogues, takes one. Knows nothing of prompts or
encoders.
"""

from __future__ import annotations

import zlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import load_file, save_file
from torch import Tensor, nn

from ohlora_core.errors import ModelFileError
from ohlora_core.language.files import read_header
from ohlora_core.morphemes import analysed, joined, kind

__all__ = ["BUCKETS", "FILE", "Candidate", "ValueReader", "candidates", "features"]

FILE = "language/values.safetensors"  # in the folder models/
BUCKETS = 2**16
_LONGEST = 24  # characters of a value
_WIDEST = 12  # morphemes of a value
_NOUN = frozenset(
    {"NNG", "NNP", "NNB", "NR", "NP", "SN", "SL", "SH", "XSN", "XPN", "XR", "W_SERIAL", "UN"}
)
_VERB = frozenset({"VV", "VA", "VX", "XSV", "XSA"})
_OPENING = _NOUN - {"XSN"} | {"MM", "MAG", "VV", "VA", "VX"}
_PARTICLE = frozenset({"JKS", "JKO", "JX", "JKB", "JKG", "JC", "JKC", "JKV", "JKQ"})
_CLAUSE = _VERB | {"EF", "EC", "ETM", "EP", "VCP"}
# A verb as a noun: 감 (of a state), 가기 (of a doing), 갔음 (of what has happened).
_NOMINAL = {"m": [("ᆷ", "ETN")], "g": [("기", "ETN")], "p": [("었", "EP"), ("음", "ETN")]}


@dataclass(frozen=True)
class Candidate:
    """A stretch of a message that may be a value.

    Attributes:
        value: Its text.
        first: Its first morpheme.
        last: Its last morpheme.
        form: How the text was made of the morphemes.
    """

    value: str
    first: int
    last: int
    form: str


def candidates(text: str, tokens: Sequence[Any]) -> list[Candidate]:
    """What may be a value in a message with these morphemes; every text once."""
    found: dict[str, Candidate] = {}
    for candidate in [*_stretches(text, tokens), *_pairs(text, tokens)]:
        if 0 < len(candidate.value) <= _LONGEST:
            found.setdefault(candidate.value, candidate)
    return list(found.values())


def _stretches(text: str, tokens: Sequence[Any]) -> Iterator[Candidate]:
    for first, opening in enumerate(tokens):
        if kind(opening) not in _OPENING:
            continue
        for last in range(first, min(len(tokens), first + _WIDEST)):
            inner = tokens[first : last + 1]
            if kind(tokens[last]) in _NOUN:
                yield Candidate(text[opening.start : inner[-1].end].strip(), first, last, "n")
                if not any(kind(token) in _CLAUSE for token in inner):
                    yield Candidate(_spelled(text, inner, bare=True), first, last, "d")
            elif kind(tokens[last]) in _VERB and not (
                last + 1 < len(tokens) and kind(tokens[last + 1]) in _VERB
            ):
                yield from _nominal(text, tokens, first, last)


def _nominal(text: str, tokens: Sequence[Any], first: int, last: int) -> Iterator[Candidate]:
    """A stretch that ends with a verb, as a noun."""
    place = last  # where the verb begins, with the noun that it is made of
    while (
        place > first
        and kind(tokens[place]) in ("XSV", "XSA")
        and tokens[place - 1].end == tokens[place].start
    ):
        place -= 1
    is_past = last + 1 < len(tokens) and kind(tokens[last + 1]) == "EP"
    words = [(token.form, token.tag) for token in tokens[place : last + 1]]
    touching = place > first and tokens[place - 1].end == tokens[place].start
    is_word = touching and kind(tokens[place - 1]) not in _PARTICLE | {"EC", "MAG"}
    for form, ending in _NOMINAL.items():
        if form == "p" and not is_past:
            continue
        verb = joined([*words, *ending])
        for bare in (False, True):
            before = _spelled(text, tokens[first:place], bare=bare)
            spelled = before + ("" if is_word else " ") + verb
            yield Candidate(spelled.strip(), first, last, f"{form}{int(bare)}")


def _pairs(text: str, tokens: Sequence[Any]) -> Iterator[Candidate]:
    """Two nouns (or runs of them) without what is between: "고슴도치 키워, 이름은 밤톨" has
    "고슴도치 밤톨"."""
    runs: list[list[int]] = []
    for place, token in enumerate(tokens):
        if kind(token) not in _NOUN - {"NP"}:
            continue
        if runs and runs[-1][1] == place - 1 and tokens[place - 1].end + 1 >= token.start:
            runs[-1][1] = place
        else:
            runs.append([place, place])
    runs += [[place, place] for first, end in runs if first < end for place in range(first, end)]
    for first, end in runs:
        for start, last in runs:
            if end + 1 < start:
                one = text[tokens[first].start : tokens[end].end]
                other = text[tokens[start].start : tokens[last].end]
                yield Candidate(f"{one} {other}", first, last, "2")


def _spelled(text: str, tokens: Sequence[Any], *, bare: bool) -> str:
    """The text of some morphemes, if `bare` without particles."""
    parts: list[str] = []
    end = -1
    for token in tokens:
        if bare and kind(token) in _PARTICLE:
            end = -1
        elif token.start >= end:
            parts += [" " if token.start != end else "", text[token.start : token.end]]
            end = token.end
    return "".join(parts).strip()


def features(key: str, candidate: Candidate, tokens: Sequence[Any]) -> list[int]:
    """Buckets of what a candidate is like: its morphemes and those around it, by themselves and
    together with the key of the memory."""
    first, last = candidate.first, candidate.last
    inner = tokens[first : last + 1]
    around = [
        token for token in (*tokens[:first], *tokens[last + 1 :]) if kind(token) in _NOUN | _VERB
    ]
    before = _named(tokens, first - 1)
    after, second = _named(tokens, last + 1), _named(tokens, last + 2)
    kinds = [kind(token) for token in inner]
    shape = [
        f"form={candidate.form}",
        f"after={after}",
        f"after={after} {second}",
        f"before={before}",
        f"first={kinds[0]}",
        f"last={kinds[-1]}",
        f"around={_kind(before)} {_kind(after)}",
        f"form={candidate.form} {_kind(after)}",
        f"opens={_named(tokens, first)}",
        f"ends={_named(tokens, last)}",
        f"kinds={candidate.form} {'-'.join(kinds)}",
        f"cut={_touches(tokens, first - 1)} {_touches(tokens, last)}",
        f"cut={candidate.form} {_touches(tokens, first - 1)} {_kind(before)}",
        f"cut={candidate.form} {_touches(tokens, last)} {_kind(after)}",
        f"wide={min(last - first, 6)}",
        f"long={min(len(candidate.value) // 2, 8)}",
        f"place={min(first, 4)}",
        f"left={min(len(tokens) - 1 - last, 5)}",
        f"particles={sum(one in _PARTICLE for one in kinds)}",
        f"verbs={sum(one in _VERB for one in kinds)}",
        f"nouns={sum(one in _NOUN for one in kinds)}",
    ]
    shape += [f"has={token.form}/{kind(token)}" for token in inner]
    shape += [f"lacks={token.form}/{kind(token)}" for token in around]
    letters = candidate.value.replace(" ", "")
    spelled = [f"letters={letters[i : i + 2]}" for i in range(len(letters) - 1)]
    spelled.append(f"closes={letters[-2:]}")
    named = [f"{key}|{name}" for name in (*shape, *spelled)]
    return [zlib.crc32(name.encode()) % BUCKETS for name in (*shape, *named)]


def _touches(tokens: Sequence[Any], place: int) -> bool:
    """Whether no space is between a morpheme and the next."""
    return 0 <= place < len(tokens) - 1 and tokens[place].end >= tokens[place + 1].start


def _named(tokens: Sequence[Any], place: int) -> str:
    if not 0 <= place < len(tokens):
        return "none/none"
    return f"{tokens[place].form}/{kind(tokens[place])}"


def _kind(named: str) -> str:
    return named.rpartition("/")[2]


class ValueReader(nn.Module):
    """Scores candidates by the sum of the weights of their features."""

    def __init__(self) -> None:
        super().__init__()
        self.weights = nn.EmbeddingBag(BUCKETS, 1, mode="sum")
        nn.init.zeros_(self.weights.weight)

    def forward(self, rows: Sequence[Sequence[int]]) -> Tensor:
        """[n] scores of n lists of features."""
        sizes = torch.tensor([0, *map(len, rows)])
        places = torch.tensor([place for row in rows for place in row])
        return self.weights(places, sizes.cumsum(0)[:-1])[:, 0]

    @torch.inference_mode()
    def read(self, key: str, message: str) -> str | None:
        """The likeliest value of a memory of this key in a message; None if it has no words."""
        tokens = analysed(message)
        found = candidates(message, tokens)
        if not found:
            return None
        scores = self([features(key, candidate, tokens) for candidate in found])
        return found[int(scores.argmax())].value

    def save(self, models_dir: Path) -> None:
        """Write the weights in bytes with their scale to `models_dir / FILE`."""
        weights = self.weights.weight.detach()
        scale = weights.abs().max().clamp_min(1e-8) / 127
        table = (weights / scale).round().to(torch.int8)
        save_file({"table": table, "scale": scale.reshape(1)}, models_dir / FILE)

    @classmethod
    def load(cls, models_dir: Path) -> ValueReader:
        """The reader of the folder models/, ready to use.

        Raises:
            ModelFileError: if its file is missing or broken.
        """
        path = models_dir / FILE
        shapes, wanted = read_header(path), {"table": [BUCKETS, 1], "scale": [1]}
        if shapes != wanted:
            raise ModelFileError(path, detail=f"{shapes}, not {wanted}")
        reader = cls()
        parts = load_file(path)
        reader.weights.weight.data.copy_(parts["table"].float() * parts["scale"])
        return reader.eval()
