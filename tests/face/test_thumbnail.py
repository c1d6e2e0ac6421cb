"""Thumbnails of the gallery: size, cache and what they depend on."""

import numpy as np
import pytest
from PIL import Image

from ohlora_core.errors import UnknownFaceError
from ohlora_core.face.thumbnail import make_thumbnail
from tests.fakes import FakeFace


class CountingFace(FakeFace):
    def __init__(self):
        self.rendered = []

    def render(self, face, expressions, hair=None, phases=None):
        self.rendered.append((face, hair.mode))
        return super().render(face, expressions, hair, phases)


def test_a_thumbnail_is_made_once_with_natural_hair(tmp_path):
    face = CountingFace()
    path = make_thumbnail(face, 2, tmp_path / "new")
    assert make_thumbnail(face, 2, tmp_path / "new") == path
    assert face.rendered == [(2, "natural")]
    with Image.open(path) as image:
        assert image.format == "WEBP" and image.size == (160, 160)
        assert np.asarray(image).std() > 1
    assert [file.name for file in path.parent.iterdir()] == [path.name]


def test_other_faces_and_other_models_have_other_files(tmp_path):
    face = CountingFace()
    paths = {make_thumbnail(face, 1, tmp_path), make_thumbnail(face, 2, tmp_path)}
    face.fingerprint = "other"
    paths.add(make_thumbnail(face, 2, tmp_path))
    assert len(paths) == 3


def test_an_unknown_face_leaves_nothing(tmp_path):
    with pytest.raises(UnknownFaceError, match="1, 2, 3"):
        make_thumbnail(CountingFace(), 9, tmp_path)
    assert list(tmp_path.iterdir()) == []
