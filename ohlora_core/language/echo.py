"""What a user says, said back as somebody does who listens.

What is told: "내년 봄에 결혼해요 저희" becomes "내년 봄에 결혼하는구나": the last sentence (the
longest where no mark parts them) without the one who speaks, with another ending on its verb.
What is asked: "하늘은 왜 파래?" becomes "하늘은 왜 파란지". What is wanted: "예쁜 순우리말 알려줘"
becomes "예쁜 순우리말". Knows nothing of prompts, rows or models.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any

from ohlora_core.language.nouns import final_sound
from ohlora_core.morphemes import analysed, analyser, joined, kind

__all__ = ["SELF_HARM", "asked_back", "grave_kinds", "named_back", "said_back"]

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
_ENDINGS = frozenset({"EF", "EC", "ETN"})
_UNSURE = frozenset({"들"})  # 들어: lifted or heard
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
_HELPLESS = re.compile(
    r"\s*(나 |저 |이제 |이거 )?(어떡|어떻게 ?(해|하|돼)|어쩌|어쩜|어째|우째|어카)\S*$"
)
_ENDS_ASKING = re.compile(
    "어|아|니|냐|나|나요|지|죠|지요|ᆯ까|을까|ᆯ까요|을까요|ᆫ가|은가|는가|ᆫ가요|은가요|는가요|ᆸ니까|습니까"
    "|어요|아요|에요|야|ᆯ래|을래|대|래|다며|음|ᆷ|노|누|누요|여|는데|ᆫ데|남|려나|으려나"
)
_OPEN_CHOICE = re.compile("ᆯ까|을까|ᆯ까요|을까요|려나|으려나|ᆯ래|을래")
_REQUEST = re.compile(
    r"(\S*(줘|줄래|주라|주세요)|알려|말해|추천|들려|보여|찾아|골라|불러|만들어|지어|가르쳐|갈켜|공유|소개|설명|뽑아|정해"
    r"|부탁|제발|좀|ㄱ+$|고고|플리즈|구함|구해|달라)\S*$"
)
_KNOWING = frozenset({"알", "모르", "궁금하", "궁금"})
_PARTICLES = frozenset({"JKO", "JKS", "JX", "JKB", "JKG", "JC", "JKC"})
SELF_HARM = "self-harm"
# What is nothing to be cheerful about: it gets an answer that was written for its kind.
_GRAVE = {
    SELF_HARM: re.compile(
        "자살|자해|목숨(?! ?걸)|유서(?! ?깊)|뛰어내리고 ?싶|뛰어내릴|죽고 ?(싶|시퍼)|죽을까|죽을래"
        "|죽어 ?버릴|살기 ?싫|살고 ?싶지(가|도|는)? ?않|그만 ?살고 ?싶|사라지고 ?싶|없어지고 ?싶"
        "|수면제|번개탄|손목.{0,3}(긋|그어|그을|그었)|(삶|인생)(을|도)? ?끝내(?!주|줘|준|줬)"
        "|세상.{0,4}(뜨|떠나)고? ?싶|(살|살아갈|살아야 ?할) ?이유(가|를|도)? ?(없|모르)"
        "|죽는 ?게 ?(나아|나을|나은|낫)"
    ),
    "violence": re.compile(
        r"죽이고|죽여(?!주|줘|준|줬)|죽일|독살|납치|칼로(?!리)|패고 ?싶|학대|협박|왕따|괴롭"
        r"|(?<![\d몇])(?<![\d몇한두세네섯곱덟홉열물른흔쉰순] )살인(?!데|지|걸|줄)"
        r"|(?<!멍)(?<!멍 )때리|때려(?!치|침|칠|칟|쳐)"
    ),
    "weapons": re.compile("폭탄|폭발물|총기"),
    "drugs": re.compile("마약|필로폰|대마"),
    "sexual violence": re.compile("성폭|성추행|강간|몰카"),
    "crime": re.compile("도박|불법|훔치|훔쳐|해킹|사기 ?치"),
}
_HANGUL = re.compile("[가-힣]")
_HEARSAY = re.compile("(다|라|자|냐)(네|는데|더라|던데)요?$")
_ASKED = re.compile(
    r"\?|(뭐|뭘|뭔|누구|누가|언제|어디|어느|어때|어떤데|왜|얼마|어떻게|어떡|어쩌|어케|무슨|몇)"
)


def grave_kinds(text: str) -> frozenset[str]:
    """What of death, violence and crime a text has words of."""
    return frozenset(name for name, words in _GRAVE.items() if words.search(text))


def said_back(message: str) -> str | None:
    """The message as an exclamation of one who listens, without its mark, or None.

    None where it tells nothing (questions, wishes to her, half sentences) or is too long.

    >>> said_back("나 조선소에서 배 만든다")
    '조선소에서 배 만드는구나'
    """
    for sentence in reversed(_sentences(_HELPLESS.sub("", message.strip().rstrip("?!.~ㅠㅜ ")))):
        if _ASKED.search(sentence) or _NOT_AGREED.search(sentence):
            return None
        plain = _words(sentence)
        parts = [part.text for part in analyser().split_into_sents(plain)] if plain else []
        for part in sorted(parts, key=len, reverse=True):
            if not _HEARSAY.search(part) and (echo := _said_back(part)):
                return echo
    return None


def asked_back(message: str, *, is_choice: bool = False) -> str | None:
    """The last question of a message as a clause to go on with, or None.

    Args:
        message: The message.
        is_choice: Whether somebody asks what to do ("뭘 먹을지"), not what is so ("뭘 먹는지").

    >>> asked_back("카멜레온은 왜 색이 변해?")
    '카멜레온은 왜 색이 변하는지'
    """
    sentences = _sentences(message)
    text = _words(sentences[-1]) if sentences else ""
    tokens = _inner(analysed(text))
    place = _predicate(tokens)
    if place is None or _is_about_her(tokens) or _HELPLESS.search(text):
        return None
    if any(token.tag == "EF" for token in tokens[:place]):
        return None  # two sentences, or two things to choose from
    stem, ending = _parted(tokens[place:])
    if not stem or not _ENDS_ASKING.fullmatch(ending):
        return None
    if _is_asking(tokens, place, stem, ending) or stem[-1] == ("보", "VX"):
        return None  # a guess, or a riddle
    if stem[0][0] in _KNOWING and place and tokens[place - 1].form.endswith("지"):
        return _with_told(text, tokens, place, "")
    if stem[-1][1] in _NOUNS:
        stem.append(("이", "VCP"))
    is_past = stem[-1] in (("었", "EP"), ("겠", "EP"))
    if not is_past and (is_choice or _OPEN_CHOICE.fullmatch(ending)):
        embedded = "ᆯ지"
    else:
        present = _is_action(tokens, place, stem) or stem[-1][0].endswith(("있", "없"))
        embedded = "는지" if is_past or present else "ᆫ지"
    return _with_told(text, tokens, place, joined([*stem, (embedded, "EC")]))


def named_back(message: str) -> str | None:
    """What a message asks for, without the words that ask, or None.

    >>> named_back("예쁜 순우리말 알려줘")
    '예쁜 순우리말'
    """
    sentences = _sentences(message)
    words = sentences[-1].rstrip("?!.~ㅠㅜㅋㅎ ").split() if sentences else []
    kept = list(words)
    while kept and _REQUEST.match(kept[-1]):
        kept.pop()
    if not kept:
        return None
    text = _words(" ".join(kept))
    tokens = _inner(analysed(text))
    is_topic = bool(tokens) and tokens[-1].tag == "JX" and sentences[-1].rstrip().endswith("?")
    if len(kept) == len(words) and not is_topic:
        return None
    while tokens and tokens[-1].tag in _PARTICLES:
        tokens.pop()
    if not tokens or _is_about_her(tokens) or tokens[-1].tag not in _NOUNS:
        return None
    named = " ".join(_told_to_listener(text, tokens).split())
    return named if 2 <= len(named) <= _LONGEST else None


def _sentences(message: str) -> list[str]:
    return [part for part in _SENTENCE_END.split(message.strip()) if part.strip()]


def _words(sentence: str) -> str:
    """A sentence without marks and lone jamo."""
    return " ".join(_NOT_WORDS.sub(" ", sentence).split()).rstrip(" .,~:-")


def _is_about_her(tokens: Sequence[Any]) -> bool:
    return any(token.form in (_LISTENER if token.tag == "NP" else _HER) for token in tokens)


def _said_back(text: str) -> str | None:
    tokens = _inner(analysed(text))
    place = _predicate(tokens)
    if place is None or _is_about_her(tokens) or not _HANGUL.search(text):
        return None
    verb = tokens[place]
    if verb.form in _UNSURE or (place == 0 and verb.tag == "VV" and len(verb.form) == 1):
        return None  # "돼" and "줘" tell nothing
    exclaimed = _exclaimed(text, tokens, place)
    return _with_told(text, tokens, place, exclaimed) if exclaimed else None


def _with_told(text: str, tokens: Sequence[Any], place: int, verb: str) -> str | None:
    """The text before `place` told to the listener, and the verb; None if short or long."""
    told = _told_to_listener(text, tokens[:place])
    ending = verb if place and tokens[place - 1].end == tokens[place].start else f" {verb}"
    echo = " ".join((told + ending).split())
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
    if tokens[last].tag not in _ENDINGS:
        return None
    while last >= 0 and kind(tokens[last]) not in _VERBS:
        if tokens[last].tag not in _ENDINGS | {"EP"}:
            return None
        last -= 1
    if last < 0:
        return None
    # The shape of a copula depends on the noun before it.
    return last - 1 if tokens[last].tag == "VCP" and last else last


def _parted(tokens: Sequence[Any]) -> tuple[list[tuple[str, str]], str]:
    """(form, tag) of the morphemes that are no endings, and the endings together."""
    words = [(token.form, kind(token)) for token in tokens]
    stem = [word for word in words if word[1] not in _ENDINGS]
    return stem, "".join(form for form, tag in words if tag in _ENDINGS)


def _exclaimed(text: str, tokens: Sequence[Any], place: int) -> str | None:
    """The verb from `place` on with an ending that exclaims."""
    stem, ending = _parted(tokens[place:])
    if (last := tokens[-1]).tag in _NOUNS:
        if last.tag == "NNB" and last.form not in _STATES_OF:
            return None
        says_what = last.tag == "NNB" or any(token.tag in ("JX", "JKS") for token in tokens)
        return joined([*stem, ("이", "VCP"), ("구나" if says_what else "라니", "EF")])
    if _WANTS.fullmatch(ending) and stem[-1][1] in ("VV", "XSV", "VX"):
        closed = final_sound(stem[-1][0]) == 2
        return joined([*stem, ("으려는구나" if closed else "려는구나", "EF")])
    if not _STATES.fullmatch(ending) or _is_asking(tokens, place, stem, ending):
        return None
    doing = stem[-1][1] in ("VV", "XSV")
    if ending in _EVENT and doing and not _NOT_PAST.search(text):
        return joined([*stem, ("었", "EP"), ("구나", "EF")])
    return joined([*stem, ("는구나" if _is_action(tokens, place, stem) else "구나", "EF")])


def _is_asking(
    tokens: Sequence[Any], place: int, stem: Sequence[tuple[str, str]], ending: str
) -> bool:
    """Whether the listener is to do (or not to do) something, or only guesses."""
    form, tag = stem[-1]
    before = tokens[place - 1].form if place else ""
    wish = form in ("주", "말", "달") and ending in ("어", "아", "어요", "라", "지", "음", "ᆷ")
    wish = wish or (form == "보" and ending in ("어", "아", "어요", "아요", "라", "아라", "어라"))
    return tag == "VX" and (wish or (form == "보" and before in ("나", "은가", "ᆫ가", "을까", "ᆯ까")))


def _is_action(tokens: Sequence[Any], place: int, stem: Sequence[tuple[str, str]]) -> bool:
    """Whether the ending is that of a verb of doing in the present."""
    form, tag = stem[-1]
    if tag == "VX" and form in ("않", "못하"):
        before = [kind(token) for token in tokens[:place] if kind(token) in _VERBS]
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
        touching = after is not None and after.start <= token.end
        if touching and after.tag in ("JKS", "JX") and after.form in _OF_SUBJECT:
            at = max(at, after.end)
        elif touching or token.form in ("내", "제"):
            parts.append(_TO_LISTENER.get(text[token.start : token.end], "너"))
    return "".join([*parts, text[at : tokens[-1].end]])
