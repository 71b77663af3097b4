"""Errors at the edge: each names the argument, what was expected and what came."""

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import backprop
import checks
from backprop import cost, forward, init_net, validation
from backprop.costs import COSTS
from tests.backprop.test_arguments import message

# --- init_net ---------------------------------------------------------------------------------


# --- x ----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("x", "came"),
    [
        (np.zeros((2, 4)), "(2, 4)"),
        (np.zeros((3, 2)), "(3, 2)"),
        (np.zeros((0, 3)), "(0, 3)"),
        (np.zeros((1, 2, 3)), "(1, 2, 3)"),
        (np.zeros(3), "(3,); a single sample is x[None, :]"),
        (0.0, "()"),
        ([], "(0,); a single sample is x[None, :]"),
    ],
)
def test_shape_of_x(x: Any, came: str) -> None:
    """(batch, n_in) with a sample at least; a lone sample is told how to become a batch."""
    told = message(ValueError, forward, init_net((3, 2)), x)
    assert told == f"x: expected shape (batch, 3) with a batch of 1 or more, got {came}"


@pytest.mark.parametrize("dtype", [complex, object, "U3", "M8[s]"])
def test_dtype_of_x(dtype: Any) -> None:
    """Real numbers of any kind are taken; others are named."""
    x = np.zeros((2, 3), dtype)
    told = message(TypeError, forward, init_net((3, 2)), x)
    assert told == f"x: expected an array of real numbers, got dtype {x.dtype}"


def test_ragged_x() -> None:
    """Rows of different lengths are not an array."""
    told = message(ValueError, forward, init_net((3, 2)), [[1, 2, 3], [1, 2]])
    assert told.startswith("x: expected a rectangular array, got ")


@pytest.mark.parametrize(("value", "came"), [(np.nan, "nan"), (np.inf, "inf"), (-np.inf, "-inf")])
def test_x_must_be_finite(value: float, came: str) -> None:
    """The first such number is named with its place."""
    x = np.zeros((2, 3))
    x[1, 2] = value
    told = message(ValueError, forward, init_net((3, 2)), x)
    assert told == f"x: expected finite numbers, got {came} at x[1, 2]"


def test_x_beyond_float32() -> None:
    """A number that the parameters' dtype cannot hold is refused without a warning."""
    told = message(ValueError, forward, init_net((3, 2), dtype="float32"), np.full((1, 3), 1e300))
    assert told.startswith("x: expected finite numbers, got ")


@pytest.mark.parametrize("x", [[[1, 0, 1]], np.ones((1, 3), bool), np.ones((1, 3), np.uint8)])
def test_x_of_real_numbers_is_taken(x: Any) -> None:
    """Lists, booleans and bytes become the parameters' dtype."""
    found = validation.inputs(init_net((3, 2), dtype="float32"), x)
    assert found.dtype == np.float32


# --- y ----------------------------------------------------------------------------------------


def told_of_y(y: Any, *, n_out: int = 2, cost_name: str = "quadratic") -> str:
    """What is said of targets for two samples."""
    with pytest.raises((ValueError, TypeError)) as caught:
        cost(init_net((3, n_out), cost=cost_name), np.zeros((2, 3)), y)
    return str(caught.value)


@pytest.mark.parametrize(
    ("labels", "where"),
    [([0, 2], "y[1] = 2"), ([-1, 0], "y[0] = -1"), ([5, -5], "y[0] = 5")],
)
def test_labels_out_of_range(labels: list[int], where: str) -> None:
    """The first label that no output stands for is named with its place."""
    expected = f"y: expected labels from 0 to 1, one for each output, got {where}"
    assert told_of_y(np.array(labels)) == expected


def test_unsigned_labels_out_of_range() -> None:
    """Labels as they come from a file of bytes are checked too."""
    assert told_of_y(np.array([0, 255], np.uint8)).endswith("got y[1] = 255")


@pytest.mark.parametrize("labels", [[0], [0, 1, 0], []])
def test_as_many_labels_as_samples(labels: list[int]) -> None:
    """One a sample."""
    told = told_of_y(np.array(labels, int))
    assert told == f"y: expected 2 labels, one a sample, got {len(labels)}"


@pytest.mark.parametrize(
    "y",
    [
        np.zeros(2),
        np.zeros((2, 3)),
        np.zeros((3, 2)),
        np.zeros((2, 1), int),
        np.zeros(2, bool),
        np.float32(1),
    ],
)
def test_shape_of_y(y: Any) -> None:
    """Labels must be whole numbers in one dimension; targets have a column for each output.

    What came is told in the dtype that it came in.
    """
    told = told_of_y(y)
    assert told.startswith("y: expected targets of shape (2, 2) or 2 whole-number labels, got ")
    assert told.endswith(f"got shape {np.shape(y)} of {y.dtype}")


def test_dtype_of_y() -> None:
    """Complex targets are not taken, nor words."""
    assert told_of_y(np.zeros((2, 2), complex)) == (
        "y: expected an array of real numbers, got dtype complex128"
    )
    assert told_of_y(np.array(["zero", "one"])).startswith("y: expected an array of real numbers")


@pytest.mark.parametrize("cost_name", ["cross-entropy", "softmax-cross-entropy"])
@pytest.mark.parametrize("value", [-0.25, 1.5])
def test_targets_beyond_zero_and_one(cost_name: str, value: float) -> None:
    """The logarithmic costs take shares; the range that came is told."""
    y = np.array([[0, 1], [value, 0]])
    assert told_of_y(y, cost_name=cost_name) == (
        f"y: expected targets between 0 and 1 for cost {cost_name!r},"
        f" got {min(value, 0):g} to {max(value, 1):g}"
    )


def test_quadratic_takes_any_targets() -> None:
    """Half the squared error is defined for all of them."""
    assert cost(init_net((3, 2)), np.zeros((2, 3)), np.array([[-7, 9], [0, 4]])) > 0


@pytest.mark.parametrize("cost_name", COSTS)
@pytest.mark.parametrize("value", [np.nan, np.inf])
def test_y_must_be_finite(cost_name: str, value: float) -> None:
    """NaN and infinity are told for what they are, whatever the cost."""
    y = np.array([[0, 1], [0, value]])
    told = told_of_y(y, cost_name=cost_name)
    assert told == f"y: expected finite numbers, got {value} at y[1, 1]"


@pytest.mark.parametrize("labels", [np.array([1, 0]), np.array([1, 0], np.uint8), [1, 0]])
def test_labels_become_one_hot_rows(labels: Any) -> None:
    """In the parameters' own dtype."""
    found = validation.targets(init_net((3, 2), dtype="float32"), labels, 2)
    assert found.tolist() == [[0, 1], [1, 0]]
    assert found.dtype == np.float32


# --- net --------------------------------------------------------------------------------------


X, LABELS = np.ones((1, 3)), np.zeros(1, int)


TAKERS: list[Callable[..., Any]] = [
    lambda net: backprop.forward(net, X),
    lambda net: backprop.backward(net, [X, np.ones((1, 2))], LABELS),
    lambda net: backprop.cost(net, X, LABELS),
    lambda net: backprop.gradients(net, X, LABELS),
    lambda net: backprop.train(net, (X, LABELS)),
    lambda net: checks.verify(net, X, LABELS),
    backprop.optimize,
    backprop.zero_grad,
]


@pytest.mark.parametrize("call", TAKERS)
@pytest.mark.parametrize("net", [None, "3-2", (3, 2)])
def test_what_is_no_network_is_told(call: Callable[..., Any], net: Any) -> None:
    """By every function that takes one."""
    assert message(TypeError, call, net) == (
        f"net: expected a Network, as init_net((784, 40, 10)) returns one, got {net!r}"
    )


@pytest.mark.parametrize("call", TAKERS)
@pytest.mark.parametrize("dtype", [np.float16, int])
def test_parameters_of_another_dtype_are_told(call: Callable[..., Any], dtype: Any) -> None:
    """In a network put together by hand, or converted; the first of them is named."""
    net = init_net((3, 2))
    net.biases[0] = net.biases[0].astype(dtype)
    assert message(TypeError, call, net) == (
        f"net: expected parameters of float32 or float64, got {np.dtype(dtype)} in b1;"
        " convert them with astype"
    )


@pytest.mark.parametrize("call", TAKERS)
@pytest.mark.parametrize(
    ("kind", "layer", "size", "expected"),
    [
        ("weights", 1, (5, 2), "W2 of shape (4, 2), as the other parameters have it, got (5, 2)"),
        ("weights", 0, (3, 5), "W1 of shape (3, 4), as the other parameters have it, got (3, 5)"),
        ("biases", 1, (2, 1), "b2 of shape (2,), as the other parameters have it, got (2, 1)"),
    ],
)
def test_parameters_that_do_not_fit_each_other_are_told(
    call: Callable[..., Any], kind: str, layer: int, size: tuple[int, ...], expected: str
) -> None:
    """The first one that does not fit those beside it, with the shape that would."""
    net = init_net((3, 4, 2))
    getattr(net, kind)[layer] = np.ones(size)
    assert message(ValueError, call, net) == (
        f"net: expected {expected}; make it fit, or begin with init_net(shape)"
    )


@pytest.mark.parametrize("dtype", [np.float32, np.float64, np.complex64, np.complex128])
def test_parameters_may_be_complex(dtype: Any) -> None:
    """As the complex step needs them."""
    net = init_net((3, 2))
    net.weights[0] = net.weights[0].astype(dtype)
    assert forward(net, X)[-1].shape == (1, 2)
