"""Methods: the ways to check a subject, by name.

- "sweep": every coordinate, by the subject's faster rerun where there is one;
- "naive": every coordinate, by the plain rerun;
- "probe": all at once, and bisection to the culprits;
- "taylor": the slope of the Taylor remainder along one direction.
"""

from __future__ import annotations

from concurrent.futures import Executor

import numpy as np

from checks.engine import check
from checks.probe import probe
from checks.report import Report
from checks.state import Progress
from checks.subject import Subject
from checks.taylor import taylor

SWEEPS = ("sweep", "naive")
METHODS = (*SWEEPS, "probe", "taylor")
ORACLES = ("auto", "complex", "ridders", "central")


@np.errstate(all="ignore")  # what overflows or is not a number becomes part of the report
def examine(
    subject: Subject,
    *,
    method: str = "sweep",
    oracle: str = "auto",
    rtol: float | None = None,
    seed: int = 0,
    progress: Progress = lambda done: None,
    executor: Executor | None = None,
) -> Report:
    """Check `subject` by one of `METHODS`; `oracle` and `executor` are the sweeps' own."""
    if method == "probe":
        return probe(subject, rtol=rtol, seed=seed, progress=progress)
    if method == "taylor":
        return taylor(subject, rtol=rtol, seed=seed, progress=progress)
    return check(
        subject,
        rtol=rtol,
        method=method,
        oracle=oracle,
        seed=seed,
        progress=progress,
        executor=executor,
    )
