"""The loop's buffers: what is gathered, what is stepped, and what is left as it was."""

from typing import Any

import numpy as np
import pytest

from backprop import Network, backward, forward, init_net, loop, optimize
from backprop.loop import Batches, Loop

IMAGES = np.arange(30, dtype=np.uint8).reshape(10, 3)
TARGETS = np.eye(10, 2)


def batches(x: Any, peak: int | None, order: Any) -> list[tuple[Any, Any]]:
    """Copies of every minibatch of at most four."""
    found = Batches(x, TARGETS, batch=4, dtype=np.dtype(np.float32), peak=peak)
    return [(a.copy(), y.copy()) for a, y in found.of(np.asarray(order))]


def test_bytes_become_shares_of_the_peak() -> None:
    """In the order asked for, in float32, with the last minibatch as small as it is."""
    order = [9, 0, 5, 2, 7, 1]
    (first, _), (last, y) = batches(IMAGES, 29, order)
    assert first.dtype == np.float32
    assert (first.shape, last.shape) == ((4, 3), (2, 3))
    assert first == pytest.approx(IMAGES[order[:4]] / 29, rel=1e-6)
    assert last == pytest.approx(IMAGES[order[4:]] / 29, rel=1e-6)
    assert np.array_equal(y, TARGETS[order[4:]])


@pytest.mark.parametrize("ahead", [1, 4, 7, 8, 400])
def test_every_sample_comes_once_however_many_are_gathered(
    monkeypatch: pytest.MonkeyPatch, ahead: int
) -> None:
    """In minibatches of the same size, the last aside; and no more are gathered than asked for."""
    monkeypatch.setattr(loop, "AHEAD", ahead)
    order = [9, 0, 5, 2, 7, 1, 3, 8, 4, 6]
    found = batches(IMAGES, None, order)
    assert [len(x) for x, _ in found] == [4, 4, 2]
    assert np.array_equal(np.concatenate([x for x, _ in found]), IMAGES[order])
    assert np.array_equal(np.concatenate([y for _, y in found]), TARGETS[order])
    whole = Batches(IMAGES, TARGETS, batch=4, dtype=np.dtype(np.float32), peak=None)
    assert len(whole.inputs) == min(10, max(4, ahead // 4 * 4))


def test_numbers_are_taken_as_they_are() -> None:
    """Without a peak nothing is divided."""
    x = np.linspace(-1, 1, 30, dtype=np.float32).reshape(10, 3)
    ((found, _),) = batches(x, None, [3, 3, 8])
    assert np.array_equal(found, x[[3, 3, 8]])


@pytest.mark.parametrize("shape", [(3, 2), (3, 5, 2), (3, 4, 4, 2)])
def test_steps_are_those_of_the_passes(shape: tuple[int, ...]) -> None:
    """Two minibatches, the second a smaller one, in the arrays that the network had before."""
    fast, plain = (init_net(shape, seed=4) for _ in range(2))
    own = [*fast.weights, *fast.biases]
    rng = np.random.default_rng(0)
    x, y = rng.random((7, 3)), rng.random((7, 2))
    with Loop(fast) as steps:
        for rows in (slice(0, 4), slice(4, 7)):
            steps.step(x[rows], y[rows], 2.0)
    for rows in (slice(0, 4), slice(4, 7)):
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
