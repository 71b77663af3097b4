"""Gradients that are wrong by little, of costs that are accurate to far less than that.

They are errors of the formula, not of the arithmetic: no precision is low. And differences below
half of the relative tolerance, which are no errors.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from tests.checks.cases.shape import FAIL, Case, Wrong, both, times

KIND = "small error"
PRECISION = ("cost-low-precision", "low-precision", "float32-slip")


def slip(label: str, gradient: Any) -> Wrong:
    """A wrong formula that must not be blamed on the arithmetic."""
    return Wrong(label, gradient, FAIL, None, PRECISION)


def constant_added() -> tuple[Case, ...]:
    """A hundredth, or a thousandth, added to each slope."""
    return both(
        Case(
            name="constant_added",
            kind=KIND,
            cost=lambda x: (x**2).sum(),
            params=np.array([1.0, 2.0, 3.0, 4.0]),
            right=lambda x: 2 * x,
            wrong=(
                slip("a hundredth", lambda x: 2 * x + 0.01),
                slip("a thousandth", lambda x: 2 * x + 0.001),
            ),
        )
    )


def pi_by_hand() -> tuple[Case, ...]:
    """3.14 for π, in the gradient alone."""

    def with_pi(pi: float) -> Any:
        return lambda x: pi / 7 * np.cos(pi * x / 7)

    return both(
        Case(
            name="pi_by_hand",
            kind=KIND,
            cost=lambda x: np.sin(np.pi * x / 7).sum(),
            params=np.array([1.0, 2.0, 3.0, 4.0]),
            right=with_pi(np.pi),
            wrong=(slip("3.14", with_pi(3.14)), slip("3.1416", with_pi(3.1416))),
        )
    )


def layer_norm_without_epsilon() -> tuple[Case, ...]:
    """An epsilon of 1e-3 in the forward pass, and none in the backward one."""
    random = np.random.default_rng(95)
    x, w = random.normal(size=(3, 5)), random.normal(size=(3, 5))

    def parts(x: Any, eps: float) -> Any:
        m = x - x.mean(1, keepdims=True)
        i = 1 / np.sqrt((m**2).mean(1, keepdims=True) + eps)
        return m * i, i

    def gradient(eps: float) -> Any:
        def g(x: Any) -> Any:
            n, i = parts(x, eps)
            return i * (w - w.mean(1, keepdims=True) - n * (w * n).mean(1, keepdims=True))

        return g

    return both(
        Case(
            name="layer_norm_without_epsilon",
            kind=KIND,
            cost=lambda x: (w * parts(x, 1e-3)[0]).sum(),
            params=x,
            right=gradient(1e-3),
            wrong=(slip("no epsilon", gradient(0.0)), slip("1e-5", gradient(1e-5))),
        )
    )


def one_less() -> tuple[Case, ...]:
    """n - 1 or n, of 1000."""
    random = np.random.default_rng(96)
    X = random.normal(size=(1000, 2))
    y = random.normal(size=1000)

    def right(w: Any) -> Any:
        return 2 * X.T @ (X @ w - y) / 999

    return both(
        Case(
            name="one_less",
            kind=KIND,
            cost=lambda w: ((X @ w - y) ** 2).sum() / 999,
            params=np.array([0.7, -1.3]),
            right=right,
            wrong=(slip("n", times(right, 0.999)),),
        )
    )


def gelu_by_tanh() -> tuple[Case, ...]:
    """GELU's usual approximation, with sqrt(2 / π) taken as 0.798, or its cubic term left out."""
    x = np.array([[-1.5, 0.3], [0.9, 2.0], [-0.4, 1.1]])
    root = np.sqrt(2 / np.pi)

    def cost(x: Any) -> Any:
        return (x / 2 * (1 + np.tanh(root * (x + 0.044715 * x**3)))).sum()

    def gradient(root: float, cubic: float = 0.044715) -> Any:
        def g(x: Any) -> Any:
            t = np.tanh(root * (x + 0.044715 * x**3))
            return (1 + t) / 2 + x / 2 * (1 - t * t) * root * (1 + 3 * cubic * x**2)

        return g

    return both(
        Case(
            name="gelu_by_tanh",
            kind=KIND,
            cost=cost,
            params=x,
            right=gradient(root),
            wrong=(
                slip("0.798", gradient(0.798)),
                slip("0.0447", gradient(root, 0.0447)),
                slip("cubic term not differentiated", gradient(root, 0.0)),
            ),
        )
    )


def pendulum() -> tuple[Case, ...]:
    """9.81 and 9.80665, in nested parameters."""
    params = {"length": np.array([1.2, 0.8]), "angle": np.array([0.4, -0.9])}

    def cost(p: Any) -> Any:
        return 9.80665 * (p["length"] * (1 - np.cos(p["angle"]))).sum()

    def gradient(g: float) -> Any:
        return lambda p: {
            "length": g * (1 - np.cos(p["angle"])),
            "angle": g * p["length"] * np.sin(p["angle"]),
        }

    right = gradient(9.80665)
    return both(
        Case(
            name="pendulum",
            kind=KIND,
            cost=cost,
            params=params,
            right=right,
            wrong=(
                slip("9.81", gradient(9.81)),
                Wrong(
                    "9.80665 and 9.81", lambda p: {**right(p), "angle": gradient(9.81)(p)["angle"]}
                ),
            ),
        )
    )


def series_cut_short() -> tuple[Case, ...]:
    """A cosine by its series, with one term less in the slope."""
    x = np.array([0.4, -0.7, 0.9])

    def right(x: Any) -> Any:
        return -x + x**3 / 6 - x**5 / 120 + x**7 / 5040

    return both(
        Case(
            name="series_cut_short",
            kind=KIND,
            cost=lambda x: (1 - x**2 / 2 + x**4 / 24 - x**6 / 720 + x**8 / 40320).sum(),
            params=x,
            right=right,
            wrong=(
                slip("x⁷ forgotten", lambda x: right(x) - x**7 / 5040),
                slip("x⁵ forgotten", lambda x: right(x) + x**5 / 120),
            ),
        )
    )


def not_an_error(relative: float) -> tuple[Case, ...]:
    """A gradient off by a tenth of what is promised to be caught."""
    x = np.linspace(0.2, 1.7, 5)
    return both(
        Case(
            name=f"not_an_error_{relative:g}",
            kind=KIND,
            cost=lambda x: np.exp(np.sin(x)).sum(),
            params=x,
            right=lambda x: (1 + relative) * np.cos(x) * np.exp(np.sin(x)),
            wrong=(
                slip(
                    "three times what is caught",
                    lambda x: (1 + 3e-6) * np.cos(x) * np.exp(np.sin(x)),
                ),
            ),
        )
    )


CASES = (
    *constant_added(),
    *pi_by_hand(),
    *layer_norm_without_epsilon(),
    *one_less(),
    *gelu_by_tanh(),
    *pendulum(),
    *series_cut_short(),
    *not_an_error(1e-7),
    *not_an_error(-1e-8),
)
