"""The encoder over a real (tiny, untrained) SentenceTransformer with PEFT adapters."""

from __future__ import annotations

import shutil
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest

from ohlora_core.errors import ModelFileError
from ohlora_core.sentence import SentenceEncoder, SentenceTask, load_lite
from tests.sentence.conftest import TEXTS


@pytest.fixture(scope="module")
def encoder(tiny_models: Path) -> SentenceEncoder:
    return load_lite(tiny_models)


@pytest.mark.parametrize(
    ("task", "width"),
    [(SentenceTask.QNA, 32), (SentenceTask.MEMORY, 32 + 8 + 5), (SentenceTask.ACT, 5)],
)
def test_vectors_have_unit_length(encoder: SentenceEncoder, task: SentenceTask, width: int) -> None:
    vectors = encoder.encode(task, TEXTS)
    assert vectors.shape == (len(TEXTS), width)
    assert vectors.dtype == np.float32
    np.testing.assert_allclose(np.linalg.norm(vectors, axis=1), 1.0, atol=1e-5)


def test_same_vectors_as_sentence_transformers(encoder: SentenceEncoder, tiny_models: Path) -> None:
    """Our short path gives what the library's own `encode` gives."""
    from sentence_transformers import SentenceTransformer

    library = SentenceTransformer(str(tiny_models / "sentence/base"), device="cpu").float()
    library.load_adapter(str(tiny_models / "sentence/adapters/quiz"), adapter_name="quiz")
    expected = library.encode(TEXTS)
    np.testing.assert_allclose(encoder.encode(SentenceTask.QUIZ, TEXTS), expected, atol=1e-5)


def test_each_task_has_its_own_vectors(encoder: SentenceEncoder) -> None:
    by_task = [encoder.encode(task, TEXTS[:1])[0] for task in SentenceTask]
    for i, vector in enumerate(by_task):
        for other in by_task[i + 1 :]:
            assert vector.shape != other.shape or np.abs(vector - other).max() > 1e-4


def test_order_and_repeats_do_not_matter(encoder: SentenceEncoder) -> None:
    mixed = [TEXTS[2], TEXTS[0], TEXTS[2], "카페 " * 90]
    vectors = encoder.encode(SentenceTask.QNA, mixed)
    for text, vector in zip(mixed, vectors, strict=True):
        alone = encoder.encode(SentenceTask.QNA, [text])[0]
        np.testing.assert_allclose(vector, alone, atol=1e-5)
    np.testing.assert_array_equal(vectors[0], vectors[2])


def test_threads_do_not_mix_adapters(tiny_models: Path, encoder: SentenceEncoder) -> None:
    fresh = load_lite(tiny_models)
    jobs = [(task, f"{text} {i}") for i in range(8) for text in TEXTS for task in SentenceTask]
    with ThreadPoolExecutor(8) as pool:
        found = list(pool.map(lambda job: fresh.encode(job[0], [job[1]])[0], jobs))
    for (task, text), vector in zip(jobs, found, strict=True):
        np.testing.assert_allclose(vector, encoder.encode(task, [text])[0], atol=1e-5)


@pytest.mark.parametrize("text", ["", " \n", "😀😀", "\x00\x07", "<b>안녕</b>", "가" * 10_000])
def test_odd_texts_have_finite_vectors(encoder: SentenceEncoder, text: str) -> None:
    assert np.isfinite(encoder.encode(SentenceTask.ETHICS, [text])).all()


def test_nothing_to_encode(encoder: SentenceEncoder) -> None:
    assert encoder.encode(SentenceTask.QNA, []).shape == (0, 32)
    assert encoder.similarity(SentenceTask.QNA, "안녕", []).shape == (0,)


def test_thresholds(encoder: SentenceEncoder) -> None:
    assert encoder.threshold("memory") == 0.7
    with pytest.raises(KeyError):
        encoder.threshold("nothing")


@pytest.mark.parametrize(
    "name",
    [
        "base/model.safetensors",
        "base/tokenizer.json",
        "adapters/quiz/adapter_model.safetensors",
        "adapters/quiz/adapter_config.json",
        "adapters/act/head.safetensors",
        "adapters/memory/ngrams.safetensors",
        "calibration.json",
    ],
)
@pytest.mark.parametrize("damage", ["missing", "truncated"])
def test_damaged_file_is_named(tiny_models: Path, tmp_path: Path, name: str, damage: str) -> None:
    models = tmp_path / "models"
    shutil.copytree(tiny_models / "sentence", models / "sentence")
    path = models / "sentence" / name
    if damage == "missing":
        path.unlink()
    else:
        path.write_bytes(path.read_bytes()[: min(40, path.stat().st_size // 2)])
    with pytest.raises(ModelFileError) as caught:
        load_lite(models)
    assert caught.value.path == path
    assert f"git checkout -- models/sentence/{name}" in str(caught.value)


def test_adapter_of_another_base_is_refused(tiny_models: Path, tmp_path: Path) -> None:
    models = tmp_path / "models"
    shutil.copytree(tiny_models / "sentence", models / "sentence")
    from safetensors.numpy import load_file, save_file

    path = models / "sentence/adapters/quiz/adapter_model.safetensors"
    weights = {name: value for name, value in load_file(path).items() if "q_lin" not in name}
    save_file(weights, path)
    with pytest.raises(ModelFileError, match="adapters/quiz"):
        load_lite(models)


def test_importing_the_package_loads_no_model_library() -> None:
    code = "import sys, ohlora_core.sentence; sys.exit('torch' in sys.modules)"
    root = Path(__file__).parents[2]
    subprocess.run([sys.executable, "-c", code], check=True, cwd=root)


def test_nobody_chooses_the_class_of_what_they_write(encoder: SentenceEncoder) -> None:
    plain, named = encoder.encode(SentenceTask.ETHICS, ["하하", "[가: 하하]"])
    assert named.max() < 1 - 1e-6
    asked, record = encoder.encode(SentenceTask.MEMORY, ["가나", "[가: 하하]"])[:, -5:]
    assert record.max() > 0.5 and np.count_nonzero(record) == 1
    assert np.count_nonzero(asked) == 5 and np.count_nonzero(plain) == 5
