"""Every status is given where it is due, and only there."""

from __future__ import annotations

import numpy as np
import pytest

from checks.compare import Status, compare

RTOL = 2.0**-20


def status(analytic: float, numeric: float, tolerance: float) -> Status:
    """The status of a single coordinate."""
    found = compare(np.asarray([analytic]), np.asarray([numeric]), np.asarray([tolerance]), RTOL)
    return Status(found[0])


def test_the_numbers_of_the_statuses_are_fixed() -> None:
    """Arrays hold them, and may be kept longer than this version."""
    assert {s.name: s.value for s in Status} == {
        "PASS": 0,
        "FAIL": 1,
        "UNDECIDED": 2,
        "ZERO": 3,
        "KINK": 4,
    }


def test_a_difference_as_large_as_the_tolerance_passes_and_one_unit_more_fails() -> None:
    """The tolerance belongs to what rounding explains."""
    tolerance = 2.0**-30
    assert status(1.0, 1.0 + tolerance, tolerance) is Status.PASS
    assert status(1.0, 1.0 + tolerance, np.nextafter(tolerance, 0)) is Status.FAIL
    assert status(1.0, np.nextafter(1.0 + tolerance, 2), tolerance) is Status.FAIL


def test_half_the_promised_error_is_the_largest_tolerance_that_decides() -> None:
    """Twice the tolerance may equal rtol times the larger value, and not exceed it."""
    edge = RTOL / 2
    assert status(1.0, 1.0, edge) is Status.PASS
    assert status(1.0, 1.0, np.nextafter(edge, 1)) is Status.UNDECIDED
    assert status(-1.0, -1.0, edge) is Status.PASS


def test_the_larger_of_both_values_measures_the_promise() -> None:
    """Whichever side it is on: the answer is the same with the sides exchanged."""
    tolerance = RTOL / 2 * (1 + RTOL / 4)
    assert status(1.0, 1.0 + RTOL / 4, tolerance) is Status.PASS
    assert status(1.0 + RTOL / 4, 1.0, tolerance) is Status.PASS
    assert status(1.0, 1.0, tolerance) is Status.UNDECIDED


def test_a_failure_where_little_can_be_decided_is_still_a_failure() -> None:
    """Beyond a tolerance too wide to pass anything, the two disagree all the same."""
    assert status(1.0, 4.0, 2.0) is Status.FAIL
    assert status(1.0, 2.5, 2.0) is Status.UNDECIDED


@pytest.mark.parametrize("which", [(np.nan, 1, 1), (1, np.nan, 1), (1, 1, np.nan), (np.nan,) * 3])
def test_nan_never_agrees(which: tuple[float, float, float]) -> None:
    """Neither as a value nor as a tolerance, nor with itself, nor beside a zero."""
    assert status(*which) is Status.FAIL
    assert status(np.nan, 0.0, np.inf) is Status.FAIL
    assert status(0.0, np.nan, np.inf) is Status.FAIL


def test_infinity_is_no_agreement() -> None:
    """An infinite tolerance decides nothing; an infinite value agrees with no finite one."""
    assert status(1.0, 1.0, np.inf) is Status.UNDECIDED
    assert status(np.inf, 1.0, 1.0) is Status.FAIL
    assert status(1.0, -np.inf, 1.0) is Status.FAIL


@pytest.mark.parametrize("tolerance", [0.0, 1e-300, 1.0])
def test_zero_on_both_sides_is_a_status_of_its_own(tolerance: float) -> None:
    """Whatever the tolerance, and whatever the zeros' signs."""
    assert status(0.0, 0.0, tolerance) is Status.ZERO
    assert status(-0.0, 0.0, tolerance) is Status.ZERO


def test_a_zero_of_which_nothing_is_known_is_undecided() -> None:
    """An oracle that has nothing to say leaves a slope of 0."""
    assert status(0.0, 0.0, np.inf) is Status.UNDECIDED


def test_zero_on_one_side_is_compared_like_any_number() -> None:
    """It fails beyond the tolerance, and within it nothing is decided."""
    assert status(0.0, 1e-9, 1e-10) is Status.FAIL
    assert status(1e-9, 0.0, 1e-10) is Status.FAIL
    assert status(-1e-9, 0.0, 1e-10) is Status.FAIL
    assert status(0.0, -1e-9, 1e-10) is Status.FAIL
    assert status(0.0, 1e-11, 1e-10) is Status.UNDECIDED
    assert status(1e-11, 0.0, 1e-10) is Status.UNDECIDED


def test_every_coordinate_is_judged_by_itself() -> None:
    """Shape is kept; neighbours, and how many there are, change nothing."""
    analytic = np.asarray([[1.0, 1.0, 1.0], [0.0, np.nan, 0.0]])
    numeric = np.asarray([[1.0, 2.0, 1.0], [0.0, 1.0, 1.0]])
    tolerance = np.asarray([[1e-9, 1e-9, 1e-3], [1e-9, 1e-9, 1e-9]])
    found = compare(analytic, numeric, tolerance, RTOL)
    P, F, U, Z = Status.PASS, Status.FAIL, Status.UNDECIDED, Status.ZERO
    np.testing.assert_array_equal(found, [[P, F, U], [Z, F, F]])
    assert compare(np.float64(1), np.float64(1), np.float64(0), RTOL).shape == ()  # type: ignore[arg-type]
    empty = np.empty((0, 2))
    assert compare(empty, empty, empty, RTOL).shape == (0, 2)
