"""The short rerun: perturbing a parameter turns only the gears after it.

A weight of layer l moves one column of the pre-activation z_l, whose other columns, and everything
before them, stay as they are. So the rerun starts from the checkpoint z_l, for many perturbed
copies at once, and carries only the moved unit's change into layer l + 1, from where all units
move. It runs the same forward code as the plain rerun and no derivative; the engine still holds a
sample of it against the plain one in every check, and all of it against real differences.

**Tiny imaginary steps** leave the real part of every number as it is, in all copies alike, and turn
up in proportion: f(z + i t v) has the imaginary part t v r, where r is f's answer to a step of 1.
So only the imaginary part is rerun, in units of the step. What each activation and the cost answer
is had by running them in complex numbers, once for a layer and once for an output. Each parameter's
imaginary part is then carried through the layers by itself, weights times numbers as in the forward
pass: to add up over parameters before the cost would be backpropagation, with its mistakes.

That takes an activation of single units, and a cost of single samples. Those that do not answer to
a random step as to the steps of single entries are run in full, for every copy.
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from functools import cached_property

import numpy as np

from backprop import passes
from backprop.activations import ACTIVATIONS
from backprop.network import Network
from checks.oracles import rounding, thresholds
from checks.oracles.lines import random_signed_weights
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

    @cached_property
    def answers(self) -> list[Array | None]:
        """What each a_l but the last answers to a tiny imaginary step in z_l, (batch, n).

        None where its units do not answer each for itself, or it takes no complex numbers.
        """
        found = []
        for z, name in zip(self.z[:-1], self.net.activations, strict=False):
            function = ACTIVATIONS[name].function
            answer = None
            with suppress(TypeError):
                answer = _answer(function, z)
            found.append(answer)
        return found

    @cached_property
    def cost_answers(self) -> Array | None:
        """What the cost answers to a tiny imaginary step in zL, (batch, n_out).

        Each sample is a batch of its own, asked once for each output. None where the batch's cost
        is not the mean of theirs.
        """
        z, found, last = self.z[-1], np.empty_like(self.z[-1]), len(self.z) - 1
        h, v = _tiny(z), random_signed_weights(np.random.default_rng(0), z.shape)
        for k in range(z.shape[1]):
            moved = z + 1j * (h * (np.arange(z.shape[1]) == k))
            costs = passes.resume(self.net, last, moved[:, None], self.y[:, None])
            found[:, k] = np.imag(costs) / h[:, k] / len(z)
        t = float(h.min())
        together = np.imag(passes.resume(self.net, last, z + 1j * (t * v), self.y)) / t
        off = np.abs(together - np.sum(found * v))
        return found if off <= thresholds.BLUNT * np.sum(np.abs(found)) else None

    def __call__(self, tensor: int, indices: Array, steps: Array) -> Array:
        """The cost of each copy."""
        layer, is_bias = divmod(tensor, 2)
        unit_in, unit = np.divmod(indices, self.net.shape[layer + 1])
        answers = self._answers(tensor, indices, steps)
        widest = max(self.net.shape[layer + 2 :], default=self.net.shape[-1]) * len(self.y)
        block = max(1, BLOCK // widest)
        costs = np.empty(len(indices), np.result_type(steps, np.float64))
        for start in range(0, len(indices), block):
            executors.stop_if_cancelled()
            rows = slice(start, start + block)
            moved = steps[rows] if answers is None else np.ones(1)
            if not is_bias:
                moved = moved * np.take(self.activations[layer], unit_in[rows], axis=1)
            if answers is None:
                costs[rows] = self._from(layer, unit[rows], moved)
            else:
                costs.imag[rows] = self._carry(layer, unit[rows], moved, answers)
        if answers is not None:
            costs.imag *= steps.imag
            costs.real = passes.resume(self.net, len(self.z) - 1, self.z[-1], self.y)
        return costs

    def _answers(self, tensor: int, indices: Array, steps: Array) -> list[Array] | None:
        """All answers from the tensor's layer on, where they are all that tiny steps need."""
        if not np.iscomplexobj(steps) or np.any(steps.real):
            return None
        layer, is_bias = divmod(tensor, 2)
        values = self.net.biases[layer] if is_bias else self.net.weights[layer]
        if np.any(np.abs(steps.imag) > 2 * _tiny(values).reshape(-1)[indices]):
            return None
        found = [*self.answers[layer:], self.cost_answers]
        known = [answer for answer in found if answer is not None]
        return known if len(known) == len(found) else None

    def _carry(self, layer: int, unit: Array, v: Array, answers: list[Array]) -> Array:
        """The cost's imaginary part in each copy, when that of z of `unit` is v, (batch, m)."""
        v = v * np.take(answers[0], unit, axis=1)
        if len(answers) == 1:
            return np.asarray(np.sum(v, axis=0))
        W = np.take(self.net.weights[layer + 1], unit, axis=0).T
        v = v[:, None] * np.ascontiguousarray(W)  # (batch, n, m), in memory as in `_from`
        for answer, W in zip(answers[1:-1], self.net.weights[layer + 2 :], strict=True):
            v *= answer[:, :, None]
            v = W.T @ v
        return np.asarray(answers[-1].reshape(-1) @ v.reshape(-1, len(unit)))

    def _from(self, layer: int, unit: Array, moved: Array) -> Array:
        """The costs when z of `unit`, (m,), moves by `moved`, (batch, m) or (m,), in each copy.

        The copies come last here, also in memory: operations run along them, not along a few units.
        """
        z = np.take(self.z[layer], unit, axis=1) + moved
        if layer + 1 == len(self.z) or self.answers[layer] is None:
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


def _answer(function: Callable[[Array], Array], z: Array) -> Array | None:
    """What each unit answers to a tiny imaginary step in its own z, if that is all it answers."""
    h, v = _tiny(z), random_signed_weights(np.random.default_rng(0), z.shape)
    answer = np.imag(function(z + 1j * h)) / h
    off = np.abs(np.imag(function(z + 1j * (h * v))) / h - answer * v)
    rounded = thresholds.SAFETY * np.finfo(np.float64).eps * np.max(np.abs(answer))
    return answer if np.all(off <= rounded) else None


def _tiny(values: Array) -> Array:
    """The complex step for each number: a power of two, so that dividing by it is exact."""
    return np.asarray(
        np.exp2(np.round(np.log2(rounding.step_scale(values) * thresholds.COMPLEX_STEP)))
    )
