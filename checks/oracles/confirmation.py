"""Confirmation: whether real differences bear out the slopes that a complex step gave.

Each line goes through many coordinates of a tensor at once, of slopes of about one size, and moves
each by so much that all have an equal say c in its slope: d_k = r_k min(unit_k, c / |s_k|). A level
of the width w then leaves room for an error of w / |d_k| in coordinate k, if it is the only one.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from checks.oracles import registry, thresholds
from checks.oracles.levels import Evidence, Levels
from checks.oracles.lines import along_directions, random_signed_weights, step_scales
from checks.problem.nested import Array
from checks.problem.problem import Arrays, Problem


@dataclass(frozen=True, kw_only=True)
class Group:
    """Coordinates of one tensor that share a line: where they are, and how far each is moved."""

    tensor: int
    at: Array
    d: Array
    expected: float
    rounded: float
    say: float


def groups(
    problem: Problem, slopes: Sequence[Array], rounded: Sequence[Array], rng: np.random.Generator
) -> list[Group]:
    """The groups of all tensors; what has no slope has groups of its own, where none may show."""
    found = []
    for tensor, (s, r) in enumerate(zip(slopes, rounded, strict=True)):
        unit = step_scales(problem, tensor)
        weight = unit * np.abs(s)
        sloping = np.isfinite(weight) & (np.abs(s) > r)
        still = np.flatnonzero(np.isfinite(weight) & ~sloping)
        order = np.flatnonzero(sloping)[np.argsort(weight[sloping], kind="stable")]
        for at in (*_parts(order), still):
            if at.size:
                d = random_signed_weights(rng, at.size) * unit[at]
                say = 0.0
                if at is not still:
                    least, most = float(weight[at[0]]), float(weight[at[-1]])
                    say = max(least, most * thresholds.LEAST_SAY)
                    d *= np.minimum(1.0, say / weight[at])
                found.append(Group(
                    tensor=tensor, at=at, d=d, say=say,
                    expected=float(np.dot(d, s[at])),
                    rounded=float(np.sqrt(np.sum(np.square(d * r[at])))),
                ))  # fmt: skip
    return found


def _parts(order: Array) -> list[Array]:
    count = min(thresholds.GROUPS, -(-order.size // thresholds.GROUP))
    return np.array_split(order, count) if count else []


def measure_groups(
    problem: Problem, chosen: Sequence[Group], centre: float, noise: float, rtol: float
) -> Evidence:
    """What real differences say of each group's line."""
    lines = along_directions(problem, [_direction(problem, g) for g in chosen])
    say = np.asarray([g.say for g in chosen])
    biggest = float(np.max(say, initial=0.0)) or 1.0
    target = thresholds.NO_ERROR * rtol * np.where(say > 0, say, biggest)
    levels = Levels(lines, centre, noise)
    return registry.scan(levels, np.asarray([g.expected for g in chosen]), target)


def _direction(problem: Problem, group: Group) -> Arrays:
    d = [np.empty(0)] * len(problem.values)
    along = np.zeros(problem.values[group.tensor].size)
    along[group.at] = group.d
    d[group.tensor] = along
    return d
