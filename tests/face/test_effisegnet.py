"""The published hair model: keys of the checkpoint, and its map against parity.npz."""

import numpy as np
import pytest
import torch

from ohlora_core.errors import ModelFileError
from ohlora_core.face.effisegnet import EffiSegNet, load_hair_model
from tests.face.cnn_rule import cnn_weights, network_input

NAME = "segmentation_model_ohlora_v4"


def save(state, folder):
    path = folder / f"{NAME}.pth"
    torch.save(state, path)
    return path


def test_keys_and_shapes_are_the_published_ones(published_keys):
    own = {key: list(value.shape) for key, value in EffiSegNet().state_dict().items()}
    assert own == published_keys[NAME]


def test_agrees_with_the_original(parity, published_keys, draw, tmp_path):
    model = load_hair_model(save(cnn_weights(published_keys[NAME], draw), tmp_path))
    with torch.inference_mode():
        mask = model(network_input(parity[f"{NAME}.image"]))
    wanted = parity[f"{NAME}.mask"].astype(np.float32)
    assert mask.shape == (1, 1, *wanted.shape)
    assert wanted.std() > 0.05, "a flat map would prove nothing"
    assert np.abs(mask[0, 0].numpy() - wanted).max() < 1e-2


def test_says_which_key_is_missing(tmp_path):
    state = EffiSegNet().state_dict()
    del state["conv6.weight"]
    with pytest.raises(ModelFileError, match=r"conv6\.weight"):
        load_hair_model(save(state, tmp_path))
