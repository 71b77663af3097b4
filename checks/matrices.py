"""Matrices of derivatives: a Jacobian or a Hessian, checked in every row and column.

Row i of a Jacobian is the gradient of output i, so each is checked like any gradient. All rows look
at the same places around the point, and what `fun` and `jac` give there is kept: neither is run
more often than for a single row, but where a row needs a closer look.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import fields, replace
from typing import Any

import numpy as np

from checks.api import named_inputs
from checks.matrix_forms import Matrix, Part, Products, takes_vector
from checks.methods.conclude import conclude
from checks.methods.options import CheckOptions, Progress
from checks.methods.run import CheckRun, inspected_gradient, start_run
from checks.methods.sweep import sweep_all
from checks.oracles import thresholds
from checks.problem.nested import Array, coordinate
from checks.verdict import conduct
from checks.verdict.findings import Findings
from checks.verdict.report import Diagnosis, Report
from checks.verdict.restoration import noted, restored
from checks.verdict.rule import Status

# Beyond what a gradient may look like; by code: the title, and what to do.
DIAGNOSES = {
    "pattern": (
        "the sparsity pattern leaves out what is not zero",
        "add these places to the pattern: differences grouped by it are wrong in others, too",
    ),
    "adjoint": (
        "rmatvec is not the adjoint of matvec",
        "it multiplies by the transposed matrix; both are used by a solver",
    ),
    "not-symmetric": (
        "the Hessian is not symmetric",
        "the second derivatives of a smooth function are; see which of the two is meant",
    ),
    "no-potential": (
        "the gradient is that of no function: its own derivative is not symmetric",
        "check the gradient itself first, by check_gradients",
    ),
}
LISTED = 3  # places that a diagnosis lists

ARRAYS = [each.name for each in fields(Findings) if each.name != "projected"]


def check_jacobian(
    fun: Callable[[Any], Any],
    jac: Any,
    x: Any,
    pattern: Any = None,
    *,
    rtol: float | None = None,
    strict: bool = False,
    seed: int = 0,
    inputs: Any = None,
    progress: Progress | bool | None = None,
) -> Report:
    """Check the Jacobian of a function with several outputs, in every row and column.

    Parameters
    ----------
    fun
        x to an array, (m,) for `scipy.optimize.least_squares`, `fsolve` and `root`.
    jac
        x to the matrix, (m, n), or the matrix itself: dense, a sparse one of SciPy's, or a
        LinearOperator, whose `matvec` is checked and whose `rmatvec` is compared with it. For
        outputs or an `x` of more dimensions it has those of the outputs, then those of `x`. True
        where `fun` returns (outputs, matrix).
    x
        Where to check, (n,).
    pattern
        Where the matrix may differ from zero, (m, n), dense or sparse, such as `jac_sparsity`.
        What it leaves out has to be zero.
    rtol, strict, seed, inputs, progress
        As for `check_gradients`.

    Returns
    -------
    Report
        Its one tensor is called "jacobian"; an index is [row, column].

    Raises
    ------
    TypeError, ValueError
        When an argument is unusable, or fun(x) is not an array of real floating-point numbers.

    Examples
    --------
    >>> import numpy as np
    >>> def fun(x):
    ...     return np.array([x[0] * x[1], np.sin(x[1]), x[0] ** 2])
    >>> def jac(x):
    ...     return np.array([[x[1], x[0]], [0, np.cos(x[1])], [2 * x[0], 0]])
    >>> x = np.array([1.5, 0.5])
    >>> check_jacobian(fun, jac, x).verdict
    'pass'
    >>> report = check_jacobian(fun, lambda x: jac(x) * [[1, 1], [1, 1], [0.5, 1]], x)
    >>> print(report.worst)  # doctest: +ELLIPSIS
    jacobian[2, 0]: analytic 1.5, numeric 3, error 1.5, tolerance ...

    A pattern that says the last output does not depend on x[0]:

    >>> report = check_jacobian(fun, jac, x, pattern=[[1, 1], [0, 1], [0, 0]])
    >>> print(report.diagnosis.code, report.diagnosis.detail)
    pattern jacobian[2, 0] is 3
    """
    options = CheckOptions(rtol=rtol, strict=strict, seed=seed, progress=progress)
    if jac is True:
        fun, jac = Part(function=fun, part=0), Part(function=fun, part=1)
    matrix = Matrix(name="jacobian", fun=fun, argument="jac", matrix=jac, given=x)
    allowed = None if pattern is None else _allowed(pattern, matrix.shape)
    repeat = options.as_call("check_jacobian")

    def extra(found: Findings) -> Iterator[tuple[Diagnosis, Array]]:
        if allowed is not None:
            yield from _left_out(matrix, found, allowed)
        yield from _not_adjoint(matrix, found)

    return _checked(matrix, options, repeat=repeat, inputs=inputs, extra=extra)


def check_hessian(
    grad: Callable[[Any], Any],
    hess: Any,
    x: Any,
    *,
    rtol: float | None = None,
    strict: bool = False,
    seed: int = 0,
    inputs: Any = None,
    progress: Progress | bool | None = None,
) -> Report:
    """Check a Hessian, or its products with vectors, against a gradient, and its symmetry.

    Parameters
    ----------
    grad
        x to the gradient, shaped like `x`. It is taken to be right.
    hess
        x to the matrix, (n, n), or the matrix itself, dense, sparse or a LinearOperator; or
        (x, vector) to their product, shaped like `x`, as `hessp` of `scipy.optimize.minimize`.
    x
        Where to check, (n,); an array of more dimensions has a Hessian with all of them twice.
    rtol, strict, seed, inputs, progress
        As for `check_gradients`.

    Returns
    -------
    Report
        Its one tensor is called "hessian"; an index is [row, column].

    Raises
    ------
    TypeError, ValueError
        When an argument is unusable, or grad(x) is not an array of real floating-point numbers.

    Examples
    --------
    >>> import numpy as np
    >>> grad = lambda x: np.array([2 * x[0] * x[1], x[0] ** 2])
    >>> x = np.array([1.0, 3.0])
    >>> check_hessian(grad, lambda x: np.array([[2 * x[1], 2 * x[0]], [2 * x[0], 0]]), x).verdict
    'pass'
    >>> check_hessian(grad, lambda x, v: np.array([2 * x[1] * v[0], 2 * x[0] * v[0]]), x).verdict
    'fail'
    """
    options = CheckOptions(rtol=rtol, strict=strict, seed=seed, progress=progress)
    if takes_vector(hess):
        hess = Products(product=hess)
    matrix = Matrix(name="hessian", fun=grad, argument="hess", matrix=hess, given=x)
    if matrix.outputs.shape != matrix.x.shape:
        raise TypeError(
            f"grad: expected a gradient shaped like x, {matrix.x.shape}, got {matrix.outputs.shape}"
        )
    repeat = options.as_call("check_hessian")

    def extra(found: Findings) -> Iterator[tuple[Diagnosis, Array]]:
        measured = list(_not_symmetric(matrix, found, "no-potential", found.numeric))
        yield from measured or _not_symmetric(matrix, found, "not-symmetric", found.analytic)
        yield from _not_adjoint(matrix, found)

    return _checked(matrix, options, repeat=repeat, inputs=inputs, extra=extra)


Extra = Callable[[Findings], Iterator[tuple[Diagnosis, Array]]]


def _checked(
    matrix: Matrix, options: CheckOptions, *, repeat: str, inputs: Any, extra: Extra
) -> Report:
    kept = named_inputs(inputs)
    again = {matrix.function: matrix.fun}
    if callable(matrix.matrix):
        again[matrix.argument] = matrix.matrix
    with restored(matrix.x, kept, again) as restoring, np.errstate(all="ignore"):
        whole = start_run(matrix.problem(inputs=kept, repeat=repeat), options)
        matrix.calls = whole.problem.calls
        analytic = inspected_gradient(whole)
        whole.offences = [matrix.renamed(each) for each in whole.offences]
        findings = _rows(whole, matrix, analytic[matrix.name], options) if analytic else None
        if findings is not None:
            _add(whole, _in_shape(findings, matrix.shape), extra)
            late = conduct.changed_since(whole.problem, analytic)
            whole.offences += [matrix.renamed(each) for each in late]
            whole.notes += matrix.notes
        report = conclude(whole, findings)
    return noted(report, restoring)


# --- row by row -------------------------------------------------------------------------------


def _rows(whole: CheckRun, matrix: Matrix, analytic: Array, options: CheckOptions) -> Findings:
    """Measure and decide each row, as the gradient of one output."""
    rows = analytic.reshape(matrix.shape)
    runs, found = [], []
    for i, row in enumerate(rows):
        run = start_run(matrix.row(i), options)
        found.append(sweep_all(run, {matrix.name: row}))
        runs.append(run)
    whole.measured = ", ".join(dict.fromkeys(run.measured for run in runs))
    whole.noise = max(run.noise for run in runs)  # the worst of any row's
    for run in runs:
        whole.offences += [each for each in run.offences if each not in whole.offences]
        whole.problem.raised.extend(run.problem.raised)
    whole.notes += _said_of_rows([run.notes for run in runs])
    stacked: dict[str, Any] = {
        key: {matrix.name: np.stack([getattr(f, key)[matrix.name] for f in found])}
        for key in ARRAYS
    }
    return _in_shape(replace(found[0], **stacked), analytic.shape)


def _in_shape(findings: Findings, shape: tuple[int, ...]) -> Findings:
    shaped: dict[str, Any] = {
        key: {name: array.reshape(shape) for name, array in getattr(findings, key).items()}
        for key in ARRAYS
    }
    return replace(findings, **shaped)


def _said_of_rows(notes: list[list[str]]) -> list[str]:
    """What was noted of rows, once for each kind of note, with the first row that it holds for."""
    first: dict[str, tuple[int, str]] = {}
    many: dict[str, int] = {}
    for row, said in enumerate(notes):
        for note in said:
            kind = note.partition(":")[0]
            first.setdefault(kind, (row, note))
            many[kind] = many.get(kind, 0) + 1
    return [
        note if many[kind] == len(notes) else f"in {many[kind]:,} rows, the first {row}: {note}"
        for kind, (row, note) in first.items()
    ]


# --- what else can be wrong with a matrix -----------------------------------------------------


def _allowed(pattern: Any, shape: tuple[int, ...]) -> Array:
    found = np.asarray(pattern.toarray() if hasattr(pattern, "toarray") else pattern)
    if found.shape != shape or found.dtype.kind not in "biuf":
        raise ValueError(
            f"pattern: expected an array of shape {shape}, true or not zero where the matrix may"
            f" be, got shape {found.shape}, dtype {found.dtype}"
        )
    return np.asarray(found != 0)


def _add(whole: CheckRun, found: Findings, extra: Extra) -> None:
    """What is wrong besides; where more is wrong than that explains, it is but a note."""
    failed = _only(found.status) == Status.FAIL
    for diagnosis, explained in extra(found):
        if np.any(failed & ~explained):
            whole.notes.append(f"{diagnosis.title}: {diagnosis.detail}")
        else:
            whole.offences.append(diagnosis)


def _only(arrays: dict[str, Array]) -> Array:
    return next(iter(arrays.values()))


def _diagnosis(code: str, tensor: str, detail: list[str]) -> Diagnosis:
    title, remedy = DIAGNOSES[code]
    more = f" and {len(detail) - LISTED:,} more" if len(detail) > LISTED else ""
    return Diagnosis(
        code=code, title=title, remedy=remedy, tensor=tensor,
        detail="; ".join(detail[:LISTED]) + more,
    )  # fmt: skip


def _left_out(matrix: Matrix, found: Findings, allowed: Array) -> Iterator[tuple[Diagnosis, Array]]:
    numeric, status = _only(found.numeric), _only(found.status)
    known = np.isin(status, [Status.PASS, Status.FAIL])
    left = ~allowed & known & (np.abs(numeric) > _only(found.tolerance))
    if np.any(left):
        places = [tuple(at) for at in np.argwhere(left)]
        detail = [f"{coordinate(matrix.name, at)} is {numeric[at]:.6g}" for at in places]
        yield _diagnosis("pattern", matrix.name, detail), left


def _not_adjoint(matrix: Matrix, found: Findings) -> Iterator[tuple[Diagnosis, Array]]:
    if matrix.adjoint is None or not matrix.adjoint.size:
        return
    analytic, other = _only(found.analytic), matrix.adjoint
    off = _apart(analytic, other, _only(found.tolerance))
    if np.any(off):
        detail = [
            f"{coordinate(matrix.name, [*at])} is {analytic[tuple(at)]:.6g} by matvec,"
            f" {other[tuple(at)]:.6g} by rmatvec"
            for at in np.argwhere(off)
        ]
        yield _diagnosis("adjoint", matrix.name, detail), np.zeros(off.shape, bool)


def _not_symmetric(
    matrix: Matrix, found: Findings, code: str, values: dict[str, Array]
) -> Iterator[tuple[Diagnosis, Array]]:
    a, slack = _only(values), _only(found.tolerance)
    off = _apart(a, a.T, slack + slack.T)
    if np.any(off):
        detail = [
            f"{coordinate(matrix.name, (i, j))} is {a[i, j]:.6g}, [{j}, {i}] is {a[j, i]:.6g}"
            for i, j in np.argwhere(off)
            if i < j
        ]
        yield _diagnosis(code, matrix.name, detail), np.zeros(off.shape, bool)


def _apart(one: Array, other: Array, slack: Array) -> Array:
    """Where two values differ by more than rounding, of each and of the largest."""
    eps = float(np.finfo(one.dtype).eps)
    size = np.abs(one) + np.abs(other)
    largest = float(np.max(np.abs(one), initial=0.0))
    rounded = thresholds.SAFETY * eps * (size + largest) + slack
    return np.asarray(np.abs(one - other) > rounded)
