"""What happens before the page is served, and what `app.py` does with its flags."""

from __future__ import annotations

import os
import socket
import subprocess
import sys

import pytest

import app
from ohlora_core.errors import PortInUseError, SettingsError
from ohlora_core.settings import PROJECT_DIR
from ohlora_core.web.launch import check_port, serve
from tests.fakes import make_settings


@pytest.fixture
def taken_port():
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        listener.listen()
        yield listener.getsockname()[1]


def test_a_taken_port_is_told_with_its_flag(taken_port):
    with pytest.raises(PortInUseError, match="--port"):
        check_port("127.0.0.1", taken_port)


def test_a_free_port_is_fine():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    check_port("127.0.0.1", port)


def test_flags_have_the_names_of_the_settings(tmp_path):
    flags = ["--port", "7900", "--lang", "en", "--data-dir", str(tmp_path), "--host", "0.0.0.0"]
    settings = app.parse_flags(flags)
    assert (settings.port, settings.lang, settings.host) == (7900, "en", "0.0.0.0")
    assert settings.data_dir == tmp_path and not settings.share


def test_a_wrong_flag_names_itself():
    with pytest.raises(SettingsError, match="--profile"):
        app.parse_flags(["--profile", "v9"])


def test_an_error_of_the_user_ends_with_one_line_and_code_1(taken_port, tmp_path):
    ended = subprocess.run(
        [sys.executable, str(PROJECT_DIR / "app.py"), "--port", str(taken_port)],
        capture_output=True,
        text=True,
        cwd=tmp_path,
        timeout=120,
    )
    assert ended.returncode == 1 and "--port" in ended.stderr and "Traceback" not in ended.stderr


@pytest.mark.parametrize("profile", ["lite", "v4", "auto"])
def test_no_profile_lets_the_libraries_ask_the_hub(tmp_path, monkeypatch, profile):
    """Models come with the repository or with `fetch`; serving asks nobody for any."""
    monkeypatch.delenv("HF_HUB_OFFLINE")
    monkeypatch.setattr("ohlora_core.web.launch.check_port", lambda *_: None)

    def load(settings):
        raise SettingsError("", f"offline: {os.environ.get('HF_HUB_OFFLINE')}")

    monkeypatch.setattr("ohlora_core.core.Core.load", load)
    with pytest.raises(SettingsError, match="offline: 1"):
        serve(make_settings(tmp_path, profile=profile))


def test_who_wants_the_hub_online_is_heard(tmp_path, monkeypatch):
    monkeypatch.setenv("HF_HUB_OFFLINE", "0")
    monkeypatch.setattr("ohlora_core.web.launch.check_port", lambda *_: None)
    monkeypatch.setattr("ohlora_core.core.Core.load", lambda _: sys.exit("stop"))
    with pytest.raises(SystemExit):
        serve(make_settings(tmp_path))
    assert os.environ["HF_HUB_OFFLINE"] == "0"
