"""Grids: one tensor's coordinates as rows and columns of cells, each shown by the worst in it.

What a heat map draws and its table lists. A tensor of more coordinates than cells is binned: no
wrong one is lost in a mean, for the worst stands for its cell.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import accumulate
from typing import Any

import numpy as np
import numpy.typing as npt

Array = npt.NDArray[Any]
Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]

RIGHT, WRONG, UNDECIDED, ZERO, KINK, UNCHECKED, CONSTANT, TOGETHER = range(8)
WORDS = (
    "right",
    "wrong",
    "undecided",
    "zero on both sides",
    "on a kink",
    "not checked",
    "a constant, no parameter",
    "right, compared with others in one projection",
)
# Which of several stands for a cell: the wrong one, then what is undecided, then what was compared.
RANK = np.asarray([3, 6, 5, 1, 2, 0, 0, 2], np.int8)
MEASURED = 3  # from this rank on each has a relative error of its own

MOST_CELLS = 1200
MOST_COLUMNS, MOST_ROWS = 60, 40


@dataclass(frozen=True, kw_only=True)
class Grid:
    """Cells of a tensor, row by row, (rows * columns,) each.

    Attributes
    ----------
    shape
        The tensor's own shape.
    rows, columns
        Of cells.
    height, width
        How many coordinates a cell has at most, down and across, of the tensor seen as a matrix.
    at
        The flat index of the coordinate that stands for a cell.
    analytic, numeric, tolerance
        Its values: the measured slope is `numeric`, give or take `tolerance`; NaN where none is.
    status
        What was decided, a position in `WORDS`.
    count, wrong
        How many coordinates a cell has, and how many of them are wrong.
    """

    shape: tuple[int, ...]
    rows: int
    columns: int
    height: int
    width: int
    at: Ints
    analytic: Floats
    numeric: Floats
    tolerance: Floats
    status: Ints
    count: Ints
    wrong: Ints

    @property
    def error(self) -> Floats:
        """The relative difference of both values; NaN where one of them is not known."""
        return relative_error(self.analytic, self.numeric)

    @property
    def size(self) -> int:
        """How many coordinates there are."""
        return math.prod(self.shape)

    def index(self, cell: int) -> tuple[int, ...]:
        """The coordinate that stands for a cell."""
        return tuple(int(i) for i in np.unravel_index(int(self.at[cell]), self.shape))

    def binned(self, most: int = MOST_CELLS) -> Grid:  # noqa: ARG002 as Coordinates
        """The grid as it is: what was binned once is not binned again."""
        return self


@dataclass(frozen=True, kw_only=True)
class Coordinates:
    """All coordinates of a tensor, each array in the tensor's shape; see `Grid`."""

    analytic: Array
    numeric: Array
    tolerance: Array
    status: Array

    @property
    def size(self) -> int:
        """How many coordinates there are."""
        return int(self.status.size)

    def binned(self, most: int = MOST_CELLS) -> Grid:
        """At most so many cells, whatever the tensor's size."""
        shape = self.status.shape
        rows, columns = _as_matrix(shape)
        width = _bin(columns, min(MOST_COLUMNS, most))
        across = math.ceil(columns / width)
        height = _bin(rows, max(1, min(MOST_ROWS, most // across)))
        arrays = [
            np.asarray(a).reshape(rows, columns)
            for a in (self.analytic, self.numeric, self.tolerance, self.status)
        ]
        found = [_band(*band, width) for band in _bands(arrays, height, columns)]
        joined = [np.concatenate(parts) for parts in zip(*found, strict=True)]
        at, analytic, numeric, tolerance, status, count, wrong = joined
        return Grid(
            shape=shape,
            rows=len(found),
            columns=across,
            height=height,
            width=width,
            at=at.astype(np.int64),
            analytic=analytic.astype(np.float64),
            numeric=numeric.astype(np.float64),
            tolerance=tolerance.astype(np.float64),
            status=status.astype(np.int64),
            count=count.astype(np.int64),
            wrong=wrong.astype(np.int64),
        )


def relative_error(analytic: Array, numeric: Array) -> Floats:
    """The difference of both, relative to the larger; 0 where both are."""
    a, n = np.asarray(analytic, np.float64), np.asarray(numeric, np.float64)
    larger = np.maximum(np.abs(a), np.abs(n))
    with np.errstate(all="ignore"):
        return np.asarray(np.abs(a - n) / np.where(larger == 0, 1.0, larger))


def _as_matrix(shape: tuple[int, ...]) -> tuple[int, int]:
    """Rows and columns of a tensor: a vector is a row, and of more axes some become one."""
    if len(shape) < 2:
        return 1, math.prod(shape)
    before = list(accumulate(shape, lambda a, b: a * b))
    size = before[-1]
    splits = [(rows, size // rows) for rows in before[:-1] if rows]
    if len(shape) == 2 or not splits:
        return shape[0], math.prod(shape[1:])
    return min(splits, key=lambda split: abs(math.log(split[0] / max(1, split[1]))))


def _bin(length: int, most: int) -> int:
    """How many to a bin, for at most so many bins: a divisor where one is close by."""
    least = max(1, math.ceil(length / max(1, most)))
    return next((k for k in range(least, least + least // 4 + 1) if length % k == 0), least)


def _bands(arrays: list[Array], height: int, columns: int) -> Iterator[tuple[list[Array], int]]:
    """So many rows of each array at a time, flat index of the first number beside them."""
    for top in range(0, max(1, arrays[0].shape[0]), height):
        yield [a[top : top + height] for a in arrays], top * columns


def _band(arrays: list[Array], start: int, width: int) -> tuple[Array, ...]:
    """One row of cells: where the worst of each is, its values, and the counts."""
    analytic, numeric, _, status = arrays
    rows, columns = status.shape
    left = np.arange(0, columns, width)
    count = rows * np.minimum(width, columns - left)
    if status.size and RANK[status[0, 0]] < MEASURED and np.all(status == status[0, 0]):
        row, column, wrong = np.zeros_like(left), left, np.zeros_like(left)  # all are alike
    else:
        error = np.nan_to_num(relative_error(analytic, numeric), nan=0.0, posinf=2.0)
        score = 4.0 * RANK.take(status) + np.minimum(error, 2.0)
        worst = np.argmax(_cells(score, width, fill=-1.0), axis=1)
        row, column = worst // width, worst % width + left
        wrong = np.count_nonzero(_cells(status == WRONG, width, fill=0), axis=1)
    return (start + row * columns + column, *(a[row, column] for a in arrays), count, wrong)


def _cells(values: Array, width: int, *, fill: float) -> Array:
    """(rows, columns) as (cells, numbers in each)."""
    rows, columns = values.shape
    across = math.ceil(columns / width)
    padded = np.full((rows, across * width), fill, values.dtype)
    padded[:, :columns] = values
    return padded.reshape(rows, across, width).transpose(1, 0, 2).reshape(across, rows * width)
