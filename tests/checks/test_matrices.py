"""Jacobians and Hessians in every form that solvers take, right and with a mistake."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from checks import check_hessian, check_jacobian
from checks.verdict.report import Report

scipy_sparse = pytest.importorskip("scipy.sparse")
linalg = pytest.importorskip("scipy.sparse.linalg")

RNG = np.random.default_rng(0)
A = RNG.normal(size=(5, 3)) * [[1], [1], [0], [1], [1]]
X = RNG.normal(size=3)


def fun(x: Any) -> Any:
    """Five outputs, of which one is constant, and one on a scale of its own."""
    return np.sin(A @ x) * [1, 1, 1, 1, 1e6]


def jac(x: Any) -> Any:
    """Its Jacobian."""
    return (np.cos(A @ x) * [1, 1, 1, 1, 1e6])[:, None] * A


def rounded(x: Any) -> Any:
    """The same function for real numbers alone."""
    return np.asarray([float(v) for v in fun(x)])


def operator(matrix: Any, *, adjoint: Any = None, rmatvec: bool = True) -> Any:
    """A matrix as a LinearOperator."""
    transposed = matrix.T if adjoint is None else adjoint
    given = {"rmatvec": lambda v: transposed @ v} if rmatvec else {}
    return linalg.LinearOperator(matrix.shape, matvec=lambda v: matrix @ v, dtype=float, **given)


FORMS: dict[str, Callable[[Any], Any]] = {
    "dense": lambda m: m,
    "nested lists": lambda m: m.tolist(),
    "sparse": scipy_sparse.csr_array,
    "an old sparse matrix": scipy_sparse.csc_matrix,
    "an operator": operator,
    "without rmatvec": lambda m: operator(m, rmatvec=False),
}


def places(report: Report) -> set[tuple[int, ...]]:
    """The wrong entries."""
    return {m.index for m in report.failures}


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("function", [fun, rounded])
def test_a_right_jacobian_passes(form: str, function: Any) -> None:
    """In every form; the row of zeros is counted as such."""
    report = check_jacobian(function, lambda x: FORMS[form](jac(x)), X)
    assert (report.verdict, report.checked, report.zero) == ("pass", 12, 3), str(report)
    assert [(t.name, t.shape) for t in report.tensors] == [("jacobian", (5, 3))]
    assert report.oracle == ("complex step" if function is fun else "real differences")
    unmentioned = [n for n in report.notes if "rmatvec" not in n and "not usable" not in n]
    assert not unmentioned


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("function", [fun, rounded])
@pytest.mark.parametrize("at", [(0, 1), (3, 2), (2, 0)])
def test_a_wrong_entry_is_named(form: str, function: Any, at: tuple[int, int]) -> None:
    """By row and column; beside a row a million times as large, and where zero is right."""
    wrong = np.zeros((5, 3))
    wrong[at] = 1e-5
    report = check_jacobian(function, lambda x: FORMS[form](jac(x) + wrong), X)
    assert (report.verdict, places(report)) == ("fail", {at}), str(report)
    assert report.worst is not None
    assert report.worst.tensor == "jacobian"


def test_the_matrix_itself_and_both_at_once() -> None:
    """As arrays, or from one function."""
    assert check_jacobian(fun, jac(X), X).verdict == "pass"
    assert check_jacobian(lambda x: (fun(x), jac(x)), jac=True, x=X).verdict == "pass"
    assert check_jacobian(lambda x: (fun(x), -jac(x)), jac=True, x=X).verdict == "fail"
    with pytest.raises(TypeError, match=r"fun: expected \(outputs, matrix\) from it with jac=True"):
        check_jacobian(fun, jac=True, x=X)


def test_functions_are_run_as_often_as_for_one_row() -> None:
    """What they gave at a place is kept: rows share it."""

    def calls_of(rows: int) -> dict[str, int]:
        def slopes(x: Any) -> Any:
            return (1 - np.tanh(B[:rows] @ x) ** 2)[:, None] * B[:rows]

        return check_jacobian(lambda x: np.tanh(B[:rows] @ x), slopes, X).calls

    calls = {rows: calls_of(rows) for rows in (1, 40)}
    assert calls[40]["gradient"] == calls[1]["gradient"]
    assert calls[40]["cost"] < 20 * calls[1]["cost"]


B = RNG.normal(size=(40, 3))


def test_a_transposed_jacobian_is_told_by_its_shape() -> None:
    """And how it should be."""
    report = check_jacobian(fun, lambda x: jac(x).T, X)
    assert report.diagnosis is not None
    assert report.diagnosis.code == "shape"
    assert report.diagnosis.detail == "expected (5, 3), got (3, 5), its transpose"
    assert report.diagnosis.title == "the Jacobian has the wrong shape"
    assert "a row for each output of fun" in report.diagnosis.remedy


def test_one_that_changes_x_is_told() -> None:
    """As of a gradient."""

    def changing(x: Any) -> Any:
        found = jac(x)
        x += 1
        return found

    report = check_jacobian(fun, changing, X)
    assert report.diagnosis is not None
    assert report.diagnosis.code == "changes-parameters"
    assert report.diagnosis.title == "jac changes its parameters"


def test_more_dimensions_are_those_of_the_outputs_and_then_of_x() -> None:
    """As JAX has them."""
    x = RNG.normal(size=(2, 2))

    def square(x: Any) -> Any:
        return x @ x

    def slopes(x: Any) -> Any:
        eye = np.eye(2)
        return np.einsum("ik,lj->ijkl", eye, x) + np.einsum("ik,jl->ijkl", x, eye)

    assert check_jacobian(square, slopes, x).verdict == "pass"
    mask = np.ones((2, 2, 2, 2))
    mask[0, 1, 0, 0] = 0
    report = check_jacobian(square, lambda x: slopes(x) * mask, x)
    assert places(report) == {(0, 1, 0, 0)}


@pytest.mark.parametrize(
    ("function", "slopes", "x", "shape"),
    [
        (lambda x: np.asarray([x**2, np.sin(x)]), lambda x: [2 * x, np.cos(x)], 1.5, (2,)),
        (lambda x: (x**2).sum(), lambda x: 2 * x, np.ones(3), (3,)),
        (lambda x: np.asarray([(x**2).sum()]), lambda x: 2 * x, np.ones(3), (1, 3)),
        (lambda x: [x[0] * x[1], x[0] ** 2], lambda x: [[x[1], x[0]], [2 * x[0], 0]], [1, 2],
         (2, 2)),
    ],
)  # fmt: skip
def test_small_ones_may_leave_dimensions_out(
    function: Any, slopes: Any, x: Any, shape: Any
) -> None:
    """Of a single number, a single output; and a list of whole numbers is an array of floats."""
    report = check_jacobian(function, slopes, x)
    assert (report.verdict, report.tensors[0].shape) == ("pass", shape), str(report)


def test_single_precision_is_judged_as_such() -> None:
    """An error of five hundredths is found, rounding is none."""
    C, x = B.astype(np.float32), X.astype(np.float32)

    def slopes(x: Any) -> Any:
        return (1 - np.tanh(C @ x) ** 2)[:, None] * C

    assert check_jacobian(lambda x: np.tanh(C @ x), slopes, x).verdict == "pass"
    report = check_jacobian(lambda x: np.tanh(C @ x), lambda x: slopes(x) * np.float32(1.05), x)
    assert report.failed == report.parameters


@pytest.mark.parametrize("kind", [np.asarray, scipy_sparse.csr_array])
def test_a_pattern_has_to_hold_what_is_not_zero(kind: Any) -> None:
    """One that holds more is good; one that holds less fails, and says what it leaves out."""
    full = np.ones((5, 3))
    full[2] = 0
    assert check_jacobian(fun, jac, X, kind(full)).verdict == "pass"
    full[3, 1] = 0
    report = check_jacobian(fun, jac, X, pattern=kind(full))
    assert report.verdict == "fail"
    assert report.diagnosis is not None
    assert report.diagnosis.code == "pattern"
    assert report.diagnosis.detail == f"jacobian[3, 1] is {jac(X)[3, 1]:.6g}"


def test_a_matrix_built_by_its_pattern_is_the_patterns_mistake() -> None:
    """What is left out of both is wrong for one reason; where more is wrong, that is a note."""
    pattern = np.ones((5, 3), bool)
    pattern[0, 0] = False
    report = check_jacobian(fun, lambda x: jac(x) * pattern, X, pattern)
    assert (report.diagnosis and report.diagnosis.code, places(report)) == ("pattern", {(0, 0)})
    report = check_jacobian(fun, lambda x: -jac(x) * pattern, X, pattern)
    assert report.diagnosis
    assert report.diagnosis.code != "pattern"
    assert any("pattern leaves out" in note for note in report.notes)


def test_a_wrong_rmatvec_is_told() -> None:
    """Though matvec is right; a solver uses both."""
    report = check_jacobian(fun, lambda x: operator(jac(x), adjoint=-jac(x).T), X)
    assert (report.verdict, report.diagnosis and report.diagnosis.code) == ("fail", "adjoint")
    report = check_jacobian(fun, lambda x: operator(jac(x), rmatvec=False), X)
    assert any("jac has no rmatvec" in note for note in report.notes)


H = RNG.normal(size=(3, 3))
H = H + H.T


def grad(x: Any) -> Any:
    """Of a function with a cubic term."""
    return H @ x + x**2


def hess(x: Any) -> Any:
    """Its Hessian."""
    return H + np.diag(2 * x)


@pytest.mark.parametrize(
    "form",
    [
        hess,
        lambda x: scipy_sparse.csr_array(hess(x)),
        lambda x: operator(hess(x)),
        lambda x, v: hess(x) @ v,
        lambda x, p, scale=1.0: hess(x) @ p * scale,
        hess(X),
    ],
)
def test_a_right_hessian_passes(form: Any) -> None:
    """As a matrix in any form, and by its products."""
    report = check_hessian(grad, form, X)
    assert (report.verdict, report.checked) == ("pass", 9), str(report)
    assert report.tensors[0].name == "hessian"


@pytest.mark.parametrize("form", [lambda x: hess(x) - np.diag(x), lambda x, v: hess(x) @ v - x * v])
def test_a_wrong_diagonal_is_named(form: Any) -> None:
    """Alone."""
    assert places(check_hessian(grad, form, X)) == {(0, 0), (1, 1), (2, 2)}


def test_one_triangle_is_not_symmetric() -> None:
    """What is wrong is named, and that the other half is missing."""
    report = check_hessian(grad, lambda x: np.tril(hess(x)), X)
    assert places(report) == {(0, 1), (0, 2), (1, 2)}
    assert any("the Hessian is not symmetric" in note for note in report.notes)


def test_a_gradient_of_no_function_is_told() -> None:
    """Its derivative is right, but it cannot be a Hessian."""
    N = RNG.normal(size=(3, 3))
    report = check_hessian(lambda x: N @ x, lambda x: N, X)
    assert (report.verdict, report.diagnosis and report.diagnosis.code) == ("fail", "no-potential")


def test_rounding_does_not_break_symmetry() -> None:
    """Nor an adjoint that sums in another order."""
    rng = np.random.default_rng(1)
    P, Q = rng.normal(size=(6, 60)), rng.normal(size=(60, 6))
    M = P @ (Q @ P) @ Q
    M = M + M.T + 1e-15 * np.abs(M).max() * rng.normal(size=M.shape)
    x = rng.normal(size=6)
    assert check_hessian(lambda x: (M + M.T) / 2 @ x, lambda x: M, x).verdict == "pass"


@pytest.mark.parametrize(
    ("call", "error", "says"),
    [
        (lambda: check_jacobian(3, jac, X), TypeError, "fun: expected a function of x, got 3"),  # type: ignore[arg-type]
        (lambda: check_jacobian(fun, None, X), TypeError, "jac: expected a matrix or a function"),
        (lambda: check_jacobian(fun, jac, [np.nan]), ValueError, "x: expected finite numbers"),
        (lambda: check_jacobian(fun, jac, {"x": X}), TypeError, "x: expected an array, got dict"),
        (lambda: check_jacobian(fun, jac, X, np.ones((3, 5))), ValueError,
         r"pattern: expected an array of shape \(5, 3\).* got shape \(3, 5\)"),
        (lambda: check_jacobian(lambda x: "a", jac, X), TypeError, "fun: expected a function to"),
        (lambda: check_hessian(lambda x: x[:2], hess, X), TypeError, "grad: expected a gradient"),
        (lambda: check_jacobian(fun, jac, X, seed=-1), ValueError, "seed: expected a whole number"),
    ],
)  # fmt: skip
def test_what_cannot_be_used_is_named(call: Any, error: Any, says: str) -> None:
    """The argument, what was expected, and what came."""
    with pytest.raises(error, match=says):
        call()


def test_a_solver_takes_what_passed() -> None:
    """The convention is that of scipy.optimize."""
    optimize = pytest.importorskip("scipy.optimize")
    found = optimize.least_squares(lambda x: fun(x)[:4] - 0.1, X, jac=lambda x: jac(x)[:4])
    assert found.njev
