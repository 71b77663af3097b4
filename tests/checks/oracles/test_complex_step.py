from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from checks.oracles import rounding, thresholds
from checks.oracles.complex_step import complex_step
from checks.oracles.lines import Lines
from checks.problem.nested import Array
from tests.checks.problems import EPS, line

KNOWN: dict[str, tuple[Callable[[Array], Any], float]] = {
    "sine": (lambda t: np.sin(1 + t), np.cos(1)),
    "cancelling": (lambda t: 1e8 + np.exp(t) - 1e8, 1.0),
    "short": (lambda t: np.sin(1e9 * t), 1e9),
    "branch": (lambda t: np.where(t.real >= 0, 3 * t, t), 3.0),
    "logarithm": (lambda t: np.log(1e-9 + t), 1e9),
}


@pytest.mark.parametrize("name", KNOWN)
@pytest.mark.parametrize("size", [1e-12, 1.0, 1e12])
@pytest.mark.parametrize("unit", [1e-6, 1.0, 1e6])
def test_a_slope_is_exact_to_rounding(name: str, size: float, unit: float) -> None:
    """At every size of cost and parameter, with no error to speak of."""
    f, slope = KNOWN[name]
    found, error = complex_step(line(lambda t: size * f(t / unit), unit=unit))
    np.testing.assert_allclose(found, size * slope / unit, rtol=16 * EPS)
    assert 0 <= error[0] < 1e-200 * abs(found[0]) + 1e-230


def test_the_step_is_a_power_of_two_below_all_rounding() -> None:
    """So that dividing by it rounds nothing."""
    asked: list[complex] = []

    def f(t: Array) -> Array:
        asked.extend(t)
        return 5 * t

    for unit in (1.0, 3.0, 1e-7):
        complex_step(line(f, unit=unit))
    steps = np.asarray(asked)
    assert np.all(steps.real == 0)
    assert np.all(np.frexp(steps.imag)[0] == 0.5)
    ratio = steps.imag / (np.asarray([1.0, 3.0, 1e-7]) * thresholds.COMPLEX_STEP)
    assert np.all((ratio >= 0.7) & (ratio <= 1.42))
    assert thresholds.COMPLEX_STEP**2 * (2.0**44) ** 2 <= EPS


def test_the_error_is_what_underflow_can_take() -> None:
    """Over the step, as the derivative is divided by it."""
    _, error = complex_step(line(lambda t: t))
    assert error[0] == rounding.underflow(np.dtype(float)) / thresholds.COMPLEX_STEP


@pytest.mark.parametrize("cost", [np.nan, np.inf, complex(np.inf, 1)])
def test_a_cost_that_is_not_finite_tells_nothing(cost: complex) -> None:
    """Nor one that gives back real numbers; other lines are not touched by it."""
    lines = Lines(
        costs=lambda which, t: np.where(which == 0, cost, 2 * t),
        unit=np.ones(2),
        spacing=np.ones(2),
    )
    slope, _ = complex_step(lines)
    assert np.isnan(slope[0])
    assert slope[1] == 2
    real, error = complex_step(line(lambda t: np.ones(t.shape)))
    assert np.isnan(real).all()
    assert error.tolist() == [0]


def test_what_overflows_is_no_warning() -> None:
    """Every warning is an error here."""
    slope, _ = complex_step(line(lambda t: np.exp(1000 + t)))
    assert not np.isfinite(slope).any()
