"""Frames from tiny random models: shapes, determinism, hair and loops, not looks."""

import io

import numpy as np
import pytest
from PIL import Image

from ohlora_core.errors import ModelFileError, UnknownFaceError
from ohlora_core.face import BASE, Expression, FacePipeline, HairStyle, encode_jpeg
from ohlora_core.face.hairstyle import wall_clock_phase
from ohlora_core.face.loop import make_loop

WIDE = Expression(eyes=-1.2, mouth=-1.6, pose=-1.8)


@pytest.fixture(scope="module")
def pipeline(tiny_models):
    return FacePipeline(tiny_models)


def test_frames(pipeline):
    frames = pipeline.render(3, [BASE, WIDE, BASE])
    assert frames.shape == (3, 256, 256, 3) and frames.dtype == np.uint8
    assert np.array_equal(frames[0], frames[2])  # the noise is fixed: nothing flickers
    assert (frames[0] != frames[1]).any()
    assert (pipeline.render(7, [BASE]) != frames[:1]).any()
    assert pipeline.timings.generator_ms > 0 and pipeline.timings.frames == 1


def test_border_repeats_its_neighbours(pipeline):
    frame = pipeline.render(3, [BASE])[0]
    assert np.array_equal(frame[0], frame[2]) and np.array_equal(frame[:, -1], frame[:, -3])


def test_batches_do_not_change_the_frames(pipeline):
    many = pipeline.render(3, [WIDE] * 8)
    assert np.array_equal(many[0], many[7])
    assert np.abs(many[:1].astype(int) - pipeline.render(3, [WIDE])).max() <= 1


def test_hair_is_dyed_where_the_mask_says(pipeline, monkeypatch):
    import torch

    natural = pipeline.render(3, [BASE])[0]

    def lower_half(images):
        maps = torch.zeros(len(images), 1, 224, 224)
        maps[:, :, 112:] = 1
        return maps

    monkeypatch.setattr(pipeline, "hair", lower_half)
    dyed = pipeline.render(3, [BASE], HairStyle("fixed", 0.33))[0]
    assert np.array_equal(dyed[:120], natural[:120])
    assert (dyed[200:] != natural[200:]).any()
    red, blue = pipeline.render(3, [BASE] * 2, HairStyle("cycle"), phases=[0.0, 0.66])
    assert (red[200:] != blue[200:]).any()


def test_phases_must_match(pipeline):
    with pytest.raises(ValueError, match="1 phases for 2"):
        pipeline.render(3, [BASE] * 2, phases=[0.5])


def test_unknown_face(pipeline):
    with pytest.raises(UnknownFaceError):
        pipeline.render(99, [BASE])


def test_missing_models_are_named(tmp_path):
    with pytest.raises(ModelFileError, match=r"config\.json|generator\.safetensors"):
        FacePipeline(tmp_path)


def test_hair_style_values():
    assert HairStyle("natural").ombre(0.2) is None
    assert HairStyle("fixed", 0.4).ombre(0.9)[0] == 0.4
    assert HairStyle("cycle").ombre(0.0) == pytest.approx((0.0, 0.8, 0.7))
    assert HairStyle("cycle").ombre(1 / 3) == pytest.approx((1 / 3, 0.8, 0.4))
    with pytest.raises(ValueError, match="mode"):
        HairStyle("striped")


def test_wall_clock_phase_has_a_period_of_360_frames():
    assert wall_clock_phase(0.0) == 0.0
    assert wall_clock_phase(7.5) == pytest.approx(0.5)
    assert wall_clock_phase(15.0 * 7 + 1.5) == pytest.approx(0.1)


def test_jpeg():
    frame = np.zeros((256, 256, 3), np.uint8)
    frame[..., 0] = 200
    data = encode_jpeg(frame)
    red = np.asarray(Image.open(io.BytesIO(data)))[128, 128]
    assert data[:2] == b"\xff\xd8" and abs(int(red[0]) - 200) < 6 and red[2] < 10


class Painter:
    """Stands in for the pipeline: grey by the eyes score."""

    fingerprint = "1"

    def __init__(self):
        self.phases = []

    def render(self, face, expressions, hair=None, phases=None):
        self.phases += phases
        grey = [np.full((16, 16, 3), 100 + 50 * e.eyes, np.uint8) for e in expressions]
        return np.stack(grey)


def test_loop_is_an_endless_webp_made_once(tmp_path):
    painter = Painter()
    path = make_loop(painter, 3, HairStyle("cycle"), tmp_path)
    assert make_loop(painter, 3, HairStyle("cycle"), tmp_path) == path
    assert len(painter.phases) == 180
    with Image.open(path) as image:
        assert image.format == "WEBP" and image.info["loop"] == 0
        assert image.n_frames > 10
    assert painter.phases[0] == 0 and painter.phases[-1] == pytest.approx(358 / 360)
    assert [p.name for p in tmp_path.iterdir()] == [path.name]


def test_loops_differ_by_face_hair_and_model(tmp_path):
    painter = Painter()
    paths = {
        make_loop(painter, 3, HairStyle("natural"), tmp_path),
        make_loop(painter, 7, HairStyle("natural"), tmp_path),
        make_loop(painter, 3, HairStyle("fixed", 0.2), tmp_path),
        make_loop(painter, 3, HairStyle("fixed", 0.7), tmp_path),
    }
    painter.fingerprint = "2"
    paths.add(make_loop(painter, 3, HairStyle("natural"), tmp_path))
    assert len(paths) == 5
