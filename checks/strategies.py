"""Hypothesis strategies for anyone's property tests: shapes, and points to check a gradient at.

`shapes`, `well_scaled_arrays` and `points_near_kinks`; those of our own networks are in
`checks.network.properties.strategies`, and `geartrain.strategies` offers all of them. Elements are
round in base 2, so that float32 holds them as well, and a failure shrinks to the roundest.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from functools import cache
from typing import Any

import numpy as np
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from checks.problem.nested import Array

Shape = int | tuple[int, ...]

GRID = 64  # elements are whole multiples of 1/GRID
LARGEST = 2.0  # where sigmoid and tanh still bend
SATURATED = (8.0, -8.0, 20.0, -20.0, 40.0, -40.0)
CLEAR = 1 / 8  # of a kink: wider than any step of a check at these sizes
NEAR = (0.0, 1e-3, 1e-6, 1e-9, 1e-12)  # from the kink itself to closer than differences resolve
DISTINCT = 100  # up to so many elements no two are alike, as ties are kinks of a maximum


def shapes(*, max_layers: int = 4, max_width: int = 6) -> st.SearchStrategy[tuple[int, ...]]:
    """Layer widths, input first: at least two.

    Every other shape has layers of one width, where a missing transpose or a neighbour's weights
    fit without an error.

    Examples
    --------
    >>> from hypothesis import find
    >>> find(shapes(), lambda shape: len(shape) > 2)
    (1, 1, 1)
    """
    width = st.integers(1, max_width)
    alike = st.tuples(st.integers(2, max_layers + 1), width).map(lambda n: (n[1],) * n[0])
    return st.one_of(st.lists(width, min_size=2, max_size=max_layers + 1).map(tuple), alike)


def well_scaled_arrays(
    shape: Shape | st.SearchStrategy[Shape],
    *,
    dtype: Any = np.float64,
    kinks: Sequence[float] = (0.0,),
    near_kinks: bool = False,
    saturated: bool = False,
) -> st.SearchStrategy[Array]:
    """Arrays at which slopes can be measured: no element beyond 2, nor within 1/8 of a kink.

    Parameters
    ----------
    shape
        The shape, or a strategy for it.
    dtype
        That of the arrays, a real floating-point one.
    kinks
        Where the function bends sharply: 0 for ReLU and the absolute value.
    near_kinks
        Whether elements may lie at a kink, or as close to one as `points_near_kinks` has them.
    saturated
        Whether elements may be as large as 40, where sigmoid and tanh are flat to rounding.

    Raises
    ------
    ValueError
        Where the kinks leave no element.

    Examples
    --------
    >>> from hypothesis import find
    >>> find(well_scaled_arrays((2, 2)), lambda x: True)
    array([[ 1.,  2.],
           [-1., -2.]])
    """
    elements: list[Sequence[float]] = [_clear(tuple(map(float, kinks)))]
    elements += [SATURATED] if saturated else []
    elements += [_near(kinks)] if near_kinks and kinks else []
    return _arrays(shape, dtype, elements)


def points_near_kinks(
    shape: Shape | st.SearchStrategy[Shape],
    *,
    dtype: Any = np.float64,
    kinks: Sequence[float] = (0.0,),
) -> st.SearchStrategy[Array]:
    """Arrays of which at least one element lies at a kink, or up to a thousandth beside one.

    There a difference sees both sides, and a subgradient or one side's slope is right at best.

    Parameters
    ----------
    shape, dtype, kinks
        As for `well_scaled_arrays`; at least one kink and one element.

    Examples
    --------
    >>> from hypothesis import find
    >>> find(points_near_kinks(3), lambda x: True)
    array([ 0.,  2., -1.])
    """
    near = _near(kinks)
    if not near:
        raise ValueError("kinks: expected at least one place, got none")

    def put(drawn: tuple[Array, float, int]) -> Array:
        array, element, position = drawn
        array.reshape(-1)[position % array.size] = element
        return array

    arrays = well_scaled_arrays(shape, dtype=dtype, kinks=kinks, near_kinks=True)
    filled = arrays.filter(lambda array: array.size > 0)
    return st.tuples(filled, st.sampled_from(near), st.integers(0, 2**16)).map(put)


def _arrays(
    shape: Shape | st.SearchStrategy[Shape], dtype: Any, elements: Sequence[Sequence[float]]
) -> st.SearchStrategy[Array]:
    kind = np.dtype(dtype)
    if kind.kind != "f":
        raise ValueError(f"dtype: expected a real floating-point one, got {kind}")
    if isinstance(shape, st.SearchStrategy):
        return shape.flatmap(lambda drawn: _arrays(drawn, kind, elements))
    size = math.prod(shape) if isinstance(shape, tuple) else shape
    rounded = [list(dict.fromkeys(map(kind.type, some))) for some in elements]
    return hnp.arrays(
        kind,
        shape,
        elements=st.one_of(*map(st.sampled_from, rounded)),
        fill=st.nothing(),
        unique=size <= min(DISTINCT, len(rounded[0]) // 2),
    )


@cache
def _clear(kinks: tuple[float, ...]) -> tuple[float, ...]:
    """The elements clear of kinks, the roundest first."""
    steps = range(1, int(LARGEST * GRID) + 1)
    found = [sign * step / GRID for step in steps for sign in (1, -1)]
    clear = [x for x in found if all(abs(x - kink) >= CLEAR for kink in kinks)]
    if not clear:
        raise ValueError(
            f"kinks: expected some place within {LARGEST:g} of 0 that is {CLEAR:g} away from all,"
            f" got {kinks}"
        )
    return tuple(sorted(clear, key=lambda x: (x.as_integer_ratio()[1], x < 0, abs(x))))


def _near(kinks: Iterable[float]) -> list[float]:
    return [float(kink) + sign * far for far in NEAR for kink in kinks for sign in (1, -1)]
