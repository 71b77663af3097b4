"""A network of two layers whose backward pass is wrong on purpose: a sign, in one factor.

    gradcheck examples/wrong_sign.py:subject     # fails, and says where and why
    gradcheck examples/wrong_sign.py:repaired    # passes

The README shows the report of the first.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

Params = dict[str, np.ndarray]

_rng = np.random.default_rng(0)
x, y = _rng.normal(size=(8, 5)), _rng.normal(size=(8, 2))
params = {
    "W1": _rng.normal(size=(5, 4)),
    "b1": _rng.normal(size=4),
    "W2": _rng.normal(size=(4, 2)),
    "b2": _rng.normal(size=2),
}


def cost(params: Params) -> np.ndarray:
    """Half the squared error, averaged over the batch."""
    hidden = np.tanh(x @ params["W1"] + params["b1"])
    prediction = hidden @ params["W2"] + params["b2"]
    return ((prediction - y) ** 2).sum() / 2 / len(x)


def backward(params: Params, slope: Callable[[np.ndarray], np.ndarray]) -> Params:
    """The gradient of `cost`, given the derivative of tanh in terms of its result."""
    hidden = np.tanh(x @ params["W1"] + params["b1"])
    delta2 = (hidden @ params["W2"] + params["b2"] - y) / len(x)
    delta1 = (delta2 @ params["W2"].T) * slope(hidden)
    return {
        "W1": x.T @ delta1,
        "b1": delta1.sum(axis=0),
        "W2": hidden.T @ delta2,
        "b2": delta2.sum(axis=0),
    }


def wrong(params: Params) -> Params:
    """The derivative of tanh is 1 - a^2, not a^2 - 1."""
    return backward(params, lambda a: a**2 - 1)


def right(params: Params) -> Params:
    """The same with the sign put right."""
    return backward(params, lambda a: 1 - a**2)


subject = (cost, wrong, params)
repaired = (cost, right, params)


if __name__ == "__main__":
    from checks import check_gradients

    print(check_gradients(cost, wrong, params))
