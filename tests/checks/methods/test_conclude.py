from __future__ import annotations

import time
from typing import Any

import numpy as np
import pytest

from checks.methods import conclude as concluding
from checks.methods.conclude import conclude, largest
from checks.methods.run import CheckRun, oracles_disagree
from checks.verdict.conduct import conduct_diagnosis
from checks.verdict.findings import Findings
from checks.verdict.report import FAILURES_KEPT, Diagnosis
from checks.verdict.rule import Reason, Status
from tests.checks.problems import under_way, vector

P, F, U, Z, K = (
    int(s) for s in (Status.PASS, Status.FAIL, Status.UNDECIDED, Status.ZERO, Status.KINK)
)


@pytest.fixture(autouse=True)
def _unknown(monkeypatch: pytest.MonkeyPatch) -> None:
    """Numbers that were made up look like no bug."""
    unknown = Diagnosis(code="unknown", title="no bug known by pattern", remedy="compare")
    monkeypatch.setattr(concluding, "diagnose", lambda *given, **more: unknown)


def check(**options: Any) -> CheckRun:
    """A check of four parameters."""
    return under_way(vector(lambda p: (p**2).sum(), lambda p: 2 * p, np.ones(4)), **options)


def findings(*tensors: list[int], **given: Any) -> Findings:
    """Statuses by tensor; numbers are 2 and 1, and known to 0.5, unless told."""
    names = [f"T{k}" for k in range(len(tensors))]

    def each(value: Any, dtype: Any = float) -> dict[str, Any]:
        shaped = zip(names, tensors, strict=True)
        return {n: np.broadcast_to(np.asarray(value, dtype), len(t)).copy() for n, t in shaped}

    return Findings(
        analytic=each(given.get("analytic", 2)),
        numeric=each(given.get("numeric", 1)),
        tolerance=each(given.get("tolerance", 0.5)),
        status={n: np.asarray(t, np.int8) for n, t in zip(names, tensors, strict=True)},
        reason=each(int(Reason.NOISE), np.int8),
        resolution=each(given.get("resolution", 0)),
        within=each(np.nan),
        noise=each(np.nan),
        projected=given.get("projected", False),
    )


@pytest.mark.parametrize(
    ("tensors", "verdict"),
    [
        ([[P, P], [P]], "pass"),
        ([[P, Z], [K]], "pass"),
        ([[P, P], [U]], "undecided"),
        ([[P] * 1000 + [U]], "undecided"),
        ([[P, U], [F]], "fail"),
        ([[P] * 1000, [F]], "fail"),
        ([[Z, Z]], "undecided"),
        ([[K, Z]], "undecided"),
        ([[U]], "undecided"),
        ([[], [P]], "pass"),
    ],
)
def test_the_verdict_follows_from_the_statuses(tensors: list[list[int]], verdict: str) -> None:
    """Pass only if every coordinate is checked, zero or on a kink, and one at least is checked."""
    report = conclude(check(), findings(*tensors))
    flat = [s for t in tensors for s in t]
    expected = verdict if F not in flat else "fail"
    assert report.verdict == expected
    assert bool(report) is (verdict == "pass")
    assert report.checked == flat.count(P) + flat.count(F)
    counts = (report.zero, report.undecided, report.kinks, report.failed)
    assert counts == tuple(flat.count(s) for s in (Z, U, K, F))


def test_an_offence_fails_what_would_pass_and_disagreement_decides_nothing() -> None:
    """The first is the diagnosis, and the others are noted."""
    this = check()
    this.offences += [conduct_diagnosis("accumulates", "W1"), conduct_diagnosis("stale")]
    report = conclude(this, findings([P]))
    assert report.verdict == "fail"
    assert report.diagnosis is not None
    assert report.diagnosis.code == "accumulates"
    assert any(note.startswith("also: ") and "stale" in note for note in report.notes)
    this = check()
    this.offences.append(oracles_disagree("so"))
    assert conclude(this, findings([P])).verdict == "undecided"
    this = check()
    this.untraced = True
    assert conclude(this, findings([P])).verdict == "undecided"
    assert conclude(this, findings([F])).verdict == "fail"


def test_one_kind_of_offence_is_told_once() -> None:
    """With all the places where it is, and what is particular there."""
    this = check()
    this.offences += [conduct_diagnosis("accumulates", name) for name in ("W1", "b1", "W2")]
    this.offences += [conduct_diagnosis("shape", "b2"), conduct_diagnosis("shape", "b3", "got 2")]
    notes = conclude(this, None).notes
    assert notes[0] == "accumulates as well: b1, W2"
    assert notes[1].startswith("also: the gradient has the wrong shape in b2 [shape]")
    assert notes[2] == "shape as well: b3 (got 2)"


def test_a_check_that_got_no_further_checked_nothing() -> None:
    """All its coordinates are undecided, and its offence fails it."""
    this = check()
    this.offences.append(conduct_diagnosis("shape", "W1"))
    report = conclude(this, None)
    assert (report.verdict, report.checked, report.undecided) == ("fail", 0, 4)
    assert (report.tensors, report.reasons, report.worst) == ((), (), None)


def test_the_worst_come_first_and_are_capped() -> None:
    """By how far beyond its own tolerance each is, over all tensors; not by its difference."""
    numeric = np.linspace(3, 4, FAILURES_KEPT + 20)
    report = conclude(check(), findings([F] * numeric.size, numeric=numeric))
    assert report.failed == numeric.size
    assert len(report.failures) == FAILURES_KEPT
    errors = [f.error for f in report.failures]
    assert errors == sorted(errors, reverse=True)
    assert report.worst == report.failures[0]
    assert report.worst.index == (numeric.size - 1,)
    two = conclude(check(), findings([F, F], numeric=[1.0, 0.0], tolerance=[0.01, 1.0]))
    assert [f.index for f in two.failures] == [(0,), (1,)]


def test_where_nothing_failed_the_worst_is_what_came_nearest() -> None:
    """Of those that passed; where nothing was compared by itself, there is none."""
    given = {"numeric": [2.1, 1.9, 2.3, 9.0], "tolerance": [0.5, 0.1, 1.0, 1.0]}
    report = conclude(check(), findings([P, P, P, U], **given))
    assert report.worst is not None
    assert report.worst.index == (1,)
    assert report.failures == ()
    assert conclude(check(), findings([P], projected=True)).worst is None


def test_each_tensor_knows_its_worst_relative_error() -> None:
    """Against the larger of both values, undecided ones aside; two zeros have none."""
    report = conclude(check(), findings([P, F, U], [Z], numeric=0.5, analytic=2))
    first, second = report.tensors
    assert (first.worst, first.where) == (0.75, (0,))
    assert (second.worst, second.where) == (0, None)
    zeros = conclude(check(), findings([P], numeric=0, analytic=0)).tensors[0]
    assert (zeros.worst, zeros.where) == (0, (0,))


def test_what_is_strict_leaves_blunt_passes_undecided() -> None:
    """And says how blunt the others are."""
    blunt = {"resolution": [0, 1e-4]}
    loose = conclude(check(), findings([P, P], **blunt))
    assert (loose.verdict, loose.resolution, loose.strict) == ("pass", 1e-4, False)
    strict = conclude(check(strict=True), findings([P, P], **blunt))
    assert (strict.verdict, strict.undecided, strict.strict) == ("undecided", 1, True)


def test_what_was_raised_near_the_point_is_noted_and_calls_are_told() -> None:
    """With the seconds since the check began, and its seed."""
    this = check(seed=5)
    this.problem.note(ValueError("there"), "the cost")
    this.problem.cost(this.problem.values)
    report = conclude(this, findings([P]))
    assert report.notes == (
        "near the point the cost raised ValueError: there; such steps were left out",
    )
    assert report.calls["cost"] >= 1
    assert report.seed == 5
    assert 0 < report.seconds <= time.perf_counter() - this.started


@pytest.mark.parametrize("most", [0, 1, 3, 8, 20])
@pytest.mark.parametrize(
    "values", [[3, 1, 2, 9, 4, 1, 0, 2], [1] * 8, [np.nan, 2, np.nan, 2, np.inf, 1, 2, 0], []]
)
def test_the_largest_are_had_as_a_stable_sort_has_them(values: list[float], most: int) -> None:
    """The first of equals first, and what is no number last."""
    array = np.asarray(values, float)
    expected = np.argsort(-array, kind="stable")[:most]
    np.testing.assert_array_equal(largest(array, most), expected)
