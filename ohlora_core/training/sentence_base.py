"""The base of the S-BERT: tokenizer, lexical start and contrastive training.

1. A BPE over jamo (NFKD text), so that typos and endings share tokens and no Hangul is unknown.
2. The token embeddings start as the least-squares map from token counts to a character n-gram
   TF-IDF + SVD space, so that mean pooling matches wording before the first training step.
3. Contrastive training on paraphrases and on noised copies, CoSENT on graded pairs.
Knows nothing of the tasks; `sentence_adapters` does.
"""

from __future__ import annotations

import logging
import math
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
from tqdm import tqdm
from transformers import DistilBertConfig, DistilBertModel, PreTrainedTokenizerFast

from ohlora_core.sentence.pooling import MAX_TOKENS, pooled_vectors, token_ids
from ohlora_core.training.sentence_corpus import (
    PublicCorpora,
    ScoredPair,
    TextPair,
    chunked_by_length,
    noised,
    our_pairs,
    our_texts,
)

__all__ = [
    "contrastive_loss",
    "cosent_loss",
    "evaluate_sts",
    "learning_rate_factor",
    "train_base",
    "train_tokenizer",
]

logger = logging.getLogger(__name__)

VOCABULARY = 8000
HIDDEN = 256
LAYERS = 3
HEADS = 4
FEED_FORWARD = 512
_TRAIN_TOKENS = 64  # longer texts are cut in base training only
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


def _teacher_vectors(texts: Sequence[str], seed: int) -> np.ndarray:
    """[n, HIDDEN - 1] float32: TF-IDF of character n-grams, reduced by SVD."""
    from scipy.sparse import hstack
    from sklearn.decomposition import TruncatedSVD
    from sklearn.feature_extraction.text import TfidfVectorizer

    syllables = TfidfVectorizer(
        analyzer="char_wb", ngram_range=(1, 3), min_df=2, max_features=40_000, sublinear_tf=True
    )
    words = TfidfVectorizer(analyzer="word", min_df=2, max_features=10_000, sublinear_tf=True)
    features = hstack([syllables.fit_transform(texts), words.fit_transform(texts) * 0.5])
    svd = TruncatedSVD(HIDDEN - 1, n_iter=3, random_state=seed)
    return svd.fit_transform(features.tocsr()).astype(np.float32)


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
    model: DistilBertModel, tokenizer: PreTrainedTokenizerFast, texts: Sequence[str], seed: int
) -> None:
    """Set the token embeddings so that mean pooling matches the character n-gram teacher.

    Layer norm would give every token the same weight, while the teacher gives rare ones more. So
    the last coordinate tops every embedding up to one common length (norm changes nothing then),
    and the gain of the last layer norm drops that coordinate: common tokens nearly vanish.
    """
    target = _teacher_vectors(texts, seed)
    target /= np.linalg.norm(target, axis=1, keepdims=True) + 1e-6
    means = _token_means(tokenizer, texts)
    gram = (means.T @ means).toarray().astype(np.float32)
    gram[np.diag_indices_from(gram)] += 0.3
    vectors = np.linalg.solve(gram, (means.T @ target).astype(np.float32))
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
    start_from: Path | None


def contrastive_loss(
    anchors: Tensor,  # [n, d] unit length
    positives: Tensor,  # [n, d]
    negatives: Tensor | None = None,  # [m, d]
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
    forward = scores
    if negatives is not None and len(negatives):
        forward = torch.cat([scores, anchors @ negatives.T * scale], dim=1)
    return (
        functional.cross_entropy(forward, target) + functional.cross_entropy(scores.T, target)
    ) / 2


def cosent_loss(cosines: Tensor, scores: Tensor, scale: float = _SCALE) -> Tensor:
    """CoSENT: a pair graded higher must have the higher cosine. Both arguments are [n]."""
    differences = scale * (cosines[None, :] - cosines[:, None])  # [i, j]: c_j - c_i
    differences = differences[scores[:, None] > scores[None, :]]
    return torch.logsumexp(torch.cat([differences.new_zeros(1), differences]), dim=0)


def learning_rate_factor(step: int, steps: int, warmup: int = 100) -> float:
    """Linear warm-up, then a cosine down to 5%."""
    if step < warmup:
        return (step + 1) / warmup
    return 0.05 + 0.95 * 0.5 * (1 + math.cos(math.pi * (step - warmup) / max(1, steps - warmup)))


def evaluate_sts(
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


class _BaseTask:
    """Draws batches of the base mixture and computes their loss."""

    def __init__(
        self,
        model: DistilBertModel,
        tokenizer: PreTrainedTokenizerFast,
        corpora: PublicCorpora,
        rng: random.Random,
    ) -> None:
        self.model, self.tokenizer, self.rng = model, tokenizer, rng
        ours = our_pairs()
        self.meaning = iter(chunked_by_length(corpora.pairs + ours + ours, 80, rng))
        texts = corpora.texts() + our_texts() * 2
        self.copies = iter(chunked_by_length([TextPair(t, t) for t in texts], 64, rng))
        self.answers = iter(chunked_by_length(corpora.answers, 32, rng))
        self.graded = corpora.sts["train"]

    def loss(self) -> Tensor:
        kind = self.rng.random()
        if kind < 0.35:
            return self._pairs(next(self.meaning))
        if kind < 0.65:
            return self._pairs([TextPair(p.a, noised(p.a, self.rng)) for p in next(self.copies)])
        if kind < 0.70:
            return self._pairs(next(self.answers))
        return self._graded(self.rng.sample(self.graded, 48))

    def _vectors(self, texts: Sequence[str]) -> Tensor:
        return pooled_vectors(self.model, token_ids(self.tokenizer, texts, _TRAIN_TOKENS))

    def _pairs(self, batch: Sequence[TextPair]) -> Tensor:
        negatives = [pair.negative for pair in batch if pair.negative]
        texts = [pair.a for pair in batch] + [pair.b for pair in batch] + negatives
        vectors = self._vectors(texts)
        n = len(batch)
        groups = [pair.group for pair in batch]
        return contrastive_loss(vectors[:n], vectors[n : 2 * n], vectors[2 * n :], groups)

    def _graded(self, batch: Sequence[ScoredPair]) -> Tensor:
        vectors = self._vectors([pair.a for pair in batch] + [pair.b for pair in batch])
        cosines = (vectors[: len(batch)] * vectors[len(batch) :]).sum(dim=1)
        scores = torch.tensor([pair.score for pair in batch])
        return 0.5 * cosent_loss(cosines, scores) + 5 * functional.mse_loss(cosines, scores)


def train_base(corpora: PublicCorpora, options: BaseOptions) -> None:
    """Train tokenizer and encoder and save them in `options.work_dir / "base"`.

    A checkpoint is written every 200 steps.
    """
    torch.manual_seed(options.seed)
    rng = random.Random(options.seed)
    steps, folder = options.base_steps, options.work_dir / "base"
    checkpoint = options.work_dir / "base_checkpoint.pt"
    resuming = options.resume and checkpoint.exists()
    peak = 6e-4
    if resuming:
        tokenizer = PreTrainedTokenizerFast.from_pretrained(folder)
        model = _new_encoder(tokenizer)
    elif options.start_from:
        tokenizer = PreTrainedTokenizerFast.from_pretrained(options.start_from)
        model = DistilBertModel.from_pretrained(options.start_from, dtype=torch.float32)
        peak /= 2
    else:
        texts = corpora.texts() + our_texts()
        tokenizer = train_tokenizer(texts)
        model = _new_encoder(tokenizer)
        lexical_start(model, tokenizer, texts, options.seed)
    tokenizer.save_pretrained(folder)
    logger.info("start: sts %.4f", evaluate_sts(model, tokenizer, corpora.sts["validation"]))
    optimizer = torch.optim.AdamW(model.parameters(), lr=peak, weight_decay=0.01)
    schedule = torch.optim.lr_scheduler.LambdaLR(
        optimizer, lambda step: learning_rate_factor(step, steps)
    )
    first = 0
    if resuming:
        state = torch.load(checkpoint, weights_only=True)
        model.load_state_dict(state["model"])
        optimizer.load_state_dict(state["optimizer"])
        schedule.load_state_dict(state["schedule"])
        first = state["step"]
    task = _BaseTask(model, tokenizer, corpora, rng)
    running = 0.0
    for step in tqdm(range(first, steps), initial=first, total=steps, desc="base", mininterval=10):
        model.train()
        loss = task.loss()
        loss.backward()
        torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimizer.step()
        schedule.step()
        optimizer.zero_grad(set_to_none=True)
        running = 0.98 * running + 0.02 * loss.item()
        if (step + 1) % 200 == 0 or step + 1 == steps:
            sts = evaluate_sts(model, tokenizer, corpora.sts["validation"])
            logger.info("step %d: loss %.3f, sts %.4f", step + 1, running, sts)
            torch.save(
                {
                    "model": model.state_dict(),
                    "optimizer": optimizer.state_dict(),
                    "schedule": schedule.state_dict(),
                    "step": step + 1,
                },
                checkpoint,
            )
    model.save_pretrained(folder)
