"""Starts a small Llama with working induction heads, so that it can copy before it has learned.

A tiny model on a small budget spends most of it on discovering that text repeats itself. Here the
first layer gets heads that look one and two tokens back (by constant query and key biases that the
rotary embedding turns into a preference for a distance), and the second layer gets heads that look
for the token that followed the last occurrence of the present bigram (Olsson et al. 2022,
"In-context Learning and Induction Heads"; the idea of starting from such a structure: Trockman and
Kolter 2023, "Mimetic Initialization of Self-Attention Layers"). Training may change all of it.
"""

from __future__ import annotations

import math
from typing import Any

import torch
from torch import Tensor

__all__ = ["plant_induction_heads"]

_DISTANCE_SHARPNESS = 7.0  # weight of the look-back biases; 7 gives the right token about 95%
_MATCH_GAIN = 2.0  # of the query-key match; larger is sharper
_COPY_GAIN = 0.5  # of the copied embedding against the residual stream


@torch.no_grad()
def plant_induction_heads(model: Any, seed: int = 0) -> None:
    """Writes look-back heads into layer 0 and induction heads into layer 1.

    Args:
        model: A `LlamaForCausalLM` with attention biases, two layers or more, as many key as query
            heads, at least four heads, and 2 * head_dim <= hidden size. Changed in place.
        seed: Seed of the random projections.

    Raises:
        ValueError: if the model does not have this shape.
    """
    config = model.config
    width, heads = config.hidden_size, config.num_attention_heads
    size = width // heads
    if not config.attention_bias or config.num_key_value_heads != heads or heads < 4:
        raise ValueError("induction heads need attention biases and 4 or more full heads")
    generator = torch.Generator().manual_seed(seed)
    basis = torch.linalg.qr(torch.randn(width, width, generator=generator))[0]
    read = torch.linalg.qr(torch.randn(width, size, generator=generator))[0].T  # [size, width]
    # Residual subspaces that hold what stood one and two tokens before.
    before = [basis[:, :size], basis[:, size : 2 * size]]  # [width, size] each

    embedding = model.model.embed_tokens.weight
    embedding.normal_(0.0, 0.03, generator=generator)
    token_norm = 0.03 * math.sqrt(width)
    first, second = model.model.layers[0].self_attn, model.model.layers[1].self_attn

    theta = model.model.rotary_emb.inv_freq.float()  # [size / 2]
    for head in (0, 1):
        rows = slice(head * size, (head + 1) * size)
        angle = theta * (head + 1)
        first.q_proj.weight[rows] *= 0.2
        first.k_proj.weight[rows] *= 0.2
        ones = torch.ones_like(angle)
        first.q_proj.bias[rows] = _DISTANCE_SHARPNESS * torch.cat([angle.cos(), -angle.sin()])
        first.k_proj.bias[rows] = _DISTANCE_SHARPNESS * torch.cat([ones, 0 * ones])
        first.v_proj.weight[rows] = read
        # |read @ norm(e)| is sqrt(size); bring it to the length of an embedding's projection.
        first.o_proj.weight[:, rows] = before[head] * (token_norm / math.sqrt(size))

    # Only the slowly turning half of the rotary dimensions can compare over a distance.
    half = size // 2
    slow = torch.cat([torch.arange(half // 2, half), torch.arange(half + half // 2, size)])
    count = len(slow)
    for head in (0, 1):
        start = head * size
        part = slice(head * count, (head + 1) * count)
        mix = torch.linalg.qr(torch.randn(count, count, generator=generator))[0]
        own: Tensor = read[part]  # [count, width]
        one, two = before[0].T[part], before[1].T[part]
        second.q_proj.weight[start : start + size] *= 0.1
        second.k_proj.weight[start : start + size] *= 0.1
        second.q_proj.weight[start + slow] += _MATCH_GAIN * (own + mix @ one)
        second.k_proj.weight[start + slow] += _MATCH_GAIN * (one + mix @ two)
    project = torch.linalg.qr(torch.randn(width, 2 * size, generator=generator))[0].T
    second.v_proj.weight[: 2 * size] = project
    second.o_proj.weight[:, : 2 * size] = project.T * _COPY_GAIN
