from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from checks.methods.dispatch import run_check
from checks.methods.taylor import picture
from checks.oracles.curves import read_slope
from checks.problem.nested import Array
from checks.problem.problem import Problem, scaled
from checks.verdict.report import Report
from tests.checks.problems import changed, network, vector


def taylor(problem: Problem, **options: Any) -> Report:
    """The Taylor test of a problem."""
    return run_check(problem, method="taylor", **options)


@pytest.mark.parametrize("seed", range(4))
@pytest.mark.parametrize("factor", [1e-12, 1.0, 1e12])
def test_a_right_gradient_has_slope_two(seed: int, factor: float) -> None:
    """At any size of the loss; every parameter took part, and none was checked by itself."""
    problem = scaled(network(seed, activation=("sigmoid", "tanh", "softplus")[seed % 3]), factor)
    report = taylor(problem, seed=seed)
    assert report.verdict == "pass", str(report)
    assert 1.7 <= report.extra["taylor"]["slope"] <= 2.6
    assert (report.method, report.checked, report.undecided) == ("taylor", 0, problem.parameters)
    assert report.summary.endswith("parameters, none of which was checked by itself")
    assert "along one direction; each parameter took part" in report.notes[0]


@pytest.mark.parametrize("seed", range(4))
@pytest.mark.parametrize("name", ["W1", "b2"])
def test_a_wrong_gradient_has_slope_one(seed: int, name: str) -> None:
    """A tensor with its sign flipped is caught, with what to do next."""
    report = taylor(
        changed(network(seed, activation="tanh"), lambda g: g.update({name: -g[name]})), seed=seed
    )
    assert report.verdict == "fail", str(report)
    assert report.extra["taylor"]["slope"] == pytest.approx(1, abs=0.3)
    assert report.diagnosis is not None
    assert report.diagnosis.code == "taylor-slope"
    assert "a sweep names the coordinates" in report.diagnosis.remedy


def test_a_small_error_fails() -> None:
    """Of a hundred-thousandth in every coordinate."""
    report = taylor(changed(network(), lambda g: g.update({n: 1.00001 * g[n] for n in g})))
    assert report.verdict == "fail"


def test_a_linear_cost_passes_with_nothing_but_rounding() -> None:
    """It has no remainder, so no slope; a wrong gradient of it still has slope 1."""
    slope = np.asarray([1.0, -2.0, 3.0])
    right = taylor(vector(lambda p: p @ slope, lambda p: slope, [0.5, 1.0, 2.0]))
    assert (right.verdict, right.extra["taylor"]["slope"]) == ("pass", None)
    assert right.notes[0].startswith("the remainder is rounding at nearly every step; each")
    wrong = taylor(vector(lambda p: p @ slope, lambda p: 1.01 * slope, [0.5, 1.0, 2.0]))
    assert wrong.verdict == "fail"
    assert wrong.extra["taylor"]["slope"] == pytest.approx(1, abs=0.01)


@pytest.mark.parametrize("factor", [1.0, 1.01, -1.0])
@pytest.mark.parametrize("seed", range(4))
def test_close_to_a_minimum_only_the_right_gradient_passes(factor: float, seed: int) -> None:
    """Where curvature covers what is wrong; a wrong one fails farther away."""
    for far in (1e-11, 1e-3, 1.0):
        at = 1 + far * np.asarray([1.0, -2.0, 3.0])
        problem = vector(lambda p: 1 + ((p - 1) ** 2).sum(), lambda p: factor * 2 * (p - 1), at)
        verdict = taylor(problem, seed=seed).verdict
        assert verdict != ("fail" if factor == 1 else "pass")
        if far == 1.0:
            assert verdict == ("pass" if factor == 1 else "fail")


def cancelling(seed: int, size: float, factor: float) -> Problem:
    """Least squares in single precision close to the best fit: `factor` times the gradient."""
    rng = np.random.default_rng(seed)
    x = rng.normal(size=(500, 6)).astype(np.float32)
    y = x @ np.arange(1, 7, dtype=np.float32) * np.float32(size)
    y += rng.normal(size=500).astype(np.float32) / 10
    best = np.linalg.lstsq(x, y, rcond=None)[0]
    return vector(
        lambda w: ((x @ w - y) ** 2).mean() / 2,
        lambda w: np.float32(factor / 500) * (x.T @ (x @ w - y)),
        (best + rng.normal(size=6) / 100).astype(np.float32),
    )


@pytest.mark.parametrize("seed", range(4))
def test_a_gradient_has_rounding_of_its_own(seed: int) -> None:
    """In single precision, of large residuals that nearly cancel; a flipped sign never passes."""
    for size in (1, 10, 100):
        assert taylor(cancelling(seed, size, 1.0), seed=seed).verdict != "fail"
        assert taylor(cancelling(seed, size, -1.0), seed=seed).verdict != "pass"


@pytest.mark.parametrize(("factor", "verdict"), [(1.0, "pass"), (-1.0, "fail")])
def test_a_gradient_that_ends_beside_the_point_is_taken_as_it_is(
    factor: float, verdict: str
) -> None:
    """As by a sweep: NaN there says nothing about rounding here."""
    at = np.asarray([1.0, 2.0])
    gradient = lambda p: factor * 2 * p if np.array_equal(p, at) else np.nan * p  # noqa: E731
    assert taylor(vector(lambda p: (p**2).sum(), gradient, at)).verdict == verdict


@pytest.mark.parametrize("seed", range(4))
@pytest.mark.parametrize("factor", [1.0, 1.5, -1.0])
def test_stairs_of_the_cost_are_no_slope(seed: int, factor: float) -> None:
    """As rounding makes them of log(1 - p): the right one does not fail, no wrong one passes."""

    def cost(z: Array) -> Any:
        return -np.log(1 - 1 / (1 + np.exp(-z))).sum()

    z = np.random.default_rng(seed).uniform(20, 30, 5)
    problem = vector(cost, lambda z: factor / (1 + np.exp(-z)), z)
    assert taylor(problem, seed=seed).verdict != ("fail" if factor == 1 else "pass")


def test_a_cost_without_a_finite_neighbour_is_undecided() -> None:
    """There is no remainder at all, and the picture says so."""
    at = np.ones(2)
    cost = lambda p: 1.0 if np.array_equal(p, at) else np.nan  # noqa: E731
    report = taylor(vector(cost, np.ones_like, at))
    assert report.verdict == "undecided"
    assert report.extra["taylor"]["picture"] == "no step has a finite cost and rounding"


@pytest.mark.parametrize(("value", "verdict"), [(0.5, "undecided"), (-3.0, "undecided")])
def test_on_a_kink_the_slope_means_little(value: float, verdict: str) -> None:
    """There the remainder of a right gradient falls with slope 1, too, and kinks may be several."""
    cost = lambda p: (p * (p.real > 0)).sum() + (p**2).sum()  # noqa: E731
    gradient = lambda p: 2 * p + np.where(p == 0, value, p > 0)  # noqa: E731
    report = taylor(vector(cost, gradient, [0.0, 1.0]))
    assert report.verdict == verdict
    assert ("lies on a kink" in report.notes[0]) is (value == 0.5)


def test_conduct_comes_first() -> None:
    """A gradient of the wrong shape is not measured, and one that changes parameters fails."""
    report = taylor(vector(lambda p: (p**2).sum(), lambda p: p[:1], [1.0, 2.0]))
    assert (report.verdict, report.calls["cost"]) == ("fail", 2)

    def spoils(p: Array) -> Array:
        g = 2 * p
        p += 1
        return g

    report = taylor(vector(lambda p: (p**2).sum(), spoils, [1.0, 2.0]))
    assert report.verdict == "fail"
    assert report.diagnosis is not None
    assert report.diagnosis.code == "changes-parameters"


def test_the_slope_is_read_where_it_is_clear_of_rounding() -> None:
    """At the smallest such steps; what comes up again after a drowned one is noise."""
    h = 2.0 ** -np.arange(2.0, 22)
    floor = np.full(h.size, 1e-9)
    assert read_slope(h, h**2, floor) == pytest.approx(2)
    assert read_slope(h, h, floor) == pytest.approx(1)
    again = np.where(h**2 > 1e-6, h**2, 1e-10)
    again[-1] = 1.0
    assert read_slope(h, again, floor) == pytest.approx(2)
    assert read_slope(h, np.where(np.arange(h.size) < 3, h, 0), floor) is None


def test_the_picture_fits_and_shows_both_slopes() -> None:
    """80 columns; `*` stands clear of rounding, `.` does not."""
    h = 2.0 ** -np.arange(2.0, 42)
    shown = picture(h, h**2 + 1e-17, np.full(h.size, 1e-15))
    assert max(map(len, shown.splitlines())) <= 80
    assert all(mark in shown for mark in "*.12")
    assert "h = 2^-2" in shown
    assert "h = 2^-41" in shown


@pytest.mark.parametrize("factor", [1.0, -1.0])
def test_where_a_direction_crosses_several_kinks_at_once_nothing_is_wrong(factor: float) -> None:
    """Of each the slope taken is a right one, and all together may lie beyond both of the line."""
    at = np.zeros(4)
    signs = factor * np.asarray([1.0, -1.0, 1.0, -1.0])

    def cost(p: Array) -> float:
        return float((signs * np.where(p > 0, p, p / 10)).sum() + p.sum())

    right = vector(cost, lambda p: signs * np.where(p > 0, 1, 0.1) + 1, at)
    assert run_check(right).kinks == 4
    reports = [run_check(right, method="taylor", seed=seed) for seed in range(9)]
    assert {report.verdict for report in reports} == {"undecided"}
    assert any("on a kink of the cost" in " ".join(report.notes) for report in reports)


def test_a_wrong_gradient_of_a_smooth_cost_fails_beside_kinks_elsewhere() -> None:
    """The parts are looked at where the point is."""
    at = np.linspace(0.5, 2, 12)
    wrong = vector(lambda p: float(np.maximum(p, 0).sum() + (p**2).sum()), lambda p: 2 * p, at)
    assert run_check(wrong, method="taylor").verdict == "fail"
