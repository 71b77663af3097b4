"""The noise of a cost is found where it is, and a kink is not taken for it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import pytest

import checks.noise
from checks.nest import Array
from checks.noise import FEW, _settled, cost_noise, stored_noise, table_noise
from checks.rounding import JITTERS
from tests.checks.helpers import EPS, subject

RNG = np.random.default_rng(0)
DATA = RNG.normal(size=(50, 8))
AT = [RNG.normal(size=8)]

Cost = Callable[[Sequence[Array]], Any]


def smooth(values: Sequence[Array]) -> Any:
    """An honest cost, in double precision."""
    return (np.tanh(DATA @ values[0]) ** 2).mean() + 1


def kinked(values: Sequence[Array]) -> Any:
    """An honest cost with a kink for every row of the data, some of them close by."""
    return np.abs(DATA @ values[0]).mean() + 1


def cast(dtype: Any) -> Cost:
    """The same cost, computed in `dtype` until its last sum."""

    def cost(values: Sequence[Array]) -> Any:
        losses = np.tanh((DATA @ values[0]).astype(dtype)) ** 2 + dtype(1)
        return float(losses.mean(dtype=np.float32))

    return cost


def noise(cost: Cost, seed: int = 0, **options: Any) -> Any:
    """What is found of a cost at `AT`."""
    return cost_noise(cost, AT, np.random.default_rng(seed), **options)


@pytest.mark.parametrize("cost", [smooth, kinked])
@pytest.mark.parametrize("seed", range(5))
@pytest.mark.parametrize("factor", [1e-12, 1.0, 1e12])
def test_an_honest_cost_has_the_noise_of_double_precision(
    cost: Cost, seed: int, factor: float
) -> None:
    """Near eps times its size, never below its spacing, kinks or no kinks."""
    found = noise(lambda values: factor * cost(values), seed)
    size = factor * float(cost(AT))
    assert not found.low_precision
    assert np.spacing(size) <= found.level <= 64 * EPS * size


@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize("activation", ["sigmoid", "relu"])
def test_a_network_is_honest(seed: int, activation: str) -> None:
    """Its kinks included."""
    one = subject(seed, activation=activation, shape=(6, 8, 3))
    found = cost_noise(one.cost, one.values, np.random.default_rng(seed))
    assert not found.low_precision
    assert found.level <= 256 * EPS * float(one.cost(one.values))


@pytest.mark.parametrize("dtype", [np.float32, np.float16])
@pytest.mark.parametrize("seed", range(5))
def test_a_cast_on_the_way_is_noticed(dtype: Any, seed: int) -> None:
    """Its noise lies near its own eps, and is called low precision."""
    found = noise(cast(dtype), seed)
    eps = float(np.finfo(dtype).eps)
    assert found.low_precision
    assert eps / 32 <= found.level <= 8 * eps


def test_a_constant_cost_has_the_spacing_of_its_value() -> None:
    """Nothing moves it, so nothing is found; the spacing at zero is not zero."""
    found = noise(lambda values: 3.0)
    assert (found.level, found.low_precision) == (np.spacing(3.0), False)
    assert noise(lambda values: 0.0).level == np.spacing(0.0) > 0


def test_few_calls_where_many_cost_too_much() -> None:
    """Not thorough is a handful of runs, and says nothing about precision."""
    calls = []

    def counted(values: Sequence[Array]) -> Any:
        calls.append(1)
        return smooth(values)

    found = noise(counted, thorough=False)
    assert len(calls) == 1 + FEW
    assert not found.low_precision
    assert np.spacing(1.0) <= found.level <= 64 * EPS
    assert not noise(cast(np.float32), thorough=False).low_precision
    noise(counted)
    assert len(calls) > 2 * (1 + FEW) + JITTERS


def test_a_cost_that_leaves_its_domain_still_has_a_noise() -> None:
    """Runs that are not finite are passed over."""
    edge = AT[0]

    def outside(values: Sequence[Array]) -> Any:
        return 1.0 if np.all(values[0] == edge) else np.nan

    found = noise(outside)
    assert (found.level, found.low_precision) == (np.spacing(1.0), False)


@pytest.mark.parametrize("size", [1e-9, 1e-6, 1e-3])
@pytest.mark.parametrize("seed", range(4))
def test_difference_tables_find_independent_noise(size: float, seed: int) -> None:
    """On top of a smooth function, within a factor of a few."""
    rng = np.random.default_rng(seed)
    found = table_noise(lambda t: float(np.exp(t)) + size * rng.normal())
    assert size / 5 <= found <= 5 * size


@pytest.mark.parametrize(
    "f",
    [abs, np.sin, np.exp, lambda t: t**7, lambda t: abs(t - 1e-6), lambda t: max(t, 3 * t)],
)
def test_difference_tables_find_no_noise_where_there_is_none(f: Callable[[float], float]) -> None:
    """Neither in smooth functions nor in kinks at the point or near it, beyond rounding's own."""
    assert table_noise(lambda t: float(f(t)) + 1) <= 8 * EPS


def test_difference_tables_give_zero_where_nothing_moves() -> None:
    """A constant has no noise, and NaN tells nothing."""
    assert table_noise(lambda t: 2.0) == 0
    assert table_noise(lambda t: np.nan) == 0


def test_smooth_tables_settle_on_nothing() -> None:
    """Differences of one sign are no noise, whatever their levels; nor is nothing at all."""
    assert _settled(np.exp(np.arange(9.0))) is None
    assert _settled(np.ones(9)) is None
    assert _settled(np.arange(9.0)) is None


def test_a_table_of_noise_settles_on_its_level() -> None:
    """From the first order on at which three agree within a factor of four, and signs change."""
    alternating = 1e-3 * (-1.0) ** np.arange(9)
    assert _settled(alternating) == pytest.approx(1e-3 * np.sqrt(2))
    # On a slope that drowns it in the first differences, the second are those of the noise alone.
    assert _settled(alternating + np.arange(9)) == pytest.approx(1e-3 * np.sqrt(16 / 6))
    assert _settled(alternating + np.arange(9) ** 2) == pytest.approx(1e-3 * np.sqrt(64 / 20))


@pytest.mark.parametrize(
    ("levels", "found"),
    [
        ([0.5, 1.5], 1.5),
        ([0.5, 0.25], 0.5),
        ([0.5, 2.0, 1.0], 2.0),  # the second is no less than four times the first
        ([0.5, None, 0.6, None], 0.0),
        ([None, 0.5, 0.5], 0.5),
        ([0.5], 0.0),
    ],
)
def test_noise_has_to_be_there_at_two_spacings(
    monkeypatch: pytest.MonkeyPatch, levels: list[float | None], found: float
) -> None:
    """What shows at a single spacing is an accident; of two in a row, the larger is the noise."""
    told = iter([*levels, *[None] * 99])
    monkeypatch.setattr(checks.noise, "_settled", lambda values: next(told))
    assert table_noise(np.sin) == found


@pytest.mark.parametrize(
    ("table", "looked_at"),
    [
        ([0, 0, 0, 0, 1, 2, 3, 4, 4], False),
        ([0, 0, 0, 0, 1, 2, 3, 4, 5], True),
        ([0, 1, 2, 3, 4, 5, 6, 7, np.nan], False),
        ([0, 1, 2, 3, 4, 5, 6, 7, np.inf], False),
    ],
)
def test_tables_that_hardly_move_are_passed_over(
    monkeypatch: pytest.MonkeyPatch, table: list[float], *, looked_at: bool
) -> None:
    """More than half of the nine values have to differ from the one before, and all be finite."""
    monkeypatch.setattr(checks.noise, "_settled", lambda values: 7.0)
    values = iter(table * 99)
    assert table_noise(lambda t: float(next(values))) == (7.0 if looked_at else 0.0)


def test_stored_noise_is_half_the_spacing_of_the_narrowest_dtype() -> None:
    """At the largest value; more than two different ones are needed, all of them finite."""
    costs = [1.0, 1.5, 3.0, 2.25]
    assert stored_noise(costs) == np.spacing(np.float16(3.0)) / 2
    fine = [c + 2.0**-20 for c in costs]
    assert stored_noise(fine) == np.spacing(np.float32(3.0)) / 2
    assert stored_noise([c + 2.0**-40 for c in costs]) == 0
    assert stored_noise([1.0, 1.5, 1.0, 1.5]) == 0
    assert stored_noise([1.0, 1.5, 3.0, np.inf]) == 0
    assert stored_noise([-c for c in costs]) == stored_noise(costs)


@pytest.mark.parametrize(
    ("exponent", "low"), [(-40, False), (-32, False), (-30, True), (-9, True), (-7, False)]
)
@pytest.mark.parametrize("size", [1.0, 8.0])
def test_a_lower_precision_lies_between_that_of_single_and_of_half(
    monkeypatch: pytest.MonkeyPatch, exponent: int, size: float, *, low: bool
) -> None:
    """Measured by the cost's size, at the point or along the way, whichever is larger."""
    monkeypatch.setattr(checks.noise, "table_noise", lambda f: size * 2.0**exponent)

    def cost(values: Sequence[Array]) -> Any:
        return 2.0**-9 if np.allclose(values[0], AT[0], rtol=1e-12) else size - 2.0**-9

    monkeypatch.setattr(checks.noise, "stored_noise", lambda costs: 0.0)
    found = noise(cost)
    assert found.low_precision is low
    assert found.level == 2 * size * 2.0**exponent


def test_a_cost_is_followed_no_further_than_its_parameters_are_large() -> None:
    """A quarter of a scale of 1e-6 is not a quarter of one."""
    seen: list[float] = []

    def cost(values: Sequence[Array]) -> Any:
        seen.append(float(np.abs(values[0] - 1e-6).max()))
        return values[0].sum()

    cost_noise(cost, [np.full(3, 1e-6)], np.random.default_rng(0))
    assert 1e-8 < max(seen) < 1e-6


def test_what_is_stored_is_looked_at_on_both_sides_and_at_no_round_number() -> None:
    """A cost that is all whole numbers would look as if it had been rounded to float16."""
    assert min(checks.noise.WIDE) < -0.05 < 0.05 < max(checks.noise.WIDE)
    assert all(float(np.float32(t)) != t for t in checks.noise.WIDE)
