"""Cells stand for the worst in them, whatever the tensor's form and size."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from checks.output import grids
from checks.output.grids import Coordinates
from checks.verdict.rule import Status


def coordinates(shape: tuple[int, ...], seed: int = 0, **changes: Any) -> Coordinates:
    """A right gradient of that shape, its values off by rounding."""
    rng = np.random.default_rng(seed)
    analytic = rng.normal(size=shape)
    arrays: dict[str, Any] = {
        "analytic": analytic,
        "numeric": analytic * (1 + 1e-15 * rng.normal(size=shape)),
        "tolerance": np.full(shape, 1e-14),
        "status": np.zeros(shape, np.int8),
    }
    return Coordinates(**(arrays | changes))


def test_the_words_are_those_of_the_rule() -> None:
    """A status is a position among them; what a projection compares comes after."""
    assert [int(s) for s in Status] == list(range(len(Status)))
    assert grids.WRONG == Status.FAIL
    assert grids.UNDECIDED == Status.UNDECIDED
    assert grids.ZERO == Status.ZERO
    assert grids.KINK == Status.KINK
    assert grids.UNCHECKED == Status.UNCHECKED
    assert grids.CONSTANT == Status.CONSTANT
    assert len(Status) == grids.TOGETHER
    assert len(grids.WORDS) == len(grids.RANK) == len(Status) + 1


@given(
    st.lists(st.integers(1, 40), min_size=0, max_size=4).map(tuple),
    st.integers(1, 300),
    st.data(),
)
def test_no_wrong_coordinate_is_lost(
    shape: tuple[int, ...], most: int, data: st.DataObject
) -> None:
    """One among any number stands for its cell, and every coordinate is counted once."""
    size = int(np.prod(shape))
    flat = data.draw(st.integers(0, size - 1))
    status = np.zeros(shape, np.int8)
    status.reshape(-1)[flat] = Status.FAIL
    given_ = coordinates(shape, status=status)
    grid = given_.binned(most)
    assert grid.at.size == grid.rows * grid.columns <= max(most, 1)
    assert grid.count.sum() == size == grid.size
    assert grid.wrong.sum() == 1
    (cell,) = np.flatnonzero(grid.status == grids.WRONG)
    assert grid.at[cell] == flat
    assert grid.index(int(cell)) == (np.unravel_index(flat, shape) if shape else ())
    assert grid.analytic[cell] == np.asarray(given_.analytic).reshape(-1)[flat]
    assert np.unique(grid.at).size == grid.at.size


def test_a_small_tensor_is_shown_as_it_is() -> None:
    """A cell a coordinate, in reading order."""
    given_ = coordinates((3, 4))
    grid = given_.binned()
    assert (grid.rows, grid.columns) == (3, 4)
    assert grid.at.tolist() == list(range(12))
    np.testing.assert_array_equal(grid.numeric, np.asarray(given_.numeric).reshape(-1))
    assert grid.binned(1) is grid


@pytest.mark.parametrize(
    ("shape", "cells"),
    [
        ((784, 40), (28, 40)),
        ((40,), (1, 40)),
        ((), (1, 1)),
        ((8, 3, 3, 3), (24, 9)),
        ((1, 5), (1, 5)),
    ],
)
def test_cells_keep_the_form_of_a_tensor(shape: tuple[int, ...], cells: tuple[int, int]) -> None:
    """Of a layer of 784 by 40 each cell is a row of a picture of 28 by 28."""
    grid = coordinates(shape).binned()
    assert (grid.rows, grid.columns) == cells


def test_what_is_worst_stands_for_its_cell() -> None:
    """Wrong before undecided, undecided before right, and among right ones the largest error."""
    status = np.zeros(8, np.int8)
    analytic, numeric = np.ones(8), np.ones(8)
    numeric[1] = 1 + 1e-9
    status[[5, 6, 7]] = [Status.ZERO, Status.KINK, Status.UNDECIDED]
    numeric[5] = np.nan
    given_ = coordinates((8,), analytic=analytic, numeric=numeric, status=status)
    assert given_.binned(2).at.tolist() == [1, 7]
    status[4] = Status.FAIL
    assert coordinates((8,), analytic=analytic, numeric=numeric, status=status).binned(
        2
    ).at.tolist() == [1, 4]


def test_errors_are_relative_to_the_larger_value() -> None:
    """Zero against zero is no error, and what is unknown has none."""
    found = grids.relative_error(
        np.asarray([0.0, 1.0, -2.0, 1.0]), np.asarray([0.0, 2.0, 2.0, np.nan])
    )
    np.testing.assert_array_equal(found, [0, 0.5, 2, np.nan])
