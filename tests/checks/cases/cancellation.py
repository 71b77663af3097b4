"""Costs that are small differences of large numbers.

Rounding is then large beside the cost, and may be large beside its slope at the usual width of a
difference. Nothing is in low precision: a wider difference, or the complex step, is accurate. A
check that measures noise by the size of the cost believes too much, and one that takes rounding for
a sign of float32 accuses the wrong thing.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from tests.checks.cases.shape import NOT_FAIL, NOT_PASS, Case, Wrong, both, entry, times, usual

KIND = "cancellation"
RANDOM = np.random.default_rng(101)


def chain_of_springs(stretch: float) -> tuple[Case, ...]:
    """Positions of order one, moved by next to nothing: each length loses the digits of a move."""
    rest = np.array([0.0, 1.0, 2.1, 3.3])
    lengths = np.diff(rest)

    def cost(u: Any) -> Any:
        return ((np.diff(rest + u) - lengths) ** 2).sum()

    def right(u: Any) -> Any:
        longer = np.diff(u)
        return 2 * np.append(0, longer) - 2 * np.append(longer, 0)

    u = stretch * np.array([0.13, -0.13, 0.64, 0.1])
    # At 1e-8, a length of 1 is rounded to the eighth digit of its change, and so is the slope.
    case = Case(
        name=f"chain_of_springs_{stretch:g}",
        kind=KIND,
        cost=cost,
        params=u,
        right=right,
        wrong=usual(right, u),
        accuracy=1e-5,
    )
    return both(case)


def log_of_one_plus(size: float) -> tuple[Case, ...]:
    """log(1 + x) instead of log1p."""
    x = size * np.array([1.0, 2.0, 3.0])

    def right(x: Any) -> Any:
        return 1 / (1 + x)

    return both(
        Case(
            name=f"log_of_one_plus_{size:g}",
            kind=KIND,
            cost=lambda x: np.log(1 + x).sum(),
            params=x,
            right=right,
            wrong=usual(right, x, smallest=("fail",)),
        )
    )


def one_minus_cosine() -> tuple[Case, ...]:
    """A pendulum's energy close to its rest, as it stands in the book."""
    x = 1e-4 * np.array([1.0, 2.0, 3.0])
    return both(
        Case(
            name="one_minus_cosine",
            kind=KIND,
            cost=lambda x: (1 - np.cos(x)).sum(),
            params=x,
            right=np.sin,
            wrong=usual(np.sin, x),
        )
    )


def divergence_of_softmax(apart: float) -> tuple[Case, ...]:
    """Kullback and Leibler's divergence between distributions that are nearly the same."""
    z = np.array([0.3, -1.1, 0.4, 1.7, -0.2, 0.6])
    p = np.exp(z) / np.exp(z).sum()
    there = z + apart * np.array([0.5, -0.2, 1.1, -0.7, 0.1, 0.9])

    def cost(z: Any) -> Any:
        return (p * (np.log(p) - (z - np.log(np.exp(z).sum())))).sum()

    def right(z: Any) -> Any:
        return np.exp(z) / np.exp(z).sum() - p

    return both(
        Case(
            name=f"divergence_of_softmax_{apart:g}",
            kind=KIND,
            cost=cost,
            params=there,
            right=right,
            wrong=usual(right, there),
        )
    )


def level_added_and_taken_away() -> Case:
    """A quadratic seen through the rounding of a level a billion times larger."""
    A = RANDOM.normal(size=(20, 4))
    w = 1e-4 * np.array([1.0, -0.6, 0.3, 1.4])

    def right(w: Any) -> Any:
        return A.T @ (A @ w) / 10

    # The real cost is a staircase of 1e-13 under a bowl of 1e-8; only its wide shape is left.
    return Case(
        name="level_added_and_taken_away",
        kind=KIND,
        cost=lambda w: (((A @ w) ** 2).mean() + 1e3) - 1e3,
        params=w,
        right=right,
        wrong=usual(right, w, percent=NOT_PASS),
        expect=NOT_FAIL,
        exact=lambda w: ((A @ w) ** 2).mean(),
    )


def variance_by_squares() -> tuple[Case, ...]:
    """Mean of squares minus square of the mean, of numbers far from zero."""
    x = 1e4 + np.array([0.3, -1.2, 0.8, 2.1, -0.4, -0.9])

    def right(x: Any) -> Any:
        return 2 * (x - x.mean()) / x.size

    return both(
        Case(
            name="variance_by_squares",
            kind=KIND,
            cost=lambda x: (x**2).mean() - x.mean() ** 2,
            params=x,
            right=right,
            wrong=usual(right, x, smallest=("fail",)),
        )
    )


def truss() -> tuple[Case, ...]:
    """Strain energy of bars in the plane whose joints move by a millionth of a bar."""
    joints = np.array([[0.0, 0.0], [1.0, 0.0], [0.5, 0.8], [1.5, 0.9]])
    bars = np.array([[0, 1], [0, 2], [1, 2], [1, 3], [2, 3]])
    apart = joints[bars[:, 0]] - joints[bars[:, 1]]
    rest = np.sqrt((apart**2).sum(1))

    def cost(u: Any) -> Any:
        x = joints + u
        d = x[bars[:, 0]] - x[bars[:, 1]]
        return 0.5 * ((np.sqrt((d**2).sum(1)) - rest) ** 2).sum()

    def right(u: Any) -> Any:
        moved = u[bars[:, 0]] - u[bars[:, 1]]
        d = apart + moved
        length = np.sqrt((d**2).sum(1))
        longer = ((2 * apart + moved) * moved).sum(1) / (length + rest)  # no cancellation
        force = (longer / length)[:, None] * d
        g = np.zeros_like(u)
        np.add.at(g, bars[:, 0], force)
        np.add.at(g, bars[:, 1], -force)
        return g

    u = 1e-6 * np.array([[0.0, 0.0], [0.4, -0.7], [1.1, 0.3], [-0.5, 0.9]])
    return both(
        Case(
            name="truss",
            kind=KIND,
            cost=cost,
            params=u,
            right=right,
            wrong=usual(right, u),
        )
    )


def small_root_of_a_quadratic() -> tuple[Case, ...]:
    """(-b + sqrt(b² - 4ac)) / 2a with b large: the slope in a is below what rounding leaves."""
    p = np.array([1.2, 1e4, 0.9])

    def cost(p: Any) -> Any:
        a, b, c = p
        return (-b + np.sqrt(b * b - 4 * a * c)) / (2 * a)

    def right(p: Any) -> Any:
        a, b, c = p
        root = 2 * c / (-b - np.sqrt(b * b - 4 * a * c))
        return -np.array([root**2, root, 1]) / (2 * a * root + b)

    wrong = (
        Wrong("sign of the slope in c", entry(right, 2, -1)),
        Wrong("all of it twice", times(right, 2)),
    )
    return both(
        Case(
            name="small_root_of_a_quadratic",
            kind=KIND,
            cost=cost,
            params=p,
            right=right,
            wrong=wrong,
        )
    )


def cross_entropy_nearly_fitted() -> tuple[Case, ...]:
    """log-sum-exp minus the true logit, which is ahead by 20: the cost is 1e-8 of its parts."""
    z = np.array([-3.0, 19.0, -1.0, 0.5, -0.7])

    def right(z: Any) -> Any:
        others = np.exp(z - z[1])
        others[1] = 0
        p = others / (1 + others.sum())
        p[1] = -p.sum()
        return p

    def cost(z: Any) -> Any:
        return np.log(np.exp(z).sum()) - z[1]

    return both(
        Case(
            name="cross_entropy_nearly_fitted",
            kind=KIND,
            cost=cost,
            params=z,
            right=right,
            wrong=usual(right, z, percent=NOT_PASS),
            accuracy=1e-5,
        ),
        expect=NOT_FAIL,
    )


def better_than_the_start() -> tuple[Case, ...]:
    """Loss minus the loss of the start: the cost is tiny, its rounding and its slope are not."""
    X = RANDOM.normal(size=(15, 4))
    y = X @ np.array([1.0, -2.0, 0.5, 3.0]) + 40
    start = np.array([0.2, 0.1, -0.3, 0.4])
    base = ((X @ start - y) ** 2).sum()
    w = start + 1e-9

    def right(w: Any) -> Any:
        return 2 * X.T @ (X @ w - y)

    return both(
        Case(
            name="better_than_the_start",
            kind=KIND,
            cost=lambda w: ((X @ w - y) ** 2).sum() - base,
            params=w,
            right=right,
            wrong=usual(right, w, smallest=("fail",)),
        )
    )


def nearly_parallel() -> tuple[Case, ...]:
    """One minus the cosine of the angle between two vectors that hardly differ."""
    v = np.array([0.3, -1.2, 0.7, 2.0])
    u = v + 1e-4 * np.array([1.0, 0.4, -0.8, 0.3])

    def cost(u: Any) -> Any:
        return 1 - (u @ v) / np.sqrt((u @ u) * (v @ v))

    def right(u: Any) -> Any:
        across = v - u * ((u @ v) / (u @ u))
        return -across / np.sqrt((u @ u) * (v @ v))

    return both(
        Case(
            name="nearly_parallel",
            kind=KIND,
            cost=cost,
            params=u,
            right=right,
            wrong=usual(right, u),
        )
    )


def great_circle() -> tuple[Case, ...]:
    """The distance of two places 100 m apart, by the arc cosine of the dot product."""
    radius = 6371.0
    there = np.array([0.83, 0.16])

    def cost(p: Any) -> Any:
        lat, lon = p
        c = np.sin(lat) * np.sin(there[0])
        c = c + np.cos(lat) * np.cos(there[0]) * np.cos(lon - there[1])
        return radius * np.arccos(c)

    def right(p: Any) -> Any:
        lat, lon = p
        dlat, dlon = lat - there[0], lon - there[1]
        h = np.sin(dlat / 2) ** 2 + np.cos(lat) * np.cos(there[0]) * np.sin(dlon / 2) ** 2
        outer = radius / np.sqrt(h * (1 - h))
        by_lat = np.sin(dlat) / 2 - np.sin(lat) * np.cos(there[0]) * np.sin(dlon / 2) ** 2
        by_lon = np.cos(lat) * np.cos(there[0]) * np.sin(dlon) / 2
        return outer * np.array([by_lat, by_lon])

    p = there + 1.5e-5 * np.array([0.8, -0.7])
    return both(
        Case(
            name="great_circle",
            kind=KIND,
            cost=cost,
            params=p,
            right=right,
            wrong=usual(right, p, percent=NOT_PASS),
        ),
        expect=NOT_FAIL,
    )


def relative_entropy_of_counts() -> tuple[Case, ...]:
    """a log(a / b) - a + b where a and b agree to five digits."""
    b = np.array([120.0, 33.0, 7.0, 58.0])
    a = b * (1 + 1e-5 * np.array([1.0, -2.0, 0.5, 1.3]))

    def cost(p: Any) -> Any:
        a = p["expected"]
        return (b * np.log(b / a) - b + a).sum() + 1e-9 * (p["scale"] ** 2).sum()

    def right(p: Any) -> Any:
        return {"expected": (p["expected"] - b) / p["expected"], "scale": 2e-9 * p["scale"]}

    params = {"expected": a, "scale": np.array([0.7, -1.5])}
    wrong = (
        *usual(right, params, of="expected"),
        Wrong("sign of the slope in the scale", times(right, -1, "scale")),
    )
    return both(
        Case(
            name="relative_entropy_of_counts",
            kind=KIND,
            cost=cost,
            params=params,
            right=right,
            wrong=wrong,
        )
    )


CASES = (
    *chain_of_springs(1e-6),
    *chain_of_springs(1e-8),
    *log_of_one_plus(1e-6),
    *log_of_one_plus(1e-8),
    *one_minus_cosine(),
    *divergence_of_softmax(1e-2),
    *divergence_of_softmax(1e-5),
    level_added_and_taken_away(),
    *variance_by_squares(),
    *truss(),
    *small_root_of_a_quadratic(),
    *cross_entropy_nearly_fitted(),
    *better_than_the_start(),
    *nearly_parallel(),
    *great_circle(),
    *relative_entropy_of_counts(),
)
