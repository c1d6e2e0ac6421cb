"""The property CNNs against the published checkpoints."""

import math

import pytest
import torch

from ohlora_core.face.property_cnn import PropertyCnn, load_property_cnn

CASES = {"v7": "stylegan_gen_fine_tuned_v2_cnn", "v8": "ohlora_v3_merged_property_cnn"}


@pytest.mark.parametrize("version", ["v7", "v8"])
def test_matches_the_original_network(version, parity, published_keys, draw, tmp_path):
    name = CASES[version]
    state = {}
    for key, shape in published_keys[name].items():
        a = torch.from_numpy(draw(key, shape))
        bias = key.endswith(".bias")
        state[key] = a * (0.1 if bias else math.sqrt(2 / math.prod(shape[1:])))
    path = tmp_path / "cnn.pth"
    torch.save(state, path)
    cnn = load_property_cnn(path, version)
    image = torch.from_numpy(parity[f"{name}.image"]).permute(2, 0, 1)[None].float() / 127.5 - 1
    with torch.inference_mode():
        scores = cnn(image)
    assert (scores - torch.from_numpy(parity[f"{name}.scores"])).abs().max() < 1e-4


def test_lite_has_seven_scores():
    with torch.inference_mode():
        assert PropertyCnn(channel_divisor=8)(torch.zeros(2, 3, 256, 256)).shape == (2, 7)
