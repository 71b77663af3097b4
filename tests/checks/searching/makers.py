"""Makers for the tests of a search: right ones, and ones that are wrong where a shape shows it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from checks.problem.nested import Array

Parts = tuple[Callable[..., Any], Callable[..., Any], dict[str, Array]]


def layer(
    shape: tuple[int, ...],
    batch_size: int,
    seed: int,
    wrong: Callable[[Array, int], Array] = lambda dW, batch_size: dW,
) -> Parts:
    """A layer of tanh and half its mean squared error; `wrong` changes its dW."""
    rng = np.random.default_rng(seed)
    x, y = rng.normal(size=(batch_size, shape[0])), rng.normal(size=(batch_size, shape[-1]))

    def cost(params: dict[str, Array]) -> Any:
        a = np.tanh(x @ params["W"] + params["b"])
        return ((a - y) ** 2).sum() / 2 / batch_size

    def gradients(params: dict[str, Array]) -> dict[str, Array]:
        a = np.tanh(x @ params["W"] + params["b"])
        delta = (a - y) * (1 - a**2) / batch_size
        return {"W": wrong(x.T @ delta, batch_size), "b": delta.sum(axis=0)}

    W, b = rng.normal(size=(shape[0], shape[-1])), rng.normal(size=shape[-1])
    return cost, gradients, {"W": W, "b": b}


def right(shape: tuple[int, ...], batch_size: int, seed: int) -> Parts:
    """No mistake."""
    return layer(shape, batch_size, seed)


def square(shape: tuple[int, ...], batch_size: int, seed: int) -> Parts:
    """Transposed where that fits."""
    return layer(shape, batch_size, seed, lambda g, _: g.T if len(set(g.shape)) == 1 else g)


def one_sample(shape: tuple[int, ...], batch_size: int, seed: int) -> Parts:
    """Halved for a batch of one."""
    return layer(shape, batch_size, seed, lambda g, batch: g / 2 if batch == 1 else g)


def several_samples(shape: tuple[int, ...], batch_size: int, seed: int) -> Parts:
    """Divided by the batch size once more, from three samples on."""
    return layer(shape, batch_size, seed, lambda g, batch: g / batch if batch > 2 else g)


def drawing(draw: Any) -> Any:
    """Draws a size and a factor, and is wrong for sizes from 3 and factors above 1."""
    from hypothesis import strategies as st

    n = draw(st.integers(1, 10))
    factor = draw(st.sampled_from([0.5, 1.0, 2.0]))
    off = 1.5 if n >= 3 and factor > 1 else 1.0
    return (
        lambda x: factor * (x**2).sum() / 2,
        lambda x: off * factor * x,
        np.arange(1.0, n + 1),
    )
