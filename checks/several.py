"""Several at once: the points of one problem, and the gradients of one cost.

Each is a problem of its own. Points are judged one after the other, and the worst decides; several
gradients share what the cost was measured to be, so that they differ in nothing but themselves.
"""

from __future__ import annotations

import hashlib
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from typing import Any

import numpy as np

from checks.problem import nested
from checks.problem.problem import Arrays, Problem
from checks.verdict.report import Report

SEVERITY = ("pass", "undecided", "fail")
CALLS = 3  # of a gradient, of which the fastest is told


def worst_of(reports: Sequence[Report]) -> int:
    """Which of them is the worst, the first of equals."""
    return max(range(len(reports)), key=lambda k: SEVERITY.index(reports[k].verdict))


# --- points -----------------------------------------------------------------------------------


def at_points(problem: Problem, points: Any, *, fixed: bool) -> list[Problem]:
    """The problem, and the same at each of some further points.

    Parameters
    ----------
    problem
        The one at the first point.
    points
        Parameter sets, nested and shaped like the first.
    fixed
        Whether the gradient was given as arrays, which hold at one point only.
    """
    if points is None:
        return [problem]
    if isinstance(points, Mapping | str) or not isinstance(points, Sequence | np.ndarray):
        raise TypeError(
            f"points: expected a list of parameter sets like params, got {type(points).__name__}"
        )
    if fixed:
        raise TypeError(
            "gradients: expected a function from the parameters to them beside points, got arrays,"
            " which hold at one point only"
        )
    return [problem, *(_moved(problem, point, k) for k, point in enumerate(points))]


def _moved(problem: Problem, point: Any, k: int) -> Problem:
    found = nested.flatten(point, root="params")
    wanted = {n: v.shape for n, v in zip(problem.names, problem.values, strict=True)}
    if {name: array.shape for name, array in found.items()} != wanted:
        raise ValueError(
            f"points: expected parameter sets like params, with"
            f" {', '.join(f'{n} {s}' for n, s in wanted.items())}, got"
            f" {', '.join(f'{n} {a.shape}' for n, a in found.items())} in points[{k}]"
        )
    values = []
    for name, v in zip(problem.names, problem.values, strict=True):
        if found[name].dtype.kind not in "fiu" or not np.isfinite(found[name]).all():
            raise ValueError(
                f"points: expected finite real numbers in points[{k}], got others in {name!r}"
            )
        values.append(np.array(found[name], v.dtype))
    return replace(problem, values=tuple(values))


def of_points(reports: Sequence[Report]) -> Report:
    """The worst of them, with a word on which it is."""
    if len(reports) == 1:
        return reports[0]
    which = worst_of(reports)
    said = ", ".join(f"{word} {sum(r.verdict == word for r in reports)}" for word in SEVERITY
                     if any(r.verdict == word for r in reports))  # fmt: skip
    place = "params" if which == 0 else f"points[{which - 1}]"
    note = f"{len(reports)} points were checked: {said}; the figures are of {place}"
    worst = reports[which]
    seconds = sum(report.seconds for report in reports)
    return replace(worst, seconds=seconds, notes=(*worst.notes, note))


# --- gradients --------------------------------------------------------------------------------


def are_several(gradients: Any) -> bool:
    """Whether what was given for the gradients is several of them, by name."""
    return (
        isinstance(gradients, Mapping)
        and len(gradients) > 0
        and all(callable(each) and not hasattr(each, "__array__") for each in gradients.values())
    )


@dataclass(frozen=True, eq=False, kw_only=True)
class Measured:
    """A cost that remembers what it was, by the bits of its parameters."""

    function: Callable[[Arrays], Any]
    kept: dict[bytes, Any] = field(default_factory=dict)
    turn: Any = field(default_factory=threading.RLock)

    def __call__(self, values: Arrays) -> Any:
        """The cost there, measured once."""
        if any(type(v) is not np.ndarray for v in values):  # it watches what is done to it
            return self.function(values)
        digest = hashlib.blake2b(digest_size=16)
        for v in values:
            digest.update(v.dtype.char.encode())
            digest.update(np.ascontiguousarray(v).data)
        key = digest.digest()
        with self.turn:
            if key not in self.kept:
                self.kept[key] = self.function(values)
            return self.kept[key]

    def __reduce__(self) -> Any:
        """In another process it begins anew."""
        return partial(Measured, function=self.function), ()


def measured_once(problems: Mapping[str, list[Problem]]) -> dict[str, list[Problem]]:
    """The same problems, by name and point, whose costs are measured for the first of them."""
    first = next(iter(problems.values()))
    costs = [Measured(function=problem.cost) for problem in first]
    return {
        name: [replace(problem, cost=cost) for problem, cost in zip(each, costs, strict=True)]
        for name, each in problems.items()
    }


def seconds_of(problem: Problem) -> float:
    """How long a call of the gradient takes: the fastest of a few."""
    found = []
    for _ in range(CALLS):
        values = [v.copy() for v in problem.values]
        start = time.perf_counter()
        problem.gradient(values)
        found.append(time.perf_counter() - start)
    return min(found)


def side_by_side(reports: Mapping[str, Report], seconds: Mapping[str, float]) -> Report:
    """The worst of several gradients' reports, with a line on each and how far apart they are."""
    worst = [*reports.values()][worst_of([*reports.values()])]
    (name,) = [n for n, report in reports.items() if report is worst][:1]
    lines = [f"{n}: {report.summary}; {seconds[n]:.2g} s a call" for n, report in reports.items()]
    table = {
        n: {
            "verdict": report.verdict,
            "checked": report.checked,
            "failed": report.failed,
            "undecided": report.undecided,
            "worst": max((t.worst for t in report.tensors), default=0.0),
            "seconds": seconds[n],
        }
        for n, report in reports.items()
    }
    return replace(
        worst,
        notes=(*worst.notes, *lines, f"the figures are of {name!r}"),
        seconds=sum(report.seconds for report in reports.values()),
        extra={**worst.extra, "gradients": table},
    )
