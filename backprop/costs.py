"""Costs, each beside its delta: how hard the prediction is turned, and what that does to z.

`COSTS` maps a name to the cost of every sample and to delta = dC/dz of the output layer. One more
cost is one more entry. The costs of a batch are averaged by `backprop.passes.cost`.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from backprop.activations import Array, negative_log_softmax, softplus


@dataclass(frozen=True, kw_only=True)
class Cost:
    """What a prediction costs.

    Attributes
    ----------
    value
        (z, a, y), each (…, batch, n_out), to the cost of each sample, (…, batch). The logarithmic
        costs work from the pre-activation z: log(a) of a saturated a would be log(0).
    delta
        (a, y, slope) to dC/dz, (batch, n_out); `slope` is the output activation's, from a.
    output
        The output activation that this cost brings along; None where any will do.
    bounded
        Whether targets must lie in [0, 1].
    recorded
        Whether the training loop may record delta, as it may an activation.
    """

    value: Callable[[Array, Array, Array], Array]
    delta: Callable[[Array, Array, Callable[[Array], Array]], Array]
    output: str | None = None
    bounded: bool = False
    recorded: bool = False


COSTS: dict[str, Cost] = {
    # half the squared error; its slope a - y meets the activation's slope
    "quadratic": Cost(
        value=lambda z, a, y: ((a - y) ** 2).sum(axis=-1) / 2,
        delta=lambda a, y, slope: (a - y) * slope(a),
        recorded=True,
    ),
    # -y log a - (1 - y) log(1 - a) with a = sigmoid(z); the slopes cancel
    "cross-entropy": Cost(
        value=lambda z, a, y: (y * softplus(-z) + (1 - y) * softplus(z)).sum(axis=-1),
        delta=lambda a, y, slope: a - y,
        output="sigmoid",
        bounded=True,
        recorded=True,
    ),
    # -sum of y log a with a = softmax(z)
    "softmax-cross-entropy": Cost(
        value=lambda z, a, y: (y * negative_log_softmax(z)).sum(axis=-1),
        delta=lambda a, y, slope: a * y.sum(axis=-1, keepdims=True) - y,
        output="softmax",
        bounded=True,
    ),
}
