"""The front door: anyone's cost and gradient, checked by one call.

`check_gradients` returns a Report, `assert_gradients` raises one that does not pass. Every option
is checked here, before anything runs.
"""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import Executor
from contextlib import AbstractContextManager, closing, nullcontext
from dataclasses import replace
from functools import partial
from types import BuiltinFunctionType, FunctionType, MethodType
from typing import Any, Unpack

import numpy as np

from checks.forms import GradientProblem
from checks.methods.dispatch import run_check
from checks.methods.options import CheckOptions, CostError, Method, Options, Oracle, Sample, flag
from checks.methods.waiting import Waiting
from checks.problem import nested
from checks.problem.constraints import constrained
from checks.problem.nested import Array
from checks.problem.part import drawn
from checks.problem.problem import Problem, black_box, returns_both
from checks.several import (
    are_several,
    at_points,
    measured_once,
    of_points,
    seconds_of,
    side_by_side,
)
from checks.verdict.report import Report
from checks.verdict.restoration import noted, restored
from checks.verdict.text import folded

UNKNOWN = "unknown"  # the code of a diagnosis that names no cause


class GradientError(AssertionError):
    """A gradient that was not proved; `report` says where and why."""

    def __init__(self, report: Report) -> None:
        says = "the gradient is wrong" if report.verdict == "fail" else "not proved"
        cause = report.diagnosis
        if cause is not None and cause.code != UNKNOWN:  # for those who see a single line of it
            says += f": {cause.title}" + (f" in {cause.tensor}" if cause.tensor else "")
        super().__init__("\n".join([*folded(says), str(report)]))
        self.report = report


def check_gradients(
    cost: Callable[..., Any] | GradientProblem,
    gradients: Any = None,
    params: Any = None,
    *,
    jac: bool = False,
    args: tuple[Any, ...] = (),
    rtol: float | None = None,
    method: Method = "sweep",
    oracle: Oracle = "auto",
    strict: bool = False,
    cost_error: CostError = None,
    repeatable: bool = True,
    batched: bool = False,
    sample: Sample | None = None,
    stop_after: int | None = None,
    seed: int = 0,
    inputs: Any = None,
    points: Any = None,
    mask: Any = None,
    bounds: Any = None,
    manifold: Any = None,
    progress: Callable[[int], None] | bool | None = None,
    executor: Executor | None = None,
) -> Report:
    """Check every coordinate of a gradient against reruns of its cost.

    Parameters
    ----------
    cost
        params to one real number, be it a float, an int or an array of one element. It is also run
        on complex arrays; where it does not keep them exact, real differences are used instead. Or
        a `GradientProblem`, in the place of all three: see `value_and_grad` and `attributes`.
    gradients
        The analytic gradient, nested and shaped like `params`, or a function from params to it; a
        list of numbers may stand for an array. Given a function, its conduct is checked too: that
        it changes nothing and repeats itself. Several of them, as {"by hand": f, "by jax": g}, are
        judged against one measurement: the report is that of the worst, and has a note on each.
    params
        An array or any nesting of lists, tuples and dicts of arrays, of real floating-point
        numbers. They are left as they are; and as both functions are called at them once more at
        the end, so is an object that keeps the last parameters it was given.
    jac
        Whether `cost` returns the value and the gradient together; then `gradients` is None. True
        in the place of `gradients` says the same.
    args
        Further arguments of both functions, after `params`.
    rtol
        The relative error that is promised to be caught in every single coordinate; by default
        1e-6 for float64 and 1e-2 for float32. Not a slack: tolerances come from rounding.
    method
        "sweep" or "naive", the loop over all parameters; "probe", one projection of all at once;
        "taylor", the slope of the Taylor remainder along one direction.
    oracle
        What gives a sweep's numeric values: "real" differences alone, the "complex" step, which has
        to be had, or by default "auto": the complex step where it can be had.
    strict
        Whether what the cost shows less sharply than to `rtol` is undecided, instead of a pass that
        says how sharp it is.
    cost_error
        How far the cost may be off, where that is more than rounding, as from a solver that stops,
        a simulation or a GPU: a number, or a function from the cost's value to one.
    repeatable
        False for a cost, or a gradient, that differs from call to call: how far is measured, and
        the verdict is one at that noise. By default such functions fail.
    batched
        Whether `cost` takes a stack of k parameter sets, each array with a leading axis of k more,
        and returns k costs: many perturbations are then run in one call.
    sample
        How many random coordinates of each tensor to check, or which share of each, such as 0.01;
        by default all. The rest is "not checked", and the verdict is one on those drawn.
    stop_after
        At how many wrong coordinates to end, as soon as they are found; the rest is "not checked".
    seed
        Where the check's randomness comes from, a whole number. The same seed repeats a check.
    inputs
        An array or any nesting of arrays that both functions read and must leave unchanged.
    points
        Further parameter sets, nested and shaped like `params`, at which to check as well: the
        report is that of the worst.
    mask
        False where a number is a constant, which is neither moved nor compared: an array, a nest
        of them like `params`, or a dict by tensor name.
    bounds
        Bounds that no step crosses: (low, high), each a number, an array or None; an object with
        `lb` and `ub`; a list of (low, high) for each number; or a dict of these by tensor name.
    manifold
        What the parameters stay on, so that only slopes tangent to it count: "sphere",
        "symmetric", "orthogonal" (orthonormal columns), "simplex" (along the last axis), a
        function from (x, v) to the tangent part of v, or a dict of these by tensor name.
    progress
        Called with the number of coordinates done since the last call; True shows on standard
        error how far it is and the time left, where that is a terminal and it takes a while.
    executor
        Anything like `concurrent.futures.Executor`, to run the pieces of a sweep elsewhere. The
        numbers are the same to the last bit. Like `oracle`, `sample` and `stop_after`, for a sweep
        alone.

    Returns
    -------
    Report
        `verdict` is "pass", "fail" or "undecided"; `str(report)` is the text for people.

    Raises
    ------
    TypeError, ValueError
        When an argument is unusable. A wrong gradient raises nothing here.
    Exception
        What `cost` or `gradients` raise at `params`, unchanged: that is no verdict.

    Examples
    --------
    >>> import numpy as np
    >>> def cost(params):
    ...     return (params["w"] ** 2).sum() / 2 + 3 * params["b"]
    >>> def gradients(params):
    ...     return {"w": params["w"], "b": np.asarray(3.0)}
    >>> params = {"w": np.asarray([1.0, 2.0]), "b": np.asarray(0.5)}
    >>> check_gradients(cost, gradients, params).verdict
    'pass'

    A gradient may also be given as arrays; this one is wrong in one coordinate:

    >>> report = check_gradients(cost, {"w": np.asarray([1.0, 2.5]), "b": 3.0}, params)
    >>> print(report.verdict, report.worst.tensor, report.worst.index)
    fail w (1,)

    One function may return both:

    >>> def both(x, a):
    ...     return a * (x**2).sum(), 2 * a * x
    >>> check_gradients(both, params=np.asarray([1.0, 2.0]), jac=True, args=(3.0,)).verdict
    'pass'
    """
    within: Callable[[], AbstractContextManager[Any]] = nullcontext
    stacked = flag("batched", batched)
    if isinstance(cost, GradientProblem):
        if gradients is not None or params is not None or jac or args:
            raise TypeError(
                "gradients: expected nothing beside a GradientProblem but options, got more; pass"
                " check_gradients(problem)"
            )
        within, stacked = cost.within, stacked or cost.batched
        gradients, params, cost = cost.gradients, cost.params, cost.cost
    options = CheckOptions(
        rtol=rtol,
        method=method,
        oracle=oracle,
        strict=strict,
        cost_error=cost_error,
        repeatable=repeatable,
        sample=sample,
        stop_after=stop_after,
        seed=seed,
        progress=progress,
        executor=executor,
    )
    _given(gradients, params, jac=jac)
    every = dict(gradients) if are_several(gradients) else {"": gradients}
    if stacked and returns_both(jac, gradients):
        raise ValueError("batched: expected False with jac=True, got True; give two functions")
    kept = named_inputs(inputs)
    limits = {"mask": mask, "bounds": bounds, "manifold": manifold}
    problems: dict[str, list[Problem]] = {}
    for name, each in every.items():
        one = black_box(cost, each, params, inputs=kept, jac=jac, args=args, batched=stacked)
        fixed = not callable(each) and not returns_both(jac, each)
        problems[name] = [constrained(at, **limits) for at in at_points(one, points, fixed=fixed)]
    arrays = {name: (value, None) for name, value in {"points": points, **limits}.items()}
    repeat = options.as_call("check_gradients", batched=(batched, False), **arrays)
    again = {"the cost": _at_one(cost, args) if stacked else _at(cost, args)}
    for name, each in every.items():
        if callable(each):
            again[f"the gradient {name!r}" if name else "the gradient"] = _at(each, args)
    flat = [problem for each in problems.values() for problem in each]
    waiting = Waiting(sum(drawn(problem, options.sample) for problem in flat))
    if progress is True:
        options = replace(options, progress=waiting.update)
    with within(), closing(waiting), restored(params, kept, again) as restoring:
        seconds = {n: seconds_of(each[0]) for n, each in problems.items() if n}
        if seconds:
            problems = measured_once(problems)
        reports = {
            name: of_points(
                [run_check(replace(problem, repeat=repeat), options) for problem in each]
            )
            for name, each in problems.items()
        }
    report = side_by_side(reports, seconds) if seconds else reports[""]
    return noted(report, restoring)


class GradientOptions(Options, total=False):
    """What `check_gradients` takes by name."""

    jac: bool
    args: tuple[Any, ...]
    batched: bool
    inputs: Any
    points: Any
    mask: Any
    bounds: Any
    manifold: Any


def assert_gradients(
    cost: Callable[..., Any] | GradientProblem,
    gradients: Any = None,
    params: Any = None,
    *,
    allow_undecided: bool = False,
    **options: Unpack[GradientOptions],
) -> Report:
    """Like `check_gradients`, but anything short of "pass" raises what reads like a report.

    Parameters
    ----------
    cost, gradients, params, options
        As for `check_gradients`.
    allow_undecided
        Whether "undecided" is good enough. By default it is not: nothing was found wrong, but
        nothing was proved either.

    Raises
    ------
    GradientError
        An AssertionError; its `report` holds the findings.
    TypeError, ValueError
        When an argument is unusable.

    Examples
    --------
    >>> import numpy as np
    >>> report = assert_gradients(lambda x: np.sin(x).sum(), np.cos, np.asarray([0.5, 1.5]))
    >>> report.checked
    2
    """
    __tracebackhide__ = True
    report = check_gradients(cost, gradients, params, **options)
    if report.verdict == "fail" or (report.verdict != "pass" and not allow_undecided):
        raise GradientError(report)
    return report


def _given(gradients: Any, params: Any, *, jac: bool) -> None:
    """Require what can only be left out for something else."""
    both = returns_both(jac, gradients)
    if isinstance(params, FunctionType | MethodType | BuiltinFunctionType | np.ufunc | partial):
        raise TypeError(
            "params: expected the parameters, got a function; the order is"
            " check_gradients(cost, gradients, params)"
        )
    if params is None:
        raise TypeError(
            "params: expected the parameters to check at, got None; pass"
            " check_gradients(cost, gradients, params), or check_gradients(fun, None, params,"
            " jac=True)"
        )
    if gradients is None and not both:
        raise TypeError(
            "gradients: expected arrays or a function from the parameters to them, got None; pass"
            " jac=True where cost returns (value, gradient)"
        )


def _at(function: Callable[..., Any], args: tuple[Any, ...]) -> Callable[[Any], Any]:
    return lambda params: function(params, *args)


def _at_one(function: Callable[..., Any], args: tuple[Any, ...]) -> Callable[[Any], Any]:
    """The function of a stack at a stack of one."""

    def at(params: Any) -> Any:
        leaves = (np.asarray(leaf)[None] for _, leaf in nested.leaves(params, root="params"))
        return function(nested.rebuild(params, leaves), *args)

    return at


def named_inputs(inputs: Any) -> dict[str, Array]:
    """The arrays of `inputs` by name; they must be arrays already, for a copy shows no change."""
    if inputs is None:
        return {}
    for name, leaf in nested.leaves(inputs, root="inputs"):
        if not isinstance(leaf, np.ndarray):
            raise TypeError(
                f"inputs: expected arrays, got {type(leaf).__name__} in {name!r};"
                " give the arrays that the functions read, or leave this one out"
            )
    return nested.flatten(inputs, root="inputs")
