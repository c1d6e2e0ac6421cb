"""The decoding loop, on a tiny random model."""

from __future__ import annotations

import threading

import pytest
import torch

from ohlora_core.errors import ModelFileError
from ohlora_core.language import ROLE_FORMATS, Role, load_lite
from ohlora_core.language.local import GenerationSettings

PROMPT = "나는 오로라야 (요약 시작)"


def test_same_seed_same_answer_other_seed_other_answer(tiny_generator):
    first, again, other = (
        tiny_generator.generate(Role.MEMORY, [PROMPT], seed=seed)[0] for seed in (1, 1, 2)
    )
    assert first == again != other


def test_a_stream_is_the_generated_text(tiny_generator):
    streamed = "".join(tiny_generator.stream(Role.MEMORY, PROMPT, seed=5))
    assert streamed == tiny_generator.generate(Role.MEMORY, [PROMPT], seed=5)[0]


def test_temperature_zero_is_greedy(tiny_generator):
    greedy = tiny_generator.generate(Role.MEMORY, [PROMPT], greedy=True)[0]
    assert greedy == tiny_generator.generate(Role.MEMORY, [PROMPT], temperature=0.0, seed=9)[0]


def test_adapters_differ_and_switch_back(tiny_generator):
    def answer(role: Role) -> str:
        # Same prompt and same length for both roles.
        return tiny_generator.generate(role, [PROMPT], greedy=True)[0][:8]

    memory, summary = answer(Role.MEMORY), answer(Role.SUMMARY)
    assert memory != summary
    assert answer(Role.MEMORY) == memory


def test_padding_changes_nothing(tiny_generator):
    short, long = PROMPT, "오늘은 친구랑 카페에 가기로 했어 " + PROMPT
    alone = [tiny_generator.generate(Role.MEMORY, [p], greedy=True)[0] for p in (short, long)]
    assert tiny_generator.generate(Role.MEMORY, [short, long], greedy=True) == alone


def test_a_mixed_answer_comes_when_it_has_ended_not_when_the_batch_has(tiny_generator, monkeypatch):
    base = tiny_generator._bases[Role.MEMORY]
    steps = []
    real = base.step
    monkeypatch.setattr(base, "step", lambda *given: steps.append(1) or real(*given))
    requests = [(Role.MEMORY, PROMPT), (Role.SUMMARY, PROMPT)]
    answers = tiny_generator.generate_mixed(requests, seeds=[1, 2])
    first = next(answers)
    needed = len(steps)
    assert [first, *answers] == [
        tiny_generator.generate(role, [prompt], seed=seed)[0]
        for (role, prompt), seed in zip(requests, (1, 2), strict=True)
    ]
    assert needed <= ROLE_FORMATS[Role.MEMORY].max_new_tokens < len(steps)


def test_candidates_share_the_prompt_but_not_the_answer(tiny_generator):
    found = tiny_generator.sample_candidates(Role.MEMORY, PROMPT, 4, seed=3)
    assert len(found) == 4
    assert len(set(found)) > 1
    assert found == tiny_generator.sample_candidates(Role.MEMORY, PROMPT, 4, seed=3)


def test_candidates_far_below_the_best_are_replaced_by_it(tiny_generator, monkeypatch):
    answers = [("미끄러짐", -2.0), ("제일 좋음", -0.1), ("괜찮음", -0.2)]
    monkeypatch.setattr(tiny_generator, "_answers", lambda *options: list(answers))
    tiny_generator._settings = GenerationSettings(slip_margin=0.5)
    found = tiny_generator.sample_candidates(Role.MEMORY, PROMPT, 3)
    assert found == ["제일 좋음", "괜찮음", "제일 좋음"]


def test_the_end_mark_stops_the_answer(tiny_generator, tiny_tokenizer):
    wanted = tiny_tokenizer(" 친구랑 카페 (요약 종료) 뒤", add_special_tokens=False)["input_ids"]
    script = iter(wanted)
    tiny_generator._choose = lambda logits, heat, source: torch.tensor([next(script)])
    assert "".join(tiny_generator.stream(Role.MEMORY, PROMPT)) == "친구랑 카페"


def test_cancel_ends_the_stream(tiny_generator):
    cancel = threading.Event()
    cancel.set()
    assert len("".join(tiny_generator.stream(Role.SUMMARY, PROMPT, seed=1, cancel=cancel))) <= 8


def test_an_abandoned_stream_blocks_nobody(tiny_generator):
    stream = tiny_generator.stream(Role.SUMMARY, PROMPT, seed=1)
    next(stream)
    assert tiny_generator.generate(Role.MEMORY, [PROMPT], seed=1)


def test_two_threads_get_what_one_gets(tiny_generator):
    expected = {
        r: tiny_generator.generate(r, [PROMPT], seed=1)[0] for r in (Role.MEMORY, Role.SUMMARY)
    }
    found: dict[Role, str] = {}

    def run(role: Role) -> None:
        found[role] = tiny_generator.generate(role, [PROMPT], seed=1)[0]

    threads = [threading.Thread(target=run, args=(role,)) for role in expected]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert found == expected


def test_long_prompts_lose_their_beginning(tiny_generator):
    text = "친구랑 카페에 " * 200
    assert tiny_generator.count_tokens(text) > 200
    tiny_generator.generate(Role.MEMORY, [f"{text}(요약 시작)"], seed=1)


def test_answers_are_as_long_as_the_role_allows(tiny_generator):
    text = tiny_generator.generate(Role.MEMORY, [PROMPT], seed=1)[0]
    assert tiny_generator.count_tokens(text) <= ROLE_FORMATS[Role.MEMORY].max_new_tokens + 2


@pytest.mark.parametrize("content", [None, b"", b"not a tokenizer"])
def test_a_broken_file_is_named_with_the_way_to_restore_it(tmp_path, content):
    base = tmp_path / "models" / "language" / "base"
    base.mkdir(parents=True)
    (base / "config.json").write_text("{}")
    if content is not None:
        (base / "tokenizer.json").write_bytes(content)
    with pytest.raises(ModelFileError, match=r"tokenizer\.json.*git checkout -- models/language"):
        load_lite(tmp_path / "models")
