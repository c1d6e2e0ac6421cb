"""Property CNNs of all sizes."""

import pytest
import torch
from safetensors.torch import save_file

from ohlora_core.errors import ModelFileError
from ohlora_core.face import load_property_cnn
from ohlora_core.face.property_cnn import PropertyCnn


def test_lite_has_seven_scores():
    with torch.inference_mode():
        assert PropertyCnn(channel_divisor=8)(torch.zeros(2, 3, 256, 256)).shape == (2, 7)


def test_asked_for_scores_are_those_of_the_whole_net():
    torch.manual_seed(0)
    cnn = PropertyCnn(channel_divisor=16)
    images = torch.rand(2, 3, 256, 256) * 2 - 1
    with torch.inference_mode():
        wanted = cnn(images)
        made = cnn.scores(images, ("pose", "eyes", "background"))
    assert torch.equal(made, wanted[:, [4, 0, 5]])


@pytest.mark.parametrize("divisor", [4, 8])
def test_the_width_is_read_from_the_file(divisor, tmp_path):
    path = tmp_path / "cnn.safetensors"
    save_file(PropertyCnn(channel_divisor=divisor).state_dict(), path)
    assert load_property_cnn(path).get_submodule("eyes_score_cnn.conv1.0").out_channels == (
        32 // divisor
    )


def test_another_model_is_refused_with_the_expected_keys(tmp_path):
    path = tmp_path / "cnn.safetensors"
    save_file({"eyes_score_cnn.conv1.0.weight": torch.zeros(8, 3, 3, 3)}, path)
    with pytest.raises(ModelFileError, match=r"86 keys expected, 1 found: missing background"):
        load_property_cnn(path)
