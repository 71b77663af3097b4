"""Curves: the cost along a few coordinates at many steps, run when a page asks for it.

A check does not need them, so it does not run them; it keeps what it takes to do so later. A cost
that has changed by then says nothing about the check, and is left alone.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from checks.oracles import thresholds
from checks.oracles.levels import interval
from checks.oracles.lines import Lines, along_coordinates, along_directions, direction_by_size
from checks.output.curves import Curves, ErrorCurve, Interval, TaylorCurve
from checks.output.grids import WORDS
from checks.problem.evaluation import as_number, in_double
from checks.problem.nested import Array
from checks.problem.problem import Problem, in_its_block

# Steps of the Taylor test, by halves from a quarter of the scale; its slope is read over the
# smallest READ of them whose remainder stands clear of noise.
HALVINGS, READ = 40, 4

STEPS = 44  # halvings from a quarter of a coordinate's unit
CLEAR = 4.0  # times rounding: from there on an error counts for the truncation branch
BRANCH = (1.7, 2.3)  # powers of h that are taken for its 2


# Steps (levels,) along a coordinate, the costs there (4, levels), and the noise they were read at.
Looked = tuple[Array, Array, float]


@dataclass(frozen=True, kw_only=True)
class Place:
    """A coordinate with a curve, what was decided of it, and the costs it was decided by."""

    tensor: int
    flat: int
    analytic: float
    numeric: float
    tolerance: float
    status: int
    measured: Looked | None


@dataclass(frozen=True, kw_only=True)
class Source:
    """What it takes to measure curves: a checked problem, and what its cost was.

    `noise` says how far the cost is off; `seed` draws the direction of the Taylor test.
    """

    problem: Problem
    centre: float
    noise: Callable[[], float]
    seed: int
    gradient: Mapping[str, Array]
    places: tuple[Place, ...]


@dataclass(kw_only=True)
class LaterCurves:
    """Curves that are measured when they are first asked for; pickled, those that were."""

    source: Source | None
    found: Curves | None = field(default=None)

    def __call__(self) -> Curves:
        """Measure, once."""
        if self.found is None and self.source is not None:
            self.found = _curves(self.source.problem, self.source)
            self.source = None
        return self.found or Curves(missing="Curves were not measured before the report was sent.")

    def __getstate__(self) -> dict[str, Any]:
        return {"source": None, "found": self.found}


@in_its_block
@np.errstate(all="ignore")
def _curves(problem: Problem, source: Source) -> Curves:
    noise = source.noise()
    if changed := _changed(source, noise):
        return Curves(missing=changed)
    errors = [_error_curve(problem, source.centre, noise, place) for place in source.places]
    errors = [curve for curve in errors if curve.h]  # none has a finite cost on both sides
    return Curves(errors=tuple(errors), taylor=_taylor(source, noise))


def _changed(source: Source, noise: float) -> str:
    """Why the cost is not what it was when it was checked; empty where it is."""
    try:
        now = _centre(source.problem)
    except Exception as error:  # noqa: BLE001 it is anyone's function
        return f"No curves: the cost, run again for them, raised {type(error).__name__}: {error}"
    if abs(now - source.centre) <= noise:
        return ""
    return (
        f"No curves: the cost was {source.centre:.9g} when it was checked, and is {now:.9g} now;"
        " ask for the page before anything that it reads is changed."
    )


def _centre(problem: Problem) -> float:
    return float(np.real(as_number(problem.cost(in_double(problem.values)))))


def _error_curve(problem: Problem, centre: float, noise: float, place: Place) -> ErrorCurve:
    at = np.asarray([place.flat])
    line = along_coordinates(problem, place.tensor, at)
    h, difference = _differences(line)
    if place.measured is not None:  # a line may have turned out rougher than the cost at the point
        noise = max(noise, place.measured[2])
    name = problem.names[place.tensor]
    return ErrorCurve(
        tensor=name,
        index=tuple(
            int(i) for i in np.unravel_index(place.flat, problem.values[place.tensor].shape)
        ),
        analytic=place.analytic,
        numeric=place.numeric,
        tolerance=place.tolerance,
        verdict=WORDS[place.status],
        h=tuple(h.tolist()),
        difference=tuple(difference.tolist()),
        noise=noise,
        truncation=_truncation(h, np.abs(difference - place.numeric), noise),
        intervals=_intervals(place, centre),
    )


def _differences(line: Lines) -> tuple[Array, Array]:
    """Steps along a single line, the largest first, and the central difference at each."""
    unit, spacing = float(line.unit[0]), float(line.spacing[0])
    h = np.exp2(np.round(np.log2(unit)) - np.arange(2.0, 2.0 + STEPS))
    h = h[h >= 8 * spacing]
    which = np.zeros(h.size, int)
    up, down = np.real(line.costs(which, h)), np.real(line.costs(which, -h))
    difference = (up - down) / (2 * h)
    known = np.isfinite(difference)
    return h[known], difference[known]


def _truncation(h: Array, error: Array, noise: float) -> float | None:
    """The factor of h² by which the error falls, at the smallest steps clear of rounding."""
    blurred = np.flatnonzero(error <= CLEAR * noise / h)
    clear = slice(0, int(blurred[0]) if blurred.size else h.size)
    x, y = h[clear][-4:], error[clear][-4:]
    if x.size < 3:
        return None
    power = float(np.polyfit(np.log(x), np.log(y), 1)[0])
    return float(y[0] / x[0] ** 2) if BRANCH[0] <= power <= BRANCH[1] else None


def _intervals(place: Place, centre: float) -> tuple[Interval, ...]:
    """What levels of real differences said when the coordinate was decided."""
    if place.measured is None:
        return ()
    h, costs, noise = place.measured
    found = interval(costs, h, centre, np.full(h.shape, noise))
    return tuple(
        Interval(
            h=float(h[k]),
            lo=float(found.lo[k]),
            hi=float(found.hi[k]),
            smooth=bool(found.smooth[k]),
        )
        for k in np.flatnonzero(np.isfinite(found.lo))
    )


def _taylor(source: Source, noise: float) -> TaylorCurve:
    """The Taylor test along one direction that moves every number by about its own size."""
    problem = source.problem
    d = direction_by_size(problem, np.random.default_rng(source.seed))
    slope = sum(
        float(np.dot(source.gradient[name].reshape(-1), e))
        for name, e in zip(problem.names, d, strict=True)
    )
    return taylor_curve(along_directions(problem, [d]), source.centre, noise, slope)


def taylor_curve(line: Lines, centre: float, noise: float, slope: float) -> TaylorCurve:
    """What a gradient's slope along a line leaves of the cost's change, at ever smaller steps."""
    h = np.exp2(-np.arange(2.0, 2 + HALVINGS))
    costs = np.real(line.costs(np.zeros(h.size, int), h))
    remainder = np.abs(costs - centre - h * slope)
    known = np.isfinite(remainder)
    h, remainder = h[known], remainder[known]
    floor = 2 * thresholds.NOISE_GAIN * noise
    return TaylorCurve(
        h=tuple(h.tolist()),
        remainder=tuple(remainder.tolist()),
        floor=floor,
        slope=read_slope(h, remainder, np.full(h.shape, floor)),
    )


def read_slope(h: Array, remainder: Array, floor: Array) -> float | None:
    """The slope of log remainder over log h at the smallest steps that stand clear of `floor`.

    Read before the first remainder that drowns: what comes up again after it is noise.
    """
    drowned = np.flatnonzero(remainder <= floor)
    clear = slice(0, drowned[0] if drowned.size else len(h))
    if len(h[clear]) < READ:
        return None
    x, y = np.log2(h[clear][-READ:]), np.log2(remainder[clear][-READ:])
    return float(np.polyfit(x, y, 1)[0])
