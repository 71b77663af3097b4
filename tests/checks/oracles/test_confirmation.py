from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from checks.oracles import confirmation, rounding, thresholds
from checks.oracles.confirmation import Group, groups
from checks.problem.nested import Array
from checks.problem.problem import Problem, black_box
from checks.verdict.rule import consensus
from tests.checks.problems import EPS, network, under_way, vector

RNG = np.random.default_rng


def formed(problem: Problem, slopes: list[Array], rounded: float = 1e-14) -> list[Group]:
    """The groups of known slopes."""
    return groups(problem, slopes, [np.full(s.shape, rounded) for s in slopes], RNG(0))


def linear(weight: Array, at: Array | None = None) -> Problem:
    """The cost weight · p."""
    return vector(
        lambda p: p @ weight, lambda p: weight, np.ones(weight.size) if at is None else at
    )


@pytest.mark.parametrize("size", [1, 7, 64, 65, 700, 5000])
def test_every_coordinate_is_in_one_group(size: int) -> None:
    """Of at least 64 where there are so many, and at most 8 of a tensor."""
    weight = RNG(1).normal(size=size)
    found = formed(linear(weight), [weight])
    assert sorted(np.concatenate([g.at for g in found]).tolist()) == list(range(size))
    assert len(found) == min(thresholds.GROUPS, -(-size // thresholds.GROUP))
    assert size < 64 or min(g.at.size for g in found) >= thresholds.GROUP // 2


def test_each_of_a_group_has_an_equal_say() -> None:
    """In the line's slope, as far as no slope is weighed up by more than 2^20."""
    weight = np.geomspace(1e-3, 1e3, 60)
    (group,) = formed(linear(weight), [weight])
    say = np.abs(group.d * weight[group.at])
    assert np.all((say >= 0.499 * group.say) & (say <= 1.501 * group.say))
    assert group.expected == pytest.approx(group.d @ weight[group.at])
    wide = np.r_[1e-12, np.ones(10)]
    (group,) = formed(linear(wide), [wide])
    assert group.say == thresholds.LEAST_SAY
    assert np.all(np.abs(group.d) <= 1.5)


def test_no_coordinate_is_moved_by_more_than_its_own_unit() -> None:
    """And a half; numbers of several sizes in a tensor each by theirs."""
    at = np.asarray([1e-3, 1.0, 1e3, 5.0])
    weight = np.asarray([5.0, 1e-2, 3.0, 1.0])
    (group,) = formed(linear(weight, at), [weight])
    assert np.all(np.abs(group.d) <= 1.5 * rounding.step_scale(at)[group.at])


def test_what_has_no_slope_is_apart_and_what_is_not_finite_in_no_group() -> None:
    """None may show along the first; the second is looked at by itself."""
    slopes = np.asarray([1.0, 0.0, np.nan, 2.0, 1e-15, np.inf])
    found = formed(linear(np.ones(6)), [slopes])
    assert [sorted(g.at.tolist()) for g in found] == [[0, 3], [1, 4]]
    assert [g.say > 0 for g in found] == [True, False]
    assert abs(found[1].expected) < 1e-14


def test_the_rounding_of_a_line_is_a_root_of_squares() -> None:
    """As the signs are random."""
    weight = np.ones(50)
    (group,) = formed(linear(weight), [weight], rounded=1e-3)
    assert group.rounded == pytest.approx(1e-3 * np.linalg.norm(group.d))


def test_right_slopes_are_confirmed_and_wrong_ones_are_not() -> None:
    """Of a network, tensor by tensor: a single slope wrong by 1e-5 shows along its line."""
    problem = network(3, shape=(12, 10, 3))
    right = [problem.gradient(problem.values)[n].reshape(-1) for n in problem.names]
    centre = float(problem.cost(problem.values))
    wrong = [g.copy() for g in right]
    wrong[2][5] *= 1 + 1e-5
    for slopes, doubted in ((right, set()), (wrong, {2})):
        found = formed(problem, slopes)
        lo, hi = consensus(confirmation.measure_groups(problem, found, centre, EPS * centre, 1e-6))
        outside = [not l <= g.expected <= h for l, g, h in zip(lo, found, hi, strict=True)]
        assert {g.tensor for g, out in zip(found, outside, strict=True) if out} == doubted
        if not doubted:
            say = np.asarray([g.say for g in found])
            assert np.all(hi - lo <= 1e-5 * say)


def test_a_few_costs_confirm_many_slopes() -> None:
    """Four to eight for each group, none for each coordinate."""
    problem = network(3, shape=(40, 30, 3))
    right = [problem.gradient(problem.values)[n].reshape(-1) for n in problem.names]
    problem = under_way(problem).problem
    found = formed(problem, right)
    centre = float(problem.cost(problem.values))
    problem.calls.clear()
    confirmation.measure_groups(problem, found, centre, EPS * centre, 1e-6)
    assert problem.calls["cost"] <= 8 * len(found) < problem.parameters / 10


def test_a_slope_along_what_is_said_to_be_flat_shows() -> None:
    """Though no coordinate of it has a say by itself."""

    def cost(p: Any) -> Any:
        return (p["a"] ** 2).sum() + 1e-3 * p["b"][3].real

    problem = black_box(cost, lambda p: p, {"a": np.ones(4), "b": np.ones(9)})
    found = formed(problem, [np.full(4, 2.0), np.zeros(9)])
    lo, hi = consensus(confirmation.measure_groups(problem, found, 4.001, EPS, 1e-6))
    assert not lo[1] <= found[1].expected <= hi[1]
