"""The published encoders, over tiny random models in the published layout."""

from __future__ import annotations

import shutil
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest

from ohlora_core.errors import MissingModelError, ModelFileError, NotEnoughMemoryError
from ohlora_core.ethics import EthicsGuard
from ohlora_core.sentence import SentenceTask, load_lite, load_published, published
from ohlora_core.sentence.published import LITE_TASKS, PUBLISHED_TASKS, PublishedEncoder
from tests.sentence.published_models import HIDDEN, by_hand, write_sbert

TEXTS = ["나 내일 친구랑 카페에 가기로 했어요", "안녕 로라야!", "LOSS 뭐야?", "가나 " * 90]


@pytest.fixture(scope="module")
def folders(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """Task value -> folder."""
    root = tmp_path_factory.mktemp("published")
    places = {task.value: root / task.value for task in PUBLISHED_TASKS}
    for seed, folder in enumerate(places.values()):
        write_sbert(folder, seed)
    return places


@pytest.fixture(scope="module")
def encoder(folders: dict[str, Path], tiny_models: Path) -> PublishedEncoder:
    return load_published(folders, Path, tiny_models)  # type: ignore[return-value]


@pytest.mark.parametrize("task", [SentenceTask.ETHICS, SentenceTask.INTERVIEW_NEXT])
def test_vectors_are_those_of_the_original_recipe(
    encoder: PublishedEncoder, folders: dict[str, Path], task: SentenceTask
) -> None:
    vectors = encoder.encode(task, TEXTS)
    assert vectors.dtype == np.float32
    np.testing.assert_allclose(vectors, by_hand(folders[task.value], TEXTS), atol=1e-5)


def test_case_is_ignored_and_long_texts_are_cut(encoder: PublishedEncoder) -> None:
    vectors = encoder.encode(SentenceTask.QNA, ["loss 뭐야?", "LOSS 뭐야?"])
    np.testing.assert_allclose(vectors[0], vectors[1], atol=1e-6)
    longer = encoder.encode(SentenceTask.QNA, ["가나 " * 62, "가나 " * 500])
    np.testing.assert_allclose(longer[0], longer[1], atol=1e-5)


def test_every_task_has_its_own_model(encoder: PublishedEncoder) -> None:
    vectors = [encoder.encode(task, TEXTS[:1])[0] for task in PUBLISHED_TASKS]
    for i, vector in enumerate(vectors):
        assert all(np.abs(vector - other).max() > 1e-3 for other in vectors[i + 1 :])


def test_tasks_without_a_published_model_use_the_lite_one(
    encoder: PublishedEncoder, tiny_models: Path
) -> None:
    lite = load_lite(tiny_models)
    assert {task.value for task in LITE_TASKS} == {
        "retrieval",
        "ranking",
        "act",
        "key",
        "expression",
    }
    for task in LITE_TASKS:
        np.testing.assert_allclose(encoder.encode(task, TEXTS), lite.encode(task, TEXTS), atol=1e-6)


def test_thresholds_are_those_of_the_original_system(encoder: PublishedEncoder) -> None:
    names = ("love", "politics", "paedrip", "hate", "general")
    found = [encoder.threshold(f"ethics.{name}") for name in names]
    assert found == [0.98, 0.95, 0.9, 0.9, 0.5]
    assert (encoder.threshold("memory"), encoder.threshold("qna")) == (0.95, 0.5)
    with pytest.raises(KeyError):
        encoder.threshold("nothing")


def test_similarity_is_the_cosine_and_a_name_means_itself(encoder: PublishedEncoder) -> None:
    cosines = encoder.similarity(SentenceTask.ETHICS, "정치", ["정치", "일반", "안녕 로라"])
    assert cosines[0] == pytest.approx(1.0, abs=1e-5) and -1.0 <= cosines[2] < 1.0
    assert EthicsGuard(encoder).score("안녕 로라야!").cosines["정치"] <= 1.0
    assert encoder.similarity(SentenceTask.ETHICS, "안녕", []).shape == (0,)
    assert encoder.encode(SentenceTask.ETHICS, []).shape == (0, HIDDEN)


def test_threads_do_not_disturb_each_other(
    encoder: PublishedEncoder, folders: dict[str, Path], tiny_models: Path
) -> None:
    fresh = load_published(folders, Path, tiny_models)
    jobs = [(task, f"{text} {i}") for i in range(4) for text in TEXTS for task in PUBLISHED_TASKS]
    with ThreadPoolExecutor(8) as pool:
        found = list(pool.map(lambda job: fresh.encode(job[0], [job[1]])[0], jobs))
    for (task, text), vector in zip(jobs, found, strict=True):
        np.testing.assert_allclose(vector, encoder.encode(task, [text])[0], atol=1e-5)


@pytest.mark.parametrize("text", ["", " \n", "😀😀", "\x00\x07", "[SEP] [PAD]", "가" * 10_000])
def test_odd_texts_have_finite_vectors(encoder: PublishedEncoder, text: str) -> None:
    assert np.isfinite(encoder.encode(SentenceTask.MEMORY, [text])).all()


def test_the_fingerprint_follows_the_files(
    encoder: PublishedEncoder, folders: dict[str, Path], tiny_models: Path, tmp_path: Path
) -> None:
    assert load_published(folders, Path, tiny_models).fingerprint == encoder.fingerprint
    shutil.copytree(folders["quiz"], tmp_path / "quiz")
    again = folders | {"quiz": tmp_path / "quiz"}
    assert load_published(again, Path, tiny_models).fingerprint == encoder.fingerprint
    write_sbert(other := tmp_path / "other", seed=99)
    changed = load_published(folders | {"quiz": other}, Path, tiny_models)
    assert changed.fingerprint != encoder.fingerprint


@pytest.mark.parametrize(
    "name", ["modules.json", "config.json", "tokenizer.json", "model.safetensors"]
)
@pytest.mark.parametrize("damage", ["missing", "cut off"])
def test_a_damaged_file_is_named(
    folders: dict[str, Path], tiny_models: Path, tmp_path: Path, name: str, damage: str
) -> None:
    copy = tmp_path / "quiz"
    shutil.copytree(folders["quiz"], copy)
    path = copy / name
    if damage == "missing":
        path.unlink()
    else:
        path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])
    with pytest.raises(ModelFileError, match="ohlora_core fetch") as caught:
        load_published(folders | {"quiz": copy}, Path, tiny_models)
    assert caught.value.path == path


@pytest.mark.parametrize("fault", ["lacking", "not a number", "of another size"])
def test_weights_that_do_not_fit_are_refused(
    folders: dict[str, Path], tiny_models: Path, tmp_path: Path, fault: str
) -> None:
    from safetensors.numpy import load_file, save_file

    copy = tmp_path / "quiz"
    shutil.copytree(folders["quiz"], copy)
    path = copy / "model.safetensors"
    weights = load_file(path)
    name = "encoder.layer.1.output.dense.weight"
    if fault == "lacking":
        del weights[name]
    else:
        weights[name] = weights[name] * np.nan if fault == "not a number" else weights[name][:5]
    save_file(weights, path, metadata={"format": "pt"})
    with pytest.raises(ModelFileError, match="quiz"):
        load_published(folders | {"quiz": copy}, Path, tiny_models)


def test_a_model_that_is_not_here_is_the_error_of_the_hub(
    folders: dict[str, Path], tiny_models: Path
) -> None:
    def local(source: Path) -> Path:
        if source == folders["ethics"]:
            raise MissingModelError("v4", "daebakgazua/some_sbert")
        return source

    with pytest.raises(MissingModelError, match="daebakgazua/some_sbert"):
        load_published(folders, local, tiny_models)


def test_a_full_gpu_is_told(
    folders: dict[str, Path], tiny_models: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    import torch

    def full(*given: object, **named: object) -> None:
        raise torch.OutOfMemoryError("CUDA out of memory")

    monkeypatch.setattr(published, "SentenceTransformer", full)
    monkeypatch.setattr(torch.cuda, "mem_get_info", lambda: (2**20, 2**34))
    with pytest.raises(NotEnoughMemoryError, match="--profile lite"):
        load_published(folders, Path, tiny_models)


def test_an_empty_folder_is_told(
    folders: dict[str, Path], tiny_models: Path, tmp_path: Path
) -> None:
    with pytest.raises(ModelFileError, match=r"modules\.json"):
        load_published(folders | {"ethics": tmp_path}, Path, tiny_models)
