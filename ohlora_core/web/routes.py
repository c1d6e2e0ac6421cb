"""Plain HTTP routes beside Gradio's own: /health and the pictures of the face at rest."""

from __future__ import annotations

import asyncio

from starlette.requests import Request
from starlette.responses import FileResponse, JSONResponse, PlainTextResponse, Response
from starlette.routing import Route

from ohlora_core.core import Core
from ohlora_core.errors import UnknownFaceError
from ohlora_core.session import Preferences

__all__ = ["HUE_STEPS", "make_routes", "rounded_hue"]

HUE_STEPS = 24
"""Fixed hues that can be chosen: each has its own cached loop, so there must not be many."""

_CACHED = {"Cache-Control": "public, max-age=3600"}
_NOBODY_WAITS = 499
_FRESH = {"Cache-Control": "no-store"}


def rounded_hue(hue: float) -> float:
    """The nearest hue that can be chosen, 0..1."""
    return round(hue * HUE_STEPS) % HUE_STEPS / HUE_STEPS


def make_routes(core: Core) -> list[Route]:
    """The routes; the app needs them before it starts."""
    pictures = _Pictures(core)

    async def health(request: Request) -> Response:
        return JSONResponse(core.health())

    return [
        Route("/health", health),
        Route("/face/{face:int}/still.jpg", pictures.still),
        Route("/face/{face:int}/loop.webp", pictures.loop),
        Route("/face/{face:int}/thumb.webp", pictures.thumbnail),
    ]


class _Pictures:
    """Stills, loops and thumbnails, each made in the background on first use.

    Loops are made one at a time, and none for a visitor who has meanwhile chosen another face.
    """

    def __init__(self, core: Core) -> None:
        self._core = core
        self._one_loop = asyncio.Lock()

    async def still(self, request: Request) -> Response:
        try:
            wanted = _wanted(request)
            jpeg = await asyncio.to_thread(self._core.still, wanted)
        except (UnknownFaceError, ValueError) as error:
            return PlainTextResponse(str(error), 404)
        # the colour of cycling hair is that of the moment
        headers = _FRESH if wanted.hair == "cycle" else _CACHED
        return Response(jpeg, media_type="image/jpeg", headers=headers)

    async def loop(self, request: Request) -> Response:
        try:
            wanted = _wanted(request)
            self._core.check_face(wanted.face)
        except (UnknownFaceError, ValueError) as error:
            return PlainTextResponse(str(error), 404)
        await request.body()  # else the first look for a disconnection finds the body
        async with self._one_loop:
            if await request.is_disconnected():
                return PlainTextResponse("", _NOBODY_WAITS)
            path = await asyncio.to_thread(self._core.idle_loop, wanted)
        return FileResponse(path, media_type="image/webp", headers=_CACHED)

    async def thumbnail(self, request: Request) -> Response:
        try:
            path = await asyncio.to_thread(self._core.thumbnail, request.path_params["face"])
        except UnknownFaceError as error:
            return PlainTextResponse(str(error), 404)
        return FileResponse(path, media_type="image/webp", headers=_CACHED)


def _wanted(request: Request) -> Preferences:
    """The face that an address names.

    Raises:
        ValueError: if hair or hue is not one that can be chosen.
    """
    hair = request.query_params.get("hair", "natural")
    if hair not in ("cycle", "fixed", "natural"):
        raise ValueError(f"no such hair: {hair}")
    hue = rounded_hue(float(request.query_params.get("hue", "0.5")))
    return Preferences(request.path_params["face"], hair, hue)
