"""Both hair models: one interface, one loader."""

import pytest
import torch
from safetensors.torch import save_file

from ohlora_core.errors import ModelFileError
from ohlora_core.face import load_hair_model
from ohlora_core.face.effisegnet import EffiSegNet
from ohlora_core.face.hair import HairStudent


@pytest.mark.parametrize("network", [HairStudent, EffiSegNet])
def test_the_keys_tell_which_model_a_file_holds(network, tmp_path):
    torch.manual_seed(0)
    path = tmp_path / "hair.safetensors"
    save_file(network().state_dict(), path)
    model = load_hair_model(path)
    with torch.inference_mode():
        maps = model(torch.rand(2, 3, 256, 256) * 2 - 1)
    assert type(model) is network and not model.training
    assert maps.shape == (2, 1, 224, 224) and 0 <= maps.min() <= maps.max() <= 1


def test_a_student_of_another_width_loads(tmp_path):
    path = tmp_path / "hair.safetensors"
    save_file(HairStudent((4, 6, 8)).state_dict(), path)
    model = load_hair_model(path)
    assert isinstance(model, HairStudent) and len(model.down) == 3


@pytest.mark.parametrize("key", ["conv6.weight", "encoder._conv_stem.weight"])
def test_a_missing_key_is_named(key, tmp_path):
    state = EffiSegNet().state_dict()
    del state[key]
    torch.save(state, tmp_path / "hair.pth")
    with pytest.raises(ModelFileError, match=f"missing {key}"):
        load_hair_model(tmp_path / "hair.pth")


def test_training_and_inference_paths_of_the_published_model_agree():
    """With the norms at rest; in training they need the statistics of the whole batch."""
    torch.manual_seed(0)
    model = EffiSegNet().eval()
    images = torch.rand(2, 3, 64, 64) * 2 - 1
    with torch.no_grad():
        wanted = model.logits(images)
        model.training = True  # of the network only: its norms stay in inference
        made = model.logits(images)
    assert torch.allclose(made, wanted, atol=1e-4)
