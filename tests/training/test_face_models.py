"""Trainings of the hair models and of the property CNN, a few steps long."""

import json
from dataclasses import asdict

import numpy as np
import pytest
import torch
from PIL import Image
from safetensors.torch import save_file

from ohlora_core.__main__ import main
from ohlora_core.errors import ModelFileError, SettingsError
from ohlora_core.face import load_hair_model, load_property_cnn
from ohlora_core.face.effisegnet import EffiSegNet
from ohlora_core.face.generator import Generator, GeneratorConfig
from ohlora_core.face.hair import HairStudent
from ohlora_core.training import hair, property_cnn
from ohlora_core.training.hair import augment, overlap
from ohlora_core.training.picture_sets import FaceSet
from tests.face.sizes import TINY_LITE


@pytest.fixture
def data_dir(tmp_path):
    """A face set: a dark square of hair on noise, its size given by the first label."""
    folder = tmp_path / "data"
    folder.mkdir()
    rng = np.random.default_rng(0)
    count = 12
    labels = rng.uniform(0, 1, (count, 3)).astype(np.float32)
    images = rng.integers(180, 256, (count, 256, 256, 3), dtype=np.uint8)
    masks = np.zeros((count, 256, 256), np.uint8)
    for row, (size, _, _) in enumerate(labels):
        part = slice(20, 60 + int(150 * size))
        images[row, part, part] = 20
        masks[row, part, part] = 255
    arrays = {"images": images, "masks": masks, "labels": labels, "seeds": np.arange(count)}
    for name, values in arrays.items():
        np.save(folder / f"{name}.npy", values)
    return folder


@pytest.fixture
def folders(tmp_path, data_dir):
    """The same as anybody's folders."""
    images, masks = tmp_path / "images", tmp_path / "masks"
    for folder, name in ((images, "images"), (masks, "masks")):
        folder.mkdir()
        for row, pixels in enumerate(np.load(data_dir / f"{name}.npy")):
            Image.fromarray(pixels).save(folder / f"{row:02d}.png")
    return images, masks


def hair_options(tmp_path, **values):
    defaults = {"work_dir": tmp_path / "work", "out_dir": tmp_path / "out", "held_out": 4}
    return hair.Options(**{**defaults, "steps": 2, "batch_size": 4, **values})


def test_the_student_learns_the_mask(data_dir, tmp_path):
    options = hair_options(tmp_path, data_dir=data_dir, steps=1)
    first = hair.train(options)
    result = hair.train(hair_options(tmp_path, data_dir=data_dir, steps=40))
    assert result["steps"] == 40
    assert result["validation_bce"] < 0.7 * first["validation_bce"]
    assert result["validation_iou"] > 0.7 and result["validation_dice"] > result["validation_iou"]
    assert isinstance(load_hair_model(tmp_path / "out" / "hair.safetensors"), HairStudent)


@pytest.mark.parametrize("architecture", ["student", "effisegnet"])
def test_either_architecture_learns_from_folders(architecture, folders, tmp_path):
    images, masks = folders
    options = hair_options(tmp_path, images=images, masks=masks, architecture=architecture)
    result = hair.train(options)
    network = {"student": HairStudent, "effisegnet": EffiSegNet}[architecture]
    model = load_hair_model(tmp_path / "out" / "hair.safetensors")
    assert isinstance(model, network) and 0 <= result["validation_iou"] <= 1
    resumed = hair.train(hair_options(tmp_path, **{**options.__dict__, "steps": 3}))
    assert resumed["steps"] == 3


def test_training_goes_on_from_given_weights(data_dir, tmp_path):
    torch.manual_seed(5)
    start = HairStudent().state_dict()
    save_file(start, tmp_path / "start.safetensors")
    options = hair_options(
        tmp_path, data_dir=data_dir, start=tmp_path / "start.safetensors", steps=0
    )
    hair.train(options)
    made = load_hair_model(tmp_path / "out" / "hair.safetensors").state_dict()
    assert torch.allclose(made["output.weight"], start["output.weight"], atol=1e-3)
    with pytest.raises(ModelFileError, match="does not fit EffiSegNet"):
        hair.train(hair_options(tmp_path, **{**options.__dict__, "architecture": "effisegnet"}))


def test_generated_pictures_join_the_rendered_ones(data_dir, tmp_path):
    torch.manual_seed(0)
    generator = Generator(GeneratorConfig(3, lite=TINY_LITE))
    path = tmp_path / "generator.safetensors"
    save_file(generator.state_dict(), path)
    (tmp_path / "config.json").write_text(json.dumps(asdict(TINY_LITE)))
    faces = FaceSet(data_dir, held_out=4)
    generated = hair.GeneratedPictures(path, faces, count=9, seed=0)
    rows, pictures = generated.draw(5, np.random.default_rng(0))
    assert pictures.shape == (5, 256, 256, 3) and pictures.dtype == np.uint8
    assert rows.min() >= 4 and len(generated.images) == 9
    result = hair.train(
        hair_options(tmp_path, data_dir=data_dir, generator=path, generated_samples=3)
    )
    assert result["steps"] == 2


@pytest.mark.parametrize(
    ("values", "said"),
    [
        ({"architecture": "unet"}, "student, effisegnet"),
        ({"images": "somewhere"}, "--images/masks"),
        ({"images": "a", "masks": "b", "generator": "c"}, "--generator"),
    ],
)
def test_options_that_do_not_fit_are_named(values, said, tmp_path):
    with pytest.raises(SettingsError, match=said):
        hair.train(hair_options(tmp_path, **values))


def test_own_pictures_never_overwrite_the_embedded_model():
    assert hair.Options().folder.as_posix() == "models/face"
    assert hair.Options(images="a", masks="b").folder.as_posix() == "work/hair"


def test_overlap_of_half_and_of_nothing():
    made, wanted = torch.zeros(2, 1, 4, 4), torch.zeros(2, 1, 4, 4)
    made[0, :, :2], wanted[0, :, :3] = 1, 1
    iou, dice = overlap(made, wanted)
    assert iou == pytest.approx((2 / 3 + 1) / 2) and dice == pytest.approx((0.8 + 1) / 2)


def test_augmentation_stays_in_range_and_changes_pictures():
    images = torch.rand(4, 3, 32, 32) * 2 - 1
    made = augment(images, np.random.default_rng(0))
    assert made.shape == images.shape and made.abs().max() <= 1
    assert (made - images).abs().mean() > 0.02


def test_targets_are_measured_on_picture_and_mask():
    images = np.full((1, 256, 256, 3), 255, np.uint8)
    images[0, 64:192, :128] = 51
    masks = np.zeros((1, 256, 256), np.uint8)
    masks[0, 64:192, :128] = 255
    labels = np.array([[0.6, 0.2, -0.5]], np.float32)
    made = property_cnn.targets(images, masks, labels)[0].tolist()
    assert made == pytest.approx([0.6, 0.2, 0.75, 0.2, -0.5, 1.0, 0.0], abs=1e-4)


def test_the_property_cnn_learns_and_loads(data_dir, tmp_path):
    options = property_cnn.Options(
        data_dir=data_dir,
        work_dir=tmp_path,
        out_dir=tmp_path / "out",
        steps=2,
        batch_size=4,
        held_out=4,
    )
    result = property_cnn.train(options)
    assert result["steps"] == 2 and result["error_eyes"] >= 0
    cnn = load_property_cnn(tmp_path / "out" / "property_cnn.safetensors")
    assert cnn.get_submodule("eyes_score_cnn.conv1.0").out_channels == 8


def test_the_command_line_trains_hair_and_prints_the_metrics(folders, tmp_path, capsys):
    images, masks = folders
    arguments = ["train", "hair", "--images", str(images), "--masks", str(masks), "--steps", "1"]
    arguments += ["--architecture", "student", "--batch-size", "2"]
    arguments += ["--work-dir", str(tmp_path / "w"), "--out", str(tmp_path / "o")]
    assert main(arguments) == 0
    result = json.loads(capsys.readouterr().out)
    assert result["trained"] == "hair" and result["steps"] == 1 and "validation_dice" in result


def test_the_command_line_names_an_empty_folder(folders, tmp_path, capsys):
    (tmp_path / "empty").mkdir()
    arguments = ["train", "hair", "--images", str(tmp_path / "empty"), "--masks", str(folders[1])]
    assert main(arguments) == 1
    assert "empty has no .png" in capsys.readouterr().err
