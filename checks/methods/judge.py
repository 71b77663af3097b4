"""The judge: measure slopes along lines by real differences where that is asked for, and decide.

What real differences alone convict is looked into once more: a wider level may show that the cost
is rougher than its noise was found to be, and what one line of a cost shows of that holds for all.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Protocol

import numpy as np

from checks.methods.run import CheckRun
from checks.oracles import registry, thresholds
from checks.oracles.levels import HOME, LEVELS, Evidence, Levels, jump, scan_again
from checks.oracles.lines import Lines
from checks.problem.nested import Array
from checks.verdict.rule import (
    Reason,
    Ruling,
    Status,
    consensus,
    decide,
    followed,
    left_out,
    scattered,
)


class Around(Protocol):
    """Analytic and complex values of some lines at places around the point, (POINTS, m) each."""

    def __call__(self, some: Array, *, everything: bool) -> tuple[Array, Array]:
        """`everything` moves tensors that are all zero, too, like the others."""


@dataclass(frozen=True, kw_only=True)
class Values:
    """What is to be judged along lines, (m,) each: see `checks.verdict.rule.decide`."""

    analytic: Array
    exact: Array
    rounding: Array
    largest: Array
    top: float
    least: Array | float = 0.0

    def of(self, lines: Array) -> Values:
        """Some of them."""
        return Values(
            analytic=self.analytic[lines],
            exact=self.exact[lines],
            rounding=self.rounding[lines],
            largest=self.largest[lines],
            top=self.top,
            least=np.broadcast_to(self.least, self.analytic.shape)[lines],
        )


@dataclass(kw_only=True)
class _Case:
    """Lines that were looked along, what was wanted of them, and where their ruling stands."""

    levels: Levels
    wanted: Array
    target: Array
    values: Values
    ruling: Ruling
    into: Ruling
    tensor: int
    at: Array


@dataclass(kw_only=True)
class Judge:
    """Decides slopes of one problem."""

    this: CheckRun
    cases: list[_Case] = field(default_factory=list)

    def at_once(self, values: Values, support: Array | float = 0.0) -> Ruling:
        """What the complex step alone says."""
        return self._ruling(values, None, support)

    def look(
        self,
        lines: Lines,
        values: Values,
        *,
        into: Ruling,
        tensor: int,
        at: Array,
        taken: Levels | None = None,
        around: Around | None = None,
        beside: Callable[[Array], tuple[Array, Array]] | None = None,
    ) -> None:
        """Look along lines by real differences, and write what they say into a ruling.

        Parameters
        ----------
        lines, values
            Where to look, and what is to be judged, (m,).
        into, tensor, at
            The ruling to write into, which tensor's it is, and where, (m,).
        taken
            What has been measured elsewhere already.
        around
            Gives analytic and complex values of some of the lines at places around the point.
        beside
            Gives the complex slopes of some of the lines just below and just above the point.
        """
        wanted, target = self.aim(values)
        levels = taken
        if levels is None:
            levels = Levels(lines, self.this.centre, self.this.noise)
            registry.scan(levels, wanted, target)
        ruling = self._decide(levels, values)
        alone = np.flatnonzero(ruling.alone)
        if alone.size and _rougher(levels, alone, values.analytic):
            scan_again(levels, wanted, target, alone, HOME)
            ruling = self._decide(levels, values)
        if around is not None:
            left_open = self._excuse(ruling, values, around)
            if beside is not None and left_open.size:
                _on_kinks(ruling, left_open, values.of(left_open), *beside(left_open))
        put(into, at, ruling)
        self.cases.append(_Case(levels=levels, wanted=wanted, target=target, values=values,
                                ruling=ruling, into=into, tensor=tensor, at=at))  # fmt: skip

    def aim(self, values: Values) -> tuple[Array, Array]:
        """What each line should hold, and how sharply: (m,) each.

        The complex value where there is one, sharply enough to tell it from the analytic one; but
        of zero it cannot be told whether the cost only stands still, as on a stair.
        """
        a, s, r, rtol = values.analytic, values.exact, values.rounding, self.this.rtol
        has = np.isfinite(s)
        target = np.maximum(rtol * np.abs(a), 4 * r)
        fallback = np.where(values.largest > 0, values.largest, values.top or 1.0)
        target = np.where(target > 0, target, rtol * fallback)
        apart = np.abs(a - s)
        target = np.where(has & (apart > r), np.maximum(apart / 4, target), target)
        return np.where(has & (s != 0), s, a), target

    def reconsider(self) -> None:
        """What real differences alone convict has to stand out from the worst noise of any line.

        A cost that is a staircase along one line computes its other slopes no better.
        """
        worst = max((float(case.levels.noise.max()) for case in self.cases), default=0.0)
        size = max((case.levels.size for case in self.cases), default=1.0)
        for case in self.cases:
            levels, alone = case.levels, np.flatnonzero(case.ruling.alone)
            if np.all(levels.noise[alone] >= worst):
                continue
            levels.noise = np.maximum(levels.noise, worst)
            scan_again(levels, case.wanted, case.target, alone, HOME)
            put(case.ruling, alone, self._decide(levels, case.values, alone))
            put(case.into, case.at, case.ruling)
        for case in self.cases:
            self._be_lenient(case, worst / size if size else 0.0)

    def _be_lenient(self, case: _Case, precision: float) -> None:
        """A cost of less than double precision may round its parameters too, and so its slopes.

        That may be no more than what a blunt pass leaves open.
        """
        coarse = precision > thresholds.SAFETY**2 * float(np.finfo(np.float64).eps)
        share = min(thresholds.SAFETY * precision, thresholds.BLUNT) * coarse
        off = np.abs(case.values.analytic - case.ruling.numeric)
        close = off <= share * case.values.largest
        doubtful = np.flatnonzero(close & (case.ruling.status == Status.FAIL) & case.ruling.alone)
        case.ruling.status[doubtful] = Status.UNDECIDED
        put(case.into, case.at, case.ruling)

    def _excuse(self, ruling: Ruling, values: Values, around: Around) -> Array:
        """Fail the suspects, but for those whose difference is rounding: it scatters.

        What cannot be followed stays undecided: nothing real speaks against it. So does what is off
        at the point alone: it may be a kink that no difference resolves, and the complex step sees
        one side of it. Where that is.
        """
        at = np.flatnonzero(ruling.suspect)
        if not at.size or self.this.blind:
            return at[:0]
        if self.this.problem.jittered is not None:
            ruling.status[at] = Status.FAIL  # all of a network's rounding is known
            return at[:0]
        analytic, exact = around(at, everything=False)
        known = followed(analytic, exact)
        at, rounded = at[known], scattered(analytic[:, known], exact[:, known])
        off = at[~rounded]
        wrong = _differ_elsewhere(*around(off, everything=True)) if off.size else off > 0
        ruling.status[off[wrong]] = Status.FAIL
        at = at[rounded]
        a, s = values.analytic[at], values.exact[at]
        apart, largest = np.abs(a - s), values.largest[at]
        size = np.maximum(np.abs(a), np.abs(s))
        nil = (2 * apart >= size) & (size <= thresholds.BLUNT * largest)
        fits = 2 * apart <= thresholds.BLUNT * largest
        status = np.where(nil, Status.ZERO, np.where(fits, Status.PASS, Status.UNDECIDED))
        ruling.status[at], ruling.error[at], ruling.reason[at] = status, apart, Reason.ROUNDING
        passed = np.where(status == Status.PASS, 2 * apart, 0.0)
        ruling.resolution[at] = passed / np.where(largest > 0, largest, 1.0)
        return np.concatenate([off[~wrong], at[status == Status.UNDECIDED]])

    def _decide(self, levels: Levels, values: Values, some: Array | None = None) -> Ruling:
        evidence, unraised = levels.evidence(), levels.unraised()
        if some is not None:
            values, evidence = values.of(some), evidence.of(some)
            unraised = None if unraised is None else unraised.of(some)
        support: Array | float = 0.0
        if self.this.blind:
            lo, hi = consensus(evidence)
            support = (hi - lo) / 2
        return self._ruling(values, evidence, support, unraised)

    def _ruling(
        self,
        values: Values,
        evidence: Evidence | None,
        support: Array | float,
        unraised: Evidence | None = None,
    ) -> Ruling:
        return decide(
            values.analytic,
            rounding=values.rounding,
            exact=values.exact,
            evidence=evidence,
            largest=values.largest,
            top=values.top,
            least=values.least,
            rtol=self.this.rtol,
            slack=self.this.slack,
            support=support,
            blind=bool(self.this.blind),
            unraised=unraised,
        )


def _on_kinks(ruling: Ruling, at: Array, values: Values, below: Array, above: Array) -> None:
    """On a kink are values between the slopes on both sides of the point, where these differ."""
    slopes = np.stack([below, above, values.exact])
    lo, hi = slopes.min(axis=0), slopes.max(axis=0)
    bent = hi - lo > values.rounding
    on = (lo - values.rounding <= values.analytic) & (values.analytic <= hi + values.rounding)
    at = at[bent & on]
    ruling.status[at] = Status.KINK
    ruling.numeric[at], ruling.error[at] = values.analytic[bent & on], ((hi - lo) / 2)[bent & on]


def _differ_elsewhere(analytic: Array, exact: Array) -> Array:
    """Whether two slopes, (POINTS, m), differ around the point as they do there.

    By a quarter of that at the least, in more than half of the places where they are not zero.
    """
    size = np.maximum(np.abs(analytic), np.abs(exact))
    with np.errstate(all="ignore"):
        apart = np.abs(analytic - exact) / size
    middle = len(analytic) // 2
    there = np.delete(np.arange(len(analytic)), middle)
    told = np.count_nonzero(size[there] > 0, axis=0)
    differ = np.count_nonzero(apart[there] > apart[middle] / 4, axis=0)
    return np.asarray(2 * differ > told)


def put(ruling: Ruling, at: Array, other: Ruling) -> None:
    """Write one ruling over another, at some places."""
    for key in vars(ruling):
        getattr(ruling, key)[at] = getattr(other, key)


def _rougher(levels: Levels, convicted: Array, analytic: Array) -> bool:
    """Whether the cost turns out to be rougher than its noise, where it convicts by itself.

    Along two lines: where a wider level holds the value that those close by leave out, and the cost
    jumps on the way, it is a staircase of which they see no more than a stair.
    """
    some = convicted[[0, -1]] if convicted.size > 1 else convicted
    outermost = _look_out(levels, some)
    evidence = levels.evidence().of(some)
    lo, hi = consensus(evidence)
    slope = (lo + hi) / 2
    doubtful = np.flatnonzero(~left_out(evidence, analytic[some], slope))
    height = max((jump(levels, some[k], slope[k], outermost[k]) for k in doubtful), default=0.0)
    levels.noise = np.maximum(levels.noise, height / 2)
    return height > 0


def _look_out(levels: Levels, lines: Array) -> Array:
    """Take two wider levels along some lines, and say which is the widest."""
    outermost = LEVELS - 1 - np.argmax(levels.taken[::-1, lines], axis=0)
    for further in (3, 6):
        level = np.minimum(outermost + further, LEVELS - 1)
        allowed = levels.allows(lines, level, np.zeros(lines.size, bool))
        levels.look(lines[allowed], level[allowed])
    return np.asarray(LEVELS - 1 - np.argmax(levels.taken[::-1, lines], axis=0))
