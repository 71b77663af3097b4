from __future__ import annotations

from collections.abc import Callable, Iterator
from concurrent.futures import Executor, ThreadPoolExecutor
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from checks.methods.dispatch import run_check
from checks.methods.options import Method, Oracle
from checks.methods.run import DISAGREE
from checks.methods.sweep import COMPLEX, REAL, piece_count, pieces
from checks.oracles import calibration, registry
from checks.oracles.levels import Evidence
from checks.parallel.process_pool import Processes
from checks.problem.nested import Array
from checks.problem.problem import Problem, black_box, scaled
from checks.verdict.report import Report
from checks.verdict.rule import Status
from tests.checks.problems import LAYOUTS, changed, named, network, place, planted, vector

AT = np.linspace(0.5, 2.5, 12)
ORACLE = pytest.mark.parametrize("oracle", ["auto", "real"])


def sines(factor: Any = 1.0, cast: Callable[[Any], Any] = lambda c: c) -> Problem:
    """A sum of sines; `float` makes it a cost of real numbers only."""
    return vector(lambda p: cast(np.sin(p).sum() + (p**3).sum()),
                  lambda p: factor * (np.cos(p) + 3 * p**2), AT)  # fmt: skip


def hinge(at: Any, kink: float, value: float, cast: Callable[[Any], Any] = lambda c: c) -> Problem:
    """Squares and ReLUs, with a slope of `value` for a ReLU at one place."""
    return vector(
        lambda p: cast((p * (p.real > 0)).sum() + (p**2).sum()),
        lambda p: 2 * p + np.where(p == kink, value, p > 0),
        at,
    )


def stairs(digits: int, factor: float, cast: Callable[[Any], Any]) -> Problem:
    """A sum of sines that is rounded."""
    return vector(
        lambda p: cast(np.round(np.sin(p).sum(), digits)), lambda p: factor * np.cos(p), AT
    )


# --- right and wrong ------------------------------------------------------------------------------


@pytest.mark.parametrize("seed", range(8))
@pytest.mark.parametrize("method", ["sweep", "naive"])
def test_a_right_gradient_passes(seed: int, method: Method) -> None:
    """Every activation and cost, by either rerun, at any size of the loss."""
    activation = ("sigmoid", "tanh", "relu", "softplus")[seed % 4]
    cost = ("quadratic", "cross-entropy", "softmax-cross-entropy")[seed % 3]
    problem = scaled(network(seed, activation=activation, cost=cost), 10.0 ** (3 * seed - 12))
    report = run_check(problem, method=method, seed=seed)
    assert report.verdict == "pass", str(report)
    assert (report.method, report.oracle) == (method, COMPLEX)
    assert report.checked + report.zero + report.kinks == report.parameters


@pytest.mark.parametrize("seed", range(6))
@ORACLE
def test_a_relative_error_of_a_millionth_is_caught_and_named(seed: int, oracle: Oracle) -> None:
    """In any single coordinate, and nothing else is accused."""
    problem = network(seed, activation=("sigmoid", "tanh")[seed % 2])
    name = problem.names[seed % len(problem.names)]
    g = problem.gradient(problem.values)[name]
    flat = int(np.argmax(np.abs(g)))
    error = 1e-6 if oracle == "auto" else 1e-5
    report = run_check(planted(problem, name, flat, error), oracle=oracle, seed=seed)
    assert report.verdict == "fail", str(report)
    assert named(report) == {(name, place(problem, name, flat))}
    assert report.diagnosis is not None


@ORACLE
@pytest.mark.parametrize("factor", [1.00001, 0.5, 2.0, -1.0, 0.0])
def test_a_gradient_wrong_throughout_fails(oracle: Oracle, factor: float) -> None:
    """A factor, a sign, or nothing at all."""
    for cast in (lambda c: c, float):
        report = run_check(sines(factor, cast), oracle=oracle)
        assert (report.verdict, report.failed) == ("fail", AT.size)


def test_rtol_is_the_promise() -> None:
    """Half of it is no error; a promise beyond rounding is undecided or blunt, and says so."""
    for rtol in (1e-8, 1e-6, 1e-3):
        for off, verdict in ((0.4, "pass"), (-0.4, "pass"), (1.1, "fail")):
            report = run_check(planted(sines(), "params", 3, off * rtol), rtol=rtol)
            assert (report.verdict, report.rtol) == (verdict, rtol)
    beyond = run_check(sines(), rtol=1e-15)
    assert (beyond.verdict, beyond.failed) == ("pass", 0)
    assert 1e-15 < beyond.resolution < 1e-12
    assert run_check(sines(), rtol=1e-15, strict=True).verdict == "undecided"


@ORACLE
def test_what_is_strict_passes_nothing_blunt(oracle: Oracle) -> None:
    """It is undecided, with its reason; what is wrong is wrong even so, what is sharp passes."""
    blunt = vector(lambda p: float(1 + 1e-6 * np.sin(p).sum()), lambda p: 1e-6 * np.cos(p), AT)
    loose, strict = (run_check(blunt, oracle=oracle, strict=s) for s in (False, True))
    assert (loose.verdict, strict.verdict) == ("pass", "undecided")
    assert 1e-6 < loose.resolution <= 1e-3
    assert strict.undecided == sum(line.undecided for line in strict.reasons) > 0
    assert strict.strict
    assert run_check(sines(), oracle=oracle, strict=True).verdict == "pass"
    assert run_check(planted(blunt, "params", 2, 0.1), oracle=oracle, strict=True).verdict == "fail"


def test_single_precision_is_judged_by_its_own_rounding() -> None:
    """A float32 gradient passes, and fails where one coordinate is a tenth off."""
    problem = network(1, dtype=np.float32)
    report = run_check(problem)
    assert (report.verdict, report.rtol) == ("pass", 1e-2)
    assert named(run_check(planted(problem, "W2", 4, 0.1))) == {("W2", (1, 1))}


@ORACLE
def test_a_zero_that_should_not_be_one_is_caught_and_the_other_way_round(oracle: Oracle) -> None:
    """Zero on both sides is no pass but counted; where all is zero, nothing passes."""
    live = np.arange(12) < 7

    def problem(gradient: Callable[[Array], Array]) -> Problem:
        return vector(lambda p: (p[live] ** 2).sum(), gradient, AT)

    right = run_check(problem(lambda p: 2 * p * live), oracle=oracle)
    assert (right.verdict, right.checked, right.zero) == ("pass", 7, 5)
    missing = run_check(problem(lambda p: 2 * p * (np.arange(12) < 6)), oracle=oracle)
    assert named(missing) == {("params", (6,))}
    extra = run_check(problem(lambda p: 2 * p * (np.arange(12) < 8)), oracle=oracle)
    assert named(extra) == {("params", (7,))}
    constant = run_check(vector(lambda p: 1.0 + 0 * p.sum(), np.zeros_like, AT), oracle=oracle)
    assert (constant.verdict, constant.checked) == ("undecided", 0)


@ORACLE
@pytest.mark.parametrize(
    ("value", "verdict"),
    [(0.0, "pass"), (0.4, "pass"), (1.0, "pass"), (1.2, "fail"), (-0.2, "fail")],
)
def test_on_a_kink_any_value_between_its_slopes_will_do(
    oracle: Oracle, value: float, verdict: str
) -> None:
    """At a ReLU's 0; what else is wrong is wrong, and a kink merely near is no excuse."""
    at = np.asarray([0.0, 1.0, -2.0])
    for cast in (lambda c: c, float):
        problem = hinge(at, 0.0, value, cast)
        report = run_check(problem, oracle=oracle)
        assert (report.verdict, report.kinks) == (verdict, int(verdict == "pass")), str(report)
        assert named(run_check(planted(problem, "params", 1, 1e-3), oracle=oracle)) >= {
            ("params", (1,))
        }
    for near in (1e-9, 1e-6, 1e-3):
        beside = hinge([near, 1.0, -2.0], near, 0.5)
        assert run_check(beside, oracle=oracle).verdict == "fail"


@pytest.mark.parametrize("stored", LAYOUTS)
def test_a_gradient_may_be_stored_in_any_order(stored: str) -> None:
    """A wrong coordinate is named where it is."""
    wrong = np.arange(60).reshape(10, 6) == 27
    problem = vector(
        lambda p: np.sin(p).sum(),
        lambda p: LAYOUTS[stored](np.cos(p) * np.where(wrong, 1.01, 1)),
        np.linspace(0.5, 2.5, 60).reshape(10, 6),
    )
    assert named(run_check(problem)) == {("params", (4, 3))}


# --- what the complex step may not see ------------------------------------------------------------


def test_a_cost_that_is_not_complex_safe_is_judged_by_real_differences() -> None:
    """With a note where it refuses; a term that is not seen is no excuse."""
    cubes = lambda p: (np.abs(p) ** 3).sum()  # noqa: E731
    slope = lambda p: 3 * p * np.abs(p)  # noqa: E731
    at = [0.5, -1.0, 2.0, 0.25]
    assert run_check(vector(cubes, slope, at)).verdict == "pass"
    assert named(run_check(planted(vector(cubes, slope, at), "params", 1, 1e-3))) == {
        ("params", (1,))
    }
    report = run_check(sines(1.0, float))
    assert (report.verdict, report.oracle) == ("pass", REAL)
    assert report.notes[0].startswith("complex step not usable: the cost does not take complex")


@pytest.mark.parametrize("small", [1.0, 1e-3])
def test_a_penalty_without_its_gradient_fails(small: float) -> None:
    """Though the complex step agrees with what is left."""
    cost = lambda p: (p**2).sum() + small * np.abs(p).sum()  # noqa: E731
    at = [0.5, -1.0, 2.0]
    assert run_check(vector(cost, lambda p: 2 * p + small * np.sign(p), at)).verdict == "pass"
    report = run_check(vector(cost, lambda p: 2 * p, at))
    assert (report.verdict, report.failed) == ("fail", 3), str(report)


def test_a_gradient_of_the_complex_cost_alone_is_no_pass() -> None:
    """Both sides agree with each other, and real costs with neither."""
    problem = vector(
        lambda p: (p**2).sum() if np.iscomplexobj(p) else (p**3).sum(), lambda p: 2 * p, [0.5, 2.0]
    )
    assert run_check(problem).verdict == "fail"


def test_a_slope_that_complex_step_and_gradient_both_leave_out_is_found() -> None:
    """Zero on both sides: the real cost slopes along it."""
    weight = np.r_[np.ones(9), 0.1]

    def cost(p: Array) -> Any:
        seen = p.copy()
        seen[9] = p[9].real
        return weight @ seen

    report = run_check(vector(cost, lambda p: weight * (np.arange(10) < 9), np.ones(10)))
    assert named(report) == {("params", (9,))}, str(report)


# --- ends, errors, stairs -------------------------------------------------------------------------


@ORACLE
@pytest.mark.parametrize("near", [1e-3, 1e-6, 1e-9])
@pytest.mark.parametrize(("factor", "verdict"), [(1.0, "pass"), (1.01, "fail"), (-1.0, "fail")])
def test_a_domain_that_ends_near_is_no_excuse(
    oracle: Oracle, near: float, factor: float, verdict: str
) -> None:
    """As that of log(p) does where p is small, be it by NaN or by an exception."""

    def cost(p: Array) -> Any:
        if np.any(p.real <= 0):
            raise ValueError("a logarithm of what is not positive")
        return np.log(p).sum()

    with np.errstate(all="ignore"):
        for function in (lambda p: np.log(p).sum(), cost):
            gradient = lambda p: np.asarray([factor, 1, 1]) / p  # noqa: E731
            report = run_check(vector(function, gradient, [near, 1.0, 2.0]), oracle=oracle)
            assert report.verdict == verdict, str(report)
    told = any("near the point the cost raised ValueError: a log" in n for n in report.notes)
    assert told or oracle == "auto" or near > 1e-5


@ORACLE
@pytest.mark.parametrize("error", [MemoryError, OSError, FileNotFoundError])
def test_errors_of_the_surroundings_are_raised_and_are_no_verdict(
    oracle: Oracle, error: type[Exception]
) -> None:
    """Be it the cost or the gradient that meets them near the point."""

    def only_at(function: Callable[[Array], Any]) -> Callable[[Array], Any]:
        def there(p: Array) -> Any:
            if not np.array_equal(p, AT):
                raise error("no more")
            return function(p)

        return there

    for cost, gradient in (
        (only_at(lambda p: np.sin(p).sum()), np.cos),
        (lambda p: np.sin(p).sum(), only_at(np.cos)),
    ):
        with pytest.raises(error, match="no more"):
            run_check(vector(cost, gradient, AT), oracle=oracle)


@pytest.mark.parametrize("digits", [2, 4, 6])
@pytest.mark.parametrize(("factor", "never"), [(1.0, "fail"), (-1.0, "pass"), (1.5, "pass")])
def test_a_staircase_of_a_cost_neither_convicts_nor_excuses(
    digits: int, factor: float, never: str
) -> None:
    """A right gradient of a rounded cost does not fail, and a wrong one does not pass."""
    for cast in (float, lambda c: c):
        problem = stairs(digits, factor, cast)
        assert run_check(problem).verdict != never


# --- the same numbers, wherever they are measured -------------------------------------------------


@pytest.fixture(scope="module")
def workers() -> Iterator[Executor]:
    """Two processes."""
    with Processes(2) as executor:
        yield executor


def big(cast: Callable[[Any], Any]) -> Problem:
    """Several pieces' worth of parameters, one wrong; its functions travel by value."""
    at = np.linspace(0.5, 2.5, 1100)
    wrong = np.where(np.arange(at.size) == 700, 1.01, 1.0)
    return black_box(
        lambda p: cast(np.sin(p["a"]).sum() + (p["b"] ** 2).sum()),
        lambda p: {"a": wrong * np.cos(p["a"]), "b": 2 * p["b"]},
        {"a": at, "b": np.ones((2, 2))},
    )


def facts(report: Report) -> Any:
    """All that a report says but for the time it took."""
    plain = replace(report, seconds=0.0).to_dict()
    return plain, {name: s.tolist() for name, s in report.status.items()}


@pytest.mark.parametrize("cast", [float, lambda c: c], ids=["real only", "complex"])
def test_an_executor_changes_no_bit_and_counts_all_calls(
    workers: Executor, cast: Callable[[Any], Any]
) -> None:
    """Threads or processes, of a black box that takes complex parameters or real ones only."""
    here = run_check(big(cast))
    assert named(here) == {("a", (700,))}
    assert here.oracle == (REAL if cast is float else COMPLEX)
    with ThreadPoolExecutor(2) as threads:
        assert facts(run_check(big(cast), executor=threads)) == facts(here)
    assert facts(run_check(big(cast), executor=workers)) == facts(here)
    assert here.calls["cost"] > 1100


@ORACLE
def test_a_seed_repeats_a_check_bit_for_bit_and_changes_no_verdict(oracle: Oracle) -> None:
    """Right or wrong."""
    for factor, verdict in ((1.0, "pass"), (1.001, "fail")):
        one, again = (run_check(sines(factor), oracle=oracle, seed=3) for _ in range(2))
        assert facts(one) == facts(again)
        for seed in range(5):
            assert run_check(sines(factor), oracle=oracle, seed=seed).verdict == verdict


def test_naive_and_sweep_come_to_the_same() -> None:
    """The status of every coordinate, clean or not."""
    for problem in (network(2), planted(network(2), "W1", 3, 1e-4)):
        fast, slow = (run_check(problem, method=m) for m in ("sweep", "naive"))
        for name in problem.names:
            np.testing.assert_array_equal(fast.status[name], slow.status[name])


@ORACLE
def test_progress_tells_of_every_coordinate_once(oracle: Oracle) -> None:
    """However many pieces there are."""
    done: list[int] = []
    problem = big(lambda c: c)
    run_check(problem, oracle=oracle, progress=done.append)
    assert sum(done) == problem.parameters


@pytest.mark.parametrize("factor", [1.00001, 0.5, 0.0, -1.0, 10.0])
def test_a_right_coordinate_takes_four_real_costs_and_a_wrong_one_eight(factor: float) -> None:
    """Besides a few that are shared: noise, a plain difference, two lines followed outward."""

    def calls(n: int, wrong: int) -> int:
        at = np.linspace(0.5, 2.5, n)
        spoilt = np.where(np.arange(n) < wrong, factor, 1.0)
        gradient = lambda p: spoilt * (np.cos(p) + 3 * p**2)  # noqa: E731
        cost = lambda p: float(np.sin(p).sum() + (p**3).sum())  # noqa: E731
        return run_check(vector(cost, gradient, at)).calls["cost"]

    assert calls(30, 0) - calls(10, 0) == 4 * 20
    assert calls(30, 15) - calls(30, 5) == (8 - 4) * 10
    assert calls(60, 60) - calls(60, 20) == 0  # of many, some are looked at, and the rest are alike
    assert calls(10, 0) <= 4 * 10 + 18
    assert calls(10, 1) <= 4 * 9 + 8 + 32


def test_pieces_cover_all_coordinates_without_overlap() -> None:
    """Of one tensor each; an empty tensor has none and hides nothing."""
    problem = black_box(
        lambda p: (p["a"] ** 2).sum() + (p["c"] ** 2).sum(),
        lambda p: {k: 2 * v for k, v in p.items()},
        {"a": np.ones((5, 2)), "b": np.empty((0, 3)), "c": np.ones(())},
    )
    found = [(p.tensor, p.at.tolist()) for p in pieces(problem, 4)]
    assert found == [(0, [0, 1, 2, 3]), (0, [4, 5, 6, 7]), (0, [8, 9]), (2, [0])]
    assert piece_count(problem) == 2
    assert len({*pieces(problem, 4)}) == 4
    report = run_check(problem)
    assert (report.verdict, report.checked) == ("pass", 11)


# --- broken oracles -------------------------------------------------------------------------------


@pytest.fixture
def _forget() -> Iterator[None]:
    """What was found of an oracle is kept for as long as the process runs."""
    calibration._right.cache_clear()
    yield
    calibration._right.cache_clear()


COMPLEX_BROKEN: dict[str, Callable[..., Any]] = {
    "wrong": lambda s, e: (2 * s, e),
    "zeros": lambda s, e: (0 * s, e),
    "NaN": lambda s, e: (np.nan * s, e),
    "None": lambda s, e: None,
    "raises": lambda s, e: 1 // 0,
}
SCAN_BROKEN: dict[str, Callable[[Evidence], Any]] = {
    "wrong": lambda f: replace(f, lo=2 * f.lo, hi=2 * f.hi),
    "zeros": lambda f: replace(f, lo=0 * f.lo, hi=0 * f.hi),
    "NaN": lambda f: replace(f, lo=np.nan * f.lo, hi=np.nan * f.hi),
    "None": lambda f: None,
    "raises": lambda f: 1 // 0,
}
METHOD = pytest.mark.parametrize("method", ["sweep", "probe", "taylor"])


@METHOD
@pytest.mark.parametrize("how", COMPLEX_BROKEN)
@pytest.mark.parametrize("factor", [1.0, 2.0, 0.0])
@pytest.mark.usefixtures("_forget")
def test_with_a_broken_complex_step_nothing_passes(
    monkeypatch: pytest.MonkeyPatch, method: Method, how: str, factor: float
) -> None:
    """Right gradient or wrong, the verdict is that the oracles disagree."""
    right = registry.complex_step
    monkeypatch.setattr(registry, "complex_step", lambda lines: COMPLEX_BROKEN[how](*right(lines)))
    report = run_check(sines(factor), method=method)
    assert report.verdict == "undecided"
    assert report.diagnosis is not None
    assert report.diagnosis.code == DISAGREE
    assert "the complex step gets slopes wrong that are known" in str(report)


@METHOD
@pytest.mark.parametrize("how", SCAN_BROKEN)
@pytest.mark.parametrize("factor", [1.0, 2.0, 0.0])
@pytest.mark.usefixtures("_forget")
def test_with_a_broken_scan_nothing_passes(
    monkeypatch: pytest.MonkeyPatch, method: Method, how: str, factor: float
) -> None:
    """Nor where only real numbers can be asked."""
    right = registry.scan
    monkeypatch.setattr(registry, "scan", lambda *given: SCAN_BROKEN[how](right(*given)))
    for cast in (float, lambda c: c):
        report = run_check(sines(factor, cast), method=method)
        assert report.verdict == "undecided"
        assert report.diagnosis is not None
        assert report.diagnosis.code == DISAGREE


@pytest.mark.parametrize("factor", [2.0, 0.0, -1.0, 1.001])
@pytest.mark.parametrize("method", ["sweep", "probe"])
def test_a_complex_step_wrong_only_here_passes_no_gradient_wrong_alike(
    monkeypatch: pytest.MonkeyPatch, method: Method, factor: float
) -> None:
    """It gets the known slopes right; real differences bear neither out."""
    right = registry.complex_step

    def wrong_here(lines: Any) -> Any:
        slope, error = right(lines)
        return slope if lines.unit.size == calibration.KNOWN.size else factor * slope, error

    monkeypatch.setattr(registry, "complex_step", wrong_here)
    assert calibration.miscalibrated_oracle() is None
    report = run_check(sines(factor), method=method)
    assert report.verdict != "pass", str(report)
    assert run_check(sines(), method=method).verdict != "fail"


@pytest.mark.parametrize("factor", [2.0, 0.0, -1.0, 1.01])
@pytest.mark.parametrize("cast", [float, lambda c: c], ids=["real only", "complex"])
def test_a_scan_wrong_only_here_passes_no_gradient_wrong_alike(
    monkeypatch: pytest.MonkeyPatch, cast: Callable[[Any], Any], factor: float
) -> None:
    """The costs that it asks for are of another slope: a plain difference speaks against it."""
    right = registry.scan

    def wrong_here(levels: Any, wanted: Array, target: Array) -> Any:
        if levels.lines.unit.size == calibration.KNOWN.size:
            return right(levels, wanted, target)
        plain = levels.lines.costs
        lines = replace(
            levels.lines,
            costs=lambda which, t: levels.centre + factor * (plain(which, t) - levels.centre),
        )
        kept, levels.lines = levels.lines, lines
        try:
            return right(levels, wanted, target)
        finally:
            levels.lines = kept

    monkeypatch.setattr(registry, "scan", wrong_here)
    assert calibration.miscalibrated_oracle() is None
    report = run_check(sines(factor, cast))
    assert report.verdict != "pass", str(report)


def test_counts_add_up() -> None:
    """Dead units, saturated ones, kinks and planted errors included."""
    for seed in range(4):
        problem = network(seed, activation="relu", factor=5.0)
        for one in (problem, changed(problem, lambda g: g.update(W1=1.1 * g["W1"]))):
            report = run_check(one)
            statuses = np.concatenate([s.reshape(-1) for s in report.status.values()])
            assert statuses.size == report.parameters
            total = report.checked + report.zero + report.undecided + report.kinks
            assert total == report.parameters
            assert report.failed == np.count_nonzero(statuses == int(Status.FAIL))


@pytest.mark.parametrize("method", ["sweep", "probe"])
@pytest.mark.parametrize("scale", [1.0, 1e-30, 1e30])
@pytest.mark.parametrize("beside", [0.0, 1.0])
def test_where_a_cubic_is_level_its_own_bend_is_no_slope(
    method: Method, scale: float, beside: float
) -> None:
    """A complex step sees h² of x³ at 0: nothing, beside what the cost does a unit away."""
    at = np.zeros(3)

    def cost(x: Array) -> Any:
        return scale * (beside + (x**3).sum())

    right = vector(cost, lambda x: scale * 3 * x**2, at)
    report = run_check(right, method=method)
    assert (report.verdict, report.zero) == ("undecided", 3), str(report)
    wrong = vector(cost, lambda x: scale * (3 * x**2 + 1e-9), at)
    assert run_check(wrong, method=method).verdict == "fail"
