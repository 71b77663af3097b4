"""All parameters in one flat vector, wrong in a part of it.

Optimisers want one vector, so layers are laid end to end. A pattern that holds in a part, such as a
penalty without the intercept, is the same pattern as in a tensor of its own.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from tests.checks.cases.shape import FAIL, Case, Wrong, both, entry, times

KIND = "part of a vector"


def intercept_not_penalised() -> tuple[Case, ...]:
    """Logistic regression, its first weight free of the penalty."""
    random = np.random.default_rng(91)
    X = np.column_stack([np.ones(30), random.normal(size=(30, 5))])
    y = (random.random(30) > 0.5) * 1.0

    def gradient(first: float, others: float) -> Any:
        def g(t: Any) -> Any:
            d = X.T @ (1 / (1 + np.exp(-X @ t)) - y) / 30
            return d + 0.7 / 30 * np.append(first, np.full(5, others)) * t

        return g

    def cost(t: Any) -> Any:
        z = X @ t
        return (np.log(1 + np.exp(z)) - y * z).mean() + 0.7 / 60 * (t[1:] ** 2).sum()

    return both(
        Case(
            name="intercept_not_penalised",
            kind=KIND,
            cost=cost,
            params=random.normal(size=6),
            right=gradient(0, 1),
            wrong=(
                Wrong("penalty forgotten", gradient(0, 0), FAIL, "penalty-missing"),
                Wrong("intercept penalised", gradient(1, 1), FAIL, None, ("unknown",)),
                Wrong("penalty twice", gradient(0, 2)),
            ),
        )
    )


def one_sign() -> tuple[Case, ...]:
    """The sign of one entry of seven."""
    random = np.random.default_rng(92)
    A = random.normal(size=(7, 7))
    A = A + A.T

    def right(t: Any) -> Any:
        return A @ t

    return both(
        Case(
            name="one_sign",
            kind=KIND,
            cost=lambda t: t @ A @ t / 2,
            params=random.normal(size=7),
            right=right,
            wrong=(Wrong("sign of one", entry(right, 3, -1), FAIL, "sign-flipped"),),
        )
    )


def unrolled_network() -> tuple[Case, ...]:
    """W1, b1, W2, b2 of a small network laid end to end."""
    random = np.random.default_rng(93)
    X, Y = random.normal(size=(8, 3)), random.normal(size=(8, 2))

    def parts(v: Any) -> Any:
        return v[:12].reshape(3, 4), v[12:16], v[16:24].reshape(4, 2), v[24:]

    def gradient(bug: str | None) -> Any:
        def g(v: Any) -> Any:
            W1, b1, W2, b2 = parts(v)
            a = np.tanh(X @ W1 + b1)
            d = (a @ W2 + b2 - Y) / 8
            e = d @ W2.T * (1 if bug == "activation" else 1 - a * a)
            dW1, dW2 = X.T @ e, a.T @ d
            if bug == "order":
                dW1, dW2 = dW1.T, dW2.T
            db2 = d[0] if bug == "sample" else d.sum(0)
            return np.concatenate([dW1.ravel(), e.sum(0), dW2.ravel(), db2])

        return g

    def cost(v: Any) -> Any:
        W1, b1, W2, b2 = parts(v)
        return ((np.tanh(X @ W1 + b1) @ W2 + b2 - Y) ** 2).sum() / 16

    right = gradient(None)
    return both(
        Case(
            name="unrolled_network",
            kind=KIND,
            cost=cost,
            params=random.normal(size=26),
            right=right,
            wrong=(
                Wrong("matrices unrolled by columns", gradient("order")),
                Wrong("activation's derivative forgotten", gradient("activation")),
                Wrong("last bias of one sample", gradient("sample")),
                Wrong("second layer zero", times(right, [1] * 16 + [0] * 10)),
            ),
        )
    )


def rosenbrock() -> tuple[Case, ...]:
    """A valley of six coordinates, the ends of which have fewer terms."""
    x = np.array([-1.2, 1.0, 0.3, -0.7, 0.9, 0.4])

    def cost(x: Any) -> Any:
        return (100 * (x[1:] - x[:-1] ** 2) ** 2 + (1 - x[:-1]) ** 2).sum()

    def right(x: Any) -> Any:
        g = np.zeros_like(x)
        r = x[1:] - x[:-1] ** 2
        g[1:] += 200 * r
        g[:-1] += -400 * r * x[:-1] - 2 * (1 - x[:-1])
        return g

    def no_last(x: Any) -> Any:
        return right(x) * [1, 1, 1, 1, 1, 0]

    def overwritten(x: Any) -> Any:
        r = x[1:] - x[:-1] ** 2
        return np.append(-400 * r * x[:-1] - 2 * (1 - x[:-1]), 200 * r[-1])

    return both(
        Case(
            name="rosenbrock",
            kind=KIND,
            cost=cost,
            params=x,
            right=right,
            wrong=(Wrong("last one forgotten", no_last), Wrong("set, not added", overwritten)),
        )
    )


def action_of_a_path() -> tuple[Case, ...]:
    """A discretised path: half weights at the ends, where a trapezoid has them."""
    dt = 0.1
    q = np.sin(np.linspace(0, 2, 11)) + 0.05 * np.arange(11)
    ends = np.array([0.5, *[1.0] * 9, 0.5])

    def cost(q: Any) -> Any:
        return ((np.diff(q) / dt) ** 2).sum() * dt / 2 - (ends * np.cos(q)).sum() * dt

    def gradient(weights: Any) -> Any:
        def g(q: Any) -> Any:
            v = np.diff(q) / dt
            return np.append(0, v) - np.append(v, 0) + weights * np.sin(q) * dt

        return g

    return both(
        Case(
            name="action_of_a_path",
            kind=KIND,
            cost=cost,
            params=q,
            right=gradient(ends),
            wrong=(
                Wrong("whole weights at the ends", gradient(np.ones(11))),
                Wrong("fixed ends", times(gradient(ends), [0, *[1] * 9, 0])),
                Wrong("potential forgotten", gradient(0)),
            ),
        )
    )


def moving_average_model() -> tuple[Case, ...]:
    """A recursion over time; its coefficients' slopes need one, too."""
    y = np.array([0.5, -0.2, 0.9, 1.4, -0.7, 0.3, 0.1, -1.2])

    def errors(p: Any) -> Any:
        e = [y[0] - p[2]]
        for t in range(1, len(y)):
            e.append(y[t] - p[2] - p[0] * y[t - 1] - p[1] * e[-1])
        return e

    def gradient(*, recursive: bool) -> Any:
        def g(p: Any) -> Any:
            e = errors(p)
            de = np.array([0.0, 0.0, -1.0])
            total = 2 * e[0] * de
            for t in range(1, len(y)):
                de = np.array([-y[t - 1], -e[t - 1], -1.0]) - (p[1] * de if recursive else 0)
                total = total + 2 * e[t] * de
            return total

        return g

    right = gradient(recursive=True)
    return both(
        Case(
            name="moving_average_model",
            kind=KIND,
            cost=lambda p: sum(e**2 for e in errors(p)),
            params=np.array([0.4, -0.3, 0.1]),
            right=right,
            wrong=(
                Wrong("recursion forgotten", gradient(recursive=False)),
                Wrong("level forgotten", entry(right, 2, 0)),
            ),
        )
    )


def round_or_open() -> tuple[Case, ...]:
    """A ring of spins; treated as a chain, the two ends lack a neighbour."""
    t = np.array([0.3, 1.1, -0.6, 2.0, 0.8, -1.5])

    def right(t: Any) -> Any:
        return np.sin(t - np.roll(t, 1)) - np.sin(np.roll(t, -1) - t)

    def chain(t: Any) -> Any:
        s = np.sin(np.diff(t))
        return np.append(0, s) - np.append(s, 0)

    return both(
        Case(
            name="round_or_open",
            kind=KIND,
            cost=lambda t: -np.cos(np.roll(t, -1) - t).sum(),
            params=t,
            right=right,
            wrong=(Wrong("open chain", chain), Wrong("one bond twice", entry(right, 2, 2))),
        )
    )


CASES = (
    *intercept_not_penalised(),
    *one_sign(),
    *unrolled_network(),
    *rosenbrock(),
    *action_of_a_path(),
    *moving_average_model(),
    *round_or_open(),
)
