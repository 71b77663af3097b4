"""Calibration: no oracle is believed that gets known slopes wrong, nor alone.

- `miscalibrated_oracle`: every oracle first has to get the slopes of known functions right.
- `witness`: a plain central difference along one direction, for what real differences found.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from typing import Any

import numpy as np

from checks.oracles import registry, thresholds
from checks.oracles.levels import Levels
from checks.oracles.lines import Lines
from checks.problem.nested import Array

KNOWN = np.asarray([np.cos(1.0), 1.0, -3.0])  # the slopes of sin at 1, of exp at 0, of a line


def miscalibrated_oracle() -> str | None:
    """The name of an oracle that gets a known slope wrong, if one does."""
    tried: tuple[tuple[str, Callable[[Any], bool], Any], ...] = (
        ("the complex step", _complex_is_right, registry.complex_step),
        ("the scan of real differences", _scan_is_right, registry.scan),
    )
    return next((name for name, right, oracle in tried if not _right(right, oracle)), None)


@cache  # a function that gave the right slopes in this process gives them again
def _right(right: Callable[[Any], bool], oracle: Any) -> bool:
    try:
        return right(oracle)
    except Exception:  # noqa: BLE001 whatever it raises, it did not get the slope right
        return False


def _lines() -> Lines:
    def costs(which: Array, t: Array) -> Array:
        values = np.asarray([np.sin(1 + t) - np.sin(1), np.exp(t) - 1, -3 * t])
        return np.asarray(values[which, np.arange(t.size)])

    unit = np.asarray([1.0, 0.5, 2.0])  # each line steps by itself
    return Lines(costs=costs, unit=unit, spacing=np.spacing(unit))


def _complex_is_right(oracle: Any) -> bool:
    slope, error = oracle(_lines())
    eps = float(np.finfo(float).eps)
    return bool(np.all(np.abs(slope - KNOWN) <= thresholds.SAFETY * eps) and np.all(error >= 0))


def _scan_is_right(oracle: Any) -> bool:
    target = np.full(3, np.cbrt(np.finfo(float).eps))  # what a single difference can do
    found = oracle(Levels(_lines(), 0.0, float(np.finfo(float).eps)), KNOWN, target)
    known = np.isfinite(found.lo)
    holds = ~known | ((found.lo <= KNOWN) & (found.hi >= KNOWN))
    sharp = (found.width <= target) & found.smooth
    return bool(np.all(holds) and np.all(np.any(sharp & known, axis=0)))


@np.errstate(all="ignore")
def witness(line: Lines, centre: float, noise: float, expected: float, error: float) -> str | None:
    """What a plain central difference at a unit's step has to say against a slope, if anything.

    With the gap between the one-sided slopes for an error, and as far as half the step changes it,
    it is not sharp; but it is nobody else's.
    """
    first = np.zeros(1, int)
    up, down, half_up, half_down = (
        float(np.real(line.costs(first, np.asarray([s]))[0])) for s in (1.0, -1.0, 0.5, -0.5)
    )
    slope, gap = (up - down) / 2, abs(up + down - 2 * centre)
    moved = 2 * abs(slope - (half_up - half_down))
    allowed = gap + moved + thresholds.NOISE_GAIN * noise + error
    if not np.isfinite(slope) or abs(slope - expected) <= allowed:
        return None
    return f"along a direction they say {expected:.9g}, a plain central difference {slope:.9g}"
