"""Costs: the value is the definition's, the delta is its slope at the pre-activation."""

from dataclasses import FrozenInstanceError
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest

from backprop import cost, init_net
from backprop.activations import ACTIVATIONS, sigmoid, softmax
from backprop.costs import COSTS, Cost
from checks.methods.dispatch import run_check
from checks.network.adapter import network_problem

Array = npt.NDArray[Any]

H = 2.0**-100
RNG = np.random.default_rng(4)
Z, Y = RNG.normal(size=(6, 3)), RNG.random((6, 3))


def test_quadratic_is_half_the_squared_error() -> None:
    """Summed over the outputs of each sample."""
    value = COSTS["quadratic"].value(Z, Z, Y)
    assert value.shape == (6,)
    assert value == pytest.approx(np.linalg.norm(Z - Y, axis=1) ** 2 / 2)


def test_cross_entropy_is_its_definition() -> None:
    """-y log a - (1 - y) log(1 - a), where the logarithms can be taken."""
    a = sigmoid(Z)
    expected = -(Y * np.log(a) + (1 - Y) * np.log(1 - a)).sum(axis=1)
    assert COSTS["cross-entropy"].value(Z, a, Y) == pytest.approx(expected, rel=1e-13)


def test_softmax_cross_entropy_is_its_definition() -> None:
    """-sum of y log a, for targets that need not sum to one."""
    a = softmax(Z)
    expected = -(Y * np.log(a)).sum(axis=1)
    assert COSTS["softmax-cross-entropy"].value(Z, a, Y) == pytest.approx(expected, rel=1e-13)


@pytest.mark.parametrize("name", COSTS)
def test_delta_is_the_slope_at_the_pre_activation(name: str) -> None:
    """dC/dz_k of every sample is what an imaginary step along z_k shows."""
    f = ACTIVATIONS[COSTS[name].output or "sigmoid"]
    delta = COSTS[name].delta(f.function(Z), Y, f.slope)
    for k in range(3):
        moved = Z + 1j * H * np.eye(3)[k]
        expected = COSTS[name].value(moved, f.function(moved), Y).imag / H
        assert delta[:, k] == pytest.approx(expected, rel=1e-12)


@pytest.mark.parametrize("name", COSTS)
def test_delta_of_the_wrong_cost_differs(name: str) -> None:
    """The comparison above tells the costs apart: no two share their delta here."""
    f = ACTIVATIONS["sigmoid"]
    deltas = {n: c.delta(f.function(Z), Y, f.slope) for n, c in COSTS.items()}
    for other in set(COSTS) - {name}:
        assert np.abs(deltas[name] - deltas[other]).max() > 1e-3


@pytest.mark.parametrize("dtype", [np.float32, np.float64, np.complex64, np.complex128])
@pytest.mark.parametrize("name", ["cross-entropy", "softmax-cross-entropy"])
def test_confidently_wrong_costs_a_finite_amount(name: str, dtype: type) -> None:
    """Certainty at z = ±1e4 costs 1e4 where it is wrong and nothing where it is right."""
    z: Array = np.array([[1e4, -1e4]], dtype)
    a = ACTIVATIONS[COSTS[name].output or ""].function(z)
    right, wrong = np.array([[1, 0]], z.real.dtype), np.array([[0, 1]], z.real.dtype)
    with np.errstate(over="raise", divide="raise", invalid="raise"):
        assert COSTS[name].value(z, a, right).tolist() == [0]
        assert COSTS[name].value(z, a, wrong).tolist() == [2e4]
        assert COSTS[name].value(z, a, wrong).dtype == dtype


def test_the_batch_is_averaged() -> None:
    """A batch of the same sample twice costs what the sample costs."""
    net = init_net((3, 3))
    one, two = cost(net, Z[:1], Y[:1]), cost(net, np.repeat(Z[:1], 2, 0), np.repeat(Y[:1], 2, 0))
    assert one == two > 0


@pytest.mark.parametrize("name", [name for name in COSTS if name != "quadratic"])
@pytest.mark.parametrize("target", [-0.001, 1.001])
def test_targets_of_logarithmic_costs_lie_between_0_and_1(name: str, target: float) -> None:
    """Outside, the cost would fall without end; half the squared error takes any number."""
    y = np.full_like(Y, target)
    with pytest.raises(ValueError, match=r"y: expected .*0.* and 1"):
        cost(init_net((3, 3), cost=name), Z, y)
    assert cost(init_net((3, 3)), Z, y) > 0


def test_a_cost_is_made_by_name_and_stays_as_it_is() -> None:
    """Value and delta, both functions of arrays, are not to be told apart by position."""
    with pytest.raises(TypeError):
        Cost(lambda z, a, y: a, lambda a, y, slope: a)  # type: ignore[call-arg]
    with pytest.raises(FrozenInstanceError):
        COSTS["quadratic"].bounded = True  # type: ignore[misc]


@pytest.mark.parametrize(("factor", "verdict"), [(3, "pass"), (-3, "fail")])
def test_one_more_entry_works_end_to_end(
    factor: float, verdict: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An entry in the table is all it takes, and a wrong delta in it is caught."""
    cubic = Cost(
        value=lambda z, a, y: ((a - y) ** 3).sum(axis=-1),
        delta=lambda a, y, slope: factor * (a - y) ** 2 * slope(a),
    )
    monkeypatch.setitem(COSTS, "cubic", cubic)
    report = run_check(network_problem(init_net((3, 4, 3), cost="cubic"), Z, Y))
    assert report.verdict == verdict, str(report)


def test_what_may_be_recorded_is_declared() -> None:
    """All that can be, and nothing else; an entry that says nothing is called."""
    assert [n for n, c in COSTS.items() if c.recorded] == ["quadratic", "cross-entropy"]
    assert not Cost(value=COSTS["quadratic"].value, delta=COSTS["quadratic"].delta).recorded
