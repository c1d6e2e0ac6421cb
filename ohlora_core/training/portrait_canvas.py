"""Drawing tools of the portrait renderer: smooth shapes, tapered strokes, soft glows, hair mask.

Coordinates are pixels of a 256 px picture. Softness comes from gradients, never from blur filters,
which would be far slower. Knows nothing of faces.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from functools import cache

import cv2
import numpy as np
import skia
from numpy.typing import NDArray

from ohlora_core.training.portrait_identity import Color

Points = NDArray[np.float64]  # [n, 2] of x, y
UNITS = 256.0


def points(rows: Sequence[Sequence[float]]) -> Points:
    """Rows of x, y as an array [n, 2]."""
    return np.asarray(rows, dtype=np.float64)


def moved(knots: Points, dx: float, dy: float) -> Points:
    """The points shifted."""
    shift: Points = knots + np.array([dx, dy])
    return shift


def argb(color: Color, alpha: float = 1.0) -> int:
    """Skia colour of a colour 0..255 and an opacity 0..1."""
    r, g, b = (min(max(round(c), 0), 255) for c in color)
    return int(skia.Color(r, g, b, min(max(round(255.0 * alpha), 0), 255)))


@cache
def _control_matrix(n: int, closed: bool) -> NDArray[np.float64]:
    """Matrix from n knots to the three control points of each cubic, [3 * segments, n]."""
    eye = np.eye(n)
    if closed:
        before, after = np.roll(eye, 1, axis=0), np.roll(eye, -1, axis=0)
        tangent = (after - before) / 6.0
        out, into = eye + tangent, after - np.roll(tangent, -1, axis=0)
        return np.stack([out, into, after], axis=1).reshape(-1, n)
    tangent = np.zeros((n, n))
    tangent[1:-1] = (eye[2:] - eye[:-2]) / 6.0
    tangent[0], tangent[-1] = (eye[1] - eye[0]) / 6.0, (eye[-1] - eye[-2]) / 6.0
    out, into = (eye + tangent)[:-1], (eye - tangent)[1:]
    return np.stack([out, into, eye[1:]], axis=1).reshape(-1, n)


@cache
def _resample_matrix(n: int, count: int) -> NDArray[np.float64]:
    """Matrix [count, n] that samples the Catmull-Rom curve through n knots at even steps."""
    eye = np.eye(n)
    place = np.linspace(0.0, n - 1.0, count)
    i = np.minimum(place.astype(int), n - 2)
    t = (place - i)[:, None]
    p0, p1 = eye[np.maximum(i - 1, 0)], eye[i]
    p2, p3 = eye[i + 1], eye[np.minimum(i + 2, n - 1)]
    return 0.5 * (
        2.0 * p1
        + (p2 - p0) * t
        + (2.0 * p0 - 5.0 * p1 + 4.0 * p2 - p3) * t**2
        + (3.0 * p1 - p0 - 3.0 * p2 + p3) * t**3
    )


def smooth(knots: Points, closed: bool = True, onto: skia.Path | None = None) -> skia.Path:
    """Catmull-Rom curve through the knots [n, 2]; `onto` continues an open path with a line."""
    path = skia.Path() if onto is None else onto
    controls = (_control_matrix(len(knots), closed) @ knots).reshape(-1, 6).tolist()
    if onto is None:
        path.moveTo(*knots[0].tolist())
    else:
        path.lineTo(*knots[0].tolist())
    for row in controls:
        path.cubicTo(*row)
    if closed:
        path.close()
    return path


def resample(knots: Points, count: int) -> Points:
    """`count` points at even parameter steps of the Catmull-Rom curve through the knots [n, 2]."""
    return _resample_matrix(len(knots), count) @ knots


def ribbon(centre: Points, widths: NDArray[np.float64]) -> skia.Path:
    """A stroke along the centre line [n, 2] that is widths [n] pixels wide at its points."""
    along = np.empty_like(centre)
    along[1:-1] = centre[2:] - centre[:-2]
    along[0], along[-1] = centre[1] - centre[0], centre[-1] - centre[-2]
    scale = 0.5 * widths / np.maximum(np.hypot(along[:, 0], along[:, 1]), 1e-6)
    half = along[:, ::-1] * (-1.0, 1.0) * scale[:, None]
    path = smooth(centre + half, closed=False)
    path = smooth((centre - half)[::-1], closed=False, onto=path)
    path.close()
    return path


def taper(
    count: int, widest: float, start: float = 0.0, end: float = 0.0, peak: float = 0.5
) -> NDArray[np.float64]:
    """Widths [count] from `start` over `widest` at the share `peak` to `end` (start, end: 0..1)."""
    return widest * _profile(count, start, end, peak)


@cache
def _profile(count: int, start: float, end: float, peak: float) -> NDArray[np.float64]:
    s = np.linspace(0.0, 1.0, count)
    rise = start + (1.0 - start) * np.sin(np.clip(s / peak, 0.0, 1.0) * math.pi / 2.0)
    fall = end + (1.0 - end) * np.cos(np.clip((s - peak) / (1.0 - peak), 0, 1) * math.pi / 2.0)
    return np.where(s < peak, rise, fall)


def solid(color: Color, alpha: float = 1.0) -> skia.Paint:
    """An even paint."""
    return skia.Paint(AntiAlias=True, Color=argb(color, alpha))


def linear(
    start: tuple[float, float],
    end: tuple[float, float],
    stops: Sequence[tuple[float, Color, float]],
) -> skia.Paint:
    """A paint that runs through (place 0..1, colour, opacity) stops from start to end."""
    paint = skia.Paint(AntiAlias=True, Dither=False)
    paint.setShader(
        skia.GradientShader.MakeLinear(
            [skia.Point(*start), skia.Point(*end)],
            [argb(c, a) for _, c, a in stops],
            [p for p, _, _ in stops],
        )
    )
    return paint


class Stage:
    """A picture under work together with its hair mask.

    `picture` [n, n, 4] uint8 RGBA and `mask` [n, n] uint8, n = size * oversampling.
    """

    def __init__(self, side: int) -> None:
        self.picture = np.zeros((side, side, 4), dtype=np.uint8)
        self.mask = np.zeros((side, side), dtype=np.uint8)
        self._surfaces = (
            skia.Surface.MakeRasterDirect(
                skia.ImageInfo.Make(side, side, skia.kRGBA_8888_ColorType, skia.kOpaque_AlphaType),
                self.picture,
                side * 4,
            ),
            skia.Surface.MakeRasterDirect(skia.ImageInfo.MakeA8(side, side), self.mask, side),
        )
        self.canvas = self._surfaces[0].getCanvas()
        self._mask_canvas = self._surfaces[1].getCanvas()
        for canvas in (self.canvas, self._mask_canvas):
            canvas.scale(side / UNITS, side / UNITS)
        self._hair = skia.Paint(AntiAlias=True, Color=skia.ColorWHITE)
        self._cover = skia.Paint(AntiAlias=True, Color=skia.ColorWHITE)
        self._cover.setBlendMode(skia.BlendMode.kDstOut)

    def fill(self, path: skia.Path, paint: skia.Paint, hair: bool | None = None) -> None:
        """Fill a path. hair True adds it to the mask, False takes it out, None leaves the mask."""
        self.canvas.drawPath(path, paint)
        if hair is not None:
            self._mask_canvas.drawPath(path, self._hair if hair else self._cover)

    def glow(
        self,
        x: float,
        y: float,
        rx: float,
        ry: float,
        color: Color,
        alpha: float,
        turn: float = 0.0,
    ) -> None:
        """A soft elliptic spot of half widths rx, ry that fades to nothing; turn in degrees."""
        self.canvas.save()
        self.canvas.translate(x, y)
        if turn:
            self.canvas.rotate(turn)
        self.canvas.scale(rx, ry)
        stops = (1.0, 0.80, 0.46, 0.15, 0.0)
        paint = skia.Paint()
        paint.setShader(
            skia.GradientShader.MakeRadial(
                skia.Point(0, 0), 1.0, [argb(color, alpha * s) for s in stops]
            )
        )
        self.canvas.drawRect(skia.Rect(-1, -1, 1, 1), paint)
        self.canvas.restore()

    def stroke(
        self,
        knots: Points,
        width: float,
        color: Color,
        alpha: float = 1.0,
        start: float = 0.0,
        end: float = 0.0,
        peak: float = 0.5,
    ) -> None:
        """A tapered stroke through the knots [n, 2]."""
        count = 4 * len(knots) - 3
        shape = ribbon(resample(knots, count), taper(count, width, start, end, peak))
        self.canvas.drawPath(shape, solid(color, alpha))

    @contextmanager
    def clipped(self, path: skia.Path) -> Iterator[None]:
        """Everything drawn inside stays within the path (the mask is not clipped)."""
        self.canvas.save()
        self.canvas.clipPath(path, doAntiAlias=True)
        try:
            yield
        finally:
            self.canvas.restore()

    @contextmanager
    def faded(self, alpha: float) -> Iterator[None]:
        """Everything drawn inside appears together at that opacity, and covers hair as much."""
        self.canvas.saveLayerAlpha(None, round(255.0 * alpha))
        self._cover.setAlphaf(alpha)
        try:
            yield
        finally:
            self._cover.setAlphaf(1.0)
            self.canvas.restore()

    def spread(self, field: NDArray[np.float32]) -> None:
        """Fill the picture with a coarse colour field [n, n, 3], 0..255, smoothly enlarged."""
        side = len(self.picture)
        coarse = np.full((*field.shape[:2], 4), 255, dtype=np.uint8)
        coarse[:, :, :3] = np.clip(field + 0.5, 0.0, 255.0)
        cv2.resize(coarse, (side, side), dst=self.picture, interpolation=cv2.INTER_CUBIC)
