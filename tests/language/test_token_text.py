"""Decoding token by token gives what decoding everything at once gives, and costs little."""

from __future__ import annotations

import random

import pytest

from ohlora_core.language.token_text import TokenText
from tests.language.tiny_published import save_tokenizer

EMOJI = "반짝 ✨ 👩‍👧 ‼️ 뛇뷁 (요약 종료) \u200b끝 🇰🇷"


@pytest.fixture(scope="module")
def byte_level(tmp_path_factory):
    """As the published bases have: a token is some bytes."""
    from transformers import PreTrainedTokenizerFast

    folder = tmp_path_factory.mktemp("tokenizer")
    save_tokenizer(folder, begins=True)
    return PreTrainedTokenizerFast.from_pretrained(folder)


@pytest.fixture(scope="module")
def first_space_stripped():
    """As Llama 2 has: words begin with a mark that is a space anywhere but at the beginning."""
    from tokenizers import Tokenizer, decoders
    from tokenizers.models import BPE
    from transformers import PreTrainedTokenizerFast

    names = [*"가나다", "▁가", "▁나", "▁", ".", *(f"<0x{byte:02X}>" for byte in range(256))]
    raw = Tokenizer(BPE({name: i for i, name in enumerate(names)}, [], byte_fallback=True))
    steps = [decoders.Replace("▁", " "), decoders.ByteFallback(), decoders.Fuse()]
    raw.decoder = decoders.Sequence([*steps, decoders.Strip(" ", 1, 0)])
    return PreTrainedTokenizerFast(tokenizer_object=raw)


@pytest.fixture(params=["tiny_tokenizer", "byte_level", "first_space_stripped"])
def tokenizer(request):
    return request.getfixturevalue(request.param)


def assert_same(tokenizer, tokens):
    growing = TokenText(tokenizer)
    for size, token in enumerate(tokens, 1):
        growing.add(token)
        assert growing.text == tokenizer.decode(tokens[:size])


@pytest.mark.parametrize("seed", range(8))
def test_any_tokens_and_many_bytes_decode_as_they_do_at_once(tokenizer, seed):
    rng = random.Random(seed)
    emoji = tokenizer(EMOJI, add_special_tokens=False)["input_ids"]
    pieces = [emoji[i : i + rng.randint(1, 5)] for i in range(len(emoji))]
    others = [[token] for token in range(len(tokenizer))]
    for _ in range(20):
        drawn = [rng.choice(rng.choice([pieces, others])) for _ in range(rng.randint(1, 30))]
        assert_same(tokenizer, [token for piece in drawn for token in piece])


def test_an_emoji_that_a_broken_byte_follows_is_taken_back(tiny_tokenizer):
    byte = tiny_tokenizer.convert_tokens_to_ids
    growing = TokenText(tiny_tokenizer)
    for value in "🫠".encode():
        growing.add(byte(f"<0x{value:02X}>"))
    assert growing.text == "🫠"
    growing.add(byte("<0xF0>"))
    assert growing.text == "\ufffd" * 5


def test_the_cost_of_a_token_does_not_grow_with_the_text(tiny_tokenizer):
    class Counting:
        decoded = 0
        convert_ids_to_tokens = tiny_tokenizer.convert_ids_to_tokens

        def decode(self, tokens):
            self.decoded += len(tokens)
            return tiny_tokenizer.decode(tokens)

    counting = Counting()
    growing = TokenText(counting)
    tokens = tiny_tokenizer("오늘은 친구랑 카페에 ✨ 갔어 🫠 " * 40)["input_ids"]
    for token in tokens:
        growing.add(token)
    assert growing.text == tiny_tokenizer.decode(tokens)
    assert counting.decoded < 8 * len(tokens)
