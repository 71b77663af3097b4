"""Forward and backward: the gears turned one way, and the ratios multiplied on the way back.

- `forward` carries a batch from the input to the prediction and keeps every activation.
- `backward` carries the cost's slope from the prediction to the input. Each layer's delta, the
  slope of the cost at its pre-activation z, is a checkpoint: once it is known, the layer's own
  gradient needs nothing after it, and every earlier layer reuses it.
- `cost` runs forward and says how wrong the prediction is; `gradients` says which way to turn
  every parameter. `resume` runs forward from a layer's pre-activation instead of from the input.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from backprop import validation
from backprop.activations import ACTIVATIONS, Array
from backprop.costs import COSTS
from backprop.network import Network, zero_grad


def forward(net: Network, x: Array) -> list[Array]:
    """Turn the gears.

    Parameters
    ----------
    net
        The network; its parameters may be complex, the result keeps their dtype.
    x
        A batch, (batch, n_in).

    Returns
    -------
    list of arrays
        [x, a1, …, aL], each (batch, n); the last is the prediction.

    Raises
    ------
    ValueError, TypeError
        When `x` has the wrong shape or dtype, is empty, or holds NaN or infinity.
    """
    a = validation.inputs(net, x)
    activations = [a]
    for W, b, f in net.layers():
        z = a @ W + b
        a = f.function(z)
        activations.append(a)
    return activations


def backward(net: Network, activations: Sequence[Array], y: Array) -> None:
    """Turn the ratios back and add this batch's gradient to the accumulators.

    Parameters
    ----------
    net
        The network; `net.dW` and `net.db` grow by the gradient summed over the batch, and
        `net.samples` by the size of the batch.
    activations
        What `forward` returned.
    y
        The targets, (batch, n_out), or class labels, (batch,).

    Raises
    ------
    ValueError, TypeError
        When `activations` or `y` do not fit the network, or `y` holds labels out of range.
    """
    y = validation.targets(net, y, validation.activation_shapes(net, activations))
    if not net.dW:
        zero_grad(net)
    slopes = [f.slope for _, _, f in net.layers()]
    delta = COSTS[net.cost].delta(activations[-1], y, slopes[-1])
    for layer in reversed(range(len(net.weights))):
        a = activations[layer]
        net.dW[layer] += a.T @ delta
        net.db[layer] += delta.sum(axis=0)
        if layer > 0:
            delta = (delta @ net.weights[layer].T) * slopes[layer - 1](a)
    net.samples += len(y)


def cost(net: Network, x: Array, y: Array) -> Any:
    """The cost of a batch: the mean over its samples, a scalar of the parameters' dtype.

    Parameters and exceptions are those of `forward` and `backward`.
    """
    a = forward(net, x)
    return cost_at(net, a, validation.targets(net, y, len(a[0])))


def cost_at(net: Network, activations: Sequence[Array], y: Array) -> Any:
    """`cost`, from the activations that `forward` returned; targets are taken as they are."""
    z = activations[-2] @ net.weights[-1] + net.biases[-1]
    return resume(net, len(net.weights) - 1, z, y)


def resume(net: Network, layer: int, z: Array, y: Array) -> Any:
    """The cost of a batch from a checkpoint: `z`, (…, batch, n), stands for layer `layer`'s.

    `layer` counts from 0. Leading axes are copies, each with its own cost. No argument is checked.
    """
    a = ACTIVATIONS[net.activations[layer]].function(z)
    for following in range(layer + 1, len(net.weights)):
        z = a @ net.weights[following] + net.biases[following]
        a = ACTIVATIONS[net.activations[following]].function(z)
    return np.mean(COSTS[net.cost].value(z, a, y), axis=-1)


def gradients(net: Network, x: Array, y: Array) -> list[tuple[Array, Array]]:
    """The gradient of `cost`, [(dW1, db1), …], shaped like the parameters.

    The network's accumulators are left as they are. Exceptions are those of `backward`.
    """
    return gradients_at(net, forward(net, x), y)


def gradients_at(net: Network, activations: Sequence[Array], y: Array) -> list[tuple[Array, Array]]:
    """`gradients`, from the activations that `forward` returned."""
    scratch = replace(net, dW=[], db=[], samples=0)
    backward(scratch, activations, y)
    return [
        (dW / scratch.samples, db / scratch.samples)
        for dW, db in zip(scratch.dW, scratch.db, strict=True)
    ]
