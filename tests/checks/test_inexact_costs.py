"""Costs that are off by more than rounding: from solvers that stop, and from runs that differ."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from checks import GradientError, assert_gradients, check_gradients
from checks.problem.problem import FormError
from checks.verdict.report import Report

RNG = np.random.default_rng(5)
ROOT = RNG.normal(size=(6, 6))
MATRIX = ROOT @ ROOT.T + np.eye(6)
LARGEST = np.linalg.norm(MATRIX, 2)
B = RNG.normal(size=6)
RIGHT, SIGN, TENTH = 1.0, -1.0, 1.1
METHODS = ["sweep", "naive", "probe"]


def solved(tolerance: float) -> Callable[[Any], float]:
    """Half of b x, with A x = b solved by steps down the gradient until the residual is small."""

    def cost(b: Any) -> float:
        x = np.zeros(6)
        while np.linalg.norm(residual := MATRIX @ x - b) >= tolerance:
            x = x - residual / LARGEST
        return float(b @ x / 2)

    return cost


def noisy(size: float) -> Callable[[Any], float]:
    """A cost that differs from call to call."""
    rng = np.random.default_rng(1)
    return lambda b: float(np.sin(b).sum() + size * rng.normal())


def check(
    cost: Any, gradient: Callable[[Any], Any], factor: float = RIGHT, **options: Any
) -> Report:
    """The report of a gradient whose first coordinate is off by a factor."""
    off = np.asarray([factor, 1, 1, 1, 1, 1])
    return check_gradients(cost, lambda b: gradient(b) * off, B, **options)


def slope(b: Any) -> Any:
    """The gradient of the solved cost."""
    return np.linalg.solve(MATRIX, b)


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("error", [1e-7, lambda value: 1e-7 * max(1, abs(value))])
def test_a_solver_that_stops_passes_at_its_error_and_fails_what_is_wrong(
    method: str, error: Any
) -> None:
    """Without the error the right gradient is called wrong."""
    options = {"cost_error": error, "method": method}
    report = check(solved(1e-6), slope, **options)
    assert (report.verdict, report.resolution > 0) == ("pass", True), str(report)
    assert report.extra["cost_error"] >= 1e-7
    for factor in (SIGN, TENTH):
        wrong = check(solved(1e-6), slope, factor, **options)
        assert (wrong.verdict, wrong.failed) == ("fail", 1), str(wrong)
        assert wrong.failures[0].index == (0,)
    assert check(solved(1e-6), slope, method=method).verdict == "fail"


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("size", [1e-12, 1e-9, 1e-7])
def test_a_cost_that_differs_from_call_to_call_is_judged_at_its_noise(
    method: str, size: float
) -> None:
    """With `repeatable=False`; it is refused otherwise."""
    report = check(noisy(size), np.cos, repeatable=False, method=method)
    assert report.verdict == "pass", str(report)
    assert size / 2 < report.extra["cost_error"] < 20 * size
    for factor in (SIGN, TENTH):
        wrong = check(noisy(size), np.cos, factor, repeatable=False, method=method)
        assert (wrong.verdict, wrong.failed) == ("fail", 1), str(wrong)
    refused = check(noisy(size), np.cos, method=method)
    assert refused.diagnosis is not None
    assert refused.diagnosis.code == "cost-not-repeatable"


@pytest.mark.parametrize("size", [1e-4, 1e-2])
def test_too_much_noise_leaves_it_undecided_and_says_so(size: float) -> None:
    """With the reason, its number and its remedy; never a fail of what is right."""
    report = check(noisy(size), np.cos, repeatable=False)
    assert report.verdict == "undecided"
    (reason,) = report.reasons
    assert (reason.code, reason.undecided) == ("noise", 6)
    assert "the cost is exact to" in reason.text
    assert "average more runs" in reason.remedy
    assert max(map(len, str(report).splitlines())) <= 80


@pytest.mark.parametrize("seed", range(20))
def test_right_gradients_of_noisy_costs_do_not_fail(seed: int) -> None:
    """Whatever the noise is like: it may be uniform, heavy of tail, or one of two values."""
    rng = np.random.default_rng(seed)
    draws = (rng.normal, rng.uniform, rng.standard_t, lambda *_: rng.integers(0, 2))
    draw = draws[seed % 4]
    size = 10.0 ** -(3 + seed // 4)
    given = (3,) if draw == rng.standard_t else ()
    report = check(lambda b: float(np.sin(b).sum() + size * draw(*given)), np.cos, repeatable=False)
    assert report.verdict != "fail", str(report)


def test_a_gradient_that_differs_from_call_to_call_is_compared_as_it_scatters() -> None:
    """As on a GPU, where sums are added up in another order each time."""
    rng = np.random.default_rng(2)

    def scattered(b: Any) -> Any:
        return np.cos(b) * (1 + 1e-12 * rng.normal(size=b.shape))

    assert check(noisy(1e-9), scattered, repeatable=False).verdict == "pass"
    assert check(noisy(1e-9), scattered, SIGN, repeatable=False).verdict == "fail"
    found = check(lambda b: np.sin(b).sum(), scattered).diagnosis
    assert found is not None
    assert found.code == "not-repeatable"


def test_the_report_says_which_error_was_taken_and_how_to_repeat_it() -> None:
    """In text, JSON, and the call."""
    report = check(solved(1e-6), slope, TENTH, cost_error=1e-7, repeatable=False)
    assert "note: the cost was taken to be exact to 1.0e-07" in str(report)
    assert json.loads(report.to_json())["cost_error"] == 1e-7
    assert report.repeat == ("check_gradients(..., cost_error=1e-07, repeatable=False, seed=0)")
    assert "cost_error" not in json.loads(check(np.sum, np.ones_like).to_json())


def test_assert_gradients_takes_them_too() -> None:
    """And raises what the check finds."""
    assert assert_gradients(solved(1e-6), slope, B, cost_error=1e-7)
    with pytest.raises(GradientError, match="is wrong"):
        assert_gradients(noisy(1e-9), np.sin, B, repeatable=False)


@pytest.mark.parametrize(
    ("given", "error", "text"),
    [
        ({"cost_error": -1.0}, ValueError, "cost_error: expected a finite number of 0 or more"),
        ({"cost_error": np.inf}, ValueError, "cost_error: expected a finite number"),
        ({"cost_error": "1e-8"}, TypeError, "cost_error: .* got '1e-8'"),
        ({"cost_error": True}, TypeError, "cost_error: .* got True"),
        ({"cost_error": lambda value: None}, FormError, "cost_error: .* got None; give"),
        (
            {"cost_error": lambda value: -(value**2)},
            FormError,
            "cost_error: expected a number of 0",
        ),
        ({"repeatable": 0}, TypeError, "repeatable: expected True or False, got 0"),
        (
            {"repeatable": False, "oracle": "complex"},
            ValueError,
            "oracle: expected 'auto' or 'real' for a cost that is not exact",
        ),
    ],
)
def test_what_is_no_error_of_a_cost_is_refused(given: Any, error: Any, text: str) -> None:
    """By name, with what was expected and what it got."""
    with pytest.raises(error, match=text):
        check(solved(1e-6), slope, **given)
