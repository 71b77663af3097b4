"""Forms of bad conduct: a right black box and a generator in, the box with one thing wrong out."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
from random_cases import Box, Parameters

Form = Callable[[Box, np.random.Generator], Box]


# --- costs ------------------------------------------------------------------------------------


def cost_gives(change: Callable[[Any], Any]) -> Form:
    """A form whose cost comes out changed."""
    return lambda box, rng: replace(box, cost=lambda p: change(box.cost(p)))


def cost_first(act: Callable[[Box, Parameters], Any]) -> Form:
    """A form whose cost does something to the box's data or its own parameters first."""

    def form(box: Box, _rng: np.random.Generator) -> Box:
        def cost(p: Parameters) -> Any:
            act(box, p)
            return box.cost(p)

        return replace(box, cost=cost)

    return form


def cost_counted(change: Callable[[Any, int], Any]) -> Form:
    """A form whose cost knows how often it was called."""

    def form(box: Box, _rng: np.random.Generator) -> Box:
        calls = iter(range(10**9))
        return replace(box, cost=lambda p: change(box.cost(p), next(calls)))

    return form


def cost_noisy(box: Box, rng: np.random.Generator) -> Box:
    """Fresh noise in every call."""
    return replace(box, cost=lambda p: box.cost(p) * rng.uniform(0.9, 1.1))


def cost_dropout(box: Box, rng: np.random.Generator) -> Box:
    """A fresh dropout mask in every call."""
    return replace(
        box, cost=lambda p: box.cost({n: v * (rng.random(v.shape) < 0.5) for n, v in p.items()})
    )


def cost_casts(dtype: Any) -> Form:
    """A form whose cost casts its parameters."""

    def form(box: Box, _rng: np.random.Generator) -> Box:
        def cost(p: Parameters) -> float:
            return float(box.cost({n: np.real(v).astype(dtype) for n, v in p.items()}))

        return replace(box, cost=cost)

    return form


# --- gradients --------------------------------------------------------------------------------


def one(change: Callable[[Any], Any], *, matrix: bool = True) -> Form:
    """A form in which one tensor of the gradient, a matrix or a vector, comes out changed."""

    def form(box: Box, rng: np.random.Generator) -> Box:
        name = str(rng.choice([n for n, v in box.params.items() if (v.ndim == 2) == matrix]))

        def gradients(p: Parameters) -> Parameters:
            g = box.gradients(p)
            return {**g, name: change(g[name])}

        return replace(box, gradients=gradients)

    return form


def nested(change: Callable[[Parameters], Any]) -> Form:
    """A form in which the whole gradient comes out changed."""
    return lambda box, rng: replace(box, gradients=lambda p: change(box.gradients(p)))


def afterwards(act: Callable[[Box, Parameters, Parameters], Any]) -> Form:
    """A form whose gradient does something to data or parameters before it returns."""

    def form(box: Box, _rng: np.random.Generator) -> Box:
        def gradients(p: Parameters) -> Parameters:
            g = box.gradients(p)
            act(box, p, g)
            return g

        return replace(box, gradients=gradients)

    return form


def accumulating(*, part: bool, copied: bool) -> Form:
    """A form that adds each call's gradient to the last; of one tensor only, or of all."""

    def form(box: Box, _rng: np.random.Generator) -> Box:
        names = list(box.params)[: 1 if part else None]
        total = {name: np.zeros_like(box.params[name]) for name in names}

        def gradients(p: Parameters) -> Parameters:
            g = box.gradients(p)
            for name in names:
                total[name] += g[name]
            return {**g, **({n: t.copy() for n, t in total.items()} if copied else total)}

        return replace(box, gradients=gradients)

    return form


def buffered(*, part: bool, view: bool) -> Form:
    """A form that returns buffers which the next call fills again, whole or as views."""

    def form(box: Box, _rng: np.random.Generator) -> Box:
        names = list(box.params)[: 1 if part else None]
        pool = np.zeros(sum(box.params[name].size for name in names))
        sizes = np.cumsum([0, *(box.params[name].size for name in names)])
        own = {
            name: (pool[start:stop] if view else np.zeros(stop - start)).reshape(
                box.params[name].shape
            )
            for name, start, stop in zip(names, sizes[:-1], sizes[1:], strict=True)
        }

        def gradients(p: Parameters) -> Parameters:
            g = box.gradients(p)
            for name in names:
                own[name][...] = g[name]
            return {**g, **own}

        return replace(box, gradients=gradients)

    return form


def random_factor(box: Box, rng: np.random.Generator) -> Box:
    """Another factor in every call."""
    return nested(lambda g: {n: v * rng.uniform(0.9, 1.1) for n, v in g.items()})(box, rng)


def random_mask(box: Box, rng: np.random.Generator) -> Box:
    """A dropout mask of its own in every call, never the whole."""

    def masked(g: Any) -> Any:
        mask = rng.permutation(g.size).reshape(g.shape)
        return g * (mask + rng.random())

    return one(masked)(box, rng)


def last_bits(box: Box, rng: np.random.Generator) -> Box:
    """A unit in the last place, in every call another way."""
    return one(lambda g: g * (1 + 2.0**-52 * rng.integers(-3, 4, g.shape)))(box, rng)


def momentum(box: Box, _rng: np.random.Generator) -> Box:
    """Nine tenths of what was there before."""
    kept: Parameters = {}

    def gradients(p: Parameters) -> Parameters:
        for name, g in box.gradients(p).items():
            kept[name] = 0.9 * kept.get(name, 0) + g
        return dict(kept)

    return replace(box, gradients=gradients)


def stale(*, part: bool) -> Form:
    """A form whose gradient belongs to the parameters that the cost saw last; of one tensor or all.

    As where the forward pass keeps its activations, and a backward pass by itself reads them.
    """

    def form(box: Box, _rng: np.random.Generator) -> Box:
        names = list(box.params)[: 1 if part else None]
        seen: Parameters = {}

        def cost(p: Parameters) -> Any:
            seen.update({name: v.copy() for name, v in p.items()})
            return box.cost(p)

        def gradients(p: Parameters) -> Parameters:
            kept = box.gradients(seen)
            return {**box.gradients(p), **{name: kept[name] for name in names}}

        return replace(box, cost=cost, gradients=gradients)

    return form


def change_in_place(array: Any, change: Callable[[Any], Any]) -> None:
    """Overwrite an array by what `change` makes of it."""
    array[...] = change(array)


def first(values: Parameters) -> Any:
    """The first tensor."""
    return values[next(iter(values))]


def last(values: Parameters) -> Any:
    """The last tensor."""
    return values[list(values)[-1]]


def with_one(g: Any, value: float) -> Any:
    """A copy with `value` in its middle."""
    found = g.copy()
    found.reshape(-1)[g.size // 2] = value
    return found
