"""Training of the lite generator: looks in w, patch codes, a whole short run."""

import cv2
import numpy as np
import pytest
import torch

from ohlora_core.face import load_generator
from ohlora_core.face.generator import MappingNetwork
from ohlora_core.face.lite import LiteConfig, LiteSynthesis
from ohlora_core.training import face_data
from ohlora_core.training.generator import Options, Phase, Portraits, train
from ohlora_core.training.look_features import feature_table, looks_table, standardised
from ohlora_core.training.mapping import fit_mapping
from ohlora_core.training.patch_basis import find_basis, put_basis, taken_basis
from ohlora_core.training.portrait import identity_of_seed
from tests.face.sizes import TINY_LITE


@pytest.fixture(scope="module")
def data_dir(tmp_path_factory):
    folder = tmp_path_factory.mktemp("portraits")
    face_data.make_dataset(face_data.Options(folder, samples=24, block_samples=24, workers=1))
    return folder


def test_features_are_shares_of_kinds_and_their_products():
    people = [identity_of_seed(1_000_000 + k) for k in range(40)]
    table = feature_table(looks_table(people))
    ends = table[:, :4]  # hats of where the hair ends
    assert np.allclose(ends.sum(axis=1), 1) and (ends >= 0).all()
    longest = max(range(40), key=lambda k: people[k].hair_end)
    assert ends[longest].argmax() == 3
    made = standardised(table)
    assert np.abs(made.mean(axis=0)).max() < 1e-4 and made.std(axis=0).max() < 1.001


def test_mapping_learns_looks_and_stays_linear_in_the_label():
    mapping = MappingNetwork(3).requires_grad_(True)
    first = fit_mapping(mapping, steps=1, faces=400, seed=0)
    assert fit_mapping(mapping, steps=60, faces=400, seed=0) < 0.8 * first
    z = torch.randn(2, 512)
    with torch.no_grad():
        w = [mapping(z, torch.tensor([[0.0, v, 0.0]]).expand(2, 3)) for v in (-0.2, 0.4, 1.0)]
    step = w[1] - w[0]
    assert step.abs().max() > 1
    assert torch.allclose(w[2] - w[1], step, atol=0.02)
    assert torch.allclose(step[0] / step[0].norm(), step[1] / step[1].norm(), atol=0.01)


def test_codes_of_pictures_draw_those_pictures(data_dir):
    """As many components as pictures: nothing may be lost on the way into the network."""
    pictures = np.load(data_dir / "images.npy")[:6]
    network = LiteSynthesis(512, LiteConfig(**{**TINY_LITE.__dict__, "codes": 6}))
    basis = find_basis(pictures, np.arange(6), codes=6)
    with torch.no_grad():
        put_basis(network, basis)
        made = network.coarse(network.maps(basis.codes(pictures).transpose(0, 1)))
    small = [cv2.resize(p, (128, 128), interpolation=cv2.INTER_AREA) for p in pictures]
    wanted = torch.from_numpy(np.stack(small)).permute(0, 3, 1, 2) / 127.5 - 1
    assert (made - wanted).abs().max() < 0.02
    assert torch.equal(taken_basis(network).components, basis.components)


def test_a_run_goes_on_and_writes_a_model(data_dir, tmp_path):
    def options(*phases):
        return Options(
            data_dir=data_dir,
            work_dir=tmp_path / "work",
            out_dir=tmp_path / "out",
            threads=1,
            lite=TINY_LITE,
            mapping_steps=3,
            mapping_faces=100,
            held_out=4,
            phases=phases,
        )

    codes, pictures = Phase("codes", 0.02, 4, 1e-3, 0.3), Phase("pictures", 0.02, 2, 1e-3, 0.3)
    train(options(codes))
    first = load_generator(tmp_path / "out" / "generator.safetensors", "lite")
    train(options(codes, pictures))
    second = load_generator(tmp_path / "out" / "generator.safetensors", "lite")
    z, label = Portraits(options()).inputs(np.arange(2))
    with torch.inference_mode():
        assert torch.equal(first.mapping(z, label), second.mapping(z, label))  # fitted once
        assert second(z, label).shape == (2, 3, 256, 256)
        assert not torch.equal(first(z, label), second(z, label))
    assert (tmp_path / "work" / "sheet_pictures.png").is_file()
