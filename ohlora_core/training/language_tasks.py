"""The exercises of the lite language model, as text segments with a loss weight each.

Each method of `Tasks` draws one document. Reading comes before knowing: most documents can only
be completed by copying from their own prompt. Knows nothing of tokens or models.
"""

from __future__ import annotations

import random
from collections import defaultdict
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from ohlora_core import content
from ohlora_core.chat.examples import SHORT_REPLY, expression_of
from ohlora_core.content import DialogueRow, InterviewRow
from ohlora_core.language import prompts
from ohlora_core.language.nouns import NounPool, replaced
from ohlora_core.language.roles import ROLE_FORMATS, Role
from ohlora_core.training.language_corpus import PublicText, content_lines, to_casual
from ohlora_core.training.language_templates import Fact, attribute_fact, plan_fact

__all__ = ["Document", "Tasks", "example_of", "final_of"]

# (text, weight of its tokens in the loss)
Document = list[tuple[str, float]]

# Final input and reply, and the row they are of if they are ours; with the noun that both hold.
_Turn = tuple[str, str, DialogueRow | None]
_Echo = tuple[str, str, str, DialogueRow | None]

_SECOND_EXPRESSION = 0.2  # how often the less likely expression is the right one
_DAYS = "월화수목금토일"
_JOINED_TAILS = ("", "", "", "?", "!", " ㅋㅋ", "ㅠㅠ", "~", "..", " ㅎㅎ")


def time_prefix(now: str | None) -> str:
    """`(지금은 토요일 오후) `, or nothing."""
    return f"(지금은 {now}) " if now else ""


def final_of(row: DialogueRow) -> str:
    """The final input of a row, as the chat turn builds it."""
    return prompts.final_input(time_prefix(row.now) + row.message, row.memory, row.summary)


def example_of(row: DialogueRow) -> tuple[str, str]:
    """The row as a retrieved example: final input without time, reply."""
    return prompts.final_input(row.message, row.memory, row.summary), row.reply


def prefix_kind(row: DialogueRow) -> str:
    """Which of the three shapes of final input a row has; examples share the shape."""
    return "memory" if row.memory else "summary" if row.summary else "plain"


def asked(prompt: str, answer: str, role: Role, weight: float = 1.0) -> Document:
    """A prompt (not learned) and its answer with the end mark (learned)."""
    answer = f" {answer} " if answer else " "
    return [(prompt, 0.0), (answer + ROLE_FORMATS[role].end_mark, weight)]


@dataclass
class _Bank:
    """Messages with replies, and the nearest other messages of each."""

    inputs: list[str]
    replies: list[str]
    neighbours: np.ndarray  # [n, k], nearest first, -1 where there is none


class Tasks:
    """Draws documents.

    Args:
        public: The public corpora.
        split: Split of our content to draw from.
        seed: Seed of every draw.
    """

    def __init__(self, public: PublicText, split: content.Split = "train", seed: int = 0) -> None:
        self.rng = random.Random(seed)
        self.public = public
        self.rows = [row for row in content.load_dialogues() if row.split == split]
        self.all_train = [row for row in content.load_dialogues() if row.split == "train"]
        self.own_lines = content_lines("train")
        self.knowledge = [k for k in content.load_knowledge() if k.split == split]
        self.questions = [(k, q) for k in self.knowledge for q in k.questions]
        self.unmatched = [u for u in content.load_unmatched() if u.split == split]
        self.quiz = [(q, s) for q in content.load_quiz() for s in q.samples if s.split == split]
        self.interview = [i for i in content.load_interview() if i.split == split]
        self.outcomes: dict[tuple[str, str, str], list[InterviewRow]] = defaultdict(list)
        for line in content.load_interview():
            if line.split == "train":
                self.outcomes[_outcome(line)].append(line)
        self.quiet = [row for row in self.rows if row.remember is None]
        self.remembered = [row for row in self.rows if row.remember]
        self.replies = [row.reply for row in self.all_train]
        self.casual = [reply for _, reply in public.pairs if len(reply) <= 40]
        self.by_intent = _grouped(self.rows)
        self.intents = [group for group in self.by_intent.values() if len(group) > 1]
        self.by_expression: dict[str, list[DialogueRow]] = defaultdict(list)
        for row in self.all_train:
            if len(row.reply) <= SHORT_REPLY:
                self.by_expression[expression_of(row)].append(row)
        self.own_neighbours = _row_neighbours(self.rows, self.all_train)
        self.told_neighbours = _told_neighbours(self.rows, self.all_train)
        self.public_bank = _public_bank(public.pairs) if public.pairs else None
        own = [(*example_of(row), row) for row in self.all_train]
        self.nouns = NounPool(
            [text for final, reply, _ in own for text in (final, reply)]
            + [text for pair in public.pairs for text in pair]
            + public.sentences
        )
        mine = [(*example_of(row), row) for row in self.rows]
        theirs = [(message, reply, None) for message, reply in public.pairs]
        self.echoes = [self._echoes(mine), self._echoes(theirs)]

    # -- reading examples ---------------------------------------------------------------------

    def random_examples(self) -> Document:
        """Examples with random replies; every query is a noised example and takes its reply."""
        rng = self.rng
        count = rng.choices((1, 2, 3), (1, 3, 4))[0]
        pairs = [self._paraphrase() for _ in range(count)]
        replies = [self._any_reply() for _ in range(count)]
        shown = [(example, reply) for (example, _), reply in zip(pairs, replies, strict=True)]
        order = list(range(count))
        rng.shuffle(order)
        # At run time the nearest example stands last: let that be the usual case.
        if rng.random() < 0.5:
            order.remove(count - 1)
            order.insert(0, count - 1)
        document: Document = []
        for step, index in enumerate(order[: rng.randint(1, count)]):
            final = self._prefixed(pairs[index][1])
            prompt = prompts.reply_prompt(final, shown if step == 0 else ())
            document += asked((" " if step else "") + prompt, replies[index], Role.OUTPUT_MESSAGE)
        return document

    def nearest_examples(
        self, row: DialogueRow | None = None, count: int | None = None
    ) -> Document:
        """A dialogue row behind its nearest examples; the target is the true reply."""
        rng = self.rng
        if row is None and self.public_bank is not None and rng.random() < 0.3:
            bank = self.public_bank
            index = rng.randrange(len(bank.inputs))
            near = [i for i in bank.neighbours[index] if i >= 0][: count or rng.randint(1, 3)]
            shown = [(bank.inputs[i], bank.replies[i]) for i in reversed(near)]
            prompt = prompts.reply_prompt(bank.inputs[index], shown)
            return asked(prompt, bank.replies[index], Role.OUTPUT_MESSAGE)
        row = row or rng.choice(self.rows)
        shown = [example_of(other) for other in self.neighbours(row, count or rng.randint(1, 3))]
        return asked(prompts.reply_prompt(final_of(row), shown), row.reply, Role.OUTPUT_MESSAGE)

    def copy_nearest(self) -> Document:
        """A dialogue row behind its nearest examples; the target is the last example's reply.

        A small model fits a message better with a good reply to a similar one than with words of
        its own. Rows with a memory keep their true reply, which holds the value.
        """
        row = self.rng.choice(self.rows)
        near = self.neighbours(row, self.rng.randint(2, 3))
        if row.memory or not near:
            return self.nearest_examples(row, 3)
        same = [other for other in self.by_intent[row.intent] if other.message != row.message]
        if same and self.rng.random() < 0.5:
            near[-1] = self.rng.choice(same)
        shown = [example_of(other) for other in near]
        prompt = prompts.reply_prompt(final_of(row), shown)
        return asked(prompt, shown[-1][1], Role.OUTPUT_MESSAGE)

    def adapted_example(self) -> Document:
        """An example whose reply says a noun of its message again; the query has another noun.

        The target is the example's reply with the noun of the query.
        """
        rng = self.rng
        own, public = self.echoes
        final, reply, noun, row = rng.choice(public if public and rng.random() < 0.25 else own)
        one, two = noun, self.nouns.draw(rng, noun) or noun
        if rng.random() < 0.5:
            one, two = two, one
        if rng.random() < 0.3:
            two = self.nouns.draw(rng, noun) or two
        query = replaced(final, noun, two)
        noised = self._noised(query)
        if two in noised and final[0] not in "[(" and rng.random() < 0.5:
            query = noised
        shown = [(replaced(final, noun, one), replaced(reply, noun, one))]
        near = self.neighbours(row, rng.choice((0, 0, 1, 2))) if row else []
        place = len(near) if rng.random() < 0.7 else rng.randint(0, len(near))
        others = [example_of(other) for other in near]
        shown = others[:place] + shown + others[place:]
        now = time_prefix(row.now) if row and row.memory is None and row.summary is None else ""
        prompt = prompts.reply_prompt(now + query, shown)
        return asked(prompt, replaced(reply, noun, two), Role.OUTPUT_MESSAGE)

    def _echoes(self, turns: Sequence[_Turn]) -> list[_Echo]:
        """Turns whose reply says a noun of the message again, once for each such noun."""
        return [
            (final, reply, noun, row)
            for final, reply, row in turns
            for noun in self.nouns.shared(final, reply)
        ]

    def neighbours(self, row: DialogueRow, count: int) -> list[DialogueRow]:
        """The nearest training rows of the same shape, nearest last, never the row itself."""
        near = self.own_neighbours.get(id(row), [])[:count]
        return near[::-1]

    def plain_reply(self) -> Document:
        """A dialogue row with nothing before it."""
        row = self.rng.choice(self.rows)
        return asked(prompts.reply_prompt(final_of(row)), row.reply, Role.OUTPUT_MESSAGE)

    def recall(self) -> Document:
        """A question about a memory, often behind an example with another value."""
        prompt, fact = self._recalled()
        return asked(prompt, fact.reply, Role.OUTPUT_MESSAGE)

    def recall_question(self) -> tuple[str, str]:
        """Prompt of a question about a memory, and the value that the reply should hold."""
        prompt, fact = self._recalled(attribute_fact)
        return prompt, fact.memory.partition(": ")[2].rstrip("]")

    def _recalled(self, draw: Callable[[random.Random], Fact] | None = None) -> tuple[str, Fact]:
        rng = self.rng
        draw = draw or (plan_fact if rng.random() < 0.6 else attribute_fact)
        fact = draw(rng)
        final = f"{fact.memory} {time_prefix(self._day()) if fact.timed else ''}{fact.question}"
        shown = []
        for _ in range(rng.choice((0, 1, 2, 3))):
            other = draw(rng)
            shown.append((f"{other.memory} {other.question}", other.reply))
        return prompts.reply_prompt(final, shown), fact

    # -- memory, summary, expression ----------------------------------------------------------

    def memory_pattern(self) -> Document:
        """A statement from a pattern; the memory holds its words, its key is that of an example."""
        rng = self.rng
        draw = plan_fact if rng.random() < 0.45 else attribute_fact
        fact = draw(rng)
        final = (time_prefix(self._day()) if fact.timed else "") + fact.statement
        if rng.random() < 0.15:
            final = prompts.final_input(final, summary=rng.choice(self.rows).new_summary)
        shown = [self._memory_example() for _ in range(rng.choice((0, 1, 2)))]
        # Of a plan the key is in the statement; of anything else a similar example shows it.
        wanted = fact.memory.partition(":")[0]
        other = draw(rng)
        for _ in range(60):
            if other.memory.startswith(wanted) or (fact.timed and rng.random() < 0.4):
                break
            other = draw(rng)
        if rng.random() < 0.9:
            shown.append(prompts.memory_example(other.statement, other.memory))
        return asked(prompts.memory_prompt(final, shown), fact.memory, Role.MEMORY)

    def memory_row(self) -> Document:
        """A row of ours that has, or has not, something to remember.

        Rows of its key stand before it, and one of another; now and then the other one is right.
        """
        rng = self.rng
        row = rng.choice(self.remembered if rng.random() < 0.6 else self.quiet)
        near = self.told_neighbours.get(id(row), [])
        if not near or rng.random() < 0.15:
            near = self.neighbours(row, rng.choice((0, 2, 3, 3)))
        else:
            pool = self.remembered if row.remember is None or rng.random() < 0.5 else self.quiet
            others = rng.sample(pool, 2)
            near = [near[0], *others] if rng.random() < 0.2 else [others[0], *near[:2][::-1]]
        shown = [prompts.memory_example(o.message, o.remember) for o in near if o is not row]
        return asked(prompts.memory_prompt(final_of(row), shown), row.remember or "", Role.MEMORY)

    def memory_nothing(self) -> Document:
        """A question or reaction: nothing to remember."""
        rng = self.rng
        shown = [self._memory_example() for _ in range(rng.choice((0, 1, 2)))]
        if rng.random() < 0.5:
            draw = plan_fact if rng.random() < 0.6 else attribute_fact
            fact = draw(rng)
            now = time_prefix(self._day()) if fact.timed else ""
            final = prompts.final_input(now + fact.question, fact.memory)
            shown.append(prompts.memory_example(draw(rng).question, None))
        else:
            quiet = [q for _ in range(4) for q in self._some_questions() if q.endswith("?")]
            final = rng.choice(quiet or ["뭐해?"])
            shown.append(prompts.memory_example(rng.choice(self.quiet).message, None))
        return asked(prompts.memory_prompt(final, shown), "", Role.MEMORY)

    def _memory_example(self) -> tuple[str, str]:
        row = self.rng.choice(self.remembered if self.rng.random() < 0.5 else self.quiet)
        return prompts.memory_example(row.message, row.remember)

    def summary(self, row: DialogueRow | None = None) -> Document:
        """What a turn was about, behind similar turns; her reply may be that of an example."""
        rng = self.rng
        drawn = row is None
        row = row or rng.choice(self.rows)
        near = self.neighbours(row, rng.choice((0, 1, 2, 2)) if drawn else 2)
        shown = [prompts.summary_example(o.message, o.reply, o.new_summary) for o in near]
        reply, summary = row.reply, row.new_summary
        if drawn and near and not row.memory and rng.random() < 0.5:
            # At run time her reply mostly is an example's: then its summary fits as well.
            taken = rng.choice(near)
            reply, summary = taken.reply, taken.new_summary
        return asked(prompts.summary_prompt(final_of(row), reply, shown), summary, Role.SUMMARY)

    def expression(self, row: DialogueRow | None = None) -> Document:
        """The expression that goes with a reply."""
        row = row or self.rng.choice(self.rows)
        pair = self._expressed(row)
        if self.rng.random() < _SECOND_EXPRESSION:
            pair.reverse()
        shown = [(o.reply, expression_of(o)) for o in pair]
        prompt = prompts.expression_prompt(row.reply, shown)
        return asked(prompt, expression_of(row), Role.EYES_MOUTH_POSE)

    def _expressed(self, row: DialogueRow) -> list[DialogueRow]:
        """Rows with another expression than a row has, and with its own, where there are any."""
        own = expression_of(row)
        others = [name for name in self.by_expression if name != own]
        pool = self.by_expression[self.rng.choice(others)] if others else []
        same = [other for other in self.by_expression.get(own, []) if other is not row]
        return [self.rng.choice(rows) for rows in (pool, same) if rows]

    # -- tutor --------------------------------------------------------------------------------

    def qna(self) -> Document:
        """A question with its fact, or with none."""
        rng = self.rng
        if self.unmatched and rng.random() < 0.15:
            row = rng.choice(self.unmatched)
            return asked(prompts.qna_prompt(None, row.question), row.answer, Role.QNA)
        fact, question = rng.choice(self.questions)
        return asked(prompts.qna_prompt(fact.text, question), fact.answer, Role.QNA)

    def qna_copy(self) -> Document:
        """A fact from the public texts, to be said again in casual Korean."""
        rng = self.rng
        fact = rng.choice(self.public.facts)
        question = " ".join(fact.split()[: rng.randint(1, 3)]) + rng.choice(
            ("?", " 뭐야?", " 알려줘")
        )
        return asked(prompts.qna_prompt(fact, question), to_casual(fact) or fact, Role.QNA)

    def quiz_row(self) -> Document:
        """A graded answer with its explanation, behind other graded answers to the question."""
        rng = self.rng
        row, sample = rng.choice(self.quiz)
        others = [s for s in row.samples if s is not sample and s.split == "train"]
        rng.shuffle(others)
        shown = [(s.answer, s.explanation) for s in others[: rng.choice((0, 1, 2, 2, 3))]]
        if rng.random() < 0.35:  # the same answer in other words: its explanation is known
            shown.append((self._noised(sample.answer), sample.explanation))
            if rng.random() < 0.3:
                rng.shuffle(shown)
        prompt = prompts.quiz_prompt(row.question, row.model_answer, sample.answer, shown)
        # As in `copy_nearest`: words that fit a similar answer beat a small model's own.
        copied = shown and rng.random() < 0.4
        return asked(prompt, shown[-1][1] if copied else sample.explanation, Role.QUIZ)

    def interview_row(self) -> Document:
        """An interviewer's line, behind her lines after similar answers with the same outcome."""
        rng = self.rng
        row = rng.choice(self.interview)
        others = [o for o in self.outcomes[_outcome(row)] if o is not row]
        rng.shuffle(others)
        shown = [
            (o.user_answer or prompts.INTERVIEW_OPENING, o.utterance)
            for o in others[: rng.choice((0, 1, 2, 2, 3))]
        ]
        if rng.random() < 0.35:
            known = self._noised(row.user_answer or prompts.INTERVIEW_OPENING)
            shown.append((known, row.utterance))
        if row.user_answer is None:
            prompt = prompts.interview_prompt(examples=shown)
        else:
            greeting = row.topic == "면접 시작 인사"
            success = None if greeting else row.success
            prompt = prompts.interview_prompt(
                row.topic, row.user_answer, success, row.next, examples=shown
            )
        copied = shown and rng.random() < 0.6  # every line of the same outcome leads the right way
        return asked(prompt, shown[-1][1] if copied else row.utterance, Role.INTERVIEW)

    # -- fluency ------------------------------------------------------------------------------

    def plain_text(self, own_share: float = 0.3) -> Document:
        """Sentences to be learned as they are."""
        rng = self.rng
        if rng.random() < own_share:
            lines = rng.sample(self.own_lines, 3)
        elif rng.random() < 0.25:
            start = rng.randrange(len(self.public.facts) - 3)
            lines = self.public.facts[start : start + 3]
        elif rng.random() < 0.4:
            lines = [f"{q} {r}" for q, r in rng.choices(self.public.pairs, k=3)]
        else:
            start = rng.randrange(len(self.public.sentences) - 3)
            lines = self.public.sentences[start : start + 3]
        return [(" ".join(lines), 1.0)]

    # -- draws --------------------------------------------------------------------------------

    def _paraphrase(self) -> tuple[str, str]:
        """A message and another wording of it."""
        rng = self.rng
        roll = rng.random()
        if roll < 0.3 and self.intents:
            first, second = rng.sample(rng.choice(self.intents), 2)
            return first.message, second.message
        if roll < 0.6 and self.public.paraphrases:
            first_text, second_text = rng.choice(self.public.paraphrases)
            if len(first_text) + len(second_text) < 110:
                return first_text, self._noised(second_text) if rng.random() < 0.3 else second_text
        message = rng.choice(self._some_questions())
        return message, self._noised(message)

    def _some_questions(self) -> list[str]:
        """A few messages of users."""
        rng = self.rng
        if not self.public.pairs or rng.random() < 0.3:
            return [row.message for row in rng.choices(self.rows, k=4)]
        return [question for question, _ in rng.choices(self.public.pairs, k=4)]

    def _any_reply(self) -> str:
        pool = self.casual if self.casual and self.rng.random() < 0.45 else self.replies
        return self.rng.choice(pool)

    def _noised(self, text: str) -> str:
        """The text as somebody else would type it: words missing, glued, shuffled, reendings."""
        rng = self.rng
        words = text.rstrip(" ?!.~").split()
        if not words:
            return text
        if len(words) > 2 and rng.random() < 0.5:
            words.pop(rng.randrange(len(words)))
        if len(words) > 2 and rng.random() < 0.15:
            cut = rng.randrange(1, len(words))
            words = words[cut:] + words[:cut]
        if len(words) > 1 and rng.random() < 0.2:
            at = rng.randrange(len(words) - 1)
            words[at : at + 2] = [words[at] + words[at + 1]]
        last = words[-1]
        if last.endswith("요") and len(last) > 2:
            words[-1] = last[:-1]
        elif rng.random() < 0.1:
            words[-1] = last[:-1] or last
        opener = rng.choice(("로라야 ", "나 ", "있잖아 ")) if rng.random() < 0.2 else ""
        return opener + " ".join(words) + rng.choice(_JOINED_TAILS)

    def _prefixed(self, message: str) -> str:
        """The message behind a time, a memory or a summary that does not matter, sometimes."""
        rng = self.rng
        roll = rng.random()
        if roll < 0.1:
            return time_prefix(self._day()) + message
        if roll < 0.16:
            return prompts.final_input(message, summary=rng.choice(self.rows).new_summary)
        if roll < 0.2:
            return prompts.final_input(message, memory=attribute_fact(rng).memory)
        return message

    def _day(self) -> str:
        return f"{self.rng.choice(_DAYS)}요일 {self.rng.choice(('오전', '오후', '저녁'))}"


def _outcome(row: InterviewRow) -> tuple[str, str, str]:
    return row.topic, row.success or "", row.next


def _grouped(rows: list[DialogueRow]) -> dict[str, list[DialogueRow]]:
    groups: dict[str, list[DialogueRow]] = defaultdict(list)
    for row in rows:
        if not row.summary:
            groups[row.intent].append(row)
    return groups


def _nearest(queries: list[str], keys: list[str], count: int) -> np.ndarray:
    """Indices of the nearest keys by character n-grams, [n_queries, count], nearest first."""
    from sklearn.feature_extraction.text import TfidfVectorizer

    vectorizer = TfidfVectorizer(analyzer="char_wb", ngram_range=(1, 3), sublinear_tf=True)
    key_vectors = vectorizer.fit_transform(keys)
    found = []
    for start in range(0, len(queries), 512):
        part = vectorizer.transform(queries[start : start + 512])
        scores = (part @ key_vectors.T).toarray()
        found.append(np.argsort(-scores, axis=1)[:, :count])
    return np.concatenate(found)


def _row_neighbours(
    rows: list[DialogueRow], bank: list[DialogueRow]
) -> dict[int, list[DialogueRow]]:
    """Nearest bank rows of the same shape for each row (by id), nearest first."""
    result: dict[int, list[DialogueRow]] = {}
    for kind in ("plain", "memory", "summary"):
        mine = [row for row in rows if prefix_kind(row) == kind]
        others = [row for row in bank if prefix_kind(row) == kind]
        if not mine or not others:
            continue
        # The prefix takes part: a memory of the same kind makes the better example.
        near = _nearest([example_of(r)[0] for r in mine], [example_of(r)[0] for r in others], 8)
        for row, indices in zip(mine, near, strict=True):
            picked = [others[i] for i in indices if others[i].message != row.message]
            result[id(row)] = picked[:4]
    return result


def _told_neighbours(
    rows: list[DialogueRow], bank: list[DialogueRow]
) -> dict[int, list[DialogueRow]]:
    """Nearest bank rows that tell the same kind of thing, for rows without context, by id."""

    def by_key(some: list[DialogueRow]) -> dict[str, list[DialogueRow]]:
        groups: dict[str, list[DialogueRow]] = defaultdict(list)
        for row in some:
            if prefix_kind(row) == "plain":
                groups[(row.remember or "").partition(":")[0]].append(row)
        return groups

    result: dict[int, list[DialogueRow]] = {}
    stored = by_key(bank)
    for key, mine in by_key(rows).items():
        result |= _row_neighbours(mine, stored[key])
    return result


def _public_bank(pairs: list[tuple[str, str]]) -> _Bank:
    inputs, replies = [q for q, _ in pairs], [r for _, r in pairs]
    near = _nearest(inputs, inputs, 6)
    neighbours = np.full((len(inputs), 3), -1)
    for index, row in enumerate(near):
        others = [i for i in row if i != index and inputs[i] != inputs[index]][:3]
        neighbours[index, : len(others)] = others
    return _Bank(inputs, replies, neighbours)
