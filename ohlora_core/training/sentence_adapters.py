"""What the tasks have beside the frozen S-BERT base: LoRA adapters, bags of n-grams, linear heads.

Training and saving. Batches and losses of the tasks are in `sentence_objectives`.
"""

from __future__ import annotations

import logging
import random
from collections.abc import Sequence
from operator import attrgetter
from pathlib import Path
from typing import Any

import numpy as np
import torch
from peft import LoraConfig, get_peft_model_state_dict
from safetensors.torch import save_file
from torch import Tensor, nn

from ohlora_core.chat.examples import expression_of
from ohlora_core.sentence.encoder import ADAPTER_PREFIX, load_adapter, load_base
from ohlora_core.sentence.ngrams import NgramBag
from ohlora_core.sentence.pooling import bucketed_vectors, token_ids
from ohlora_core.sentence.tasks import SentenceTask
from ohlora_core.training.fitting import Schedule, fit, mixed_precision
from ohlora_core.training.sentence_corpus import PublicCorpora, ordinary_messages
from ohlora_core.training.sentence_linear import Classified, fit_head
from ohlora_core.training.sentence_memory import MemoryTask
from ohlora_core.training.sentence_objectives import (
    AdapterTask,
    Encode,
    InterviewAnswerTask,
    InterviewNextTask,
    QnaTask,
    QuizTask,
    RetrievalTask,
    asked_classes,
    ethics_classes,
    named_classes,
    told_classes,
)

__all__ = [
    "HEAD_BUCKETS",
    "NGRAM_STEPS",
    "RANK",
    "STEPS",
    "train_adapter",
    "train_head",
    "train_ngrams",
]

logger = logging.getLogger(__name__)

RANK = 16
STEPS: dict[SentenceTask, int] = {
    SentenceTask.QNA: 600,
    SentenceTask.QUIZ: 350,
    SentenceTask.INTERVIEW_ANSWER: 400,
    SentenceTask.INTERVIEW_NEXT: 150,
}
NGRAM_STEPS: dict[SentenceTask, int] = {
    SentenceTask.MEMORY: 400,
    SentenceTask.RETRIEVAL: 600,
}
HEAD_BUCKETS: dict[SentenceTask, int] = {
    SentenceTask.MEMORY: 2**14,
    SentenceTask.ETHICS: 2**18,
    SentenceTask.ACT: 2**15,
    SentenceTask.KEY: 2**15,
    SentenceTask.EXPRESSION: 2**15,
}
"""Rows of the table of words of a head."""
HEAD_LOOSENESS = {SentenceTask.MEMORY: 0.3, SentenceTask.ACT: 0.3, SentenceTask.ETHICS: 3.0}
"""Less where classes overlap, more where single words decide."""
_WARMUP = 30
_TARGETS = (
    r".*(q_lin|k_lin|v_lin|out_lin|ffn\.lin1|ffn\.lin2|word_embeddings)"  # every weight matrix
)


def _task(task: SentenceTask, corpora: PublicCorpora, rng: random.Random) -> AdapterTask:
    match task:
        case SentenceTask.MEMORY:
            return MemoryTask(ordinary_messages(corpora, "train"), rng)
        case SentenceTask.QNA:
            return QnaTask(corpora, rng)
        case SentenceTask.QUIZ:
            return QuizTask(rng)
        case SentenceTask.INTERVIEW_ANSWER:
            return InterviewAnswerTask(rng)
        case SentenceTask.INTERVIEW_NEXT:
            return InterviewNextTask(rng)
        case SentenceTask.RETRIEVAL:
            return RetrievalTask(corpora, rng)
    raise KeyError(f"{task.value} learns without steps")


def _classified(task: SentenceTask, corpora: PublicCorpora) -> Classified:
    match task:
        case SentenceTask.MEMORY:
            return asked_classes()
        case SentenceTask.ETHICS:
            return ethics_classes(corpora)
        case SentenceTask.ACT:
            return named_classes(attrgetter("act"))
        case SentenceTask.KEY:
            return told_classes()
        case SentenceTask.EXPRESSION:
            return named_classes(expression_of, attrgetter("reply"))
    raise KeyError(f"{task.value} has no linear head")


def train_head(task: SentenceTask, base_dir: Path, out_dir: Path, corpora: PublicCorpora) -> None:
    """Fit the linear head of one task on the frozen base and save it in `out_dir / task`."""
    encoder: Any = load_base(base_dir)

    @torch.inference_mode()
    def encode(texts: Sequence[str]) -> np.ndarray:
        ids = token_ids(encoder.tokenizer, texts)
        padding = encoder.tokenizer.pad_token_id
        return bucketed_vectors(encoder.transformers_model, ids, padding).numpy()

    folder = out_dir / task.value
    folder.mkdir(parents=True, exist_ok=True)
    looseness = HEAD_LOOSENESS.get(task, 1.0)
    fit_head(_classified(task, corpora), encode, HEAD_BUCKETS[task], looseness).save(folder)


def train_adapter(
    task: SentenceTask,
    base_dir: Path,
    out_dir: Path,
    corpora: PublicCorpora,
    seed: int,
    start_from: Path | None = None,
    resume: bool = False,
    steps: int | None = None,
) -> None:
    """Train one adapter on the frozen base and save it (float16) in `out_dir / task`.

    A checkpoint is written every minute beside that folder.

    Args:
        base_dir: The base in sentence-transformers format.
        out_dir: The folder of the adapters.
        start_from: An adapter to go on from (at a lower learning rate); by default a new one.
        resume: Go on from the checkpoint, if there is one.
        steps: Optimiser steps; by default those of `STEPS`.
    """
    torch.manual_seed(seed)
    encoder = load_base(base_dir)
    config = LoraConfig(
        r=RANK,
        lora_alpha=2 * RANK,
        target_modules=_TARGETS,
    )
    if start_from:
        load_adapter(encoder, start_from, task)
    else:
        encoder.add_adapter(config, adapter_name=task.value)
    model: Any = encoder.transformers_model
    tokenizer = encoder.tokenizer
    weights = [weight for name, weight in model.named_parameters() if "lora_" in name]
    for weight in weights:
        weight.requires_grad_(True)

    def encode(texts: Sequence[str]) -> Tensor:
        with mixed_precision():
            return bucketed_vectors(model, token_ids(tokenizer, texts), tokenizer.pad_token_id)

    model.train()
    schedule = Schedule(
        minutes=0.0,
        steps=STEPS[task] if steps is None else steps,
        learning_rate=1.5e-3 if start_from else 2e-3,
        warmup_steps=_WARMUP,
    )
    checkpoint = out_dir / f"{task.value}.checkpoint.pt"
    _learn(task, nn.ParameterList(weights), encode, schedule, checkpoint, corpora, seed, resume)
    folder = out_dir / task.value
    folder.mkdir(parents=True, exist_ok=True)
    state = get_peft_model_state_dict(model, adapter_name=task.value, save_embedding_layers=False)
    save_file(
        {ADAPTER_PREFIX + name: value.half().contiguous() for name, value in state.items()},
        folder / "adapter_model.safetensors",
    )
    config.inference_mode = True
    config.base_model_name_or_path = None
    config.save_pretrained(str(folder))


def train_ngrams(
    task: SentenceTask,
    out_dir: Path,
    corpora: PublicCorpora,
    seed: int,
    resume: bool = False,
    steps: int | None = None,
) -> None:
    """Train the bag of n-grams of one task and save it in `out_dir / task`.

    Raises:
        KeyError: if the task is not one of `NGRAM_STEPS` and no steps are given.
    """
    torch.manual_seed(seed)
    bag = NgramBag()
    schedule = Schedule(
        minutes=0.0,
        steps=NGRAM_STEPS[task] if steps is None else steps,
        learning_rate=1e-2,
        warmup_steps=_WARMUP,
    )
    checkpoint = out_dir / f"{task.value}.ngrams.checkpoint.pt"
    _learn(task, bag, bag, schedule, checkpoint, corpora, seed, resume)
    folder = out_dir / task.value
    folder.mkdir(parents=True, exist_ok=True)
    bag.save(folder)


def _learn(
    task: SentenceTask,
    weights: nn.Module,
    encode: Encode,
    schedule: Schedule,
    checkpoint: Path,
    corpora: PublicCorpora,
    seed: int,
    resume: bool,
) -> None:
    """Lower the task's loss of `encode` by changing `weights`."""
    rng = random.Random(seed)
    source = _task(task, corpora, rng)

    def loss_of_batch(draw: np.random.Generator) -> Tensor:
        rng.seed(int(draw.integers(2**32)))  # other batches after a resume than before it
        return source.loss(encode)

    fit(task.value, weights, loss_of_batch, schedule, checkpoint, resume=resume, seed=seed)
