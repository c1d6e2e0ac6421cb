"""Fixtures of all tests: data folders in tmp, no .env, a core on fakes."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from ohlora_core.core import Core
from tests.face.published_weights import parity as parity
from tests.face.published_weights import published_files as published_files
from tests.face.published_weights import published_keys as published_keys
from tests.fakes import FakeEncoder, FakeGenerator, make_core
from tests.hub_server import hub_server as hub_server


@pytest.fixture(autouse=True)
def _own_data_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """No test touches the user's data, settings or network."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("OHLORA_DATA_DIR", str(tmp_path / "data"))
    monkeypatch.setenv("OHLORA_DOWNLOADS_DIR", str(tmp_path / "downloads"))
    monkeypatch.setenv("GRADIO_ANALYTICS_ENABLED", "False")
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")


@pytest.fixture
def generator() -> FakeGenerator:
    return FakeGenerator()


@pytest.fixture
def encoder() -> FakeEncoder:
    return FakeEncoder()


@pytest.fixture
def core(tmp_path: Path, generator: FakeGenerator, encoder: FakeEncoder) -> Iterator[Core]:
    core = make_core(tmp_path / "data", generator, encoder)
    yield core
    core.close()
