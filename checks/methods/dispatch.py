"""Dispatch: the ways to check a problem, by name.

- "sweep": every coordinate, by the problem's faster rerun where there is one;
- "naive": every coordinate, by the plain rerun;
- "probe": all at once, and bisection to the culprits;
- "taylor": the slope along one direction.
"""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import Executor
from contextlib import closing
from dataclasses import replace
from functools import wraps
from typing import Any, Concatenate, ParamSpec

import numpy as np

from checks.methods.in_parts import sweep_in_parts
from checks.methods.probe import probe
from checks.methods.run import CostError, Progress
from checks.methods.sweep import sweep
from checks.methods.taylor import taylor
from checks.parallel.blas_threads import FewThreads
from checks.problem.part import Sample
from checks.problem.problem import Problem
from checks.verdict.report import Report

SWEEPS = ("sweep", "naive")
METHODS = (*SWEEPS, "probe", "taylor")
ORACLES = ("auto", "complex", "real")

Options = ParamSpec("Options")


def _with_few_threads(
    check: Callable[Concatenate[Problem, Options], Report],
) -> Callable[Concatenate[Problem, Options], Report]:
    """The check with BLAS on one thread where the cost is quick; a network sees to that itself."""

    @wraps(check)
    def inside(problem: Problem, /, *given: Options.args, **options: Options.kwargs) -> Report:
        if problem.jittered is not None or problem.costs is not None:
            return check(problem, *given, **options)
        with closing(FewThreads()) as threads:
            timed = replace(problem, cost=threads.timed(problem.cost))
            return check(timed, *given, **options)

    return inside


@_with_few_threads
@np.errstate(all="ignore")  # what overflows or is not a number becomes part of the report
def run_check(
    problem: Problem,
    *,
    method: str = "sweep",
    oracle: str = "auto",
    rtol: float | None = None,
    strict: bool = False,
    seed: int = 0,
    progress: Progress = lambda done: None,
    executor: Executor | None = None,
    cost_error: CostError = None,
    repeatable: bool = True,
    sample: Sample | None = None,
    stop_after: int | None = None,
) -> Report:
    """Check `problem` by one of `METHODS`.

    `oracle`, `executor`, `sample` and `stop_after` are the sweeps' own.
    """
    common: dict[str, Any] = {
        "rtol": rtol,
        "strict": strict,
        "seed": seed,
        "progress": progress,
        "cost_error": cost_error,
        "repeatable": repeatable,
    }
    if method == "probe":
        return probe(problem, **common)
    if method == "taylor":
        return taylor(problem, **common)
    if sample is not None or stop_after is not None:
        common |= {"sample": sample, "stop_after": stop_after, "look": sweep_in_parts}
    return sweep(problem, method=method, oracle=oracle, executor=executor, **common)
