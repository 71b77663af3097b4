"""Whether a network learns, and if not, what keeps it: looked at on some samples.

`look` takes down what there is to see, before training and after its first epoch; `complaint` says
what is wrong, from the numbers of both, and what to try.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from backprop import passes
from backprop.activations import ACTIVATIONS, Array
from backprop.costs import COSTS
from backprop.learning.rates import suitable_rate
from backprop.network import Network

LOOKED_AT = 500  # samples
ENOUGH = 0.8  # of them right after an epoch: nothing is said. One at 85% in three has it mostly
_SLOWLY = 0.5
_NO_SLOPE = 1e-3  # of an activation's largest: a unit with less for every sample cannot move
_FLAT = 0.02  # of the largest: so little of a difference comes through
_MANY = 0.5  # of a layer's units, or of their answers
_FEW_STEPS = 500  # minibatches in an epoch


@dataclass(frozen=True, kw_only=True)
class Health:
    """What is to be seen of a network on some samples.

    Attributes
    ----------
    cost, cost_after_step
        As it is, and after one step along minus the mean gradient of these samples.
    dead
        By layer: how many units have no slope for any sample.
    flat
        By layer: the share of all answers at which the activation is as good as flat.
    """

    cost: float
    cost_after_step: float
    dead: tuple[int, ...]
    flat: tuple[float, ...]


def look(net: Network, x: Array, y: Array, *, learning_rate: float) -> Health:
    """Look at a network on samples, (n, n_in) with targets or labels; nothing is changed."""
    with np.errstate(over="ignore", under="ignore", invalid="ignore"):
        a = passes.forward(net, x)
        slopes = [_slopes(name, each) for name, each in zip(net.activations, a[1:], strict=True)]
        if COSTS[net.cost].output is not None:  # its delta does without the output's slope
            slopes[-1] = np.ones_like(a[-1])
        steps = (g for pair in passes.gradients_at(net, a, y) for g in pair)
        pairs = zip(net.parameters.values(), steps, strict=True)
        moved = net.with_parameters([p - np.asarray(learning_rate * g, p.dtype) for p, g in pairs])
        return Health(
            cost=float(passes.cost(net, x, y)),
            cost_after_step=float(passes.cost(moved, x, y)),
            dead=tuple(int((s < _NO_SLOPE).all(axis=0).sum()) for s in slopes),
            flat=tuple(float((s < _FLAT).mean()) for s in slopes),
        )


def complaint(
    net: Network,
    before: Health,
    after: Health,
    *,
    accuracy: float | None,
    learning_rate: float,
    steps: int,
) -> str | None:
    """Why a network does not learn and what to try; None where it does.

    Parameters
    ----------
    before, after
        How it looked before the first epoch and after it.
    accuracy
        The share of test samples that it gets right; None where it has no classes.
    learning_rate, steps
        What an epoch consists of.
    """
    if _learns(before, after, accuracy):
        return None
    done = (
        f"{accuracy:.0%} right"
        if accuracy is not None
        else f"cost {before.cost:.3g} to {after.cost:.3g}"
    )
    why = next(_causes(net, before, after, rate=learning_rate, steps=steps))
    how = "learns slowly" if accuracy is not None and accuracy > _SLOWLY else "hardly learns"
    return f"it {how} ({done} after this epoch): {why}"


def _learns(before: Health, after: Health, accuracy: float | None) -> bool:
    if accuracy is not None:
        return accuracy >= ENOUGH
    return after.cost <= ENOUGH * before.cost


def _causes(
    net: Network, before: Health, after: Health, *, rate: float, steps: int
) -> Iterator[str]:
    """What the numbers show, most telling first; the last is there in any case."""
    suits = suitable_rate(net)
    less = f"--learning-rate {suits if suits < rate else float(f'{rate / 10:.1g}'):g}"
    last = len(net.weights) - 1
    for layer, (name, units) in enumerate(zip(net.activations, net.shape[1:], strict=True)):
        dead, were = after.dead[layer], before.dead[layer]
        where = "output units" if layer == last else f"units of layer {layer + 1}"
        of = f"{dead} of {units} {where} are dead, flat for every sample looked at ({were} before)"
        if dead <= _MANY * units and not (dead and layer == last):
            continue
        if dead > were and rate > suits:
            yield f"{of}: the learning rate is too high; try {less}"
        else:
            other = _other_output(net) if layer == last else "--activation tanh"
            yield f"{of}, and {name} gives them no slope to learn by; try {other}"
    if not after.cost_after_step <= after.cost:
        yield (
            f"the learning rate is too high, one step along the mean gradient takes the cost from"
            f" {after.cost:.3g} to {after.cost_after_step:.3g}; try {less}"
        )
    for layer, (were_flat, flat) in enumerate(zip(before.flat, after.flat, strict=True)):
        if flat > _MANY and net.activations[layer] in ("sigmoid", "tanh"):
            remedy = "scale the inputs to 0 to 1" if were_flat > _MANY else f"try {less}"
            yield (
                f"layer {layer + 1} is saturated, {flat:.0%} of its answers at the flat ends of"
                f" {net.activations[layer]} ({were_flat:.0%} before); {remedy}"
            )
    if rate < suits / 3:
        yield f"the learning rate is low; try --learning-rate {suits:g}"
    few = f"{steps:,} minibatches are few; " if steps < _FEW_STEPS else ""
    other = f", or {_other_output(net)}" if net.cost == "quadratic" else ""
    yield f"{few}try more --epochs{other}"


def _other_output(net: Network) -> str:
    """What to have at the output instead."""
    return "--cost softmax-cross-entropy" if net.shape[-1] > 1 else "--cost cross-entropy"


def _slopes(name: str, a: Array) -> Array:
    """The activation's slopes as shares of its largest."""
    f = ACTIVATIONS[name]
    if f.coupled:
        return np.ones_like(a)
    share: Array = np.abs(np.asarray(f.slope(a), float)) / (0.25 if name == "sigmoid" else 1.0)
    return share
