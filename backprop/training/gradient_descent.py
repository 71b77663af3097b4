"""Gradient descent: one epoch of minibatches, the part of training that is certified."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from backprop import blas_threads, validation
from backprop.activations import Array
from backprop.network import Network
from backprop.training.fast_loop import Loop
from backprop.training.minibatches import Batches
from backprop.training.samples import Samples

OnBatch = Callable[[int], None]


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
    with quiet(), blas_threads.suited(net, batch_size), Loop(net, peak=samples.peak) as loop:
        for x, y in batches.of(order):
            loop.step(x, y, learning_rate)
            if on_batch is not None:
                on_batch(len(x))


def quiet() -> np.errstate:
    """Whatever NumPy is set to raise: divergence is looked for afterwards, and nothing else is."""
    return np.errstate(over="ignore", under="ignore", invalid="ignore")
