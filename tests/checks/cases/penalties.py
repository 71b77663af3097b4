"""Costs with a penalty on the parameters, and gradients that forget it or get it wrong.

What is left over is then a function of the parameters alone. That is the cause to name; the layers
in which it shows are not.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from tests.checks.cases.shape import FAIL, Case, Wrong, both, times

KIND = "penalty"
MISLEADING = ("wrong-activation", "bias-not-summed")

RANDOM = np.random.default_rng(61)
X = RANDOM.normal(size=(12, 4))
Y = np.eye(3)[RANDOM.integers(0, 3, 12)]
NET = {
    "W1": RANDOM.normal(size=(4, 5)),
    "b1": 0.3 * RANDOM.normal(size=5),
    "W2": RANDOM.normal(size=(5, 3)),
    "b2": 0.3 * RANDOM.normal(size=3),
}


def outputs(p: Any) -> Any:
    """The hidden layer and the softmax of a small classifier."""
    a = np.tanh(X @ p["W1"] + p["b1"])
    s = a @ p["W2"] + p["b2"]
    e = np.exp(s - s.real.max(1, keepdims=True))
    return a, e / e.sum(1, keepdims=True)


def loss(p: Any) -> Any:
    """Its mean cross-entropy."""
    return -(Y * np.log(outputs(p)[1])).sum() / 12


def loss_slope(p: Any) -> Any:
    """The gradient of `loss`."""
    a, q = outputs(p)
    d = (q - Y) / 12
    e = d @ p["W2"].T * (1 - a * a)
    return {"W1": X.T @ e, "b1": e.sum(0), "W2": a.T @ d, "b2": d.sum(0)}


def penalised(
    name: str, value: Callable[[Any], Any], slope: Callable[[Any], dict[str, Any]]
) -> tuple[Case, ...]:
    """The classifier with a penalty; `slope` gives its gradient where that is not zero."""

    def with_part(part: float) -> Any:
        def gradient(p: Any) -> Any:
            extra = slope(p)
            return {key: g + part * extra.get(key, 0) for key, g in loss_slope(p).items()}

        return gradient

    return both(
        Case(
            name=f"penalty_{name}",
            kind=KIND,
            cost=lambda p: loss(p) + value(p),
            params=NET,
            right=with_part(1),
            wrong=(
                Wrong("forgotten", loss_slope, FAIL, None, (*MISLEADING, "weight-decay")),
                Wrong("half of it", with_part(0.5), FAIL, None, MISLEADING),
                Wrong("its sign", with_part(-1), FAIL, None, MISLEADING),
            ),
        )
    )


def weights(function: Callable[[Any], Any]) -> Callable[[Any], dict[str, Any]]:
    """A slope that each of the two weights has alike."""
    return lambda p: {key: function(p[key]) for key in ("W1", "W2")}


def absolute(v: Any) -> Any:
    """|v|, in a way that keeps imaginary parts."""
    return v * np.sign(v.real)


def group(W: Any) -> Any:
    """The lengths of the columns of W."""
    return np.sqrt((W**2).sum(0))


def smoothness() -> tuple[Case, ...]:
    """A curve fitted to data, its second differences penalised: an array of one axis, no layers."""
    t = np.linspace(0, 3, 9)
    y = np.sin(t) + 0.1 * np.cos(17 * t)
    D = np.diff(np.eye(9), 2, axis=0)
    u = y + 0.2 * np.cos(5 * t)

    def fit(u: Any) -> Any:
        return u - y

    def right(u: Any) -> Any:
        return fit(u) + 3 * D.T @ (D @ u)

    return both(
        Case(
            name="penalty_smoothness",
            kind=KIND,
            cost=lambda u: ((u - y) ** 2).sum() / 2 + 1.5 * ((D @ u) ** 2).sum(),
            params=u,
            right=right,
            wrong=(
                Wrong("forgotten", fit),
                Wrong("half of it", lambda u: fit(u) + 1.5 * D.T @ (D @ u)),
                Wrong(
                    "transpose forgotten", lambda u: fit(u) + 3 * (D @ u) @ D * np.r_[0, [1] * 8]
                ),
            ),
        )
    )


def close_to_a_prior() -> tuple[Case, ...]:
    """Means and log deviations of a variational fit, held near a standard normal."""
    A = np.random.default_rng(62).normal(size=(4, 3))
    params = {"mean": np.array([0.4, -1.0, 0.7]), "log_deviation": np.array([-0.5, 0.2, -1.1])}

    def cost(p: Any) -> Any:
        m, s = p["mean"], np.exp(p["log_deviation"])
        fit = ((A @ m - 1) ** 2).sum() / 2 + ((A**2).sum(0) * s**2).sum() / 2
        return fit + (m**2 + s**2 - 1 - 2 * p["log_deviation"]).sum() / 2

    def right(p: Any) -> Any:
        m, s = p["mean"], np.exp(p["log_deviation"])
        return {
            "mean": A.T @ (A @ m - 1) + m,
            "log_deviation": (A**2).sum(0) * s**2 + s**2 - 1,
        }

    def without(p: Any) -> Any:
        g = right(p)
        s = np.exp(p["log_deviation"])
        return {"mean": g["mean"] - p["mean"], "log_deviation": g["log_deviation"] - s**2 + 1}

    return both(
        Case(
            name="penalty_prior",
            kind=KIND,
            cost=cost,
            params=params,
            right=right,
            wrong=(
                Wrong("forgotten", without),
                Wrong(
                    "by the deviation, not its logarithm",
                    lambda p: {
                        **right(p),
                        "log_deviation": right(p)["log_deviation"] / np.exp(p["log_deviation"]),
                    },
                ),
                Wrong("mean's sign", times(right, -1, "mean")),
            ),
        )
    )


CASES = (
    *penalised(
        "l1",
        lambda p: 0.05 * (absolute(p["W1"]).sum() + absolute(p["W2"]).sum()),
        weights(lambda v: 0.05 * np.sign(v)),
    ),
    *penalised(
        "l2_at_two_rates",
        lambda p: 0.05 * (p["W1"] ** 2).sum() + 0.15 * (p["W2"] ** 2).sum(),
        lambda p: {"W1": 0.1 * p["W1"], "W2": 0.3 * p["W2"]},
    ),
    *penalised(
        "fourth_power",
        lambda p: 0.05 * ((p["W1"] ** 4).sum() + (p["W2"] ** 4).sum()),
        weights(lambda v: 0.2 * v**3),
    ),
    *penalised(
        "l2_on_biases",
        lambda p: 0.05 * ((p["b1"] ** 2).sum() + (p["b2"] ** 2).sum()),
        lambda p: {"b1": 0.1 * p["b1"], "b2": 0.1 * p["b2"]},
    ),
    *penalised(
        "elastic_net",
        lambda p: (0.03 * absolute(p["W1"]) + 0.02 * p["W1"] ** 2).sum(),
        lambda p: {"W1": 0.03 * np.sign(p["W1"]) + 0.04 * p["W1"]},
    ),
    *penalised(
        "groups",
        lambda p: 0.1 * (group(p["W1"]).sum() + group(p["W2"]).sum()),
        weights(lambda v: 0.1 * v / group(v)),
    ),
    *penalised(
        "orthogonality",
        lambda p: 0.05 * ((p["W2"].T @ p["W2"] - np.eye(3)) ** 2).sum(),
        lambda p: {"W2": 0.2 * p["W2"] @ (p["W2"].T @ p["W2"] - np.eye(3))},
    ),
    *penalised(
        "activity",
        lambda p: 0.02 * (outputs(p)[0] ** 2).sum() / 12,
        lambda p: {
            "W1": X.T @ (a := outputs(p)[0], 0.04 * a * (1 - a * a) / 12)[1],
            "b1": (0.04 * a * (1 - a * a) / 12).sum(0),
        },
    ),
    *smoothness(),
    *close_to_a_prior(),
)
