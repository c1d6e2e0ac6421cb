"""One LoRA adapter per task on the frozen S-BERT base: training and saving.

Batches and losses of the tasks are in `sentence_objectives`.
"""

from __future__ import annotations

import logging
import random
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import torch
from peft import LoraConfig, get_peft_model_state_dict
from safetensors.torch import save_file
from torch import Tensor
from tqdm import tqdm

from ohlora_core.sentence.encoder import ADAPTER_PREFIX, load_adapter
from ohlora_core.sentence.pooling import bucketed_vectors, token_ids
from ohlora_core.sentence.tasks import SentenceTask
from ohlora_core.training.sentence_base import learning_rate_factor
from ohlora_core.training.sentence_corpus import PublicCorpora, ordinary_messages
from ohlora_core.training.sentence_memory import MemoryTask
from ohlora_core.training.sentence_objectives import (
    AdapterTask,
    EthicsTask,
    InterviewAnswerTask,
    InterviewNextTask,
    QnaTask,
    QuizTask,
    RankingTask,
    RetrievalTask,
)

__all__ = ["EMBEDDING_RANK", "RANK", "STEPS", "train_adapter"]

logger = logging.getLogger(__name__)

RANK = 16
EMBEDDING_RANK = 16
STEPS: dict[SentenceTask, int] = {
    SentenceTask.MEMORY: 500,
    SentenceTask.ETHICS: 1000,
    SentenceTask.QNA: 600,
    SentenceTask.QUIZ: 350,
    SentenceTask.INTERVIEW_ANSWER: 400,
    SentenceTask.INTERVIEW_NEXT: 150,
    SentenceTask.RETRIEVAL: 300,
    SentenceTask.RANKING: 400,
}
_TARGETS = (
    r".*(q_lin|k_lin|v_lin|out_lin|ffn\.lin1|ffn\.lin2|word_embeddings)"  # every weight matrix
)


def _task(task: SentenceTask, corpora: PublicCorpora, rng: random.Random) -> AdapterTask:
    match task:
        case SentenceTask.MEMORY:
            return MemoryTask(ordinary_messages(corpora, "train"), rng)
        case SentenceTask.ETHICS:
            return EthicsTask(corpora, rng)
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
        case SentenceTask.RANKING:
            return RankingTask(corpora, rng)


def train_adapter(
    task: SentenceTask,
    base_dir: Path,
    out_dir: Path,
    corpora: PublicCorpora,
    seed: int,
    start_from: Path | None = None,
) -> None:
    """Train one adapter on the frozen base and save it (float16) in `out_dir / task`.

    Args:
        base_dir: The base in sentence-transformers format.
        out_dir: The folder of the adapters.
        start_from: An adapter to go on from (at a lower learning rate); by default a new one.
    """
    from sentence_transformers import SentenceTransformer

    torch.manual_seed(seed)
    rng = random.Random(seed)
    encoder = SentenceTransformer(
        str(base_dir), device="cpu", model_kwargs={"torch_dtype": torch.float32}
    )
    config = LoraConfig(
        r=RANK,
        lora_alpha=2 * RANK,
        rank_pattern={"word_embeddings": EMBEDDING_RANK},
        alpha_pattern={"word_embeddings": 2 * EMBEDDING_RANK},
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
    steps = STEPS[task]
    optimizer = torch.optim.AdamW(weights, lr=1.5e-3 if start_from else 2e-3, weight_decay=0.0)
    schedule = torch.optim.lr_scheduler.LambdaLR(
        optimizer, lambda step: learning_rate_factor(step, steps, warmup=30)
    )
    source = _task(task, corpora, rng)

    def encode(texts: Sequence[str]) -> Tensor:
        return bucketed_vectors(model, token_ids(tokenizer, texts), tokenizer.pad_token_id)

    running = 0.0
    model.train()
    for step in tqdm(range(steps), desc=task.value, mininterval=10):
        loss = source.loss(encode)
        loss.backward()
        torch.nn.utils.clip_grad_norm_(weights, 1.0)
        optimizer.step()
        schedule.step()
        optimizer.zero_grad(set_to_none=True)
        running = 0.95 * running + 0.05 * loss.item()
        if (step + 1) % 50 == 0:
            logger.info("%s step %d: loss %.4f", task, step + 1, running)
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
