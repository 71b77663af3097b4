"""The learning rate that suits a network: by its activations and its cost.

Measured with 40 hidden units, minibatches of 20 and three epochs, on MNIST and on the small digits:
of the rates that keep clear of the ones at which training breaks, the one that learns most.
docs/rates.md has what each combination comes to.
"""

from __future__ import annotations

from backprop.network import Network

# By what the output is, and then by the activation below it.
_WITH_QUADRATIC = {
    "sigmoid": {"sigmoid": 5.0, "tanh": 0.7, "relu": 0.7, "softplus": 0.7, "identity": 0.5},
    "tanh": {"sigmoid": 0.3, "tanh": 0.15, "relu": 0.2, "softplus": 0.2, "identity": 0.02},
    "softplus": {"sigmoid": 0.2, "tanh": 0.2, "relu": 0.1, "softplus": 0.1, "identity": 0.05},
    "identity": {"sigmoid": 0.1, "tanh": 0.05, "relu": 0.03, "softplus": 0.02, "identity": 0.02},
    "relu": {"sigmoid": 0.03, "tanh": 0.03, "relu": 0.02, "softplus": 0.01, "identity": 0.02},
}
_WITH_CROSS_ENTROPY = {
    "sigmoid": 1.0, "tanh": 0.3, "relu": 0.2, "softplus": 0.5, "identity": 0.1
}  # fmt: skip
# Rates were measured with so many units below the output. An output without bounds answers to a
# step in proportion to how many there are.
_UNITS = 40
_UNBOUNDED = ("softplus", "identity", "relu")


def suitable_rate(net: Network) -> float:
    """A rate at which `net` can be expected to learn, for minibatches of some 20 samples.

    Activations of one's own are taken for the most delicate of the built-in ones.
    """
    *hidden, output = net.activations
    if net.cost == "quadratic":
        least = _WITH_QUADRATIC["relu"]
        row = _WITH_QUADRATIC.get(output, least)
        below = hidden or [output]
    else:
        row = _WITH_CROSS_ENTROPY
        below = hidden or ["identity"]
    rate = min(row.get(name, min(row.values())) for name in below)
    if net.cost == "quadratic" and output in _UNBOUNDED and hidden and net.shape[-2] > _UNITS:
        rate = float(f"{rate * _UNITS / net.shape[-2]:.1g}")
    return rate
