"""Evaluation: the cost away from the checked point, where it may leave its domain."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from itertools import islice
from typing import Any

import numpy as np

from checks.parallel import executors
from checks.problem.nested import Array
from checks.problem.problem import Arrays, Problem

# Numbers in a stack of parameter sets: of 32 MiB in double precision.
STACK = 2**22


def value_or_nan(problem: Problem, values: Arrays) -> Any:
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


def perturbed_costs(problem: Problem, tensor: int, at: Array, steps: Array) -> Array:
    """Perturb one parameter, rerun the cost, put it back: once for each step."""
    if problem.whole is not None:  # which need not be put together for that
        return perturbed_costs(problem.whole, tensor, problem.chosen[tensor][at], steps)
    values = in_double(problem.values)
    moved = values[tensor].astype(np.result_type(values[tensor], steps))
    values[tensor] = moved
    if problem.costs is not None:
        return costs_at(
            problem, (_single(values, tensor, *each) for each in zip(at, steps, strict=True))
        )
    costs = np.empty(len(at), np.result_type(steps, np.float64))
    flat = moved.reshape(-1)
    for row, (index, step) in enumerate(zip(at, steps, strict=True)):
        executors.stop_if_cancelled()
        kept = flat[index]
        flat[index] = kept + step
        costs[row] = value_or_nan(problem, values)
        flat[index] = kept
    return costs


def _single(values: list[Array], tensor: int, index: int, step: complex) -> list[Array]:
    """The parameters with one number of one tensor moved."""
    moved = values[tensor].copy()
    moved.reshape(-1)[index] += step
    return [*values[:tensor], moved, *values[tensor + 1 :]]


def costs_at(problem: Problem, sets: Iterable[Arrays]) -> Array:
    """The costs at many parameter sets: one by one, or as many at once as fit into `STACK` numbers.

    Where a call of many fails, each is run alone.
    """
    if problem.costs is None:
        return np.asarray([value_or_nan(problem, each) for each in sets])
    size = max(1, STACK // max(1, (problem.whole or problem).parameters))
    found: list[Any] = []
    rest = iter(sets)
    while some := list(islice(rest, size)):
        executors.stop_if_cancelled()
        found += _together(problem, problem.costs, some)
    return np.asarray(found)


def _together(problem: Problem, costs: Callable[[Arrays], Any], some: list[Arrays]) -> list[Any]:
    with np.errstate(all="ignore"):
        try:
            return list(costs([np.stack(each) for each in zip(*some, strict=True)]))
        except (MemoryError, OSError):
            raise
        except Exception:  # noqa: BLE001 some of them may lie beyond its domain
            return [value_or_nan(problem, each) for each in some]


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
