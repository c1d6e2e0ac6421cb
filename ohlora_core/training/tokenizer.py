"""Trains the lite tokenizer: character-level BPE with byte fallback, saved as a HF fast tokenizer.

Every Hangul syllable of the corpora is one symbol, so that no merge can break one; whatever else
comes (rare syllables, new emoji) is spelled in UTF-8 bytes and survives a round trip. Spaces are
ordinary characters. The marks of our prompts are single tokens that decoding keeps.
"""

from __future__ import annotations

import json
import logging
from collections import Counter
from dataclasses import dataclass
from pathlib import Path

from ohlora_core.language.roles import CONTROL_MARKS
from ohlora_core.training.language_corpus import content_lines, load_public

__all__ = ["BOS", "EOS", "PAD", "Options", "build", "train"]

log = logging.getLogger(__name__)

PAD, BOS, EOS = "<pad>", "<s>", "</s>"
_SPECIAL = (PAD, BOS, EOS)
# A word keeps the space before it; digits stand alone, so that dates and scores stay readable.
_WORD = r" ?\p{L}+| ?\p{N}| ?[^\s\p{L}\p{N}]+|\s+"
_EMOJI = (
    "✨😊😄🎉☕🍰🎁🎂😢😭🥺😆😂🤣😉😍🥰😎🤔😮😲💪👍👏🙏🔥💕💖🌈🌟⭐🌙☀🌧❄🍀"
    "🌸🍲🍜🍕🍗🍦🐶🐱🎵🎧🎬📚💻🤖📷✈🏖⚽🎮🧠📈"
)


@dataclass
class Options:
    """Options of the tokenizer training.

    Attributes:
        out_dir: Folder that receives tokenizer.json and tokenizer_config.json.
        work_dir: Unused; every trainer has one.
        data_dir: Folder with the public corpora.
        vocabulary_size: Number of tokens, marks and bytes included.
        minimum_count: Occurrences that give a character a token of its own.
        resume: Unused; the training takes seconds.
        seed: Unused; BPE training is deterministic.
    """

    out_dir: Path = Path("models/language/base")
    work_dir: Path = Path("work/language")
    data_dir: Path = Path("../shared/data")
    vocabulary_size: int = 8000
    minimum_count: int = 3
    resume: bool = True
    seed: int = 0


def train(options: Options) -> None:
    """Trains the tokenizer on the corpora and saves it to `options.out_dir`."""
    public = load_public(options.data_dir)
    own = content_lines(None)
    # Our own voice counts more often than its few lines would.
    texts = [*public.sentences, *public.facts, *(q for q, _ in public.pairs), *own * 4]
    tokenizer = build(texts, options.vocabulary_size, options.minimum_count)
    tokenizer.save_pretrained(options.out_dir)
    log.info("tokenizer of %d tokens saved to %s", len(tokenizer), options.out_dir)


def build(texts: list[str], vocabulary_size: int, minimum_count: int = 3):  # type: ignore[no-untyped-def]
    """A `PreTrainedTokenizerFast` trained on texts.

    Args:
        texts: Training texts.
        vocabulary_size: Number of tokens in all.
        minimum_count: Occurrences that give a character a token of its own.
    """
    from tokenizers import AddedToken, Regex, Tokenizer, decoders, normalizers, pre_tokenizers
    from tokenizers.models import BPE
    from tokenizers.trainers import BpeTrainer
    from transformers import PreTrainedTokenizerFast

    counts = Counter(character for text in texts for character in text)
    alphabet = {c for c, n in counts.items() if n >= minimum_count} | set(_EMOJI)
    alphabet |= {chr(code) for code in range(32, 127)} | {"\n"}
    texts = ["".join(c if c in alphabet else " " for c in text) for text in texts]

    split = pre_tokenizers.Split(Regex(_WORD), "isolated")
    raw = Tokenizer(BPE())
    raw.pre_tokenizer = split
    reserved = len(_SPECIAL) + 256 + len(CONTROL_MARKS)
    trainer = BpeTrainer(
        vocab_size=vocabulary_size - reserved,
        initial_alphabet=sorted(alphabet),
        limit_alphabet=len(alphabet) + 1,
        show_progress=False,
        min_frequency=2,
    )
    raw.train_from_iterator(texts, trainer)

    # The trainer knows no byte tokens: put them before the learned ones.
    model = json.loads(raw.to_str())["model"]
    learned = sorted(model["vocab"], key=model["vocab"].__getitem__)
    tokens = [*_SPECIAL, *(f"<0x{byte:02X}>" for byte in range(256)), *learned]
    bpe = BPE(
        vocab={token: index for index, token in enumerate(tokens)},
        merges=[tuple(pair) for pair in model["merges"]],
        byte_fallback=True,
        fuse_unk=False,
    )
    tokenizer = Tokenizer(bpe)
    tokenizer.normalizer = normalizers.NFC()
    tokenizer.pre_tokenizer = split
    tokenizer.decoder = decoders.Sequence([decoders.ByteFallback(), decoders.Fuse()])
    tokenizer.add_special_tokens([AddedToken(t, special=True, normalized=False) for t in _SPECIAL])
    tokenizer.add_tokens([AddedToken(m, special=False, normalized=False) for m in CONTROL_MARKS])
    return PreTrainedTokenizerFast(
        tokenizer_object=tokenizer,
        bos_token=BOS,
        eos_token=EOS,
        pad_token=PAD,
        clean_up_tokenization_spaces=False,
    )
