from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from checks.methods import probe as module
from checks.methods.dispatch import run_check
from checks.methods.probe import SWEPT
from checks.methods.projection import Projection
from checks.methods.run import CheckRun, gradient_spreads
from checks.methods.sweep import COMPLEX, REAL
from checks.oracles import calibration, registry, rounding, thresholds
from checks.problem.nested import Array
from checks.problem.problem import Problem, black_box, scaled
from checks.verdict.report import Report
from checks.verdict.rule import Status
from tests.checks.problems import (
    LAYOUTS,
    SHAPE,
    changed,
    named,
    network,
    place,
    planted,
    under_way,
    vector,
)

TRACED = "the projection differs, and not all of that was traced"


def probe(problem: Problem, **options: Any) -> Report:
    """The probe of a problem."""
    return run_check(problem, method="probe", **options)


@pytest.mark.parametrize("seed", range(12))
def test_a_right_gradient_passes_in_one_pass(seed: int) -> None:
    """By any seed, activation, cost and size of the loss."""
    activation = ("sigmoid", "tanh", "relu", "softplus")[seed % 4]
    cost = ("quadratic", "cross-entropy", "softmax-cross-entropy")[seed % 3]
    problem = scaled(
        network(seed, shape=SHAPE, activation=activation, cost=cost), 10.0 ** (2 * seed - 12)
    )
    report = probe(problem, seed=seed)
    assert report.verdict == "pass", str(report)
    assert (report.method, report.oracle, report.failed) == ("probe", COMPLEX, 0)
    assert report.extra["probe"]["passes"] == 1
    assert report.checked + report.zero + report.kinks == report.parameters


def test_a_right_gradient_takes_a_few_calls() -> None:
    """However many parameters there are."""
    for shape in ((4, 3), SHAPE, (60, 50, 10)):
        report = probe(network(shape=shape))
        assert report.calls["cost"] <= 32
        assert report.calls["gradient"] <= 3


@pytest.mark.parametrize("seed", range(10))
def test_one_culprit_among_all_is_named_in_few_passes(seed: int) -> None:
    """A millionth off, in any tensor: one pass a halving, and no other coordinate accused."""
    problem = network(seed, shape=SHAPE, activation=("sigmoid", "tanh")[seed % 2])
    name = problem.names[seed % len(problem.names)]
    size = problem.values[seed % len(problem.names)].size
    flat = int(np.random.default_rng(seed).integers(size))
    report = probe(planted(problem, name, flat, (-1) ** seed * 2e-6), seed=seed)
    assert report.verdict == "fail", str(report)
    assert named(report) == {(name, place(problem, name, flat))}
    most = math.ceil(math.log2(problem.parameters)) + len(problem.names) + 1
    assert 1 < report.extra["probe"]["passes"] <= most
    assert report.diagnosis is not None


@pytest.mark.parametrize("edge", [0, -1])
def test_the_first_and_the_last_coordinate_are_found(edge: int) -> None:
    """Of every tensor: the halves leave nothing out."""
    problem = network(shape=SHAPE)
    for name, values in zip(problem.names, problem.values, strict=True):
        flat = edge % values.size
        assert named(probe(planted(problem, name, flat, 1e-4))) == {
            (name, place(problem, name, flat))
        }


@pytest.mark.parametrize("count", [2, 5, thresholds.CULPRITS - 1])
def test_several_culprits_are_all_named(count: int) -> None:
    """Wherever they are, and though their errors differ in size and sign."""
    problem = wrong = network(shape=SHAPE)
    rng = np.random.default_rng(count)
    tensors = rng.integers(6, size=count)
    at = {(problem.names[t], int(rng.integers(problem.values[t].size))) for t in tensors}
    for name, flat in sorted(at):
        wrong = planted(wrong, name, flat, float(rng.choice([-1, 1]) * 10 ** rng.uniform(-5, -2)))
    report = probe(wrong)
    assert named(report) == {(name, place(problem, name, flat)) for name, flat in at}
    assert not report.notes


def test_neighbours_whose_errors_nearly_cancel_are_told_apart() -> None:
    """By the weights' randomness."""
    problem = planted(planted(network(shape=SHAPE), "W2", 40, 1e-3), "W2", 41, -1e-3)
    assert named(probe(problem)) == {("W2", (5, 0)), ("W2", (5, 1))}


def test_past_the_cap_the_sweep_takes_over() -> None:
    """With a note, and with every wrong coordinate counted."""
    report = probe(changed(network(shape=SHAPE), lambda g: g.update(W2=1.5 * g["W2"])))
    assert (report.verdict, report.failed) == ("fail", 80)
    assert report.notes == (f"the sweep took over: {thresholds.CULPRITS} culprits or more",)
    assert all(t.failed == (80 if t.name == "W2" else 0) for t in report.tensors)


@pytest.mark.parametrize("name", ["W1", "b2", "W3"])
def test_a_zero_that_should_not_be_one_is_caught(name: str) -> None:
    """A single coordinate or a whole row left out."""
    problem = network(shape=SHAPE)

    def drop(gradient: dict[str, Array]) -> None:
        gradient[name][1] = 0

    report = probe(changed(problem, drop))
    assert report.verdict == "fail", str(report)
    assert report.failed == problem.gradient(problem.values)[name][1].size
    assert all(f.tensor == name and f.analytic == 0 != f.numeric for f in report.failures)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("seed", range(3))
def test_a_layer_that_is_left_out_is_caught_where_gradients_vanish(seed: int, dtype: Any) -> None:
    """However much smaller its gradient is than that of the last layer."""
    problem = network(seed, shape=(10, *[8] * 11, 3), dtype=dtype, batch=20)

    def left_out(g: dict[str, Array]) -> None:
        for name in ("W1", "b1"):
            g[name][...] = 0

    report = probe(changed(problem, left_out))
    assert probe(problem).verdict != "fail"
    assert report.verdict == "fail"
    assert {t.name for t in report.tensors if t.failed} == {"W1", "b1"}


def test_a_coordinate_of_a_tensor_left_out_is_named() -> None:
    """In a tensor that is zero throughout, by bisection like any; what has no say is zero."""
    at = {"a": np.asarray([1.0, 2.0]), "b": np.ones(4)}
    for weight in (np.asarray([0.0, 1e-4, 0.0, 0.0]), np.zeros(4)):
        problem = black_box(
            lambda p, w=weight: (p["a"] ** 2).sum() + w @ p["b"],
            lambda p: {"a": 2 * p["a"], "b": np.zeros(4)},
            at,
        )
        report = probe(problem)
        assert report.method == "probe"
        assert named(report) == ({("b", (1,))} if weight.any() else set())
        assert weight.any() or (report.checked, report.zero) == (2, 4)


def test_what_rounding_could_hide_is_looked_at_by_itself() -> None:
    """1 - tanh² of a saturated unit has lost its digits; the others are proved at once."""
    at = np.asarray([0.5, -1.0, 17.0, 2.0])

    def problem(change: Callable[[Array], Array]) -> Problem:
        return vector(lambda p: np.tanh(p).sum(), lambda p: change(1 - np.tanh(p) ** 2), at)

    report = probe(problem(lambda g: g))
    assert report.verdict != "fail"
    assert report.status["params"][[0, 1, 3]].tolist() == [Status.PASS] * 3
    wrong = probe(problem(lambda g: g * [1, 1, 1, 1 + 1e-5]))
    assert named(wrong) == {("params", (3,))}


def test_a_culprit_that_rounding_explains_lets_the_rest_pass() -> None:
    """As in a sweep: 1 - tanh² of a saturated unit, whose difference scatters."""
    at = np.asarray([0.5, -1.0, 17.0, 2.0])
    problem = vector(lambda p: np.tanh(p).sum(), lambda p: 1 - np.tanh(p) ** 2, at)
    assert run_check(problem).verdict == "pass"
    assert probe(problem).verdict == "pass"


def test_the_report_says_what_was_proved() -> None:
    """The error ruled out, how likely one was missed, the passes, and both sides of the verdict."""
    for seed in range(3):
        problem = network(seed, shape=SHAPE)
        clean = probe(problem, seed=seed).extra["probe"]
        assert clean["ruled_out"] == 1e-6
        assert abs(clean["difference"]) <= clean["tolerance"] < 1e-9
        assert clean["missed_with_probability"] == 2 * clean["tolerance"] / 1e-6 < 1e-2
        wrong = probe(planted(problem, "W1", 7, 1e-6), seed=seed).extra["probe"]
        assert 0.49e-6 <= abs(wrong["difference"]) <= 1.51e-6
        assert abs(wrong["difference"]) > wrong["tolerance"]
    assert probe(problem, rtol=1e-3).extra["probe"]["ruled_out"] == 1e-3


def weighed(size: float, many: int = 400) -> tuple[CheckRun, list[Array], list[Array]]:
    """A check of 500 gradients of 2, the shares of `many` of them `size` in root of squares."""
    g, spread = np.full(500, 2.0), np.full(500, 1e-17)
    spread[:many] = size / np.sqrt(many) / 0.5 / thresholds.SAFETY
    this = under_way(vector(lambda p: p.sum(), np.ones_like, g), method="probe")
    return this, [g], [spread]


@pytest.mark.parametrize(("size", "left_out"), [(0.120e-6, False), (0.130e-6, True)])
def test_an_eighth_of_what_was_promised_is_left_to_rounding(size: float, *, left_out: bool) -> None:
    """Of an error of 1e-6, that is 0.125e-6; the least certain are left out for the rest."""
    this, g, spread = weighed(size)
    d = [np.full(500, -0.5)]
    tau = module._leave_out(this, g, d, spread, 0.0)
    assert bool(np.any(d[0] == 0)) is left_out
    assert tau <= 0.125e-6
    assert left_out or tau == pytest.approx(size, rel=1e-2)
    assert np.all(d[0][400:] == -0.5)


def test_only_the_least_certain_are_left_out() -> None:
    """One that is far from certain takes no other with it."""
    this, g, spread = weighed(1e-9)
    spread[0][7] = 1e-3
    d = [np.full(500, 0.5)]
    assert 0 < module._leave_out(this, g, d, spread, 0.0) <= 0.125e-6
    assert np.flatnonzero(d[0] == 0).tolist() == [7]


def trials_of(monkeypatch: pytest.MonkeyPatch, *, lucky: bool = False) -> list[int]:
    """How many trials rounding is judged by, look by look; a lucky first one sees none of it."""
    asked: list[int] = []

    def noted(
        this: CheckRun, analytic: list[Array], trials: int = 16, told: Any = None
    ) -> list[Array]:
        asked.append(trials)
        found = gradient_spreads(this, analytic, trials, told)
        return [0 * far for far in found] if lucky and trials == 1 else found

    monkeypatch.setattr(module, "gradient_spreads", noted)
    return asked


def test_a_first_look_that_differs_is_followed_by_a_closer_one(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """One trial may see much less rounding than there is: nobody is accused for that."""
    monkeypatch.setattr(rounding, "tolerance", lambda g, n, **known: 32 * known["spread"])
    asked = trials_of(monkeypatch, lucky=True)
    for seed in range(3):
        problem = network(seed, shape=SHAPE)
        asked.clear()
        assert probe(problem, seed=seed).verdict == "pass"
        assert asked[:2] == [1, thresholds.JITTERS]
        assert named(probe(planted(problem, "W2", 9, 2e-6), seed=seed)) == {("W2", (1, 1))}


def test_many_parameters_get_by_with_few_trials_and_no_sweep(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Each trial takes as long as a pass; culprits are named all the same."""
    asked = trials_of(monkeypatch)
    monkeypatch.setattr(thresholds, "MANY", 100)
    problem = network(shape=SHAPE)
    assert probe(problem).verdict == "pass"
    asked.clear()
    assert named(probe(planted(problem, "W2", 9, 2e-6))) == {("W2", (1, 1))}
    assert asked == [1, module.FEW]
    many = probe(changed(problem, lambda g: g.update(W2=1.5 * g["W2"])))
    assert (many.verdict, many.failed) == ("fail", thresholds.CULPRITS)
    assert not any("took over" in note for note in many.notes)


@pytest.mark.parametrize(
    ("cost", "why"),
    [
        (lambda p: float(np.exp(p).sum()), "the cost does not take complex parameters"),
        (lambda p: np.exp(p.real).sum(), "the cost gives back a real number"),
        (lambda p: np.exp(np.abs(p) * np.sign(p)).sum(), "the cost calls absolute"),
    ],
)
def test_a_cost_that_is_no_complex_one_is_swept_by_real_differences(cost: Any, why: str) -> None:
    """The report says why; it passes when right and is named when wrong."""
    problem = vector(cost, np.exp, [0.5, -1.0, 2.0])
    report = probe(problem)
    assert report.verdict == "pass", str(report)
    assert report.notes[0].startswith("the sweep took over: complex step not usable: ")
    assert why in report.notes[0]
    assert named(probe(planted(problem, "params", 1, 1e-3))) == {("params", (1,))}


def test_a_gradient_of_the_complex_cost_alone_is_no_pass() -> None:
    """Both sides agree with each other, and real costs with neither."""
    problem = vector(
        lambda p: (p**2).sum() + 1e-9 * (p**3).sum() * (not np.iscomplexobj(p)),
        lambda p: 2 * p,
        [0.5, 2.0],
    )
    assert probe(problem, rtol=1e-10).verdict != "pass"
    other = vector(
        lambda p: (p**2).sum() if np.iscomplexobj(p) else (p**3).sum(), lambda p: 2 * p, [0.5, 2.0]
    )
    report = probe(other)
    assert (report.verdict, report.oracle, report.failed) == ("fail", REAL, 2)


@pytest.mark.parametrize("value", [0.2, 1.4])
def test_a_kink_is_nobodys_fault_between_its_slopes(value: float) -> None:
    """A culprit that lies on one is reported as such; beyond them it is wrong."""
    cost = lambda p: (p * (p.real > 0)).sum() + (p**2).sum()  # noqa: E731
    problem = vector(cost, lambda p: 2 * p + np.where(p == 0, value, p > 0), [0.0, 1.0, 2.0])
    report = probe(problem)
    assert (report.verdict, report.failed, report.kinks) == (
        ("pass", 0, 1) if value < 1 else ("fail", 1, 0)
    )


@pytest.mark.parametrize("many", [False, True])
@pytest.mark.parametrize("stored", LAYOUTS)
def test_a_gradient_may_be_stored_in_any_order(stored: str, *, many: bool) -> None:
    """A wrong one is named all the same, by the probe or by the sweep after it."""
    at = np.linspace(0.5, 2.5, 60).reshape(10, 6)
    wrong = np.arange(60).reshape(10, 6) % 3 == 1 if many else np.arange(60).reshape(10, 6) == 27

    def problem(factor: float) -> Problem:
        return vector(
            lambda p: np.sin(p).sum(),
            lambda p: LAYOUTS[stored](np.cos(p) * np.where(wrong, factor, 1)),
            at,
        )

    assert probe(problem(1.0)).verdict == "pass"
    report = probe(problem(1.01))
    np.testing.assert_array_equal(report.status["params"] == Status.FAIL, wrong)
    assert many is any("took over" in note for note in report.notes)


@pytest.mark.parametrize("least", [1e-240, 1e-260, 1e-280])
def test_a_gradient_that_nearly_underflows_does_not_blur_the_others(least: float) -> None:
    """A step that is short enough for 1 / 1e-260 would leave no digits of any other."""
    data = np.asarray([least, 1.0, 2.0, 3.0])
    problem = vector(lambda p: (data * p).sum(), lambda p: data + 0 * p, np.ones(4))
    report = probe(problem)
    assert report.status["params"][1:].tolist() == [Status.PASS] * 3
    assert report.verdict != "fail"
    assert named(probe(planted(problem, "params", 2, 2e-6))) == {("params", (2,))}


def test_single_precision_is_probed_by_its_own_rounding() -> None:
    """A float32 gradient passes, and one that is half off is named."""
    for seed in range(3):
        problem = network(seed, shape=(5, 4, 2), dtype=np.float32)
        assert probe(problem).failed == 0
        assert named(probe(planted(problem, "b2", 1, 0.5))) == {("b2", (1,))}


def test_a_gradient_that_changes_is_told() -> None:
    """What differs from call to call would otherwise be taken for much rounding."""
    problem, rng = network(shape=SHAPE), np.random.default_rng(0)

    def noisy(values: Any) -> dict[str, Array]:
        found = problem.gradient(values)
        return {**found, "W1": found["W1"] * rng.uniform(0.9, 1.1, found["W1"].shape)}

    report = probe(replace(problem, gradient=noisy, jittered=None))
    assert report.verdict == "fail"
    assert report.diagnosis is not None
    assert (report.diagnosis.code, report.diagnosis.tensor) == ("not-repeatable", "W1")


def test_a_projection_that_differs_never_leaves_a_pass(monkeypatch: pytest.MonkeyPatch) -> None:
    """Where nothing speaks against the culprit by itself, or no culprit is found."""
    problem = vector(lambda p: np.sin(p).sum(), np.cos, np.linspace(0.5, 2, 8))
    wrong = planted(problem, "params", 3, 1e-3)
    assert probe(wrong).verdict == "fail"
    monkeypatch.setattr(module, "bisect", lambda result, told: [])
    report = probe(wrong)
    assert report.verdict == "undecided"
    assert TRACED in report.notes
    assert probe(problem).verdict == "pass"
    monkeypatch.undo()
    right = registry.complex_step
    assert calibration.miscalibrated_oracle() is None

    def off_along_all(lines: Any) -> Any:  # right along coordinates, wrong along directions
        slope, error = right(lines)
        return slope + 0.5 * (lines.spacing[0] == 0), error

    monkeypatch.setattr(registry, "complex_step", off_along_all)
    report = probe(problem)
    assert report.verdict == "undecided", str(report)


def test_an_oracle_in_whose_error_a_mistake_could_hide_does_not_pass_at_once(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """What rounding leaves of the analytic values is one thing, the oracle's own error another."""
    right = Projection.difference
    found: list[float] = []

    def vague(self: Projection, parts: Any) -> tuple[float, float]:
        difference, _ = right(self, parts)
        found.append(difference)
        return difference, 1e-3

    monkeypatch.setattr(Projection, "difference", vague)
    wrong = planted(network(shape=SHAPE), "W2", 9, 1e-4)
    report = probe(wrong)
    assert found
    assert report.verdict != "pass", str(report)


def test_of_a_large_black_box_wrong_everywhere_a_sample_is_measured() -> None:
    """The culprits and some more of each tensor: a failure costs no walk through all of them."""
    at = np.linspace(0.5, 2.5, 5000)
    problem = vector(lambda p: np.sin(p).sum(), lambda p: 1.1 * np.cos(p), at)
    report = run_check(problem, method="probe")
    assert report.verdict == "fail"
    assert SWEPT <= report.checked == report.failed <= SWEPT + thresholds.CULPRITS
    assert report.unchecked == 5000 - report.checked
    assert report.calls["cost"] < 3 * SWEPT
    assert report.diagnosis is not None
    assert report.diagnosis.code == "constant-factor"
    assert "among those that were checked" in report.diagnosis.detail
    assert any("culprits or more: these were measured" in note for note in report.notes)


def test_culprits_are_measured_even_where_the_sample_misses_them() -> None:
    """Sixteen of ten thousand are rarely drawn, and named all the same."""
    at, wrong = np.linspace(0.5, 1.5, 10_000), np.arange(100, 10_000, 500)

    def slopes(p: Array) -> Array:
        g = np.cos(p)
        g[wrong] *= -1
        return g

    report = run_check(vector(lambda p: np.sin(p).sum(), slopes, at), method="probe")
    assert report.verdict == "fail"
    assert report.failed >= thresholds.CULPRITS
    assert {f.index[0] for f in report.failures} <= set(wrong)


def test_a_small_black_box_or_a_network_wrong_everywhere_is_swept() -> None:
    """Of which no sample is smaller, and which has its own fast rerun."""
    small = vector(lambda p: np.sin(p).sum(), lambda p: 2 * np.cos(p), np.linspace(0.5, 1, 99))

    def doubled(gradient: dict[str, Array]) -> None:
        for g in gradient.values():
            g *= 2

    for problem in (small, changed(network(shape=(40, 30, 5)), doubled)):
        report = run_check(problem, method="probe")
        assert (report.verdict, report.unchecked) == ("fail", 0)
