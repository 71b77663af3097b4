"""The sweep: every coordinate of every tensor put before an oracle, a block of lines at a time.

The plain way is here in full: add a step to one parameter, run the cost, put the parameter back.
A subject that knows a faster rerun is asked for it instead.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

import numpy as np

from checks import rounding
from checks.nest import Array
from checks.oracles import Estimate, Lines, Oracle
from checks.subject import Arrays, Subject

BLOCK = 4096


def sweep(
    subject: Subject,
    oracle: Oracle,
    *,
    noise: float,
    size: float,
    naive: bool = False,
    progress: Callable[[int], None] = lambda done: None,
) -> list[Estimate]:
    """The slope of the cost along every coordinate, tensor by tensor, flat."""
    estimates = []
    for tensor, values in enumerate(subject.values):
        found = []
        for start in range(0, values.size, BLOCK):
            indices = np.arange(start, min(start + BLOCK, values.size))
            lines = coordinates(subject, tensor, indices, noise=noise, size=size, naive=naive)
            found.append(oracle(lines))
            progress(len(indices))
        estimates.append(_join(found))
    return estimates


def coordinates(
    subject: Subject,
    tensor: int,
    indices: Array,
    *,
    noise: float,
    size: float,
    naive: bool = False,
) -> Lines:
    """One line along each of a tensor's coordinates, given by flat index."""
    rerun = subject.rerun

    def costs(steps: Array) -> Array:
        if rerun is not None and not naive:
            return rerun(tensor, indices, steps)
        return plain_rerun(subject, tensor, indices, steps)

    scale = rounding.scale(subject.values[tensor]).reshape(-1)[indices]
    return Lines(costs=costs, scale=scale, noise=noise, size=size)


def plain_rerun(subject: Subject, tensor: int, indices: Array, steps: Array) -> Array:
    """Perturb one parameter, rerun the cost, put it back: once for each step."""
    values = wide(subject.values)
    moved = values[tensor].astype(np.result_type(values[tensor], steps))
    values[tensor] = moved
    costs = np.empty(len(indices), np.result_type(steps, np.float64))
    flat = moved.reshape(-1)
    for row, (index, step) in enumerate(zip(indices, steps, strict=True)):
        kept = flat[index]
        flat[index] = kept + step
        costs[row] = run(subject, values)
        flat[index] = kept
    return costs


def direction(subject: Subject, d: Arrays, *, noise: float, size: float) -> Lines:
    """The single line θ + t d; a step of 1 moves each parameter by its entry of `d`."""
    values = wide(subject.values)

    def costs(steps: Array) -> Array:
        return np.asarray(
            [run(subject, [v + t * e for v, e in zip(values, d, strict=True)]) for t in steps]
        )

    return Lines(costs=costs, scale=np.ones(1), noise=noise, size=size)


def run(subject: Subject, values: Arrays) -> Any:
    """One run of the cost away from the checked point, where it may leave its domain: then NaN."""
    with np.errstate(all="ignore"):
        try:
            return subject.cost(values)
        except ArithmeticError:
            return np.nan


def wide(values: Iterable[Array]) -> list[Array]:
    """The parameters in double precision at least: the oracles' own."""
    return [v.astype(np.result_type(v, np.float64), copy=False) for v in values]


def _join(found: list[Estimate]) -> Estimate:
    return Estimate(
        slope=np.concatenate([e.slope for e in found] or [np.empty(0)]),
        error=np.concatenate([e.error for e in found] or [np.empty(0)]),
    )
