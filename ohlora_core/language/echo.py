"""What a user tells, said back as somebody does who listens.

"내년 봄에 결혼해요 저희" becomes "내년 봄에 결혼하는구나": the last sentence (the longest where no
mark parts them) without the one who speaks, with another ending on its verb. The morphemes are
those of the Kiwi library. Knows nothing of prompts, rows or models.
"""

from __future__ import annotations

import functools
import re
from collections.abc import Sequence
from typing import Any

__all__ = ["prepare", "said_back"]

_LONGEST = 36  # characters of an echo; what is longer is a story, not news
_SENTENCE_END = re.compile(r"(?<=[?!.~])\s+|\n")
_NOT_WORDS = re.compile(r"[^\w\s가-힣%.,:'\"-]+|[ㄱ-ㅎㅏ-ㅣ]+")
_SPEAKER = frozenset({"나", "저", "내", "제", "저희", "우리"})
_OF_SUBJECT = frozenset({"는", "은", "ᆫ", "가", "이"})
_TO_LISTENER = {"나": "너", "저": "너", "내": "네", "제": "네", "저희": "너희", "우리": "너희"}
_OPENING = frozenset({"IC", "MAJ", "JKV", "SF", "SP", "SE", "SO", "SW"})
_CLOSING = frozenset({"SF", "SP", "SE", "SO", "SW", "IC", "JKV", "W_EMOJI"})
_HER = frozenset({"로라", "오로라"})
_LISTENER = frozenset({"너", "네", "니", "너희", "당신", "자네"})
_VERBS = frozenset({"VV", "VX", "XSV", "VA", "XSA", "VCP", "VCN"})
_NOUNS = frozenset({"NNG", "NNP", "NR", "SL", "SN", "NNB", "XSN"})
_STATES_OF = frozenset({"중", "편", "참", "차", "살", "년", "개월", "명", "번"})  # bound nouns
_WANTS = re.compile("(으|을|ᆯ)?(래|게|래요|게요|려고|려구|려고요|라구|라고)")
# Endings of statements; the others ask, command or report what somebody else said.
_STATES = re.compile(
    "다|ᆫ다|는다|어|아|어요|아요|에요|야|지|지요|죠|네|네요|음|ᆷ|기|고|고요|는데|ᆫ데|은데|는데요|ᆫ데요|은데요|거든|거든요"
    "|더라|더라고|더라구|습니다|ᆸ니다|다고|라|라고|다구|으네|으네요|임|군|군요|구만|다만|ᆸ니당|어용"
)
_EVENT = frozenset({"ᆷ", "음"})  # a noted event: it has happened, unless words of time say else
_NOT_PAST = re.compile(
    "내일|모레|이따|다음|매일|맨날|항상|요즘|곧|못|안 |자주|가끔|주말|때마다|면 "
)
# What nobody wants to hear said back about themselves.
_NOT_AGREED = re.compile("못생|못나|뚱뚱|멍청|바보|한심|쓸모|루저|찌질|죽고|죽을|자살")
_HEARSAY = re.compile("(다|라|자|냐)(네|는데|더라|던데)요?$")
_ASKED = re.compile(r"\?|(뭐|누구|언제|어디|왜|얼마|어떻게|어떡|어쩌|어케|무슨|몇)")


@functools.cache
def _kiwi() -> Any:
    """The analyser (two seconds, 330 MB); `prepare` loads it before somebody waits."""
    from kiwipiepy import Kiwi

    return Kiwi(num_workers=1, load_multi_dict=False)


def prepare() -> None:
    """Load the analyser now."""
    _kiwi()


def said_back(message: str) -> str | None:
    """The message as an exclamation of one who listens, without its mark, or None.

    None where it tells nothing (questions, wishes to her, half sentences) or is too long.

    >>> said_back("나 조선소에서 배 만든다")
    '조선소에서 배 만드는구나'
    """
    sentences = [part for part in _SENTENCE_END.split(message.strip()) if part.strip()]
    for sentence in reversed(sentences):
        if _ASKED.search(sentence) or _NOT_AGREED.search(sentence):
            return None
        plain = " ".join(_NOT_WORDS.sub(" ", sentence).split()).rstrip(" .,~:-")
        parts = [part.text for part in _kiwi().split_into_sents(plain)] if plain else []
        for part in sorted(parts, key=len, reverse=True):
            if not _HEARSAY.search(part) and (echo := _said_back(part)):
                return echo
    return None


def _said_back(text: str) -> str | None:
    tokens = _inner(_kiwi().tokenize(text))
    if any(token.form in (_LISTENER if token.tag == "NP" else _HER) for token in tokens):
        return None  # it is about her
    place = _predicate(tokens)
    if place is None:
        return None
    told = _told_to_listener(text, tokens[:place])
    verb = _exclaimed(text, tokens, place)
    if verb is None:
        return None
    joined = verb if place and tokens[place - 1].end == tokens[place].start else f" {verb}"
    echo = " ".join((told + joined).split())
    return echo if 3 <= len(echo) <= _LONGEST else None


def _inner(tokens: Sequence[Any]) -> list[Any]:
    """The tokens without calls and interjections at both ends, and without a speaker at the end."""
    kept = list(tokens)
    while len(kept) > 1 and (kept[0].tag in _OPENING or kept[0].form in _HER):
        touching = kept[0].end == kept[1].start
        if touching and (kept[0].tag == "IC" or (kept[0].form in _HER and kept[1].tag != "JKV")):
            break  # the start of a word, or she is what it is about
        kept = kept[1:]
    while kept and (
        kept[-1].tag in _CLOSING
        or kept[-1].form in _HER
        or (kept[-1].form == "요" and kept[-1].tag == "JX")
        or (kept[-1].form in _SPEAKER and kept[-1].tag == "NP")
    ):
        kept = kept[:-1]
    return kept


def _predicate(tokens: Sequence[Any]) -> int | None:
    """Where the last verb (or the last noun of a sentence without one) starts."""
    last = len(tokens) - 1
    if last < 1:
        return None
    if tokens[last].tag in _NOUNS:
        return last
    if tokens[last].tag not in ("EF", "EC", "ETN"):
        return None
    while last >= 0 and _kind(tokens[last]) not in _VERBS:
        if tokens[last].tag not in ("EF", "EC", "ETN", "EP"):
            return None
        last -= 1
    if last < 0:
        return None
    # The shape of a copula depends on the noun before it.
    return last - 1 if tokens[last].tag == "VCP" and last else last


def _kind(token: Any) -> str:
    """The tag without the mark of a (regular or irregular) conjugation."""
    return token.tag.partition("-")[0]


def _exclaimed(text: str, tokens: Sequence[Any], place: int) -> str | None:
    """The verb from `place` on with an ending that exclaims."""
    kiwi = _kiwi()
    words = [(token.form, _kind(token)) for token in tokens[place:]]
    if words[-1][1] in _NOUNS:
        if words[-1][1] == "NNB" and words[-1][0] not in _STATES_OF:
            return None
        ending = "구나" if words[-1][1] == "NNB" else "라니"
        return kiwi.join([*words, ("이", "VCP"), (ending, "EF")])
    stem = [word for word in words if word[1] not in ("EF", "EC", "ETN")]
    ending = "".join(form for form, tag in words if tag in ("EF", "EC", "ETN"))
    if _WANTS.fullmatch(ending) and stem[-1][1] in ("VV", "XSV", "VX"):
        closed = "가" <= stem[-1][0][-1] <= "힣" and (ord(stem[-1][0][-1]) - 0xAC00) % 28 not in (
            0,
            8,
        )
        return kiwi.join([*stem, ("으려는구나" if closed else "려는구나", "EF")])
    if not _STATES.fullmatch(ending) or _is_asking(tokens, place, stem, ending):
        return None
    doing = stem[-1][1] in ("VV", "XSV")
    if ending in _EVENT and doing and not _NOT_PAST.search(text):
        return kiwi.join([*stem, ("었", "EP"), ("구나", "EF")])
    return kiwi.join([*stem, ("는구나" if _is_action(tokens, place, stem) else "구나", "EF")])


def _is_asking(
    tokens: Sequence[Any], place: int, stem: Sequence[tuple[str, str]], ending: str
) -> bool:
    """Whether the listener is to do (or not to do) something, or only guesses."""
    form, tag = stem[-1]
    before = tokens[place - 1].form if place else ""
    wish = form in ("주", "말", "달") and ending in ("어", "아", "어요", "라", "지", "음", "ᆷ")
    return tag == "VX" and (wish or (form == "보" and before in ("나", "은가", "ᆫ가", "을까", "ᆯ까")))


def _is_action(tokens: Sequence[Any], place: int, stem: Sequence[tuple[str, str]]) -> bool:
    """Whether the ending is that of a verb of doing in the present."""
    form, tag = stem[-1]
    if tag == "VX" and form in ("않", "못하"):
        before = [_kind(token) for token in tokens[:place] if _kind(token) in _VERBS]
        return not before or before[-1] not in ("VA", "XSA")
    if tag == "VX" and form in ("있", "싶", "듯하", "만하"):
        return False
    return tag in ("VV", "XSV", "VX")


def _told_to_listener(text: str, tokens: Sequence[Any]) -> str:
    """The text of the tokens with the speaker left out or turned into the listener."""
    if not tokens:
        return ""
    parts: list[str] = []
    at = tokens[0].start
    for token, after in zip(tokens, [*tokens[1:], None], strict=True):
        opens = token.start == 0 or text[token.start - 1] == " "
        if (
            token.start < at
            or not opens
            or token.form not in _SPEAKER
            or token.tag not in ("NP", "MM")
        ):
            continue
        parts.append(text[at : token.start])
        at = token.end
        joined = after is not None and after.start <= token.end
        if joined and after.tag in ("JKS", "JX") and after.form in _OF_SUBJECT:
            at = max(at, after.end)
        elif joined or token.form in ("내", "제"):
            parts.append(_TO_LISTENER.get(text[token.start : token.end], "너"))
    return "".join([*parts, text[at : tokens[-1].end]])
