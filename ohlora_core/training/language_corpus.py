"""Text that the lite language model learns from: public corpora and our own content.

Reads files and returns plain strings and pairs; knows nothing of tokens, prompts or models.
Sources and licences of the public corpora: the model card in models/language/.
"""

from __future__ import annotations

import csv
import itertools
import json
import re
import unicodedata
from dataclasses import dataclass, field
from pathlib import Path

from ohlora_core import content

__all__ = ["PublicText", "content_lines", "load_public", "to_casual"]

_SENTENCE_END = re.compile(r"(?<=[.!?])\s+")
_MARKDOWN = re.compile(r"!?\[([^\]]*)\]\([^)]*\)|<[^>]+>|[*`_#>|]+|\$[^$]*\$")
_HANGUL = re.compile(r"[가-힣]")

# Polite endings and their casual forms, longest first: the corpus is polite, she is not.
_CASUAL_ENDINGS = {
    "하시겠어요": "할래",
    "으시겠어요": "을래",
    "시겠어요": "ㄹ래",
    "이에요": "이야",
    "예요": "야",
    "이었어요": "이었어",
    "거예요": "거야",
    "까요": "까",
    "마세요": "마",
    "하세요": "해",
    "보세요": "봐",
    "주세요": "줘",
    "드세요": "먹어",
    "가세요": "가",
    "오세요": "와",
    "쉬세요": "쉬어",
    "되세요": "돼",
    "내세요": "내",
    "지세요": "져",
    "치세요": "쳐",
    "이세요": "이야",
    "봬요": "봐",
    "네요": "네",
    "군요": "구나",
    "는데요": "는데",
    "은데요": "은데",
    "던데요": "던데",
    "게요": "게",
    "래요": "래",
    "려요": "려",
    "죠": "지",
    "지요": "지",
    "나요": "나",
    "가요": "가",
    "해요": "해",
    "돼요": "돼",
    "어요": "어",
    "아요": "아",
    "여요": "여",
    "워요": "워",
    "와요": "와",
    "봐요": "봐",
    "줘요": "줘",
    "져요": "져",
    "겨요": "겨",
    "쳐요": "쳐",
    "라요": "라",
    "서요": "서",
    "니다요": "니다",
    "거든요": "거든",
    "대요": "대",
    "커요": "커",
    "빠요": "빠",
    "퍼요": "퍼",
    "써요": "써",
    "내요": "내",
    "켜요": "켜",
    "러요": "러",
    "돼세요": "돼",
    "습니다": "어",
    "합니다": "해",
    "됩니다": "돼",
    "입니다": "이야",
    "바랍니다": "바라",
    "줍니다": "줘",
    "봅니다": "봐",
    "드립니다": "줄게",
    "축하드려요": "축하해",
    "이다": "이야",
    "한다": "해",
    "된다": "돼",
    "있다": "있어",
    "없다": "없어",
    "않다": "않아",
    "않는다": "않아",
    "준다": "줘",
    "같다": "같아",
    "했다": "했어",
    "쓴다": "써",
    "말한다": "말해",
    "간다": "가",
    "온다": "와",
    "높다": "높아",
    "많다": "많아",
    "어진다": "어져",
    "나타낸다": "나타내",
}
_ENDING = re.compile(
    "("
    + "|".join(sorted(map(re.escape, _CASUAL_ENDINGS), key=len, reverse=True))
    + r")(?=[.!?~]*$)"
)
_STILL_POLITE = re.compile(r"(요|니다|니까|세요|시죠|십시오)[.!?~]*$")


@dataclass
class PublicText:
    """What the public corpora give.

    Attributes:
        sentences: Written and spoken sentences, for fluency.
        pairs: (message, reply) pairs; the replies are casual where the rules allow it.
        paraphrases: Pairs of sentences that mean the same.
        facts: Longer explanatory sentences about machine learning.
    """

    sentences: list[str] = field(default_factory=list)
    pairs: list[tuple[str, str]] = field(default_factory=list)
    paraphrases: list[tuple[str, str]] = field(default_factory=list)
    facts: list[str] = field(default_factory=list)


def to_casual(text: str) -> str | None:
    """A polite text in casual Korean, or None where the rules do not reach its endings."""
    done = []
    for sentence in _SENTENCE_END.split(text.strip()):
        casual = _ENDING.sub(lambda match: _CASUAL_ENDINGS[match.group(1)], sentence)
        if _STILL_POLITE.search(casual) or "ㄹ래" in casual:
            return None
        done.append(casual)
    return " ".join(done)


def load_public(data_dir: Path) -> PublicText:
    """Reads the public corpora.

    Args:
        data_dir: Folder with the files that the model card lists.
    """
    public = PublicText()
    _read_chatbot(data_dir, public)
    _read_pairs(data_dir, public)
    _read_facts(data_dir, public)
    public.sentences += _lines(data_dir / "ud_korean_sentences.txt")
    return public


def _read_chatbot(data_dir: Path, public: PublicText) -> None:
    by_reply: dict[str, list[str]] = {}
    with (data_dir / "chatbot_data.csv").open(encoding="utf-8", newline="") as file:
        for row in csv.DictReader(file):
            question, reply = _clean(row["Q"]), _clean(row["A"])
            by_reply.setdefault(reply, []).append(question)
            casual = to_casual(reply)
            if casual:
                public.pairs.append((question, casual))
            public.sentences.append(f"{question} {casual or reply}")
    # Questions with one and the same rare answer mostly ask the same thing.
    for questions in by_reply.values():
        if 2 <= len(questions) <= 4:
            public.paraphrases += list(itertools.pairwise(questions))


def _read_pairs(data_dir: Path, public: PublicText) -> None:
    for name in ("korsts_train.tsv", "korsts_dev.tsv"):
        for line in _lines(data_dir / name)[1:]:
            cells = line.split("\t")
            if len(cells) < 7:
                continue
            public.sentences += cells[5:7]
            if float(cells[4]) >= 4.0:
                public.paraphrases.append((cells[5], cells[6]))
    for row in json.loads((data_dir / "klue_sts_dev.json").read_text(encoding="utf-8")):
        first, second = _clean(row["sentence1"]), _clean(row["sentence2"])
        public.sentences += [first, second]
        if row["labels"]["label"] >= 3.8:
            public.paraphrases.append((first, second))
    for row in json.loads((data_dir / "klue_nli_dev.json").read_text(encoding="utf-8")):
        public.sentences.append(_clean(row["premise"]))
        if row["gold_label"] == "entailment":
            public.paraphrases.append((_clean(row["premise"]), _clean(row["hypothesis"])))


def _read_facts(data_dir: Path, public: PublicText) -> None:
    for path in [*sorted(data_dir.glob("ai_interview_*.md")), data_dir / "hf_course_ko.mdx"]:
        for line in _lines(path):
            plain = " ".join(_MARKDOWN.sub(r"\1", line).split())
            for sentence in _SENTENCE_END.split(plain):
                if (
                    15 <= len(sentence) <= 200
                    and len(_HANGUL.findall(sentence)) > len(sentence) / 3
                ):
                    public.facts.append(sentence)


def content_lines(split: content.Split | None = "train") -> list[str]:
    """Every sentence of our own content, one string per row part; all splits if `split` is None."""
    rows: list[tuple[str, tuple[str | None, ...]]] = []
    for d in content.load_dialogues():
        rows.append((d.split, (d.message, d.reply, d.memory, d.remember, d.new_summary)))
    for k in content.load_knowledge():
        rows.append((k.split, (k.text, k.answer, *k.questions)))
    for u in content.load_unmatched():
        rows.append((u.split, (u.question, u.answer)))
    for q in content.load_quiz():
        samples = [text for s in q.samples for text in (s.answer, s.explanation)]
        rows.append((q.split, (q.question, q.model_answer, *samples)))
    for i in content.load_interview():
        rows.append((i.split, (i.topic, i.user_answer, i.utterance)))
    return [t for s, texts in rows if split in (None, s) for t in texts if t]


def _clean(text: str) -> str:
    return " ".join(unicodedata.normalize("NFC", text).split())


def _lines(path: Path) -> list[str]:
    text = unicodedata.normalize("NFC", path.read_text(encoding="utf-8"))
    return [line.strip() for line in text.splitlines() if line.strip()]
