"""Digits drawn by strokes, as people have them: from no data set, and none like the other."""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import Any

import numpy as np
from PIL import Image, ImageDraw

Points = list[tuple[float, float]]
FINE = 4  # drawn so many times larger, for soft edges


def arc(centre: tuple[float, float], radii: tuple[float, float], turn: tuple[int, int]) -> Points:
    """Part of an ellipse, angles in degrees from the right, clockwise."""
    angles = [math.radians(turn[0] + (turn[1] - turn[0]) * i / 40) for i in range(41)]
    return [
        (centre[0] + radii[0] * math.cos(t), centre[1] + radii[1] * math.sin(t)) for t in angles
    ]


STROKES: dict[int, list[Points]] = {
    0: [arc((0.5, 0.5), (0.32, 0.48), (0, 360))],
    1: [[(0.38, 0.2), (0.55, 0.02), (0.5, 0.98)]],
    2: [[*arc((0.5, 0.28), (0.33, 0.26), (190, 400)), (0.15, 0.97), (0.9, 0.95)]],
    3: [
        [*arc((0.45, 0.26), (0.32, 0.24), (210, 440)), *arc((0.45, 0.72), (0.36, 0.26), (-80, 150))]
    ],
    4: [[(0.35, 0.03), (0.15, 0.55), (0.85, 0.52)], [(0.7, 0.1), (0.62, 0.98)]],
    5: [[(0.82, 0.05), (0.3, 0.06), (0.25, 0.45), *arc((0.45, 0.68), (0.36, 0.28), (-110, 140))]],
    6: [[(0.7, 0.03), (0.35, 0.3), (0.2, 0.65), *arc((0.48, 0.72), (0.28, 0.25), (180, 540))]],
    7: [[(0.12, 0.08), (0.85, 0.06), (0.45, 0.98)]],
    8: [arc((0.5, 0.25), (0.25, 0.22), (90, -270)), arc((0.5, 0.73), (0.3, 0.26), (-90, 270))],
    9: [[*arc((0.5, 0.28), (0.28, 0.25), (0, 360)), (0.78, 0.28), (0.72, 0.6), (0.6, 0.98)]],
}


def draw(
    digit: int,
    *,
    size: tuple[int, int] = (200, 200),
    box: tuple[float, float, float, float] = (0.2, 0.2, 0.6, 0.6),
    width: float = 0.08,
    ink: Any = 0,
    paper: Any = 255,
    mode: str = "L",
) -> Image.Image:
    """A digit; `box` is left, top, width and height, as shares of the picture's size."""
    large = size[0] * FINE, size[1] * FINE
    picture = Image.new(mode, large, paper)
    pen = ImageDraw.Draw(picture)
    left, top, across, down = (share * large[k % 2] for k, share in enumerate(box))
    thick = max(1, round(width * max(across, down)))
    for stroke in STROKES[digit]:
        points = [(left + across * (0.12 + 0.75 * x), top + down * y) for x, y in stroke]
        pen.line(points, fill=ink, width=thick, joint="curve")
        for x, y in points:
            half = thick / 2
            pen.ellipse((x - half, y - half, x + half, y + half), fill=ink)
    return picture.resize(size, Image.Resampling.LANCZOS)


def photographed(picture: Image.Image) -> Image.Image:
    """The same, lit from one side, with the noise of a camera."""
    greys = np.asarray(picture, float)
    y, x = np.mgrid[0 : 1 : greys.shape[0] * 1j, 0 : 1 : greys.shape[1] * 1j]
    noise = np.random.default_rng(0).normal(0, 4, greys.shape)
    lit = greys * (0.45 + 0.4 * x + 0.1 * y) + noise
    return Image.fromarray(np.clip(lit, 0, 255).astype(np.uint8))


def ten() -> Iterator[tuple[int, Image.Image]]:
    """Each digit once: large, small, off the centre, grey, coloured, transparent, photographed."""
    clear = (0, 0, 0, 0)
    yield 0, draw(0)
    yield 1, draw(1, ink=255, paper=0)
    yield 2, draw(2, size=(400, 300), box=(0.6, 0.05, 0.3, 0.4))
    yield 3, draw(3, size=(2000, 1500), box=(0.1, 0.1, 0.5, 0.7))
    yield 4, draw(4, mode="RGBA", ink=(20, 30, 90, 255), paper=clear)
    yield 5, draw(5, ink=90, paper=170)
    yield 6, photographed(draw(6, size=(640, 480), box=(0.3, 0.2, 0.4, 0.6)))
    yield 7, draw(7, size=(28, 28), box=(0.2, 0.15, 0.6, 0.7), ink=200, paper=30)
    yield 8, draw(8, mode="RGBA", ink=(255,) * 4, paper=clear, box=(0.05, 0.4, 0.4, 0.5))
    yield 9, draw(9, size=(120, 300), box=(0.1, 0.3, 0.8, 0.3), mode="RGB", ink="brown",
                  paper="beige")  # fmt: skip
