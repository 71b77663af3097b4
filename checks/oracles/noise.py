"""Noise: how far rounding moves a cost, found out by running it along one random line.

Differences of order k of equally spaced values remove what is smooth and multiply independent noise
by sqrt((2k)!) / k!; where several orders agree on what is left, that is noise (J. Moré and S. Wild,
Estimating computational noise, SIAM J. Sci. Comput. 33, 2011, 1292-1314). A cost that does not move
at the finest spacing was rounded coarser than that, and is tried at the next; its smallest rise is
then a stair, and half of it noise.
"""

from __future__ import annotations

import math

import numpy as np

from checks.oracles import thresholds
from checks.oracles.lines import Lines
from checks.problem.nested import Array

ORDERS = range(3, thresholds.POINTS - 1)


def cost_noise(line: Lines, centre: float, eps: float) -> float:
    """The noise of the cost along a line, never below half of its own spacing.

    Parameters
    ----------
    line
        A single random line through all parameters.
    centre
        The cost at the point.
    eps
        The spacing of numbers at 1 in the precision that the cost returns.
    """
    least = eps * abs(centre) / 2
    stair = np.inf
    for spacing in thresholds.SPACINGS:
        costs = costs_along(line, spacing)
        rises = np.abs(np.diff(costs))
        moves = rises[rises > 0]
        stair = min(stair, float(np.min(moves, initial=np.inf)))
        if moves.size == rises.size:
            coarse = spacing > thresholds.SPACINGS[0]
            return max(least, scatter(costs), stair / 2 if coarse else 0.0)
    return max(least, scatter(costs))


def costs_along(line: Lines, spacing: float) -> Array:
    """The costs at equally spaced places along a single line, the point in the middle."""
    t = np.arange(thresholds.POINTS) - thresholds.POINTS // 2
    return np.real(line.costs(np.zeros(t.size, int), spacing * t))


@np.errstate(all="ignore")
def scatter(values: Array) -> float:
    """The noise of equally spaced values, (POINTS,); 0 where the orders do not agree on one."""
    found = []
    for k in ORDERS:
        gain = math.factorial(2 * k) / math.factorial(k) ** 2
        found.append(math.sqrt(np.mean(np.square(np.diff(values, k))) / gain))
    agree = all(map(math.isfinite, found)) and max(found) <= thresholds.AGREE * min(found)
    return max(found) if agree else 0.0
