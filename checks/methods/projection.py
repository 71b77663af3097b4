"""Projections: the complex slope along a direction through all parameters, or through some.

What a probe is made of: `weights` is the direction, a `Projection` what the slope along it differs
by, as a whole and in parts, and `bisect` the way from the whole to single coordinates.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np

from checks.oracles import complex_safety, registry, rounding, thresholds
from checks.oracles.lines import Lines, random_signed_weights
from checks.problem.evaluation import in_double
from checks.problem.nested import Array
from checks.problem.problem import Problem


@dataclass(frozen=True, kw_only=True)
class Part:
    """A run of consecutive coordinates of one tensor: what a bisection splits."""

    tensor: int
    start: int
    stop: int


class Projection:
    """The complex slope minus the analytic one, along d restricted to parts of it."""

    def __init__(self, problem: Problem, analytic: list[Array], d: list[Array]) -> None:
        self.problem, self.analytic, self.d = problem, analytic, d
        self.values = in_double(problem.values)
        self.passes = 0
        self.typical = min(rounding.rms_scale(v) for v in self.values if v.size)

    @property
    def whole(self) -> list[Part]:
        """All coordinates that d has an entry for."""
        sizes = enumerate(e.size for e in self.d)
        return [Part(tensor=i, start=0, stop=size) for i, size in sizes if size]

    @property
    def floor(self) -> float:
        """How far underflow moves a complex step, times the longest entry of d."""
        least = rounding.underflow(np.dtype(np.float64))
        return float(least / thresholds.COMPLEX_STEP / self.typical)  # it may underflow to 0

    def difference(self, parts: list[Part]) -> tuple[float, float]:
        """D over the parts, and the oracle's own error in it."""
        self.passes += 1
        longest = max(float(np.max(np.abs(_of(self.d, p)), initial=0)) for p in parts)
        line = Lines(
            costs=lambda which, steps: np.asarray([self._cost(t, parts) for t in steps]),
            unit=np.full(1, self.typical / longest if longest > 0 else 1.0),
            spacing=np.zeros(1),
        )
        slope, error = registry.complex_step(line)
        expected = sum(float(np.dot(_of(self.analytic, p), _of(self.d, p))) for p in parts)
        return float(slope[0]) - expected, float(error[0])

    def _cost(self, t: complex, parts: list[Part]) -> complex:
        values = list(self.values)
        for tensor in {p.tensor for p in parts}:
            moved = values[tensor].astype(np.result_type(values[tensor], t))
            for p in parts:
                if p.tensor == tensor:
                    moved.reshape(-1)[p.start : p.stop] += t * _of(self.d, p)
            values[tensor] = moved
        try:
            return complex(complex_safety.complex_cost(self.problem, values))
        except TypeError:  # it does not take them, or gives back no number
            return complex(np.nan)


@dataclass(frozen=True, kw_only=True)
class Result:
    """What the projection of all parameters differs by, D, and how far rounding can move it.

    Tensors whose gradient is zero throughout have a result of their own, `hidden`.
    """

    projection: Projection
    difference: float
    tau: float
    hidden: Result | None = None

    @property
    def apart(self) -> list[Result]:
        """The results of what is not in D."""
        return [self.hidden] if self.hidden is not None else []

    @property
    def differs(self) -> bool:
        """Whether more than rounding is at work, there or here; NaN always differs."""
        return not abs(self.difference) <= self.tau or any(each.differs for each in self.apart)

    def share(self, part: Part) -> float:
        """How far rounding can move the gradient of a single coordinate, if all of tau is its."""
        return self.tau / abs(float(_of(self.projection.d, part)[0]))


@np.errstate(over="ignore")  # what overflows is left out
def projection_direction(
    analytic: list[Array], rng: np.random.Generator, *, small: bool = True
) -> list[Array]:
    """The direction d: r / |g|; 0 in a tensor without any, which nothing says how to weigh.

    Where `small` ones need not be told apart, what has less than the share `thresholds.BLUNT` of
    its tensor's gradient is weighed as if it had that.
    """
    d = []
    for g in analytic:
        least = thresholds.BLUNT * rounding.rms_scale(g) if g.any() else 0.0
        r = random_signed_weights(rng, g.shape)
        size = np.asarray(np.abs(g))
        if not small:
            np.maximum(size, least, out=size)
        size[size == 0] = least or np.inf
        d.append(np.divide(r, size, out=r))
    return d


def bisect(result: Result, told: Callable[[], None] = lambda: None) -> list[tuple[Part, float]]:
    """Single coordinates that differ, and how far each may: at most `thresholds.CULPRITS` of them.

    By tensor, then by halves. One half is projected and the other is what remains, so each level
    costs one pass, which is `told`. Next to a large difference a small one drowns in its rounding,
    and is left for the next check.
    """
    culprits = [found for each in result.apart if each.differs for found in bisect(each, told)]
    if abs(result.difference) <= result.tau:
        return culprits
    pending = [(result.projection.whole, result.difference)]
    while pending and len(culprits) < thresholds.CULPRITS:
        parts, difference = pending.pop()
        if len(parts) == 1 and parts[0].stop - parts[0].start == 1:
            culprits.append((parts[0], result.share(parts[0])))
            continue
        left, right = _halves(parts)
        first, _ = result.projection.difference(left)
        told()
        allowed = result.tau + thresholds.DROWNED * abs(difference)
        for half, own in ((left, first), (right, difference - first)):
            if not abs(own) <= allowed:
                pending.append((half, own))
    return culprits


def _halves(parts: list[Part]) -> tuple[list[Part], list[Part]]:
    if len(parts) > 1:
        return parts[: len(parts) // 2], parts[len(parts) // 2 :]
    part = parts[0]
    middle = (part.start + part.stop) // 2
    return [replace(part, stop=middle)], [replace(part, start=middle)]


def _of(arrays: list[Array], part: Part) -> Array:
    return arrays[part.tensor].reshape(-1)[part.start : part.stop]
