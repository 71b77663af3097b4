"""Random cases for the campaign: networks, black boxes, and ways to spoil a gradient."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from backprop import init_net
from backprop.activations import ACTIVATIONS
from backprop.costs import COSTS
from backprop.network import Network
from checks.problem.problem import Problem, black_box

RTOL = 1e-6  # the relative error that is promised to be caught

Gradient = dict[str, Any]
Parameters = dict[str, Any]


def random_network(rng: np.random.Generator) -> tuple[Network, Any, Any, dict[str, Any]]:
    """A network, a batch and what they are: every activation and cost, weights small to large."""
    depth = int(rng.integers(1, 7))
    shape = [int(n) for n in rng.integers(1, 65, depth + 1)]
    activation = str(rng.choice([name for name in ACTIVATIONS if name != "softmax"]))
    cost = str(rng.choice(list(COSTS)))
    scale = float(np.exp(rng.uniform(np.log(0.01), np.log(20))))
    batch = int(rng.integers(1, 33))
    net = init_net(shape, activation=activation, cost=cost, seed=rng)
    net.weights = [W * scale for W in net.weights]
    x = rng.normal(size=(batch, shape[0]))
    y: Any = rng.random((batch, shape[-1]))
    if rng.random() < 0.5:
        y = rng.integers(0, shape[-1], batch)
    about = {"shape": shape, "activation": activation, "cost": cost, "scale": scale, "batch": batch}
    return net, x, y, about


def changed(subject: Problem, change: Callable[[Gradient], Gradient]) -> Problem:
    """The subject with its gradient changed, jittered or not; `change` returns new arrays."""
    jittered = subject.jittered
    return replace(
        subject,
        gradient=lambda values: change(subject.gradient(values)),
        jittered=jittered and (lambda rng: change(jittered(rng))),
    )


def with_factor(subject: Problem, tensor: str, flat: int, factor: float) -> Problem:
    """The subject with one coordinate of its gradient multiplied by `factor`."""

    def plant(gradient: Gradient) -> Gradient:
        g = gradient[tensor].copy()
        g.reshape(-1)[flat] *= factor
        return {**gradient, tensor: g}

    return changed(subject, plant)


def with_noise(subject: Problem, rng: np.random.Generator) -> tuple[Problem, dict[str, Any]]:
    """The subject with noise on a random subset of its gradient, and what was done to it."""
    share, size = float(rng.uniform(0.05, 0.8)), float(10 ** rng.uniform(-4, 1))
    relative = bool(rng.random() < 0.5)
    added = {}
    for name, g in subject.gradient(subject.values).items():
        unit = np.abs(g) if relative else float(np.sqrt(np.mean(g**2)))
        added[name] = (rng.random(g.shape) < share) * size * unit * rng.normal(size=g.shape)
    noisy = changed(subject, lambda gradient: {n: g + added[n] for n, g in gradient.items()})
    wrong = sum(int(np.count_nonzero(noise)) for noise in added.values())
    return noisy, {"share": share, "size": size, "relative": relative, "changed": wrong}


@dataclass(frozen=True, kw_only=True)
class Box:
    """A right cost and gradient written by hand, with the parameters and data they are for."""

    cost: Callable[[Parameters], Any]
    gradients: Callable[[Parameters], Parameters]
    params: Parameters
    data: Any

    def scaled(self, factor: float) -> Box:
        """The same with its loss multiplied by `factor`."""
        return replace(
            self,
            cost=lambda p: factor * self.cost(p),
            gradients=lambda p: {name: factor * g for name, g in self.gradients(p).items()},
        )

    def real_only(self) -> Box:
        """The same with a cost that drops imaginary parts."""
        return replace(self, cost=lambda p: self.cost({n: np.real(v) for n, v in p.items()}))

    def subject(self) -> Problem:
        """What is checked."""
        return black_box(self.cost, self.gradients, self.params, inputs={"data": self.data})


def polynomial(rng: np.random.Generator, dtype: Any = np.float64) -> Box:
    """A sum of powers of each parameter."""
    powers = np.arange(1, 5)
    data = rng.normal(size=4).astype(dtype)
    n, m = rng.integers(2, 9, 2)
    return Box(
        cost=lambda p: sum((data * p[name][:, None] ** powers).sum() for name in "wb"),
        gradients=lambda p: {
            name: (data * powers * p[name][:, None] ** (powers - 1)).sum(1).astype(dtype)
            for name in "wb"
        },
        params={"w": rng.normal(size=n).astype(dtype), "b": rng.normal(size=m).astype(dtype)},
        data=data,
    )


def least_squares(rng: np.random.Generator, dtype: Any = np.float64) -> Box:
    """Half the mean square of what several linear models leave unexplained."""
    n, m, batch = (int(k) for k in rng.integers(2, 9, 3))
    data, target = rng.normal(size=(batch, n)), rng.normal(size=(batch, m))
    data, target = data.astype(dtype), target.astype(dtype)

    def residual(p: Parameters) -> Any:
        return data @ p["w"] + p["b"] - target

    return Box(
        cost=lambda p: (residual(p) ** 2).sum() / (2 * batch),
        gradients=lambda p: {
            "w": data.T @ residual(p) / batch,
            "b": residual(p).sum(axis=0) / batch,
        },
        params=_drawn(rng, dtype, w=(n, m), b=(m,)),
        data=data,
    )


def logistic_regression(rng: np.random.Generator, dtype: Any = np.float64) -> Box:
    """The mean cross-entropy of a linear classifier."""
    n, batch = (int(k) for k in rng.integers(2, 12, 2))
    data, label = rng.normal(size=(batch, n)).astype(dtype), rng.integers(2, size=(batch, 1))
    label = label.astype(dtype)

    def cost(p: Parameters) -> Any:
        z = data @ p["w"] + p["b"]
        return (np.log(1 + np.exp(-z)) + (1 - label) * z).mean()

    def gradients(p: Parameters) -> Parameters:
        delta = 1 / (1 + np.exp(-(data @ p["w"] + p["b"]))) - label
        return {"w": data.T @ delta / batch, "b": delta.mean(axis=0)}

    return Box(
        cost=cost, gradients=gradients, params=_drawn(rng, dtype, w=(n, 1), b=(1,)), data=data
    )


def perceptron(rng: np.random.Generator, dtype: Any = np.float64) -> Box:
    """One to three layers of tanh, written out once more, and half the squared error."""
    sizes = [int(k) for k in rng.integers(2, 8, int(rng.integers(2, 5)))]
    depth, batch = len(sizes) - 1, int(rng.integers(1, 9))
    data, target = rng.normal(size=(batch, sizes[0])), rng.normal(size=(batch, sizes[-1]))
    data, target = data.astype(dtype), target.astype(dtype)

    def run(p: Parameters) -> list[Any]:
        seen = [data]
        for layer in range(depth):
            seen.append(np.tanh(seen[-1] @ p[f"w{layer}"] + p[f"b{layer}"]))
        return seen

    def gradients(p: Parameters) -> Parameters:
        seen = run(p)
        found: Parameters = {}
        back = (seen[-1] - target) / batch
        for layer in reversed(range(depth)):
            back = back * (1 - seen[layer + 1] ** 2)
            found |= {f"b{layer}": back.sum(axis=0), f"w{layer}": seen[layer].T @ back}
            back = back @ p[f"w{layer}"].T
        return {name: found[name] for name in p}

    shapes: dict[str, tuple[int, ...]] = {}
    for layer in range(depth):
        shapes |= {f"w{layer}": (sizes[layer], sizes[layer + 1]), f"b{layer}": (sizes[layer + 1],)}
    return Box(
        cost=lambda p: ((run(p)[-1] - target) ** 2).sum() / (2 * batch),
        gradients=gradients,
        params=_drawn(rng, dtype, **shapes),
        data=data,
    )


FAMILIES = (polynomial, least_squares, logistic_regression, perceptron)


def random_box(rng: np.random.Generator, dtype: Any = np.float64) -> Box:
    """One of `FAMILIES`."""
    return FAMILIES[int(rng.integers(len(FAMILIES)))](rng, dtype)


def _drawn(rng: np.random.Generator, dtype: Any, **shapes: tuple[int, ...]) -> Parameters:
    return {name: rng.normal(size=shape).astype(dtype) for name, shape in shapes.items()}
