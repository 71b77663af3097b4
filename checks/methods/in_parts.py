"""A sweep of some coordinates only: a random sample, or as many as it takes to find some wrong.

What is not looked at is "not checked", which is never passed. Each part is swept like a problem of
its own (`checks.problem.part`), but with what rounding does to the whole.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from checks.methods.run import CheckRun, Sizes
from checks.methods.sweep import sweep_all
from checks.oracles import rounding
from checks.problem.nested import Array
from checks.problem.part import Chosen, draw, part_of, restricted
from checks.verdict.findings import Findings
from checks.verdict.rule import Reason, Status

# Where a check ends at the first wrong coordinates, so many are looked at first, and twice as many
# each time after that.
FIRST = 64


def sweep_in_parts(this: CheckRun, analytic: dict[str, Array]) -> Findings:
    """Measure and decide the coordinates that are drawn, until enough of them are wrong."""
    chosen = [np.arange(v.size) for v in this.problem.values]
    if this.options.sample is not None:
        chosen = draw(this.problem, this.options.sample, this.options.seed)
    this.share = sum(at.size for at in chosen) / this.problem.parameters
    return sweep_some(this, analytic, chosen)


def sweep_some(this: CheckRun, analytic: dict[str, Array], chosen: Chosen) -> Findings:
    """Measure and decide some coordinates, flat indices by tensor, until enough are wrong."""
    whole = this.problem
    drawn = restricted(whole, chosen, analytic)
    this.beside = Sizes(
        all=_sizes(whole.values, [analytic[name] for name in whole.names]),
        drawn=_sizes(part_of(whole, chosen).values, [drawn[name] for name in whole.names]),
    )
    found = unchecked({name: analytic[name] for name in whole.names})
    _ = this.blind or this.complex_doubt, this.noise  # as the whole has them
    for part in _parts(chosen, doubling=this.options.stop_after is not None):
        this.problem = part_of(whole, part)
        own = sweep_all(this, restricted(whole, part, analytic))
        this.problem = whole
        _write(found, own, dict(zip(whole.names, part, strict=True)))
        wrong = sum(at.size for at in found.where(Status.FAIL).values())
        if this.options.stop_after is not None and wrong >= this.options.stop_after:
            break
    return found


def _sizes(values: tuple[Array, ...], slopes: list[Array]) -> list[tuple[float, float]]:
    pairs = zip(values, slopes, strict=True)
    return [
        rounding.largest_slope_and_change(v, np.asarray(g, np.float64).reshape(-1))
        for v, g in pairs
    ]


def _parts(chosen: Chosen, *, doubling: bool) -> Iterator[list[Array]]:
    """All that is chosen, in the order of the tensors: at once, or ever more at a time."""
    total = sum(at.size for at in chosen)
    starts = np.cumsum([0, *(at.size for at in chosen)])[:-1]
    start, size = 0, FIRST if doubling else total
    while start < total:
        stop = start + size
        yield [
            at[max(0, start - first) : max(0, stop - first)]
            for at, first in zip(chosen, starts, strict=True)
        ]
        start, size = stop, 2 * size


def unchecked(analytic: dict[str, Array]) -> Findings:
    """The findings where nothing was looked at yet."""

    def filled(value: float, dtype: type) -> dict[str, Array]:
        return {name: np.full(a.shape, value, dtype) for name, a in analytic.items()}

    return Findings(
        analytic=analytic,
        numeric=filled(np.nan, np.float64),
        tolerance=filled(0.0, np.float64),
        status=filled(Status.UNCHECKED, np.int8),
        reason=filled(Reason.NONE, np.int8),
        resolution=filled(0.0, np.float64),
        within=filled(np.nan, np.float64),
        noise=filled(np.nan, np.float64),
    )


def _write(found: Findings, own: Findings, part: dict[str, Array]) -> None:
    for kind in ("numeric", "tolerance", "status", "reason", "resolution", "within", "noise"):
        for name, at in part.items():
            getattr(found, kind)[name].reshape(-1)[at] = getattr(own, kind)[name]
