"""`python -m ohlora_core fetch`: brings the published models to downloads_dir.

Asks for all listings first, so that a repository that is gone, or a disk that is too small, is
known before the first byte. Fetching again checks every file and downloads what is not right.
"""

from __future__ import annotations

import json
import logging
import shutil
from collections.abc import Iterable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

from filelock import Timeout
from huggingface_hub.utils import WeakFileLock

from ohlora_core.hub.download import bytes_here, download, is_whole
from ohlora_core.hub.failures import busy, disk_full, explained
from ohlora_core.hub.listing import Listings, RemoteFile, vector_listing
from ohlora_core.hub.local import read_record, record_path
from ohlora_core.hub.manifest import FACE_PLACES, LOCAL_ONLY, Group, Source, group_sources
from ohlora_core.settings import Settings

__all__ = ["fetch"]

log = logging.getLogger(__name__)

RESERVE = 2**28
"""Bytes that stay free on the disk."""


def fetch(
    settings: Settings, groups: Iterable[Group], *, dry_run: bool = False
) -> Iterator[dict[str, Any]]:
    """Download the models of some groups; yields a row per file, then a row of totals.

    Rows: file (under downloads_dir), from, bytes, and state: "here" (whole), "part" (begun),
    "missing", or "downloaded". A dry run only asks for the listings; it takes a file of the right
    size for whole.

    Raises:
        DownloadError: says what is wrong and what to do; nothing is replaced by something else.
    """
    folder = settings.downloads_dir
    listed = _listed(groups)
    files = list({file.place: file for each in listed.values() for file in each}.values())
    if dry_run:
        states = {file.place: _seen(file, folder) for file in files}
        for file in files:
            yield _row(file, states[file.place])
        yield _totals(files, states, folder)
        return
    with _locked(folder):
        yield from _bring(files, listed, folder)


@contextmanager
def _locked(folder: Path) -> Iterator[None]:
    """Makes the folder; only one fetch at a time writes to it."""
    with ExitStack() as held:
        with explained(str(folder), folder):
            folder.mkdir(parents=True, exist_ok=True)
            try:
                held.enter_context(WeakFileLock(folder / ".fetch.lock", timeout=1))
            except Timeout as error:
                raise busy(folder) from error
        yield


def _listed(groups: Iterable[Group]) -> dict[Source | None, list[RemoteFile]]:
    """Source -> its files; None -> the face vectors."""
    listings = Listings()
    listed: dict[Source | None, list[RemoteFile]] = {}
    for group in groups:
        for source in group_sources(group):
            if source not in listed:
                log.info("asking for %s %s", source.repo, source.path)
                listed[source] = listings.files(source)
        if group == "faces":
            listed[None] = vector_listing()
            log.warning(
                "%s (training of v8 vectors only) has no known public location: not fetched",
                LOCAL_ONLY,
            )
    return listed


def _bring(
    files: list[RemoteFile], listed: dict[Source | None, list[RemoteFile]], folder: Path
) -> Iterator[dict[str, Any]]:
    states = {
        file.place: "here" if is_whole(file, folder) else _begun(file, folder) for file in files
    }
    totals = _totals(files, states, folder)
    if totals["bytes_to_download"] + RESERVE > totals["bytes_free"]:
        raise disk_full(folder, totals["bytes_to_download"] + RESERVE, totals["bytes_free"])
    with explained(str(folder), folder):
        for source, its_files in listed.items():
            if source is not None and source not in FACE_PLACES:
                _record(source, its_files, folder)
    missing = [file for file in files if states[file.place] != "here"]
    for file in files:
        if states[file.place] != "here":
            label = f"{missing.index(file) + 1}/{len(missing)} {Path(file.place).name}"
            log.info("%s from %s, %.1f MB", label, file.origin, file.size / 1e6)
            download(file, folder, label)
            states[file.place] = "downloaded"
        yield _row(file, states[file.place])
    yield _totals(files, states, folder)


def _record(source: Source, files: list[RemoteFile], folder: Path) -> None:
    """Note what belongs to a source, so that `Hub.local` can tell a whole model from a half one."""
    root = folder / "hub" / source.repo
    prefix = f"hub/{source.repo}/"
    try:
        # What was noted and never came may be gone from the repository by now.
        known = read_record(root).items()
        sizes = {name: size for name, size in known if (root / name).is_file()}
    except ValueError:
        sizes = {}  # broken: written anew
    sizes |= {file.place.removeprefix(prefix): file.size for file in files}
    root.mkdir(parents=True, exist_ok=True)
    record_path(root).write_text(json.dumps(sizes, indent=1), encoding="utf-8")


def _seen(file: RemoteFile, folder: Path) -> str:
    """The state of a file, judged by sizes."""
    path = folder / file.place
    whole = path.is_file() and path.stat().st_size == file.size
    return "here" if whole else _begun(file, folder)


def _begun(file: RemoteFile, folder: Path) -> str:
    return "part" if bytes_here(file, folder) else "missing"


def _row(file: RemoteFile, state: str) -> dict[str, Any]:
    return {"file": file.place, "from": file.origin, "bytes": file.size, "state": state}


def _totals(files: list[RemoteFile], states: dict[str, str], folder: Path) -> dict[str, Any]:
    missing = [file for file in files if states[file.place] in ("part", "missing")]
    exists = next(path for path in (folder.absolute(), *folder.absolute().parents) if path.exists())
    return {
        "files": len(files),
        "bytes": sum(file.size for file in files),
        "bytes_to_download": sum(file.size - bytes_here(file, folder) for file in missing),
        "bytes_free": shutil.disk_usage(exists).free,
        "folder": str(folder),
    }
