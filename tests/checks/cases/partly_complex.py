"""Costs that take complex numbers without an error, and lose a part of them on the way.

The complex step then sees a slope that is exact and wrong: of the cost without a term, or of
nothing. Each wrong gradient here called "what the complex step sees" is just that.
"""

from __future__ import annotations

import warnings
from typing import Any

import numpy as np

from tests.checks.cases.shape import FAIL, Case, Wrong, entry, times, usual
from tests.checks.cases.staircases import wavy, wavy_slope

KIND = "partly complex"
SEVEN = np.linspace(0.3, 2, 7)
SEEN = "what the complex step sees"


def real_part_of_one() -> Case:
    """A small term that reads the real part of one coordinate."""

    def right(x: Any) -> Any:
        g = wavy_slope(x)
        g[0] += 2e-3 * x[0]
        return g

    return Case(
        name="real_part_of_one",
        kind=KIND,
        cost=lambda x: wavy(x) + 1e-3 * x[0].real ** 2,
        params=SEVEN,
        right=right,
        wrong=(Wrong(SEEN, wavy_slope),),
    )


def real_part_in_one_of_300() -> Case:
    """The same in one coordinate of three hundred, and a million times weaker than the rest."""
    x = np.random.default_rng(9).normal(size=300)

    def gradient(factor: float) -> Any:
        def g(x: Any) -> Any:
            slope = np.cos(x)
            slope[5] = factor * 1e-6 * x[5]
            return slope

        return g

    return Case(
        name="real_part_in_one_of_300",
        kind=KIND,
        cost=lambda x: np.sin(np.delete(x, 5)).sum() + 1e-6 * (x[5] ** 2 + x[5].real ** 2),
        params=x,
        right=gradient(4),
        wrong=(Wrong(SEEN, gradient(2)),),
    )


def conjugate() -> Case:
    """x times its conjugate is real: the complex step sees a slope of zero."""
    return Case(
        name="conjugate",
        kind=KIND,
        cost=lambda x: (x * np.conj(x)).sum(),
        params=SEVEN,
        right=lambda x: 2 * x,
        wrong=(*usual(lambda x: 2 * x, SEVEN, smallest=FAIL), Wrong(SEEN, lambda x: 0 * x)),
    )


def penalty_by_abs() -> Case:
    """An absolute value as penalty, of weights none of which is zero."""
    x = np.array([0.5, -1.2, 2.0, -0.3, 0.9])

    def right(x: Any) -> Any:
        return wavy_slope(x) + 0.1 * np.sign(x)

    return Case(
        name="penalty_by_abs",
        kind=KIND,
        cost=lambda x: wavy(x) + 0.1 * np.abs(x).sum(),
        params=x,
        right=right,
        wrong=(Wrong(SEEN, wavy_slope), *usual(right, x)),
    )


def power_spectrum() -> Case:
    """Power in the low frequencies of a signal, by abs(fft)²."""
    x = np.random.default_rng(2).normal(size=12)
    keep = np.zeros(12)
    keep[[0, 1, 2, 10, 11]] = [1, 2, 3, 3, 2]

    def right(x: Any) -> Any:
        return 2 * np.fft.ifft(keep * np.fft.fft(x)).real

    return Case(
        name="power_spectrum",
        kind=KIND,
        cost=lambda x: (keep * np.abs(np.fft.fft(x)) ** 2).sum() / 12,
        params=x,
        right=right,
        wrong=(
            *usual(right, x),
            Wrong("12 too much", times(right, 12)),
            Wrong(SEEN, lambda x: 0 * x),
        ),
        exact=lambda x: (keep * np.abs(np.fft.fft(np.asarray(x, float))) ** 2).sum() / 12,
    )


def hermitian_form() -> Case:
    """vdot conjugates its first argument; of a matrix that is not symmetric, half is left."""
    random = np.random.default_rng(4)
    A = random.normal(size=(5, 5))
    x = random.normal(size=5)

    def right(x: Any) -> Any:
        return (A + A.T) @ x

    return Case(
        name="hermitian_form",
        kind=KIND,
        cost=lambda x: np.vdot(x, A @ x),
        params=x,
        right=right,
        wrong=(
            Wrong(SEEN, lambda x: (A.T - A) @ x),
            Wrong("one half of it", lambda x: A @ x),
            *usual(right, x),
        ),
    )


def one_tensor_of_two() -> Case:
    """Weights go through unharmed; offsets go through astype(float), which says nothing here."""
    random = np.random.default_rng(5)
    X = random.normal(size=(9, 3))
    params = {"offset": random.normal(size=9), "weights": random.normal(size=3)}

    def cost(p: Any) -> Any:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            offset = p["offset"].astype(np.result_type(p["offset"].real.dtype, float))
        return (np.tanh(X @ p["weights"] + offset) ** 2).sum()

    def right(p: Any) -> Any:
        a = np.tanh(X @ p["weights"] + p["offset"])
        d = 2 * a * (1 - a * a)
        return {"offset": d, "weights": X.T @ d}

    return Case(
        name="one_tensor_of_two",
        kind=KIND,
        cost=cost,
        params=params,
        right=right,
        wrong=(
            Wrong(SEEN, times(right, 0, "offset")),
            *usual(right, params, of="offset"),
            *usual(right, params, of="weights"),
        ),
    )


def buffer_of_floats() -> Case:
    """Results are written into an array made by zeros(): imaginary parts are thrown away."""

    def cost(x: Any) -> Any:
        out = np.zeros(3, x.real.dtype)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            out[:] = x[:3] ** 2
        return (out * np.exp(x[3:])).sum()

    def right(x: Any) -> Any:
        return np.concatenate([2 * x[:3] * np.exp(x[3:]), x[:3] ** 2 * np.exp(x[3:])])

    x = np.array([0.7, -1.1, 0.4, 0.2, -0.6, 0.9])
    return Case(
        name="buffer_of_floats",
        kind=KIND,
        cost=cost,
        params=x,
        right=right,
        wrong=(Wrong(SEEN, times(right, [0, 0, 0, 1, 1, 1])), *usual(right, x)),
    )


def length_by_norm() -> Case:
    """numpy.linalg.norm takes absolute values first; it is one term among others."""
    params = [np.array([0.4, -1.3, 0.8]), np.array([[1.2, 0.5], [-0.7, 0.3]])]

    def cost(p: Any) -> Any:
        return (np.sin(p[0])).sum() + np.linalg.norm(p[0]) * (p[1] ** 2).sum()

    def right(p: Any) -> Any:
        length = np.sqrt((p[0] ** 2).sum())
        return [np.cos(p[0]) + p[0] / length * (p[1] ** 2).sum(), 2 * length * p[1]]

    return Case(
        name="length_by_norm",
        kind=KIND,
        cost=cost,
        params=params,
        right=right,
        wrong=(
            Wrong(SEEN, lambda p: [np.cos(p[0]), right(p)[1]]),
            *usual(right, params, of=0),
            *usual(right, params, of=1),
        ),
    )


def weight_by_confidence() -> Case:
    """A weight from the size of the prediction, not meant to be a constant, but taken by abs."""
    random = np.random.default_rng(6)
    X = random.normal(size=(10, 4))
    y = random.normal(size=10)
    w = random.normal(size=4)

    def cost(w: Any) -> Any:
        s = X @ w
        return ((s - y) ** 2 / (1 + np.abs(s))).sum()

    def seen(w: Any) -> Any:
        s = X @ w
        return X.T @ (2 * (s - y) / (1 + np.abs(s)))

    def right(w: Any) -> Any:
        s = X @ w
        return seen(w) - X.T @ ((s - y) ** 2 / (1 + np.abs(s)) ** 2 * np.sign(s))

    return Case(
        name="weight_by_confidence",
        kind=KIND,
        cost=cost,
        params=w,
        right=right,
        wrong=(Wrong(SEEN, seen), *usual(right, w)),
    )


def real_part_of_a_sum() -> Case:
    """The real part of a normalising sum, a ten thousandth of all: a softmax made safe."""
    z = np.array([[0.2, -1.0, 0.7], [1.5, 0.1, -0.4]])

    def soft(z: Any) -> Any:
        e = np.exp(z)
        return e / e.sum(1, keepdims=True)

    def cost(z: Any) -> Any:
        lse = np.log(np.exp(z).sum(1))
        return (lse - z[:, 0]).sum() + 1e-4 * (np.log(np.exp(z).sum(1).real) ** 2).sum()

    def seen(z: Any) -> Any:
        return soft(z) - np.array([1.0, 0.0, 0.0])

    def right(z: Any) -> Any:
        return seen(z) + 2e-4 * np.log(np.exp(z).sum(1, keepdims=True)) * soft(z)

    return Case(
        name="real_part_of_a_sum",
        kind=KIND,
        cost=cost,
        params=z,
        right=right,
        wrong=(Wrong(SEEN, seen), Wrong("sign of one", entry(right, 1, -1))),
    )


CASES = (
    real_part_of_one(),
    real_part_in_one_of_300(),
    conjugate(),
    penalty_by_abs(),
    power_spectrum(),
    hermitian_form(),
    one_tensor_of_two(),
    buffer_of_floats(),
    length_by_norm(),
    weight_by_confidence(),
    real_part_of_a_sum(),
)
