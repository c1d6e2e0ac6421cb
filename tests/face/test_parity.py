"""Every published network gives the outputs of the original (design/checkpoints.md)."""

import numpy as np
import pytest
import torch

from ohlora_core.face import load_generator, load_hair_model, load_property_cnn
from ohlora_core.face.effisegnet import EffiSegNet
from ohlora_core.face.generator import LABEL_SIZES, Generator, GeneratorConfig
from ohlora_core.face.property_cnn import PropertyCnn
from tests.face.published_weights import GENERATORS, HAIR, PROPERTY_CNNS, network_input

VERSIONS = ("v7", "v8")


@pytest.mark.parametrize("version", VERSIONS)
def test_generators_have_the_published_keys(version, published_keys):
    with torch.device("meta"):
        own = Generator(GeneratorConfig(LABEL_SIZES[version])).state_dict()
    assert {k: list(v.shape) for k, v in own.items()} == published_keys[GENERATORS[version]]


@pytest.mark.parametrize("version", VERSIONS)
def test_property_cnns_have_the_published_keys(version, published_keys):
    with torch.device("meta"):
        own = PropertyCnn(with_hairstyle=version == "v8").state_dict()
    assert {k: list(v.shape) for k, v in own.items()} == published_keys[PROPERTY_CNNS[version]]


def test_the_hair_model_has_the_published_keys(published_keys):
    own = EffiSegNet().state_dict()
    assert {k: list(v.shape) for k, v in own.items()} == published_keys[HAIR]


@pytest.mark.parametrize("version", VERSIONS)
def test_generators_agree_with_the_originals(version, parity, published_files):
    name = GENERATORS[version]
    generator = load_generator(published_files[name], version)
    with torch.inference_mode():
        w = generator.mapping(
            torch.from_numpy(parity[f"{name}.z"]), torch.from_numpy(parity[f"{name}.label"])
        )
        images = generator.synthesis(w)
    assert images.shape == (len(w), 3, 256, 256)
    assert np.abs(w.numpy() - parity[f"{name}.w"]).max() < 1e-4
    assert np.abs(images.numpy() - parity[f"{name}.image"].astype(np.float32)).max() < 1e-2


@pytest.mark.parametrize("version", VERSIONS)
def test_generators_agree_in_bfloat16(version, parity, published_files):
    name = GENERATORS[version]
    generator = load_generator(published_files[name], version, torch.bfloat16)
    with torch.inference_mode():  # one picture: bfloat16 is slow where the processor lacks it
        image = generator.synthesis(torch.from_numpy(parity[f"{name}.w"][:1])).numpy()
    wanted = parity[f"{name}.image"][:1].astype(np.float32)
    assert np.abs(image - wanted).mean() < 0.01 * np.ptp(wanted)


def hair_map(model, pixels):
    with torch.inference_mode():
        return model(network_input(pixels)).numpy()


def test_the_hair_model_agrees_with_the_original(parity, published_files):
    made = hair_map(load_hair_model(published_files[HAIR]), parity[f"{HAIR}.image"])
    wanted = parity[f"{HAIR}.mask"].astype(np.float32)
    assert made.shape == (1, 1, *wanted.shape)
    assert wanted.std() > 0.05, "a flat map would prove nothing"
    assert np.abs(made[0, 0] - wanted).max() < 1e-2


def test_the_hair_model_agrees_in_bfloat16(parity, published_files):
    model = load_hair_model(published_files[HAIR], torch.bfloat16)
    wanted = parity[f"{HAIR}.mask"].astype(np.float32)
    made = hair_map(model, parity[f"{HAIR}.image"])
    assert made.dtype == np.float32
    assert np.abs(made[0, 0] - wanted).mean() < 0.01 * np.ptp(wanted)


@pytest.mark.parametrize("version", VERSIONS)
def test_property_scores_agree_with_the_originals(version, parity, published_files):
    name = PROPERTY_CNNS[version]
    cnn = load_property_cnn(published_files[name])
    with torch.inference_mode():
        scores = cnn(network_input(parity[f"{name}.image"])).numpy()
    wanted = parity[f"{name}.scores"]
    assert scores.shape == wanted.shape
    assert np.abs(scores - wanted).max() < 1e-4
