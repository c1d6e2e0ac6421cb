"""What a user reads when a download cannot be had; each in Korean and in English."""

import pytest
from huggingface_hub import constants

from ohlora_core.__main__ import main
from ohlora_core.errors import DownloadError
from ohlora_core.hub.fetch import fetch
from ohlora_core.hub.manifest import language_sources
from ohlora_core.settings import load_settings

BASE, ADAPTER = language_sources("v4")["qna"]
WEIGHTS_FILE = f"{BASE.repo} > model.safetensors"
VECTORS = "/raw/faces/vectors/v7/ohlora_z_vectors.csv"


def failure(group="tutor"):
    with pytest.raises(DownloadError) as error:
        list(fetch(load_settings(), [group]))
    assert error.value.korean != error.value.english
    return error.value.english


def test_a_hub_that_is_down(full_hub):
    full_hub.close()
    message = failure()
    assert "cannot be reached" in message and BASE.repo in message


@pytest.mark.parametrize("where", [BASE.repo, WEIGHTS_FILE])
def test_a_hub_that_is_slow(full_hub, monkeypatch, where):
    monkeypatch.setattr(constants, "HF_HUB_ETAG_TIMEOUT", 0.3)
    monkeypatch.setattr(constants, "HF_HUB_DOWNLOAD_TIMEOUT", 0.3)
    full_hub.delay(where, 0.6)
    message = failure()
    assert "no answer in time" in message and "HF_HUB_DOWNLOAD_TIMEOUT" in message


@pytest.mark.parametrize("status", [500, 503])
@pytest.mark.parametrize("where", [ADAPTER.repo, WEIGHTS_FILE])
def test_a_hub_in_trouble(full_hub, where, status):
    full_hub.fail(where, status)
    assert f"server has a problem ({status})" in failure()


def test_too_many_requests(full_hub):
    full_hub.fail(ADAPTER.repo, 429)
    assert "429" in failure()


def test_without_a_token_it_says_how_to_get_one(full_hub):
    full_hub.token = "hf_right"
    message = failure()
    assert "missing" in message
    assert "https://huggingface.co/settings/tokens" in message and "HF_TOKEN" in message


def test_a_refused_token(full_hub, monkeypatch):
    full_hub.token = "hf_right"
    monkeypatch.setenv("HF_TOKEN", "hf_old")
    message = failure()
    assert "refused the token (401)" in message and "expired" in message
    assert "hf_old" not in message


def test_a_gated_model(full_hub):
    full_hub.fail(BASE.repo, 403, "GatedRepo")
    message = failure()
    assert "Accept its terms" in message and f"/{BASE.repo}" in message


def test_a_repository_that_is_gone(full_hub):
    full_hub.fail(ADAPTER.repo, 404, "RepoNotFound")
    message = failure()
    assert "not there (404)" in message and ADAPTER.repo in message
    assert not full_hub.downloads()  # known before the first byte


def test_a_file_that_is_gone(full_hub):
    full_hub.fail(WEIGHTS_FILE, 404, "EntryNotFound")
    message = failure()
    assert "404" in message and "model.safetensors" in message


@pytest.mark.parametrize("left", ["README.md", "adapter_config.json"])
def test_a_repository_without_a_whole_adapter(full_hub, left):
    full_hub.repositories[ADAPTER.repo] = {left: b"{}"}
    message = failure()
    assert "has no model (settings and weights)" in message and ADAPTER.repo in message


def test_the_page_of_the_face_vectors_fails(full_hub):
    full_hub.fail(VECTORS, 404)
    message = failure("faces")
    assert "github.com > ohlora_z_vectors.csv" in message and "404" in message


@pytest.mark.parametrize("answer", [b"<html>Log in to the network</html>", b"[]", b"{}"])
def test_something_else_answers_for_the_hub(full_hub, monkeypatch, answer):
    full_hub.pages["/portal/api/models/" + BASE.repo] = answer
    monkeypatch.setenv("HF_ENDPOINT", f"{full_hub.url}/portal")
    assert "not the answer of a hub" in failure()


def test_an_unsafe_file_name_is_refused(full_hub):
    files = full_hub.repositories.pop(ADAPTER.repo)
    full_hub.add(ADAPTER.repo, files, under="..")
    assert "unsafe file name" in failure()


def test_offline_mode(full_hub, monkeypatch):
    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", True)
    message = failure()
    assert "HF_HUB_OFFLINE" in message and "Unset" in message


def test_a_folder_that_cannot_be_written(full_hub, tmp_path, monkeypatch):
    (tmp_path / "file").write_text("")
    monkeypatch.setenv("OHLORA_DOWNLOADS_DIR", str(tmp_path / "file" / "models"))
    assert str(tmp_path / "file" / "models") in failure()


def test_the_command_shows_the_message_and_fails(full_hub, capsys):
    full_hub.fail(ADAPTER.repo, 503)
    assert main(["fetch", "v4"]) == 1
    assert "503" in capsys.readouterr().err
