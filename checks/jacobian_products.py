"""Products with a Jacobian: functions from array to array, made into problems that can be checked.

A vector-Jacobian product with a cotangent c is the gradient of <c, f(x)>. A Jacobian-vector
product with a tangent d is, output by output, the slope of f along d: the gradient, at s = 1, of
the sum over the outputs k of f_k(x + (s_k - 1) d). So both are gradients of a cost that only runs
`f`, and the engine needs to know of neither.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from checks.api import named_inputs
from checks.methods.conclude import conclude
from checks.methods.dispatch import run_check
from checks.methods.options import CheckOptions, Method, Progress, Sample, whole
from checks.methods.run import start_run
from checks.methods.waiting import Waiting
from checks.oracles import rounding
from checks.oracles.lines import random_signed_weights
from checks.problem import nested
from checks.problem.nested import Array
from checks.problem.part import drawn
from checks.problem.problem import Problem, black_box, call_user_function
from checks.verdict import conduct
from checks.verdict.report import Diagnosis, Report
from checks.verdict.restoration import noted, restored

# Every output's own slope costs a run of f for each other output, some sixty times over: beyond
# this many, neighbouring outputs are checked together.
OUTPUTS = 64


def check_vjp(
    f: Callable[[Any], Array],
    vjp: Callable[[Any, Array], Any],
    x: Any,
    *,
    cotangents: int = 3,
    rtol: float | None = None,
    method: Method = "sweep",
    sample: Sample | None = None,
    stop_after: int | None = None,
    seed: int = 0,
    inputs: Any = None,
    progress: Progress | bool | None = None,
) -> Report:
    """Check a vector-Jacobian product against reruns of `f`, in every coordinate of `x`.

    Parameters
    ----------
    f
        x to an array.
    vjp
        (x, cotangent) to an array like `x`; the cotangent is shaped like f(x).
    x
        An array or any nesting of arrays; the report calls a lone one "x".
    cotangents
        How many random cotangents to try, one after the other. One shows nearly every error in
        the Jacobian; more show a product that is not linear in its cotangent.
    rtol, method, sample, stop_after, seed, inputs, progress
        As for `check_gradients`; a sample is one of the coordinates of `x`.

    Returns
    -------
    Report
        Of the worst cotangent, the first of them that fails; a note says which it was.

    Raises
    ------
    TypeError, ValueError
        When an argument is unusable, or f(x) is not an array of real floating-point numbers.

    Examples
    --------
    >>> import numpy as np
    >>> A = np.asarray([[1.0, 2.0], [3.0, 4.0], [5.0, 6.0]])
    >>> x = np.asarray([0.5, -1.0])
    >>> check_vjp(lambda x: A @ x, lambda x, c: A.T @ c, x).verdict
    'pass'
    >>> check_vjp(lambda x: A @ x, lambda x, c: -A.T @ c, x).verdict
    'fail'
    """
    checked = CheckOptions(
        rtol=rtol, method=method, sample=sample, stop_after=stop_after, seed=seed, progress=progress
    )
    _functions(f=f, vjp=vjp)
    whole("cotangents", cotangents, least=1)
    repeat = checked.as_call("check_vjp", cotangents=(cotangents, 3))
    kept = named_inputs(inputs)
    at = _point(x)
    shape, dtype = _output(f, at.nested())
    rng = np.random.default_rng((seed, 1))

    def problem() -> Problem:
        c = random_signed_weights(rng, shape).astype(dtype)
        own = c.copy()  # the product may change the one that it is given
        found = black_box(
            lambda point: (own * call_user_function("f", f, point["x"])).sum(),
            lambda point: {"x": call_user_function("vjp", vjp, point["x"], c)},
            {"x": x},
            inputs={**kept, "cotangent": c},
        )
        return replace(found, repeat=repeat)

    last = np.ones(shape, dtype)
    total = cotangents * drawn(black_box(f, None, {"x": x}), sample)
    again = {"f": f, "vjp": lambda x: vjp(x, last)}
    with _shown(checked, total) as shown, restored(x, kept, again) as restoring:
        report = _worst(problem, cotangents, "cotangent", shown)
    return noted(report, restoring)


def check_jvp(
    f: Callable[[Any], Array],
    jvp: Callable[[Any, Any], Array],
    x: Any,
    *,
    tangents: int = 3,
    rtol: float | None = None,
    method: Method = "sweep",
    seed: int = 0,
    inputs: Any = None,
    progress: Progress | bool | None = None,
) -> Report:
    """Check a Jacobian-vector product against reruns of `f`, in every coordinate of its output.

    Parameters
    ----------
    f
        x to an array.
    jvp
        (x, tangent) to an array like f(x); the tangent is nested and shaped like `x`.
    x
        An array or any nesting of arrays.
    tangents
        How many random tangents to try, one after the other. One shows nearly every error in the
        Jacobian; more show a product that is not linear in its tangent.
    rtol, method, seed, inputs, progress
        As for `check_gradients`.

    Returns
    -------
    Report
        Of the worst tangent, the first of them that fails; a note says which it was. Its one
        tensor is called "jvp". Beyond 64 outputs, each of its 64 coordinates is a sum over a run
        of neighbouring outputs with random signs and weights, and a note says so: an error in a
        single output then counts relative to the sum.

    Raises
    ------
    TypeError, ValueError
        When an argument is unusable, or f(x) is not an array of real floating-point numbers.

    Examples
    --------
    >>> import numpy as np
    >>> x = np.asarray([0.5, 1.0, 2.0])
    >>> check_jvp(np.log, lambda x, d: d / x, x).verdict
    'pass'
    >>> report = check_jvp(np.log, lambda x, d: d / x * [1, 1, 2], x)
    >>> print(report.verdict, report.worst.tensor, report.worst.index)
    fail jvp (2,)
    """
    checked = CheckOptions(rtol=rtol, method=method, seed=seed, progress=progress)
    _functions(f=f, jvp=jvp)
    whole("tangents", tangents, least=1)
    repeat = checked.as_call("check_jvp", tangents=(tangents, 3))
    kept = named_inputs(inputs)
    at = _point(x)
    shape, dtype = _output(f, at.nested())
    rng = np.random.default_rng((seed, 2))
    sums = _Sums(shape, rng)

    def problem() -> Problem | Report:
        d = at.tangent(rng)
        line = _Line(f=f, jvp=jvp, at=at, d=d, own=[e.copy() for e in d], sums=sums)
        coarsest = max((dtype, *(v.dtype for v in at.values)), key=lambda d: float(np.finfo(d).eps))
        tangent = {f"tangent {n}": e for n, e in zip(at.names, d, strict=True)}
        found = Problem(
            names=("jvp",),
            values=(np.ones(sums.shape, coarsest),),
            cost=lambda values: line.cost(values[0]),
            gradient=lambda values: {"jvp": line.slopes(values[0])},
            inputs={**kept, **tangent},
            repeat=repeat,
        )
        wrong = list(conduct.form("jvp", line.product(), shape, dtype))
        return _misshapen(found, wrong, checked) if wrong else found

    last = at.nested()
    total = tangents * int(np.prod(sums.shape))
    again = {"f": f, "jvp": lambda x: jvp(x, last)}
    with _shown(checked, total) as shown, restored(x, kept, again) as restoring:
        report = _worst(problem, tangents, "tangent", shown, notes=sums.notes)
    return noted(report, restoring)


@dataclass(frozen=True, kw_only=True)
class _Point:
    """Where a function is looked at: its argument as named arrays, and the way to nest them."""

    like: Any
    names: tuple[str, ...]
    values: tuple[Array, ...]

    def nested(self, values: Any = None) -> Any:
        return nested.rebuild(self.like, iter(self.copies() if values is None else values))

    def copies(self) -> list[Array]:
        return [v.copy() for v in self.values]

    def tangent(self, rng: np.random.Generator) -> list[Array]:
        """A direction along which each number moves by about its own size."""
        return [
            (rounding.step_scale(v) * random_signed_weights(rng, v.shape)).astype(v.dtype)
            for v in self.values
        ]

    def along(self, d: list[Array], t: Any) -> Any:
        """x + t d, complex or in double precision where `t` is."""
        return self.nested([np.asarray(v + t * e) for v, e in zip(self.values, d, strict=True)])


class _Sums:
    """Outputs as they are or, where there are too many, as weighted sums over runs of them."""

    def __init__(self, shape: tuple[int, ...], rng: np.random.Generator) -> None:
        size = int(np.prod(shape))
        self.alone = size <= OUTPUTS
        self.shape = shape if self.alone else (OUTPUTS,)
        self.starts = np.linspace(0, size, OUTPUTS, endpoint=False).astype(int)
        self.weights = random_signed_weights(rng, (size,))
        self.notes: tuple[str, ...] = ()
        if not self.alone:
            note = (
                f"f has {size:,} outputs: each coordinate of jvp sums about"
                f" {size // OUTPUTS:,} neighbours, with random weights"
            )
            self.notes = (note,)

    def __call__(self, outputs: Array) -> Array:
        if self.alone:
            return outputs
        weights = self.weights.astype(np.finfo(outputs.dtype).dtype)
        return np.asarray(np.add.reduceat(outputs.reshape(-1) * weights, self.starts))


@dataclass(frozen=True, kw_only=True)
class _Line:
    """f along x + (s - 1) d, and what `jvp` says of its slope.

    `own` is another copy of d: `jvp` may change the one that it is given.
    """

    f: Callable[[Any], Array]
    jvp: Callable[[Any, Any], Array]
    at: _Point
    d: list[Array]
    own: list[Array]
    sums: _Sums

    def cost(self, s: Array) -> Any:
        """The sum over k of f_k(x + (s_k - 1) d): one run of f for each different number in s."""
        total: Any = 0
        for step in np.unique(s):
            outputs = self.sums(self._outputs(self.at.along(self.own, step - 1)))
            total = total + outputs[s == step].sum()
        return total

    def slopes(self, s: Array) -> Array:
        """The analytic gradient of `cost`, in the precision of x."""
        steps = np.unique(s)
        found = [self.sums(np.asarray(self._jvp(step))) for step in steps]
        if len(found) == 1 or any(g.shape != s.shape for g in found):
            return found[0]
        where = np.searchsorted(steps, s)
        return np.asarray(np.take_along_axis(np.stack(found), where[None], axis=0)[0])

    def product(self) -> Array:
        """What `jvp` gives at x itself."""
        own = self.at.nested(e.copy() for e in self.own)
        return np.asarray(call_user_function("jvp", self.jvp, self.at.nested(), own))

    def _outputs(self, x: Any) -> Array:
        return np.asarray(call_user_function("f", self.f, x))

    def _jvp(self, step: Any) -> Array:
        moved = [
            np.asarray(v + (step - 1).astype(v.dtype) * e)
            for v, e in zip(self.at.values, self.own, strict=True)
        ]
        moved = self.at.nested(moved)
        return np.asarray(call_user_function("jvp", self.jvp, moved, self.at.nested(self.d)))


@contextmanager
def _shown(checked: CheckOptions, total: int) -> Iterator[CheckOptions]:
    """The options in a block in which True for the progress shows how far the checks are."""
    with closing(Waiting(total)) as waiting:
        yield checked if checked.progress is not True else replace(checked, progress=waiting.update)


def _misshapen(problem: Problem, wrong: list[Diagnosis], checked: CheckOptions) -> Report:
    """The report on a product that cannot be compared with f(x), whose form it should have."""
    this = start_run(problem, checked)
    remedy = "a Jacobian-vector product has the shape of f(x), and its precision"
    this.offences = [
        replace(each, remedy=remedy) if each.code in ("shape", "dtype") else each for each in wrong
    ]
    return conclude(this, None)


def _worst(
    problem: Callable[[], Problem | Report],
    times: int,
    what: str,
    checked: CheckOptions,
    notes: tuple[str, ...] = (),
) -> Report:
    """The worst of several reports, the first of equals; none is made after a failure."""
    severity = ("pass", "undecided", "fail")
    worst, which, seconds = None, 0, 0.0
    for number in range(1, times + 1):
        drawn = problem()
        report = drawn if isinstance(drawn, Report) else run_check(drawn, checked)
        seconds += report.seconds
        if worst is None or severity.index(report.verdict) > severity.index(worst.verdict):
            worst, which = report, number
        if report.verdict == "fail":
            break
    if worst is None:
        raise AssertionError("at least one is drawn")
    note = f"{number} random {what}{'s' * (number > 1)} tried, the figures are of number {which}"
    return replace(worst, seconds=seconds, notes=(*worst.notes, note, *notes))


def _point(x: Any) -> _Point:
    """`x` as a point, if it can be one: the same is asked of it as of any parameters."""
    try:
        seen = black_box(lambda point: 0.0, None, {"x": x})
    except (TypeError, ValueError) as error:
        raise type(error)(str(error).replace("params:", "x:", 1)) from None
    return _Point(like=x, names=seen.names, values=seen.values)


def _output(f: Callable[[Any], Any], x: Any) -> tuple[tuple[int, ...], np.dtype]:
    found = np.asarray(call_user_function("f", f, x))
    if found.dtype.kind != "f" or not found.size:
        raise TypeError(
            "f: expected a function to an array of real floating-point numbers,"
            f" got shape {found.shape}, dtype {found.dtype}"
        )
    return found.shape, found.dtype


def _functions(**functions: Any) -> None:
    for argument, function in functions.items():
        if not callable(function):
            raise TypeError(f"{argument}: expected a function, got {function!r}")
