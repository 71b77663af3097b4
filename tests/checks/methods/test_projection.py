from __future__ import annotations

from dataclasses import dataclass
from typing import Any, cast

import numpy as np
import pytest

from checks.methods import projection
from checks.methods.projection import Part, Projection, Result, bisect, projection_direction
from checks.oracles import registry, rounding, thresholds
from checks.oracles.lines import Lines
from checks.problem.nested import Array
from checks.problem.problem import black_box
from tests.checks.problems import vector


@pytest.mark.parametrize("small", [True, False])
def test_weights_give_each_coordinate_the_same_say(*, small: bool) -> None:
    """r / |g| with |r| in [0.5, 1.5] and both signs; zeros by their tensor's size, if any.

    Where small ones need not be told apart, they are weighed as if they had a share of it.
    """
    rng = np.random.default_rng(0)
    g = [np.exp(rng.normal(size=1000) * 5) * rng.choice([-1, 1], 1000), np.zeros(3), np.empty(0)]
    g[0][:2] = 0
    first, second, third = projection_direction(g, rng, small=small)
    own = thresholds.BLUNT * np.sqrt(np.mean(g[0] ** 2))
    size = np.abs(g[0]) if small else np.maximum(np.abs(g[0]), own)
    say = np.abs(first * size)[2:]
    assert 0.5 <= say.min() < 0.55
    assert 1.45 < say.max() <= 1.5
    assert 0.4 < np.mean(first > 0) < 0.6
    assert third.size == 0
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


def test_a_step_is_as_long_as_the_largest_entry_allows(monkeypatch: pytest.MonkeyPatch) -> None:
    """So that no parameter moves by more than the least typical size of any tensor."""
    problem = vector(lambda p: (p**2).sum(), lambda p: 2 * p, [0.5, 0.5])
    asked: list[float] = []
    right = registry.complex_step

    def oracle(lines: Lines) -> Any:
        asked.extend(lines.unit)
        return right(lines)

    monkeypatch.setattr(registry, "complex_step", oracle)
    d = [np.asarray([1.0, -(2.0**20)])]
    along = Projection(problem, [np.ones(2)], d)
    for part in (Part(tensor=0, start=0, stop=2), Part(tensor=0, start=0, stop=1)):
        along.difference([part])
    assert asked == [2.0**-21, 0.5]
    d[0][:] = 0
    assert along.difference([Part(tensor=0, start=0, stop=2)])[0] == 0
    assert asked[-1] == 1


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


def culprits(result: Result) -> set[tuple[int, int]]:
    """The single coordinates that a bisection ends at, as tensor and place."""
    parts = [part for part, _ in bisect(result)]
    assert all(part.stop - part.start == 1 for part in parts)
    assert len({(p.tensor, p.start) for p in parts}) == len(parts)
    return {(p.tensor, p.start) for p in parts}


@pytest.mark.parametrize("at", range(7))
def test_each_level_of_a_bisection_costs_one_pass(at: int) -> None:
    """By tensor, then by halves: three levels of either among four tensors of two, or of eight."""
    wrong = [[0.0] * 7]
    wrong[0][at] = -1.0
    result = found(wrong, 0.5)
    assert culprits(result) == {(0, at)}
    assert cast("Any", result.projection).passes in (1 + 2, 1 + 3)
    assert culprits(found([[w] for w in wrong[0]], 0.5)) == {(at, 0)}


@pytest.mark.parametrize(("differs", "many"), [(1.0, 0), (-1.0, 0), (1.5, 1), (-1.5, 1)])
def test_what_rounding_explains_to_the_last_is_no_culprit(differs: float, many: int) -> None:
    """As large as tau is not larger; as a whole, and beside others that make up for it."""
    assert len(culprits(found([[differs, 0.0]], 1.0))) == many
    tau = 1.0 - 2.0**-33  # beside a difference of 8, of which 2^-33 are left to rounding
    assert len(culprits(found([[differs, 8.0 - differs], [0.0]], tau))) == 1 + many


def test_what_drowns_in_a_large_difference_is_left_for_the_next_check() -> None:
    """That is 2^-36 of the difference of both halves together."""
    for large in (2.0**36, -(2.0**36)):
        assert culprits(found([[large, 2.5], [0.0]], 1.0)) == {(0, 0), (0, 1)}
        assert culprits(found([[large, 1.9], [0.0]], 1.0)) == {(0, 0)}


def test_a_bisection_stops_at_the_cap() -> None:
    """Sixteen of twenty, and those found among the zeros count."""
    wrong = [[1.0] * 20]
    assert len(culprits(found(wrong, 0.5))) == thresholds.CULPRITS == 16
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
    assert culprits(beside) == {(0, 1)}
    assert cast("Any", right.projection).passes == 1
    assert not found([[0.5]], 0.5, right).differs
    assert found([[np.nan]], 0.5).differs
    assert found([[0.0]], 0.5, found([[np.nan]], 0.5)).differs


def test_only_the_parts_that_are_asked_for_move() -> None:
    """Each along its stretch of d, several of one tensor at once; the problem stays as it is."""
    at = {"a": np.asarray([1.0, 2.0, 3.0]), "b": np.asarray([[4.0, 5.0]])}
    problem = black_box(
        lambda p: (p["a"] ** 2).sum() + (p["b"] ** 3).sum(),
        lambda p: {"a": 2 * p["a"], "b": 3 * p["b"] ** 2},
        at,
    )
    slopes = [np.asarray([2.0, 4.0, 6.0]), np.asarray([[48.0, 75.0]])]
    d = [np.asarray([1.0, -2.0, 0.5]), np.asarray([[0.25, -1.0]])]
    along = Projection(problem, [np.zeros(3), np.zeros((1, 2))], d)
    assert along.whole == [Part(tensor=0, start=0, stop=3), Part(tensor=1, start=0, stop=2)]
    ends = [along.whole[0], Part(tensor=1, start=1, stop=2)]
    assert along.difference(ends)[0] == pytest.approx(2 - 8 + 3 - 75)
    apart = [Part(tensor=0, start=0, stop=1), Part(tensor=0, start=2, stop=3)]
    assert along.difference(apart)[0] == pytest.approx(2 + 3)
    assert along.passes == 2
    right = Projection(problem, slopes, d)
    assert right.difference(right.whole)[0] == pytest.approx(0, abs=1e-13)
    assert at["a"].tolist() == [1, 2, 3]
    assert Projection(problem, slopes, [d[0], np.empty(0)]).whole == along.whole[:1]


@pytest.mark.parametrize("scale", [1.0, 2.0**-20, 2.0**40])
def test_the_floor_is_the_underflow_of_a_step(scale: float) -> None:
    """Over its length, which is the least typical size of a tensor's."""
    problem = black_box(
        lambda p: p["a"].sum() + p["b"].sum(),
        lambda p: {name: np.ones_like(v) for name, v in p.items()},
        {"a": np.asarray([3.0, 3.0]) * scale, "b": np.asarray([0.75]) * scale, "c": np.empty(0)},
    )
    along = Projection(problem, [], [])
    least = min(rounding.rms_scale(v) for v in along.values[:2])
    assert along.typical == least
    expected = rounding.underflow(np.dtype(np.float64)) / (thresholds.COMPLEX_STEP * least)
    assert along.floor == expected > 0


@pytest.mark.parametrize("fault", [TypeError("no"), None])
def test_a_cost_that_takes_no_complex_numbers_always_differs(fault: Exception | None) -> None:
    """Be it refused or be it no number; its difference is NaN, which no rounding explains."""

    def cost(p: Array) -> Any:
        if np.iscomplexobj(p):
            if fault:
                raise fault
            return None
        return (p**2).sum()

    along = Projection(vector(cost, lambda p: 2 * p, [0.5, 0.25]), [np.ones(2)], [np.ones(2)])
    difference, _ = along.difference(along.whole)
    assert Result(projection=along, difference=difference, tau=1e9).differs
