"""The generator: folded kernels, number formats, files. `test_parity` has the original outputs."""

import json
from dataclasses import asdict

import pytest
import torch
import torch.nn.functional as F
from safetensors.torch import save_file

from ohlora_core.errors import ModelFileError
from ohlora_core.face.generator import (
    Generator,
    GeneratorConfig,
    load_generator,
    upsampled_conv,
    upsampling_kernels,
)
from ohlora_core.face.state_dict import load_strict
from tests.face.sizes import TINY, TINY_LITE


def test_folded_upsampling_equals_the_plain_one():
    torch.manual_seed(0)
    x, weight, bias = torch.randn(2, 3, 6, 6), torch.randn(4, 3, 3, 3), torch.zeros(4)
    blur = torch.tensor([1.0, 2.0, 1.0])
    kernel = (blur[:, None] * blur / 16).expand(4, 1, 3, 3)
    plain = F.conv2d(F.interpolate(x, scale_factor=2.0), weight, padding=1)
    plain = F.conv2d(plain, kernel, padding=1, groups=4)
    made = upsampled_conv(x, upsampling_kernels(weight), bias)
    assert torch.allclose(made, plain, atol=1e-4)


def test_folded_upsampling_has_the_plain_gradients():
    torch.manual_seed(0)
    x = torch.randn(1, 2, 4, 4, dtype=torch.float64, requires_grad=True)
    weight = torch.randn(2, 2, 3, 3, dtype=torch.float64, requires_grad=True)
    assert torch.autograd.gradcheck(
        lambda a, b: upsampled_conv(a, upsampling_kernels(b)), (x, weight)
    )


@pytest.mark.parametrize("config", [GeneratorConfig(3, TINY), GeneratorConfig(3, lite=TINY_LITE)])
def test_training_and_frozen_paths_agree(config):
    torch.manual_seed(0)
    generator = Generator(config)
    w = torch.randn(2, 512)
    trained = generator.synthesis(w).detach()
    with torch.inference_mode():
        frozen = generator.freeze().synthesis(w)
    assert trained.shape == (2, 3, 256, 256)
    assert torch.allclose(trained, frozen, atol=1e-3)


def test_lite_file_round_trip(tmp_path):
    generator = Generator(GeneratorConfig(3, lite=TINY_LITE))
    save_file({k: v.half() for k, v in generator.state_dict().items()}, tmp_path / "g.safetensors")
    (tmp_path / "config.json").write_text(json.dumps(asdict(TINY_LITE)))
    loaded = load_generator(tmp_path / "g.safetensors", "lite")
    with torch.inference_mode():
        image = loaded(torch.randn(1, 512), torch.zeros(1, 3))
    assert image.shape == (1, 3, 256, 256) and image.dtype == torch.float32


def test_error_names_expected_and_found_keys(tmp_path):
    module = torch.nn.Linear(2, 3)
    with pytest.raises(ModelFileError) as error:
        load_strict(module, {"weight": torch.zeros(3, 4), "scale": torch.zeros(1)}, tmp_path / "x")
    text = str(error.value)
    assert "missing bias (3,)" in text and "unexpected scale (1,)" in text
    assert "weight: expected (3, 2), found (3, 4)" in text


def test_pickled_code_is_refused(tmp_path):
    path = tmp_path / "bad.pth"
    torch.save({"weight": Generator}, path)
    with pytest.raises(ModelFileError, match="state dict"):
        load_generator(path, "v7")


def test_missing_file_is_named(tmp_path):
    with pytest.raises(ModelFileError, match=r"nothing\.pth"):
        load_generator(tmp_path / "nothing.pth", "v8")
