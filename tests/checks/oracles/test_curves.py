"""Curves show the cost that was checked, are measured once, and only when they are asked for."""

from __future__ import annotations

import pickle
from typing import Any

import numpy as np
import pytest

from checks import check_gradients
from checks.methods.dispatch import run_check
from checks.output.curves import Curves
from checks.problem.nested import Array
from checks.verdict.report import Report
from tests.checks.problems import changed, network


def curves_of(report: Report) -> Curves:
    """The curves, measured."""
    assert report.measure_curves is not None
    return report.measure_curves()


def double_last(gradient: dict[str, Array]) -> None:
    """One wrong bias."""
    gradient["b2"][-1] *= 2


def test_the_error_has_two_branches() -> None:
    """At large steps it is truncation, f''' h² / 6; at small ones rounding, noise / h at most."""
    report = check_gradients(lambda x: float(np.sin(x[0])), np.cos, np.asarray([0.7]))
    (curve,) = curves_of(report).errors
    assert (curve.tensor, curve.index, curve.verdict) == ("params", (0,), "right")
    assert curve.truncation is not None
    assert curve.truncation == pytest.approx(np.cos(0.7) / 6, rel=0.01)
    h, error = np.asarray(curve.h), np.abs(np.asarray(curve.difference) - np.cos(0.7))
    assert np.all(np.diff(h) < 0)
    assert np.all(error <= 1.1 * curve.truncation * h**2 + 2 * curve.noise / h + 1e-15)


def test_a_straight_line_has_no_truncation_branch() -> None:
    """Where none shows, none is drawn."""
    report = check_gradients(lambda x: 3.0 * float(x[0]), lambda x: 3.0 + 0 * x, np.asarray([0.7]))
    (curve,) = curves_of(report).errors
    assert curve.truncation is None


def test_a_staircase_is_as_rough_as_it_was_found_to_be() -> None:
    """Its rounding branch is that of its steps, not of its digits."""
    report = check_gradients(
        lambda x: float(np.round(np.sum(x.real**2), 6)), lambda x: 2 * x, np.asarray([0.3, 0.7])
    )
    for curve in curves_of(report).errors:
        assert curve.noise > 1e-8


def test_the_intervals_are_those_that_decided() -> None:
    """Those measured in the check: all hold the true slope, and some leave the wrong one out."""
    report = check_gradients(
        lambda x: float(np.sin(float(x[0]))), lambda x: 1.01 * np.cos(x), np.asarray([0.7])
    )
    assert report.verdict == "fail"
    (curve,) = curves_of(report).errors
    assert curve.intervals
    for each in curve.intervals:
        assert each.lo <= np.cos(0.7) <= each.hi
    assert any(not i.lo <= curve.analytic <= i.hi for i in curve.intervals)


def test_the_worst_of_each_tensor_come_first() -> None:
    """Wrong ones have curves, at most four in all."""
    report = run_check(changed(network(), double_last))
    found = curves_of(report)
    first = found.errors[0]
    assert (first.tensor, first.index, first.verdict) == ("b2", (2,), "wrong")
    assert {e.tensor for e in found.errors[1:]}.isdisjoint({"b2"})
    assert len(found.errors) <= 4


@pytest.mark.parametrize(("factor", "slope"), [(1.0, 2.0), (1.5, 1.0)])
def test_the_taylor_slope_tells_right_from_wrong(factor: float, slope: float) -> None:
    """With the power two for a right gradient, one for a wrong one."""
    report = check_gradients(
        lambda x: float(np.sum(np.exp(x))), lambda x: factor * np.exp(x), np.asarray([0.3, 0.5])
    )
    taylor = curves_of(report).taylor
    assert taylor is not None
    assert taylor.slope == pytest.approx(slope, abs=0.1)


def test_a_taylor_test_shows_its_own_remainders() -> None:
    """Those of the verdict, and none measured anew."""
    report = run_check(network(), method="taylor")
    taylor = curves_of(report).taylor
    assert taylor is not None
    assert report.extra["taylor"]["remainder"] == list(taylor.remainder)
    assert "Taylor test" in report.to_html()


def test_a_check_runs_nothing_for_curves_that_nobody_asks_for() -> None:
    """The page does, once; the report's own count stays that of the check."""
    calls: list[float] = []

    def cost(x: Array) -> float:
        calls.append(0.0)
        return float(np.sum(np.sin(x.real)))

    report = check_gradients(cost, np.cos, np.asarray([0.3, 0.5]))
    made, told = len(calls), dict(report.calls)
    assert "pass" in str(report)
    assert len(calls) == made
    report.to_html()
    after = len(calls)
    assert after > made
    assert report.calls == told
    report.to_html()
    assert len(calls) == after


def test_a_cost_that_has_changed_is_left_alone() -> None:
    """The page says so, and shows no curve of another cost."""
    data = np.ones(2)
    report = check_gradients(
        lambda x: float(np.sum(data * x**2)), lambda x: 2 * data * x, np.ones(2)
    )
    data[:] = 5
    found = curves_of(report)
    assert not found.errors
    assert found.taylor is None
    assert "the cost was 2 when it was checked, and is 10 now" in found.missing
    assert found.missing in report.to_html()


def test_a_cost_that_raises_by_now_is_told() -> None:
    """With its error; the page is made all the same."""
    data: dict[str, Any] = {"x": 1.0}
    report = check_gradients(lambda x: float(np.sum(data["x"] * x**2)), lambda x: 2 * x, np.ones(2))
    data.clear()
    assert "raised KeyError: 'x'" in curves_of(report).missing


def test_a_report_can_be_sent() -> None:
    """With the curves that were measured, and without what measures them."""
    report = check_gradients(lambda x: float(np.sum(np.sin(x))), np.cos, np.asarray([0.3]))
    bare: Report = pickle.loads(pickle.dumps(report))  # noqa: S301
    assert bare == report
    assert "not measured before the report was sent" in bare.to_html()
    page = report.to_html()
    full: Report = pickle.loads(pickle.dumps(report))  # noqa: S301
    assert full.to_html() == page


def test_what_a_sample_looked_at_is_found_again() -> None:
    """Its intervals belong to the coordinate in the whole tensor."""
    report = check_gradients(
        lambda x: float(np.sum(np.sin(x.real))),
        lambda x: np.cos(x) * np.where(np.arange(40) == 33, 1.1, 1),
        np.linspace(0.1, 2, 40),
        stop_after=1,
    )
    (curve,) = [c for c in curves_of(report).errors if c.verdict == "wrong"]
    assert curve.index == (33,)
    assert all(i.lo <= curve.numeric <= i.hi for i in curve.intervals)
    assert curve.intervals
