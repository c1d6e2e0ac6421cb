"""A linear classifier of texts: the shares of named classes, by words and the base's vector.

Where the classes are few, it learns in seconds what an adapter approaches in minutes: runs of
characters and of morphemes know the words and endings, the base what they mean. The vector of a
text is its shares of the classes, that of a class name the class itself, so that their cosine says
how much the text is of the class. Knows nothing of tasks.
"""

from __future__ import annotations

import functools
import itertools
import json
from collections.abc import Sequence
from pathlib import Path

import torch
from safetensors import safe_open
from safetensors.torch import save_file
from torch import Tensor, nn
from torch.nn import functional

from ohlora_core.morphemes import analysed, kind
from ohlora_core.sentence.ngrams import bucket_of, character_ngrams

__all__ = ["FILE", "LinearHead", "weighted_buckets"]

FILE = "head.safetensors"  # in the folder of the task
_NAMES = "names"
_SHARPNESS = 1.5  # of the softmax over scores, which lie between about -2 and 1


@functools.lru_cache(maxsize=1024)
def _morpheme_runs(text: str) -> tuple[str, ...]:
    """The distinct runs of 1 to 3 morphemes, the edges of the text among them."""
    inner = [f"{token.form}/{kind(token)}" for token in analysed(text)]
    whole = ["^", *inner, "$"]
    pairs = [" ".join(run) for run in itertools.pairwise(whole)]
    triples = [" ".join(run) for run in zip(whole, whole[1:], whole[2:], strict=False)]
    return tuple(dict.fromkeys([*inner, *pairs, *triples]))


def weighted_buckets(text: str, count: int) -> dict[int, float]:
    """The rows of a table of `count` rows that a text belongs to, with their weights.

    The squares of the weights of its character n-grams add up to about 1, whatever its length, and
    those of its runs of morphemes too.
    """
    weights: dict[int, float] = {}
    for pieces in (character_ngrams(text), _morpheme_runs(text)):
        for piece in pieces:
            bucket = bucket_of(piece, count)
            weights[bucket] = weights.get(bucket, 0.0) + len(pieces) ** -0.5
    return weights


class LinearHead(nn.Module):
    """Texts -> the softmax of their scores, scaled to unit length.

    Args:
        buckets: Rows of the table of words.
        width: Numbers of a vector of the base.
        names: Of the classes.
    """

    def __init__(self, buckets: int, width: int, names: Sequence[str]) -> None:
        super().__init__()
        self.names = list(names)
        self.table = nn.EmbeddingBag(buckets, len(names), mode="sum")
        self.dense = nn.Parameter(torch.zeros(width, len(names)))

    def forward(self, texts: Sequence[str], pooled: Tensor, *, of_records: bool = False) -> Tensor:
        """[n, classes] of unit length.

        Args:
            texts: n texts.
            pooled: [n, width] vectors of the texts by the base.
            of_records: Whether a record "[name: value]" stands for its class too. Not where a text
                is judged: whoever writes it could choose the class.
        """
        rows = [weighted_buckets(text, self.table.num_embeddings) for text in texts]
        places = torch.tensor([place for row in rows for place in row])
        weights = torch.tensor([weight for row in rows for weight in row.values()])
        counts = torch.tensor([len(row) for row in rows])
        sums = self.table(places, counts.cumsum(0) - counts, per_sample_weights=weights)
        scores = sums + pooled @ self.dense
        shares = functional.normalize((_SHARPNESS * scores).softmax(dim=1), dim=1)
        for row, text in enumerate(texts):
            is_record = of_records and text.startswith("[")
            name = text[1:].partition(":")[0] if is_record else text
            if name in self.names:
                shares[row] = functional.one_hot(
                    torch.tensor(self.names.index(name)), len(self.names)
                )
        return shares

    def save(self, folder: Path) -> None:
        """Write the weights: the table in bytes with a scale per class, the rest in float16."""
        table = self.table.weight.detach()
        scale = table.abs().amax(dim=0).clamp_min(1e-8) / 127
        weights = {
            "table": (table / scale).round().to(torch.int8),
            "scale": scale,
            "dense": self.dense.detach().half().contiguous(),
        }
        save_file(weights, folder / FILE, metadata={_NAMES: json.dumps(self.names)})

    @classmethod
    def load(cls, folder: Path) -> LinearHead:
        """Read what `save` wrote, ready to use."""
        with safe_open(str(folder / FILE), framework="pt") as file:
            names = json.loads(file.metadata()[_NAMES])
            parts = ("table", "scale", "dense")
            table, scale, dense = (file.get_tensor(name).float() for name in parts)
        head = cls(len(table), len(dense), names)
        head.table.weight.data.copy_(table * scale)
        head.dense.data.copy_(dense)
        return head.eval()
