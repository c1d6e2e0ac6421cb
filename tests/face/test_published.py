"""Face families on disk: vectors as CSV, where the files belong, what is said of bad ones."""

import json
import shutil
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from safetensors.torch import save_file

from ohlora_core.errors import MissingModelError, ModelFileError, UnknownFaceError
from ohlora_core.face import (
    load_face_models,
    load_face_vectors,
    load_generator,
    load_hair_model,
    load_property_cnn,
)
from ohlora_core.face.effisegnet import EffiSegNet
from ohlora_core.face.generator import LABEL_SIZES
from ohlora_core.face.hair import HairStudent
from ohlora_core.face.published import GROUP_FILE, VECTOR_FOLDER, Z_FILE, sources
from tests.face.published_vectors import write_faces, write_rows
from tests.face.published_weights import GENERATORS, HAIR

SHARED = Path(__file__).parents[3] / "shared" / "faces"
PUBLISHED_NUMBERS = {
    "v7": "127 672 709 931 1017 1073 1162 1211 1277 1351 1359 1409 1591 1646 1782 1788 1819 1836 "
    "1905 1918 2054 2089 2100 2111 2137 2185 2240",
    "v8": "83 143 194 214 285 483 536 679 853 895 986 991 1064 1180 1313 1535 1750 1792 1996",
}
FLOAT32 = SimpleNamespace(dtype=torch.float32)


@pytest.mark.parametrize("version", ["v7", "v8"])
def test_reads_latents_labels_groups_and_vectors(version, tmp_path):
    group = "hlhl"[: {"v7": 3, "v8": 4}[version]]
    latents = write_faces(tmp_path, version, {127: group, 9: group})
    book = load_face_vectors(tmp_path, version)
    assert book.numbers() == [9, 127]
    face = book[9]
    assert (face.number, face.group, face.vectors.shape) == (9, group, (3, 512))
    assert np.allclose(np.concatenate([face.z, face.label]), latents[1])
    assert face.vectors.argmax(axis=1).tolist() == [0, 1, 2]
    with pytest.raises(UnknownFaceError, match="9, 127"):
        book[10]


@pytest.mark.skipif(not SHARED.is_dir(), reason="../shared/faces is not beside this checkout")
@pytest.mark.parametrize("version", ["v7", "v8"])
def test_reads_the_published_faces(version):
    book = load_face_vectors(SHARED / version, version)
    assert " ".join(map(str, book.numbers())) == PUBLISHED_NUMBERS[version]
    for number in book.numbers():
        face = book[number]
        assert np.linalg.norm(face.vectors, axis=1) == pytest.approx([1, 1, 1], abs=1e-5)
        assert face.label.shape == (LABEL_SIZES[version],)


def drop_vector(folder):
    (folder / VECTOR_FOLDER / "mouth_change_w_vector_hll.csv").unlink()


def shorten_vector(folder):
    write_rows(folder / VECTOR_FOLDER / "eyes_change_w_vector_hll.csv", range(9), range(9))


def spoil_number(folder):
    path = folder / Z_FILE
    path.write_text(path.read_text().replace(".", "x", 1))


def put_nan(folder):
    write_rows(folder / VECTOR_FOLDER / "pose_change_w_vector_hll.csv", range(513), ["nan"] * 513)


def drop_face(folder):
    path = folder / GROUP_FILE
    path.write_text("\n".join(path.read_text().splitlines()[:-1]))


def rename_group(folder):
    path = folder / GROUP_FILE
    path.write_text(path.read_text().replace("hll", "hx"))


def lose_columns(folder):
    write_rows(folder / GROUP_FILE, ("number", "group"), (1, "hll"))


@pytest.mark.parametrize(
    ("damage", "said"),
    [
        (drop_vector, r"mouth_change_w_vector_hll\.csv"),
        (shorten_vector, r"expected \(1, 512\), found \(1, 8\)"),
        (spoil_number, r"ohlora_z_vectors\.csv.*could not convert"),
        (put_nan, "not numbers"),
        (drop_face, "2 rows, but ohlora_w_group_names.csv has 1 faces"),
        (rename_group, "'hx' is not 3 letters"),
        (lose_columns, "'case' is not in list"),
    ],
)
def test_a_bad_vector_file_is_named_with_the_way_to_restore_it(damage, said, tmp_path):
    write_faces(tmp_path, "v7", {1: "hll", 2: "hll"})
    damage(tmp_path)
    with pytest.raises(ModelFileError, match=said) as error:
        load_face_vectors(tmp_path, "v7")
    assert "WannaBeSuperteur/AI_Projects" in str(error.value)


def test_vectors_of_another_version_are_refused(tmp_path):
    write_faces(tmp_path, "v8", {83: "hlhl"})
    with pytest.raises(ModelFileError, match=r"expected \(1, 515\), found \(1, 519\)"):
        load_face_vectors(tmp_path, "v7")


def test_the_embedded_family(tiny_models, tmp_path):
    models = load_face_models("lite", tiny_models, tmp_path, FLOAT32)
    assert models.family == "lite" and isinstance(models.hair, HairStudent)
    with torch.inference_mode():
        face = models.faces[models.faces.numbers()[0]]
        w = models.generator.mapping(
            torch.from_numpy(face.z)[None], torch.from_numpy(face.label)[None]
        )
        assert models.generator.synthesis(w).shape == (1, 3, 256, 256)


def test_the_fingerprint_follows_the_files(tiny_models, tmp_path):
    models = tmp_path / "models"
    shutil.copytree(tiny_models, models)
    first = load_face_models("lite", models, tmp_path, FLOAT32).fingerprint
    assert load_face_models("lite", models, tmp_path, FLOAT32).fingerprint == first
    save_file(HairStudent().state_dict(), models / "face" / "hair.safetensors")
    assert load_face_models("lite", models, tmp_path, FLOAT32).fingerprint != first


@pytest.fixture
def downloads(published_files, tmp_path):
    """The v7 family, as `downloads_dir` keeps it."""
    known = sources("v7")
    for use, name in (("generator", GENERATORS["v7"]), ("hair", HAIR)):
        path = tmp_path / known[use].place
        path.parent.mkdir(parents=True)
        path.symlink_to(published_files[name])
    write_faces(tmp_path / known["vectors"].place, "v7", {127: "hhh"})
    return tmp_path


def test_a_published_family(downloads):
    models = load_face_models("v7", downloads, downloads, FLOAT32)
    assert models.faces.numbers() == [127] and isinstance(models.hair, EffiSegNet)
    assert models.generator.config.label_size == 3


@pytest.mark.parametrize("use", ["generator", "hair", "vectors"])
def test_a_missing_published_file_is_named_with_its_origin_and_place(use, downloads):
    source = sources("v7")[use]
    place = downloads / source.place
    shutil.rmtree(place) if use == "vectors" else place.unlink()
    with pytest.raises(MissingModelError) as error:
        load_face_models("v7", downloads, downloads, FLOAT32)
    assert source.origin in str(error.value) and str(place) in str(error.value)
    others = [other for name, other in sources("v7").items() if name != use]
    assert not any(other.origin in str(error.value) for other in others)


def test_an_unknown_family_names_the_known_ones(tmp_path):
    with pytest.raises(ValueError, match="lite, v7, v8"):
        load_face_models("v9", tmp_path, tmp_path, FLOAT32)


def write_truncated(path):
    torch.save({"weight": torch.zeros(1000)}, path)
    path.write_bytes(path.read_bytes()[:2000])


def write_truncated_safetensors(path):
    save_file({"weight": torch.zeros(1000)}, path)
    path.write_bytes(path.read_bytes()[:2000])


def write_text(path):
    path.write_text("<html>404</html>")


def write_checkpoint(path):
    torch.save({"epoch": 3, "state_dict": {"weight": torch.zeros(1)}}, path)


def write_tensor(path):
    torch.save(torch.zeros(3), path)


def write_other_model(path):
    torch.save({"weight": torch.zeros(3, 4)}, path)


LOADERS = {
    "generator": lambda path: load_generator(path, "v8"),
    "hair": load_hair_model,
    "property cnn": load_property_cnn,
}


@pytest.mark.parametrize(
    ("write", "suffix", "said"),
    [
        (write_truncated, "pth", "truncated"),
        (write_truncated_safetensors, "safetensors", "truncated"),
        (write_text, "pth", "truncated or not a plain state dict"),
        (write_checkpoint, "pth", "not tensors: epoch, state_dict"),
        (write_tensor, "pth", "holds a Tensor"),
        (write_other_model, "pth", r"keys expected, 1 found.*missing"),
    ],
)
@pytest.mark.parametrize("loader", LOADERS)
def test_a_bad_weights_file_is_named_with_what_to_do(loader, write, suffix, said, tmp_path):
    path = tmp_path / f"weights.{suffix}"
    write(path)
    with pytest.raises(ModelFileError, match=said) as error:
        LOADERS[loader](path)
    assert str(path) in error.value.english and "put a whole copy" in error.value.english


@pytest.mark.parametrize("text", ["{", '{"hidden": 0}', '{"size": 3}', "[]"])
def test_a_bad_lite_config_is_named(text, tmp_path):
    save_file({"weight": torch.zeros(1)}, tmp_path / "generator.safetensors")
    (tmp_path / "config.json").write_text(text)
    with pytest.raises(ModelFileError, match=r"config\.json"):
        load_generator(tmp_path / "generator.safetensors", "lite")


def test_embedded_files_are_restored_with_git(tmp_path):
    path = tmp_path / "models" / "face" / "hair.safetensors"
    path.parent.mkdir(parents=True)
    path.write_text(json.dumps({}))
    with pytest.raises(ModelFileError, match=r"git checkout -- models/face/hair\.safetensors"):
        load_hair_model(path)
