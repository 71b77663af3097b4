"""The rule: what is said of a coordinate, from intervals of evidence and nothing else.

The analytic value a has its own rounding; the complex step gives a slope s; levels of differences
give intervals, the closest first. **The closest evidence that can tell two values apart decides
between them.** Wrong is what lies outside the hull of all evidence sharp enough to tell. Right is
what no evidence speaks against, as sharply as the evidence could have shown an error: to `rtol` of
the value, or blunter, down to `BLUNT` of the largest slope of its tensor. On a kink at the point
any value between the one-sided slopes is right, and none beyond. What is below its own rounding on
both sides, where the cost does not slope, is zero. Anything else is undecided, with a reason.

The same for one number and for arrays of a million, for sweep, probe and Taylor test.
"""

from __future__ import annotations

import enum
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from checks.oracles import thresholds
from checks.oracles.levels import HOME, Evidence, joined, kinks
from checks.problem.nested import Array

EPS = float(np.finfo(np.float64).eps)


class Status(enum.IntEnum):
    """What can be said of one coordinate."""

    PASS = 0
    FAIL = 1
    UNDECIDED = 2
    ZERO = 3
    KINK = 4
    UNCHECKED = 5  # not looked at
    CONSTANT = 6  # no parameter


class Reason(enum.IntEnum):
    """Why a coordinate is undecided, or decided less sharply than asked for."""

    NONE = 0
    ROUNDING = 1  # of the analytic value itself
    NOISE = 2  # of the cost
    ROUGH = 3  # a kink or a jump close by
    DIFFER = 4  # the evidence contradicts itself
    UNSEEN = 5  # nothing was measured, or it is not to be believed


@dataclass(frozen=True, kw_only=True)
class Ruling:
    """What is said of coordinates, (m,) each.

    Attributes
    ----------
    status, reason
        `Status` and `Reason`, as small integers.
    numeric
        The measured slope; NaN where there is none.
    error
        Half the width of the interval that decided, the analytic value's rounding included.
    resolution
        The error that could have hidden, relative to the largest slope of its tensor; 0 where it
        is less than `rtol` of the value itself.
    suspect
        Where only the complex step speaks against the analytic value, and real differences cannot
        tell the two apart: undecided until `scattered` says whether rounding explains it.
    alone
        Where real differences alone convict, the complex step having no say.
    within
        The shortest step within which the line has a kink or a jump; NaN where none was seen, but
        for what lies more than a level further out than the interval that decided.
    noise
        How far off the cost was taken to be along the line; NaN where it was not asked.
    """

    status: Array
    reason: Array
    numeric: Array
    error: Array
    resolution: Array
    suspect: Array
    alone: Array
    within: Array
    noise: Array


@np.errstate(all="ignore")
def decide(
    analytic: Array,
    *,
    rounding: Array,
    exact: Array,
    evidence: Evidence | None,
    largest: Array,
    top: float,
    rtol: float,
    least: Array | float = 0.0,
    slack: float | None = None,
    support: Array | float = 0.0,
    blind: bool = False,
    unraised: Evidence | None = None,
) -> Ruling:
    """Decide coordinates, (m,) each.

    Parameters
    ----------
    analytic, rounding
        The values to judge, and how far rounding may have moved them or the complex ones.
    exact
        What the complex step says; NaN where it is not to be believed.
    evidence
        Levels of real differences; None where none were taken.
    largest, top
        The largest slope of each one's tensor, and of the problem.
    rtol
        The relative error that has to be caught.
    least
        Below this a slope is rounding of the largest of the problem.
    slack
        The relative difference that is no error, by default `NO_ERROR` of `rtol`.
    support
        How far real differences confirm the complex step, where it may not see all of the cost.
    blind
        Whether it may not. Else a value that it bears out is not wrong by real differences alone.
    unraised
        The levels with the noise as it was measured, where it was raised since. A value that they
        leave standing close by, or that is at a kink by them, is not wrong for what is seen further
        out.
    """
    slack = thresholds.NO_ERROR * rtol if slack is None else slack
    real = _real(analytic, exact, evidence, unraised)
    said = _opinion(
        analytic, exact, real, rounding=rounding, slack=slack, support=support, blind=blind,
        excused=rtol * largest,
    )  # fmt: skip
    status, resolution = _status(
        analytic, exact, real, said, rounding=rounding, largest=largest, top=top, rtol=rtol,
        dust=np.maximum(np.abs(analytic), np.abs(exact)) <= least,
    )  # fmt: skip
    within = np.full(analytic.shape, np.nan) if evidence is None else _rough_within(evidence)
    return Ruling(
        status=status,
        reason=_reason(status, real, said, rounding=rounding, resolution=resolution, within=within),
        numeric=np.where(real.kinked, np.clip(analytic, real.lo, real.hi), said.numeric),
        error=np.where(real.kinked, (real.hi - real.lo) / 2, said.half),
        resolution=resolution,
        suspect=said.suspect & (status == Status.UNDECIDED),
        alone=said.wrong & ~said.heard & ~real.kinked,
        within=within,
        noise=np.full(analytic.shape, np.nan) if evidence is None else evidence.sigma,
    )


@dataclass(frozen=True, kw_only=True)
class _Real:
    """What real differences say, (m,) each: the interval from the closest evidence outward.

    `against` is set where they leave the complex value out, `prefers` is 1 where they leave the
    analytic value standing and its rival not, -1 the other way round. `nearby` says that a kink may
    as well be several that lie near the point.
    """

    lo: Array
    hi: Array
    kinked: Array
    against: Array
    prefers: Array
    nearby: Array

    @property
    def centre(self) -> Array:
        """The middle of the interval."""
        return (self.lo + self.hi) / 2


def _real(
    analytic: Array, exact: Array, evidence: Evidence | None, unraised: Evidence | None
) -> _Real:
    if evidence is None:
        nothing, no = np.full(analytic.shape, np.nan), np.zeros(analytic.shape, bool)
        return _Real(lo=nothing, hi=nothing, kinked=no, against=no, prefers=no.astype(np.int8),
                     nearby=no)  # fmt: skip
    lo, hi = consensus(evidence)
    centre = (lo + hi) / 2
    against = _prefers(evidence, unraised, exact, centre) < 0
    rival = np.where(np.isfinite(exact) & ~against, exact, centre)
    kink = kinks(evidence)
    lo, hi = np.where(kink.at, kink.lo, lo), np.where(kink.at, kink.hi, hi)
    prefers = _prefers(evidence, unraised, analytic, rival)
    return _Real(lo=lo, hi=hi, kinked=kink.at, nearby=kink.nearby, against=against, prefers=prefers)


def _prefers(
    evidence: Evidence, unraised: Evidence | None, value: Array, rival: Array
) -> npt.NDArray[np.int8]:
    """1 where real differences leave a value standing and its rival not, -1 the other way round.

    They leave it out where the closest that can tell does, and the hull of all; and some smooth
    level also where it is joined with others that bend as much. What close by stands with the noise
    as it was measured is not left out for what is seen further out, nor is what has a kink there.
    """
    found = closest(evidence, value, rival)
    at = np.flatnonzero(found < 0)
    some, one, other = evidence.of(at), value[at], rival[at]
    wider = joined(some)
    out = left_out(some, one, other)
    out &= np.any(some.smooth & ((one < wider.lo) | (one > wider.hi)), axis=0)
    if unraised is None:
        out &= ~_beyond_a_kink(some, one, other)
    else:
        raw = unraised.of(at)
        out &= (closest(raw, one, other) <= 0) & ~kinks(raw).at
    found[at] *= out
    return found


def _beyond_a_kink(evidence: Evidence, value: Array, rival: Array) -> Array:
    """Whether all that can tell a value from its rival lies beyond a kink whose slopes hold it.

    A closer level shows the kink plainly; that the line looks smooth again may then be chance.
    """
    holds = (evidence.lo <= value) & (value <= evidence.hi)
    kinked = ~evidence.smooth & holds & (4 * evidence.noise <= evidence.width)
    tells = evidence.width <= thresholds.TELLS * np.abs(value - rival)
    return np.asarray(~np.any(tells & ~np.logical_or.accumulate(kinked, axis=0), axis=0))


@dataclass(frozen=True, kw_only=True)
class _Opinion:
    """Who is right, (m,) each; `heard` says that the complex step has a say."""

    heard: Array
    agree: Array
    inside: Array
    right: Array
    wrong: Array
    suspect: Array
    numeric: Array
    half: Array


def _opinion(
    a: Array,
    exact: Array,
    real: _Real,
    *,
    rounding: Array,
    slack: float,
    support: Array | float,
    blind: bool,
    excused: Array,
) -> _Opinion:
    """The complex step's word, where real differences do not leave it out; else theirs."""
    heard = np.isfinite(exact) & ~real.against
    apart = np.abs(a - exact)
    agree = heard & (apart <= rounding + slack * np.maximum(np.abs(a), np.abs(exact)))
    close = rounding + slack * np.abs(a)
    inside = (real.lo - close <= a) & (a <= real.hi + close)
    by_real = np.where(heard, ~agree & (real.prefers > 0), inside)
    convicted = real.prefers < 0
    if not blind:
        # Two oracles differ, by more than rounding, and nothing says which of them errs: nobody is
        # right or wrong. But of what it does not see the complex step says zero.
        differ = np.isfinite(exact) & ~heard & (exact != 0)
        by_real &= ~differ | (np.abs(exact - real.centre) <= excused)
        convicted &= ~differ | (apart > thresholds.TELLS * np.abs(a - real.centre))
    right = agree | by_real
    by_exact = heard & ~by_real
    return _Opinion(
        heard=heard,
        agree=agree,
        inside=inside,
        right=right,
        wrong=~right & convicted,
        suspect=heard & ~agree & (real.prefers == 0) & ~real.kinked,
        numeric=np.where(by_exact, exact, real.centre),
        half=np.where(by_exact, np.maximum(rounding, support), (real.hi - real.lo) / 2 + rounding),
    )


def _status(
    a: Array,
    exact: Array,
    real: _Real,
    said: _Opinion,
    *,
    rounding: Array,
    largest: Array,
    top: float,
    rtol: float,
    dust: Array,
) -> tuple[Array, Array]:
    """The status of each, and how bluntly a pass was had, relative to the largest slope."""
    size, apart = np.maximum(np.abs(a), np.abs(said.numeric)), np.abs(a - exact)
    sharp = 2 * said.half <= rtol * size
    # Where rounding may do far more than that, though it does not make up all of them, two values
    # that agree as closely do not by chance.
    by_chance = thresholds.BLUNT * rounding
    closely = (2 * apart <= rtol * size) & (np.maximum(apart, EPS * size) <= by_chance)
    sharp |= said.agree & closely & (said.half <= rounding) & (rounding < np.minimum(size, largest))
    hidden = np.maximum(real.hi - a, a - real.lo) + rounding
    hidden = np.where(said.agree, 2 * said.half, hidden)
    none = np.abs(a) <= rounding
    zero = none & (np.abs(said.numeric) <= said.half) & (2 * said.half <= thresholds.BLUNT * top)
    zero |= none & said.heard & (np.abs(exact) <= rounding)
    zero |= (a == 0) & np.where(said.heard, exact == 0, said.inside & (top == 0))
    dust = dust & said.heard
    status = np.full(a.shape, Status.UNDECIDED, np.int8)
    status[said.right & (sharp | (hidden <= thresholds.BLUNT * largest))] = Status.PASS
    status[(said.right & zero & ~sharp) | (dust & ~(said.right & sharp))] = Status.ZERO
    status[said.wrong & ~dust] = Status.FAIL
    beyond = np.where(real.nearby, Status.UNDECIDED, Status.FAIL)
    kinked = real.kinked & ~(real.nearby & said.agree & sharp)
    status[kinked] = np.where(said.inside, Status.KINK, beyond)[kinked]
    status[~np.isfinite(a)] = Status.FAIL
    blunt = (status == Status.PASS) & ~sharp
    return status, np.where(blunt, hidden / largest, 0.0)


def _reason(
    status: Array,
    real: _Real,
    said: _Opinion,
    *,
    rounding: Array,
    resolution: Array,
    within: Array,
) -> Array:
    """Why each is undecided, or blunt."""
    measured = np.where(said.heard | np.isfinite(real.centre), Reason.DIFFER, Reason.UNSEEN)
    noise = np.where(np.isfinite(within), Reason.ROUGH, Reason.NOISE)
    blurred = np.where(said.half > 2 * rounding, noise, Reason.ROUNDING)
    found = np.where(said.right, blurred, measured)
    passed = (status == Status.PASS) & (resolution == 0)
    return np.where(passed, Reason.NONE, found).astype(np.int8)


def _rough_within(evidence: Evidence) -> Array:
    """The shortest step at which a line is not smooth, of those up to the narrowest interval.

    And the one beyond, if it is closer than the first, which would be narrower if it were smooth.
    """
    width = np.where(np.isfinite(evidence.lo), evidence.width, np.inf)
    narrowest = np.argmin(width, axis=0)
    rough = np.isfinite(evidence.lo) & ~evidence.smooth
    rows = np.arange(len(width))[:, None]
    rough &= (rows <= narrowest) | ((rows == narrowest + 1) & (rows < HOME))
    first = evidence.h[np.argmax(rough, axis=0), np.arange(narrowest.size)]
    return np.where(rough.any(axis=0), first, np.nan)


def consensus(evidence: Evidence) -> tuple[Array, Array]:
    """The intersection of the intervals, from the closest outward for as long as they meet."""
    m = evidence.lo.shape[1]
    lo, hi = np.full(m, -np.inf), np.full(m, np.inf)
    open_ = np.ones(m, bool)
    for l, h in zip(evidence.lo, evidence.hi, strict=True):
        known = np.isfinite(l)
        if not known.any():
            continue
        meet = np.maximum(lo, l) <= np.minimum(hi, h)
        open_ &= meet | ~known
        take = open_ & known
        lo[take], hi[take] = np.maximum(lo, l)[take], np.minimum(hi, h)[take]
    some = np.isfinite(lo)
    return np.where(some, lo, np.nan), np.where(some, hi, np.nan)


def closest(evidence: Evidence, one: Array, other: Array) -> Array:
    """Which of two values the closest evidence that can tell them apart leaves standing.

    1 for `one`, -1 for `other`, 0 where no evidence can tell. Where several kinks lie within a
    step, the slope at the point may lie outside the hull of the one-sided ones: what is not smooth
    leaves nothing out.
    """
    margin = thresholds.SURE * np.abs(one - other)
    found = np.zeros(evidence.lo.shape[1], np.int8)
    for lo, hi, smooth in zip(evidence.lo, evidence.hi, evidence.smooth, strict=True):
        if not np.isfinite(lo).any():
            continue
        holds_one = (lo - margin <= one) & (one <= hi + margin)
        holds_other = (lo - margin <= other) & (other <= hi + margin)
        new = (found == 0) & np.isfinite(lo) & (holds_one != holds_other) & (smooth | holds_one)
        found[new] = np.where(holds_one, 1, -1)[new]
    return found


def left_out(evidence: Evidence, value: Array, rival: Array) -> Array:
    """Whether a value lies outside the hull of all evidence sharp enough to tell it from a rival.

    By at least half the width of that hull.
    """
    tells = evidence.width <= thresholds.TELLS * np.abs(value - rival)
    lo = np.min(np.where(tells, evidence.lo, np.inf), axis=0)
    hi = np.max(np.where(tells, evidence.hi, -np.inf), axis=0)
    beyond = (hi - lo) / 2
    return np.asarray((lo <= hi) & ((value < lo - beyond) | (value > hi + beyond)))


def followed(analytic: Array, exact: Array) -> Array:
    """Whether both slopes were had over all places, (POINTS, m), and the analytic one moves along.

    One that ends next to the point, or that was given as numbers, shows nothing of its rounding;
    zero has none.
    """
    had = np.all(np.isfinite(analytic) & np.isfinite(exact), axis=0)
    stands = np.all(analytic == analytic[0], axis=0) & np.any(exact != exact[0], axis=0)
    return np.asarray(had & ~(stands & (analytic[0] != 0)))


def scattered(analytic: Array, exact: Array) -> Array:
    """Whether the difference of two slopes, followed over places, is rounding: it scatters.

    Both are (POINTS, m), the middle row at the point. The angle of their ratio, half the relative
    difference where that is small, is smooth for a bug, and third differences leave nothing of it;
    rounding they multiply by sqrt(20). Where both are exactly zero at some places, as beyond a
    kink, nothing is excused.
    """
    with np.errstate(all="ignore"):
        angle = np.arctan(analytic / exact) - np.pi / 4
        scatter = np.sqrt(np.mean(np.square(np.diff(angle, 3, axis=0)), axis=0) / 20)
        here = np.abs(angle[len(angle) // 2])
        return np.asarray(here <= thresholds.DEVIATIONS * scatter)  # false for NaN
