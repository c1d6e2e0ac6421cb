"""The generator against the published keys and the outputs of the original networks."""

import json

import pytest
import torch
import torch.nn.functional as F
from safetensors.torch import save_file

from ohlora_core.errors import ModelFileError
from ohlora_core.face.generator import (
    LABEL_SIZES,
    Generator,
    GeneratorConfig,
    load_generator,
    load_strict,
    upsampled_conv,
    upsampling_kernels,
)

TINY = (8, 8, 8, 8, 8, 4, 4)


def parity_weights(generator, keys, draw):
    """The weights of parity.npz."""
    fixed = generator.state_dict()
    state = {}
    for key, shape in keys.items():
        a = torch.from_numpy(draw(key, shape))
        if key.endswith(".kernel") or key == "synthesis.lod":
            state[key] = fixed[key]
        elif key.startswith("mapping.dense"):
            state[key] = a * (100 if key.endswith("weight") else 10)
        elif key.endswith((".bias", "apply_noise.weight", "w_avg")):
            state[key] = a * 0.1
        else:
            state[key] = a
    return state


@pytest.mark.parametrize("version", ["v7", "v8"])
def test_matches_the_original_network(version, parity, published_keys, draw, tmp_path):
    name = f"stylegan_gen_vector_find_{version}"
    generator = Generator(GeneratorConfig(LABEL_SIZES[version]))
    path = tmp_path / "generator.pth"
    torch.save(parity_weights(generator, published_keys[name], draw), path)
    generator = load_generator(path, version)
    with torch.inference_mode():
        w = generator.mapping(
            torch.from_numpy(parity[f"{name}.z"]), torch.from_numpy(parity[f"{name}.label"])
        )
        image = generator.synthesis(w[:1])
    assert (w - torch.from_numpy(parity[f"{name}.w"])).abs().max() < 1e-4
    wanted = torch.from_numpy(parity[f"{name}.image"][:1]).float()
    assert (image - wanted).abs().max() < 1e-2


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


def test_training_and_frozen_paths_agree():
    torch.manual_seed(0)
    generator = Generator(GeneratorConfig(3, TINY))
    w = torch.randn(2, 512)
    trained = generator.synthesis(w, 32).detach()
    with torch.inference_mode():
        frozen = generator.freeze().synthesis(w, 32)
    assert torch.allclose(trained, frozen, atol=1e-3)


def test_lite_file_round_trip(tmp_path):
    generator = Generator(GeneratorConfig(3, TINY))
    save_file({k: v.half() for k, v in generator.state_dict().items()}, tmp_path / "g.safetensors")
    (tmp_path / "config.json").write_text(json.dumps({"channels": TINY}))
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
