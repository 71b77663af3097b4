"""Errors at the edge: each names the argument, what was expected and what came."""

from collections.abc import Callable
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest

import backprop
import checks
from backprop import arguments, cost, forward, init_net, validation
from backprop.activations import ACTIVATIONS
from backprop.costs import COSTS

Array = npt.NDArray[Any]

NAMES = ", ".join(ACTIVATIONS)
COST_NAMES = ", ".join(COSTS)


def message(kind: type[Exception], call: Callable[..., Any], *args: Any, **options: Any) -> str:
    """What the caller is told."""
    with pytest.raises(kind) as caught:
        call(*args, **options)
    assert type(caught.value) is kind
    return str(caught.value)


# --- init_net ---------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("shape", "kind", "expected", "came"),
    [
        (784, TypeError, "a sequence of layer widths", "784"),
        ("784-40-10", TypeError, "a sequence of layer widths", "'784-40-10'"),
        (b"ab", TypeError, "a sequence of layer widths", "b'ab'"),
        (None, TypeError, "a sequence of layer widths", "None"),
        ((), ValueError, "at least two layer widths", "()"),
        ((784,), ValueError, "at least two layer widths", "(784,)"),
        ((784, 0), ValueError, "a whole number of 1 or more", "0"),
        ((784, -3), ValueError, "a whole number of 1 or more", "-3"),
        ((784, True), ValueError, "a whole number of 1 or more", "True"),
        ((784, 4.0), TypeError, "a whole number of 1 or more", "4.0"),
        ((784, "40"), TypeError, "a whole number of 1 or more", "'40'"),
        ((3, None), TypeError, "a whole number of 1 or more", "None"),
    ],
)
def test_shape(shape: Any, kind: type[Exception], expected: str, came: str) -> None:
    """At least two whole widths of one or more; anything else is told apart."""
    told = message(kind, init_net, shape)
    assert told.startswith("shape")
    assert f"expected {expected}" in told
    assert f"got {came}" in told


@pytest.mark.parametrize("shape", [(10**23, 3), (3, 10**12, 10**12)])
def test_shape_has_to_be_addressable(shape: tuple[int, ...]) -> None:
    """Weights beyond any address space are refused as such, before NumPy is at a loss for words."""
    sizes = " x ".join(map(str, shape[-2:]))
    expected = f"shape: expected sizes that fit into memory, got {sizes}; give smaller ones"
    assert message(ValueError, init_net, shape) == expected


def test_shape_names_the_width_that_is_wrong() -> None:
    """The position is part of the message."""
    assert message(ValueError, init_net, (3, 1, 0, 5)).startswith("shape[2]: ")


@pytest.mark.parametrize("shape", [[3, 2], (3, 2), np.array([3, 2]), (np.int64(3), np.uint8(2))])
def test_shape_may_be_any_sequence_of_whole_numbers(shape: Any) -> None:
    """Lists, tuples and NumPy's integers are as good as Python's own, and become these."""
    found = arguments.shape(shape)
    assert found == (3, 2)
    assert {type(width) for width in found} == {int}


@pytest.mark.parametrize(
    ("name", "hint"),
    [("sigmiod", "sigmoid"), ("Tanhh", "tanh"), ("rleu", "relu"), ("softpuls", "softplus")],
)
def test_misspelt_activation(name: str, hint: str) -> None:
    """All names are given, and the one that was probably meant."""
    assert message(ValueError, init_net, (2, 1), activation=name) == (
        f"activation: expected one of {NAMES}, got {name!r}; did you mean {hint!r}?"
    )


def test_unknown_activation() -> None:
    """Where nothing comes close, nothing is guessed."""
    assert message(ValueError, init_net, (2, 1), activation="qqq") == (
        f"activation: expected one of {NAMES}, got 'qqq'"
    )


def test_activation_of_a_layer() -> None:
    """In a list, the position is named."""
    told = message(ValueError, init_net, (2, 2, 1), activation=["sigmoid", "sine"])
    assert told.startswith("activation[1]: expected one of ")
    told = message(TypeError, init_net, (2, 2, 1), activation=["sigmoid", np.tanh])
    assert told.startswith(f"activation[1]: expected one of {NAMES}, got <ufunc")


def test_unknown_cost() -> None:
    """Costs are told like activations."""
    assert message(ValueError, init_net, (2, 1), cost="crossentropy") == (
        f"cost: expected one of {COST_NAMES}, got 'crossentropy'; did you mean 'cross-entropy'?"
    )
    assert message(TypeError, init_net, (2, 1), cost=None) == (
        f"cost: expected one of {COST_NAMES}, got None"
    )


@pytest.mark.parametrize("name", ["cross_entropy", "Cross-Entropy", "cross-entropy"])
def test_underscores_and_capitals_do_not_matter(name: str) -> None:
    """A cost is known however its name is joined."""
    assert init_net((2, 1), cost=name).cost == "cross-entropy"


@pytest.mark.parametrize("names", [["sigmoid"], ["sigmoid"] * 3, []])
def test_as_many_names_as_layers(names: list[str]) -> None:
    """One for all, or one for each."""
    told = message(ValueError, init_net, (2, 2, 1), activation=names)
    assert told == (f"activation: expected one name, or one for each of 2 layers, got {names!r}")


@pytest.mark.parametrize(
    ("names", "cost_name"),
    [
        (["softmax", "sigmoid"], "quadratic"),
        (["softmax", "softmax"], "softmax-cross-entropy"),
        (["sigmoid", "softmax"], "quadratic"),
        (["sigmoid", "softmax"], "cross-entropy"),
        ("softmax", "quadratic"),
        ("softmax", "softmax-cross-entropy"),
    ],
)
def test_misplaced_softmax(names: Any, cost_name: str) -> None:
    """Softmax stands at the output beside its own cost, and nowhere else."""
    told = message(ValueError, init_net, (2, 2, 2), activation=names, cost=cost_name)
    assert told.startswith(
        "activation: softmax couples the units of a layer, so it stands only at the output"
        " and with cost 'softmax-cross-entropy'; got ["
    )
    assert told.endswith(f"with cost {cost_name!r}")


def test_softmax_in_its_place() -> None:
    """At the output of its cost it is taken, named or left to the cost."""
    for names in (["tanh", "softmax"], "tanh"):
        net = init_net((2, 2, 2), activation=names, cost="softmax-cross-entropy")
        assert net.activations == ("tanh", "softmax")


def test_output_that_does_not_suit_the_cost() -> None:
    """The remedy is part of the message."""
    told = message(ValueError, init_net, (2, 1), activation=["tanh"], cost="cross-entropy")
    assert told == (
        "activation: cost 'cross-entropy' expected 'sigmoid' at the output, got 'tanh';"
        " give a single name to leave the output to the cost"
    )


@pytest.mark.parametrize("dtype", [np.float16, np.int64, complex, "longdouble", bool])
def test_dtype(dtype: Any) -> None:
    """Single or double precision, real."""
    told = message(TypeError, init_net, (2, 1), dtype=dtype)
    assert told == f"dtype: expected float32 or float64, got {np.dtype(dtype)}"


def test_dtype_that_is_none() -> None:
    """What is not a dtype at all is shown as it came."""
    told = message(TypeError, init_net, (2, 1), dtype="double precision")
    assert told == "dtype: expected float32 or float64, got 'double precision'"


@pytest.mark.parametrize(
    ("seed", "kind"), [(-1, ValueError), (True, ValueError), (1.5, TypeError), ("0", TypeError)]
)
def test_seed(seed: Any, kind: type[Exception]) -> None:
    """A whole number of zero or more, or a generator."""
    told = message(kind, init_net, (2, 1), seed=seed)
    assert told == f"seed: expected a whole number of 0 or more, got {seed!r}"


@pytest.mark.parametrize("rate", ["fast", None, [1.0]])
def test_positive_wants_a_number(rate: Any) -> None:
    """What is no number is a TypeError, with what came."""
    told = message(TypeError, arguments.positive, "learning_rate", rate)
    assert told == f"learning_rate: expected a number above 0, got {rate!r}"


@pytest.mark.parametrize("rate", [10**400, 10**10000], ids=["large", "unprintable"])
def test_positive_wants_a_float(rate: int) -> None:
    """A whole number beyond all floats is as good as infinite."""
    assert message(ValueError, arguments.positive, "learning_rate", rate) == (
        "learning_rate: expected a finite number above 0, got one too large for a float"
    )


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
