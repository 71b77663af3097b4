"""Random problems with their right gradient, and wrong ones: of any size, smooth or with kinks.

A problem is a chain of layers z = A a + c, a = f(z), whose last is weighed and summed up; the
parameters are what enters it, cut into tensors of scales of their own. Its gradient is the chain
rule. What makes costs hard is drawn with it: a scale of the cost, a constant beside it, rounding,
weak terms, tiny and huge parameters, points on a kink, costs that take real numbers only.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

Array = npt.NDArray[Any]
Function = Callable[[Any], Any]

# Functions of single numbers with their derivatives, written for complex numbers as well.
SMOOTH: dict[str, tuple[Function, Function]] = {
    "sin": (np.sin, np.cos),
    "tanh": (np.tanh, lambda z: 1 - np.tanh(z) ** 2),
    "square": (lambda z: z**2 / 2, lambda z: z),
    "cube": (lambda z: z**3 / 3, lambda z: z**2),
    "sigmoid": (lambda z: 1 / (1 + np.exp(-z)), lambda z: np.exp(-z) / (1 + np.exp(-z)) ** 2),
    "bump": (lambda z: np.exp(-z * z / 2), lambda z: -z * np.exp(-z * z / 2)),
    "root": (lambda z: np.sqrt(1 + z * z), lambda z: z / np.sqrt(1 + z * z)),
    "log": (lambda z: np.log(1 + z * z), lambda z: 2 * z / (1 + z * z)),
    "bell": (lambda z: 1 / (1 + z * z), lambda z: -2 * z / (1 + z * z) ** 2),
    "softplus": (lambda z: np.log(1 + np.exp(z)), lambda z: 1 / (1 + np.exp(-z))),
    "line": (lambda z: z, np.ones_like),
}
KINKED: dict[str, tuple[Function, Function]] = {
    "relu": (lambda z: z * (z.real > 0), lambda z: (z > 0) * 1.0),
    "leaky": (lambda z: z * np.where(z.real > 0, 1, 0.1), lambda z: np.where(z > 0, 1, 0.1)),
    "abs": (lambda z: z * np.sign(z.real), np.sign),
    "plain abs": (np.abs, np.sign),
    "maximum": (lambda z: np.maximum(z, 0), lambda z: (z > 0) * 1.0),
    "huber": (lambda z: np.where(abs(z.real) < 1, z**2 / 2, z * np.sign(z.real) - 0.5),
              lambda z: np.clip(z, -1, 1)),
    "hinge squared": (lambda z: (z * (z.real > 0)) ** 2 / 2, lambda z: z * (z > 0)),
}  # fmt: skip


@dataclass(frozen=True, kw_only=True)
class RandomProblem:
    """A cost of a dict of arrays, its right gradient there, and what it is made of."""

    cost: Callable[[dict[str, Array]], Any]
    gradient: Callable[[dict[str, Array]], dict[str, Array]]
    params: dict[str, Array]
    about: str
    rough: bool

    @property
    def right(self) -> dict[str, Array]:
        """The right gradient at the point."""
        return self.gradient(self.params)


@dataclass(frozen=True, kw_only=True)
class _Chain:
    """Layers (A, c, f, its derivative), the weights of the last, and what is done to the sum."""

    layers: list[tuple[Array, Array, Function, Function]]
    weight: Array
    beside: float
    real: bool

    def cost(self, p: dict[str, Array]) -> Any:
        a = np.concatenate([value.reshape(-1) for value in p.values()])
        for A, c, f, _ in self.layers:
            a = f(A @ a + c)
        found = self.weight @ a + self.beside
        return float(found) if self.real else found

    def gradient(self, p: dict[str, Array]) -> dict[str, Array]:
        a, slopes = np.concatenate([value.reshape(-1) for value in p.values()]), []
        for A, c, f, df in self.layers:
            z = A @ a + c
            a = f(z)
            slopes.append((A, df(z)))
        delta = self.weight
        for A, slope in reversed(slopes):
            delta = (delta * slope) @ A
        parts = np.split(delta, np.cumsum([value.size for value in p.values()])[:-1])
        return {n: g.reshape(p[n].shape) for n, g in zip(p, parts, strict=True)}


def drawn(seed: int) -> RandomProblem:
    """One of them."""
    rng = np.random.default_rng(seed)
    params, units = _parameters(rng)
    pool = {**SMOOTH, **KINKED} if rng.random() < 0.4 else SMOOTH
    layers, used, unit = [], [], units
    for _ in range(int(rng.integers(1, 4))):
        width = int(rng.integers(1, 6))
        kind = str(rng.choice(list(pool)))
        layers.append((*_weights(rng, width, unit), *pool[kind]))
        used.append(kind)
        unit = np.ones(width)
    scale = 10 ** rng.uniform(-12, 12) if rng.random() < 0.3 else 1.0
    chain = _Chain(
        layers=layers,
        weight=scale * rng.normal(size=unit.size) * 10 ** rng.uniform(-2, 2),
        beside=scale * 10 ** rng.uniform(0, 9) if rng.random() < 0.15 else 0.0,
        real=bool(rng.random() < 0.35),
    )
    about = f"{'real ' * chain.real}{' '.join(used)}, scale {scale:.0e}, beside {chain.beside:.0e}"
    return RandomProblem(
        cost=chain.cost,
        gradient=chain.gradient,
        params=params,
        about=about,
        rough=any(kind in KINKED for kind in used),
    )


def _parameters(rng: np.random.Generator) -> tuple[dict[str, Array], Array]:
    """Tensors, some of them with zeros, and the unit of each number."""
    params, units = {}, []
    for k in range(int(rng.integers(1, 4))):
        shape = tuple(int(n) for n in rng.integers(1, 4, int(rng.integers(0, 3))))
        unit = 10 ** rng.uniform(-6, 6) if rng.random() < 0.4 else 1.0
        value = np.asarray(rng.normal(size=shape) * unit)
        zero = (rng.random() < 0.25) & (rng.random(shape) < 0.5)
        params[f"p{k}"] = np.where(zero, 0.0, value)
        units.append(np.full(value.size, unit))
    return params, np.concatenate(units)


def _weights(rng: np.random.Generator, width: int, unit: Array) -> tuple[Array, Array]:
    """A layer's A and c: some see few of the numbers, some none, some hardly anything."""
    A = rng.normal(size=(width, unit.size)) / unit / np.sqrt(unit.size)
    if rng.random() < 0.3:
        A *= rng.random(A.shape) < 0.4
    if rng.random() < 0.2:
        A *= 10 ** rng.uniform(-4, 1)
    return A, rng.normal(size=width) * (rng.random() < 0.7)


def spoilt(problem: RandomProblem, seed: int) -> tuple[str, dict[str, Array], Function] | None:
    """A wrong gradient: what is wrong, by how much in each place, and a function that gives it.

    None where there is no slope to spoil.
    """
    rng = np.random.default_rng((seed, 1))
    right = problem.right
    name = str(rng.choice(list(right)))
    flat = np.flatnonzero(right[name])
    if not flat.size:
        return None
    kind = str(rng.choice(["one", "sign", "all", "swap", "slightly"]))
    at = int(rng.choice(flat))

    def change(g: dict[str, Array]) -> dict[str, Array]:
        g = {n: np.array(v) for n, v in g.items()}
        own = g[name].reshape(-1)
        if kind == "one":
            own[at] *= 1.5
        elif kind == "sign":
            own[at] *= -1
        elif kind == "slightly":
            own[at] *= 1 + 1e-3
        elif kind == "all":
            own *= 1.01
        else:
            own[:] = own[::-1] + own[at]
        return g

    wrong = change(right)
    off = {n: np.abs(wrong[n] - right[n]) for n in right}
    return kind, off, lambda p: change(problem.gradient(p))
