"""Charts: curves on doubly logarithmic paper, as shapes with places, for a template to draw.

Each has its numbers in a table beside it.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

from checks.output.curves import ErrorCurve, TaylorCurve
from checks.output.numbers import coordinate, number, rough

WIDTH, HEIGHT = 440, 300
LEFT, RIGHT, TOP, BOTTOM = 58, 12, 12, 46
TICKS = 7  # of an axis, at most
LOWEST = 1e-20  # of relative errors; what is smaller is drawn at the edge

Point = tuple[float, float]


@dataclass(frozen=True, kw_only=True)
class Series:
    """One curve: its kind, which is a class of the style, its name, and its points."""

    kind: str
    name: str
    points: Sequence[Point]
    dots: bool = False


@dataclass(frozen=True, kw_only=True)
class Drawn:
    """A curve as it is drawn: the path, or the places of dots."""

    kind: str
    name: str
    path: str
    dots: tuple[tuple[str, str], ...]


@dataclass(frozen=True, kw_only=True)
class Chart:
    """A picture and its table: all that a template needs."""

    title: str
    says: str
    x_label: str
    y_label: str
    x_ticks: tuple[tuple[str, str], ...]
    y_ticks: tuple[tuple[str, str], ...]
    drawn: tuple[Drawn, ...]
    head: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]
    width: int = WIDTH
    height: int = HEIGHT
    left: int = LEFT
    right: int = WIDTH - RIGHT
    top: int = TOP
    bottom: int = HEIGHT - BOTTOM


def error_series(curve: ErrorCurve) -> list[Series]:
    """What is drawn of the error of a difference against its step."""
    measured = [
        (h, abs(d - curve.numeric))
        for h, d in zip(curve.h, curve.difference, strict=True)
        if d != curve.numeric  # zero has no place on logarithmic paper
    ]
    first, last = curve.h[-1], curve.h[0]
    series = [Series(kind="rounding", name="rounding branch: noise of the cost / h",
                     points=[(h, curve.noise / h) for h in (first, last)])]  # fmt: skip
    if curve.truncation is not None:
        branch = [(h, curve.truncation * h**2) for h in (first, last)]
        series.append(Series(kind="truncation", name="truncation branch: falls with h²",
                             points=branch))  # fmt: skip
    off = abs(curve.analytic - curve.numeric)
    series.append(
        Series(
            kind="analytic", name="how far off the gradient is", points=[(first, off), (last, off)]
        )
    )
    series.append(Series(kind="tolerance", name="how far off it may be",
                         points=[(first, curve.tolerance), (last, curve.tolerance)]))  # fmt: skip
    series.append(
        Series(kind="measured", name="error of the central difference", points=measured, dots=True)
    )
    for smooth, kind, name in (
        (True, "smooth", "an interval that decided, as far as it reaches"),
        (False, "broken", "the same, where the cost is not smooth"),
    ):
        ends = [
            (i.h, max(abs(i.lo - curve.numeric), abs(i.hi - curve.numeric)))
            for i in curve.intervals
            if i.smooth is smooth
        ]
        if ends:
            series.append(Series(kind=kind, name=name, points=ends, dots=True))
    return series


def error_chart(curve: ErrorCurve) -> Chart:
    """The error of a central difference against its step, for one coordinate."""
    where = coordinate(curve.tensor, curve.index)
    rows = [
        (number(h), number(d), rough(abs(d - curve.numeric)), "central difference", "")
        for h, d in zip(curve.h, curve.difference, strict=True)
    ]
    rows += [
        (
            number(i.h),
            f"{number(i.lo)} to {number(i.hi)}",
            rough((i.hi - i.lo) / 2),
            "interval that decided",
            "smooth" if i.smooth else "not smooth",
        )
        for i in curve.intervals
    ]
    return _chart(
        f"{where}: error of the difference against its step",
        f"{where} is {curve.verdict}: analytic {number(curve.analytic)}, numeric"
        f" {number(curve.numeric)} ± {rough(curve.tolerance)}.",
        y_label="error of the slope",
        series=error_series(curve),
        head=("step", "slope", "error or half width", "what", "the line there"),
        rows=rows,
    )


def taylor_series(curve: TaylorCurve) -> list[Series]:
    """What is drawn of a Taylor test: the remainder, and lines of both slopes."""
    points = [(h, r) for h, r in zip(curve.h, curve.remainder, strict=True) if r > 0]
    if not points:
        return []
    (h0, r0), last = points[0], points[-1][0]
    series = [
        Series(kind=kind, name=name, points=[(h0, r0), (last, r0 * (last / h0) ** power)])
        for power, kind, name in (
            (1, "analytic", "falls with h: a wrong gradient"),
            (2, "truncation", "falls with h²: a right gradient"),
        )
    ]
    series.append(Series(kind="rounding", name="rounding",
                         points=[(h0, curve.floor), (last, curve.floor)]))  # fmt: skip
    series.append(Series(kind="measured", name="remainder measured", points=points, dots=True))
    return series


def taylor_chart(curve: TaylorCurve) -> Chart:
    """The remainder of the cost along one direction through all parameters."""
    says = "Too few remainders stand clear of rounding to read a slope."
    if curve.slope is not None:
        says = (
            f"The remainder falls with h to the power {curve.slope:.2f}; it is 2 for a right"
            " gradient, and 1 for a wrong one or at a kink of the cost."
        )
    return _chart(
        "Taylor test: what the gradient leaves of the cost's change",
        says,
        y_label="remainder",
        series=taylor_series(curve),
        head=("step", "remainder", "clear of rounding"),
        rows=[
            (number(h), rough(r), "yes" if r > curve.floor else "no")
            for h, r in zip(curve.h, curve.remainder, strict=True)
        ],
    )


def heights(series: Sequence[Series]) -> tuple[float, float]:
    """From where to where a chart goes up: it shows all but the ends of the two branches."""
    found = [
        y
        for each in series
        if each.kind not in ("rounding", "truncation")
        for _, y in each.points
        if LOWEST < y < math.inf
    ]
    return (min(found), max(found)) if found else (LOWEST, 1.0)


def _chart(
    title: str,
    says: str,
    *,
    y_label: str,
    series: Sequence[Series],
    head: tuple[str, ...],
    rows: Iterable[tuple[str, ...]],
) -> Chart:
    xs = [x for each in series for x, _ in each.points] or [LOWEST, 1.0]
    x, x_ticks = _axis(min(xs), max(xs), LEFT, WIDTH - RIGHT)
    y, y_ticks = _axis(*heights(series), HEIGHT - BOTTOM, TOP)
    return Chart(
        title=title,
        says=says,
        x_label="step h",
        y_label=y_label,
        x_ticks=x_ticks,
        y_ticks=y_ticks,
        drawn=tuple(_drawn(each, x, y) for each in series),
        head=head,
        rows=tuple(rows),
    )


Scale = Callable[[float], float]


def _axis(
    low: float, high: float, start: int, end: int
) -> tuple[Scale, tuple[tuple[str, str], ...]]:
    """From values to places on a logarithmic axis, and its ticks, at whole powers of ten."""
    first, last = math.floor(math.log10(low)), math.ceil(math.log10(high))
    last = max(last, first + 1)

    def place(value: float) -> float:
        share = (math.log10(max(value, 10.0**first)) - first) / (last - first)
        return start + share * (end - start)

    step = math.ceil((last - first) / TICKS)
    ticks = tuple(
        (f"{place(10.0**k):.1f}", f"1e{k}" if k else "1") for k in range(first, last + 1, step)
    )
    return place, ticks


def _drawn(series: Series, x: Scale, y: Scale) -> Drawn:
    places = [
        (f"{x(a):.1f}", f"{y(max(b, LOWEST)):.1f}") for a, b in series.points if math.isfinite(b)
    ]
    if series.dots:
        return Drawn(kind=series.kind, name=series.name, path="", dots=tuple(places))
    path = "M" + "L".join(f"{a} {b}" for a, b in places) if places else ""
    return Drawn(kind=series.kind, name=series.name, path=path, dots=())
