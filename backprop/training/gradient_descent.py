"""Gradient descent: one epoch of minibatches, the part of training that is certified.

`descend` is the loop itself; `evaluate` says how wrong a network is, and how often right.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from backprop import blas_threads, passes, validation
from backprop.activations import Array
from backprop.network import Network
from backprop.training.fast_loop import Loop
from backprop.training.minibatches import Batches
from backprop.training.samples import Samples

OnBatch = Callable[[int], None]
_CHUNK = 250  # images at a time where nothing is learnt from them


@dataclass(frozen=True, kw_only=True)
class Scores:
    """How wrong, and how often right: the mean cost, and each sample's largest output."""

    cost: float
    accuracy: float | None
    predicted: Array
    expected: Array


def descend(
    net: Network,
    samples: Samples,
    order: Array,
    *,
    batch_size: int,
    learning_rate: float,
    on_batch: OnBatch | None = None,
) -> None:
    """One epoch: for each minibatch, forward, backward, and a step, by the `fast_loop`."""
    targets = validation.targets(net, samples.y, len(samples))
    batches = Batches(samples.x, targets, batch=batch_size)
    with _quiet(), blas_threads.suited(net, batch_size), Loop(net, peak=samples.peak) as loop:
        for x, y in batches.of(order):
            loop.step(x, y, learning_rate)
            if on_batch is not None:
                on_batch(len(x))


def evaluate(net: Network, samples: Samples) -> Scores:
    """The mean cost over samples, and which outputs are the largest."""
    total, predicted, expected = 0.0, [], []
    last = len(net.weights) - 1
    with _quiet(), blas_threads.suited(net, _CHUNK):
        for first in range(0, len(samples), _CHUNK):
            x, y = samples.batch(slice(first, first + _CHUNK), net.dtype)
            y = validation.targets(net, y, len(x))
            *_, a, prediction = passes.forward(net, x)
            z = a @ net.weights[last] + net.biases[last]
            total += float(passes.resume(net, last, z, y)) * len(x)
            predicted.append(prediction.argmax(axis=1))
            expected.append(y.argmax(axis=1))
    found, right = np.concatenate(predicted), np.concatenate(expected)
    return Scores(
        cost=total / len(samples),
        accuracy=float(np.mean(found == right)) if net.shape[-1] > 1 else None,
        predicted=found,
        expected=right,
    )


def _quiet() -> np.errstate:
    """Whatever NumPy is set to raise: divergence is looked for afterwards, and nothing else is."""
    return np.errstate(over="ignore", under="ignore", invalid="ignore")
