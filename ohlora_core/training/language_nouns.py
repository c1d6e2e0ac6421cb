"""Nouns of running Korean text, and sentences in which one noun stands in place of another.

Nouns are found by their particles, without a dictionary: a word start that is seen with several
particles is one. Knows nothing of prompts, rows or models.
"""

from __future__ import annotations

import random
import re
from collections import defaultdict
from collections.abc import Iterable

__all__ = ["NounPool", "replaced"]

# Longest first, so that 에서 is not read as a noun that ends in 에 before 서.
_PARTICLES = (
    "이라고|이라니|이랑은|이면은|에서는|이랑|에서|에게|한테|까지|부터|이야|이지|이면|이네|이라|이나|이구나|으로|라고|라니"
    "|처럼|보다|마다|이고|인데|이|가|은|는|을|를|의|에|도|랑|과|와|로|만|야|지|네|면|나|라|구나"
)
_WORD = re.compile("[가-힣]+")
_PARTICLE = re.compile(_PARTICLES)
_TELLING = re.compile("을|를|이랑|에서|한테|이라고|이라니|으로|의|에게|와|과")
_FEWEST_PARTICLES = 3
_TWO_WORDS = 0.15  # share of the drawn nouns that are two words
_NOT_NOUN = re.compile(
    "기억|오늘|내일|지금|이따|휴일|주말|모레|어제|요즘|나는|너는|우리|로라|오로라|그거|이거|저거|거기|여기|저기|누구|언제|어디"
    "|무엇|하나|진짜|정말|너무|조금|많이|제일|그냥|다시|같이|벌써|아직|이번|다음|그런|이런|저런|어떤|모두|서로|자기|이름|기분|사람"
    "|생각|.요일|오전|오후|저녁|아침|.*(에서|까지|부터|에게|한테|처럼|보다|이랑)"
)


def replaced(text: str, noun: str, other: str) -> str:
    """The text with another noun at each place where nothing but a particle is behind the noun."""
    return _place(noun).sub(other, text)


class NounPool:
    """Nouns to put in place of others, by how particles join them.

    Args:
        texts: Running text to collect from.
    """

    def __init__(self, texts: Iterable[str]) -> None:
        particles: dict[str, set[str]] = defaultdict(set)
        for text in texts:
            for word in _WORD.findall(text):
                for noun in _readings(word)[1:]:
                    particles[noun].add(word[len(noun) :])
        self._by_ending: dict[int, list[str]] = defaultdict(list)
        for noun, seen in particles.items():
            telling = any(map(_TELLING.fullmatch, seen))
            if telling and len(seen) >= _FEWEST_PARTICLES and not _NOT_NOUN.fullmatch(noun):
                self._by_ending[_ending(noun)].append(noun)
        self._known = {noun for nouns in self._by_ending.values() for noun in nouns}

    def __len__(self) -> int:
        return len(self._known)

    def shared(self, first: str, second: str) -> list[str]:
        """The nouns of the first text that the second holds too."""
        found = []
        for word in _WORD.findall(first):
            nouns = [noun for noun in _readings(word) if noun in self._known]
            found += [noun for noun in nouns if _place(noun).search(second)][:1]
        return list(dict.fromkeys(found))

    def draw(self, rng: random.Random, noun: str) -> str | None:
        """Another noun that takes the same particles, now and then two words, or None."""
        same = self._by_ending[_ending(noun)]
        if len(same) < 2:
            return None
        other = rng.choice(same)
        if rng.random() < _TWO_WORDS:
            other = f"{rng.choice(self._by_ending[rng.choice(list(self._by_ending))])} {other}"
        return other if other != noun else None


def _readings(word: str) -> list[str]:
    """The word, and what it is without a particle at its end, the longest first."""
    cuts = range(len(word) - 1, 1, -1)
    return [word, *(word[:cut] for cut in cuts if _PARTICLE.fullmatch(word, cut))]


def _place(noun: str) -> re.Pattern[str]:
    return re.compile(f"(?<![가-힣]){noun}(?=({_PARTICLES})?(?![가-힣]))")


def _ending(noun: str) -> int:
    """0: ends in a vowel, 1: in ㄹ (takes 로), 2: in another consonant."""
    final = (ord(noun[-1]) - 0xAC00) % 28
    return 0 if final == 0 else 1 if final == 8 else 2
