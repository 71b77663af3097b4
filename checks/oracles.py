"""Oracles: the slope of a cost along lines, by running the cost and nothing else.

Each oracle takes `Lines` and returns an `Estimate`, a slope and a bound on its error for every
line. A line is one coordinate or any direction; an oracle does not know which.

- `central_difference`: one step up, one step down, and the same at twice the step.
- `ridders`: central differences at ever smaller steps, extrapolated to none
  (C. J. F. Ridders, Advances in Engineering Software 4, 1982, 75-76).
- `complex_step`: one imaginary step, with nothing subtracted (W. Squire and G. Trapp, SIAM Review
  40, 1998, 110-112; J. Martins, P. Sturdza and J. Alonso, ACM TOMS 29, 2003, 245-262).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import reduce

import numpy as np

from checks import rounding
from checks.nest import Array


@dataclass(frozen=True, kw_only=True)
class Lines:
    """Lines through the point at which a gradient is checked.

    Attributes
    ----------
    costs
        Steps (m,), real or imaginary, one along each line, to costs (m,).
    scale
        The natural size of a step along each line, (m,).
    noise
        How far rounding moves a real cost.
    size
        The cost's own size.
    """

    costs: Callable[[Array], Array]
    scale: Array
    noise: float
    size: float


@dataclass(frozen=True, kw_only=True)
class Estimate:
    """Slopes along lines, (m,), and a bound on the error of each, (m,)."""

    slope: Array
    error: Array


Oracle = Callable[[Lines], Estimate]

# A cost that overflows at some step makes infinities to compute with; `_finite` sorts them out.
_quiet = np.errstate(all="ignore")

COMPLEX, RIDDERS, CENTRAL = "complex step", "Ridders extrapolation", "central difference"


def named(oracle: str) -> Oracle:
    """An oracle by name, looked up when used, so that a replaced one is the one that runs."""
    return {COMPLEX: complex_step, RIDDERS: ridders, CENTRAL: central_difference}[oracle]


@_quiet
def central_difference(lines: Lines) -> Estimate:
    """(C(+h) - C(-h)) / 2h.

    The difference at 2h has four times the truncation error, so a third of how far the two lie
    apart is the error of the first, to leading order. It is doubled, and noise/h added twice: for
    the difference itself, and as 2/3 (1 + 1/2) for how far it may have brought the two together.
    """
    h = rounding.central_step(lines.scale, lines.noise, lines.size)
    near, far = difference(lines, h), difference(lines, 2 * h)
    truncation = np.abs(far - near) / 3
    return _confirmed(lines, _finite(near, 2 * (truncation + lines.noise / h)))


def ridders(lines: Lines) -> Estimate:
    """Central differences at steps h, h/2, h/4, …, extrapolated by Neville's scheme.

    Each line keeps the estimate whose error is least of all `ridders_rows`.
    """
    return _confirmed(lines, reduce(_better, ridders_rows(lines)))


@_quiet
def ridders_rows(lines: Lines) -> list[Estimate]:
    """The best estimate of each row of Ridders' table, one a step, from the longest on.

    Column j cancels the error's first j even powers of h. An entry's truncation is judged by how
    far it lies from the farther of the two entries it was made of, which is the older one, and by
    the same of the row before, scaled down as that column converges: two lucky agreements in a row
    are rare. The noise in an entry grows with the weights that it was combined with.
    """
    h = np.exp2(np.round(np.log2(lines.scale * rounding.LARGEST_STEP)))
    nothing = Estimate(slope=np.zeros_like(h), error=np.full_like(h, np.inf))
    least = nothing.error  # of all rows
    rows = []
    row: list[Array] = []
    apart: list[Array] = []
    noise: list[Array] = []
    for _ in range(rounding.HALVINGS):
        above, above_apart, above_noise = row, apart, noise
        row, noise, apart = [difference(lines, h)], [lines.noise / h], []
        here = nothing
        for j, (old, old_noise) in enumerate(zip(above, above_noise, strict=True), start=1):
            weight = 4.0**j
            row.append(row[-1] + (row[-1] - old) / (weight - 1))
            noise.append((weight * noise[-1] + old_noise) / (weight - 1))
            apart.append(np.abs(row[j] - old))
            if j <= len(above_apart):
                doubt = np.maximum(apart[-1], above_apart[j - 1] / weight)
                here = _better(here, _finite(row[j], 2 * doubt + noise[j]))
        rows.append(here)
        least = np.minimum(least, here.error)
        if np.all(least <= 4 * noise[0]):
            break
        h = h / 2
    return rows


@_quiet
def complex_step(lines: Lines) -> Estimate:
    """Im C(ih) / h. Nothing is subtracted and h is far below rounding, so neither adds an error.

    What is left is gradual underflow, of which the small h sees more than the gradient does.
    """
    h = np.exp2(np.round(np.log2(lines.scale * rounding.COMPLEX_STEP)))
    costs = lines.costs(1j * h)
    return _finite(costs.imag / h, rounding.underflow(np.dtype(np.float64)) / h)


@_quiet
def close_difference(lines: Lines) -> Estimate:
    """A difference at a very small step, which only a kink or an oscillation closer still misleads.

    Of several steps, the longest that all the shorter ones, whose noise is larger, bear out. Twice
    a step has to say nearly the same; where the shortest fails in that, nothing is known.
    """
    return reduce(_borne_out, (_settled(lines, step) for step in rounding.SMALL_STEPS))


def _settled(lines: Lines, step: float) -> Estimate:
    """The difference at a step, unless the one at twice the step says something else."""
    h = np.exp2(np.round(np.log2(lines.scale * step)))
    near, noise = difference(lines, h), lines.noise / h
    apart = np.abs(difference(lines, 2 * h) - near)
    settled = apart <= 2 * noise + np.abs(near) / rounding.SETTLED
    return _finite(near, np.where(settled, 2 * apart + noise, np.inf))


def _borne_out(shorter: Estimate, longer: Estimate) -> Estimate:
    """The estimate with less noise, where the other agrees up to both errors; else the other."""
    off = np.abs(longer.slope - shorter.slope)
    agree = np.isfinite(shorter.error) & (off <= longer.error + shorter.error)
    error = np.where(agree, longer.error, np.inf)
    return _better(shorter, Estimate(slope=longer.slope, error=error))


@_quiet
def _confirmed(lines: Lines, estimate: Estimate) -> Estimate:
    """The estimate, unless a difference at a very small step disagrees: then little is known.

    Where the cost changes faster than the steps of an extrapolation, by a kink close by or by an
    oscillation, they can all agree on a wrong slope; where it is a staircase, as rounding makes of
    log(1 - p) with p near 1, a very small step sees no stair. Which of them is right cannot be
    told, so the error covers both; and nothing is known where the close one knows nothing.
    """
    close = close_difference(lines)
    off = np.abs(close.slope - estimate.slope)
    agree = off <= estimate.error + close.error
    both = 2 * off + estimate.error + close.error
    error = np.where(agree & np.isfinite(close.error), estimate.error, both)
    return _finite(np.where(agree, estimate.slope, close.slope), error)


def difference(lines: Lines, h: Array) -> Array:
    """(C(+h) - C(-h)) / 2h along each line, as it comes."""
    return np.asarray((lines.costs(h) - lines.costs(-h)).real / (2 * h))


def _finite(slope: Array, error: Array) -> Estimate:
    """Where the cost was not finite, nothing is known."""
    known = np.isfinite(slope) & np.isfinite(error)
    return Estimate(slope=np.where(known, slope, 0), error=np.where(known, error, np.inf))


def _better(one: Estimate, other: Estimate) -> Estimate:
    take = other.error < one.error
    return Estimate(
        slope=np.where(take, other.slope, one.slope),
        error=np.where(take, other.error, one.error),
    )
