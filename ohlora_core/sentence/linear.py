"""A linear classifier of texts: the shares of named classes, by n-grams and the base's vector.

Where the classes are few, it learns in seconds what an adapter approaches in minutes: the n-grams
know the words, the base what they mean. The vector of a text is its shares of the classes, that of
a class name the class itself, so that their cosine says how much the text is of the class. Knows
nothing of tasks.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path

import torch
from safetensors import safe_open
from safetensors.torch import save_file
from torch import Tensor, nn
from torch.nn import functional

from ohlora_core.sentence.ngrams import bucketed

__all__ = ["FILE", "LinearHead"]

FILE = "head.safetensors"  # in the folder of the task
_NAMES = "names"
_SHARPNESS = 1.5  # of the softmax over scores, which lie between about -2 and 1


class LinearHead(nn.Module):
    """Texts -> the softmax of their scores, scaled to unit length.

    Args:
        buckets: Rows of the n-gram table.
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
        places, counts = bucketed(texts, self.table.num_embeddings)
        sums = self.table(places, counts.cumsum(0) - counts)
        scores = sums / counts.sqrt().unsqueeze(1) + pooled @ self.dense
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
