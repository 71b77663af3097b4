"""One projection tells whether anything is wrong, and bisection tells what."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from checks import oracles, probe, rounding, second, trust
from checks.compare import Status
from checks.engine import check
from checks.glance import glance
from checks.nest import Array
from checks.projection import CULPRITS, Projection
from checks.report import Report
from checks.state import Check, begin, spreads
from checks.subject import Subject, black_box, scaled
from tests.checks.helpers import LAYOUTS, beside_a_kink, called, changed, planted, subject, vector

SHAPE = (12, 10, 8, 3)
U, Z = Status.UNDECIDED, Status.ZERO


def named(report: Report) -> set[tuple[str, tuple[int, ...]]]:
    """The coordinates that a report calls wrong."""
    return {(f.tensor, f.index) for f in report.failures}


def index(one: Subject, name: str, flat: int) -> tuple[int, ...]:
    """A flat index in a tensor as an index."""
    shape = one.values[one.names.index(name)].shape
    return tuple(int(i) for i in np.unravel_index(flat, shape))


def under_way(one: Subject) -> Check:
    """A probe of it that has only begun."""
    return begin(one, rtol=1e-6, method="probe", seed=0, progress=lambda done: None)


@pytest.mark.parametrize("seed", range(30))
def test_a_right_gradient_passes_in_one_pass(seed: int) -> None:
    """By any seed, activation, cost and size of the loss."""
    activation = ("sigmoid", "tanh", "relu", "softplus")[seed % 4]
    cost = ("quadratic", "cross-entropy", "softmax-cross-entropy")[seed % 3]
    one = scaled(
        subject(seed, shape=SHAPE, activation=activation, cost=cost), 10.0 ** (seed % 25 - 12)
    )
    report = probe.probe(one, seed=seed)
    assert report.verdict == "pass", str(report)
    assert (report.method, report.oracle, report.failed) == ("probe", oracles.COMPLEX, 0)
    assert report.extra["probe"]["passes"] == 1
    assert report.checked + report.zero + report.undecided == report.parameters
    assert report.undecided <= report.parameters // 100


@pytest.mark.parametrize("seed", range(20))
def test_one_culprit_among_all_is_named_in_few_passes(seed: int) -> None:
    """A millionth off, in any tensor: one pass a halving, and no other coordinate accused."""
    one = subject(seed, shape=SHAPE, activation=("sigmoid", "tanh")[seed % 2])
    name = one.names[seed % len(one.names)]
    size = one.values[seed % len(one.names)].size
    flat = int(np.random.default_rng(seed).integers(size))
    report = probe.probe(planted(one, name, flat, (-1) ** seed * 1e-6), seed=seed)
    assert report.verdict == "fail", str(report)
    assert named(report) == {(name, index(one, name, flat))}
    assert report.failed == 1
    most = math.ceil(math.log2(one.parameters)) + len(one.names) + 1
    assert 1 < report.extra["probe"]["passes"] <= most
    assert report.diagnosis is not None


@pytest.mark.parametrize("edge", [0, -1])
def test_the_first_and_the_last_coordinate_are_found(edge: int) -> None:
    """Of every tensor: the halves leave nothing out."""
    one = subject(shape=SHAPE)
    for name, values in zip(one.names, one.values, strict=True):
        flat = edge % values.size
        report = probe.probe(planted(one, name, flat, 1e-4))
        assert named(report) == {(name, index(one, name, flat))}


@pytest.mark.parametrize("count", [2, 5, CULPRITS - 1])
def test_several_culprits_are_all_named(count: int) -> None:
    """Wherever they are, and though their errors differ in size and sign."""
    one = subject(shape=SHAPE)
    rng = np.random.default_rng(count)
    at = {
        (one.names[t], int(rng.integers(one.values[t].size))) for t in rng.integers(6, size=count)
    }
    wrong = one
    for name, flat in sorted(at):
        wrong = planted(wrong, name, flat, float(rng.choice([-1, 1]) * 10 ** rng.uniform(-5, -2)))
    report = probe.probe(wrong)
    assert report.verdict == "fail"
    assert named(report) == {(name, index(one, name, flat)) for name, flat in at}
    assert report.oracle == oracles.COMPLEX
    assert not report.notes


def test_neighbours_are_told_apart() -> None:
    """Two culprits side by side, whose errors nearly cancel without the weights' randomness."""
    one = planted(planted(subject(shape=SHAPE), "W2", 40, 1e-3), "W2", 41, -1e-3)
    assert named(probe.probe(one)) == {("W2", (5, 0)), ("W2", (5, 1))}


def test_past_the_cap_the_sweep_takes_over() -> None:
    """With a note, and with every wrong coordinate counted."""
    one = changed(subject(shape=SHAPE), lambda g: g.update(W2=1.5 * g["W2"]))
    report = probe.probe(one)
    assert (report.verdict, report.failed) == ("fail", 80)
    assert report.notes == (f"the probe found {CULPRITS} culprits or more: the sweep took over",)
    assert all(t.failed == (80 if t.name == "W2" else 0) for t in report.tensors)


@pytest.mark.parametrize("name", ["W1", "b2", "W3"])
def test_a_zero_that_should_not_be_one_is_caught(name: str) -> None:
    """A single coordinate or a whole row left out; a row that is zero rightly is not."""
    one = subject(shape=SHAPE)

    def drop(gradient: dict[str, Array], rows: Any = 1) -> None:
        gradient[name][rows] = 0

    report = probe.probe(changed(one, drop))
    assert report.verdict == "fail", str(report)
    expected = one.gradient(one.values)[name][1].size
    assert report.failed == expected
    assert {f.tensor for f in report.failures} == {name}
    assert all(f.analytic == 0 != f.numeric for f in report.failures)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("seed", range(5))
def test_a_layer_that_is_left_out_is_caught_where_gradients_vanish(seed: int, dtype: Any) -> None:
    """However much smaller its gradient is than that of the last layer."""
    one = subject(seed, shape=(10, *[8] * 11, 3), dtype=dtype, batch=20)
    right = probe.probe(one)

    def left_out(g: dict[str, Array]) -> None:
        for name in ("W1", "b1"):
            g[name][...] = 0

    wrong = changed(one, left_out)
    report = probe.probe(wrong)
    assert right.verdict != "fail"
    assert report.verdict == "fail"
    assert {t.name for t in report.tensors if t.failed} == {"W1", "b1"}


def test_a_few_coordinates_of_a_tensor_left_out_are_named() -> None:
    """In a tensor that is zero throughout, by bisection like any; not the tensor beside it."""
    weight = np.asarray([0.0, 1e-9, 0.0, 0.0])
    one = black_box(
        lambda p: (p["a"] ** 2).sum() + weight @ p["b"],
        lambda p: {"a": 2 * p["a"], "b": np.zeros(4)},
        {"a": np.asarray([1.0, 2.0]), "b": np.ones(4)},
    )
    report = probe.probe(one)
    assert report.method == "probe"
    assert named(report) == {("b", (1,))}


def test_rounding_moves_a_tensor_without_a_gradient_by_its_scale() -> None:
    """A root of squares, each a coordinate's own tolerance times its entry of the direction."""
    values = {"a": np.ones(2), "b": np.full(4, 1000.0), "c": np.full(3, 0.001)}
    one = black_box(lambda p: p["a"].sum(), lambda p: p, values)
    analytic, far = [np.ones(2), np.zeros(4), np.zeros(3)], 1e-5
    spread = [np.full(g.shape, far) for g in analytic]
    beside = Projection(one, analytic, [np.zeros(2)], oracles.complex_step, 0.0)
    found = probe.hidden(under_way(one), analytic, spread, beside)
    assert found is not None
    _, b, c = found.projection.d
    assert np.abs(b).min() >= 500
    assert np.abs(c).max() <= 0.0015
    moved = rounding.SAFETY * far * np.sqrt(np.sum(b**2) + np.sum(c**2))
    assert found.tau == pytest.approx(moved, rel=1e-9)


@pytest.mark.parametrize(("difference", "status"), [(0.0, Z), (1e-300, U), (-1e-300, U)])
def test_only_a_slope_of_nothing_at_all_makes_a_tensor_zero(
    monkeypatch: pytest.MonkeyPatch, difference: float, status: Status
) -> None:
    """What rounding explains is undecided, whichever its sign."""
    right = probe.hidden

    def found(*given: Any) -> Any:
        result = right(*given)
        assert result is not None
        return replace(result, difference=difference)

    monkeypatch.setattr(probe, "hidden", found)
    one = black_box(
        lambda p: (p["a"] ** 2).sum(),
        lambda p: {"a": 2 * p["a"], "b": np.zeros(2)},
        {"a": np.asarray([1.0, 2.0]), "b": np.ones(2)},
    )
    assert probe.probe(one).status["b"].tolist() == [status] * 2


def test_a_tensor_without_a_say_is_zero() -> None:
    """It moves nothing by any step."""
    one = black_box(
        lambda p: (p["a"] ** 2).sum(),
        lambda p: {"a": 2 * p["a"], "b": np.zeros((2, 2))},
        {"a": np.asarray([1.0, 2.0]), "b": np.ones((2, 2))},
    )
    report = probe.probe(one)
    assert (report.checked, report.zero, report.undecided) == (2, 4, 0)


def test_dead_coordinates_pass_as_zeros() -> None:
    """They are counted, and they accuse nobody."""
    net_input = subject(shape=SHAPE)
    dead = changed(net_input, lambda g: None)
    values = (dead.values[0].copy(), *dead.values[1:])
    one = replace(dead, values=values)
    data = np.ones(5)
    flat = vector(lambda p: (p[:3] ** 2).sum(), lambda p: 2 * p * (np.arange(5) < 3), data)
    report = probe.probe(flat)
    assert (report.verdict, report.checked, report.zero) == ("pass", 3, 2)
    assert probe.probe(one).zero == 0
    hidden = vector(lambda p: (p**2).sum(), lambda p: 2 * p * (np.arange(5) < 3), data)
    assert named(probe.probe(hidden)) == {("params", (3,)), ("params", (4,))}


def test_what_rounding_could_hide_is_left_out_and_counted() -> None:
    """1 - tanh² of a saturated unit has lost its digits; the others are still proved."""
    at = np.asarray([0.5, -1.0, 17.0, 2.0])

    def slope(p: Array) -> Array:
        a = np.tanh(p)
        return 1 - np.nextafter(a, 0) ** 2 if p[2] != at[2] else 1 - a**2

    def cost(p: Array) -> Any:
        return np.tanh(p).sum()

    report = probe.probe(vector(cost, slope, at))
    assert report.status["params"][2] == Status.UNDECIDED
    assert report.undecided == 1
    assert report.verdict == "pass"
    assert report.checked == 3
    wrong = probe.probe(planted(vector(cost, slope, at), "params", 3, 1e-5))
    assert named(wrong) == {("params", (3,))}


def test_the_report_says_what_was_proved() -> None:
    """The error ruled out, how likely one was missed, the passes, and both sides of the verdict."""
    for seed in range(5):
        one = subject(seed, shape=SHAPE)
        clean = probe.probe(one, seed=seed).extra["probe"]
        assert clean["ruled_out"] == 1e-6
        assert abs(clean["difference"]) <= clean["tolerance"] < 1e-9
        assert clean["missed_with_probability"] == 2 * clean["tolerance"] / 1e-6 < 1e-2
        wrong = probe.probe(planted(one, "W1", 7, 1e-6), seed=seed).extra["probe"]
        assert 0.49e-6 <= abs(wrong["difference"]) <= 1.51e-6
        assert abs(wrong["difference"]) > wrong["tolerance"]
    loose = probe.probe(one, rtol=1e-3).extra["probe"]
    assert loose["ruled_out"] == 1e-3
    beyond = probe.probe(one, rtol=1e-15)
    assert (beyond.verdict, beyond.undecided) == ("undecided", one.parameters)


def test_an_oracle_in_whose_error_a_mistake_could_hide_decides_nothing(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """What rounding leaves of the analytic values is one thing, the oracle's own error another."""
    exact = oracles.complex_step

    def with_error(error: float) -> None:
        monkeypatch.setattr(
            oracles, "complex_step", lambda lines: replace(exact(lines), error=np.full(1, error))
        )

    one = subject(0, shape=SHAPE)
    monkeypatch.setattr(second, "miscalibrated", lambda: None)
    with_error(0.26e-6)
    report = probe.probe(one)
    assert (report.verdict, report.checked) == ("undecided", 0)
    assert "a single relative error of 1e-06 could hide in it" in report.notes[-1]
    with_error(0.24e-6)
    assert probe.probe(one).verdict == "pass"


def test_the_least_certain_are_left_out_until_no_error_can_hide_in_the_rest() -> None:
    """A thousand that could each be decided, but not together, and one that is far from certain."""
    g = np.full(5000, 2.0)
    d = np.full(5000, 0.5)
    spread = np.full(5000, 2.0**-60)
    spread[:1000] = 1e-6 / 50 / rounding.SAFETY  # decided by itself: 2 x 32 x spread < 1e-6
    spread[1000] = 1e-3
    this = under_way(vector(lambda p: p.sum(), np.ones_like, g))
    tau = probe._leave_out(this, [g], [d], [spread.copy()])
    assert np.flatnonzero(d == 0).tolist() == list(range(1001))
    assert 0 < tau <= 1e-6 / 8
    few = np.full(5000, 0.5)
    spread[10:1000] = 2.0**-60
    assert 0 < probe._leave_out(this, [g], [few], [spread.copy()]) <= 1e-6 / 8
    assert np.flatnonzero(few == 0).tolist() == [1000]


def test_what_is_left_out_is_weighed_by_its_own_rounding() -> None:
    """Its tolerance, times a random number; where nothing is left out, nothing is weighed."""
    g, spread = np.full(100, 2.0), np.full(100, 2.0**-60)
    spread[[3, 7, 8]] = 1e-3, 1e-2, np.inf
    this = under_way(vector(lambda p: p.sum(), np.ones_like, g))
    shares = [spread.copy()]
    probe._leave_out(this, [g], [np.full(100, 0.5)], shares)
    assert np.flatnonzero(shares[0]).tolist() == [3, 7]
    moved = np.abs(shares[0][[3, 7]]) * rounding.SAFETY * spread[[3, 7]]
    assert np.all((moved >= 0.5) & (moved <= 1.5))
    shares = [np.full(100, 2.0**-60)]
    probe._leave_out(this, [g], [np.full(100, 0.5)], shares)
    assert shares == []


SPOILT: dict[str, Callable[[Array], Array]] = {
    "one zero": lambda g: np.where(np.arange(g.size) == 7, 0, g),
    "the last eight zero": lambda g: np.where(np.arange(g.size) < 12, g, 0),
    "two signs flipped": lambda g: np.where(np.isin(np.arange(g.size), [2, 3]), -g, g),
    "one doubled": lambda g: np.where(np.arange(g.size) == 0, 2 * g, g),
}


@pytest.mark.parametrize("name", SPOILT)
def test_a_wrong_gradient_is_told_where_most_is_left_out(name: str) -> None:
    """In single precision a black box's own noise leaves out many coordinates; each is named."""
    at = np.geomspace(0.05, 2, 20).astype(np.float32)
    for seed in range(5):
        right = vector(lambda p: (p * p).sum() / 2, lambda p: p.copy(), at)
        report = probe.probe(right, seed=seed)
        assert (report.verdict, report.failed) == ("pass", 0)
        assert report.undecided > 0
        wrong = np.flatnonzero(SPOILT[name](at) != at)
        spoilt = vector(lambda p: (p * p).sum() / 2, SPOILT[name], at)
        report = probe.probe(spoilt, seed=seed)
        assert report.verdict == "fail"
        assert named(report) == {("params", (int(k),)) for k in wrong}


def trials_of(monkeypatch: pytest.MonkeyPatch, *, lucky: bool = False) -> list[int]:
    """How many trials rounding is judged by, look by look; a lucky first one sees none of it."""
    asked: list[int] = []
    right = spreads

    def noted(this: Check, analytic: list[Array], trials: int) -> list[Array]:
        asked.append(trials)
        found = right(this, analytic, trials)
        return [0 * far for far in found] if lucky and trials == 1 else found

    monkeypatch.setattr(probe, "spreads", noted)
    return asked


def test_a_first_look_that_differs_is_followed_by_a_closer_one(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """One trial may see much less rounding than there is: nobody is accused for that."""
    monkeypatch.setattr(rounding, "tolerance", lambda g, n, **known: 32 * known["spread"])
    asked = trials_of(monkeypatch, lucky=True)
    for seed in range(5):
        one = subject(seed, shape=SHAPE)
        asked.clear()
        assert probe.probe(one, seed=seed).verdict == "pass"
        assert asked == [1, rounding.JITTERS]
        assert named(probe.probe(planted(one, "W2", 9, 1e-6), seed=seed)) == {("W2", (1, 1))}


def test_beyond_many_parameters_the_closer_look_has_few_trials(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Each of them takes as long as a pass."""
    asked = trials_of(monkeypatch)
    one = planted(subject(shape=SHAPE), "W2", 9, 1e-6)
    for many, trials in ((one.parameters, rounding.JITTERS), (one.parameters - 1, probe.FEW)):
        monkeypatch.setattr(probe, "MANY", many)
        asked.clear()
        probe.probe(one)
        assert asked == [1, trials]


def asserts(p: Array) -> Any:
    """A cost that says what it is made for."""
    assert not np.iscomplexobj(p), "only real ones"
    return np.exp(p).sum()


def refuses(p: Array) -> Any:
    """A cost that casts what it is given."""
    return np.exp(p.astype(float)).sum()


@pytest.mark.parametrize(
    ("cost", "why"),
    [
        (refuses, "the cost does not take complex parameters"),
        (asserts, "the cost does not take complex parameters (only real ones)"),
        (lambda p: None if np.iscomplexobj(p) else np.exp(p).sum(), "the cost gives back a real"),
        (lambda p: float(np.exp(p).sum()), "the cost does not take complex parameters"),
        (lambda p: np.exp(p.real).sum(), "the cost gives back a real number"),
    ],
)
def test_a_cost_that_refuses_complex_numbers_is_probed_by_real_ones(cost: Any, why: str) -> None:
    """Whether it raises, warns or drops the imaginary part; the report says why."""
    one = vector(cost, np.exp, [0.5, -1.0, 2.0])
    report = probe.probe(one)
    assert (report.verdict, report.oracle) == ("pass", oracles.RIDDERS), str(report)
    assert any(why in note for note in report.notes)
    assert named(probe.probe(planted(one, "params", 1, 1e-3))) == {("params", (1,))}


def test_a_gradient_of_the_complex_cost_alone_is_no_pass() -> None:
    """Both sides agree with each other, and real costs with neither."""
    one = vector(
        lambda p: (p**2).sum() if np.iscomplexobj(p) else (p**3).sum(), lambda p: 2 * p, [0.5, 2.0]
    )
    report = probe.probe(one)
    assert (report.verdict, report.oracle, report.failed) == ("fail", oracles.RIDDERS, 2)


def test_a_zero_that_rounding_could_have_made_is_not_passed_as_zero() -> None:
    """Two terms that cancel exactly here, and by the last digit anywhere nearby."""
    data = np.asarray([0.1 + 2.0**-40, 3.0])

    def slope(p: Array) -> Array:
        return np.asarray([1e8 * (p[0] - data[0]), 2 * p[1]])

    report = probe.probe(vector(lambda p: (p[1] ** 2).sum(), slope, data))
    assert report.status["params"].tolist() == [Status.UNDECIDED, Status.PASS]


def test_a_cost_that_is_not_complex_safe_gets_the_weaker_bound() -> None:
    """By real differences: it still passes when right, is named when wrong, and is noted."""
    at = [0.5, -1.0, 2.0, 0.25]
    slope = lambda p: 3 * p * np.abs(p)  # noqa: E731
    safe = probe.probe(vector(lambda p: (p**3 * np.sign(p.real)).sum(), slope, at))
    one = vector(lambda p: (np.abs(p) ** 3).sum(), slope, at)
    report = probe.probe(one)
    assert (safe.verdict, safe.oracle) == ("pass", oracles.COMPLEX)
    assert (report.verdict, report.oracle) == ("pass", oracles.RIDDERS), str(report)
    assert any(note.startswith("complex step not believed: ") for note in report.notes)
    assert report.extra["probe"]["tolerance"] > safe.extra["probe"]["tolerance"]
    wrong = probe.probe(planted(one, "params", 1, 1e-3))
    assert named(wrong) == {("params", (1,))}


@pytest.mark.parametrize("seed", range(5))
def test_single_precision_is_probed_by_its_own_rounding(seed: int) -> None:
    """A float32 gradient passes, and a tenth off in one coordinate is named."""
    one = subject(seed, shape=(5, 4, 2), dtype=np.float32)
    assert probe.probe(one).failed == 0
    keep = check(one).status["b2"] == Status.PASS
    at = int(np.flatnonzero(keep)[0])
    assert named(probe.probe(planted(one, "b2", at, 0.5))) == {("b2", (at,))}


def test_many_parameters_get_by_with_few_runs(monkeypatch: pytest.MonkeyPatch) -> None:
    """Above MANY there is no sweep; culprits are named all the same."""
    monkeypatch.setattr(probe, "MANY", 100)
    one = subject(shape=SHAPE)
    assert probe.probe(one).verdict == "pass"
    assert named(probe.probe(planted(one, "W2", 9, 1e-6))) == {("W2", (1, 1))}
    many = probe.probe(changed(one, lambda g: g.update(W2=1.5 * g["W2"])))
    assert (many.verdict, many.failed, many.notes) == ("fail", CULPRITS, ())


def test_a_gradient_that_does_not_repeat_itself_is_told() -> None:
    """What differs from call to call would otherwise be taken for much rounding."""
    one = subject(shape=SHAPE)
    rng = np.random.default_rng(0)

    def noisy(values: Any) -> dict[str, Array]:
        found = one.gradient(values)
        return {**found, "W1": found["W1"] * rng.uniform(0.9, 1.1, found["W1"].shape)}

    report = probe.probe(replace(one, gradient=noisy, jittered=None))
    assert report.verdict == "fail"
    assert report.diagnosis is not None
    assert (report.diagnosis.code, report.diagnosis.tensor) == ("not-repeatable", "W1")


@pytest.mark.parametrize("many", [False, True])
def test_a_kink_is_nobodys_fault(monkeypatch: pytest.MonkeyPatch, *, many: bool) -> None:
    """A culprit that lies on one is reported as such, by a sweep or where they are many."""
    if many:
        monkeypatch.setattr(probe, "MANY", 2)
    cost = lambda p: (p * (p.real > 0)).sum() + (p**2).sum()  # noqa: E731
    one = vector(cost, lambda p: 2 * p + np.where(p == 0, 0.2, p > 0), [0.0, 1.0, 2.0])
    report = probe.probe(one)
    assert (report.verdict, report.failed, report.kinks) == ("pass", 0, 1)
    assert any("kink" in note for note in report.notes) is not many


@pytest.mark.parametrize(("size", "left_out"), [(0.120e-6, 0), (0.130e-6, 400), (0.160e-6, 400)])
def test_an_eighth_of_what_was_promised_is_left_to_rounding(size: float, left_out: int) -> None:
    """Of an error of 1e-6, that is 0.125e-6 in the root of the sum of squares."""
    g, d = np.full(500, 2.0), np.full(500, -0.5)
    spread = np.full(500, 1e-16)
    spread[:400] = size / 20 / 0.5 / rounding.SAFETY
    this = under_way(vector(lambda p: p.sum(), np.ones_like, g))
    tau = probe._leave_out(this, [g], [d], [spread])
    assert np.count_nonzero(d == 0) == left_out
    if not left_out:
        assert tau == pytest.approx(size, rel=1e-3)


def test_a_right_gradient_takes_eight_passes() -> None:
    """Cost and gradient twice each for hygiene, three more runs of the cost, and one with jitter.

    Single precision takes another run, of the cost in double precision.
    """
    report, calls = called(probe.probe, subject(shape=SHAPE))
    assert report.verdict == "pass"
    assert calls == {"cost": 5, "gradient": 2, "jittered": 1}
    single = subject(shape=SHAPE, dtype=np.float32)
    assert called(probe.probe, single)[1] == {"cost": 6, "gradient": 2, "jittered": 1}


@pytest.mark.parametrize("many", [False, True])
@pytest.mark.parametrize("stored", LAYOUTS)
def test_a_gradient_may_be_stored_in_any_order(stored: str, *, many: bool) -> None:
    """A wrong one is caught all the same, by the probe, by the sweep after it, or at a glance."""
    at = np.linspace(0.5, 2.5, 60).reshape(10, 6)
    wrong = np.arange(60).reshape(10, 6) % 3 == 1 if many else np.arange(60).reshape(10, 6) == 27

    def gradient(factor: float) -> Subject:
        return vector(
            lambda p: np.sin(p).sum(),
            lambda p: LAYOUTS[stored](np.cos(p) * np.where(wrong, factor, 1)),
            at,
        )

    for look in (probe.probe, glance):
        assert look(gradient(1.0)).verdict == "pass"
        report = look(gradient(1.01))
        assert (report.verdict, report.failed) == ("fail", int(np.count_nonzero(wrong)))
        np.testing.assert_array_equal(report.status["params"] == Status.FAIL, wrong)
        assert (report.method, many) == ("probe", any("took over" in n for n in report.notes))


def test_a_culprits_tolerance_is_its_share_of_the_projections() -> None:
    """In the gradient's own units that is tau over its weight, r / |g|, with r in [0.5, 1.5]."""
    one = planted(subject(shape=SHAPE), "W2", 9, 1e-4)
    report = probe.probe(one)
    (failure,) = report.failures
    share = failure.tolerance / (report.extra["probe"]["tolerance"] * abs(failure.analytic))
    assert 1 / 1.5 <= share <= 1 / 0.5


@pytest.mark.parametrize("black", [True, False])
@pytest.mark.parametrize("least", [1e-240, 1e-250, 1e-260, 1e-280])
def test_a_gradient_that_nearly_underflows_does_not_blur_the_others(
    least: float, *, black: bool
) -> None:
    """A step that is short enough for 1 / 1e-260 would leave no digits of any other."""
    data = np.asarray([least, 1.0, 2.0, 3.0])
    one = vector(lambda p: (data * p).sum(), lambda p: data + 0 * p, np.ones(4))
    one = one if black else replace(one, jittered=lambda rng: one.gradient(one.values))
    report = probe.probe(one)
    assert report.status["params"].tolist() == [Status.UNDECIDED, *[Status.PASS] * 3]
    assert report.verdict == "pass"
    assert named(probe.probe(planted(one, "params", 2, 1e-6))) == {("params", (2,))}


def test_real_differences_alone_convict_no_network(monkeypatch: pytest.MonkeyPatch) -> None:
    """Where all their steps lie beyond a kink, what they accuse is undecided."""
    monkeypatch.setattr(trust, "supported", lambda *given, **more: False)
    monkeypatch.setattr(trust, "complex_doubt", lambda *given, **more: "as it happens")
    one = beside_a_kink(1e-11, 1e-5)
    right = probe.probe(one)
    assert right.oracle == oracles.RIDDERS
    assert right.verdict == "undecided", str(right)
    assert (right.failed, right.undecided) == (0, 3)
    assert named(probe.probe(planted(one, "params", 1, 1e-3))) == {("params", (1,))}


@pytest.mark.parametrize("black", [True, False])
def test_a_projection_that_differs_never_leaves_a_pass(
    monkeypatch: pytest.MonkeyPatch, *, black: bool
) -> None:
    """Where the oracle knows nothing of the culprit by itself, or no culprit is found."""
    one = vector(lambda p: np.sin(p).sum(), np.cos, np.linspace(0.5, 2, 8))
    one = one if black else replace(one, jittered=lambda rng: one.gradient(one.values))
    wrong = planted(one, "params", 3, 1e-3)
    assert probe.probe(wrong).verdict == "fail"
    nothing = oracles.Estimate(slope=np.zeros(1), error=np.full(1, np.inf))
    with monkeypatch.context() as patch:
        patch.setattr(probe, "slopes", lambda *given, **scales: nothing)
        report = probe.probe(wrong)
    assert (report.verdict, report.failed, report.undecided) == ("undecided", 0, 1)
    assert report.notes == ("the projection differs, and not all of that could be traced",)
    monkeypatch.setattr(probe, "bisect", lambda result: [])
    report = probe.probe(wrong)
    assert (report.verdict, report.notes[-1:]) == (
        "undecided",
        ("the projection differs, and not all of that could be traced",),
    )
    assert probe.probe(one).verdict == "pass"
