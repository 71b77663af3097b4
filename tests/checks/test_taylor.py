"""The remainder falls with slope 2 where the gradient is right, and with slope 1 elsewhere."""

from __future__ import annotations

import re
from typing import Any

import numpy as np
import pytest

from checks import taylor
from checks.nest import Array
from checks.subject import Subject, scaled
from tests.checks.helpers import changed, subject, vector


@pytest.mark.parametrize("seed", range(8))
@pytest.mark.parametrize("factor", [1e-12, 1.0, 1e12])
def test_a_right_gradient_has_slope_two(seed: int, factor: float) -> None:
    """At any size of the loss; every parameter took part, and none was checked by itself."""
    one = scaled(subject(seed, activation=("sigmoid", "tanh", "softplus")[seed % 3]), factor)
    report = taylor.taylor(one, seed=seed)
    assert report.verdict == "pass", str(report)
    assert 1.7 <= report.extra["taylor"]["slope"] <= 2.6
    assert (report.method, report.checked, report.undecided) == ("taylor", 0, one.parameters)
    assert report.summary.endswith("parameters, none of which was checked by itself")
    assert "along one direction; each parameter took part" in report.notes[0]


@pytest.mark.parametrize("seed", range(8))
@pytest.mark.parametrize("name", ["W1", "b2"])
def test_a_wrong_gradient_has_slope_one(seed: int, name: str) -> None:
    """A tensor with its sign flipped is caught, with what to do next."""
    one = changed(subject(seed, activation="tanh"), lambda g: g.update({name: -g[name]}))
    report = taylor.taylor(one, seed=seed)
    assert report.verdict == "fail", str(report)
    assert report.extra["taylor"]["slope"] == pytest.approx(1, abs=0.3)
    assert report.diagnosis is not None
    assert report.diagnosis.code == "taylor-slope"
    assert "a sweep names the coordinates" in report.diagnosis.remedy


def test_a_small_error_shows_at_the_smallest_steps() -> None:
    """Of a thousandth in every coordinate."""
    one = changed(subject(), lambda g: g.update({n: 1.001 * g[n] for n in g}))
    report = taylor.taylor(one)
    assert report.verdict == "fail"
    assert report.extra["taylor"]["slope"] == pytest.approx(1, abs=0.1)


def test_a_linear_cost_passes_with_nothing_but_rounding() -> None:
    """It has no remainder, so no slope; a wrong gradient of it still has slope 1."""
    slope = np.asarray([1.0, -2.0, 3.0])
    right = taylor.taylor(vector(lambda p: p @ slope, lambda p: slope, [0.5, 1.0, 2.0]))
    assert (right.verdict, right.extra["taylor"]["slope"]) == ("pass", None)
    assert re.match("the remainder is rounding .* rules out a relative .*e-1[2-5];", right.notes[0])
    wrong = taylor.taylor(vector(lambda p: p @ slope, lambda p: 1.01 * slope, [0.5, 1.0, 2.0]))
    assert wrong.verdict == "fail"
    assert wrong.extra["taylor"]["slope"] == pytest.approx(1, abs=0.01)


@pytest.mark.parametrize("seed", range(4))
@pytest.mark.parametrize("factor", [1.0, 1.01, -1.0])
@pytest.mark.parametrize(("far", "verdicts"), [(1e-11, ["undecided"] * 2), (1, ["pass", "fail"])])
def test_a_slope_of_two_hides_what_curvature_covers(
    far: float, verdicts: list[str], factor: float, seed: int
) -> None:
    """So close to a minimum, a gradient of any sign has it; farther away, only the right one."""
    at = 1 + far * np.asarray([1.0, -2.0, 3.0])
    one = vector(lambda p: 1 + ((p - 1) ** 2).sum(), lambda p: factor * 2 * (p - 1), at)
    report = taylor.taylor(one, seed=seed)
    assert report.verdict == verdicts[int(factor != 1)]
    if report.verdict == "undecided":
        assert report.diagnosis is None
        assert re.match(
            r"the remainder falls with slope \d.\d\d along one direction, behind which a relative"
            r" error of \S+ could hide; each",
            report.notes[0],
        )


def test_what_a_slope_of_two_leaves_room_for() -> None:
    """What rounding moves, and what is no curvature: an error, or terms of higher order."""
    h = 2.0 ** -np.arange(2.0, 22)
    unseen = taylor.unseen
    assert unseen(h, 3 * h**2, 0 * h) == 0
    assert unseen(h, 1e-3 * h + 3 * h**2, 0 * h) == pytest.approx(1e-3)
    assert unseen(h, 3 * h**2, 1e-3 * h) == pytest.approx(1e-3)
    assert unseen(h, 3 * h**2 + h**3, 0 * h) == pytest.approx(h[-2] ** 2 / 2)
    assert unseen(0 * h, 3 * h**2, h) == np.inf
    assert unseen(h[:1], h[:1], h[:1]) == np.inf


def cancelling(seed: int, size: float, factor: float) -> Subject:
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
    wrong = []
    for size in (1, 10, 100):
        for s in range(4):
            assert taylor.taylor(cancelling(seed, size, 1.0), seed=s).verdict != "fail"
            wrong.append(taylor.taylor(cancelling(seed, size, -1.0), seed=s).verdict)
    assert "pass" not in wrong
    assert wrong[:4].count("fail") >= 3


@pytest.mark.parametrize(("factor", "verdict"), [(1.0, "pass"), (-1.0, "fail")])
def test_a_gradient_that_ends_beside_the_point_is_taken_as_it_is(
    factor: float, verdict: str
) -> None:
    """As by a sweep: NaN there says nothing about rounding here."""
    at = np.asarray([1.0, 2.0])
    gradient = lambda p: factor * 2 * p if np.array_equal(p, at) else np.nan * p  # noqa: E731
    assert taylor.taylor(vector(lambda p: (p**2).sum(), gradient, at)).verdict == verdict


@pytest.mark.parametrize("seed", [102, 108, 196, 249, 378, 393])
def test_a_slope_below_1_convicts_nobody(seed: int) -> None:
    """Kinks on the way make it; that of a wrong gradient is 1."""
    rng = np.random.default_rng(seed)
    at = rng.normal(size=300).astype(np.float32)
    weight = rng.normal(size=300) * 10.0 ** rng.uniform(-6, 6, 300)
    one = vector(
        lambda p: (np.maximum(p, 0) * weight).sum() + (p**2).sum(),
        lambda p: ((p > 0) * weight + 2 * p).astype(np.float32),
        at,
    )
    assert taylor.taylor(one, seed=seed).verdict != "fail"


@pytest.mark.parametrize("seed", range(8))
@pytest.mark.parametrize("factor", [1.0, 1.01, -1.0])
def test_stairs_of_the_cost_are_no_slope(seed: int, factor: float) -> None:
    """As rounding makes them of log(1 - p); an error that is larger than they are is one."""

    def cost(z: Array) -> Any:
        return -np.log(1 - 1 / (1 + np.exp(-z))).sum()

    one = vector(cost, lambda z: factor / (1 + np.exp(-z)), [1.0, 5.0, 15.0])
    report = taylor.taylor(one, seed=seed)
    if factor == 1:
        assert report.verdict != "fail"
        assert any(re.match(r"the cost jumps by \S+ close by", note) for note in report.notes)
        assert report.extra["taylor"]["slope"] == pytest.approx(2, abs=0.1)
    else:
        assert report.verdict == "fail"


@pytest.mark.parametrize("factor", [1.0, -1.0, 0.0])
@pytest.mark.parametrize("size", [1e13, 1e16])
def test_what_drowns_altogether_is_not_passed(factor: float, size: float) -> None:
    """Where rounding covers the first-order term, a gradient may be anything; zero, too."""
    cost = lambda p: size + 1e-3 * np.sin(p).sum()  # noqa: E731
    report = taylor.taylor(vector(cost, lambda p: factor * 1e-3 * np.cos(p), [0.5, 1.0, 2.0]))
    assert (report.verdict, report.extra["taylor"]["slope"]) == ("undecided", None)
    assert "noise hides even the first-order term: nothing was tested" in report.notes[0]


@pytest.mark.parametrize(("size", "verdict"), [(1e5, "pass"), (1e10, "undecided")])
def test_a_drowned_remainder_is_as_good_as_what_it_rules_out(size: float, verdict: str) -> None:
    """A relative error of `rtol`, in a linear cost beside something large; and no larger one."""
    slope = np.asarray([1.0, -2.0, 3.0])
    cost = lambda p: size + p @ slope  # noqa: E731
    report = taylor.taylor(vector(cost, lambda p: slope, [0.5, 1.0, 2.0]))
    assert report.verdict == verdict
    words = {"pass": "rules out", "undecided": "could hide"}[verdict]
    found = re.search(rf"which {words} a relative error of (\S+);", report.notes[0])
    assert found
    error = float(found[1])
    assert (error <= 1e-6) is (verdict == "pass")
    wrong = taylor.taylor(vector(cost, lambda p: (1 + 8 * error) * slope, [0.5, 1.0, 2.0]))
    assert wrong.verdict != "pass"


def test_what_a_drowned_remainder_hides() -> None:
    """Five floors of the first-order term, for curvature may take away a part of an error."""
    h = 2.0 ** -np.arange(2.0, 12)
    floor = np.full(10, 1e-3)
    assert taylor.hides(8 * h, floor, floor) == pytest.approx(5e-3 / 2)
    assert taylor.hides(0 * h, floor, floor) == np.inf
    assert taylor.hides(8 * h, floor * (1 + (h == h[3])), floor) is None
    assert taylor.hides(h[:0], h[:0], h[:0]) is None
    for a in (4.9e-3, 5.1e-3):  # the error, with the curvature that hides it best
        remainder = np.abs(a * h / h[0] - (1e-3 + a) * (h / h[0]) ** 2)
        assert (taylor.hides(h, remainder, floor * 1.0001) is None) is (a > 5e-3)


def test_a_cost_without_a_finite_neighbour_is_undecided() -> None:
    """There is no remainder at all, and the picture says so."""
    at = np.asarray([1.0, 2.0])
    cost = lambda p: 5.0 if np.array_equal(p, at) else np.nan  # noqa: E731
    report = taylor.taylor(vector(cost, lambda p: p, at))
    assert report.verdict == "undecided"
    assert "clear of rounding at fewer than 4 steps" in report.notes[0]
    assert report.extra["taylor"]["picture"] == "no step has a finite cost and rounding"


def test_a_slope_in_between_is_undecided() -> None:
    """A cost whose remainder falls with h to the 1.5: nothing was checked."""
    at = np.asarray([0.0, 1.0])
    cost = lambda p: (np.abs(p - at) ** 1.5).sum() + 1  # noqa: E731
    report = taylor.taylor(vector(cost, lambda p: 0 * p + 1e-300, at))
    assert report.extra["taylor"]["slope"] == pytest.approx(1.5, abs=0.01)
    assert (report.verdict, report.checked, report.undecided) == ("undecided", 0, 2)
    assert report.diagnosis is None


@pytest.mark.parametrize("power", [1.2, 1.4, 1.6])
@pytest.mark.parametrize("seed", range(4))
def test_a_cost_without_a_second_derivative_is_undecided(power: float, seed: int) -> None:
    """With some parameters at 0, where it bends; a wrong gradient beside them has slope 1."""
    at = np.asarray([0.0, 0.5, 0.0, -1.5])

    def cost(p: Array) -> Any:
        return (np.abs(p) ** power).sum()

    def gradient(p: Array) -> Array:
        return np.asarray(power * np.sign(p) * np.abs(p) ** (power - 1))

    report = taylor.taylor(vector(cost, gradient, at), seed=seed)
    assert report.extra["taylor"]["slope"] == pytest.approx(power, abs=0.05)
    assert (report.verdict, report.diagnosis) == ("undecided", None)
    assert "neither 1 nor 2: the cost may have no second derivative here" in report.notes[0]
    report = taylor.taylor(vector(cost, lambda p: -gradient(p), at), seed=seed)
    assert report.verdict == "fail"


def test_too_few_clear_steps_are_undecided() -> None:
    """A remainder that drowns after two steps has no slope to read."""
    h = 2.0 ** -np.arange(2, 10)
    floor = np.full(8, 1e-3)
    assert taylor.read_slope(h, h**2 * (h > 0.1), floor) is None
    assert taylor.read_slope(h, h**2, 0 * floor) == pytest.approx(2)
    assert taylor.read_slope(h, h, 0 * floor) == pytest.approx(1)


def test_the_slope_is_read_where_it_is_clear_of_rounding() -> None:
    """At the smallest such steps; what comes up again after a drowned one is noise."""
    h = 2.0 ** -np.arange(2, 12)
    floor = np.full(10, 1e-4)
    remainder = np.where(h > 2**-5, 1.0, h)  # flat first, then of slope 1
    assert taylor.read_slope(h, remainder, floor) == pytest.approx(1)
    drowned = np.where(np.arange(10) == 5, 1e-5, h**2 + 1)
    drowned[:5] = h[:5] ** 2
    assert taylor.read_slope(h, drowned, floor) == pytest.approx(2)


def test_hygiene_comes_first() -> None:
    """A gradient of the wrong shape is not measured, and fails."""
    report = taylor.taylor(vector(lambda p: (p**2).sum(), lambda p: 2 * p[:1], [1.0, 2.0]))
    assert report.verdict == "fail"
    assert report.diagnosis is not None
    assert report.diagnosis.code == "shape"
    assert "taylor" not in report.extra


def test_an_offence_outweighs_the_slope() -> None:
    """A gradient that changes its parameters fails, though its numbers are right."""

    def careless(p: Array) -> Any:
        g = 2 * p
        p[0] = 7
        return g

    report = taylor.taylor(vector(lambda p: (p**2).sum(), careless, [1.0, 2.0]))
    assert report.verdict == "fail"
    assert report.diagnosis is not None
    assert report.diagnosis.code == "changes-parameters"


@pytest.mark.parametrize("factor", [1e-12, 1.0, 1e12])
@pytest.mark.parametrize("wrong", [True, False])
def test_the_picture_fits_and_shows_the_line(factor: float, *, wrong: bool) -> None:
    """80 columns; the remainder follows the line that it should, and drowns in the end."""
    one = scaled(subject(), factor)
    if wrong:
        one = changed(one, lambda g: g.update({n: -g[n] for n in g}))
    found = taylor.taylor(one).extra["taylor"]
    lines = found["picture"].split("\n")
    assert max(map(len, lines)) <= 80
    assert len(lines) == 18
    assert "*" in found["picture"]
    assert lines[-1].split() == ["h", "=", "2^-2", "h", "=", "2^-41"]
    assert ("." in "".join(line[9:] for line in lines[:-2])) is (not wrong)
    assert len(found["h"]) == len(found["remainder"]) == taylor.HALVINGS


def test_the_picture_draws_both_slopes() -> None:
    """From the first point: 1 falls slowly, 2 fast; remainders above rounding are stars."""
    h = 2.0 ** -np.arange(2.0, 12)
    drawn = taylor.picture(h, h**2, np.full(10, h[4] ** 2), width=40, height=10)
    rows = [row[9:] for row in drawn.split("\n")[:10]]
    assert rows[0][0] == "*"
    assert sum(row.count("*") for row in rows) == 4
    assert sum(row.count(".") for row in rows) + sum(row.count("*") for row in rows) <= 10
    ones = [(r, row.index("1")) for r, row in enumerate(rows) if "1" in row]
    assert len(ones) >= 3
    assert ones == sorted(ones)
    assert ones[-1][0] > ones[0][0]
    none = taylor.picture(h, 0 * h, np.ones(10))
    assert "*" not in none


@pytest.mark.parametrize("factor", [1.0, 2.0])
def test_on_a_kink_the_slope_means_nothing(factor: float) -> None:
    """There the remainder of a right gradient falls with slope 1, too."""
    at = [0.0, 1.0, -2.0]
    one = vector(
        lambda p: np.abs(p).sum() + (p**2).sum(), lambda p: factor * np.sign(p) + 2 * p, at
    )
    report = taylor.taylor(one)
    assert (report.verdict, report.diagnosis) == ("undecided", None)
    assert "the point lies on a kink of the cost" in report.notes[0]
