"""Second opinions: no oracle is believed alone.

- `miscalibrated`: every oracle first has to get functions right whose slopes are known.
- `disagreement`: another oracle, on a sample and on every suspect.
- `rerun_mistake`: the plain rerun beside the faster one, on a sample.
- `hidden_slope`: the real cost, along coordinates that were found exactly zero.
"""

from __future__ import annotations

from dataclasses import replace
from functools import cache

import numpy as np

from checks import oracles, rounding
from checks.kinks import kinked
from checks.nest import Array
from checks.oracles import Lines, Oracle
from checks.subject import Subject
from checks.sweep import (
    coordinates,
    direction,
    plain_rerun,
    signed,
    slopes,
    wide,
)

SAMPLE = 24
TRIALS = 8

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
    for _ in range(TRIALS):
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


def _some(size: int, suspects: Array, rng: np.random.Generator) -> Array:
    sample = rng.permutation(size)[:SAMPLE]
    return np.union1d(sample, suspects[:SAMPLE]).astype(int)
