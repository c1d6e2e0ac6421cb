"""The published property CNNs: keys of the checkpoints, and their scores against parity.npz."""

import numpy as np
import pytest
import torch

from ohlora_core.face.property_cnn import load_property_cnn
from tests.face.cnn_rule import cnn_weights, network_input


@pytest.mark.parametrize(
    ("version", "name"),
    [("v7", "stylegan_gen_fine_tuned_v2_cnn"), ("v8", "ohlora_v3_merged_property_cnn")],
)
def test_scores_agree_with_the_original(version, name, parity, published_keys, draw, tmp_path):
    path = tmp_path / f"{name}.pth"
    torch.save(cnn_weights(published_keys[name], draw), path)
    cnn = load_property_cnn(path, version)
    with torch.inference_mode():
        scores = cnn(network_input(parity[f"{name}.image"])).numpy()
    wanted = parity[f"{name}.scores"]
    assert scores.shape == wanted.shape
    assert np.abs(scores - wanted).max() < 1e-4
