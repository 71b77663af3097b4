"""Sweep, probe and Taylor test never contradict each other, nor the truth, on random problems."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import permutations
from typing import Any

import numpy as np
import pytest

from checks import check_gradients
from checks.verdict.report import Report
from checks.verdict.rule import Status
from tests.checks.random_problems import RandomProblem, drawn, spoilt

WAYS: dict[str, dict[str, str]] = {
    "sweep": {},
    "real": {"oracle": "real"},
    "probe": {"method": "probe"},
    "taylor": {"method": "taylor"},
}
SEEDS = range(80)
RTOL = 1e-6


def reports(problem: RandomProblem, gradient: Any) -> dict[str, Report]:
    """What each way says."""
    return {
        way: check_gradients(problem.cost, gradient, problem.params, **options)  # type: ignore[arg-type]
        for way, options in WAYS.items()
    }


def contradictions(found: dict[str, Report]) -> Iterator[str]:
    """Where two ways say the opposite: of all, or of one coordinate.

    A Taylor test sees one direction, so what it misses is no contradiction; what it fails is.
    """
    for one, other in permutations(found, 2):
        if (found[one].verdict, found[other].verdict) == ("pass", "fail") and one != "taylor":
            yield f"{one} passes and {other} fails"
    for name, status in found["sweep"].status.items():
        for one, other in zip(status.flat, found["real"].status[name].flat, strict=True):
            if Status.FAIL in (one, other) and {one, other} & {Status.PASS, Status.ZERO}:
                yield f"{name}: {Status(one).name} by sweep, {Status(other).name} by real"


def missed(report: Report, problem: RandomProblem, off: dict[str, Any]) -> list[str]:
    """The tensors in which an error passed that is larger than what the pass leaves room for.

    On a kink, values between both slopes are right.
    """
    found = []
    for tensor in report.tensors if report.verdict == "pass" else ():
        right = np.abs(problem.right[tensor.name])
        room = np.maximum(tensor.resolution * right.max(), RTOL * right)
        status = report.status[tensor.name]
        looked = (status == Status.PASS) | (status == Status.ZERO)
        if np.any(looked & (off[tensor.name] > 2 * room)):
            found.append(tensor.name)
    return found


@pytest.mark.parametrize("seed", SEEDS)
def test_of_a_right_gradient_nobody_says_that_it_is_wrong(seed: int) -> None:
    """Smooth or with kinks, at any scale, real or complex."""
    problem = drawn(seed)
    found = reports(problem, problem.gradient)
    assert "fail" not in {r.verdict for r in found.values()}, (problem.about, str(found))
    assert not list(contradictions(found)), problem.about


@pytest.mark.parametrize("seed", SEEDS)
def test_of_a_wrong_gradient_nobody_says_the_opposite_of_another(seed: int) -> None:
    """Nor that it is right, beyond what the resolution leaves open."""
    problem = drawn(seed)
    wrong = spoilt(problem, seed)
    if wrong is None:
        pytest.skip("there is no slope to spoil")
    _, off, gradient = wrong
    found = reports(problem, gradient)
    assert not list(contradictions(found)), problem.about
    for way in ("sweep", "real", "probe"):
        assert not missed(found[way], problem, off), (way, problem.about)


def test_what_is_drawn_is_decided_nearly_always() -> None:
    """Or there would be nothing to contradict."""
    verdicts = []
    for seed in SEEDS:
        problem = drawn(seed)
        wrong = spoilt(problem, seed)
        verdicts.append(check_gradients(problem.cost, problem.gradient, problem.params).verdict)
        if wrong is not None:
            verdicts.append(check_gradients(problem.cost, wrong[2], problem.params).verdict)
    assert verdicts.count("undecided") <= len(verdicts) / 8
    assert min(verdicts.count("pass"), verdicts.count("fail")) >= len(verdicts) / 3


def test_a_rule_that_passes_everything_is_caught() -> None:
    """The property itself sees a miss, and a contradiction."""
    problem = next(p for p in map(drawn, SEEDS) if not p.rough)
    wrong = spoilt(problem, 0)
    assert wrong is not None
    passing = check_gradients(problem.cost, problem.gradient, problem.params)
    assert missed(passing, problem, wrong[1])
    failing = check_gradients(problem.cost, wrong[2], problem.params)
    assert list(contradictions({"sweep": passing, "real": failing}))
