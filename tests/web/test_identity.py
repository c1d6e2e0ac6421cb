"""User ids that the server signs, and who may name a user."""

from __future__ import annotations

import stat

import pytest

from ohlora_core.errors import DataFolderError, UserTokenError
from ohlora_core.web.identity import Identity, load_secret
from tests.fakes import make_settings


def test_a_token_names_the_user_it_was_issued_to():
    identity = Identity(b"key")
    first, second = identity.issue(), identity.issue()
    assert identity.user_of_token(first) == first.rpartition(".")[0]
    assert identity.user_of_token(first) != identity.user_of_token(second)


@pytest.mark.parametrize("forged", ["", ".", "me", "me.0123", "로라.서명", None, 3, {"user": "x"}])
def test_what_was_not_signed_here_is_refused(forged):
    with pytest.raises(UserTokenError):
        Identity(b"key").user_of_token(forged)


def test_a_token_of_another_server_is_refused():
    with pytest.raises(UserTokenError):
        Identity(b"key").user_of_token(Identity(b"other key").issue())


def test_names_are_trusted_on_loopback_only():
    assert Identity(b"key", trusts_names=True).user_of_caller(" me ") == "me"
    with pytest.raises(UserTokenError):
        Identity(b"key").user_of_caller("me")


@pytest.mark.parametrize("name", ["", "   ", "x" * 201])
def test_a_name_must_be_a_name(name):
    with pytest.raises(UserTokenError):
        Identity(b"key", trusts_names=True).user_of_caller(name)


def test_the_browser_key_tells_nothing_about_the_secret():
    identity = Identity(b"key")
    assert identity.key("browser") != identity.key("other")
    assert "key" not in identity.key("browser")


def test_the_secret_is_made_once_and_private(tmp_path):
    settings = make_settings(tmp_path)
    secret = load_secret(settings)
    assert len(secret) == 64 and load_secret(settings) == secret
    assert stat.S_IMODE((tmp_path / "secret").stat().st_mode) == 0o600


def test_the_secret_of_the_settings_comes_first(tmp_path):
    assert load_secret(make_settings(tmp_path, secret="given")) == b"given"
    assert not (tmp_path / "secret").exists()


def test_an_unwritable_data_folder_is_named(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(DataFolderError, match="OHLORA_DATA_DIR"):
        load_secret(make_settings(tmp_path / "file" / "data"))
