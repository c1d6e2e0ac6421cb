"""Faces and vectors on disk, and the weights that expressions become."""

import json
import math
import shutil

import numpy as np
import pytest
from safetensors.numpy import load_file

from ohlora_core.errors import ModelFileError, UnknownFaceError
from ohlora_core.face.animation import BASE, Expression
from ohlora_core.face.vectors import WEIGHT_LIMIT, load_face_book, weights


@pytest.fixture
def folder(tiny_models, tmp_path):
    """A copy to damage."""
    return shutil.copytree(tiny_models / "face", tmp_path / "face")


def test_rows_of_z_follow_the_numbers(tiny_models):
    book = load_face_book(tiny_models / "face")
    assert book.numbers() == [3, 7, 13]
    z = load_file(tiny_models / "face" / "vectors.safetensors")["faces.z"]
    for number, row in zip(book.numbers(), z, strict=True):
        assert np.array_equal(book[number].z, row)


def test_vectors_have_the_lengths_of_the_book(tiny_models):
    face = load_face_book(tiny_models / "face")[7]
    assert np.allclose(np.linalg.norm(face.vectors, axis=1), [2, 3, 1], atol=1e-4)


def test_unknown_face_lists_the_valid_numbers(tiny_models):
    with pytest.raises(UnknownFaceError, match="3, 7, 13"):
        load_face_book(tiny_models / "face")[8]


def test_missing_vector_is_a_model_file_error(folder):
    book = json.loads((folder / "faces.json").read_text())
    book["faces"]["7"]["group"] = "lll"
    (folder / "faces.json").write_text(json.dumps(book))
    with pytest.raises(ModelFileError, match=r"eyes\.lll"):
        load_face_book(folder)


def test_faces_without_a_row_of_z_are_a_model_file_error(folder):
    book = json.loads((folder / "faces.json").read_text())
    del book["faces"]["7"]
    (folder / "faces.json").write_text(json.dumps(book))
    with pytest.raises(ModelFileError, match="zip"):
        load_face_book(folder)


def test_a_truncated_file_is_a_model_file_error(folder):
    path = folder / "vectors.safetensors"
    path.write_bytes(path.read_bytes()[:500])
    with pytest.raises(ModelFileError, match="Safetensor"):
        load_face_book(folder)


def test_weights_are_in_the_order_of_the_vectors():
    made = weights([Expression(eyes=0.5, mouth=1, pose=2)])
    assert made.tolist() == [[0.5, 1, 2]] and made.dtype == np.float32
    assert weights([]).shape == (0, 3)


def test_scores_that_are_not_numbers_are_those_at_rest(caplog):
    made = weights([Expression(math.nan, 0.3, math.nan), BASE])
    assert made[0].tolist() == pytest.approx([BASE.eyes, 0.3, BASE.pose])
    assert "2 expression scores" in caplog.text


def test_scores_far_outside_are_clipped():
    made = weights([Expression(-9, 7, math.inf)])
    assert made.tolist() == [[-WEIGHT_LIMIT, WEIGHT_LIMIT, WEIGHT_LIMIT]]
