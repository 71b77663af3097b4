"""The noise of a cost is found where it is, and a kink is not taken for it."""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import numpy as np
import pytest

import checks.noise
from checks.nest import Array
from checks.noise import _settled, cost_noise, stored_noise, table_noise
from checks.rounding import LARGEST_STEP, scale
from tests.checks.helpers import EPS, by_position, subject

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


def lasso(seed: int) -> tuple[Cost, Array]:
    """Least squares with absolute values, and its solution, where most weights are zero."""
    rng = np.random.default_rng(seed)
    data = rng.normal(size=(40, 10))
    target = data @ (rng.normal(size=10) * (rng.random(10) > 0.5)) + 0.1 * rng.normal(size=40)
    w, steep = np.zeros(10), float(np.linalg.norm(data, 2) ** 2 / 40)
    for _ in range(300):
        w = w - data.T @ (data @ w - target) / 40 / steep
        w = np.sign(w) * np.maximum(np.abs(w) - 0.1 / steep, 0)
    return lambda v: ((data @ v[0] - target) ** 2).mean() / 2 + 0.1 * np.abs(v[0]).sum(), w


@pytest.mark.parametrize("seed", range(20))
def test_a_point_on_many_kinks_is_not_noisy(seed: int) -> None:
    """Each line through it bends there, and the cost bends besides."""
    cost, at = lasso(seed)
    assert np.count_nonzero(at == 0) > 1
    found = cost_noise(cost, [at], np.random.default_rng(seed))
    assert not found.low_precision
    assert found.level <= 64 * EPS * float(cost([at]))


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


def test_options_are_given_by_name() -> None:
    """Two lists of arrays look alike."""
    assert by_position(cost_noise) == ["cost", "values", "rng"]


def test_a_constant_cost_has_the_spacing_of_its_value() -> None:
    """Nothing moves it, so nothing is found; the spacing at zero is not zero."""
    found = noise(lambda values: 3.0)
    assert (found.level, found.low_precision) == (np.spacing(3.0), False)
    assert noise(lambda values: 0.0).level == np.spacing(0.0) > 0


@pytest.mark.parametrize(("thorough", "trials"), [(True, 16), (False, 3)])
@pytest.mark.parametrize("move", [0.5, -0.5])
def test_the_farthest_jittered_run_counts_twice(
    move: float, trials: int, *, thorough: bool
) -> None:
    """Of sixteen, or of three where many cost too much; the spacing at the cost comes on top."""
    for farthest in (1, trials, trials + 1):
        calls = itertools.count()

        def cost(
            values: Sequence[Array], calls: Iterator[int] = calls, farthest: int = farthest
        ) -> float:
            call = next(calls)
            return 4 + move * (call == farthest) + move / 2 * (0 < call <= trials)

        found = noise(cost, thorough=thorough)
        expected = 2 * (1.5 if farthest <= trials else 0.5) * abs(move)
        assert found.level == expected + np.spacing(4.0)
        assert not found.low_precision
        assert thorough or next(calls) == 1 + trials


def test_few_calls_say_nothing_about_precision() -> None:
    """What is not thorough does not tell a cast from noise."""
    assert not noise(cast(np.float32), thorough=False).low_precision


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


def level(table: Array, order: int) -> float:
    """The noise that differences of an order, k, show: their size, k! / sqrt((2k)!)."""
    differences = np.diff(table, order)
    scaled = np.sqrt(np.mean(differences**2)) * math.factorial(order)
    return float(scaled / np.sqrt(math.factorial(2 * order)))


@pytest.mark.parametrize("smooth", range(7))
def test_a_table_of_noise_settles_on_its_level(smooth: int) -> None:
    """At the first order that removes what is smooth, as long as there are three, up to order 7."""
    table = np.arange(9.0) ** smooth + 1e-3 * (-1.0) ** np.arange(9)
    order = smooth + 1
    # Differences of order k of the alternating part are 2^k times as large as itself.
    size = 1e-3 * 2**order * math.factorial(order) / math.sqrt(math.factorial(2 * order))
    found = _settled(table)
    if order + 2 <= 7:
        # The smooth part, up to 8^4, is rounded by half its eps, which differences multiply too.
        assert found == pytest.approx(size, rel=0, abs=8**4 * EPS / 2 * size / 1e-3)
    else:
        assert found is None


@pytest.mark.parametrize("frequency", [0.878, 0.886])
def test_three_levels_agree_within_a_factor_of_four(frequency: float) -> None:
    """A wave sampled so often that they do not is smooth, though its differences change sign."""
    table = np.cos(frequency * np.arange(9) + 0.1)
    ratios = [level(table, k) / level(table, k + 2) for k in range(1, 6)]
    assert min(ratios) == ratios[0] == pytest.approx(4, abs=0.025)
    found = _settled(table)
    if ratios[0] < 4:
        # Powers, roots and means of nine numbers round a few times; 8 is more than a few.
        assert found == pytest.approx(level(table, 1), rel=8 * EPS, abs=0)
    else:
        assert found is None


@pytest.mark.parametrize("sign", [1, -1])
@pytest.mark.parametrize("slope", [0, 1])
def test_a_staircase_is_no_noise_in_its_first_differences(sign: int, slope: int) -> None:
    """Which are of one sign, or zero where it is level; in the second, it looks like noise."""
    table = sign * (np.asarray([0.0, 0, 1, 1, 2, 2, 3, 3, 4]) + slope * np.arange(9))
    assert _settled(table) == pytest.approx(level(table, 2), rel=8 * EPS, abs=0)


@pytest.mark.parametrize(
    ("levels", "found"),
    [
        ([0.5, 1.5], 1.5),
        ([0.5, 0.25], 0.5),
        ([0.5, 2.0], 0.0),
        ([0.5, 2.0 - EPS], 2.0 - EPS),
        ([0.5, 2.0, 1.0], 2.0),
        ([0.5, None, 0.6, None], 0.0),
        ([None, 0.5, 0.5], 0.5),
        ([0.5], 0.0),
        ([1.0, 8.0, 64.0, 512.0, 600.0], 0.0),
        ([1.0, None, 8.0, 64.0, 512.0, 4096.0, 5000.0], 0.0),
        ([1.0, 6.5, 50.0, 490.0, 600.0], 0.0),
        ([1.0, 8.0, 64.0, 200.0], 200.0),
        ([1.0, 8.0, 64.0, 6400.0, 6000.0], 6400.0),
    ],
)
def test_noise_has_to_be_there_at_two_spacings(
    monkeypatch: pytest.MonkeyPatch, levels: list[float | None], found: float
) -> None:
    """What shows at a single spacing is an accident; of two in a row, the larger is the noise.

    Unless the second is four times the first or more: then it grows with the spacing. What does so
    three times by the same eight is a kink, and no noise is seen beside it.
    """
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
    assert stored_noise([1.0, 1.5, 3.0]) == np.spacing(np.float16(3.0)) / 2
    assert stored_noise([1.0, 1.5, 3.0, np.inf]) == 0
    assert stored_noise([-c for c in costs]) == stored_noise(costs)


def answers(centre: float, away: float, *, jittered: float | None = None) -> Cost:
    """A cost of `centre` at `AT`, of `jittered` a few units from there, and otherwise `away`."""

    def cost(values: Sequence[Array]) -> float:
        if np.all(values[0] == AT[0]):
            return centre
        near = np.allclose(values[0], AT[0], rtol=4 * EPS, atol=0)
        return (centre if jittered is None else jittered) if near else away

    return cost


def told(monkeypatch: pytest.MonkeyPatch, cost: Cost, *, table: float, stored: float = 0.0) -> Any:
    """What is found of a cost where these are the answers of the difference table and the dtype."""
    monkeypatch.setattr(checks.noise, "table_noise", lambda f: table)
    monkeypatch.setattr(checks.noise, "stored_noise", lambda costs: stored)
    return noise(cost)


@pytest.mark.parametrize(
    ("centre", "away", "size"),
    [(1.0, 1.0, 1.0), (-4.0, -4.0, 4.0), (0.0, 2.0, 2.0), (1.0, -3.0, 4.0), (4.0, 6.0, 4.0)],
)
@pytest.mark.parametrize(
    ("part", "low"),
    [
        (2.0**-31 / 2, False),
        (2.0**-31, False),
        (2.0**-31 * (1 + EPS), True),
        (2.0**-8 * (1 - EPS), True),
        (2.0**-8, False),
        (2.0**-8 * 2, False),
    ],
)
def test_a_lower_precision_lies_between_that_of_single_and_of_half(
    monkeypatch: pytest.MonkeyPatch,
    centre: float,
    away: float,
    size: float,
    part: float,
    *,
    low: bool,
) -> None:
    """Measured by the cost's size, at the point or by how far it changes, whichever is larger."""
    cost = answers(centre, away)
    for table, stored in ((part * size, 0.0), (0.0, part * size)):
        found = told(monkeypatch, cost, table=table, stored=stored)
        assert found.low_precision is low
        assert found.level == 2 * part * size


@pytest.mark.parametrize("more", [-0.5, 0.0, EPS])
def test_a_lower_precision_is_far_noisier_than_the_jitter(
    monkeypatch: pytest.MonkeyPatch, more: float
) -> None:
    """By more than half the digits between double and single precision: 2^14."""
    cost = answers(1.0, 1.0, jittered=1 + 2.0**-41)
    jitter = 2.0**-40 + EPS
    found = told(monkeypatch, cost, table=2.0**14 * jitter * (1 + more))
    assert found.low_precision is (more > 0)


@pytest.mark.parametrize(
    ("tables", "middle", "left"),
    [
        ([1.0, 0.5], 1.0, 0.5),
        ([2.0, 0.5, 0.25, 5.0], 0.5, 5.0),
        ([2.0, 3.0, 4.0, 0.5], 3.0, 0.5),
        ([4.0, 3.0, 0.1, 0.5], 3.0, 0.5),
    ],
)
def test_much_noise_has_to_show_along_two_of_three_lines(
    monkeypatch: pytest.MonkeyPatch, tables: list[float], middle: float, left: float
) -> None:
    """More than 2^14 times the jitter's is looked at again, and the middle one of three counts."""
    much = 2.0**14 * (2.0**-40 + EPS)
    told = iter(tables)
    monkeypatch.setattr(checks.noise, "table_noise", lambda f: next(told) * much)
    monkeypatch.setattr(checks.noise, "stored_noise", lambda costs: 0.0)
    found = noise(answers(1.0, 1.0, jittered=1 + 2.0**-41))
    assert found.level == 2 * middle * much
    assert next(told) == left


@pytest.mark.parametrize("table", [0.25, 0.5, 0.75])
def test_the_larger_of_both_noises_counts(monkeypatch: pytest.MonkeyPatch, table: float) -> None:
    """Jitter's, which is that of the farthest run doubled, and twice that of the tables."""
    jitter = 2.0**-40 + EPS
    found = told(monkeypatch, answers(1.0, 1.0, jittered=1 + 2.0**-41), table=table * jitter)
    assert found.level == max(1, 2 * table) * jitter


def test_both_looks_along_a_line_are_along_the_same(monkeypatch: pytest.MonkeyPatch) -> None:
    """One that moves each parameter by up to its scale, up or down; nothing else is moved."""
    at = np.linspace(1, 2, 400)
    seen: list[Array] = []

    def cost(values: Sequence[Array]) -> float:
        seen.append(values[0])
        return 0.0

    def table_noise(f: Callable[[float], float]) -> float:
        seen.clear()
        f(1.0)
        return 0.0

    monkeypatch.setattr(checks.noise, "table_noise", table_noise)
    cost_noise(cost, [at], np.random.default_rng(0))
    d = (seen[0] - at) / scale(at)
    # The chance that 400 draws from -1 to 1 leave out a fiftieth at one end is 3 in 10,000.
    assert -1 <= d.min() < -0.98
    assert 0.98 < d.max() <= 1
    assert len(seen) == 1 + 9 + 1
    for moved, t in zip(seen[1:], [*checks.noise.WIDE, LARGEST_STEP], strict=True):
        np.testing.assert_allclose(moved, at + t * d * scale(at), rtol=4 * EPS)


def test_difference_tables_have_nine_points_around_the_centre() -> None:
    """Every third power of two apart, from where doubles just move to a quarter of the scale."""
    seen: list[float] = []

    def constant(t: float) -> float:
        seen.append(t)
        return 1.0

    assert table_noise(constant) == 0
    assert seen == [2.0**-k * i for k in range(46, 3, -3) for i in range(-4, 5)]
    assert max(seen) == 0.25


def test_a_cost_is_followed_no_further_than_its_parameters_are_large() -> None:
    """A quarter of a scale of 1e-6 is not a quarter of one."""
    seen: list[float] = []

    def cost(values: Sequence[Array]) -> Any:
        seen.append(float(np.abs(values[0] - 1e-6).max()))
        return values[0].sum()

    cost_noise(cost, [np.full(3, 1e-6)], np.random.default_rng(0))
    assert 1e-8 < max(seen) < 1e-6


def test_what_is_stored_is_looked_at_on_both_sides_and_at_no_round_number() -> None:
    """A cost that is all whole numbers would look as if it had been rounded to float16.

    As many points as the tables have, equally far apart, within a twelfth of the scale.
    """
    wide = np.asarray(checks.noise.WIDE)
    assert len(wide) == 9
    assert -1 / 12 < wide.min() < -0.05 < 0.05 < wide.max() < 1 / 12
    # Each is rounded by half a unit of 2^-4 at most, before and after the subtraction.
    np.testing.assert_allclose(np.diff(wide, 2), 0, rtol=0, atol=4 * EPS * 2**-4)
    assert np.all(wide.astype(np.float32) != wide)


def test_kinks_all_around_are_no_noise() -> None:
    """Along one line in a hundred, several of them look like it; along three, they do not."""
    at = [np.asarray([0.4, -1.2, 0.0, 2.0, -0.3, 0.7])]
    for seed in range(200):
        found = cost_noise(
            lambda v: (v[0] ** 2).sum() + np.abs(v[0]).sum(), at, np.random.default_rng(seed)
        )
        assert not found.low_precision
        assert found.level < 1e-10


@pytest.mark.parametrize("k", [-150, -160, -200, -300])
def test_a_cost_whose_squares_underflow_has_noise_too(k: int) -> None:
    """At least the spacing at the cost itself."""
    factor = 10.0**k
    found = noise(lambda values: factor * np.sin(values[0]).sum())
    assert 0 < found.level < 1e-12 * factor
    assert not found.low_precision
