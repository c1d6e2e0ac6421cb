"""The loop of a face, asked for directly: who waits gets it, who left costs nothing."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Coroutine, MutableMapping
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, TypeVar

import pytest
from starlette.applications import Starlette

from ohlora_core.web.routes import make_routes, rounded_hue

T = TypeVar("T")


def finished(work: Coroutine[Any, Any, T]) -> T:
    """What the coroutine returns; in a thread, as browser tests leave an event loop in this one."""
    with ThreadPoolExecutor(1) as thread:
        return thread.submit(lambda: asyncio.run(asyncio.wait_for(work, 30))).result()


class Asked:
    """One request, by hand: answers the app's questions, keeps what it sends."""

    def __init__(self, path: str) -> None:
        self.path = path
        self.left = asyncio.Event()
        self.sent: list[MutableMapping[str, Any]] = []
        self._bodies = [{"type": "http.request", "body": b"", "more_body": False}]

    async def receive(self) -> dict[str, Any]:
        if self._bodies:
            return self._bodies.pop()
        await self.left.wait()
        return {"type": "http.disconnect"}

    async def send(self, message: MutableMapping[str, Any]) -> None:
        self.sent.append(message)

    async def of(self, app: Starlette) -> int:
        path, _, query = self.path.partition("?")
        scope: dict[str, Any] = {"type": "http", "method": "GET", "path": path, "headers": []}
        scope |= {"query_string": query.encode(), "root_path": "", "http_version": "1.1"}
        await app(scope, self.receive, self.send)
        return int(self.sent[0]["status"])


def test_a_loop_that_nobody_waits_for_is_not_made(core, monkeypatch, tmp_path: Path):
    made: list[int] = []
    go_on = threading.Event()
    picture = tmp_path / "loop.webp"
    picture.write_bytes(b"webp")

    def slow_loop(wanted):
        made.append(wanted.face)
        go_on.wait(20)
        return picture

    monkeypatch.setattr(core, "idle_loop", slow_loop)

    async def visitors() -> list[int]:
        app = Starlette(routes=make_routes(core))
        asked = [Asked(f"/face/{number}/loop.webp?hair=cycle") for number in (1, 2, 3)]
        answers = [asyncio.ensure_future(one.of(app)) for one in asked]
        while not made:
            await asyncio.sleep(0.01)
        asked[1].left.set()  # chose another face while the first loop was being made
        go_on.set()
        return await asyncio.gather(*answers)

    assert finished(visitors()) == [200, 499, 200]
    assert made == [1, 3]


@pytest.mark.parametrize("address", ["/face/9/loop.webp", "/face/1/loop.webp?hair=pink"])
def test_what_cannot_be_made_is_not_found(core, address):
    app = Starlette(routes=make_routes(core))
    assert finished(Asked(address).of(app)) == 404


def test_fixed_hues_are_few():
    assert rounded_hue(0.51) == 0.5 and rounded_hue(0.999) == 0.0
    assert len({rounded_hue(k / 1000) for k in range(1000)}) == 24
