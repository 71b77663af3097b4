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
from typing import Self

import numpy as np

from backprop.activations import ACTIVATIONS, Array
from backprop.costs import COSTS
from backprop.network import Network


class Loop:
    """Steps for one network, in buffers that are made once.

    Inside a `with` block the network's parameters are views into one vector, so that a step is
    one subtraction; at its end they are copied back to where they were.

    Parameters
    ----------
    net
        The network to train, in place.
    batch
        The most samples that a step will have.
    """

    def __init__(self, net: Network, batch: int) -> None:
        self.net, self.own = net, [*net.weights, *net.biases]
        self.parameters = np.concatenate([p.reshape(-1) for p in self.own])
        self.gradient = np.zeros_like(self.parameters)
        self.weights, self.biases = self._views(self.parameters)
        self.dW, self.db = self._views(self.gradient)
        self.z = [np.empty((batch, n_out), net.dtype) for n_out in net.shape[1:]]
        self.ones = np.ones(batch, net.dtype)
        self.functions = [ACTIVATIONS[name] for name in net.activations]
        self.delta = COSTS[net.cost].delta

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
        n, activations = len(x), [x]
        for W, b, f, buffer in zip(self.weights, self.biases, self.functions, self.z, strict=True):
            z = np.matmul(activations[-1], W, out=buffer[:n])
            z += b
            activations.append(f.function(z))
        delta = self.delta(activations[-1], y, self.functions[-1].slope)
        delta *= learning_rate / n
        for layer in reversed(range(len(self.weights))):
            a = activations[layer]
            np.matmul(a.T, delta, out=self.dW[layer])
            np.matmul(self.ones[:n], delta, out=self.db[layer])
            if layer > 0:
                delta = (delta @ self.weights[layer].T) * self.functions[layer - 1].slope(a)
        self.parameters -= self.gradient

    def _views(self, vector: Array) -> tuple[list[Array], list[Array]]:
        """Parts of a vector, as weights and as biases."""
        ends = np.cumsum([0, *(p.size for p in self.own)])
        parts = [
            vector[start:end].reshape(p.shape)
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
        self.gathered = np.empty((batch, x.shape[1]), x.dtype)
        self.inputs = np.empty((batch, x.shape[1]), dtype)
        self.targets = np.empty((batch, y.shape[1]), y.dtype)

    def of(self, order: Array) -> Iterator[tuple[Array, Array]]:
        """Inputs and targets of the samples in that order; each pair overwrites the last."""
        for first in range(0, len(order), self.batch):
            rows = order[first : first + self.batch]
            n = len(rows)
            x, y = self.inputs[:n], self.targets[:n]
            np.copyto(x, np.take(self.x, rows, axis=0, out=self.gathered[:n], mode="clip"))
            if self.share is not None:
                x *= self.share
            yield x, np.take(self.y, rows, axis=0, out=y, mode="clip")
