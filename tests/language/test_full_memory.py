"""Expected memory of the full models, at their true sizes, and which GPU takes which base."""

from __future__ import annotations

import pytest
import torch

from ohlora_core.language.architecture import LlamaWithHeadSize
from ohlora_core.language.compute import Compute, choose_compute
from ohlora_core.language.memory_plan import GIB, BaseNeed, base_need, memory_table, place_bases

BFLOAT16 = Compute("cuda", torch.bfloat16, "bfloat16: test")
FOUR_BIT = Compute("cuda", torch.bfloat16, "bfloat16: test", four_bit=True)


def kanana():
    """The shapes of Kanana 1.5 2.1B."""
    from transformers import LlamaForCausalLM

    with torch.device("meta"):
        return LlamaForCausalLM(
            LlamaWithHeadSize(
                vocab_size=128_256,
                hidden_size=1792,
                intermediate_size=8064,
                num_hidden_layers=32,
                num_attention_heads=24,
                num_key_value_heads=8,
                head_dim=128,
                tie_word_embeddings=True,
            )
        )


def polyglot():
    """The shapes of Polyglot-Ko 1.3B."""
    from transformers import GPTNeoXConfig, GPTNeoXForCausalLM

    with torch.device("meta"):
        return GPTNeoXForCausalLM(
            GPTNeoXConfig(
                vocab_size=30_080,
                hidden_size=2048,
                intermediate_size=8192,
                num_hidden_layers=24,
                num_attention_heads=16,
            )
        )


@pytest.fixture(scope="module")
def bases():
    return kanana(), polyglot()


def needs_of_v4(bases, compute):
    instruct, small = bases
    lora = 20_000_000
    return [
        base_need("instruct", instruct, ["output_message", "qna"], lora, compute),
        base_need("base", instruct, ["summary"], lora, compute),
        base_need("polyglot", small, ["memory", "eyes_mouth_pose"], lora, compute),
    ]


def test_v4_fits_a_16_gb_gpu_in_bfloat16_and_10_gb_in_4_bits(bases):
    whole = needs_of_v4(bases, BFLOAT16)
    assert 10 * GIB < sum(need.total for need in whole) < 14 * GIB
    assert place_bases(whole, {0: int(15.5 * GIB)}) == [{0: need.total} for need in whole]
    packed = needs_of_v4(bases, FOUR_BIT)
    assert sum(need.total for need in packed) < 6.5 * GIB
    assert place_bases(packed, {0: int(9.5 * GIB)}) is not None
    of_v2 = [packed[0], packed[2]]
    assert place_bases(of_v2, {0: int(7.6 * GIB)}) is not None, "8 GB are enough for v2"


def test_the_parameters_are_those_of_the_published_bases(bases):
    instruct, _, small = needs_of_v4(bases, BFLOAT16)
    assert instruct.parameters == pytest.approx(2.09e9, rel=0.02)
    assert small.parameters == pytest.approx(1.33e9, rel=0.02)
    assert instruct.weights == 2 * instruct.parameters


def test_the_table_has_a_row_per_base_and_the_sum(bases):
    needs = needs_of_v4(bases, BFLOAT16)
    lines = memory_table("v4", needs, BFLOAT16).splitlines()
    assert "bfloat16: test" in lines[0]
    assert [line.split()[0] for line in lines[2:]] == ["instruct", "base", "polyglot", "profile"]
    assert f"{sum(need.total for need in needs) / GIB:.2f} GiB" in lines[-1]


def need(gigabytes):
    return BaseNeed("base", (), 0, gigabytes * GIB, 0, 0)


def test_bases_go_whole_to_the_roomiest_of_several_gpus():
    found = place_bases([need(4), need(5), need(3)], {0: 10 * GIB, 1: 9 * GIB})
    assert found is not None
    assert [list(share) for share in found] == [[1], [0], [0]]


def test_a_base_that_fits_no_gpu_alone_is_spread():
    assert place_bases([need(10)], {0: 8 * GIB, 1: 8 * GIB}) == [{0: 6 * GIB, 1: 6 * GIB}]


def test_what_does_not_fit_is_not_placed():
    assert place_bases([need(4), need(4)], {0: 8 * GIB}) is None
    assert place_bases([need(9)], {"cpu": 8 * GIB}) is None


@pytest.mark.parametrize(("native", "dtype"), [(True, torch.bfloat16), (False, torch.float16)])
def test_gpus_without_bfloat16_units_run_float16(monkeypatch, native, dtype):
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(torch.cuda, "get_device_name", lambda: "T4")
    monkeypatch.setattr(torch.cuda, "is_bf16_supported", lambda including_emulation: native)
    chosen = choose_compute()
    assert chosen.dtype is dtype
    assert "T4" in chosen.reason


@pytest.mark.parametrize(("native", "dtype"), [(True, torch.bfloat16), (False, torch.float32)])
def test_processors_without_matrix_units_run_float32(monkeypatch, native, dtype):
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    monkeypatch.setattr(torch.cpu, "_is_amx_tile_supported", lambda: native)
    assert choose_compute().dtype is dtype
