"""Parameters, data and arithmetic in single precision throughout.

A check promises 1% there. The cost has seven digits, so a difference sees three or four of a slope
at best, and what it cannot see it must not fail.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from tests.checks.cases.shape import NOT_FAIL, Case, Wrong, entry, times

KIND = "float32"
SINGLE = np.float32


def drawn(seed: int, *shape: int, scale: float = 1.0) -> Any:
    """Normal numbers in single precision."""
    return (scale * np.random.default_rng(seed).normal(size=shape)).astype(SINGLE)


def classifier(deviation: float) -> Case:
    """Two layers and softmax; small weights leave slopes of a hundredth beside a cost of one."""
    X = drawn(141, 50, 6)
    Y = np.eye(3, dtype=SINGLE)[np.random.default_rng(142).integers(0, 3, 50)]
    params = {
        "W1": drawn(143, 6, 8, scale=deviation),
        "b1": np.zeros(8, SINGLE),
        "W2": drawn(144, 8, 3, scale=deviation),
        "b2": np.zeros(3, SINGLE),
    }

    def run(p: Any) -> Any:
        a = np.tanh(X @ p["W1"] + p["b1"])
        s = a @ p["W2"] + p["b2"]
        return a, s, np.log(np.exp(s).sum(1, keepdims=True))

    def cost(p: Any) -> Any:
        _, s, total = run(p)
        return -(Y * (s - total)).sum() / 50

    def right(p: Any) -> Any:
        a, s, total = run(p)
        d = (np.exp(s - total) - Y) / SINGLE(50)
        e = d @ p["W2"].T * (1 - a * a)
        return {"W1": X.T @ e, "b1": e.sum(0), "W2": a.T @ d, "b2": d.sum(0)}

    return Case(
        name=f"classifier_of_float32_{deviation:g}",
        kind=KIND,
        cost=cost,
        params=params,
        right=right,
        wrong=(
            Wrong("sign of W2", times(right, SINGLE(-1), "W2")),
            Wrong("W1 twice", times(right, SINGLE(2), "W1")),
            Wrong("b2 zero", times(right, SINGLE(0), "b2")),
        ),
        accuracy=1e-4,
    )


def regression() -> Case:
    """Least squares."""
    X, y = drawn(145, 30, 4), drawn(146, 30)

    def right(w: Any) -> Any:
        return X.T @ (X @ w - y) / SINGLE(15)

    return Case(
        name="regression_of_float32",
        kind=KIND,
        cost=lambda w: ((X @ w - y) ** 2).mean(),
        params=drawn(147, 4),
        right=right,
        wrong=(
            Wrong("sign of one", entry(right, 1, -1)),
            Wrong("a tenth too large", times(right, SINGLE(1.1))),
        ),
        accuracy=1e-4,
    )


def mixed_precisions() -> Case:
    """Weights in single, a bias in double precision."""
    X, y = drawn(148, 20, 3), drawn(149, 20)
    params = {"W": drawn(150, 3), "b": np.array([0.3])}

    def off(p: Any) -> Any:
        return np.tanh(X @ p["W"]) + p["b"] - y

    def right(p: Any) -> Any:
        a = np.tanh(X @ p["W"])
        r = off(p)
        return {"W": (X.T @ (r * (1 - a * a))).astype(SINGLE), "b": np.array([r.sum()])}

    return Case(
        name="mixed_precisions",
        kind=KIND,
        cost=lambda p: (off(p) ** 2).sum() / 2,
        params=params,
        right=right,
        wrong=(
            Wrong("sign of W", times(right, SINGLE(-1), "W")),
            Wrong("mean for the bias", times(right, 1 / 20, "b")),
        ),
        accuracy=1e-4,
    )


def signal_filter() -> Case:
    """A filter over a signal in an array of three axes, activations by a sigmoid."""
    x = drawn(151, 16)
    T = drawn(152, 2, 2, 14)
    windows = np.lib.stride_tricks.sliding_window_view(x, 3)

    def out(K: Any) -> Any:
        return 1 / (1 + np.exp(-(K @ windows.T)))

    def right(K: Any) -> Any:
        a = out(K)
        return ((a - T) * a * (1 - a)) @ windows

    return Case(
        name="signal_filter_of_float32",
        kind=KIND,
        cost=lambda K: ((out(K) - T) ** 2).sum() / 2,
        params=drawn(153, 2, 2, 3),
        right=right,
        wrong=(
            Wrong("backwards", lambda K: right(K)[..., ::-1]),
            Wrong("sigmoid's slope forgotten", lambda K: (out(K) - T) @ windows),
        ),
        accuracy=1e-4,
    )


def large_offset() -> Case:
    """A loss of a thousand in single precision: only slopes above a tenth can be told at all."""
    x = np.array([0.4, -1.2, 2.0], SINGLE)

    def right(x: Any) -> Any:
        return 4 * x

    return Case(
        name="large_offset_of_float32",
        kind=KIND,
        cost=lambda x: (SINGLE(2) * x**2).sum() + SINGLE(1000),
        params=x,
        right=right,
        wrong=(
            Wrong("sign of one", entry(right, 2, -1)),
            Wrong("twice", times(right, SINGLE(2))),
        ),
        expect=NOT_FAIL,
        accuracy=1e-4,
    )


def poisson() -> Case:
    """Counts with rates from 0.1 to 100, so that slopes spread, too."""
    X = np.column_stack([np.ones(12), np.linspace(-2, 4, 12)]).astype(SINGLE)
    k = np.array([0, 1, 0, 1, 2, 3, 8, 9, 20, 33, 60, 90], SINGLE)

    def right(w: Any) -> Any:
        return X.T @ (np.exp(X @ w) - k) / SINGLE(12)

    return Case(
        name="poisson_of_float32",
        kind=KIND,
        cost=lambda w: (np.exp(X @ w) - k * (X @ w)).mean(),
        params=np.array([0.7, 0.8], SINGLE),
        right=right,
        wrong=(
            Wrong("sign of the slope", entry(right, 1, -1)),
            Wrong("a tenth too large", times(right, SINGLE(1.1))),
        ),
        accuracy=1e-4,
    )


CASES = (
    classifier(0.01),
    classifier(0.7),
    regression(),
    mixed_precisions(),
    signal_filter(),
    large_offset(),
    poisson(),
)
