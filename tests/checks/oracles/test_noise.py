from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from checks.oracles import thresholds
from checks.oracles.noise import cost_noise, costs_along, scatter
from checks.problem.nested import Array
from tests.checks.problems import EPS, line


def noise(f: object, *, eps: float = EPS) -> float:
    """What is found along f."""
    return cost_noise(line(f), float(f(np.zeros(1))[0]), eps)  # type: ignore[arg-type, operator]


@pytest.mark.parametrize("size", [1e-9, 1.0, 1e9])
def test_an_honest_cost_has_the_noise_of_double_precision(size: float) -> None:
    """Near eps times its size, never below half its spacing, kinks or no kinks."""
    for f in (np.exp, lambda t: 1 + np.sin(3 * t), lambda t: 1 + np.abs(t), lambda t: 2 + 0 * t):
        found = noise(lambda t, f=f: size * f(t))
        assert EPS / 2 * size * 0.9 <= found <= 64 * EPS * size


@pytest.mark.parametrize("power", [-12, -8, -5])
def test_noise_is_measured(power: int) -> None:
    """On top of a smooth function: never far too much, and 1 time in 50 too little.

    By chance the orders do not agree; a level of differences has to see it then.
    """
    sigma, found = 10.0**power, []
    for seed in range(300):
        rng = np.random.default_rng(seed)
        rough = lambda t, r=rng: np.sin(1 + t) + sigma * r.normal(size=np.shape(t))  # noqa: E731
        found.append(cost_noise(line(rough), float(np.sin(1)), EPS) / sigma)
    assert max(found) < 4
    assert np.mean(np.asarray(found) > 1 / 8) > 0.95


def test_a_cast_on_the_way_is_noticed() -> None:
    """It moves in steps, of which half the smallest is noise; at finest spacings, not at all."""
    eps = float(np.finfo(np.float32).eps)
    found = noise(lambda t: np.exp(t).astype(np.float32).astype(float))
    assert eps / 8 <= found <= 4 * eps


@pytest.mark.parametrize("height", [1e-12, 1e-9, 1e-7])
def test_a_staircase_is_never_finer_than_half_a_stair(height: float) -> None:
    """Wherever it begins to move."""
    assert noise(lambda t: np.round(np.exp(t) / height) * height) >= 0.49 * height


def test_the_precision_that_a_cost_returns_is_its_least() -> None:
    """Half its spacing."""
    assert noise(lambda t: np.ones(np.shape(t)), eps=2.0**-23) == 2.0**-24


@given(a=st.floats(-1e3, 1e3), b=st.floats(-1e3, 1e3), c=st.floats(-1e3, 1e3))
def test_what_is_smooth_is_no_noise(a: float, b: float, c: float) -> None:
    """Third differences leave rounding of the values."""
    t = np.arange(thresholds.POINTS) - 3.0
    size = abs(a) + 3 * abs(b) + 9 * abs(c)
    assert scatter(a + b * t + c * t**2) <= 8 * EPS * size


@given(place=st.floats(-3, 3), jump=st.floats(1e-3, 1e3))
def test_a_kink_makes_no_more_noise_than_its_finest_steps(place: float, jump: float) -> None:
    """For it is looked at from so close by: wider spacings count only where none moves."""
    spacing = thresholds.SPACINGS[0]
    found = noise(lambda t: 1 + jump * np.maximum(t - place * spacing, 0) + t)
    assert found <= jump * spacing + 4 * EPS


def test_nothing_is_found_where_nothing_moves_or_is_finite() -> None:
    """A constant, and NaN."""
    assert scatter(np.ones(thresholds.POINTS)) == 0
    assert scatter(np.full(thresholds.POINTS, np.nan)) == 0
    assert noise(lambda t: np.where(t == 0, 1.0, np.nan)) == EPS / 2


def test_a_table_tells_the_deviation_of_independent_values() -> None:
    """By the gain of each order, sqrt((2k)!) / k!."""
    rng = np.random.default_rng(1)
    found = np.asarray([scatter(3 * rng.normal(size=thresholds.POINTS)) for _ in range(300)])
    assert np.mean(found > 0) > 0.9
    assert 2 < np.median(found[found > 0]) < 5


def test_places_are_equally_spaced_around_the_point() -> None:
    """As many as the table needs."""
    asked: list[Array] = []

    def f(t: Array) -> Array:
        asked.append(t)
        return t

    costs_along(line(f), 0.25)
    np.testing.assert_array_equal(asked[0], 0.25 * np.arange(-3, 4))
