"""A complete but tiny, untrained encoder on disk."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

TEXTS = [
    "나 내일 친구랑 카페 가기로 했어",
    "오늘 저녁 뭐 먹지?",
    "손실 함수가 뭐야?",
    "안녕 로라야",
]


@pytest.fixture(scope="session")
def tiny_models(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A models folder whose sentence/ has a 1-layer base and an adapter per task."""
    import torch
    from peft import LoraConfig, get_peft_model_state_dict
    from safetensors.torch import save_file
    from transformers import DistilBertConfig, DistilBertModel

    from ohlora_core.sentence import SentenceTask
    from ohlora_core.sentence.linear import LinearHead
    from ohlora_core.sentence.ngrams import NgramBag
    from ohlora_core.sentence.tasks import BASE_TASKS, HEAD_TASKS, NGRAM_TASKS
    from ohlora_core.training.sentence import export_base
    from ohlora_core.training.sentence_base import train_tokenizer

    root = tmp_path_factory.mktemp("tiny")
    folder = root / "sentence"
    torch.manual_seed(3)
    tokenizer = train_tokenizer(TEXTS)
    config = DistilBertConfig(
        vocab_size=len(tokenizer), max_position_embeddings=128, dim=32, n_layers=1, n_heads=2,
        hidden_dim=32,
    )  # fmt: skip
    DistilBertModel(config).save_pretrained(root / "trained")
    tokenizer.save_pretrained(root / "trained")
    export_base(root / "trained", folder / "base")
    for task in SentenceTask:
        target = folder / "adapters" / task.value
        target.mkdir(parents=True)
        if task in NGRAM_TASKS:
            NgramBag(64, 8).save(target)
        if task in HEAD_TASKS:
            LinearHead(64, 32, list("가나다라마")).save(target)
        if task in BASE_TASKS:
            continue
        model = DistilBertModel(config)
        lora = LoraConfig(r=2, target_modules=["q_lin", "word_embeddings"], init_lora_weights=False)
        model.add_adapter(lora, adapter_name=task.value)
        lora.save_pretrained(str(target))
        state = get_peft_model_state_dict(
            model, adapter_name=task.value, save_embedding_layers=False
        )
        save_file(state, target / "adapter_model.safetensors")
    (folder / "calibration.json").write_text(json.dumps({"thresholds": {"memory": 0.7}}))
    return root
