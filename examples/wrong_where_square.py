"""A network whose backward pass turns a matrix round until it fits: wrong where either way fits.

    gradcheck examples/wrong_where_square.py:make --search        # finds the smallest such network
    gradcheck examples/wrong_where_square.py:repaired --search    # finds nothing

A check of one network of 4-3-2 passes. docs/search.md shows what the search prints.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

Params = dict[str, np.ndarray]
Parts = tuple[Callable[[Params], np.ndarray], Callable[[Params], Params], Params]


def turned_to_fit(delta: np.ndarray, W: np.ndarray) -> np.ndarray:
    """Delta through W, whichever way round W fits."""
    return delta @ W if delta.shape[1] == W.shape[0] else delta @ W.T


def transposed(delta: np.ndarray, W: np.ndarray) -> np.ndarray:
    """Delta back through W, which is always its transpose."""
    return delta @ W.T


def network(
    shape: tuple[int, int, int],
    batch_size: int,
    seed: int,
    back: Callable[[np.ndarray, np.ndarray], np.ndarray],
) -> Parts:
    """A cost, its gradient and parameters: two layers, tanh between them, no biases."""
    rng = np.random.default_rng(seed)
    x, y = rng.normal(size=(batch_size, shape[0])), rng.normal(size=(batch_size, shape[2]))
    params = {"W1": rng.normal(size=shape[:2]), "W2": rng.normal(size=shape[1:])}

    def cost(params: Params) -> np.ndarray:
        prediction = np.tanh(x @ params["W1"]) @ params["W2"]
        return ((prediction - y) ** 2).sum() / 2 / batch_size

    def gradients(params: Params) -> Params:
        hidden = np.tanh(x @ params["W1"])
        delta2 = (hidden @ params["W2"] - y) / batch_size
        delta1 = back(delta2, params["W2"]) * (1 - hidden**2)
        return {"W1": x.T @ delta1, "W2": hidden.T @ delta2}

    return cost, gradients, params


def make(shape: tuple[int, int, int], batch_size: int, seed: int) -> Parts:
    """The wrong one."""
    return network(shape, batch_size, seed, turned_to_fit)


def repaired(shape: tuple[int, int, int], batch_size: int, seed: int) -> Parts:
    """The same, put right."""
    return network(shape, batch_size, seed, transposed)


if __name__ == "__main__":
    from checks import search

    print(search(make))
