"""Expression and memory of a turn: asked together where that helps, each until it can be read."""

from __future__ import annotations

from datetime import datetime

import numpy as np
import pytest

from ohlora_core.chat import ChatEngine
from ohlora_core.events import ExpressionChosen
from ohlora_core.language import Role
from tests.fakes import Answer, FakeEncoder, FakeGenerator

EXPRESSION, MEMORY = Role.EYES_MOUTH_POSE, Role.MEMORY
WIDE = "(눈 크게, 입 크게, 고개 돌림 많이)"
REMEMBER = "[이름: 민수]"


def run(generator: FakeGenerator, seed: int = 0) -> tuple[list[ExpressionChosen], str | None]:
    """The expressions that were shown, and what is remembered."""
    engine = ChatEngine(generator, FakeEncoder())
    read = engine.read("나는 민수야", [], "", datetime(2026, 11, 21, 13))
    shown: list[ExpressionChosen] = []
    rng = np.random.default_rng(seed)
    return shown, engine.expression_and_memory(read, "반가워!", rng, shown.append)


def answering(expression: list[str], memory: list[str]) -> FakeGenerator:
    """A generator with these answers, one after the other."""

    def in_turn(texts: list[str]) -> Answer:
        left = iter(texts)
        return lambda _: next(left)

    return FakeGenerator({EXPRESSION: in_turn(expression), MEMORY: in_turn(memory)})


def test_both_are_asked_in_one_batch():
    generator = answering([WIDE], [REMEMBER])
    shown, memory = run(generator)
    assert [chosen.labels for chosen in shown] == [("크게", "크게", "많이")]
    assert memory == REMEMBER and generator.batches == [[EXPRESSION, MEMORY]]
    assert generator.prompts == [
        (EXPRESSION, "반가워! (표정 출력 시작)"),
        (MEMORY, "나는 민수야 (요약 시작)"),
    ]


def test_only_what_cannot_be_read_is_asked_again():
    generator = answering(["", "(눈 이상)", WIDE], [REMEMBER])
    shown, memory = run(generator)
    assert len(shown) == 1 and memory == REMEMBER
    assert generator.batches == [[EXPRESSION, MEMORY], [EXPRESSION], [EXPRESSION]]
    generator = answering([WIDE], ["민수래", REMEMBER])
    assert run(generator)[1] == REMEMBER
    assert generator.batches == [[EXPRESSION, MEMORY], [MEMORY]]


def test_each_has_five_tries_and_another_seed_for_each():
    generator = answering([""] * 5, ["민수래"] * 5)
    shown, memory = run(generator)
    assert [chosen.labels for chosen in shown] == [("보통", "보통", "없음")] and memory is None
    assert generator.batches == [[EXPRESSION, MEMORY]] * 5
    assert len({*generator.seeds[EXPRESSION], *generator.seeds[MEMORY]}) == 10


def test_the_expression_is_shown_before_the_memory_is_complete():
    def no_memory(prompt: str) -> str:
        raise RuntimeError("no memory")

    engine = ChatEngine(FakeGenerator({MEMORY: no_memory}), FakeEncoder())
    read = engine.read("안녕", [], "", datetime(2026, 11, 21, 13))
    shown = []
    with pytest.raises(RuntimeError, match="no memory"):
        engine.expression_and_memory(read, "응", np.random.default_rng(0), shown.append)
    assert len(shown) == 1


def test_on_two_bases_the_expression_comes_first_with_all_of_its_tries():
    generator = answering(["", WIDE], [REMEMBER])
    generator.one_base = False
    shown, memory = run(generator)
    assert len(shown) == 1 and memory == REMEMBER
    assert generator.batches == [[EXPRESSION], [EXPRESSION], [MEMORY]]


@pytest.mark.parametrize("one_base", [True, False])
def test_a_seed_gives_the_same_result(one_base):
    def once(seed: int) -> tuple[list[ExpressionChosen], list[int | None], list[int | None]]:
        generator = answering(["", WIDE], ["민수래", REMEMBER])
        generator.one_base = one_base
        shown, _ = run(generator, seed)
        return shown, generator.seeds[EXPRESSION], generator.seeds[MEMORY]

    assert once(1) == once(1) != once(2)
