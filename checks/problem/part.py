"""A part of a problem: some coordinates to check, all others left as they are.

It is a problem like any other, whose tensors are flat and hold the chosen numbers. Its functions
are those of the whole, run with these put where they belong, so that each chosen coordinate is
measured as in a check of all of them. What rounding does is asked of the whole, for the rest of the
parameters is rounded as well.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from checks.problem.nested import Array
from checks.problem.problem import Arrays, Problem

Chosen = Sequence[Array]


def draw(problem: Problem, sample: float, seed: int) -> list[Array]:
    """Random flat indices of each tensor in rising order: so many, or such a share, at least one.

    `sample` is a whole number of 1 or more, or a share above 0 and below 1.
    """
    rng = np.random.default_rng((seed, 3))
    found = []
    for name, v in zip(problem.names, problem.values, strict=True):
        free = _free(problem, name, v)
        count = _count(free if isinstance(free, int) else free.size, sample)
        found.append(np.sort(rng.choice(free, count, replace=False, shuffle=False)))
    return found


def _free(problem: Problem, name: str, value: Array) -> int | Array:
    """The flat indices of those that are no constants; where all are, their number."""
    if name not in problem.constants:
        return value.size
    return np.flatnonzero(~problem.constants[name])


def drawn(problem: Problem, sample: float | None) -> int:
    """How many coordinates are to be checked."""
    if sample is None:
        return problem.parameters
    free = [_free(problem, n, v) for n, v in zip(problem.names, problem.values, strict=True)]
    return sum(_count(f if isinstance(f, int) else f.size, sample) for f in free)


def _count(size: int, sample: float) -> int:
    wanted = sample if isinstance(sample, int) else min(size, max(1, round(sample * size)))
    return min(size, wanted)


def part_of(whole: Problem, chosen: Chosen) -> Problem:
    """The problem of some coordinates: flat indices for each tensor, none where it has no part."""
    own = _Own(whole=whole, chosen=tuple(chosen))
    return replace(
        whole,
        values=tuple(v.reshape(-1)[at] for v, at in zip(whole.values, chosen, strict=True)),
        cost=own.cost,
        gradient=own.gradient,
        jittered=whole.jittered and own.jittered,
        costs=whole.costs and own.costs,
        rerun=whole.rerun and own.rerun,
        whole=whole,
        chosen=own.chosen,
    )


def elsewhere(problem: Problem, values: Arrays) -> Problem:
    """The problem at other parameters, run in full."""
    if problem.whole is None:
        return replace(problem, values=tuple(values), rerun=None)
    moved = _Own(whole=problem.whole, chosen=problem.chosen).put(values)
    return part_of(replace(problem.whole, values=tuple(moved), rerun=None), problem.chosen)


def restricted(whole: Problem, chosen: Chosen, gradient: Mapping[str, Array]) -> dict[str, Array]:
    """What a gradient of the whole says of some coordinates; of another form, it stays as it is."""
    found = dict(gradient)
    for name, value, at in zip(whole.names, whole.values, chosen, strict=True):
        if name in found and found[name].shape == value.shape:
            found[name] = found[name].reshape(-1)[at]
    return found


@dataclass(frozen=True, kw_only=True, eq=False)
class _Own:
    """A part's own functions; methods rather than closures, so that they can be sent elsewhere."""

    whole: Problem
    chosen: tuple[Array, ...]

    def put(self, values: Arrays) -> list[Array]:
        """All parameters, with these in their places, in their precision."""
        full = []
        for kept, at, some in zip(self.whole.values, self.chosen, values, strict=True):
            moved = np.array(kept, some.dtype, order="C")
            moved.reshape(-1)[at] = some
            full.append(moved)
        return full

    def cost(self, values: Arrays) -> Any:
        return self.whole.cost(self.put(values))

    def costs(self, values: Arrays) -> Any:
        """Of a stack, (k, …)."""
        full = []
        for kept, at, some in zip(self.whole.values, self.chosen, values, strict=True):
            stack = np.empty((len(some), *kept.shape), some.dtype)
            stack[...] = kept
            stack.reshape(len(some), -1)[:, at] = some
            full.append(stack)
        return self.whole.costs(full)  # type: ignore[misc]  # asked where the whole has them

    def gradient(self, values: Arrays) -> dict[str, Array]:
        return restricted(self.whole, self.chosen, self.whole.gradient(self.put(values)))

    def jittered(self, rng: np.random.Generator) -> dict[str, Array]:
        found = self.whole.jittered(rng)  # type: ignore[misc]
        return restricted(self.whole, self.chosen, found)

    def rerun(self, tensor: int, at: Array, steps: Array) -> Array:
        found = self.whole.rerun(tensor, self.chosen[tensor][at], steps)  # type: ignore[misc]
        return np.asarray(found)
