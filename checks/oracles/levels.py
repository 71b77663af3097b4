"""Levels of real differences: what the cost, run around the point, says of its slope along lines.

A level is two symmetric differences, at h and at h/2. From the one-sided slopes at h, f and b, and
those at h/2, f2 and b2, it tells by itself whether the line is smooth there: on a smooth line half
the step halves the gap f - b. Then Richardson's value (4 d2 - d) / 3, with d = (f + b) / 2, is the
slope, up to

    |d2 - d| + |(f2 - b2) - (f - b) / 2| + NOISE_GAIN sigma / h.

The first term is three times the truncation, of whatever even order; together with the second it
also covers a kink anywhere within h. For a slope that jumps by J at the distance x h, the value is
off by J |1/2 - 7x/6|, and the terms add up to J (1/2 - x), J (2x - 1/2) and J (1 - x) for x up to
1/3, up to 1/2, and beyond, which is more. Where a third derivative as large happens to cancel the
first term, the slope may lie up to J / 9 outside; a level beside that one then holds it.

Where the gap is not halved the line has a kink within h, or a jump, and the evidence is the hull of
the one-sided slopes, each as found and continued to h = 0: blunt, but true. Where the cost does not
move at all, it has no say until a wider level moves it.

`scan` looks for a level that is sharp enough, outward while noise blurs, inward while the line
bends, breaks or contradicts what is expected. It ends: each of its loops moves a line one way, by
a level at least, or halves the levels between two; and no level is run twice. So whatever the cost
does, a line takes at most 4 `LEVELS` calls, and 2 + `HALVINGS` more to measure a jump on it, which
is done on `GROUPS` lines of a scan at most.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from itertools import pairwise

import numpy as np

from checks.oracles import thresholds
from checks.oracles.lines import Lines
from checks.problem.nested import Array

# From the first step, levels go in to a spacing of the numbers around 1, and out to REACH.
LOG_RATIO = float(np.log(thresholds.RATIO))
HOME = int(np.ceil(np.log(thresholds.FIRST[1] / np.finfo(np.float64).eps) / LOG_RATIO))
LEVELS = HOME + 1 + int(np.ceil(np.log(thresholds.REACH / thresholds.FIRST[0]) / LOG_RATIO))


@dataclass(frozen=True, kw_only=True)
class Evidence:
    """Intervals for slopes, the closest first: arrays (levels, lines), NaN where none was taken.

    Attributes
    ----------
    h
        The step of each.
    lo, hi
        Where the slope lies.
    smooth
        Whether the line is smooth at that width.
    noise
        What noise adds to each side.
    """

    h: Array
    lo: Array
    hi: Array
    smooth: Array
    noise: Array

    @property
    def width(self) -> Array:
        """How wide each interval is."""
        return self.hi - self.lo

    @property
    def sigma(self) -> Array:
        """The noise of the cost along each line; NaN where no level was taken."""
        noise = self.noise * self.h / thresholds.NOISE_GAIN
        return np.asarray(np.fmax.reduce(noise, axis=0))

    def level(self, k: int) -> Evidence:
        """One level of it, with arrays (lines,)."""
        return Evidence(
            h=self.h[k], lo=self.lo[k], hi=self.hi[k], smooth=self.smooth[k], noise=self.noise[k]
        )

    def of(self, lines: Array) -> Evidence:
        """The evidence along some of the lines."""
        return Evidence(
            h=self.h[:, lines],
            lo=self.lo[:, lines],
            hi=self.hi[:, lines],
            smooth=self.smooth[:, lines],
            noise=self.noise[:, lines],
        )


class Levels:
    """The costs around the point along lines, by level, and what they show."""

    def __init__(self, lines: Lines, centre: float, noise: float) -> None:
        self.lines, self.centre = lines, centre
        m = lines.unit.size
        self.noise = np.full(m, noise)
        self.measured = noise
        low, high = thresholds.FIRST
        size = abs(centre) if centre else 1.0
        first = np.clip(np.cbrt(4 * thresholds.NOISE_GAIN * noise / size), low, high)
        home = np.exp2(np.round(np.log2(lines.unit * first)))
        powers = float(thresholds.RATIO) ** (np.arange(LEVELS) - HOME)
        self.h = powers[:, None] * home
        self.costs = np.full((4, LEVELS, m), np.nan)  # at h, -h, h/2, -h/2
        self.taken = np.zeros((LEVELS, m), bool)
        self.near, self.far = high * lines.unit, thresholds.REACH * lines.unit
        self.least = 8 * lines.spacing  # below, h and h/2 are no whole number of spacings

    def look(self, which: Array, level: Array) -> None:
        """Run the cost at one level along some lines, where that has not been done."""
        new = ~self.taken[level, which]
        which, level = which[new], level[new]
        h = self.h[level, which]
        for k, step in enumerate((h, -h, h / 2, -h / 2)):
            self.costs[k, level, which] = np.real(self.lines.costs(which, step))
        self.taken[level, which] = True

    @property
    def size(self) -> float:
        """The largest cost that was met."""
        known = np.abs(self.costs[np.isfinite(self.costs)])
        return float(np.max(known, initial=abs(self.centre)))

    def flat(self, level: Array, which: Array) -> Array:
        """Whether the cost does not move at all at a level."""
        return np.asarray(np.all(self.costs[:, level, which] == self.centre, axis=0))

    def allows(self, which: Array, level: Array, still: Array) -> Array:
        """Whether a level is within reach: a shorter one where the cost may well stand still."""
        reach = np.where(still, self.near[which], self.far[which])
        h = self.h[np.minimum(level, LEVELS - 1), which]
        return np.asarray((level < LEVELS) & (h <= reach))

    def closest(self, which: Array) -> Array:
        """The closest level whose steps are whole numbers of spacings."""
        return np.asarray(np.argmax(self.h[:, which] >= self.least[which], axis=0))

    def evidence(self) -> Evidence:
        """All that was taken. What was rough close by is so further out, where it looks smooth."""
        return self._with(self.noise)

    def unraised(self) -> Evidence | None:
        """The same with the noise as it was measured; None where no line has turned out rougher.

        Without levels at which the cost does not move: what stands still shows no slope.
        """
        if np.all(self.noise == self.measured):
            return None
        found = self._with(np.full(self.noise.shape, self.measured))
        still = np.where(np.all(self.costs == self.centre, axis=0), np.nan, 0.0)
        return replace(found, lo=found.lo + still, hi=found.hi + still)

    def _with(self, noise: Array) -> Evidence:
        found = interval(self.costs, self.h, self.centre, noise)
        rough = np.where(found.smooth, 0.0, np.nan_to_num(found.width - 2 * found.noise) * found.h)
        before = np.zeros_like(rough)
        np.maximum.accumulate(np.nan_to_num(rough[:-1]), axis=0, out=before[1:])
        wider = np.where(found.smooth, before / found.h, 0.0)
        return replace(found, lo=found.lo - wider, hi=found.hi + wider)


@np.errstate(all="ignore")
def joined(found: Evidence) -> Evidence:
    """Each interval, where the line does not bend less and less the closer one looks.

    A smooth line bends 16 times less a level inward. Where it does not bend 1 / `SMOOTH` times
    less, there are kinks within, as many on either side, or it would not look smooth. Then the
    slope at the point may be off by as much again for some of the levels that noise hides, and what
    is further out says no more than what is closer. Where the line is rough further out, noise may
    hide a kink by J, of which J / 2 would show. A bend of just the noise is rounding at its worst.
    """
    rows = np.flatnonzero(np.any(np.isfinite(found.lo), axis=1))
    bend = found.width / 2 - found.noise
    lo, hi = found.lo.copy(), found.hi.copy()
    for k, far in enumerate(rows):
        rough = np.isfinite(found.lo[far]) & ~found.smooth[far]
        for near in rows[:k]:
            shown = bend[near] > (1 + thresholds.SMOOTH) * found.noise[near]
            most = np.where(shown, bend[near] / thresholds.SMOOTH, 2 * found.noise[near])
            steady = found.smooth[near] & (shown | rough) & (bend[far] < most)
            for row in (near, far):
                at = steady & found.smooth[row]
                lo[row] = np.where(at, np.fmin(lo[row], found.lo[near] - most), lo[row])
                hi[row] = np.where(at, np.fmax(hi[row], found.hi[near] + most), hi[row])
    return replace(found, lo=lo, hi=hi)


@np.errstate(all="ignore")
def interval(costs: Array, h: Array, centre: float, sigma: Array) -> Evidence:
    """What costs (4, …) at h, -h, h/2 and -h/2 say of the slope; the module's text derives it."""
    f, b = (costs[0] - centre) / h, (centre - costs[1]) / h
    f2, b2 = 2 * (costs[2] - centre) / h, 2 * (centre - costs[3]) / h
    d, d2 = (f + b) / 2, (f2 + b2) / 2
    noise = thresholds.NOISE_GAIN * sigma / h
    left = np.abs((f2 - b2) - (f - b) / 2)
    smooth = left <= thresholds.SMOOTH * np.abs(f - b) + noise
    value, error = d2 + (d2 - d) / 3, np.abs(d2 - d) + left
    sides = (f, b, f2, b2, 2 * f2 - f, 2 * b2 - b)
    bend = np.maximum(np.abs(f2 - f), np.abs(b2 - b))
    lowest, highest = np.minimum.reduce(sides) - bend, np.maximum.reduce(sides) + bend
    known = np.isfinite(value) & np.isfinite(noise)
    nan = np.where(known, 0.0, np.nan)
    return Evidence(
        h=h + nan,
        lo=np.where(smooth, value - error, lowest) - noise + nan,
        hi=np.where(smooth, value + error, highest) + noise + nan,
        smooth=smooth & known,
        noise=noise + nan,
    )


def scan(levels: Levels, wanted: Array, target: Array) -> Evidence:
    """Look along each line until a level is no wider than `target` and holds what is `wanted`.

    Outward while only noise is in the way, inward while the line bends. Where a level leaves
    `wanted` out or is not smooth, straight to the closest level that can still tell; where that one
    holds it, back outward to the widest that does. A line that turns out to be a staircase is
    looked at again, with noise of half a stair.

    Of many lines whose first level plainly leaves out what is wanted, some are followed inward, and
    the rest only where one of these holds it after all.
    """
    if _Scan(levels, wanted, target).run(np.arange(wanted.size)):
        return levels.evidence()
    for rougher in (_stairs, _rough):
        scan_again(levels, wanted, target, *rougher(levels, wanted))
    return levels.evidence()


def scan_again(
    levels: Levels, wanted: Array, target: Array, lines: Array, level: Array | int
) -> None:
    """Look again along some lines, whose noise has turned out to be more, from some level on."""
    again = _Scan(levels, wanted, target)
    again.level[lines] = level
    again.run(lines)


class _Scan:
    """One scan: for each line the level it is at, the widest good one, and the next bad one."""

    def __init__(self, levels: Levels, wanted: Array, target: Array) -> None:
        self.levels, self.wanted, self.target = levels, wanted, target
        self.level = np.full(wanted.size, HOME)
        self.good = np.full(wanted.size, -1)
        self.bad = np.full(wanted.size, LEVELS)

    @np.errstate(all="ignore")
    def run(self, lines: Array) -> bool:
        """Look along some lines, from where they are; whether all were sharp at once."""
        if not lines.size:
            return True
        self._go(lines, np.zeros(lines.size, int))
        if self._sharp(lines).all():
            return True
        plain = lines[self._plainly_not(lines)]
        some, rest = plain[: thresholds.LOOKED], plain[thresholds.LOOKED :]
        self._follow(np.setdiff1d(lines, rest))
        if rest.size and np.any(self.good[some] >= 0):
            self._follow(rest)
        return False

    def _plainly_not(self, lines: Array) -> Array:
        """Whether the level that a line is at is smooth, and tells what is wanted to be wrong."""
        here = self._here(lines)
        apart = np.abs(self.wanted[lines] - (here.lo + here.hi) / 2)
        flat = self.levels.flat(self.level[lines], lines)
        return here.smooth & ~flat & (here.width <= thresholds.TELLS * thresholds.SURE * apart)

    def _follow(self, lines: Array) -> None:
        """Look along lines from the level they are at, outward or inward."""
        self._outward(lines)
        self._close_in(lines[self.good[lines] < 0])
        self._back_out(lines)
        held = lines[self.good[lines] >= 0]
        self.level[held] = self.good[held]
        self._inward(held)

    def _go(self, lines: Array, steps: Array) -> None:
        """Move by some levels, look there, and note whether that one is good."""
        self.level[lines] += steps
        level = self.level[lines]
        self.levels.look(lines, level)
        fine, flat = self._fine(lines), self.levels.flat(level, lines)
        self.good[lines] = np.where(fine, np.maximum(self.good[lines], level), self.good[lines])
        worse = ~fine & ~flat
        self.bad[lines] = np.where(worse, np.minimum(self.bad[lines], level), self.bad[lines])

    def _here(self, lines: Array) -> Evidence:
        return _at(self.levels, lines, self.level[lines])

    def _fine(self, lines: Array) -> Array:
        """Whether the line is smooth, and holds what is wanted, at the level it is at."""
        here, wanted, slack = self._here(lines), self.wanted[lines], self.target[lines] / 2
        holds = (here.lo - slack <= wanted) & (wanted <= here.hi + slack)
        return here.smooth & holds & ~self.levels.flat(self.level[lines], lines)

    def _sharp(self, lines: Array) -> Array:
        return self._fine(lines) & (self._here(lines).width <= self.target[lines])

    def _outward(self, lines: Array) -> None:
        """While the cost stands still, or noise is most of the width."""
        while lines.size:
            level, flat = self.level[lines], self.levels.flat(self.level[lines], lines)
            here, target = self._here(lines), self.target[lines]
            apart = np.abs(self.wanted[lines] - (here.lo + here.hi) / 2)
            untold = self._fine(lines) | (here.noise > thresholds.SURE * apart)
            blurred = flat | (untold & (here.noise > target / 4))
            step = np.where(flat, 2, np.clip(_factors(4 * here.noise / target), 1, 3))
            still = flat & (self.wanted[lines] == 0)
            room = self.levels.allows(lines, level + step, still)
            further = blurred & room & ~self._sharp(lines)
            lines = lines[further]
            self._go(lines, step[further])

    def _close_in(self, lines: Array) -> None:
        """Straight to the closest level that can still tell what is wanted from what was found."""
        lines = lines[~self.levels.flat(self.level[lines], lines)]
        while lines.size:
            here, wanted = self._here(lines), self.wanted[lines]
            apart = np.abs(wanted - (here.lo + here.hi) / 2)
            apart = np.where(here.smooth, apart, np.maximum(apart, here.width))
            step = np.floor(np.log(thresholds.SURE * apart / here.noise) / LOG_RATIO)
            ended = ~np.isfinite(here.lo)  # the cost has left its domain on the way
            step = np.where(ended, 1, np.nan_to_num(step, posinf=LEVELS)).astype(int)
            step = np.minimum(step, self.level[lines] - self.levels.closest(lines))
            further = step > 0
            lines, ended = lines[further], ended[further]
            self._go(lines, -step[further])
            # Beside one that contradicts: whether a kink stays, and whether it is only noise.
            contradicts = (
                ~self._fine(lines) & ~ended & ~(here.smooth[further] & self._here(lines).smooth)
            )
            self.levels.look(lines[contradicts], self.level[lines[contradicts]] + 1)
            lines = lines[ended & ~self._fine(lines)]  # where it is finite, on from there

    def _inward(self, lines: Array) -> None:
        """While the line bends, and more than noise would be gained."""
        while lines.size:
            here, target, level = self._here(lines), self.target[lines], self.level[lines]
            # A level inward, truncation falls by RATIO^2 and noise rises by RATIO.
            step = np.minimum(
                _factors(np.sqrt(here.width / target)),
                np.rint(np.log(here.width / (2 * here.noise)) / (3 * LOG_RATIO)),
            )
            step = np.nan_to_num(step, posinf=LEVELS, neginf=0).astype(int)
            step = np.minimum(step, level - self.levels.closest(lines))
            bent = self._fine(lines) & (here.width > target) & (step > 0)
            lines = lines[bent]
            self._go(lines, -step[bent])

    def _back_out(self, lines: Array) -> None:
        """By halves between a level that is good but blurred and one further out that is bad."""
        while lines.size:
            between = self.bad[lines] - self.good[lines]
            held = (self.good[lines] >= 0) & (self.bad[lines] < LEVELS) & (between > 1)
            lines = lines[held]
            self.level[lines] = self.good[lines]
            here, target = self._here(lines), self.target[lines]
            blurred = (here.width > target) & (4 * here.noise > here.width)
            lines = lines[blurred]
            self._go(lines, (self.bad[lines] - self.good[lines]) // 2)
            not_good = self.good[lines] < self.level[lines]  # flat ones, too, or it never ends
            self.bad[lines] = np.where(not_good, self.level[lines], self.bad[lines])


def _factors(ratio: Array) -> Array:
    """How many factors of RATIO there are in a ratio, rounded up."""
    found = np.ceil(np.log(ratio) / LOG_RATIO)
    return np.nan_to_num(found, nan=0, posinf=LEVELS, neginf=-LEVELS).astype(int)


def _stairs(levels: Levels, wanted: Array) -> tuple[Array, Array]:
    """The lines that are flat close by and jump further out, and the first level that moves.

    Their noise becomes half the height of a stair, the highest that some of them show.
    """
    moves = levels.taken & ~np.all(levels.costs == levels.centre, axis=0)
    flat = levels.taken & ~moves
    first = np.argmax(moves, axis=0)
    closer = flat & (np.arange(LEVELS)[:, None] < first)
    found = np.flatnonzero(closer.any(axis=0) & moves.any(axis=0))
    found = found[np.argsort(wanted[found] == 0, kind="stable")]
    height = max((jump(levels, k, 0.0, first[k]) for k in found[: thresholds.GROUPS]), default=0.0)
    levels.noise[found] = np.maximum(levels.noise[found], height / 2)
    at = found if height else found[:0]
    return at, first[at]


def jump(levels: Levels, line: int, slope: float, level: int) -> float:
    """How high the cost jumps somewhere between the closest level and another; 0 where it does not.

    Of the way between, the half on which it leaves a slope by more is halved again and again: a
    jump stays, and what a kink or a wave makes falls with the distance.
    """
    up, down = levels.costs[:2, level, line] - levels.centre
    expected = slope * levels.h[level, line]
    side = 1.0 if abs(up - expected) >= abs(down + expected) else -1.0

    def left(t: float) -> float:
        cost = levels.lines.costs(np.asarray([line]), np.asarray([side * t]))[0]
        return float(np.real(cost) - levels.centre - slope * side * t)

    a, b = float(levels.h[np.argmax(levels.taken[:, line]), line]), float(levels.h[level, line])
    at_a, at_b = left(a), left(b)
    whole = abs(at_b - at_a)
    for _ in range(thresholds.HALVINGS):
        middle = (a + b) / 2
        at_middle = left(middle)
        if abs(at_middle - at_a) > abs(at_b - at_middle):
            b, at_b = middle, at_middle
        else:
            a, at_a = middle, at_middle
    rise = abs(at_b - at_a)
    noise = thresholds.NOISE_GAIN * float(levels.noise[line])
    return rise if rise > max(noise, whole * 2.0 ** (4 - thresholds.HALVINGS)) else 0.0


def _rough(levels: Levels, _wanted: Array) -> tuple[Array, Array]:
    """The lines that are rough at the closest level, with no kink there, and where to begin again.

    What is rough so close by is noise, as of many stairs one upon the other: as much as the levels
    show from the closest outward for as long as they are rough. Where most of the lines that were
    followed so far are, it is the cost's own, and every line's.
    """
    evidence = levels.evidence()
    near = np.logical_and.accumulate(~levels.taken | ~evidence.smooth, axis=0) & levels.taken
    found = (evidence.width - 2 * evidence.noise) * evidence.h / thresholds.NOISE_GAIN
    found = np.max(np.where(near & np.isfinite(found), found, 0.0), axis=0)
    found = np.maximum(np.where(kinks(evidence).at, 0.0, found), _torn(levels, evidence))
    rough = found > levels.noise
    followed = levels.taken[:HOME].any(axis=0)
    if 2 * np.count_nonzero(rough & followed) > np.count_nonzero(followed) > 1:
        found, rough = np.full(found.shape, found[followed].max()), np.ones(found.shape, bool)
    levels.noise = np.where(rough, np.maximum(found, levels.noise), levels.noise)
    at = np.flatnonzero(rough)
    return at, np.full(at.size, HOME)


def _torn(levels: Levels, evidence: Evidence) -> Array:
    """The noise that tears the two closest levels of a line apart, where they are neighbours."""
    rows = np.arange(levels.noise.size)
    near = np.argmax(levels.taken, axis=0)
    far = np.minimum(near + 1, LEVELS - 1)
    gap = np.maximum(evidence.lo[near, rows] - evidence.hi[far, rows],
                     evidence.lo[far, rows] - evidence.hi[near, rows])  # fmt: skip
    torn = levels.taken[far, rows] & (gap > 0)
    return np.where(torn, gap * levels.h[near, rows] / thresholds.NOISE_GAIN, 0.0)


def _at(levels: Levels, which: Array, level: Array) -> Evidence:
    return interval(
        levels.costs[:, level, which], levels.h[level, which], levels.centre, levels.noise[which]
    )


def _stays(near: Evidence, far: Evidence) -> Array:
    """Whether two neighbouring hulls of one-sided slopes are the same: a kink at the point."""
    width = near.width - 2 * near.noise
    moved = np.abs(near.lo + near.noise - far.lo - far.noise)
    moved += np.abs(near.hi - near.noise - far.hi + far.noise)
    clear = near.noise <= thresholds.STAYS * width
    alike = moved <= thresholds.STAYS * width + near.noise
    return np.asarray(~near.smooth & ~far.smooth & clear & alike)


@dataclass(frozen=True, kw_only=True)
class Kinks:
    """Lines with a kink, (m,) each: `at` the point, or perhaps several that lie `nearby` instead.

    `lo` and `hi` are the slopes to its left and right, in either order; NaN where there is none.
    """

    at: Array
    nearby: Array
    lo: Array
    hi: Array


def kinks(evidence: Evidence) -> Kinks:
    """Which lines have a kink at the point: two neighbouring hulls of slopes are the same.

    Both hold the slopes on either side; levels further out may have crossed other kinks. Where the
    two are not far closer than the first step, for noise leaves no room, kinks between them and the
    point would look the same.
    """
    m = evidence.lo.shape[1]
    found, nearby = np.zeros(m, bool), np.zeros(m, bool)
    lo, hi = np.full(m, np.nan), np.full(m, np.nan)
    rough = np.flatnonzero(np.any(np.isfinite(evidence.lo) & ~evidence.smooth, axis=1))
    for near, far in pairwise(rough):
        if far == near + 1:
            one, other = evidence.level(int(near)), evidence.level(int(far))
            new = _stays(one, other) & ~found
            found |= new
            nearby |= new & (near > HOME - thresholds.CLOSE)
            lo[new] = np.maximum(one.lo, other.lo)[new]
            hi[new] = np.minimum(one.hi, other.hi)[new]
    return Kinks(at=found, nearby=nearby, lo=lo, hi=hi)
