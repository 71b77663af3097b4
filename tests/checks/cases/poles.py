"""Costs with a pole, or the end of their domain, near the point.

There is no jump and nothing is hidden: the cost bends on the scale of the distance to the pole, and
within it differences are as accurate as anywhere. Beyond the end of the domain it is NaN or
infinite, which says that a difference was too wide, not that the gradient is wrong.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from tests.checks.cases.shape import FAIL, Case, Wrong, both, entry, times, usual

KIND = "near a pole"


def reciprocal(x: float) -> tuple[Case, ...]:
    """1 / x."""
    p = np.array([1.0, x])

    def right(p: Any) -> Any:
        return -1 / p**2

    return both(
        Case(
            name=f"reciprocal_{x:g}",
            kind=KIND,
            cost=lambda p: (1 / p).sum(),
            params=p,
            right=right,
            wrong=(
                Wrong("sign", times(right, -1), FAIL, "sign-flipped"),
                Wrong("twice", times(right, 2), FAIL, "constant-factor"),
                Wrong("one percent at one", entry(right, 0, 1.01)),
            ),
        )
    )


def likelihood_of_a_normal() -> tuple[Case, ...]:
    """Mean and deviation of data that lie close together."""
    y = 2 + 0.1 * np.random.default_rng(0).normal(size=50)

    def gradient(power: int) -> Any:
        return lambda t: np.array(
            [-((y - t[0]) / t[1] ** 2).sum(), (1 / t[1] - (y - t[0]) ** 2 / t[1] ** power).sum()]
        )

    return both(
        Case(
            name="likelihood_of_a_normal",
            kind=KIND,
            cost=lambda t: (np.log(t[1]) + ((y - t[0]) / t[1]) ** 2 / 2).sum(),
            params=np.array([2.05, 0.12]),
            right=gradient(3),
            wrong=(Wrong("power of sigma", gradient(2), FAIL, None, ("cost-low-precision",)),),
        )
    )


def lennard_jones() -> tuple[Case, ...]:
    """Four atoms close to each other."""
    x = np.array([[0.0, 0.0, 0.0], [1.05, 0.0, 0.0], [0.5, 0.9, 0.0], [0.5, 0.3, 0.85]])
    i, j = np.triu_indices(4, 1)

    def cost(x: Any) -> Any:
        r2 = ((x[i] - x[j]) ** 2).sum(1)
        return (r2**-6 - 2 * r2**-3).sum()

    def right(x: Any) -> Any:
        d = x[i] - x[j]
        r2 = (d**2).sum(1)
        f = 12 * (r2**-4 - r2**-7)[:, None] * d
        g = np.zeros_like(x)
        np.add.at(g, i, f)
        np.add.at(g, j, -f)
        return g

    return both(
        Case(
            name="lennard_jones",
            kind=KIND,
            cost=cost,
            params=x,
            right=right,
            wrong=(
                Wrong("sign", times(right, -1), FAIL, "sign-flipped"),
                Wrong("twice", times(right, 2), FAIL, "constant-factor"),
                *usual(right, x),
            ),
        )
    )


def barrier() -> tuple[Case, ...]:
    """A logarithmic barrier, and one constraint that is a thousandth from being broken."""
    A = np.array([[1.0, 2.0], [-1.0, 1.0], [3.0, -1.0]])
    b = np.array([3.0, 0.401, 2.0])
    x = np.array([0.6, 1.0])
    c = np.array([1.0, -0.5])

    def right(x: Any) -> Any:
        return c + A.T @ (1 / (b - A @ x))

    return both(
        Case(
            name="barrier",
            kind=KIND,
            cost=lambda x: c @ x - np.log(b - A @ x).sum(),
            params=x,
            right=right,
            wrong=(*usual(right, x, smallest=FAIL), Wrong("barrier forgotten", lambda x: c)),
        )
    )


def roots_of_small_numbers() -> tuple[Case, ...]:
    """Square roots of numbers close to zero."""
    x = np.array([1.0, 1e-4, 1e-8])

    def right(x: Any) -> Any:
        return 0.5 / np.sqrt(x)

    return both(
        Case(
            name="roots_of_small_numbers",
            kind=KIND,
            cost=lambda x: np.sqrt(x).sum(),
            params=x,
            right=right,
            wrong=(*usual(right, x, smallest=FAIL), Wrong("sign of one", entry(right, 1, -1))),
        )
    )


def entropy() -> tuple[Case, ...]:
    """p log p of probabilities, one of them next to zero."""
    p = np.array([0.6, 0.3, 0.1 - 1e-7, 1e-7])

    def right(p: Any) -> Any:
        return np.log(p) + 1

    return both(
        Case(
            name="entropy",
            kind=KIND,
            cost=lambda p: (p * np.log(p)).sum(),
            params=p,
            right=right,
            wrong=(*usual(right, p, smallest=FAIL), Wrong("one forgotten", np.log)),
        )
    )


def tangent() -> tuple[Case, ...]:
    """tan just before a quarter turn: a slope of 10 000."""
    x = np.array([np.pi / 2 - 0.01, 0.4, -1.2])

    def right(x: Any) -> Any:
        return 1 / np.cos(x) ** 2

    return both(
        Case(
            name="tangent",
            kind=KIND,
            cost=lambda x: np.tan(x).sum(),
            params=x,
            right=right,
            wrong=usual(right, x, smallest=FAIL),
        )
    )


def end_of_the_arc_sine() -> tuple[Case, ...]:
    """arcsin next to one; beyond it is NaN in floats."""
    x = np.array([0.9999, -0.5, 0.2])

    def right(x: Any) -> Any:
        return 1 / np.sqrt(1 - x * x)

    return both(
        Case(
            name="end_of_the_arc_sine",
            kind=KIND,
            cost=lambda x: np.arcsin(x).sum(),
            params=x,
            right=right,
            wrong=usual(right, x, smallest=FAIL),
        )
    )


def nearly_constant_column() -> tuple[Case, ...]:
    """Columns divided by their deviations with no epsilon; one hardly varies."""
    random = np.random.default_rng(41)
    x = np.column_stack([random.normal(size=6), 3 + 1e-3 * random.normal(size=6)])
    weights = random.normal(size=(6, 2))

    def parts(x: Any) -> Any:
        m = x - x.mean(0)
        s = np.sqrt((m**2).mean(0))
        return m / s, s

    def right(x: Any) -> Any:
        n, s = parts(x)
        return (weights - weights.mean(0) - n * (weights * n).mean(0)) / s

    return both(
        Case(
            name="nearly_constant_column",
            kind=KIND,
            cost=lambda x: (weights * parts(x)[0]).sum(),
            params=x,
            right=right,
            wrong=(
                *usual(right, x),
                Wrong("mean not differentiated", lambda x: weights / parts(x)[1]),
            ),
        )
    )


def kernel_almost_singular() -> tuple[Case, ...]:
    """log det of a Gaussian process's 2 × 2 kernel at two inputs that nearly coincide."""
    params = {"length": np.array(1.1), "noise": np.array(1e-5), "inputs": np.array([0.50, 0.51])}

    def parts(p: Any) -> Any:
        d = p["inputs"][0] - p["inputs"][1]
        k = np.exp(-(d**2) / (2 * p["length"] ** 2))
        return d, k, (1 + p["noise"] - k) * (1 + p["noise"] + k)

    def right(p: Any) -> Any:
        d, k, det = parts(p)
        by_k = -2 * k / det
        by_d = by_k * k * -d / p["length"] ** 2
        return {
            "length": np.array(by_k * k * d**2 / p["length"] ** 3),
            "noise": np.array(2 * (1 + p["noise"]) / det),
            "inputs": np.array([by_d, -by_d]),
        }

    return both(
        Case(
            name="kernel_almost_singular",
            kind=KIND,
            cost=lambda p: np.log(parts(p)[2]),
            params=params,
            right=right,
            wrong=(
                Wrong("sign of the length", times(right, -1, "length")),
                Wrong("noise one percent too large", times(right, 1.01, "noise")),
                Wrong("sign of one input", entry(right, 1, -1, "inputs")),
            ),
        )
    )


CASES = (
    *reciprocal(0.1),
    *reciprocal(0.003),
    *likelihood_of_a_normal(),
    *lennard_jones(),
    *barrier(),
    *roots_of_small_numbers(),
    *entropy(),
    *tangent(),
    *end_of_the_arc_sine(),
    *nearly_constant_column(),
    *kernel_almost_singular(),
)
