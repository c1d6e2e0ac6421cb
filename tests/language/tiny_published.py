"""Tiny random models in the layout of the published ones: true architectures, foreign adapters."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch

TEXTS = [
    "안녕 나는 오로라야 ✨ 오늘은 친구랑 카페에 가기로 했어",
    "(눈 크게, 입 보통, 고개 돌림 없음) (표정 출력 시작) (표정 출력 종료)",
    "(답변 시작) (답변 종료) (요약 시작) (요약 종료)",
] * 3
FOREIGN_BASE = "/home/author/project/llm/models/original"
LLAMA_LAYERS = ["q_proj", "k_proj", "v_proj", "o_proj", "gate_proj", "up_proj", "down_proj"]
NEOX_LAYERS = ["query_key_value"]


@dataclass(frozen=True)
class Place:
    """A source: what the hub's callable is asked for."""

    name: str


def save_tokenizer(folder: Path, begins: bool) -> int:
    """A byte-level BPE tokenizer with marks of several tokens; the size of its vocabulary."""
    from tokenizers import Tokenizer, decoders, pre_tokenizers, processors
    from tokenizers.models import BPE
    from tokenizers.trainers import BpeTrainer
    from transformers import PreTrainedTokenizerFast

    end, begin = "<|end_of_text|>", "<|begin_of_text|>"
    raw = Tokenizer(BPE())
    raw.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    raw.decoder = decoders.ByteLevel()
    alphabet = pre_tokenizers.ByteLevel.alphabet()
    trainer = BpeTrainer(
        vocab_size=420, initial_alphabet=alphabet, special_tokens=[end, begin], show_progress=False
    )
    raw.train_from_iterator(TEXTS, trainer)
    if begins:  # as Llama 3 does
        raw.post_processor = processors.TemplateProcessing(
            single=f"{begin} $A", special_tokens=[(begin, raw.token_to_id(begin))]
        )
    tokenizer = PreTrainedTokenizerFast(
        tokenizer_object=raw,
        bos_token=begin if begins else end,
        eos_token=end,
        pad_token=end,
        clean_up_tokenization_spaces=False,
    )
    tokenizer.save_pretrained(folder)
    return len(tokenizer)


def save_base(
    folder: Path,
    family: str,
    *,
    layers: int = 2,
    width: int = 32,
    seed: int = 0,
    shard_size: str = "5GB",
) -> Path:
    """A random LlamaForCausalLM or GPTNeoXForCausalLM with its tokenizer."""
    from transformers import GPTNeoXConfig, GPTNeoXForCausalLM, LlamaForCausalLM

    from ohlora_core.language.architecture import LlamaWithHeadSize

    size = save_tokenizer(folder, begins=family == "llama")
    torch.manual_seed(seed)
    shared: dict[str, Any] = {
        "vocab_size": size,
        "hidden_size": width,
        "intermediate_size": 48,
        "num_hidden_layers": layers,
        "num_attention_heads": 4,
        "max_position_embeddings": 1024,
        "initializer_range": 0.4,
        "eos_token_id": 0,
        "bos_token_id": 1,
    }
    if family == "llama":
        # as in Kanana, the heads together are not as wide as the model: 6 * 8 and 32
        heads = {"num_attention_heads": 6, "num_key_value_heads": 2, "head_dim": 8}
        tied = {"tie_word_embeddings": True}
        model: Any = LlamaForCausalLM(LlamaWithHeadSize(**shared | heads | tied))
    else:
        # as in Polyglot-Ko, there are more embeddings than tokens, and half of a head is rotated
        rows = {"vocab_size": size + 77, "rotary_pct": 0.5}
        model = GPTNeoXForCausalLM(GPTNeoXConfig(**shared | rows))
    model.save_pretrained(folder, max_shard_size=shard_size)
    return folder


def plain_model(folder: Path):
    """The base as transformers alone loads it."""
    from ohlora_core.language.architecture import read_architecture

    config, family = read_architecture(folder)
    return family.from_pretrained(folder, config=config)


def save_adapter(folder: Path, base: Path, seed: int, *, rank: int = 4) -> Path:
    """A random adapter in PEFT's layout whose base path is on its author's disk."""
    from peft import LoraConfig, get_peft_model

    model = plain_model(base)
    targets = LLAMA_LAYERS if model.config.model_type == "llama" else NEOX_LAYERS
    torch.manual_seed(seed)
    lora = LoraConfig(
        r=rank,
        lora_alpha=16,
        lora_dropout=0.05,
        init_lora_weights=False,
        target_modules=targets,
        task_type="CAUSAL_LM",
    )
    get_peft_model(model, lora).save_pretrained(str(folder))
    edit_config(folder, base_model_name_or_path=FOREIGN_BASE)
    return folder


def logits_alone(base: Path, adapter: Path, prompt: str, dtype: torch.dtype) -> torch.Tensor:
    """What one whole model per role gives behind a prompt, as the original ran it; [vocabulary]."""
    from peft import PeftModel
    from transformers import PreTrainedTokenizerFast

    model = PeftModel.from_pretrained(plain_model(base), adapter).eval().to(dtype)
    ids = PreTrainedTokenizerFast.from_pretrained(base)(prompt, return_tensors="pt")["input_ids"]
    with torch.inference_mode():
        return model(input_ids=ids).logits[0, -1].float()


def logits_of(loaded: Any, role: Any, prompt: str) -> torch.Tensor:
    """What a `LoadedBase` gives behind a prompt for a role; [vocabulary]."""
    ids, mask = loaded.padded([loaded.encode(prompt)])
    return loaded.step([role], ids, mask, loaded.new_cache())[0]


def edit_config(folder: Path, **changes: object) -> None:
    """Changes fields of an adapter's configuration."""
    path = folder / "adapter_config.json"
    settings = json.loads(path.read_text(encoding="utf-8")) | changes
    path.write_text(json.dumps(settings), encoding="utf-8")


BASES = {"instruct": "llama", "base": "llama", "polyglot": "neox"}
V4 = {
    "output_message": "instruct",
    "summary": "base",
    "memory": "polyglot",
    "eyes_mouth_pose": "polyglot",
    "qna": "instruct",
    "quiz": "instruct",
    "interview": "instruct",
}


def save_profile(root: Path, roles: dict[str, str] = V4) -> dict[str, tuple[Place, Place]]:
    """All bases and adapters of a profile below `root`; its sources."""
    for seed, name in enumerate(sorted(set(roles.values()))):
        save_base(root / name, BASES[name], seed=seed)
    for seed, (role, base) in enumerate(roles.items()):
        save_adapter(root / "adapters" / role, root / base, seed + 10)
    return sources_of(roles)


def sources_of(roles: dict[str, str]) -> dict[str, tuple[Place, Place]]:
    """Sources as the manifest gives them; equal bases are equal, not identical."""
    return {role: (Place(base), Place(f"adapters/{role}")) for role, base in roles.items()}
