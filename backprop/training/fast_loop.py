"""The fast loop: forward, backward and step of one minibatch after the other, without waste.

`Loop.step` does what `zero_grad`, `forward`, `backward` and `optimize` do in turn, with the same
activations and costs, and a property holds it to that within rounding. What it saves: looks at
arguments that training has checked already; accumulators that are filled only to be emptied; the
product of a long gradient with the learning rate, which the short delta of the output takes
instead; and, since it is laid out on a `OperationRecorder`, arrays made anew for every minibatch.
"""

from __future__ import annotations

from itertools import pairwise
from typing import Self

import numpy as np

from backprop.activations import ACTIVATIONS, Array
from backprop.costs import COSTS
from backprop.network import Network
from backprop.training.recorder import OperationRecorder


class Loop:
    """Steps for one network, in buffers that are made once.

    Inside a `with` block the network's parameters are views into one vector, so that a step is
    one subtraction; at its end they are copied back to where they were.

    Parameters
    ----------
    net
        The network to train, in place.
    peak
        What inputs are divided by, where they come as bytes.
    """

    def __init__(self, net: Network, *, peak: int | None = None) -> None:
        self.net, self.own = net, [*net.weights, *net.biases]
        self.share = None if peak is None else np.asarray(1 / peak, net.dtype)
        self.parameters = np.concatenate([p.reshape(-1) for p in self.own])
        self.gradient = np.zeros_like(self.parameters)
        self.weights, self.biases = self._views(self.parameters)
        self.dW, self.db = self._views(self.gradient)
        self.functions = [ACTIVATIONS[name] for name in net.activations]
        self.cost = COSTS[net.cost]
        self.tapes: dict[tuple[int, ...], tuple[Array, Array, Array, OperationRecorder]] = {}

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
        if x.shape not in self.tapes:
            self.tapes[x.shape] = self._recorded(x, y, learning_rate)
            return
        inputs, targets, rate, tape = self.tapes[x.shape]
        np.copyto(inputs, x)
        np.copyto(targets, y)
        rate.fill(learning_rate / len(x))
        tape.replay()

    def _recorded(
        self, x: Array, y: Array, learning_rate: float
    ) -> tuple[Array, Array, Array, OperationRecorder]:
        """The first step of so many samples, and with it the tape that takes the others."""
        tape, dtype = OperationRecorder(), self.net.dtype
        inputs, targets = np.array(x, dtype), np.array(y, dtype)
        rate = np.asarray(learning_rate / len(x), dtype)
        if self.share is not None:
            tape.call(np.multiply, inputs, self.share, inputs)
        activations = self._ahead(tape, inputs)
        self._back(tape, activations, targets, rate)
        tape.call(np.subtract, self.parameters, self.gradient, self.parameters)
        return inputs, targets, rate, tape

    def _ahead(self, tape: OperationRecorder, a: Array) -> list[Array]:
        """Forward: [x, a1, …, aL]."""
        activations = [a]
        for W, b, f in zip(self.weights, self.biases, self.functions, strict=True):
            z, rows = np.empty((2, len(a), len(b)), a.dtype)
            tape.call(np.dot, a, W, z)
            tape.call(np.copyto, rows, b)  # to add a single row, NumPy would copy it anew
            tape.call(np.add, z, rows, z)
            a = tape.run(f.function, z, recorded=f.recorded)
            activations.append(a)
        return activations

    def _back(
        self, tape: OperationRecorder, activations: list[Array], y: Array, rate: Array
    ) -> None:
        """Backward, with the learning rate over the batch size in every delta."""
        *inputs, a = activations
        ones, last = np.ones(len(a), a.dtype), self.functions[-1]
        recorded, delta = self.cost.recorded and last.recorded, np.empty_like(a)
        error = tape.run(lambda a, y: self.cost.delta(a, y, last.slope), a, y, recorded=recorded)
        tape.call(np.multiply, error, rate, delta)
        for layer in reversed(range(len(inputs))):
            a = inputs[layer]
            tape.call(np.dot, a.T, delta, self.dW[layer])
            tape.call(np.dot, ones, delta, self.db[layer])
            if layer > 0:
                after, delta = delta, np.empty_like(a)
                tape.call(np.dot, after, self.weights[layer].T, delta)
                f = self.functions[layer - 1]
                slope = tape.run(f.slope, a, recorded=f.recorded)
                tape.call(np.multiply, delta, slope, delta)

    def _views(self, vector: Array) -> tuple[list[Array], list[Array]]:
        """Parts of a vector, as weights and as biases."""
        ends = np.cumsum([0, *(p.size for p in self.own)])
        parts = [
            vector[start:end].reshape(p.shape)
            for (start, end), p in zip(pairwise(ends), self.own, strict=True)
        ]
        layers = len(parts) // 2
        return parts[:layers], parts[layers:]
