"""Evaluation: the cost away from the checked point, where it may leave its domain."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import numpy as np

from checks.parallel import executors
from checks.problem.nested import Array
from checks.problem.problem import Arrays, Subject


def value_or_nan(problem: Subject, values: Arrays) -> Any:
    """One run of the cost away from the checked point; NaN where it has left its domain.

    It may say so by any exception, if it still runs at the point itself. Where it does not, as in
    a process that lacks a file of its own, something else is wrong, and that error is raised.
    """
    with np.errstate(all="ignore"):
        try:
            return as_number(problem.cost(values))
        except (MemoryError, OSError):
            raise
        except Exception as error:  # noqa: BLE001 anyone's cost may raise anything
            problem.cost(in_double(problem.values))
            if not any(np.iscomplexobj(v) for v in values):
                problem.note(error, "the cost")
            return np.nan


def as_number(found: Any) -> Any:
    """What a cost gave back as a number: an array of one element is taken for it."""
    return found.reshape(())[()] if isinstance(found, np.ndarray) and found.size == 1 else found


def perturbed_costs(problem: Subject, tensor: int, at: Array, steps: Array) -> Array:
    """Perturb one parameter, rerun the cost, put it back: once for each step."""
    values = in_double(problem.values)
    moved = values[tensor].astype(np.result_type(values[tensor], steps))
    values[tensor] = moved
    costs = np.empty(len(at), np.result_type(steps, np.float64))
    flat = moved.reshape(-1)
    for row, (index, step) in enumerate(zip(at, steps, strict=True)):
        executors.heed()
        kept = flat[index]
        flat[index] = kept + step
        costs[row] = value_or_nan(problem, values)
        flat[index] = kept
    return costs


def displaced(values: Arrays, d: Arrays, t: complex) -> list[Array]:
    """`values`, t times `d` away: copies of those that move."""
    return [_moved(v, e.reshape(-1), t) if e.size else v for v, e in zip(values, d, strict=True)]


def _moved(v: Array, e: Array, t: complex) -> Array:
    """A copy whose first numbers are t times `e` away."""
    moved = np.empty(v.shape, np.result_type(v, t))
    flat, old = moved.reshape(-1), v.reshape(-1)
    first = np.multiply(e, t, out=flat[: e.size])
    first += old[: e.size]
    flat[e.size :] = old[e.size :]
    return moved


def in_double(values: Iterable[Array]) -> list[Array]:
    """The parameters in double precision at least: the oracles' own."""
    return [v.astype(np.result_type(v, np.float64), copy=False) for v in values]
