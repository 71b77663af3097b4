from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from checks.oracles import rounding
from checks.oracles.lines import (
    along_coordinates,
    along_directions,
    direction_by_scale,
    direction_by_size,
    random_signed_weights,
)
from checks.problem.nested import Array
from checks.problem.problem import black_box
from tests.checks.problems import network, vector

AT = {"a": np.asarray([[3.0, -4.0], [0.0, 1e-3]]), "b": np.asarray([2.0, 5.0])}
PROBLEM = black_box(
    lambda p: (p["a"] ** 2).sum() + (p["b"] ** 3).sum(),
    lambda p: {"a": 2 * p["a"], "b": 3 * p["b"] ** 2},
    AT,
)


@pytest.mark.parametrize("step", [2.0**-20, 0.5, 1e-30j])
def test_a_coordinate_s_line_moves_one_parameter(step: complex) -> None:
    """Of the tensor that is asked for, by flat index; the others and the problem stay."""
    found = along_coordinates(PROBLEM, 0, np.asarray([3, 1]))
    costs = found.costs(np.asarray([0, 1, 0]), np.full(3, step))
    base = PROBLEM.cost(PROBLEM.values)
    moved = [(v + step) ** 2 - v**2 for v in (1e-3, -4.0, 1e-3)]
    np.testing.assert_allclose(costs, base + np.asarray(moved), rtol=1e-14)
    np.testing.assert_array_equal(PROBLEM.values[0], AT["a"])


def test_a_coordinate_s_unit_is_its_own_size_or_its_tensors() -> None:
    """Whichever is larger; and its spacing is that of its own numbers."""
    found = along_coordinates(PROBLEM, 0, np.arange(4))
    typical = rounding.rms_scale(AT["a"])
    np.testing.assert_array_equal(found.unit, [3, 4, typical, typical])
    np.testing.assert_array_equal(found.spacing, np.spacing([3.0, 4.0, 0.0, 1e-3]))


def test_a_faster_rerun_is_asked_where_there_is_one() -> None:
    """For all steps at once, each counted as a call; it says what the plain one says."""
    fast = network()
    plain = replace(fast, rerun=None)
    at, steps = np.asarray([2, 5]), np.asarray([1e-3, -1e-3])
    for problem in (fast, plain):
        problem.calls.clear()
    one, other = (along_coordinates(p, 0, at).costs(np.arange(2), steps) for p in (fast, plain))
    np.testing.assert_allclose(one, other, rtol=1e-13)
    assert fast.calls["cost"] == 2


def test_a_direction_moves_everything_at_once() -> None:
    """By its entry times the step; the slope along it is the sum."""
    d = [np.asarray([1.0, 2.0, 0.0, -1.0]), np.asarray([0.5, -1.0])]
    found = along_directions(PROBLEM, [d, [0 * d[0], d[1]]])
    h = 1e-30
    slope = found.costs(np.asarray([0, 1]), np.full(2, 1j * h)).imag / h
    both = [6 - 16 - 2e-3 + 6 - 75, 6 - 75]
    np.testing.assert_allclose(slope, both, rtol=1e-14)
    assert found.unit.tolist() == [1, 1]


def test_a_short_part_of_a_direction_moves_the_first_numbers() -> None:
    """In the order in which they are stored; a part that is missing is a mistake."""
    found = along_directions(PROBLEM, [[np.asarray([1.0]), np.empty(0)]])
    cost = found.costs(np.zeros(1, int), np.ones(1))[0]
    assert cost - PROBLEM.cost(PROBLEM.values) == 7
    with pytest.raises(ValueError, match="zip"):
        along_directions(PROBLEM, [[np.ones(1)]]).costs(np.zeros(1, int), np.ones(1))


def test_a_line_says_nothing_where_the_cost_has_ended() -> None:
    """Whatever it raises there; beside it, it goes on."""

    def cost(p: Array) -> Any:
        if p[0] > 1:
            raise ValueError("beyond 1")
        return p[0] * p[1]

    problem = vector(cost, lambda p: p[::-1], [1.0, 2.0])
    for found in (
        along_coordinates(problem, 0, np.arange(1)),
        along_directions(problem, [[np.ones(1)]]),
    ):
        costs = found.costs(np.zeros(2, int), np.asarray([0.5, -0.5]))
        assert np.isnan(costs[0])
        assert costs[1] == 1
    assert problem.raised == ["the cost raised ValueError: beyond 1"]


def test_single_precision_is_moved_in_double() -> None:
    """By less than its own spacing, too."""
    problem = vector(lambda p: p.sum(), np.ones_like, np.ones(2, np.float32))
    for found in (
        along_coordinates(problem, 0, np.arange(1)),
        along_directions(problem, [[np.ones(1)]]),
    ):
        assert found.costs(np.zeros(1, int), np.full(1, 2.0**-40))[0] == 2 + 2.0**-40


@pytest.mark.parametrize("shape", [7, (3, 5), 0])
def test_shares_are_none_too_small(shape: Any) -> None:
    """Of either sign, between a half and one and a half, of any shape, and the seed's own."""
    found = random_signed_weights(np.random.default_rng(1), shape)
    assert found.shape == (shape if isinstance(shape, tuple) else (shape,))
    assert np.all((np.abs(found) >= 0.5) & (np.abs(found) <= 1.5))
    np.testing.assert_array_equal(found, random_signed_weights(np.random.default_rng(1), shape))
    many = random_signed_weights(np.random.default_rng(2), 10_000)
    assert abs(np.mean(many > 0) - 0.5) < 0.02
    assert np.abs(many).min() < 0.51
    assert np.abs(many).max() > 1.49


def test_a_direction_anywhere_moves_each_parameter_by_about_its_unit() -> None:
    """One close by moves it by its own size, or by that of the others where it is zero."""
    rng = np.random.default_rng(0)
    for d, unit in (
        (direction_by_scale(PROBLEM, rng)[0], rounding.step_scale(AT["a"])),
        (direction_by_size(PROBLEM, rng)[0], np.asarray([3, 4, rounding.rms_scale(AT["a"]), 1e-3])),
    ):
        share = np.abs(d) / unit.reshape(-1)
        assert np.all((share >= 0.5) & (share <= 1.5))
    assert [d.size for d in direction_by_scale(PROBLEM, rng, most=3)] == [3, 2]
