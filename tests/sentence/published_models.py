"""Tiny random S-BERTs in the layout that sentence-transformers 4 wrote for the published ones."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path

import numpy as np

WORDS = (
    "나", "내일", "친구", "##랑", "카페", "##에", "가", "##기로", "했", "##어", "##요", "안녕",
    "로라", "##야", "뭐", "?", "!", "lo", "##ss", "##나", "일반",
    "사랑", "고백", "/", "만남", "정치", "패드립", "혐오", "기타",
)  # fmt: skip
HIDDEN = 32


def write_roberta(folder: Path, seed: int = 0, spread: float = 0.5) -> None:
    """A RoBERTa of 2 layers with a WordPiece tokenizer; special tokens as in klue/roberta-base."""
    import torch
    from tokenizers import Tokenizer, models, normalizers, pre_tokenizers, processors
    from transformers import RobertaConfig, RobertaModel

    special = {"cls_token": "[CLS]", "pad_token": "[PAD]", "sep_token": "[SEP]",
               "unk_token": "[UNK]", "mask_token": "[MASK]"}  # fmt: skip
    letters = [chr(code) for code in range(ord("a"), ord("z") + 1)]
    continued = [f"##{letter}" for letter in letters]
    words = list(dict.fromkeys([*special.values(), *WORDS, *letters, *continued]))
    vocabulary = {word: number for number, word in enumerate(words)}
    tokenizer = Tokenizer(models.WordPiece(vocabulary, unk_token="[UNK]"))
    tokenizer.add_special_tokens(list(special.values()))
    tokenizer.normalizer = normalizers.BertNormalizer(lowercase=False)
    tokenizer.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
    tokenizer.post_processor = processors.BertProcessing(("[SEP]", 2), ("[CLS]", 0))
    settings = special | {
        "tokenizer_class": "BertTokenizer", "do_lower_case": False, "strip_accents": None,
        "tokenize_chinese_chars": True, "do_basic_tokenize": True, "never_split": None,
        "model_max_length": 512, "clean_up_tokenization_spaces": False, "bos_token": "[CLS]",
        "eos_token": "[SEP]",
    }  # fmt: skip
    folder.mkdir(parents=True)
    tokenizer.save(str(folder / "tokenizer.json"))
    (folder / "vocab.txt").write_text("\n".join(words) + "\n", encoding="utf-8")
    (folder / "tokenizer_config.json").write_text(json.dumps(settings), encoding="utf-8")
    (folder / "special_tokens_map.json").write_text(json.dumps(special), encoding="utf-8")
    torch.manual_seed(seed)
    config = RobertaConfig(
        vocab_size=len(vocabulary), hidden_size=HIDDEN, num_hidden_layers=2, num_attention_heads=4,
        intermediate_size=64, max_position_embeddings=514, type_vocab_size=1, pad_token_id=1,
        bos_token_id=0, eos_token_id=2, initializer_range=spread,
    )  # fmt: skip
    RobertaModel(config).save_pretrained(folder)


def write_sbert(folder: Path, seed: int = 0) -> None:
    """The same with the files that make it an S-BERT."""
    write_roberta(folder, seed)
    files = {
        "modules.json": [
            {"idx": 0, "name": "0", "path": "", "type": "sentence_transformers.models.Transformer"},
            {"idx": 1, "name": "1", "path": "1_Pooling",
             "type": "sentence_transformers.models.Pooling"},
        ],
        "sentence_bert_config.json": {"max_seq_length": 64, "do_lower_case": True},
        "config_sentence_transformers.json": {
            "__version__": {"sentence_transformers": "4.1.0", "transformers": "4.51.3"},
            "prompts": {}, "default_prompt_name": None, "similarity_fn_name": "cosine",
        },
        "1_Pooling/config.json": {
            "word_embedding_dimension": HIDDEN, "pooling_mode_cls_token": False,
            "pooling_mode_mean_tokens": True, "pooling_mode_max_tokens": False,
            "pooling_mode_mean_sqrt_len_tokens": False, "pooling_mode_weightedmean_tokens": False,
            "pooling_mode_lasttoken": False, "include_prompt": True,
        },
    }  # fmt: skip
    (folder / "1_Pooling").mkdir()
    for name, content in files.items():
        (folder / name).write_text(json.dumps(content), encoding="utf-8")


def by_hand(folder: Path, texts: Sequence[str]) -> np.ndarray:
    """Lower case, 64 tokens, mean over them, unit length: as the models were trained."""
    import torch
    from tokenizers import Tokenizer
    from transformers import RobertaModel

    tokenizer = Tokenizer.from_file(str(folder / "tokenizer.json"))
    tokenizer.enable_truncation(64)
    model = RobertaModel.from_pretrained(folder)
    vectors = []
    for text in texts:
        ids = torch.tensor([tokenizer.encode(text.lower()).ids])
        with torch.no_grad():
            mean = model(input_ids=ids).last_hidden_state[0].mean(dim=0).numpy()
        vectors.append(mean / np.linalg.norm(mean))
    return np.stack(vectors)
