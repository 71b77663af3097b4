from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from checks.problem.evaluation import (
    as_number,
    displaced,
    in_double,
    perturbed_costs,
    value_or_nan,
)
from checks.problem.nested import Array
from checks.problem.problem import black_box
from tests.checks.problems import vector


def ending(error: BaseException, beyond: float = 1.0) -> Any:
    """A cost that raises beyond a place."""

    def cost(p: Array) -> Any:
        if p[0].real > beyond:
            raise error
        return p.sum()

    return vector(cost, np.ones_like, [1.0, 2.0])


def test_a_cost_that_leaves_its_domain_is_not_a_number() -> None:
    """Whatever it raises away from the point; the first real error is noted."""
    problem = ending(ZeroDivisionError("over\nthere"))
    assert value_or_nan(problem, [np.asarray([1.0, 5.0])]) == 6
    assert np.isnan(value_or_nan(problem, [np.asarray([2.0 + 1e-30j, 5.0])]))
    assert problem.raised == []
    assert np.isnan(value_or_nan(problem, [np.asarray([2.0, 5.0])]))
    assert problem.raised == ["the cost raised ZeroDivisionError: over"]


def test_a_cost_that_raises_at_the_point_too_is_raised_on() -> None:
    """Then something else is wrong."""
    with pytest.raises(ValueError, match="everywhere"):
        value_or_nan(ending(ValueError("everywhere"), 0.5), [np.asarray([2.0, 5.0])])


@pytest.mark.parametrize(
    "error", [MemoryError(), OSError("disk"), KeyboardInterrupt(), SystemExit()]
)
def test_errors_of_the_surroundings_say_nothing_of_the_cost(error: BaseException) -> None:
    """They are raised, though the cost runs at the point itself."""
    with pytest.raises(type(error)):
        value_or_nan(ending(error), [np.asarray([2.0, 5.0])])


def test_what_overflows_is_no_warning() -> None:
    """Every warning is an error here."""
    problem = vector(lambda p: np.exp(p).sum(), np.exp, [1.0])
    assert value_or_nan(problem, [np.asarray([1e4])]) == np.inf


@pytest.mark.parametrize(("found", "number"), [(np.ones((1, 1)), 1), (np.float64(2), 2), (3, 3)])
def test_one_number_in_an_array_is_a_number(found: Any, number: float) -> None:
    """Of any number of axes; two are none."""
    assert np.shape(as_number(found)) == ()
    assert as_number(found) == number
    assert as_number(np.ones(2)).shape == (2,)


@pytest.mark.parametrize("step", [0.5, 1e-30j])
def test_one_parameter_is_moved_at_a_time_and_put_back(step: complex) -> None:
    """Before the next, for real and imaginary steps alike."""
    seen: list[list[complex]] = []

    def cost(p: Array) -> Any:
        seen.append(p.tolist())
        return p.sum()

    problem = vector(cost, np.ones_like, [1.0, 2.0, 3.0])
    costs = perturbed_costs(problem, 0, np.asarray([2, 0]), np.asarray([step, -step]))
    assert seen == [[1, 2, 3 + step], [1 - step, 2, 3]]
    np.testing.assert_array_equal(costs, [6 + step, 6 - step])
    with pytest.raises(ValueError, match="zip"):
        perturbed_costs(problem, 0, np.asarray([2, 0]), np.asarray([step]))
    assert problem.values[0].tolist() == [1, 2, 3]


def test_single_precision_is_moved_in_double() -> None:
    """The oracles' precision does not depend on the problem's; double is passed on as it is."""
    single, double = np.ones(2, np.float32), np.ones(2)
    wide = in_double([single, double])
    assert [w.dtype for w in wide] == [np.float64] * 2
    assert wide[1] is double
    problem = black_box(lambda p: p.sum(), np.ones_like, single)
    assert perturbed_costs(problem, 0, np.zeros(1, int), np.full(1, 2.0**-40))[0] == 2 + 2.0**-40


def test_a_displacement_is_of_copies() -> None:
    """By t times d; an entry of d may be shorter than its tensor, or empty."""
    values: list[Array] = [np.ones((2, 2)), np.zeros(3), np.ones(1, np.float32)]
    moved = displaced(values, [np.asarray([1.0, 2.0, 3.0]), np.empty(0), np.ones(1)], 2.0)
    assert moved[0].tolist() == [[3, 5], [7, 1]]
    assert moved[1].tolist() == [0, 0, 0]
    assert values[0].tolist() == [[1, 1], [1, 1]]
    assert displaced(values, [np.ones(4), np.ones(3), np.ones(1)], 1j)[0].dtype == complex
