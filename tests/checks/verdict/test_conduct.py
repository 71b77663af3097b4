"""Every offence is caught with its code; clean subjects are accused of none."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from checks import check_gradients
from checks.methods.options import Method
from checks.problem.nested import Array
from checks.problem.problem import black_box
from checks.verdict.conduct import (
    OFFENCES,
    _kind,
    _nearby,
    conduct_diagnosis,
    form,
    inspect,
    same_bits,
)
from checks.verdict.report import Report
from tests.checks.helpers import LAYOUTS

RNG = np.random.default_rng(0)
DATA = RNG.normal(size=(6, 3))
TARGET = RNG.normal(size=6)
AT = {"W": np.ones((4, 3)), "b": np.ones(())}


def params() -> dict[str, Any]:
    """Fresh parameters."""
    return {"w": np.asarray([0.5, -1.0, 2.0]), "b": np.asarray([0.25])}


def residual(p: Any, data: Any = DATA) -> Any:
    """What a linear model leaves unexplained."""
    return data @ p["w"] + p["b"] - TARGET


def cost(p: Any) -> Any:
    """Half its mean square."""
    return (residual(p) ** 2).mean() / 2


def gradients(p: Any) -> dict[str, Any]:
    """The gradient of that."""
    r = residual(p) / len(TARGET)
    return {"w": DATA.T @ r, "b": r.sum(keepdims=True)}


# --- one offender for each offence ------------------------------------------------------------


def replaced(key: str, change: Callable[[Any], Any]) -> Report:
    """A gradient that is right but for one tensor, which is changed."""

    def gradient(p: Any) -> Any:
        g = gradients(p)
        return {**g, key: change(g[key])}

    return check_gradients(cost, gradient, params())


def cost_not_scalar() -> Report:
    """The mean forgotten."""
    return check_gradients(lambda p: residual(p) ** 2, gradients, params())


def cost_not_finite() -> Report:
    """An overflow."""
    return check_gradients(lambda p: cost(p) * np.inf, gradients, params())


def cost_changes_parameters() -> Report:
    """A step taken by the cost."""

    def shifts(p: Any) -> Any:
        p["w"] -= 1e-3
        return cost(p)

    return check_gradients(shifts, gradients, params())


def cost_changes_inputs() -> Report:
    """Data standardised in place."""
    data = DATA.copy()

    def standardises(p: Any) -> Any:
        data[:] = (data - data.mean(0)) / data.std(0)
        return (residual(p, data) ** 2).mean() / 2

    return check_gradients(standardises, gradients, params(), inputs={"data": data})


def cost_not_repeatable() -> Report:
    """Fresh noise in every call."""
    rng = np.random.default_rng(0)
    return check_gradients(lambda p: cost(p) * rng.uniform(0.9, 1.1), gradients, params())


def structure() -> Report:
    """The bias left out."""
    return check_gradients(cost, lambda p: {"w": gradients(p)["w"]}, params())


def shape() -> Report:
    """A column for a vector."""
    return replaced("w", lambda g: g[:, None])


def dtype() -> Report:
    """A cast at the end."""
    return replaced("w", lambda g: g.astype(np.float32))


def not_finite() -> Report:
    """NaN in one coordinate."""
    return replaced("w", lambda g: np.where(np.arange(3) == 1, np.nan, g))


def changes_parameters() -> Report:
    """A step taken by the gradient."""

    def steps(p: Any) -> Any:
        g = gradients(p)
        p["w"] -= 0.1 * g["w"]
        return g

    return check_gradients(cost, steps, params())


def changes_inputs() -> Report:
    """Samples reordered in place."""
    data = DATA.copy()

    def shuffles(p: Any) -> Any:
        g = gradients(p)
        data[:] = data[::-1]
        return g

    return check_gradients(cost, shuffles, params(), inputs=[data])


def accumulates() -> Report:
    """An accumulator that is never zeroed."""
    total = {"w": np.zeros(3), "b": np.zeros(1)}

    def adds(p: Any) -> Any:
        for name, g in gradients(p).items():
            total[name] += g
        return {name: g.copy() for name, g in total.items()}

    return check_gradients(cost, adds, params())


def overwritten() -> Report:
    """A buffer that is used again."""
    buffer = {"w": np.zeros(3), "b": np.zeros(1)}

    def reuses(p: Any) -> Any:
        for name, g in gradients(p).items():
            buffer[name][:] = g
        return buffer

    return check_gradients(cost, reuses, params())


def not_repeatable() -> Report:
    """Dropout left in."""
    rng = np.random.default_rng(0)
    return replaced("w", lambda g: g * rng.uniform(0.9, 1.1))


class Caching:
    """A forward pass that keeps what the backward pass reads."""

    def cost(self, w: Any) -> Any:
        """The mean square of an activation."""
        self.a = np.tanh(w)
        return (self.a**2).sum() / 2

    def backward(self, w: Any) -> Any:
        """Its gradient, wherever that was."""
        return self.a * (1 - self.a**2)

    def gradients(self, w: Any) -> Any:
        """Its gradient, here."""
        self.cost(w)
        return self.backward(w)


def stale() -> Report:
    """A backward pass without a forward pass before it."""
    net = Caching()
    return check_gradients(net.cost, net.backward, np.asarray([0.3, -0.7, 1.1]))


OFFENDERS = {
    "cost-not-scalar": cost_not_scalar,
    "cost-not-finite": cost_not_finite,
    "cost-changes-parameters": cost_changes_parameters,
    "cost-changes-inputs": cost_changes_inputs,
    "cost-not-repeatable": cost_not_repeatable,
    "structure": structure,
    "shape": shape,
    "dtype": dtype,
    "not-finite": not_finite,
    "changes-parameters": changes_parameters,
    "changes-inputs": changes_inputs,
    "accumulates": accumulates,
    "overwritten": overwritten,
    "not-repeatable": not_repeatable,
    "stale": stale,
}


@pytest.mark.parametrize("code", OFFENCES)
def test_an_offender_is_caught_with_its_code(code: str) -> None:
    """It fails, and title and remedy are in the text."""
    report = OFFENDERS[code]()
    assert report.verdict == "fail"
    assert report.diagnosis is not None
    assert report.diagnosis.code == code
    title, remedy = OFFENCES[code]
    text = " ".join(str(report).split())
    assert title in text
    assert remedy in text


def test_a_reused_buffer_shows_even_at_parameters_of_zero() -> None:
    """Where moving each parameter by a part of itself would move nothing."""
    buffer = np.zeros(3)

    def reuses(x: Any) -> Any:
        np.add(x, 1, out=buffer)
        return buffer

    report = check_gradients(lambda x: (x**2 / 2 + x).sum(), reuses, np.zeros(3))
    assert report.diagnosis is not None
    assert report.diagnosis.code == "overwritten"


@pytest.mark.parametrize("method", ["sweep", "naive", "probe", "taylor"])
def test_a_backward_pass_by_itself_is_told_by_every_method(method: Method) -> None:
    """And one that runs the forward pass itself is not."""
    net, at = Caching(), np.asarray([0.3, -0.7, 1.1])
    report = check_gradients(net.cost, net.backward, at, method=method)
    assert (report.verdict, report.diagnosis and report.diagnosis.code) == ("fail", "stale")
    assert check_gradients(net.cost, net.gradients, at, method=method).verdict == "pass"
    kept: dict[str, Any] = {}

    def real_alone(w: Any) -> Any:
        kept["w"] = np.real(w).copy()
        return (w**3).sum()

    report = check_gradients(real_alone, lambda w: 3 * kept["w"] ** 2, at, method=method)
    assert (report.verdict, report.diagnosis and report.diagnosis.code) == ("fail", "stale")


def ends(p: Any) -> Any:
    """The gradient of the negative entropy, for probabilities alone."""
    if abs(p.sum() - 1) > 1e-9:
        raise ValueError("p: expected probabilities, got a sum other than 1\nand more")
    return np.log(p) + 1


def undefined(p: Any) -> Any:
    """The same, in NaN."""
    return np.log(p) + (1 if abs(p.sum() - 1) <= 1e-9 else np.nan)


@pytest.mark.parametrize("method", ["sweep", "probe", "taylor"])
@pytest.mark.parametrize("gradient", [ends, undefined])
def test_a_gradient_may_end_near_the_point(method: Method, gradient: Any) -> None:
    """Like a cost: a right one passes, a wrong one fails, and what was raised is said."""
    at = np.asarray([0.2, 0.3, 0.5])
    report = check_gradients(lambda p: (p * np.log(p)).sum(), gradient, at, method=method)
    assert report.verdict == "pass"
    said = "near the point the gradient raised ValueError: p: expected probabilities, got a sum"
    if gradient is ends and method != "probe":  # which goes no further than rounding does
        assert any(note.startswith(said) for note in report.notes)
    wrong = check_gradients(
        lambda p: (p * np.log(p)).sum(), lambda p: gradient(p) * [1, 1, -1], at, method=method
    )
    assert wrong.verdict == "fail"


def test_a_cost_with_its_gradient_beside_it_is_not_a_number() -> None:
    """As other libraries want it."""
    at = np.asarray([1.0, 2.0])
    report = check_gradients(lambda w: (w @ w, 2 * w), lambda w: 2 * w, at)
    assert report.diagnosis is not None
    assert (report.diagnosis.code, report.diagnosis.detail) == (
        "cost-not-scalar",
        "expected one real number, got shape (), tuple",
    )


def test_more_than_double_precision_is_compared_by_its_numbers() -> None:
    """Not by the bytes between them, which are anything; the sign of zero and NaN count."""
    one = np.asarray([1.0, np.nan, -0.0], np.longdouble)
    raw = np.frombuffer(one.tobytes(), np.uint8).copy().reshape(3, -1)
    raw[:, 10:] = 255  # an x86 long double has ten bytes of its own
    other = raw.reshape(-1).view(np.longdouble)
    if np.finfo(np.longdouble).nmant == 63:
        assert same_bits(one, other)
    assert same_bits(one, one.copy())
    assert not same_bits(one, np.asarray([1.0, np.nan, 0.0], np.longdouble))
    assert not same_bits(one, np.nextafter(one, 2))
    assert not same_bits(one, one.astype(np.float64))


def test_every_offence_has_an_offender() -> None:
    """None is promised without being shown."""
    assert set(OFFENDERS) == set(OFFENCES)


def test_the_offending_tensor_is_named() -> None:
    """With what was expected and what came."""
    report = shape()
    assert report.diagnosis is not None
    assert report.diagnosis.tensor == "w"
    assert report.diagnosis.detail == "expected (3,), got (3, 1)"


def test_a_gradient_of_whole_numbers_is_told_even_where_it_is_exact() -> None:
    """A truncated one is at round parameters; `zeros_like` of it truncates what is added."""
    at = np.asarray([1.0, -2.0, 3.0])
    report = check_gradients(lambda w: w @ w, lambda w: (2 * w).astype(int), at)
    assert report.diagnosis is not None
    assert (report.diagnosis.code, report.verdict) == ("dtype", "fail")
    assert report.diagnosis.detail == "expected float64, got int64"
    assert check_gradients(lambda w: w @ w, lambda w: 2 * w, at).verdict == "pass"


def test_a_transposed_gradient_is_said_to_be_one() -> None:
    """Its shape gives it away."""
    W = RNG.normal(size=(2, 3))
    report = check_gradients(lambda W: (W**2).sum() / 2, lambda W: W.T, W)
    assert report.diagnosis is not None
    assert report.diagnosis.detail == "expected (2, 3), got (3, 2), its transpose"


def test_missing_and_unexpected_tensors_are_listed() -> None:
    """Both sides of a misnamed one."""
    report = check_gradients(cost, lambda p: {"w": p["w"], "bias": p["b"]}, params())
    assert report.diagnosis is not None
    assert report.diagnosis.detail == "missing: b; unexpected: bias"


def test_several_offences_are_all_reported() -> None:
    """The first as the diagnosis, the others as notes."""

    def both(p: Any) -> Any:
        g = {name: v * np.nan for name, v in gradients(p).items()}
        p["w"] += 1
        return g

    report = check_gradients(cost, both, params())
    assert report.diagnosis is not None
    assert report.diagnosis.code == "changes-parameters"
    assert any(OFFENCES["not-finite"][0] in note for note in report.notes)


def test_offences_leave_no_gradient_where_there_is_none_to_use() -> None:
    """`inspect` hands on nothing that cannot be compared."""
    seen = inspect(black_box(cost, lambda p: {}, params()))
    assert seen.cost == cost(params())
    assert seen.gradient == {}
    assert [f.code for f in seen.offences] == ["structure"]


@pytest.mark.parametrize("repeats", [False, True])
@pytest.mark.parametrize("stored", LAYOUTS)
def test_the_gradient_is_handed_on_in_c_order(stored: str, *, repeats: bool) -> None:
    """However it came; one that is so already is not copied for it, and one number stays one."""
    g = LAYOUTS[stored](np.arange(1.0, 13).reshape(4, 3))
    one = black_box(lambda p: (g * p["W"]).sum() + p["b"], {"W": g, "b": np.ones(())}, AT)
    seen = inspect(one, repeats=repeats)
    assert seen.offences == []
    assert seen.cost == g.sum() + 1
    analytic = seen.gradient
    assert analytic["W"].flags.c_contiguous
    np.testing.assert_array_equal(analytic["W"], g)
    assert np.shares_memory(analytic["W"], g) is (stored == "C" and not repeats)
    assert analytic["b"].shape == ()


def test_an_unknown_code_is_no_offence() -> None:
    """The table is the whole list."""
    with pytest.raises(KeyError):
        conduct_diagnosis("untidy")


def test_bits_are_compared_not_values() -> None:
    """NaN equals itself, minus zero is not zero, and dtypes count."""
    one = np.asarray([0.0, np.nan])
    assert same_bits(one, one.copy())
    assert not same_bits(one, np.asarray([-0.0, np.nan]))
    assert not same_bits(one, one.astype(np.float32))
    assert not same_bits(one, one[None])


# --- clean subjects ---------------------------------------------------------------------------


def polynomial(rng: np.random.Generator) -> tuple[Any, Any, Any]:
    """A sum of powers."""
    powers = np.arange(1, 5)
    weights = rng.normal(size=4)
    return (
        lambda x: (weights * x[:, None] ** powers).sum(),
        lambda x: (weights * powers * x[:, None] ** (powers - 1)).sum(axis=1),
        rng.normal(size=int(rng.integers(1, 6))),
    )


def least_squares(rng: np.random.Generator) -> tuple[Any, Any, Any]:
    """Linear, in a list, its bias a bare float."""
    data, target = rng.normal(size=(8, 3)), rng.normal(size=8)
    return (
        lambda p: ((data @ p[0] + p[1] - target) ** 2).mean() / 2,
        lambda p: [
            data.T @ (data @ p[0] + p[1] - target) / 8,
            (data @ p[0] + p[1] - target).mean(),
        ],
        [rng.normal(size=3), rng.normal()],
    )


def logistic_regression(rng: np.random.Generator) -> tuple[Any, Any, Any]:
    """In a dict, its bias a bare float."""
    data, label = rng.normal(size=(8, 3)), rng.integers(2, size=8)

    def logistic_cost(p: Any) -> Any:
        z = data @ p["w"] + p["b"]
        return (np.log(1 + np.exp(-z)) + (1 - label) * z).mean()

    def logistic_gradients(p: Any) -> Any:
        delta = 1 / (1 + np.exp(-(data @ p["w"] + p["b"]))) - label
        return {"w": data.T @ delta / 8, "b": delta.mean()}

    return logistic_cost, logistic_gradients, {"w": rng.normal(size=3), "b": rng.normal()}


def perceptron(rng: np.random.Generator) -> tuple[Any, Any, Any]:
    """Two layers, tanh between, in nested dicts."""
    n_in, hidden, n_out, batch = rng.integers(1, 6, size=4)
    x, y = rng.normal(size=(batch, n_in)), rng.normal(size=(batch, n_out))

    def mlp_cost(p: Any) -> Any:
        a = np.tanh(x @ p["hidden"]["W"] + p["hidden"]["b"])
        return ((a @ p["out"]["W"] + p["out"]["b"] - y) ** 2).sum() / (2 * batch)

    def mlp_gradients(p: Any) -> Any:
        a = np.tanh(x @ p["hidden"]["W"] + p["hidden"]["b"])
        delta = (a @ p["out"]["W"] + p["out"]["b"] - y) / batch
        back = delta @ p["out"]["W"].T * (1 - a**2)
        return {
            "hidden": {"W": x.T @ back, "b": back.sum(axis=0)},
            "out": {"W": a.T @ delta, "b": delta.sum(axis=0)},
        }

    drawn = {
        "hidden": {"W": rng.normal(size=(n_in, hidden)), "b": rng.normal(size=hidden)},
        "out": {"W": rng.normal(size=(hidden, n_out)), "b": rng.normal(size=n_out)},
    }
    return mlp_cost, mlp_gradients, drawn


def tied(rng: np.random.Generator) -> tuple[Any, Any, Any]:
    """The largest of several: one coordinate matters, the others are exactly zero."""
    return (
        lambda x: x.max() if not np.iscomplexobj(x) else x[x.real.argmax()],
        lambda x: (x == x.max()).astype(float),
        rng.normal(size=4),
    )


def real_only(rng: np.random.Generator) -> tuple[Any, Any, Any]:
    """A cost that cannot be run on complex numbers without losing their imaginary part."""
    return (
        lambda x: float(np.abs(np.exp(x / 2) + x).sum()),
        lambda x: np.sign(np.exp(x / 2) + x) * (np.exp(x / 2) / 2 + 1),
        rng.normal(size=4),
    )


FAMILIES = (polynomial, least_squares, logistic_regression, perceptron, tied, real_only)


def scaled(factor: float, nest: Any) -> Any:
    """Every array of a nest times the factor."""
    if isinstance(nest, dict):
        return {key: scaled(factor, value) for key, value in nest.items()}
    return [scaled(factor, v) for v in nest] if isinstance(nest, list) else factor * nest


@given(
    family=st.sampled_from(FAMILIES),
    seed=st.integers(0, 2**32 - 1),
    k=st.integers(-12, 12),
    as_arrays=st.booleans(),
)
def test_a_clean_subject_is_never_accused(
    *, family: Any, seed: int, k: int, as_arrays: bool
) -> None:
    """Whatever its scale, and whether its gradient is a function or arrays."""
    cost, gradients, at = family(np.random.default_rng(seed))
    factor = 10.0**k
    found = scaled(factor, gradients(at)) if as_arrays else lambda p: scaled(factor, gradients(p))
    report = check_gradients(lambda p: factor * cost(p), found, at)
    assert report.verdict in ("pass", "undecided"), str(report)
    assert report.diagnosis is None, str(report)


@pytest.mark.parametrize("k", [-12, 0, 12])
@pytest.mark.parametrize("family", FAMILIES)
def test_a_clean_subject_mostly_passes(family: Any, k: int) -> None:
    """It would be easy never to accuse anyone by never deciding anything."""
    verdicts = []
    for seed in range(10):
        cost, gradients, at = family(np.random.default_rng(seed))
        factor = 10.0**k
        report = check_gradients(
            lambda p: factor * cost(p),  # noqa: B023 used within the turn of the loop
            lambda p: scaled(factor, gradients(p)),  # noqa: B023 as above
            at,
        )
        verdicts.append(report.verdict)
    assert verdicts.count("pass") >= 9, verdicts


def test_a_cost_that_changes_things_accuses_no_gradient() -> None:
    """There is nothing to hold the gradient against, so nothing is said of it."""
    data = np.ones(3)

    def moves(p: Array) -> Any:
        p += 1
        return (p**2).sum()

    def spoils(p: Array) -> Any:
        data[:] *= 1.5
        return (data * p**2).sum()

    for cost, code in ((moves, "parameters"), (spoils, "inputs")):
        report = check_gradients(cost, lambda p: 2 * p, np.ones(3), inputs=data)
        assert report.verdict == "fail"
        assert report.diagnosis is not None
        assert report.diagnosis.code == f"cost-changes-{code}"
        assert (report.notes, report.checked) == ((), 0)


def test_a_gradient_may_be_more_precise_than_its_parameter() -> None:
    """Less precise it may not be, nor of another kind."""
    expected = {np.float16: ["dtype"], np.float32: [], np.float64: [], np.int32: ["dtype"]}
    for dtype, codes in expected.items():
        found = form("w", np.ones(2, dtype), (2,), np.dtype(np.float32))
        assert [f.code for f in found] == codes


def test_bits_are_the_same_in_arrays_of_one_dtype_and_shape_only() -> None:
    """Not in a transpose of zeros, nor where other numbers are written alike."""
    zeros = np.zeros((2, 3))
    assert same_bits(zeros, zeros.copy())
    assert same_bits(zeros, np.zeros((3, 2)).T)
    for other in (zeros.T, zeros.reshape(6), zeros.astype(np.int64), -zeros, zeros + np.nan):
        assert not same_bits(zeros, other)
        assert not same_bits(other, zeros)


def test_an_accumulator_is_one_though_sums_are_rounded() -> None:
    """One that takes a batch sample by sample adds in another order than a look at it does."""
    total = {"w": np.zeros(3), "b": np.zeros(1)}

    def adds(p: Any) -> Any:
        for x, r in zip(DATA, residual(p) / len(TARGET), strict=True):
            total["w"] += x * r
            total["b"] += r
        return {name: g.copy() for name, g in total.items()}

    report = check_gradients(cost, adds, params())
    assert report.diagnosis is not None
    assert report.diagnosis.code == "accumulates"


def test_a_repeated_call_is_made_very_near() -> None:
    """Where a gradient cannot be much different, and every number is another one."""
    at = np.asarray([0.0, 1.0, -1000.0])
    moved = _nearby(at, np.random.default_rng(0))
    assert np.all(moved != at)
    assert np.all(np.abs(moved - at) <= 2.0**-10 * np.asarray([1, 1, 1000]))
    assert moved[0] == 2.0**-10


def test_what_is_no_number_is_called_by_what_it_is() -> None:
    """One of them or several; and numbers by their dtype."""
    for held, kind in (([None], "NoneType"), (["a", None], "str"), ([], "object")):
        assert _kind(np.asarray(held, object)) == kind
    assert _kind(np.ones(2, np.float32)) == "float32"
