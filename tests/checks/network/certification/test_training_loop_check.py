"""The training loop is held to the passes: it passes as it is, and each planted fault is told."""

import re
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from backprop import init_net
from backprop.training import fast_loop, gradient_descent, recorder
from backprop.training.minibatches import Batches
from backprop.training.samples import Samples
from checks.network.certification.training_loop_check import loop_differs_from_passes
from checks.network.certification.verification import VerificationError, verify

IMAGES = np.random.default_rng(0).integers(0, 256, (60, 12), dtype=np.uint8)
LABELS = np.arange(60) % 4
SAMPLES = Samples(x=IMAGES, y=LABELS, peak=255)
MANY = Samples(x=np.tile(IMAGES, (15, 1)), y=np.random.default_rng(1).integers(0, 4, 900), peak=255)

real_step, real_of = fast_loop.Loop.step, Batches.of


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("shape", [(12, 4), (12, 9, 4), (12, 5, 6, 4)])
@pytest.mark.parametrize("batch_size", [1, 7, 20, 500])
def test_the_loop_arrives_where_the_passes_do(dtype: Any, shape: Any, batch_size: int) -> None:
    """Whatever the minibatch; and the network stays as it was."""
    net = init_net(shape, dtype=dtype, seed=3)
    before = net.weights[0].copy()
    assert loop_differs_from_passes(net, SAMPLES, batch_size=batch_size, learning_rate=5.0) is None
    assert np.array_equal(net.weights[0], before)


def capped(self: Any, x: Any, y: Any, rate: float) -> None:
    """A learning rate that is clipped."""
    real_step(self, x, y, min(rate, 2.0))


def full(self: Any, x: Any, y: Any, rate: float) -> None:
    """A last minibatch that is divided by the size of a full one, 20."""
    real_step(self, x, y, rate * len(x) / 20)


def nearly(self: Any, x: Any, y: Any, rate: float) -> None:
    """One parameter a millionth of its step away."""
    before = self.parameters[5]
    real_step(self, x, y, rate)
    self.parameters[5] += 1e-6 * (self.parameters[5] - before)


def dropped(self: Any, order: Any) -> Any:
    """The last minibatch is left out where it is not full."""
    return real_of(self, order[: len(order) // self.batch * self.batch])


def first_gathered(self: Any, order: Any) -> Any:
    """Labels of what was gathered first, for all that is gathered later."""
    for number, (x, y) in enumerate(real_of(self, order)):
        rows = np.arange(number * self.batch, number * self.batch + len(x)) % self.ahead
        yield x, self.y[order[rows]] if number * self.batch >= self.ahead else y


def forgotten(self: Any, *given: Any) -> None:
    """What was stepped to is not copied back."""
    for own in self.own:
        own.fill(0)
    self.net.weights, self.net.biases = self.own[: len(self.weights)], self.own[len(self.weights) :]


FAULTS: list[tuple[Any, str, Callable[..., Any], str]] = [
    (fast_loop.Loop, "step", capped, r"[Wb]\d\[.*: the loop steps to"),
    (fast_loop.Loop, "step", full, r"[Wb]\d\[.*: the loop steps to"),
    (fast_loop.Loop, "step", nearly, r"[Wb]\d\[.*: the loop steps to"),
    (fast_loop.Loop, "__exit__", forgotten, "W1: the loop does not leave behind"),
    (
        Batches,
        "of",
        dropped,
        "minibatch 3: the loop gathers more of them than there are",
    ),
    (Batches, "of", first_gathered, "minibatch 21: the loop gathers other samples"),
]


@pytest.mark.parametrize(("owner", "name", "fault", "told"), FAULTS)
def test_a_loop_that_goes_elsewhere_is_told(
    monkeypatch: pytest.MonkeyPatch, owner: Any, name: str, fault: Callable[..., Any], told: str
) -> None:
    """With the coordinate and both values, and there is no certificate."""
    net = init_net((12, 9, 4), seed=3)
    samples = SAMPLES if fault is not first_gathered else MANY
    x, y = samples.batch(slice(0, 30), net.dtype)
    verify(net, x, y)
    monkeypatch.setattr(owner, name, fault)
    said = loop_differs_from_passes(net, samples, batch_size=20, learning_rate=5.0)
    assert said is not None
    assert re.match(told, said)
    with pytest.raises(VerificationError, match=rf"the training loop differs .*\n{told}"):
        verify(net, x, y, samples=samples)


@pytest.mark.parametrize(("parts", "steps"), [([80], 4), ([90, 20], 6)])
def test_a_minibatch_left_out_or_taken_twice_is_told(
    monkeypatch: pytest.MonkeyPatch, parts: list[int], steps: int
) -> None:
    """Where gathering is as it should be."""
    right = gradient_descent.descend

    def other(net: Any, samples: Any, order: Any, **settings: Any) -> None:
        for count in parts:
            right(net, samples, order[:count], **settings)

    monkeypatch.setattr(gradient_descent, "descend", other)
    told = loop_differs_from_passes(
        init_net((12, 9, 4), seed=3), MANY, batch_size=20, learning_rate=5.0
    )
    assert told == f"the loop takes {steps} steps for 5 minibatches"


def undivided(self: Any, x: Any, y: Any, rate: float) -> None:
    """Bytes that are divided in the first step alone."""
    if x.shape in self.tapes and x.dtype == np.uint8:
        x = np.minimum(np.multiply(x, 3.0), 255).astype(np.uint8)
    real_step(self, x, y, rate)


def test_numbers_alone_are_rehearsed_as_pixels_too(monkeypatch: pytest.MonkeyPatch) -> None:
    """For the network may be trained on images."""
    net = init_net((12, 9, 4), seed=3)
    x, y = SAMPLES.batch(slice(0, 30), net.dtype)
    monkeypatch.setattr(fast_loop.Loop, "step", undivided)
    with pytest.raises(VerificationError, match="the training loop differs"):
        verify(net, x, y)


@pytest.mark.parametrize("rate", [1e3, 1e30, 1e300])
def test_where_a_rate_leads_nowhere_a_smaller_one_is_rehearsed(
    monkeypatch: pytest.MonkeyPatch, rate: float
) -> None:
    """A network that saturates at once, or overflows, hides what later steps do."""
    net = init_net((12, 9, 4), seed=3)
    assert loop_differs_from_passes(net, SAMPLES, batch_size=12, learning_rate=rate) is None
    monkeypatch.setattr(fast_loop.Loop, "step", undivided)
    told = loop_differs_from_passes(net, SAMPLES, batch_size=12, learning_rate=rate)
    assert told is not None
    assert ": the loop steps to " in told


@pytest.mark.parametrize("cost", ["quadratic", "cross-entropy", "softmax-cross-entropy"])
@pytest.mark.parametrize("activation", ["sigmoid", "tanh", "identity"])
def test_a_right_loop_is_not_accused_where_steps_are_wild(cost: str, activation: str) -> None:
    """At rates at which a difference in the last place grows from step to step."""
    x = np.random.default_rng(1).integers(0, 17, (60, 12)).astype(float)
    samples = Samples(x=x, y=LABELS)
    for seed in range(10):
        for batch_size in (1, 2, 12):
            net = init_net((12, 9, 4), activation=activation, cost=cost, seed=seed)
            for rate in (5.0, 20.0):
                assert (
                    loop_differs_from_passes(
                        net, samples, batch_size=batch_size, learning_rate=rate
                    )
                    is None
                )


@pytest.mark.parametrize("count", [2, 3, 5, 20, 39, 60])
def test_a_step_that_is_not_repeated_is_told(monkeypatch: pytest.MonkeyPatch, count: int) -> None:
    """However few samples there are: some minibatch comes after one of its size."""
    monkeypatch.setattr(recorder.OperationRecorder, "replay", lambda self: None)
    few = Samples(x=IMAGES[:count], y=LABELS[:count], peak=255)
    told = loop_differs_from_passes(
        init_net((12, 9, 4), seed=3), few, batch_size=20, learning_rate=5.0
    )
    assert told is not None
    assert ": the loop steps to " in told


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_a_loop_that_overflows_before_the_passes_do_is_not_accused(dtype: Any) -> None:
    """The order of factors decides that, where a rate diverges; at a tamer one it counts."""
    refused = 0
    for seed in range(40):
        rng = np.random.default_rng(seed)
        samples = Samples(x=rng.integers(0, 256, (50, 5)).astype(float), y=rng.integers(0, 17, 50))
        net = init_net(
            (5, 6, 16, 19, 17),
            activation=["relu", "relu", "relu", "identity"],
            dtype=dtype,
            seed=seed,
        )
        refused += (
            loop_differs_from_passes(net, samples, batch_size=2, learning_rate=5.0) is not None
        )
    assert refused == 0


def test_a_loop_that_makes_no_number_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    """Whatever the rate."""

    def spoils(self: Any, x: Any, y: Any, rate: float) -> None:
        real_step(self, x, y, rate)
        self.parameters[3] = np.nan

    monkeypatch.setattr(fast_loop.Loop, "step", spoils)
    for rate in (1e-3, 5.0):
        told = loop_differs_from_passes(
            init_net((12, 9, 4)), SAMPLES, batch_size=20, learning_rate=rate
        )
        assert told is not None
        assert "W1[0, 3]: the loop steps to nan, the passes to " in told
