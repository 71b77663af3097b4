"""How far two correct answers may differ: where every tolerance and every step comes from.

Notation: eps is the spacing of floating-point numbers at 1 (2^-52 for float64), C the cost, g one
coordinate of its gradient, a its analytic value, n its numeric one.

**The analytic value.** Backpropagation stores activations and weights that are each right to about
one unit in the last place, and computes with them. To first order its error is the sum, over
everything stored, of (that number's error) x (the result's sensitivity to it). Nobody needs to
know the sensitivities: move every stored number by one or two units in the last place, at random,
compute again, and see how far the result moves (`spread`, the largest of `JITTERS` trials). That
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

    tolerance = SAFETY x (spread + 2 eps (|a| + |n|)) + (the oracle's own error) + underflow

with `underflow` for results so small that their factors may have lost digits to it.
Where only the parameters of a black box can be moved, numbers stored inside it cannot; whatever
they do to the gradient, moving a parameter by its own size shows them in the cost no more than
the cost's own noise does, so `SAFETY x noise / scale` is added.

**The promise.** A gradient wrong by a relative `rtol` shows a difference of at least
rtol |g| - tolerance. So where 2 tolerance <= rtol max(|a|, |n|) an error of that size cannot hide,
and the coordinate can be decided; where it is not, agreement proves too little, and the
coordinate is undecided. Disagreement beyond the tolerance is a failure in either case.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np

from checks.nest import Array

JITTERS = 16

# Long arrays are jittered in pieces of this many numbers, which stay in a cache.
CHUNK = 2**14
SAFETY = 32.0

# A sum of squares no smaller than this and no larger than its inverse has lost nothing to overflow
# or underflow, not even in float32.
ORDINARY = 2.0**-80

# An estimate may be this many of its own error bounds away before it counts as another one.
BENEFIT = 8

# A float32 gradient has seven digits, and rounding with SAFETY takes about five of them.
RTOL = {np.dtype(np.float64): 1e-6, np.dtype(np.float32): 1e-2}

# The second-order term of the complex step is the square of this, relative to the parameter's
# scale, so far below eps that it is absent; and gradients down to 1e-270 still do not underflow.
COMPLEX_STEP = 2.0**-100

# Real steps at which only kinks this close can mislead; the noise is what they cost.
SMALL_STEPS = 2.0**-30, 2.0**-26, 2.0**-22

# Twice a small step changes a central difference by three times its truncation; more than this
# part of it, and the step was not small.
SETTLED = 16

# Ridders starts from an eighth of the parameter's scale and halves.
LARGEST_STEP = 2.0**-3
HALVINGS = 12

# A number below this part of its tensor's typical size is small beside the others: the longest step
# is then more than eight times the number itself.
SMALL = LARGEST_STEP / 8


def default_rtol(dtype: np.dtype) -> float:
    """The smallest relative error that is promised to be caught, by the gradient's dtype."""
    return RTOL.get(dtype, RTOL[np.dtype(np.float64)])


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
    at: Sequence[Array], again: Callable[[], Sequence[Array]], trials: int = JITTERS
) -> list[Array]:
    """How far each number of `at` moves, at most, when `again` recomputes it with jitter."""
    largest = [np.zeros(a.shape) for a in at]
    for _ in range(trials):
        for far, a, moved in zip(largest, at, again(), strict=True):
            change = np.asarray(moved - a)  # an array even where there is one number
            np.maximum(far, np.abs(change, out=change), out=far)
    return largest


def typical(values: Array) -> float:
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


def scale(values: Array) -> Array:
    """A natural size of a change of each parameter: its own, or its tensor's if that is larger."""
    return np.maximum(np.abs(values, dtype=np.float64), typical(values))


def central_step(scale: Array, noise: float, size: float) -> Array:
    """The step that balances a central difference's two errors.

    Noise divided by h falls with h, truncation h^2 C''' / 6 grows; where the cost, of size
    `size`, changes by itself over a parameter's `scale` s, C''' is about size / s^3, and the sum
    is least at h = s (3 noise / size)^(1/3). Rounded to a power of two, to be added exactly.
    """
    relative = np.cbrt(3 * noise / size) if 0 < noise < size else np.cbrt(np.finfo(float).eps)
    return np.asarray(np.exp2(np.round(np.log2(scale * relative))))


def tolerance(
    analytic: Array,
    numeric: Array,
    *,
    spread: Array,
    oracle_error: Array | float,
    dtype: np.dtype,
) -> Array:
    """How far the two may differ if both are right; the module's text derives it."""
    size = np.abs(analytic) + np.abs(numeric)
    rounded = SAFETY * (spread + 2 * float(np.finfo(dtype).eps) * size)
    return np.asarray(rounded + oracle_error + underflow(dtype))


def underflow(dtype: np.dtype) -> float:
    """Below this, digits may have been lost to gradual underflow on the way.

    A product below the smallest normal number loses digits, and may be multiplied by much before
    it is seen; 1 / eps of allowance for the digits, and another for what follows.
    """
    limits = np.finfo(dtype)
    return float(limits.tiny) / float(limits.eps) ** 2
