"""The loop's buffers: what is gathered, what is stepped, and what is left as it was."""

import tracemalloc
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from backprop import Network, backward, forward, init_net, loop, optimize
from backprop.loop import Batches, Loop

IMAGES = np.arange(30, dtype=np.uint8).reshape(10, 3)
TARGETS = np.eye(10, 2)


def batches(x: Any, order: Any) -> list[tuple[Any, Any]]:
    """Copies of every minibatch of at most four."""
    return [(a.copy(), y.copy()) for a, y in Batches(x, TARGETS, batch=4).of(np.asarray(order))]


@pytest.mark.parametrize("ahead", [1, 4, 7, 8, 400])
def test_every_sample_comes_once_however_many_are_gathered(
    monkeypatch: pytest.MonkeyPatch, ahead: int
) -> None:
    """In minibatches of the same size, the last aside; and no more are gathered than asked for."""
    monkeypatch.setattr(loop, "AHEAD", ahead)
    order = [9, 0, 5, 2, 7, 1, 3, 8, 4, 6]
    found = batches(IMAGES, order)
    assert [len(x) for x, _ in found] == [4, 4, 2]
    assert np.array_equal(np.concatenate([x for x, _ in found]), IMAGES[order])
    assert np.array_equal(np.concatenate([y for _, y in found]), TARGETS[order])
    whole = Batches(IMAGES, TARGETS, batch=4)
    assert len(whole.inputs) == min(10, max(4, ahead // 4 * 4))


def test_samples_stay_as_they_are_until_a_step_needs_them() -> None:
    """Bytes stay bytes, and fewer than are gathered at a time are no more than they are."""
    ((few, y),) = batches(IMAGES, [3, 3, 8])
    assert few.dtype == np.uint8
    assert np.array_equal(few, IMAGES[[3, 3, 8]])
    assert np.array_equal(y, TARGETS[[3, 3, 8]])


def test_bytes_become_shares_of_the_peak() -> None:
    """In the network's dtype: steps from bytes are those from the numbers; also the later ones."""
    ours, theirs = (init_net((3, 2), dtype=np.float32, seed=2) for _ in range(2))
    with Loop(ours, peak=29) as from_bytes, Loop(theirs) as from_numbers:
        for rows in ([0, 1], [4, 9], [7, 2]):
            from_bytes.step(IMAGES[rows], TARGETS[rows], 2.0)
            from_numbers.step(IMAGES[rows] / np.float32(29), TARGETS[rows], 2.0)
    assert ours.weights[0] == pytest.approx(theirs.weights[0], rel=1e-5)
    assert ours.weights[0].dtype == np.float32


def taken(step: Callable[[], None]) -> int:
    """The most bytes that a step holds for a while, once two have been taken before."""
    step()
    step()
    tracemalloc.start()
    before = tracemalloc.get_traced_memory()[0]
    step()
    most = tracemalloc.get_traced_memory()[1] - before
    tracemalloc.stop()
    return most


@pytest.mark.parametrize("cost", ["quadratic", "cross-entropy"])
@pytest.mark.parametrize("activation", ["sigmoid", "tanh"])
def test_nothing_is_allocated_in_the_loop(activation: str, cost: str) -> None:
    """Nothing as large as the smallest of its arrays, the layers' 10 x 50 numbers."""
    net = init_net((300, 50, 50), activation=activation, cost=cost, dtype=np.float32)
    x, y = np.ones((10, 300), np.uint8), np.zeros((10, 50))
    with Loop(net, peak=255) as steps:
        assert taken(lambda: steps.step(x, y, 1.0)) < 10 * 50 * 4


def test_what_is_no_element_wise_operation_allocates() -> None:
    """The test above can fail: softplus asks which numbers are positive."""
    net = init_net((300, 50, 50), activation="softplus", dtype=np.float32)
    x, y = np.ones((10, 300), np.uint8), np.zeros((10, 50))
    with Loop(net, peak=255) as steps:
        assert taken(lambda: steps.step(x, y, 1.0)) >= 10 * 50 * 4


@pytest.mark.parametrize("shape", [(3, 2), (3, 5, 2), (3, 4, 4, 2)])
def test_steps_are_those_of_the_passes(shape: tuple[int, ...]) -> None:
    """Minibatches of two sizes, in the arrays that the network had before."""
    fast, plain = (init_net(shape, seed=4) for _ in range(2))
    own = [*fast.weights, *fast.biases]
    rng = np.random.default_rng(0)
    x, y = rng.random((18, 3)), rng.random((18, 2))
    minibatches = [slice(0, 4), slice(4, 8), slice(8, 11), slice(11, 15), slice(15, 18)]
    with Loop(fast) as steps:
        for rows in minibatches:
            steps.step(x[rows], y[rows], 2.0)
    for rows in minibatches:
        plain.dW, plain.db, plain.samples = [], [], 0
        backward(plain, forward(plain, x[rows]), y[rows])
        optimize(plain, 2.0)
    for ours, theirs in zip(own, [*plain.weights, *plain.biases], strict=True):
        assert ours == pytest.approx(theirs, rel=1e-13, abs=1e-15)
    assert all(a is b for a, b in zip(own, [*fast.weights, *fast.biases], strict=True))


def interrupted(net: Network) -> None:
    """One step, and then Ctrl-C."""
    with Loop(net) as steps:
        steps.step(np.ones((4, 3)), np.zeros((4, 2)), 1.0)
        raise KeyboardInterrupt


def test_parameters_come_back_after_an_interrupt() -> None:
    """What was learnt so far is in the network's own arrays, whatever ends the block."""
    net = init_net((3, 2), seed=1)
    (own,), before = net.weights, net.weights[0].copy()
    with pytest.raises(KeyboardInterrupt):
        interrupted(net)
    assert net.weights[0] is own
    assert np.abs(own - before).max() > 1e-3
