"""The base of the S-BERT: tokenizer, lexical start and distillation.

1. A BPE over jamo (NFKD text), so that typos and endings share tokens and no Hangul is unknown.
2. The token embeddings start as the least-squares map from token shares to the teacher's vectors.
3. It learns to give the teacher's vectors, of texts with typos too (`sentence_distillation`).
Knows nothing of the tasks; `sentence_adapters` does.
"""

from __future__ import annotations

import logging
import random
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any, Protocol

import numpy as np
import torch
from tokenizers import Regex, Tokenizer, decoders, models, normalizers, pre_tokenizers, processors
from tokenizers.trainers import BpeTrainer
from torch import Tensor
from torch.nn import functional
from transformers import DistilBertConfig, DistilBertModel, PreTrainedTokenizerFast

from ohlora_core.sentence.pooling import MAX_TOKENS, pooled_vectors, token_ids
from ohlora_core.training.fitting import Schedule, fit, mixed_precision
from ohlora_core.training.sentence_corpus import PublicCorpora, ScoredPair, noised
from ohlora_core.training.sentence_distillation import (
    Taught,
    distillation_texts,
    read_words,
    taught,
)

__all__ = [
    "contrastive_loss",
    "cosent_loss",
    "train_base",
    "train_tokenizer",
]

logger = logging.getLogger(__name__)

VOCABULARY = 10_000
HIDDEN = 256
LAYERS = 4
HEADS = 4
FEED_FORWARD = 768
_TRAIN_TOKENS = 64  # longer texts are cut in base training only
_BATCH = 128  # texts of a step
_NOISED = 0.3  # share of the texts that the student reads with typos
_RANKED = 0.3  # weight of the order of neighbours
_SCALE = 20.0  # inverse temperature of the contrastive and CoSENT losses


def train_tokenizer(texts: Iterable[str]) -> PreTrainedTokenizerFast:
    """A jamo-level BPE with `[CLS]` before every text; case and ㅋㅋㅋ runs are folded."""
    tokenizer = Tokenizer(models.BPE(unk_token="[UNK]"))
    runs = [normalizers.Replace(Regex(f"[{c}]{{3,}}"), c * 2) for c in "ㅋㅎㅠㅜ!?~."]
    tokenizer.normalizer = normalizers.Sequence(
        [*runs, normalizers.NFKD(), normalizers.Lowercase()]
    )
    tokenizer.pre_tokenizer = pre_tokenizers.Sequence(
        [
            pre_tokenizers.Digits(individual_digits=True),
            pre_tokenizers.Metaspace(prepend_scheme="always"),
            pre_tokenizers.Punctuation(),
        ]
    )
    tokenizer.decoder = decoders.Metaspace()
    trainer = BpeTrainer(
        vocab_size=VOCABULARY,
        min_frequency=2,
        special_tokens=["[PAD]", "[UNK]", "[CLS]"],
        limit_alphabet=400,
        show_progress=False,
    )
    tokenizer.train_from_iterator(texts, trainer)
    tokenizer.post_processor = processors.TemplateProcessing(
        single="[CLS] $A", special_tokens=[("[CLS]", tokenizer.token_to_id("[CLS]"))]
    )
    return PreTrainedTokenizerFast(
        tokenizer_object=tokenizer,
        pad_token="[PAD]",
        unk_token="[UNK]",
        cls_token="[CLS]",
        model_max_length=MAX_TOKENS,
        model_input_names=["input_ids", "attention_mask"],
    )


def _new_encoder(tokenizer: PreTrainedTokenizerFast) -> DistilBertModel:
    return DistilBertModel(
        DistilBertConfig(
            vocab_size=len(tokenizer),
            dim=HIDDEN,
            n_layers=LAYERS,
            n_heads=HEADS,
            hidden_dim=FEED_FORWARD,
            max_position_embeddings=MAX_TOKENS,
            dropout=0.05,
            attention_dropout=0.0,
            pad_token_id=tokenizer.pad_token_id,
        )
    )


def _token_means(tokenizer: PreTrainedTokenizerFast, texts: Sequence[str]) -> Any:
    """Sparse [n, vocabulary]: the share of each token in each text."""
    from scipy.sparse import csr_matrix

    ids = token_ids(tokenizer, texts)
    columns = np.concatenate([np.array(row) for row in ids])
    rows = np.repeat(np.arange(len(ids)), [len(row) for row in ids])
    shares = np.concatenate([np.full(len(row), 1 / len(row)) for row in ids])
    return csr_matrix((shares, (rows, columns)), shape=(len(ids), len(tokenizer)))


@torch.no_grad()
def lexical_start(
    model: DistilBertModel, tokenizer: PreTrainedTokenizerFast, lesson: Taught
) -> None:
    """Set the token embeddings so that mean pooling matches the teacher as well as words can.

    Layer norm would give every token the same weight, while some must say more. So
    the last coordinate tops every embedding up to one common length (norm changes nothing then),
    and the gain of the last layer norm drops that coordinate: common tokens nearly vanish.
    """
    means = _token_means(tokenizer, lesson.texts)
    gram = (means.T @ means).toarray().astype(np.float32)
    gram[np.diag_indices_from(gram)] += 0.3
    vectors = np.linalg.solve(gram, (means.T @ lesson.vectors).astype(np.float32))
    norms = np.linalg.norm(vectors, axis=1)
    length = float(np.percentile(norms, 97))
    vectors *= np.minimum(1.0, length * 0.98 / (norms + 1e-6))[:, None]
    rest = np.sqrt(np.maximum(length**2 - (vectors**2).sum(axis=1), 0.0))
    embeddings = np.concatenate([vectors, rest[:, None]], axis=1) / length
    model.embeddings.word_embeddings.weight.copy_(torch.from_numpy(embeddings))
    model.embeddings.position_embeddings.weight.normal_(std=0.005)
    last_layer: Any = model.transformer.layer[-1]
    last_layer.output_layer_norm.weight[-1] = 0.0


class BaseOptions(Protocol):
    """The part of the trainer's options that the base needs (see `sentence.Options`)."""

    work_dir: Path
    seed: int
    resume: bool
    base_steps: int
    teacher: str
    teacher_prompt: str
    words: Path | None


def contrastive_loss(
    anchors: Tensor,  # [n, d] unit length
    positives: Tensor,  # [n, d]
    groups: Sequence[str | None] | None = None,
    scale: float = _SCALE,
) -> Tensor:
    """Multiple-negatives ranking, both directions (Henderson et al., 2017).

    Pairs that share a group are masked instead of counted as negatives of each other.
    """
    scores = anchors @ positives.T * scale
    target = torch.arange(len(anchors))
    if groups is not None:
        codes = {group: i for i, group in enumerate(dict.fromkeys(groups))}
        ids = torch.tensor(
            [len(codes) + i if g is None else codes[g] for i, g in enumerate(groups)]
        )
        same = (ids[:, None] == ids[None, :]) & ~torch.eye(len(groups), dtype=torch.bool)
        scores = scores.masked_fill(same, -1e4)
    return (
        functional.cross_entropy(scores, target) + functional.cross_entropy(scores.T, target)
    ) / 2


def cosent_loss(cosines: Tensor, scores: Tensor, scale: float = _SCALE) -> Tensor:
    """CoSENT: a pair graded higher must have the higher cosine. Both arguments are [n]."""
    differences = scale * (cosines[None, :] - cosines[:, None])  # [i, j]: c_j - c_i
    differences = differences[scores[:, None] > scores[None, :]]
    return torch.logsumexp(torch.cat([differences.new_zeros(1), differences]), dim=0)


def _sts(
    model: DistilBertModel, tokenizer: PreTrainedTokenizerFast, pairs: Sequence[ScoredPair]
) -> float:
    """Spearman correlation of cosine and gold score."""
    from scipy.stats import spearmanr

    model.eval()
    cosines: list[float] = []
    with torch.inference_mode():
        for start in range(0, len(pairs), 64):
            chunk = pairs[start : start + 64]
            vectors = pooled_vectors(
                model, token_ids(tokenizer, [p.a for p in chunk] + [p.b for p in chunk])
            )
            cosines += (vectors[: len(chunk)] * vectors[len(chunk) :]).sum(dim=1).tolist()
    return float(spearmanr(cosines, [p.score for p in pairs]).statistic)


def _distilled(student: Tensor, teacher: Tensor) -> Tensor:
    """Own vectors near the teacher's, and every text nearest to what is nearest to it there.

    Both arguments are [n, width] of unit length.
    """
    near = 1 - (student * teacher).sum(dim=1).mean()
    wanted = (teacher @ teacher.T * _SCALE).softmax(dim=1)
    ranked = functional.cross_entropy(student @ teacher.T * _SCALE, wanted)
    return near + _RANKED * (ranked - torch.special.entr(wanted).sum(dim=1).mean())


def train_base(corpora: PublicCorpora, options: BaseOptions) -> None:
    """Train tokenizer and encoder and save them in `options.work_dir / "base"`.

    A checkpoint is written every minute.
    """
    torch.manual_seed(options.seed)
    folder = options.work_dir / "base"
    words = read_words(options.words) if options.words else ([], [])
    lesson = taught(
        distillation_texts(corpora, words, options.seed),
        options.teacher,
        options.teacher_prompt,
        HIDDEN - 1,
        options.work_dir / "teacher",
    )
    checkpoint = options.work_dir / "base_checkpoint.pt"
    if options.resume and checkpoint.exists():
        tokenizer = PreTrainedTokenizerFast.from_pretrained(folder)
        model = _new_encoder(tokenizer)
    else:
        tokenizer = train_tokenizer(lesson.texts)
        model = _new_encoder(tokenizer)
        lexical_start(model, tokenizer, lesson)
        tokenizer.save_pretrained(folder)
    held = corpora.sts["validation"]
    logger.info("start: sts %.4f", _sts(model, tokenizer, held))
    teacher = torch.from_numpy(lesson.vectors)
    lengths = np.array([len(text) for text in lesson.texts])

    def loss_of_batch(draw: np.random.Generator) -> Tensor:
        drawn = draw.integers(len(lengths), size=_BATCH * 8)
        start = int(draw.integers(8)) * _BATCH
        chosen = drawn[np.argsort(lengths[drawn])][start : start + _BATCH]  # of similar length
        rng = random.Random(int(draw.integers(2**32)))
        texts = [lesson.texts[i] for i in chosen]
        shown = [noised(text, rng) if rng.random() < _NOISED else text for text in texts]
        with mixed_precision():
            vectors = pooled_vectors(model, token_ids(tokenizer, shown, _TRAIN_TOKENS))
        return _distilled(vectors[:, : HIDDEN - 1], teacher[chosen])

    model.train()
    schedule = Schedule(minutes=0.0, steps=options.base_steps, learning_rate=1e-3, warmup_steps=200)
    fit(
        "base", model, loss_of_batch, schedule, checkpoint, resume=options.resume, seed=options.seed
    )
    logger.info("end: sts %.4f", _sts(model, tokenizer, held))
    model.save_pretrained(folder)
