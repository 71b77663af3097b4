"""Jitter, spread, scales and tolerances are what their derivations say."""

from __future__ import annotations

import itertools
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from checks.oracles import rounding, thresholds
from checks.problem.nested import Array

DTYPES = (np.float64, np.float32)


def units(array: Array, moved: Array) -> Array:
    """How many units in the last place each number has moved: by how much its bits count on."""
    bits = [np.ascontiguousarray(a).view(f"i{a.itemsize}").astype(np.int64) for a in (array, moved)]
    return np.asarray(np.abs(bits[0] - bits[1]))


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
    assert np.all((far[~near_zero] >= 1) & (far[~near_zero] <= 2))


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
        assert np.all((far >= 1) & (far <= 2))


def test_spread_is_half_the_range_of_all_trials() -> None:
    """By number, over as many trials as asked for; 0-d arrays stay arrays.

    Not the distance from the value itself: one that is wrong at this very point excuses nothing.
    """
    at = [np.asarray([100.0, 2.0]), np.asarray(3.0)]
    moves = itertools.cycle([(0.5, 0.0, 0.25), (-1.0, 0.125, 0.0), (0.25, -0.5, -2.0)])
    seen = []

    def again() -> list[Array]:
        a, b, c = next(moves)
        seen.append(a)
        return [np.asarray([1 + a, 2 + b]), np.asarray(3 + c)]

    one, two = rounding.spread(at, again, 3)
    np.testing.assert_array_equal(one, [0.75, 0.3125])
    assert two == 1.125
    assert len(seen) == 3
    rounding.spread(at, again)
    assert len(seen) == 3 + thresholds.JITTERS


def test_a_single_trial_s_spread_is_how_far_it_moved() -> None:
    """Of one, that is all there is."""
    (far,) = rounding.spread([np.ones(2)], lambda: [np.asarray([1.5, 0.75])], 1)
    assert far.tolist() == [0.5, 0.25]


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
    assert rounding.rms_scale(np.asarray([[3.0, 4.0], [0.0, 0.0]])) == 2.5
    assert rounding.rms_scale(np.asarray(-2.0)) == 2.0
    assert rounding.rms_scale(np.zeros(3)) == 1.0
    assert rounding.rms_scale(np.empty(0)) == 1.0
    assert rounding.rms_scale(np.asarray([2.0, np.inf])) == 1.0
    assert rounding.rms_scale(np.asarray([np.nan, 2.0])) == 1.0


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("share", [-1.04, -1.0, -0.6, 0.0, 0.6, 0.97])
def test_typical_neither_underflows_nor_overflows(dtype: Any, share: float) -> None:
    """From subnormal to large, in either dtype, whose squares would be 0 or infinite."""
    limits = np.finfo(dtype)
    exponent = int(share * limits.maxexp)
    values = np.ldexp(np.asarray([3, -4, 0, 0], dtype), exponent)
    assert rounding.rms_scale(values) == np.ldexp(2.5, exponent)
    for end in (limits.smallest_subnormal, limits.max):
        assert rounding.rms_scale(np.asarray([-end])) == end


def test_a_scale_is_the_larger_of_its_own_and_its_tensors() -> None:
    """Never zero, in double precision, and never that of another tensor."""
    found = rounding.step_scale(np.asarray([3.0, -4.0, 0.0, 0.0], np.float32))
    np.testing.assert_array_equal(found, [3.0, 4.0, 2.5, 2.5])
    assert found.dtype == np.float64
    np.testing.assert_array_equal(rounding.step_scale(np.zeros(2)), [1.0, 1.0])


def test_typical_loses_no_digit_to_squares_that_nearly_underflow() -> None:
    """In single precision they begin to at 2^-149, long before their sum does."""
    for value in (1.2345e-20, 3.3e-21, 7.7e-22):
        found = rounding.rms_scale(np.full(1000, value, np.float32))
        assert found == pytest.approx(value, rel=2e-7)


def test_a_tolerance_is_the_sum_in_the_derivation() -> None:
    """SAFETY (spread + 2 eps (|a| + |n|)) + underflow."""
    found = rounding.tolerance(
        np.asarray([1.0, -2.0]),
        np.asarray([-3.0, 2.0]),
        spread=np.asarray([0.5, 0.0]),
        dtype=np.dtype(np.float64),
    )
    eps = 2.0**-52
    np.testing.assert_allclose(found, [32 * (0.5 + 8 * eps), 32 * 8 * eps], rtol=1e-15)


@pytest.mark.parametrize("dtype", DTYPES)
def test_a_tolerance_goes_with_the_dtype_down_to_underflow(dtype: Any) -> None:
    """Its eps, and an allowance above the smallest normal number for what underflows.

    A million coordinates have the tolerance that one of them has.
    """
    limits, kind = np.finfo(dtype), np.dtype(dtype)

    def tolerance(value: float, many: int = 1) -> Array:
        a = np.full(many, value)
        return rounding.tolerance(a, a, spread=np.zeros(many), dtype=kind)

    assert tolerance(1.0)[0] == pytest.approx(32 * 4 * float(limits.eps))
    assert tolerance(0.0)[0] == rounding.underflow(kind)
    assert rounding.underflow(kind) == 2.0 ** {8: -1022 + 2 * 52, 4: -126 + 2 * 23}[kind.itemsize]
    assert np.all(tolerance(1.0, 10**6) == tolerance(1.0))


def test_the_promised_error_goes_with_the_dtype() -> None:
    """1e-6 in double precision, as documented, and what seven digits allow in single."""
    assert rounding.default_rtol(np.dtype(np.float64)) == 1e-6
    assert rounding.default_rtol(np.dtype(np.float32)) == 1e-2
    assert rounding.default_rtol(np.dtype(np.longdouble)) == 1e-6
