"""The problems that people have: `cases/` holds them, and what a check may say of each."""

from __future__ import annotations

import copy
import functools
from typing import Any

import numpy as np
import pytest

from checks import check_gradients
from checks.methods.options import Method
from checks.verdict.report import Report
from tests.checks.cases.everything import CASES
from tests.checks.cases.shape import Case, Wrong
from tests.checks.cases.truth import slopes, tensors

EACH = pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
WRONG = pytest.mark.parametrize(
    ("case", "wrong"),
    [
        pytest.param(case, wrong, id=f"{case.name}-{wrong.label}")
        for case in CASES
        for wrong in case.wrong
    ],
)


@functools.cache
def _reports(name: str, label: str | None, method: Method) -> tuple[Report, ...]:
    case = next(case for case in CASES if case.name == name)
    gradient = case.right
    if label is not None:
        gradient = next(wrong.gradient for wrong in case.wrong if wrong.label == label)
    return tuple(
        check_gradients(case.cost, gradient, case.params, method=method, seed=seed, **case.options)
        for seed in case.seeds
    )


def _verdicts(case: Case, wrong: Wrong | None, method: Method) -> set[str]:
    return {report.verdict for report in _reports(case.name, wrong and wrong.label, method)}


def _stored(params: Any) -> list[bytes]:
    return [np.asarray(one).tobytes() for one in tensors(params)]


@EACH
def test_a_right_gradient_gets_a_verdict_it_may_get(case: Case) -> None:
    """Above all, it is not failed, except where the cost itself is not what it says it is."""
    assert _verdicts(case, None, "sweep") <= set(case.expect)


@WRONG
def test_a_wrong_gradient_gets_a_verdict_it_may_get(case: Case, wrong: Wrong) -> None:
    """It never passes, and fails where double precision is enough to show that it is wrong."""
    assert _verdicts(case, wrong, "sweep") <= set(wrong.verdicts)


@pytest.mark.parametrize(
    ("case", "wrong"),
    [
        pytest.param(case, wrong, id=f"{case.name}-{wrong.label}")
        for case in CASES
        for wrong in case.wrong
        if wrong.code or wrong.misleading
    ],
)
def test_a_wrong_gradient_is_given_no_cause_that_is_not_there(case: Case, wrong: Wrong) -> None:
    """Where one cause is plain, it is named; where another would mislead, that one is not."""
    reports = _reports(case.name, wrong.label, "sweep")
    codes = [report.diagnosis.code if report.diagnosis else None for report in reports]
    told = not set(codes) & set(wrong.misleading)
    told &= wrong.code is None or set(codes) == {wrong.code}
    assert told


@EACH
def test_a_probe_of_the_right_gradient_does_not_contradict_the_sweep(case: Case) -> None:
    """One may be unable to decide what the other does; the two never say the opposite."""
    assert not {"pass", "fail"} <= _verdicts(case, None, "sweep") | _verdicts(case, None, "probe")


@WRONG
def test_a_probe_of_a_wrong_gradient_does_not_contradict_the_sweep(
    case: Case, wrong: Wrong
) -> None:
    """One may be unable to decide what the other does; the two never say the opposite."""
    assert not {"pass", "fail"} <= _verdicts(case, wrong, "sweep") | _verdicts(case, wrong, "probe")


@EACH
def test_the_taylor_remainder_fails_no_right_gradient(case: Case) -> None:
    """It looks along one direction, so what it misses is no contradiction; what it fails is."""
    if "fail" not in case.expect:
        assert "fail" not in _verdicts(case, None, "taylor")


@EACH
def test_a_check_changes_neither_the_parameters_nor_the_gradient(case: Case) -> None:
    """Both are what they were, to the last bit, after each method."""
    given = case.right(case.params) if callable(case.right) else case.right
    given = copy.deepcopy(given)
    before = _stored(case.params), _stored(given)
    for method in ("sweep", "probe", "taylor"):
        check_gradients(case.cost, given, case.params, method=method, **case.options)
        assert (_stored(case.params), _stored(given)) == before


@pytest.mark.parametrize("case", [case for case in CASES if case.calls], ids=lambda case: case.name)
def test_a_sweep_calls_the_cost_no_more_often_than_promised(case: Case) -> None:
    """Counted from outside, whatever the report says."""
    calls = 0

    def counted(p: Any) -> Any:
        nonlocal calls
        calls += 1
        return case.cost(p)

    check_gradients(counted, case.right, case.params, **case.options)
    assert case.calls is not None
    assert calls <= case.calls


@pytest.mark.skipif(
    bool(np.finfo(np.longdouble).eps >= np.finfo(np.float64).eps),
    reason="this platform has no numbers longer than double precision",
)
@pytest.mark.parametrize(
    "case",
    # Versions of a case that differ in what the cost returns share their right gradient.
    {id(case.right): case for case in CASES if case.accuracy is not None}.values(),
    ids=lambda case: case.name,
)
def test_the_right_gradient_is_right(case: Case) -> None:
    """The collection itself: differences in longer numbers give the slopes that it calls right."""
    given = case.right(case.params) if callable(case.right) else case.right
    for right, slope in zip(tensors(given), slopes(case), strict=True):
        off = np.abs(np.ravel(right) - slope).max()
        assert case.accuracy is not None
        assert off <= case.accuracy * np.abs(slope).max()
