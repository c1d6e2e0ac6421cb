"""Faces and vectors on disk, and the search that makes them."""

import json
import shutil

import numpy as np
import pytest

from ohlora_core.errors import ModelFileError, UnknownFaceError
from ohlora_core.face.animation import Expression
from ohlora_core.face.vectors import latent_of_seed, load_face_book, weights
from ohlora_core.training.vectors import GRID, find_normal, group_names


def test_face_book(tiny_models):
    book = load_face_book(tiny_models / "face")
    assert book.numbers() == [3, 7]
    face = book[7]
    assert np.array_equal(face.z, latent_of_seed(70))
    assert np.allclose(np.linalg.norm(face.vectors, axis=1), [2, 3, 1], atol=1e-4)


def test_unknown_face_lists_the_valid_numbers(tiny_models):
    with pytest.raises(UnknownFaceError, match="3, 7"):
        load_face_book(tiny_models / "face")[8]


def test_missing_vector_is_a_model_file_error(tiny_models, tmp_path):
    folder = tmp_path / "face"
    shutil.copytree(tiny_models / "face", folder)
    book = json.loads((folder / "faces.json").read_text())
    book["faces"]["7"]["group"] = "lll"
    (folder / "faces.json").write_text(json.dumps(book))
    with pytest.raises(ModelFileError, match=r"eyes\.lll"):
        load_face_book(folder)


def test_weights_are_in_the_order_of_the_vectors():
    assert weights([Expression(eyes=1, mouth=2, pose=3)]).tolist() == [[1, 2, 3]]


def test_search_finds_the_direction_behind_a_score():
    rng = np.random.default_rng(0)
    w = rng.standard_normal((400, 512)).astype(np.float32) * 0.1
    direction = np.zeros(512, np.float32)
    direction[[3, 9]] = 0.6, -0.8
    score = rng.uniform(-1, 1, 400).astype(np.float32)
    w += 3 * score[:, None] * direction
    normal = find_normal(w, score, tail_share=0.2)
    assert np.linalg.norm(normal) == pytest.approx(1, abs=1e-5)
    assert normal @ direction > 0.95


def test_groups_are_told_apart_by_the_medians():
    scores = np.array([[0, 0.9, 0.1, 0, 0, 0.5, 0], [0, 0.1, 0.8, 0, 0, 0.4, 0]], np.float32)
    medians = np.array([0.5, 0.5, 0.45], np.float32)
    assert group_names(scores, medians) == ["hlh", "lhl"]


def test_grid_has_the_fifty_expressions_of_the_acceptance_test():
    assert len(set(GRID)) == 50
    assert {g.eyes for g in GRID} == {-1.2, 1.2}
    assert {g.mouth for g in GRID} == {-1.8, -0.9, 0.0, 0.9, 1.8}
    assert {g.pose for g in GRID} == {-1.8, -1.2, -0.6, 0.0, 0.6}
