"""From a picture of a digit to what a network was trained on: light on dark, fitted and centred.

As MNIST's were: the ink in a box of 20 x 20 with its proportions kept, the box in a field of 28 x
28 so that the ink's centre of mass is in the middle [LeCun et al., 1998, doi:10.1109/5.726791].
Other sizes in proportion; fields of up to 12 x 12 are filled, as the small digits fill theirs.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]

BOX = 20 / 28  # of the field that the ink is fitted to
FILLED = 12  # fields of up to so many rows are filled to the edge
LARGEST = 320  # pixels a side: of larger pictures the shape is the same, and the time is not
WORKED = 160  # of the part with the ink, while its lines are looked at
STROKE = 2.5 / 20  # of the box: about as wide as MNIST's pens; thinner lines are thickened
FAINT = 0.05  # of the range from black to white: less contrast than that is no ink
CENTRED = 1.5  # pixels: so far from the middle, ink may have been put there
NOISE = 3.0  # standard deviations of the paper


@dataclass(frozen=True, kw_only=True)
class Fitted:
    """What the network is shown, and what was found on the way.

    Attributes
    ----------
    pixels
        (rows, columns), from 0, no ink, to 1.
    dark_on_light
        Whether the ink was darker than what it is on.
    blank
        Whether there was no ink.
    """

    pixels: Floats
    dark_on_light: bool
    blank: bool = False


def fit(greys: Floats, shape: tuple[int, int], *, ink: str = "auto") -> Fitted:
    """Find the ink in a picture, and fit it to a field.

    Parameters
    ----------
    greys
        (height, width), from 0, black, to 1, white.
    shape
        Rows and columns of the field.
    ink
        "dark", "light", or "auto": what the edge of the picture is not.
    """
    if max(greys.shape) > LARGEST:
        greys = _sized(greys, LARGEST)
    dark = is_dark_on_light(greys) if ink == "auto" else ink == "dark"
    strength = _ink(1 - greys if dark else greys)
    if strength is None:
        return Fitted(pixels=np.zeros(shape), dark_on_light=dark, blank=True)
    cut = _sized(_cut(strength), WORKED)
    return Fitted(pixels=_placed(_thickened(cut), shape), dark_on_light=dark)


def over_paper(greys: Floats, opaque: Floats) -> Floats:
    """A picture with transparent parts, on paper that its ink can be seen on.

    Where little is opaque that is the ink, and the paper is of the other end of the scale; where
    most is, the paper is what most of that looks like.
    """
    seen = greys[opaque > 0.5]
    if not seen.size:
        return np.ones_like(greys)
    most = float(np.median(seen))
    paper = most if opaque.mean() > 0.5 and seen.std() > FAINT else float(most < 0.5)
    return np.asarray(greys * opaque + paper * (1 - opaque))


def _sized(greys: Floats, most: int) -> Floats:
    """The same with so many rows or columns, whichever are more."""
    share = most / max(greys.shape)
    rows, columns = (max(1, round(n * share)) for n in greys.shape)
    return _resized(greys, rows, columns)


def _resized(greys: Floats, rows: int, columns: int) -> Floats:
    from PIL import Image

    picture = Image.fromarray(greys.astype(np.float32))
    wanted = picture.resize((columns, rows), Image.Resampling.BICUBIC)
    return np.asarray(np.clip(np.asarray(wanted, float), 0, 1))


def _threshold(greys: Floats) -> float:
    """Where dark ends and light begins: the cut between the two most compact groups.

    N. Otsu, A threshold selection method from gray-level histograms, IEEE Trans. SMC 9, 1979.
    """
    counts, edges = np.histogram(greys, bins=64, range=(0, 1))
    middles = (edges[1:] + edges[:-1]) / 2
    below = counts.cumsum()[:-1].astype(float)
    above = below[-1] + counts[-1] - below
    first = (counts * middles).cumsum()
    with np.errstate(invalid="ignore", divide="ignore"):
        apart = first[:-1] / below - (first[-1] - first[:-1]) / above
        between = np.nan_to_num(below * above * apart**2)
    best = np.flatnonzero(between == between.max())
    return float(edges[1:-1][best].mean())  # in the middle of a gap


def is_dark_on_light(greys: Floats) -> bool:
    """Whether most of the edge is light: whatever is written on reaches it, and the ink seldom."""
    return bool((greys > _threshold(greys))[_edge(greys)].mean() > 0.5)


def is_fitted(greys: Floats) -> bool:
    """Whether a picture of the field's size is like those of training: black, lit in the middle."""
    dark = np.median(greys[_edge(greys)]) < FAINT / 2 and greys.max() > 0.5
    if not dark or is_dark_on_light(greys):
        return False
    apart = (
        abs(greys.sum(axis=1 - k) @ (np.arange(n) + 0.5) / greys.sum() - n / 2)
        for k, n in enumerate(greys.shape)
    )
    return bool(max(apart) < CENTRED)


def _edge(greys: Floats) -> npt.NDArray[np.bool_]:
    width = max(1, min(greys.shape) // 20)
    edge = np.ones(greys.shape, bool)
    edge[width:-width, width:-width] = False
    return edge


def _ink(greys: Floats) -> Floats | None:
    """How much ink there is, from 0 to 1, on paper however it is lit; None where there is none."""
    paper = _paper(greys)
    lifted = np.maximum(greys - paper, 0)
    cut = _threshold(lifted)
    inked = lifted > cut
    if not inked.any() or inked.all():
        return None
    beside = greys[~inked] - paper[~inked]
    spread = 1.4826 * float(np.median(np.abs(beside - np.median(beside))))  # of a normal's middle
    floor = min(NOISE * spread, cut)
    full = float(np.percentile(lifted[inked], 75))
    if full < max(FAINT, 2 * floor):
        return None
    return np.clip((lifted - floor) / (full - floor), 0, 1)


def _paper(greys: Floats) -> Floats:
    """The light on the paper: a curved surface through what is not ink."""
    rows, columns = greys.shape
    y, x = np.mgrid[-1 : 1 : rows * 1j, -1 : 1 : columns * 1j]
    terms = np.stack([np.ones_like(x), x, y, x * y, x**2, y**2], axis=-1)
    surface = np.full(greys.shape, float(np.median(greys)))
    for _ in range(3):
        rest = greys - surface
        ink = rest > max(_threshold(np.clip(rest, 0, 1)), FAINT)
        if (~ink).sum() < 0.2 * ink.size:
            break
        found = np.linalg.lstsq(terms[~ink], greys[~ink], rcond=None)[0]
        surface = np.clip(terms @ found, 0, 1)
    return np.asarray(surface)


def _cut(ink: Floats) -> Floats:
    """The part that holds ink; specks of a pixel or two do not count."""
    from PIL import Image, ImageFilter

    mask = Image.fromarray((255 * (ink > 0.5)).astype(np.uint8))
    if min(ink.shape) >= 40:
        mask = mask.filter(ImageFilter.MedianFilter(3))
    there = np.asarray(mask) > 0
    if not there.any():
        there = ink > 0.5
    rows, columns = (np.flatnonzero(there.any(axis=k)) for k in (1, 0))
    return ink[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1]


def _thickened(ink: Floats) -> Floats:
    """Lines at least as wide as those of a pen, in proportion."""
    from PIL import Image, ImageFilter

    mask = np.pad(ink > 0.5, 1)
    inner = mask[1:-1, 1:-1] & mask[2:, 1:-1] & mask[:-2, 1:-1] & mask[1:-1, 2:] & mask[1:-1, :-2]
    edge = int(mask.sum() - inner.sum())
    width = 2 * mask.sum() / max(edge, 1)  # of a line, each side of which is half of the edge
    missing = STROKE * max(ink.shape) - width
    reach = round(missing / 2)
    if reach < 1:
        return ink
    grown = Image.fromarray((255 * np.pad(ink, reach)).astype(np.uint8))
    return np.asarray(grown.filter(ImageFilter.MaxFilter(2 * reach + 1)), float) / 255


def _placed(ink: Floats, shape: tuple[int, int]) -> Floats:
    """The ink in its box, and the box in the field, the centre of mass in the middle."""
    share = 1.0 if max(shape) <= FILLED else BOX
    scale = min(share * n / m for n, m in zip(shape, ink.shape, strict=True))
    rows, columns = (
        min(n, max(1, round(scale * m))) for n, m in zip(shape, ink.shape, strict=True)
    )
    small = _resized(ink, rows, columns)
    small = np.clip(small / max(float(np.percentile(small, 98)), 1e-9), 0, 1)
    field = np.zeros(shape)
    starts = []
    for axis, (n, size) in enumerate(zip(shape, small.shape, strict=True)):
        mass: Any = small.sum(axis=1 - axis)
        middle = size / 2 if share == 1 else float(mass @ (np.arange(size) + 0.5) / mass.sum())
        starts.append(int(np.clip(round(n / 2 - middle), 0, n - size)))
    top, left = starts
    field[top : top + rows, left : left + columns] = small
    return field
