"""Small slopes in one array with large ones, or in tensors of their own.

What is small is not below notice: where the complex step, or a difference in this coordinate alone,
can tell two values apart, it decides. A floor taken from the largest slope would hide them.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from tests.checks.cases.shape import FAIL, Case, Wrong, both, entry, floats, times, usual

KIND = "small beside large"


def tail() -> Case:
    """A sum of bells, one of them seen from six widths away."""
    x = np.array([6.0, 1.0, 1.2, 0.8, 0.5])

    def right(x: Any) -> Any:
        return -2 * x * np.exp(-(x**2))

    wrong = (
        Wrong("sign of the tail", entry(right, 0, -1)),
        Wrong("tail zero", entry(right, 0, 0)),
        Wrong("tail twice", entry(right, 0, 2)),
    )
    return Case(
        name="tail",
        kind=KIND,
        cost=lambda x: np.exp(-(x**2)).sum(),
        params=x,
        right=right,
        wrong=wrong,
    )


def light_terms() -> Case:
    """Two terms that weigh a billionth of the others."""
    weights = np.array([1.0, 1.0, 1.0, 1e-9, 1e-9])

    def right(x: Any) -> Any:
        return weights * np.cos(x)

    return Case(
        name="light_terms",
        kind=KIND,
        cost=lambda x: (weights * np.sin(x)).sum(),
        params=np.array([0.3, 0.7, 1.0, 1.3, 1.2]),
        right=right,
        wrong=(
            Wrong("light ones 1% off", times(right, [1, 1, 1, 1.01, 1.01])),
            Wrong("light ones 1e-5 off", times(right, [1, 1, 1, 1.00001, 1.00001])),
        ),
    )


def quartic() -> Case:
    """(x - 1)⁴ at one, beside it, and away from it."""

    def right(x: Any) -> Any:
        return 4 * (x - 1) ** 3

    return Case(
        name="quartic",
        kind=KIND,
        cost=floats(lambda x: ((x - 1) ** 4).sum()),
        params=np.array([1.0, 1.01, 2.0]),
        right=right,
        wrong=(
            Wrong("sign beside one", entry(right, 1, -1)),
            Wrong("thousand times too large beside one", entry(right, 1, 1000)),
        ),
    )


def rare_word() -> tuple[Case, ...]:
    """Cross-entropy over words, one of which has a probability of 1e-9."""
    z = np.array([0.4, -19.0, 1.7, 0.2, -0.6])

    def right(z: Any) -> Any:
        p = np.exp(z) / np.exp(z).sum()
        p[2] -= 1
        return p

    wrong = (
        Wrong("sign of the rare word", entry(right, 1, -1)),
        Wrong("rare word twice", entry(right, 1, 2)),
        *usual(right, z),
    )
    return both(
        Case(
            name="rare_word",
            kind=KIND,
            cost=lambda z: np.log(np.exp(z).sum()) - z[2],
            params=z,
            right=right,
            wrong=wrong,
        )
    )


def deep_chain() -> tuple[Case, ...]:
    """Eight sigmoids one after the other: slopes fall by ten with each layer towards the input."""
    random = np.random.default_rng(31)
    params = [0.4 * random.normal(size=(3, 3)) for _ in range(8)]
    x, y = random.normal(size=(4, 3)), random.random((4, 3))

    def layers(p: Any) -> Any:
        a = [x]
        for W in p:
            a.append(1 / (1 + np.exp(-(a[-1] @ W))))
        return a

    def right(p: Any) -> Any:
        a = layers(p)
        d = a[-1] - y
        grads = []
        for l in range(7, -1, -1):
            d = d * a[l + 1] * (1 - a[l + 1])
            grads.append(a[l].T @ d)
            d = d @ p[l].T
        return grads[::-1]

    wrong = (
        Wrong("first layer zero", times(right, 0, 0)),
        Wrong("sign of the first layer", times(right, -1, 0)),
        Wrong("second layer 1% off", times(right, 1.01, 1)),
        Wrong("one entry of the first layer zero", entry(right, 4, 0, 0)),
    )
    return both(
        Case(
            name="deep_chain",
            kind=KIND,
            cost=lambda p: ((layers(p)[-1] - y) ** 2).sum() / 2,
            params=params,
            right=right,
            wrong=wrong,
        )
    )


def energy_levels() -> tuple[Case, ...]:
    """Free energy of levels: the slope in each is its occupation, down to 1e-9."""
    E = np.array([0.0, 1.5, 4.0, 9.0, 20.0])

    def right(E: Any) -> Any:
        return np.exp(-E) / np.exp(-E).sum()

    wrong = (
        Wrong("highest level empty", entry(right, 4, 0)),
        Wrong("highest level twice", entry(right, 4, 2)),
        Wrong("sign of the second highest", entry(right, 3, -1)),
    )
    return both(
        Case(
            name="energy_levels",
            kind=KIND,
            cost=lambda E: -np.log(np.exp(-E).sum()),
            params=E,
            right=right,
            wrong=wrong,
        )
    )


def powers_of_ten() -> tuple[Case, ...]:
    """A polynomial in x up to ten: the slope in the constant is a millionth of the largest."""
    x = np.linspace(1, 10, 8)
    X = x[:, None] ** np.arange(7)
    y = np.sin(x)
    c = np.array([0.4, -0.3, 0.2, -0.05, 0.01, -1e-3, 1e-4])

    def right(c: Any) -> Any:
        return X.T @ (X @ c - y)

    return both(
        Case(
            name="powers_of_ten",
            kind=KIND,
            cost=lambda c: ((X @ c - y) ** 2).sum() / 2,
            params=c,
            right=right,
            wrong=(*usual(right, c, smallest=FAIL), Wrong("constant zero", entry(right, 0, 0))),
        )
    )


def unequal_weights() -> tuple[Case, ...]:
    """Weighted residuals, weights from 1e-5 to 1e5, each of a parameter of its own."""
    weights = np.array([[1e5, 1.0, 1e-5], [1e3, 1e-2, 1e-4]])
    target = np.array([[0.2, 0.5, -1.0], [1.0, -0.3, 0.8]])
    x = np.array([[0.3, 0.1, 0.7], [1.2, 0.4, -0.2]])

    def right(x: Any) -> Any:
        return 2 * weights * (x - target)

    return both(
        Case(
            name="unequal_weights",
            kind=KIND,
            cost=lambda x: (weights * (x - target) ** 2).sum(),
            params=x,
            right=right,
            wrong=(
                Wrong("sign at 1e-2", entry(right, 4, -1)),
                Wrong("1% at one", entry(right, 1, 1.01)),
                *usual(right, x),
            ),
        ),
    )


def frequent_and_rare() -> tuple[Case, ...]:
    """Counts of words: an embedding used a million times beside one used once."""
    counts = np.array([1e6, 2e4, 300.0, 1.0])
    table = np.array([[0.2, -0.1], [0.5, 0.3], [-0.4, 0.8], [1.1, -0.6]])
    v = np.array([0.7, -1.2])

    def cost(p: Any) -> Any:
        s = p["table"] @ p["v"]
        return (counts * np.log(1 + np.exp(-s))).sum() / counts.sum()

    def right(p: Any) -> Any:
        d = -counts / counts.sum() / (1 + np.exp(p["table"] @ p["v"]))
        return {"table": d[:, None] * p["v"], "v": p["table"].T @ d}

    return both(
        Case(
            name="frequent_and_rare",
            kind=KIND,
            cost=cost,
            params={"table": table, "v": v},
            right=right,
            wrong=(
                Wrong("sign of the rare word", entry(right, 6, -1, "table")),
                Wrong("rare word zero", times(right, [1, 1, 1, 1, 1, 1, 0, 0], "table")),
                Wrong("rare word twice", times(right, [1, 1, 1, 1, 1, 1, 2, 2], "table")),
                *usual(right, {"table": table, "v": v}, of="v"),
            ),
        )
    )


CASES = (
    tail(),
    light_terms(),
    quartic(),
    *rare_word(),
    *deep_chain(),
    *energy_levels(),
    *powers_of_ten(),
    *unequal_weights(),
    *frequent_and_rare(),
)
