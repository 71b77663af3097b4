from __future__ import annotations

import time
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from checks.api import check_gradients
from checks.methods.options import CheckOptions
from checks.methods.run import (
    DISAGREE,
    gradient_spreads,
    inspected_gradient,
    jittered_gradient,
    oracles_disagree,
)
from checks.oracles import calibration, thresholds
from checks.problem.nested import Array
from checks.problem.problem import Problem, black_box
from tests.checks.problems import EPS, network, under_way, vector


def squares(dtype: Any = np.float64) -> Problem:
    """The sum of squares of three numbers: 20.25."""
    at = {"w": np.asarray([4.0, -2.0, 0.5], dtype)}
    return black_box(lambda p: (p["w"] ** 2).sum(), lambda p: {"w": 2 * p["w"]}, at)


def test_a_check_starts_with_nothing_done() -> None:
    """Its own generator and counts; the problem's functions are counted from now on."""
    one, other = under_way(squares(), seed=7), under_way(squares())
    assert one.rng.random() == np.random.default_rng(7).random()
    assert (one.options, one.rtol) == (CheckOptions(seed=7), 1e-6)
    assert under_way(squares(np.float32)).rtol == 1e-2
    assert under_way(squares(), rtol=0.5).rtol == 0.5
    one.problem.cost(one.problem.values)
    one.problem.gradient(one.problem.values)
    assert one.problem.calls == {"cost": 1, "gradient": 1}
    assert other.problem.calls == {}
    assert other.problem.raised is not one.problem.raised
    assert 0 <= time.perf_counter() - one.started < 60


def test_the_cost_at_the_point_is_known_after_an_inspection() -> None:
    """In double precision; whatever its sign."""
    for problem in (squares(), squares(np.float32)):
        this = under_way(problem)
        analytic = inspected_gradient(this)
        assert analytic["w"].tolist() == [8, -4, 1]
        assert this.centre == 20.25
        assert this.offences == []
    this = under_way(replace(squares(), cost=lambda values: -20.25))
    assert inspected_gradient(this)
    assert this.centre == -20.25


def test_noise_is_found_out_once_and_when_it_is_asked_for() -> None:
    """A second look would call the cost again, and hear the same."""
    this = under_way(squares())
    inspected_gradient(this)
    before = this.problem.calls["cost"]
    noise = this.noise
    asked = this.problem.calls["cost"]
    assert asked > before
    assert this.noise == noise
    assert this.problem.calls["cost"] == asked
    assert EPS * 20.25 / 2 <= noise <= 64 * EPS * 20.25


def test_the_noise_of_a_cost_in_single_precision_is_its_own() -> None:
    """Though it may be given double precision."""
    cost = lambda p: np.float32((p.astype(np.float32) ** 2).sum())  # noqa: E731
    noise = under_way(vector(cost, lambda p: 2 * p, np.asarray([4.0, -2.0, 0.5]))).noise
    assert 2.0**-24 * 20.25 <= noise <= 2.0**-18 * 20.25


def test_many_parameters_noise_is_some_roundings(monkeypatch: pytest.MonkeyPatch) -> None:
    """And is not measured."""
    monkeypatch.setattr("checks.oracles.thresholds.MANY", 2)
    this = under_way(squares())
    assert this.noise == thresholds.SAFETY * EPS * 20.25
    assert this.problem.calls["cost"] == 2


def test_what_is_wrong_with_conduct_leaves_nothing_to_compare() -> None:
    """A gradient of another form, say."""
    this = under_way(replace(squares(), gradient=lambda values: {"w": np.zeros(4)}))
    assert inspected_gradient(this) == {}
    assert [offence.code for offence in this.offences] == ["shape"]


def test_no_gradient_is_handed_on_where_the_oracles_are_broken(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """It says which, and what that means."""
    monkeypatch.setattr(calibration, "miscalibrated_oracle", lambda: "the complex step")
    this = under_way(squares())
    assert inspected_gradient(this) == {}
    (offence,) = this.offences
    assert (offence.code, offence.title) == (DISAGREE, "oracles disagree")
    assert offence.detail == "the complex step gets slopes wrong that are known"
    assert oracles_disagree("so").detail == "so"


def test_why_no_complex_slopes_are_asked_for() -> None:
    """None where they are; real differences that were asked for are a reason."""
    assert under_way(squares()).complex_doubt is None
    assert under_way(network()).complex_doubt is None
    assert under_way(squares(), oracle="real").complex_doubt == "real differences were asked for"
    floats = vector(lambda p: float(p.sum()), np.ones_like, [1.0])
    assert "does not take complex" in str(under_way(floats).complex_doubt)
    assert under_way(squares()).blind is None
    bent = vector(lambda p: np.abs(p).sum(), np.sign, [1.0])
    assert "absolute" in str(under_way(bent).blind)


def test_a_gradient_is_jittered_where_it_stores_something() -> None:
    """A black box by its parameters, a last digit each; a network by itself."""
    this = under_way(squares())
    values = this.problem.values[0]
    (moved,) = jittered_gradient(this)
    assert np.all(moved != 2 * values)
    np.testing.assert_allclose(moved, 2 * values, rtol=1e-14)
    marked = under_way(replace(squares(), jittered=lambda rng: {"w": np.full(3, rng.random())}))
    drawn = np.random.default_rng(0).random(2)
    assert jittered_gradient(marked)[0].tolist() == [drawn[0]] * 3
    assert gradient_spreads(marked, [np.zeros(3)], trials=1)[0].tolist() == [drawn[1]] * 3


@pytest.mark.parametrize("elsewhere", [lambda p: np.nan * p, lambda p: 1 // 0, lambda p: p[:1]])
def test_a_gradient_that_ends_beside_the_point_has_no_spread(elsewhere: Any) -> None:
    """NaN, an error or another shape there says nothing about rounding here."""
    at = np.asarray([1.0, 2.0])

    def gradient(p: Array) -> Any:
        return 2 * p if np.array_equal(p, at) else elsewhere(p)

    this = under_way(vector(lambda p: (p**2).sum(), gradient, at))
    assert jittered_gradient(this) == []
    assert gradient_spreads(this, [2 * at])[0].tolist() == [0, 0]


def test_a_float32_gradient_is_as_exact_as_it_is_close_to_the_same_in_double() -> None:
    """The data in it are rounded where no parameter is: the sum of them cancels to rounding."""
    data = np.full(100, 0.1, np.float32)
    data[99] = -data[:99].sum(dtype=np.float64)

    def gradient(p: Array) -> Array:
        total = p.dtype.type(0)
        for each in data:
            total += each * p.dtype.type(1)
        return np.full(1, total)

    this = under_way(
        vector(lambda p: (data * p).sum(), gradient, np.ones(1, np.float32)),
    )
    rounded = float(gradient(np.ones(1, np.float32))[0])
    true = float(gradient(np.ones(1))[0])
    assert abs(rounded - true) > 1e-7
    assert gradient_spreads(this, [gradient(np.ones(1, np.float32))])[0] == abs(rounded - true)


def test_a_gradient_that_takes_no_double_is_left_with_its_spread() -> None:
    """It may raise what it likes."""

    def gradient(p: Array) -> Array:
        if p.dtype != np.float32:
            raise TypeError("expected float32")
        return 2 * p

    at = np.asarray([1.0, 3.0], np.float32)
    this = under_way(vector(lambda p: (p**2).sum(), gradient, at))
    assert np.all(gradient_spreads(this, [2 * at])[0] > 0)


def test_where_the_slope_is_exactly_zero_more_may_be_rounding() -> None:
    """A sum that cancels to it may have terms far larger than what is left of any other."""
    this = under_way(vector(lambda p: p.sum(), np.ones_like, np.ones(3)))
    analytic, none = np.asarray([1.0, 1e-14, 1e-14]), np.zeros(3)
    at_zero = this.allowed(0, analytic, np.asarray([1.0, 0.0, np.nan]), none)
    assert at_zero[1] > 1e-14 > at_zero[2]
    wrong = this.allowed(0, np.asarray([1.0, 1e-9, 0.0]), np.asarray([1.0, 0.0, 0.0]), none)
    assert wrong[1] < 1e-9


@pytest.mark.parametrize("bias", [-20.0, -25.0, -40.0])
def test_a_network_that_is_saturated_altogether_is_not_accused(bias: float) -> None:
    """Its 1 - a² is zero in all digits, where the slope is not; a sign of what is less so fails."""

    def cost(p: Array) -> Any:
        return ((np.tanh(-0.6 * np.asarray([0.7, -1.2]) + p[0]) - 0.3) ** 2).sum()

    def gradient(p: Array) -> Array:
        a = np.tanh(-0.6 * np.asarray([0.7, -1.2]) + p[0])
        return np.asarray([(2 * (a - 0.3) * (1 - a * a)).sum()])

    assert check_gradients(cost, gradient, np.asarray([bias])).verdict == "undecided"
    assert check_gradients(cost, lambda p: -gradient(p), np.asarray([-5.0])).verdict == "fail"
