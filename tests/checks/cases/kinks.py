"""Costs with a kink at the point, or close to it.

At a kink, any value between the two one-sided slopes is a convention and right; beyond them it is
wrong, by little or by much. Close to one, the cost is smooth within the distance.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from tests.checks.cases.shape import (
    FAIL,
    NOT_PASS,
    PASS,
    Case,
    Wrong,
    both,
    entry,
    floats,
    times,
    usual,
)

AT, NEAR = "kink at the point", "kinks near"


def relu_with(slope: float) -> Case:
    """max(x, 0) at zero, and the slope that someone gives it there."""

    def gradient(x: Any) -> Any:
        return np.where(x == 0, slope, (x > 0) * 1.0)

    within = 0 <= slope <= 1
    return Case(
        name=f"relu_with_{slope:g}_at_zero",
        kind=AT,
        cost=lambda x: np.maximum(x, 0).sum(),
        params=np.array([0.0, 1.0, -2.0, 0.5, 0.7]),
        right=gradient,
        expect=PASS if within else FAIL,
        accuracy=None,
    )


def lasso() -> tuple[Case, ...]:
    """A penalty λ|w| at weights of zero: between -λ and λ around the slope of the rest."""
    A = np.array([[2.0, 0.3, -0.4], [0.1, 1.5, 0.2], [0.6, -0.7, 1.1]])
    b = np.array([0.4, -0.9, 0.3])
    w = np.array([0.0, 0.8, 0.0])

    def smooth(w: Any) -> Any:
        return A.T @ (A @ w - b)

    def with_sign(at_zero: float) -> Any:
        return lambda w: smooth(w) + 0.5 * np.where(w == 0, at_zero, np.sign(w))

    def cost(w: Any) -> Any:
        return ((A @ w - b) ** 2).sum() / 2 + 0.5 * (w * np.sign(w.real)).sum()

    wrong = (
        Wrong("twice λ at zero", with_sign(2)),
        Wrong("a tenth beyond -λ at zero", with_sign(-1.1)),
        Wrong("penalty forgotten", smooth),
    )
    right = Case(
        name="lasso",
        kind=AT,
        cost=floats(cost),
        params=w,
        right=with_sign(0),
        wrong=wrong,
        accuracy=None,
    )
    other = Case(
        name="lasso_from_the_right",
        kind=AT,
        cost=floats(cost),
        params=w,
        right=with_sign(1),
        accuracy=None,
    )
    return right, other


def tied_maximum() -> Case:
    """The largest of each row, two of them equal: the slope may go to either, or half to each."""
    x = np.array([[1.0, 2.0, 2.0], [0.5, -1.0, 0.2]])

    def gradient(first: float, second: float) -> Any:
        return lambda x: np.array([[0.0, first, second], [1.0, 0.0, 0.0]])

    return Case(
        name="tied_maximum",
        kind=AT,
        cost=floats(lambda x: x.max(axis=1).sum()),
        params=x,
        right=gradient(0.5, 0.5),
        wrong=(
            Wrong("more than all", gradient(1.2, -0.2)),
            Wrong("loser gets it", lambda x: np.array([[0.0, 1.0, 0.0], [0.0, 0.0, 1.0]])),
        ),
        accuracy=None,
    )


def leaky_and_clipped() -> Case:
    """A leaky unit at zero and one clipped at six, both exactly at their corners; nested."""
    params = {"leaky": np.array([0.0, 1.5, -0.5]), "clipped": np.array([6.0, 2.0, 7.0])}

    def cost(p: Any) -> Any:
        leaky = np.where(p["leaky"] > 0, p["leaky"], 0.1 * p["leaky"])
        return (leaky * [1.0, 2.0, 3.0]).sum() + np.clip(p["clipped"], 0, 6).sum()

    def gradient(leaky: float, clipped: float) -> Any:
        return lambda p: {
            "leaky": np.array([leaky, 2.0, 0.3]),
            "clipped": np.array([clipped, 1.0, 0.0]),
        }

    return Case(
        name="leaky_and_clipped",
        kind=AT,
        cost=floats(cost),
        params=params,
        right=gradient(0.1, 0.0),
        wrong=(
            Wrong("zero in the leaky corner", gradient(0.0, 0.0)),
            Wrong("below zero in the clipped corner", gradient(0.1, -0.3)),
            Wrong("above one in the clipped corner", gradient(0.5, 1.05)),
        ),
        accuracy=None,
    )


def median_and_quantile() -> Case:
    """The pinball loss of a quantile that is one of the data."""
    y = np.array([0.3, 1.1, 1.1, 2.4, 3.0])

    def cost(q: Any) -> Any:
        d = y[:, None] - q
        return np.where(d > 0, 0.3 * d, -0.7 * d).sum()

    def gradient(value: float) -> Any:
        return lambda q: np.array([value, 0.7 * 4 - 0.3])

    # At 1.1 the slopes are 0.7 · 1 - 0.3 · 4 = -0.5 on the left and 0.7 · 3 - 0.3 · 2 = 1.5.
    return Case(
        name="median_and_quantile",
        kind=AT,
        cost=floats(cost),
        params=np.array([1.1, 2.7]),
        right=gradient(0.0),
        wrong=(Wrong("beyond the left", gradient(-0.6)), Wrong("beyond the right", gradient(1.7))),
        accuracy=None,
    )


def group_at_zero() -> Case:
    """The length of a group of weights that are all zero, beside one that is not."""
    params = [np.zeros(3), np.array([0.6, -0.8])]

    def cost(p: Any) -> Any:
        return np.sqrt((p[0] ** 2).sum()) + np.sqrt((p[1] ** 2).sum())

    def gradient(value: float) -> Any:
        return lambda p: [np.full(3, value), p[1] / np.sqrt((p[1] ** 2).sum())]

    return Case(
        name="group_at_zero",
        kind=AT,
        cost=floats(cost),
        params=params,
        right=gradient(0.0),
        wrong=(
            Wrong("longer than one", gradient(1.3)),
            Wrong("far longer", gradient(-20.0), NOT_PASS),
        ),
        accuracy=None,
    )


def huber_at_its_border() -> tuple[Case, ...]:
    """Square inside, straight outside, and the point is where they meet: one slope all the same."""
    r = np.array([1.0, -1.0, 0.3, 2.5])

    def cost(r: Any) -> Any:
        size = r * np.sign(r.real)
        return np.where(size.real <= 1, r**2 / 2, size - 0.5).sum()

    def right(r: Any) -> Any:
        return np.clip(r, -1, 1)

    return both(
        Case(
            name="huber_at_its_border",
            kind=AT,
            cost=cost,
            params=r,
            right=right,
            wrong=(
                *usual(right, r),
                Wrong("zero at the border", lambda r: np.where(np.abs(r) == 1, 0, right(r))),
                Wrong("sign at the border", entry(right, 1, -1)),
            ),
        )
    )


def equal_neighbours() -> Case:
    """Total variation of a signal with a flat part: the slopes at it are -2, 0 and 2 at most."""
    x = np.array([0.3, 1.0, 1.0, 0.2, 0.9])

    def gradient(first: float, second: float) -> Any:
        return lambda x: np.array([-1.0, 1 + first, 1 + second, -2.0, 1.0])

    # In either flat coordinate: one neighbour lies below, which is 1, and one is equal, -1 to 1.
    return Case(
        name="equal_neighbours",
        kind=AT,
        cost=floats(lambda x: np.abs(np.diff(x)).sum()),
        params=x,
        right=gradient(0, 0),
        wrong=(
            Wrong("beyond", gradient(1.4, -1.4)),
            Wrong("valley forgotten", lambda x: gradient(0, 0)(x) * [1, 1, 1, 0, 1]),
        ),
        accuracy=None,
    )


def multiclass_hinge() -> Case:
    """Margins of a linear classifier, many terms and so many kinks within reach."""
    random = np.random.default_rng(24)
    X = random.normal(size=(20, 5))
    y = random.integers(0, 4, 20)
    rows = np.arange(20)
    W = 0.1 * random.normal(size=(5, 4))

    def margins(W: Any) -> Any:
        s = X @ W
        m = np.maximum(0, s - s[rows, y][:, None] + 1)
        m[rows, y] = 0
        return m

    def right(W: Any, own: float = 1.0) -> Any:
        d = (margins(W) > 0) * 1.0
        d[rows, y] = -own * d.sum(1)
        return X.T @ d / 20

    return Case(
        name="multiclass_hinge",
        kind=NEAR,
        cost=lambda W: margins(W).sum() / 20,
        params=W,
        right=right,
        wrong=(Wrong("own class left out", lambda W: right(W, 0.0)), *usual(right, W)),
    )


def relu_close(distance: float) -> tuple[Case, ...]:
    """A hidden unit this far from its corner, and others in the open."""
    X = np.array([[1.0, 0.5], [-0.6, 1.2], [0.3, -0.9]])
    params = {"W": np.array([[0.7, -0.4], [0.2, 0.9]]), "b": np.array([-0.8 + distance, 0.1])}
    v = np.array([1.3, -0.7])

    def pre(p: Any) -> Any:
        return X @ p["W"] + p["b"]

    def cost(p: Any) -> Any:
        h = pre(p)
        return (np.where(h.real > 0, h, 0) @ v).sum() ** 2 + (np.where(h.real > 0, h, 0)).sum()

    def right(p: Any) -> Any:
        h = pre(p)
        on = (h > 0) * 1.0
        d = on * (2 * ((h * on) @ v).sum() * v + 1)
        return {"W": X.T @ d, "b": d.sum(0)}

    return both(
        Case(
            name=f"relu_close_{distance:g}",
            kind=NEAR,
            cost=cost,
            params=params,
            right=right,
            wrong=(*usual(right, params, of="W"), *usual(right, params, of="b")),
        )
    )


def nearest_centre() -> tuple[Case, ...]:
    """The cost of clusters: one datum lies almost between two centres."""
    data = np.array([[0.0, 0.1], [0.3, -0.2], [2.0, 1.9], [2.2, 2.1], [1.0501, 1.0]])
    centres = np.array([[0.1, 0.0], [2.0, 2.0]])

    def distances(c: Any) -> Any:
        return ((data[:, None] - c[None]) ** 2).sum(2)

    def cost(c: Any) -> Any:
        d = distances(c)
        return d[np.arange(5), d.real.argmin(1)].sum()

    def right(c: Any) -> Any:
        own = np.eye(2)[distances(c).argmin(1)]
        return 2 * (own.sum(0)[:, None] * c - own.T @ data)

    return both(
        Case(
            name="nearest_centre",
            kind=NEAR,
            cost=cost,
            params=centres,
            right=right,
            wrong=(*usual(right, centres), Wrong("factor 2 forgotten", times(right, 0.5))),
        )
    )


def straight_lines_of_a_table() -> Case:
    """Linear interpolation in a table: the points are 1e-4 and 0.2 from its knots."""
    knots = np.array([0.0, 1.0, 2.0, 4.0, 8.0])
    values = np.array([0.0, 2.0, 1.0, 5.0, 3.0])
    x = np.array([1.0001, 3.8, 0.5])

    def right(x: Any) -> Any:
        k = np.searchsorted(knots, x) - 1
        return np.diff(values)[k] / np.diff(knots)[k]

    return Case(
        name="straight_lines_of_a_table",
        kind=NEAR,
        cost=lambda x: float(np.interp(x, knots, values).sum()),
        params=x,
        right=right,
        wrong=(
            Wrong("slope of the other side", lambda x: np.array([2.0, 2.0, 2.0])),
            *usual(right, x, smallest=FAIL),
        ),
        exact=lambda x: np.interp(np.asarray(x, float), knots, values).sum(),
    )


CASES = (
    *(relu_with(slope) for slope in (0, 0.5, 1, -0.05, -0.2, 1.2, 5)),
    *lasso(),
    tied_maximum(),
    leaky_and_clipped(),
    median_and_quantile(),
    group_at_zero(),
    *huber_at_its_border(),
    equal_neighbours(),
    multiclass_hinge(),
    *relu_close(1e-3),
    *relu_close(1e-7),
    *nearest_centre(),
    straight_lines_of_a_table(),
)
