"""The short rerun gives the costs that the plain one gives."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from backprop import init_net
from backprop.activations import ACTIVATIONS, Activation
from backprop.network import Network
from checks.network import resumed_forward
from checks.network.adapter import as_subject
from checks.network.certification import verification
from checks.network.properties import strategies
from checks.network.properties.strategies import Case
from checks.network.resumed_forward import ShortRerun
from checks.parallel import executors
from checks.problem.evaluation import perturbed_costs
from checks.problem.nested import Array
from checks.problem.problem import Subject
from tests.checks.helpers import EPS, case


def short_rerun(net: Network, x: Array, y: Array) -> ShortRerun:
    """The network's short rerun."""
    found = as_subject(net, x, y).rerun
    assert isinstance(found, ShortRerun)
    return found


def agree(net: Network, x: Array, y: Array, step: complex) -> None:
    """Hold every coordinate's short rerun against the plain one."""
    one: Subject = as_subject(net, x, y)
    assert isinstance(one.rerun, ShortRerun)
    size = abs(float(one.cost(one.values)))
    for tensor, values in enumerate(one.values):
        at = np.arange(values.size)
        steps = step * (1 + at % 3)
        short, plain = one.rerun(tensor, at, steps), perturbed_costs(one, tensor, at, steps)
        assert short.dtype == plain.dtype
        largest = np.maximum(np.abs(plain), size)
        assert np.all(np.abs(short.real - plain.real) <= 64 * EPS * largest)
        # The imaginary part of a small step has digits of its own.
        slope = np.max(np.abs(plain.imag), initial=0)
        assert np.all(np.abs(short.imag - plain.imag) <= 1e-12 * slope)


@pytest.mark.parametrize("depth", range(1, 6))
@pytest.mark.parametrize("activation", ["sigmoid", "tanh", "relu", "softplus", "identity"])
@pytest.mark.parametrize("cost", ["quadratic", "cross-entropy", "softmax-cross-entropy"])
def test_every_network_reruns_the_same(depth: int, activation: str, cost: str) -> None:
    """Every tensor, by real steps large and small, and by an imaginary one."""
    shape = (3, 4, 2, 5, 3, 4)[: depth + 1]
    net, x, y = case(depth, shape=shape, activation=activation, cost=cost, batch=3)
    for step in (0.125, 2.0**-20, 2.0**-100 * 1j):
        agree(net, x, y, step)


@given(
    drawn=strategies.cases(dtypes=("float64",), scales=(1.0, 0.1, 3.0), data=("normal", "pixels"))
)
def test_any_network_reruns_the_same(drawn: Case) -> None:
    """Of any shape and mixture of activations, on any batch."""
    agree(drawn.net, drawn.x, drawn.y, 2.0**-100 * 1j)


def test_blocks_make_no_difference(monkeypatch: pytest.MonkeyPatch) -> None:
    """One copy at a time gives what many at once give, and no copies give none."""
    net, x, y = case(shape=(4, 5, 3))
    at, steps = np.arange(20), np.linspace(-1, 1, 20)
    together = short_rerun(net, x, y)(0, at, steps)
    for block in (1, 100):
        monkeypatch.setattr(resumed_forward, "BLOCK", block)
        np.testing.assert_allclose(short_rerun(net, x, y)(0, at, steps), together, rtol=1e-14)
    assert short_rerun(net, x, y)(0, at[:0], steps[:0]).shape == (0,)


def test_a_rerun_can_be_stopped_between_blocks(monkeypatch: pytest.MonkeyPatch) -> None:
    """Many copies take long, and their costs may not be wanted any more."""
    asked: list[None] = []
    monkeypatch.setattr(executors, "heed", lambda: asked.append(None))
    monkeypatch.setattr(resumed_forward, "BLOCK", 1)
    short_rerun(*case(shape=(4, 5, 3)))(0, np.arange(20), np.ones(20))
    assert len(asked) == 20


def test_coordinates_come_in_any_order_and_more_than_once() -> None:
    """Each has its own step."""
    net, x, y = case()
    short = short_rerun(net, x, y)
    at, steps = np.asarray([7, 0, 7, 3]), np.asarray([0.5, 0.25, -0.5, 0.0])
    together = short(2, at, steps)
    alone = [short(2, at[k : k + 1], steps[k : k + 1])[0] for k in range(4)]
    np.testing.assert_allclose(together, alone, rtol=1e-14)
    assert together[0] != together[2]
    assert together[3] == pytest.approx(
        float(as_subject(net, x, y).cost([*_values(net)])), rel=1e-14
    )


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_a_rerun_is_in_double_precision(dtype: Any) -> None:
    """Whatever the network's; the network itself is left alone."""
    net, x, y = case(dtype=dtype)
    before = [v.copy() for v in _values(net)]
    agree(net, x, y, 2.0**-30)
    assert short_rerun(net, x, y).net.dtype == np.float64
    for v, kept in zip(_values(net), before, strict=True):
        assert v.dtype == dtype
        np.testing.assert_array_equal(v, kept)


@given(st.integers(0, 3), st.integers(0, 2**16))
def test_a_wrong_checkpoint_would_show(tensor: int, seed: int) -> None:
    """The comparison of this file is not blind: another network's rerun does not agree."""
    net, x, y = case(seed)
    other = case(seed + 1)[0]
    at = np.arange(3)
    short = short_rerun(other, x, y)(tensor, at, 0.0 * at)
    plain = perturbed_costs(as_subject(net, x, y), tensor, at, 0.0 * at)
    assert np.all(np.abs(short - plain) > 64 * EPS * np.abs(plain))


def _values(net: Network) -> list[Array]:
    return [v for pair in zip(net.weights, net.biases, strict=True) for v in pair]


def test_what_an_activation_keeps_is_left_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    """As one that has computed the same before may give it back again, or lock it."""
    kept: dict[bytes, Array] = {}

    def remembered(z: Array) -> Array:
        if z.tobytes() not in kept:
            kept[z.tobytes()] = np.tanh(z)
            kept[z.tobytes()].flags.writeable = False
        return kept[z.tobytes()]

    own = Activation(function=remembered, slope=lambda a: 1 - a * a)
    monkeypatch.setitem(ACTIVATIONS, "remembered", own)
    net = init_net((3, 4, 2), activation=("remembered", "sigmoid"), seed=1)
    x = np.random.default_rng(0).normal(size=(5, 3))
    y = np.arange(5) % 2
    agree(net, x, y, 1e-3)
    assert verification.verify(net, x, y).verdict == "pass"
