"""A network seen as a subject: same cost, same gradient, nothing shared."""

from __future__ import annotations

import pickle
from collections.abc import Sequence
from typing import Any

import numpy as np
import pytest

import backprop
from backprop import passes
from backprop.network import Network
from checks.methods.dispatch import run_check
from checks.network.adapter import backward_overwrites, network_problem
from checks.problem.nested import Array
from tests.checks.helpers import EPS, case


def test_a_subject_has_the_networks_cost_and_gradient() -> None:
    """At its own parameters and at others, tensors named from the input on."""
    net, x, y = case(shape=(4, 5, 3))
    one = network_problem(net, x, y, repeat="again")
    assert one.names == ("W1", "b1", "W2", "b2")
    assert (one.repeat, one.context) == ("again", {"the batch size": 6.0})
    assert set(one.inputs) == {"x", "y"}
    for values in (one.values, [2 * v for v in one.values]):
        same = net.with_parameters(values)
        assert one.cost(values) == backprop.cost(same, x, y)
        found = one.gradient(values)
        assert tuple(found) == one.names
        for layer, (dW, db) in enumerate(backprop.gradients(same, x, y), start=1):
            np.testing.assert_array_equal(found[f"W{layer}"], dW)
            np.testing.assert_array_equal(found[f"b{layer}"], db)


def test_a_subject_keeps_copies() -> None:
    """Training the network on, or overwriting the batch, changes nothing in it."""
    net, x, y = case()
    one = network_problem(net, x, y)
    before = one.cost(one.values), one.gradient(one.values)["W1"].copy()
    net.weights[0][:] = 7
    x[:] = 1
    y[:] = 0
    assert one.cost(one.values) == before[0]
    np.testing.assert_array_equal(one.gradient(one.values)["W1"], before[1])
    assert not np.any(one.values[0] == 7)


def test_the_accumulators_are_left_alone() -> None:
    """A check between two minibatches does not disturb what they have accumulated."""
    net, x, y = case()
    backprop.backward(net, backprop.forward(net, x), y)
    kept = [a.copy() for a in (*net.dW, *net.db)]
    run_check(network_problem(net, x, y))
    backward_overwrites(net, x, y)
    assert net.samples == len(x)
    for a, before in zip((*net.dW, *net.db), kept, strict=True):
        np.testing.assert_array_equal(a, before)


def test_jitter_moves_the_gradient_by_rounding_and_no_more() -> None:
    """Every tensor's, each time differently; in single precision by more."""
    moved: dict[Any, float] = {}
    for dtype in (np.float64, np.float32):
        one = network_problem(*case(dtype=dtype))
        right, rng = one.gradient(one.values), np.random.default_rng(0)
        assert one.jittered is not None
        first, second = one.jittered(rng), one.jittered(rng)
        for name in one.names:
            assert first[name].dtype == dtype
            assert not np.array_equal(first[name], right[name])
            assert not np.array_equal(first[name], second[name])
        moved[dtype] = max(float(np.max(np.abs(first[n] - right[n]))) for n in one.names)
        assert moved[dtype] < 64 * float(np.finfo(dtype).eps)
    assert moved[np.float32] > 1e6 * moved[np.float64]
    assert moved[np.float64] > EPS / 64


@pytest.mark.parametrize("dtype", [np.float64, np.float32])
def test_a_subject_can_be_sent_elsewhere(dtype: Any) -> None:
    """Pickled and back, it says the same, short rerun included."""
    one = network_problem(*case(dtype=dtype))
    sent = pickle.loads(pickle.dumps(one))  # noqa: S301
    assert sent.names == one.names
    assert sent.cost(sent.values) == one.cost(one.values)
    at, steps = np.arange(3), np.full(3, 0.5)
    np.testing.assert_array_equal(sent.rerun(0, at, steps), one.rerun(0, at, steps))  # type: ignore[misc]
    np.testing.assert_array_equal(sent.gradient(sent.values)["W2"], one.gradient(one.values)["W2"])


def test_parameters_are_replaced_without_a_copy_or_a_cast() -> None:
    """Complex ones too; the rest of the network stays, with empty accumulators."""
    net, x, y = case(activation="tanh")
    backprop.backward(net, backprop.forward(net, x), y)
    values = [v + 1j for pair in zip(net.weights, net.biases, strict=True) for v in pair]
    other = net.with_parameters(values)
    assert other.weights == [values[0], values[2]]
    assert other.biases == [values[1], values[3]]
    assert (other.activations, other.cost) == (net.activations, net.cost)
    assert (other.dW, other.db, other.samples) == ([], [], 0)
    assert net.samples == len(x)
    assert not np.iscomplexobj(net.weights[0])


@pytest.mark.parametrize("activation", ["sigmoid", "tanh", "relu", "softplus", "identity"])
@pytest.mark.parametrize("cost", ["quadratic", "cross-entropy", "softmax-cross-entropy"])
def test_backward_overwrites_no_activation(activation: str, cost: str) -> None:
    """Whatever the network is made of."""
    assert backward_overwrites(*case(activation=activation, cost=cost)) is None


@pytest.mark.parametrize("layer", [0, 1, 2])
def test_an_activation_that_backward_overwrites_is_named(
    monkeypatch: pytest.MonkeyPatch, layer: int
) -> None:
    """x for the input, a1, a2 and so on for the others."""
    right = passes.backward

    def careless(net: Network, activations: Sequence[Array], y: Array) -> None:
        right(net, activations, y)
        activations[layer][1, 1] += 1

    monkeypatch.setattr(passes, "backward", careless)
    net, x, y = case()
    assert backward_overwrites(net, x, y) == ("x", "a1", "a2")[layer]


def test_what_does_not_fit_is_told() -> None:
    """A batch that is no batch of this network's."""
    net, x, y = case()
    with pytest.raises(ValueError, match="x: expected"):
        network_problem(net, x[:, :2], y)
    with pytest.raises(ValueError, match="y: expected"):
        network_problem(net, x, y[:-1])
