from __future__ import annotations

import re
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from checks.methods.dispatch import run_check
from checks.verdict.findings import Findings
from checks.verdict.reasons import TEXTS, reasons
from checks.verdict.report import Report
from checks.verdict.rule import Reason, Status
from tests.checks.problems import network, vector

U, P = int(Status.UNDECIDED), int(Status.PASS)


def findings(
    status: list[int], reason: list[Reason], *, error: list[float], blunt: list[float] | None = None
) -> Findings:
    """Of one tensor, whose gradient is 2 and whose slopes are 1."""
    n = len(status)
    return Findings(
        analytic={"W": np.full(n, 2.0)},
        numeric={"W": np.ones(n)},
        tolerance={"W": np.asarray(error)},
        status={"W": np.asarray(status, np.int8)},
        reason={"W": np.asarray([int(r) for r in reason], np.int8)},
        resolution={"W": np.asarray(blunt or [0.0] * n)},
        within={"W": np.full(n, 2.0**-10)},
        noise={"W": np.full(n, np.nan)},
    )


@pytest.mark.parametrize("reason", [r for r in Reason if r is not Reason.NONE])
def test_a_reason_has_numbers_a_remedy_and_the_place_that_it_hits_worst(reason: Reason) -> None:
    """Both values and how far they are known, whatever its kind."""
    (line,) = reasons(findings([U, U, P], [reason] * 3, error=[0.1, 0.5, 0.9]), 1e-9)
    assert (line.code, line.count, line.undecided) == (reason.name.lower(), 2, 2)
    assert (line.tensor, line.index) == ("W", (1,))
    assert line.text.startswith("analytic 2, numeric 1 ± 5.0e-01; ")
    assert line.remedy == TEXTS[reason][1]
    assert str(line).startswith("2 undecided, worst W[1]: ")


def test_each_kind_tells_its_own_number() -> None:
    """The rounding, the noise, and how near the kink is."""
    told = {}
    for reason in (Reason.ROUNDING, Reason.NOISE, Reason.ROUGH):
        (line,) = reasons(findings([U], [reason], error=[0.25]), 3e-9)
        told[reason] = line.text
    assert "2.5e-01 there" in told[Reason.ROUNDING]
    assert "steps of 3.0e-09" in told[Reason.NOISE]
    assert "within 9.8e-04 of the point" in told[Reason.ROUGH]


def test_those_that_leave_most_undecided_come_first() -> None:
    """One for each kind; what is decided sharply has none."""
    kinds = [Reason.NOISE, Reason.ROUGH, Reason.ROUGH, Reason.NONE, Reason.DIFFER]
    found = reasons(findings([U, U, U, P, P], kinds, error=[0.1] * 5), 1e-9)
    assert [(line.code, line.count) for line in found] == [("rough", 2), ("noise", 1)]


def test_what_passes_bluntly_has_its_reason_too() -> None:
    """Counted as blunt, not as undecided."""
    found = findings([P, P], [Reason.NOISE, Reason.NONE], error=[0.1, 0], blunt=[1e-4, 0])
    (line,) = reasons(found, 1e-9)
    assert (line.count, line.undecided) == (1, 0)
    assert str(line).startswith("1 blunt, worst W[0]: ")


UNDECIDED = {
    "stairs": (lambda p: np.round(np.sin(p).sum(), 2), np.cos),
    "noise": (lambda p: float(1 + 1e-13 * np.sin(p).sum()), lambda p: 1e-13 * np.cos(p)),
    "differ": (lambda p: 1 + 1e-10 * np.sin(p).sum(), 1.00001e-10 * np.cos(np.ones(3))),
    "unseen": (lambda p: np.log(np.where(p == 1, 1.0, np.nan)).sum(), np.ones(3)),
}


def told(name: str) -> Report:
    """A report with something undecided."""
    cost, gradient = UNDECIDED[name]
    given = gradient if callable(gradient) else lambda p: gradient
    return run_check(vector(cost, given, np.ones(3)))


@pytest.mark.parametrize("name", UNDECIDED)
def test_every_undecided_coordinate_has_its_reason(name: str) -> None:
    """Each in one, and with numbers."""
    report = told(name)
    assert report.verdict == "undecided", str(report)
    assert sum(line.undecided for line in report.reasons) == report.undecided == 3
    assert {line.code for line in report.reasons} == {"noise" if name == "stairs" else name}
    for line in report.reasons:
        assert re.search(r"analytic \S+, numeric \S+ ± \S+; ", line.text)
        assert line.remedy
        assert max(map(len, str(line).splitlines())) <= 80


def test_a_reason_fits_80_columns() -> None:
    """However long its numbers and its place are; what goes on is indented."""
    for reason in TEXTS:
        found = findings([U], [reason], error=[1.2345e-300])
        found.analytic["W"] = found.analytic["W"] * -1.234567e-300
        (line,) = reasons(found, 1.2345e-300)
        first, *more = str(replace(line, tensor="layers[12].weight", undecided=10**9)).splitlines()
        assert max(map(len, (first, *more))) <= 80
        assert all(other.startswith("    ") for other in more)


ONE = np.ones(3)
# A cost, its gradient, options, and the lines of the report: each kind as people see it.
EXAMPLES: dict[str, tuple[Any, Any, dict[str, Any], str]] = {
    "stairs": (lambda p: np.round(np.sin(p).sum(), 2), np.cos, {}, """
3 undecided, worst params[0]: analytic 0.540302, numeric 0.541667 ± 1.3e-01; the
    cost moves in steps of 5.0e-03
    give the cost in float64, tighten its solver, or take a large constant away
"""),
    "noise": (lambda p: float(1 + 1e-13 * np.sin(p).sum()), lambda p: 1e-13 * np.cos(p), {}, """
3 undecided, worst params[0]: analytic 5.40302e-14, numeric 5.32907e-14 ±
    4.0e-15; the cost moves in steps of 1.1e-16
    give the cost in float64, tighten its solver, or take a large constant away
"""),
    "not exact": (lambda p: (p**2).sum(), lambda p: 2 * p, {"cost_error": 1e-3}, """
3 undecided, worst params[0]: analytic 2, numeric 2 ± 2.3e-03; the cost is exact
    to 1.0e-03 only
    tighten its solver or average more runs, so that it is exact to less
"""),
    "a kink close by": (
        lambda p: float(np.abs(p - 1 - 1e-10).sum() + np.sin(p).sum()), lambda p: np.cos(p) - 1, {},
        """
3 blunt, worst params[0]: analytic -0.459698, numeric -0.459668 ± 3.9e-05; the
    cost has a kink or a jump within 2.3e-10 of the point
    move the point, or smooth the cost there
"""),
    "contradiction": (
        lambda p: 1 + 1e-10 * np.sin(p).sum(), lambda p: 1.00001e-10 * np.cos(ONE), {}, """
3 undecided, worst params[0]: analytic 5.40308e-11, numeric 5.40302e-11 ±
    1.6e-24; what was measured contradicts itself or the gradient, not beyond
    doubt
    see whether the cost is smooth and exact close by: its steps, its solver's
        tolerance
"""),
    "nothing to see": (
        lambda p: np.log(np.where(p == 1, 1.0, np.nan)).sum(), lambda p: ONE, {}, """
3 undecided, worst params[0]: analytic 1, numeric nan ± 1.6e-14; no slope could
    be measured there
    see whether the cost is finite on both sides of the point
"""),
    "zeros": (lambda p: p[0] ** 2, lambda p: np.r_[2 * p[0], 0, 0], {}, """
2 zero, worst params[1]: analytic 0, numeric 0 ± 4.5e-13; there is nothing but
    rounding on both sides, which proves nothing
    check where they have a slope: at another point, or on other data
"""),
    "on a kink": (lambda p: float(np.abs(p - 1).sum()), lambda p: 0 * p, {}, """
3 on a kink, worst params[0]: analytic 0, numeric 0 ± 1.0e+00; the slopes on
    both sides differ, and any value between is right
    move the point off the kink, or smooth the cost there
"""),
}  # fmt: skip


@pytest.mark.parametrize("name", EXAMPLES)
def test_each_kind_reads_like_this(name: str) -> None:
    """Within 80 columns, with the worst coordinate's numbers and what would decide it."""
    cost, gradient, options, lines = EXAMPLES[name]
    report = run_check(vector(cost, gradient, ONE), **options)
    assert "\n".join(map(str, report.reasons)) == lines.strip()
    assert lines.strip() in str(report)


def test_a_networks_own_rounding_reads_like_this() -> None:
    """Where its units are saturated."""
    for seed in range(9):
        report = run_check(network(seed, factor=20))
        found = [str(line) for line in report.reasons if line.code == "rounding"]
        if found:
            break
    assert re.search(r"(undecided|blunt), worst \S+: analytic \S+, numeric", found[0])
    joined = " ".join(found[0].split())
    assert re.search(r"rounding moves the gradient itself by \S+ there", joined)
    assert joined.endswith("rewrite the term that cancels, or compute the gradient in float64")
    assert max(map(len, found[0].splitlines())) <= 80
