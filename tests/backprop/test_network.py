"""The network: what a shape and a seed become, zero_grad, and the step."""

import numpy as np
import pytest

from backprop import Network, backward, forward, init_net, optimize, zero_grad
from backprop.activations import ACTIVATIONS
from backprop.costs import COSTS


def trained_on_nothing(net: Network) -> list[list[float]]:
    """All parameters as plain numbers."""
    return [p.ravel().tolist() for p in (*net.weights, *net.biases)]


def test_defaults_are_the_originals() -> None:
    """784-40-10, sigmoid everywhere, half the squared error, double precision."""
    net = init_net()
    assert net.shape == (784, 40, 10)
    assert (net.shape_text, net.size) == ("784-40-10", 784 * 40 + 40 + 40 * 10 + 10)
    assert net.activations == ("sigmoid", "sigmoid")
    assert net.cost == "quadratic"
    assert net.dtype == np.float64


def test_tensors_are_shaped_by_their_layers() -> None:
    """(n_in, n_out) and (n_out,), accumulators alike and empty."""
    net = init_net((3, 1, 4, 2))
    assert [W.shape for W in net.weights] == [(3, 1), (1, 4), (4, 2)]
    assert [b.shape for b in net.biases] == [(1,), (4,), (2,)]
    for p, total in zip(net.weights + net.biases, net.dW + net.db, strict=True):
        assert (total.shape, total.dtype) == (p.shape, p.dtype)
        assert not total.any()
    assert net.samples == 0


def test_parameters_go_by_name_and_come_back_in_their_order() -> None:
    """They are the arrays themselves; a network with others leaves the first as it was."""
    net = init_net((3, 4, 2), activation="tanh", cost="cross-entropy")
    net.samples = 7
    assert list(net.parameters) == ["W1", "b1", "W2", "b2"]
    own = [net.weights[0], net.biases[0], net.weights[1], net.biases[1]]
    assert all(p is q for p, q in zip(net.parameters.values(), own, strict=True))
    other = net.with_parameters(1j * p for p in own)
    assert [p.dtype.kind for p in other.weights + other.biases] == ["c"] * 4
    assert all(
        np.array_equal(q, 1j * p) for p, q in zip(own, other.parameters.values(), strict=True)
    )
    assert (other.activations, other.cost) == (net.activations, net.cost)
    assert (other.dW, other.db, other.samples) == ([], [], 0)
    assert net.samples == 7


def test_a_cast_network_is_the_same_in_another_precision() -> None:
    """Equal parameters of its own, twice as wide, and with what goes with them."""
    net = init_net((3, 2), activation="tanh", dtype=np.float32)
    twin = net.astype(np.float64)
    assert (twin.dtype, twin.activations, twin.samples) == (np.dtype(float), net.activations, 0)
    assert np.array_equal(twin.weights[0], net.weights[0])
    assert not np.shares_memory(net.astype(np.float32).weights[0], net.weights[0])


def test_weights_have_variance_one_over_n_in() -> None:
    """So that a pre-activation's spread does not grow with the layer before it; biases have 1."""
    net = init_net((900, 400, 1))
    assert net.weights[0].std() * 30 == pytest.approx(1, rel=0.01)
    assert net.weights[1].std() * 20 == pytest.approx(1, rel=0.1)
    assert net.biases[0].std() == pytest.approx(1, rel=0.1)


def test_a_seed_gives_the_same_bits() -> None:
    """And another seed gives other ones; a generator of that seed is that seed."""
    first = trained_on_nothing(init_net((4, 3, 2), seed=7))
    assert trained_on_nothing(init_net((4, 3, 2), seed=7)) == first
    assert trained_on_nothing(init_net((4, 3, 2), seed=np.random.default_rng(7))) == first
    assert trained_on_nothing(init_net((4, 3, 2), seed=8)) != first


def test_float32_is_the_float64_network_rounded() -> None:
    """The two precisions of a seed are the same network."""
    narrow, wide = init_net((4, 3), dtype="float32", seed=3), init_net((4, 3), seed=3)
    assert narrow.dtype == np.float32
    assert np.array_equal(narrow.weights[0], wide.weights[0].astype(np.float32))
    assert narrow.dW[0].dtype == np.float32


@pytest.mark.parametrize("cost", COSTS)
@pytest.mark.parametrize("name", [name for name, f in ACTIVATIONS.items() if not f.coupled])
def test_one_name_serves_all_layers_but_the_costs_own(name: str, cost: str) -> None:
    """A single name leaves the output to a cost that brings its own."""
    net = init_net((2, 2, 2), activation=name, cost=cost)
    assert net.activations == (name, COSTS[cost].output or name)


def test_a_name_for_each_layer() -> None:
    """A list of names is taken as it is, from the input on."""
    net = init_net((2, 3, 2, 1), activation=["relu", "tanh", "identity"])
    assert net.activations == ("relu", "tanh", "identity")
    assert [f for _, _, f in net.layers()] == [ACTIVATIONS[n] for n in net.activations]


def test_repr_is_one_line() -> None:
    """Shape, activations, cost and dtype, in place of arrays."""
    net = init_net((2, 3, 1), cost="cross-entropy", activation="tanh")
    assert repr(net) == "<Network 2-3-1, tanh, sigmoid, cross-entropy, float64>"


def example(samples: int = 2) -> Network:
    """2-1, identity, holding the gradient sums (2, 4) and 6 of that many samples."""
    net = init_net((2, 1), activation="identity")
    net.weights[0][:], net.biases[0][:] = [[1], [2]], 3
    net.dW[0][:], net.db[0][:], net.samples = [[2], [4]], 6, samples
    return net


@pytest.mark.parametrize(("samples", "expected"), [(2, [0.5, 1, 1.5]), (4, [0.75, 1.5, 2.25])])
def test_step_is_rate_times_the_mean(samples: int, expected: list[float]) -> None:
    """Along minus the mean of what was accumulated, in place, and the sums are kept."""
    net = example(samples)
    W, b = net.weights[0], net.biases[0]
    optimize(net, learning_rate=0.5)
    assert [*W.ravel(), *b] == expected
    assert W is net.weights[0]
    assert b is net.biases[0]
    assert net.dW[0].tolist() == [[2], [4]]
    assert net.samples == samples


def test_default_rate_is_five() -> None:
    """W - 5 × 2 / 2."""
    net = example()
    optimize(net)
    assert net.weights[0].tolist() == [[-4], [-8]]


def test_nothing_accumulated_no_step() -> None:
    """With no samples there is no mean, and nothing moves or warns."""
    net = example(samples=0)
    optimize(net)
    assert net.weights[0].tolist() == [[1], [2]]


def test_float32_parameters_stay_float32() -> None:
    """A step does not widen them."""
    net = init_net((2, 1), dtype=np.float32)
    backward(net, forward(net, np.ones((1, 2))), np.zeros((1, 1)))
    optimize(net, learning_rate=0.1)
    assert {p.dtype for p in net.weights + net.biases} == {np.dtype(np.float32)}


def test_zero_grad_empties_in_place() -> None:
    """Sums and samples go to zero in the arrays that are there."""
    net = example()
    dW = net.dW[0]
    zero_grad(net)
    assert dW is net.dW[0]
    assert not dW.any()
    assert not net.db[0].any()
    assert net.samples == 0


def test_zero_grad_makes_what_is_missing() -> None:
    """A network put together by hand gets its accumulators."""
    net = example()
    net.dW, net.db = [], []
    zero_grad(net)
    assert net.dW[0].shape == (2, 1)
    assert net.db[0].shape == (1,)


@pytest.mark.parametrize("rate", [0, -1.0, float("nan"), float("inf")])
def test_rate_must_be_a_finite_number_above_zero(rate: float) -> None:
    """The message names the argument, what was expected and what came; nothing moves."""
    net = example()
    with pytest.raises(ValueError) as caught:
        optimize(net, learning_rate=rate)
    assert str(caught.value).startswith("learning_rate: expected a finite number above 0, got ")
    assert repr(rate) in str(caught.value)
    assert net.weights[0].tolist() == [[1], [2]]


def test_descent_descends() -> None:
    """A hundred steps on one sample bring its cost down to next to nothing."""
    net, x, y = init_net((3, 4, 2)), np.ones((1, 3)), np.array([[0.2, 0.7]])
    for _ in range(100):
        zero_grad(net)
        backward(net, forward(net, x), y)
        optimize(net)
    assert np.abs(forward(net, x)[-1] - y).max() < 1e-3


def test_the_seed_is_zero_by_default_and_options_go_by_name() -> None:
    """A second positional argument would be read as one thing today and another tomorrow."""
    assert np.array_equal(init_net((3, 2)).weights[0], init_net((3, 2), seed=0).weights[0])
    with pytest.raises(TypeError):
        init_net((3, 2), "tanh")  # type: ignore[call-arg]
    with pytest.raises(TypeError):
        Network([np.ones((2, 1))], [np.ones(1)], ("tanh",), "quadratic")  # type: ignore[call-arg]


def test_a_network_starts_with_nothing_accumulated() -> None:
    """Made by hand, it has no accumulators, and has seen no sample."""
    net = Network(
        weights=[np.ones((2, 1))], biases=[np.ones(1)], activations=("tanh",), cost="quadratic"
    )
    assert (net.dW, net.db, net.samples) == ([], [], 0)


def test_parts_that_do_not_match_are_no_network() -> None:
    """A layer without biases, or accumulators of another network, are not passed over."""
    net = init_net((3, 2, 2))
    net.samples, net.db = 1, net.db[:1]
    with pytest.raises(ValueError, match="zip"):
        optimize(net)
    del net.biases[-1]
    with pytest.raises(ValueError, match="zip"):
        list(net.layers())
