"""Noise: how far rounding moves a cost, found out by running it.

Two ways, and the larger answer counts: jitter every parameter by units in its last place, which
shows what an honest double-precision cost does; and difference tables along a line (J. Moré and
S. Wild, Estimating computational noise, SIAM J. Sci. Comput. 33, 2011, 1292-1314), which also show
a cost that computes in less precision than it is given and is deaf to the last place.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from checks import rounding
from checks.nest import Array

POINTS = 9
FEW = 3
WIDER = 8
SPACINGS = tuple(2.0**-46 * WIDER**k for k in range(15))

# What grows like the spacing by so much, several times in a row, is a kink. Noise of one size that
# appears among noise of a smaller one jumps once, by any factor.
STEADY = 1.25

# Where a cost is looked at for having been rounded to less than double at its very end: no round
# numbers, so that a cost that is all whole numbers does not look like one.
WIDE = tuple((k - 4.3) / 53 for k in range(9))

# Tables noisier than the jitter by half the digits between double and single precision, and noise
# of a size between single and half precision's own, are the marks of a cost that computes in less
# than double. A cost that is nearly zero because large terms cancel is noisier than that.
COARSE = 2.0**14
SINGLE = 2.0**-31
HALF = 2.0**-8


@dataclass(frozen=True, kw_only=True)
class Noise:
    """How far rounding moves a cost, and whether that betrays a precision lower than double."""

    level: float
    low_precision: bool


def cost_noise(
    cost: Callable[[Sequence[Array]], Any],
    values: Sequence[Array],
    rng: np.random.Generator,
    *,
    thorough: bool = True,
) -> Noise:
    """The noise of `cost` at `values`, never below the spacing of numbers at the cost itself.

    Not `thorough` means a few calls of the cost instead of over a hundred, and no tables. Much more
    noise than the jitter shows has to show along most of several lines: several kinks along one can
    look like it, and one along which few numbers are rounded anew like less.
    """
    centre = float(cost(values))
    trials = rounding.JITTERS if thorough else FEW
    with np.errstate(all="ignore"):
        jittered = [float(cost([rounding.jitter(v, rng) for v in values])) for _ in range(trials)]
        moved = max((abs(c - centre) for c in jittered if np.isfinite(c)), default=0.0)
        fine = 2 * moved + float(np.spacing(abs(centre)))
        if not thorough:
            return Noise(level=fine, low_precision=False)
        along = _line(cost, values, rng)
        coarse = table_noise(along)
        if coarse > COARSE * fine:
            others = [table_noise(_line(cost, values, rng)) for _ in range(FEW - 1)]
            coarse = float(np.median([coarse, *others]))
        coarse = max(coarse, stored_noise([along(t) for t in WIDE]))
        size = max(abs(centre), abs(along(rounding.LARGEST_STEP) - centre))
    deaf = coarse > COARSE * fine and SINGLE * size < coarse < HALF * size
    return Noise(level=max(fine, 2 * coarse), low_precision=deaf)


def _line(
    cost: Callable[[Sequence[Array]], Any], values: Sequence[Array], rng: np.random.Generator
) -> Callable[[float], float]:
    """The cost along a random line; 1 moves parameters by up to their scale."""
    d = [rounding.scale(v) * rng.uniform(-1, 1, v.shape) for v in values]
    return lambda t: float(cost([v + t * e for v, e in zip(values, d, strict=True)]))


def stored_noise(costs: Sequence[float]) -> float:
    """Half the spacing of the narrowest dtype that holds all of these costs exactly, or 0.

    Costs that differ and all fit float16 or float32 have been rounded to it.
    """
    values = np.asarray(costs)
    if len(np.unique(values)) > 2 and np.isfinite(values).all():
        for narrow in (np.float16, np.float32):
            held = values.astype(narrow)
            if np.array_equal(held, values):
                return float(np.max(np.spacing(np.abs(held)))) / 2
    return 0.0


def table_noise(f: Callable[[float], float]) -> float:
    """The noise of a function of one variable near 0, by Moré and Wild's ECnoise.

    Differences of order k remove the smooth part of `POINTS` equally spaced values and multiply
    independent noise by sqrt((2k)!) / k!. Where three orders in a row agree within a factor of
    four, and the differences change sign as noise does, that may be the noise; it is when the next
    spacing finds the same. What keeps growing with the spacing is a kink at 0, whatever it seems to
    settle on where the function bends. Spacings too small to move the function are passed over; 0
    where no two agree.
    """
    before, steps = None, 0
    for spacing in SPACINGS:
        values = np.asarray([f(spacing * (i - POINTS // 2)) for i in range(POINTS)])
        found = None
        if np.isfinite(values).all() and 2 * np.count_nonzero(np.diff(values)) > POINTS:
            found = _settled(values)
        if found is not None and before:  # squares of the smallest numbers underflow to 0
            if found < 4 * before:
                return max(found, before)
            grown = found / (before * WIDER)
            steps = steps + 1 if 1 / STEADY < grown < STEADY else 0
            if steps == FEW:
                return 0.0
        before = found
    return 0.0


def _settled(values: Array) -> float | None:
    levels, signs = [], []
    gamma, differences = 1.0, values
    for k in range(1, POINTS - 1):
        differences = np.diff(differences)
        gamma *= k / (2 * (2 * k - 1))
        levels.append(float(np.sqrt(gamma * np.mean(differences**2))))
        signs.append(bool(differences.min() < 0 < differences.max()))
    for k in range(len(levels) - 2):
        if signs[k] and max(levels[k : k + 3]) <= 4 * min(levels[k : k + 3]):
            return levels[k]
    return None
