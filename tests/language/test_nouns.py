import random

import pytest
import torch
from transformers import LlamaConfig, LlamaForCausalLM

from ohlora_core.language.nouns import NounPool, replaced
from ohlora_core.training.language_corpus import PublicText
from ohlora_core.training.language_init import take_over
from ohlora_core.training.language_tasks import Tasks

TEXTS = [
    "시험을 봤어", "시험은 어려워", "시험이 끝났다", "기타를 쳐", "기타가 좋아", "기타는 비싸",
    "등산을 가", "등산은 힘들어", "등산이 좋아", "파티를 해", "파티가 좋아", "파티는 싫어",
    "힘들어", "힘들지", "힘들다",
]  # fmt: skip


@pytest.fixture
def pool():
    return NounPool(TEXTS)


def test_nouns_are_what_stands_with_several_particles(pool):
    assert len(pool) == 4


def test_a_shared_noun_stands_in_both_texts_with_other_particles(pool):
    assert pool.shared("내일 시험이 있어", "시험 준비는 했어?") == ["시험"]
    assert pool.shared("요즘 힘들어", "힘들지? 쉬자") == []


def test_another_noun_takes_the_same_particles(pool):
    rng = random.Random(0)
    drawn = {pool.draw(rng, "시험") for _ in range(40)} - {None}
    assert {noun.split()[-1] for noun in drawn} == {"등산"}
    assert replaced("시험을 위한 시험, 시험장", "시험", "등산") == "등산을 위한 등산, 시험장"


@pytest.mark.parametrize(
    ("value", "said"),
    [
        ("고1", "고1이잖아, 고1로"),
        ("빠른 96", "빠른 96이잖아, 빠른 96으로"),
        ("ISFP", "ISFP잖아, ISFP로"),
    ],
)
def test_digits_and_letters_take_the_particles_of_how_they_are_spoken(value, said):
    assert replaced("고2잖아, 고2로", "고2", value) == said


def test_an_adapted_reply_says_the_noun_of_the_query():
    tasks = Tasks(PublicText(), "validation", seed=1)
    for _ in range(30):
        (prompt, read), (answer, learned) = tasks.adapted_example()
        assert (read, learned) == (0.0, 1.0)
        query = prompt.rpartition("(답변)")[2]
        reply = answer.removesuffix(" (답변 종료)").strip()
        assert any(word[:2] in reply for word in query.split())


def llama(layers: int) -> LlamaForCausalLM:
    torch.manual_seed(layers)
    return LlamaForCausalLM(
        LlamaConfig(
            vocab_size=40, hidden_size=16, intermediate_size=24, num_hidden_layers=layers,
            num_attention_heads=2, num_key_value_heads=2, attention_bias=True,
            tie_word_embeddings=True,
        )
    )  # fmt: skip


def test_a_deeper_model_computes_what_it_took_over():
    small, deep = llama(2), llama(5)
    ids = torch.arange(12)[None]
    take_over(deep, small)
    assert torch.allclose(deep(ids).logits, small(ids).logits, atol=1e-6)


def test_a_shallower_model_takes_nothing_over():
    with pytest.raises(ValueError, match="deeper"):
        take_over(llama(2), llama(3))
