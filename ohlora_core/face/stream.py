"""The frames of one reply, rendered ahead in a thread of their own.

Knows the renderer and the animation; nothing of users or of how frames reach a page.
"""

from __future__ import annotations

import logging
import queue
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from itertools import islice
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from ohlora_core.face.animation import (
    FPS,
    LEAD_FRAMES,
    MAX_SPEECH_FRAMES,
    Expression,
    reply_animation,
)
from ohlora_core.face.hairstyle import HAIR_PERIOD_FRAMES, HairStyle, wall_clock_phase
from ohlora_core.face.speech import mouth_openings

if TYPE_CHECKING:
    from ohlora_core.face.loop import Renderer

__all__ = ["ReplyFrames"]

logger = logging.getLogger(__name__)

FIRST_FRAMES = 3
"""A small batch first, so that something moves at once; then full ones."""
BATCH_FRAMES = 6
AHEAD_BATCHES = 4
TARGET_MARGIN_S = 0.8
"""How long before a frame is due it must be begun, so that the page always has some in store."""
_WAIT_S = 0.2
_PATIENCE_S = 60.0
"""A reader that takes nothing for so long is gone."""

INHALE_FRAMES = 5
"""Before the first word, while the page fades from the resting face to this one."""

Jpegs = tuple[bytes, ...]


class ReplyFrames:
    """Batches of JPEG frames of one reply; rendering begins at once.

    Iterate once; whoever stops before the end must call `close`.

    Args:
        renderer: Makes pictures.
        encode: Picture [h, w, 3] uint8 RGB to a JPEG file.
        face: An offered number.
        hair: How the hair is dyed; its phase starts at that of the wall clock.
        text: What she says.
        target: Called in the thread for the expression: it waits for it, at most so many
            seconds, and gives None if it is not known by then.
        seed: Makes the small movements repeatable.
    """

    def __init__(
        self,
        renderer: Renderer,
        encode: Callable[..., bytes],
        face: int,
        hair: HairStyle,
        text: str,
        target: Callable[[float], Expression | None],
        seed: int,
    ) -> None:
        self._renderer = renderer
        self._encode = encode
        self._face = face
        self._hair = hair
        self._target = target
        self._began = 0.0
        self._asked = 0
        self._steps = reply_animation(self._ask, seed, speech=_speech(text))
        self._ready: queue.Queue[Jpegs | Exception | None] = queue.Queue(AHEAD_BATCHES)
        self._left = threading.Event()
        self._thread = threading.Thread(target=self._work, name="reply-frames", daemon=True)
        self._thread.start()

    def __iter__(self) -> Iterator[Jpegs]:
        """Raises what rendering raised."""
        if self._left.is_set():
            return
        try:
            while (made := self._ready.get()) is not None:
                if isinstance(made, Exception):
                    raise made
                yield made
        finally:
            self.close()

    @property
    def is_rendering(self) -> bool:
        """Whether frames are still being made."""
        return self._thread.is_alive()

    def close(self) -> None:
        """Stop rendering."""
        self._left.set()

    def _work(self) -> None:
        try:
            for jpegs in self._batches():
                if not self._hand_over(jpegs):
                    return
            self._hand_over(None)
        except Exception as error:
            self._hand_over(error)

    def _batches(self) -> Iterator[Jpegs]:
        self._began = time.monotonic()
        phase = wall_clock_phase()
        start = 0
        sizes = [FIRST_FRAMES, LEAD_FRAMES - FIRST_FRAMES]
        while steps := list(islice(self._steps, sizes.pop(0) if sizes else BATCH_FRAMES)):
            yield self._render(steps, phase, start)
            start += len(steps)

    def _ask(self) -> Expression | None:
        """The expression, if it comes before the next frame must be begun."""
        due = self._began + (LEAD_FRAMES + self._asked) / FPS
        self._asked += 1
        return self._target(max(0.0, due - TARGET_MARGIN_S - time.monotonic()))

    def _render(self, steps: Sequence[Expression], phase: float, start: int) -> Jpegs:
        phases = [(phase + k / HAIR_PERIOD_FRAMES) % 1 for k in range(start, start + len(steps))]
        frames = self._renderer.render(self._face, list(steps), self._hair, phases)
        return tuple(self._encode(frame) for frame in frames)

    def _hand_over(self, made: Jpegs | Exception | None) -> bool:
        """Whether somebody still wants it."""
        deadline = time.monotonic() + _PATIENCE_S
        while not self._left.is_set() and time.monotonic() < deadline:
            try:
                self._ready.put(made, timeout=_WAIT_S)
                return True
            except queue.Full:
                continue
        return False


def _speech(text: str) -> NDArray[np.float64]:
    """[frames] of the mouth, 0..1; empty if there is nothing to say."""
    mouth = mouth_openings(text, MAX_SPEECH_FRAMES - INHALE_FRAMES)
    return np.pad(mouth, (INHALE_FRAMES, 0)) if len(mouth) else mouth
