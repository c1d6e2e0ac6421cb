"""The one face of the page: a still, a resting loop, and a player of streamed frames.

A message to the component is JSON with `gen`, which grows with every reply and server start:
`{gen, seq, f: [base64 JPEG]}` frames, `{gen, seq, end: 1}` their end, `{gen, stop: 1}` an order to
fall silent, `{gen, rest: {face, still, loop, period_s}}` new pictures for the rest. The player
drops what is older than the newest `gen`. Measured facts behind this: design/ui.md.
"""

from __future__ import annotations

import base64
import json
import threading
import time
from collections.abc import Sequence
from urllib.parse import urlencode

import gradio as gr

from ohlora_core.face import FPS, HAIR_PERIOD_FRAMES
from ohlora_core.session import Preferences
from ohlora_core.web.assets import static_text
from ohlora_core.web.texts import both, text

__all__ = ["FrameStream", "face_panel", "rest_message", "stop_message", "thumbnail_url"]

_TEMPLATE = f"""
<figure class="face" data-state="rest">
  <div class="face-frame">
    <img class="face-rest" width="256" height="256" alt="{text("face.alt")}">
    <img class="face-rest" width="256" height="256" alt="" aria-hidden="true">
    <canvas class="face-talk" width="256" height="256" aria-hidden="true"></canvas>
  </div>
  <figcaption>
    <strong>{both("title")} <small class="face-number"></small></strong>
    <span class="face-line">{both("tagline")}</span>
  </figcaption>
</figure>
"""


class _Clock:
    """Milliseconds since 1970, never twice the same."""

    def __init__(self) -> None:
        self._last = 0
        self._lock = threading.Lock()

    def tick(self) -> int:
        with self._lock:
            self._last = max(self._last + 1, int(time.time() * 1000))
            return self._last


_clock = _Clock()


class FrameStream:
    """The messages of one reply."""

    def __init__(self) -> None:
        self._gen = _clock.tick()
        self._seq = 0

    def frames(self, jpegs: Sequence[bytes]) -> str:
        return self._message({"f": [base64.b64encode(jpeg).decode() for jpeg in jpegs]})

    def end(self) -> str:
        return self._message({"end": 1})

    def _message(self, content: dict[str, object]) -> str:
        self._seq += 1
        return json.dumps({"gen": self._gen, "seq": self._seq, **content})


def stop_message() -> str:
    return json.dumps({"gen": _clock.tick(), "stop": 1})


def rest_message(preferences: Preferences, version: str) -> str:
    """Show the face at rest: the loop if she may move, else only the still.

    version: `Core.face_version`.
    """
    query = _query(preferences, version)
    folder = f"face/{preferences.face}"
    rest: dict[str, object] = {"face": preferences.face, "still": f"{folder}/still.jpg?{query}"}
    if preferences.animation:
        rest["loop"] = f"{folder}/loop.webp?{query}"
    if preferences.hair == "cycle":
        rest["period_s"] = HAIR_PERIOD_FRAMES / FPS
    return json.dumps({"gen": _clock.tick(), "rest": rest})


def thumbnail_url(face: int, version: str) -> str:
    """Where the picture of a face for the gallery is served, relative to the page."""
    return f"face/{face}/thumb.webp?{urlencode({'v': version})}"


def _query(preferences: Preferences, version: str) -> str:
    hair = {"hair": preferences.hair}
    if preferences.hair == "fixed":
        hair["hue"] = f"{preferences.hue:.3f}"
    return urlencode(hair | {"v": version})


def face_panel() -> gr.HTML:
    """The component; it is fed with the messages above."""
    return gr.HTML(
        "",
        html_template=_TEMPLATE,
        js_on_load=static_text("player.js"),
        apply_default_css=False,
        elem_id="face",
    )
