"""What was found is counted into a report, and the verdict follows from the counts."""

from __future__ import annotations

import time
from typing import Any

import numpy as np
import pytest

from checks import tally
from checks.compare import Status
from checks.hygiene import offence
from checks.nest import Array
from checks.report import FAILURES_KEPT, Report
from checks.state import Check, disagree
from checks.subject import black_box
from checks.tally import Findings
from tests.checks.helpers import by_position

P, F, U, Z, K = Status.PASS, Status.FAIL, Status.UNDECIDED, Status.ZERO, Status.KINK


def findings(off: float = 1.0, *, projected: bool = False, **status: Any) -> Findings:
    """Findings with given statuses; analytic 1, 2, …, and numeric below it by `off` where wrong."""
    statuses = {name: np.asarray(s, np.int8) for name, s in status.items()}
    analytic = {n: np.arange(1.0, s.size + 1).reshape(s.shape) for n, s in statuses.items()}
    numeric = {n: analytic[n] - off * (s == F) for n, s in statuses.items()}
    tolerance = {n: np.full(s.shape, 1e-9) for n, s in statuses.items()}
    return Findings(
        analytic=analytic,
        numeric=numeric,
        tolerance=tolerance,
        status=statuses,
        projected=projected,
    )


def tallied(
    found: Findings | None, *offences: Any, shapes: Any = None, suspicious: bool = False
) -> Report:
    """The report of a check that found this."""
    shapes = shapes or {n: s.shape for n, s in found.status.items()} if found else {"a": (2, 2)}
    params = {name: np.ones(shape) for name, shape in shapes.items()}
    zeros = lambda p: {name: 0 * v for name, v in p.items()}  # noqa: E731
    this = Check(
        subject=black_box(lambda p: 0.0, zeros, params),
        rtol=1e-6,
        method="sweep",
        seed=5,
        progress=lambda done: None,
        started=time.perf_counter(),
        rng=np.random.default_rng(0),
        offences=list(offences),
        suspicious=suspicious,
    )
    return tally.report(this, found)


@pytest.mark.parametrize(
    ("status", "verdict"),
    [
        ([P, P, P], "pass"),
        ([P, F, P], "fail"),
        ([P, F], "fail"),
        ([P, U, P], "pass"),
        ([P, P, U, U], "pass"),
        ([P, U, U], "undecided"),
        ([P, K, K], "undecided"),
        ([P, U, K], "undecided"),
        ([F, U, U], "fail"),
        ([F, U, U, K], "fail"),
        ([P, Z, Z, Z], "pass"),
        ([Z, Z], "undecided"),
        ([U, U], "undecided"),
        ([K], "undecided"),
        ([F], "fail"),
        ([F, Z, Z, Z], "fail"),
    ],
)
def test_the_verdict_follows_from_the_statuses(status: list[int], verdict: str) -> None:
    """A failure fails; more undecided than decided, or nothing decided, is undecided."""
    report = tallied(findings(a=status))
    assert report.verdict == verdict
    assert report.failed == status.count(F)
    assert report.checked == status.count(P) + status.count(F)
    assert (report.zero, report.undecided, report.kinks) == tuple(map(status.count, (Z, U, K)))
    assert (report.diagnosis is not None) is (F in status)


def test_one_undecided_tensor_is_not_outvoted_by_the_others() -> None:
    """Nor is one wrong coordinate among many tensors."""
    many = [P] * 50
    assert tallied(findings(a=many, b=[U, U, P])).verdict == "undecided"
    assert tallied(findings(a=many, b=[Z, Z, Z])).verdict == "pass"
    assert tallied(findings(a=many, b=[F])).verdict == "fail"


def test_an_offence_fails_what_would_pass() -> None:
    """The first is the diagnosis, and the others are noted; disagreement alone decides nothing."""
    two = offence("accumulates", "a"), offence("changes-inputs", "x")
    report = tallied(findings(a=[P, P]), *two)
    assert (report.verdict, report.diagnosis) == ("fail", two[0])
    assert report.notes == (f"also: {two[1]}",)
    assert tallied(findings(a=[P, F]), two[0], disagree("why")).verdict == "fail"
    assert tallied(findings(a=[P, F]), disagree("why")).verdict == "undecided"


def test_seconds_are_those_since_the_check_began(monkeypatch: pytest.MonkeyPatch) -> None:
    """By the clock that does not go back."""
    ticks = iter([30.0, 100.5])
    monkeypatch.setattr(time, "perf_counter", lambda: next(ticks))
    assert tallied(findings(a=[P])).seconds == 70.5


def test_a_check_that_got_no_further_checked_nothing() -> None:
    """All its coordinates are undecided, and its offence fails it."""
    report = tallied(None, offence("shape", "a"))
    assert (report.verdict, report.parameters) == ("fail", 4)
    assert (report.checked, report.undecided, report.tensors) == (0, 4, ())
    assert report.worst is None
    assert tallied(None).verdict == "undecided"


def test_the_worst_come_first_and_are_capped() -> None:
    """By how far beyond its tolerance each is, over all tensors."""
    found = findings(a=[F] * 80, b=[[F] * 40] * 2)
    found.numeric["b"][1, 30] = -1e6
    found.numeric["a"][7] = 1e5
    report = tallied(found)
    assert report.failed == 160
    assert len(report.failures) == FAILURES_KEPT
    assert [(f.tensor, f.index) for f in report.failures[:2]] == [("b", (1, 30)), ("a", (7,))]
    assert report.worst == report.failures[0]
    assert report.worst.error == 1e6 + 71
    assert (report.worst.analytic, report.worst.numeric) == (71, -1e6)
    assert report.worst.tolerance == 1e-9
    excess = [f.error / f.tolerance for f in report.failures]
    assert excess == sorted(excess, reverse=True)


def test_where_nothing_failed_the_worst_is_what_came_nearest() -> None:
    """Of those that passed; where nothing was compared by itself, there is none."""
    found = findings(a=[P, P, U], b=[P])
    found.numeric["a"][1] += 1e-10
    report = tallied(found)
    assert report.worst is not None
    assert (report.worst.tensor, report.worst.index) == ("a", (1,))
    assert report.failures == ()
    projected = findings(a=[P, P, U], b=[P], projected=True)
    assert tallied(projected).worst is None
    assert all(t.where is None for t in tallied(projected).tensors)


def test_each_tensor_knows_its_worst_relative_error() -> None:
    """Against the larger of both values, undecided ones aside."""
    found = findings(a=[[P, F], [U, Z]], b=[Z], c=P)
    found.numeric["a"][1, 0] = 100
    a, b, c = tallied(found).tensors
    assert (a.name, a.shape, a.parameters, a.worst, a.where) == ("a", (2, 2), 4, 0.5, (0, 1))
    assert (b.worst, b.where) == (0.0, None)
    assert (c.shape, c.where, c.checked) == ((), (), 1)


def test_the_worst_is_the_furthest_beyond_its_own_tolerance() -> None:
    """And not the largest difference, where tolerances differ."""
    found = findings(a=[F, F, F])
    found.numeric["a"][:] = found.analytic["a"] - [1.0, 2.0, 3.0]
    found.tolerance["a"][:] = [1e-3, 1e-6, 1e-2]
    report = tallied(found)
    assert [f.index for f in report.failures] == [(1,), (0,), (2,)]


def test_how_far_a_value_is_off_is_a_difference() -> None:
    """Of the signed values, whatever their own size."""
    found = findings(a=[F, F, F])
    found.numeric["a"][:] = [-1.0, 2.5, 3.1]
    report = tallied(found)
    assert [f.index for f in report.failures] == [(0,), (1,), (2,)]
    assert [f.error for f in report.failures] == [2.0, 0.5, 3.1 - 3.0]


@pytest.mark.parametrize(
    ("a", "n", "worst"), [(1.0, 3.0, 2 / 3), (3.0, 1.0, 2 / 3), (-1.0, 1.0, 2.0), (0.0, 0.5, 1.0)]
)
def test_a_relative_error_is_against_the_larger_of_both(a: float, n: float, worst: float) -> None:
    """Whichever that is; two zeros have none."""
    found = findings(a=[F, P])
    found.analytic["a"][:], found.numeric["a"][:] = [a, 0], [n, 0]
    (tensor,) = tallied(found).tensors
    assert tensor.worst == pytest.approx(worst)
    assert tensor.where == (0,)


def test_findings_are_a_sweeps_unless_said_otherwise() -> None:
    """And a verdict's options are given by name."""
    assert by_position(tally._verdict) == ["tensors", "offences"]
    assert not Findings(analytic={}, numeric={}, tolerance={}, status={}).projected


def test_findings_say_whether_there_is_any() -> None:
    """In whichever tensor."""
    found = findings(a=[P, U], b=[K])
    assert {status for status in Status if found.any(status)} == {P, U, K}


@pytest.mark.parametrize("sign", [1, -1])
@pytest.mark.parametrize("side", [1, -1])
@pytest.mark.parametrize("tolerance", [2.0**-20, 2.0**-10])
def test_suspects_are_undecided_and_differ(tolerance: float, side: int, sign: int) -> None:
    """By more than their tolerance and half of what was promised, of the larger of both values."""
    edge = 2.0**-10 * side
    found = findings(a=[U, U, U, F], b=[U], c=[Z])
    found.analytic["a"][:] = 2 * sign
    found.numeric["a"][:] = sign * (2 + np.asarray([0, edge, edge * (1 + 2.0**-20), 1]))
    found.tolerance["a"][:] = tolerance
    promised = 2 * 2.0**-10 / max(2, 2 + edge)
    assert found.suspects(promised) == 1
    assert found.suspects(promised * 2) == 0
    assert found.suspects(promised / 2) == (2 if tolerance < 2.0**-10 else 1)


def test_a_suspect_is_noted_and_lets_nothing_pass() -> None:
    """Nor does a check pass that is suspicious for another reason."""
    found = findings(a=[P, P, U])
    assert (tallied(found).verdict, tallied(found).notes) == ("pass", ())
    assert tallied(found, suspicious=True).verdict == "undecided"
    found.numeric["a"][2] += 0.5
    report = tallied(found)
    assert report.verdict == "undecided"
    assert report.notes == ("differing, but not beyond doubt, and so undecided: 1",)


def test_findings_say_where_a_status_is() -> None:
    """As flat indices, by tensor."""
    where: dict[str, Array] = findings(a=[[P, F], [F, U]], b=[P]).where(F)
    np.testing.assert_array_equal(where["a"], [1, 2])
    assert where["b"].size == 0
