from pathlib import Path

import pytest

from ohlora_core.errors import DataFolderError, SettingsError
from ohlora_core.settings import PROJECT_DIR, Settings, load_settings


def test_flags_win_over_environment_over_env_file(monkeypatch, tmp_path):
    (tmp_path / ".env").write_text("OHLORA_PORT=1111\nOHLORA_LANG=en\n", encoding="utf-8")
    assert (load_settings().port, load_settings().lang) == (1111, "en")
    monkeypatch.setenv("OHLORA_PORT", "2222")
    assert load_settings().port == 2222
    assert load_settings(port=3333, lang=None).port == 3333


@pytest.mark.parametrize(
    ("name", "value"), [("profile", "huge"), ("port", 99999), ("tz", "Mars/Base"), ("lang", "fr")]
)
def test_a_bad_value_names_setting_and_flag(name, value):
    with pytest.raises(SettingsError) as caught:
        load_settings(**{name: value})
    assert f"OHLORA_{name.upper()}" in str(caught.value) and f"--{name}" in str(caught.value)


def test_auto_is_a_profile_but_not_of_a_server():
    assert load_settings(profile="auto").profile == "auto"
    with pytest.raises(SettingsError, match="set lite, v2 or v4"):
        load_settings(profile="auto", llm_url="http://localhost:8000")


@pytest.mark.parametrize(
    ("host", "share", "loopback"),
    [
        ("127.0.0.1", False, True),
        ("localhost", False, True),
        ("::1", False, True),
        ("0.0.0.0", False, False),
        ("127.0.0.1", True, False),
    ],
)
def test_block_periods_are_short_only_where_nobody_else_can_come(host, share, loopback):
    settings = load_settings(host=host, share=share)
    assert settings.loopback_only == loopback
    assert settings.effective_block_scale == (0.01 if loopback else 1.0)


def test_on_a_space_it_listens_to_all_and_keeps_data_in_data(monkeypatch):
    monkeypatch.setenv("SPACE_ID", "someone/ohlora")
    monkeypatch.delenv("OHLORA_DATA_DIR")
    settings = load_settings()
    assert (settings.host, settings.data_dir) == ("0.0.0.0", Path("/data"))
    assert not settings.loopback_only


def test_an_unwritable_data_folder_names_the_setting(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(DataFolderError, match="OHLORA_DATA_DIR"):
        load_settings(data_dir=tmp_path / "file" / "data").prepare_data_dir()


def test_downloads_go_to_the_cache_folder_unless_told_otherwise(monkeypatch, tmp_path):
    assert load_settings().downloads_dir == tmp_path / "downloads"
    monkeypatch.delenv("OHLORA_DOWNLOADS_DIR")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    assert load_settings().downloads_dir == tmp_path / "cache" / "ohlora"
    monkeypatch.delenv("XDG_CACHE_HOME")
    assert load_settings().downloads_dir == Path.home() / ".cache" / "ohlora"


def test_every_setting_is_documented():
    text = (PROJECT_DIR / ".env.example").read_text(encoding="utf-8")
    missing = [n for n in Settings.model_fields if f"OHLORA_{n.upper()}=" not in text]
    assert not missing
