"""The adapter: a network seen as a subject. The only room that hands one side to the other."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np

from backprop import passes, validation
from backprop.network import Network
from checks import rounding
from checks.hygiene import same_bits
from checks.nest import Array
from checks.rerun import ShortRerun
from checks.subject import Arrays, Subject


def as_subject(net: Network, x: Array, y: Array, *, repeat: str = "") -> Subject:
    """A subject whose tensors are W1, b1, …, WL, bL, at the network's own parameters.

    Parameters
    ----------
    net, x, y
        As for `backprop.gradients`.
    repeat
        The command that repeats the check.
    """
    x = validation.inputs(net, x).copy()
    y = validation.targets(net, y, len(x)).copy()
    names = [f"{kind}{layer}" for layer in range(1, len(net.weights) + 1) for kind in "Wb"]

    def cost(values: Arrays) -> Any:
        return passes.cost(with_parameters(net, values), x, y)

    def gradient(values: Arrays) -> dict[str, Array]:
        found = passes.gradients(with_parameters(net, values), x, y)
        return dict(zip(names, (g for pair in found for g in pair), strict=True))

    def jittered(rng: np.random.Generator) -> dict[str, Array]:
        moved = with_parameters(net, [rounding.jitter(v, rng) for v in values])
        activations = passes.forward(moved, x)
        activations[1:] = [rounding.jitter(a, rng) for a in activations[1:]]
        passes.backward(moved, activations, y)
        sums = (g for pair in zip(moved.dW, moved.db, strict=True) for g in pair)
        return {name: g / len(x) for name, g in zip(names, sums, strict=True)}

    values = tuple(v.copy() for pair in zip(net.weights, net.biases, strict=True) for v in pair)
    return Subject(
        names=tuple(names),
        values=values,
        cost=cost,
        gradient=gradient,
        jittered=jittered,
        rerun=ShortRerun(net, x, y),
        inputs={"x": x, "y": y},
        context={"the batch size": float(len(x))},
        repeat=repeat,
    )


def with_parameters(net: Network, values: Arrays) -> Network:
    """The same network with other parameters [W1, b1, …], of any dtype, and empty accumulators."""
    return replace(
        net, weights=list(values[0::2]), biases=list(values[1::2]), dW=[], db=[], samples=0
    )


def backward_overwrites(net: Network, x: Array, y: Array) -> str | None:
    """The name of an activation that `backward` overwrites, or None."""
    scratch = replace(net, dW=[], db=[], samples=0)
    activations = passes.forward(net, x)
    before = [a.copy() for a in activations]
    passes.backward(scratch, activations, y)
    for layer, (a, kept) in enumerate(zip(activations, before, strict=True)):
        if not same_bits(a, kept):
            return f"a{layer}" if layer else "x"
    return None
