"""Leniency: what a black box is given the benefit of the doubt for, and what not.

- `not_rejected`: where real differences do not say that a value is wrong.
- `gradient_noise`: how far rounding inside the gradient moves it.
- `looks_single`: whether it is computed in single precision.
"""

from __future__ import annotations

import math

import numpy as np

from checks import rounding
from checks.nest import Array
from checks.noise import POINTS
from checks.oracles import Estimate
from checks.subject import Subject
from checks.sweep import moved_along, signed

# How many values, and which share of them, make a likeness.
FEW, MOST = 8, 0.75


def not_rejected(analytic: Array, numeric: Array, rows: list[Estimate]) -> Array:
    """Where real differences do not say that the analytic value is wrong, (m,).

    A row can tell the two apart when its error is much smaller than they lie apart. Where some
    such row is on the analytic side, or none can tell, the numeric value alone convicts nobody.
    """
    apart = np.abs(analytic - numeric)
    told = np.zeros(apart.shape, bool)
    sided = np.zeros(apart.shape, bool)
    for row in rows:
        tells = 2 * rounding.BENEFIT * row.error < apart
        told |= tells
        sided |= tells & (np.abs(row.slope - analytic) <= rounding.BENEFIT * row.error)
    return np.asarray(sided | ~told)


def gradient_noise(subject: Subject, rng: np.random.Generator) -> dict[str, Array]:
    """How far rounding inside the gradient function moves each value: the root mean square.

    Jittered parameters do not show it where they meet larger numbers: in p - y next to p = 1, which
    moves by whole units of 1 or not at all. So the gradient is computed at points a line apart, and
    high differences remove what is smooth (the tables of `checks.noise`). A kink crossed on the way
    looks like noise as well, so there are several lines, each with shorter steps, and the median
    counts.
    """
    step = float(np.finfo(subject.dtype).eps) ** 0.25
    lines = [_gradient_table(subject, rng, step * shorter) for shorter in (1, 1 / 4, 1 / 16)]
    return {name: np.median([line[name] for line in lines], axis=0) for name in subject.names}


@np.errstate(all="ignore")
def _gradient_table(subject: Subject, rng: np.random.Generator, step: float) -> dict[str, Array]:
    """The noise along one line; none is known where the gradient ends on it."""
    d = [
        signed(rng, v.shape) * step * np.where(v == 0, rounding.typical(v), v)
        for v in subject.values
    ]
    table = []
    for k in range(POINTS):
        moved = moved_along(subject.values, d, k - POINTS // 2)
        at = [v.astype(own.dtype) for v, own in zip(moved, subject.values, strict=True)]
        try:
            table.append(subject.gradient(at))
        except Exception:  # noqa: BLE001 anyone's function may raise anything where it ends
            return {name: np.zeros(v.shape) for name, v in zip(subject.names, at, strict=True)}
    noise = {name: _table_noise(np.stack([g[name] for g in table])) for name in subject.names}
    return {name: np.where(np.isfinite(level), level, 0) for name, level in noise.items()}


def _table_noise(values: Array) -> Array:
    """The noise of equally spaced values, (POINTS, …), by their differences of the highest orders.

    Those of order k have sqrt((2k)!) / k! times the noise of the values themselves.
    """
    levels = []
    for k in range(POINTS - 3, POINTS):
        gain = math.sqrt(math.factorial(2 * k)) / math.factorial(k)
        differences = np.diff(values, k, axis=0).astype(np.float64)
        levels.append(np.sqrt(np.mean(np.square(differences), axis=0)) / gain)
    return np.asarray(np.max(levels, axis=0))


def looks_single(
    analytic: dict[str, Array], numeric: dict[str, Array], noise: dict[str, Array]
) -> bool:
    """Whether nearly all coordinates, and not few, are off as single precision makes them.

    By a relative 2^-27 to 2^-20, unit roundoff of float32 and a few of them; conditioning spreads
    errors over many more sizes. And most of the values have the `noise` of single precision: those
    of a solver that stops early may be as far off, but move smoothly.
    """
    a, n, noisy = (np.concatenate([found[name].reshape(-1) for name in analytic])
                   for found in (analytic, numeric, noise))  # fmt: skip
    larger = np.maximum(np.abs(a), np.abs(n))
    there = larger > 0
    relative = np.abs(a - n)[there] / larger[there]
    within = (relative > 2.0**-27) & (relative < 2.0**-20)
    rough = noisy[there] > 2.0**-30 * larger[there]
    return relative.size >= FEW and bool(min(np.mean(within), np.mean(rough)) > MOST)
