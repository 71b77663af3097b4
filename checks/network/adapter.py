"""The adapter: a network seen as a problem. The only room that hands one side to the other."""

from __future__ import annotations

from collections.abc import Iterable
from contextlib import AbstractContextManager
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from backprop import blas_threads, passes, validation
from backprop.network import Network
from checks.diagnosis.network_variants import wrong_gradient_variants
from checks.network.resumed_forward import ShortRerun
from checks.oracles import rounding
from checks.problem.nested import Array
from checks.problem.problem import Arrays, Hypothesis, Problem
from checks.verdict.conduct import same_bits

# Up to this many parameters, `gradients` is asked of a network whose accumulators are full, from
# which it has to keep apart.
FILLED = 2**20


def network_problem(net: Network, x: Array, y: Array, *, repeat: str = "") -> Problem:
    """A problem whose tensors are W1, b1, …, WL, bL, at the network's own parameters.

    Parameters
    ----------
    net, x, y
        As for `backprop.gradients`.
    repeat
        The command that repeats the check.
    """
    x = validation.inputs(net, x).copy()
    y = validation.targets(net, y, len(x)).copy()
    values = tuple(v.copy() for v in net.parameters.values())
    judged = _Judged(net=net.with_parameters(values), x=x, y=y)
    return Problem(
        names=judged.names,
        values=values,
        cost=judged.cost,
        gradient=judged.gradient,
        jittered=judged.jittered,
        rerun=ShortRerun(judged.net, x, y),
        inputs={"x": x, "y": y},
        hypotheses=judged.hypotheses,
        within=judged.within,
        context={"the batch size": float(len(x))},
        repeat=repeat,
    )


@dataclass(frozen=True, kw_only=True)
class _Judged:
    """A network with a batch: methods rather than closures, so that it can be sent elsewhere."""

    net: Network
    x: Array
    y: Array

    @property
    def names(self) -> tuple[str, ...]:
        return tuple(self.net.parameters)

    def cost(self, values: Arrays) -> Any:
        return passes.cost(self.net.with_parameters(values), self.x, self.y)

    def gradient(self, values: Arrays) -> dict[str, Array]:
        net = self.net.with_parameters(values)
        if sum(v.size for v in values) <= FILLED:
            net.dW, net.db = ([np.ones_like(v) for v in vs] for vs in (net.weights, net.biases))
            net.samples = 1
        return self._named(passes.gradients(net, self.x, self.y))

    def jittered(self, rng: np.random.Generator) -> dict[str, Array]:
        own = self.net.parameters.values()
        moved = self.net.with_parameters(rounding.jitter(v, rng) for v in own)
        activations = passes.forward(moved, self.x)
        activations = [rounding.jitter(a, rng) for a in activations]
        return self._named(passes.gradients_at(moved, activations, self.y))

    def hypotheses(self) -> Iterable[Hypothesis]:
        activations = passes.forward(self.net, self.x)
        return wrong_gradient_variants(
            activations,
            self.net.weights,
            self.net.biases,
            names=self.net.activations,
            cost=self.net.cost,
            y=self.y,
        )

    def within(self) -> AbstractContextManager[Any]:
        return blas_threads.suited(self.net, len(self.x))

    def _named(self, pairs: Iterable[tuple[Array, Array]]) -> dict[str, Array]:
        return dict(zip(self.names, (g for pair in pairs for g in pair), strict=True))


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
