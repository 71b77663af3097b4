import collections
import types
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
        "layers.0.0",
        "layers.0.1",
        "layers.1.gain",
        "3",
    ]
    assert list(nested.flatten(np.ones(2), root="x")) == ["x"]


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
