"""The base of the S-BERT learns from a larger sentence encoder, the teacher.

A few megabytes of text do not say what words mean. A published encoder knows; its vectors of many
texts are what the small base learns to give: our content and the public corpora, messages with
other nouns in them, and a word list in frames. Labels are not read, and nothing of the held-out
splits. The teacher is not shipped. Knows nothing of tasks.
"""

from __future__ import annotations

import hashlib
import logging
import random
import re
import unicodedata
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch

from ohlora_core import content
from ohlora_core.language.nouns import NounPool, replaced
from ohlora_core.training.sentence_corpus import PublicCorpora, our_texts

__all__ = ["Taught", "distillation_texts", "read_words", "taught"]

logger = logging.getLogger(__name__)

_SWAPS = 3  # copies of a message with another noun
_LONGEST = 90  # characters of a text
_HANGUL = re.compile("[가-힣]{2,}")
_VERB = re.compile("[가-힣]+다")
_NOUN_FRAMES = (
    "{}", "{} 좋아해", "{} 싫어", "{} 먹고 싶다", "{} 사고 싶어", "{} 하러 가", "{}에 가 봤어?",
    "{} 알아?", "{}이(가) 뭐야?", "오늘 {} 때문에 힘들었어", "내일 {} 하기로 했어", "우리 집 {}",
    "나는 {} 전공이야", "{} 추천해 줘", "내 직업은 {}", "{} 배우고 있어", "요즘 {}에 빠졌어",
    "{} 봤어", "{} 너무 예뻐", "[관심사: {}]",
)  # fmt: skip
_VERB_FRAMES = ("{}다", "{}고 싶어", "{}지 마", "{}네", "자꾸 {}게 돼", "{}고 있어", "{}기 싫다")


@dataclass(frozen=True)
class Taught:
    """Texts and what the teacher says of them."""

    texts: list[str]
    vectors: np.ndarray  # [n, width] float32 of unit length


def read_words(path: Path) -> tuple[list[str], list[str]]:
    """Nouns and verb stems of a word list: one word a line, what is behind a slash is left out."""
    nouns, stems = [], []
    for line in path.read_text(encoding="utf-8").splitlines():
        word = unicodedata.normalize("NFC", line.partition("/")[0].strip())
        if _VERB.fullmatch(word):
            stems.append(word[:-1])
        elif _HANGUL.fullmatch(word):
            nouns.append(word)
    return nouns, stems


def distillation_texts(
    corpora: PublicCorpora, words: tuple[Sequence[str], Sequence[str]], seed: int
) -> list[str]:
    """Distinct texts outside the held-out splits; those of people before those that are made."""
    rng = random.Random(seed)
    texts = our_texts() + corpora.texts()
    made = list(_with_other_nouns(texts, words[0], rng))
    for noun in words[0]:
        made += [frame.format(noun) for frame in rng.sample(_NOUN_FRAMES, 2)]
    for stem in words[1]:
        made += [frame.format(stem) for frame in rng.sample(_VERB_FRAMES, 2)]
    rng.shuffle(made)
    distinct = dict.fromkeys(text for text in texts + made if 1 < len(text) <= _LONGEST)
    held = {row.message for row in content.load_dialogues() if row.split != "train"}
    held |= {row.text for row in content.load_ethics() if row.split != "train"}
    return [text for text in distinct if text not in held]


def _with_other_nouns(
    texts: Sequence[str], nouns: Sequence[str], rng: random.Random
) -> Iterator[str]:
    """Short texts in which another word stands in place of the first noun."""
    pool = NounPool(texts)
    for text in texts:
        noun = pool.first(text) if len(text) <= 40 else None
        if not noun:
            continue
        for _ in range(_SWAPS):
            other = rng.choice(nouns) if nouns and rng.random() < 0.7 else pool.draw(rng, noun)
            if other:
                yield replaced(text, noun, other)


def taught(
    texts: Sequence[str], teacher: str, prompt: str, width: int, cache: Path, shard: int = 20_000
) -> Taught:
    """What a teacher says of the texts: its vectors less their mean, in their main directions.

    Args:
        texts: Any texts; the first ones decide mean and directions.
        teacher: A sentence-transformers model: a folder or a hub name.
        prompt: Stands before each text ("query: " for the E5 family).
        width: Numbers of a vector.
        cache: Folder that keeps what is done; a later call with the same texts and teacher goes on
            from there.
        shard: Texts of a file in it.
    """
    key = hashlib.sha256("\0".join([teacher, prompt, *texts]).encode()).hexdigest()[:16]
    cache = cache / key
    cache.mkdir(parents=True, exist_ok=True)
    files = [cache / f"vectors_{start:07}.npy" for start in range(0, len(texts), shard)]
    missing = [file for file in files if not file.exists()]
    if missing:
        from sentence_transformers import SentenceTransformer

        model = SentenceTransformer(
            teacher, device="cpu", model_kwargs={"torch_dtype": torch.bfloat16}
        )
        for file in missing:
            start = int(file.stem.partition("_")[2])
            found = model.encode(list(texts[start : start + shard]), prompt=prompt, batch_size=64)
            part = file.with_suffix(".part.npy")
            np.save(part, found.astype(np.float16))
            part.replace(file)
            logger.info("teacher: %d of %d texts", start + len(found), len(texts))
    vectors = np.concatenate([np.load(file) for file in files]).astype(np.float32)
    return Taught(list(texts), _main_directions(vectors, width))


def _main_directions(vectors: np.ndarray, width: int) -> np.ndarray:
    """[n, width]: centred, turned to the axes of largest variance, scaled to unit length.

    Vectors of one encoder often share most of their length; what tells texts apart is the rest.
    """
    vectors = vectors / np.linalg.norm(vectors, axis=1, keepdims=True)
    sample = vectors[:20_000]
    mean = sample.mean(axis=0)
    _, _, axes = np.linalg.svd(sample - mean, full_matrices=False)
    turned = (vectors - mean) @ axes[:width].T
    return turned / (np.linalg.norm(turned, axis=1, keepdims=True) + 1e-6)
