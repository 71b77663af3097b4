"""Charts show what was measured, on paper that holds it, with its numbers in a table."""

from __future__ import annotations

import math
import re
from dataclasses import replace

import pytest

from checks.output.charts import (
    HEIGHT,
    WIDTH,
    error_chart,
    error_series,
    heights,
    taylor_chart,
)
from checks.output.curves import ErrorCurve, Interval, TaylorCurve

CURVE = ErrorCurve(
    tensor="W1",
    index=(2, 1),
    analytic=1.5,
    numeric=1.0,
    tolerance=1e-9,
    verdict="wrong",
    h=(1e-1, 1e-3, 1e-5),
    difference=(1.01, 1.000001, 1.0),
    noise=1e-16,
    truncation=1.0,
    intervals=(
        Interval(h=1e-3, lo=0.99, hi=1.02, smooth=True),
        Interval(h=1e-5, lo=0.5, hi=2.5, smooth=False),
    ),
)


def test_every_series_is_named_and_drawn() -> None:
    """Measured errors, both branches, the gradient's own error, and the intervals."""
    chart = error_chart(CURVE)
    assert [each.kind for each in chart.drawn] == [
        "rounding", "truncation", "analytic", "tolerance", "measured", "smooth", "broken",
    ]  # fmt: skip
    assert all(each.path or each.dots for each in chart.drawn)
    assert chart.says == "W1[2, 1] is wrong: analytic 1.5, numeric 1 ± 1e-09."
    measured = next(each for each in chart.drawn if each.kind == "measured")
    assert len(measured.dots) == 2  # an error of zero has no place on logarithmic paper


def test_an_interval_is_drawn_as_far_as_it_reaches() -> None:
    """From the measured slope to its far end."""
    ends = {
        each.kind: each.points for each in error_series(CURVE) if each.kind in {"smooth", "broken"}
    }
    ((h, end),) = ends["smooth"]
    assert h == 1e-3
    assert end == pytest.approx(0.02)
    assert list(ends["broken"]) == [(1e-5, 1.5)]


def test_all_numbers_are_in_the_table() -> None:
    """A row for each step and for each interval."""
    rows = error_chart(CURVE).rows
    assert rows[0] == ("0.1", "1.01", "0.01", "central difference", "")
    assert rows[3] == ("0.001", "0.99 to 1.02", "0.015", "interval that decided", "smooth")
    assert rows[4][-1] == "not smooth"
    assert len(rows) == 5


def test_what_is_drawn_lies_on_the_paper() -> None:
    """But for the ends of the two branches, which are cut."""
    for each in error_chart(CURVE).drawn:
        if each.kind not in {"rounding", "truncation"}:
            numbers = [float(n) for n in re.findall(r"[\d.]+", each.path)]
            numbers += [float(n) for dot in each.dots for n in dot]
            assert all(0 <= x <= WIDTH for x in numbers[::2])
            assert all(0 <= y <= HEIGHT for y in numbers[1::2])


@pytest.mark.parametrize("tolerance", [math.inf, math.nan, 0.0])
def test_a_tolerance_that_is_no_number_is_left_out(tolerance: float) -> None:
    """No path of nothing, which browsers complain of."""
    chart = error_chart(replace(CURVE, tolerance=tolerance))
    drawn = next(each for each in chart.drawn if each.kind == "tolerance")
    assert drawn.path != "M"
    assert not re.search("nan|inf", "".join(each.path for each in chart.drawn))


def test_paper_is_high_enough_for_what_is_measured() -> None:
    """From the smallest error to the largest."""
    low, high = heights(error_series(CURVE))
    assert low == 1e-9
    assert high == 1.5


@pytest.mark.parametrize(("slope", "said"), [(2.0, "power 2.00"), (None, "Too few")])
def test_a_taylor_test_is_put_in_words(slope: float | None, said: str) -> None:
    """Whether a slope could be read or not."""
    curve = TaylorCurve(h=(0.1, 0.01), remainder=(1e-2, 1e-4), floor=1e-3, slope=slope)
    chart = taylor_chart(curve)
    assert said in chart.says
    assert [row[-1] for row in chart.rows] == ["yes", "no"]


def test_no_remainder_is_a_chart_of_nothing() -> None:
    """It has an axis all the same."""
    chart = taylor_chart(TaylorCurve(h=(), remainder=(), floor=0.0, slope=None))
    assert chart.drawn == ()
    assert chart.x_ticks
