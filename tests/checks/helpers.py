"""Small subjects and planted errors that several tests of the checking engine share."""

from __future__ import annotations

import inspect
import os
import signal
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np

from backprop import init_net
from backprop.network import Network
from checks.network.adapter import network_problem
from checks.oracles.lines import Lines
from checks.problem.nested import Array
from checks.problem.problem import Problem, black_box
from checks.verdict.report import Report

EPS = float(np.finfo(np.float64).eps)

# Ways to store the same numbers.
LAYOUTS: dict[str, Callable[[Array], Array]] = {
    "C": np.ascontiguousarray,
    "Fortran": np.asfortranarray,
    "transposed view": lambda a: a.T.copy().T,
    "every other row": lambda a: np.repeat(a, 2, axis=0)[::2],
    "backwards": lambda a: a[::-1, ::-1].copy()[::-1, ::-1],
}


def by_position(function: Callable[..., Any]) -> list[str]:
    """The parameters that may be given by position: all others are options."""
    parameters = inspect.signature(function).parameters.values()
    return [p.name for p in parameters if p.kind is not p.KEYWORD_ONLY]


def lines(f: Callable[[Array], Array], *, unit: float = 1.0, spacing: float = EPS) -> Lines:
    """One line along which the cost is f(t), for t of about `unit`."""
    return Lines(
        costs=lambda which, steps: f(steps), unit=np.full(1, unit), spacing=np.full(1, spacing)
    )


def case(
    seed: int = 0,
    *,
    shape: tuple[int, ...] = (4, 5, 3),
    activation: str | tuple[str, ...] = "sigmoid",
    cost: str = "quadratic",
    dtype: Any = np.float64,
    batch: int = 6,
) -> tuple[Network, Array, Array]:
    """A random network with a batch of inputs and class labels."""
    net = init_net(shape, activation=activation, cost=cost, dtype=dtype, seed=seed)
    rng = np.random.default_rng(seed + 1000)
    x = rng.normal(size=(batch, shape[0])).astype(dtype)
    return net, x, rng.integers(shape[-1], size=batch)


def subject(seed: int = 0, **options: Any) -> Problem:
    """The subject of a random network."""
    return network_problem(*case(seed, **options))


def changed(subject: Problem, change: Callable[[dict[str, Array]], None]) -> Problem:
    """The subject with its gradient changed in place by `change`, jittered or not."""

    def planted(gradient: dict[str, Array]) -> dict[str, Array]:
        gradient = {name: np.array(g) for name, g in gradient.items()}
        change(gradient)
        return gradient

    jittered = subject.jittered
    return replace(
        subject,
        gradient=lambda values: planted(subject.gradient(values)),
        jittered=jittered and (lambda rng: planted(jittered(rng))),
    )


def planted(subject: Problem, name: str, flat: int, error: float) -> Problem:
    """The subject with one coordinate of its gradient off by the relative `error`."""

    def change(gradient: dict[str, Array]) -> None:
        gradient[name].reshape(-1)[flat] *= gradient[name].dtype.type(1 + error)

    return changed(subject, change)


def vector(
    cost: Callable[[Array], Any], gradient: Callable[[Array], Any], at: list[float] | Array
) -> Problem:
    """A black box of one parameter array, called params."""
    return black_box(cost, gradient, np.asarray(at))


@dataclass(frozen=True)
class Sleepy:
    """A cost that takes its time in every process but its first.

    It stands at the top level of a module, so that it can be sent anywhere.
    """

    seconds: float = 0.0
    first: int = field(default_factory=os.getpid)

    def __call__(self, params: Any) -> Any:
        """Half the squared distance to (1, 2, 3, …), plus a sine."""
        if os.getpid() != self.first:
            time.sleep(self.seconds)
        return ((params - np.arange(1, params.size + 1)) ** 2).sum() / 2 + np.sin(params).sum()


def sleepy_gradient(params: Any) -> Any:
    """The gradient of `Sleepy`."""
    return params - np.arange(1, params.size + 1) + np.cos(params)


@dataclass(frozen=True)
class Unwrapped:
    """A cost of one array as the engine calls it, with a list of arrays."""

    cost: Sleepy

    def __call__(self, values: Any) -> Any:
        """The cost of the only one."""
        return self.cost(values[0])


def unwrapped(values: Any) -> dict[str, Array]:
    """The gradient of `Unwrapped`."""
    return {"params": sleepy_gradient(values[0])}


@dataclass(frozen=True)
class SleepyKill:
    """Work that ends a worker by SIGKILL: the one that has piece 3, the first time."""

    parent: int

    def __call__(self, shared: str, piece: int) -> tuple[str, int]:
        """What it was given, after a while."""
        time.sleep(0.02)
        flag = Path(tempfile.gettempdir(), f"geartrain-killed-{self.parent}")
        if piece == 3 and os.getpid() != self.parent:
            if flag.exists():
                flag.unlink()
            else:
                flag.touch()
                os.kill(os.getpid(), signal.SIGKILL)
        return shared, piece


def raising(shared: object, piece: int) -> int:
    """Work that fails on piece 2."""
    if piece == 2:
        raise ZeroDivisionError(f"piece {piece}")
    return piece


def beside_a_kink(distance: float, jump: float) -> Problem:
    """A kink so close to three coordinates that steps reach beyond it, in a network's stead."""

    def cost(p: Array) -> Any:
        over = p - 0.03 - distance
        return 100 + 4e-6 * p.sum() + jump * (over * (over.real > 0)).sum()

    def gradient(p: Array) -> Array:
        return np.asarray(4e-6 + jump * (p > 0.03 + distance))

    one = vector(cost, gradient, [0.03, 0.03, 0.03])
    return replace(one, jittered=lambda rng: one.gradient(one.values))


def called(look: Callable[[Problem], Report], one: Problem) -> tuple[Report, dict[str, int]]:
    """What is reported of a subject, and how often each of its functions was called for that."""
    calls: list[str] = []

    def counted(name: str) -> Any:
        def call(*given: Any) -> Any:
            calls.append(name)
            return getattr(one, name)(*given)

        return call

    functions = {name: counted(name) for name in ("cost", "gradient", "jittered")}
    report = look(replace(one, **functions))
    return report, {name: calls.count(name) for name in functions}
