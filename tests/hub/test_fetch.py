import hashlib
import json
from pathlib import Path

import pytest

from ohlora_core.__main__ import main
from ohlora_core.errors import DownloadError, MissingModelError
from ohlora_core.hub import Hub
from ohlora_core.hub.fetch import fetch
from ohlora_core.hub.local import PART_SUFFIX
from ohlora_core.hub.manifest import FACE_PLACES, group_sources, language_sources
from ohlora_core.settings import load_settings
from tests.hub.conftest import WEIGHTS

BASE, ADAPTER = language_sources("v2")["qna"]
WEIGHTS_FILE = f"{BASE.repo} > model.safetensors"


@pytest.fixture
def settings():
    return load_settings(profile="v2")


def published(hub, source, name):
    path = f"{source.path}/{name}" if source.path else name
    return hub.repositories[source.repo][path]


def half_files(settings):
    return list(settings.downloads_dir.rglob(f"*{PART_SUFFIX}"))


def stop_after(hub, where, size):
    """One connection brings some bytes, every later one none."""
    hub.cut(where, after=size)
    hub.cut(where, after=0, times=100)


@pytest.mark.parametrize("profile", ["v2", "v4"])
def test_a_fetched_profile_is_whole_and_found(full_hub, profile):
    settings = load_settings(profile=profile)
    rows = list(fetch(settings, [profile]))
    hub = Hub(settings)
    for source in group_sources(profile):
        folder = hub.local(source)
        for path in folder.rglob("[!.]*"):
            if path.is_file():
                name = path.relative_to(folder).as_posix()
                assert path.read_bytes() == published(full_hub, source, name)
    assert {row["state"] for row in rows[:-1]} == {"downloaded"}
    assert rows[-1]["bytes_to_download"] == 0
    assert not half_files(settings)
    assert not (hub.local(BASE) / "pytorch_model.bin").exists()  # safetensors are enough


def test_faces_land_in_the_places_of_the_face_loader(full_hub, settings, caplog):
    list(fetch(settings, ["faces"]))
    for source, place in FACE_PLACES.items():
        weights = full_hub.repositories[source.repo][source.path]
        assert (settings.downloads_dir / place).read_bytes() == weights
    for version in ("v7", "v8"):
        place = f"faces/vectors/{version}/ohlora_z_vectors.csv"
        assert (settings.downloads_dir / place).read_bytes() == full_hub.pages[f"/raw/{place}"]
    assert "ohlora_v3_merged_property_cnn.pth" in caplog.text  # has no known place: said


def test_an_adapter_in_another_folder_is_found_and_said(full_hub, settings, caplog):
    files = full_hub.repositories.pop(ADAPTER.repo)
    full_hub.add(ADAPTER.repo, files, under="qna/final")
    list(fetch(settings, ["tutor"]))
    folder = Hub(settings).local(ADAPTER)
    assert folder.parts[-2:] == ("qna", "final")
    assert (folder / "adapter_config.json").is_file()
    assert "qna/final" in caplog.text


def test_a_dry_run_lists_files_and_sizes_and_writes_nothing(full_hub, settings):
    *rows, totals = fetch(settings, ["v2", "faces"], dry_run=True)
    assert not settings.downloads_dir.exists()
    assert not full_hub.downloads()
    weights = [row for row in rows if row["file"].endswith("model.safetensors")]
    assert {row["bytes"] for row in weights} == {WEIGHTS}
    assert {row["state"] for row in rows} == {"missing"}
    assert totals["bytes"] == totals["bytes_to_download"] == sum(row["bytes"] for row in rows)
    assert totals["bytes_free"] > 0


def test_what_is_here_is_not_downloaded_again(full_hub, settings):
    list(fetch(settings, ["tutor"]))
    asked = len(full_hub.downloads())
    rows = list(fetch(settings, ["tutor", "tutor"]))
    assert {row["state"] for row in rows[:-1]} == {"here"}
    assert len(full_hub.downloads()) == asked


@pytest.mark.parametrize("reset", [False, True], ids=["closed", "reset"])
def test_a_cut_connection_goes_on_where_it_stopped(full_hub, settings, reset):
    full_hub.cut(WEIGHTS_FILE, after=30_000, reset=reset)
    list(fetch(settings, ["tutor"]))
    first, second = full_hub.downloads(WEIGHTS_FILE)
    assert first.range is None
    assert 0 < int(second.range.removeprefix("bytes=").rstrip("-")) <= 30_000
    path = Hub(settings).local(BASE) / "model.safetensors"
    assert path.read_bytes() == published(full_hub, BASE, "model.safetensors")


def test_a_later_command_goes_on_where_the_first_stopped(full_hub, settings):
    stop_after(full_hub, WEIGHTS_FILE, 30_000)
    with pytest.raises(DownloadError, match="goes on where it stopped"):
        list(fetch(settings, ["tutor"]))
    (half,) = half_files(settings)
    kept = half.stat().st_size
    assert 0 < kept <= 30_000
    assert half.read_bytes() == published(full_hub, BASE, "model.safetensors")[:kept]
    with pytest.raises(MissingModelError, match=rf"model\.safetensors.*{kept} bytes"):
        Hub(settings).local(BASE)  # a half-downloaded model is none
    full_hub.heal()
    seen = {row.get("file"): row.get("state") for row in fetch(settings, ["tutor"], dry_run=True)}
    assert seen[f"hub/{BASE.repo}/model.safetensors"] == "part"
    list(fetch(settings, ["tutor"]))
    assert full_hub.downloads(WEIGHTS_FILE)[-1].range == f"bytes={kept}-"
    path = Hub(settings).local(BASE) / "model.safetensors"
    assert path.read_bytes() == published(full_hub, BASE, "model.safetensors")
    assert not half_files(settings)


def test_half_a_file_of_an_older_version_is_not_used(full_hub, settings):
    stop_after(full_hub, WEIGHTS_FILE, 30_000)
    with pytest.raises(DownloadError):
        list(fetch(settings, ["tutor"]))
    full_hub.heal()
    full_hub.add(BASE.repo, {"model.safetensors": b"new weights"})
    list(fetch(settings, ["tutor"]))
    assert (Hub(settings).local(BASE) / "model.safetensors").read_bytes() == b"new weights"
    assert full_hub.downloads(WEIGHTS_FILE)[-1].range is None


@pytest.mark.parametrize(
    "where",
    [WEIGHTS_FILE, f"{BASE.repo} > config.json", "/raw/faces/vectors/v7/ohlora_z_vectors.csv"],
)
def test_wrong_content_is_thrown_away(full_hub, settings, where):
    full_hub.falsify(where)
    with pytest.raises(DownloadError, match="checksum"):
        list(fetch(settings, ["tutor", "faces"]))
    assert not half_files(settings)
    name = where.split()[-1].split("/")[-1]
    folder = settings.downloads_dir / ("hub" if ">" in where else "faces/vectors/v7")
    assert not [path for path in folder.rglob(name) if BASE.repo in str(path) or "v7" in str(path)]
    full_hub.heal()
    list(fetch(settings, ["tutor", "faces"]))  # and comes right the next time


def test_a_file_that_rotted_on_the_disk_is_brought_again(full_hub, settings):
    list(fetch(settings, ["tutor"]))
    path = Hub(settings).local(BASE) / "model.safetensors"
    whole = path.read_bytes()
    path.write_bytes(bytes(len(whole)))
    rows = list(fetch(settings, ["tutor"]))
    again = [row["file"] for row in rows[:-1] if row["state"] == "downloaded"]
    assert again == [f"hub/{BASE.repo}/model.safetensors"]
    assert path.read_bytes() == whole


def test_a_file_that_left_the_repository_before_it_came_is_not_waited_for(full_hub, settings):
    stop_after(full_hub, WEIGHTS_FILE, 30_000)
    with pytest.raises(DownloadError):
        list(fetch(settings, ["tutor"]))
    full_hub.heal()
    weights = full_hub.repositories[BASE.repo].pop("model.safetensors")
    full_hub.add(BASE.repo, {"model-00001-of-00001.safetensors": weights})
    list(fetch(settings, ["tutor"]))
    assert (Hub(settings).local(BASE) / "model-00001-of-00001.safetensors").is_file()


def test_too_small_a_disk_is_said_before_the_first_byte(full_hub, settings, monkeypatch):
    import shutil

    usage = shutil.disk_usage(Path("/"))._replace(free=2**28 + 1000)
    monkeypatch.setattr("ohlora_core.hub.fetch.shutil.disk_usage", lambda _: usage)
    with pytest.raises(DownloadError, match=r"OHLORA_DOWNLOADS_DIR.*GB > .*GB"):
        list(fetch(settings, ["tutor"]))
    assert not full_hub.downloads()


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="no /dev/full on this system")
def test_a_disk_that_fills_up_is_said(full_hub, settings):
    digest = hashlib.sha256(published(full_hub, BASE, "model.safetensors")).hexdigest()
    folder = settings.downloads_dir / "hub" / BASE.repo
    folder.mkdir(parents=True)
    (folder / f".model.safetensors.{digest[:12]}{PART_SUFFIX}").symlink_to("/dev/full")
    with pytest.raises(DownloadError, match=r"Not enough disk space.*OHLORA_DOWNLOADS_DIR"):
        list(fetch(settings, ["tutor"]))


def test_two_fetches_at_once_do_not_mix(full_hub, settings):
    first = fetch(settings, ["tutor"])
    next(first)
    with pytest.raises(DownloadError, match="Another fetch"):
        list(fetch(settings, ["tutor"]))
    assert list(first)[-1]["bytes_to_download"] == 0


def test_the_token_goes_to_the_hub_and_nowhere_else(full_hub, settings, monkeypatch):
    monkeypatch.setenv("HF_TOKEN", "hf_secret")
    full_hub.token = "hf_secret"
    list(fetch(settings, ["tutor", "faces"]))
    for request in full_hub.requests:
        to_the_hub = "/resolve/" in request.path or request.path.startswith("/api/")
        assert (request.token == "Bearer hf_secret") == to_the_hub, request


def test_the_command_prints_a_row_for_each_file(full_hub, capsys, caplog):
    caplog.set_level("INFO")
    assert main(["fetch", "tutor", "--dry-run"]) == 0
    assert main(["fetch", "tutor"]) == 0
    rows = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    states = [row.get("state") for row in rows]
    assert states.count("missing") == states.count("downloaded") == rows[-1]["files"]
    assert f"1/{rows[-1]['files']} config.json" in caplog.text  # how far it is


def test_the_command_takes_known_groups_only(capsys):
    for words in (["fetch"], ["fetch", "everything"]):
        with pytest.raises(SystemExit):
            main(words)
    assert "v4" in capsys.readouterr().err
