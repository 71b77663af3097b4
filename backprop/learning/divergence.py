"""Where training stopped being finite, and what is likely to have brought it there."""

from __future__ import annotations

import numpy as np

from backprop import passes
from backprop.activations import Array
from backprop.learning.rates import suitable_rate
from backprop.network import Network

_LARGE_INPUT = 1e3  # images are within 0 to 1; the first step grows with the input


def divergence(net: Network, x: Array, y: Array, *, learning_rate: float) -> str:
    """In which layer the next step leaves the finite numbers, the likely cause, and what to try.

    Parameters
    ----------
    net
        As it was before that step, still finite.
    x, y
        The minibatch of that step, (n, n_in) and (n, n_out).
    """
    with np.errstate(all="ignore"):
        where = _where(net, x, y, learning_rate)
        largest = float(np.abs(x).max())
    if largest > _LARGE_INPUT:
        return f"{where}; inputs are as large as {largest:.3g}: scale them to about 0 to 1"
    suits = suitable_rate(net)
    less = suits if suits < learning_rate else float(f"{learning_rate / 10:.1g}")
    return (
        f"{where}; the learning rate, {learning_rate:g}, is likely to be too high: try"
        f" --learning-rate {less:g}"
    )


def _where(net: Network, x: Array, y: Array, learning_rate: float) -> str:
    """The first thing that is not finite, in the order in which it is worked out."""
    activations = passes.forward(net, x)
    for layer, a in enumerate(activations):
        if not np.isfinite(a).all():
            return f"layer {layer} overflows on the way forward"
    gradients = passes.gradients_at(net, activations, y)
    for layer, pair in reversed([*enumerate(gradients, start=1)]):
        if not all(np.isfinite(g).all() for g in pair):
            return f"the gradient of layer {layer} overflows"
    sizes = [float(np.abs(learning_rate * dW).max()) for dW, _ in gradients]
    layer = int(np.argmax(sizes)) + 1
    return f"the step of layer {layer} overflows, {sizes[layer - 1]:.3g} for a weight"
