"""VectorFind on made-up data, tiny generators and the sizes of the published ones."""

import csv
import json
from dataclasses import asdict, replace

import numpy as np
import pytest
import torch
from safetensors.torch import save_file

from ohlora_core.errors import ModelFileError, SettingsError, TrainingDataError
from ohlora_core.face import load_face_vectors
from ohlora_core.face.generator import Generator, GeneratorConfig
from ohlora_core.face.property_cnn import PropertyCnn
from ohlora_core.face.vectors import PROPERTIES, Face, load_face_book
from ohlora_core.settings import PROJECT_DIR
from ohlora_core.training import vectors
from ohlora_core.training.portrait_identity import OFFERED_FACES, latent_of_seed
from ohlora_core.training.vector_files import REPORT_FILE, FaceResult, write_csv_layout
from ohlora_core.training.vector_samples import detected_version
from ohlora_core.training.vectors import (
    GRID,
    WANTED_CORRELATION,
    Options,
    Samples,
    Scorer,
    correlations,
    find_normal,
    find_normals,
    group_names,
    passes,
    sample,
    train,
)
from tests.face.published_weights import (
    GENERATORS,
    PROPERTY_CNNS,
    cnn_weights,
    generator_weights,
)
from tests.face.sizes import TINY_LITE

FIXTURES = PROJECT_DIR / "tests" / "fixtures"


class Painter(Scorer):
    """Stands in for the networks: scores are known functions of w, which is z itself."""

    def __init__(self, gain=1.0):
        self.gain = gain
        self.painted = 0

    def mapping(self, z, label):
        return z

    def scores(self, w, properties=PROPERTIES):
        self.painted += len(w)
        columns = {"eyes": 3, "mouth": 4, "pose": 5, "hair_color": 6, "hair_length": 7}
        return self.gain * w[:, [columns.get(name, 8) for name in properties]]


def face(number=1, group="hhl", length=1.0):
    """A face whose vectors move what the painter scores, as the published ones do: downwards."""
    moves = np.zeros((3, 512), np.float32)
    moves[[0, 1, 2], [3, 4, 5]] = -length
    rng = np.random.default_rng(number)
    z = rng.standard_normal(512).round(4).astype(np.float32)
    return Face(number=number, group=group, z=z, label=np.zeros(3, np.float32), vectors=moves)


def test_a_normal_points_to_the_low_side_of_the_score():
    rng = np.random.default_rng(0)
    w = rng.standard_normal((400, 512)).astype(np.float32) * 0.1
    direction = np.zeros(512, np.float32)
    direction[[3, 9]] = 0.6, -0.8
    score = rng.uniform(-1, 1, 400).astype(np.float32)
    w += 3 * score[:, None] * direction
    normal = find_normal(w, score, tail_share=0.2)
    assert np.linalg.norm(normal) == pytest.approx(1, abs=1e-5)
    assert normal @ direction < -0.95


def test_groups_are_told_apart_by_the_medians():
    looks = np.array([[0.9, 0.1, 0.5], [0.1, 0.8, 0.4]], np.float32)
    assert group_names(looks, np.array([0.5, 0.5, 0.45], np.float32)) == ["hlh", "lhl"]


def test_who_is_drawn_does_not_hide_how_she_looks():
    """Identities differ ten times more than expressions; each is seen with six of them."""
    rng = np.random.default_rng(0)
    identities = rng.standard_normal((40, 512)).astype(np.float32).repeat(6, 0) * 3
    labels = rng.uniform(-1, 1, (240, 3)).astype(np.float32)
    w = identities
    w[:, :3] += labels
    looks = rng.standard_normal((40, 1)).astype(np.float32)
    normals, medians = find_normals(Samples(w, labels, looks), tail_share=0.2, orthogonal=False)
    assert set(normals) == {f"{name}.{group}" for name in PROPERTIES for group in "hl"}
    assert medians.shape == (1,)
    for index, name in enumerate(PROPERTIES):
        assert normals[f"{name}.h"][index] < -0.95


def test_a_group_with_too_few_pictures_takes_all(caplog):
    rng = np.random.default_rng(0)
    w = rng.standard_normal((60, 512)).astype(np.float32)
    looks = np.stack([np.arange(60), np.arange(60)], axis=1).astype(np.float32)
    normals, _ = find_normals(Samples(w, w[:, :3], looks), tail_share=0.2, orthogonal=False)
    assert np.array_equal(normals["eyes.hl"], normals["eyes.lh"])
    assert "too few for group hl" in caplog.text


def test_properties_that_met_by_chance_are_told_apart():
    """Mouth and pose go together in these samples, so each leaks into the other's normal."""
    rng = np.random.default_rng(0)
    scores = rng.standard_normal((300, 3)).astype(np.float32)
    scores[:, 2] += 0.6 * scores[:, 1]
    w = rng.standard_normal((300, 512)).astype(np.float32) * 0.1
    w[:, :3] += scores
    samples = Samples(w, scores, rng.standard_normal((300, 1)).astype(np.float32))
    plain, _ = find_normals(samples, tail_share=0.2, orthogonal=False)
    freed, _ = find_normals(samples, tail_share=0.2, orthogonal=True)
    assert abs(plain["mouth.h"] @ plain["pose.h"]) > 0.2
    for group in "hl":
        stack = np.stack([freed[f"{name}.{group}"] for name in PROPERTIES])
        assert np.allclose(stack @ stack.T, np.eye(3), atol=1e-5)
    leak = abs(plain["mouth.h"][2]) + abs(plain["pose.h"][1])
    assert abs(freed["mouth.h"][2]) + abs(freed["pose.h"][1]) < 0.6 * leak
    assert freed["mouth.h"][1] < -0.8 and freed["pose.h"][2] < -0.8


def test_the_grid_has_the_fifty_expressions_of_the_acceptance_test():
    assert len(set(GRID)) == 50
    assert {g.eyes for g in GRID} == {-1.2, 1.2}
    assert {g.mouth for g in GRID} == {-1.8, -0.9, 0.0, 0.9, 1.8}
    assert {g.pose for g in GRID} == {-1.8, -1.2, -0.6, 0.0, 0.6}


def test_correlations_of_perfect_control_and_of_none():
    assert correlations(Painter(), face()) == pytest.approx(dict.fromkeys(PROPERTIES, -1.0))
    assert correlations(Painter(gain=0.0), face()) == dict.fromkeys(PROPERTIES, 0.0)


def test_a_face_passes_only_if_every_property_does():
    assert passes({name: -limit for name, limit in WANTED_CORRELATION.items()})
    for name in PROPERTIES:
        assert not passes({**dict.fromkeys(PROPERTIES, 1.0), name: 0.87})


def test_scores_that_are_not_numbers_stop_the_search():
    torch.manual_seed(0)
    scorer = Scorer(tiny_generator(3).freeze(), PropertyCnn(channel_divisor=16).eval())
    with pytest.raises(TrainingDataError, match="--property-cnn"):
        scorer.scores(np.full((1, 512), np.nan, np.float32), ("eyes",))


def test_a_stopped_search_goes_on_with_what_was_scored(tmp_path):
    for name in ("generator", "property_cnn"):
        (tmp_path / f"{name}.safetensors").write_bytes(b"x")
    whole = Options(
        version="lite",
        out_dir=tmp_path,
        work_dir=tmp_path,
        samples=240,
        expressions_per_identity=2,
    )
    part = replace(whole, samples=200)
    sample(Painter(), part)
    painter = Painter()
    resumed = sample(painter, whole)
    assert painter.painted == 40  # two expressions of the 20 new identities
    fresh = sample(Painter(), replace(whole, resume=False))
    for ours, theirs in zip(resumed, fresh, strict=True):
        assert np.array_equal(ours, theirs)
    (tmp_path / "generator.safetensors").write_bytes(b"another one")
    sample(painter := Painter(), whole)
    assert painter.painted == 240


def test_a_truncated_store_of_samples_is_made_anew(tmp_path, caplog):
    for name in ("generator", "property_cnn"):
        (tmp_path / f"{name}.safetensors").write_bytes(b"x")
    options = Options(version="lite", out_dir=tmp_path, work_dir=tmp_path, samples=12)
    sample(Painter(), options)
    store = tmp_path / "vector_samples_lite.npz"
    store.write_bytes(store.read_bytes()[:3000])
    assert len(sample(Painter(), options).w) == 12
    assert "starts anew" in caplog.text


def test_the_csv_layout_is_read_back(tmp_path):
    rng = np.random.default_rng(0)
    normals = {
        f"{name}.{group}": rng.standard_normal(512).astype(np.float32)
        for name in PROPERTIES
        for group in ("hhl", "lll")
    }
    found = {"eyes": -0.95, "mouth": -0.9, "pose": -0.91}
    results = [
        FaceResult(face(40, "lll"), found, True),
        FaceResult(face(7, "hhl"), found, True),
        FaceResult(face(9, "hhl"), {**found, "eyes": 0.2}, False),
    ]
    write_csv_layout(tmp_path, results, normals)
    book = load_face_vectors(tmp_path, "v7")
    assert book.numbers() == [7, 40]
    assert np.array_equal(book[40].z, results[0].face.z)
    assert np.allclose(book[7].vectors[1], normals["mouth.hhl"], atol=1e-7)
    with (tmp_path / REPORT_FILE).open() as file:
        rows = list(csv.DictReader(file))
    assert [(row["case"], row["passed"]) for row in rows] == [("7", "O"), ("9", "X"), ("40", "O")]
    assert float(rows[1]["eyes_corr"]) == 0.2


def tiny_generator(label_size):
    generator = Generator(GeneratorConfig(label_size, lite=TINY_LITE))
    with torch.no_grad():
        generator.synthesis.basis.mul_(30)  # lets w show in the pictures of random weights
    return generator


@pytest.fixture(scope="module", autouse=True)
def short_test():
    """Three of the fifty expressions, all different, while networks are tested."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(vectors, "GRID", GRID[::17])
        yield


@pytest.fixture(scope="module")
def searched(tmp_path_factory, short_test):
    """Random lite models in one folder after a search, and what it returned."""
    torch.manual_seed(0)
    folder = tmp_path_factory.mktemp("face")
    generator = tiny_generator(3)
    save_file(generator.state_dict(), folder / "generator.safetensors")
    (folder / "config.json").write_text(json.dumps(asdict(TINY_LITE)))
    save_file(PropertyCnn(channel_divisor=16).state_dict(), folder / "property_cnn.safetensors")
    return folder, train(Options(out_dir=folder, work_dir=folder, samples=60, faces=2))


def test_lite_search_writes_the_offered_faces(searched):
    folder, result = searched
    book = load_face_book(folder)
    assert book.numbers() == sorted(OFFERED_FACES)
    for number in (1, max(OFFERED_FACES)):
        assert np.array_equal(book[number].z, latent_of_seed(number))
    lengths = np.linalg.norm(book[1].vectors, axis=1)
    wanted = [abs(result["lengths"][name]) for name in PROPERTIES]
    assert lengths == pytest.approx(wanted, rel=1e-3)
    assert result["faces_tested"] == 2 and set(result["offered_failed"]) <= set(OFFERED_FACES)


def test_a_weight_moves_the_mean_score_as_calibrated(searched):
    folder, _ = searched
    book, scorer = load_face_book(folder), Scorer.load(folder)
    faces = [book[number] for number in book.numbers()]
    w = np.concatenate([scorer.mapping(f.z[None], f.label[None]) for f in faces])
    own = np.stack([f.vectors[0] for f in faces])
    length = np.linalg.norm(own[0])
    slope = vectors.steepness(scorer, w, own / length, "eyes") * length
    assert slope == pytest.approx(vectors.LITE_SLOPES[0], rel=0.05)


@pytest.fixture(scope="module")
def published(tmp_path_factory):
    """The published generators and CNNs with the random weights of parity.npz."""
    folder = tmp_path_factory.mktemp("published")
    keys = json.loads((FIXTURES / "state_dict_keys.json").read_text(encoding="utf-8"))
    for version, name in GENERATORS.items():
        torch.save(generator_weights(keys[name]), folder / f"{version}.pth")
        cnn = cnn_weights(keys[PROPERTY_CNNS[version]])
        torch.save(cnn, folder / f"cnn_{version}.pth")
    return folder


@pytest.mark.parametrize("version", ["v7", "v8"])
def test_search_in_a_published_generator(version, published, tmp_path, monkeypatch):
    monkeypatch.setattr(vectors, "passes", lambda found: True)
    result = train(
        Options(
            generator=published / f"{version}.pth",
            property_cnn=published / f"cnn_{version}.pth",
            version=version,
            out_dir=tmp_path / "out",
            work_dir=tmp_path,
            samples=10,
            faces=1,
            batch_size=4,
        )
    )
    assert result["faces_passed"] == [0]
    book = load_face_vectors(tmp_path / "out", version)
    assert book.numbers() == [0]
    assert np.linalg.norm(book[0].vectors, axis=1) == pytest.approx([1, 1, 1], abs=1e-5)
    folder = tmp_path / "out" / "property_score_vectors"
    assert len(list(folder.iterdir())) == 3 * {"v7": 8, "v8": 16}[version]


def test_the_file_tells_the_version(published, searched):
    assert detected_version(None) == "lite"
    assert detected_version(searched[0] / "generator.safetensors") == "lite"
    assert [detected_version(published / f"{v}.pth") for v in ("v7", "v8")] == ["v7", "v8"]
    with pytest.raises(ModelFileError, match="not a generator"):
        detected_version(published / "cnn_v7.pth")


def test_v8_needs_the_merged_cnn(published, tmp_path):
    with pytest.raises(ModelFileError, match="merged property CNN v3"):
        train(
            Options(
                generator=published / "v8.pth",
                property_cnn=published / "cnn_v7.pth",
                out_dir=tmp_path,
            )
        )


def test_an_unknown_version_names_the_known_ones():
    with pytest.raises(SettingsError, match="lite, v7, v8"):
        train(Options(version="v9"))
