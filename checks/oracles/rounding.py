"""Rounding: how far two correct answers may differ.

Notation: eps is the spacing of floating-point numbers at 1 (2^-52 for float64), C the cost, g one
coordinate of its gradient, a its analytic value, n its numeric one.

**The analytic value.** Backpropagation stores activations and weights that are each right to about
one unit in the last place, and computes with them. To first order its error is the sum, over
everything stored, of (that number's error) x (the result's sensitivity to it). Nobody needs to
know the sensitivities: move every stored number by one or two units in the last place, at random,
compute again, and see how far the result moves (`spread`, half the range of `JITTERS` trials). That
finds the digits lost where 1 - a cancels in a saturated unit, and where the terms of a sum cancel.
Each trial moves at least as far as rounding did, so the largest of sixteen falls short of the true
error by a factor k only if all sixteen draws nearly cancel, about k^-16. A sum of m terms also
rounds on its way, by up to m eps of its partial sums, where the jitter sees about sqrt(m) eps;
blocked and fused sums keep m small. Over the random networks of the campaign the error never
exceeded 10 spreads and was mostly below 2: `SAFETY` is 32.

**The numeric value.** The complex step subtracts nothing, so it has the rounding of a derivative
carried forward through the same sums: the same spread bounds it. A real difference adds the cost's
noise divided by the step, and its truncation error; the oracle states both.

**A coordinate's tolerance** is then

    tolerance = SAFETY x (spread + 2 eps (|a| + |n|)) + underflow

with `underflow` for results so small that their factors may have lost digits to it. Inside of a
black box numbers are rounded that moving its parameters does not move: `least` adds `UNITS` of
the largest slope of the tensor. What a real difference adds, noise and truncation, is in its own
interval (`checks.oracles.levels`).

**The promise.** A gradient wrong by a relative `rtol` shows a difference of at least
rtol |g| - tolerance. So where 2 tolerance <= rtol max(|a|, |n|) an error of that size cannot hide;
where it is not, agreement says less, and a report says how much.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np

from checks.oracles import thresholds
from checks.problem.nested import Array

# Long arrays are jittered in pieces of this many numbers, which stay in a cache.
CHUNK = 2**14

# A sum of squares no smaller than this and no larger than its inverse has lost nothing to overflow
# or underflow, not even in float32.
ORDINARY = 2.0**-80


def default_rtol(dtype: np.dtype) -> float:
    """The smallest relative error that is promised to be caught, by the gradient's dtype."""
    return thresholds.RTOL.get(dtype, thresholds.RTOL[np.dtype(np.float64)])


def jitter(array: Array, rng: np.random.Generator) -> Array:
    """`array` with every number but zero moved by one or two units in its last place.

    The units are counted in the bits themselves: the next number has the next whole number for its
    pattern. What is too near zero to be moved by two stays.
    """
    moved = np.array(array, order="C")
    flat = moved.reshape(-1)
    bits = flat.view(f"i{flat.itemsize}")
    still = 2 * np.finfo(flat.dtype).smallest_subnormal
    for start in range(0, flat.size, CHUNK):
        part = slice(start, start + CHUNK)
        length = len(flat[part])
        units = rng.bit_generator.random_raw(-(-length // 8)).view(np.int8)[:length]
        units &= 3
        units += units >> 1
        units -= 2  # -2, -1, 1 or 2
        units *= np.abs(flat[part]) > still
        bits[part] += units
    return moved


def spread(
    at: Sequence[Array], again: Callable[[], Sequence[Array]], trials: int = thresholds.JITTERS
) -> list[Array]:
    """How far rounding moves each number of `at`: half the range of what `again` finds, jittered.

    Not how far from `at`: a value that is wrong at exactly this point would excuse itself. Of a
    single trial, that is all there is.
    """
    low = [np.array(moved, np.float64) for moved, _ in zip(again(), at, strict=True)]
    if trials == 1:
        return [np.abs(m - a) for m, a in zip(low, at, strict=True)]
    high = [a.copy() for a in low]
    for _ in range(trials - 1):
        for l, h, moved in zip(low, high, again(), strict=True):
            np.minimum(l, moved, out=l)
            np.maximum(h, moved, out=h)
    return [(h - l) / 2 for l, h in zip(low, high, strict=True)]


def rms_scale(values: Array) -> float:
    """A natural size of a change within a tensor: its root mean square, or 1 where that is 0."""
    flat = values.reshape(-1)
    squares = float(np.vdot(flat, flat))
    if ORDINARY < squares < 1 / ORDINARY:
        return float(np.sqrt(squares / flat.size))
    largest = float(np.max(np.abs(flat), initial=0))
    if not 0 < largest < np.inf:
        return 1.0
    unit = 2.0 ** int(np.frexp(largest)[1] - 1)
    flat = flat / unit  # exact; and a square that underflows now is too small to count
    return unit * float(np.sqrt(np.vdot(flat, flat) / flat.size))


def step_scale(values: Array) -> Array:
    """A natural size of a change of each parameter: its own, or its tensor's if that is larger."""
    return np.maximum(np.abs(values, dtype=np.float64), rms_scale(values))


def tolerance(analytic: Array, numeric: Array, *, spread: Array, dtype: np.dtype) -> Array:
    """How far the two may differ by rounding if both are right; the module's text derives it."""
    size = np.abs(analytic) + np.abs(numeric)
    rounded = thresholds.SAFETY * (spread + 2 * float(np.finfo(dtype).eps) * size)
    return np.asarray(rounded + underflow(dtype))


def rounding_of_largest(
    values: Array, slopes: Array, dtype: np.dtype, top: tuple[float, float] = (0, 0)
) -> Array:
    """A few units of the largest slope of a tensor, (m,): less than that may be rounding of it.

    Where an array has numbers of several units, 1 / `BLUNT` of the largest change that a number
    makes by its own size, if that is less. `top` is the largest of both in the whole problem.
    """
    x = np.abs(values.reshape(-1), dtype=np.float64)
    slope, change = largest_slope_and_change(values, slopes)
    slope, change = max(slope, top[0]), max(change, top[1])
    with np.errstate(divide="ignore", invalid="ignore", over="ignore"):
        return (
            thresholds.UNITS
            * float(np.finfo(dtype).eps)
            * np.fmin(slope, change / x / thresholds.BLUNT)
        )


def largest_slope_and_change(values: Array, slopes: Array) -> tuple[float, float]:
    """The largest slope of a tensor, and the largest change that a number makes by its own size."""
    x, g = np.abs(values.reshape(-1), dtype=np.float64), np.abs(slopes)
    with np.errstate(invalid="ignore", over="ignore"):
        known = np.isfinite(g)
        return float(np.max(g[known], initial=0.0)), float(np.max((g * x)[known], initial=0.0))


def underflow(dtype: np.dtype) -> float:
    """Below this, digits may have been lost to gradual underflow on the way.

    A product below the smallest normal number loses digits, and may be multiplied by much before
    it is seen; 1 / eps of allowance for the digits, and another for what follows.
    """
    limits = np.finfo(dtype)
    return float(limits.tiny) / float(limits.eps) ** 2
