"""A tiny random Llama with the real marks, built in memory: no weights, no downloads."""

from __future__ import annotations

import pytest
import torch

from ohlora_core.language import Role
from ohlora_core.language.base_model import LoadedBase
from ohlora_core.language.local import GenerationSettings, LocalGenerator
from ohlora_core.training.tokenizer import build

TEXTS = [
    "안녕 나는 오로라야 ✨",
    "오늘은 친구랑 카페에 가기로 했어",
    "(눈 크게, 입 보통, 고개 돌림 없음)",
] * 3


@pytest.fixture(scope="session")
def tiny_tokenizer():
    return build(TEXTS, vocabulary_size=520, minimum_count=1)


@pytest.fixture
def tiny_generator(tiny_tokenizer):
    """Two roles with (different, random) adapters; the others on the bare model."""
    from peft import LoraConfig, get_peft_model
    from transformers import LlamaConfig, LlamaForCausalLM

    torch.manual_seed(0)
    config = LlamaConfig(
        vocab_size=len(tiny_tokenizer),
        hidden_size=32,
        intermediate_size=48,
        num_hidden_layers=2,
        num_attention_heads=2,
        max_position_embeddings=256,
        tie_word_embeddings=True,
    )
    lora = LoraConfig(r=2, target_modules="all-linear", init_lora_weights=False)
    model = get_peft_model(LlamaForCausalLM(config), lora, adapter_name=Role.MEMORY.value)
    model.add_adapter(Role.SUMMARY.value, lora)
    roles = (Role.MEMORY, Role.SUMMARY)
    base = LoadedBase(model, tiny_tokenizer, roles, [tiny_tokenizer.bos_token_id])
    return LocalGenerator(dict.fromkeys(Role, base), GenerationSettings(context_tokens=200))
