"""Comparison: analytic and numeric arrays in, a status for every coordinate out."""

from __future__ import annotations

import enum

import numpy as np

from checks.nest import Array


class Status(enum.IntEnum):
    """What can be said of one coordinate."""

    PASS = 0
    FAIL = 1
    UNDECIDED = 2
    ZERO = 3
    KINK = 4


def compare(analytic: Array, numeric: Array, tolerance: Array, rtol: float) -> Array:
    """The `Status` of each coordinate, as small integers shaped like the arrays.

    FAIL where the two differ by more than rounding explains; NaN never agrees. ZERO where both
    are exactly zero, unless nothing is known of the numeric one. UNDECIDED where rounding could
    hide a relative error of `rtol`.
    """
    agree = np.abs(analytic - numeric) <= tolerance
    larger = np.maximum(np.abs(analytic), np.abs(numeric))
    status = np.full(analytic.shape, Status.FAIL, np.int8)
    status[agree] = Status.UNDECIDED
    status[agree & (2 * tolerance <= rtol * larger)] = Status.PASS
    status[(analytic == 0) & (numeric == 0) & np.isfinite(tolerance)] = Status.ZERO
    return status
