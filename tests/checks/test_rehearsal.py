"""The training loop is held to the passes: it passes as it is, and each planted fault is told."""

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from backprop import init_net, loop, tape
from backprop.samples import Samples
from checks.gate import VerificationError, verify
from checks.rehearsal import in_float64, rehearse

IMAGES = np.random.default_rng(0).integers(0, 256, (60, 12), dtype=np.uint8)
LABELS = np.arange(60) % 4
SAMPLES = Samples(x=IMAGES, y=LABELS, peak=255)

real_step, real_of = loop.Loop.step, loop.Batches.of


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("shape", [(12, 4), (12, 9, 4), (12, 5, 6, 4)])
@pytest.mark.parametrize("batch_size", [1, 7, 20, 500])
def test_the_loop_arrives_where_the_passes_do(dtype: Any, shape: Any, batch_size: int) -> None:
    """Whatever the minibatch; and the network stays as it was."""
    net = init_net(shape, dtype=dtype, seed=3)
    before = net.weights[0].copy()
    assert rehearse(net, SAMPLES, batch_size=batch_size, learning_rate=5.0) is None
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


@pytest.mark.parametrize(
    ("owner", "name", "fault"),
    [
        (loop.Loop, "step", capped),
        (loop.Loop, "step", full),
        (loop.Loop, "step", nearly),
        (loop.Batches, "of", dropped),
    ],
)
def test_a_loop_that_goes_elsewhere_is_told(
    monkeypatch: pytest.MonkeyPatch, owner: Any, name: str, fault: Callable[..., Any]
) -> None:
    """With the coordinate and both values, and there is no certificate."""
    net = init_net((12, 9, 4), seed=3)
    x, y = SAMPLES.batch(slice(0, 30), net.dtype)
    verify(net, x, y)
    monkeypatch.setattr(owner, name, fault)
    told = rehearse(net, SAMPLES, batch_size=20, learning_rate=5.0)
    assert told is not None
    assert ": the loop steps to " in told
    with pytest.raises(VerificationError, match=r"the training loop differs .*\n[Wb]\d\["):
        verify(net, x, y, samples=SAMPLES)


@pytest.mark.parametrize("count", [2, 3, 5, 20, 39, 60])
def test_a_step_that_is_not_repeated_is_told(monkeypatch: pytest.MonkeyPatch, count: int) -> None:
    """However few samples there are: some minibatch comes after one of its size."""
    monkeypatch.setattr(tape.Tape, "repeat", lambda self: None)
    few = Samples(x=IMAGES[:count], y=LABELS[:count], peak=255)
    told = rehearse(init_net((12, 9, 4), seed=3), few, batch_size=20, learning_rate=5.0)
    assert told is not None
    assert ": the loop steps to " in told


def test_the_twin_is_the_same_network_in_float64() -> None:
    """Equal parameters, twice as wide."""
    net = init_net((3, 2), dtype=np.float32)
    twin = in_float64(net)
    assert twin.dtype == np.float64
    assert np.array_equal(twin.weights[0], net.weights[0])
