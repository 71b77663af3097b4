"""Misroutings: hypotheses in which right numbers are used at the wrong place.

`carries` sends delta through the wrong weights, `sources` multiplies it by the wrong activations,
`biases` sums it wrongly, `samples` loses, repeats or mixes up samples.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace

import numpy as np

from checks.diagnosis import reference_backward
from checks.diagnosis.reference_backward import (
    RIGHT,
    ForwardState,
    Pieces,
    backward_with,
    with_error,
)
from checks.problem.nested import Array
from checks.problem.problem import Hypothesis

# Beyond this many samples only the first and the last are tried as the ones left out.
SAMPLES = 64

At = Callable[[int], Array]


def wrong_weight_variants(state: ForwardState) -> Iterator[Hypothesis]:
    """delta carried back by other weights: not transposed, a neighbour's, updated, or none."""
    inner = range(2, state.last + 1)
    others: tuple[At, ...] = (
        lambda l: state.W[l],
        lambda l: state.W[l].reshape(state.W[l].T.shape),
        lambda l: np.eye(*state.W[l].T.shape),
        lambda l: state.W[min(l + 1, state.last)].T,
        lambda l: state.W[l - 1].T,
        lambda l: np.abs(state.W[l].T),
    )
    for layers in dict.fromkeys([tuple(inner), *((l,) for l in inner)] if inner else []):
        for weights in others:
            pieces = _with_weights(layers, weights)
            yield "wrong-weights", f"W{max(layers) - 1}", backward_with(state, pieces)
    for rate in (5.0, 1.0, 0.5, 0.1, 0.01, 0.001) if inner else ():
        for samples in (1, len(state.y)):
            yield (
                "wrong-weights",
                f"W{state.last - 1}",
                backward_with(state, _updated(rate / samples)),
            )


def _with_weights(layers: tuple[int, ...], weights: At) -> Pieces:
    """Other weights in some layers, wherever their shape fits."""

    def carry(state: ForwardState, l: int, delta: Array) -> Array:
        usual = state.W[l].T
        other = weights(l) if l in layers else usual
        return delta @ (other if other.shape == usual.shape else usual)

    return replace(RIGHT, carry=carry)


def _updated(rate: float) -> Pieces:
    """Weights that the step has already moved."""

    def carry(state: ForwardState, l: int, delta: Array) -> Array:
        return np.asarray(delta @ (state.W[l] - rate * (state.a[l - 1].T @ delta)).T)

    return replace(RIGHT, carry=carry)


def wrong_activation_variants(state: ForwardState) -> Iterator[Hypothesis]:
    """Weights' gradients from other activations, overwritten ones, or another layer's delta."""
    others: tuple[At, ...] = (
        lambda l: state.a[l],
        lambda l: state.z[l - 1],
        lambda l: state.a[max(l - 2, 0)],
        lambda l: np.ones_like(state.a[l - 1]),
        lambda l: state.a[l - 1] > 0,
        lambda l: state.a[l - 1] - state.a[l - 1].mean(axis=0),
        lambda l: _standardised(state.a[l - 1]),
        lambda l: _standardised(state.a[l - 1]) if l == 1 else state.a[l - 1],
    )
    for other in others:
        yield "wrong-activation", None, backward_with(state, _with_source(other))
    if state.last > 1:
        spoilt = [
            state.a[0],
            *(reference_backward.slope(state, l) for l in range(1, state.last)),
            state.a[-1],
        ]
        before, after = (
            backward_with(replace(state, a=spoilt)),
            backward_with(state, _with_source(_before(spoilt))),
        )
        yield "overwritten-activation", f"W{state.last}", after
        yield "overwritten-activation", f"W{state.last}", before
    if len({a.shape for a in state.a}) == 1:
        yield "wrong-delta", None, backward_with(state, late=True)


def _before(a: list[Array]) -> At:
    return lambda l: a[l - 1]


def _with_source(other: At) -> Pieces:
    def source(state: ForwardState, l: int) -> Array:
        found = other(l)
        return found if found.shape == state.a[l - 1].shape else state.a[l - 1]

    return replace(RIGHT, source=source)


def _standardised(a: Array) -> Array:
    spread = a.std(axis=0)
    return np.asarray((a - a.mean(axis=0)) / np.where(spread > 0, spread, 1))


def biases(state: ForwardState) -> Iterator[Hypothesis]:
    """Biases' gradients that are not the sum of delta over the batch."""
    reductions: tuple[Callable[[Array], Array], ...] = (
        lambda delta: delta.mean(axis=0),
        lambda delta: delta[0],
        lambda delta: delta[-1],
        lambda delta: np.full(delta.shape[1], delta.sum()),
        lambda delta: np.resize(delta.sum(axis=1), delta.shape[1]),
        lambda delta: np.abs(delta).sum(axis=0),
        lambda delta: delta.max(axis=0),
    )
    for bias in reductions:
        yield "bias-not-summed", None, backward_with(state, replace(RIGHT, bias=bias))


def samples(state: ForwardState) -> Iterator[Hypothesis]:
    """Samples left out, counted alone or twice; one's delta for all; activations of others."""
    batch = len(state.y)
    if batch < 2:
        return
    for weights in _weights(batch):
        yield "wrong-samples", None, backward_with(state, _weighted(weights[:, None]))
    error, steep = reference_backward.error(state), reference_backward.slope(state, state.last)
    for row in (0, -1):
        yield "wrong-samples", None, _alone(state, row)
        same = np.broadcast_to(error[row], error.shape)
        yield "wrong-samples", None, backward_with(state, with_error(same))
        yield "wrong-samples", None, backward_with(state, _with_delta(same * steep[row]))
        yield "wrong-samples", None, backward_with(state, _rearranged(np.full(batch, row)))
    for order in (np.roll(np.arange(batch), 1), np.arange(batch)[::-1]):
        yield "wrong-samples", None, backward_with(state, _rearranged(order))


def _weights(batch: int) -> Iterator[Array]:
    """How often each sample may have been counted."""
    for row in range(batch) if batch <= SAMPLES else (0, batch - 1):
        alone = (np.arange(batch) == row).astype(float)
        yield from (1 - alone, (1 - alone) * batch / (batch - 1))
        yield from (alone, alone * batch, 1 + alone)
    half = (np.arange(batch) < batch // 2).astype(float)
    yield from (half, 1 - half, 2 * half, 2 - 2 * half)


def _weighted(weights: Array) -> Pieces:
    return replace(RIGHT, error=lambda state: reference_backward.error(state) * weights)


def _rearranged(order: Array) -> Pieces:
    return replace(RIGHT, source=lambda state, l: state.a[l - 1][order])


def _with_delta(delta: Array) -> Pieces:
    """The right pass but for the output's delta."""

    def slope(state: ForwardState, l: int) -> Array:
        return np.ones_like(delta) if l == state.last else reference_backward.slope(state, l)

    return replace(with_error(delta), slope=slope)


def _alone(state: ForwardState, row: int) -> dict[str, Array]:
    """In every layer, every sample's activations meet the delta of sample `row`."""
    one = replace(
        state, a=[a[[row]] for a in state.a], z=[z[[row]] for z in state.z], y=state.y[[row]]
    )
    gradient = backward_with(one)
    for l in range(1, state.last + 1):
        gradient[f"W{l}"] = np.outer(state.a[l - 1].mean(axis=0), gradient[f"b{l}"])
    return gradient
