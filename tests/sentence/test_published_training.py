"""Fine-tuning a published base on a user's own content: a tiny random RoBERTa, the real command."""

from __future__ import annotations

import json
import random
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from ohlora_core.__main__ import main
from ohlora_core.content import split_of
from ohlora_core.errors import ContentError, ModelFileError, SettingsError, TrainingDataError
from ohlora_core.sentence import SentenceTask, load_published
from ohlora_core.sentence.published import PUBLISHED_TASKS, load_model, unit_vectors
from ohlora_core.training import sentence_published
from ohlora_core.training.sentence import Options, train
from ohlora_core.training.sentence_pairs import graded_pairs
from tests.sentence.published_models import write_roberta, write_sbert

LOVE, HATE, GENERAL = "사랑 고백/만남", "혐오/기타", "일반"
TEXTS = {GENERAL: "카페 가기로 했어", LOVE: "나 로라 hug hug", HATE: "zzz qqq"}


def write_rows(path: Path, rows: list[dict[str, Any]]) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    lines = [json.dumps(row, ensure_ascii=False) for row in rows]
    path.write_text("\n".join(lines), encoding="utf-8")


@pytest.fixture(scope="module")
def base(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("base") / "roberta"
    write_roberta(folder, spread=0.05)
    return folder


@pytest.fixture(scope="module")
def own_content(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A user's ethics rows: 12 for training and 3 for validation of each of three categories."""
    folder = tmp_path_factory.mktemp("content")
    rows = []
    for category, text in TEXTS.items():
        for split, wanted in (("train", 12), ("validation", 3)):
            variants = (f"{text} {number}" for number in range(10_000))
            fitting = [variant for variant in variants if split_of(variant) == split][:wanted]
            rows += [{"text": variant, "category": category} for variant in fitting]
    write_rows(folder / "ethics" / "mine.jsonl", rows)
    return folder


def options(base: Path, content: Path, work: Path, **more: Any) -> Options:
    given: dict[str, Any] = {"tasks": "ethics", "epochs": 4.0, "learning_rate": 3e-3, "seed": 1}
    given |= more
    return Options(base=str(base), content_dir=content, work_dir=work, **given)


def test_the_command_makes_a_model_that_the_encoder_reads(
    base: Path, own_content: Path, tmp_path: Path, tiny_models: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:  # fmt: skip
    words = "train sentence --tasks ethics --epochs 4 --batch 16 --learning-rate 0.003".split()  # noqa: SIM905
    words += ["--base", str(base), "--content", str(own_content), "--work-dir", str(tmp_path)]
    assert main(words) == 0
    result = json.loads(capsys.readouterr().out)["models"]["ethics"]
    assert result["folder"] == str(tmp_path / "published" / "ethics")
    assert result["n"] == 3 * 3 * 5 and result["mse"] < 0.1 and result["corr"] > 0.7

    folders = {task.value: tmp_path / f"other-{task}" for task in PUBLISHED_TASKS}
    for folder in folders.values():
        write_sbert(folder)
    encoder = load_published(folders | {"ethics": Path(result["folder"])}, Path, tiny_models)
    for category, text in TEXTS.items():
        cosines = encoder.similarity(SentenceTask.ETHICS, text, list(TEXTS))
        assert list(TEXTS)[int(cosines.argmax())] == category
    upper, lower = encoder.encode(SentenceTask.ETHICS, ["HUG", "hug"])
    np.testing.assert_allclose(upper, lower, atol=1e-6)


def test_an_sbert_can_be_the_base_and_keeps_its_form(own_content: Path, tmp_path: Path) -> None:
    write_sbert(sbert := tmp_path / "sbert", seed=7)
    result = train(options(sbert, own_content, tmp_path, epochs=0.1, learning_rate=0.0))
    assert result is not None
    trained = load_model(tmp_path / "published" / "ethics")
    before = unit_vectors(load_model(sbert), ["안녕 LOSS"])
    np.testing.assert_allclose(unit_vectors(trained, ["안녕 LOSS"]), before, atol=2e-3)


def test_an_interrupted_training_goes_on_where_it_stopped(
    base: Path, own_content: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    loss, steps = sentence_published.cosine_loss, []

    def counted(*given: Any) -> Any:
        steps.append(1)
        if len(steps) == 4:
            raise KeyboardInterrupt
        return loss(*given)

    monkeypatch.setattr(sentence_published, "cosine_loss", counted)
    with pytest.raises(KeyboardInterrupt):
        train(options(base, own_content, tmp_path, epochs=2.0))
    assert not (tmp_path / "published" / "ethics").exists()
    result = train(options(base, own_content, tmp_path, epochs=2.0, resume=True))
    assert result is not None
    assert len(steps) - 1 == result["models"]["ethics"]["steps"]  # the interrupted one was no step


@pytest.mark.parametrize("task", PUBLISHED_TASKS)
def test_our_content_has_pairs_for_every_task(task: SentenceTask) -> None:
    folder = Options().content_dir
    pairs = graded_pairs(task, folder, "train", random.Random(1))
    held = graded_pairs(task, folder, "validation", random.Random(1))
    assert len(pairs) > 200 and held
    assert {pair.a for pair in pairs}.isdisjoint(pair.a for pair in held)
    scores = {pair.score for pair in pairs}
    assert min(scores) < 0.1 and max(scores) >= 0.9 and all(0 <= score <= 1 for score in scores)


def test_a_task_without_a_published_model_is_told(base: Path, tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match="interview_next"):
        train(options(base, tmp_path, tmp_path, tasks="ethics, ranking"))
    with pytest.raises(ValueError, match="ranking"):
        graded_pairs(SentenceTask.RANKING, tmp_path, "train", random.Random(1))


def test_content_that_cannot_be_learnt_from_is_named(base: Path, tmp_path: Path) -> None:
    with pytest.raises(TrainingDataError, match="ethics"):
        train(options(base, tmp_path, tmp_path))
    write_rows(tmp_path / "ethics" / "a.jsonl", [{"text": "안녕", "category": "아무거나"}])
    with pytest.raises(ContentError, match=r"a\.jsonl.*category"):
        train(options(base, tmp_path, tmp_path))
    (tmp_path / "ethics" / "a.jsonl").write_bytes("안녕".encode("cp949"))
    with pytest.raises(TrainingDataError, match="UTF-8"):
        train(options(base, tmp_path, tmp_path))
    row: dict[str, Any] = {
        "topic": "날씨",
        "user_answer": "맑음",
        "success": None,
        "remaining": [],
        "next": "날씨",
    }
    write_rows(tmp_path / "interview" / "a.jsonl", [row | {"utterance": "좋아"}])
    with pytest.raises(TrainingDataError, match="날씨"):
        train(options(base, tmp_path, tmp_path, tasks="interview_next"))


def test_a_base_that_is_not_there_or_broken_is_told(
    base: Path, own_content: Path, tmp_path: Path
) -> None:
    with pytest.raises(ModelFileError, match="--base"):
        train(options(Path("nobody/nothing"), own_content, tmp_path))
    broken = tmp_path / "broken"
    shutil.copytree(base, broken)
    (broken / "model.safetensors").write_bytes(b"half")
    with pytest.raises(ModelFileError, match="broken"):
        train(options(broken, own_content, tmp_path))
