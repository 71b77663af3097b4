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
    Page,
    Slope,
    turn,
    with_error,
)
from checks.problem.nested import Array
from checks.problem.problem import Hypothesis

# Beyond this many parameters a pass for every known bug would take longer than the check.
LARGEST = 5_000_000

At = Callable[[int], Array]


def hypotheses(
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
    page = reference_backward.page(activations, weights, biases, names=names, cost=cost, y=y)
    families = (_slopes, _cost, _targets, routing_variants.carries, routing_variants.sources,
                routing_variants.biases, routing_variants.samples)  # fmt: skip
    with np.errstate(all="ignore"):  # a wrong formula may well overflow
        for family in families:
            yield from family(page)


def _slopes(page: Page) -> Iterator[Hypothesis]:
    """Derivatives missing, doubled, taken at the wrong place, or another activation's."""
    places = list(_places(page))
    for tensor, layers in places:
        for code, at in (("missing", _ones(page)), ("doubled", _twice(page))):
            yield f"{code}-derivative", tensor, _with_slope(page, layers, at)
    for tensor, layers in places:
        for at in (partial(_misplaced, page, 0), partial(_misplaced, page, 1),
                   partial(_elsewhere, page, 1), partial(_elsewhere, page, -1)):  # fmt: skip
            yield "derivative-misplaced", tensor, _with_slope(page, layers, at)
        for step in (1, -1):
            at = partial(_neighbours, page, step)
            yield "wrong-derivative", tensor, _with_slope(page, layers, at)
    for tensor, layers in places:
        for formula in (*SLOPES.values(), *SLIPS):
            at = partial(_formula, page, formula)
            yield "wrong-derivative", tensor, _with_slope(page, layers, at)


def _places(page: Page) -> Iterator[tuple[str | None, frozenset[int]]]:
    """Where slopes may be wrong: everywhere, in all hidden layers, by activation, in one layer."""
    everywhere = frozenset(range(1, page.last + 1))
    names = dict.fromkeys(page.names[1:])
    alike = [frozenset(l for l in everywhere if page.names[l] == name) for name in names]
    sets = [everywhere, *alike]
    sets += [layers - {page.last} for layers in sets] + [frozenset({l}) for l in everywhere]
    for layers in dict.fromkeys(each for each in sets if each):
        yield (f"W{max(layers)}" if layers != everywhere else None), layers


def _with_slope(page: Page, layers: frozenset[int], at: At) -> dict[str, Array]:
    def slope(page: Page, l: int) -> Array:
        return at(l) if l in layers else reference_backward.slope(page, l)

    return turn(page, replace(reference_backward.RIGHT, slope=slope))


def _ones(page: Page) -> At:
    return lambda l: np.ones_like(page.a[l])


def _twice(page: Page) -> At:
    return lambda l: reference_backward.slope(page, l) * reference_backward.own_slope(page, l)


def _formula(page: Page, formula: Slope, l: int) -> Array:
    return formula(page.z[l], page.a[l])


def _misplaced(page: Page, which: int, l: int) -> Array:
    formulas = MISPLACED.get(page.names[l])
    return formulas[which](page.z[l], page.a[l]) if formulas else reference_backward.slope(page, l)


def _elsewhere(page: Page, step: int, l: int) -> Array:
    """The right formula given the activations of the layer after, or before."""
    there = page.a[min(max(l + step, 0), page.last)]
    if there.shape != page.a[l].shape or page.names[l] not in SLOPES:
        return reference_backward.slope(page, l)
    return SLOPES[page.names[l]](there, there)


def _neighbours(page: Page, step: int, l: int) -> Array:
    """The formula of the layer after, or before, given the right activations."""
    name = page.names[min(max(l + step, 1), page.last)]
    return SLOPES.get(name, reference_backward.one)(page.z[l], page.a[l])


def _cost(page: Page) -> Iterator[Hypothesis]:
    a, y, e = page.a[-1], page.y, reference_backward.error(page)
    steep = np.where(a * (1 - a) > 0, a * (1 - a), 1.0)
    errors = (a, -y, np.sign(e), e**2, e**2 / 2, e**3, a + y, np.abs(e), e / steep, a - y,
              e * steep, -y / np.where(a != 0, a, 1.0), np.ones_like(a))  # fmt: skip
    for wrong in errors:
        yield "cost-derivative", f"W{page.last}", turn(page, with_error(wrong))


def _targets(page: Page) -> Iterator[Hypothesis]:
    y = page.y
    moved = [np.roll(y, step, axis=axis) for axis in (0, 1) for step in (1, -1)]
    for wrong in (*moved, y[::-1], y[:, ::-1], 1 - y):
        yield "wrong-targets", None, turn(replace(page, y=wrong))
