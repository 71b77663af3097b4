"""The Taylor test: the real cost along one random direction, and a picture of its remainder.

Along a direction d, the remainder |C(θ + h d) - C(θ) - h g·d| falls with h² when g is the gradient,
and only with h when it is not: on doubly logarithmic paper, a line of slope 2 or of slope 1. That
is what the picture shows. The verdict is that of the one rule on this line's slope. What the test
sees is one direction: errors that cancel along it go unseen, and none is named.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any, Unpack

import numpy as np

from checks.methods.conclude import conclude
from checks.methods.judge import Judge, Values
from checks.methods.options import DEFAULTS, CheckOptions, Options
from checks.methods.run import CheckRun, inspected_gradient, jittered_gradient, start_run
from checks.oracles import registry, rounding, thresholds
from checks.oracles.curves import LaterCurves, taylor_curve
from checks.oracles.levels import Levels, kinks
from checks.oracles.lines import Lines, along_directions, direction_by_size
from checks.output.curves import Curves, TaylorCurve
from checks.problem.nested import Array
from checks.problem.problem import Problem, in_its_block
from checks.verdict import conduct
from checks.verdict.report import Diagnosis, Report, Verdict
from checks.verdict.rule import Ruling, Status


@in_its_block
def taylor(
    problem: Problem, options: CheckOptions = DEFAULTS, /, **changed: Unpack[Options]
) -> Report:
    """Decide the slope along one random direction.

    The report's `extra["taylor"]` holds the steps, the remainders, the slope with which they fall
    (null where too few stand clear of noise) and the picture.
    """
    this = start_run(problem, replace(options, method="taylor"), **changed)
    analytic = inspected_gradient(this)
    if not analytic:
        return conclude(this, None)
    this.measured = "real cost along one direction"
    given = [np.asarray(analytic[name], np.float64) for name in this.problem.names]
    d = direction_by_size(this.problem, this.rng)
    slope = _along(given, d)
    line = along_directions(this.problem, [d])
    ruling = _ruling(this, line, slope, _rounded(this, given, d))
    looked = problem.parameters <= thresholds.MANY and np.isfinite(slope[0])
    if ruling.status[0] == Status.FAIL and looked and _on_kinks(this, given, d):
        ruling.status[0] = Status.KINK
    this.progress(problem.parameters)
    this.offences += conduct.changed_since(this.problem, analytic)
    curve = taylor_curve(line, this.centre, this.noise, float(slope[0]))
    this.extra["taylor"] = _numbers(curve)
    return replace(
        _report(this, ruling), measure_curves=LaterCurves(source=None, found=Curves(taylor=curve))
    )


def _along(gradient: list[Array], d: list[Array]) -> Array:
    """The slope g·d along a direction, as an array of one number."""
    total = sum(float(np.dot(g.reshape(-1), e)) for g, e in zip(gradient, d, strict=True))
    return np.asarray([total])


def _rounded(this: CheckRun, gradient: list[Array], d: list[Array]) -> Array:
    """How far rounding moves g·d: found out like that of a single coordinate."""
    slope = _along(gradient, d)
    moved = rounding.spread([slope], lambda: [_along(jittered_gradient(this) or gradient, d)])[0]
    return rounding.tolerance(slope, slope, spread=moved, dtype=this.problem.dtype)


def _ruling(this: CheckRun, line: Lines, slope: Array, rounded: Array) -> Ruling:
    """What the rule says of the slope along the line; real differences alone are asked."""
    judge = Judge(this=this)
    values = Values(
        analytic=slope,
        exact=np.full(1, np.nan),
        rounding=rounded,
        largest=np.abs(slope),
        top=float(np.abs(slope[0])),
    )
    ruling = judge.at_once(values)
    judge.look(line, values, into=ruling, tensor=0, at=np.zeros(1, int))
    judge.reconsider()
    return ruling


def _on_kinks(this: CheckRun, gradient: list[Array], d: list[Array]) -> bool:
    """Whether the point lies on kinks, by a line through each of some parts of the direction.

    On several at once nothing is wrong for the line's slope alone: what is a right convention for
    each of them may add up to more than both slopes of the line, whose kinks may cancel.
    """
    place = this.rng.permutation(np.arange(this.problem.parameters) % thresholds.GROUPS)
    where = np.split(place, np.cumsum([e.size for e in d])[:-1])
    parts = [[e * (at == k) for e, at in zip(d, where, strict=True)] for k in np.unique(place)]
    wanted = np.concatenate([_along(gradient, part) for part in parts])
    levels = Levels(along_directions(this.problem, parts), this.centre, this.noise)
    evidence = registry.scan(levels, wanted, this.rtol * np.abs(wanted))
    return bool(np.any(kinks(evidence).at))


def _numbers(curve: TaylorCurve) -> dict[str, Any]:
    """The remainder at ever smaller steps, the slope with which it falls, and the picture."""
    h, remainder = np.asarray(curve.h), np.asarray(curve.remainder)
    return {
        "h": list(curve.h),
        "remainder": list(curve.remainder),
        "slope": curve.slope,
        "picture": picture(h, remainder, np.full(h.shape, curve.floor)),
    }


def _report(this: CheckRun, ruling: Ruling) -> Report:
    found = conclude(this, None)
    status = Status(int(ruling.status[0]))
    words: dict[Status, Verdict] = {Status.PASS: "pass", Status.FAIL: "fail"}
    verdict = words.get(status, "undecided")
    fell = this.extra["taylor"]["slope"]
    note = "the remainder is rounding at nearly every step" if fell is None else (
        f"the remainder falls with slope {fell:.2f} along one direction")  # fmt: skip
    if status is Status.KINK:
        note += "; the point lies on a kink of the cost, where that means little"
    diagnosis = found.diagnosis
    if this.offences:
        verdict = found.verdict
    elif verdict == "fail":
        diagnosis = Diagnosis(
            code="taylor-slope",
            title="the cost's slope along a direction is not the gradient's",
            remedy="the gradient is wrong along this direction; a sweep names the coordinates",
        )
    return replace(
        found,
        verdict=verdict,
        diagnosis=diagnosis,
        resolution=float(ruling.resolution[0]),
        notes=(f"{note}; each parameter took part, none was looked at by itself", *found.notes),
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
