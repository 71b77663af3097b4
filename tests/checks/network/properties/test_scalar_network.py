"""Plain loops over Python's own floats: right where the answer is known, and safe elsewhere."""

import math

import pytest

from backprop.activations import ACTIVATIONS
from backprop.costs import COSTS
from checks.network.properties import scalar_network

EXTREMES = [-1e4, -745.2, -1.0, 0.0, 1e-30, 1.0, 745.2, 1e4]


def test_every_entry_has_a_plain_loop() -> None:
    """All activations and costs of the package have one."""
    assert set(scalar_network.ACTIVATIONS) == set(ACTIVATIONS)
    assert set(scalar_network.COSTS) == set(COSTS)


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("sigmoid", [0.5, 0.75]),
        ("tanh", [0.0, 0.8]),
        ("relu", [0.0, math.log(3)]),
        ("softplus", [math.log(2), math.log(4)]),
        ("identity", [0.0, math.log(3)]),
        ("softmax", [0.25, 0.75]),
    ],
)
def test_known_values(name: str, expected: list[float]) -> None:
    """At 0 and log 3, where all of them can be written down."""
    assert scalar_network.ACTIVATIONS[name]([0.0, math.log(3)]) == pytest.approx(
        expected, rel=1e-15
    )


@pytest.mark.parametrize("name", scalar_network.ACTIVATIONS)
def test_extremes_do_not_overflow(name: str) -> None:
    """Python raises OverflowError where NumPy would warn; here it need not."""
    assert all(map(math.isfinite, scalar_network.ACTIVATIONS[name](EXTREMES)))


def test_the_textbook_formula_overflows() -> None:
    """So the test above could fail."""
    with pytest.raises(OverflowError):
        1 / (1 + math.exp(-EXTREMES[0]))


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("quadratic", 0.5 * (0.5**2 + 0.25**2)),
        ("cross-entropy", math.log(2) + math.log(4) - math.log(3)),
        ("softmax-cross-entropy", math.log(4) - math.log(3)),
    ],
)
def test_terms_sum_to_the_cost(name: str, expected: float) -> None:
    """For z = 0 and log 3, sigmoid outputs, and the second class as target."""
    z = [0.0, math.log(3)]
    terms = scalar_network.COSTS[name](z, [0.5, 0.75], [0.0, 1.0])
    assert math.fsum(terms) == pytest.approx(expected, rel=1e-15)


def test_layer() -> None:
    """z_k = sum over j of a_j W_jk, plus b_k: a row for each input, a column for each output."""
    weights = [[1.0, 2.0, 3.0], [10.0, 20.0, 30.0]]
    assert scalar_network.layer([1.0, -1.0], weights, [0.5, 0.0, 0.0]) == [-8.5, -18.0, -27.0]
