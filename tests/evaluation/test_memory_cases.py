"""The scripted conversations: what the cases must be, and how they are played and judged."""

from __future__ import annotations

import json
from collections import Counter

import pytest

from ohlora_core.__main__ import main
from ohlora_core.content import load_dialogues
from ohlora_core.core import LITE_CHAT_CHARACTERS
from ohlora_core.evaluation import memory_cases
from ohlora_core.evaluation.memory_cases import MemoryCase, load_cases, play
from ohlora_core.language import Role
from ohlora_core.sentence import SentenceTask
from tests.fakes import FakeEncoder, FakeGenerator, make_core

CASE = MemoryCase(
    tell="우리 집 강아지 이름은 호떡이야",
    key="반려동물",
    or_keys=("가족",),
    value="강아지 호떡",
    ask="산책 나가자고 난리다",
    expect=("호떡", "멍멍"),
)
MEMORY = "[반려동물: 강아지 호떡이]"


def plain(text):
    return "".join(letter for letter in text.casefold() if letter.isalnum())


def test_there_are_a_hundred_and_no_message_is_in_our_dialogues():
    cases = load_cases()
    messages = [plain(text) for case in cases for text in (case.tell, case.ask)]
    assert len(cases) == 100 and len(set(messages)) == 200
    assert not set(messages) & {plain(row.message) for row in load_dialogues()}


def test_every_key_that_is_remembered_has_two_cases_at_least():
    keys = Counter(case.key for case in load_cases())
    remembered = Counter(
        row.remember[1:].partition(":")[0] for row in load_dialogues() if row.remember
    )
    assert set(keys) == set(remembered)
    assert min(keys.values()) >= 2


@pytest.mark.parametrize("case", load_cases(), ids=lambda case: case.tell)
def test_a_case_can_be_passed_by_remembering_only(case):
    assert max(len(case.tell), len(case.ask)) <= LITE_CHAT_CHARACTERS
    assert case.is_told_by(f"[{case.key}: {case.tell}]"), "the first turn tells the value"
    assert not case.is_used_by(case.ask), "to repeat the question is no answer"


def played(tmp_path, memory=MEMORY, reply="호떡이가 신났네!", cosine=0.8):
    def answer(prompt):
        return reply if "(예시)" not in prompt and CASE.ask in prompt else "귀여워!"

    generator = FakeGenerator(
        {
            Role.OUTPUT_MESSAGE: answer,
            Role.MEMORY: lambda prompt: memory if CASE.tell in prompt else "",
        }
    )
    encoder = FakeEncoder()
    encoder.overrides[SentenceTask.MEMORY, CASE.ask, memory] = cosine
    core = make_core(tmp_path, generator, encoder)
    try:
        return play(core, CASE), generator
    finally:
        core.close()


def test_a_case_passes_if_the_memory_is_stored_found_and_used(tmp_path):
    found, generator = played(tmp_path)
    assert found.passed and (found.told, found.reply) == ("귀여워!", "호떡이가 신났네!")
    assert found.memory == found.memory_used == MEMORY
    assert MEMORY in generator.prompts_of(Role.OUTPUT_MESSAGE)[-1]


def test_three_memories_of_other_keys_stand_beside_it_the_same_each_time(tmp_path):
    found, _ = played(tmp_path / "a")
    keys = {memory[1:].partition(":")[0] for memory in found.others}
    assert len(keys) == 3 and not keys & {CASE.key, *CASE.or_keys}
    assert played(tmp_path / "b")[0].others == found.others


def test_another_key_is_right_if_the_case_allows_it(tmp_path):
    assert played(tmp_path / "a", memory="[가족: 강아지 호떡]")[0].passed
    assert not played(tmp_path / "b", memory="[친구: 강아지 호떡]")[0].stored


@pytest.mark.parametrize("memory", ["", "[반려동물: 강아지]", "[반려동물: 고양이 호떡]"])
def test_a_memory_without_the_told_words_is_not_stored(tmp_path, memory):
    found, _ = played(tmp_path, memory=memory)
    assert not found.stored and not found.retrieved and not found.passed


def test_a_lucky_reply_without_the_memory_does_not_pass(tmp_path):
    found, _ = played(tmp_path, cosine=0.1)
    assert found.stored and found.used and not found.retrieved and not found.passed


def test_a_reply_that_says_nothing_of_it_does_not_pass(tmp_path):
    found, _ = played(tmp_path, reply="신나겠다!")
    assert found.retrieved and not found.used and not found.passed


def test_the_command_prints_the_counts_and_writes_the_sheet(tmp_path, monkeypatch, capsys):
    other = CASE.model_copy(update={"tell": "나 춘천 살아", "ask": "내 동네 어디게"})
    monkeypatch.setattr(memory_cases, "load_cases", lambda: [CASE, other])
    core = make_core(tmp_path / "data", FakeGenerator({Role.MEMORY: lambda _: MEMORY}))
    monkeypatch.setattr(memory_cases.StillClock, "load", lambda settings: core)
    sheet = tmp_path / "sheets" / "cases.jsonl"
    assert main(["eval", "memory-cases", "--sheet", str(sheet)]) == 0
    counts = json.loads(capsys.readouterr().out)
    assert counts.keys() == {"task", "n", "stored", "retrieved", "used", "passed"}
    assert (counts["n"], counts["stored"], counts["passed"]) == (2, 2, 0)
    rows = [json.loads(line) for line in sheet.read_text(encoding="utf-8").splitlines()]
    assert [row["tell"] for row in rows] == [CASE.tell, "나 춘천 살아"]
    assert rows[0]["memory"] == MEMORY and rows[0]["passed"] is False


def test_a_sheet_goes_with_these_cases_only(capsys):
    assert main(["eval", "ethics", "--sheet", "x.jsonl"]) == 1
    assert "memory-cases" in capsys.readouterr().err
