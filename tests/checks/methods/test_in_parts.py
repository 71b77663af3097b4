from __future__ import annotations

import json
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from checks import assert_gradients, check_gradients, check_vjp
from checks.api import GradientError
from checks.methods import sweep
from checks.methods.dispatch import run_check
from checks.methods.options import Oracle
from checks.problem.nested import Array
from checks.problem.problem import Problem
from checks.verdict.report import Report
from checks.verdict.rule import Status
from tests.checks.cases.everything import CASES
from tests.checks.problems import network, planted, vector

AT = np.linspace(0.5, 2.5, 500)
SHAPE = (12, 30, 5)
ORACLE = pytest.mark.parametrize("oracle", ["auto", "real"])


def sines(wrong: slice = slice(0, 0), at: Array = AT) -> Problem:
    """A sum of sines, its slopes doubled at some places."""

    def slopes(p: Array) -> Array:
        g = np.cos(p)
        g[wrong] *= 2
        return g

    return vector(lambda p: np.sin(p).sum(), slopes, at)


def statuses(report: Report) -> dict[str, int]:
    """How many coordinates there are of each status."""
    flat = np.concatenate([s.reshape(-1) for s in report.status.values()])
    return {s.name: int(np.count_nonzero(flat == s)) for s in Status if s != Status.CONSTANT}


# --- a sample ---------------------------------------------------------------------------------


@ORACLE
def test_a_sample_passes_and_says_what_share_it_was(oracle: Oracle) -> None:
    """In the verdict line, the counts and the JSON; the rest is not checked, and not passed."""
    report = run_check(sines(), sample=25, oracle=oracle)
    assert report.verdict == "pass"
    assert report.summary == ("pass: 25 of 500 parameters checked (a random 5%), 475 not checked")
    assert (report.checked, report.unchecked, report.share) == (25, 475, 0.05)
    assert statuses(report) == {
        "PASS": 25, "FAIL": 0, "UNDECIDED": 0, "ZERO": 0, "KINK": 0, "UNCHECKED": 475,
    }  # fmt: skip
    found = json.loads(report.to_json())
    assert (found["unchecked"], found["share"], found["tensors"][0]["unchecked"]) == (
        475,
        0.05,
        475,
    )


def test_a_network_is_sampled_by_its_own_reruns() -> None:
    """A share of each tensor, at least one."""
    report = run_check(network(shape=SHAPE), sample=0.1)
    assert report.verdict == "pass"
    assert [t.checked for t in report.tensors] == [36, 3, 15, 1]
    assert report.calls["gradient"] == 4


@ORACLE
def test_what_is_drawn_and_wrong_fails_where_it_stands(oracle: Oracle) -> None:
    """With its place in the whole tensor, and a diagnosis of no more than what was looked at."""
    report = run_check(sines(slice(0, 250)), sample=40, oracle=oracle, seed=1)
    assert report.verdict == "fail"
    assert report.failed == sum(1 for at in np.flatnonzero(_drawn(report)) if at < 250) > 5
    assert all(f.index[0] < 250 for f in report.failures)
    for failure in report.failures:
        assert failure.analytic == 2 * np.cos(AT[failure.index[0]])
    assert report.diagnosis is not None
    assert "among those that were checked" in report.diagnosis.detail


def _drawn(report: Report) -> Array:
    (status,) = report.status.values()
    return np.asarray(status != Status.UNCHECKED)


def test_a_wrong_coordinate_outside_of_the_sample_is_not_seen() -> None:
    """Nothing is said of it; another seed draws others."""
    reports = [run_check(sines(slice(7, 8)), sample=250, seed=seed) for seed in range(8)]
    for report in reports:
        assert report.verdict == ("fail" if _drawn(report)[7] else "pass")
        assert _drawn(report).sum() == 250
    assert {report.verdict for report in reports} == {"pass", "fail"}
    again = run_check(sines(slice(7, 8)), sample=250, seed=3)
    assert np.array_equal(_drawn(again), _drawn(reports[3]))


def test_a_sample_of_everything_is_a_whole_check() -> None:
    """Without a word of shares."""
    whole, all_drawn = run_check(sines()), run_check(sines(), sample=500)
    assert all_drawn.summary == whole.summary == "pass: 500 of 500 parameters checked"
    assert all_drawn.unchecked == 0


def test_a_sample_costs_as_many_calls_as_it_has_coordinates() -> None:
    """And some for what confirms them."""
    report = run_check(sines(), sample=10)
    assert 10 < report.calls["cost"] < 10 + 100


def test_rounding_is_that_of_the_whole_tensor() -> None:
    """A right gradient whose rounding comes from its largest slope does not fail without it."""
    big = np.r_[1e9, np.ones(99)]
    noise = np.r_[0, np.random.default_rng(0).choice([-1, 1], 99) * 1e-7]
    problem = vector(lambda p: float((big * p).sum()), lambda p: big + noise, np.ones(100))
    for seed in range(5):
        report = run_check(problem, sample=5, seed=seed)
        assert report.verdict != "fail", str(report)


def test_what_nobody_checks_excuses_nothing() -> None:
    """A blunt pass is relative to the largest slope of those drawn: others may be wrong."""

    def cost(p: Array) -> Any:
        return float(np.round((p**2).sum(), 9))

    def slopes(p: Array) -> Array:
        g = 2 * p * (1 + 1e-2)
        g[0] = 1e9
        return g

    problem = vector(cost, slopes, np.linspace(1, 2, 50))
    seed = next(s for s in range(99) if not _drawn(run_check(problem, sample=5, seed=s))[0])
    report = run_check(problem, sample=5, seed=seed)
    assert report.verdict == "fail"
    assert report.failed == 5


def test_conduct_is_that_of_the_whole_gradient() -> None:
    """A wrong shape or a NaN is seen, wherever it is; and the cost may change nothing."""
    short = vector(lambda p: p.sum(), lambda p: np.ones(3), AT)
    hole = vector(lambda p: p.sum(), lambda p: np.where(np.arange(500) == 9, np.nan, 1.0), AT)
    for problem, code in ((short, "shape"), (hole, "not-finite")):
        report = run_check(problem, sample=1)
        assert report.verdict == "fail"
        assert report.diagnosis is not None
        assert report.diagnosis.code == code
        assert "checked" not in report.diagnosis.detail

    def spoiling(p: Array) -> Any:
        p[0] += 1
        return p.sum()

    spoilt = run_check(vector(spoiling, np.ones_like, AT), sample=1)
    assert spoilt.diagnosis is not None
    assert spoilt.diagnosis.code == "cost-changes-parameters"


# --- stopping ---------------------------------------------------------------------------------


@ORACLE
def test_it_stops_at_the_first_wrong_ones(oracle: Oracle) -> None:
    """In the order of the tensors; the rest is not checked."""
    report = run_check(sines(slice(70, 90)), stop_after=3, oracle=oracle)
    assert report.verdict == "fail"
    assert report.failed == 20
    assert report.unchecked == 500 - 64 - 128
    assert " 20 wrong in params, 308 not checked" in report.summary
    assert report.share == 1


@ORACLE
def test_a_right_gradient_is_checked_to_the_end(oracle: Oracle) -> None:
    """And so is one with fewer that are wrong."""
    assert run_check(sines(), stop_after=1, oracle=oracle).summary == run_check(sines()).summary
    report = run_check(sines(slice(0, 2)), stop_after=3, oracle=oracle)
    assert (report.failed, report.unchecked) == (2, 0)


def test_a_network_stops_too() -> None:
    """In the tensor that is wrong."""
    problem = planted(network(shape=SHAPE), "W1", 3, 0.5)
    report = run_check(problem, stop_after=1)
    assert (report.failed, report.unchecked) == (1, report.parameters - 64)
    assert report.failures[0].index == (0, 3)


def test_a_sample_may_stop_as_well() -> None:
    """The share is that of the sample."""
    report = run_check(sines(slice(0, 500)), sample=200, stop_after=1)
    assert (report.failed, report.share) == (64, 0.4)
    assert report.summary.startswith("fail: 64 of 500 parameters checked (a random 40%), 64 wrong")


# --- as a whole check would have it -----------------------------------------------------------


@pytest.mark.parametrize("case", CASES[::9], ids=lambda case: case.name)
@pytest.mark.parametrize("options", [{"sample": 0.5}, {"stop_after": 1}], ids=str)
def test_a_part_never_contradicts_the_whole(case: Any, options: dict[str, Any]) -> None:
    """Of the cases that people have: what is decided in both is decided alike."""
    for gradient in (case.right, *(wrong.gradient for wrong in case.wrong[:1])):
        whole = check_gradients(case.cost, gradient, case.params, **case.options)
        some = check_gradients(case.cost, gradient, case.params, **options, **case.options)
        for name in some.status:
            pairs = set(zip(whole.status[name].flat, some.status[name].flat, strict=True))
            assert not {(Status.PASS, Status.FAIL), (Status.FAIL, Status.PASS)} & pairs
        if "stop_after" in options:
            assert some.verdict == whole.verdict


@pytest.mark.parametrize("options", [{"sample": 40}, {"stop_after": 3}], ids=str)
@ORACLE
def test_it_is_the_same_elsewhere(options: dict[str, Any], oracle: Oracle) -> None:
    """On any executor, to the last bit."""
    problem = sines(slice(100, 120))
    here = run_check(problem, oracle=oracle, **options)
    with ThreadPoolExecutor(2) as executor:
        there = run_check(problem, oracle=oracle, executor=executor, **options)
    assert replace(here, seconds=0, status={}) == replace(there, seconds=0, status={})
    assert all(np.array_equal(here.status[n], there.status[n]) for n in here.status)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("batched", [False, True])
def test_any_kind_of_cost_can_be_sampled(dtype: type, *, batched: bool) -> None:
    """Of stacks, in single precision, and one that differs from call to call."""

    def cost(p: Array) -> Array:
        return np.asarray(np.sin(p).sum(axis=-1))

    at: Array = AT.astype(dtype)
    report = check_gradients(cost, np.cos(at), at, sample=20, batched=batched)
    assert (report.verdict, report.checked) == ("pass", 20)
    noisy = check_gradients(cost, np.cos(at), at, sample=20, batched=batched, cost_error=1e-9)
    assert (noisy.verdict, noisy.checked) == ("pass", 20)


# --- asked for ----------------------------------------------------------------------------------


def test_products_with_a_jacobian_take_samples_of_x() -> None:
    """And stop."""
    A = np.random.default_rng(0).normal(size=(3, 200))
    x = np.linspace(1, 2, 200)
    report = check_vjp(lambda x: A @ x, lambda x, c: A.T @ c, x, sample=7)
    assert (report.verdict, report.checked, report.unchecked) == ("pass", 7, 193)
    report = check_vjp(lambda x: A @ x, lambda x, c: -A.T @ c, x, stop_after=1)
    assert (report.verdict, report.failed, report.unchecked) == ("fail", 64, 136)
    assert report.repeat == "check_vjp(..., stop_after=1, seed=0)"


def test_asserting_says_it_too() -> None:
    """Like a report."""
    assert assert_gradients(np.sum, np.ones(9), np.ones(9), sample=2).checked == 2
    with pytest.raises(GradientError, match=r"a random 22%.*\n?.*7 not checked"):
        assert_gradients(np.sum, np.zeros(9), np.ones(9), sample=2)


def test_progress_counts_what_is_drawn() -> None:
    """Each once."""
    done: list[int] = []
    check_gradients(np.sum, np.ones(90), np.ones(90), sample=20, progress=done.append)
    assert sum(done) == 20


@pytest.mark.parametrize(
    ("options", "error", "told"),
    [
        ({"sample": 0}, ValueError, "sample: expected a whole number .* or a share .*, got 0"),
        ({"sample": -3}, ValueError, "got -3"),
        ({"sample": 1.0}, ValueError, "got 1.0"),
        ({"sample": float("nan")}, ValueError, "got nan"),
        ({"sample": True}, TypeError, "got True"),
        ({"sample": "1%"}, TypeError, "got '1%'"),
        ({"sample": [1]}, TypeError, r"got \[1\]"),
        ({"stop_after": 0}, ValueError, "stop_after: expected a whole number of 1 or more, got 0"),
        ({"stop_after": 1.5}, TypeError, "stop_after: .*got 1.5"),
        ({"sample": 3, "method": "probe"}, ValueError, "sample: expected None with method 'probe'"),
        ({"stop_after": 3, "method": "taylor"}, ValueError, "stop_after: expected None with"),
    ],
)
def test_what_cannot_be_meant_is_refused(
    options: dict[str, Any], error: type[Exception], told: str
) -> None:
    """With what was expected, and what came."""
    with pytest.raises(error, match=told):
        check_gradients(np.sum, np.ones(9), np.ones(9), **options)


def test_the_naive_loop_can_be_sampled() -> None:
    """With no faster rerun."""
    report = run_check(network(shape=SHAPE), sample=3, method="naive")
    assert (report.verdict, report.checked) == ("pass", 12)


def test_pieces_are_those_of_the_part() -> None:
    """None for a tensor that has no part in it."""
    calls: list[Callable[..., Any]] = []
    assert sweep.PIECE > 64
    report = run_check(network(shape=SHAPE), stop_after=1, progress=calls.append)  # type: ignore[arg-type]
    assert sum(calls) == report.parameters  # type: ignore[arg-type]
