"""A small hub on loopback that speaks the HTTP API as huggingface_hub 2 uses it, with faults.

Use the fixture `hub_server`: it points HF_ENDPOINT at the server, for this process and for those it
starts, and turns offline mode off. Repositories are added as bytes or as folders:

    hub_server.add("kakaocorp/kanana-1.5-2.1b-base", tmp_path / "tiny-llama")
    hub_server.add("daebakgazua/250502_OhLoRA_LLM_memory", {"adapter_config.json": b"{}"})
    list(fetch(settings, ["v2"]))

Answers: model info with blobs, tree, resolve (HEAD and GET; ETag, X-Repo-Commit, X-Linked-*,
redirects of LFS files to another host name, Range), and any other path of `pages` as plain files,
the way raw.githubusercontent.com does.
"""

from __future__ import annotations

import hashlib
import json
import socket
import threading
import time
from collections import defaultdict
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import lru_cache
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from types import SimpleNamespace
from urllib.parse import unquote, urlsplit

import huggingface_hub
import pytest
from huggingface_hub.utils.sha import git_hash

LFS_SUFFIXES = (".safetensors", ".bin", ".pth")
CHUNK = 1 << 16


@dataclass
class Request:
    """What a client asked for; `file` is "repository > path" for the content of a file."""

    method: str
    path: str
    file: str
    range: str | None
    token: str | None


class HubServer:
    """The server, what it holds, and what goes wrong with it.

    Attributes:
        repositories: Name -> path -> content.
        pages: Path of the address -> content, beside the hub's own.
        requests: Everything that was asked, in order.
        token: If set, the hub refuses (401) whoever does not send it.
    """

    def __init__(self) -> None:
        self.repositories: dict[str, dict[str, bytes]] = {}
        self.pages: dict[str, bytes] = {}
        self.requests: list[Request] = []
        self.token: str | None = None
        self._statuses: dict[str, tuple[int, str]] = {}
        self._delays: dict[str, float] = {}
        self._cuts: defaultdict[str, list[tuple[int, bool]]] = defaultdict(list)
        self._wrong: set[str] = set()
        self._http = ThreadingHTTPServer(("127.0.0.1", 0), _handler(self))
        self._http.daemon_threads = True
        self._thread = threading.Thread(target=self._http.serve_forever, args=(0.01,), daemon=True)
        self._thread.start()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    @property
    def port(self) -> int:
        return self._http.server_address[1]

    def close(self) -> None:
        """Stop; a later request finds nobody."""
        self._http.shutdown()
        self._http.server_close()
        self._thread.join()
        _sha256.cache_clear()  # its keys are whole files
        _git_sha1.cache_clear()

    def add(self, repository: str, files: dict[str, bytes] | Path, under: str = "") -> None:
        """Put files, or the files of a folder, into a repository, below the folder `under`."""
        if isinstance(files, Path):
            paths = [path for path in files.rglob("*") if path.is_file()]
            files = {path.relative_to(files).as_posix(): path.read_bytes() for path in paths}
        prefix = f"{under}/" if under else ""
        contents = {prefix + name: content for name, content in files.items()}
        self.repositories.setdefault(repository, {}).update(contents)

    # faults; `where` is a repository, or "repository > path" for the content of one file
    def fail(self, where: str, status: int, code: str = "") -> None:
        """Answer with this status, and the hub's error code, from now on."""
        self._statuses[where] = status, code

    def delay(self, where: str, seconds: float) -> None:
        """Wait before every answer."""
        self._delays[where] = seconds

    def cut(self, where: str, after: int, times: int = 1, *, reset: bool = False) -> None:
        """Close the connection after so many bytes of the next answers; reset: rudely.

        Further calls add what happens after that.
        """
        self._cuts[where] += [(after, reset)] * times

    def falsify(self, where: str) -> None:
        """Send other bytes of the same length."""
        self._wrong.add(where)

    def heal(self) -> None:
        """End all faults."""
        for faults in (self._statuses, self._delays, self._cuts, self._wrong):
            faults.clear()

    def downloads(self, where: str = "") -> list[Request]:
        """The requests for the content of files (of one file), redirects counted once."""
        return [
            request
            for request in self.requests
            if request.method == "GET" and request.file and where in ("", request.file)
        ]

    def commit(self, repository: str) -> str:
        """Changes with the content, as a commit does."""
        files = self.repositories[repository]
        names = "".join(name + _sha256(content) for name, content in files.items())
        return hashlib.sha1(names.encode()).hexdigest()


def _is_lfs(path: str) -> bool:
    return path.endswith(LFS_SUFFIXES)


@lru_cache(maxsize=1024)
def _sha256(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()


@lru_cache(maxsize=1024)
def _git_sha1(content: bytes) -> str:
    return git_hash(content)


def _handler(hub: HubServer) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        disable_nagle_algorithm = True  # else each answer waits for an acknowledgement

        def log_message(self, *_: object) -> None:
            pass

        def do_HEAD(self) -> None:
            self.do_GET()

        def do_GET(self) -> None:
            address = urlsplit(self.path)
            parts = unquote(address.path).strip("/").split("/")
            if parts[:2] == ["api", "models"]:
                self.api("/".join(parts[2:4]), parts[4:], address.query)
            elif parts[0] == "lfs":
                self.content("/".join(parts[1:3]), "/".join(parts[3:]), redirect=False)
            elif parts[2:3] == ["resolve"]:
                self.content("/".join(parts[:2]), "/".join(parts[4:]), redirect=True)
            elif address.path in hub.pages:
                self.note(address.path)
                if not self.fault(address.path):
                    self.send(address.path, hub.pages[address.path], {})
            else:
                self.note("")
                self.refuse(404)

        def api(self, repository: str, rest: list[str], query: str) -> None:
            self.note("")
            if self.forbidden() or self.fault(repository):
                return
            files = hub.repositories.get(repository)
            if files is None:
                self.refuse(404 if hub.token else 401, "RepoNotFound")
            elif rest[:1] == ["tree"]:
                below = "/".join([*rest[2:], ""]).lstrip("/")
                self.json([_tree_entry(p, c) for p, c in files.items() if p.startswith(below)])
            else:
                blobs = "blobs" in query
                siblings = [_sibling(path, content, blobs) for path, content in files.items()]
                info = {"id": repository, "modelId": repository, "sha": hub.commit(repository)}
                self.json({**info, "tags": [], "private": False, "siblings": siblings})

        def content(self, repository: str, path: str, *, redirect: bool) -> None:
            where = f"{repository} > {path}"
            content = hub.repositories.get(repository, {}).get(path)
            lfs = _is_lfs(path)
            self.note(where if not (redirect and lfs) else "")
            if redirect and self.forbidden():
                return
            if self.fault(where):
                return
            if content is None:
                self.refuse(404, "EntryNotFound")
                return
            headers = {"X-Repo-Commit": hub.commit(repository), "ETag": f'"{_git_sha1(content)}"'}
            if lfs:
                headers["ETag"] = f'"{_sha256(content)}"'
            if redirect and lfs:
                headers["X-Linked-ETag"] = headers["ETag"]
                headers["X-Linked-Size"] = str(len(content))
                # another host name: a client must not send its token there
                headers["Location"] = f"http://localhost:{hub.port}/lfs/{repository}/{path}"
                self.reply(302, b"", headers)
            else:
                self.send(where, content, headers)

        def send(self, where: str, content: bytes, headers: dict[str, str]) -> None:
            """A file, or the asked-for range of it."""
            asked, status, start = self.headers.get("Range"), 200, 0
            if where in hub._wrong:
                content = bytes(len(content))
            if asked:
                start = int(asked.removeprefix("bytes=").split("-")[0])
                if start >= len(content):
                    self.reply(416, b"", {"Content-Range": f"bytes */{len(content)}"})
                    return
                status = 206
                headers["Content-Range"] = f"bytes {start}-{len(content) - 1}/{len(content)}"
            headers["Accept-Ranges"] = "bytes"
            self.reply(status, content[start:], headers, where)

        def note(self, file: str) -> None:
            headers = self.headers
            token = headers.get("Authorization")
            request = Request(self.command, self.path, file, headers.get("Range"), token)
            hub.requests.append(request)

        def forbidden(self) -> bool:
            if hub.token and self.headers.get("Authorization") != f"Bearer {hub.token}":
                self.refuse(401)
                return True
            return False

        def fault(self, where: str) -> bool:
            time.sleep(hub._delays.get(where, 0))
            if where in hub._statuses:
                self.refuse(*hub._statuses[where])
                return True
            return False

        def refuse(self, status: int, code: str = "") -> None:
            self.reply(status, b"{}", {"X-Error-Code": code} if code else {})

        def json(self, value: object) -> None:
            self.reply(200, json.dumps(value).encode(), {"Content-Type": "application/json"})

        def reply(self, status: int, body: bytes, headers: dict[str, str], where: str = "") -> None:
            self.send_response(status)
            for name, value in headers.items():
                self.send_header(name, value)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            if self.command == "HEAD":
                return
            cuts = hub._cuts[where]
            cut, reset = bool(cuts), False
            if cut:
                after, reset = cuts.pop(0)
                body = body[:after]
            try:
                for start in range(0, len(body), CHUNK):
                    self.wfile.write(body[start : start + CHUNK])
                if cut:
                    self.hang_up(reset)
            except OSError:
                self.close_connection = True  # the client has left

        def hang_up(self, reset: bool) -> None:
            self.wfile.flush()
            if reset:
                time.sleep(0.1)  # else the client may lose what it has not read yet
                linger = b"\x01\x00\x00\x00\x00\x00\x00\x00"  # on, 0 s: close sends RST
                self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, linger)
            self.connection.close()
            self.close_connection = True

    return Handler


def _sibling(path: str, content: bytes, blobs: bool) -> dict[str, object]:
    if not blobs:
        return {"rfilename": path}
    entry = {"rfilename": path, "size": len(content), "blobId": _git_sha1(content)}
    if _is_lfs(path):
        lfs = {"sha256": _sha256(content), "size": len(content), "pointerSize": 134}
        return {**entry, "lfs": lfs}
    return entry


def _tree_entry(path: str, content: bytes) -> dict[str, object]:
    entry = {"type": "file", "path": path, "size": len(content), "oid": _git_sha1(content)}
    if _is_lfs(path):
        lfs = {"oid": _sha256(content), "size": len(content), "pointerSize": 134}
        return {**entry, "lfs": lfs}
    return entry


@contextmanager
def serving(folder: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[HubServer]:
    """An empty hub that huggingface_hub talks to; waits between its tries are cut short.

    folder: Where huggingface_hub may keep its own files.
    """
    server = HubServer()
    monkeypatch.setenv("HF_ENDPOINT", server.url)
    monkeypatch.setenv("HF_HUB_OFFLINE", "0")
    monkeypatch.setenv("HF_HOME", str(folder / "hf_home"))
    monkeypatch.setenv("NO_PROXY", "127.0.0.1,localhost")
    monkeypatch.delenv("HF_TOKEN", raising=False)
    # Read once, when the library was imported.
    constants = huggingface_hub.constants
    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", False)
    monkeypatch.setattr(constants, "HF_TOKEN_PATH", str(folder / "hf_home" / "token"))
    monkeypatch.setattr(constants, "HF_HUB_DISABLE_XET", True)
    monkeypatch.setattr(constants, "DOWNLOAD_CHUNK_SIZE", 1 << 12)  # what a cut may lose
    for patience in ("HF_HUB_ETAG_TIMEOUT", "HF_HUB_DOWNLOAD_TIMEOUT"):
        monkeypatch.setattr(constants, patience, 120)  # seconds; for a machine that is busy
    impatient = SimpleNamespace(sleep=lambda _: None, time=time.time)
    monkeypatch.setattr("huggingface_hub.file_download.time", impatient)
    monkeypatch.setattr("huggingface_hub.utils._http.time", impatient)
    huggingface_hub.close_session()
    try:
        yield server
    finally:
        huggingface_hub.close_session()
        server.close()


@pytest.fixture
def hub_server(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[HubServer]:
    """A hub for one test; see `serving`."""
    with serving(tmp_path, monkeypatch) as server:
        yield server
