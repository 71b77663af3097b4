"""Backpropagation with plain loops over scalars: slow on purpose, and independent of the package.

One number at a time, in Python's own floats, straight from the four equations. W[l][j][k] leads
from unit j of layer l's input to unit k of its output; z_k = sum_j a_j W_jk + b_k and a_k = f(z_k).

Forward and cost are those of `backprop.passes`; backward is written for one sample, with every
slope from z instead of from a, and the batch is averaged at the end.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

Row = list[float]
Matrix = list[Row]


@dataclass(frozen=True, kw_only=True)
class Reference:
    """A network as nested lists; activations and cost by the names that the package uses."""

    weights: list[Matrix]
    biases: list[Row]
    activations: Sequence[str]
    cost: str


@dataclass(frozen=True, kw_only=True)
class Answer:
    """What the reference says about a batch: outputs [sample][layer][unit], cost, gradients."""

    outputs: list[Matrix]
    cost: float
    dW: list[Matrix]
    db: list[Row]


def answer(net: Reference, x: Matrix, y: Matrix) -> Answer:
    """Everything about a batch: forward, cost and the gradient of the mean cost."""
    outputs, costs = [], []
    dW = [[[0.0 for _ in row] for row in W] for W in net.weights]
    db = [[0.0 for _ in b] for b in net.biases]
    for sample, target in zip(x, y, strict=True):
        zs, activations = forward(net, sample)
        outputs.append(activations)
        costs.append(cost(net.cost, zs[-1], activations[-1], target))
        deltas = backward(net, zs, activations, target)
        for l, delta in enumerate(deltas):
            a = sample if l == 0 else activations[l - 1]
            for k in range(len(delta)):
                db[l][k] += delta[k] / len(x)
                for j in range(len(a)):
                    dW[l][j][k] += a[j] * delta[k] / len(x)
    return Answer(outputs=outputs, cost=math.fsum(costs) / len(x), dW=dW, db=db)


def forward(net: Reference, sample: Row) -> tuple[Matrix, Matrix]:
    """Pre-activations and activations of every layer, for one sample."""
    zs, activations = [], []
    a = sample
    for W, b, name in zip(net.weights, net.biases, net.activations, strict=True):
        z = []
        for k in range(len(b)):
            total = b[k]
            for j in range(len(a)):
                total += a[j] * W[j][k]
            z.append(total)
        a = softmax(z) if name == "softmax" else [function(name, z_k) for z_k in z]
        zs.append(z)
        activations.append(a)
    return zs, activations


def backward(net: Reference, zs: Matrix, activations: Matrix, target: Row) -> Matrix:
    """delta = dC/dz of every layer, from the last to the first, for one sample."""
    last = len(net.weights) - 1
    deltas: Matrix = [[] for _ in net.weights]
    deltas[last] = output_delta(net, zs[last], activations[last], target)
    for l in range(last, 0, -1):
        for j in range(len(zs[l - 1])):
            turned = 0.0
            for k in range(len(zs[l])):
                turned += net.weights[l][j][k] * deltas[l][k]
            deltas[l - 1].append(turned * slope(net.activations[l - 1], zs[l - 1][j]))
    return deltas


def output_delta(net: Reference, z: Row, a: Row, y: Row) -> Row:
    """dC/dz of the output: each cost's own chain rule, cross-entropies with their activation's."""
    if net.cost == "quadratic":
        name = net.activations[-1]
        return [(a[k] - y[k]) * slope(name, z[k]) for k in range(len(z))]
    if net.cost == "cross-entropy":
        # -y log s - (1-y) log(1-s), and s' = s (1-s):  -y (1-s) + (1-y) s
        return [(1 - y[k]) * sigmoid(z[k]) - y[k] * sigmoid(-z[k]) for k in range(len(z))]
    # -sum_i y_i log a_i, and d log a_i / dz_k = [i = k] - a_k
    delta = []
    for k in range(len(z)):
        total = 0.0
        for i in range(len(z)):
            total += y[i] * (a[k] - (1.0 if i == k else 0.0))
        delta.append(total)
    return delta


def cost(name: str, z: Row, a: Row, y: Row) -> float:
    """The cost of one sample."""
    if name == "quadratic":
        return sum((a[k] - y[k]) ** 2 for k in range(len(a))) / 2
    if name == "cross-entropy":
        # -log s(z) = softplus(-z) and -log(1 - s(z)) = softplus(z)
        return sum(y[k] * softplus(-z[k]) + (1 - y[k]) * softplus(z[k]) for k in range(len(z)))
    largest = max(z)
    log_total = math.log(sum(math.exp(z_k - largest) for z_k in z))
    return sum(y[k] * (largest - z[k] + log_total) for k in range(len(z)))


def function(name: str, z: float) -> float:
    """a = f(z)."""
    if name == "sigmoid":
        return sigmoid(z)
    if name == "tanh":
        return math.tanh(z)
    if name == "relu":
        return z if z > 0 else 0.0
    if name == "softplus":
        return softplus(z)
    if name == "identity":
        return z
    raise ValueError(f"name: expected an activation with a reference, got {name!r}; write one")


def slope(name: str, z: float) -> float:
    """da/dz, from z."""
    if name == "sigmoid":
        return sigmoid(z) * sigmoid(-z)
    if name == "tanh":
        return 4 * sigmoid(2 * z) * sigmoid(-2 * z)
    if name == "relu":
        return 1.0 if z > 0 else 0.0
    if name == "softplus":
        return sigmoid(z)
    if name == "identity":
        return 1.0
    raise ValueError(f"name: expected an activation with a reference, got {name!r}; write one")


def softmax(z: Row) -> Row:
    """e^z / sum of e^z."""
    largest = max(z)
    e = [math.exp(z_k - largest) for z_k in z]
    return [e_k / sum(e) for e_k in e]


def sigmoid(z: float) -> float:
    """1 / (1 + e^-z)."""
    return 1 / (1 + math.exp(-z)) if z > -700 else math.exp(z)


def softplus(z: float) -> float:
    """log(1 + e^z)."""
    return z + math.log1p(math.exp(-z)) if z > 0 else math.log1p(math.exp(z))
