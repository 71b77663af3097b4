"""Jumps: whether the real cost is a staircase, as rounding makes one of log(1 - p) with p near 1.

On a stair, differences at all small steps agree on a slope that is not the cost's own; only a walk
meets the next stair. So the cost is walked along a few directions, and where neighbouring costs
rise least like their neighbours, the walk closes in by halves: over a bend or a kink the rise
shrinks with the distance, over a jump it stays.
"""

from __future__ import annotations

import numpy as np

from checks import rounding
from checks.nest import Array
from checks.oracles import Lines
from checks.subject import Subject
from checks.sweep import direction, everywhere

DIRECTIONS = 3

# A walk goes as far as the longest step of an extrapolation, both ways, in this many steps.
REACH = rounding.LARGEST_STEP
STEPS = 64

# So many steps are looked into, for a kink is seen in three of them, and halved until a few units
# in the parameters' last place are left: what is no jump then rises by 2^-40 of what the steepest
# step does, or some times that where it is steeper still within a step.
SUSPECTS = 5
HALVINGS = 40
SHORTEST = 2.0**-HALVINGS
STEEPER = 2.0**10
PATIENCE = 6

# Where the cost ends within reach, so many costs in a row are enough of a walk.
ENOUGH = 9

# What is no noise is this many times as large.
CLEAR = 8


def jump(subject: Subject, rng: np.random.Generator, *, noise: float, size: float) -> float:
    """The largest jump of the real cost near the point that is met along some directions.

    None is 0. Where the cost ends, being no finite number any more, so does the walk.
    """
    d = (everywhere(subject, rng) for _ in range(DIRECTIONS))
    return max(jump_along(direction(subject, e, noise=noise, size=size)) for e in d)


@np.errstate(invalid="ignore", over="ignore")
def jump_along(lines: Lines) -> float:
    """The largest jump met along a single line; infinite where the cost ends at the point."""
    t, costs = _finite(lines)
    if not costs.size:
        return np.inf
    rises = np.diff(costs)
    smooth = CLEAR * lines.noise + STEEPER * float(np.max(np.abs(rises))) * 2.0**-HALVINGS
    suspects = 1 + np.argsort(-np.abs(_unlike(rises)), kind="stable")[:SUSPECTS]
    return max(_stays(lines, t[k : k + 2], smooth) for k in suspects)


def _finite(lines: Lines) -> tuple[Array, Array]:
    """A walk and its costs, as far as they are finite all the way from the point.

    In shorter steps where that is not far; nothing, where it is no way at all.
    """
    reach, centre = REACH, STEPS // 2
    while reach > SHORTEST:
        t = np.linspace(-reach, reach, STEPS + 1)
        costs = lines.costs(t).real
        lost = np.concatenate([[-1], np.flatnonzero(~np.isfinite(costs)), [STEPS + 1]])
        start, stop = lost[lost <= centre].max() + 1, lost[lost > centre].min()
        if stop - start >= ENOUGH:
            return t[start:stop], costs[start:stop]
        reach *= max(centre - start + 1, stop - centre) / centre
    return t[:0], costs[:0]


def _unlike(rises: Array) -> Array:
    """By how much each rise but the first and the last differs from the mean of its neighbours."""
    return rises[1:-1] - (rises[:-2] + rises[2:]) / 2


def _stays(lines: Lines, ends: Array, smooth: float) -> float:
    """What stays of a rise unlike its neighbours when its step is halved again and again.

    0 where it has become smooth; two stairs side by side may look so once.
    """
    (a, b), stays, since = ends, 0.0, 0
    for _ in range(HALVINGS):
        half = (b - a) / 2
        unlike = np.abs(_unlike(np.diff(lines.costs(a + half * np.arange(-1, 4)).real)))
        stays = float(unlike.max())
        since = 0 if stays > smooth else since + 1
        if since == PATIENCE:
            break
        a, b = (a, a + half) if unlike[0] > unlike[1] else (a + half, b)
    return stays if since == 0 else 0.0
