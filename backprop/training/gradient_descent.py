"""Gradient descent: one epoch of minibatches, the part of training that is certified."""

from __future__ import annotations

from collections.abc import Callable, Iterable

import numpy as np

from backprop import blas_threads, validation
from backprop.activations import Array
from backprop.datasets.dataset import scale_pixels
from backprop.network import Network
from backprop.training.fast_loop import Loop
from backprop.training.minibatches import Batches
from backprop.training.samples import Samples

OnBatch = Callable[[int], None]

# Whether all is still finite is looked at after so many gathered lots of minibatches, and found out
# step by step where it is not: a look at every step would take some 7% of the time.
LOTS = 20
MOST_KEPT = 2**25  # parameters that are kept for that; of more, only the lots are known


class DivergedError(RuntimeError):
    """Parameters that are no longer finite. The network is as it was before the step.

    Attributes
    ----------
    first, last
        The minibatch that did it, counted from 1; of a large network, those among which it is.
    x, y
        Its inputs, as they were given to the network, and its targets.
    """

    def __init__(self, first: int, last: int, x: Array, y: Array) -> None:
        super().__init__(f"parameters are not finite after minibatch {last}")
        self.first, self.last, self.x, self.y = first, last, x, y


def descend(
    net: Network,
    samples: Samples,
    order: Array,
    *,
    batch_size: int,
    learning_rate: float,
    on_batch: OnBatch | None = None,
) -> None:
    """One epoch: for each minibatch, forward, backward, and a step, by the `fast_loop`.

    Raises
    ------
    DivergedError
        Where a parameter is no longer finite.
    """
    targets = validation.targets(net, samples.y, len(samples))
    batches = Batches(samples.x, targets, batch=batch_size)
    with quiet(), blas_threads.suited(net, batch_size), Loop(net, peak=samples.peak) as loop:
        kept = loop.parameters.copy() if loop.parameters.size <= MOST_KEPT else None
        for first in range(0, len(order), LOTS * batches.ahead):
            rows = order[first : first + LOTS * batches.ahead]
            for x, y in batches.of(rows):
                loop.step(x, y, learning_rate)
                if on_batch is not None:
                    on_batch(len(x))
            if not np.isfinite(loop.parameters).all():
                before = first // batch_size
                if kept is not None:
                    again = batches.of(rows)
                    _find(loop, kept, samples, again, before=before, learning_rate=learning_rate)
                last = before - (-len(rows) // batch_size)
                raise DivergedError(before + 1, last, _inputs(loop, samples, x), y)
            if kept is not None:
                kept[:] = loop.parameters


def _find(
    loop: Loop,
    kept: Array,
    samples: Samples,
    batches: Iterable[tuple[Array, Array]],
    *,
    before: int,
    learning_rate: float,
) -> None:
    """Go the same steps once more, from what was kept, and stop at the one that is not finite."""
    reached = loop.parameters.copy()
    loop.parameters[:] = kept
    for number, (x, y) in enumerate(batches, start=before + 1):
        loop.step(x, y, learning_rate)
        if not np.isfinite(loop.parameters).all():
            loop.parameters[:] = kept
            raise DivergedError(number, number, _inputs(loop, samples, x), y.copy())
        kept[:] = loop.parameters
    loop.parameters[:] = reached  # someone else has changed them between the steps


def _inputs(loop: Loop, samples: Samples, x: Array) -> Array:
    """A minibatch as the network is given it."""
    return x.copy() if samples.peak is None else scale_pixels(x, samples.peak, loop.net.dtype)


def quiet() -> np.errstate:
    """Whatever NumPy is set to raise: divergence is looked for afterwards, and nothing else is."""
    return np.errstate(over="ignore", under="ignore", invalid="ignore")
