"""Fine-tunes a published base: one LoRA adapter per role, with the recipe of the published ones.

What comes out are PEFT folders that `language.full` loads. The recipe: rank and epochs by role,
alpha 16, dropout 0.05, gaussian start, all linear layers of Llama or `query_key_value` of GPT-NeoX,
learning rate 3e-4, loss on the answer only.
"""

from __future__ import annotations

import dataclasses
import logging
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple, Protocol

import numpy as np
import torch
from torch import Tensor, nn

from ohlora_core.errors import SettingsError
from ohlora_core.language.base_model import opening_tokens
from ohlora_core.language.compute import Compute, choose_compute
from ohlora_core.language.files import load_tokenizer
from ohlora_core.language.full import load_base
from ohlora_core.language.roles import Role
from ohlora_core.training.adapter_files import save_adapter
from ohlora_core.training.fitting import Schedule, fit
from ohlora_core.training.language_tasks import Document
from ohlora_core.training.published_documents import documents_of

__all__ = ["RECIPES", "Recipe", "encode_answer", "train_published"]

logger = logging.getLogger(__name__)

TARGETS = {
    "llama": ["q_proj", "k_proj", "v_proj", "o_proj", "gate_proj", "up_proj", "down_proj"],
    "gpt_neox": ["query_key_value"],
}
ALPHA, DROPOUT = 16, 0.05
LEARNING_RATE = 3e-4
LONGEST = 1024  # tokens of a document; longer ones lose their beginning
_WARMUP_SHARE = 0.03
_IGNORED = -100  # label of a token that is not learnt


class Recipe(NamedTuple):
    """Rank of a role's adapter, and how often it sees each row."""

    rank: int
    epochs: float


RECIPES = {
    Role.OUTPUT_MESSAGE: Recipe(16, 5),
    Role.MEMORY: Recipe(64, 20),
    Role.SUMMARY: Recipe(64, 10),
    Role.EYES_MOUTH_POSE: Recipe(64, 30),
    Role.QNA: Recipe(64, 20),
    Role.QUIZ: Recipe(64, 10),
    Role.INTERVIEW: Recipe(64, 10),
}

Encoded = tuple[list[int], list[int]]


class PublishedOptions(Protocol):
    """The part of the trainer's options that this needs (see `adapters.Options`)."""

    work_dir: Path
    content_dir: Path
    base: str | None
    epochs: float | None
    rank: int | None
    rows: int
    learning_rate: float | None
    resume: bool
    seed: int


def train_published(options: PublishedOptions, roles: Sequence[Role]) -> dict[str, Any]:
    """Train one adapter per role, one after the other; each goes on from its checkpoint.

    Returns:
        {"adapters": {role: {"folder", "rows", "steps", "loss" on validation rows}}}

    Raises:
        SettingsError: the base is neither a folder nor a published base.
        MissingModelError: the published base has not been fetched.
        ModelFileError: a file of the base is broken, or a checkpoint is of another model.
        ContentError, TrainingDataError: if the content cannot be learnt from.
    """
    folder = base_folder(str(options.base))
    learnt = {role: documents_of(role, options.content_dir, "train") for role in roles}
    return {"adapters": {r.value: _train_role(r, learnt[r], folder, options) for r in roles}}


def base_folder(base: str) -> Path:
    """The folder of a base: the given one, or that of a published base that was fetched.

    Raises:
        SettingsError: if it is neither.
        MissingModelError: if it has not been fetched; names the command.
    """
    from ohlora_core.hub import Hub, Source
    from ohlora_core.hub.manifest import GROUPS, groups_of
    from ohlora_core.settings import load_settings

    if (Path(base) / "config.json").is_file():
        return Path(base)
    if groups_of(Source(base)):
        return Hub(load_settings()).local(Source(base))
    command = f"python -m ohlora_core fetch {'|'.join(GROUPS)}"
    raise SettingsError(
        f"--base 의 값 '{base}' 은(는) config.json 이 있는 폴더도, 공개된 베이스 모델도 아니에요. "
        f"내려받은 모델의 폴더를 지정하거나 먼저 받아 주세요: {command}",
        f"--base '{base}' is neither a folder with a config.json nor one of the published bases. "
        f"Name the folder of a downloaded model, or fetch one first: {command}",
    )


def encode_answer(tokenizer: Any, document: Document) -> Encoded:
    """Ids and labels of a document behind the tokenizer's own beginning; prompts are not learnt.

    The prompt is encoded alone, as it is when the answer is generated, and the text ends after the
    end mark.
    """
    ids = opening_tokens(tokenizer)
    labels = [_IGNORED] * len(ids)
    for text, weight in document:
        part = tokenizer(text, add_special_tokens=False)["input_ids"]
        ids = ids + part
        labels += part if weight else [_IGNORED] * len(part)
    end = tokenizer.eos_token_id
    return [*ids, end][-LONGEST:], [*labels, end][-LONGEST:]


def answer_loss(model: Any, rows: Sequence[Encoded], pad: int) -> Tensor:
    """Mean cross entropy of the answers' tokens; gradients flow."""
    longest = max(len(ids) for ids, _ in rows)
    ids = torch.tensor([ids + [pad] * (longest - len(ids)) for ids, _ in rows])
    labels = torch.tensor([row + [_IGNORED] * (longest - len(row)) for _, row in rows])
    mask = torch.tensor([[1] * len(row) + [0] * (longest - len(row)) for row, _ in rows])
    device = model.device
    given = {"input_ids": ids, "attention_mask": mask, "labels": labels}
    loss: Tensor = model(**{name: value.to(device) for name, value in given.items()}).loss
    return loss


def _train_role(
    role: Role, documents: list[Document], base: Path, options: PublishedOptions
) -> dict[str, Any]:
    tokenizer = load_tokenizer(base)
    rows = [encode_answer(tokenizer, document) for document in documents]
    held_out = documents_of(role, options.content_dir, "validation")
    held = [encode_answer(tokenizer, document) for document in held_out]
    pad = tokenizer.pad_token_id or 0
    model = _with_adapter(role, base, options)
    recipe = RECIPES[role]
    epochs = recipe.epochs if options.epochs is None else options.epochs
    batch = min(options.rows, len(rows))
    steps = max(1, round(epochs * len(rows) / batch))
    schedule = Schedule(
        minutes=0.0,
        steps=steps,
        learning_rate=options.learning_rate or LEARNING_RATE,
        warmup_steps=max(1, round(_WARMUP_SHARE * steps)),
    )

    def loss_of_batch(draw: np.random.Generator) -> Tensor:
        chosen = draw.choice(len(rows), size=batch, replace=False)
        return answer_loss(model, [rows[i] for i in chosen], pad)

    folder = options.work_dir / "published"
    logger.info("%s: %d rows, %d steps", role, len(rows), steps)
    # the base is not part of the checkpoint: only what is trained
    trained = nn.ParameterList(p for p in model.parameters() if p.requires_grad)
    checkpoint = folder / f"{role.value}.checkpoint.pt"
    model.train()
    fit(
        role.value,
        trained,
        loss_of_batch,
        schedule,
        checkpoint,
        resume=options.resume,
        seed=options.seed,
    )
    model.eval()
    save_adapter(model, folder / role.value, base=str(options.base))
    with torch.no_grad():
        losses = [float(answer_loss(model, [row], pad)) for row in held]
    loss = round(sum(losses) / len(losses), 3) if losses else None
    return {"folder": str(folder / role.value), "rows": len(rows), "steps": steps, "loss": loss}


def _with_adapter(role: Role, base: Path, options: PublishedOptions) -> Any:
    """The base with a fresh adapter; only the adapter is trained."""
    from peft import LoraConfig, get_peft_model

    torch.manual_seed(options.seed)
    compute = _training_compute()
    logger.info("%s: %s", base.name, compute.reason)
    model = load_base(base, compute, {0: 0} if compute.device == "cuda" else None)
    lora = LoraConfig(
        r=options.rank or RECIPES[role].rank,
        lora_alpha=ALPHA,
        lora_dropout=DROPOUT,
        init_lora_weights="gaussian",
        target_modules=TARGETS.get(model.config.model_type, "all-linear"),
        task_type="CAUSAL_LM",
    )
    return get_peft_model(model, lora)


def _training_compute() -> Compute:
    """As for generation, but float32 where that is float16: its small gradients would vanish."""
    compute = choose_compute()
    if compute.dtype is not torch.float16:
        return compute
    reason = f"float32 ({compute.reason}, and gradients vanish in float16)"
    return dataclasses.replace(compute, dtype=torch.float32, reason=reason)
