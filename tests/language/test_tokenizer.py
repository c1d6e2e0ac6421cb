"""The trained tokenizer: nothing gets lost, marks are whole."""

from __future__ import annotations

from pathlib import Path

import pytest

from ohlora_core.language import CONTROL_MARKS
from ohlora_core.language.local import load_tokenizer

BASE = Path(__file__).parents[2] / "models" / "language" / "base"
TEXTS = [
    "로라야 안녕? 너는 누구야?",
    "  두 칸  앞뒤 공백  ",
    "줄\n바꿈\t탭",
    "뷁쀍 똠방각하 펲시콜라",
    "👩‍👩‍👧‍👦 🫠 ✨ ❤️ 🇰🇷 👍🏽",
    "ㅋㅋㅋㅋ ㅠㅠ ㅎㅇ ㄱㄱ",
    "漢字 かな éàü Привет <0x41> <unk>",
    "[내일 일정: 친구랑 카페 방문] 12:30, 3.14%",
]


@pytest.fixture(scope="module")
def trained():
    if not (BASE / "tokenizer.json").exists():
        pytest.skip("models/language/base is not here: git checkout -- models/language")
    return load_tokenizer(BASE)


@pytest.mark.parametrize("text", TEXTS)
@pytest.mark.parametrize("which", ["tiny_tokenizer", "trained"])
def test_round_trip(text, which, request):
    tokenizer = request.getfixturevalue(which)
    ids = tokenizer(text, add_special_tokens=False)["input_ids"]
    assert tokenizer.decode(ids) == text


@pytest.mark.parametrize("which", ["tiny_tokenizer", "trained"])
def test_marks_are_single_tokens_that_decoding_keeps(which, request):
    tokenizer = request.getfixturevalue(which)
    for mark in CONTROL_MARKS:
        ids = tokenizer(mark, add_special_tokens=False)["input_ids"]
        assert len(ids) == 1
        assert tokenizer.decode(ids, skip_special_tokens=True) == mark


def test_common_syllables_are_not_broken(trained):
    for syllable in "안녕오로라친구카페":
        tokens = trained.tokenize(syllable)
        assert not any(token.startswith("<0x") for token in tokens)
