"""Slopes that are zero, and that both sides know to rounding only.

By a symmetry, a normalisation, or because the point is a minimum. Rounding is compared with
rounding there, which is neither a match nor an error. Where all of a gradient is so, a pass would
say that something was checked: nothing was.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from tests.checks.cases.shape import NOT_FAIL, PASS, Case, Wrong, both, entry, times

KIND = "zero to rounding"


def sum_of_a_layer_norm() -> tuple[Case, ...]:
    """Normalised rows sum to zero, so their sum has no slope at all."""
    x = np.random.default_rng(131).normal(size=(3, 6))

    def parts(x: Any) -> Any:
        m = x - x.mean(1, keepdims=True)
        return m, 1 / np.sqrt((m**2).mean(1, keepdims=True) + 1e-5)

    def right(x: Any) -> Any:
        m, i = parts(x)
        ones = np.ones_like(x)
        q = ones - ones.mean(1, keepdims=True)
        return i * (q - m * i * (ones * m * i).mean(1, keepdims=True))

    def cost(x: Any) -> Any:
        m, i = parts(x)
        return (m * i).sum()

    return both(
        Case(
            name="sum_of_a_layer_norm",
            kind=KIND,
            cost=cost,
            params=x,
            right=right,
            wrong=(Wrong("mean not differentiated", lambda x: parts(x)[1] + 0 * x),),
            expect=NOT_FAIL,
            accuracy=None,
        )
    )


def bias_before_batch_norm() -> tuple[Case, ...]:
    """What a bias adds, the normalisation takes away; the other parameters have slopes."""
    random = np.random.default_rng(132)
    X, T = random.normal(size=(10, 6)), random.normal(size=(10, 4))
    params = {"W": random.normal(size=(6, 4)), "b": np.zeros(4), "gamma": np.ones(4)}

    def parts(p: Any) -> Any:
        h = X @ p["W"] + p["b"]
        m = h - h.mean(0)
        s = np.sqrt((m**2).mean(0) + 1e-5)
        return m / s, s

    def right(p: Any) -> Any:
        n, s = parts(p)
        r = p["gamma"] * n - T
        d = p["gamma"] * r
        e = (d - d.mean(0) - n * (d * n).mean(0)) / s
        return {"W": X.T @ e, "b": e.sum(0), "gamma": (r * n).sum(0)}

    return both(
        Case(
            name="bias_before_batch_norm",
            kind=KIND,
            cost=lambda p: ((p["gamma"] * parts(p)[0] - T) ** 2).sum() / 2,
            params=params,
            right=right,
            wrong=(
                Wrong("bias has one all the same", lambda p: {**right(p), "b": np.ones(4)}),
                Wrong("sign of gamma", times(right, -1, "gamma")),
                Wrong("W one percent too large", times(right, 1.01, "W")),
            ),
            accuracy=None,
        )
    )


def level_of_the_logits() -> tuple[Case, ...]:
    """A number added to all logits of a softmax."""
    z = np.array([0.4, -1.3, 0.9, 0.2])
    params = {"logits": z, "level": np.array(0.6)}

    def cost(p: Any) -> Any:
        s = p["logits"] + p["level"]
        return np.log(np.exp(s).sum()) - s[2]

    def right(p: Any) -> Any:
        q = np.exp(p["logits"] + p["level"])
        d = q / q.sum() - np.array([0.0, 0.0, 1.0, 0.0])
        return {"logits": d, "level": np.asarray(d.sum())}

    return both(
        Case(
            name="level_of_the_logits",
            kind=KIND,
            cost=cost,
            params=params,
            right=right,
            wrong=(
                Wrong("level counts", lambda p: {**right(p), "level": np.array(0.25)}),
                Wrong("sign of the logits", times(right, -1, "logits")),
            ),
            accuracy=None,
        )
    )


def bias_of_the_keys() -> tuple[Case, ...]:
    """A bias of the keys shifts each row of scores by one number, which softmax ignores."""
    random = np.random.default_rng(133)
    X, T = random.normal(size=(4, 3)), random.normal(size=(4, 3))
    Q = X @ random.normal(size=(3, 3))
    params = {"W": random.normal(size=(3, 3)), "b": random.normal(size=3)}

    def weights(p: Any) -> Any:
        e = np.exp(Q @ (X @ p["W"] + p["b"]).T / 3)
        return e / e.sum(1, keepdims=True)

    def right(p: Any) -> Any:
        w = weights(p)
        dw = (w @ X - T) @ X.T
        ds = w * (dw - (w * dw).sum(1, keepdims=True)) / 3
        dk = ds.T @ Q
        return {"W": X.T @ dk, "b": dk.sum(0)}

    return both(
        Case(
            name="bias_of_the_keys",
            kind=KIND,
            cost=lambda p: ((weights(p) @ X - T) ** 2).sum() / 2,
            params=params,
            right=right,
            wrong=(
                Wrong("bias by absolute value", lambda p: {**right(p), "b": np.full(3, 0.1)}),
                Wrong("one entry of W zero", entry(right, 4, 0, "W")),
            ),
            accuracy=None,
        )
    )


def at_the_minimum() -> tuple[Case, ...]:
    """Least squares at its own solution: all slopes are rounding."""
    random = np.random.default_rng(134)
    A, b = random.normal(size=(12, 3)), random.normal(size=12)
    x = np.linalg.lstsq(A, b, rcond=None)[0]

    def right(x: Any) -> Any:
        return A.T @ (A @ x - b)

    return both(
        Case(
            name="at_the_minimum",
            kind=KIND,
            cost=lambda x: ((A @ x - b) ** 2).sum() / 2,
            params=x,
            right=right,
            wrong=(Wrong("a hundredth in all", lambda x: right(x) + 0.01),),
            expect=NOT_FAIL,
            accuracy=None,
        )
    )


def centre_of_mass() -> tuple[Case, ...]:
    """Forces between particles do not push their centre, a parameter of its own."""
    place = np.array([[0.0, 0.0], [1.1, 0.2], [0.3, 1.2]])
    params = {"centre": np.array([3.0, -2.0]), "places": place}
    i, j = np.triu_indices(3, 1)

    def cost(p: Any) -> Any:
        x = p["places"] + p["centre"]
        r2 = ((x[i] - x[j]) ** 2).sum(1)
        return (r2**-6 - 2 * r2**-3).sum()

    def right(p: Any) -> Any:
        x = p["places"] + p["centre"]
        d = x[i] - x[j]
        r2 = (d**2).sum(1)
        f = 12 * (r2**-4 - r2**-7)[:, None] * d
        g = np.zeros_like(x)
        np.add.at(g, i, f)
        np.add.at(g, j, -f)
        return {"centre": g.sum(0), "places": g}

    return both(
        Case(
            name="centre_of_mass",
            kind=KIND,
            cost=cost,
            params=params,
            right=right,
            wrong=(
                Wrong("centre of one", lambda p: {**right(p), "centre": right(p)["places"][0]}),
                Wrong("sign of the places", times(right, -1, "places")),
            ),
            accuracy=None,
        )
    )


def dead_features() -> tuple[Case, ...]:
    """Columns of zeros, whose weights have a slope of exactly zero, among others."""
    random = np.random.default_rng(135)
    X = random.normal(size=(9, 5)) * np.array([1, 0, 1, 0, 1])
    y = random.normal(size=9)
    w = random.normal(size=5)

    def right(w: Any) -> Any:
        return X.T @ (X @ w - y)

    return both(
        Case(
            name="dead_features",
            kind=KIND,
            cost=lambda w: ((X @ w - y) ** 2).sum() / 2,
            params=w,
            right=right,
            wrong=(
                Wrong("penalty in all", lambda w: right(w) + 0.1 * w),
                Wrong("dead one has a slope", lambda w: right(w) + 0.5 * np.eye(5)[1]),
            ),
            expect=PASS,
        )
    )


CASES = (
    *sum_of_a_layer_norm(),
    *bias_before_batch_norm(),
    *level_of_the_logits(),
    *bias_of_the_keys(),
    *at_the_minimum(),
    *centre_of_mass(),
    *dead_features(),
)
