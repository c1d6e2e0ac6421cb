"""How each S-BERT task turns our content into batches and losses.

Knows nothing of adapters; a task only asks for the vectors of texts.
"""

from __future__ import annotations

import random
from collections import defaultdict
from collections.abc import Callable, Sequence
from operator import attrgetter
from typing import Protocol

import torch
from torch import Tensor
from torch.nn import functional

from ohlora_core import content
from ohlora_core.chat.examples import told_key
from ohlora_core.chat.memory import memory_key
from ohlora_core.content import split_of
from ohlora_core.ethics.guard import CATEGORIES, GENERAL
from ohlora_core.language.prompts import NOTHING_TO_REMEMBER
from ohlora_core.sentence.formats import (
    interview_answer_text,
    interview_next_text,
    term_names,
)
from ohlora_core.training.sentence_base import contrastive_loss, cosent_loss
from ohlora_core.training.sentence_corpus import (
    PublicCorpora,
    TextPair,
    chunked_by_length,
    noised,
    ordinary_messages,
)
from ohlora_core.training.sentence_interview import decided_by_model, remaining_before
from ohlora_core.training.sentence_linear import Classified
from ohlora_core.training.told import told_of, with_other_values
from ohlora_core.tutor.interview_track import FAILED, LABELS, TOPICS

__all__ = [
    "AdapterTask",
    "Encode",
    "InterviewAnswerTask",
    "InterviewNextTask",
    "QnaTask",
    "QuizTask",
    "RetrievalTask",
    "asked_classes",
    "ethics_classes",
    "named_classes",
    "told_classes",
]

_TALK_WEIGHT = 0.2  # ordinary talk is plenty and easy: it must not drown what looks like it
_NOTHING_WEIGHT = 0.4  # most messages tell nothing
_OTHER_VALUE_WEIGHT = 0.5  # of a message with another value in it
_MEANT = 0.7  # similarity of a memory pair from which the message means the memory
_NAMES = (GENERAL, *CATEGORIES.values())

Encode = Callable[[Sequence[str]], Tensor]  # texts -> [n, d] unit vectors with gradients


class AdapterTask(Protocol):
    """Draws a batch and computes its loss."""

    def loss(self, encode: Encode) -> Tensor: ...


def category_loss(cosines: Tensor, target: Tensor) -> Tensor:
    """Own category near 1 and first, the others near 0.

    Args:
        cosines: [n, categories].
        target: [n] class numbers.
    """
    wanted = functional.one_hot(target, cosines.shape[1]).float()
    return functional.cross_entropy(cosines * 12, target) + 4 * functional.mse_loss(cosines, wanted)


def ethics_classes(corpora: PublicCorpora) -> Classified:
    """Sentences of ours with their category, and ordinary talk."""
    texts = [
        (row.text, _NAMES.index(row.category), 1.0)
        for row in content.load_ethics()
        if row.split == "train"
    ]
    texts += [(text, 0, _TALK_WEIGHT) for text in ordinary_messages(corpora, "train")]
    return Classified(list(_NAMES), texts)


def asked_classes() -> Classified:
    """Messages with the keys of memories that they mean, or with none."""
    meant = [
        (row.message, memory_key(row.memory))
        for row in content.load_dialogues()
        if row.split == "train" and row.memory
    ]
    meant += [
        (pair.message, memory_key(pair.memory))
        for pair in content.load_memory_pairs()
        if pair.split == "train" and pair.similarity >= _MEANT
    ]
    texts = [(text, key, 1.0) for text, key in meant]
    for row in content.load_meant_keys():
        if row.split == "train":
            keys = row.keys or [NOTHING_TO_REMEMBER]
            weight = _NOTHING_WEIGHT if not row.keys else 1 / len(keys)
            texts += [(row.message, key, weight) for key in keys]
    names = sorted({key for _, key, _ in texts})
    return Classified(names, [(text, names.index(key), weight) for text, key, weight in texts])


def named_classes(
    name_of: Callable[[content.DialogueRow], str | None],
    text_of: Callable[[content.DialogueRow], str] = attrgetter("message"),
) -> Classified:
    """Messages (or replies) of the dialogues with a name.

    Args:
        name_of: Name of a row; None or "" if it has none.
        text_of: Text of a row.
    """
    rows = [row for row in content.load_dialogues() if row.split == "train"]
    named = [(text_of(row), name) for row in rows if (name := name_of(row))]
    names = sorted({name for _, name in named})
    numbers = {name: number for number, name in enumerate(names)}
    return Classified(
        names,
        [
            (text, numbers[name], _NOTHING_WEIGHT if name == NOTHING_TO_REMEMBER else 1.0)
            for text, name in named
        ],
    )


def told_classes() -> Classified:
    """Messages with the key of what they tell, or with that of nothing; those that tell the name
    of a thing once more with that of another."""
    named = named_classes(told_key)
    numbers = {name: number for number, name in enumerate(named.names)}
    rows = [row for row in content.load_dialogues() if row.split == "train" and told_key(row)]
    texts = [
        (told.message, numbers[told.key], _OTHER_VALUE_WEIGHT)
        for told in with_other_values(told_of(rows), seed=0)
    ]
    return Classified(named.names, named.texts + texts)


class QnaTask:
    """Question vs knowledge text; questions that nothing answers stay far from all of it."""

    def __init__(self, corpora: PublicCorpora, rng: random.Random) -> None:
        self.rng = rng
        self.facts = content.load_knowledge()
        self.questions = {fact.id: self._asked(fact) for fact in self.facts}
        self.unmatched = [r.question for r in content.load_unmatched() if r.split == "train"]
        self.unmatched = self.unmatched or ["오늘 뭐 먹지?"]
        self.talk = ordinary_messages(corpora, "train")
        self.answers = iter(chunked_by_length(corpora.answers, 10, rng))

    def loss(self, encode: Encode) -> Tensor:
        rng = self.rng
        facts = self._facts_to_tell_apart()
        asked = [noised_often(rng.choice(self.questions[f.id] or [f.term]), rng) for f in facts]
        said = [
            fact.text if rng.random() < 0.6 else rng.choice([*self.questions[fact.id], fact.term])
            for fact in facts
        ]
        pairs = next(self.answers)
        far = rng.sample(self.unmatched, min(8, len(self.unmatched))) + rng.sample(self.talk, 8)
        far = [noised_often(text, rng) for text in far]
        vectors = encode(asked + said + far + [p.a for p in pairs] + [p.b[:80] for p in pairs])
        n, m = len(facts), len(far)
        query, fact_vectors, outside = vectors[:n], vectors[n : 2 * n], vectors[2 * n : 2 * n + m]
        rest = vectors[2 * n + m :]
        loss = contrastive_loss(query, fact_vectors)
        loss = loss + 0.3 * contrastive_loss(
            rest[: len(pairs)], rest[len(pairs) :], groups=[p.group for p in pairs]
        )
        near = (query * fact_vectors).sum(dim=1)
        loss = loss + 3 * functional.relu(0.85 - near).pow(2).mean()
        outside_best = (outside @ fact_vectors.T).amax(dim=1)
        return loss + 3 * functional.relu(outside_best - 0.15).pow(2).mean()

    @staticmethod
    def _asked(fact: content.KnowledgeRow) -> list[str]:
        """Training questions of a fact: written ones, names, and usual ways to ask for a name."""
        names = [*term_names(fact.term), *fact.aliases]
        made = [name + ask for name in names for ask in ("", "가 뭐야?", "이 뭐야?", " 설명해줘")]
        return [text for text in [*fact.questions * 3, *made] if split_of(text) == "train"]

    def _facts_to_tell_apart(self) -> list[content.KnowledgeRow]:
        """Facts of few topics half of the time: neighbours are what gets confused."""
        rng, count = self.rng, min(24, len(self.facts))
        if rng.random() < 0.5:
            return rng.sample(self.facts, count)
        start = rng.randrange(len(self.facts))
        around = self.facts[start:] + self.facts[:start]
        return rng.sample(around[: count + count // 2], count)


_NO_ANSWERS = ("모르겠어요", "잘 모르겠는데", "음… 기억이 안 나", "패스", "몰라", "생각이 안 나요")


class QuizTask:
    """Answer vs model answer: the cosine is the score."""

    def __init__(self, rng: random.Random) -> None:
        self.rng = rng
        self.rows = [row for row in content.load_quiz() if row.split == "train"]
        self.facts = content.load_knowledge()

    def loss(self, encode: Encode) -> Tensor:
        rng = self.rng
        left, right, scores = [], [], []
        for row in rng.sample(self.rows, min(5, len(self.rows))):
            other_row = rng.choice(self.rows)
            graded = [(sample.answer, sample.score) for sample in row.samples]
            graded.append((noised(row.model_answer, rng), 1.0))
            graded.append((rng.choice(row.key_points), 0.5 if len(row.key_points) > 1 else 0.9))
            graded.append((row.question, 0.1))
            if other_row.topic != row.topic:
                graded.append((other_row.model_answer, 0.0))
            for answer, score in graded:
                left.append(noised_often(answer, rng))
                right.append(row.model_answer)
                scores.append(score)
        for fact in rng.sample(self.facts, 5):  # the same skill on many more statements
            other = rng.choice(self.facts)
            graded = [(fact.answer, 1.0), (rng.choice(_NO_ANSWERS), 0.0), (fact.questions[0], 0.1)]
            if other.id != fact.id:
                graded.append((other.answer, 0.15 if other.topic == fact.topic else 0.0))
            for answer, score in graded:
                left.append(noised_often(answer, rng))
                right.append(fact.text)
                scores.append(score)
        distinct = list(dict.fromkeys(right))
        vectors = encode(left + distinct)
        models = vectors[len(left) :][[distinct.index(text) for text in right]]
        cosines = (vectors[: len(left)] * models).sum(dim=1)
        wanted = torch.tensor(scores)
        return 10 * functional.mse_loss(cosines, wanted) + 0.3 * cosent_loss(cosines, wanted)


class InterviewAnswerTask:
    """`{topic} -> {answer}` vs the 27 labels."""

    def __init__(self, rng: random.Random) -> None:
        self.rng = rng
        self.labels = list(LABELS)
        self.rows = [
            row for row in content.load_interview() if row.user_answer and row.split == "train"
        ]
        self.by_label: dict[str, list[content.InterviewRow]] = defaultdict(list)
        for row in self.rows:
            self.by_label[row.success or ""].append(row)

    def loss(self, encode: Encode) -> Tensor:
        rng = self.rng
        batch = rng.sample(self.rows, min(40, len(self.rows)))
        batch += [rng.choice(rows) for rows in self.by_label.values()]
        texts, labels = [], []
        for row in batch:
            topic, label = row.topic, row.success or FAILED
            if label == FAILED and rng.random() < 0.3:
                topic = rng.choice(TOPICS[1:12])  # what is no answer here is none there
            answer = noised_often(row.user_answer or "", rng)
            texts.append(interview_answer_text(topic, answer, remaining_before(row)))
            labels.append(self.labels.index(label))
        vectors = encode(texts + self.labels)
        cosines = vectors[: len(texts)] @ vectors[len(texts) :].T
        return category_loss(cosines, torch.tensor(labels))


class InterviewNextTask:
    """`{topic} -> {answer} (남은 답변: ...)` vs the next topic.

    Every answer is also shown with other remainders: with some left the topic stays, with none
    left the next one comes.
    """

    def __init__(self, rng: random.Random) -> None:
        self.rng = rng
        rows = [row for row in content.load_interview() if row.user_answer]
        self.rows = [row for row in rows if row.split == "train"]
        self.topics = list(TOPICS)
        self.remainders: dict[str, list[tuple[str, ...]]] = defaultdict(list)
        self.following: dict[str, str] = {}
        for row in rows:
            if row.next != row.topic:
                self.following[row.topic] = row.next
            if row.next == row.topic:
                self.remainders[row.topic].append(tuple(row.remaining))

    def loss(self, encode: Encode) -> Tensor:
        rng = self.rng
        texts, labels = [], []
        for row in rng.sample(self.rows, min(56, len(self.rows))):
            remaining, following = list(row.remaining), row.next
            choices = self.remainders[row.topic]
            if choices and (not decided_by_model(row) or rng.random() < 0.5):
                keep = rng.random() < 0.5
                remaining = list(rng.choice(choices)) if keep else []
                following = row.topic if keep else self.following.get(row.topic, row.next)
            answer = noised_often(row.user_answer or "", rng)
            texts.append(interview_next_text(row.topic, answer, remaining))
            labels.append(self.topics.index(following))
        vectors = encode(texts + self.topics)
        cosines = vectors[: len(texts)] @ vectors[len(texts) :].T
        return category_loss(cosines, torch.tensor(labels))


class RetrievalTask:
    """Message vs message of the same intent (ours) or of the same answer (public)."""

    def __init__(self, corpora: PublicCorpora, rng: random.Random) -> None:
        self.rng = rng
        by_intent: dict[str, list[str]] = defaultdict(list)
        for row in content.load_dialogues():
            if row.split == "train":
                by_intent[row.intent].append(row.message)
        self.intents = list(by_intent.items())
        short = [p for p in corpora.pairs if len(p.a) < 40 and p.negative is None]
        self.public = iter(chunked_by_length(short, 32, rng))

    def loss(self, encode: Encode) -> Tensor:
        rng = self.rng
        batch = []
        for intent, messages in rng.sample(self.intents, min(64, len(self.intents))):
            a, b = rng.choice(messages), rng.choice(messages)
            batch.append(TextPair(noised_often(a, rng, always=a == b), b, group=intent))
        batch += next(self.public)
        vectors = encode([p.a for p in batch] + [p.b for p in batch])
        groups = [p.group for p in batch]
        return contrastive_loss(vectors[: len(batch)], vectors[len(batch) :], groups=groups)


def noised_often(text: str, rng: random.Random, always: bool = False) -> str:
    """A noised copy half of the time."""
    return noised(text, rng) if always or rng.random() < 0.5 else text
