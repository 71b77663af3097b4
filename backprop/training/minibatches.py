"""Minibatches: samples gathered in an epoch's order, in buffers that are made once."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from backprop.activations import Array

# As many minibatches are gathered at a time as have about this many samples: a few large copies
# take less than many small ones.
AHEAD = 400


class Batches:
    """Minibatches gathered from samples, as they came, in buffers that are made once."""

    def __init__(self, x: Array, y: Array, *, batch: int) -> None:
        self.x, self.y, self.batch = x, y, batch
        self.ahead = batch * max(1, AHEAD // batch)
        most = min(len(x), self.ahead)
        self.inputs = np.empty((most, x.shape[1]), x.dtype)
        self.targets = np.empty((most, y.shape[1]), y.dtype)
        starts = range(0, most, batch)
        self.parts = [(self.inputs[i : i + batch], self.targets[i : i + batch]) for i in starts]

    def of(self, order: Array) -> Iterator[tuple[Array, Array]]:
        """Inputs and targets of the samples in that order; later pairs overwrite earlier ones."""
        for first in range(0, len(order), self.ahead):
            rows = order[first : first + self.ahead]
            count, rest = len(rows), len(rows) % self.batch
            np.take(self.x, rows, 0, self.inputs[:count], "clip")
            np.take(self.y, rows, 0, self.targets[:count], "clip")
            yield from self.parts[: count // self.batch]
            if rest:
                yield self.inputs[count - rest : count], self.targets[count - rest : count]
