from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from checks import check_gradients
from checks.diagnosis.codes import DIAGNOSES
from checks.diagnosis.diagnose import diagnose
from checks.methods.options import Method
from checks.problem.nested import Array
from checks.problem.problem import Problem
from checks.verdict.report import Diagnosis
from checks.verdict.rule import Status

Gradient = dict[str, Array]

SHAPES = {"W1": (4, 5), "b1": (5,), "W2": (5, 5), "b2": (5,), "W3": (5, 5), "b3": (5,)}


def numbers(seed: int, shapes: Mapping[str, tuple[int, ...]] = SHAPES) -> Gradient:
    """Random tensors, the same for the same seed."""
    rng = np.random.default_rng(seed)
    return {name: rng.normal(size=shape) for name, shape in shapes.items()}


def subject_at(values: Gradient, **more: object) -> Problem:
    """A subject with these parameters, whose functions are never called."""
    subject = Problem(
        names=tuple(values),
        values=tuple(values.values()),
        cost=lambda arrays: 0.0,
        gradient=lambda arrays: {},
        context={"the batch size": 7.0},
    )
    return replace(subject, **more)  # type: ignore[arg-type]


def compare(analytic: Array, numeric: Array, tolerance: Array) -> Array:
    """A status for each coordinate, by nothing but the two values and how sharp they are."""
    larger = np.maximum(np.abs(analytic), np.abs(numeric))
    status = np.where(2 * tolerance <= 1e-6 * larger, Status.PASS, Status.UNDECIDED)
    status[(analytic == 0) & (numeric == 0)] = Status.ZERO
    status[~(np.abs(analytic - numeric) <= tolerance)] = Status.FAIL
    return status.astype(np.int8)


def read(analytic: Gradient, numeric: Gradient, subject: Problem | None = None) -> Diagnosis:
    """The diagnosis of a gradient that is `analytic` where it should be `numeric`."""
    tolerance = {name: 1e-13 * np.abs(n) + 1e-15 for name, n in numeric.items()}
    status = {n: compare(analytic[n], numeric[n], tolerance[n]) for n in numeric}
    assert any((s == Status.FAIL).any() for s in status.values())
    subject = subject or subject_at(numbers(9, {n: v.shape for n, v in numeric.items()}))
    with_tolerance = diagnose(subject, analytic, numeric, status, tolerance=tolerance)
    without = diagnose(subject, analytic, numeric, status)
    assert with_tolerance.code == without.code
    return with_tolerance


def times(*factors: float) -> Callable[[Gradient], Gradient]:
    """Each tensor multiplied by a factor of its own."""
    return lambda g: {n: c * v for (n, v), c in zip(g.items(), factors, strict=True)}


def only(name: str, change: Callable[[Array], Array]) -> Callable[[Gradient], Gradient]:
    """One tensor changed."""
    return lambda g: {n: change(v) if n == name else v for n, v in g.items()}


def at(index: Any, value: Any) -> Callable[[Array], Array]:
    """The entries at an index replaced."""

    def change(v: Array) -> Array:
        v = v.copy()
        v[index] = value
        return v

    return change


def scaled(index: Any, factor: float) -> Callable[[Array], Array]:
    """The entries at an index multiplied."""
    return lambda v: at(index, factor * v[index])(v)


def halves(one: float, other: float) -> Callable[[Array], Array]:
    """The first two rows multiplied by one factor, the others by another."""
    return lambda v: np.concatenate([one * v[:2], other * v[2:]])


def kept(names: str) -> Callable[[Gradient], Gradient]:
    """All tensors zeroed but the named ones."""
    return lambda g: {n: v if n in names.split() else np.zeros_like(v) for n, v in g.items()}


def noise_in(names: str, seed: int = 5) -> Callable[[Gradient], Gradient]:
    """Every number of the named tensors changed at random."""
    other = numbers(seed)
    return lambda g: {n: v + other[n] if n in names.split() else v for n, v in g.items()}


PATTERNS = [
    # what was done to the gradient, code, tensor, words in the detail
    (times(-1, -1, -1, -1, -1, -1), "sign-flipped", None, ""),
    (times(1, 1, -1, 1, 1, 1), "sign-flipped", "W2", ""),
    (times(7, 7, 7, 7, 7, 7), "sum-for-mean", None, ""),
    (times(*[1 / 7] * 6), "constant-factor", None, "1 / the batch size"),
    (times(2, 2, 2, 2, 2, 2), "constant-factor", None, "the factor is 2"),
    (times(0.5, 0.5, 0.5, 0.5, 0.5, 0.5), "constant-factor", None, "1/2"),
    (times(-2, -2, -2, -2, -2, -2), "constant-factor", None, "minus 2"),
    (times(5, 5, 5, 5, 5, 5), "constant-factor", None, "learning rate"),
    (times(1.7, 1.7, 1, 1, 1, 1), "constant-factor", "b1", "1.7"),
    (times(9, 9, 3, 3, 1, 1), "constant-factor", "b2", "W1 9, b1 9, W2 3"),
    (times(1, 1 / 7, 1, 1 / 7, 1, 1 / 7), "bias-not-summed", "b3", "mean"),
    (kept("W1 W2 W3"), "bias-missing", None, "b1, b2, b3"),
    (kept("W1 W2 b2 W3 b3"), "bias-missing", "b1", "b1"),
    (kept("W2 b2 W3 b3"), "gradient-missing", "b1", "W1, b1"),
    (only("W2", lambda v: v.T), "transposed", "W2", ""),
    (only("W1", lambda v: v.T.reshape(v.shape)), "transposed", "W1", ""),
    (lambda g: {**g, "W2": g["W3"], "W3": g["W2"]}, "layers-swapped", "W3", "gradient of W2"),
    (lambda g: {n: v.astype("f4").astype("f8") for n, v in g.items()}, "low-precision", None,
     "float32"),
    (lambda g: {n: v.astype("f2").astype("f8") for n, v in g.items()}, "low-precision", None,
     "float16"),
    (lambda g: {n: np.clip(v, -0.5, 0.5) for n, v in g.items()}, "clipped", None, "0.5"),
    (only("W2", at((slice(None), 3), 0)), "left-out", "W2", "columns 3 of W2"),
    (only("W3", at((0, slice(None)), 0)), "left-out", "W3", "rows 0 of W3"),
    (only("b3", at(-1, 0)), "left-out", "b3", "entries 4 of b3"),
    (noise_in("W1 b1 W2 b2"), "errors-enter-here", "W2", ""),
    (noise_in("W1 b1 W2 b2 W3 b3"), "cost-derivative", "W3", ""),
    (noise_in("b1 b2 b3"), "bias-not-summed", "b3", ""),
    (noise_in("W2"), "weights-only", "W2", ""),
    (noise_in("W2 b2"), "unknown", "b2", "25 of 25 wrong"),
    (only("W2", scaled((2, slice(1, 4)), -1)), "sign-flipped", "W2", "in 3 of 25 entries of W2"),
    (only("W2", scaled((1, 3), -1)), "sign-flipped", "W2", "in W2[1, 3]"),
    (only("W2", scaled((slice(None), 3), 7)), "constant-factor", "W2",
     "the batch size, in columns 3 of W2"),
    (only("b2", scaled(slice(1, 4), 1.7)), "constant-factor", "b2", "1.7, in entries 1 to 3 of b2"),
    (only("W3", halves(-1, 3.5)), "constant-factor", "W3",
     "the factors are -1 in rows 0, 1 of W3; 3.5 in rows 2, 3, 4 of W3"),
    (only("W2", lambda v: (v + v.T) / 2), "symmetric-convention", "W2", "mirror image together"),
    (only("W2", lambda v: np.tril(v) + np.triu(v, 1).T), "symmetric-convention", "W2",
     "analytic has zeros above the diagonal"),
    (only("W2", lambda v: v + v * (1 - np.eye(5))), "symmetric-convention", "W2", "is doubled"),
    (only("W2", lambda v: np.roll(v, 2, axis=0)), "misplaced", "W2", "in W2"),
    (only("b2", lambda v: v[[0, 2, 3, 1, 4]]), "misplaced", "b2", "in entries 1 to 3 of b2"),
    (only("W2", lambda v: v + 0.25), "constant-added", "W2", "is 0.25 in W2"),
    (only("W2", lambda v: v - v.mean(axis=0)), "projected", "W2", "the mean of each column"),
    (lambda g: {n: v * (1 + 0.002 * np.cos(v)) for n, v in g.items()}, "small-everywhere", None,
     "relative errors are typically"),
    (only("W2", at((1, 3), 0.5)), "single-entry", "W2", "1 of 25 wrong, W2[1, 3], analytic"),
    (only("W2", at((1, slice(2, 4)), 9.0)), "unknown", "W2", "1 of 5 rows (1) and 2 of 5 columns"),
]  # fmt: skip


@pytest.mark.parametrize(("change", "code", "tensor", "words"), PATTERNS)
def test_pattern(
    change: Callable[[Gradient], Gradient], code: str, tensor: str | None, words: str
) -> None:
    """Each pattern is read as what it is, and points at its tensor, whatever the numbers are."""
    for seed in range(5):
        numeric = numbers(seed)
        found = read(change(numeric), numeric)
        assert (found.code, found.tensor) == (code, tensor)
        assert words in found.detail
        assert (found.title, found.remedy) == DIAGNOSES[code]


@pytest.mark.parametrize(("rate", "code"), [(0.01, "weight-decay"), (-0.01, "penalty-missing")])
def test_weight_decay_is_read_off_the_parameters(rate: float, code: str) -> None:
    """A multiple of the parameters too much is weight decay, too little a forgotten penalty."""
    numeric, values = numbers(0), numbers(1)
    analytic = {n: v + (rate * values[n] if n[0] == "W" else 0) for n, v in numeric.items()}
    found = read(analytic, numeric, subject_at(values))
    assert found.code == code
    assert f"is {rate} times the parameters" in found.detail


def test_of_equal_parameters_any_constant_is_a_multiple() -> None:
    """So nothing is said of a penalty there."""
    report = check_gradients(lambda p: np.sin(p).sum() + 3 * p.sum(), np.cos, np.ones(6))
    assert report.diagnosis is not None
    assert report.diagnosis.code not in ("penalty-missing", "weight-decay")


@pytest.mark.parametrize(
    ("in_cost", "in_gradient", "code", "words"),
    [
        (0.1, 0.0, "penalty-missing", "add its derivative, or see its factor and sign"),
        (0.1, 0.05, "penalty-missing", "that of rate / 2 * p**2 is rate * p"),
        (0.0, 0.1, "weight-decay", "leave weight decay to the optimiser, or add it to the cost"),
    ],
)
def test_a_penalty_is_missing_where_it_is(
    in_cost: float, in_gradient: float, code: str, words: str
) -> None:
    """The remedy names the side that lacks it: all of it, or the 2 of a square's derivative."""
    report = check_gradients(
        lambda p: np.sin(p).sum() + in_cost / 2 * (p**2).sum(),
        lambda p: np.cos(p) + in_gradient * p,
        np.asarray([0.5, 1.5, -2.0, 0.7]),
    )
    assert report.diagnosis is not None
    assert report.diagnosis.code == code
    assert words in report.diagnosis.remedy


@pytest.mark.parametrize("share", [0.01, 0.1, 0.3, 0.6])
def test_noise_is_unknown(share: float) -> None:
    """Random noise on a random subset of coordinates is read as nothing that it is not."""
    rng = np.random.default_rng(int(100 * share))
    codes: list[str] = []
    while len(codes) < 100:
        numeric = numbers(int(rng.integers(2**31)))
        size = 10.0 ** rng.uniform(-4, 1)
        analytic = {
            n: v + size * rng.normal(size=v.shape) * (rng.random(v.shape) < share)
            for n, v in numeric.items()
        }
        if any(not np.array_equal(analytic[n], numeric[n]) for n in numeric):
            codes.append(read(analytic, numeric).code)
    assert codes.count("unknown") + codes.count("single-entry") >= 95


def test_hypothesis_has_to_explain_every_tensor() -> None:
    """A known bug's gradient counts if it is the observed one everywhere, and not otherwise."""
    numeric, bug = numbers(0), numbers(1)
    partly = {**bug, "b3": numeric["b3"]}

    def hypotheses() -> list[tuple[str, str | None, Gradient]]:
        return [("wrong-delta", None, partly), ("wrong-targets", None, bug)]

    subject = subject_at(numbers(2), hypotheses=hypotheses)
    assert read(bug, numeric, subject).code == "wrong-targets"
    assert read(partly, numeric, subject).code == "wrong-delta"
    mixed = {**bug, "W1": bug["W1"] + 1e-3}
    assert read(mixed, numeric, subject).code == "cost-derivative"


def test_hypothesis_that_changes_nothing_explains_nothing() -> None:
    """A hypothesis equal to the right gradient does not explain a small error."""
    numeric = numbers(0)
    analytic = only("W2", lambda v: v * (1 + 1e-10 * (np.arange(25).reshape(5, 5) == 7)))(numeric)
    subject = subject_at(numbers(2), hypotheses=lambda: [("missing-derivative", None, numeric)])
    assert read(analytic, numeric, subject).code == "single-entry"


def test_hypotheses_wait_for_patterns() -> None:
    """Hypotheses, which cost time, are not asked for where a plain pattern explains everything."""

    def never() -> list[tuple[str, str | None, Gradient]]:
        raise AssertionError

    numeric = numbers(0)
    subject = subject_at(numbers(2), hypotheses=never)
    assert read(times(-1, -1, -1, -1, -1, -1)(numeric), numeric, subject).code == "sign-flipped"


@pytest.mark.parametrize(
    ("error", "tolerance", "code"),
    [(1e-4, 1e-4, "sign-flipped"), (1e-4, 1e-6, "cost-derivative"), (0.0, 1e-4, "sign-flipped")],
)
@pytest.mark.parametrize("large", [1.0, 1e3])
def test_an_imprecise_value_counts_for_little(
    error: float, tolerance: float, code: str, large: float
) -> None:
    """One that is off by no more than its tolerance does not spoil a factor, however large."""
    numeric, doubt = numbers(0), {n: 1e-13 * np.abs(v) for n, v in numbers(0).items()}
    numeric["W1"][2, 2] *= large
    doubt["W1"][2, 2] = tolerance * abs(numeric["W1"][2, 2])
    analytic = {n: -v for n, v in numeric.items()}
    analytic["W1"][2, 2] *= 1 + error
    status = {n: compare(analytic[n], v, doubt[n]) for n, v in numeric.items()}
    found = diagnose(subject_at(numbers(2)), analytic, numeric, status, tolerance=doubt)
    assert found.code == code


@pytest.mark.parametrize(("tolerance", "code"), [(0.1, "sign-flipped"), (0.2, "constant-factor")])
def test_a_factor_has_a_name_where_no_other_is_as_near(tolerance: float, code: str) -> None:
    """Four times the tolerance is allowed for, and -1/2 is half of -1 away."""
    numeric = {"W1": np.asarray([1.0, -1.0, 1.0])}
    analytic = {"W1": -numeric["W1"]}
    status = {"W1": np.full(3, Status.FAIL, np.int8)}
    subject = subject_at({"W1": np.zeros(3)})
    doubt = {"W1": np.full(3, tolerance)}
    assert diagnose(subject, analytic, numeric, status, tolerance=doubt).code == code


def test_imprecise_differences_do_not_hide_a_flipped_sign() -> None:
    """Of x log x close to 0, and of a norm close to its kink that takes no complex numbers."""

    def norm(p: Gradient) -> Any:
        return np.hypot(*p["a"]) + (p["b"] ** 2).sum()

    def slope(p: Gradient) -> Gradient:
        return {"a": -p["a"] / np.hypot(*p["a"]), "b": -2 * p["b"]}

    log = check_gradients(
        lambda p: (p * np.log(p)).sum(),
        lambda p: -np.log(p) - 1,
        np.asarray([1e-8, 1e-5, 0.1, 0.5, 1e-12]),
    )
    beside = {"a": np.asarray([1e-9, 2e-9]), "b": np.asarray([1.0, 2.0])}
    for report in (log, check_gradients(norm, slope, beside)):
        assert report.diagnosis is not None
        assert report.diagnosis.code == "sign-flipped"


@pytest.mark.parametrize("factor", [2.0, 0.5])
def test_a_factor_may_be_missing_on_either_side(factor: float) -> None:
    """Half the gradient may be a 1/2 too much in it, or a 2 forgotten: the remedy fits both."""
    numeric = numbers(0)
    found = read(times(*[factor] * 6)(numeric), numeric)
    assert found.code == "constant-factor"
    assert "a factor that only one has" in found.remedy


def test_lone_coordinate_is_not_a_constant_factor() -> None:
    """One number is always a multiple of another: that tells nothing but if it has a name."""
    numeric = {"t": np.asarray(3.0)}
    assert read({"t": np.asarray(4.1)}, numeric).code == "single-entry"
    assert read({"t": np.asarray(6.0)}, numeric).detail == "the factor is 2"


@pytest.mark.parametrize(
    ("name", "code"),
    [
        *((name, "bias-missing") for name in ("b", "b1", "b_2", "bias", "bias_1", "1.fc.biases")),
        *((name, "gradient-missing") for name in ("beta", "bandwidth", "1.base", "b.rate", "ab")),
    ],
)
def test_only_a_bias_is_called_one(name: str, code: str) -> None:
    """By the last part of its path; other words begin with a b, too."""
    numeric = numbers(0, {"alpha": (4,), name: (2,)})
    found = read({**numeric, name: np.zeros(2)}, numeric)
    assert (found.code, found.detail) == (code, f"exactly zero: {name}")


def test_a_lost_sample_may_be_what_is_wrong_at_the_output() -> None:
    """No sample of a black box can be left out to see: the advice names cost and samples."""
    values = numbers(0, {"W1": (5, 4), "b1": (4,), "W2": (4, 3), "b2": (3,)})
    x, y = numbers(1, {"x": (30, 5), "y": (30, 3)}).values()

    def passed(p: Gradient, n: int) -> tuple[Array, Array]:
        a = np.tanh(x[:n] @ p["W1"] + p["b1"])
        return a, a @ p["W2"] + p["b2"] - y[:n]

    def gradient(p: Gradient) -> Gradient:
        a, delta = passed(p, 29)
        before = delta @ p["W2"].T * (1 - a * a)
        return {"W1": x[:29].T @ before, "b1": before.sum(0), "W2": a.T @ delta, "b2": delta.sum(0)}

    found = check_gradients(lambda p: (passed(p, 30)[1] ** 2).sum() / 2, gradient, values).diagnosis
    assert found is not None
    assert (found.code, found.tensor) == ("cost-derivative", "W2")
    assert "the cost's derivative is off, or the samples are" in found.title
    assert "sample by sample" in found.remedy


@pytest.mark.parametrize(
    ("names", "code"),
    [
        ("0 1 2", "errors-enter-here"),
        ("0.0 0.1 1.0", "errors-enter-here"),
        ("layers.0.W layers.1.W layers.10.W", "errors-enter-here"),
        ("fc1.weight fc1.bias fc2.weight", "errors-enter-here"),
        ("conv2d_1 conv2d_2 dense_3", "errors-enter-here"),
        ("mean scale shape", "unknown"),
        ("W1 b1 scale", "unknown"),
        ("weights.0 weights.1 biases.0", "unknown"),
        ("2.W 2.b 2.gain", "unknown"),
    ],
)
def test_errors_enter_only_at_layers(names: str, code: str) -> None:
    """Where every name counts layers, and none that is right stands before or in a wrong one's."""
    first, second, third = names.split()
    shapes = {first: (4, 3), second: (3, 3), third: (3,)}
    numeric, other = numbers(0, shapes), numbers(1, shapes)
    found = read({**other, third: numeric[third]}, numeric)
    assert (found.code, found.tensor) == (code, second)
    found = read({**other, first: numeric[first]}, numeric)
    assert found.code == "unknown"


UNTOLD = [
    (times(-1, -1, -1, -1, -1, -1), "sign-flipped"),
    (times(2, 2, 2, 2, 2, 2), "constant-factor"),
    (times(7, 7, 7, 7, 7, 7), "sum-for-mean"),
    (only("W2", lambda v: v.T), "transposed"),
    (lambda g: {**g, "W2": g["W3"], "W3": g["W2"]}, "layers-swapped"),
    (lambda g: {n: v + 0.01 * numbers(2)[n] for n, v in g.items()}, "weight-decay"),
    (lambda g: {n: np.clip(v, -0.5, 0.5) for n, v in g.items()}, "clipped"),
    (lambda g: numbers(3), "wrong-targets"),
    (kept("W1 W2 W3"), "bias-missing"),
    (noise_in("W2"), "weights-only"),
]


@pytest.mark.parametrize(("change", "code"), UNTOLD)
@pytest.mark.parametrize("told", [False, True])
def test_undecided_coordinates_take_no_part(
    change: Callable[[Gradient], Gradient], code: str, *, told: bool
) -> None:
    """Some of every tensor, whose numeric value is a copy of the analytic one, or means nothing."""
    numeric = numbers(0)
    analytic = {n: v.copy() for n, v in change(numeric).items()}
    status = {n: compare(analytic[n], v, np.asarray(1e-13)) for n, v in numeric.items()}
    rng = np.random.default_rng(0)
    for n, v in numeric.items():
        at = rng.random(v.shape) < 0.25
        v[at] = 9.0 if told else analytic[n][at]
        status[n][at] = Status.UNDECIDED
    subject = subject_at(numbers(2), hypotheses=lambda: [("wrong-targets", None, numbers(3))])
    assert diagnose(subject, analytic, numeric, status).code == code


def test_what_no_coordinate_tells_is_unknown() -> None:
    """A transpose counts only if some wrong value is held against one that was decided."""
    numeric = {"W1": np.asarray([[1.0, 2.0], [0.0, 3.0]])}
    analytic = {"W1": np.asarray([[1.0, 0.1], [5.0, 3.0]])}
    status = {"W1": np.full((2, 2), Status.PASS, np.int8)}
    status["W1"][0, 1], status["W1"][1, 0] = Status.FAIL, Status.UNDECIDED
    subject = subject_at({"W1": np.ones((2, 2))})
    assert diagnose(subject, analytic, numeric, status).code == "single-entry"


@pytest.mark.parametrize("method", ["sweep", "probe"])
@pytest.mark.parametrize(("factor", "code"), [(-1, "sign-flipped"), (2, "constant-factor")])
def test_a_probe_diagnoses_what_it_decides(method: Method, factor: int, code: str) -> None:
    """As a sweep does; exp(-40) beside 1 may be rounding of the other slopes, and is zero."""
    found = check_gradients(
        lambda p: np.log1p(np.exp(p)).sum(),
        lambda p: factor / (1 + np.exp(-p)),
        np.asarray([-40.0, 1, 5, 20, 35]),
        method=method,
    )
    assert (found.checked, found.zero, found.undecided) == (4, 1, 0)
    assert found.diagnosis is not None
    assert found.diagnosis.code == code


@pytest.mark.parametrize("method", ["sweep", "probe"])
def test_what_rounding_hides_spoils_no_diagnosis(method: Method) -> None:
    """One coordinate, in which 1 - a is zero, beside four others."""

    def a(p: Array) -> Any:
        return 1 / (1 + np.exp(-p))

    at = np.asarray([37.5, 1, 0.5, 2, -3])
    found = check_gradients(
        lambda p: a(p).sum(), lambda p: 2 * a(p) * (1 - a(p)), at, method=method
    )
    assert (found.checked, found.zero, found.failed) == (4, 1, 4)
    assert found.diagnosis is not None
    assert found.diagnosis.code == "constant-factor"


def test_nan_and_kinks_are_left_out() -> None:
    """Coordinates on a kink, where the numeric value means nothing, do not spoil a pattern."""
    numeric = numbers(0)
    analytic = {n: -v for n, v in numeric.items()}
    status = {n: np.full(v.shape, Status.FAIL, np.int8) for n, v in numeric.items()}
    analytic["W1"][0, 0], numeric["W1"][1, 1] = 4.0, np.nan
    status["W1"][0, 0] = status["W1"][1, 1] = Status.KINK
    found = diagnose(subject_at(numbers(2)), analytic, numeric, status)
    assert found.code == "sign-flipped"


def test_every_diagnosis_has_a_title_and_a_remedy() -> None:
    """Titles and remedies are short sentences without a full stop, as the report prints them."""
    for title, remedy in DIAGNOSES.values():
        assert 0 < len(title) < 80
        assert remedy
        assert not (title + remedy).endswith(".")


# --- penalties and projections ------------------------------------------------------------------

PENALTIES: dict[str, Callable[[Array], Array]] = {
    "times the parameters": lambda p: p,
    "times their signs": np.sign,
    "times their cubes": lambda p: p**3,
    "times p |p|": lambda p: p * np.abs(p),
    "of the parameters and of their signs": lambda p: p + 3 * np.sign(p),
    "of their distance from a value": lambda p: p - 0.7,
    "times each row over its norm": lambda p: p / np.sqrt((p**2).sum(axis=1, keepdims=True)),
    "times each column over its norm": lambda p: p / np.sqrt((p**2).sum(axis=0, keepdims=True)),
    "of W W' W and W": lambda p: p @ p.T @ p - p,
    "with the parameter": np.tanh,
}


@pytest.mark.parametrize("form", PENALTIES)
@pytest.mark.parametrize(("rate", "code"), [(0.03, "weight-decay"), (-0.03, "penalty-missing")])
def test_a_penalty_is_known_by_the_form_of_what_is_lacking(
    form: str, rate: float, code: str
) -> None:
    """Forgotten, half forgotten, of the wrong sign or twice, with a rate for each tensor."""
    numeric, values = numbers(0), numbers(1)
    rates = {"W1": rate, "W3": 2 * rate}
    analytic = {n: v + rates.get(n, 0) * PENALTIES[form](values[n]) if n in rates else v
                for n, v in numeric.items()}  # fmt: skip
    found = read(analytic, numeric, subject_at(values))
    if form == "of W W' W and W":
        assert found.code in ("weight-decay", "penalty-missing")
    else:
        assert found.code == code
    assert form in found.detail


def test_a_penalty_on_all_but_the_intercept_says_on_which() -> None:
    """The first entry of a vector goes without it, and is right."""
    numeric, values = numbers(0, {"w": (7,)}), numbers(1, {"w": (7,)})
    extra = np.where(np.arange(7) > 0, 0.1 * values["w"], 0)
    found = read({"w": numeric["w"] - extra}, numeric, subject_at(values))
    assert (found.code, found.tensor) == ("penalty-missing", "w")
    assert found.detail == (
        "analytic minus numeric is -0.1 times the parameters, in entries 1 to 6 of w"
    )


@pytest.mark.parametrize(
    ("factor", "code", "words"),
    [
        (
            7.0,
            "sum-for-mean",
            "beside a penalty that is right, times the parameters",
        ),
        (-1.0, "sign-flipped", "beside a penalty that is right"),
        (2.0, "constant-factor", "the factor is 2, beside a penalty that is right"),
    ],
)
def test_a_factor_of_the_rest_is_seen_beside_a_penalty(
    factor: float, code: str, words: str
) -> None:
    """The batch size, a sign: of all but the penalty's part."""
    loss, values = numbers(0), numbers(1)
    numeric = {n: v + 0.3 * values[n] for n, v in loss.items()}
    analytic = {n: factor * v + 0.3 * values[n] for n, v in loss.items()}
    found = read(analytic, numeric, subject_at(values))
    assert found.code == code
    assert words in found.detail


SQUARE = {"W": (4, 4)}
MANIFOLDS: dict[str, Callable[[Array, Array], Array]] = {
    "as on a sphere": lambda p, g: g - p * (p * g).sum() / (p * p).sum(),
    "in each row the part": lambda p, g: g - p * ((p * g).sum(1) / (p * p).sum(1))[:, None],
    "in each column the part": lambda p, g: g - p * (p * g).sum(0) / (p * p).sum(0),
    "its mean is missing": lambda _, g: g - g.mean(),
    "its symmetric part along W": lambda p, g: g - p @ (p.T @ g + g.T @ p) / 2,
    "it is G - W G' W": lambda p, g: g - p @ g.T @ p,
}


@pytest.mark.parametrize("what", MANIFOLDS)
def test_a_projected_gradient_is_no_penalty(what: str) -> None:
    """What is lacking is along the parameters, as a penalty's is; what is left is orthogonal."""
    numeric, values = numbers(0, SQUARE), numbers(1, SQUARE)
    found = read({"W": MANIFOLDS[what](values["W"], numeric["W"])}, numeric, subject_at(values))
    assert found.code == "projected"
    assert what in found.detail


def test_parameters_that_the_cost_does_not_read_are_told() -> None:
    """Whatever the gradient is there: of a penalty, say, that has been taken out of the cost."""
    values = numbers(1)
    numeric = {n: np.zeros_like(v) if n in ("W2", "b2") else v for n, v in numbers(0).items()}
    analytic = {**numeric, "W2": 2 * values["W2"], "b2": 2 * values["b2"]}
    found = read(analytic, numeric, subject_at(values))
    assert (found.code, found.tensor, found.detail) == ("not-read", "b2", "W2, b2")
    report = check_gradients(lambda p: 0 * p.sum() + 3.0, lambda p: 2 * p, np.arange(1.0, 6))
    assert report.diagnosis is not None
    assert report.diagnosis.code == "not-read"


# --- rounding, and what only looks like it ------------------------------------------------------


@pytest.mark.parametrize("size", [1e-3, 3e-4])
def test_a_small_smooth_error_is_no_rounding(size: float) -> None:
    """As of a constant that was written down with four digits."""
    numeric = numbers(0)
    found = read({n: v * (1 + size * (1 + v**2 / 9)) for n, v in numeric.items()}, numeric)
    assert found.code == "small-everywhere"


def test_rounding_on_the_way_scatters() -> None:
    """Products of numbers in single precision, added up in double."""
    numeric = numbers(0)
    rng = np.random.default_rng(1)
    analytic = {n: v * (1 + 6e-8 * rng.uniform(-1, 1, v.shape)) for n, v in numeric.items()}
    assert read(analytic, numeric).code == "low-precision"


@pytest.mark.parametrize("shape", [(5,), (1, 5), (5, 1)])
def test_biases_of_any_shape_are_biases(shape: tuple[int, ...]) -> None:
    """Rows and columns, as they are broadcast over a batch."""
    shapes = {n: (shape if n[0] == "b" else s) for n, s in SHAPES.items()}
    numeric = numbers(0, shapes)
    other = numbers(5, shapes)
    for names, code in (("b1 b2 b3", "bias-not-summed"), ("W2", "weights-only"),
                        ("W1 b1", "errors-enter-here")):  # fmt: skip
        analytic = {n: other[n] if n in names.split() else v for n, v in numeric.items()}
        assert read(analytic, numeric).code == code
