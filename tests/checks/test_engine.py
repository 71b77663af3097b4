"""A right gradient passes, a wrong one fails, and what cannot be known is said to be undecided."""

from __future__ import annotations

import math
import re
from collections.abc import Callable
from dataclasses import replace
from functools import partial
from typing import Any

import numpy as np
import pytest

from checks import engine, kinks, leniency, oracles
from checks.compare import Status
from checks.engine import RERUN, check
from checks.methods import METHODS, examine
from checks.nest import Array
from checks.networks import as_subject
from checks.noise import Noise
from checks.oracles import COMPLEX, RIDDERS, Estimate, Lines
from checks.probe import probe
from checks.report import Report, Tensor
from checks.state import Check, begin, disagree
from checks.subject import Subject, black_box, scaled
from checks.tally import Findings
from tests.checks.helpers import (
    CALLED,
    EPS,
    LAYOUTS,
    beside_a_kink,
    by_position,
    case,
    changed,
    planted,
    subject,
    vector,
)

ACTIVATIONS = ("sigmoid", "tanh", "relu", "softplus", "identity")
COSTS = ("quadratic", "cross-entropy", "softmax-cross-entropy")


def adds_up(report: Report) -> bool:
    """Whether every coordinate is counted once, in the whole and in each tensor."""
    parts: list[Report | Tensor] = [report, *report.tensors]
    return all(
        part.parameters == part.checked + part.zero + part.undecided + part.kinks
        and part.failed <= part.checked
        for part in parts
    )


# --- what must pass, and what must not --------------------------------------------------------


@pytest.mark.parametrize("activation", ACTIVATIONS)
@pytest.mark.parametrize("cost", COSTS)
@pytest.mark.parametrize("method", ["sweep", "naive"])
def test_a_right_gradient_passes(activation: str, cost: str, method: str) -> None:
    """Every activation and cost, by either rerun, with nothing undecided unless it is dead."""
    report = check(subject(activation=activation, cost=cost), method=method)
    assert report.verdict == "pass", str(report)
    assert (report.oracle, report.notes, report.failures) == (oracles.COMPLEX, (), ())
    assert (report.undecided, report.kinks, report.diagnosis) == (0, 0, None)
    assert report.worst is not None
    assert report.worst.error <= report.worst.tolerance
    assert adds_up(report)


# Costs that end where p[0] is 1.42 - 0.249, within the longest step of 0.25 that is taken at 1.42.
END = 1.171
ENDING: dict[str, Callable[[Array], Any]] = {
    "ValueError": lambda p: math.sqrt(p[0] - END) + p[1] ** 2,
    "LinAlgError": lambda p: np.linalg.cholesky(p[:1, None] - END)[0, 0] + p[1] ** 2,
    "IndexError": lambda p: [np.sqrt(p[0] - END)][0 if p[0].real > END else 1] + p[1] ** 2,
}


@pytest.mark.parametrize("error", ENDING)
@pytest.mark.parametrize("method", METHODS)
def test_a_cost_may_raise_where_it_ends(error: str, method: str) -> None:
    """Steps that go there are left out; it is said, and a fault is caught even so."""

    def gradient(p: Array) -> Array:
        return np.asarray([0.5 / math.sqrt(p[0] - END), 2 * p[1]])

    one = vector(ENDING[error], gradient, [1.42, -1.42])
    # With this seed the Taylor test goes that far as well.
    right = examine(one, method=method, seed=3)
    wrong = examine(planted(one, "params", 0, 1e-3), method=method, seed=3)
    assert (right.verdict, wrong.verdict) == ("pass", "fail"), f"{right}\n{wrong}"
    for report in (right, wrong):
        note = next((n for n in report.notes if "raised" in n), "")
        assert re.fullmatch(rf"near the point the cost raised [\w.]*{error}: .*left out", note) or (
            report.method == "probe"  # which need not go far
        )
    assert one.raised == []


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("method", METHODS[:-1])
def test_a_cost_may_raise_right_beside_the_point(dtype: Any, method: str) -> None:
    """A coordinate that has costs on one side only is undecided."""

    def cost(p: Array) -> Any:
        if p[0].real > 1:
            raise ValueError("p[0] is a share")
        return float((p**2).sum())

    report = examine(vector(cost, lambda p: 2 * p, np.asarray([1.0, 0.5], dtype)), method=method)
    assert (report.failed, report.status["params"][0]) == (0, Status.UNDECIDED), str(report)
    assert any("ValueError: p[0] is a share; such steps" in note for note in report.notes)


@pytest.mark.parametrize("stored", LAYOUTS)
def test_a_gradient_may_be_stored_in_any_order(stored: str) -> None:
    """A wrong coordinate is named where it is."""
    at = np.linspace(0.5, 2.5, 12).reshape(4, 3)
    for factor, verdict in ((1.0, "pass"), (1.01, "fail")):

        def gradient(p: Array, factor: float = factor) -> Array:
            g = np.cos(p)
            g[2, 1] *= factor
            return LAYOUTS[stored](g)

        report = check(vector(lambda p: np.sin(p).sum(), gradient, at))
        assert (report.verdict, [f.index for f in report.failures]) == (
            verdict,
            [(2, 1)] * (factor != 1),
        )


@pytest.mark.parametrize("seed", [1, 2])
@pytest.mark.parametrize("activation", ACTIVATIONS)
def test_a_relative_error_of_a_millionth_is_caught_and_named(seed: int, activation: str) -> None:
    """In any single coordinate that can be decided, and nothing else is accused."""
    one = subject(seed, activation=activation, cost=COSTS[seed % 3], shape=(2, 2, 2))
    clean = check(one)
    assert clean.verdict == "pass", str(clean)
    for name, status in clean.status.items():
        for flat in np.flatnonzero(status == Status.PASS):
            report = check(planted(one, name, int(flat), (-1) ** int(flat) * 1.01e-6))
            index = tuple(int(i) for i in np.unravel_index(flat, status.shape))
            assert report.verdict == "fail"
            assert [(f.tensor, f.index) for f in report.failures] == [(name, index)]
            assert report.failed == 1
            assert report.diagnosis is not None


@pytest.mark.parametrize("error", [1e-4, 1e-8, -1e-8])
def test_rtol_is_the_promise(error: float) -> None:
    """A smaller one promises more, and a larger one lets nothing pass that differs."""
    one = planted(subject(), "W1", 3, error)
    for rtol in (1e-9, 1e-6, 1e-2):
        report = check(one, rtol=rtol)
        assert (report.verdict, report.failed, report.rtol) == ("fail", 1, rtol)


def test_a_promise_beyond_rounding_is_undecided() -> None:
    """Sixteen digits cannot be promised: agreement then proves too little."""
    report = check(subject(), rtol=1e-16)
    assert report.verdict == "undecided"
    assert (report.checked, report.undecided) == (0, report.parameters)


@pytest.mark.parametrize("k", range(-12, 13, 3))
@pytest.mark.parametrize("black", [False, True])
def test_the_size_of_the_loss_changes_no_verdict(k: int, *, black: bool) -> None:
    """Neither of a clean gradient nor of one that is a millionth off in one coordinate."""
    for seed in range(2):
        one = subject(seed, shape=(3, 4, 2), activation="tanh")
        if black:
            one = replace(one, jittered=None, rerun=None)
        clean = check(scaled(one, 10.0**k))
        assert clean.verdict == "pass", str(clean)
        wrong = check(scaled(planted(one, "W2", 5, 1e-6), 10.0**k))
        assert wrong.verdict == "fail", str(wrong)
        assert [f.tensor for f in wrong.failures] == ["W2"]
        flipped = check(scaled(changed(one, _flip), 10.0**k))
        assert flipped.verdict == "fail"
        assert flipped.failed == 12


def _flip(gradient: dict[str, Array]) -> None:
    gradient["W1"] *= -1


@pytest.mark.parametrize("activation", ACTIVATIONS)
@pytest.mark.parametrize("cost", COSTS)
def test_single_precision_is_judged_by_its_own_rounding(activation: str, cost: str) -> None:
    """A float32 gradient passes, and fails where one coordinate is a tenth off."""
    one = subject(activation=activation, cost=cost, dtype=np.float32)
    clean = check(one)
    assert clean.verdict == "pass", str(clean)
    assert clean.rtol == 1e-2
    for name in ("W1", "b2"):
        at = int(np.flatnonzero(clean.status[name] == Status.PASS)[0])
        wrong = check(planted(one, name, at, 0.1))
        assert wrong.verdict == "fail"
        assert [f.tensor for f in wrong.failures] == [name]


@pytest.mark.parametrize("size", [2.0**-84, 1.0, 2.0**84])
def test_single_precision_parameters_may_have_any_size(size: float) -> None:
    """Also one at which their squares would be beyond single precision, next to a zero or not."""
    at = np.asarray([size, 0, -2 * size], np.float32)
    cost = lambda p: size * (np.cos(p / size) + 2 * p / size).sum()  # noqa: E731
    report = check(vector(cost, lambda p: 2 - np.sin(p / np.float32(size)), at))
    assert (report.verdict, report.checked, report.undecided) == ("pass", 3, 0)


def test_a_gradient_that_is_not_zero_where_it_should_be_is_caught() -> None:
    """And one that is zero where it should not be; zero on both sides is no pass but counted."""
    at = [0.5, -1.0, 2.0]
    cost = lambda p: p[0] ** 2 + p[2] ** 3  # noqa: E731

    def gradient(*g: float) -> Report:
        return check(vector(cost, lambda p: np.asarray(g), at))

    right = gradient(1.0, 0.0, 12.0)
    assert (right.verdict, right.checked, right.zero) == ("pass", 2, 1)
    extra = gradient(1.0, 1e-9, 12.0)
    assert (extra.verdict, [f.index for f in extra.failures]) == ("fail", [(1,)])
    missing = gradient(0.0, 0.0, 12.0)
    assert (missing.verdict, [f.index for f in missing.failures]) == ("fail", [(0,)])


# --- what is counted --------------------------------------------------------------------------


@pytest.mark.parametrize("seed", range(6))
def test_counts_add_up(seed: int) -> None:
    """Dead units, saturated ones, kinks and planted errors included."""
    one = subject(seed, activation=("relu", "sigmoid", "tanh")[seed % 3], shape=(4, 6, 5, 2))
    values = tuple(v * (1, 30)[seed % 2] for v in one.values)
    one = replace(one, values=values, rerun=None, jittered=None)
    for this in (one, changed(one, _flip)):
        report = check(this)
        assert adds_up(report), str(report)
        assert sum(t.parameters for t in report.tensors) == report.parameters == one.parameters
        for kind in ("checked", "zero", "undecided", "kinks", "failed"):
            assert sum(getattr(t, kind) for t in report.tensors) == getattr(report, kind)
        for tensor in report.tensors:
            status = report.status[tensor.name]
            assert status.shape == tensor.shape
            assert np.count_nonzero(status == Status.ZERO) == tensor.zero
            assert np.count_nonzero(status == Status.FAIL) == tensor.failed


def test_a_tensor_mostly_zero_is_mentioned_in_the_verdict_line() -> None:
    """By name; a tensor of which half is zero is not."""
    cost = lambda p: (p["a"][:1] ** 2).sum() + (p["b"][:2] ** 2).sum()  # noqa: E731
    gradients = lambda p: {k: 2 * p[k] * (np.arange(4) < n) for k, n in (("a", 1), ("b", 2))}  # noqa: E731
    report = check(black_box(cost, gradients, {"a": np.ones(4), "b": np.ones(4)}))
    assert report.verdict == "pass"
    assert report.summary == (
        "pass: 3 of 8 parameters checked, 5 exactly zero on both sides;"
        " more than half of a zero or undecided"
    )


@pytest.mark.parametrize("factor", [0.0, 1.0])
def test_where_nothing_was_decided_nothing_passes(factor: float) -> None:
    """A constant cost is zero everywhere: undecided."""
    report = check(vector(lambda p: factor + 0 * p.sum(), lambda p: 0 * p, [1.0, 2.0]))
    assert (report.verdict, report.checked, report.zero) == ("undecided", 0, 2)


@pytest.mark.parametrize("at", [[0.0, 1.0, -2.0], [0.0, 0.0, 3.0]])
@pytest.mark.parametrize("value", [0.0, 0.5, 1.0])
def test_kinks_neither_pass_nor_fail(at: list[float], value: float) -> None:
    """Whatever the gradient says at a ReLU's 0, it is on a kink; an error elsewhere still shows."""
    relu = lambda p: (p * (p.real > 0)).sum() + (p**2).sum()  # noqa: E731
    p = np.asarray(at)
    slope = np.where(p == 0, value, p > 0) + 2 * p
    report = check(vector(relu, lambda p: slope, at))
    on = p == 0
    assert report.kinks == on.sum()
    assert report.failed == 0
    assert list(report.status["params"] == Status.KINK) == list(on)
    assert (report.oracle, report.notes) == (oracles.COMPLEX, ())
    wrong = check(vector(relu, lambda p: slope * np.where(on, 1, 1 + 1e-6), at))
    assert wrong.verdict == "fail"
    assert wrong.failed == 3 - on.sum()
    assert wrong.kinks == on.sum()


@pytest.mark.parametrize("value", [-1.0, 2.5])
def test_a_value_outside_of_both_slopes_fails_on_a_kink_too(value: float) -> None:
    """At a ReLU's 0 any number from 0 to 1 will do, and no other."""
    relu = lambda p: (p * (p.real > 0)).sum() + (p**2).sum()  # noqa: E731
    p = np.asarray([0.0, 1.0, -2.0])
    slope = np.where(p == 0, value, p > 0) + 2 * p
    report = check(vector(relu, lambda p: slope, p))
    assert (report.verdict, [f.index for f in report.failures]) == ("fail", [(0,)])


def test_a_kink_merely_near_is_no_excuse() -> None:
    """There the gradient is judged as anywhere."""
    cost = lambda p: np.abs(p - 1e-3).sum() + (p**2).sum()  # noqa: E731
    slope: Callable[[Array], Array] = lambda p: np.sign(p - 1e-3) + 2 * p  # noqa: E731
    at = [0.0, 1.0]
    clean = check(vector(cost, slope, at))
    wrong = check(vector(cost, lambda p: slope(p) + 1e-3, at))
    assert (clean.failed, clean.kinks) == (0, 0)
    assert clean.verdict == "pass", str(clean)
    assert (wrong.verdict, wrong.failed, wrong.kinks) == ("fail", 2, 0)


# --- oracles ----------------------------------------------------------------------------------

BREAK: dict[str, Callable[[Estimate], Any]] = {
    "a tenth too large": lambda e: replace(e, slope=1.1 * e.slope),
    "wrong sign": lambda e: replace(e, slope=-e.slope),
    "zero": lambda e: replace(e, slope=0 * e.slope),
    "NaN": lambda e: replace(e, slope=np.nan * e.slope),
    "raises": lambda e: 1 // 0,
    "right in the end": lambda e: e,
}


def broken(
    monkeypatch: pytest.MonkeyPatch, name: str, breaks: Callable[[Estimate, Lines], Any]
) -> None:
    """Break one oracle."""
    right = getattr(oracles, name)

    def wrong(lines: Lines) -> Any:
        return breaks(right(lines), lines)

    monkeypatch.setattr(oracles, name, wrong)


@pytest.mark.parametrize("name", CALLED)
@pytest.mark.parametrize("how", list(BREAK)[:-1])
@pytest.mark.parametrize("right", [True, False])
def test_with_a_broken_oracle_nothing_passes(
    monkeypatch: pytest.MonkeyPatch, name: str, how: str, *, right: bool
) -> None:
    """Right gradient or wrong, the verdict is that the oracles disagree."""
    broken(monkeypatch, name, lambda e, lines: BREAK[how](e))
    one = subject() if right else changed(subject(), _flip)
    report = check(one)
    assert report.verdict == "undecided"
    assert report.diagnosis is not None
    assert (report.diagnosis.code, report.diagnosis.title) == (
        "oracles-disagree",
        "oracles disagree",
    )
    assert CALLED[name] in report.diagnosis.detail


@pytest.mark.parametrize("name", ["complex_step", "ridders"])
def test_an_oracle_that_is_only_wrong_on_this_cost_passes_nothing_wrong(
    monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    """It gets the known slopes right, and W2 of the network wrong: nobody is misled."""

    def wrong_of_few(e: Estimate, lines: Lines) -> Estimate:
        return replace(e, slope=1.1 * e.slope) if len(lines.scale) == 15 else e

    broken(monkeypatch, name, wrong_of_few)
    misled = changed(subject(), lambda g: g.update(W2=1.1 * g["W2"]))
    assert misled.values[2].size == 15
    report = check(misled)
    assert report.verdict != "pass"
    assert any("disagrees, at W2[" in note for note in report.notes) or report.diagnosis is not None


def test_both_oracles_of_a_real_cost_in_doubt_decide_nothing(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """A cost that is not complex-safe has no third one to turn to."""

    def wrong_of_two(e: Estimate, lines: Lines) -> Estimate:
        return replace(e, slope=1.1 * e.slope) if len(lines.scale) == 2 else e

    broken(monkeypatch, "ridders", wrong_of_two)
    one = vector(lambda p: np.abs(p) @ np.abs(p), lambda p: 2.2 * p, [1.0, 2.0])
    report = check(one)
    assert report.verdict == "undecided"
    assert report.diagnosis is not None
    assert report.diagnosis.code == "oracles-disagree"
    assert "central difference disagrees, at params[0] one says 2.2, the other 2" in str(report)


NOT_SAFE: dict[str, tuple[Callable[[Array], Any], str]] = {
    "abs": (lambda p: (np.abs(p) ** 3).sum(), "the cost calls absolute"),
    "conj": (lambda p: (p * p.conj() * np.sqrt(p * p.conj())).sum(), "the cost calls conjugate"),
    "cast": (lambda p: (np.abs(p.astype(float)) ** 3).sum(), "does not take complex parameters"),
}


@pytest.mark.parametrize("name", NOT_SAFE)
@pytest.mark.filterwarnings("default::numpy.exceptions.ComplexWarning")
def test_a_cost_that_is_not_complex_safe_falls_back_with_a_note(name: str) -> None:
    """To extrapolated real differences, which judge it just as well."""
    cost, why = NOT_SAFE[name]
    slope = lambda p: 3 * p * np.abs(p)  # noqa: E731
    at = [0.5, -1.0, 2.0]
    report = check(vector(cost, slope, at))
    assert report.verdict == "pass", str(report)
    assert report.oracle == oracles.RIDDERS
    assert [note for note in report.notes if "complex step not believed: " in note and why in note]
    wrong = check(planted(vector(cost, slope, at), "params", 1, 1e-6))
    assert (wrong.verdict, [f.index for f in wrong.failures]) == ("fail", [(1,)])


@pytest.mark.parametrize(
    ("asked", "used"),
    [
        ("complex", oracles.COMPLEX),
        ("ridders", oracles.RIDDERS),
        ("central", oracles.CENTRAL),
        ("auto", oracles.COMPLEX),
    ],
)
def test_the_oracle_asked_for_is_the_one_used(asked: str, used: str) -> None:
    """On clean gradients and on wrong ones."""
    one = subject()
    clean = check(one, oracle=asked, rtol=1e-4)
    assert (clean.verdict, clean.oracle) == ("pass", used)
    wrong = check(planted(one, "W1", 4, 1e-3), oracle=asked, rtol=1e-4)
    assert (wrong.verdict, wrong.failed, wrong.oracle) == ("fail", 1, used)


# --- reruns -----------------------------------------------------------------------------------


@pytest.mark.parametrize("seed", range(3))
def test_naive_and_sweep_come_to_the_same(seed: int) -> None:
    """The status of every coordinate, clean or not."""
    one = subject(seed, activation=ACTIVATIONS[seed], shape=(5, 4, 4, 2))
    for this in (one, planted(one, "b1", 2, 1e-5), changed(one, _flip)):
        short, plain = check(this), check(this, method="naive")
        assert (short.method, plain.method) == ("sweep", "naive")
        assert short.verdict == plain.verdict
        for name in one.names:
            np.testing.assert_array_equal(short.status[name], plain.status[name])


def test_a_wrong_short_rerun_is_an_error_of_its_own() -> None:
    """With its own code; the naive method does not mind."""
    one = subject()
    rerun = one.rerun
    assert rerun is not None
    wrong = replace(one, rerun=lambda t, at, steps: rerun(t, at, steps) * (1 + 1e-3 * (t == 2)))
    report = check(wrong)
    assert report.verdict == "fail"
    assert report.diagnosis is not None
    assert report.diagnosis.code == RERUN == "rerun-disagrees"
    assert report.diagnosis.detail.startswith("W2, flat index ")
    assert check(wrong, method="naive").verdict == "pass"


# --- repeating --------------------------------------------------------------------------------


def test_a_check_repeats_to_the_last_bit_and_tells_its_progress() -> None:
    """The same seed gives the same report; progress counts every coordinate."""
    one = planted(subject(), "W1", 3, 1e-5)
    done: list[int] = []
    first, again = (check(one, seed=7, progress=done.append) for _ in range(2))
    assert replace(first, seconds=0) == replace(again, seconds=0)
    assert first.seed == 7
    assert sum(done) == 2 * one.parameters


@pytest.mark.parametrize("seed", range(10))
def test_the_seed_changes_no_verdict(seed: int) -> None:
    """Clean gradients pass and planted ones fail by any randomness."""
    one = subject(shape=(2, 3, 2))
    assert check(one, seed=seed).verdict == "pass"
    wrong = check(planted(one, "W2", 1, 1e-6), seed=seed)
    assert [(f.tensor, f.index) for f in wrong.failures] == [("W2", (0, 1))]


@pytest.mark.parametrize("dtype", ["float16", "float32"])
def test_a_cost_of_lower_precision_is_never_passed(dtype: Any) -> None:
    """Whatever else is said of it: a cast on the way has lost what a proof would need."""
    rng = np.random.default_rng(0)
    data, kind = rng.normal(size=(50, 8)), np.dtype(dtype).type
    one = vector(
        lambda p: float((np.tanh((data @ p).astype(kind)) ** 2).mean(dtype=kind)),
        lambda p: 2 * (np.tanh(data @ p) / np.cosh(data @ p) ** 2) @ data / 50,
        rng.normal(size=8),
    )
    report = check(one)
    assert report.verdict != "pass"
    if dtype == "float32":
        assert report.diagnosis is not None
        assert report.diagnosis.code == "cost-low-precision"


def test_an_empty_tensor_is_no_obstacle() -> None:
    """It counts nothing and hides nothing."""

    def one(factor: float) -> Subject:
        return black_box(
            lambda p: (p[0] ** 2).sum() + p[1].sum(),
            lambda p: [2 * factor * p[0], np.ones_like(p[1])],
            [np.ones(2), np.ones((0, 3))],
        )

    assert (check(one(1)).verdict, check(one(1)).parameters) == ("pass", 2)
    assert check(one(1 + 1e-6)).verdict == "fail"


def test_a_coordinate_that_oracle_and_gradient_both_leave_out_is_found(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Zero on both sides, and too rare for a sample: the real cost slopes along it."""

    def blind(e: Estimate, lines: Lines) -> Estimate:
        seen = np.arange(len(e.slope)) != 100
        return replace(e, slope=e.slope * seen) if len(e.slope) == 4000 else e

    broken(monkeypatch, "complex_step", blind)
    at = np.arange(4000)
    one = vector(lambda p: (p**2).sum(), lambda p: 2 * p * (at != 100), np.linspace(1, 2, 4000))
    report = check(one)
    assert report.verdict == "fail"
    assert [f.index for f in report.failures] == [(100,)]
    assert any("along coordinates said to be exactly zero" in note for note in report.notes)


# --- what is done with coordinates that differ, one stage at a time ---------------------------

P, F, U, Z, K = Status.PASS, Status.FAIL, Status.UNDECIDED, Status.ZERO, Status.KINK


def under_way(one: Subject, oracle: str = RIDDERS) -> Check:
    """A check of it that has only begun, with an oracle."""
    this = begin(one, rtol=1e-6, method="sweep", seed=0, progress=lambda done: None)
    this.oracle = oracle
    return this


def findings(a: list[float], n: list[float], status: list[Status]) -> Findings:
    """Findings of a single tensor."""
    return Findings(
        analytic={"params": np.asarray(a)},
        numeric={"params": np.asarray(n)},
        tolerance={"params": np.full(len(a), 1e-12)},
        error={"params": np.zeros(len(a))},
        status={"params": np.asarray(status, np.int8)},
    )


def test_options_are_given_by_name() -> None:
    """In whatever order."""
    assert by_position(check) == ["subject"]


def test_the_seed_is_zero_unless_told() -> None:
    """So that two runs of the same command are the same run."""
    one = subject()
    assert check(one).seed == 0
    assert check(one).worst == check(one, seed=0).worst


@pytest.mark.parametrize("error", [1.0, -1.0])
def test_a_black_box_is_not_failed_by_less_than_half_of_what_was_promised(error: float) -> None:
    """Its inside may round more than shows; from there on it is."""
    a = [2.0, 2.0, -2.0, 2.0, 2.0]
    off = [0.8e-6, 0.99e-6, 0.8e-6, 1.01e-6, 1e-3]
    found = findings(a, [v + error * e for v, e in zip(a, off, strict=True)], [F, F, F, F, F])
    engine.benefit_of_doubt(under_way(vector(lambda p: 2 * p.sum(), np.ones_like, a)), found)
    assert found.status["params"].tolist() == [U, U, U, F, F]


@pytest.mark.parametrize("side", [1, -1])
def test_half_of_what_was_promised_is_measured_by_the_larger_value(side: int) -> None:
    """The gradient's or the oracle's; and half exactly still breaks no promise."""
    edge = 2.0**-10 * side
    beyond = edge * (1 + 2.0**-20)
    a, off = [2.0, -2.0, 2.0, -2.0], [edge, -edge, beyond, -beyond]
    this = under_way(vector(lambda p: p.sum(), np.ones_like, a))
    this.rtol = 2 * 2.0**-10 / max(2, 2 + edge)
    found = findings(a, [v + e for v, e in zip(a, off, strict=True)], [F, F, F, F])
    engine.benefit_of_doubt(this, found)
    assert found.status["params"].tolist() == [U, U, F, F]


@pytest.mark.parametrize("side", [1, -1])
def test_a_few_of_the_oracles_own_errors_convict_nobody(side: int) -> None:
    """Up to eight of them, of each coordinate's own; an error is an estimate."""
    off, error = [7.0, 8.0, 9.0, 7.0, 0.5], [1.0, 1.0, 1.0, 0.5, 0.0]
    unit = 2.0**-10  # far more than half of what was promised
    a = [2.0] * 5
    found = findings(a, [2.0 + side * unit * e for e in off], [F] * 5)
    found.error["params"][:] = np.asarray(error) * unit
    engine.benefit_of_doubt(under_way(vector(lambda p: 2 * p.sum(), np.ones_like, a)), found)
    assert found.status["params"].tolist() == [U, U, F, F, F]


@pytest.mark.parametrize("from_call", [7, 10**6])
def test_a_gradient_that_changes_with_later_calls_is_told(from_call: int) -> None:
    """By its last bits: what was compared is what it gave at first."""
    calls = iter(range(10**7))

    def tiring(p: Array) -> Array:
        g = 2 * p
        return g * (1 + EPS) if next(calls) >= from_call else g

    report = check(vector(lambda p: (p**2).sum(), tiring, [0.5, -1.0, 2.0]))
    if from_call > 1000:
        assert report.verdict == "pass"
    else:
        assert report.verdict == "fail"
        assert report.diagnosis is not None
        assert report.diagnosis.code == "not-repeatable"
        assert report.diagnosis.detail == "it was the same at first, and changed with later calls"


def test_nor_does_what_the_gradient_function_moves_by_itself(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Up to 32 of its own noise."""
    unit = 2.0**-10
    noise = {"params": np.asarray([unit, unit, unit / 2])}
    monkeypatch.setattr(leniency, "gradient_noise", lambda *given: noise)
    a = [2.0] * 3
    found = findings(a, [2.0 + 32 * unit, 2.0 + 33 * unit, 2.0 - 31 * unit], [F] * 3)
    engine.benefit_of_doubt(under_way(vector(lambda p: 2 * p.sum(), np.ones_like, a)), found)
    assert found.status["params"].tolist() == [U, F, F]


@pytest.mark.parametrize("oracle", [RIDDERS, COMPLEX])
def test_each_tensor_of_a_black_box_gets_its_benefit(oracle: str) -> None:
    """Also after one in which nothing fails; what passes stays, however little it is off."""
    values = [np.asarray([0.5, 0.25]), np.asarray([0.5, 0.25])]
    this = under_way(
        black_box(lambda p: 2 * (p[0] + p[1]).sum(), lambda p: p, values), oracle=oracle
    )
    this.centre = 1.0
    a = {"0": np.full(2, 2.0), "1": np.full(2, 2.0)}
    off = {"0": np.zeros(2), "1": np.asarray([0.8e-6, 0.9e-6])}
    found = Findings(
        analytic=a,
        numeric={name: a[name] + off[name] for name in a},
        tolerance={name: np.full(2, 1e-12) for name in a},
        status={"0": np.asarray([P, Z], np.int8), "1": np.asarray([P, F], np.int8)},
    )
    engine.benefit_of_doubt(this, found)
    assert {name: s.tolist() for name, s in found.status.items()} == {"0": [P, Z], "1": [P, U]}


@pytest.mark.parametrize("black", [True, False])
def test_no_more_than_4096_failures_a_tensor_are_looked_at_for_kinks(
    monkeypatch: pytest.MonkeyPatch, *, black: bool
) -> None:
    """That many are a bug; but less than half of what was promised is none, of any."""
    many = 4099
    one = vector(lambda p: p.sum(), np.ones_like, np.full(many, 2.0))
    one = one if black else replace(one, jittered=lambda rng: {})
    found = findings([2.0] * many, [2 + 1e-8] * many, [P, *[F] * (many - 1)])
    monkeypatch.setattr(engine, "sweep", lambda *_, **options: [])
    monkeypatch.setattr(engine, "judge", lambda *_: found)
    monkeypatch.setattr(kinks, "along_all", lambda *_, **scales: False)
    monkeypatch.setattr(kinks, "on_kinks", lambda _, __, at, *___, **____: np.ones(len(at), bool))
    engine._run(under_way(one), found.analytic, RIDDERS)
    excused = [U] * 4098 if black else [K] * 4096 + [F] * 2
    assert found.status["params"].tolist() == [P, *excused]


def test_a_black_box_in_single_precision_gets_no_benefit() -> None:
    """All are off by what a cast to float32 leaves; one that is off as far but smooth does."""
    a = np.linspace(1, 2, 9)

    def cast(p: Array) -> Array:
        return np.asarray(p, np.float32).astype(float)

    whole: Any = np.copy
    for gradient, status in ((cast, F), (whole, U)):
        found = findings(a.tolist(), (a * (1 + 1e-7)).tolist(), [F] * 9)
        engine.benefit_of_doubt(under_way(vector(lambda p: p @ p / 2, gradient, a)), found)
        assert found.status["params"].tolist() == [status] * 9


def test_a_black_box_is_failed_by_two_oracles_only() -> None:
    """What the complex step says, real differences have to say too."""
    a = [2.0, 2.0]
    this = under_way(vector(lambda p: 2 * p[0] + 3 * p[1], np.ones_like, [0.5, 0.5]), COMPLEX)
    this.centre = 1.0
    found = findings(a, [3.0, 3.0], [F, F])  # the first slope is 2, as the gradient has it
    engine.benefit_of_doubt(this, found)
    assert found.status["params"].tolist() == [U, F]


def test_only_what_fails_is_looked_at_for_kinks(monkeypatch: pytest.MonkeyPatch) -> None:
    """Where no kink lies in the way of a direction through all, others, zeros too, need no look."""
    net, x, y = case(shape=(3, 4, 2))
    x[:, 0] = 0
    one = planted(planted(as_subject(net, x, y), "W1", 5, 1e-3), "W1", 7, 1e-3)
    looked: list[tuple[int, list[int]]] = []

    def on_kinks(_: Subject, tensor: int, at: Array, analytic: Array, **scales: float) -> Array:
        looked.append((tensor, at.tolist()))
        return np.asarray(at == 7)

    monkeypatch.setattr(kinks, "on_kinks", on_kinks)
    status = check(one).status["W1"].reshape(-1)
    assert looked == [(0, [5, 7])]
    assert status[:8].tolist() == [Z, Z, Z, Z, P, F, P, K]


# --- costs of absolute values, and staircases ---------------------------------------------------

LASSO = np.asarray([0.4, -1.2, 0.0, 2.0, -0.3, 0.7])


def lasso(p: Array) -> Any:
    """Squares, and absolute values that the complex step does not see."""
    return (p**2).sum() + np.abs(p).sum()


@pytest.mark.parametrize("method", ["sweep", "probe"])
@pytest.mark.parametrize("zeros", [0, 1])
def test_a_penalty_without_its_gradient_fails(method: str, zeros: int) -> None:
    """Though the complex step agrees with what is left; where a parameter is zero, too."""
    at = LASSO[LASSO != 0] if not zeros else LASSO
    right = examine(vector(lasso, lambda p: 2 * p + np.sign(p), at), method=method)
    assert (right.verdict, right.failed, right.kinks) == ("pass", 0, zeros), str(right)
    wrong = examine(vector(lasso, lambda p: 2 * p, at), method=method)
    assert (wrong.verdict, wrong.failed, wrong.kinks) == ("fail", 5, zeros), str(wrong)
    assert any(note.startswith("complex step not believed: ") for note in wrong.notes)


@np.errstate(divide="ignore", invalid="ignore")
def regression(seed: int, *, steep: float) -> tuple[Any, Any, Array]:
    """A logistic regression that takes the logarithm of 1 - p, its gradient, and weights.

    Weights at which it is finite: p is not 1 where y is 0.
    """
    rng = np.random.default_rng(seed)
    x = rng.normal(size=(40, 6))
    y = rng.integers(0, 2, 40)

    def p(w: Array) -> Any:
        return 1 / (1 + np.exp(-(x @ w)))

    def cost(w: Array) -> Any:
        return -np.mean(y * np.log(p(w)) + (1 - y) * np.log(1 - p(w)))

    w = steep * rng.normal(size=6)
    while not np.isfinite(cost(w)):
        w *= 0.9
    return cost, lambda w: x.T @ (p(w) - y) / 40, w


def _times(factor: float, gradient: Any, w: Array) -> Any:
    return factor * gradient(w)


@pytest.mark.parametrize("method", ["sweep", "probe"])
@pytest.mark.parametrize("steep", [1.0, 4.0, 6.0, 8.0])
def test_a_right_gradient_of_a_staircase_is_not_failed(method: str, steep: float) -> None:
    """Where p is near 1, 1 - p has few digits, and then none: no oracle sees the slope."""
    verdicts = []
    for seed in range(6):
        cost, gradient, w = regression(seed, steep=steep)
        report = examine(vector(cost, gradient, w), method=method, seed=seed)
        assert report.verdict != "fail", str(report)
        doubled = partial(_times, -2, gradient)
        wrong = examine(vector(cost, doubled, w), method=method, seed=seed)
        assert wrong.verdict != "pass", str(wrong)
        verdicts.append((report.verdict, wrong.verdict))
    if steep == 1.0:
        assert verdicts == [("pass", "fail")] * 6


def test_a_staircase_is_looked_for_where_a_black_box_fails(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """And nothing else is known to be wrong; what jumps by more than the noise is one."""
    heights = iter([1e-9, np.nextafter(1e-9, 1)])
    monkeypatch.setattr(engine, "jump", lambda *_, **scales: next(heights))
    black = vector(lambda p: p.sum(), np.ones_like, [1.0, 2.0])
    failing, passing = (findings([1.0, 1.0], [1.0, 2.0], [P, status]) for status in (F, U))

    def begun(one: Subject) -> Check:
        this = under_way(one, COMPLEX)
        this.noise = Noise(level=1e-9, low_precision=True)
        return this

    offended = begun(black)
    offended.offences.append(disagree("why"))
    network = begun(replace(black, jittered=lambda rng: {}))
    quiet, steep = begun(black), begun(black)
    assert not engine.on_stairs(network, failing)
    assert not engine.on_stairs(offended, failing)
    assert not engine.on_stairs(quiet, passing)
    assert not engine.on_stairs(quiet, failing)
    assert (quiet.noise.level, quiet.oracle, quiet.suspicious) == (1e-9, COMPLEX, False)
    assert engine.on_stairs(steep, failing)
    assert steep.noise == Noise(level=4 * np.nextafter(1e-9, 1), low_precision=True)
    assert (steep.oracle, steep.suspicious) == (RIDDERS, True)
    assert steep.notes == ["the cost jumps by 1e-09 close by, which hides its slope"]
    assert next(heights, None) is None


@pytest.mark.parametrize("method", ["sweep", "probe"])
@pytest.mark.parametrize("seed", range(5))
def test_a_domain_that_ends_near_is_no_excuse(method: str, seed: int) -> None:
    """As that of log(p) does where p is small: the right gradient passes, a flipped sign fails."""
    rng = np.random.default_rng(seed)
    p, n = rng.dirichlet(np.ones(10)), rng.integers(1, 20, 10)
    for sign in (-1, 1):

        def slope(p: Array, sign: int = sign) -> Array:
            return np.asarray(sign * n / p)

        one = vector(lambda p: -(n * np.log(p)).sum(), slope, p)
        report = examine(one, method=method, seed=seed)
        assert report.verdict == ("fail" if sign > 0 else "pass"), str(report)
        assert not any("jumps" in note for note in report.notes)


@pytest.mark.parametrize("complex_safe", [True, False])
@pytest.mark.parametrize("factor", [0.0, -1.0, 1000.0])
def test_a_small_number_among_large_ones_is_checked_by_its_own_size(
    factor: float, *, complex_safe: bool
) -> None:
    """A Poisson likelihood: steps of the large ones' size take the small one below 0."""
    rate, count = np.asarray([1e4, 2e4, 5e3, 0.8]), np.asarray([12000, 19000, 5500, 1])

    def cost(p: Array) -> Any:
        if not complex_safe and np.any(p.real <= 0):
            raise ArithmeticError
        return (p - count * np.log(p if complex_safe else np.asarray(p, float))).sum()

    def slope(p: Array, factor: float) -> Array:
        found = 1 - count / p
        found[3] *= factor
        return found

    right = check(vector(cost, lambda p: slope(p, 1.0), rate))
    assert (right.verdict, right.checked) == ("pass", 4), str(right)
    wrong = check(vector(cost, lambda p: slope(p, factor), rate))
    assert (wrong.verdict, [f.index for f in wrong.failures]) == ("fail", [(3,)]), str(wrong)


def test_the_report_says_that_the_cost_jumps() -> None:
    """And by how much; what is wrong by more than several such jumps fails even so."""

    def cost(p: Array) -> Any:
        return (p.real**2).sum() + np.floor(4 * p.real).sum() / 2.0**12

    at = np.asarray([0.3, 0.7])
    slope = 2 * at + 2.0**-10  # as it would be without stairs
    report = check(vector(cost, lambda p: slope, at))
    assert report.verdict == "undecided", str(report)
    assert "the cost jumps by 0.00024 close by, which hides its slope" in report.notes
    wrong = check(vector(cost, lambda p: slope * [1, 2], at))
    assert [f.index for f in wrong.failures] == [(1,)], str(wrong)


def test_a_wrong_gradient_of_a_smooth_black_box_jumps_nowhere() -> None:
    """It fails without a note, and a network is not asked."""
    report = check(vector(lambda p: np.sin(p).sum(), lambda p: 2 * np.cos(p), [0.5, 1.0]))
    assert (report.verdict, report.notes) == ("fail", ())


def test_what_only_the_complex_step_rejects_is_no_pass(monkeypatch: pytest.MonkeyPatch) -> None:
    """It is undecided, and so is the whole: something differs by more than was promised."""
    one = vector(lambda p: (p**2).sum(), lambda p: 2 * p * [1, 1, 1.5], [0.5, 1.0, 2.0])
    monkeypatch.setattr(leniency, "not_rejected", lambda a, n, rows: np.ones(a.shape, bool))
    report = check(one)
    assert (report.verdict, report.checked, report.undecided) == ("undecided", 2, 1)
    assert "differing, but not beyond doubt, and so undecided: 1" in report.notes


@pytest.mark.parametrize("distance", [1e-9, 1e-11])
@pytest.mark.parametrize("jump", [1e-6, 1e-5])
def test_a_network_beside_a_kink_is_not_accused(distance: float, jump: float) -> None:
    """Where all steps of a difference lie beyond it, and noise drowns what closer ones say."""
    one = beside_a_kink(distance, jump)
    right = check(one)
    assert right.verdict == "undecided", str(right)
    assert (right.failed, right.undecided) == (0, 3)
    assert "differing, but not beyond doubt, and so undecided: 3" in right.notes
    wrong = check(planted(one, "params", 1, 1e-3))
    assert wrong.verdict == "fail", str(wrong)
    assert [f.index for f in wrong.failures] == [(1,)]


# --- numbers of several units in one array ----------------------------------------------------


def kinetics(factor: float) -> Subject:
    """A rate law: a prefactor in 1/s beside a barrier in eV, whose gradient is off by a factor."""
    kT = 8.617e-5 * np.linspace(300, 600, 13)
    measured = np.linspace(0.05, 0.95, 13)

    def rate(p: Array) -> Any:
        return 1e3 * p[0] * np.exp(-p[1] / kT)

    def cost(p: Array) -> Any:
        return np.mean((1 - np.exp(-rate(p)) - measured) ** 2)

    def gradient(p: Array) -> Array:
        r = 2 * (1 - np.exp(-rate(p)) - measured) * np.exp(-rate(p)) * rate(p) / 13
        return np.asarray([r.sum() / p[0], factor * (-r / kT).sum()])

    return vector(cost, gradient, [1e13, 1.2])


def likelihood(factor: float) -> Subject:
    """A Gaussian's: a small variance beside ordinary numbers."""
    square = 8e-6

    def cost(p: Array) -> Any:
        return square / p[0] / 2 + np.log(p[0]) / 2 + p[1] ** 2 + np.sin(p[2])

    def gradient(p: Array) -> Array:
        variance = factor * (0.5 / p[0] - square / p[0] ** 2 / 2)
        return np.asarray([variance, 2 * p[1], np.cos(p[2])])

    return vector(cost, gradient, [1e-5, 1.0, 0.5])


def absolute(factor: float) -> Subject:
    """A distance on a logarithmic scale, no kink of which is near."""
    log_measured = np.linspace(2, 4, 7)
    inverse = 1 / (8.314 * np.linspace(400, 700, 7))

    def off(p: Array) -> Any:
        return np.log(p[0]) - p[1] * inverse - log_measured

    def gradient(p: Array) -> Array:
        sign = np.sign(off(p))
        return np.asarray([np.mean(sign) / p[0], factor * np.mean(-sign * inverse)])

    return vector(lambda p: np.mean(np.abs(off(p))), gradient, [1.1e13, 8.1e4])


@pytest.mark.parametrize("method", [check, probe])
@pytest.mark.parametrize("one", [kinetics, likelihood, absolute])
@pytest.mark.parametrize("factor", [1.0, 0.0, 0.5, -1.0, 1.001])
def test_numbers_of_several_units_in_one_array_are_told_right_from_wrong(
    method: Callable[[Subject], Report], one: Callable[[float], Subject], factor: float
) -> None:
    """Steps that are short for one of them pass over all that there is of another."""
    report = method(one(factor))
    if factor == 1:
        assert report.verdict == "pass", str(report)
        assert report.kinks == 0
    else:
        assert report.verdict in ("fail", "undecided"), str(report)
        assert report.verdict == "fail" or one is kinetics or factor == 0
