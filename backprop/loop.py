"""The loop: forward, backward and the step of one minibatch after the other, without waste.

`Loop.step` does what `zero_grad`, `forward`, `backward` and `optimize` do in turn, with the same
activations and costs, and a property holds it to that within rounding. What it saves: looks at
arguments that training has checked already, accumulators that are filled only to be emptied, and
the product of a long gradient with the learning rate, which the short delta of the output takes
instead.
"""

from __future__ import annotations

from collections.abc import Iterator
from itertools import pairwise
from typing import Any, Self

import numpy as np

from backprop.activations import ACTIVATIONS, Array
from backprop.costs import COSTS
from backprop.network import Network

# As many minibatches are gathered at a time as have about this many samples: a few large copies
# take less than many small ones.
AHEAD = 400


class Loop:
    """Steps for one network, in buffers that are made once.

    Inside a `with` block the network's parameters are views into one vector, so that a step is
    one subtraction; at its end they are copied back to where they were.

    Parameters
    ----------
    net
        The network to train, in place.
    """

    def __init__(self, net: Network) -> None:
        self.net, self.own = net, [*net.weights, *net.biases]
        self.parameters = np.concatenate([p.T.reshape(-1) for p in self.own])
        self.gradient = np.zeros_like(self.parameters)
        self.weights, self.biases = self._views(self.parameters)
        self.dW, self.db = self._views(self.gradient)
        self.functions = [ACTIVATIONS[name] for name in net.activations]
        self.delta = COSTS[net.cost].delta
        self.gears: dict[tuple[int, float], Any] = {}

    def __enter__(self) -> Self:
        self.net.weights, self.net.biases = self.weights, self.biases
        return self

    def __exit__(self, *_: object) -> None:
        for own, view in zip(self.own, self.weights + self.biases, strict=True):
            own[...] = view
        self.net.weights = self.own[: len(self.weights)]
        self.net.biases = self.own[len(self.weights) :]

    def step(self, x: Array, y: Array, learning_rate: float) -> None:
        """One step along minus the mean gradient of a minibatch, (n, n_in) and (n, n_out)."""
        key = len(x), learning_rate
        if key not in self.gears:
            self.gears[key] = self._prepared(*key)
        ahead, back, ones, rate = self.gears[key]
        a, inputs = x, []
        for W, b, function, z in ahead:
            inputs.append(a)
            np.dot(a, W, z)
            z += b
            a = function(z)
        delta = self.delta(a, y, self.functions[-1].slope)
        delta *= rate
        for dW, db, W, slope, before in back:
            a = inputs.pop()
            np.dot(delta.T, a, dW)
            np.dot(ones, delta, db)
            if inputs:
                delta = np.dot(delta, W, before)
                delta *= slope(a)
        self.parameters -= self.gradient

    def _prepared(self, n: int, learning_rate: float) -> tuple[list[Any], list[Any], Array, Array]:
        """What a step of n samples turns: each layer's part of the way ahead and of the way back.

        With the buffers for its z and for the delta of the layer before; and ones to sum with, and
        the step's length.
        """
        dtype = self.net.dtype
        slopes = [f.slope for f in self.functions]
        z, before = ([np.empty((n, W.shape[k]), dtype) for W in self.weights] for k in (1, 0))
        functions = [f.function for f in self.functions]
        ahead = list(zip(self.weights, self.biases, functions, z, strict=True))
        transposed = [W.T for W in self.weights]
        slopes_before = [slopes[0], *slopes[:-1]]  # the first is not asked for
        dW = [dW.T for dW in self.dW]
        back = list(zip(dW, self.db, transposed, slopes_before, before, strict=True))
        return ahead, back[::-1], np.ones(n, dtype), np.asarray(learning_rate / n, dtype)

    def _views(self, vector: Array) -> tuple[list[Array], list[Array]]:
        """Parts of a vector, as weights and as biases.

        Weights lie in it by output: BLAS is quicker to make a gradient that way round.
        """
        ends = np.cumsum([0, *(p.size for p in self.own)])
        parts = [
            vector[start:end].reshape(p.shape[::-1]).T
            for (start, end), p in zip(pairwise(ends), self.own, strict=True)
        ]
        layers = len(parts) // 2
        return parts[:layers], parts[layers:]


class Batches:
    """Minibatches gathered from samples, in buffers that are made once.

    Inputs are kept as they came, bytes for images, and become numbers of the network's dtype, in
    [0, 1] where there is a `peak` to divide them by, only when a minibatch needs them.
    """

    def __init__(
        self, x: Array, y: Array, *, batch: int, dtype: np.dtype, peak: int | None
    ) -> None:
        self.x, self.y, self.batch = x, y, batch
        self.share = None if peak is None else dtype.type(1 / peak)
        self.ahead = batch * max(1, AHEAD // batch)
        most = min(len(x), self.ahead)
        self.gathered = np.empty((most, x.shape[1]), x.dtype)
        self.inputs = np.empty((most, x.shape[1]), dtype)
        self.targets = np.empty((most, y.shape[1]), y.dtype)

    def of(self, order: Array) -> Iterator[tuple[Array, Array]]:
        """Inputs and targets of the samples in that order; later pairs overwrite earlier ones."""
        for first in range(0, len(order), self.ahead):
            rows = order[first : first + self.ahead]
            x, y = self.inputs[: len(rows)], self.targets[: len(rows)]
            np.copyto(x, np.take(self.x, rows, 0, self.gathered[: len(rows)], "clip"))
            if self.share is not None:
                x *= self.share
            np.take(self.y, rows, 0, y, "clip")
            for start in range(0, len(rows), self.batch):
                part = slice(start, start + self.batch)
                yield x[part], y[part]
