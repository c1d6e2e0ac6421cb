"""What the mouth does while a text is said: Korean letters to mouth openings, frame by frame.

Knows letters and frames; nothing of scores or pictures. Vowels decide how far the mouth opens,
ㅁ ㅂ ㅃ ㅍ close the lips, other consonants narrow it, and pauses bring it to rest. Digits are read
as Sino-Korean numbers, Latin words by their vowels and abbreviations letter by letter; emoji and
other signs are silent.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator
from dataclasses import dataclass, replace
from itertools import groupby, zip_longest

import numpy as np
from numpy.typing import NDArray

from ohlora_core.face.animation import FPS

__all__ = ["SYLLABLES_PER_S", "mouth_openings", "read_number", "syllables"]

SYLLABLES_PER_S = 6.5

_FIRST, _LAST = ord("가"), ord("힣")
_INITIALS = "ㄱㄲㄴㄷㄸㄹㅁㅂㅃㅅㅆㅇㅈㅉㅊㅋㅌㅍㅎ"
_VOWELS = "ㅏㅐㅑㅒㅓㅔㅕㅖㅗㅘㅙㅚㅛㅜㅝㅞㅟㅠㅡㅢㅣ"
_FINALS = ("", *"ㄱㄲㄳㄴㄵㄶㄷㄹㄺㄻㄼㄽㄾㄿㅀㅁㅂㅄㅅㅆㅇㅈㅊㅋㅌㅍㅎ")
_LIPS = frozenset("ㅁㅂㅃㅍ")
_LIP_FINALS = frozenset("ㅁㅂㅍㄻㄿㅄ")
_BREATHS = frozenset("ㅇㅎ")  # initials that the mouth does not narrow for
_OPENING = {
    "ㅏ": 1.0, "ㅑ": 1.0, "ㅐ": 0.8, "ㅒ": 0.8, "ㅓ": 0.75, "ㅕ": 0.75, "ㅔ": 0.65, "ㅖ": 0.65,
    "ㅗ": 0.5, "ㅛ": 0.5, "ㅚ": 0.6, "ㅜ": 0.35, "ㅠ": 0.35, "ㅟ": 0.35, "ㅡ": 0.28, "ㅢ": 0.3,
    "ㅣ": 0.32, "ㅘ": 0.9, "ㅙ": 0.75, "ㅝ": 0.7, "ㅞ": 0.6,
}  # fmt: skip
_GLIDES = {"ㅘ": 0.45, "ㅙ": 0.45, "ㅝ": 0.35, "ㅞ": 0.35, "ㅟ": 0.3, "ㅢ": 0.25}
"""Where the rounded diphthongs begin."""

_NARROW = 0.45
_HALF_CLOSED = 0.5
_SPACE_FRAMES, _COMMA_FRAMES, _END_FRAMES = 1, 5, 9
_SPACE_KEEPS = 0.7
_STRETCH_FRAMES = 5
_DRAWL_FRAMES = 2
"""The last syllable before a pause is drawn out."""

_LETTER_NAMES = {
    "a": "에이", "b": "비", "c": "씨", "d": "디", "e": "이", "f": "에프", "g": "지",
    "h": "에이치", "i": "아이", "j": "제이", "k": "케이", "l": "엘", "m": "엠", "n": "엔",
    "o": "오", "p": "피", "q": "큐", "r": "아르", "s": "에스", "t": "티", "u": "유",
    "v": "브이", "w": "더블유", "x": "엑스", "y": "와이", "z": "지",
}  # fmt: skip
_SIGNS = {"%": "퍼센트", "+": "더하기", "=": "는", "&": "앤", "℃": "도", "°": "도"}
_LATIN_VOWELS = {"a": "ㅏ", "e": "ㅔ", "i": "ㅣ", "o": "ㅗ", "u": "ㅓ", "y": "ㅣ"}
_SPELT_LENGTH = 5
_DIGITS = "영일이삼사오육칠팔구"
_READ_DIGITS = 16
_TOKEN = re.compile(r"(?:\d{1,3}(?:,\d{3})+|\d+)(?:\.\d+)?|[A-Za-z]+|[가-힣]|[ㄱ-ㅣ]|\s+|.", re.S)
_LATIN_PART = re.compile(r"([^aeiouy]*)([aeiouy]+)([^aeiouy]*$)?")


@dataclass(frozen=True)
class Syllable:
    """Openings of one syllable, 0 (lips closed) to 1 (widest).

    onset: at its first frame; None: the mouth only narrows on the way from the syllable before.
    glide: where a diphthong begins. vowel: at its middle. coda: at its last frame.
    """

    vowel: float
    onset: float | None = None
    glide: float | None = None
    coda: float | None = None
    extra_frames: int = 0


@dataclass(frozen=True)
class Pause:
    """Silence of so many frames. The mouth keeps a part of its opening, frame by frame."""

    frames: int
    keeps: float = 0.35


@dataclass(frozen=True)
class Stretch:
    """The syllable before is drawn out ("안녕~")."""


Part = Syllable | Pause | Stretch


def mouth_openings(text: str, max_frames: int | None = None) -> NDArray[np.float64]:
    """[frames] of the mouth while a text is said at 24 fps: 0 closed, 1 widest.

    Empty for a text without a sound. Ends closed. max_frames: a longer text is cut off there.
    """
    parts = _drawled(_trimmed(list(_parts(text))))
    if not parts:
        return np.zeros(0)
    openings: list[float] = []
    said = 0
    debt = 0.0  # frames owed, so that syllables of whole frames keep the mean rate
    for part in parts:
        if isinstance(part, Pause):
            level = openings[-1]
            openings += [level * part.keeps ** (k + 1) for k in range(part.frames)]
        else:
            debt += FPS / SYLLABLES_PER_S
            frames = int(debt)
            debt -= frames
            before = openings[-1] if openings else 0.0
            openings += _shape(part, frames + part.extra_frames, before, said)
            said += 1
    openings += [0.5 * openings[-1], 0.0]
    shown = np.array(openings[:max_frames])
    if len(shown) < len(openings):
        shown[-2:] *= np.array([0.5, 0.0])[-len(shown) :]
    # Rounded in time, but lips that close do close.
    rounded = np.convolve(np.pad(shown, 1, mode="edge"), [0.2, 0.6, 0.2], mode="valid")
    return np.where(shown > 0, rounded, 0.0)


def syllables(text: str) -> int:
    """How many syllables a text has when it is read aloud."""
    return sum(isinstance(part, Syllable) for part in _parts(text))


def _shape(part: Syllable, frames: int, before: float, place: int) -> list[float]:
    """The openings of one syllable, one a frame (at least 3)."""
    # no two syllables of a real speaker are equally loud
    vowel = part.vowel * (0.93 + 0.07 * np.cos(2.4 * place))
    onset = min(before, vowel) * (0.5 + 0.5 * _NARROW) if part.onset is None else part.onset
    coda = 0.85 * vowel if part.coda is None else part.coda * vowel
    if frames < 4:
        return [float(onset), float(vowel), float(coda)]
    glide = part.glide if part.glide is not None else onset + 0.75 * (vowel - onset)
    return [float(value) for value in (onset, glide, *[vowel] * (frames - 3), coda)]


def _parts(text: str) -> Iterator[Part]:
    for token in _TOKEN.findall(unicodedata.normalize("NFC", text)):
        if "가" <= token <= "힣":
            yield _hangul(token)
        elif token[0].isdigit() and token[0].isascii():
            yield from _read(read_number(token))
        elif token.isascii() and token.isalpha():
            yield from _latin(token)
        elif token in "ㅋㅎ":  # laughter
            yield _hangul("크" if token == "ㅋ" else "흐")
        elif token in _SIGNS:
            yield from _read(_SIGNS[token])
        elif token in "~～〜ー":
            yield Stretch()
        elif token in ",、，;:·" or token in "—–":
            yield Pause(_COMMA_FRAMES)
        elif token in ".!?…。！？" or "\n" in token:
            yield Pause(_END_FRAMES)
        elif token.isspace():
            yield Pause(_SPACE_FRAMES, _SPACE_KEEPS)


def _read(words: str) -> Iterator[Syllable]:
    return (_hangul(letter) for letter in words if "가" <= letter <= "힣")


def _hangul(letter: str) -> Syllable:
    """One precomposed syllable, taken apart (Unicode 3.12, Hangul decomposition)."""
    index = ord(letter) - _FIRST
    initial = _INITIALS[index // 588]
    vowel = _VOWELS[index % 588 // 28]
    final = _FINALS[index % 28]
    return _syllable(initial, vowel, final)


def _syllable(initial: str, vowel: str, final: str) -> Syllable:
    opening = _OPENING[vowel]
    onset = coda = None
    if initial in _LIPS:
        onset = 0.0
    elif initial not in _BREATHS:
        onset = _NARROW * opening
    if final:
        coda = 0.0 if final in _LIP_FINALS else _HALF_CLOSED
    return Syllable(opening, onset, _GLIDES.get(vowel), coda)


def _latin(word: str) -> Iterator[Syllable]:
    """A word by its vowels; an abbreviation by the names of its letters."""
    small = word.lower()
    vowels = set(small) & set(_LATIN_VOWELS)
    if not vowels or (word.isupper() and len(word) <= _SPELT_LENGTH):
        for letter in small:
            yield from _read(_LETTER_NAMES[letter])
        return
    if len(small) > 3 and small.endswith("e") and small[-2] not in _LATIN_VOWELS:
        small = small[:-1]  # a silent e
    for consonants, group, rest in _LATIN_PART.findall(small):
        initial = "ㅁ" if consonants[-1:] and consonants[-1] in "mbpfv" else "ㄱ"
        final = "" if not rest else "ㅁ" if rest[0] in "mbp" else "ㄱ"
        yield _syllable(initial if consonants else "ㅇ", _LATIN_VOWELS[group[0]], final)


def read_number(digits: str) -> str:
    """How a number is said in Sino-Korean, e.g. "2,003.5" -> "이천삼점오".

    digits: ASCII digits with or without thousands commas and a decimal part. Numbers that begin
    with 0 or are longer than 16 digits are read digit by digit.
    """
    whole, _, decimals = digits.replace(",", "").partition(".")
    spelt = "".join(_DIGITS[int(digit)] for digit in whole)
    if len(whole) <= _READ_DIGITS and (whole == "0" or whole[0] != "0"):
        spelt = _whole_number(whole)
    return spelt + ("점" + "".join(_DIGITS[int(digit)] for digit in decimals) if decimals else "")


def _whole_number(digits: str) -> str:
    groups = []
    padded = digits.zfill(_READ_DIGITS)
    for power, name in enumerate(("", "만", "억", "조")):
        end = _READ_DIGITS - 4 * power
        said = _below_ten_thousand(padded[end - 4 : end])
        if said:
            groups.append(("" if said == "일" and name == "만" else said) + name)
    return "".join(reversed(groups)) or "영"


def _below_ten_thousand(digits: str) -> str:
    said = ""
    for digit, name in zip(reversed(digits), ("", "십", "백", "천"), strict=False):
        if digit != "0":
            said = ("" if digit == "1" and name else _DIGITS[int(digit)]) + name + said
    return said


def _trimmed(parts: list[Part]) -> list[Part]:
    """Without silence at the ends; of neighbouring pauses only the longest stays."""
    sounds = [place for place, part in enumerate(parts) if isinstance(part, Syllable)]
    if not sounds:
        return []
    kept: list[Part] = []
    for silent, run in groupby(parts[sounds[0] :], lambda part: not isinstance(part, Syllable)):
        group = list(run)
        if not silent:
            kept += group
            continue
        kept += [part for part in group if isinstance(part, Stretch)][:1]
        pauses = [part for part in group if isinstance(part, Pause)]
        kept += sorted(pauses, key=lambda part: part.frames)[-1:]
    while isinstance(kept[-1], Pause):
        kept.pop()
    return kept


def _drawled(parts: list[Part]) -> list[Syllable | Pause]:
    """Syllables before a long pause, a "~" or the end get more frames."""
    done: list[Syllable | Pause] = []
    end = Pause(_END_FRAMES)
    for part, following in zip_longest(parts, parts[1:], fillvalue=end):
        if isinstance(part, Pause):
            done.append(part)
        elif isinstance(part, Syllable) and isinstance(following, Stretch):
            done.append(replace(part, extra_frames=_STRETCH_FRAMES))
        elif isinstance(part, Syllable):
            rests = isinstance(following, Pause) and following.frames > _SPACE_FRAMES
            done.append(replace(part, extra_frames=_DRAWL_FRAMES if rests else 0))
    return done
