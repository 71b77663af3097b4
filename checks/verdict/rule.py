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

from checks.nest import Array
from checks.oracles import thresholds
from checks.oracles.levels import Evidence, at_kink


class Status(enum.IntEnum):
    """What can be said of one coordinate."""

    PASS = 0
    FAIL = 1
    UNDECIDED = 2
    ZERO = 3
    KINK = 4


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
        for what lies further out than the interval that decided.
    """

    status: Array
    reason: Array
    numeric: Array
    error: Array
    resolution: Array
    suspect: Array
    alone: Array
    within: Array


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
    """
    a = analytic
    slack = thresholds.NO_ERROR * rtol if slack is None else slack
    close = rounding + slack * np.abs(a)
    nothing = np.full(a.shape, np.nan)
    lo, hi = (nothing, nothing) if evidence is None else consensus(evidence)
    centre = (lo + hi) / 2
    has = np.isfinite(exact)
    kinked = np.zeros(a.shape, bool)
    real_says = np.zeros(a.shape, np.int8)
    if evidence is not None:
        against = (closest(evidence, exact, centre) < 0) & left_out(evidence, exact, centre)
        has &= ~against
        kinked = at_kink(evidence)
        rival = np.where(has, exact, centre)
        real_says = closest(evidence, a, rival)
        real_says[(real_says < 0) & ~left_out(evidence, a, rival)] = 0
    near = rounding + slack * np.maximum(np.abs(a), np.abs(exact))
    agree = has & (np.abs(a - exact) <= near)
    inside = (lo - close <= a) & (a <= hi + close)

    right_by_real = np.where(has, ~agree & (real_says > 0), inside)
    right_ = agree | right_by_real
    wrong = ~right_ & (real_says < 0)
    if not blind:
        # A zero bears nothing out: the complex step says so of whatever it does not see.
        borne_out = (np.abs(a - exact) <= thresholds.TELLS * np.abs(a - centre)) & (exact != 0)
        wrong &= has | ~borne_out
    numeric = np.where(has & ~right_by_real, exact, centre)
    half = np.where(agree, np.maximum(rounding, support), (hi - lo) / 2 + rounding)

    status = np.full(a.shape, Status.UNDECIDED, np.int8)
    reason = np.full(a.shape, Reason.UNSEEN, np.int8)
    size = np.maximum(np.abs(a), np.abs(numeric))
    sharp = 2 * half <= rtol * size
    nil = (np.abs(a) <= rounding) & (np.abs(numeric) <= half) & (2 * half <= thresholds.BLUNT * top)
    nil |= (np.abs(a) <= rounding) & has & (np.abs(exact) <= rounding)
    nil |= (a == 0) & (numeric == 0) & has
    nil |= (a == 0) & inside & (top == 0)
    dust = has & (np.maximum(np.abs(a), np.abs(exact)) <= least)
    hidden = np.where(agree, 2 * half, np.maximum(hi - a, a - lo) + rounding)
    blunt = hidden <= thresholds.BLUNT * largest
    status[right_ & (sharp | blunt)] = Status.PASS
    status[(right_ & nil & ~sharp) | (dust & ~(right_ & sharp))] = Status.ZERO
    status[wrong & ~dust] = Status.FAIL
    reason[right_] = np.where(half > 2 * rounding, Reason.NOISE, Reason.ROUNDING)[right_]
    reason[~right_ & (has | np.isfinite(centre))] = Reason.DIFFER
    within = nothing if evidence is None else _rough_within(evidence)
    if evidence is not None:
        reason[np.isfinite(within) & right_ & (reason == Reason.NOISE)] = Reason.ROUGH
        status[kinked] = np.where(inside, Status.KINK, Status.FAIL)[kinked]
        numeric = np.where(kinked, np.clip(a, lo, hi), numeric)
        half = np.where(kinked, (hi - lo) / 2, half)
    status[~np.isfinite(a)] = Status.FAIL
    resolution = np.where((status == Status.PASS) & ~sharp, hidden / largest, 0.0)
    reason[sharp & (status == Status.PASS)] = Reason.NONE
    return Ruling(
        status=status,
        reason=reason,
        numeric=numeric,
        error=half,
        resolution=resolution,
        alone=wrong & ~has & ~kinked,
        within=within,
        suspect=has & ~agree & ~dust & (real_says == 0) & ~kinked,
    )


def _rough_within(evidence: Evidence) -> Array:
    """The shortest step at which a line is not smooth, of those up to the narrowest interval."""
    width = np.where(np.isfinite(evidence.lo), evidence.width, np.inf)
    narrowest = np.argmin(width, axis=0)
    rough = np.isfinite(evidence.lo) & ~evidence.smooth
    rough &= np.arange(len(width))[:, None] <= narrowest
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

    1 for `one`, -1 for `other`, 0 where no evidence can tell.
    """
    margin = thresholds.SURE * np.abs(one - other)
    found = np.zeros(evidence.lo.shape[1], np.int8)
    for lo, hi in zip(evidence.lo, evidence.hi, strict=True):
        if not np.isfinite(lo).any():
            continue
        holds_one = (lo - margin <= one) & (one <= hi + margin)
        holds_other = (lo - margin <= other) & (other <= hi + margin)
        new = (found == 0) & np.isfinite(lo) & (holds_one != holds_other)
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

    Both are (POINTS, m), the middle row at the point. Relative to the larger of the two a bug is
    smooth, and third differences leave nothing of it; rounding they multiply by sqrt(20). Where
    both are exactly zero at some places, as beyond a kink, nothing is excused.
    """
    with np.errstate(all="ignore"):
        relative = (analytic - exact) / np.maximum(np.abs(analytic), np.abs(exact))
        scatter = np.sqrt(np.mean(np.square(np.diff(relative, 3, axis=0)), axis=0) / 20)
        here = np.abs(relative[len(relative) // 2])
        return np.asarray(here <= thresholds.DEVIATIONS * scatter)  # false for NaN
