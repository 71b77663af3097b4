"""Curves: the error of a difference against its step, and the remainder of a Taylor test."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, kw_only=True)
class Interval:
    """What one level of real differences said: the slope lies between `lo` and `hi`.

    `smooth` says that the line looked smooth within the step `h`.
    """

    h: float
    lo: float
    hi: float
    smooth: bool


@dataclass(frozen=True, kw_only=True)
class ErrorCurve:
    """The central difference along one coordinate at many steps, beside what was decided.

    Attributes
    ----------
    tensor, index
        The coordinate.
    analytic, numeric, tolerance
        Its values: the slope measured is `numeric`, give or take `tolerance`.
    verdict
        What was decided of it, in words.
    h, difference
        Steps, and the central difference of the cost at each.
    noise
        How far the cost is off: the rounding branch is `noise / h`.
    truncation
        The truncation branch is `truncation * h**2`; None where no such branch shows.
    intervals
        What was measured when it was decided; none where the complex step alone decided.
    """

    tensor: str
    index: tuple[int, ...]
    analytic: float
    numeric: float
    tolerance: float
    verdict: str
    h: tuple[float, ...]
    difference: tuple[float, ...]
    noise: float
    truncation: float | None
    intervals: tuple[Interval, ...]


@dataclass(frozen=True, kw_only=True)
class TaylorCurve:
    """The remainder of the Taylor test at many steps along one direction through all parameters.

    Attributes
    ----------
    h, remainder
        Steps, and |cost(there) - cost - h slope| at each.
    floor
        Below this a remainder is rounding.
    slope
        With which power of `h` it falls: 2 for a right gradient, 1 for a wrong one; None where too
        few stand clear of rounding.
    """

    h: tuple[float, ...]
    remainder: tuple[float, ...]
    floor: float
    slope: float | None


@dataclass(frozen=True, kw_only=True)
class Curves:
    """What was measured for the pictures, or why it was not."""

    errors: tuple[ErrorCurve, ...] = ()
    taylor: TaylorCurve | None = None
    missing: str = ""
