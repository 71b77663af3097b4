"""The probe: one projection compares every parameter at once; bisection names the culprits.

Weigh each coordinate by d_k = r_k / |g_k|, with r_k a random sign times a uniform in [0.5, 1.5],
and run the cost once along d. By the chain rule its slope is the sum of d_k times the true
gradient, so against the analytic gradient g it shows

    D = sum of d_k (n_k - g_k) = sum of r_k e_k

with e_k the relative error of coordinate k: each parameter has the same say, however small its
gradient. What this proves: let tau be how far rounding can move D. The probe fails when |D| > tau,
so an error is missed only if |sum of r_k e_k| <= 2 tau. Fix all other terms; the remaining r_j e_j
has a density of at most 1 / (2 |e_j|), and a window of width 4 tau catches it with a probability
of at most

    P(missed) <= 2 tau / |e_j|

and never, when it is the only error and 0.5 |e_j| > 2 tau. Where that does not hold for an error
of `rtol`, every coordinate is undecided.

Rounding moves term k of D by at most d_k times that coordinate's own tolerance t_k, which
`rounding` derives from jittered gradients, and the random signs make a root of squares of a sum:

    tau = (the oracle's own error) + sqrt(sum of (d_k t_k)^2)

A coordinate whose own rounding could hide `rtol` is undecided and left out of d. Where there are
many parameters, the few least certain of the others make up nearly all of tau: as many of them
are left out too as it takes for an error of `rtol` not to hide in the rest. What is left out has a
projection of its own, weighed by 1 / t_k: it decides nothing, but whatever rounding does not
explain shows in it.

A coordinate with an analytic gradient of exactly zero is weighed by its tensor's typical size
instead, so that a gradient that should not be zero shows; where the whole tensor's is zero there is
none, so these have a projection of their own, in which any slope counts that rounding does not
make.

A first look judges rounding by one trial of jitter. Where that falls short, tau is too small, which
misses nothing (a window of 2 tau, wherever rounding has moved it, is all the probability has to do
with) but might accuse: so what differs is projected again, with a tau from many trials.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from checks import hygiene, kinks, rounding, trust
from checks.compare import Status, compare
from checks.engine import benefit_of_doubt, on_stairs, sweep_all
from checks.nest import Array
from checks.oracles import COMPLEX, RIDDERS, named
from checks.projection import CULPRITS, Part, Projection, Result, bisect, weights
from checks.report import Report
from checks.state import Check, Progress, begin, inspected, spreads
from checks.subject import Subject, within
from checks.sweep import coordinates, signed, slopes
from checks.tally import Findings, report

# The largest of the numbers that `signed` draws.
LONGEST = 1.5

# A single error e with 0.5 |e| <= 2 tau can be missed: beyond that, nothing can be decided.
ONE_HIDES = 4

# Up to this many parameters, the sweep takes over from a bisection that finds too many culprits.
MANY = 2**22

# How often the gradient is jittered for the closer look; beyond MANY parameters a trial takes as
# long as a pass, and no single shortfall counts for much.
TRIALS, FEW = rounding.JITTERS, 4


@within
def probe(
    subject: Subject,
    *,
    rtol: float | None = None,
    seed: int = 0,
    progress: Progress = lambda done: None,
) -> Report:
    """Compare all parameters at once, and name the culprits where they differ.

    `rtol`, `seed` and `progress` are those of `checks.engine.check`. The report's `extra["probe"]`
    holds the relative error that was ruled out, the largest probability with which one could have
    been missed, and the number of evaluations along d. Where there are more culprits than
    `CULPRITS`, the sweep takes over.
    """
    this = begin(subject, rtol=rtol, method="probe", seed=seed, progress=progress, thorough=False)
    analytic = inspected(this)
    if not analytic:
        return report(this, None)
    found = [np.asarray(analytic[name], np.float64) for name in subject.names]
    result = _project(this, found, COMPLEX, trials=1)
    closer = _closer(this, found, result)
    this.offences += hygiene.changed_since(subject, analytic)  # the real cost has moved by now
    if closer is None:
        return sweep_all(this, analytic)
    result = closer
    del closer
    progress(subject.parameters)
    culprits = bisect(result) if result.differs else []
    if len(culprits) >= CULPRITS and subject.parameters <= MANY:
        this.notes.append(f"the probe found {CULPRITS} culprits or more: the sweep took over")
        return sweep_all(this, analytic)
    _state(this, result)
    findings = projected(this, found, result)
    differs = result.differs
    del result, found  # as large as the parameters
    return _conclude(this, findings, culprits, differs=differs)


def _project(this: Check, analytic: list[Array], oracle: str, *, trials: int) -> Result:
    """All parameters at once, by an oracle; rounding is judged by so many trials."""
    this.oracle = oracle
    d = weights(analytic, this.rng)
    noise = 0.0 if oracle == COMPLEX else this.noise.level
    projection = Projection(this.subject, analytic, d, named(oracle), noise)
    shares = spreads(this, analytic, trials)
    apart = hidden(this, analytic, shares, projection)
    tau = _leave_out(this, analytic, d, shares, projection.floor if oracle == COMPLEX else 0.0)
    difference, error = projection.difference(projection.whole)
    return Result(
        projection=projection,
        difference=difference,
        tau=tau + error,
        hidden=apart,
        left=_left(projection, shares),
    )


def _left(beside: Projection, d: list[Array]) -> Result | None:
    """The coordinates that were left out, each weighed by how far its own rounding moves it.

    Nothing is proved of them, but what differs by more than rounding explains is seen.
    """
    if not d:
        return None
    projection = Projection(beside.subject, beside.analytic, d, beside.oracle, beside.noise)
    difference, error = projection.difference(projection.whole)
    tau = LONGEST * float(np.sqrt(sum(map(np.count_nonzero, d))))
    return Result(projection=projection, difference=difference, tau=tau + error)


def hidden(
    this: Check, analytic: list[Array], spread: list[Array], beside: Projection
) -> Result | None:
    """The tensors whose gradient is zero throughout, moved all at once by their own scale.

    As where gradients vanish, and where a layer is left out: any slope but that of rounding counts.
    """
    values, total = beside.values, 0.0
    d = [np.empty(0) if g.any() else signed(this.rng, g.shape) for g in analytic]
    if not any(e.size for e in d):
        return None
    for e, g, v, far in zip(d, analytic, values, spread, strict=True):
        if e.size:
            e *= rounding.scale(v)
            own = rounding.tolerance(g, g, spread=far, oracle_error=0.0, dtype=this.subject.dtype)
            total += float(np.sum(np.square(e * own)))
    projection = Projection(this.subject, analytic, d, beside.oracle, beside.noise)
    difference, error = projection.difference(projection.whole)
    return Result(projection=projection, difference=difference, tau=float(np.sqrt(total)) + error)


def _closer(this: Check, analytic: list[Array], result: Result) -> Result | None:
    """The result of a first look; where it differs or has no support, that of a closer one.

    By real differences, where the complex step is not to be believed; None on a kink, which takes
    a sweep.
    """
    subject, cost = this.subject, result.projection.cost
    if not result.differs and trust.supported(
        subject, analytic, this.rng, real=this.centre, cost=cost
    ):
        return result
    for each in (result, *result.apart):
        each.projection.d.clear()  # as large as the parameters
    if subject.parameters <= MANY:
        this.look_closer()
        if kinks.along_all(subject, this.rng, **this.scales):
            this.notes.append("the point lies on a kink of the cost: the sweep took over")
            return None
    doubt = trust.complex_doubt(subject, this.rng, thorough=False, **this.scales)
    if doubt:
        this.notes.append(f"{COMPLEX} not believed: {doubt}")
    trials = TRIALS if subject.parameters <= MANY else FEW
    return _project(this, analytic, RIDDERS if doubt else COMPLEX, trials=trials)


def _state(this: Check, result: Result) -> None:
    """Put into the report what was proved; nothing, where an error of `rtol` could hide."""
    d, tau = result.projection.d, result.tau
    if ONE_HIDES * tau > this.rtol:
        for e in d:
            e.fill(0)
        this.notes.append(
            f"rounding moves the projection by up to {tau:.2g}: a single relative error of"
            f" {this.rtol:g} could hide in it"
        )
    this.extra["probe"] = {
        "ruled_out": this.rtol,
        "missed_with_probability": min(1.0, 2 * tau / this.rtol) if any(map(np.any, d)) else 1.0,
        "passes": result.projection.passes,
        "difference": result.difference,
        "tolerance": tau,
    }


@np.errstate(over="ignore")
def _leave_out(
    this: Check, analytic: list[Array], d: list[Array], shares: list[Array], floor: float = 0.0
) -> float:
    """Zero the entries of d whose rounding is too much for D, and say how far the rest moves it.

    Every entry's share of tau is at most tau, so what remains can also be decided by itself. And
    times `floor` it is at most tau: no gradient is so small that its step would underflow.

    `shares` are the spreads, and are written over: by the direction of what is left out, in which
    each coordinate moves D by about one when it is off by as much as its rounding allows. Where
    nothing is left out, none remain.
    """
    total = 0.0
    for share, g, e in _chunks(shares, analytic, d):
        share[...] = np.abs(e) * rounding.tolerance(
            g, g, spread=share, oracle_error=floor, dtype=this.subject.dtype
        )
        total += float(np.dot(share, share))
    most = this.rtol / (2 * ONE_HIDES)
    if total <= most**2:
        shares.clear()
        return float(np.sqrt(total))
    least, tau = _least_left_out(shares, most)
    for share, e in _chunks(shares, d):
        out = share >= least
        known = out & np.isfinite(share)
        left = signed(this.rng, int(np.count_nonzero(known))) * e[known] / share[known]
        share.fill(0)
        share[known] = left
        e[out] = 0
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
        for start in range(0, flat[0].size, rounding.CHUNK):
            yield tuple(a[start : start + rounding.CHUNK] for a in flat)


def projected(this: Check, analytic: list[Array], result: Result) -> Findings:
    """All parameters as D leaves them: those that it weighs pass."""
    names = this.subject.names
    status = [_status(g, e) for g, e in zip(analytic, result.projection.d, strict=True)]
    if result.hidden is not None and result.hidden.difference == 0:
        for part in result.hidden.projection.whole:
            status[part.tensor][...] = Status.ZERO
    return Findings(
        analytic=dict(zip(names, analytic, strict=True)),
        numeric=dict(zip(names, analytic, strict=True)),
        tolerance={n: np.broadcast_to(0.0, g.shape) for n, g in zip(names, analytic, strict=True)},
        status=dict(zip(names, status, strict=True)),
        projected=True,
    )


def _conclude(
    this: Check, found: Findings, culprits: list[tuple[Part, float]], *, differs: bool
) -> Report:
    """Put each culprit before the oracle by itself, leave the rest as it is, and report.

    Where D differs and no culprit accounts for that, nothing passes.
    """
    names = this.subject.names
    for part, share in culprits:
        _look_at(this, found, part, share)
    if culprits and this.subject.jittered is None:
        benefit_of_doubt(this, found)
        if on_stairs(this, found):
            for part, share in culprits:
                _look_at(this, found, part, share)
    told = [found.status[names[p.tensor]].reshape(-1)[p.start] for p, _ in culprits]
    if differs and not (told and all(s in (Status.FAIL, Status.KINK) for s in told)):
        this.suspicious = True
        this.notes.append("the projection differs, and not all of that could be traced")
    return report(this, found)


def _status(analytic: Array, d: Array) -> Array:
    status = np.full(analytic.shape, Status.PASS, np.int8)
    status[analytic == 0] = Status.ZERO
    status[d == 0] = Status.UNDECIDED
    return status


def _look_at(this: Check, found: Findings, culprit: Part, share: float) -> None:
    """Write down what the oracle says of one coordinate; its tolerance is its share of D's."""
    name, at = this.subject.names[culprit.tensor], np.asarray([culprit.start])
    estimate = slopes(this.subject, culprit.tensor, at, named(this.oracle), **this.scales)
    a = found.analytic[name].reshape(-1)[culprit.start]
    values = {"numeric": estimate.slope[0], "tolerance": share + estimate.error[0]}
    for kind, value in values.items():
        array = getattr(found, kind)
        array[name] = np.array(array[name])
        array[name].reshape(-1)[culprit.start] = value
    tolerance = np.asarray([values["tolerance"]])
    analytic = np.asarray([a])
    status = compare(analytic, estimate.slope, tolerance, this.rtol)[0]
    if status == Status.FAIL:
        if kinks.on_kinks(this.subject, culprit.tensor, at, analytic, **this.scales)[0]:
            status = Status.KINK
        elif this.oracle != COMPLEX and this.subject.jittered is not None:
            # As in a sweep, real differences alone convict no network.
            exact = named(COMPLEX)(coordinates(this.subject, culprit.tensor, at, **this.scales))
            if compare(analytic, exact.slope, tolerance, this.rtol)[0] != Status.FAIL:
                status = Status.UNDECIDED
    found.status[name].reshape(-1)[culprit.start] = status
