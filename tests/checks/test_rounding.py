"""Jitter, spread, scales, steps and tolerances are what their derivations say."""

from __future__ import annotations

import itertools
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from checks import rounding
from checks.nest import Array
from tests.checks.helpers import by_position

DTYPES = (np.float64, np.float32)


def units(array: Array, moved: Array) -> Array:
    """How many units in the last place each number has moved."""
    distance = np.abs(moved.astype(np.longdouble) - array.astype(np.longdouble))
    return np.asarray(distance / np.spacing(np.abs(array)).astype(np.longdouble))


@st.composite
def floats(draw: st.DrawFn) -> Array:
    """Arrays of either dtype, with numbers of every size, subnormal ones and zeros included."""
    dtype = np.dtype(draw(st.sampled_from(DTYPES)))
    largest = float(np.finfo(dtype).max) / 2
    elements = st.floats(-largest, largest, width=64 if dtype == np.float64 else 32)
    return draw(
        arrays.arrays(dtype, arrays.array_shapes(max_dims=3, max_side=5), elements=elements)
    )


@given(array=floats(), seed=st.integers(0, 99))
def test_jitter_moves_every_number_by_one_to_two_units(array: Array, seed: int) -> None:
    """All but zeros, which stay; dtype, shape and the array itself are left alone."""
    before = array.copy()
    moved = rounding.jitter(array, np.random.default_rng(seed))
    np.testing.assert_array_equal(array, before)
    assert (moved.dtype, moved.shape) == (array.dtype, array.shape)
    far = units(array, moved)
    near_zero = np.abs(array) <= 2 * np.finfo(array.dtype).smallest_subnormal
    assert np.all(far[near_zero] == 0)
    # Below a power of two, units are half as large.
    assert np.all((far[~near_zero] >= 0.5) & (far[~near_zero] <= 2))


@pytest.mark.parametrize("dtype", DTYPES)
def test_jitter_moves_subnormal_numbers(dtype: Any) -> None:
    """By whole units, but for those from where zero could be reached or crossed."""
    tiny = float(np.finfo(dtype).smallest_subnormal)
    array = np.asarray([tiny, -2 * tiny, 3 * tiny, -5 * tiny, 0], dtype)
    for seed in range(20):
        far = units(array, rounding.jitter(array, np.random.default_rng(seed))).astype(float)
        assert list(far[[0, 1, 4]]) == [0, 0, 0]
        assert set(far[2:4]) <= {1.0, 2.0}


@pytest.mark.parametrize("dtype", DTYPES)
def test_jitter_reaches_the_end_of_a_long_array(dtype: Any) -> None:
    """Arrays longer than a piece, by one number or by many, move throughout."""
    for size in (rounding.CHUNK, rounding.CHUNK + 1, 2 * rounding.CHUNK + 7):
        array = np.full(size, 3, dtype)
        far = units(array, rounding.jitter(array, np.random.default_rng(0)))
        assert far.min() >= 1
        assert far.max() <= 2


def test_jitter_goes_both_ways_and_differs_from_piece_to_piece() -> None:
    """One or two units up or down, each a quarter of the time; no piece repeats another."""
    array = np.full(2 * rounding.CHUNK, 3.0)
    moved = (rounding.jitter(array, np.random.default_rng(0)) - array) / np.spacing(3.0)
    unit, times = np.unique(moved, return_counts=True)
    np.testing.assert_array_equal(unit, [-2, -1, 1, 2])
    # Of 2^15 draws a share of a quarter has a standard deviation of 0.0024.
    np.testing.assert_allclose(times / array.size, 0.25, rtol=0, atol=4 * 0.0024)
    assert np.any(moved[: rounding.CHUNK] != moved[rounding.CHUNK :])


def test_jitter_takes_a_long_array_in_pieces_that_fit_a_cache() -> None:
    """Half a megabyte of doubles at most, and no less than 4 kB, so that calls cost little."""
    asked: list[int] = []

    class Counted:
        """A generator that notes how many bytes it was asked for at a time."""

        def random_raw(self, words: int) -> Array:
            """As many zeros."""
            asked.append(8 * words)
            return np.zeros(words, np.uint64)

    rounding.jitter(np.ones(10**6), SimpleNamespace(bit_generator=Counted()))  # type: ignore[arg-type]
    assert sum(asked) == 10**6
    assert max(asked) * 8 <= 2**19
    assert len(asked) <= 10**6 * 8 / 2**12


def test_jitter_keeps_the_layout_of_what_it_moves_apart() -> None:
    """A transposed or strided array is moved in every number too."""
    array = np.arange(1.0, 25.0).reshape(4, 6)
    for view in (array.T, array[:, ::2]):
        far = units(view, rounding.jitter(view, np.random.default_rng(0)))
        assert np.all((far >= 0.5) & (far <= 2))


def test_spread_is_the_largest_move_of_all_trials() -> None:
    """By number, over as many trials as asked for; 0-d arrays stay arrays."""
    at = [np.asarray([1.0, 2.0]), np.asarray(3.0)]
    moves = itertools.cycle([(0.5, 0.0, 0.25), (-1.0, 0.125, 0.0), (0.25, -0.5, -2.0)])
    seen = []

    def again() -> list[Array]:
        a, b, c = next(moves)
        seen.append(a)
        return [np.asarray([1 + a, 2 + b]), np.asarray(3 + c)]

    one, two = rounding.spread(at, again, 3)
    np.testing.assert_array_equal(one, [1.0, 0.5])
    assert isinstance(two, np.ndarray)
    assert two == 2.0
    assert len(seen) == 3
    rounding.spread(at, again)
    assert len(seen) == 3 + 16  # the trials whose largest may fall short by k as rarely as k^-16


def test_a_spread_compares_all_with_all() -> None:
    """A recomputation that leaves something out is a mistake."""
    with pytest.raises(ValueError, match="zip"):
        rounding.spread([np.ones(1), np.ones(1)], lambda: [np.ones(1)])


def test_spread_finds_the_digits_that_cancellation_loses() -> None:
    """Jitter of what is stored shows 1 - a losing digits where a is near 1, and not elsewhere."""
    a = np.asarray([0.5, 1 - 2.0**-40])
    rng = np.random.default_rng(0)
    (far,) = rounding.spread([1 - a], lambda: [1 - rounding.jitter(a, rng)])
    relative = far / (1 - a)
    assert relative[0] < 2.0**-50
    assert relative[1] > 2.0**-14


def test_typical_is_the_root_mean_square_or_one() -> None:
    """One where a tensor is empty or all zeros, or holds what is no number."""
    assert rounding.typical(np.asarray([[3.0, 4.0], [0.0, 0.0]])) == 2.5
    assert rounding.typical(np.asarray(-2.0)) == 2.0
    assert rounding.typical(np.zeros(3)) == 1.0
    assert rounding.typical(np.empty(0)) == 1.0
    assert rounding.typical(np.asarray([2.0, np.inf])) == 1.0
    assert rounding.typical(np.asarray([np.nan, 2.0])) == 1.0


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("share", [-1.04, -1.0, -0.6, 0.0, 0.6, 0.97])
def test_typical_neither_underflows_nor_overflows(dtype: Any, share: float) -> None:
    """From subnormal to large, in either dtype, whose squares would be 0 or infinite."""
    limits = np.finfo(dtype)
    exponent = int(share * limits.maxexp)
    values = np.ldexp(np.asarray([3, -4, 0, 0], dtype), exponent)
    assert rounding.typical(values) == np.ldexp(2.5, exponent)
    for end in (limits.smallest_subnormal, limits.max):
        assert rounding.typical(np.asarray([-end])) == end


def test_a_scale_is_the_larger_of_its_own_and_its_tensors() -> None:
    """Never zero, in double precision, and never that of another tensor."""
    found = rounding.scale(np.asarray([3.0, -4.0, 0.0, 0.0], np.float32))
    np.testing.assert_array_equal(found, [3.0, 4.0, 2.5, 2.5])
    assert found.dtype == np.float64
    np.testing.assert_array_equal(rounding.scale(np.zeros(2)), [1.0, 1.0])


@given(
    scale=st.floats(1e-12, 1e12),
    noise=st.floats(1e-30, 1e30),
    size=st.floats(1e-30, 1e30),
)
def test_a_central_step_is_a_power_of_two_near_the_balance(
    scale: float, noise: float, size: float
) -> None:
    """Within a factor of the square root of two of s (3 noise / size)^(1/3)."""
    step = float(rounding.central_step(np.asarray([scale]), noise, size)[0])
    assert np.frexp(step)[0] == 0.5
    relative = np.cbrt(3 * noise / size) if noise < size else np.cbrt(np.finfo(float).eps)
    assert 2**-0.5001 <= step / (scale * relative) <= 2**0.5001


@pytest.mark.parametrize(("share", "step"), [(0.98, 2.0**-10), (1.02, 2.0**-9)])
@pytest.mark.parametrize("scale", [1.0, 4.0])
def test_a_central_step_is_rounded_to_the_nearest_power_of_two(
    share: float, step: float, scale: float
) -> None:
    """On either side of halfway between two: where 3 noise / size is the cube of 2^-9.5."""
    noise = share * 2.0**-28.5 / 3
    for size in (1.0, 2.0**40):
        found = rounding.central_step(np.asarray([scale]), noise * size, size)
        np.testing.assert_array_equal(found, [scale * step])


@pytest.mark.parametrize(
    ("noise", "size"), [(0, 1), (1, 1), (2, 1), (1, 0), (0, 0), (np.nan, 1), (-1, 1)]
)
def test_a_central_step_falls_back_where_noise_tells_nothing(noise: float, size: float) -> None:
    """To the cube root of eps, the textbook's choice."""
    step = rounding.central_step(np.asarray([1.0, 8.0]), noise, size)
    np.testing.assert_array_equal(step, [2.0**-17, 2.0**-14])


def test_typical_loses_no_digit_to_squares_that_nearly_underflow() -> None:
    """In single precision they begin to at 2^-149, long before their sum does."""
    for value in (1.2345e-20, 3.3e-21, 7.7e-22):
        found = rounding.typical(np.full(1000, value, np.float32))
        assert found == pytest.approx(value, rel=2e-7)


def test_what_a_tolerance_is_made_of_is_given_by_name() -> None:
    """A spread and an oracle's error are not to be exchanged."""
    assert by_position(rounding.tolerance) == ["analytic", "numeric"]


def test_a_tolerance_is_the_sum_in_the_derivation() -> None:
    """SAFETY (spread + 2 eps (|a| + |n|)) + the oracle's error + underflow."""
    dtype = np.dtype(np.float64)
    found = rounding.tolerance(
        np.asarray([1.0, -2.0]),
        np.asarray([-3.0, 2.0]),
        spread=np.asarray([0.5, 0.0]),
        oracle_error=np.asarray([0.0, 0.25]),
        dtype=dtype,
    )
    eps = 2.0**-52
    np.testing.assert_allclose(found, [32 * (0.5 + 8 * eps), 32 * 8 * eps + 0.25], rtol=1e-15)


@pytest.mark.parametrize("dtype", DTYPES)
def test_a_tolerance_goes_with_the_dtype_down_to_underflow(dtype: Any) -> None:
    """Its eps, and an allowance above the smallest normal number for what underflows."""
    limits = np.finfo(dtype)

    def tolerance(value: float) -> float:
        a = np.asarray([value])
        return float(
            rounding.tolerance(a, a, spread=np.zeros(1), oracle_error=0.0, dtype=np.dtype(dtype))[0]
        )

    assert tolerance(1.0) == pytest.approx(32 * 4 * float(limits.eps))
    assert tolerance(0.0) == rounding.underflow(np.dtype(dtype))
    assert tolerance(0.0) == 2.0 ** {np.float64: -1022 + 2 * 52, np.float32: -126 + 2 * 23}[dtype]


def test_tolerances_do_not_grow_with_the_number_of_coordinates() -> None:
    """A million coordinates have the tolerance that one of them has."""
    at = {"dtype": np.dtype(np.float64), "oracle_error": 0.0}
    one = rounding.tolerance(np.ones(1), np.ones(1), spread=np.zeros(1), **at)  # type: ignore[arg-type]
    many = rounding.tolerance(np.ones(10**6), np.ones(10**6), spread=np.zeros(10**6), **at)  # type: ignore[arg-type]
    assert np.all(many == one[0])


def test_the_promised_error_goes_with_the_dtype() -> None:
    """1e-6 in double precision, as documented, and what seven digits allow in single."""
    assert rounding.default_rtol(np.dtype(np.float64)) == 1e-6
    assert rounding.default_rtol(np.dtype(np.float32)) == 1e-2
    assert rounding.default_rtol(np.dtype(np.longdouble)) == 1e-6
