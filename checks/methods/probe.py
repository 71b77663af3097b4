"""The probe: one projection compares every parameter at once; bisection names the culprits.

Weigh each coordinate by d_k = r_k / |g_k|, with r_k a random sign times a uniform in [0.5, 1.5],
and run the cost once along d. By the chain rule its slope is the sum of d_k times the true
gradient, so against the analytic gradient g it shows

    D = sum of d_k (n_k - g_k) = sum of r_k e_k

with e_k the relative error of coordinate k: each parameter has the same say, however small its
gradient. What this proves: let tau be how far rounding can move D. The probe differs when
|D| > tau, so an error is missed only if |sum of r_k e_k| <= 2 tau. Fix all other terms; the
remaining r_j e_j has a density of at most 1 / (2 |e_j|), and a window of width 4 tau catches it
with a probability of at most

    P(missed) <= 2 tau / |e_j|

and never, when it is the only error and 0.5 |e_j| > 2 tau.

Rounding moves term k of D by at most d_k times that coordinate's own tolerance t_k, which
`rounding` derives from jittered gradients, and the random signs make a root of squares of a sum:

    tau = (the oracle's own error) + sqrt(sum of (d_k t_k)^2)

A coordinate whose own rounding could hide `rtol` is left out of d, and where there are many
parameters as many of the least certain others as it takes for an error of `rtol` not to hide in the
rest. What is left out, and each culprit, is measured by itself and decided by the one rule, as in a
sweep. A coordinate with an analytic gradient of zero is weighed by its tensor's typical size, so
that a gradient that should not be zero shows; a tensor of zeros has a projection of its own.

Where the complex step cannot be had, may not see all of the cost, or is not borne out by a real
difference along one direction, the sweep takes over.

A first look judges rounding by one trial of jitter. Where that falls short, tau is too small, which
misses nothing but might accuse: so what differs is projected again, with a tau from many trials.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from typing import Any, Unpack

import numpy as np

from checks.methods.conclude import conclude
from checks.methods.in_parts import sweep_some
from checks.methods.judge import Judge
from checks.methods.options import DEFAULTS, CheckOptions, Options
from checks.methods.projection import Part, Projection, Result, bisect, projection_direction
from checks.methods.run import CheckRun, gradient_spreads, inspected_gradient, start_run
from checks.methods.sweep import COMPLEX, look_at, sweep_all, values_to_judge
from checks.methods.waiting import Stages
from checks.oracles import registry, rounding, thresholds
from checks.oracles.levels import Levels
from checks.oracles.lines import (
    along_coordinates,
    along_directions,
    direction_by_scale,
    random_signed_weights,
)
from checks.problem.nested import Array
from checks.problem.part import draw, drawn
from checks.problem.problem import Problem, in_its_block
from checks.verdict import conduct
from checks.verdict.findings import Findings
from checks.verdict.report import Report
from checks.verdict.rule import Reason, Ruling, Status, consensus

# Of each tensor, a line of real differences goes through so many coordinates at most; and beyond
# MANY parameters the gradient is jittered that often for a closer look.
PART, FEW = 2**16, 4

# Where the culprits are many, so many coordinates of each tensor show what the bug looks like.
SWEPT = 256


@in_its_block
def probe(
    problem: Problem, options: CheckOptions = DEFAULTS, /, **changed: Unpack[Options]
) -> Report:
    """Compare all parameters at once, and name the culprits where they differ.

    The report's `extra["probe"]` holds the
    relative error that was ruled out, the largest probability with which one could have been
    missed, and the number of evaluations along d.
    """
    this = start_run(problem, replace(options, method="probe"), **changed)
    analytic = inspected_gradient(this, repeats=False)
    if not analytic:
        return conclude(this, None)
    why = this.complex_doubt or this.blind
    if why:
        return _swept(this, analytic, f"{COMPLEX} not usable: {why}")
    this.measured = COMPLEX
    given = [np.asarray(analytic[name], np.float64) for name in this.problem.names]
    stages = Stages(this.progress, problem.parameters, 3)
    result = project_all(this, given, trials=1, told=stages.next)
    if result.differs:
        stages.end()
        for each in (result, *result.apart):
            each.projection.d.clear()  # as large as the parameters
        trials = thresholds.JITTERS if problem.parameters <= thresholds.MANY else FEW
        halvings = 2 * thresholds.CULPRITS + problem.parameters.bit_length()
        stages = Stages(this.progress, problem.parameters, trials + 2 + halvings)
        result = project_all(this, given, trials=trials, told=stages.next)
    borne_out = _borne_out(this, given) if not result.differs else True
    this.offences += conduct.changed_since(this.problem, analytic)  # the real cost has moved by now
    culprits = bisect(result, stages.next) if borne_out and result.differs else []
    stages.end()
    if not borne_out:
        return _swept(this, analytic, "real differences do not bear the projection out")
    if len(culprits) >= thresholds.CULPRITS and problem.parameters <= thresholds.MANY:
        return _swept(this, analytic, f"{thresholds.CULPRITS} culprits or more", culprits)
    return _concluded(this, given, result, culprits)


def _swept(
    this: CheckRun,
    analytic: dict[str, Array],
    why: str,
    culprits: Sequence[tuple[Part, float]] = (),
) -> Report:
    """By a sweep; of a large black box where some are known to be wrong, of these and a sample."""
    problem = this.problem
    if culprits and problem.rerun is None and drawn(problem, SWEPT) < problem.parameters:
        chosen = draw(problem, SWEPT, this.options.seed)
        for tensor, at in enumerate(chosen):
            own = [part.start for part, _ in culprits if part.tensor == tensor]
            chosen[tensor] = np.union1d(at, own).astype(int)
        this.notes.append(f"{why}: these were measured, and a random {SWEPT} of each tensor")
        findings = sweep_some(this, analytic, chosen)
    else:
        this.notes.append(f"the sweep took over: {why}")
        findings = sweep_all(this, analytic)
    this.offences += conduct.changed_since(this.problem, analytic)
    return conclude(this, findings)


def project_all(
    this: CheckRun,
    analytic: list[Array],
    *,
    trials: int,
    told: Callable[[], None] = lambda: None,
) -> Result:
    """All parameters at once; rounding is judged by so many trials. Each stage is `told`."""
    d = projection_direction(analytic, this.rng)
    projection = Projection(this.problem, analytic, d)
    shares = gradient_spreads(this, analytic, trials, told)
    apart = zero_tensors(this, analytic, shares, projection)
    told()
    tau = _leave_out(this, analytic, d, shares, projection.floor)
    difference, error = projection.difference(projection.whole)
    told()
    return Result(projection=projection, difference=difference, tau=tau + error, hidden=apart)


def zero_tensors(
    this: CheckRun, analytic: list[Array], spread: list[Array], beside: Projection
) -> Result | None:
    """The tensors whose gradient is zero throughout, moved all at once by their own scale.

    As where gradients vanish, and where a layer is left out: any slope but that of rounding counts.
    """
    values, total = beside.values, 0.0
    d = [np.empty(0) if g.any() else random_signed_weights(this.rng, g.shape) for g in analytic]
    if not any(e.size for e in d):
        return None
    for e, g, v, far in zip(d, analytic, values, spread, strict=True):
        if e.size:
            e *= rounding.step_scale(v)
            own = rounding.tolerance(g, g, spread=far, dtype=this.problem.dtype)
            total += float(np.sum(np.square(e * own)))
    projection = Projection(this.problem, analytic, d)
    difference, error = projection.difference(projection.whole)
    return Result(projection=projection, difference=difference, tau=float(np.sqrt(total)) + error)


def _borne_out(this: CheckRun, analytic: list[Array]) -> bool:
    """Whether real differences along one direction say what the analytic gradient says.

    And along the zeros, which the complex step may not see, that there is no slope.
    """
    d = direction_by_scale(this.problem, this.rng, most=PART)
    zero = [e * (g.reshape(-1)[: e.size] == 0) for e, g in zip(d, analytic, strict=True)]
    rest = [e - z for e, z in zip(d, zero, strict=True)]
    expected = np.asarray([_slope(analytic, rest), 0.0])
    directions = [rest, zero] if any(map(np.any, zero)) else [rest]
    lines = along_directions(this.problem, directions)
    levels = Levels(lines, this.centre, this.noise)
    expected = expected[: len(directions)]
    target = np.full(expected.shape, this.rtol * (abs(expected[0]) or 1.0))
    evidence = registry.scan(levels, expected, target)
    lo, hi = consensus(evidence)
    slack = thresholds.NO_ERROR * target
    holds = (lo - slack <= expected) & (expected <= hi + slack)
    return bool(np.all(holds)) and bool((hi - lo)[0] <= thresholds.BLUNT * abs(expected[0]))


def _slope(analytic: list[Array], d: list[Array]) -> float:
    return sum(float(np.dot(g.reshape(-1)[: e.size], e)) for g, e in zip(analytic, d, strict=True))


@np.errstate(over="ignore")
def _leave_out(
    this: CheckRun, analytic: list[Array], d: list[Array], shares: list[Array], floor: float
) -> float:
    """Zero the entries of d whose rounding is too much for D, and say how far the rest moves it.

    Every entry's share of tau is at most tau, so what remains can also be decided by itself. And
    times `floor` it is at most tau: no gradient is so small that its step would underflow.
    `shares` are the spreads, and are written over.
    """
    total = 0.0
    if this.problem.jittered is None:
        for share, g, v in zip(shares, analytic, this.problem.values, strict=True):
            own = (
                rounding.rounding_of_largest(v, g.reshape(-1), this.problem.dtype)
                / thresholds.SAFETY
            )
            share += own.reshape(share.shape)
    for share, g, e in _chunks(shares, analytic, d):
        tolerance = rounding.tolerance(g, g, spread=share, dtype=this.problem.dtype) + floor
        share[...] = np.abs(e) * tolerance
        total += float(np.dot(share, share))
    most = this.rtol * thresholds.NO_ERROR / 4
    if total <= most**2:
        return float(np.sqrt(total))
    least, tau = _least_left_out(shares, most)
    for share, e in _chunks(shares, d):
        e[~(share < least)] = 0
    return tau


def _least_left_out(shares: list[Array], most: float) -> tuple[float, float]:
    """From which share on terms are left out, for the root of squares of the others to be `most`.

    And what it is.
    """
    light = most / np.sqrt(sum(share.size for share in shares))  # all of these may stay
    heavy, total = [], 0.0
    for (share,) in _chunks(shares):
        heavy.append(share[share > light])
        rest = share[share <= light]
        total += float(np.dot(rest, rest))
    heaviest = np.sort(np.concatenate(heavy))
    fit = np.count_nonzero(total + np.cumsum(np.square(heaviest)) <= most**2)
    least = float(heaviest[fit]) if fit < heaviest.size else np.inf
    kept = heaviest[heaviest < least]
    return least, float(np.sqrt(total + np.dot(kept, kept)))


def _chunks(*tensors: list[Array]) -> Iterator[tuple[Array, ...]]:
    """Parts of several lists of tensors side by side, flat, short enough for a cache."""
    for arrays in zip(*tensors, strict=True):
        flat = [a.reshape(-1) for a in arrays]
        for start_ in range(0, flat[0].size, rounding.CHUNK):
            yield tuple(a[start_ : start_ + rounding.CHUNK] for a in flat)


def findings_of_projection(this: CheckRun, analytic: list[Array], result: Result) -> Findings:
    """All parameters as D leaves them: those that it weighs pass, zeros are zero."""
    names = this.problem.names
    status = [_status(g, e) for g, e in zip(analytic, result.projection.d, strict=True)]
    if result.hidden is not None and result.hidden.difference == 0:
        for part in result.hidden.projection.whole:
            status[part.tensor][...] = Status.ZERO

    def constant(value: float, dtype: Any = np.float64) -> dict[str, Array]:
        return {
            n: np.broadcast_to(np.asarray(value, dtype), g.shape)
            for n, g in zip(names, analytic, strict=True)
        }

    return Findings(
        analytic=dict(zip(names, analytic, strict=True)),
        numeric=dict(zip(names, analytic, strict=True)),
        tolerance=constant(0.0),
        status=dict(zip(names, status, strict=True)),
        reason=constant(Reason.NONE, np.int8),
        resolution=constant(0.0),
        within=constant(np.nan),
        noise=constant(np.nan),
        projected=True,
    )


def _status(analytic: Array, d: Array) -> Array:
    status = np.full(analytic.shape, Status.PASS, np.int8)
    status[analytic == 0] = Status.ZERO
    status[d == 0] = Status.UNDECIDED
    return status


def _concluded(
    this: CheckRun, given: list[Array], result: Result, culprits: list[tuple[Part, float]]
) -> Report:
    """Measure culprits, and what was left out, one by one, and report.

    Where D differs by more than what these differ by, nothing passes.
    """
    d, tau = result.projection.d, result.tau
    this.extra["probe"] = {
        "ruled_out": this.rtol,
        "missed_with_probability": min(1.0, 2 * tau / this.rtol) if any(map(np.any, d)) else 1.0,
        "passes": result.projection.passes,
        "difference": result.difference,
        "tolerance": tau,
    }
    found = findings_of_projection(this, given, result)
    judge, left = Judge(this=this), [each.difference for each in (result, *result.apart)]
    for tensor, name in enumerate(this.problem.names):
        flat = found.status[name].reshape(-1)
        named = [part.start for part, _ in culprits if part.tensor == tensor]
        at = np.union1d(np.flatnonzero(flat == Status.UNDECIDED), named).astype(int)
        if at.size and (at.size <= thresholds.MANY or named):
            ruling, exact = _by_themselves(judge, given, tensor, at)
            _write(found, name, at, ruling)
            off = exact - given[tensor].reshape(-1)[at]
            for k, each in enumerate((result, *result.apart)):
                e = each.projection.d[tensor].reshape(-1)
                left[k] -= float(np.dot(e[at], off)) if e.size else 0.0
    rest = (result, *result.apart)
    if not all(abs(r) <= each.tau for r, each in zip(left, rest, strict=True)):
        this.untraced = not found.any(Status.FAIL)
        this.notes += ["the projection differs, and not all of that was traced"] * this.untraced
    return conclude(this, found)


def _by_themselves(
    judge: Judge, given: list[Array], tensor: int, at: Array
) -> tuple[Ruling, Array]:
    """Single coordinates of a tensor, as a sweep measures and decides them; and complex slopes."""
    this = judge.this
    a = given[tensor].reshape(-1)
    exact = np.full(a.shape, np.nan)
    exact[at] = registry.complex_step(along_coordinates(this.problem, tensor, at))[0]
    few = this.problem.parameters > thresholds.MANY
    moved = 0 * a if few else gradient_spreads(this, given)[tensor].reshape(-1)
    allowed = this.allowed(tensor, a, exact, moved)
    every = [g.reshape(-1) for g in given]
    nothing = [np.full(g.shape, np.nan) for g in every]
    nothing[tensor] = exact
    rounded = [np.zeros(g.shape) for g in every]
    rounded[tensor] = allowed
    values = values_to_judge(this.problem, every, nothing, rounded)[tensor].of(at)
    ruling = judge.at_once(values)
    doubtful = ruling.suspect | (ruling.status == Status.FAIL) | ~np.isfinite(values.exact)
    look = np.flatnonzero(doubtful)
    if look.size:
        look_at(judge, tensor, look, values, ruling, at=at)
        judge.reconsider()
    return ruling, values.exact


def _write(found: Findings, name: str, at: Array, ruling: Ruling) -> None:
    """Write down what was found of some coordinates of a tensor."""
    for kind, values in (
        ("numeric", ruling.numeric),
        ("tolerance", ruling.error),
        ("status", ruling.status),
        ("reason", ruling.reason),
        ("resolution", ruling.resolution),
        ("within", ruling.within),
        ("noise", ruling.noise),
    ):
        array = getattr(found, kind)
        array[name] = np.array(array[name])
        array[name].reshape(-1)[at] = values
