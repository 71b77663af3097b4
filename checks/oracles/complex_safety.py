"""Whether a cost can be asked for complex slopes, and what these may not see of it."""

from __future__ import annotations

import warnings

import numpy as np

from checks.oracles import nonholomorphic_calls, rounding, thresholds
from checks.problem.evaluation import as_number, in_double
from checks.problem.nested import Array
from checks.problem.problem import Arrays, Problem

HALF = float(np.sqrt(np.finfo(float).eps))


def why_not_complex_safe(problem: Problem, centre: float) -> str | None:
    """Why the cost cannot be asked for complex slopes; None where it can.

    With complex parameters its real part must be the real cost, but for a part that rounding may
    have made of it: half the digits have to agree, and confirmation looks into the rest.
    """
    try:
        found = complex_cost(problem, [v.astype(complex) for v in problem.values])
    except TypeError as error:
        return f"the cost does not take complex parameters ({error})"
    if found.dtype.kind != "c":
        return "the cost gives back a real number for complex parameters"
    if found.shape != ():
        return f"the cost gives back {found.shape} numbers for complex parameters"
    if not abs(found.real - centre) <= HALF * abs(centre):
        return f"with complex parameters the cost is {found.real:.9g}, not {centre:.9g}"
    return None


def blind_spot(problem: Problem) -> str | None:
    """What the complex step may not see of a black box, by what the cost asks of NumPy."""
    if problem.jittered is not None:
        return None  # a network's functions are known
    step = thresholds.COMPLEX_STEP
    values = [v + 1j * step * rounding.step_scale(v) for v in in_double(problem.values)]
    function = nonholomorphic_calls.without_derivative(problem, values)
    return function and f"the cost calls {function}, which has no complex derivative"


def complex_cost(problem: Problem, values: Arrays) -> Array:
    """The cost of complex parameters; a TypeError where it does not take them.

    It may refuse by any exception; a warning of discarding a part is one.
    """
    with warnings.catch_warnings(), np.errstate(all="ignore"):
        warnings.simplefilter("error", np.exceptions.ComplexWarning)
        try:
            return np.asarray(as_number(problem.cost(values)))
        except (MemoryError, OSError):
            raise
        except Exception as error:
            line = str(error).strip().split("\n")[0] or type(error).__name__
            raise TypeError(line) from error
