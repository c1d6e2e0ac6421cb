"""Downloads one published file: resumes, checks its checksum, and only then gives it its name.

huggingface_hub throws half a file away when a command ends; here it is kept beside its place, under
a name that holds the checksum, so that a later command never joins two versions of a file.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import BinaryIO

import httpx2
from huggingface_hub.file_download import http_get
from huggingface_hub.utils import build_hf_headers
from huggingface_hub.utils.sha import git_hash, sha_fileobj
from tqdm import tqdm

from ohlora_core.hub.failures import checksum_mismatch, explained
from ohlora_core.hub.listing import GITHUB, RemoteFile
from ohlora_core.hub.local import PART_SUFFIX

__all__ = ["bytes_here", "download", "is_whole"]

_SHOW_CHECKING = 2**28
"""Bytes from which checking a file takes long enough to show its progress."""


def download(file: RemoteFile, folder: Path, label: str = "") -> None:
    """Bring a file to its place under `folder`, from where an earlier try stopped.

    label: Shown with the progress bar.

    Raises:
        DownloadError: network, server, disk or checksum; what has come so far is kept, except
            after a wrong checksum.
    """
    path = folder / file.place
    part = _part(path, file)
    name = f"{file.origin} > {path.name}"
    with explained(name, path.parent):
        path.parent.mkdir(parents=True, exist_ok=True)
        if part.exists() and part.stat().st_size > file.size:
            part.unlink()
        with part.open("ab") as written:
            _continue(file, written, label or path.name)
        found = _checksum(part, file)
        if found != _wanted(file):
            part.unlink()
            raise checksum_mismatch(name, _wanted(file), found)
        os.replace(part, path)


def is_whole(file: RemoteFile, folder: Path) -> bool:
    """Whether the file is in its place with the right checksum."""
    path = folder / file.place
    if not path.is_file() or path.stat().st_size != file.size:
        return False
    return _checksum(path, file) == _wanted(file)


def bytes_here(file: RemoteFile, folder: Path) -> int:
    """How much of a file an earlier, interrupted download left."""
    part = _part(folder / file.place, file)
    return min(part.stat().st_size, file.size) if part.is_file() else 0


def _continue(file: RemoteFile, written: BinaryIO, label: str) -> None:
    """Append what is missing; go on after a cut as long as every try brings something."""
    # Our token goes to the hub only. Compressed bytes could not be counted.
    token = False if file.origin == GITHUB else None
    headers = {**build_hf_headers(token=token), "Accept-Encoding": "identity"}
    while True:
        start = written.tell()
        try:
            http_get(
                file.url,
                written,
                resume_size=start,
                headers=headers,
                expected_size=file.size,
                displayed_filename=label,
            )
            return
        except httpx2.ReadError:  # http_get itself goes on after time-outs and clean cuts
            if written.tell() == start:
                raise


def _checksum(path: Path, file: RemoteFile) -> str:
    if not file.sha256:
        return git_hash(path.read_bytes())
    quiet = None if file.size >= _SHOW_CHECKING else True  # None: only on a terminal
    with (
        path.open("rb") as opened,
        tqdm.wrapattr(
            opened, "read", total=file.size, desc=f"sha256 {path.name}", disable=quiet
        ) as read,
    ):
        return sha_fileobj(read).hex()


def _wanted(file: RemoteFile) -> str:
    return file.sha256 or file.git_sha1


def _part(path: Path, file: RemoteFile) -> Path:
    return path.with_name(f".{path.name}.{_wanted(file)[:12]}{PART_SUFFIX}")
