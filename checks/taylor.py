"""The Taylor test: a second opinion that depends on no step size.

Along a direction d, the remainder |C(θ + h d) - C(θ) - h g·d| falls with h² when g is the gradient,
and only with h when it is not: on doubly logarithmic paper, a line of slope 2 or of slope 1. No
one step has to be right; the slope is read where the remainder stands clear of rounding. What the
test sees is one direction: errors that cancel along it go unseen, and one error in many
coordinates only bends the line where it outweighs the rest.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from checks import kinks, rounding
from checks.engine import stairs_are_noise
from checks.nest import Array
from checks.report import Diagnosis, Report
from checks.state import Check, Progress, begin, inspected, jittered, own_noise
from checks.subject import Subject, within
from checks.sweep import direction, signed
from checks.tally import report

HALVINGS = 40

# What is read as a slope of 2, with a margin for the term of the next order; and as one of 1, which
# a wrong gradient tends to at the smallest steps, within a tenth. Other slopes may be those of a
# right one: 1.2 where the cost bends like |p|^1.2, less than 1 where kinks lie on the way.
RIGHT, WRONG = 1.7, (0.9, 1.1)

# The slope is read over this many of the smallest steps whose remainder stands clear of the noise,
# by a factor that leaves it right to less than a tenth.
READ = 4
CLEAR = 16

# Rounding of g·d is the same at every step, an error like any other. A remainder of twice as much
# has a slope of at least 1.5, for at least half of it is curvature.
TWICE = 2


@within
def taylor(
    subject: Subject,
    *,
    rtol: float | None = None,
    seed: int = 0,
    progress: Progress = lambda done: None,
) -> Report:
    """Read the slope of the Taylor remainder along one random direction.

    `rtol`, `seed` and `progress` are those of `checks.engine.check`. The report's `extra["taylor"]`
    holds the steps, the remainders, the slope (null where too few stand clear of rounding) and the
    picture.
    """
    this = begin(subject, rtol=rtol, method="taylor", seed=seed, progress=progress)
    analytic = inspected(this)
    if not analytic:
        return report(this, None)
    this.oracle = "real cost along one direction"
    measured = h, first, remainder, _ = _remainders(this, analytic)
    progress(subject.parameters)
    floor, slope, room = _read(this, *measured)
    proves = slope is not None and slope >= RIGHT and room <= this.rtol
    if slope is not None and not proves and stairs_are_noise(this):
        floor, slope, room = _read(this, *measured)
    kinked = kinks.along_all(this.subject, this.rng, **this.scales)
    this.extra["taylor"] = {
        "h": h.tolist(),
        "remainder": remainder.tolist(),
        "slope": slope,
        "picture": picture(h, remainder, floor),
    }
    hidden = hides(first, remainder, floor)
    return _verdict(this, slope, hides=hidden, unseen=room, kinked=kinked)


def _remainders(this: Check, analytic: dict[str, Array]) -> tuple[Array, Array, Array, Array]:
    """Steps, the sizes of h g·d, remainders, and how far the gradient's rounding moves these."""
    d = [signed(this.rng, v.shape) * rounding.scale(v) for v in this.subject.values]
    gradient = [analytic[name] for name in this.subject.names]
    slope = _along(gradient, d)
    lines = direction(this.subject, d, **this.scales)
    h = np.exp2(-np.arange(2.0, 2 + HALVINGS))
    centre = lines.costs(np.zeros(1)).real[0]
    remainder = np.abs(lines.costs(h).real - centre - h * slope)
    rounded = h * _rounded(this, gradient, d)
    known = np.isfinite(remainder + rounded)
    return h[known], h[known] * abs(slope), remainder[known], rounded[known]


def _read(
    this: Check, h: Array, first: Array, remainder: Array, rounded: Array
) -> tuple[Array, float | None, float]:
    """What a remainder has to exceed, the slope of those that do, and what that leaves unseen."""
    noise = 2 * this.noise.level  # of a difference of two costs
    floor = CLEAR * noise + TWICE * rounded
    return floor, read_slope(h, remainder, floor), unseen(first, remainder, 5 * noise + rounded)


def _along(gradient: list[Array], d: list[Array]) -> Array:
    """The slope g·d along a direction, as an array of one number."""
    return np.asarray(sum(np.vdot(g, e) for g, e in zip(gradient, d, strict=True)), np.float64)


def _rounded(this: Check, gradient: list[Array], d: list[Array]) -> Array:
    """How far rounding moves g·d: found out and allowed for like that of a single coordinate.

    Of scale 1, for d moves each parameter by about its own scale.
    """
    slope = _along(gradient, d)
    spread = rounding.spread([slope], lambda: [_along(jittered(this) or gradient, d)])[0]
    if this.subject.jittered is None:
        spread += own_noise(this)
    return rounding.tolerance(
        slope, slope, spread=spread, oracle_error=0.0, dtype=this.subject.dtype
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


@np.errstate(divide="ignore")
def hides(first: Array, remainder: Array, floor: Array) -> float | None:
    """The relative error of g·d that can hide where all remainders drown; None where one is clear.

    With the first two remainders R(h) = a h + b h² and R(h/2) below the first floor F, the error
    makes |a h| = |4 R(h/2) - R(h)| <= 5 F of the `first` term's h g·d, whatever b takes away.
    """
    if len(remainder) < READ or np.any(remainder > floor):
        return None
    return float(5 * floor[0] / first[0])


@np.errstate(divide="ignore")
def unseen(first: Array, remainder: Array, shaken: Array) -> float:
    """The relative error of g·d that a remainder of slope 2 leaves room for.

    Of an error a, R(h) = a h + b h² has 4 R(h/2) - R(h) = a h, whatever b is; terms of higher order
    are gone at small steps, and rounding moves it at most by what it is `shaken`: five times what
    moves the cost, and once what moves g·d. The step that leaves least counts.
    """
    linear = np.abs(4 * remainder[1:] - remainder[:-1]) + shaken[:-1]
    return float(np.min(linear / first[:-1], initial=np.inf))


def _verdict(
    this: Check, slope: float | None, *, hides: float | None, unseen: float, kinked: bool
) -> Report:
    found = report(this, None)
    judged: dict[str, object] = {}
    verdict = "undecided"
    if slope is not None:
        least, most = WRONG
        verdict = "pass" if slope >= RIGHT else "fail" if least <= slope <= most else "undecided"
        line = f"the remainder falls with slope {slope:.2f} along one direction"
        if verdict == "undecided":
            line += ", neither 1 nor 2: the cost may have no second derivative here, or kinks"
        if verdict == "pass" and not unseen <= this.rtol:
            verdict = "undecided"
            line += f", behind which a relative error of {unseen:.2g} could hide"
    elif hides is None:
        line = f"the remainder stands clear of rounding at fewer than {READ} steps in a row"
    elif hides >= 1:
        line = "the cost's noise hides even the first-order term: nothing was tested"
    else:
        verdict = "pass" if hides <= this.rtol else "undecided"
        line = (
            "the remainder is rounding from the first step on, which"
            f" {'rules out' if verdict == 'pass' else 'could hide'} a relative error of {hides:.2g}"
        )
    if this.offences:
        verdict = "fail"
    elif kinked and verdict != "pass":
        verdict = "undecided"
        line += ", but the point lies on a kink of the cost, where that means nothing"
    elif verdict == "fail":
        judged["diagnosis"] = Diagnosis(
            code="taylor-slope",
            title="the Taylor remainder falls with slope 1, not 2",
            remedy="the gradient is wrong along this direction; a sweep names the coordinates",
        )
    return replace(
        found,
        verdict=verdict,
        notes=(f"{line}; each parameter took part, none was looked at by itself", *found.notes),
        **judged,  # type: ignore[arg-type]
    )


def picture(h: Array, remainder: Array, floor: Array, *, width: int = 64, height: int = 16) -> str:
    """The remainder over h, both logarithmic, in text: `*` stands clear of rounding, `.` does not.

    Lines of slope 1 and 2 through the first point are drawn as `1` and `2`.
    """
    if not len(h):
        return "no step has a finite cost and rounding"
    x = np.log2(h)
    y = np.log10(np.maximum(remainder, np.finfo(float).tiny))
    top = max(float(y.max()), float(y[0]))
    bottom = max(float(np.log10(np.min(floor))) - 2, top - 30)
    grid = [[" "] * width for _ in range(height)]

    def put(column: float, row: float, mark: str) -> None:
        c = round((x[0] - column) / max(x[0] - x[-1], 1e-9) * (width - 1))
        r = round((top - row) / max(top - bottom, 1e-9) * (height - 1))
        if 0 <= r < height and 0 <= c < width:
            grid[r][c] = mark

    for k in range(len(h)):
        for slope in (1, 2):
            put(x[k], y[0] + slope * (x[k] - x[0]) * np.log10(2), str(slope))
    for k in range(len(h)):
        put(x[k], y[k], "*" if remainder[k] > floor[k] else ".")
    labels = [f"{top:7.1f} |", *["        |"] * (height - 2), f"{bottom:7.1f} |"]
    rows = [label + "".join(row).rstrip() for label, row in zip(labels, grid, strict=True)]
    axis = "log10 R +" + "-" * width
    scale = f"         h = 2^{x[0]:.0f}".ljust(width) + f"h = 2^{x[-1]:.0f}"
    return "\n".join([*rows, axis, scale])
