"""Fine-tuning published bases on a user's own content: tiny random ones, the real command."""

from __future__ import annotations

import json
import logging
import shutil

import pytest
import torch

from ohlora_core.__main__ import main
from ohlora_core.content import split_of
from ohlora_core.errors import (
    AdapterMismatchError,
    ContentError,
    MissingModelError,
    SettingsError,
    TrainingDataError,
)
from ohlora_core.language import ROLE_FORMATS, Role, reply_prompt
from ohlora_core.language import full as full_module
from ohlora_core.language.compute import Compute
from ohlora_core.language.files import load_tokenizer
from ohlora_core.language.full import load_full
from ohlora_core.training import published_adapters
from ohlora_core.training.adapters import Options, train
from ohlora_core.training.published_adapters import encode_answer
from ohlora_core.training.published_documents import documents_of
from tests.language import tiny_published as tiny

FLOAT32 = Compute("cpu", torch.float32, "float32: test")


def message(split: str, number: int = 0) -> str:
    """A message that belongs to a split."""
    fitting = (text for n in range(10_000) if split_of(text := f"카페 {n}") == split)
    return [next(fitting) for _ in range(number + 1)][-1]


def turn(text: str) -> dict[str, object]:
    return {
        "message": text,
        "reply": "나는 오로라야",
        "remember": "[장소: 카페]",
        "new_summary": "카페 이야기",
        "eyes": "크게",
        "mouth": "보통",
        "pose": "없음",
        "topic": "카페",
        "intent": "인사",
    }


def write(path, rows):
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("\n".join(json.dumps(row, ensure_ascii=False) for row in rows), "utf-8")


@pytest.fixture(scope="module")
def root(tmp_path_factory):
    """Two bases and a content folder with dialogues only."""
    folder = tmp_path_factory.mktemp("own")
    tiny.save_base(folder / "instruct", "llama")
    tiny.save_base(folder / "polyglot", "neox")
    rows = [turn(message("train")), turn(message("train", 1)), turn(message("validation"))]
    write(folder / "content" / "dialogues" / "mine.jsonl", rows)
    return folder


@pytest.fixture(autouse=True)
def _float32(monkeypatch):
    for module in (published_adapters, full_module):
        monkeypatch.setattr(module, "choose_compute", lambda four_bit=False: FLOAT32)


def options(root, work, base, roles, **more):
    given = {"content_dir": root / "content", "work_dir": work, "epochs": 2, "rows": 2, **more}
    return Options(base=str(root / base), roles=roles, **given)


def config_of(folder):
    return json.loads((folder / "adapter_config.json").read_text(encoding="utf-8"))


@pytest.mark.parametrize(
    ("base", "targets"), [("instruct", tiny.LLAMA_LAYERS), ("polyglot", tiny.NEOX_LAYERS)]
)
def test_the_command_makes_adapters_with_the_recipe_that_the_loader_reads(
    root, tmp_path, capsys, base, targets
):
    words = ["train", "adapters", "--base", str(root / base), "--roles", "output_message,memory"]
    words += ["--content", str(root / "content"), "--work-dir", str(tmp_path), "--epochs", "1"]
    assert main(words) == 0
    results = json.loads(capsys.readouterr().out)["adapters"]
    assert list(results) == ["output_message", "memory"]
    assert results["memory"]["rows"] == 2
    assert results["memory"]["loss"] > 0
    for role, rank in (("output_message", 16), ("memory", 64)):
        found = config_of(tmp_path / "published" / role)
        assert (found["r"], found["lora_alpha"], found["lora_dropout"]) == (rank, 16, 0.05)
        assert found["init_lora_weights"] == "gaussian" or found["init_lora_weights"] is True
        assert sorted(found["target_modules"]) == sorted(targets)
    sources = {role: (base, role) for role in results}
    places = {base: root / base} | {role: tmp_path / "published" / role for role in results}
    generator = load_full("v4", sources, places.__getitem__)
    assert generator.base_count == 1


def test_it_learns_to_say_the_reply_and_stops_after_it(root, tmp_path):
    learnt = options(
        root, tmp_path, "instruct", "output_message", epochs=120, learning_rate=1e-2, rank=8
    )
    result = train(learnt)["adapters"]["output_message"]
    assert result["loss"] < 1.0
    places = {"base": root / "instruct", "adapter": tmp_path / "published" / "output_message"}
    generator = load_full("v4", {"output_message": ("base", "adapter")}, places.__getitem__)
    prompt = reply_prompt(message("train"))
    assert generator.generate(Role.OUTPUT_MESSAGE, [prompt], greedy=True) == ["나는 오로라야"]


@pytest.mark.parametrize("base", ["instruct", "polyglot"])
def test_only_the_answer_its_mark_and_the_end_are_learnt(root, base):
    tokenizer = load_tokenizer(root / base)
    for role in (Role.OUTPUT_MESSAGE, Role.MEMORY, Role.SUMMARY, Role.EYES_MOUTH_POSE):
        document = documents_of(role, root / "content", "train")[0]
        ids, labels = encode_answer(tokenizer, document)
        learnt = [token for token, label in zip(ids, labels, strict=True) if label != -100]
        answer = tokenizer.decode(learnt[:-1])
        assert answer == document[-1][0]
        assert answer.endswith(ROLE_FORMATS[role].end_mark)
        assert learnt[-1] == tokenizer.eos_token_id
        prompt = ids[: len(ids) - len(learnt)]
        assert prompt == tokenizer(document[0][0])["input_ids"]


def test_the_published_roles_learn_from_our_own_content():
    from ohlora_core.content import CONTENT_DIR

    for role in (Role.MEMORY, Role.QNA, Role.QUIZ, Role.INTERVIEW):
        for prompt, answer in documents_of(role, CONTENT_DIR, "validation")[:20]:
            assert prompt[0].endswith(ROLE_FORMATS[role].start_mark)
            assert "(예시)" not in prompt[0]
            assert answer[0].endswith(ROLE_FORMATS[role].end_mark)


def test_an_interrupted_training_goes_on_where_it_stopped(root, tmp_path, monkeypatch, caplog):
    real = published_adapters.answer_loss
    calls = []

    def interrupted(*given):
        calls.append(1)
        if len(calls) == 4:
            raise KeyboardInterrupt
        return real(*given)

    wanted = options(root, tmp_path, "polyglot", "memory", epochs=6)
    monkeypatch.setattr(published_adapters, "answer_loss", interrupted)
    with pytest.raises(KeyboardInterrupt):
        train(wanted)
    checkpoint = tmp_path / "published" / "memory.checkpoint.pt"
    saved = torch.load(checkpoint, weights_only=True)
    assert saved["step"] == 3
    names = [tuple(tensor.shape) for tensor in saved["model"].values()]
    assert len(names) == 4  # two layers' A and B: the base is not in it
    monkeypatch.setattr(published_adapters, "answer_loss", real)
    with caplog.at_level(logging.INFO):
        train(wanted)
    assert "goes on from step 3" in caplog.text
    assert torch.load(checkpoint, weights_only=True)["step"] == 6


def test_an_adapter_of_one_base_is_refused_on_another(root, tmp_path):
    train(options(root, tmp_path, "polyglot", "memory", epochs=1))
    places = {"base": root / "instruct", "adapter": tmp_path / "published" / "memory"}
    with pytest.raises(AdapterMismatchError, match="instruct"):
        load_full("v4", {"memory": ("base", "adapter")}, places.__getitem__)


# -- bad input ---------------------------------------------------------------------------------


def test_an_unknown_role_lists_the_roles(root, tmp_path):
    with pytest.raises(SettingsError, match=r"eyes_mouth_pose"):
        train(options(root, tmp_path, "polyglot", "talker"))


def test_an_unknown_base_says_how_to_get_one(root, tmp_path):
    with pytest.raises(SettingsError, match=r"config\.json.*ohlora_core fetch"):
        train(options(root, tmp_path, "nowhere", "memory"))


def test_a_published_base_that_was_not_fetched_names_the_command(root, tmp_path):
    wanted = options(root, tmp_path, "polyglot", "memory")
    wanted.base = "kakaocorp/kanana-1.5-2.1b-instruct-2505"
    with pytest.raises(MissingModelError, match=r"kanana.*ohlora_core fetch"):
        train(wanted)


def test_content_without_rows_for_the_role_says_which_files_are_needed(root, tmp_path):
    with pytest.raises(TrainingDataError, match=r"quiz/\*\.jsonl"):
        train(options(root, tmp_path, "polyglot", "quiz"))


def test_a_bad_row_is_named_before_any_training(root, tmp_path):
    shutil.copytree(root / "content", tmp_path / "content")
    write(tmp_path / "content" / "dialogues" / "bad.jsonl", [{**turn("안녕"), "eyes": "감음"}])
    wanted = options(root, tmp_path / "work", "polyglot", "memory")
    wanted.content_dir = tmp_path / "content"
    with pytest.raises(ContentError, match=r"bad\.jsonl.*1"):
        train(wanted)
    assert not (tmp_path / "work" / "published").exists()
