"""Fine-tunes a published Korean encoder as a whole for one task, as the published S-BERTs were.

The cosine of a pair shall be its similarity (squared error). What comes out is a folder in
sentence-transformers format that `ohlora_core.sentence.load_published` reads.
"""

from __future__ import annotations

import logging
import random
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Protocol

import numpy as np
import torch
from sentence_transformers import SentenceTransformer
from torch import Tensor
from torch.nn import functional

from ohlora_core.errors import ModelFileError
from ohlora_core.evaluation.sentence import mean_errors, rounded
from ohlora_core.sentence.published import MAX_TOKENS, lower_cased, unit_vectors
from ohlora_core.sentence.tasks import SentenceTask
from ohlora_core.training.fitting import Schedule, fit, training_device
from ohlora_core.training.sentence_corpus import ScoredPair
from ohlora_core.training.sentence_pairs import graded_pairs

__all__ = ["open_base", "train_published"]

logger = logging.getLogger(__name__)

_WARMUP_SHARE = 0.1


class PublishedOptions(Protocol):
    """The part of the trainer's options that this needs (see `sentence.Options`)."""

    work_dir: Path
    content_dir: Path
    base: str | None
    epochs: float
    batch: int
    learning_rate: float
    resume: bool
    seed: int


def train_published(options: PublishedOptions, tasks: Sequence[SentenceTask]) -> dict[str, Any]:
    """Fine-tune a copy of the base for each task.

    Returns:
        {"models": {task: {"folder": its folder, "n", "mse", "mae", "corr" on validation pairs}}}

    Raises:
        ModelFileError: if the base cannot be loaded, or a checkpoint is of another model.
        ContentError, TrainingDataError: if the content cannot be learnt from.
    """
    return {"models": {task.value: _train_task(task, options) for task in tasks}}


def open_base(base: str) -> SentenceTransformer:
    """The base, float32: a folder or a hub name, of an S-BERT or of a plain encoder.

    A plain encoder (klue/roberta-base) gets mean pooling.

    Raises:
        ModelFileError: if it is not here and cannot be downloaded, or is no encoder.
    """
    from sentence_transformers.sentence_transformer.modules import Pooling, Transformer
    from sentence_transformers.util import is_sentence_transformer_model

    float32 = {"dtype": torch.float32}
    try:
        if is_sentence_transformer_model(base):
            model = SentenceTransformer(base, device="cpu", model_kwargs=float32)
        else:
            encoder = Transformer(base, model_kwargs=float32)
            pooling = Pooling(encoder.get_embedding_dimension(), pooling_mode="mean")
            model = SentenceTransformer(modules=[encoder, pooling], device="cpu")
    except Exception as error:  # the libraries raise many types, also for a hub out of reach
        hint = (
            "--base 에 내려받은 모델의 폴더나 허브의 이름 (예: klue/roberta-base) 을 지정하고 "
            "인터넷 연결을 확인해 주세요",
            "name the folder of a downloaded model or a hub name (e.g. klue/roberta-base) with "
            "--base, and check the connection",
        )
        raise ModelFileError(base, hint, str(error).strip().split("\n")[0]) from error
    model.max_seq_length = MAX_TOKENS
    return model


def _train_task(task: SentenceTask, options: PublishedOptions) -> dict[str, Any]:
    rng = random.Random(options.seed)
    pairs = graded_pairs(task, options.content_dir, "train", rng)
    held = graded_pairs(task, options.content_dir, "validation", rng)
    torch.manual_seed(options.seed)
    model = open_base(str(options.base)).to(training_device())
    steps = max(1, round(options.epochs * len(pairs) / options.batch))
    schedule = Schedule(
        minutes=0.0,
        steps=steps,
        learning_rate=options.learning_rate,
        warmup_steps=max(1, round(_WARMUP_SHARE * steps)),
    )

    def loss_of_batch(draw: np.random.Generator) -> Tensor:
        chosen = draw.choice(len(pairs), size=min(options.batch, len(pairs)), replace=False)
        return cosine_loss(model, [pairs[i] for i in chosen])

    folder = options.work_dir / "published"
    logger.info("%s: %d pairs, %d steps", task, len(pairs), steps)
    fit(
        task.value,
        model,
        loss_of_batch,
        schedule,
        folder / f"{task.value}.checkpoint.pt",
        resume=options.resume,
        seed=options.seed,
    )
    target = folder / task.value
    model.save_pretrained(str(target), create_model_card=False)
    return {"folder": str(target), "steps": steps, **measure(model, held)}


def cosine_loss(model: SentenceTransformer, pairs: Sequence[ScoredPair]) -> Tensor:
    """Mean squared error of the cosines; gradients flow."""
    texts = lower_cased([pair.a for pair in pairs] + [pair.b for pair in pairs])
    features = {
        name: value.to(model.device) if isinstance(value, Tensor) else value
        for name, value in model.preprocess(texts).items()
    }
    vectors = functional.normalize(model(features)["sentence_embedding"], dim=-1)
    cosines = (vectors[: len(pairs)] * vectors[len(pairs) :]).sum(dim=-1)
    return functional.mse_loss(cosines, cosines.new_tensor([pair.score for pair in pairs]))


def measure(model: SentenceTransformer, pairs: Sequence[ScoredPair]) -> dict[str, Any]:
    """n, mse, mae and corr of the cosines on held-out pairs."""
    if not pairs:
        return {"n": 0}
    texts = list(dict.fromkeys(text for pair in pairs for text in (pair.a, pair.b)))
    vectors = dict(zip(texts, unit_vectors(model, texts), strict=True))
    cosines = np.array([vectors[pair.a] @ vectors[pair.b] for pair in pairs])
    return dict(rounded(mean_errors(cosines, np.array([pair.score for pair in pairs]))))
