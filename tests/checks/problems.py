"""Small problems, planted errors and hand-made evidence that the tests of the verdict share."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from backprop import init_net
from checks.methods.run import CheckRun, start_run
from checks.network.adapter import network_problem
from checks.oracles.levels import Evidence, Levels, scan
from checks.oracles.lines import Lines
from checks.problem.nested import Array
from checks.problem.problem import Problem, black_box
from checks.verdict.report import Report

EPS = float(np.finfo(np.float64).eps)
SHAPE = (12, 10, 8, 3)

# Ways to store the same numbers.
LAYOUTS: dict[str, Callable[[Array], Array]] = {
    "C": np.ascontiguousarray,
    "Fortran": np.asfortranarray,
    "every other row": lambda a: np.repeat(a, 2, axis=0)[::2],
    "backwards": lambda a: a[::-1, ::-1].copy()[::-1, ::-1],
}


def network(
    seed: int = 0,
    *,
    shape: tuple[int, ...] = (4, 5, 3),
    activation: str = "sigmoid",
    cost: str = "quadratic",
    dtype: Any = np.float64,
    batch: int = 6,
    factor: float = 1.0,
) -> Problem:
    """A random network, its parameters `factor` times the usual, as a problem."""
    net = init_net(shape, activation=activation, cost=cost, dtype=dtype, seed=seed)
    for p in (*net.weights, *net.biases):
        p *= factor
    rng = np.random.default_rng(seed + 1000)
    x = rng.normal(size=(batch, shape[0])).astype(dtype)
    return network_problem(net, x, rng.integers(shape[-1], size=batch))


def vector(
    cost: Callable[[Array], Any], gradient: Callable[[Array], Any], at: list[float] | Array
) -> Problem:
    """A black box of one parameter array, called params."""
    return black_box(cost, gradient, np.asarray(at))


def changed(problem: Problem, change: Callable[[dict[str, Array]], None]) -> Problem:
    """The problem with its gradient changed in place by `change`, jittered or not."""

    def planted_(gradient: dict[str, Array]) -> dict[str, Array]:
        gradient = {name: np.array(g) for name, g in gradient.items()}
        change(gradient)
        return gradient

    jittered = problem.jittered
    return replace(
        problem,
        gradient=lambda values: planted_(problem.gradient(values)),
        jittered=jittered and (lambda rng: planted_(jittered(rng))),
    )


def planted(problem: Problem, name: str, flat: int, error: float) -> Problem:
    """The problem with one coordinate of its gradient off by the relative `error`."""

    def change(gradient: dict[str, Array]) -> None:
        gradient[name].reshape(-1)[flat] *= gradient[name].dtype.type(1 + error)

    return changed(problem, change)


def under_way(problem: Problem, **options: Any) -> CheckRun:
    """A check of it that has only begun."""
    return start_run(problem, **{"rtol": None, "method": "sweep", "seed": 0, **options})


def line(f: Callable[[Array], Array], *, unit: float = 1.0) -> Lines:
    """One line along which the cost is f(t)."""
    return Lines(
        costs=lambda which, t: np.asarray(f(t)),
        unit=np.full(1, unit),
        spacing=np.full(1, EPS * unit),
    )


@dataclass
class Counting:
    """A function of one number that counts how many values it was asked for."""

    f: Callable[[Array], Array]
    calls: int = 0

    def __call__(self, t: Array) -> Array:
        """f(t)."""
        self.calls += np.size(t)
        return self.f(t)


def scanned(
    f: Callable[[Array], Array], wanted: float, *, noise: float = EPS, target: float | None = None
) -> tuple[Levels, Evidence]:
    """Levels along f(t), looked at for a slope; to half a millionth of it, unless told."""
    centre = float(f(np.zeros(1))[0])
    levels = Levels(line(f), centre, noise)
    aim = 1e-6 * abs(wanted or 1.0) if target is None else target
    return levels, scan(levels, np.full(1, wanted), np.full(1, aim))


def evidence(*rows: tuple[float, float], smooth: bool = True, noise: float = 0.0) -> Evidence:
    """Evidence along one line: intervals (lo, hi), the closest first."""
    lo, hi = np.asarray(rows, np.float64).reshape(-1, 2).T[..., None]
    h = 4.0 ** np.arange(len(rows))[:, None] * 2.0**-20
    same = np.ones(lo.shape)
    return Evidence(h=h, lo=lo, hi=hi, smooth=same * smooth > 0, noise=same * noise)


def named(report: Report) -> set[tuple[str, tuple[int, ...]]]:
    """The coordinates that a report calls wrong."""
    return {(f.tensor, f.index) for f in report.failures}


def place(problem: Problem, name: str, flat: int) -> tuple[int, ...]:
    """A flat index in a tensor as an index."""
    shape = problem.values[problem.names.index(name)].shape
    return tuple(int(i) for i in np.unravel_index(flat, shape))
