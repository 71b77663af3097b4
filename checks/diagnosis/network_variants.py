"""Hypotheses: the gradients that known bugs would give in a network, for the diagnosis to compare.

Each known bug swaps one piece of the textbook's backward pass (`reference_backward`); `hypotheses`
turns the pass once for each, the commonest first, and hands out the result. Here are the pieces
that are wrong in themselves: slopes, the cost's derivative, targets; `routing_variants` has those
that are right and used at the wrong place.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from functools import partial

import numpy as np

from checks.diagnosis import reference_backward, routing_variants
from checks.diagnosis.reference_backward import (
    COSTS,
    MISPLACED,
    SLIPS,
    SLOPES,
    ForwardState,
    Slope,
    backward_with,
    with_error,
)
from checks.problem.nested import Array
from checks.problem.problem import Hypothesis

# Beyond this many parameters a pass for every known bug would take longer than the check.
LARGEST = 5_000_000

At = Callable[[int], Array]


def wrong_gradient_variants(
    activations: Sequence[Array],
    weights: Sequence[Array],
    biases: Sequence[Array],
    *,
    names: Sequence[str],
    cost: str,
    y: Array,
) -> Iterator[Hypothesis]:
    """Known bugs' gradients of the mean cost: (code, tensor or None, gradient by name).

    There are none for an activation or a cost that the textbook does not know.

    Parameters
    ----------
    activations
        [x, a1, …, aL] of the correct forward pass, each (batch, n).
    weights, biases
        One array a layer, (n_in, n_out) and (n_out,), counted from the input.
    names, cost
        Each layer's activation and the cost, by name.
    y
        Targets, (batch, n_out).
    """
    known = cost in COSTS and all(name in SLOPES or name == "softmax" for name in names)
    if not known or sum(W.size for W in weights) > LARGEST:
        return
    state = reference_backward.forward_state(
        activations, weights, biases, names=names, cost=cost, y=y
    )
    routed = (
        routing_variants.wrong_weight_variants,
        routing_variants.wrong_activation_variants,
        routing_variants.biases,
        routing_variants.samples,
    )
    families = (_slopes, _cost, _targets, *routed)
    with np.errstate(all="ignore"):  # a wrong formula may well overflow
        for family in families:
            yield from family(state)


def _slopes(state: ForwardState) -> Iterator[Hypothesis]:
    """Derivatives missing, doubled, taken at the wrong place, or another activation's."""
    places = list(_places(state))
    for tensor, layers in places:
        for code, at in (("missing", _ones(state)), ("doubled", _twice(state))):
            yield f"{code}-derivative", tensor, _with_slope(state, layers, at)
    for tensor, layers in places:
        for at in (partial(_misplaced, state, 0), partial(_misplaced, state, 1),
                   partial(_elsewhere, state, 1), partial(_elsewhere, state, -1)):  # fmt: skip
            yield "derivative-misplaced", tensor, _with_slope(state, layers, at)
        for step in (1, -1):
            at = partial(_neighbours, state, step)
            yield "wrong-derivative", tensor, _with_slope(state, layers, at)
    for tensor, layers in places:
        for formula in (*SLOPES.values(), *SLIPS):
            at = partial(_formula, state, formula)
            yield "wrong-derivative", tensor, _with_slope(state, layers, at)


def _places(state: ForwardState) -> Iterator[tuple[str | None, frozenset[int]]]:
    """Where slopes may be wrong: everywhere, in all hidden layers, by activation, in one layer."""
    everywhere = frozenset(range(1, state.last + 1))
    names = dict.fromkeys(state.names[1:])
    alike = [frozenset(l for l in everywhere if state.names[l] == name) for name in names]
    sets = [everywhere, *alike]
    sets += [layers - {state.last} for layers in sets] + [frozenset({l}) for l in everywhere]
    for layers in dict.fromkeys(each for each in sets if each):
        yield (f"W{max(layers)}" if layers != everywhere else None), layers


def _with_slope(state: ForwardState, layers: frozenset[int], at: At) -> dict[str, Array]:
    def slope(state: ForwardState, l: int) -> Array:
        return at(l) if l in layers else reference_backward.slope(state, l)

    return backward_with(state, replace(reference_backward.RIGHT, slope=slope))


def _ones(state: ForwardState) -> At:
    return lambda l: np.ones_like(state.a[l])


def _twice(state: ForwardState) -> At:
    return lambda l: reference_backward.slope(state, l) * reference_backward.own_slope(state, l)


def _formula(state: ForwardState, formula: Slope, l: int) -> Array:
    return formula(state.z[l], state.a[l])


def _misplaced(state: ForwardState, which: int, l: int) -> Array:
    formulas = MISPLACED.get(state.names[l])
    return (
        formulas[which](state.z[l], state.a[l]) if formulas else reference_backward.slope(state, l)
    )


def _elsewhere(state: ForwardState, step: int, l: int) -> Array:
    """The right formula given the activations of the layer after, or before."""
    there = state.a[min(max(l + step, 0), state.last)]
    if there.shape != state.a[l].shape or state.names[l] not in SLOPES:
        return reference_backward.slope(state, l)
    return SLOPES[state.names[l]](there, there)


def _neighbours(state: ForwardState, step: int, l: int) -> Array:
    """The formula of the layer after, or before, given the right activations."""
    name = state.names[min(max(l + step, 1), state.last)]
    return SLOPES.get(name, reference_backward.one)(state.z[l], state.a[l])


def _cost(state: ForwardState) -> Iterator[Hypothesis]:
    a, y, e = state.a[-1], state.y, reference_backward.error(state)
    steep = np.where(a * (1 - a) > 0, a * (1 - a), 1.0)
    errors = (a, -y, np.sign(e), e**2, e**2 / 2, e**3, a + y, np.abs(e), e / steep, a - y,
              e * steep, -y / np.where(a != 0, a, 1.0), np.ones_like(a))  # fmt: skip
    for wrong in errors:
        yield "cost-derivative", f"W{state.last}", backward_with(state, with_error(wrong))


def _targets(state: ForwardState) -> Iterator[Hypothesis]:
    y = state.y
    moved = [np.roll(y, step, axis=axis) for axis in (0, 1) for step in (1, -1)]
    for wrong in (*moved, y[::-1], y[:, ::-1], 1 - y):
        yield "wrong-targets", None, backward_with(replace(state, y=wrong))
