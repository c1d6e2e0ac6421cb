"""Trains the lite language model's base: a small Llama, from scratch, mostly on reading exercises.

Resumable: everything that the next step needs is in one checkpoint in the work folder. The public
corpora are read from `data_dir` and never stored. What was tried: LOG.md.
"""

from __future__ import annotations

import json
import logging
import math
import os
import random
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor

from ohlora_core.training import tokenizer as tokenizer_training
from ohlora_core.training.fitting import mixed_precision
from ohlora_core.training.language_corpus import load_public
from ohlora_core.training.language_init import plant_induction_heads, take_over
from ohlora_core.training.language_packing import Packer, encode_document, token_puzzle
from ohlora_core.training.language_tasks import Document, Tasks

__all__ = ["Options", "build_model", "measure", "save_half", "train", "weighted_loss"]

log = logging.getLogger(__name__)

# Share of each exercise at the start and at the end of the training; linear in between.
MIXTURE: dict[str, tuple[float, float]] = {
    "random_examples": (0.36, 0.28),
    "adapted_example": (0.05, 0.05),
    "copy_nearest": (0.06, 0.12),
    "nearest_examples": (0.08, 0.10),
    "plain_reply": (0.02, 0.01),
    "recall": (0.08, 0.08),
    "memory_pattern": (0.07, 0.07),
    "memory_row": (0.08, 0.10),
    "memory_nothing": (0.02, 0.02),
    "summary": (0.04, 0.06),
    "expression": (0.02, 0.02),
    "qna": (0.04, 0.05),
    "qna_copy": (0.03, 0.03),
    "quiz_row": (0.03, 0.05),
    "interview_row": (0.03, 0.06),
    "plain_text": (0.03, 0.02),
}
PUZZLE_SHARE_AT_START = 0.5
PUZZLE_UNTIL = 0.08  # of the training
PUZZLE_SHARE_AFTER = 0.05
EMPTY_TASKS = {"quiz_row": "quiz", "interview_row": "interview", "qna": "questions"}


@dataclass
class Options:
    """Options of the base training.

    Attributes:
        out_dir: Folder of the finished model (tokenizer, config, float16 weights).
        work_dir: Folder of the checkpoint and the loss log.
        data_dir: Folder with the public corpora.
        start: Folder of a finished model to go on from, with its tokenizer; further layers do
            nothing at first. By default the weights start from nothing.
        seed: Seed of weights and draws.
        resume: Continue from the checkpoint in `work_dir`, if there is one.
        minutes: Length of the whole training, of all resumed parts together; sets the schedule.
        hidden_size: Width of the model.
        layers: Number of layers.
        intermediate_size: Width of the feed-forward part.
        heads: Attention heads.
        row_tokens: Tokens of a packed row.
        rows: Rows of a step.
        learning_rate: Peak learning rate.
        threads: CPU threads.
        checkpoint_minutes: Time between checkpoints.
        measure_minutes: Time between measurements of the reading skill.
    """

    out_dir: Path = Path("models/language/base")
    work_dir: Path = Path("work/language")
    data_dir: Path = Path("../shared/data")
    start: Path | None = None
    seed: int = 0
    resume: bool = True
    minutes: float = 60.0
    hidden_size: int = 256
    layers: int = 5
    intermediate_size: int = 640
    heads: int = 4
    row_tokens: int = 384
    rows: int = 8
    learning_rate: float = 2e-3
    threads: int = 1
    checkpoint_minutes: float = 3.0
    measure_minutes: float = 4.0


def build_model(options: Options, vocabulary: int) -> Any:
    """A `LlamaForCausalLM` of the size in the options, its weights planted or taken over."""
    from transformers import LlamaConfig, LlamaForCausalLM

    torch.manual_seed(options.seed)
    config = LlamaConfig(
        vocab_size=vocabulary,
        hidden_size=options.hidden_size,
        intermediate_size=options.intermediate_size,
        num_hidden_layers=options.layers,
        num_attention_heads=options.heads,
        num_key_value_heads=options.heads,
        max_position_embeddings=1024,
        tie_word_embeddings=True,
        attention_bias=True,
        # Slow rotation in half of the dimensions: they compare contents over the whole context.
        rope_parameters={"rope_type": "default", "rope_theta": 100_000.0},
        bos_token_id=1,
        eos_token_id=2,
        pad_token_id=0,
    )
    model = LlamaForCausalLM(config)
    if options.start:
        take_over(model, LlamaForCausalLM.from_pretrained(options.start, dtype=torch.float32))
    else:
        plant_induction_heads(model, options.seed)
    return model


def weighted_loss(model: Any, ids: Tensor, weights: Tensor) -> Tensor:
    """Cross entropy over the tokens with a weight.

    Only their positions go through the output layer, which is a third of the work.

    Args:
        model: Causal model (or PEFT model) with `.model` below `get_base_model()`.
        ids: [rows, length + 1], int64.
        weights: [rows, length + 1]; the weight of a token is that of predicting it.
    """
    inner = model.get_base_model() if hasattr(model, "get_base_model") else model
    wanted = weights[:, 1:] > 0
    with mixed_precision():
        hidden = inner.model(input_ids=ids[:, :-1], use_cache=False).last_hidden_state
        logits = inner.lm_head(hidden[wanted])  # [tokens, vocabulary]
    losses = F.cross_entropy(logits.float(), ids[:, 1:][wanted], reduction="none")
    chosen = weights[:, 1:][wanted]
    return (losses * chosen).sum() / chosen.sum()


@torch.no_grad()
def measure(model: Any, tokenizer: Any, documents: list[Document]) -> dict[str, float]:
    """Loss and copying of the learned parts of documents.

    Returns:
        `loss` (nats per token), `token` (share of tokens right, given what is before them) and
        `exact` (share of documents whose greedy answer is the target, token for token).
    """
    loss, right, count, exact = 0.0, 0, 0, 0
    for document in documents:
        ids, weights = encode_document(tokenizer, document)
        logits = model(input_ids=torch.tensor([ids]), use_cache=False).logits[0, :-1]
        wanted = torch.tensor(weights[1:]) > 0
        targets = torch.tensor(ids[1:])[wanted]
        hit = logits[wanted].argmax(-1) == targets
        loss += float(F.cross_entropy(logits[wanted], targets, reduction="sum"))
        right, count, exact = right + int(hit.sum()), count + len(targets), exact + int(hit.all())
    total = max(len(documents), 1)
    return {
        "loss": round(loss / max(count, 1), 3),
        "token": round(right / max(count, 1), 3),
        "exact": round(exact / total, 3),
    }


def train(options: Options) -> None:
    """Trains the base and saves it, with its tokenizer, to `options.out_dir`."""
    from tqdm import tqdm

    torch.set_num_threads(options.threads)
    options.work_dir.mkdir(parents=True, exist_ok=True)
    tokenizer = _tokenizer(options)
    public = load_public(options.data_dir)
    model = build_model(options, len(tokenizer))
    log.info("%.2f M parameters", sum(p.numel() for p in model.parameters()) / 1e6)
    decayed = [p for p in model.parameters() if p.ndim > 1]
    plain = [p for p in model.parameters() if p.ndim == 1]
    optimizer = torch.optim.AdamW(
        [{"params": decayed, "weight_decay": 0.05}, {"params": plain, "weight_decay": 0.0}],
        lr=options.learning_rate,
        betas=(0.9, 0.95),
        fused=True,
    )
    state = {"step": 0, "seconds": 0.0, "tokens": 0}
    checkpoint = options.work_dir / "checkpoint.pt"
    if options.resume and checkpoint.exists():
        saved = torch.load(checkpoint, weights_only=True)
        model.load_state_dict(saved["model"])
        optimizer.load_state_dict(saved["optimizer"])
        state = saved["state"]
    # Another seed after each resume: the draws go on instead of starting over.
    seed = options.seed + int(state["step"])
    tasks = Tasks(public, seed=seed)
    probes = _probes(public)
    progress = [0.0]
    packer = _packer(
        tasks, tokenizer, random.Random(seed), progress, 0.0 if options.start else PUZZLE_UNTIL
    )
    batches = packer.batches(options.rows)
    total = options.minutes * 60
    bar = tqdm(total=round(total), initial=round(state["seconds"]), unit="s", mininterval=20)
    clock, since_save, since_measure, recent = time.monotonic(), 0.0, 1e9, []
    model.train()
    while state["seconds"] < total:
        progress[0] = state["seconds"] / total
        rate = options.learning_rate * _schedule(int(state["step"]), progress[0])
        for group in optimizer.param_groups:
            group["lr"] = rate
        ids, weights = map(torch.from_numpy, next(batches))
        loss = weighted_loss(model, ids, weights)
        loss.backward()
        torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimizer.step()
        optimizer.zero_grad(set_to_none=True)
        recent.append(loss.item())

        spent, clock = time.monotonic() - clock, time.monotonic()
        state["step"] += 1
        state["seconds"] += spent
        state["tokens"] += ids.numel()
        since_save, since_measure = since_save + spent, since_measure + spent
        bar.update(round(state["seconds"]) - bar.n)
        if since_measure > options.measure_minutes * 60:
            model.eval()
            results = {name: measure(model, tokenizer, docs) for name, docs in probes.items()}
            model.train()
            mean = round(sum(recent) / len(recent), 3)
            line = {**state, "rate": round(rate, 6), "train_loss": mean, **results}
            with (options.work_dir / "log.jsonl").open("a", encoding="utf-8") as file:
                file.write(json.dumps(line) + "\n")
            log.info("%s", line)
            since_measure, recent = 0.0, []
        if since_save > options.checkpoint_minutes * 60:
            _save_checkpoint(checkpoint, model, optimizer, state)
            since_save = 0.0
    _save_checkpoint(checkpoint, model, optimizer, state)
    save_half(model, options.out_dir)
    tokenizer.save_pretrained(options.out_dir)


def save_half(model: Any, folder: Path) -> None:
    """Saves a model's weights in float16; the model itself stays as it is."""
    state = {name: tensor.half() for name, tensor in model.state_dict().items()}
    if model.config.tie_word_embeddings:
        state.pop("lm_head.weight", None)
    model.save_pretrained(folder, state_dict=state)
    config = folder / "config.json"
    settings = json.loads(config.read_text(encoding="utf-8")) | {"dtype": "float16"}
    config.write_text(json.dumps(settings, indent=2) + "\n", encoding="utf-8")


def _tokenizer(options: Options) -> Any:
    """The trained tokenizer of the work folder; trains it first if there is none."""
    from transformers import PreTrainedTokenizerFast

    folder = options.start or options.work_dir / "tokenizer"
    if not (folder / "tokenizer.json").exists():
        tokenizer_training.train(
            tokenizer_training.Options(out_dir=folder, data_dir=options.data_dir)
        )
    return PreTrainedTokenizerFast.from_pretrained(folder)


def _packer(
    tasks: Tasks,
    tokenizer: Any,
    rng: random.Random,
    progress: list[float],
    puzzle_until: float,
) -> Packer:
    """Draws exercises by the mixture that belongs to the progress (0 to 1)."""
    names = [
        name for name in MIXTURE if name not in EMPTY_TASKS or getattr(tasks, EMPTY_TASKS[name])
    ]
    draws: dict[str, Callable[[], Document]] = {name: getattr(tasks, name) for name in names}
    first_id = 259 + 100  # behind special tokens, bytes and ASCII

    def draw() -> tuple[list[int], list[float]]:
        at = progress[0]
        puzzles = PUZZLE_SHARE_AT_START if at < puzzle_until else PUZZLE_SHARE_AFTER
        if rng.random() < puzzles:
            return token_puzzle(tokenizer, rng, first_id)
        shares = [MIXTURE[n][0] * (1 - at) + MIXTURE[n][1] * at for n in names]
        return encode_document(tokenizer, draws[rng.choices(names, shares)[0]]())

    return Packer(draw, lambda: encode_document(tokenizer, tasks.plain_text()), 384)


def _probes(public: Any) -> dict[str, list[Document]]:
    """Held-out exercises: our validation rows, examples that were never shown together."""
    held = Tasks(public, "validation", seed=12345)
    lookups: list[Document] = []
    while len(lookups) < 40:
        document = held.random_examples()
        if document[0][0].count("(예시)") == 3:
            lookups.append(document[:2])
    return {
        "lookup": lookups,
        "memory": [held.memory_pattern() for _ in range(40)],
        "nearest": [held.nearest_examples(row, 3) for row in held.rows[:60]],
        "adapted": [held.adapted_example() for _ in range(40)],
        "plain": [held.plain_reply() for _ in range(30)],
    }


def _schedule(step: int, progress: float) -> float:
    """Warm-up over 80 steps, then a cosine down to 5%."""
    return min(1.0, (step + 1) / 80) * (0.05 + 0.95 * 0.5 * (1 + math.cos(math.pi * progress)))


def _save_checkpoint(path: Path, model: Any, optimizer: Any, state: dict[str, Any]) -> None:
    partial = path.with_suffix(".part")
    torch.save(
        {"model": model.state_dict(), "optimizer": optimizer.state_dict(), "state": state}, partial
    )
    os.replace(partial, path)
