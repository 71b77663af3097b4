"""Gradients that are wrong at the very point, and right all around it.

Zeros, ones and equal numbers are where programs start, and where they have special cases. A check
that moves the point a little before it looks at the gradient sees nothing of them.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from tests.checks.cases.shape import NOT_PASS, Case, Wrong, both

KIND = "wrong at the point only"


def instead(right: Any, value: Any, at: float = 0.0) -> Any:
    """The right gradient, but for another value where a parameter has that one."""
    return lambda x: np.where(x == at, value, right(x))


def cubes() -> tuple[Case, ...]:
    """A special case of one, of nothing that is special at one."""

    def right(x: Any) -> Any:
        return 3 * x**2

    return both(
        Case(
            name="cubes",
            kind=KIND,
            cost=lambda x: (x**3).sum(),
            params=np.array([1.0, 2.0, 0.5]),
            right=right,
            wrong=(
                Wrong("0 at 1", instead(right, 0.0, 1.0)),
                Wrong("300 at 1", instead(right, 300.0, 1.0)),
            ),
        )
    )


def softplus() -> Case:
    """Taken for a ReLU at zero."""

    def right(x: Any) -> Any:
        return 1 / (1 + np.exp(-x))

    return Case(
        name="softplus",
        kind=KIND,
        cost=lambda x: np.logaddexp(0, x).sum(),
        params=np.array([0.0, 1.0, -2.0]),
        right=right,
        wrong=(Wrong("0 at 0", instead(right, 0.0)), Wrong("1 at 0", instead(right, 1.0))),
    )


def growth_factor() -> tuple[Case, ...]:
    """(exp(x) - 1) / x, whose value at zero is put in by hand; its slope there is one half."""
    x = np.array([0.0, 0.7, -1.3])

    def cost(x: Any) -> Any:
        safe = np.where(x == 0, 1, x)
        series = 1 + x / 2 + x**2 / 6
        return np.where(np.abs(x) < 1e-5, series, np.expm1(safe) / safe).sum()

    def right(x: Any) -> Any:
        safe = np.where(x == 0, 1, x)
        return np.where(np.abs(x) < 1e-5, 0.5 + x / 3, (np.exp(safe) * (safe - 1) + 1) / safe**2)

    return both(
        Case(
            name="growth_factor",
            kind=KIND,
            cost=cost,
            params=x,
            right=right,
            wrong=(
                Wrong("0 at 0", instead(right, 0.0)),
                Wrong("NaN at 0", instead(right, np.nan), NOT_PASS),
            ),
        )
    )


def swish() -> tuple[Case, ...]:
    """x σ(x) in a layer whose biases start at zero and whose inputs are partly zero."""
    X = np.array([[0.0, 0.0], [1.0, -0.5], [0.3, 0.8]])
    params = {"W": np.array([[0.4, -0.7], [0.9, 0.2]]), "b": np.zeros(2)}

    def cost(p: Any) -> Any:
        h = X @ p["W"] + p["b"]
        return (h / (1 + np.exp(-h))).sum()

    def gradient(at_zero: float) -> Any:
        def g(p: Any) -> Any:
            h = X @ p["W"] + p["b"]
            s = 1 / (1 + np.exp(-h))
            d = np.where(h == 0, at_zero, s + h * s * (1 - s))
            return {"W": X.T @ d, "b": d.sum(0)}

        return g

    return both(
        Case(
            name="swish",
            kind=KIND,
            cost=cost,
            params=params,
            right=gradient(0.5),
            wrong=(Wrong("0 at 0", gradient(0.0)), Wrong("1 at 0", gradient(1.0))),
        )
    )


def elu() -> Case:
    """exp(x) - 1 below zero, x above: its slope is one on both sides."""

    def right(x: Any) -> Any:
        return np.where(x > 0, 1.0, np.exp(np.minimum(x, 0)))

    return Case(
        name="elu",
        kind=KIND,
        cost=lambda x: np.where(x.real > 0, x, np.exp(np.where(x.real > 0, 0, x)) - 1).sum(),
        params=np.array([[0.0, 1.2], [-0.7, 0.0]]),
        right=right,
        wrong=(Wrong("0 at 0", instead(right, 0.0)), Wrong("0.9 at 0", instead(right, 0.9))),
    )


def fresh_batch_norm() -> tuple[Case, ...]:
    """Scales of one and shifts of zero, as they are before the first step."""
    random = np.random.default_rng(51)
    n = random.normal(size=(7, 3))
    y = random.normal(size=(7, 3))
    params = {"gamma": np.ones(3), "beta": np.zeros(3), "mix": random.normal(size=3)}

    def error(p: Any) -> Any:
        return p["mix"] * (p["gamma"] * n + p["beta"]) - y

    def right(p: Any) -> Any:
        r = error(p)
        d = r * p["mix"]
        out = p["gamma"] * n + p["beta"]
        return {"gamma": (d * n).sum(0), "beta": d.sum(0), "mix": (r * out).sum(0)}

    def skip(key: str, value: float) -> Any:
        return lambda p: {**right(p), key: np.where(p[key] == value, 0, right(p)[key])}

    return both(
        Case(
            name="fresh_batch_norm",
            kind=KIND,
            cost=lambda p: (error(p) ** 2).sum() / 2,
            params=params,
            right=right,
            wrong=(
                Wrong("scales of one skipped", skip("gamma", 1.0)),
                Wrong("shifts of zero skipped", skip("beta", 0.0)),
            ),
        )
    )


def padded_input() -> tuple[Case, ...]:
    """A gradient in the inputs that takes zeros for padding; one of them is a number."""
    W = np.random.default_rng(52).normal(size=(4, 3))
    x = np.array([[0.4, 0.0, -1.2, 0.7], [0.0, 1.5, 0.3, -0.8]])

    def right(x: Any) -> Any:
        return (1 - np.tanh(x @ W) ** 2) @ W.T

    return both(
        Case(
            name="padded_input",
            kind=KIND,
            cost=lambda x: np.tanh(x @ W).sum(),
            params=x,
            right=right,
            wrong=(Wrong("zeros masked", lambda x: right(x) * (x != 0)),),
        )
    )


def power_by_logarithm() -> tuple[Case, ...]:
    """A power's slope by exp((n - 1) log x), for which zero has to be caught by hand."""
    n = np.array([1.0, 2.0, 3.0, 1.0])
    weights = np.array([0.7, 1.1, -0.4, 2.0])

    def right(x: Any) -> Any:
        return weights * n * np.where(n == 1, 1.0, x ** (n - 1))

    return both(
        Case(
            name="power_by_logarithm",
            kind=KIND,
            cost=lambda x: (weights * x ** n.astype(int)).sum(),
            params=np.array([0.0, 0.8, 1.3, 0.5]),
            right=right,
            wrong=(
                Wrong("0 at 0", instead(right, 0.0)),
                Wrong("NaN at 0", instead(right, np.nan), NOT_PASS),
            ),
        )
    )


def clipped_logits() -> tuple[Case, ...]:
    """Probabilities of exactly one half are left out, as undecided ones may be."""
    y = np.array([1.0, 0.0, 1.0, 0.0])
    z = np.array([0.0, 0.4, -1.1, 2.0])

    def right(z: Any) -> Any:
        return 1 / (1 + np.exp(-z)) - y

    return both(
        Case(
            name="clipped_logits",
            kind=KIND,
            cost=lambda z: (np.log(1 + np.exp(z)) - y * z).sum(),
            params=z,
            right=right,
            wrong=(
                Wrong("0 at one half", instead(right, 0.0)),
                Wrong("sign at one half", instead(right, 0.5)),
                Wrong("one percent at one half", instead(right, -0.505)),
            ),
        )
    )


CASES = (
    *cubes(),
    softplus(),
    *growth_factor(),
    *swish(),
    elu(),
    *fresh_batch_norm(),
    *padded_input(),
    *power_by_logarithm(),
    *clipped_logits(),
)
