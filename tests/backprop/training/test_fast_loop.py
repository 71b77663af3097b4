"""The loop's buffers: what is gathered, what is stepped, and what is left as it was."""

import tracemalloc
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from backprop import Network, backward, forward, init_net, optimize
from backprop.activations import ACTIVATIONS, Activation
from backprop.costs import COSTS
from backprop.training.fast_loop import Loop
from backprop.training.minibatches import Batches
from tests.checks.helpers import by_position

IMAGES = np.arange(30, dtype=np.uint8).reshape(10, 3)
TARGETS = np.eye(10, 2)

# Five steps, of sums of at most twenty terms that are added in another order.
ROUNDING = 5 * 20 * np.finfo(float).eps


def test_options_are_given_by_name() -> None:
    """Peak and batch are."""
    assert (by_position(Loop), by_position(Batches)) == (["net"], ["x", "y"])


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


class Swish:
    """A formula that keeps its z, from which its slope is made; nothing says that it must not."""

    def function(self, z: Any) -> Any:
        """The value z s(z)."""
        self.share = 1 / (1 + np.exp(-z))
        return z * self.share

    def slope(self, a: Any) -> Any:
        """The slope s + a (1 - s)."""
        return self.share + a * (1 - self.share)


def leaky(z: Any) -> Any:
    """One unit after the other, so that they lie that way; whole numbers where none is negative."""
    return np.array([[max(v, v / 10) for v in unit] for unit in z.T]).T


def guarded(z: Any) -> Any:
    """The logarithm of 1 + e^z, by whether that overflows."""
    try:
        with np.errstate(over="raise"):
            return np.log(1 + np.exp(z))
    except FloatingPointError:
        return np.where(z > 20, z, np.log(1 + np.exp(np.minimum(z, 20))))


swish = Swish()
OWN = {
    "swish": Activation(function=swish.function, slope=swish.slope),
    "leaky": Activation(
        function=leaky, slope=lambda a: np.array([[1 if v > 0 else 0.1 for v in r] for r in a])
    ),
    "wide": Activation(
        function=lambda z: np.tanh(z) * np.sqrt(2), slope=lambda a: np.sqrt(2) - a**2 / np.sqrt(2)
    ),
    "guarded": Activation(function=guarded, slope=lambda a: 1 - np.exp(-a)),
}


@pytest.fixture
def own_activations(monkeypatch: pytest.MonkeyPatch) -> None:
    """Activations as users write them, of which nothing is recorded."""
    for name, activation in OWN.items():
        monkeypatch.setitem(ACTIVATIONS, name, activation)


def far_apart(shape: Any, layers: Any, cost: str, dtype: Any, *, longest: float = 1.0) -> float:
    """How far loop and passes end from one another, in units of the largest parameter.

    After minibatches of two sizes at changing rates, the later inputs up to `longest` in size.
    """
    fast, plain = (
        init_net(shape, activation=layers, cost=cost, seed=4, dtype=dtype) for _ in range(2)
    )
    own = [*fast.weights, *fast.biases]
    rng = np.random.default_rng(0)
    x, y = rng.random((18, 3)).astype(dtype), rng.random((18, 2)).astype(dtype)
    x[8:] *= longest
    minibatches = [slice(0, 4), slice(4, 8), slice(8, 11), slice(11, 15), slice(15, 18)]
    with Loop(fast) as steps:
        for count, rows in enumerate(minibatches):
            steps.step(x[rows], y[rows], 0.5**count / longest)
    for count, rows in enumerate(minibatches):
        plain.dW, plain.db, plain.samples = [], [], 0
        backward(plain, forward(plain, x[rows]), y[rows])
        optimize(plain, 0.5**count / longest)
    assert all(a is b for a, b in zip(own, [*fast.weights, *fast.biases], strict=True))
    ours, theirs = (
        np.concatenate([p.reshape(-1) for p in (*net.weights, *net.biases)])
        for net in (fast, plain)
    )
    assert np.isfinite(theirs).all()
    return float(np.abs(ours - theirs).max() / np.abs(theirs).max())


@pytest.mark.usefixtures("own_activations")
@pytest.mark.parametrize("first", [*(name for name in ACTIVATIONS if name != "softmax"), *OWN])
@pytest.mark.parametrize("shape", [(3, 2), (3, 5, 2), (3, 4, 4, 2)])
@pytest.mark.parametrize("cost", [*COSTS])
def test_steps_are_those_of_the_passes(shape: tuple[int, ...], first: str, cost: str) -> None:
    """Whatever the formulas, recorded or not, and in the arrays that the network had before."""
    layers = [first, *["sigmoid"] * (len(shape) - 2)]
    layers[-1] = COSTS[cost].output or layers[-1]
    assert far_apart(shape, layers, cost, np.float64) < ROUNDING


@pytest.mark.usefixtures("own_activations")
def test_a_condition_is_asked_of_every_minibatch() -> None:
    """Where only a later one overflows."""
    assert far_apart((3, 2), "guarded", "quadratic", np.float64, longest=3000.0) < ROUNDING


@pytest.mark.usefixtures("own_activations")
def test_the_network_s_own_dtype_is_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    """Where a formula has a constant in double precision, too, recorded or not."""
    apart = far_apart((3, 5, 2), ["wide", "sigmoid"], "quadratic", np.float32)
    assert apart < 5 * 20 * np.finfo(np.float32).eps
    monkeypatch.setitem(ACTIVATIONS, "wide", replace(OWN["wide"], recorded=True))
    assert far_apart((3, 5, 2), ["wide", "sigmoid"], "quadratic", np.float32) == apart


def test_a_minibatch_of_other_inputs_is_refused() -> None:
    """A single column would fit any buffer."""
    with Loop(init_net((3, 2))) as steps:
        steps.step(np.ones((4, 3)), np.zeros((4, 2)), 1.0)
        with pytest.raises(ValueError, match="not aligned"):
            steps.step(np.ones((4, 1)), np.zeros((4, 2)), 1.0)


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
