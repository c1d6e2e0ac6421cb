"""From texts to sentence vectors: token ids, padding, mean pooling (run time and training).

The same result as `SentenceTransformer.encode`, without its per-call overhead (data loaders,
progress bars, sorting), which costs more than the small encoder itself.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import torch

if TYPE_CHECKING:
    from torch import Tensor
    from transformers import PreTrainedTokenizerFast

__all__ = ["MAX_TOKENS", "bucketed_vectors", "pooled_vectors", "token_ids"]

MAX_TOKENS = 128
_HEAD_SHARE = 0.6
_BUCKET = 32  # texts of similar length that share a batch


def token_ids(
    tokenizer: PreTrainedTokenizerFast, texts: Sequence[str], max_tokens: int = MAX_TOKENS
) -> list[list[int]]:
    """Token ids of each text; of a longer text the beginning and the end are kept.

    Interview and quiz inputs have what matters at both ends, so the middle is what can go.
    """
    head = int(max_tokens * _HEAD_SHARE)
    encodings = tokenizer.backend_tokenizer.encode_batch(list(texts))
    return [
        ids if len(ids) <= max_tokens else ids[:head] + ids[head - max_tokens :]
        for ids in (encoding.ids for encoding in encodings)
    ]


def pooled_vectors(model: Any, ids: Sequence[Sequence[int]], pad_id: int = 0) -> Tensor:
    """Mean-pooled last hidden states of a batch, scaled to unit length.

    Args:
        model: A transformers encoder.
        ids: Token ids of each text, at least one each.

    Returns:
        [batch, hidden] float32; gradients flow if they are enabled.
    """
    length = max(map(len, ids))
    input_ids = torch.tensor([[*row, *[pad_id] * (length - len(row))] for row in ids])
    mask = torch.tensor([[1] * len(row) + [0] * (length - len(row)) for row in ids])
    hidden = model(input_ids=input_ids, attention_mask=mask).last_hidden_state
    weights = mask.unsqueeze(-1).to(hidden.dtype)  # [batch, length, 1]
    mean = (hidden * weights).sum(dim=1) / weights.sum(dim=1)
    return torch.nn.functional.normalize(mean.float(), dim=-1)


def bucketed_vectors(model: Any, ids: Sequence[Sequence[int]], pad_id: int = 0) -> Tensor:
    """`pooled_vectors` of any number of texts, batched by length so that little is padding.

    Returns:
        [n, hidden] float32 in the order of `ids`.
    """
    order = sorted(range(len(ids)), key=lambda i: len(ids[i]))
    batches = [
        pooled_vectors(model, [ids[i] for i in order[start : start + _BUCKET]], pad_id)
        for start in range(0, len(order), _BUCKET)
    ]
    back = torch.empty(len(order), dtype=torch.long)
    back[torch.tensor(order)] = torch.arange(len(order))
    return torch.cat(batches)[back]
