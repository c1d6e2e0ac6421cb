"""Language models on a real server: `transformers serve` with a tiny model."""

from __future__ import annotations

import re
import socket
import time

import pytest
import torch

from ohlora_core.errors import LlmServerError
from ohlora_core.language import Role
from ohlora_core.language.remote import estimate_tokens, load_remote
from ohlora_core.settings import load_settings

ROLES = [role.value for role in Role]


@pytest.fixture(scope="module")
def transformers_server(tmp_path_factory, tiny_tokenizer):
    """Settings for a `transformers serve` on loopback with one tiny random model for all roles."""
    from transformers import LlamaConfig, LlamaForCausalLM
    from transformers.cli.serve import Serve

    folder = tmp_path_factory.mktemp("served")
    torch.manual_seed(0)
    model = LlamaForCausalLM(
        LlamaConfig(
            vocab_size=len(tiny_tokenizer),
            hidden_size=32,
            intermediate_size=48,
            num_hidden_layers=1,
            num_attention_heads=2,
            max_position_embeddings=640,
        )
    )
    model.generation_config.do_sample = True  # else the server takes no temperature
    # it fails on single bytes that are no character, of which a random model writes many
    written = tiny_tokenizer.batch_decode([[token] for token in range(len(tiny_tokenizer))])
    model.generation_config.suppress_tokens = [
        token for token, text in enumerate(written) if not re.search("[가-힣]", text)
    ]
    model.save_pretrained(folder)
    tiny_tokenizer.save_pretrained(folder)
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    server = Serve(host="127.0.0.1", port=port, device="cpu", non_blocking=True)
    while not server.server.started:
        time.sleep(0.05)
    yield {"llm_url": f"http://127.0.0.1:{port}", "llm_models": dict.fromkeys(ROLES, str(folder))}
    server.kill_server()


def test_a_real_server_streams_repeats_itself_and_ends_at_the_mark(transformers_server):
    generator = load_remote(load_settings(**transformers_server))
    prompt = "안녕 (요약 시작)"
    first, again, other = (
        "".join(generator.stream(Role.SUMMARY, prompt, seed=seed)) for seed in (1, 1, 2)
    )
    assert first == again != other and "(요약 종료)" not in first + other
    (greedy,) = generator.generate(Role.SUMMARY, [prompt], greedy=True)
    answers = generator.generate(Role.SUMMARY, [prompt, "나는 (요약 시작)"], greedy=True)
    assert answers[0] == greedy != answers[1]
    assert len(generator.sample_candidates(Role.SUMMARY, prompt, 3, seed=1)) == 3
    assert generator.count_tokens("안녕하세요") == estimate_tokens("안녕하세요")


def test_leaving_a_real_server_frees_it_for_the_next_answer(transformers_server):
    generator = load_remote(load_settings(**transformers_server))
    deltas = generator.stream(Role.QNA, "안녕 (답변 시작)", seed=1)
    next(deltas)
    deltas.close()
    assert generator.generate(Role.EYES_MOUTH_POSE, ["안녕 (표정 출력 시작)"], seed=1)


def test_a_real_server_without_the_model_is_an_error(transformers_server):
    settings = load_settings(**transformers_server | {"llm_models": {}, "llm_prefix": "/none/"})
    with pytest.raises(LlmServerError, match=settings.llm_url):
        load_remote(settings)
