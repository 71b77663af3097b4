"""Lines through the point at which a gradient is checked: what oracles measure slopes along.

`coordinates` lays one along each of a tensor's coordinates, `through` one along each of some
directions. An oracle does not know which.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from checks.oracles import rounding
from checks.problem.evaluation import costs_at, displaced, in_double, perturbed_costs
from checks.problem.nested import Array
from checks.problem.problem import Arrays, Problem


@dataclass(frozen=True, kw_only=True)
class Lines:
    """Lines through the point.

    Attributes
    ----------
    costs
        (positions (k,) among the lines, steps (k,), real or imaginary) to costs (k,).
    unit
        The natural size of a step along each line, (m,).
    spacing
        The distance of the numbers around the point, in steps along each line, (m,).
    """

    costs: Callable[[Array, Array], Array]
    unit: Array
    spacing: Array


def along_coordinates(problem: Problem, tensor: int, at: Array) -> Lines:
    """One line along each of a tensor's coordinates, given by flat index (m,).

    The unit is the parameter's size or, if that is larger, its tensor's typical one.
    """
    flat = problem.values[tensor].reshape(-1)
    sizes = np.abs(flat[at], dtype=np.float64)

    def costs(which: Array, steps: Array) -> Array:
        if problem.rerun is not None:
            problem.calls["cost"] += len(steps)
            with np.errstate(all="ignore"):
                return problem.rerun(tensor, at[which], steps)
        return perturbed_costs(problem, tensor, at[which], steps)

    return Lines(
        costs=costs,
        unit=np.maximum(sizes, tensor_scale(problem, tensor)),
        spacing=np.spacing(sizes),
    )


def along_directions(problem: Problem, directions: Sequence[Arrays]) -> Lines:
    """One line θ + t d for each of some directions d; a unit moves parameters by their d.

    An entry of d may be a vector that is shorter than its tensor: it moves the first numbers.
    """
    values = in_double(problem.values)

    def costs(which: Array, steps: Array) -> Array:
        moved = (displaced(values, directions[k], t) for k, t in zip(which, steps, strict=True))
        return costs_at(problem, moved)

    m = len(directions)
    return Lines(costs=costs, unit=np.ones(m), spacing=np.full(m, np.finfo(np.float64).eps))


def tensor_scale(problem: Problem, tensor: int) -> float:
    """A natural size of a change within a tensor, all of it, also where a part is checked."""
    return rounding.rms_scale((problem.whole or problem).values[tensor])


def step_scales(problem: Problem, tensor: int) -> Array:
    """A natural size of a change of each of a tensor's parameters, flat."""
    sizes = np.abs(problem.values[tensor].reshape(-1), dtype=np.float64)
    return np.maximum(sizes, tensor_scale(problem, tensor))


def random_signed_weights(rng: np.random.Generator, shape: int | tuple[int, ...]) -> Array:
    """Random signs times numbers uniform in [0.5, 1.5]: shares of a direction, none too small.

    Each is made of 32 random bits, which take half the time of a random float.
    """
    r = np.empty(shape)
    bits = rng.bit_generator.random_raw(-(-r.size // 2)).view(np.int32)[: r.size]
    np.multiply(bits.reshape(r.shape), 2.0**-31, out=r)  # uniform in [-1, 1)
    r += np.copysign(0.5, r)
    return r


def direction_by_size(problem: Problem, rng: np.random.Generator) -> list[Array]:
    """A direction that moves every number by about its own size, zeros by that of the others."""
    return [
        random_signed_weights(rng, v.shape).reshape(-1)
        * np.where(v == 0, tensor_scale(problem, k), v).reshape(-1)
        for k, v in enumerate(in_double(problem.values))
    ]


def direction_by_scale(
    problem: Problem, rng: np.random.Generator, *, most: int | None = None
) -> list[Array]:
    """A direction that moves every parameter, or `most` of each tensor, by about its own unit."""
    parts = [v.reshape(-1)[:most] for v in problem.values]
    return [random_signed_weights(rng, part.size) * rounding.step_scale(part) for part in parts]
