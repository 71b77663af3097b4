"""Dispatch: the ways to check a problem, by name.

- "sweep": every coordinate, by the problem's faster rerun where there is one;
- "naive": every coordinate, by the plain rerun;
- "probe": all at once, and bisection to the culprits;
- "taylor": the slope along one direction.
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import closing
from dataclasses import replace
from functools import wraps
from typing import Unpack

import numpy as np

from checks.methods.in_parts import sweep_in_parts
from checks.methods.options import DEFAULTS, CheckOptions, Options
from checks.methods.probe import probe
from checks.methods.sweep import sweep
from checks.methods.taylor import taylor
from checks.parallel.blas_threads import FewThreads
from checks.problem.problem import Problem
from checks.verdict.report import Report


def _with_few_threads(
    check: Callable[[Problem, CheckOptions], Report],
) -> Callable[[Problem, CheckOptions], Report]:
    """The check with BLAS on one thread where the cost is quick; a network sees to that itself."""

    @wraps(check)
    def inside(problem: Problem, options: CheckOptions) -> Report:
        if problem.jittered is not None or problem.costs is not None:
            return check(problem, options)
        with closing(FewThreads()) as threads:
            return check(replace(problem, cost=threads.timed(problem.cost)), options)

    return inside


def run_check(
    problem: Problem, options: CheckOptions = DEFAULTS, /, **changed: Unpack[Options]
) -> Report:
    """Check `problem` by the method that `options` name, some of them `changed`."""
    return _run(problem, replace(options, **changed))


@_with_few_threads
@np.errstate(all="ignore")  # what overflows or is not a number becomes part of the report
def _run(problem: Problem, options: CheckOptions) -> Report:
    if options.method == "probe":
        return probe(problem, options)
    if options.method == "taylor":
        return taylor(problem, options)
    if options.sample is not None or options.stop_after is not None:
        return sweep(problem, options, look=sweep_in_parts)
    return sweep(problem, options)
