from typing import Any

import numpy as np
import pytest

from checks import check_jvp, check_vjp, jacobian_products
from checks.jacobian_products import OUTPUTS
from checks.methods import waiting

RNG = np.random.default_rng(0)
A = RNG.normal(size=(5, 4))
X = RNG.normal(size=4)


def f(x: Any) -> Any:
    """One layer, in the precision of x."""
    return np.tanh(A.astype(np.finfo(x.dtype).dtype) @ x)


def slope(x: Any) -> Any:
    """The slope of tanh there."""
    return 1 - f(x) ** 2


def vjp(x: Any, c: Any) -> Any:
    """The product with a cotangent."""
    return A.T.astype(x.dtype) @ (c * slope(x))


def jvp(x: Any, d: Any) -> Any:
    """The product with a tangent."""
    return slope(x) * (A.astype(x.dtype) @ d)


@pytest.mark.parametrize("dtype", [np.float64, np.float32])
def test_a_correct_product_passes(dtype: Any) -> None:
    """In either precision, and all coordinates of the argument or of the output are checked."""
    x = X.astype(dtype)
    assert (check_vjp(f, vjp, x).verdict, check_vjp(f, vjp, x).checked) == ("pass", 4)
    assert (check_jvp(f, jvp, x).verdict, check_jvp(f, jvp, x).checked) == ("pass", 5)


def test_a_wrong_coordinate_of_a_vjp_is_named() -> None:
    """By its place in x."""
    report = check_vjp(f, lambda x, c: vjp(x, c) * [1, 1, 1 + 2e-6, 1], X)
    assert report.verdict == "fail"
    assert [(m.tensor, m.index) for m in report.failures] == [("x", (2,))]


def test_a_wrong_coordinate_of_a_jvp_is_named() -> None:
    """By its place in the output."""
    report = check_jvp(f, lambda x, d: jvp(x, d) * [1, 1, 1, 1 + 2e-6, 1], X)
    assert report.verdict == "fail"
    assert [(m.tensor, m.index) for m in report.failures] == [("jvp", (3,))]


def test_outputs_of_any_shape_keep_their_indices() -> None:
    """A matrix of outputs has pairs of indices, a scalar output has none."""

    def outer(x: Any) -> Any:
        return x[:, None] * x

    def wrong(x: Any, d: Any) -> Any:
        slopes = d[:, None] * x + x[:, None] * d
        slopes[1, 3] *= -1
        return slopes

    assert [m.index for m in check_jvp(outer, wrong, X).failures] == [(1, 3)]
    scalar = check_jvp(lambda x: (x**2).sum(), lambda x, d: 2 * x @ d, X)
    assert (scalar.verdict, scalar.parameters) == ("pass", 1)


def test_a_product_that_is_not_linear_is_caught() -> None:
    """It ignores the sign of what it is given."""
    assert check_vjp(f, lambda x, c: vjp(x, np.abs(c)), X).verdict == "fail"
    assert check_jvp(f, lambda x, d: jvp(x, np.abs(d)), X).verdict == "fail"


def test_a_nested_argument_is_named_by_its_paths() -> None:
    """And a wrong part of it is found."""
    x = {"a": X, "b": [np.asarray(2.0)]}

    def product(x: Any) -> Any:
        return x["a"] * x["b"][0]

    def product_vjp(x: Any, c: Any) -> Any:
        return {"a": c * x["b"][0], "b": [(c * x["a"]).sum()]}

    report = check_vjp(product, product_vjp, x)
    assert report.verdict == "pass"
    assert [t.name for t in report.tensors] == ["x.a", "x.b.0"]

    def half(x: Any, d: Any) -> Any:
        return d["a"] * x["b"][0]

    def whole(x: Any, d: Any) -> Any:
        return half(x, d) + x["a"] * d["b"][0]

    assert check_jvp(product, whole, x).verdict == "pass"
    assert check_jvp(product, half, x).verdict == "fail"


def test_many_outputs_are_checked_in_runs_and_a_note_says_so() -> None:
    """One wrong output among hundreds still shows."""
    B = RNG.normal(size=(8 * OUTPUTS, 4))
    wrong = B.copy()
    wrong[100] *= -1
    good = check_jvp(lambda x: B @ x, lambda x, d: B @ d, X)
    assert (good.verdict, good.parameters) == ("pass", OUTPUTS)
    assert any("512 outputs" in note for note in good.notes)
    bad = check_jvp(lambda x: B @ x, lambda x, d: wrong @ d, X)
    assert [m.index for m in bad.failures] == [(100 // 8,)]


def test_the_note_says_how_many_were_tried() -> None:
    """The figures of a report are those of one of them."""
    assert "3 random cotangents tried" in check_vjp(f, vjp, X).notes[-1]
    assert "1 random tangent tried" in check_jvp(f, jvp, X, tangents=1).notes[-1]


def test_a_cotangent_or_tangent_that_is_changed_is_reported() -> None:
    """It belongs to the caller."""

    def spoils_cotangent(x: Any, c: Any) -> Any:
        c *= slope(x)
        return A.T @ c

    def spoils_tangent(x: Any, d: Any) -> Any:
        result = jvp(x, d)
        d *= 0
        return result

    for report, name in (
        (check_vjp(f, spoils_cotangent, X), "cotangent"),
        (check_jvp(f, spoils_tangent, X), "tangent x"),
    ):
        assert report.verdict == "fail"
        assert report.diagnosis is not None
        assert (report.diagnosis.code, report.diagnosis.tensor) == ("changes-inputs", name)


def test_a_product_of_the_wrong_shape_is_reported() -> None:
    """With the shape that was expected."""
    for report, expected in (
        (check_vjp(f, lambda x, c: c, X), "expected (4,), got (5,)"),
        (check_jvp(f, lambda x, d: d, X), "expected (5,), got (4,)"),
    ):
        assert report.diagnosis is not None
        assert report.diagnosis.code == "shape"
        assert expected in report.diagnosis.detail


@pytest.mark.parametrize("outputs", [9, OUTPUTS, OUTPUTS + 1, 100])
@pytest.mark.parametrize(
    ("change", "code", "detail"),
    [
        (lambda p: p[None], "shape", "expected ({n},), got (1, {n})"),
        (lambda p: p.sum(), "shape", "expected ({n},), got ()"),
        (lambda p: p[:-1], "shape", "expected ({n},), got ({less},)"),
        (lambda p: np.ones(OUTPUTS + 5), "shape", "expected ({n},), got (69,)"),
        (lambda p: p.astype(int), "dtype", "expected float64, got int64"),
        (lambda p: p.astype(np.float32), "dtype", "expected float64, got float32"),
        (lambda p: None, "dtype", "expected float64, got NoneType"),
        (lambda p: p * np.nan, "not-finite", "got nan at [0]"),
    ],
)
def test_a_jvp_has_the_form_of_the_outputs(
    outputs: int, change: Any, code: str, detail: str
) -> None:
    """However many there are: where they are summed, no sum may hide it."""
    B = np.random.default_rng(1).normal(size=(outputs, 3))
    x = np.ones(3)
    report = check_jvp(lambda x: B @ x, lambda x, d: change(B @ d), x)
    assert report.verdict == "fail"
    assert report.diagnosis is not None
    assert (report.diagnosis.code, report.diagnosis.tensor) == (code, "jvp")
    assert report.diagnosis.detail == detail.format(n=outputs, less=outputs - 1)
    if code != "not-finite":
        assert "the shape of f(x), and its precision" in report.diagnosis.remedy
    assert check_jvp(lambda x: B @ x, lambda x, d: B @ d, x).verdict == "pass"


def test_the_call_that_repeats_a_check_has_its_options() -> None:
    """Those that are not the defaults."""
    wrong = lambda x, c: 2 * vjp(x, c)  # noqa: E731
    for options, text in (
        ({}, "check_vjp(..., seed=0)"),
        ({"seed": 3, "cotangents": 1}, "check_vjp(..., cotangents=1, seed=3)"),
        ({"method": "naive", "rtol": 1e-3}, "check_vjp(..., rtol=0.001, method='naive', seed=0)"),
    ):
        assert check_vjp(f, wrong, X, **options).repeat == text
    assert check_jvp(f, lambda x, d: -jvp(x, d), X, tangents=2).repeat == (
        "check_jvp(..., tangents=2, seed=0)"
    )


@pytest.mark.parametrize(
    ("arguments", "options", "error", "message"),
    [
        ((3, vjp, X), {}, TypeError, "f: expected a function, got 3"),
        ((f, None, X), {}, TypeError, "vjp: expected a function, got None"),
        ((f, vjp, np.arange(4)), {}, TypeError, "x: expected arrays of real"),
        ((lambda x: x > 0, vjp, X), {}, TypeError, "f: expected a function to an array of real"),
        ((f, vjp, X), {"cotangents": 0}, ValueError, "cotangents: expected a whole number of 1"),
        ((f, vjp, X), {"rtol": -1}, ValueError, "rtol: expected a number above 0"),
        ((f, vjp, X), {"seed": "x"}, TypeError, "seed: expected a whole number"),
    ],
)
def test_wrong_arguments_are_named(
    arguments: Any, options: Any, error: type[Exception], message: str
) -> None:
    """With what was expected and what came."""
    with pytest.raises(error) as caught:
        check_vjp(*arguments, **options)
    assert message in str(caught.value)


@pytest.mark.parametrize("kind", ["vjp", "jvp"])
def test_progress_may_be_shown(kind: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Of all cotangents or tangents together, on standard error, where that is a terminal."""
    totals, moved = [], []

    class Line(waiting.Waiting):
        def update(self, done: int) -> None:
            totals.append(self.total)
            moved.append(done)

    monkeypatch.setattr(jacobian_products, "Waiting", Line)
    A, x = np.ones((2, 3)), np.ones(3)
    if kind == "vjp":
        check_vjp(lambda x: A @ x, lambda x, c: A.T @ c, x, cotangents=2, progress=True)
        check_vjp(lambda x: A @ x, lambda x, c: A.T @ c, x, cotangents=2, progress=False)
    else:
        check_jvp(lambda x: A @ x, lambda x, d: A @ d, x, tangents=3, progress=True)
    assert set(totals) == {6}
    assert sum(moved) == 6
