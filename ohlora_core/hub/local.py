"""Finds the fetched models on this machine; never goes to the network.

Layout of `downloads_dir`: hub/OWNER/NAME/ has the files of a hub repository under their own paths,
beside the record of `fetch` (which files, how large); faces/ is laid out by face/published.py.
A folder that somebody filled by hand has no record and is taken as it is.
"""

from __future__ import annotations

import json
from pathlib import Path

from ohlora_core.errors import MissingModelError, ModelFileError
from ohlora_core.hub.layout import locate
from ohlora_core.hub.manifest import FACE_PLACES, Source, groups_of
from ohlora_core.settings import Settings

__all__ = ["PART_SUFFIX", "Hub", "read_record", "record_path"]

PART_SUFFIX = ".part"
"""End of the name of a half-downloaded file."""


class Hub:
    """The published models on this machine.

    Args:
        settings: Names the folder, and the profile that messages speak of.
    """

    def __init__(self, settings: Settings) -> None:
        self._folder = settings.downloads_dir
        self._profile = settings.profile

    def local(self, source: Source) -> Path:
        """Where a model lies: a folder, or the file of a source that is one.

        A model whose path in its repository differs from the tables is found by its
        adapter_config.json (S-BERT: modules.json, base: config.json, file: name).

        Raises:
            MissingModelError: it is not here, or not whole; names the file, the repository and the
                command that gets it.
            ModelFileError: a file is not as long as the one that was published.
            DownloadError: several folders could be it.
        """
        if source in FACE_PLACES:
            path = self._folder / FACE_PLACES[source]
            if not path.is_file():
                raise self._missing(source, path)
            return path
        root = self._folder / "hub" / source.repo
        try:
            sizes = read_record(root)
        except ValueError as error:
            raise self._missing(source, record_path(root)) from error
        files = {path.relative_to(root).as_posix() for path in root.rglob("*") if path.is_file()}
        found = locate(source, files | sizes.keys())
        if found is None:
            raise self._missing(source, root / source.path)
        for name, size in sizes.items():
            if not found or name == found or name.startswith(f"{found}/"):
                self._check(source, root / name, size)
        return root / found

    def _check(self, source: Source, path: Path, size: int) -> None:
        if not path.is_file():
            raise self._missing(source, path)
        if path.stat().st_size != size:
            command = f"python -m ohlora_core fetch {self._group(source)}"
            raise ModelFileError(
                path, (command, command), f"{path.stat().st_size} bytes instead of {size}"
            )

    def _missing(self, source: Source, path: Path) -> MissingModelError:
        parts = list(path.parent.glob(f".{path.name}.*{PART_SUFFIX}"))
        half = f", 일부만 받음 / half-downloaded: {parts[0].stat().st_size} bytes" if parts else ""
        origin = f"huggingface.co/{source.repo}" + (f" > {source.path}" if source.path else "")
        group = self._group(source)
        return MissingModelError(group, f"{path} ({origin}{half})", group)

    def _group(self, source: Source) -> str:
        """The word of `fetch` that brings a source: of the present profile if that has it."""
        groups = groups_of(source)
        return self._profile if not groups or self._profile in groups else groups[0]


def record_path(root: Path) -> Path:
    """The record of a fetched repository in its folder."""
    return root / ".fetched.json"


def read_record(root: Path) -> dict[str, int]:
    """Name -> size in bytes of the files that `fetch` was to bring; empty without a record.

    Raises:
        ValueError: if the record is broken.
    """
    path = record_path(root)
    if not path.is_file():
        return {}
    sizes = json.loads(path.read_text(encoding="utf-8"))
    if not isinstance(sizes, dict) or not all(isinstance(size, int) for size in sizes.values()):
        raise ValueError(f"{path} is not a table of sizes")
    return sizes
