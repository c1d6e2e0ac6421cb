"""Texts and labelled pairs that the S-BERT learns from: public corpora and our own content.

Knows file formats and splits; knows nothing of models. The public corpora are read from a data
folder that is not part of the repository (`models/sentence/README.md` names them).
"""

from __future__ import annotations

import csv
import functools
import json
import random
import re
import unicodedata
from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from ohlora_core import content
from ohlora_core.content import Split, split_of

__all__ = [
    "ChatPair",
    "PublicCorpora",
    "ScoredPair",
    "TextPair",
    "chunked_by_length",
    "load_public",
    "noised",
    "ordinary_messages",
    "our_texts",
]

_CONFESSION = re.compile(
    r"(사랑해|사랑하니|사랑한다|좋아해$|사귀자|사귈|사귀어|사겨|결혼하자|결혼해 ?줘|데이트하자|"
    r"고백합니다|내 여자|데이트 어때|뽀뽀|키스|"
    r"애인 ?(하|해)|여친 ?(하|해|돼|되)|나랑 ?만나|우리 ?만나)"
)


@dataclass(frozen=True)
class TextPair:
    """Two texts that mean the same (or belong together), with an optional hard negative.

    `group` names the meaning: pairs of one group are no negatives of each other.
    """

    a: str
    b: str
    negative: str | None = None
    group: str | None = None


@dataclass(frozen=True)
class ScoredPair:
    """Two texts with a similarity in 0..1."""

    a: str
    b: str
    score: float


@dataclass(frozen=True)
class ChatPair:
    """A question and answer of the public chat corpus (label 0 daily life, 1 parting, 2 love)."""

    question: str
    answer: str
    label: int
    is_ordinary: bool = True  # False if the question may be a confession or insult to the listener

    @property
    def split(self) -> Split:
        return split_of(self.question)


@dataclass
class PublicCorpora:
    """Everything read from the data folder."""

    chat: list[ChatPair] = field(default_factory=list)
    sts: dict[Split, list[ScoredPair]] = field(default_factory=dict)
    pairs: list[TextPair] = field(default_factory=list)
    prose: list[str] = field(default_factory=list)
    hate: list[str] = field(default_factory=list)
    clean_comments: list[str] = field(default_factory=list)
    answers: list[TextPair] = field(default_factory=list)

    def texts(self) -> list[str]:
        """All distinct texts outside the test splits."""
        texts: list[str] = []
        for chat in self.chat:
            if chat.split == "train":
                texts += [chat.question, chat.answer]
        for scored in self.sts["train"]:
            texts += [scored.a, scored.b]
        for pair in self.pairs + self.answers:
            texts += [pair.a, pair.b]
        return list(dict.fromkeys(texts + self.prose + self.hate + self.clean_comments))


def load_public(data_dir: Path) -> PublicCorpora:
    """Read the public corpora.

    Raises:
        FileNotFoundError: if a corpus is missing from `data_dir`.
    """
    corpora = PublicCorpora()
    with (data_dir / "chatbot_data.csv").open(encoding="utf-8-sig", newline="") as file:
        corpora.chat = [
            ChatPair(question, row["A"].strip(), int(row["label"]), _is_plain(number, question))
            for number, row in enumerate(csv.DictReader(file))
            for question in [row["Q"].strip()]
        ]
    corpora.sts = {
        "train": _read_korsts(data_dir / "korsts_train.tsv"),
        "validation": _read_korsts(data_dir / "korsts_dev.tsv"),
        "test": _read_korsts(data_dir / "korsts_test.tsv"),
    }
    corpora.sts["train"] += [
        ScoredPair(row["sentence1"], row["sentence2"], row["labels"]["real-label"] / 5)
        for row in json.loads((data_dir / "klue_sts_dev.json").read_text(encoding="utf-8"))
    ]
    corpora.pairs = _meaning_pairs(corpora, data_dir)
    corpora.prose = _read_prose(data_dir)
    corpora.hate, corpora.clean_comments = _read_comments(data_dir)
    corpora.answers = _interview_answers(data_dir)
    return corpora


@functools.cache
def _not_ordinary() -> frozenset[int]:
    lines = Path(__file__).with_name("chat_not_ordinary.txt").read_text("utf-8").splitlines()
    return frozenset(int(n) for line in lines if not line.startswith("#") for n in line.split())


def _is_plain(number: int, question: str) -> bool:
    return number not in _not_ordinary() and not _CONFESSION.search(question)


def _read_korsts(path: Path) -> list[ScoredPair]:
    pairs = []
    for line in path.read_text(encoding="utf-8").splitlines()[1:]:
        cells = line.split("\t")
        if len(cells) >= 7:
            pairs.append(ScoredPair(cells[5], cells[6], float(cells[4]) / 5))
    return pairs


def _meaning_pairs(corpora: PublicCorpora, data_dir: Path) -> list[TextPair]:
    """Pairs of one meaning: STS >= 4 of 5, NLI entailments, chat questions sharing an answer."""
    pairs = [TextPair(p.a, p.b) for p in corpora.sts["train"] if p.score >= 0.8]
    by_premise: dict[str, dict[str, str]] = defaultdict(dict)
    for row in json.loads((data_dir / "klue_nli_dev.json").read_text(encoding="utf-8")):
        by_premise[row["premise"]][row["gold_label"]] = row["hypothesis"]
    for premise, by_label in by_premise.items():
        if "entailment" in by_label:
            pairs.append(TextPair(premise, by_label["entailment"], by_label.get("contradiction")))
    by_answer: dict[str, list[str]] = defaultdict(list)
    for chat in corpora.chat:
        if chat.split == "train":
            by_answer[chat.answer].append(chat.question)
    for answer, questions in by_answer.items():
        if len(questions) <= 6:  # answers shared by more questions are generic
            pairs += [
                TextPair(a, b, group=answer)
                for a, b in zip(questions, questions[1:] + questions[:1], strict=True)
                if a != b
            ]
    return pairs


def _read_prose(data_dir: Path) -> list[str]:
    lines = (data_dir / "ud_korean_sentences.txt").read_text(encoding="utf-8").splitlines()
    for name in sorted(path.name for path in data_dir.glob("*.md*") if path.stem != "SOURCES"):
        for line in (data_dir / name).read_text(encoding="utf-8").splitlines():
            lines += re.split(r"(?<=[.?!])\s+", _plain(line))
    hangul = re.compile("[가-힣]")
    return [line for line in lines if 8 <= len(line) <= 160 and len(hangul.findall(line)) >= 5]


def _plain(markdown: str) -> str:
    """A Markdown line without its marks, links and images."""
    text = re.sub(r"!?\[([^\]]*)\]\([^)]*\)|<[^>]+>", r"\1", markdown)
    return re.sub(r"[*`#>|]+|^\s*[-+]\s", "", text).strip()


def _read_comments(data_dir: Path) -> tuple[list[str], list[str]]:
    """(hateful or abusive, clean) comments of the two public comment corpora."""
    hate, clean = [], []
    for name in ("korean_hate_speech_train.tsv", "korean_hate_speech_dev.tsv"):
        for line in (data_dir / name).read_text(encoding="utf-8").splitlines()[1:]:
            cells = line.split("\t")
            if cells[-1] == "hate":
                hate.append(cells[0])
            elif cells[-1] == "none" and cells[2] == "none":
                clean.append(cells[0])
    for line in (data_dir / "curse_detection.txt").read_text(encoding="utf-8").splitlines():
        text, _, label = line.rpartition("|")
        (hate if label.strip() == "1" else clean).append(text.strip())
    return hate, clean


def _interview_answers(data_dir: Path) -> list[TextPair]:
    """(question heading, paragraph below it) of the public interview answers."""
    pairs = []
    for path in sorted(data_dir.glob("ai_interview_*.md")):
        heading = ""
        for line in path.read_text(encoding="utf-8").splitlines():
            if line.startswith("#"):
                heading = re.sub(r"^\d+\.\s*", "", _plain(line))
            elif heading.endswith(("?", ".", "요", "오")) and 40 <= len(line) <= 400:
                pairs.append(TextPair(heading, _plain(line)[:200], group=heading))
    return pairs


def our_texts(split: Split = "train") -> list[str]:
    """All texts of our content in one split (knowledge and quiz texts are in all splits)."""
    texts: list[str] = []
    for dialogue in content.load_dialogues():
        if dialogue.split == split:
            texts += [dialogue.message, dialogue.reply]
            texts += [part for part in (dialogue.memory, dialogue.remember) if part]
    for fact in content.load_knowledge():
        texts += [fact.term, fact.text]
        texts += [question for question in fact.questions if split_of(question) == split]
    for quiz in content.load_quiz():
        texts += [quiz.question, quiz.model_answer]
        if quiz.split == split:
            texts += [sample.answer for sample in quiz.samples]
    texts += [
        row.user_answer
        for row in content.load_interview()
        if row.user_answer and row.split == split
    ]
    texts += [row.text for row in content.load_ethics() if row.split == split]
    for pair in content.load_memory_pairs():
        if pair.split == split:
            texts += [pair.memory, pair.message]
    return list(dict.fromkeys(texts))


def ordinary_messages(corpora: PublicCorpora | None, use: str) -> list[str]:
    """Ordinary messages: our dialogues and the public chat questions.

    Half of the chat training questions train the ethics adapter ("train"); most of the others and
    the validation split calibrate its thresholds ("calibration"); the rest and the test split are
    for the report ("test"). Love and refusal topics of the dialogues are left out.
    """
    texts = []
    for index, chat in enumerate(corpora.chat if corpora else []):
        if chat.is_ordinary:
            shown = "train" if index % 2 else "test" if index % 8 == 0 else "calibration"
            own = {"train": shown, "validation": "calibration", "test": "test"}
            if own[chat.split] == use:
                texts.append(chat.question)
    offending = {row.text for row in content.load_ethics() if row.category != "일반"}
    for row in content.load_dialogues():
        own = {"train": "train", "validation": "calibration", "test": "test"}
        if own[row.split] == use and _is_ordinary(row, offending):
            texts.append(row.message)
    return list(dict.fromkeys(texts))


_SENSITIVE = frozenset({"love", "politics", "hate", "harm", "sexual"})  # topics of dialogues


def _is_ordinary(row: content.DialogueRow, offending: set[str]) -> bool:
    """False if she refuses in the reply, or topic or our ethics content make it an offence."""
    refuses = any(word in row.reply for word in ("미안", "부담")) or row.pose == "많이"
    return not refuses and row.topic not in _SENSITIVE and row.message not in offending


_CALLS = ("로라야 ", "오로라야 ", "로라 ", "야 ")
_TAILS = ("!", "?", "~", "..", " ㅋㅋ", "ㅎㅎ", " ㅠㅠ", "ㅜㅜ", "!!", "", " 😊")
_ENDINGS = (("어요", "어"), ("아요", "아"), ("해요", "해"), ("습니다", "어"), ("거야", "거임"))
_PARTICLES = re.compile(r"(?<=[가-힣])(은|는|이|가|을|를|도|에|의|로|에서)(?= )")
# Conjoining jamo that are confused in typing: vowels that sound alike, final consonants.
_MISTYPED = {
    "ᅦ": "ᅢ", "ᅢ": "ᅦ", "ᅬ": "ᅫ", "ᅫ": "ᅬ", "ᅥ": "ᅩ", "ᅩ": "ᅥ", "ᅡ": "ᅣ", "ᅮ": "ᅳ",
    "ᄁ": "ᄀ", "ᄊ": "ᄉ", "ᆻ": "ᆺ", "ᆹ": "ᆸ", "ᆭ": "ᆫ", "ᆶ": "ᆯ", "ᇂ": "", "ᇀ": "ᆺ", "ᆾ": "ᆽ",
}  # fmt: skip


def noised(text: str, rng: random.Random) -> str:
    """The text as somebody else may type it: typos, spacing, endings, particles, a call or tail."""
    for edit in rng.sample(_EDITS, k=rng.choice((1, 1, 2, 2, 3))):
        text = edit(text, rng) or text
    return text


def _misspell(text: str, rng: random.Random) -> str:
    jamo = list(unicodedata.normalize("NFD", text))
    places = [i for i, letter in enumerate(jamo) if letter in _MISTYPED]
    for place in rng.sample(places, k=min(len(places), rng.choice((1, 1, 2)))):
        jamo[place] = _MISTYPED[jamo[place]]
    return unicodedata.normalize("NFC", "".join(jamo))


def _slip(text: str, rng: random.Random) -> str:
    """One jamo typed twice, left out, or swapped with the next."""
    jamo = list(unicodedata.normalize("NFD", text))
    if len(jamo) < 8:
        return text
    place = rng.randrange(len(jamo) - 1)
    one, two = jamo[place : place + 2]
    jamo[place : place + 2] = rng.choice(([one, one, two], [two], [two, one]))
    return unicodedata.normalize("NFC", "".join(jamo))


def _split_word(text: str, rng: random.Random) -> str:
    """A space (or a dot, as filters are dodged) inside a word."""
    places = [i for i in range(1, len(text)) if text[i - 1] != " " != text[i]]
    if not places:
        return text
    place = rng.choice(places)
    return text[:place] + rng.choice("   .~") + text[place:]


def _join_words(text: str, rng: random.Random) -> str:
    return "".join("" if c == " " and rng.random() < 0.5 else c for c in text)


def _drop_word(text: str, rng: random.Random) -> str:
    words = text.split()
    if len(words) < 3:
        return text
    dropped = rng.randrange(len(words))
    return " ".join(word for i, word in enumerate(words) if i != dropped)


def _swap_words(text: str, rng: random.Random) -> str:
    words = text.split()
    if len(words) < 3:
        return text
    place = rng.randrange(len(words) - 1)
    words[place], words[place + 1] = words[place + 1], words[place]
    return " ".join(words)


def _drop_particles(text: str, rng: random.Random) -> str:
    return _PARTICLES.sub(lambda match: "" if rng.random() < 0.7 else match.group(), text)


def _change_ending(text: str, rng: random.Random) -> str:
    formal, casual = rng.choice(_ENDINGS)
    return text.replace(formal, casual) if formal in text else text.rstrip("?!.~ ")


def _call(text: str, rng: random.Random) -> str:
    return rng.choice(_CALLS) + text


def _tail(text: str, rng: random.Random) -> str:
    return text.rstrip("?!.~ ") + rng.choice(_TAILS)


_EDITS = (
    _misspell, _misspell, _slip, _join_words, _split_word, _drop_word, _swap_words,
    _drop_particles, _change_ending, _call, _tail,
)  # fmt: skip


def chunked_by_length(
    items: Sequence[TextPair], batch_size: int, rng: random.Random
) -> Iterable[list[TextPair]]:
    """Endless random batches of pairs of similar length (less padding)."""
    order = list(items)
    while True:
        rng.shuffle(order)
        batches = []
        for start in range(0, len(order), batch_size * 16):
            block = sorted(order[start : start + batch_size * 16], key=lambda p: len(p.a + p.b))
            batches += [block[i : i + batch_size] for i in range(0, len(block), batch_size)]
        rng.shuffle(batches)
        yield from (batch for batch in batches if len(batch) > 1)
