"""What is said of one weight: its gears, its paths, and the slope that they come to."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise
from math import prod

from backprop.network import Network

NUDGE = 2.0**-13  # a central difference then has about seven digits right, steep slope or not
SHOWN = 5  # paths; where there is one more, it takes no more room than to say so


@dataclass(frozen=True, kw_only=True)
class Gear:
    """One contact: how far `driven` turns for a small turn of `driver`."""

    driver: str
    driven: str
    formula: str
    value: float
    measured: float


@dataclass(frozen=True, kw_only=True)
class Path:
    """One way from the weight to the cost: the names on it, and the product of its ratios."""

    stops: tuple[str, ...]
    product: float


@dataclass(frozen=True, kw_only=True)
class GearTrain:
    """All that there is to say of one weight on one sample.

    Attributes
    ----------
    net
        The network, in float64.
    name, value
        The weight, such as W1[0, 1], and what it is.
    turns
        What each gear has turned to, by name: x[0], z1[1], a1[1], …, C.
    gears
        Those on the paths that are shown, from the weight to the cost, by driver and driven.
    paths, path_count
        The paths with the largest products, largest first, and how many there are in all.
    total
        The sum of the products of all paths.
    checkpoints
        delta, the slope of the cost, at each pre-activation shown, as `backward` keeps it.
    analytic
        The slope that `backward` returns.
    cost_above, cost_below
        The cost with the weight nudged up and down by `NUDGE`.
    multiplications
        (path by path, with checkpoints): for the gradient of all parameters on this sample.
    """

    net: Network
    name: str
    value: float
    turns: dict[str, float]
    gears: dict[tuple[str, str], Gear]
    paths: tuple[Path, ...]
    path_count: int
    total: float
    checkpoints: dict[str, float]
    analytic: float
    cost_above: float
    cost_below: float
    multiplications: tuple[int, int]

    @property
    def rerun(self) -> float:
        """The slope by perturb and rerun."""
        return (self.cost_above - self.cost_below) / (2 * NUDGE)

    @property
    def rest(self) -> float:
        """What the paths that are not shown add up to."""
        return self.total - sum(path.product for path in self.paths)


def multiplications(shape: tuple[int, ...], *, apart: bool) -> tuple[int, int]:
    """For the gradient of one sample: path by path, and with a checkpoint at each layer.

    `apart` says whether the output's slope is a product of two ratios, or one that the cost gives.
    """
    last = len(shape) - 1
    by_path = 0
    for layer in range(1, last + 1):
        paths = prod(shape[layer + 1 :])
        after = 2 * (last - layer) + 1 + apart  # ratios from z to the cost
        n_in, n_out = shape[layer - 1], shape[layer]
        by_path += paths * n_out * (n_in * after + (after - 1))
    kept = shape[-1] * apart + sum(n_in * n_out for n_in, n_out in pairwise(shape))
    kept += sum(n * after + n for n, after in pairwise(shape[1:]))
    return by_path, kept
