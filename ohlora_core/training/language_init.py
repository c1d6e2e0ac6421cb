"""Starts a small Llama: from a finished smaller one, or with working induction heads.

A tiny model on a small budget spends most of it on discovering that text repeats itself. Here the
first layer gets heads that look one and two tokens back (by constant query and key biases that the
rotary embedding turns into a preference for a distance), and the second layer gets heads that look
for the token that followed the last occurrence of the present bigram (Olsson et al. 2022, "In-
context Learning and Induction Heads"; the idea of starting from such a structure: Trockman and
Kolter 2023, "Mimetic Initialization of Self-Attention Layers"). Training may change all of it.
"""

from __future__ import annotations

import math
from typing import Any

import torch
from torch import Tensor

__all__ = ["plant_induction_heads", "take_over"]

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


@torch.no_grad()
def take_over(model: Any, finished: Any) -> None:
    """Copies a finished model into one with as many or more layers, which computes the same.

    The layers of the finished one are spread over the new depth; those between them add nothing
    until they learn (Chen et al. 2016, "Net2Net").

    Args:
        model: A `LlamaForCausalLM`, changed in place.
        finished: A `LlamaForCausalLM` of the same widths, heads and vocabulary.

    Raises:
        ValueError: if the shapes do not fit, or the finished model is deeper.
    """
    old, new = finished.model.layers, model.model.layers
    same = ("hidden_size", "intermediate_size", "num_attention_heads", "vocab_size")
    if len(old) > len(new) or any(
        getattr(model.config, name) != getattr(finished.config, name) for name in same
    ):
        raise ValueError(f"the finished model must agree in {', '.join(same)} and not be deeper")
    for layer in new:
        for silent in (layer.self_attn.o_proj, layer.mlp.down_proj):
            for weight in silent.parameters():
                weight.zero_()
    for place, layer in enumerate(old):
        there = round(place * (len(new) - 1) / max(len(old) - 1, 1))
        new[there].load_state_dict(layer.state_dict())
    model.model.embed_tokens.load_state_dict(finished.model.embed_tokens.state_dict())
    model.model.norm.load_state_dict(finished.model.norm.state_dict())
