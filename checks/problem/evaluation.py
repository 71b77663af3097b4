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
    """Copies of `values`, t times `d` away."""
    moved = [v.astype(np.result_type(v, t)) for v in values]
    for v, e in zip(moved, d, strict=True):
        v.reshape(-1)[: e.size] += t * e.reshape(-1)
    return moved


def in_double(values: Iterable[Array]) -> list[Array]:
    """The parameters in double precision at least: the oracles' own."""
    return [v.astype(np.result_type(v, np.float64), copy=False) for v in values]
