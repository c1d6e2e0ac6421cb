"""Teaches the mapping network who a latent z is, before any picture is drawn.

The renderer knows the looks of every z as numbers (`portrait_identity`), so the mapping z -> w can
learn them by plain regression on millions of latents, a thousand times cheaper than through
pictures. Afterwards w holds every look and many features of several looks, and the synthesis
network has only to draw. Knows latents and looks; nothing of pictures.
"""

from __future__ import annotations

import dataclasses
import logging
import math

import numpy as np
import torch
import torch.nn.functional as F
from numpy.typing import NDArray
from torch import Tensor
from tqdm import trange

from ohlora_core.face.generator import LABEL_EMBEDDING, LATENT_SIZE, MappingNetwork
from ohlora_core.training.portrait_identity import Identity, identity_from_looks, look_directions

logger = logging.getLogger(__name__)

LABEL_SCALE = 8.0
"""How far in w one unit of a label moves: wide enough that an SVM finds the direction."""
_LOOK_SCALE = 3.0
_LOOKS_PER_FEATURE = 5
_BATCH = 128


def looks_of(person: Identity) -> NDArray[np.float32]:
    """All looks of a face as numbers [n]; a colour gives three."""
    values: list[float] = []
    for field in dataclasses.fields(person):
        value = getattr(person, field.name)
        values += [c / 255 for c in value] if isinstance(value, tuple) else [float(value)]
    return np.array(values, np.float32)


def _identity_table(count: int, rng: np.random.Generator) -> tuple[Tensor, Tensor]:
    """Scores [count, looks] of random faces and their standardised looks [count, n]."""
    scores = rng.standard_normal((count, len(look_directions()))).astype(np.float32)
    looks = np.stack([looks_of(identity_from_looks(row)) for row in scores])
    spread = looks.std(axis=0)
    looks = (looks - looks.mean(axis=0)) / np.where(spread > 1e-6, spread, 1.0)
    return torch.from_numpy(scores), torch.from_numpy(looks)


def fit_mapping(mapping: MappingNetwork, steps: int, faces: int, seed: int) -> float:
    """Fit the mapping to the looks and keep w exactly linear in the label.

    Each label value enters as a pair (v, -v) that survives all layers, because leaky(v) -
    leaky(-v) = 1.2 v; nothing else feeds it and it feeds nothing else, so the property vectors act
    exactly as the label did in training. The other units of w before the last leaky ReLU are fitted
    to: every look, every look negated, and random mixtures of a few looks. The part of z that the
    renderer does not read is masked out.

    steps: batches of 128. faces: size of the table of random faces. Returns the root mean square
    error of the standardised looks on faces that were not fitted.
    """
    rng = np.random.default_rng(seed)
    torch.manual_seed(seed)
    directions = look_directions()  # [scores, 512], orthonormal
    scores, looks = _identity_table(faces, rng)
    held_out = max(faces // 20, 1)
    labels = mapping.label_weight.shape[0]
    free = _prepare(mapping, directions, rng)

    count, units = looks.shape[1], LATENT_SIZE - 2 * labels
    mixing = np.zeros((units, count), np.float32)
    mixing[:count], mixing[count : 2 * count] = np.eye(count), -np.eye(count)
    rest = mixing[2 * count :]
    rest[:] = rng.standard_normal(rest.shape) / math.sqrt(_LOOKS_PER_FEATURE)
    rest *= rng.random(rest.shape) < _LOOKS_PER_FEATURE / count
    offset = np.zeros(units, np.float32)
    offset[2 * count :] = rng.standard_normal(len(rest))
    targets = looks @ torch.from_numpy(mixing).T + torch.from_numpy(offset)

    basis = torch.from_numpy(directions.astype(np.float32))
    neutral = torch.zeros(_BATCH, labels)
    parameters = [p for layer in mapping.layers() for p in (layer.weight, layer.bias)]
    optimizer = torch.optim.Adam(parameters, lr=1.0)
    for step in trange(steps, desc="mapping"):
        rate = 0.006 / mapping.layers()[1].weight_scale * (1 + math.cos(math.pi * step / steps)) / 2
        optimizer.param_groups[0]["lr"] = rate * min(1.0, (step + 1) / 100)
        rows = torch.from_numpy(rng.integers(held_out, faces, _BATCH))
        made = _features(mapping, scores[rows] @ basis, neutral)[:, 2 * labels :]
        loss = (made - F.leaky_relu(targets[rows], 0.2)).square().mean()
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
    reading = rng.standard_normal((LATENT_SIZE - pairs, len(directions)))
    first[pairs:, :LATENT_SIZE] = _LOOK_SCALE * reading @ directions / math.sqrt(len(directions))
    bias[pairs:] = rng.standard_normal(LATENT_SIZE - pairs)

    later = np.zeros((LATENT_SIZE, LATENT_SIZE), np.float32)
    for row in range(0, pairs, 2):
        later[row, row] = later[row + 1, row + 1] = 1 / 1.2
        later[row, row + 1] = later[row + 1, row] = -1 / 1.2
    hidden = LATENT_SIZE - pairs
    free = torch.ones(LATENT_SIZE, LATENT_SIZE)
    free[:pairs], free[:, :pairs] = 0, 0
    free_bias = torch.ones(LATENT_SIZE)
    free_bias[:pairs] = 0
    masks: dict[torch.nn.Parameter, Tensor] = {}
    with torch.no_grad():
        mapping.label_weight.copy_(torch.from_numpy(embedding))
        for index, layer in enumerate(mapping.layers()):
            weight = first if index == 0 else later.copy()
            if index:
                weight[pairs:, pairs:] = rng.standard_normal((hidden, hidden)) * math.sqrt(
                    2 / hidden
                )
            layer.weight.copy_(torch.from_numpy(weight) / layer.weight_scale)
            layer.bias.copy_(torch.from_numpy(bias if index == 0 else 0 * bias) / layer.bias_scale)
            # The rest of z is noise to the renderer: the first layer never learns to look at it.
            masks[layer.weight] = torch.zeros_like(layer.weight) if index == 0 else free
            masks[layer.bias] = free_bias
    return masks
