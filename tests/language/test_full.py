"""Loading the published models: tiny random ones of the true architectures and layouts."""

from __future__ import annotations

import json
import logging
import shutil

import pytest
import torch

from ohlora_core.errors import (
    AdapterMismatchError,
    MissingModelError,
    ModelFileError,
    NotEnoughMemoryError,
    SettingsError,
)
from ohlora_core.language import ROLE_FORMATS, Role
from ohlora_core.language import full as full_module
from ohlora_core.language.adapters import check_adapter
from ohlora_core.language.architecture import empty_base
from ohlora_core.language.compute import Compute
from ohlora_core.language.full import FULL_SETTINGS, load_full
from tests.language import tiny_published as tiny

FLOAT32 = Compute("cpu", torch.float32, "float32: test")
PROMPTS = {
    Role.EYES_MOUTH_POSE: "오늘은 친구랑 카페에 가기로 했어 ✨ (표정 출력 시작)",
    Role.MEMORY: "안녕 (요약 시작)",
}


@pytest.fixture(scope="module")
def profile(tmp_path_factory):
    root = tmp_path_factory.mktemp("published")
    return root, tiny.save_profile(root)


@pytest.fixture(autouse=True)
def _float32(monkeypatch):
    monkeypatch.setattr(full_module, "choose_compute", lambda four_bit=False: FLOAT32)


def load(profile, **options):
    root, sources = profile
    return load_full("v4", sources, lambda source: root / source.name, **options)


@pytest.fixture(scope="module")
def generator(profile):
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(full_module, "choose_compute", lambda four_bit=False: FLOAT32)
        return load(profile)


def greedy(generator, role, prompt="안녕 나는 오로라야"):
    prompt = f"{prompt} {ROLE_FORMATS[role].start_mark}"
    return generator.generate(role, [prompt], greedy=True)[0]


def test_every_base_is_loaded_once_however_many_roles_use_it(profile, monkeypatch):
    loaded = []
    real = full_module.load_base

    def counted(folder, *rest):
        loaded.append(folder.name)
        return real(folder, *rest)

    monkeypatch.setattr(full_module, "load_base", counted)
    generator = load(profile)
    assert sorted(loaded) == ["base", "instruct", "polyglot"]
    assert generator.base_count == 3
    assert generator.share_base(Role.MEMORY, Role.EYES_MOUTH_POSE)
    assert generator.share_base(Role.OUTPUT_MESSAGE, Role.QNA, Role.QUIZ, Role.INTERVIEW)
    assert not generator.share_base(Role.OUTPUT_MESSAGE, Role.SUMMARY)


def test_v2_has_two_bases_and_its_own_expression_temperature(profile):
    root, sources = profile
    sources = {
        # each chat role has an adapter on polyglot
        role: sources[role] if base == "polyglot" or role in ("qna", "quiz") else sources["memory"]
        for role, base in tiny.V4.items()
    }
    generator = load_full("v2", sources, lambda source: root / source.name)
    assert generator.base_count == 2
    assert generator.share_base(Role.OUTPUT_MESSAGE, Role.SUMMARY, Role.MEMORY)
    assert FULL_SETTINGS["v2"].temperatures == {"eyes_mouth_pose": 1.5}


@pytest.mark.parametrize("role", ["output_message", "summary", "memory", "eyes_mouth_pose"])
def test_each_role_runs_as_its_own_adapter_on_its_own_base(profile, generator, role):
    """Against what PEFT and transformers give with one whole model per role, as the original."""
    root, sources = profile
    base, adapter = (root / place.name for place in sources[role])
    prompt = f"안녕 나는 오로라야 {ROLE_FORMATS[Role(role)].start_mark}"
    wanted = tiny.logits_alone(base, adapter, prompt, torch.float32)
    found = tiny.logits_of(generator._bases[Role(role)], Role(role), prompt)
    torch.testing.assert_close(found, wanted, atol=1e-4, rtol=1e-4)


def test_roles_differ_and_switch_back(generator):
    memory = greedy(generator, Role.MEMORY)[:8]
    assert greedy(generator, Role.EYES_MOUTH_POSE)[:8] != memory
    assert greedy(generator, Role.MEMORY)[:8] == memory


def test_a_mixed_batch_equals_single_runs(generator):
    seeds = [3, 4]
    single = [
        generator.generate(role, [prompt], seed=seed)[0]
        for (role, prompt), seed in zip(PROMPTS.items(), seeds, strict=True)
    ]
    requests = list(PROMPTS.items())
    assert list(generator.generate_mixed(requests, seeds=seeds)) == single
    backwards = generator.generate_mixed(requests[::-1], seeds=seeds[::-1])
    assert list(backwards) == single[::-1]


def test_the_logits_of_a_mixed_batch_are_those_of_single_runs(generator):
    base = generator._bases[Role.MEMORY]
    prompts = [base.encode(prompt) for prompt in PROMPTS.values()]
    ids, mask = base.padded(prompts)
    mixed = base.step(list(PROMPTS), ids, mask, base.new_cache())
    for row, (role, prompt) in enumerate(zip(PROMPTS, prompts, strict=True)):
        alone = base.step([role], *base.padded([prompt]), base.new_cache())
        torch.testing.assert_close(mixed[row], alone[0], atol=1e-4, rtol=1e-4)


def test_the_mixed_batch_is_one_batch(generator, monkeypatch):
    base = generator._bases[Role.MEMORY]
    rows = []
    real = base.step
    monkeypatch.setattr(base, "step", lambda roles, *rest: rows.append(roles) or real(roles, *rest))
    assert len(list(generator.generate_mixed(list(PROMPTS.items()), seeds=[1, 2]))) == 2
    assert rows
    assert all(row == list(PROMPTS) for row in rows)


def test_roles_on_other_bases_can_be_asked_for_together(generator):
    requests = [(Role.SUMMARY, "안녕 (요약 시작)"), *PROMPTS.items()]
    mixed = list(generator.generate_mixed(requests, seeds=[1, 2, 3]))
    single = [
        generator.generate(role, [prompt], seed=seed)[0]
        for (role, prompt), seed in zip(requests, (1, 2, 3), strict=True)
    ]
    assert mixed == single


def test_the_tokenizers_own_beginning_is_kept(generator):
    assert len(generator._bases[Role.OUTPUT_MESSAGE].opening) == 1
    assert generator._bases[Role.MEMORY].opening == []


def test_the_end_mark_is_found_in_the_text_not_in_the_tokens(generator, monkeypatch):
    base = generator._bases[Role.OUTPUT_MESSAGE]
    wanted = base.encode("### 답변: 안녕! (답변 종료)뒤")
    assert len(base.encode("(답변 종료)")) > 1
    script = iter(wanted)
    monkeypatch.setattr(generator, "_choose", lambda *given: torch.tensor([next(script)]))
    pieces = list(generator.stream(Role.OUTPUT_MESSAGE, "안녕 (답변 시작)"))
    assert "".join(pieces) == "안녕!"
    assert not any("#" in piece for piece in pieces)


def test_prompt_and_reply_have_128_tokens_in_all(generator, monkeypatch):
    base = generator._bases[Role.OUTPUT_MESSAGE]
    prompt = "오늘은 친구랑 카페에 가기로 했어 " * 3 + "(답변 시작)"
    taken = []

    def never_ending(logits, heats, noise):
        taken.append(1)
        return torch.tensor([270 + len(taken) % 90])

    monkeypatch.setattr(generator, "_choose", never_ending)
    generator.generate(Role.OUTPUT_MESSAGE, [prompt], seed=1)
    assert len(base.encode(prompt)) + 1 + len(taken) == 128


def test_tokens_are_counted_by_the_reply_model(generator):
    assert generator.count_tokens("안녕") == len(generator._bases["output_message"].encode("안녕"))


def test_the_memory_table_is_logged_before_loading(profile, monkeypatch, caplog):
    order = []
    real = full_module.load_base
    monkeypatch.setattr(
        full_module, "load_base", lambda *given: order.append(len(caplog.records)) or real(*given)
    )
    with caplog.at_level(logging.INFO, logger="ohlora_core"):
        load(profile)
    table = caplog.records[0].getMessage()
    assert order[0] >= 1
    assert "float32: test" in table
    for name in ("instruct", "base", "polyglot", "profile v4"):
        assert name in table


# -- bad input ---------------------------------------------------------------------------------


@pytest.fixture
def copied(profile, tmp_path):
    root, sources = profile
    shutil.copytree(root, tmp_path / "models")
    return tmp_path / "models", sources


def test_an_adapter_of_another_architecture_is_refused_and_both_are_named(copied):
    root, sources = copied
    swapped = sources | {"memory": (sources["memory"][0], sources["summary"][1])}
    with pytest.raises(AdapterMismatchError, match=r"adapters/summary.*polyglot"):
        load((root, swapped))


@pytest.mark.parametrize(
    ("shape", "detail"), [({"width": 64}, "the base wants"), ({"layers": 3}, "lacks")]
)
def test_an_adapter_of_another_size_is_refused(tmp_path, profile, shape, detail):
    root, _ = profile
    other = tiny.save_base(tmp_path / "other", "neox", **shape)
    with pytest.raises(AdapterMismatchError, match=rf"adapters/memory.*other.*{detail}"):
        check_adapter(root / "adapters" / "memory", other, empty_base(other))


def test_an_adapter_with_more_layers_than_the_base_is_refused(tmp_path, profile):
    root, _ = profile
    other = tiny.save_base(tmp_path / "other", "neox", layers=1)
    with pytest.raises(AdapterMismatchError, match="no layer for"):
        check_adapter(root / "adapters" / "memory", other, empty_base(other))


def test_target_modules_that_the_weights_do_not_have_are_refused(copied):
    root, _ = copied
    adapter = root / "adapters" / "memory"
    tiny.edit_config(adapter, target_modules=["query_key_value", "dense"])
    with pytest.raises(AdapterMismatchError, match="lacks"):
        check_adapter(adapter, root / "polyglot", empty_base(root / "polyglot"))


def test_another_kind_of_adapter_is_refused(copied):
    root, _ = copied
    tiny.edit_config(root / "adapters" / "memory", peft_type="IA3")
    with pytest.raises(AdapterMismatchError, match="IA3"):
        load(copied)


@pytest.mark.parametrize(
    "name",
    [
        "polyglot/config.json",
        "polyglot/tokenizer.json",
        "polyglot/model.safetensors",
        "adapters/quiz/adapter_config.json",
        "adapters/quiz/adapter_model.safetensors",
    ],
)
@pytest.mark.parametrize("cut", [False, True])
def test_a_missing_or_half_file_is_named_with_the_command_that_gets_it(
    copied, name, cut, monkeypatch
):
    root, _ = copied
    path = root / name
    content = path.read_bytes()
    path.unlink()
    if cut:
        path.write_bytes(content[: len(content) // 2])
    monkeypatch.setattr(full_module, "load_base", _must_not_load)
    with pytest.raises(ModelFileError, match=r"ohlora_core fetch v4") as caught:
        load(copied)
    assert str(path) in str(caught.value)


def _must_not_load(*given):
    raise AssertionError("weights were read before all files were checked")


def test_weights_that_were_published_as_bin_files_load_too(copied, generator):
    from safetensors.torch import load_file

    root, _ = copied
    adapter, base = root / "adapters" / "memory", root / "polyglot"
    for folder, name, pickled in (
        (adapter, "adapter_model.safetensors", "adapter_model.bin"),
        (base, "model.safetensors", "pytorch_model.bin"),
    ):
        torch.save(load_file(folder / name), folder / pickled)
        (folder / name).unlink()
    assert greedy(load(copied), Role.MEMORY) == greedy(generator, Role.MEMORY)


class _Unsafe:
    def __reduce__(self):
        return (print, ("code from a download ran",))


def test_a_bin_file_that_holds_code_is_refused(copied, capsys):
    root, _ = copied
    adapter = root / "adapters" / "memory"
    (adapter / "adapter_model.safetensors").unlink()
    torch.save({"x": _Unsafe()}, adapter / "adapter_model.bin")
    with pytest.raises(ModelFileError, match=r"adapter_model\.bin"):
        load(copied)
    assert "code from" not in capsys.readouterr().out


def test_a_configuration_that_makes_no_model_is_named(copied):
    root, _ = copied
    path = root / "instruct" / "config.json"
    described = json.loads(path.read_text(encoding="utf-8")) | {"hidden_size": "wide"}
    path.write_text(json.dumps(described), encoding="utf-8")
    with pytest.raises(ModelFileError, match=r"instruct/config\.json"):
        load(copied)


def test_a_missing_shard_is_named(copied):
    root, _ = copied
    base = root / "polyglot"
    (base / "model.safetensors").unlink()
    (base / "model.safetensors.index.json").write_text(
        '{"weight_map": {"a": "model-00001-of-00001.safetensors"}}'
    )
    with pytest.raises(ModelFileError, match="model-00001-of-00001"):
        load(copied)


def test_weights_that_lack_a_tensor_are_refused(copied):
    from safetensors.torch import load_file, save_file

    root, _ = copied
    path = root / "polyglot" / "model.safetensors"
    tensors = load_file(path)
    tensors.pop("gpt_neox.layers.1.mlp.dense_h_to_4h.weight")
    save_file(tensors, path, metadata={"format": "pt"})
    with pytest.raises(ModelFileError, match="lack"):
        load(copied)


def test_a_model_that_was_not_fetched_stops_before_anything_is_read(profile):
    _, sources = profile

    def nowhere(source):
        raise MissingModelError("v4", source.name)

    with pytest.raises(MissingModelError, match="fetch v4"):
        load_full("v4", sources, nowhere)


def test_too_little_memory_says_what_to_choose_before_loading(profile, monkeypatch):
    monkeypatch.setattr(full_module, "free_bytes", lambda compute: {"cpu": 10_000})
    monkeypatch.setattr(full_module, "load_base", _must_not_load)
    with pytest.raises(NotEnoughMemoryError, match=r"--profile v2.*--profile lite") as caught:
        load(profile)
    assert "FOUR_BIT" not in str(caught.value)


@pytest.mark.parametrize("error", [torch.OutOfMemoryError("CUDA out of memory"), MemoryError()])
def test_running_out_of_memory_while_loading_says_the_same(profile, monkeypatch, error):
    def fail(*given):
        raise error

    cuda = Compute("cuda", torch.bfloat16, "bfloat16: test")
    monkeypatch.setattr(full_module, "choose_compute", lambda four_bit=False: cuda)
    monkeypatch.setattr(full_module, "free_bytes", lambda compute: {0: 16 * 2**30})
    monkeypatch.setattr(full_module, "load_base", fail)
    with pytest.raises(NotEnoughMemoryError, match=r"OHLORA_FOUR_BIT.*--profile v2.*lite"):
        load(profile)


def test_four_bits_without_a_gpu_say_what_is_needed(profile, monkeypatch):
    from ohlora_core.language.compute import choose_compute

    monkeypatch.setattr(full_module, "choose_compute", choose_compute)
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    with pytest.raises(SettingsError, match="CUDA"):
        load(profile, four_bit=True)
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    with pytest.raises(SettingsError, match="pip install bitsandbytes"):
        load(profile, four_bit=True)
