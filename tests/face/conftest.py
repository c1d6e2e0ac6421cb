"""Tiny models of a face."""

import json
from dataclasses import asdict

import numpy as np
import pytest


@pytest.fixture(scope="session")
def tiny_models(tmp_path_factory):
    """A models folder with random, tiny networks: same files and formats as models/."""
    import torch
    from safetensors.numpy import save_file as save_arrays
    from safetensors.torch import save_file

    from ohlora_core.face.generator import Generator, GeneratorConfig
    from ohlora_core.face.hair import HairStudent
    from tests.face.sizes import TINY_LITE

    torch.manual_seed(0)
    models = tmp_path_factory.mktemp("models")
    folder = models / "face"
    folder.mkdir()
    generator = Generator(GeneratorConfig(3, lite=TINY_LITE))
    save_file(
        {k: v.half() for k, v in generator.state_dict().items()}, folder / "generator.safetensors"
    )
    save_file(HairStudent().state_dict(), folder / "hair.safetensors")
    (folder / "config.json").write_text(json.dumps(asdict(TINY_LITE)))
    rng = np.random.default_rng(0)
    normals = rng.standard_normal((3, 512)).astype(np.float32)
    normals /= np.linalg.norm(normals, axis=1, keepdims=True)
    names = ("eyes", "mouth", "pose")
    tensors = {f"{n}.hhl": v for n, v in zip(names, normals, strict=True)}
    tensors["faces.z"] = rng.standard_normal((3, 512)).astype(np.float32)
    save_arrays(tensors, folder / "vectors.safetensors")
    book = {
        "label": [0.6, 0.4, 0.0],
        "scale": {"eyes": 2.0, "mouth": -3.0, "pose": 1.0},
        "faces": {"7": {"group": "hhl"}, "13": {"group": "hhl"}, "3": {"group": "hhl"}},
    }
    (folder / "faces.json").write_text(json.dumps(book))
    return models
