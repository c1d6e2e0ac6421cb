"""Trains the seven LoRA adapters of the lite language model, one per role, on our own content.

Each role starts from the finished base; the adapter with the lowest loss on the validation rows is
kept. A training continues from the adapter that is there, so that a role can be given more time.
With `--base kakaocorp/kanana-1.5-2.1b-instruct-2505` it fine-tunes a published base instead
(`published_adapters`), on our content or on a user's own.
"""

from __future__ import annotations

import json
import logging
import math
import random
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch

from ohlora_core.content import CONTENT_DIR
from ohlora_core.errors import SettingsError
from ohlora_core.language.local import LITE_ROLES
from ohlora_core.language.roles import Role
from ohlora_core.training.adapter_files import save_adapter
from ohlora_core.training.language_corpus import load_public
from ohlora_core.training.language_model import measure, weighted_loss
from ohlora_core.training.language_packing import Packer, encode_document
from ohlora_core.training.language_tasks import Document, Tasks
from ohlora_core.training.published_adapters import train_published

__all__ = ["EXERCISES", "Options", "probes_of", "train"]

log = logging.getLogger(__name__)

# What each role is trained on: exercises of `Tasks` with their shares.
EXERCISES: dict[Role, dict[str, float]] = {
    Role.OUTPUT_MESSAGE: {
        "random_examples": 0.3,
        "copy_nearest": 0.25,
        "nearest_examples": 0.2,
        "recall": 0.25,
    },
    Role.SUMMARY: {"summary": 1.0},
    Role.EYES_MOUTH_POSE: {"expression": 1.0},
    Role.QNA: {"qna": 0.85, "qna_copy": 0.15},
    Role.QUIZ: {"quiz_row": 1.0},
    Role.INTERVIEW: {"interview_row": 1.0},
}
# Roles that need more time than the others.
LONGER = {Role.OUTPUT_MESSAGE: 2.0}
LITE_RANK, LITE_LEARNING_RATE = 16, 1.5e-3
# How the finished models want to be used (`language.local.GenerationSettings`).
LITE_SETTINGS = {
    "context_tokens": 512,
    "example_count": 3,
    "slip_margin": 0.1,
    "top_p": 0.35,
}


@dataclass
class Options:
    """Options of the adapter training.

    Attributes:
        out_dir: Folder that receives one folder per role.
        base_dir: Folder of the finished base.
        work_dir: Folder of the logs.
        data_dir: Folder with the public corpora (distractors and facts only).
        seed: Seed of weights and draws.
        resume: Continue from the adapter in `out_dir`, if there is one.
        minutes: Training time of a role; `output_message` gets twice as much. 0 saves adapters
            that change nothing.
        roles: Roles to train, with commas between, or "all".
        rank: Rank of the adapters; by default 16, with `base` by role.
        learning_rate: Peak learning rate; by default 1.5e-3, with `base` 3e-4.
        rows: Rows of a step: packed ones, with `base` single ones.
        row_tokens: Tokens of a packed row.
        threads: CPU threads.
        checks: How often the validation loss is measured in a training.
        base: A published base to fine-tune instead: a folder, or its hub name once it is fetched.
            The adapters go to `work_dir / "published" / role`. What follows is for it only.
        content_dir: The rows to learn from, laid out like ohlora_core/content.
        epochs: How often each row is seen; by default by role.
    """

    out_dir: Path = Path("models/language/adapters")
    base_dir: Path = Path("models/language/base")
    work_dir: Path = Path("work/language/adapters")
    data_dir: Path = Path("../shared/data")
    seed: int = 0
    resume: bool = True
    minutes: float = 4.0
    roles: str = "all"
    rank: int | None = None
    learning_rate: float | None = None
    rows: int = 4
    row_tokens: int = 384
    threads: int = 1
    checks: int = 5
    base: str | None = None
    content_dir: Path = CONTENT_DIR
    epochs: float | None = None


def train(options: Options) -> dict[str, Any] | None:
    """Trains the adapters, one after the other, and writes how they want to be used.

    With `options.base`: what `published_adapters.train_published` does.

    Raises:
        SettingsError: if there is no such role.
    """
    from transformers import PreTrainedTokenizerFast

    torch.set_num_threads(options.threads)
    if options.base:
        return train_published(options, _roles_of(options.roles, tuple(Role)))
    roles = _roles_of(options.roles, LITE_ROLES)
    options.work_dir.mkdir(parents=True, exist_ok=True)
    tokenizer = PreTrainedTokenizerFast.from_pretrained(options.base_dir)
    public = load_public(options.data_dir)
    public.pairs.clear()  # from here on only her own voice
    learning = Tasks(public, "train", seed=options.seed)
    held = Tasks(public, "validation", seed=options.seed + 1)
    for role in roles:
        result = {"role": role.value, **_train_role(role, options, tokenizer, learning, held)}
        log.info("%s", result)
        with (options.work_dir / "adapters.jsonl").open("a", encoding="utf-8") as file:
            file.write(json.dumps(result) + "\n")
    settings = json.dumps(LITE_SETTINGS, indent=2) + "\n"
    (options.out_dir.parent / "lite.json").write_text(settings, encoding="utf-8")
    return None


def probes_of(role: Role, tasks: Tasks, count: int = 60) -> list[Document]:
    """Documents that measure a role; of a validation `Tasks` they are held out."""
    rows = tasks.rows[:count]
    if role is Role.OUTPUT_MESSAGE:
        return [tasks.nearest_examples(row, 3) for row in rows]
    if role is Role.SUMMARY:
        return [tasks.summary(row) for row in rows]
    if role is Role.EYES_MOUTH_POSE:
        return [tasks.expression(row) for row in rows]
    if role is Role.QNA:
        return [tasks.qna() for _ in range(min(count, 40))] if tasks.questions else []
    if role is Role.QUIZ:
        return [tasks.quiz_row() for _ in range(min(count, 40))] if tasks.quiz else []
    return [tasks.interview_row() for _ in range(min(count, 40))] if tasks.interview else []


def _roles_of(names: str, trained: Sequence[Role]) -> list[Role]:
    if names == "all":
        return list(trained)
    by_name = {role.value: role for role in trained}
    try:
        return [by_name[name.strip()] for name in names.split(",")]
    except KeyError as error:
        known = ", ".join(trained)
        raise SettingsError(
            f"--roles 의 값 '{names}' 을(를) 쓸 수 없어요. 쓸 수 있는 값: all, {known}",
            f"--roles cannot be '{names}'. It can be all, or one or several of: {known}",
        ) from error


def _train_role(
    role: Role, options: Options, tokenizer: Any, learning: Tasks, held: Tasks
) -> dict[str, Any]:
    """Trains one adapter and saves it; returns its measurements before and after."""
    from peft import LoraConfig, PeftModel, get_peft_model
    from tqdm import tqdm
    from transformers import LlamaForCausalLM

    torch.manual_seed(options.seed)
    rank, peak = options.rank or LITE_RANK, options.learning_rate or LITE_LEARNING_RATE
    base = LlamaForCausalLM.from_pretrained(options.base_dir, dtype=torch.float32)
    lora = LoraConfig(
        r=rank,
        lora_alpha=2 * rank,
        target_modules=[
            "q_proj",
            "k_proj",
            "v_proj",
            "o_proj",
            "gate_proj",
            "up_proj",
            "down_proj",
        ],
        task_type="CAUSAL_LM",
    )
    folder = options.out_dir / role.value
    if options.resume and (folder / "adapter_model.safetensors").exists():
        model = PeftModel.from_pretrained(base, folder, is_trainable=True)
    else:
        model = get_peft_model(base, lora)
        save_adapter(model, folder)
    total = options.minutes * 60 * LONGER.get(role, 1.0)
    if total <= 0:
        return {"minutes": 0}
    probes = _selection_probes(role, held)
    before = best = measure(model, tokenizer, probes)

    packer = _packer(role, learning, tokenizer, options)
    batches = packer.batches(options.rows)
    trained = [p for p in model.parameters() if p.requires_grad]
    optimizer = torch.optim.AdamW(trained, lr=peak, weight_decay=0.01, fused=True)
    clock, checked, step = time.monotonic(), 0, 0
    bar = tqdm(total=round(total), unit="s", desc=role.value, mininterval=20)
    while (spent := time.monotonic() - clock) < total:
        rate = peak * min(1.0, (step + 1) / 20)
        for group in optimizer.param_groups:
            group["lr"] = rate * (0.05 + 0.95 * 0.5 * (1 + math.cos(math.pi * spent / total)))
        ids, weights = map(torch.from_numpy, next(batches))
        weighted_loss(model, ids, weights).backward()
        torch.nn.utils.clip_grad_norm_(trained, 1.0)
        optimizer.step()
        optimizer.zero_grad(set_to_none=True)
        step += 1
        bar.update(round(spent) - bar.n)
        if spent > total * (checked + 1) / options.checks:
            checked += 1
            best = _keep_better(model, tokenizer, probes, best, folder)
    best = _keep_better(model, tokenizer, probes, best, folder)
    return {"minutes": total / 60, "steps": step, "before": before, "after": best}


def _selection_probes(role: Role, held: Tasks) -> list[Document]:
    """What decides which state of an adapter is kept.

    Replies are chosen by how well they read their prompt: a reply in other words than ours is no
    fault, a slip in the middle of a copied one is.
    """
    if role is not Role.OUTPUT_MESSAGE:
        return probes_of(role, held)
    lookups = [held.random_examples()[:2] for _ in range(40)]
    return [
        *lookups,
        *(held.copy_nearest() for _ in range(25)),
        *(held.recall() for _ in range(10)),
    ]


def _keep_better(
    model: Any, tokenizer: Any, probes: list[Document], best: dict[str, float], folder: Path
) -> dict[str, float]:
    """Saves the adapter if its validation loss is the lowest so far (or there is none)."""
    model.eval()
    now = measure(model, tokenizer, probes)
    model.train()
    log.info("%s %s", folder.name, now)
    if probes and now["loss"] >= best["loss"]:
        return best
    save_adapter(model, folder)
    return now


def _packer(role: Role, tasks: Tasks, tokenizer: Any, options: Options) -> Packer:
    rng = random.Random(options.seed)
    names, shares = list(EXERCISES[role]), list(EXERCISES[role].values())

    def draw() -> tuple[list[int], list[float]]:
        name = rng.choices(names, shares)[0]
        return encode_document(tokenizer, getattr(tasks, name)())

    padding = ([tokenizer.pad_token_id], [0.0])
    return Packer(draw, lambda: padding, options.row_tokens)
