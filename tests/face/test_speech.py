"""Texts to mouth openings: vowels, lips, pauses, numbers, and how long it takes."""

import numpy as np
import pytest

from ohlora_core.face.animation import FPS
from ohlora_core.face.speech import SYLLABLES_PER_S, mouth_openings, read_number, syllables


def test_lips_close_then_open_for_each_m():
    mouth = mouth_openings("마마")
    closed = [k for k, opening in enumerate(mouth) if opening == 0]
    first, second = closed[0], closed[1]
    assert first == 0 and mouth[first + 1 : second].max() > 0.7
    assert mouth[second + 1 :].max() > 0.7


@pytest.mark.parametrize("letter", ["바", "빠", "파"])
def test_every_lip_consonant_closes_the_mouth(letter):
    assert mouth_openings(f"아{letter}")[2:6].min() == 0 < mouth_openings("아가")[1:6].min()


def test_vowels_open_the_mouth_by_their_shape():
    widest = {vowel: mouth_openings(vowel).max() for vowel in "아야오우으이"}
    assert min(widest["아"], widest["야"]) > widest["오"] > widest["우"] > widest["으"]
    assert widest["이"] < widest["오"]
    assert mouth_openings("와").argmax() >= mouth_openings("아").argmax()


def test_final_consonants_half_close():
    final, opening = mouth_openings("안아")[:4], mouth_openings("아아")[:4]
    assert final[2] < 0.75 * opening[2]
    assert (mouth_openings("맘마")[2:6] == 0).any()


@pytest.mark.parametrize(
    "text",
    [
        "나는 오로라야",
        "내일은 친구랑 카페에 가기로 했어",
        "머신러닝에서 과적합은 학습 데이터에만 맞춘 것",
    ],
)
def test_she_speaks_six_to_seven_syllables_a_second(text):
    seconds = len(mouth_openings(text)) / FPS
    assert seconds == pytest.approx(syllables(text) / SYLLABLES_PER_S, rel=0.25)


def test_pauses_follow_the_punctuation():
    lengths = [len(mouth_openings(f"우리{mark}나무")) for mark in ("", " ", ", ", ". ", "... ")]
    assert lengths == sorted(lengths) and len(set(lengths[:4])) == 4
    assert lengths[3] == lengths[4], "an ellipsis is one pause"
    paused = mouth_openings("아. 아")
    silent = (paused[1:-1] < 0.05).sum()
    assert silent >= 5


def test_a_tilde_draws_the_syllable_out():
    assert len(mouth_openings("안녕~")) > len(mouth_openings("안녕"))
    assert mouth_openings("안녕~~~").tolist() == mouth_openings("안녕~").tolist()


@pytest.mark.parametrize("text", ["", "   ", "😊✨", "(...)", "ㅠㅠ", "\n"])
def test_what_has_no_sound_has_no_frames(text):
    assert mouth_openings(text).shape == (0,)
    assert syllables(text) == 0


def test_silence_at_the_ends_is_not_waited_for():
    assert mouth_openings("  안녕! 😊 ").tolist() == mouth_openings("안녕").tolist()


@pytest.mark.parametrize(
    "text", ["안녕", "맘", "아", "LLM", "3.5%", "ㅋㅋㅋ", "가" * 500, "아. " * 99]
)
def test_openings_stay_in_range_and_end_closed(text):
    mouth = mouth_openings(text)
    assert mouth.min() >= 0 and mouth.max() <= 1 and mouth[-1] == 0


@pytest.mark.parametrize("frames", [1, 2, 3, 50])
def test_a_long_text_is_cut_off_with_the_mouth_closed(frames):
    mouth = mouth_openings("가나다라" * 50, max_frames=frames)
    assert len(mouth) == frames and mouth[-1] == 0


@pytest.mark.parametrize(
    ("text", "count"),
    [("LLM", 3), ("AI", 4), ("model", 2), ("LoRA", 2), ("2003", 3), ("100%", 4), ("ㅋㅋ", 2)],
)
def test_digits_latin_letters_and_laughter_are_said(text, count):
    assert syllables(text) == count


@pytest.mark.parametrize(
    ("digits", "said"),
    [
        ("0", "영"),
        ("10", "십"),
        ("111", "백십일"),
        ("2003", "이천삼"),
        ("12,345", "만이천삼백사십오"),
        ("100000001", "일억일"),
        ("007", "영영칠"),
        ("3.14", "삼점일사"),
        ("1" * 17, "일" * 17),
    ],
)
def test_numbers(digits, said):
    assert read_number(digits) == said


def test_decomposed_letters_are_the_same_syllables():
    import unicodedata

    assert np.array_equal(
        mouth_openings(unicodedata.normalize("NFD", "안녕")), mouth_openings("안녕")
    )
