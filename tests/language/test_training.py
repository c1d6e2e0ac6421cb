"""The exercises of the language model, their packing, and the planted induction heads."""

from __future__ import annotations

import random

import pytest
import torch

from ohlora_core.language import ROLE_FORMATS
from ohlora_core.training.adapters import EXERCISES
from ohlora_core.training.language_corpus import PublicText, to_casual
from ohlora_core.training.language_init import plant_induction_heads
from ohlora_core.training.language_packing import Packer, encode_document, token_puzzle
from ohlora_core.training.language_tasks import Tasks
from ohlora_core.training.language_templates import attribute_fact, plan_fact


@pytest.fixture(scope="module")
def tasks():
    facts = ["손실 함수는 예측이 정답과 얼마나 다른지를 나타내는 함수이다."]
    return Tasks(PublicText(facts=facts), seed=3)


@pytest.mark.parametrize("role", list(EXERCISES))
def test_every_exercise_asks_first_and_ends_with_the_mark_of_its_role(tasks, role):
    for name in EXERCISES[role]:
        for _ in range(20):
            document = getattr(tasks, name)()
            prompt, weight = document[0]
            assert weight == 0
            assert prompt.endswith(" " + ROLE_FORMATS[role].start_mark)
            answer, weight = document[-1]
            assert weight == 1
            assert answer.endswith(" " + ROLE_FORMATS[role].end_mark)


def test_examples_hold_the_reply_that_is_asked_for(tasks):
    for _ in range(20):
        document = tasks.random_examples()
        reply = document[1][0].removesuffix("(답변 종료)").strip()
        assert f"(답변) {reply}" in document[0][0]


def test_no_row_is_its_own_example(tasks):
    for row in tasks.rows[:200]:
        assert row.message not in [other.message for other in tasks.neighbours(row, 3)]


def test_the_memory_of_a_pattern_is_one_pair_and_its_plan_is_in_the_statement():
    rng = random.Random(1)
    for _ in range(200):
        fact = plan_fact(rng)
        assert fact.memory.startswith("[")
        assert fact.memory.count(":") == 1
        value = attribute_fact(rng).memory
        assert value.endswith("]")


@pytest.mark.parametrize(
    ("polite", "casual"),
    [
        ("좋아질 거예요.", "좋아질 거야."),
        ("여행은 언제나 좋죠.", "여행은 언제나 좋지."),
        ("맛있는 거 드세요!", "맛있는 거 먹어!"),
        ("어떠신가요? 괜찮으십니까?", None),
    ],
)
def test_polite_replies_become_casual_or_are_left_out(polite, casual):
    assert to_casual(polite) == casual


def test_rows_are_full_and_only_answers_count(tasks, tiny_tokenizer):
    document = encode_document(tiny_tokenizer, tasks.expression())
    padding = ([tiny_tokenizer.pad_token_id], [0.0])
    packer = Packer(lambda: document, lambda: padding, 2 * len(document[0]) + 5)
    ids, weights = next(packer.batches(2))
    assert ids.shape == weights.shape == (2, 2 * len(document[0]) + 6)
    assert weights.sum() == pytest.approx(4 * sum(document[1]))


def test_puzzles_only_count_what_can_be_copied(tiny_tokenizer):
    rng = random.Random(0)
    for _ in range(50):
        ids, weights = token_puzzle(tiny_tokenizer, rng, 259)
        assert len(ids) == len(weights)
        for position, weight in enumerate(weights):
            if weight and ids[position] != tiny_tokenizer.convert_tokens_to_ids("(답변 종료)"):
                assert ids[position] in ids[:position]


def test_planted_heads_copy_before_any_training():
    from transformers import LlamaConfig, LlamaForCausalLM

    torch.manual_seed(0)
    config = LlamaConfig(
        vocab_size=2000,
        hidden_size=256,
        intermediate_size=64,
        num_hidden_layers=2,
        num_attention_heads=4,
        tie_word_embeddings=True,
        attention_bias=True,
        rope_parameters={"rope_type": "default", "rope_theta": 100_000.0},
    )
    model = LlamaForCausalLM(config)
    plant_induction_heads(model)
    half = torch.randint(0, 2000, (2, 60))
    with torch.no_grad():
        found = model(torch.cat([half, half], 1)).logits[:, 62:-1].argmax(-1)
    assert (found == half[:, 3:]).float().mean() > 0.4


def test_planting_needs_attention_biases():
    from transformers import LlamaConfig, LlamaForCausalLM

    model = LlamaForCausalLM(
        LlamaConfig(vocab_size=50, hidden_size=32, intermediate_size=8, num_hidden_layers=2)
    )
    with pytest.raises(ValueError, match="biases"):
        plant_induction_heads(model)


def test_a_row_that_is_asked_for_is_the_one_that_is_shown(tasks):
    row = tasks.rows[7]
    assert row.new_summary in tasks.summary(row)[-1][0]
    assert row.reply in tasks.nearest_examples(row, 2)[-1][0]
