"""Gradients that are right on their own ground, and are not the slopes of this cost.

Projected, symmetrised, scaled, clipped, by another parameter, in another layout: a check of the
plain slopes has to fail them. And costs that do not read what they are given, of which nothing can
be said.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from tests.checks.cases.shape import FAIL, NOT_FAIL, NOT_PASS, Case, Wrong, both, floats, times

KIND = "convention"


def on_the_sphere() -> tuple[Case, ...]:
    """A quadratic form on the unit sphere; its gradient is often projected on the tangent."""
    random = np.random.default_rng(81)
    B = random.normal(size=(6, 6))
    A = B @ B.T
    x = random.normal(size=6)
    x /= np.sqrt(x @ x)
    return both(
        Case(
            name="on_the_sphere",
            kind=KIND,
            cost=lambda x: -x @ A @ x,
            params=x,
            right=lambda x: -2 * A @ x,
            wrong=(
                Wrong(
                    "projected on the tangent",
                    lambda x: -2 * A @ x + 2 * (x @ A @ x) * x,
                    FAIL,
                    None,
                    ("weight-decay", "penalty-missing"),
                ),
            ),
        )
    )


def one_triangle() -> Case:
    """log det by Cholesky, which reads the lower triangle alone."""
    random = np.random.default_rng(82)
    B = random.normal(size=(4, 4))
    A = B @ B.T + 4 * np.eye(4)

    def right(A: Any) -> Any:
        full = np.linalg.inv(np.tril(A) + np.tril(A, -1).T)
        return np.tril(2 * full) - np.diag(np.diag(full))

    return Case(
        name="one_triangle",
        kind=KIND,
        cost=lambda A: 2 * np.log(np.diag(np.linalg.cholesky(A))).sum(),
        params=A,
        right=right,
        wrong=(
            Wrong(
                "formula of a symmetric matrix",
                np.linalg.inv,
                FAIL,
                None,
                ("unknown", "constant-factor"),
            ),
        ),
        exact=lambda A: np.linalg.slogdet((np.tril(A) + np.tril(A, -1).T).astype(float))[1],
    )


def not_read() -> Case:
    """A cost of the weights that it was made with, not of the ones that it is given."""
    W = np.random.default_rng(83).normal(size=(2, 3))
    return Case(
        name="not_read",
        kind=KIND,
        cost=floats(lambda w: (W**2).sum()),
        params=W.copy(),
        right=lambda w: 0 * w,
        wrong=(Wrong("gradient of what is read", lambda w: 2 * w, FAIL, None, ("unknown",)),),
        expect=NOT_FAIL,
    )


def half_read() -> Case:
    """The same of one of two arrays: the other is read, and is right."""
    kept = np.array([0.4, -1.1])
    params = {"read": np.array([0.7, 1.9, -0.2]), "forgotten": kept.copy()}

    def right(p: Any) -> Any:
        return {"read": np.cos(p["read"]) * (kept**2).sum(), "forgotten": 0 * p["forgotten"]}

    def believed(p: Any) -> Any:
        return {**right(p), "forgotten": 2 * p["forgotten"] * np.sin(p["read"]).sum()}

    return Case(
        name="half_read",
        kind=KIND,
        cost=lambda p: np.sin(p["read"]).sum() * (kept**2).sum(),
        params=params,
        right=right,
        wrong=(Wrong("gradient as if it were read", believed),),
        expect=NOT_FAIL,
    )


def in_degrees() -> tuple[Case, ...]:
    """Angles are given in degrees."""
    turn = np.pi / 180

    def right(a: Any) -> Any:
        return turn * (np.cos(turn * a) - 0.3 * np.sin(2 * turn * a))

    return both(
        Case(
            name="in_degrees",
            kind=KIND,
            cost=lambda a: (np.sin(turn * a) + 0.15 * np.cos(2 * turn * a)).sum(),
            params=np.array([30.0, 140.0, -75.0]),
            right=right,
            wrong=(Wrong("by radians", lambda a: right(a) / turn, FAIL, "constant-factor"),),
        )
    )


def by_the_logarithm() -> tuple[Case, ...]:
    """A deviation kept as its logarithm, and a weight kept as its logit."""
    y = np.array([0.3, 1.2, -0.4, 0.9, 2.2])
    params = {"log_deviation": np.array(-0.3), "logit": np.array([0.6, -0.9])}

    def cost(p: Any) -> Any:
        s = np.exp(p["log_deviation"])
        w = 1 / (1 + np.exp(-p["logit"]))
        return (p["log_deviation"] + (y - w[0]) ** 2 / (2 * s**2)).sum() + w[1] ** 2

    def gradient(*, chain: bool) -> Any:
        def g(p: Any) -> Any:
            s = np.exp(p["log_deviation"])
            w = 1 / (1 + np.exp(-p["logit"]))
            by_s = (1 / s - (y - w[0]) ** 2 / s**3).sum()
            by_w = np.array([-((y - w[0]) / s**2).sum(), 2 * w[1]])
            if not chain:
                return {"log_deviation": by_s, "logit": by_w}
            return {"log_deviation": by_s * s, "logit": by_w * w * (1 - w)}

        return g

    return both(
        Case(
            name="by_the_logarithm",
            kind=KIND,
            cost=cost,
            params=params,
            right=gradient(chain=True),
            wrong=(Wrong("by what it stands for", gradient(chain=False)),),
        )
    )


def layout_of_a_square_matrix() -> tuple[Case, ...]:
    """A square weight, whose transposed gradient has the right shape, too."""
    random = np.random.default_rng(84)
    X, Y = random.normal(size=(5, 4)), random.normal(size=(5, 4))

    def right(W: Any) -> Any:
        a = np.tanh(X @ W)
        return X.T @ ((a - Y) * (1 - a * a))

    return both(
        Case(
            name="layout_of_a_square_matrix",
            kind=KIND,
            cost=lambda W: ((np.tanh(X @ W) - Y) ** 2).sum() / 2,
            params=random.normal(size=(4, 4)),
            right=right,
            wrong=(
                Wrong("transposed", lambda W: right(W).T),
                Wrong("symmetric part", lambda W: (right(W) + right(W).T) / 2),
            ),
        )
    )


def upwards() -> tuple[Case, ...]:
    """A likelihood is climbed, a cost is descended; sums and means are mixed up as well."""
    X = np.random.default_rng(85).normal(size=(25, 3))
    k = np.array([1.0, 0.0, 2.0, 4.0, 1.0] * 5)

    def right(w: Any) -> Any:
        return X.T @ (np.exp(X @ w) - k) / 25

    return both(
        Case(
            name="upwards",
            kind=KIND,
            cost=lambda w: (np.exp(X @ w) - k * (X @ w)).mean(),
            params=np.array([0.2, -0.5, 0.4]),
            right=right,
            wrong=(
                Wrong("of the likelihood", times(right, -1), FAIL, "sign-flipped"),
                Wrong("of the sum", times(right, 25), FAIL, "constant-factor"),
                Wrong(
                    "divided by the curvature",
                    lambda w: np.linalg.solve(X.T @ (np.exp(X @ w)[:, None] * X) / 25, right(w)),
                ),
            ),
        )
    )


def made_tame() -> tuple[Case, ...]:
    """Gradients as optimisers use them: clipped, of length one, or the sign alone."""
    x = np.array([[1.5, -0.3], [0.8, 2.1]])

    def right(x: Any) -> Any:
        return 4 * x**3 - np.sin(x)

    return both(
        Case(
            name="made_tame",
            kind=KIND,
            cost=lambda x: (x**4 + np.cos(x)).sum(),
            params=x,
            right=right,
            wrong=(
                Wrong("clipped at five", lambda x: np.clip(right(x), -5, 5)),
                Wrong("of length one", lambda x: right(x) / np.sqrt((right(x) ** 2).sum())),
                Wrong("sign alone", lambda x: np.sign(right(x))),
            ),
        )
    )


def on_the_simplex() -> tuple[Case, ...]:
    """Weights that sum to one, and a gradient with its mean taken away to keep it so."""
    S = np.array([[0.04, 0.01, 0.0], [0.01, 0.09, 0.02], [0.0, 0.02, 0.16]])
    gain = np.array([0.05, 0.08, 0.12])

    def right(w: Any) -> Any:
        return 2 * S @ w - gain

    return both(
        Case(
            name="on_the_simplex",
            kind=KIND,
            cost=lambda w: w @ S @ w - gain @ w,
            params=np.array([0.5, 0.3, 0.2]),
            right=right,
            wrong=(
                Wrong("mean taken away", lambda w: right(w) - right(w).mean()),
                Wrong("gain forgotten", lambda w: 2 * S @ w),
            ),
        )
    )


def noisy() -> Case:
    """A cost that draws new noise at each call: nothing can be said, and nothing passes."""
    random = np.random.default_rng(86)
    x = np.array([0.4, 1.2])
    return Case(
        name="noisy",
        kind=KIND,
        cost=lambda x: float((x**2).sum() + 0.1 * random.normal()),
        params=x,
        right=lambda x: 2 * x,
        wrong=(Wrong("sign", lambda x: -2 * x, NOT_PASS),),
        expect=NOT_PASS,
        accuracy=None,
    )


CASES = (
    *on_the_sphere(),
    one_triangle(),
    not_read(),
    half_read(),
    *in_degrees(),
    *by_the_logarithm(),
    *layout_of_a_square_matrix(),
    *upwards(),
    *made_tame(),
    *on_the_simplex(),
    noisy(),
)
