import json
from pathlib import Path

import pytest

from ohlora_core.face.published import VECTORS_COMMIT, sources
from ohlora_core.hub import Source
from ohlora_core.hub.manifest import (
    FACE_PLACES,
    GROUPS,
    LOCAL_ONLY,
    group_sources,
    groups_of,
    language_sources,
    sentence_sources,
    vector_files,
)
from ohlora_core.language import Role
from ohlora_core.sentence import SentenceTask
from ohlora_core.sentence.published import LITE_TASKS
from ohlora_core.settings import PROJECT_DIR

INSTRUCT = "kakaocorp/kanana-1.5-2.1b-instruct-2505"
POLYGLOT = "EleutherAI/polyglot-ko-1.3b"


@pytest.mark.parametrize("profile", ["v2", "v4"])
def test_every_role_has_a_base_and_an_adapter(profile):
    assert set(language_sources(profile)) == {role.value for role in Role}


@pytest.mark.parametrize("profile", ["v2", "v4"])
def test_every_published_task_has_an_s_bert(profile):
    wanted = {task.value for task in SentenceTask if task not in LITE_TASKS}
    assert set(sentence_sources(profile)) == wanted


def test_v4_stands_on_three_bases_and_v2_with_the_tutor_on_two():
    bases = {p: {base.repo for base, _ in language_sources(p).values()} for p in ("v2", "v4")}
    assert bases["v4"] == {INSTRUCT, "kakaocorp/kanana-1.5-2.1b-base", POLYGLOT}
    assert bases["v2"] == {INSTRUCT, POLYGLOT}


def test_two_adapters_of_one_repository_are_told_apart_by_their_folder():
    v4 = language_sources("v4")
    assert v4["memory"][1] == Source("daebakgazua/250526_OhLoRA_LLM_polyglot", "memory")
    assert v4["eyes_mouth_pose"][1].path == "eyes_mouth_pose"
    assert sentence_sources("v4")["memory"].path == "memory_sbert/trained_sbert_model"
    assert v4["interview"][1].repo == "daebakgazua/250702_OhLoRA_interview_llm"


def test_a_profile_brings_its_tutor_and_every_model_once():
    for profile in ("v2", "v4"):
        models = group_sources(profile)
        assert set(group_sources("tutor")) <= set(models)
        assert len(models) == len(set(models))
    tutor = language_sources("v2")["qna"][1]
    assert groups_of(tutor) == ["v4", "v2", "tutor"]
    assert groups_of(Source("some/body")) == []
    assert set(group_sources("faces")) == set(FACE_PLACES)


@pytest.mark.parametrize("version", ["v7", "v8"])
def test_faces_land_where_the_face_loader_looks(version):
    wanted = sources(version)
    for use in ("generator", "hair"):
        (source,) = [s for s, place in FACE_PLACES.items() if place == wanted[use].place]
        assert wanted[use].origin == f"huggingface.co/{source.repo} > {source.path}"
    vectors = [file for file in vector_files() if file.place.startswith(wanted["vectors"].place)]
    assert len(vectors) == {"v7": 26, "v8": 50}[version]
    folder = wanted["vectors"].origin.split(VECTORS_COMMIT)[1]
    for file in vectors:
        name = file.place.removeprefix(wanted["vectors"].place)
        assert file.url.startswith("https://raw.githubusercontent.com/")
        assert file.url.endswith(f"{VECTORS_COMMIT}{folder}{name}")


def test_the_vector_sums_are_those_of_the_published_files():
    shared = Path(PROJECT_DIR) / ".." / "shared" / "faces" / "manifest.json"
    if not shared.exists():
        pytest.skip("needs ../shared/faces/manifest.json")
    files = json.loads(shared.read_text())["files"].values()
    published = {(file["sha256"], file["bytes"]) for file in files}
    assert {(file.sha256, file.size) for file in vector_files()} == published


def test_the_file_without_a_public_place_is_in_no_group():
    assert not [s for group in GROUPS for s in group_sources(group) if LOCAL_ONLY in s.path]
