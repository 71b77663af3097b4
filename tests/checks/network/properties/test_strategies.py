"""The strategies draw what they promise: valid, varied, told in words, and the same each time."""

from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, Phase, find, given, settings
from hypothesis import strategies as st

from backprop import init_net
from backprop.activations import ACTIVATIONS, Activation
from backprop.costs import COSTS
from backprop.network import Network
from checks.network.properties.strategies import (
    DATA,
    TARGETS,
    Case,
    activations,
    cases,
    minibatches,
    networks,
    register_profiles,
)
from checks.strategies import shapes
from checks.verdict.conduct import same_bits

MANY = settings(
    max_examples=200,
    derandomize=True,
    database=None,
    deadline=None,
    phases=[Phase.generate],
    suppress_health_check=list(HealthCheck),
)


def drawn_from(strategy: st.SearchStrategy[Any]) -> list[Any]:
    """Two hundred examples."""
    found: list[Any] = []

    def keep(example: Any) -> None:
        found.append(example)

    MANY(given(strategy)(keep))()
    return found


@pytest.fixture(scope="module")
def many() -> list[Case]:
    """Two hundred cases."""
    return drawn_from(cases())


def test_shapes_have_layers_and_widths_within_bounds() -> None:
    """From one layer to the most allowed, no width below one or above the widest."""
    found = drawn_from(shapes(max_layers=3, max_width=4))
    assert {len(shape) for shape in found} == {2, 3, 4}
    assert {width for shape in found for width in shape} == {1, 2, 3, 4}
    assert any(len(set(shape)) == 1 < shape[0] for shape in found)
    assert any(len(set(shape)) > 2 for shape in found)


def test_simplest_shape_is_one_to_one() -> None:
    """A failure that any shape shows shrinks to 1-1."""
    assert find(shapes(), lambda shape: True, settings=settings(database=None)) == (1, 1)


def test_cases_draw_every_activation_cost_dtype_and_kind_of_data(many: list[Case]) -> None:
    """Nothing that the tables hold stays undrawn."""
    assert {case.net.cost for case in many} == set(COSTS)
    assert {name for case in many for name in case.net.activations} == set(ACTIVATIONS)
    assert {str(case.net.dtype) for case in many} == {"float32", "float64"}
    words = " ".join(case.words for case in many)
    for kind in (*DATA, *TARGETS, "weights × 0,", "no biases"):
        assert kind in words, kind


def test_cases_mix_activations_and_batches(many: list[Case]) -> None:
    """Some networks have one activation throughout, some a mixture; batches go from one up."""
    hidden = [set(case.net.activations[:-1]) for case in many]
    assert any(len(names) > 1 for names in hidden)
    assert any(len(case.net.activations) > 2 == 1 + len(set(case.net.activations)) for case in many)
    assert {len(case.x) for case in many} == {1, 2, 3, 4, 5, 6}


def test_case_fits_its_network(many: list[Case]) -> None:
    """x and y have the shapes and dtypes that the network takes, within the cost's bounds."""
    for case in many:
        n_in, *_, n_out = case.net.shape
        assert (case.x.ndim, case.x.shape[1], case.x.dtype) == (2, n_in, case.net.dtype)
        if case.y.ndim == 1:
            assert case.y.dtype.kind == "i"
            assert set(case.y) <= set(range(n_out))
        else:
            assert (case.y.shape, case.y.dtype) == ((len(case.x), n_out), case.net.dtype)
            if COSTS[case.net.cost].bounded:
                assert 0 <= case.y.min() <= case.y.max() <= 1


def test_case_tells_its_ingredients_in_one_line() -> None:
    """Shape, activations, cost, dtype, scale and seeds, in place of arrays."""
    simplest = find(cases(), lambda case: True, settings=settings(database=None))
    assert repr(simplest) == (
        "<Case 1-1, sigmoid, quadratic, float64, weights × 1, seed 0;"
        " batch of 1, normal, labels, seed 0>"
    )


def test_what_a_case_tells_is_what_it_holds(many: list[Case]) -> None:
    """The words come from the network that is there, and its seed brings the arrays back."""
    for case in many[:50]:
        of_net, of_batch = case.words.split("; ")
        shape, names, cost, dtype, scale, seed = of_net.split(", ")
        again = init_net(
            tuple(map(int, shape.split("-"))),
            activation=names.split(" "),
            cost=cost,
            dtype=dtype,
            seed=int(seed.removeprefix("seed ")),
        )
        factor, *_ = scale.removeprefix("weights × ").split(" ")
        assert f"batch of {len(case.x)}, " in of_batch
        for W, V in zip(case.net.weights, again.weights, strict=True):
            assert same_bits(W, (V * np.float64(factor)).astype(W.dtype)) or dtype == "float32"


@pytest.mark.parametrize("cost", COSTS)
def test_activations_suit_the_cost(cost: str) -> None:
    """The output is the cost's own where it brings one, and softmax stands nowhere else."""
    for names in drawn_from(activations(layers=3, cost=cost)):
        assert len(names) == 3
        assert "softmax" not in names[:-1]
        assert names[-1] == (COSTS[cost].output or names[-1])


def test_activations_without_kinks() -> None:
    """Asked for smooth ones, none with a kink is drawn; otherwise ReLU is."""
    smooth = drawn_from(activations(layers=2, cost="quadratic", kinks=False))
    assert "relu" not in {name for names in smooth for name in names}
    every = drawn_from(activations(layers=2, cost="quadratic"))
    assert "relu" in {name for names in every for name in names}


def test_new_entries_are_drawn_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """A strategy made earlier draws an activation that is added later."""
    strategy = networks()
    square = Activation(function=lambda z: z * z, slope=lambda a: 2 * np.sqrt(a))
    monkeypatch.setitem(ACTIVATIONS, "square", square)
    assert any("square" in net.activations for net in drawn_from(strategy))


def test_batches_are_for_the_network_at_hand() -> None:
    """Inputs and targets of the widths that the given network has."""
    net: Network = init_net((3, 2), cost="cross-entropy")
    for x, y in drawn_from(minibatches(net, max_batch=2, data=["zeros"])):
        assert x.shape in ((1, 3), (2, 3))
        assert not x.any()
        assert y.shape in (x.shape[:1], (len(x), 2))


def test_same_draws_every_time() -> None:
    """Without a database or randomness, two runs draw the same cases to the last bit."""
    first, again = drawn_from(cases()), drawn_from(cases())
    assert [repr(case) for case in first] == [repr(case) for case in again]
    assert all(same_bits(one.x, two.x) for one, two in zip(first, again, strict=True))
    assert len({repr(case) for case in first}) > 150


def test_profiles() -> None:
    """Three profiles of rising thoroughness; those of gate and test run are reproducible."""
    register_profiles()
    quick, default, thorough = map(settings.get_profile, ("quick", "default", "thorough"))
    assert quick.max_examples < default.max_examples < thorough.max_examples
    assert (quick.derandomize, default.derandomize, thorough.derandomize) == (True, True, False)
    assert quick.deadline is None
    assert quick.database is None
