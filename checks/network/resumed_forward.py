"""The short rerun: perturbing a parameter turns only the gears after it.

A weight of layer l moves one column of the pre-activation z_l, whose other columns, and everything
before them, stay as they are. So the rerun starts from the checkpoint z_l, for many perturbed
copies at once, and carries only the moved unit's change into layer l + 1, from where all units
move. It runs the same forward code as the plain rerun and no derivative; the engine still holds a
sample of it against the plain one in every check.
"""

from __future__ import annotations

from functools import cached_property

import numpy as np

from backprop import passes
from backprop.activations import ACTIVATIONS
from backprop.network import Network
from checks.parallel import executors
from checks.problem.nested import Array

# Copies are run in blocks of about this many numbers of the widest layer: few enough for a shared
# cache, and enough for threads not to wait for one another at every operation.
BLOCK = 2**17


class ShortRerun:
    """Costs of perturbed copies of a network, from checkpoints taken at its own parameters.

    Calling it with a tensor's position in [W1, b1, …], flat indices (m,) and steps (m,), real or
    imaginary, gives costs (m,).
    """

    def __init__(self, net: Network, x: Array, y: Array) -> None:
        self._given = net, x, y

    @cached_property
    def net(self) -> Network:
        """The network in double precision."""
        return self._given[0].astype(np.float64)

    @cached_property
    def y(self) -> Array:
        """The targets."""
        return self._given[2].astype(np.float64)

    @cached_property
    def activations(self) -> list[Array]:
        """[x, a1, …, aL] at the unperturbed parameters."""
        return passes.forward(self.net, self._given[1].astype(np.float64))

    @cached_property
    def z(self) -> list[Array]:
        """[z1, …, zL], the checkpoints."""
        layers = zip(self.activations, self.net.weights, self.net.biases, strict=False)
        return [a @ W + b for a, W, b in layers]

    def __call__(self, tensor: int, indices: Array, steps: Array) -> Array:
        """The cost of each copy."""
        layer, is_bias = divmod(tensor, 2)
        unit_in, unit = np.divmod(indices, self.net.shape[layer + 1])
        widest = max(self.net.shape[layer + 1 :]) * len(self.y)
        block = max(1, BLOCK // widest)
        costs = np.empty(len(indices), np.result_type(steps, np.float64))
        for start in range(0, len(indices), block):
            executors.heed()
            rows = slice(start, start + block)
            moved = steps[rows]
            if not is_bias:
                moved = moved * np.take(self.activations[layer], unit_in[rows], axis=1)
            costs[rows] = self._from(layer, unit[rows], moved)
        return costs

    def _from(self, layer: int, unit: Array, moved: Array) -> Array:
        """The costs when z of `unit`, (m,), moves by `moved`, (batch, m) or (m,), in each copy.

        The copies come last here, also in memory: operations run along them, not along a few units.
        """
        z = np.take(self.z[layer], unit, axis=1) + moved
        if layer + 1 == len(self.z):
            following = np.repeat(self.z[layer][:, :, None].astype(z.dtype), len(unit), axis=2)
            following[:, unit, np.arange(len(unit))] = z
        else:
            a = ACTIVATIONS[self.net.activations[layer]].function(z)
            a = a - np.take(self.activations[layer + 1], unit, axis=1)  # it may be kept elsewhere
            layer += 1
            W = np.take(self.net.weights[layer], unit, axis=0).T
            following = a[:, None] * np.ascontiguousarray(W, z.dtype)
            following += self.z[layer][:, :, None].astype(z.dtype)
        return np.asarray(passes.resume(self.net, layer, following.transpose(2, 0, 1), self.y))
