"""Teaches the mapping network who a latent z is, before any picture is drawn.

The renderer knows the looks of every z as numbers (`portrait_identity`), so the mapping z -> w can
learn them by plain regression on millions of latents, a thousand times cheaper than through
pictures. Afterwards w holds every look and the features of `look_features`, and the synthesis
network has only to draw. Knows latents and looks; nothing of pictures.
"""

from __future__ import annotations

import logging
import math
from statistics import NormalDist

import numpy as np
import torch
import torch.nn.functional as F
from numpy.typing import NDArray
from torch import Tensor
from tqdm import trange

from ohlora_core.face.generator import LABEL_EMBEDDING, LATENT_SIZE, MappingNetwork
from ohlora_core.training.look_features import Table, feature_table, looks_table, standardised
from ohlora_core.training.portrait_identity import (
    EDGE_WIDTH,
    KIND_EDGES,
    identity_from_looks,
    look_directions,
)
from ohlora_core.training.portrait_offered import LOOK_NUMBERS

logger = logging.getLogger(__name__)

LABEL_SCALE = 8.0
"""How far in w one unit of a label moves: wide enough that an SVM finds the direction."""
_SCORE_SCALE = 2.0
_LOOKS_PER_FEATURE = 5
_BATCH = 256


def _looks_table(count: int, rng: np.random.Generator) -> tuple[Tensor, Table]:
    """Scores [count, n] of random faces and their looks [count, m]."""
    scores = rng.standard_normal((count, len(look_directions()))).astype(np.float32)
    return torch.from_numpy(scores), looks_table([identity_from_looks(row) for row in scores])


def fit_mapping(mapping: MappingNetwork, steps: int, faces: int, seed: int) -> float:
    """Fit the mapping to the looks and keep w exactly linear in the label.

    Each label value enters as a pair (v, -v) that survives all layers, because leaky(v) -
    leaky(-v) = 1.2 v; nothing else feeds it and it feeds nothing else, so the property vectors act
    exactly as the label did in training. The other units of w before the last leaky ReLU are fitted
    to: every look, every look negated, every feature, and random mixtures of a few looks. The part
    of z that the renderer does not read is masked out.

    steps: batches of 256. faces: size of the table of random faces. Returns the root mean square
    error of the standardised looks on faces that were not fitted.
    """
    rng = np.random.default_rng(seed)
    torch.manual_seed(seed)
    directions = look_directions()  # [scores, 512], orthonormal
    scores, table = _looks_table(faces, rng)
    looks = torch.from_numpy(standardised(table, least_spread=1e-6))
    held_out = max(faces // 20, 1)
    labels = mapping.label_weight.shape[0]
    free = _prepare(mapping, directions, rng)

    count = looks.shape[1]
    features = torch.from_numpy(standardised(feature_table(table)))
    rest = LATENT_SIZE - 2 * labels - 2 * count - features.shape[1]
    mixing = rng.standard_normal((count, rest)) / math.sqrt(_LOOKS_PER_FEATURE)
    mixing *= rng.random(mixing.shape) < _LOOKS_PER_FEATURE / count
    mixed = looks @ torch.from_numpy(mixing.astype(np.float32))
    mixed += torch.from_numpy(rng.standard_normal(rest).astype(np.float32))
    targets = F.leaky_relu(torch.cat([looks, -looks, features, mixed], dim=1), 0.2)

    basis = torch.from_numpy(directions.astype(np.float32))
    neutral = torch.zeros(_BATCH, labels)
    parameters = [p for layer in mapping.layers() for p in (layer.weight, layer.bias)]
    optimizer = torch.optim.Adam(parameters, betas=(0.9, 0.99))
    for step in trange(steps, desc="mapping"):
        rate = 0.004 / mapping.layers()[1].weight_scale * (1 + math.cos(math.pi * step / steps)) / 2
        optimizer.param_groups[0]["lr"] = rate * min(1.0, (step + 1) / 200)
        rows = torch.from_numpy(rng.integers(held_out, faces, _BATCH))
        made = _features(mapping, scores[rows] @ basis, neutral)[:, 2 * labels :]
        loss = (made - targets[rows]).square().mean()
        optimizer.zero_grad(set_to_none=True)
        loss.backward()
        for parameter, mask in free.items():
            if parameter.grad is not None:
                parameter.grad.mul_(mask)
        optimizer.step()
    with torch.no_grad():
        made = _features(mapping, scores[:held_out] @ basis, torch.zeros(held_out, labels))
        made = made[:, 2 * labels :]
        found = (made[:, :count] - made[:, count : 2 * count]) / 1.2
        error = float((found - looks[:held_out]).square().mean().sqrt())
    logger.info("mapping: looks are off by %.3f of their spread on new faces", error)
    return error


def _features(mapping: MappingNetwork, z: Tensor, label: Tensor) -> Tensor:
    """w of latents that hold only what the renderer reads: [n, 512], [n, labels] -> [n, 512].

    The pixel norm of a whole z divides by its length, nearly 1; what is missing here is its rest.
    """
    x = torch.cat([z, label @ mapping.label_weight], dim=1)
    return mapping.dense(x * math.sqrt(x.shape[1] / LATENT_SIZE))


def _prepare(
    mapping: MappingNetwork, directions: NDArray[np.float64], rng: np.random.Generator
) -> dict[torch.nn.Parameter, Tensor]:
    """Start values; returns the mask of trainable entries of each parameter."""
    labels = mapping.label_weight.shape[0]
    pairs = 2 * labels
    embedding = np.zeros((labels, LABEL_EMBEDDING), np.float32)
    embedding[:, :labels] = np.eye(labels)
    first = np.zeros((LATENT_SIZE, LATENT_SIZE + LABEL_EMBEDDING), np.float32)
    bias = np.zeros(LATENT_SIZE, np.float32)
    for index in range(labels):
        first[2 * index, LATENT_SIZE + index] = LABEL_SCALE
        first[2 * index + 1, LATENT_SIZE + index] = -LABEL_SCALE
        # Far from zero, where leaky ReLU would bend it: labels lie in -1..1.
        bias[2 * index], bias[2 * index + 1] = 1.5 * LABEL_SCALE, -1.5 * LABEL_SCALE
    # Every other unit bends at a place of one look's score: a look is a curve over one score.
    hidden = LATENT_SIZE - pairs
    edges = _edges()
    score, place = _bends(hidden, edges)
    slope = np.where(np.arange(hidden) % 2, _SCORE_SCALE, -_SCORE_SCALE)
    slope[: 2 * len(edges)] = _SCORE_SCALE
    first[pairs:, :LATENT_SIZE] = slope[:, None] * directions[score]
    bias[pairs:] = -slope * place

    carried = pairs + 2 * len(edges)
    later = np.zeros((LATENT_SIZE, LATENT_SIZE), np.float32)
    for row in range(0, carried, 2):
        later[row, row] = later[row + 1, row + 1] = 1 / 1.2
        later[row, row + 1] = later[row + 1, row] = -1 / 1.2
    # The second layer makes the step of every edge, -1..1 and its negative, of the two bends.
    second = later.copy()
    steps = np.zeros(LATENT_SIZE, np.float32)
    for index, (_, low, high) in enumerate(edges):
        row = pairs + 2 * index
        height = 0.8 * _SCORE_SCALE * (high - low)
        second[row, row : row + 2] = 2 / height, -2 / height
        second[row + 1, row : row + 2] = -second[row, row : row + 2]
        steps[row : row + 2] = -1.5, 1.5
    free = torch.ones(LATENT_SIZE, LATENT_SIZE)
    free[:pairs], free[:, :pairs] = 0, 0
    free_bias = torch.ones(LATENT_SIZE)
    free_bias[:pairs] = 0
    masks: dict[torch.nn.Parameter, Tensor] = {}
    with torch.no_grad():
        mapping.label_weight.copy_(torch.from_numpy(embedding))
        for index, layer in enumerate(mapping.layers()):
            weight = (first, second)[index] if index < 2 else later.copy()
            if index:
                noise = rng.standard_normal((LATENT_SIZE - carried, hidden))
                weight[carried:, pairs:] = noise * math.sqrt(2 / hidden)
            start = (bias, steps)[index] if index < 2 else 0 * bias
            layer.weight.copy_(torch.from_numpy(weight) / layer.weight_scale)
            layer.bias.copy_(torch.from_numpy(start) / layer.bias_scale)
            # The rest of z is noise to the renderer: the first layer never learns to look at it.
            masks[layer.weight] = torch.zeros_like(layer.weight) if index == 0 else free
            masks[layer.bias] = free_bias
    return masks


def _edges() -> list[tuple[int, float, float]]:
    """Of every edge between two kinds of a look: number of the score, where it starts and ends."""
    half = EDGE_WIDTH / 2
    quantile = NormalDist().inv_cdf
    return [
        (LOOK_NUMBERS[name], quantile(edge - half), quantile(edge + half))
        for name, edges in KIND_EDGES.items()
        for edge in edges
    ]


def _bends(
    units: int, edges: list[tuple[int, float, float]]
) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
    """Which score each unit [n] reads and where it bends: at the edges, else evenly over faces."""
    kinds = {LOOK_NUMBERS[name] for name in KIND_EDGES}
    smooth = np.array([number for number in LOOK_NUMBERS.values() if number not in kinds])
    rest = np.arange(units - 2 * len(edges))
    knot = rest // len(smooth)
    places = [NormalDist().inv_cdf(share) for share in (knot + 0.5) / (knot.max() + 1)]
    return (
        np.concatenate([np.repeat([score for score, *_ in edges], 2), smooth[rest % len(smooth)]]),
        np.concatenate([np.ravel([ends for _, *ends in edges]), places]),
    )
