"""Asks the hub which files a model has: addresses, sizes and checksums. Downloads nothing."""

from __future__ import annotations

import logging
import os
from dataclasses import dataclass
from typing import Any

from huggingface_hub import HfApi, constants, hf_hub_url

from ohlora_core.errors import DownloadError
from ohlora_core.hub.failures import explained, not_a_hub
from ohlora_core.hub.layout import locate, needed_files
from ohlora_core.hub.manifest import Source, place_of, vector_files

__all__ = ["GITHUB", "Listings", "RemoteFile", "vector_listing"]

GITHUB = "github.com"
_WEIGHTS = (".safetensors", ".bin", ".pth")

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class RemoteFile:
    """A published file.

    Attributes:
        url: Its address.
        origin: The site and repository, for messages.
        place: Where it belongs under downloads_dir.
        size: In bytes.
        sha256: Of its content; "" where only `git_sha1` is known (small files of the hub).
        git_sha1: Of its content as git stores it.
    """

    url: str
    origin: str
    place: str
    size: int
    sha256: str = ""
    git_sha1: str = ""


class Listings:
    """The files of models, each repository asked for once, all at one commit of it."""

    def __init__(self) -> None:
        # HF_ENDPOINT is read here, as late as possible: the constant is from the time of import.
        self._endpoint = os.environ.get("HF_ENDPOINT", constants.ENDPOINT).rstrip("/")
        self._api = HfApi(endpoint=self._endpoint)
        self._repositories: dict[str, tuple[str, dict[str, Any]]] = {}

    def files(self, source: Source) -> list[RemoteFile]:
        """What has to be downloaded for a model.

        Raises:
            DownloadError: the hub does not answer, refuses, or has no such model.
        """
        commit, siblings = self._repository(source.repo)
        path = locate(source, siblings.keys())
        names = [] if path is None else needed_files(path, siblings.keys())
        if not any(name.endswith(_WEIGHTS) for name in names):
            wanted = source.path or "/"
            raise DownloadError(
                f"허브 저장소 {source.repo} 의 '{wanted}' 에 모델(설정과 가중치)이 없어요. "
                f"저장소가 바뀌었을 수 있으니 {self._endpoint}/{source.repo} 을(를) 확인해 주세요.",
                f"The hub repository {source.repo} has no model (settings and weights) at "
                f"'{wanted}'. It may have changed: look at {self._endpoint}/{source.repo}.",
            )
        if path != source.path:
            log.warning("%s: found at '%s', not at '%s'", source.repo, path, source.path)
        return [self._file(source, commit, siblings[name]) for name in names]

    def _repository(self, repo: str) -> tuple[str, dict[str, Any]]:
        """The commit of a repository, and its files by name."""
        if repo not in self._repositories:
            address = f"{self._endpoint}/{repo}"
            try:
                with explained(address):
                    info = self._api.model_info(
                        repo, files_metadata=True, timeout=constants.HF_HUB_ETAG_TIMEOUT
                    )
                if info.sha is None or any(s.size is None for s in info.siblings or ()):
                    raise ValueError("no commit or sizes")
            except (ValueError, TypeError, KeyError) as error:
                raise not_a_hub(address, error) from error
            siblings = {sibling.rfilename: sibling for sibling in info.siblings or ()}
            self._repositories[repo] = info.sha, siblings
        return self._repositories[repo]

    def _file(self, source: Source, commit: str, sibling: Any) -> RemoteFile:
        name = sibling.rfilename
        if ".." in name.split("/"):
            raise DownloadError(
                f"{source.repo} 의 파일 이름 {name} 은(는) 안전하지 않아 받지 않아요.",
                f"{source.repo} has an unsafe file name, {name}: not downloaded.",
            )
        return RemoteFile(
            url=hf_hub_url(source.repo, name, revision=commit, endpoint=self._endpoint),
            origin=f"{self._endpoint}/{source.repo}",
            place=place_of(source, name),
            size=sibling.size,
            sha256=sibling.lfs.sha256 if sibling.lfs else "",
            git_sha1="" if sibling.lfs else sibling.blob_id,
        )


def vector_listing() -> list[RemoteFile]:
    """The face vectors; sizes and checksums come from our own table, not from the site."""
    return [
        RemoteFile(file.url, GITHUB, file.place, file.size, sha256=file.sha256)
        for file in vector_files()
    ]
