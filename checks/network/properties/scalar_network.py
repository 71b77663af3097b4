"""Scalars: forward and cost once more, one number at a time, in Python's own floats.

The properties hold the vectorised code against these loops. Nothing here knows NumPy, a batch or a
derivative: a row goes in, and its pre-activations and activations, or its cost, come out.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence

Row = Sequence[float]


def sigmoid(z: float) -> float:
    """1 / (1 + e^-z), by whichever exponential does not overflow."""
    return 1 / (1 + math.exp(-z)) if z >= 0 else math.exp(z) / (1 + math.exp(z))


def softplus(z: float) -> float:
    """log(1 + e^z)."""
    return max(z, 0.0) + math.log1p(math.exp(-abs(z)))


def log_sum_exp(z: Row) -> float:
    """log of the sum of e^z."""
    return max(z) + math.log(math.fsum(math.exp(z_k - max(z)) for z_k in z))


ACTIVATIONS: dict[str, Callable[[Row], Row]] = {
    "sigmoid": lambda z: [sigmoid(z_k) for z_k in z],
    "tanh": lambda z: [math.tanh(z_k) for z_k in z],
    "relu": lambda z: [max(z_k, 0.0) for z_k in z],
    "softplus": lambda z: [softplus(z_k) for z_k in z],
    "identity": lambda z: z,
    "softmax": lambda z: [math.exp(z_k - log_sum_exp(z)) for z_k in z],
}

# From (z, a, y) of one sample to the terms whose sum is its cost.
COSTS: dict[str, Callable[[Row, Row, Row], Row]] = {
    "quadratic": lambda z, a, y: [(a_k - y_k) ** 2 / 2 for a_k, y_k in zip(a, y, strict=True)],
    "cross-entropy": lambda z, a, y: [
        term for z_k, y_k in zip(z, y, strict=True) for term in (softplus(z_k), -y_k * z_k)
    ],
    "softmax-cross-entropy": lambda z, a, y: [
        term for z_k, y_k in zip(z, y, strict=True) for term in (y_k * log_sum_exp(z), -y_k * z_k)
    ],
}


def layer(a: Row, weights: Sequence[Row], biases: Row) -> list[float]:
    """z_k = sum over j of a_j W_jk, plus b_k."""
    return [
        math.fsum([*(a_j * weights[j][k] for j, a_j in enumerate(a)), b_k])
        for k, b_k in enumerate(biases)
    ]
