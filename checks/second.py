"""Second opinions: no oracle is believed alone.

- `miscalibrated`: every oracle first has to get functions right whose slopes are known.
- `supported`: whether real differences support a gradient along one direction.
- `complex_doubt`: why the complex step is not to be believed on this cost, if it is not.
- `disagreement`: another oracle, and the plain rerun, on a sample and on every suspect.
- `not_rejected`, `gradient_noise`, `looks_single`: what a black box is given the benefit of the
  doubt for, and what not.
"""

from __future__ import annotations

import math
import warnings
from dataclasses import replace
from functools import cache

import numpy as np

from checks import holomorphy, oracles, rounding
from checks.kinks import kinked
from checks.nest import Array
from checks.noise import POINTS
from checks.oracles import Estimate, Lines, Oracle
from checks.subject import Arrays, Subject
from checks.sweep import (
    coordinates,
    direction,
    everywhere,
    moved_along,
    plain_rerun,
    signed,
    slopes,
    wide,
)

SAMPLE = 24
ALONG = "along a direction"
DIRECTIONS = 3

# A direction through thousands of parameters crosses kinks close by, each of which bends the real
# difference a little: half the digits have to agree.
BENT = 2.0**-26
FEW, MOST = 8, 0.75
PART = 2**16

# Both reruns are compared at an imaginary step too: large enough to show, far from any pole.
IMAGINARY = 2.0**-10


def miscalibrated() -> str | None:
    """The name of an oracle that gets the slope of sin at 1, of exp at 0 or of a line wrong."""
    asked = (
        (name, oracles.named(name)) for name in (oracles.COMPLEX, oracles.RIDDERS, oracles.CENTRAL)
    )
    return next((name for name, oracle in asked if not _calibrated(oracle)), None)


@cache  # a function that gave the right slopes in this process gives them again
def _calibrated(oracle: Oracle) -> bool:
    known = np.asarray([np.cos(1.0), 1.0, -3.0])

    def costs(t: Array) -> Array:
        return np.asarray([np.sin(1 + t[0]), np.exp(t[1]), 2 - 3 * t[2]])

    eps = float(np.finfo(float).eps)
    scale = np.asarray([1.0, 0.5, 2.0])  # each line steps by itself
    lines = Lines(costs=costs, scale=scale, noise=2.0**-36, size=2.0)
    try:
        found = oracle(lines)
        off = np.abs(found.slope - known)
        within = off <= found.error + rounding.SAFETY * eps
        return bool(np.all(within & (found.error <= np.cbrt(eps))))
    except Exception:  # noqa: BLE001 whatever it raises, it did not get the slope right
        return False


def supported(
    subject: Subject, analytic: Arrays, rng: np.random.Generator, *, real: float, cost: complex
) -> bool:
    """Whether real costs support a gradient that a complex step has confirmed.

    At the point the cost is `real`, and with complex parameters `cost`. A quick look along one
    direction, at one step: half the digits have to agree. Where they do not, `complex_doubt` has
    more patience.
    """
    noise = float(np.spacing(abs(real)))
    if not abs(cost.real - real) <= rounding.BENEFIT * noise or holomorphy_doubt(subject):
        return False
    d = everywhere(subject, rng, most=PART)
    lines = direction(subject, d, noise=noise, size=abs(real))
    slope = sum(float(np.dot(g.reshape(-1)[: e.size], e)) for g, e in zip(analytic, d, strict=True))
    h = rounding.central_step(lines.scale, noise, lines.size)
    return bool(np.all(np.abs(oracles.difference(lines, h) - slope) <= BENT * abs(slope)))


def complex_doubt(
    subject: Subject,
    rng: np.random.Generator,
    *,
    noise: float,
    size: float,
    thorough: bool = True,
) -> str | None:
    """Why the cost cannot be trusted with complex parameters; None where it can.

    Its real part must be the real cost, and its complex step along one direction, in which every
    parameter takes part, must agree with real differences: extrapolated ones, or where many runs
    of the cost are too many (not `thorough`) with a central difference, for a part of each tensor.
    A direction that crosses a kink close by may mislead the latter, and one on which the point lies
    on a kink does: that is no excuse for the complex step unless what follows is `thorough`, too. A
    cost that is not made for complex numbers differs along every direction.
    """
    doubt = holomorphy_doubt(subject)
    if doubt:
        return doubt
    for attempt in range(DIRECTIONS):
        d = everywhere(subject, rng, most=None if thorough else max(PART >> 6 * attempt, 1))
        doubt = _doubt_along(subject, d, noise=noise, size=size, thorough=thorough)
        if doubt is None or not doubt.startswith(ALONG):
            break
    return doubt


def holomorphy_doubt(subject: Subject) -> str | None:
    """Why a black box has no complex derivative, by what it asks of NumPy, if that is so."""
    if subject.jittered is not None:
        return None  # a network's functions are known
    values = [v + 1j * rounding.COMPLEX_STEP * rounding.scale(v) for v in wide(subject.values)]
    function = holomorphy.without_derivative(subject, values)
    return function and f"the cost calls {function}, which has no complex derivative"


def _doubt_along(
    subject: Subject, d: Arrays, *, noise: float, size: float, thorough: bool
) -> str | None:
    values = wide(subject.values)
    moved = moved_along(values, d, 1j * rounding.COMPLEX_STEP)
    try:
        result = complex_cost(subject, moved)
    except TypeError as refusal:
        return f"the cost does not take complex parameters ({refusal})"
    if result.dtype.kind != "c":
        return "the cost gives back a real number for complex parameters"
    real = float(subject.cost(values))
    if not abs(result.real - real) <= rounding.BENEFIT * noise:
        return f"with complex parameters the cost is {result.real:.9g}, not {real:.9g}"
    slope = float(result.imag) / rounding.COMPLEX_STEP
    lines = direction(subject, d, noise=noise, size=size)
    plain = (oracles.ridders if thorough else oracles.central_difference)(lines)
    if np.isinf(plain.error[0]):
        return f"{ALONG} through all parameters real differences do not settle on a slope"
    allowed = rounding.BENEFIT * (plain.error[0] + noise) + BENT * abs(slope)
    agree = abs(slope - plain.slope[0]) <= allowed
    if agree or (thorough and kinked(lines)[0]):
        return None
    return (
        f"{ALONG} through all parameters it says {slope:.9g},"
        f" and real differences say {plain.slope[0]:.9g}"
    )


def complex_cost(subject: Subject, values: Arrays) -> Array:
    """The cost of complex parameters; a TypeError where it does not take them.

    It may refuse by any exception; a warning of discarding a part is one.
    """
    with warnings.catch_warnings():
        warnings.simplefilter("error", np.exceptions.ComplexWarning)
        try:
            return np.asarray(subject.cost(values))
        except Exception as error:
            raise TypeError(_first_line(error)) from error


def disagreement(
    subject: Subject,
    second: Oracle,
    numeric: dict[str, Array],
    suspects: dict[str, Array],
    rng: np.random.Generator,
    *,
    error: dict[str, Array],
    noise: float,
    size: float,
) -> str | None:
    """Where `numeric` and another oracle's values differ by more than both their errors.

    Looks at suspects, coordinates given by tensor as flat indices, and at a random sample.
    """
    for tensor, name in enumerate(subject.names):
        at = _some(numeric[name].size, suspects[name], rng)
        lines = coordinates(subject, tensor, at, noise=noise, size=size)
        other = slopes(subject, tensor, at, second, noise=noise, size=size)
        slope = numeric[name].reshape(-1)[at]
        off = np.abs(other.slope - slope)
        allowed = rounding.BENEFIT * other.error + error[name].reshape(-1)[at]
        allowed += np.cbrt(np.finfo(float).eps) ** 2 * np.abs(slope)
        wrong = np.flatnonzero((off > allowed) & ~kinked(lines))
        if wrong.size:
            k = wrong[0]
            index = np.unravel_index(at[k], numeric[name].shape)
            where = f"{name}[{', '.join(str(int(i)) for i in index)}]"
            return f"at {where} one says {slope[k]:.9g}, the other {other.slope[k]:.9g}"
    return None


def rerun_mistake(
    subject: Subject, rng: np.random.Generator, *, noise: float, size: float
) -> str | None:
    """Where the faster rerun and the plain one differ on a random sample, if they do.

    Half of it takes a real step, from the first on, the other half an imaginary one.
    """
    if subject.rerun is None or size == 0:
        return None
    for tensor, (name, values) in enumerate(zip(subject.names, subject.values, strict=True)):
        at = _some(values.size, np.empty(0, int), rng)
        scale = rounding.scale(values).reshape(-1)
        for half, step in ((at[::2], rounding.LARGEST_STEP), (at[::-2], 1j * IMAGINARY)):
            steps = step * scale[half]
            short = subject.rerun(tensor, half, steps)
            plain = plain_rerun(subject, tensor, half, steps)
            off = np.abs(short - plain)
            moved = noise + np.finfo(float).eps * np.abs(plain)
            if not np.all(off <= rounding.SAFETY * moved):
                moved = moved + _moved(subject, rng, (tensor, half, steps), plain)
            excess = off / (rounding.SAFETY * moved)
            if not np.all(excess <= 1):
                k = int(np.argmax(excess))
                return f"{name}, flat index {half[k]}: plain {plain[k]:.9g}, short {short[k]:.9g}"
    return None


def _moved(
    subject: Subject, rng: np.random.Generator, steps: tuple[int, Array, Array], plain: Array
) -> Array:
    """How far rounding moves the costs of a rerun, which may be far from the checked point."""
    moved = np.zeros(len(plain))
    for _ in range(FEW):
        values = tuple(rounding.jitter(v, rng) for v in wide(subject.values))
        again = plain_rerun(replace(subject, values=values), *steps)
        moved = np.maximum(moved, np.abs(again - plain))
    return moved


def hidden_slope(
    subject: Subject, zero: dict[str, Array], rng: np.random.Generator, *, noise: float, size: float
) -> str | None:
    """Whether the real cost slopes along coordinates that were found exactly zero on both sides.

    An oracle that cannot see a coordinate and a gradient that leaves it out agree on zero.
    """
    d = [
        np.where(zero[name], rounding.scale(v) * signed(rng, v.shape), 0)
        for name, v in zip(subject.names, subject.values, strict=True)
    ]
    if not any(np.any(e) for e in d):
        return None
    lines = direction(subject, d, noise=noise, size=size)
    found = oracles.ridders(lines)
    if abs(found.slope[0]) > rounding.BENEFIT * (found.error[0] + noise):
        return f"the cost slopes by {found.slope[0]:.9g} along coordinates said to be exactly zero"
    return None


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


def _some(size: int, suspects: Array, rng: np.random.Generator) -> Array:
    sample = rng.permutation(size)[:SAMPLE]
    return np.union1d(sample, suspects[:SAMPLE]).astype(int)


def _first_line(error: BaseException) -> str:
    return str(error).strip().split("\n")[0] or type(error).__name__
