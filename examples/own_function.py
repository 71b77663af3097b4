"""Logistic regression, with a gradient derived by hand, as something that `gradcheck` can check.

    gradcheck examples/own_function.py:subject

`subject` is what the command looks for: cost, gradients and params. `cost` uses nothing that breaks
complex numbers (no abs, no comparison, no cast), so that the complex step can run it.
"""

from __future__ import annotations

import numpy as np

PENALTY = 0.01

_rng = np.random.default_rng(0)
x = _rng.normal(size=(50, 6))
y = np.where(x[:, 0] + 0.5 * _rng.normal(size=50) > 0, 1.0, -1.0)
params = {"w": _rng.normal(size=6), "b": np.asarray(0.1)}


def cost(params: dict[str, np.ndarray]) -> np.ndarray:
    """The mean of log(1 + exp(-y (x w + b))), and a penalty on w."""
    z = x @ params["w"] + params["b"]
    return np.log1p(np.exp(-y * z)).mean() + PENALTY / 2 * (params["w"] ** 2).sum()


def gradients(params: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
    """The gradient of `cost`, nested like `params`."""
    z = x @ params["w"] + params["b"]
    delta = -y / (1 + np.exp(y * z)) / len(y)
    return {"w": x.T @ delta + PENALTY * params["w"], "b": delta.sum()}


subject = (cost, gradients, params)


if __name__ == "__main__":
    from checks import check_gradients

    print(check_gradients(cost, gradients, params))
