"""A hub that holds a small file for every file of the published models."""

from __future__ import annotations

import hashlib
import json

import pytest

from ohlora_core.hub import manifest
from ohlora_core.hub.layout import is_file
from ohlora_core.hub.manifest import VectorFile, group_sources
from tests.hub_server import HubServer

WEIGHTS = 60_000
"""Bytes of a file of weights: several pieces of a connection."""


def content(name: str, size: int = WEIGHTS) -> bytes:
    """The same bytes each time, others for each name."""
    return hashlib.shake_128(name.encode()).digest(size)


def model_files(repository: str, path: str) -> dict[str, bytes]:
    """The files of an adapter, an S-BERT or a base, as the published ones are laid out."""
    names: tuple[str, ...]
    if "sbert" in repository.lower():
        names = ("modules.json", "1_Pooling/config.json", "model.safetensors")
    elif repository.startswith("daebakgazua"):
        names = ("adapter_config.json", "adapter_model.safetensors", "README.md")
    else:
        names = ("config.json", "tokenizer.json", "model.safetensors", "pytorch_model.bin")
    return {
        name: content(repository + path + name) if "model." in name else json.dumps(name).encode()
        for name in names
    }


@pytest.fixture
def full_hub(hub_server: HubServer, monkeypatch: pytest.MonkeyPatch) -> HubServer:
    """Everything that `fetch` brings, in small, at its own addresses."""
    for group in ("v4", "v2", "faces"):
        for source in group_sources(group):
            if is_file(source):
                hub_server.add(source.repo, {source.path: content(source.path)})
            else:
                files = model_files(source.repo, source.path)
                hub_server.add(source.repo, files, under=source.path)
    vectors = [
        VectorFile(f"{hub_server.url}/raw/{place}", place, 2000, hashlib.sha256(vector).hexdigest())
        for place, vector in (
            (f"faces/vectors/{version}/ohlora_z_vectors.csv", content(version, 2000))
            for version in ("v7", "v8")
        )
    ]
    for file, version in zip(vectors, ("v7", "v8"), strict=True):
        hub_server.pages[f"/raw/{file.place}"] = content(version, 2000)
    monkeypatch.setattr("ohlora_core.hub.listing.vector_files", lambda: vectors)
    assert manifest.vector_files() != vectors
    return hub_server
