"""The short rerun gives the costs that the plain one gives."""

from __future__ import annotations

from functools import cached_property, partial
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from backprop import init_net
from backprop.activations import ACTIVATIONS, Activation
from backprop.costs import COSTS, Cost
from backprop.network import Network
from checks.methods import sweep
from checks.methods.dispatch import run_check
from checks.network import resumed_forward
from checks.network.adapter import network_problem
from checks.network.certification import verification
from checks.network.properties import strategies
from checks.network.properties.strategies import Case
from checks.network.resumed_forward import ShortRerun
from checks.parallel import executors
from checks.problem.evaluation import perturbed_costs
from checks.problem.nested import Array
from checks.problem.problem import Problem
from tests.checks.helpers import EPS, case


def short_rerun(net: Network, x: Array, y: Array) -> ShortRerun:
    """The network's short rerun."""
    found = network_problem(net, x, y).rerun
    assert isinstance(found, ShortRerun)
    return found


def agree(net: Network, x: Array, y: Array, step: complex) -> None:
    """Hold every coordinate's short rerun against the plain one."""
    one: Problem = network_problem(net, x, y)
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
    monkeypatch.setattr(executors, "stop_if_cancelled", lambda: asked.append(None))
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
        float(network_problem(net, x, y).cost([*_values(net)])), rel=1e-14
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
    plain = perturbed_costs(network_problem(net, x, y), tensor, at, 0.0 * at)
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


# --- tiny imaginary steps ------------------------------------------------------------------------

TINY = 2.0**-100 * 1j
OWN = {
    # each unit for itself, though it is not the same function everywhere
    "units apart": lambda z: np.sin(z) * (1 + np.arange(z.shape[-1])),
    # each unit on others
    "coupled": lambda z: z - z.mean(axis=-1, keepdims=True) ** 2,
    "weakly coupled": lambda z: z + 1e-9 * np.roll(z, 1, axis=-1),
}


def with_own(monkeypatch: pytest.MonkeyPatch, function: Any) -> tuple[Network, Array, Array]:
    """A network with an activation of the user's own in its first two layers."""
    own = Activation(function=function, slope=lambda a: a)
    monkeypatch.setitem(ACTIVATIONS, "own", own)
    return case(shape=(3, 4, 5, 2), activation=("own", "own", "sigmoid"))


@pytest.mark.parametrize("name", OWN)
def test_any_activation_is_carried_or_rerun(monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    """Units that answer each for itself are carried on, others run in full; both are right."""
    net, x, y = with_own(monkeypatch, OWN[name])
    one, short = network_problem(net, x, y), short_rerun(net, x, y)
    apart = "coupled" not in name
    assert [answer is not None for answer in short.answers] == [apart, apart]
    for tensor in (1, 2, 3):  # a bias moves the z of a unit, as a weight of a later layer does
        at = np.arange(one.values[tensor].size)
        found, plain = (
            f(tensor, at, 0 * at + TINY) for f in (short, partial(perturbed_costs, one))
        )
        np.testing.assert_allclose(found, plain, rtol=1e-9)


def test_a_cost_that_joins_samples_is_rerun_in_full(monkeypatch: pytest.MonkeyPatch) -> None:
    """Where the batch's cost is not the mean of its samples'."""
    net, x, y = case(activation="tanh")
    together = Cost(
        value=lambda z, a, y: ((a - y) ** 2).sum(axis=(-2, -1), keepdims=True)[..., 0] ** 2,
        delta=lambda a, y, slope: a,
    )
    monkeypatch.setitem(COSTS, "together", together)
    net.cost = "together"
    assert short_rerun(net, x, y).cost_answers is None
    agree(net, x, y, TINY)


def test_an_activation_of_real_numbers_alone_is_rerun_by_real_steps(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """It has no answer to an imaginary one."""
    net, x, y = with_own(monkeypatch, np.cbrt)
    assert short_rerun(net, x, y).answers == [None, None]
    agree(net, x, y, 2.0**-20)
    with pytest.raises(TypeError, match="cbrt"):
        short_rerun(net, x, y)(0, np.arange(3), np.full(3, TINY))


def test_longer_imaginary_steps_are_not_carried() -> None:
    """There the real part changes, too."""
    net, x, y = case()
    at, steps = np.arange(9), np.full(9, 0.25j)
    found = short_rerun(net, x, y)(0, at, steps)
    np.testing.assert_allclose(found, perturbed_costs(network_problem(net, x, y), 0, at, steps))


@pytest.mark.parametrize("cost", COSTS)
@pytest.mark.parametrize("factor", [1.1, -1.0, 0.0, np.nan])
@pytest.mark.parametrize("where", ["answers", "cost_answers"])
def test_a_wrong_answer_is_found(
    monkeypatch: pytest.MonkeyPatch, cost: str, factor: float, where: str
) -> None:
    """A fault in what is carried, be the gradient right or wrong in the same way."""
    right = getattr(ShortRerun, where).func

    def wrong(self: ShortRerun) -> Any:
        found = right(self)
        return [a * factor for a in found] if isinstance(found, list) else found * factor

    net, x, y = case(shape=(6, 5, 4, 3), cost=cost)
    spoilt = cached_property(wrong)
    spoilt.__set_name__(ShortRerun, where)
    monkeypatch.setattr(ShortRerun, where, spoilt)
    report = run_check(network_problem(net, x, y))
    if np.isnan(factor):  # no slope at all: real differences look at every coordinate
        assert report.verdict == "pass"
    else:
        assert report.verdict == "undecided"
        assert report.diagnosis is not None
        assert "the short rerun and the plain one differ in " in report.diagnosis.detail


def test_a_sample_is_held_against_the_plain_rerun(monkeypatch: pytest.MonkeyPatch) -> None:
    """In every tensor, in a check in which nothing else is wrong."""
    net, x, y = case()
    asked: list[int] = []

    def counted(problem: Problem, tensor: int, at: Array, steps: Array) -> Array:
        asked.append(tensor)
        return perturbed_costs(problem, tensor, at, steps)

    monkeypatch.setattr(sweep, "perturbed_costs", counted)
    assert run_check(network_problem(net, x, y)).verdict == "pass"
    assert asked == [0, 1, 2, 3]
