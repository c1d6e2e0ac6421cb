"""The base of the S-BERT learns from a teacher: texts, vectors, and the training itself."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from ohlora_core import content
from ohlora_core.training import sentence_base
from ohlora_core.training.sentence import Options
from ohlora_core.training.sentence_corpus import PublicCorpora, ScoredPair
from ohlora_core.training.sentence_distillation import distillation_texts, read_words, taught
from tests.sentence.conftest import tiny_models as tiny_models


def public() -> PublicCorpora:
    pairs = [ScoredPair(f"{n}번 버스", f"{n}번 버스 타자", n / 10) for n in range(10)]
    return PublicCorpora(sts={"train": pairs, "validation": pairs, "test": pairs})


def test_a_word_list_gives_nouns_and_stems(tmp_path: Path) -> None:
    (tmp_path / "words.txt").write_text("사과/10\n걷다/44\nABC\n강\n", encoding="utf-8")
    assert read_words(tmp_path / "words.txt") == (["사과"], ["걷"])


def test_the_teacher_reads_nothing_of_the_held_out_splits() -> None:
    texts = distillation_texts(public(), (["사과"], ["걷"]), seed=1)
    held = {row.message for row in content.load_dialogues() if row.split != "train"}
    assert not held & set(texts)
    assert len(texts) == len(set(texts)) > 20_000
    assert any("사과" in text for text in texts)


def test_vectors_of_a_teacher_are_kept_and_centred(tiny_models: Path, tmp_path: Path) -> None:
    texts = [f"{n}월에는 비가 온다" for n in range(1, 60)]
    teacher = str(tiny_models / "sentence" / "base")
    lesson = taught(texts, teacher, "", 8, tmp_path, shard=40)
    assert lesson.vectors.shape == (59, 8)
    np.testing.assert_allclose(np.linalg.norm(lesson.vectors, axis=1), 1, atol=1e-4)
    [folder] = tmp_path.iterdir()
    times = {file: file.stat().st_mtime_ns for file in folder.iterdir()}
    again = taught(texts, teacher, "", 8, tmp_path, shard=40)
    np.testing.assert_array_equal(again.vectors, lesson.vectors)
    assert len(times) == 2 and times == {file: file.stat().st_mtime_ns for file in times}
    taught(texts, teacher, "query: ", 8, tmp_path, shard=40)
    assert len(list(tmp_path.iterdir())) == 2


def test_a_base_comes_near_its_teacher(
    tiny_models: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    texts = [f"{n}월에는 비가 온다" for n in range(1, 300)]
    monkeypatch.setattr(sentence_base, "distillation_texts", lambda *given: texts)
    monkeypatch.setattr(sentence_base, "HIDDEN", 16)
    options = Options(
        work_dir=tmp_path, base_steps=2, teacher=str(tiny_models / "sentence" / "base")
    )
    sentence_base.train_base(public(), options)
    assert (tmp_path / "base" / "model.safetensors").is_file()
    assert (tmp_path / "base" / "tokenizer.json").is_file()
