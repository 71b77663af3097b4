from typing import Any

import numpy as np
import pytest

from backprop import init_net
from backprop.learning import health
from backprop.network import Network

RNG = np.random.default_rng(0)
X, Y = RNG.uniform(size=(60, 6)), RNG.integers(0, 3, 60)


def said(before: Network, after: Network, accuracy: float | None = 0.3, **changes: Any) -> str:
    """The complaint about what a network has become."""
    options = {"learning_rate": 1.0, "steps": 1000, **changes}
    rate = options["learning_rate"]
    looks = [health.look(net, X, Y, learning_rate=rate) for net in (before, after)]
    return health.complaint(after, *looks, accuracy=accuracy, **options) or ""


def nets(**options: Any) -> tuple[Network, Network]:
    """A network twice, the second to be spoilt."""
    return init_net((6, 8, 3), **options), init_net((6, 8, 3), **options)


def test_one_that_learns_is_left_in_peace() -> None:
    """Judged by what is right; by the cost where nothing is right or wrong."""
    before, after = nets()
    assert said(before, after, accuracy=health.ENOUGH) == ""
    assert said(before, after, accuracy=health.ENOUGH - 0.01).startswith("it learns slowly (79%")
    assert said(before, after, accuracy=None).startswith("it hardly learns (cost ")
    after.biases[1][:] = 0
    assert said(init_net((6, 8, 3), seed=3, activation="identity"), after, accuracy=None) == ""


def test_dead_outputs_are_counted() -> None:
    """From the start: another cost; since then, at a high rate: a smaller one."""
    before, after = nets(activation="relu")
    for net in (before, after):
        net.biases[1][:2] = -50
        net.biases[1][2] = 50
    text = said(before, after, learning_rate=0.01)
    assert "2 of 3 output units are dead, flat for every sample looked at (2 before)" in text
    assert "relu gives them no slope to learn by; try --cost softmax-cross-entropy" in text
    before.biases[1][:] = 50
    text = said(before, after)
    assert "(0 before): the learning rate is too high; try --learning-rate 0.02" in text


def test_dead_hidden_units_are_counted() -> None:
    """Half of a layer or less is no cause: ReLU lives with that."""
    before, after = nets(activation="relu", cost="cross-entropy")
    for net in (before, after):
        net.biases[0][:] = 50
    after.biases[0][:4] = -50
    assert "dead" not in said(before, after, learning_rate=0.01)
    after.biases[0][4] = -50
    text = said(before, after)
    assert "5 of 8 units of layer 1 are dead" in text
    assert "the learning rate is too high; try --learning-rate 0.2" in text
    assert "try --activation tanh" in said(after, after, learning_rate=0.01)


def test_a_rate_that_is_too_high_is_measured() -> None:
    """By a step along the mean gradient, on a copy."""
    before, after = nets(activation="identity")
    bits = [p.copy() for p in after.parameters.values()]
    text = said(before, after, learning_rate=3.0)
    assert "the learning rate is too high, one step along the mean gradient takes the cost" in text
    assert "try --learning-rate 0.02" in text
    assert "too high" not in said(before, after, learning_rate=0.01)
    for p, q in zip(bits, after.parameters.values(), strict=True):
        assert np.array_equal(p, q)


@pytest.mark.parametrize("name", ["sigmoid", "tanh"])
def test_saturation_is_seen(name: str) -> None:
    """Since the start: the inputs; since then: the rate."""
    before, after = nets(activation=name, cost="cross-entropy")
    after.weights[0] *= 0
    after.biases[0][:] = 8 if name == "sigmoid" else 3
    text = said(before, after, learning_rate=0.01)
    assert f"layer 1 is saturated, 100% of its answers at the flat ends of {name}" in text
    assert "try --learning-rate 0.001" in text
    assert "scale the inputs to 0 to 1" in said(after, after, learning_rate=0.01)


def test_a_low_rate_and_few_steps_are_told() -> None:
    """Where nothing else is wrong."""
    before, after = nets(cost="cross-entropy")
    assert "the learning rate is low; try --learning-rate 1" in said(
        before, after, learning_rate=0.01
    )
    assert said(before, after, learning_rate=0.4).endswith(": try more --epochs")
    assert "72 minibatches are few" in said(before, after, learning_rate=0.4, steps=72)
    before, after = nets()
    assert said(before, after, learning_rate=2.0).endswith("or --cost softmax-cross-entropy")
