"""The textbook's backward pass, with interchangeable pieces: known bugs are turned out of it.

Written apart from the pass that is checked, from the formulas, layers counted from 1; activations
and costs go by their names and nothing is imported from the network's package. `turn` gives the
gradient that the pieces produce; `RIGHT` are the right ones.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import numpy as np

from checks.problem.nested import Array

COSTS = ("quadratic", "cross-entropy", "softmax-cross-entropy")

Slope = Callable[[Array, Array], Array]


@dataclass(frozen=True, kw_only=True, eq=False)
class ForwardState:
    """A network's state on one batch, layers counted from 1: what the pass reads.

    Attributes
    ----------
    a
        Activations, [x, a1, …, aL], each (batch, n).
    z
        Pre-activations, [x, z1, …, zL], each (batch, n).
    W
        Weights, [-, W1, …, WL], each (n_in, n_out); the first stands for nothing.
    names
        The activations' names, ["", name1, …, nameL].
    cost, y
        The cost's name and the targets, (batch, n_out).
    """

    a: Sequence[Array]
    z: Sequence[Array]
    W: Sequence[Array]
    names: Sequence[str]
    cost: str
    y: Array

    @property
    def last(self) -> int:
        """The output layer."""
        return len(self.a) - 1


def one(_: Array, a: Array) -> Array:
    """The derivative of the identity."""
    return np.ones_like(a)


def _sigmoid(z: Array) -> Array:
    return np.asarray(0.5 + 0.5 * np.tanh(z / 2))


# The derivative of each activation, from z and a.
SLOPES: dict[str, Slope] = {
    "sigmoid": lambda z, a: a * (1 - a),
    "tanh": lambda z, a: (1 - a) * (1 + a),
    "relu": lambda z, a: np.where(a > 0, 1.0, 0.0),
    "softplus": lambda z, a: -np.expm1(-a),
    "identity": one,
}

# What people write instead: a formula in terms of z given a, or one in terms of a given z.
MISPLACED: dict[str, tuple[Slope, ...]] = {
    "sigmoid": (lambda z, a: z * (1 - z), lambda z, a: _sigmoid(a) * (1 - _sigmoid(a))),
    "tanh": (lambda z, a: 1 - z * z, lambda z, a: 1 - np.tanh(a) ** 2),
    "softplus": (lambda z, a: -np.expm1(-z), lambda z, a: _sigmoid(a)),
}

# Slips that are no activation's derivative.
SLIPS: tuple[Slope, ...] = (
    lambda z, a: 1 - a,
    lambda z, a: a,
    lambda z, a: a * a,
    lambda z, a: 1 + a * a,
    lambda z, a: a * (1 + a),
    lambda z, a: (1 - a) ** 2,
    lambda z, a: np.where(a > 0, 1.0, 0.01),
    lambda z, a: np.where(a > 0, 1.0, 0.1),
    lambda z, a: np.where(a > 0, 1.0, -1.0),
    lambda z, a: np.where(a >= 0, 1.0, 0.0),
    lambda z, a: np.where(a > 0, a, 0.0),
    lambda z, a: -a * (1 - a),
)


@dataclass(frozen=True, kw_only=True)
class Pieces:
    """The interchangeable pieces of a backward pass; `l` counts layers from 1.

    Attributes
    ----------
    error
        dC/da at the output, or dC/dz where the cost cancels the slope.
    slope
        The derivative of layer l's activation.
    carry
        delta of layer l, before W, to what layer l - 1's slope multiplies.
    source
        The activations that delta of layer l meets in dW.
    bias
        delta of layer l to db.
    """

    error: Callable[[ForwardState], Array]
    slope: Callable[[ForwardState, int], Array]
    carry: Callable[[ForwardState, int, Array], Array]
    source: Callable[[ForwardState, int], Array]
    bias: Callable[[Array], Array]


def forward_state(
    activations: Sequence[Array],
    weights: Sequence[Array],
    biases: Sequence[Array],
    *,
    names: Sequence[str],
    cost: str,
    y: Array,
) -> ForwardState:
    """The state of a network, in double precision; see `network_variants.hypotheses`."""
    a = [np.asarray(each, np.float64) for each in activations]
    W = [np.asarray(each, np.float64) for each in weights]
    z = [before @ w + b for before, w, b in zip(a, W, biases, strict=False)]
    return ForwardState(
        a=a,
        z=[a[0], *z],
        W=[np.empty((0, 0)), *W],
        names=["", *names],
        cost=cost,
        y=np.asarray(y, np.float64),
    )


def error(state: ForwardState) -> Array:
    """dC/da at the output, or dC/dz where the cost cancels the slope."""
    a, y = state.a[-1], state.y
    return a * y.sum(axis=1, keepdims=True) - y if state.cost == "softmax-cross-entropy" else a - y


def slope(state: ForwardState, l: int) -> Array:
    """The derivative of layer l's activation; one where the cost cancels it."""
    cancels = l == state.last and state.cost != "quadratic"
    return np.ones_like(state.a[l]) if cancels else own_slope(state, l)


def own_slope(state: ForwardState, l: int) -> Array:
    """The derivative of layer l's activation, cancelled or not; one for softmax."""
    return SLOPES.get(state.names[l], one)(state.z[l], state.a[l])


RIGHT = Pieces(
    error=error,
    slope=slope,
    carry=lambda forward_state, l, delta: delta @ forward_state.W[l].T,
    source=lambda forward_state, l: forward_state.a[l - 1],
    bias=lambda delta: delta.sum(axis=0),
)


def backward_with(
    state: ForwardState, pieces: Pieces = RIGHT, *, late: bool = False
) -> dict[str, Array]:
    """The gradient by tensor name; `late` meets the activations with the layer before's delta."""
    delta = pieces.error(state) * pieces.slope(state, state.last)
    gradient = {}
    for l in range(state.last, 0, -1):
        used = delta
        if l > 1:
            delta = pieces.carry(state, l, delta) * pieces.slope(state, l - 1)
        used = delta if late and l > 1 else used
        gradient[f"W{l}"] = pieces.source(state, l).T @ used / len(state.y)
        gradient[f"b{l}"] = pieces.bias(used) / len(state.y)
    return gradient


def with_error(found: Array) -> Pieces:
    """The right pass but for the cost's derivative."""
    return replace(RIGHT, error=lambda forward_state: found)
