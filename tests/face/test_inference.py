"""The fast forms of the networks against the reference networks."""

import shutil

import pytest
import torch

from ohlora_core.face import native
from ohlora_core.face.compute import Compute, choose_compute
from ohlora_core.face.effisegnet import EffiSegNet
from ohlora_core.face.generator import (
    FixedNoise,
    Generator,
    GeneratorConfig,
    StyleBlock,
)
from ohlora_core.face.hair import HairStudent
from ohlora_core.face.hair_inference import fast_hair
from ohlora_core.face.inference import NativeSynthesis, PlainSynthesis, fast_synthesis
from ohlora_core.face.lite_inference import NativeLite
from tests.face.sizes import TINY_LITE

CPU = Compute(torch.float32, "a test")
PUBLISHED = (32, 40, 24, 16, 16, 8, 8)


@pytest.fixture(scope="module")
def kernels():
    if not any(shutil.which(name) for name in native.COMPILERS):
        pytest.skip("no C++ compiler here")
    kernels = native.load_kernels()
    assert kernels is not None, "the kernels do not compile"
    return kernels


@pytest.fixture(scope="module")
def generator():
    torch.manual_seed(1)
    generator = Generator(GeneratorConfig(3, PUBLISHED))
    for module in generator.modules():
        if isinstance(module, FixedNoise):
            torch.nn.init.normal_(module.weight, std=0.1)
        elif isinstance(module, StyleBlock):
            torch.nn.init.normal_(module.bias, std=0.1)
    return generator.freeze()


@pytest.fixture(scope="module")
def w():
    return torch.randn(3, 512, generator=torch.Generator().manual_seed(2))


@torch.inference_mode()
def test_float32_equals_the_reference(generator, w, kernels):
    fast = NativeSynthesis(generator, torch.float32, kernels)
    wanted = generator.synthesis(w)
    assert (fast(w) - wanted).abs().max() < 1e-3
    assert torch.equal(fast(w), fast(w))  # memory that is used again does not show


@torch.inference_mode()
def test_bfloat16_is_near_the_reference(generator, w, kernels):
    fast = NativeSynthesis(generator, torch.bfloat16, kernels)
    wanted = generator.synthesis(w[:1])
    reach = wanted.max() - wanted.min()
    assert (fast(w[:1]) - wanted).abs().mean() < 0.01 * reach


@torch.inference_mode()
def test_batches_do_not_mix(generator, w, kernels):
    fast = NativeSynthesis(generator, torch.float32, kernels)
    together = fast(w)
    alone = torch.cat([fast(one) for one in w.split(1)])
    assert (together - alone).abs().max() < 1e-3


@torch.inference_mode()
def test_styles_are_linear_in_w(generator, w):
    fast = fast_synthesis(generator, CPU)
    both = fast.styles(w[:1]) + (fast.styles(w[:1] + w[1:2]) - fast.styles(w[:1])) * 0.5
    assert torch.allclose(fast.picture(both), fast(w[:1] + 0.5 * w[1:2]), atol=1e-3)


@torch.inference_mode()
def test_lite_passes_equal_the_reference(w, kernels):
    torch.manual_seed(1)
    lite = Generator(GeneratorConfig(3, lite=TINY_LITE)).freeze()
    torch.nn.init.normal_(lite.synthesis.output.weight, std=0.1)
    lite.synthesis.basis.mul_(30)
    fast, wanted = fast_synthesis(lite, CPU), lite.synthesis(w)
    assert isinstance(fast, NativeLite) and wanted.std() > 0.1
    assert (fast.picture(fast.styles(w)) - wanted).abs().max() < 1e-3
    assert torch.equal(fast(w), fast(w))  # memory that is used again does not show


def test_without_a_compiler_the_reference_runs(generator, w, monkeypatch):
    native.load_kernels.cache_clear()
    monkeypatch.setattr(native.shutil, "which", lambda name: None)
    plain = fast_synthesis(generator, CPU)
    native.load_kernels.cache_clear()
    assert isinstance(plain, PlainSynthesis)
    with torch.inference_mode():
        assert torch.equal(plain(w), generator.synthesis(w))


def test_a_failing_compiler_is_no_failure(monkeypatch, tmp_path):
    native.load_kernels.cache_clear()
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    monkeypatch.setattr(native, "FLAGS", ("--no-such-flag",))
    assert native.load_kernels() is None
    native.load_kernels.cache_clear()
    assert not list((tmp_path / "ohlora" / "kernels").iterdir())


def test_kernels_refuse_views(kernels):
    with pytest.raises(ValueError, match="contiguous"):
        kernels("norm_bf16", torch.zeros(4, 4).t())


def random_effisegnet():
    torch.manual_seed(3)
    model = EffiSegNet()
    for module in model.modules():
        if isinstance(module, torch.nn.BatchNorm2d):
            module.running_mean.normal_(std=0.3)
            module.running_var.uniform_(0.5, 2)
            torch.nn.init.uniform_(module.weight, 0.8, 1.6)
            torch.nn.init.normal_(module.bias, std=0.3)
    torch.nn.init.normal_(model.conv6.weight)
    return model.eval().requires_grad_(False)


@torch.inference_mode()
def test_hair_models_equal_the_reference():
    pictures = torch.rand(2, 3, 256, 256, generator=torch.Generator().manual_seed(4)) * 2 - 1
    for model in (random_effisegnet(), HairStudent().eval()):
        wanted = model(pictures)
        made = fast_hair(model, CPU)(pictures)
        assert made.shape == (2, 1, 224, 224) and wanted.std() > 1e-3
        assert (made - wanted).abs().max() < 1e-3


def test_the_choice_says_why(monkeypatch):
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    monkeypatch.setattr(torch.cpu, "_is_amx_tile_supported", lambda: True)
    assert choose_compute().dtype == torch.bfloat16 and "AMX" in choose_compute().reason
    monkeypatch.setattr(torch.cpu, "_is_amx_tile_supported", lambda: False)
    assert choose_compute().dtype == torch.float32 and "float32" in choose_compute().reason
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(torch.cuda, "get_device_name", lambda: "H")
    assert choose_compute().device.type == "cuda"
