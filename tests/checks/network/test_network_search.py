from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import find, given
from hypothesis import strategies as st

from backprop.costs import COSTS
from checks.methods.options import CheckOptions
from checks.network.faults.catalogue import FAULTS, plant
from checks.network.network_search import NetworkSpace, network_at
from checks.network.random_networks import random_network_and_batch
from checks.searching.examples import Build, Example
from checks.searching.search import look

Drawn = tuple[Example, Build]
OPTIONS = CheckOptions()


@st.composite
def examples(draw: st.DrawFn, space: NetworkSpace) -> Drawn:
    """As a search draws them."""
    return space.example(draw, None)


@given(examples(NetworkSpace()))
def test_every_example_makes_its_problem(drawn: Drawn) -> None:
    """Of its shape and dtype, at its point, and with a command that repeats it."""
    example, build = drawn
    problem, point = build()
    assert problem is not None
    assert point == example.point
    assert problem.values[0].shape == example.shape[:2]
    assert problem.dtype == example.dtype
    assert len(problem.inputs["x"]) == example.batch_size


def test_the_simplest_is_the_smallest_network() -> None:
    """Of one unit, and what needs no option."""
    space = NetworkSpace()
    example, _ = find(examples(space), lambda _: True)
    assert example.shape == (1, 1)
    assert space.repeat(example) == "gradcheck 1 1 --batch-size 1 --point rounded --seed 0"


@given(examples(NetworkSpace(activation="relu,softmax", point="small")))
def test_what_is_held_goes_together(drawn: Drawn) -> None:
    """A softmax at the output has one cost, and two names are two layers."""
    example, _ = drawn
    assert example.kinds == {"activation": "relu,softmax", "cost": "softmax-cross-entropy"}
    assert (len(example.shape), example.point) == (3, "small")


def test_costs_that_do_not_go_with_what_is_held_are_told() -> None:
    """As `init_net` tells them."""
    assert NetworkSpace(activation="relu").require_costs() == list(COSTS)
    with pytest.raises(ValueError, match="softmax couples the units"):
        NetworkSpace(activation="softmax,relu").require_costs()
    with pytest.raises(ValueError, match="one for each of 1 layers"):
        NetworkSpace(activation="tanh,relu", shape=(3, 2)).require_costs()


def test_a_network_as_made_is_the_one_of_its_shape() -> None:
    """At other points it is that one, moved, with round inputs."""
    given: Any = {"activation": "tanh", "cost": "quadratic", "batch_size": 3, "seed": 4}
    net, x, y, _ = random_network_and_batch((3, 2), **given)
    same, same_x, same_y, _ = network_at((3, 2), **given)
    assert np.array_equal(same.weights[0], net.weights[0])
    assert np.array_equal(same_x, x)
    assert np.array_equal(same_y, y)
    round_, round_x, _, _ = network_at((3, 2), **given, point="rounded")
    assert round_.weights[0][0, 0] == float(f"{net.weights[0][0, 0]:.0e}")
    assert round_x[0, 0] == float(f"{x[0, 0]:.0e}")


@pytest.mark.parametrize(
    ("code", "shape", "batch_size"),
    [
        ("sign", [1, 1], 1),
        pytest.param("transpose", [2, 2], 1, marks=pytest.mark.slow),
        ("sum-for-mean", [1, 1], 2),
        ("bias-all", [1, 2], 1),
        ("relu-at-least", [1, 1], 1),
        pytest.param("slope-of-neighbour", [1, 1, 1], 1, marks=pytest.mark.slow),
        pytest.param("reshaped-weights", [1, 2, 2], 1, marks=pytest.mark.slow),
        pytest.param("noise", [1, 1, 1], 1, marks=pytest.mark.slow),
    ],
)
def test_a_fault_is_found_at_the_smallest_size_that_shows_it(
    code: str, shape: list[int], batch_size: int
) -> None:
    """Some of each kind; `benchmarks/search_faults.py` has all of them."""
    (fault,) = [fault for fault in FAULTS if fault.code == code]
    with plant(fault):
        found = look(
            NetworkSpace(), OPTIONS, examples=200, seconds=None, database=None, progress=False
        )
    assert found.verdict == "fail"
    assert found.example is not None
    assert (found.example["shape"], found.example["batch_size"]) == (shape, batch_size)


def test_a_right_network_is_not_accused() -> None:
    """Of any kind, at any point, ReLU at zero among them."""
    for space in (NetworkSpace(), NetworkSpace(activation="relu", point="some-zeros")):
        found = look(space, OPTIONS, examples=60, seconds=None, database=None, progress=False)
        assert found.verdict == "pass", str(found)
