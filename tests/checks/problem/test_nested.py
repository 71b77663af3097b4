import collections
import types
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from checks.problem import nested


class Layer(NamedTuple):
    """A tuple with names, as parameters often are."""

    W: Any
    b: Any


@dataclass(frozen=True)
class Dense:
    """A dataclass with parameters, and with fields that are none."""

    W: Any
    b: Any
    name: str = "dense"
    width: int = 3
    slope: Callable[[Any], Any] = np.cos


LEAVES = st.integers(0, 3).map(lambda n: np.arange(float(n)))
NESTS = st.recursive(
    LEAVES,
    lambda inner: (
        st.lists(inner, min_size=1, max_size=3)
        | st.lists(inner, min_size=1, max_size=3).map(tuple)
        | st.dictionaries(st.sampled_from("abc"), inner, min_size=1)
        | st.tuples(inner, inner).map(lambda pair: Layer(*pair))
    ),
    max_leaves=8,
)


@given(NESTS)
def test_rebuilding_with_the_flattened_arrays_gives_the_same_nest(given: Any) -> None:
    """Types, keys, order and the arrays themselves come back."""
    arrays = nested.flatten(given, root="params")
    again = nested.rebuild(given, iter(arrays.values()))
    assert _same(given, again)


@given(NESTS)
def test_rebuilding_with_other_arrays_puts_each_where_its_path_says(given: Any) -> None:
    """Flattening what was rebuilt finds the new arrays under the old paths."""
    moved = {path: array + 1 for path, array in nested.flatten(given, root="params").items()}
    again = nested.flatten(nested.rebuild(given, iter(moved.values())), root="params")
    assert list(again) == list(moved)
    assert all(again[path] is moved[path] for path in moved)


def test_paths_join_keys_and_positions_with_dots() -> None:
    """A lone array is called by the root's name."""
    layers = {"layers": [Layer(W=np.ones(2), b=1.0), {"gain": np.ones(1)}], 3: np.ones(1)}
    assert list(nested.flatten(layers, root="params")) == [
        "layers.0.W",
        "layers.0.b",
        "layers.1.gain",
        "3",
    ]
    assert list(nested.flatten(np.ones(2), root="x")) == ["x"]


def test_a_dataclass_is_a_nest_of_its_arrays() -> None:
    """By the names of its fields; what else it has comes back as it was."""
    given = {"hidden": Dense(W=np.ones((2, 2)), b=0.5, name="first"), "out": np.zeros(1)}
    assert list(nested.flatten(given, root="params")) == ["hidden.W", "hidden.b", "out"]
    arrays = [np.zeros((2, 2)), np.asarray(2.0), np.ones(1)]
    again = nested.rebuild(given, iter(arrays))["hidden"]
    assert again.W is arrays[0]
    assert (again.b, again.name, again.width, again.slope) == (2.0, "first", 3, np.cos)


@pytest.mark.parametrize(
    "found",
    [
        Dense(W=[1.0, 2.0], b=3.0),
        Layer(W=[1.0, 2.0], b=3.0),
        {"b": 3.0, "W": np.asarray([1.0, 2.0])},
        (np.asarray([1.0, 2.0]), 3.0),
    ],
)
@pytest.mark.parametrize("kind", [Dense, Layer])
def test_a_gradient_goes_by_fields_or_their_order(kind: Any, found: Any) -> None:
    """It need not be of the parameters' own class."""
    like = kind(W=np.zeros(2), b=0.0)
    gradient = nested.follow(found, like, root="params")
    assert list(gradient) == ["W", "b"]
    np.testing.assert_array_equal(gradient["W"], [1.0, 2.0])
    assert gradient["b"] == 3


def test_a_field_too_many_or_too_few_is_seen() -> None:
    """By the paths of what was found, as of any other nest."""
    like = Dense(W=np.zeros(2), b=0.0)
    assert list(nested.follow({"W": np.zeros(2)}, like, root="params")) == ["W"]
    found = nested.follow({"W": np.zeros(2), "c": 1.0}, like, root="params")
    assert list(found) == ["W", "c"]
    assert list(nested.follow(np.zeros(2), like, root="params")) == ["params"]


def test_two_arrays_with_one_path_are_refused_and_named() -> None:
    """Otherwise one of them would never be checked."""
    with pytest.raises(ValueError) as caught:
        nested.flatten({"a.b": np.ones(1), "a": {"b": np.ones(1)}}, root="params")
    assert str(caught.value) == ("params: expected a different path to each array, got 'a.b' twice")


@pytest.mark.parametrize(
    "kind",
    [
        collections.OrderedDict,
        types.MappingProxyType,
        lambda items: collections.defaultdict(list, items),
    ],
)
def test_other_mappings_keep_what_they_can_do(kind: Any) -> None:
    """A rebuilt mapping is looked up like the one it came from."""
    given = kind({"w": np.ones(2)})
    again = nested.rebuild(given, iter([np.zeros(2)]))
    assert type(again) is type(given)
    assert again["w"].sum() == 0


def test_a_bare_number_comes_back_as_a_number() -> None:
    """A function written for floats goes on getting scalars, complex ones too."""
    assert nested.rebuild(2.0, iter([np.asarray(3.0)])) == 3
    assert isinstance(nested.rebuild(2.0, iter([np.asarray(1j)])), np.complexfloating)


def test_a_coordinate_is_written_as_the_text_writes_it() -> None:
    """With an index in brackets, without where there is none."""
    assert nested.coordinate("W2", (17, 3)) == "W2[17, 3]"
    assert nested.coordinate("b", ()) == "b"


def _same(one: Any, other: Any) -> bool:
    if type(one) is not type(other):
        return False
    if isinstance(one, dict):
        return list(one) == list(other) and all(_same(one[key], other[key]) for key in one)
    if isinstance(one, list | tuple):
        return len(one) == len(other) and all(map(_same, one, other))
    return one is other


def circle(kind: str) -> Any:
    """A nest that holds itself."""
    if kind == "list":
        nest: Any = [np.ones(2)]
        nest.append(nest)
    elif kind == "dict":
        nest = {"a": np.ones(2)}
        nest["b"] = nest
    else:
        nest = [np.ones(2)]
        for _ in range(2000):
            nest = [nest]
    return nest


@pytest.mark.parametrize("kind", ["list", "dict", "deep"])
def test_what_has_no_end_within_reach_is_refused(kind: str) -> None:
    """As parameters and as a gradient; Python would give up with an error of its own."""
    said = "expected lists, tuples and dicts at most 100 deep, got deeper ones, or one that holds"
    with pytest.raises(ValueError, match=f"params: {said}"):
        nested.flatten(circle(kind), root="params")
    with pytest.raises(ValueError, match=f"gradients: {said}"):
        nested.follow(circle(kind), np.ones(2), root="params")


def test_what_is_deep_but_ends_is_taken() -> None:
    """As far as it is promised."""
    nest: Any = np.ones(2)
    for _ in range(100):
        nest = [nest]
    assert list(nested.flatten(nest, root="params")) == [".".join("0" * 100)]
    with pytest.raises(ValueError, match="at most 100 deep"):
        nested.flatten([nest], root="params")
