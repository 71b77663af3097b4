"""Numbers, names and shapes: each error names the argument, what was expected and what came."""

from collections.abc import Callable
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest

from backprop import arguments, init_net
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
