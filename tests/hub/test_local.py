import json

import pytest

from ohlora_core.errors import MissingModelError, ModelFileError
from ohlora_core.hub import Hub, Source
from ohlora_core.hub.local import record_path
from ohlora_core.hub.manifest import FACE_PLACES, language_sources, sentence_sources
from ohlora_core.settings import load_settings

ADAPTER = language_sources("v2")["memory"][1]


@pytest.fixture
def settings():
    return load_settings(profile="v2")


@pytest.fixture
def repository(settings):
    root = settings.downloads_dir / "hub" / ADAPTER.repo
    root.mkdir(parents=True)
    return root


def put(root, **files):
    for name, content in files.items():
        root.mkdir(parents=True, exist_ok=True)
        (root / name.replace("__", ".")).write_bytes(content)


def test_a_folder_filled_by_hand_is_taken_as_it_is(settings, repository):
    put(repository, adapter_config__json=b"{}")
    assert Hub(settings).local(ADAPTER) == repository


def test_an_adapter_that_lies_deeper_is_found(settings, repository):
    put(repository / "memory" / "final", adapter_config__json=b"{}")
    assert Hub(settings).local(ADAPTER) == repository / "memory" / "final"


def test_a_missing_model_names_place_repository_and_command(settings):
    with pytest.raises(MissingModelError) as error:
        Hub(settings).local(ADAPTER)
    for text in (error.value.korean, error.value.english):
        assert f"huggingface.co/{ADAPTER.repo}" in text
        assert str(settings.downloads_dir) in text
        assert "python -m ohlora_core fetch v2" in text


def test_a_model_of_the_tutor_is_fetched_with_the_present_profile(settings):
    source = sentence_sources("v2")["quiz"]
    with pytest.raises(MissingModelError, match="fetch v2"):
        Hub(settings).local(source)
    with pytest.raises(MissingModelError, match="fetch v4"):
        Hub(load_settings(profile="v4")).local(source)


def test_a_fetched_model_that_lacks_a_file_names_it(settings, repository):
    put(repository, adapter_config__json=b"{}")
    sizes = {"adapter_config.json": 2, "adapter_model.safetensors": 9}
    record_path(repository).write_text(json.dumps(sizes))
    put(repository, **{"__adapter_model__safetensors__0123__part": b"half"})
    with pytest.raises(MissingModelError, match=r"adapter_model\.safetensors.*4 bytes"):
        Hub(settings).local(ADAPTER)


def test_a_fetched_file_that_got_shorter_is_named_with_the_command(settings, repository):
    put(repository, adapter_config__json=b"{}")
    record_path(repository).write_text(json.dumps({"adapter_config.json": 200}))
    with pytest.raises(ModelFileError, match=r"2 bytes instead of 200.*fetch v2"):
        Hub(settings).local(ADAPTER)


def test_one_half_of_a_repository_does_not_hinder_the_other(settings):
    memory, face = (language_sources("v4")[role][1] for role in ("memory", "eyes_mouth_pose"))
    root = settings.downloads_dir / "hub" / memory.repo
    put(root / "memory", adapter_config__json=b"{}")
    sizes = {"memory/adapter_config.json": 2, "eyes_mouth_pose/adapter_config.json": 2}
    record_path(root).write_text(json.dumps(sizes))
    assert Hub(settings).local(memory) == root / "memory"
    with pytest.raises(MissingModelError, match="eyes_mouth_pose"):
        Hub(settings).local(face)


def test_a_broken_record_says_how_to_make_it_anew(settings, repository):
    record_path(repository).write_text("{")
    with pytest.raises(MissingModelError, match=r"\.fetched\.json.*fetch v2"):
        Hub(settings).local(ADAPTER)


def test_a_face_model_is_a_file(settings):
    source, place = next(iter(FACE_PLACES.items()))
    with pytest.raises(MissingModelError, match="fetch faces"):
        Hub(settings).local(source)
    path = settings.downloads_dir / place
    path.parent.mkdir(parents=True)
    path.write_bytes(b"weights")
    assert Hub(settings).local(source) == path


def test_a_model_outside_the_tables_is_looked_for_too(settings):
    root = settings.downloads_dir / "hub" / "some" / "body"
    put(root, config__json=b"{}")
    assert Hub(settings).local(Source("some/body")) == root
