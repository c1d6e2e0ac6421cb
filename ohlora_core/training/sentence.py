"""Trainer of the S-BERTs.

`python -m ohlora_core train sentence` makes the embedded one: base, an adapter or head per
task, calibration (`sentence_base`, `sentence_adapters`, `sentence_calibration`). With `--base
klue/roberta-base` it fine-tunes a published encoder instead, a whole one per task
(`sentence_published`), on our content or on a user's own.
"""

from __future__ import annotations

import json
import logging
import shutil
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch

from ohlora_core.content import CONTENT_DIR
from ohlora_core.errors import SettingsError
from ohlora_core.sentence.linear import FILE as HEAD
from ohlora_core.sentence.ngrams import FILE as NGRAMS
from ohlora_core.sentence.pooling import MAX_TOKENS
from ohlora_core.sentence.published import PUBLISHED_TASKS
from ohlora_core.sentence.tasks import (
    BASE_TASKS,
    HEAD_TASKS,
    NGRAM_TASKS,
    TRAINED_TASKS,
    SentenceTask,
)
from ohlora_core.training.sentence_adapters import train_adapter, train_head, train_ngrams
from ohlora_core.training.sentence_base import train_base
from ohlora_core.training.sentence_calibration import calibrate
from ohlora_core.training.sentence_corpus import PublicCorpora, load_public
from ohlora_core.training.sentence_published import train_published

__all__ = ["Options", "train"]

logger = logging.getLogger(__name__)


@dataclass
class Options:
    """What `train` does and where.

    Attributes:
        out_dir: The models folder; results go to `out_dir / "sentence"`.
        work_dir: Checkpoints.
        data_dir: The public corpora.
        resume: Go on from the checkpoints of `work_dir` and keep its finished adapters.
        seed: Of everything random.
        base_steps: Optimiser steps of the base.
        tasks: Train these only (values of `SentenceTask`, with commas between); all by default.
        teacher: The encoder that the base learns from: a folder or a hub name.
        teacher_prompt: Stands before each text that the teacher reads.
        words: A list of Korean words, one a line (say hunspell's ko.dic), of which texts for the
            teacher are made too.
        refine: Go on from the adapters in `out_dir` instead of starting anew.
        skip_base: Keep the base that is in `out_dir`; train adapters only.
        threads: CPU threads.
        base: A published encoder to fine-tune instead: a folder, or a hub name such as
            klue/roberta-base. The models go to `work_dir / "published" / task`, 440 MB each. What
            follows is for it only.
        content_dir: The rows to learn from, laid out like ohlora_core/content.
        epochs: How often each pair is seen.
        batch: Pairs of a step.
        learning_rate: Peak learning rate.
    """

    out_dir: Path = Path("models")
    work_dir: Path = Path("work/sentence")
    data_dir: Path = Path("../shared/data")
    resume: bool = False
    seed: int = 1
    base_steps: int = 3200
    tasks: str | None = None
    teacher: str = "intfloat/multilingual-e5-small"
    teacher_prompt: str = "query: "
    words: Path | None = None
    skip_base: bool = False
    refine: bool = False
    threads: int = 1
    base: str | None = None
    content_dir: Path = CONTENT_DIR
    epochs: float = 5.0
    batch: int = 32
    learning_rate: float = 3e-5


def train(options: Options) -> dict[str, Any] | None:
    """Train base, adapters and heads, choose thresholds, and write models and metrics to `out_dir`.

    With `options.base`: what `sentence_published.train_published` does.

    Raises:
        SettingsError: if there is no such task, or no published model that does it.
    """
    torch.set_num_threads(options.threads)
    tasks = _tasks(options.tasks, PUBLISHED_TASKS if options.base else TRAINED_TASKS)
    if options.base:
        return train_published(options, tasks)
    corpora = load_public(options.data_dir)
    folder = options.out_dir / "sentence"
    options.work_dir.mkdir(parents=True, exist_ok=True)
    if not options.skip_base:
        train_base(corpora, options)
        export_base(options.work_dir / "base", folder / "base")
    for task in tasks:
        finished = options.work_dir / "adapters" / task.value
        if not (options.resume and _is_trained(task, finished)):
            _train_task(task, corpora, options)
        shutil.copytree(finished, folder / "adapters" / task.value, dirs_exist_ok=True)
    calibrate(options.out_dir, corpora)
    return None


def _train_task(task: SentenceTask, corpora: PublicCorpora, options: Options) -> None:
    """What a task has beside the base, in `work_dir / "adapters"`."""
    folder, out_dir = options.out_dir / "sentence", options.work_dir / "adapters"
    seed, resume = options.seed, options.resume
    if task in NGRAM_TASKS:
        train_ngrams(task, out_dir, corpora, seed, resume)
    if task in HEAD_TASKS:
        train_head(task, folder / "base", out_dir, corpora)
    if task in BASE_TASKS:
        return
    train_adapter(
        task,
        folder / "base",
        out_dir,
        corpora,
        seed,
        start_from=folder / "adapters" / task.value if options.refine else None,
        resume=resume,
    )


def _is_trained(task: SentenceTask, folder: Path) -> bool:
    last = HEAD if task in HEAD_TASKS else NGRAMS if task in BASE_TASKS else "adapter_config.json"
    return (folder / last).exists()


def _tasks(names: str | None, known: Sequence[SentenceTask]) -> list[SentenceTask]:
    """The named tasks, in their usual order; all known ones without names."""
    wanted = {name.strip() for name in names.split(",")} if names else set(known)
    unknown = wanted - set(known)
    if unknown:
        raise SettingsError(
            f"--tasks 의 값 {sorted(unknown)} 을(를) 쓸 수 없어요. 쓸 수 있는 값: "
            f"{', '.join(known)}",
            f"--tasks cannot be {sorted(unknown)}. It can be one or several of: {', '.join(known)}",
        )
    return [task for task in known if task in wanted]


def export_base(trained: Path, target: Path) -> None:
    """Write a trained encoder (transformers format) in sentence-transformers format, float16."""
    from sentence_transformers import SentenceTransformer
    from sentence_transformers.sentence_transformer.modules import Normalize, Pooling, Transformer

    transformer = Transformer(str(trained), max_seq_length=MAX_TOKENS)
    pooling = Pooling(transformer.get_embedding_dimension(), pooling_mode="mean")
    model = SentenceTransformer(modules=[transformer, pooling, Normalize()], device="cpu")
    model.half()
    if target.exists():
        shutil.rmtree(target)
    model.save_pretrained(str(target), create_model_card=False)
    for path in target.rglob("*.json"):  # no machine paths in what ships
        text = path.read_text(encoding="utf-8")
        values = json.loads(text)
        if isinstance(values, dict) and values.pop("_name_or_path", None) is not None:
            path.write_text(json.dumps(values, ensure_ascii=False, indent=2), encoding="utf-8")
