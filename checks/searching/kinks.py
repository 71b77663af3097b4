"""Kinks: whether a gradient is off only because a cost bends in several ways at once at a point.

Where units of ReLU are at zero for several samples, their slopes on either side of a parameter may
both be positive, and the gradient that takes each unit's slope for zero lies beyond them. Points
with round numbers meet such places; nobody's parameters do, and no formula is wrong.
"""

from __future__ import annotations

import numpy as np

from checks.problem.nested import Array
from checks.problem.problem import Problem
from checks.verdict.report import Mismatch, Report

# Pairs of places on either side of the point, and the share of an error that the gradient jumps by
# between them at least, where a kink makes the error. A smooth gradient moves by some 1e-11 of
# itself there, a hundred times less than this share of the smallest error that is one.
PAIRS, SHARE = 4, 1e-3


def only_kinks(problem: Problem, report: Report, seed: int) -> bool:
    """Whether the gradient jumps about, all around the point, wherever it was found wrong."""
    values = [f for f in report.failures if np.isfinite(f.error)]
    if not values or len(values) < report.failed:
        return False
    rng = np.random.default_rng(seed)
    around = [problem.gradient(place) for _ in range(PAIRS) for place in _opposite(problem, rng)]
    return all(_jump(around, f) > SHARE * f.error for f in values)


def _opposite(problem: Problem, rng: np.random.Generator) -> list[list[Array]]:
    """Two places so close by that a smooth gradient is the same, to two thirds of its digits."""
    steps = [
        np.finfo(v.dtype).eps ** (2 / 3)
        * np.maximum(np.abs(v), _typical(v))
        * rng.choice([-1, 1], size=v.shape)
        for v in problem.values
    ]
    pairs = list(zip(problem.values, steps, strict=True))
    return [[(v + sign * step).astype(v.dtype) for v, step in pairs] for sign in (1, -1)]


def _typical(v: Array) -> float:
    return float(np.sqrt(np.mean(np.square(v)))) or 1.0 if v.size else 1.0


def _jump(around: list[dict[str, Array]], at: Mismatch) -> float:
    seen = [float(gradient[at.tensor][at.index]) for gradient in around]
    return max(seen) - min(seen)
