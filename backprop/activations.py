"""Activations, each beside its slope: the first place where a gear's ratio is written down.

`ACTIVATIONS` maps a name to the function a = f(z) and its slope f'(z), the latter written in terms
of `a`, because `a` is what `forward` hands to `backward`. One more activation is one more entry.

Every function takes real or complex arrays of any shape and keeps their dtype; none overflows or
warns for pre-activations as large as ±1e4.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

Array = npt.NDArray[Any]


@dataclass(frozen=True, kw_only=True)
class Activation:
    """A gear and its ratio.

    Attributes
    ----------
    function
        z to a, whatever the shape.
    slope
        a to da/dz.
    kinked
        Whether the slope jumps somewhere.
    coupled
        Whether output k depends on more than pre-activation k: such an activation has no slope of
        its own, and can only stand at the output, with a cost that knows its delta.
    recorded
        Whether the training loop may record both, instead of calling them for every minibatch:
        operators and ufuncs, and nothing else, the same at every call.
    """

    function: Callable[[Array], Array]
    slope: Callable[[Array], Array]
    kinked: bool = False
    coupled: bool = False
    recorded: bool = False


def sigmoid(z: Array) -> Array:
    """1 / (1 + e^-z), with the exponent held below the largest the dtype can take."""
    largest, one = _LIMITS[z.dtype.char]
    e: Array = -z.real
    np.minimum(e, largest, out=e)
    np.exp(e, out=e)
    if z.dtype.kind == "c":
        return _turned(z.imag, e)
    e += one
    a: Array = np.divide(one, e, out=e)  # vectorised, which np.reciprocal is not
    return a


def softplus(z: Array) -> Array:
    """log(1 + e^z), as max(z, 0) + log(1 + e^-|z|): the exponential stays at or below one."""
    positive = z.real > 0
    a: Array = z * positive + _log1p(np.exp(np.where(positive, -z, z)))
    return a


def softmax(z: Array) -> Array:
    """e^z / sum of e^z over the last axis; subtracting the largest z leaves it unchanged."""
    e = np.exp(z - z.real.max(axis=-1, keepdims=True))
    a: Array = e / e.sum(axis=-1, keepdims=True)
    return a


def negative_log_softmax(z: Array) -> Array:
    """-log of `softmax`, as (largest z - z) + log(1 + the other exponentials): all terms small."""
    at = z.real.argmax(axis=-1, keepdims=True)
    below = np.take_along_axis(z, at, axis=-1) - z
    others = np.exp(-below)
    np.put_along_axis(others, at, 0, axis=-1)
    return np.asarray(below + _log1p(others.sum(axis=-1, keepdims=True)))


def _turned(y: Array, e: Array) -> Array:
    """1 / (1 + e (cos y - i sin y)): the sigmoid where e^-z turns by an imaginary part y.

    Where y is so small that its cosine rounds to 1 and its sine to y, the denominator p - iq is
    1 + e - iey, and q² is lost beside p²: 1 / (p - iq) = (1 + i q / p) / p takes real numbers only.
    """
    a = np.empty_like(e, np.result_type(e, np.complex64))
    q = np.abs(y)
    if q.max(initial=0) <= np.sqrt(np.finfo(y.dtype).eps) / 2:
        np.multiply(e, y, out=q)
        e += 1
        share = np.divide(1, e, out=e)
        a.real = share
        q *= share
        np.multiply(q, share, out=a.imag)
    else:
        a.real = np.cos(y)
        a.imag = -np.sin(y)
        a *= e
        a += 1
        np.reciprocal(a, out=a)
    return a


def _log1p(e: Array) -> Array:
    """log(1 + e); the complex one in NumPy rounds a small real part of the result away."""
    if e.dtype.kind != "c":
        return np.asarray(np.log1p(e))
    real = np.log1p(e.real * (2 + e.real) + e.imag**2) / 2
    return np.asarray(real + 1j * np.arctan2(e.imag, 1 + e.real))


# The largest exponent, and one: as arrays, which NumPy need not convert at every call. e to that
# power is finite, and its inverse is not yet subnormal.
_LIMITS = {
    char: (np.asarray(np.floor(np.log(np.finfo(char).max) - 1)), np.ones((), char))
    for char in "fdFD"
} | {char: (np.asarray(11354.0), np.ones(())) for char in "gG"}


def _no_slope(_: Array) -> Array:
    raise TypeError("slope: expected an activation of single units, got one that couples them")


ACTIVATIONS: dict[str, Activation] = {
    # name     a = f(z)                       da/dz, from a
    "sigmoid": Activation(
        function=sigmoid,                     slope=lambda a: a * (1 - a),        recorded=True),
    "tanh": Activation(
        function=np.tanh,                     slope=lambda a: (1 - a) * (1 + a),  recorded=True),
    "relu": Activation(
        function=lambda z: z * (z.real > 0),  slope=lambda a: a > 0, kinked=True, recorded=True),
    "softplus": Activation(
        function=softplus,                    slope=lambda a: -np.expm1(-a)),
    "identity": Activation(
        function=lambda z: z,                 slope=np.ones_like),
    "softmax": Activation(
        function=softmax,                     slope=_no_slope,                    coupled=True),
}  # fmt: skip
