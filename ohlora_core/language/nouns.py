"""Nouns of running Korean text, and sentences in which one noun stands in place of another.

Nouns are found by their particles, without a dictionary: a word start that is seen with several
particles is one. Knows nothing of prompts, rows or models.
"""

from __future__ import annotations

import random
import re
from collections import defaultdict
from collections.abc import Iterable, Iterator

__all__ = ["NounPool", "final_sound", "replaced"]

# (behind a consonant, behind a vowel)
_PAIRS = re.findall(
    r"(\S+)/(\S+)",
    "이/가 은/는 을/를 과/와 이랑/랑 으로/로 이야/야 이지/지 이네/네 이면/면 이라/라 이나/나 "
    "이고/고 이다/다 이구나/구나 이라고/라고 이라는/라는 이라니/라니 이라면/라면 이잖아/잖아 "
    "이었어/였어 이었구나/였구나",
)
_SINGLE = "에서는|에서|에게|한테|까지|부터|의|에|도|만|처럼|보다|마다|인데|하고|밖에|임"
_PARTICLES = frozenset([*(p for pair in _PAIRS for p in pair), *_SINGLE.split("|")])
_BEHIND = {particle: pair for pair in _PAIRS for particle in pair}
_WORD = re.compile("[가-힣]+")
_TELLING = re.compile(
    "을|를|이?랑|에서|한테|이?라고|이?라니|으로|의|에게|와|과"
)  # never behind a verb
_SPOKEN = dict(zip("013678LMNR", "영일삼육칠팔엘엠엔알", strict=True))
"""How digits and letters are spoken that end in a consonant."""
_FEWEST_PARTICLES = 2
_TWO_WORDS = 0.15  # share of the drawn nouns that are two words
_NOT_NOUN = re.compile(
    "기억|오늘|내일|지금|이따|휴일|주말|모레|어제|요즘|나는|너는|우리|로라|오로라|그거|이거|저거|거기|여기|저기|누구|언제|어디"
    "|무엇|하나|진짜|정말|너무|조금|많이|제일|그냥|다시|같이|벌써|아직|이번|다음|그런|이런|저런|어떤|모두|서로|자기|이름|기분|사람"
    "|생각|.요일|오전|오후|저녁|아침|.*(에서|까지|부터|에게|한테|처럼|보다|이랑)"
)


def replaced(text: str, noun: str, other: str) -> str:
    """The text with another noun wherever nothing but a particle is behind the noun.

    >>> replaced("수영이 좋아? 수영장 가자", "수영", "요가")
    '요가가 좋아? 수영장 가자'
    """
    parts, done = [], 0
    for start, end, particle in _places(text, noun):
        parts += [text[done:start], other, _fitting(particle, other)]
        done = end
    return "".join([*parts, text[done:]])


class NounPool:
    """The nouns of some text.

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
                self._by_ending[final_sound(noun)].append(noun)
        self._known = {noun for nouns in self._by_ending.values() for noun in nouns}

    def __len__(self) -> int:
        return len(self._known)

    def shared(self, first: str, second: str) -> list[str]:
        """The nouns of the first text that the second holds too."""
        found = []
        for word in _WORD.findall(first):
            readings = _readings(word)
            if any(map(_NOT_NOUN.fullmatch, readings)):
                continue
            for noun in readings:
                place = next(_places(second, noun), None)
                if place is None:
                    continue
                if noun in self._known or _TELLING.fullmatch(place[2]):
                    found.append(noun)
                    break
        return list(dict.fromkeys(found))

    def draw(self, rng: random.Random, noun: str) -> str | None:
        """Another noun that takes the same particles, now and then two words, or None."""
        same = self._by_ending[final_sound(noun)]
        if len(same) < 2:
            return None
        other = rng.choice(same)
        if rng.random() < _TWO_WORDS:
            other = f"{rng.choice(self._by_ending[rng.choice(list(self._by_ending))])} {other}"
        return other if other != noun else None

    def first(self, text: str) -> str | None:
        """The first noun of a text, with the one before it if they are two words."""
        words = _WORD.findall(text)
        for place, word in enumerate(words):
            if noun := next((noun for noun in _readings(word) if noun in self._known), None):
                if noun == word and place + 1 < len(words):
                    following = _readings(words[place + 1])
                    second = next((n for n in following[1:] if n in self._known), None)
                    return f"{noun} {second}" if second else noun
                return noun
        return None

    def adapted(self, message: str, reply: str, query: str) -> tuple[str, str] | None:
        """A message and its reply with the query's noun in place of the one that both say.

        Args:
            message: What an example says.
            reply: What was answered.
            query: Another message.

        Returns:
            The example for the query, as it is if it says no noun again, or None if it says one
            that the query does not have.
        """
        for noun in self.shared(message, reply):
            if next(_places(query, noun), None):
                continue
            other = self._counterpart(message, noun, query)
            if other is None:
                return None
            message, reply = replaced(message, noun, other), replaced(reply, noun, other)
        return message, reply

    def _counterpart(self, message: str, noun: str, query: str) -> str | None:
        """The word of the query that stands where the noun stands in the message."""
        words, asked = _WORD.findall(message), _WORD.findall(query)
        place = next((i for i, word in enumerate(words) if noun in _readings(word)), None)
        if place is None:
            return None
        particle = words[place][len(noun) :]
        behind = words[place + 1] if place + 1 < len(words) else ""
        for i, word in enumerate(asked):
            following = asked[i + 1] if i + 1 < len(asked) else ""
            if bool(behind) != bool(following) or behind[:2] != following[:2]:
                continue
            for ending in _BEHIND.get(particle, [particle]):
                bare = word.removesuffix(ending) if ending else word
                fits = len(bare) > 1 and bare + _fitting(ending, bare) == word
                certain = bare in self._known or _TELLING.fullmatch(ending)
                if fits and certain and not _NOT_NOUN.fullmatch(bare):
                    return bare
        return None


def _fitting(particle: str, noun: str) -> str:
    """The form of a particle behind a noun."""
    if particle not in _BEHIND:
        return particle
    consonant, vowel = _BEHIND[particle]
    ending = final_sound(noun)
    return vowel if ending == 0 or (ending == 1 and vowel == "로") else consonant


def _readings(word: str) -> list[str]:
    """The word, and what it is without a particle at its end, the longest first."""
    cuts = range(len(word) - 1, 1, -1)
    return [word, *(word[:cut] for cut in cuts if word[cut:] in _PARTICLES)]


def _places(text: str, noun: str) -> Iterator[tuple[int, int, str]]:
    """Where a noun starts a word with nothing but a particle behind it: start, end, particle."""
    start = text.find(noun)
    while start >= 0:
        end = start + len(noun)
        rest = _WORD.match(text, end)
        particle = rest.group() if rest else ""
        begins = start == 0 or not "가" <= text[start - 1] <= "힣"
        if begins and (not particle or particle in _PARTICLES):
            yield start, end + len(particle), particle
        start = text.find(noun, end)


def final_sound(word: str) -> int:
    """0: ends in a vowel (or no syllable), 1: in ㄹ (takes 로), 2: in another consonant."""
    last = _SPOKEN.get(word[-1].upper(), word[-1])
    if not "가" <= last <= "힣":
        return 0
    final = (ord(last) - 0xAC00) % 28
    return 0 if final == 0 else 1 if final == 8 else 2
