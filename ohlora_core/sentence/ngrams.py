"""A lexical vector beside that of the S-BERT: a bag of character n-grams, learnt per task.

A small encoder learns what sentences mean from too few of them; plain n-grams know the words. The
bag learns from the same batches and losses as the adapter, in a minute, and the two unit vectors
are joined into one (`joined`), so that its cosine is the weighted mean of both cosines. Knows
texts; nothing of tokens, adapters or tasks.
"""

from __future__ import annotations

import functools
import unicodedata
import zlib
from collections.abc import Sequence
from pathlib import Path

import torch
from safetensors.torch import load_file, save_file
from torch import Tensor, nn
from torch.nn import functional

__all__ = [
    "BUCKETS",
    "FILE",
    "WIDTH",
    "NgramBag",
    "bucket_numbers",
    "bucket_of",
    "bucketed",
    "character_ngrams",
    "joined",
]

BUCKETS, WIDTH = 2**14, 32  # 1 MiB in float16
FILE = "ngrams.safetensors"  # in the folder of the adapter
_LONGEST = 4  # syllables
_DROPPED = 0.5  # share of the n-grams of a text that a training step does not see
_TABLE = "table"


@functools.lru_cache(maxsize=200_000)
def character_ngrams(text: str) -> tuple[str, ...]:
    """The distinct runs of 1 to 4 characters within each word, its edges marked by spaces."""
    words = [f" {word} " for word in unicodedata.normalize("NFC", text.lower()).split()]
    found = dict.fromkeys(
        word[start : start + length]
        for word in words
        for length in range(1, _LONGEST + 1)
        for start in range(len(word) - length + 1)
    )
    found.pop(" ", None)
    return tuple(found) or ("",)


def bucket_of(piece: str, count: int) -> int:
    """The row of a table of `count` rows that a piece of text belongs to."""
    return zlib.crc32(piece.encode("utf-8", "surrogatepass")) % count


def bucket_numbers(text: str, count: int) -> list[int]:
    """The rows of a table of `count` rows that the n-grams of a text belong to."""
    return [bucket_of(ngram, count) for ngram in character_ngrams(text)]


def bucketed(texts: Sequence[str], count: int) -> tuple[Tensor, Tensor]:
    """The bucket numbers of all texts, one text behind the other, and how many each has."""
    rows = [bucket_numbers(text, count) for text in texts]
    places = torch.tensor([place for row in rows for place in row])
    return places, torch.tensor([len(row) for row in rows])


class NgramBag(nn.Module):
    """Texts -> the sum of the vectors of their n-grams, scaled to unit length.

    The random start matches texts that share wording; it is small, so that n-grams which training
    never met hardly count beside those that it did.
    """

    def __init__(self, buckets: int = BUCKETS, width: int = WIDTH) -> None:
        super().__init__()
        self.table = nn.EmbeddingBag(buckets, width, mode="sum")
        nn.init.normal_(self.table.weight, std=0.02)

    def forward(self, texts: Sequence[str]) -> Tensor:
        """[n, width] of unit length."""
        places, counts = bucketed(texts, self.table.num_embeddings)
        kept = functional.dropout(torch.ones(len(places)), _DROPPED, self.training)
        sums = self.table(places, counts.cumsum(0) - counts, per_sample_weights=kept)
        return functional.normalize(sums, dim=-1)

    def save(self, folder: Path) -> None:
        """Write the table (float16)."""
        save_file({_TABLE: self.table.weight.detach().half().contiguous()}, folder / FILE)

    @classmethod
    def load(cls, folder: Path) -> NgramBag:
        """Read what `save` wrote, ready to use."""
        table = load_file(folder / FILE)[_TABLE].float()
        bag = cls(*table.shape)
        bag.table.weight.data.copy_(table)
        return bag.eval()


def joined(pooled: Tensor, lexical: Tensor, share: float = 0.5) -> Tensor:
    """One unit vector of two; its cosines are `(1 - share) * pooled's + share * lexical's`."""
    return torch.cat([pooled * (1 - share) ** 0.5, lexical * share**0.5], dim=-1)
