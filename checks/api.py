"""The front door: anyone's cost and gradient, checked by one call.

`check_gradients` returns a Report, `assert_gradients` raises one that does not pass. Every option
is checked here, before anything runs.
"""

from __future__ import annotations

import math
import operator
from collections.abc import Callable
from concurrent.futures import Executor
from contextlib import AbstractContextManager, closing, nullcontext, suppress
from dataclasses import replace
from functools import partial
from types import BuiltinFunctionType, FunctionType, MethodType
from typing import Any

import numpy as np

from checks.forms import GradientProblem
from checks.methods.dispatch import METHODS, ORACLES, SWEEPS, run_check
from checks.methods.run import CostError
from checks.methods.waiting import Waiting
from checks.problem import nested
from checks.problem.constraints import constrained
from checks.problem.nested import Array
from checks.problem.part import Sample, drawn
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

LONG = ("points", "mask", "bounds", "manifold")  # options that hold arrays

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
    method: str = "sweep",
    oracle: str = "auto",
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
    stacked = _flag("batched", batched)
    if isinstance(cost, GradientProblem):
        if gradients is not None or params is not None or jac or args:
            raise TypeError(
                "gradients: expected nothing beside a GradientProblem but options, got more; pass"
                " check_gradients(problem)"
            )
        within, stacked = cost.within, stacked or cost.batched
        gradients, params, cost = cost.gradients, cost.params, cost.cost
    checked = options(
        rtol=rtol,
        method=method,
        oracle=oracle,
        strict=strict,
        cost_error=cost_error,
        repeatable=repeatable,
        sample=sample,
        stop_after=stop_after,
        seed=seed,
        progress=None if isinstance(progress, bool) else progress,
    )
    _require_executor(executor, method)
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
    repeat = repeat_call(
        "check_gradients",
        rtol=rtol,
        method=method,
        oracle=oracle,
        strict=strict,
        cost_error=cost_error,
        repeatable=repeatable,
        batched=batched,
        sample=sample,
        stop_after=stop_after,
        seed=seed,
        points=points,
        **limits,
    )
    again = {"the cost": _at_one(cost, args) if stacked else _at(cost, args)}
    for name, each in every.items():
        if callable(each):
            again[f"the gradient {name!r}" if name else "the gradient"] = _at(each, args)
    flat = [problem for each in problems.values() for problem in each]
    waiting = Waiting(sum(drawn(problem, checked.get("sample")) for problem in flat))
    if progress is True:
        checked["progress"] = waiting.update
    with within(), closing(waiting), restored(params, kept, again) as restoring:
        seconds = {n: seconds_of(each[0]) for n, each in problems.items() if n}
        if seconds:
            problems = measured_once(problems)
        reports = {
            name: of_points(
                [
                    run_check(replace(problem, repeat=repeat), executor=executor, **checked)
                    for problem in each
                ]
            )
            for name, each in problems.items()
        }
    report = side_by_side(reports, seconds) if seconds else reports[""]
    return noted(report, restoring)


def assert_gradients(
    cost: Callable[..., Any] | GradientProblem,
    gradients: Any = None,
    params: Any = None,
    *,
    allow_undecided: bool = False,
    jac: bool = False,
    args: tuple[Any, ...] = (),
    rtol: float | None = None,
    method: str = "sweep",
    oracle: str = "auto",
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
    """Like `check_gradients`, but anything short of "pass" raises what reads like a report.

    Parameters
    ----------
    cost, gradients, params, jac, args, rtol, method, oracle, strict, cost_error
        As for `check_gradients`.
    repeatable, batched, sample, stop_after, seed, inputs, points, mask, bounds, manifold
        As for `check_gradients`.
    progress, executor
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
    report = check_gradients(
        cost,
        gradients,
        params,
        jac=jac,
        args=args,
        rtol=rtol,
        method=method,
        oracle=oracle,
        strict=strict,
        cost_error=cost_error,
        repeatable=repeatable,
        batched=batched,
        sample=sample,
        stop_after=stop_after,
        seed=seed,
        inputs=inputs,
        points=points,
        mask=mask,
        bounds=bounds,
        manifold=manifold,
        progress=progress,
        executor=executor,
    )
    if report.verdict == "fail" or (report.verdict != "pass" and not allow_undecided):
        raise GradientError(report)
    return report


def _require_executor(executor: Any, method: str) -> None:
    if executor is not None and not callable(getattr(executor, "submit", None)):
        raise TypeError(
            "executor: expected something that can submit, such as"
            f" concurrent.futures.ProcessPoolExecutor(), or None, got {executor!r}"
        )
    if executor is not None and method not in SWEEPS:
        raise ValueError(
            f"executor: expected None with method {method!r}, which has no pieces to share, got"
            f" {executor!r}"
        )


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


def repeat_call(function: str, *, seed: int, **given: Any) -> str:
    """The call that repeats a check, with the options that are not the defaults."""
    defaults = {
        "rtol": None,
        "method": "sweep",
        "oracle": "auto",
        "strict": False,
        "cost_error": None,
        "repeatable": True,
        "batched": False,
        "sample": None,
        "stop_after": None,
        "cotangents": 3,
        "tangents": 3,
    }
    named = [
        f"{key}={'...' if callable(value) or key in LONG else repr(value)}"
        for key, value in given.items()
        if (value is not None if key in LONG else value != defaults[key])
    ]
    return f"{function}({', '.join(['...', *named, f'seed={seed}'])})"


def options(
    *,
    rtol: float | None,
    method: str,
    seed: int,
    progress: Callable[[int], None] | None,
    oracle: str = "auto",
    strict: bool = False,
    cost_error: CostError = None,
    repeatable: bool = True,
    sample: Sample | None = None,
    stop_after: int | None = None,
) -> dict[str, Any]:
    """The options of a check as `run_check` takes them, or an error that names the wrong one."""
    if progress is not None and not callable(progress):
        raise TypeError(f"progress: expected a function of a count, or None, got {progress!r}")
    _flag("strict", strict)
    _flag("repeatable", repeatable)
    found: dict[str, Any] = {
        "rtol": None if rtol is None else _fraction("rtol", rtol),
        "method": _choice("method", method, METHODS),
        "oracle": _choice("oracle", oracle, ORACLES),
        "seed": whole("seed", seed, least=0),
    }
    if oracle != "auto" and method not in SWEEPS:
        raise ValueError(
            f"oracle: expected 'auto' with method {method!r}, which chooses its own, got {oracle!r}"
        )
    found |= _part(method, sample, stop_after)
    if strict:
        found["strict"] = True
    if cost_error is not None:
        found["cost_error"] = cost_error if callable(cost_error) else _error(cost_error)
    if not repeatable:
        found["repeatable"] = False
    if (cost_error is not None or not repeatable) and oracle == "complex":
        raise ValueError(
            "oracle: expected 'auto' or 'real' for a cost that is not exact, got 'complex'; leave"
            " out cost_error and repeatable, or the oracle"
        )
    return found if progress is None else {**found, "progress": progress}


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


def whole(argument: str, value: object, *, least: int) -> int:
    """A whole number of at least `least`."""
    expected = f"{argument}: expected a whole number of {least} or more, got {value!r}"
    try:
        number = operator.index(value)  # type: ignore[arg-type]
    except TypeError:
        raise TypeError(expected) from None
    if isinstance(value, bool) or number < least:
        raise ValueError(expected)
    return number


def _part(method: str, sample: Sample | None, stop_after: int | None) -> dict[str, Any]:
    """The options of a check of some coordinates only."""
    given = {"sample": sample, "stop_after": stop_after}
    given = {argument: value for argument, value in given.items() if value is not None}
    if given and method not in SWEEPS:
        argument, value = next(iter(given.items()))
        raise ValueError(
            f"{argument}: expected None with method {method!r}, which has no coordinates to"
            f" choose from, got {value!r}"
        )
    if sample is not None:
        given["sample"] = _sample(sample)
    if stop_after is not None:
        given["stop_after"] = whole("stop_after", stop_after, least=1)
    return given


def _sample(value: object) -> Sample:
    """A count, as an int, or a share of each tensor."""
    expected = (
        "sample: expected a whole number of coordinates for each tensor, such as 100, or a share"
        f" above 0 and below 1, such as 0.01, got {value!r}"
    )
    if isinstance(value, bool | np.bool_ | str):
        raise TypeError(expected)
    with suppress(TypeError):
        count = operator.index(value)  # type: ignore[arg-type]
        if count >= 1:
            return count
        raise ValueError(expected)
    try:
        share = float(value)  # type: ignore[arg-type]
    except (TypeError, ValueError):
        raise TypeError(expected) from None
    if not 0 < share < 1:
        raise ValueError(expected)
    return share


def _fraction(argument: str, value: float) -> float:
    expected = f"{argument}: expected a number above 0 and below 1, such as 1e-6, got {value!r}"
    try:
        number = float(value)
    except (TypeError, ValueError):
        raise TypeError(expected) from None
    if not (math.isfinite(number) and 0 < number < 1):
        raise ValueError(expected)
    return number


def _error(value: object) -> float:
    expected = (
        "cost_error: expected a finite number of 0 or more, such as 1e-8, or a function from the"
        f" cost's value to one, got {value!r}"
    )
    if isinstance(value, bool | str):
        raise TypeError(expected)
    try:
        number = float(value)  # type: ignore[arg-type]
    except (TypeError, ValueError):
        raise TypeError(expected) from None
    if not (math.isfinite(number) and number >= 0):
        raise ValueError(expected)
    return number


def _flag(argument: str, value: object) -> bool:
    if not isinstance(value, bool | np.bool_):
        raise TypeError(f"{argument}: expected True or False, got {value!r}")
    return bool(value)


def _choice(argument: str, name: object, known: tuple[str, ...]) -> str:
    if isinstance(name, str) and name in known:
        return name
    import difflib

    close = difflib.get_close_matches(str(name).lower(), known, n=1)
    hint = f"; did you mean {close[0]!r}?" if close else ""
    message = f"{argument}: expected one of {', '.join(known)}, got {name!r}{hint}"
    raise ValueError(message) if isinstance(name, str) else TypeError(message)
