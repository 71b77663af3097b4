"""Misroutings: hypotheses in which right numbers are used at the wrong place.

`carries` sends delta through the wrong weights, `sources` multiplies it by the wrong activations,
`biases` sums it wrongly, `samples` loses, repeats or mixes up samples.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace

import numpy as np

from checks.diagnosis import reference_backward
from checks.diagnosis.reference_backward import RIGHT, Page, Pieces, turn, with_error
from checks.problem.nested import Array
from checks.problem.problem import Hypothesis

# Beyond this many samples only the first and the last are tried as the ones left out.
SAMPLES = 64

At = Callable[[int], Array]


def carries(page: Page) -> Iterator[Hypothesis]:
    """delta carried back by other weights: not transposed, a neighbour's, updated, or none."""
    inner = range(2, page.last + 1)
    others: tuple[At, ...] = (
        lambda l: page.W[l],
        lambda l: page.W[l].reshape(page.W[l].T.shape),
        lambda l: np.eye(*page.W[l].T.shape),
        lambda l: page.W[min(l + 1, page.last)].T,
        lambda l: page.W[l - 1].T,
        lambda l: np.abs(page.W[l].T),
    )
    for layers in dict.fromkeys([tuple(inner), *((l,) for l in inner)] if inner else []):
        for weights in others:
            pieces = _with_weights(layers, weights)
            yield "wrong-weights", f"W{max(layers) - 1}", turn(page, pieces)
    for rate in (5.0, 1.0, 0.5, 0.1, 0.01, 0.001) if inner else ():
        for samples in (1, len(page.y)):
            yield "wrong-weights", f"W{page.last - 1}", turn(page, _updated(rate / samples))


def _with_weights(layers: tuple[int, ...], weights: At) -> Pieces:
    """Other weights in some layers, wherever their shape fits."""

    def carry(page: Page, l: int, delta: Array) -> Array:
        usual = page.W[l].T
        other = weights(l) if l in layers else usual
        return delta @ (other if other.shape == usual.shape else usual)

    return replace(RIGHT, carry=carry)


def _updated(rate: float) -> Pieces:
    """Weights that the step has already moved."""

    def carry(page: Page, l: int, delta: Array) -> Array:
        return np.asarray(delta @ (page.W[l] - rate * (page.a[l - 1].T @ delta)).T)

    return replace(RIGHT, carry=carry)


def sources(page: Page) -> Iterator[Hypothesis]:
    """Weights' gradients from other activations, overwritten ones, or another layer's delta."""
    others: tuple[At, ...] = (
        lambda l: page.a[l],
        lambda l: page.z[l - 1],
        lambda l: page.a[max(l - 2, 0)],
        lambda l: np.ones_like(page.a[l - 1]),
        lambda l: page.a[l - 1] > 0,
        lambda l: page.a[l - 1] - page.a[l - 1].mean(axis=0),
        lambda l: _standardised(page.a[l - 1]),
        lambda l: _standardised(page.a[l - 1]) if l == 1 else page.a[l - 1],
    )
    for other in others:
        yield "wrong-activation", None, turn(page, _with_source(other))
    if page.last > 1:
        spoilt = [
            page.a[0],
            *(reference_backward.slope(page, l) for l in range(1, page.last)),
            page.a[-1],
        ]
        before, after = turn(replace(page, a=spoilt)), turn(page, _with_source(_before(spoilt)))
        yield "overwritten-activation", f"W{page.last}", after
        yield "overwritten-activation", f"W{page.last}", before
    if len({a.shape for a in page.a}) == 1:
        yield "wrong-delta", None, turn(page, late=True)


def _before(a: list[Array]) -> At:
    return lambda l: a[l - 1]


def _with_source(other: At) -> Pieces:
    def source(page: Page, l: int) -> Array:
        found = other(l)
        return found if found.shape == page.a[l - 1].shape else page.a[l - 1]

    return replace(RIGHT, source=source)


def _standardised(a: Array) -> Array:
    spread = a.std(axis=0)
    return np.asarray((a - a.mean(axis=0)) / np.where(spread > 0, spread, 1))


def biases(page: Page) -> Iterator[Hypothesis]:
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
        yield "bias-not-summed", None, turn(page, replace(RIGHT, bias=bias))


def samples(page: Page) -> Iterator[Hypothesis]:
    """Samples left out, counted alone or twice; one's delta for all; activations of others."""
    batch = len(page.y)
    if batch < 2:
        return
    for weights in _weights(batch):
        yield "wrong-samples", None, turn(page, _weighted(weights[:, None]))
    error, steep = reference_backward.error(page), reference_backward.slope(page, page.last)
    for row in (0, -1):
        yield "wrong-samples", None, _alone(page, row)
        same = np.broadcast_to(error[row], error.shape)
        yield "wrong-samples", None, turn(page, with_error(same))
        yield "wrong-samples", None, turn(page, _with_delta(same * steep[row]))
        yield "wrong-samples", None, turn(page, _rearranged(np.full(batch, row)))
    for order in (np.roll(np.arange(batch), 1), np.arange(batch)[::-1]):
        yield "wrong-samples", None, turn(page, _rearranged(order))


def _weights(batch: int) -> Iterator[Array]:
    """How often each sample may have been counted."""
    for row in range(batch) if batch <= SAMPLES else (0, batch - 1):
        alone = (np.arange(batch) == row).astype(float)
        yield from (1 - alone, (1 - alone) * batch / (batch - 1))
        yield from (alone, alone * batch, 1 + alone)
    half = (np.arange(batch) < batch // 2).astype(float)
    yield from (half, 1 - half, 2 * half, 2 - 2 * half)


def _weighted(weights: Array) -> Pieces:
    return replace(RIGHT, error=lambda page: reference_backward.error(page) * weights)


def _rearranged(order: Array) -> Pieces:
    return replace(RIGHT, source=lambda page, l: page.a[l - 1][order])


def _with_delta(delta: Array) -> Pieces:
    """The right pass but for the output's delta."""

    def slope(page: Page, l: int) -> Array:
        return np.ones_like(delta) if l == page.last else reference_backward.slope(page, l)

    return replace(with_error(delta), slope=slope)


def _alone(page: Page, row: int) -> dict[str, Array]:
    """In every layer, every sample's activations meet the delta of sample `row`."""
    one = replace(page, a=[a[[row]] for a in page.a], z=[z[[row]] for z in page.z], y=page.y[[row]])
    gradient = turn(one)
    for l in range(1, page.last + 1):
        gradient[f"W{l}"] = np.outer(page.a[l - 1].mean(axis=0), gradient[f"b{l}"])
    return gradient
