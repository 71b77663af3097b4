"""A projection weighs every coordinate alike, and its parts leave nothing out."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, cast

import numpy as np
import pytest

from checks import oracles, projection, rounding
from checks.nest import Array
from checks.oracles import Lines
from checks.probe import probe
from checks.projection import Part, Projection, Result, bisect, weights
from checks.subject import black_box
from tests.checks.helpers import vector


def test_weights_give_each_coordinate_the_same_say() -> None:
    """r / |g| with |r| in [0.5, 1.5] and both signs; zeros by their tensor's size, if any."""
    rng = np.random.default_rng(0)
    g = [np.exp(rng.normal(size=1000) * 5) * rng.choice([-1, 1], 1000), np.zeros(3), np.empty(0)]
    g[0][:2] = 0
    first, second, third = weights(g, rng)
    say = np.abs(first * g[0])[2:]
    assert 0.5 <= say.min() < 0.55
    assert 1.45 < say.max() <= 1.5
    assert 0.4 < np.mean(first > 0) < 0.6
    assert third.size == 0
    own = np.sqrt(np.mean(g[0] ** 2)) / 1024
    assert np.all((np.abs(first[:2] * own) >= 0.5) & (np.abs(first[:2] * own) <= 1.5))
    assert second.tolist() == [0, 0, 0]


def test_parts_are_split_without_a_gap() -> None:
    """By tensor first, then in the middle."""
    parts = [Part(tensor=t, start=0, stop=s) for t, s in ((0, 5), (1, 2), (2, 1))]
    left, right = projection._halves(parts)
    assert [*left, *right] == parts
    one, other = projection._halves(parts[:1])
    assert (one, other) == (
        [Part(tensor=0, start=0, stop=2)],
        [Part(tensor=0, start=2, stop=5)],
    )


def test_a_step_is_as_long_as_the_largest_entry_allows() -> None:
    """So that no parameter moves by more than the least typical size of any tensor."""
    one = vector(lambda p: (p**2).sum(), lambda p: 2 * p, [0.5, 0.5])
    asked: list[Lines] = []

    def oracle(line: Lines) -> oracles.Estimate:
        asked.append(line)
        return oracles.complex_step(line)

    d = [np.asarray([1.0, -(2.0**20)])]
    along = Projection(one, [np.ones(2)], d, oracle, 0.0)
    for part in (Part(tensor=0, start=0, stop=2), Part(tensor=0, start=0, stop=1)):
        along.difference([part])
    assert [line.scale.tolist() for line in asked] == [[2.0**-21], [0.5]]
    d[0][:] = 0
    assert along.difference([Part(tensor=0, start=0, stop=2)])[0] == 0
    assert asked[-1].scale.tolist() == [1.0]


@dataclass
class Exact:
    """A projection that knows by how much each coordinate differs, and rounds nothing."""

    wrong: list[list[float]]
    passes: int = 0

    @property
    def d(self) -> list[Array]:
        """All ones."""
        return [np.ones(len(w)) for w in self.wrong]

    @property
    def whole(self) -> list[Part]:
        """All tensors."""
        return [Part(tensor=i, start=0, stop=len(w)) for i, w in enumerate(self.wrong)]

    def difference(self, parts: list[Part]) -> tuple[float, float]:
        """What the parts add up to."""
        self.passes += 1
        return sum(sum(self.wrong[p.tensor][p.start : p.stop]) for p in parts), 0.0


def found(wrong: list[list[float]], tau: float, hidden: Result | None = None) -> Result:
    """A result in which these coordinates differ, of which rounding explains tau."""
    exact = Exact(wrong)
    return Result(
        projection=cast("Projection", exact),
        difference=exact.difference(exact.whole)[0],
        tau=tau,
        hidden=hidden,
    )


def named(result: Result) -> set[tuple[int, int]]:
    """The single coordinates that a bisection ends at, as tensor and place."""
    culprits = [part for part, _ in bisect(result)]
    assert all(part.stop - part.start == 1 for part in culprits)
    assert len({(p.tensor, p.start) for p in culprits}) == len(culprits)
    return {(p.tensor, p.start) for p in culprits}


@pytest.mark.parametrize("at", range(7))
def test_each_level_of_a_bisection_costs_one_pass(at: int) -> None:
    """By tensor, then by halves: three levels of either among four tensors of two, or of eight."""
    wrong = [[0.0] * 7]
    wrong[0][at] = -1.0
    result = found(wrong, 0.5)
    assert named(result) == {(0, at)}
    assert cast("Any", result.projection).passes in (1 + 2, 1 + 3)
    apart = found([[w] for w in wrong[0]], 0.5)
    assert named(apart) == {(at, 0)}


@pytest.mark.parametrize(("differs", "culprits"), [(1.0, 0), (-1.0, 0), (1.5, 1), (-1.5, 1)])
def test_what_rounding_explains_to_the_last_is_no_culprit(differs: float, culprits: int) -> None:
    """As large as tau is not larger; as a whole, and beside others that make up for it."""
    assert len(named(found([[differs, 0.0]], 1.0))) == culprits
    # Beside a difference of 8, of which 2^-33 are left to rounding.
    tau = 1.0 - 2.0**-33
    assert len(named(found([[differs, 8.0 - differs], [0.0]], tau))) == 1 + culprits


def test_what_drowns_in_a_large_difference_is_left_for_the_next_check() -> None:
    """That is 2^-36 of the difference of both halves together."""
    for large in (2.0**36, -(2.0**36)):
        assert named(found([[large, 2.5], [0.0]], 1.0)) == {(0, 0), (0, 1)}
        assert named(found([[large, 1.9], [0.0]], 1.0)) == {(0, 0)}


def test_a_bisection_stops_at_the_cap() -> None:
    """Sixteen of twenty, and those found among the zeros count."""
    wrong = [[1.0] * 20]
    assert len(named(found(wrong, 0.5))) == 16
    assert len(bisect(found(wrong, 0.5, found([[1.0] * 3], 0.5)))) == 16


def test_where_only_the_zeros_differ_nothing_else_is_searched() -> None:
    """And the other way round; NaN always differs."""
    zeros, right = found([[0.0, 3.0]], 0.5), found([[0.0] * 4], 0.5)
    result = found([[0.0] * 4], 0.5, zeros)
    assert result.differs
    assert [(p.tensor, p.start) for p, _ in bisect(result)] == [(0, 1)]
    assert cast("Any", result.projection).passes == 1
    beside = found([[0.0, -3.0]], 0.5, right)
    assert beside.differs
    assert named(beside) == {(0, 1)}
    assert cast("Any", right.projection).passes == 1
    assert not found([[0.5]], 0.5, right).differs
    assert found([[np.nan]], 0.5).differs
    assert found([[0.0]], 0.5, found([[np.nan]], 0.5)).differs


def test_only_the_parts_that_are_asked_for_move() -> None:
    """Each along its stretch of d, several of one tensor at once; the subject stays as it is."""
    at = {"a": np.asarray([1.0, 2.0, 3.0]), "b": np.asarray([[4.0, 5.0]])}
    one = black_box(
        lambda p: (p["a"] ** 2).sum() + (p["b"] ** 3).sum(),
        lambda p: {"a": 2 * p["a"], "b": 3 * p["b"] ** 2},
        at,
    )
    slopes = [np.asarray([2.0, 4.0, 6.0]), np.asarray([[48.0, 75.0]])]
    d = [np.asarray([1.0, -2.0, 0.5]), np.asarray([[0.25, -1.0]])]
    expected = [np.zeros(3), np.zeros((1, 2))]
    along = Projection(one, expected, d, oracles.complex_step, 0.0)
    assert along.whole == [Part(tensor=0, start=0, stop=3), Part(tensor=1, start=0, stop=2)]
    ends = [along.whole[0], Part(tensor=1, start=1, stop=2)]
    assert along.difference(ends)[0] == pytest.approx(2 - 8 + 3 - 75)
    apart = [Part(tensor=0, start=0, stop=1), Part(tensor=0, start=2, stop=3)]
    assert along.difference(apart)[0] == pytest.approx(2 + 3)
    assert along.passes == 2
    right = Projection(one, slopes, d, oracles.complex_step, 0.0)
    assert right.difference(right.whole)[0] == pytest.approx(0, abs=1e-13)
    assert at["a"].tolist() == [1, 2, 3]
    assert at["b"].tolist() == [[4, 5]]


def test_a_tensor_without_a_direction_has_no_part() -> None:
    """Nor does one of no entries."""
    one = vector(lambda p: (p**2).sum(), lambda p: 2 * p, [0.5])
    along = Projection(one, [np.ones(1)] * 3, [np.ones(1), np.empty(0), np.ones(1)],
                       oracles.complex_step, 0.0)  # fmt: skip
    assert along.whole == [Part(tensor=0, start=0, stop=1), Part(tensor=2, start=0, stop=1)]


@pytest.mark.parametrize("scale", [1.0, 2.0**-20, 2.0**40])
def test_the_floor_is_the_underflow_of_a_step(scale: float) -> None:
    """Over its length, which is the least typical size of a tensor's."""
    one = black_box(
        lambda p: p["a"].sum() + p["b"].sum(),
        lambda p: {name: np.ones_like(v) for name, v in p.items()},
        {"a": np.asarray([3.0, 3.0]) * scale, "b": np.asarray([0.75]) * scale, "c": np.empty(0)},
    )
    along = Projection(one, [], [], oracles.complex_step, 0.0)
    least = min(rounding.typical(v) for v in along.values[:2])
    assert along.typical == least
    expected = rounding.underflow(np.dtype(np.float64)) / (rounding.COMPLEX_STEP * least)
    assert along.floor == expected > 0


@pytest.mark.parametrize("fault", [TypeError("no"), None])
def test_a_cost_that_takes_no_complex_numbers_has_a_slope_of_zero(fault: Exception | None) -> None:
    """So that a gradient differs; and no cost, be it refused or be it no number."""

    def cost(p: Array) -> Any:
        if np.iscomplexobj(p):
            if fault:
                raise fault
            return None
        return (p**2).sum()

    one = vector(cost, lambda p: 2 * p, [0.5, 0.25])
    along = Projection(one, [np.ones(2)], [np.ones(2)], oracles.complex_step, 0.0)
    assert along.difference(along.whole)[0] == -2
    assert np.isnan(along.cost)
    smooth = vector(lambda p: (p**2).sum(), lambda p: 2 * p, [0.5, 0.25])
    along = Projection(smooth, [np.ones(2)], [np.ones(2)], oracles.complex_step, 0.0)
    assert np.isnan(along.cost)
    assert along.difference(along.whole)[0] == pytest.approx(1.5 - 2)
    assert along.cost.real == pytest.approx(0.3125)


@pytest.mark.parametrize("least", [1e-290, 1e-300, 5e-324])
def test_next_to_a_parameter_that_is_hardly_any_nothing_is_decided(least: float) -> None:
    """A step that is short beside it underflows, whose floor is past all and yet a number."""
    at = {"a": np.asarray([0.1, 1.0, 2.0]), "t": np.asarray(least)}
    one = black_box(
        lambda p: np.sin(p["a"]).sum() + 2 * p["t"],
        lambda p: {"a": np.cos(p["a"]), "t": np.asarray(2.0)},
        at,
    )
    along = Projection(one, [], [], oracles.complex_step, 0.0)
    assert 1 < along.floor < np.inf
    report = probe(one)
    assert (report.verdict, report.checked, report.undecided) == ("undecided", 0, 4)
