"""Trust: whether the complex step is to be believed on this cost.

- `supported`: whether real differences support a gradient that it has confirmed.
- `complex_doubt`: why it is not to be believed, if it is not.
- `complex_cost`: the cost of complex parameters, if it takes them.
"""

from __future__ import annotations

import warnings

import numpy as np

from checks import holomorphy, oracles, rounding
from checks.kinks import kinked
from checks.nest import Array
from checks.subject import Arrays, Subject
from checks.sweep import direction, everywhere, moved_along, wide

ALONG = "along a direction"
DIRECTIONS = 3

# A direction through thousands of parameters crosses kinks close by, each of which bends the real
# difference a little: half the digits have to agree.
BENT = 2.0**-26
PART = 2**16


def supported(
    subject: Subject, analytic: Arrays, rng: np.random.Generator, *, real: float, cost: complex
) -> bool:
    """Whether real costs support a gradient that a complex step has confirmed.

    At the point the cost is `real`, and with complex parameters `cost`. A quick look along one
    direction, at one step: half the digits have to agree. Where they do not, `complex_doubt` has
    more patience.
    """
    noise = float(np.spacing(abs(real)))
    if not abs(cost.real - real) <= rounding.BENEFIT * noise or holomorphy_doubt(subject):
        return False
    d = everywhere(subject, rng, most=PART)
    lines = direction(subject, d, noise=noise, size=abs(real))
    slope = sum(float(np.dot(g.reshape(-1)[: e.size], e)) for g, e in zip(analytic, d, strict=True))
    h = rounding.central_step(lines.scale, noise, lines.size)
    return bool(np.all(np.abs(oracles.difference(lines, h) - slope) <= BENT * abs(slope)))


def complex_doubt(
    subject: Subject,
    rng: np.random.Generator,
    *,
    noise: float,
    size: float,
    thorough: bool = True,
) -> str | None:
    """Why the cost cannot be trusted with complex parameters; None where it can.

    Its real part must be the real cost, and its complex step along one direction, in which every
    parameter takes part, must agree with real differences: extrapolated ones, or where many runs
    of the cost are too many (not `thorough`) with a central difference, for a part of each tensor.
    A direction that crosses a kink close by may mislead the latter, and one on which the point lies
    on a kink does: that is no excuse for the complex step unless what follows is `thorough`, too. A
    cost that is not made for complex numbers differs along every direction.
    """
    doubt = holomorphy_doubt(subject)
    if doubt:
        return doubt
    for attempt in range(DIRECTIONS):
        d = everywhere(subject, rng, most=None if thorough else max(PART >> 6 * attempt, 1))
        doubt = _doubt_along(subject, d, noise=noise, size=size, thorough=thorough)
        if doubt is None or not doubt.startswith(ALONG):
            break
    return doubt


def holomorphy_doubt(subject: Subject) -> str | None:
    """Why a black box has no complex derivative, by what it asks of NumPy, if that is so."""
    if subject.jittered is not None:
        return None  # a network's functions are known
    values = [v + 1j * rounding.COMPLEX_STEP * rounding.scale(v) for v in wide(subject.values)]
    function = holomorphy.without_derivative(subject, values)
    return function and f"the cost calls {function}, which has no complex derivative"


def _doubt_along(
    subject: Subject, d: Arrays, *, noise: float, size: float, thorough: bool
) -> str | None:
    values = wide(subject.values)
    moved = moved_along(values, d, 1j * rounding.COMPLEX_STEP)
    try:
        result = complex_cost(subject, moved)
    except TypeError as refusal:
        return f"the cost does not take complex parameters ({refusal})"
    if result.dtype.kind != "c":
        return "the cost gives back a real number for complex parameters"
    real = float(subject.cost(values))
    if not abs(result.real - real) <= rounding.BENEFIT * noise:
        return f"with complex parameters the cost is {result.real:.9g}, not {real:.9g}"
    slope = float(result.imag) / rounding.COMPLEX_STEP
    lines = direction(subject, d, noise=noise, size=size)
    plain = (oracles.ridders if thorough else oracles.central_difference)(lines)
    if np.isinf(plain.error[0]):
        return f"{ALONG} through all parameters real differences do not settle on a slope"
    allowed = rounding.BENEFIT * (plain.error[0] + noise) + BENT * abs(slope)
    agree = abs(slope - plain.slope[0]) <= allowed
    if agree or (thorough and kinked(lines)[0]):
        return None
    return (
        f"{ALONG} through all parameters it says {slope:.9g},"
        f" and real differences say {plain.slope[0]:.9g}"
    )


def complex_cost(subject: Subject, values: Arrays) -> Array:
    """The cost of complex parameters; a TypeError where it does not take them.

    It may refuse by any exception; a warning of discarding a part is one.
    """
    with warnings.catch_warnings():
        warnings.simplefilter("error", np.exceptions.ComplexWarning)
        try:
            return np.asarray(subject.cost(values))
        except Exception as error:
            raise TypeError(_first_line(error)) from error


def _first_line(error: BaseException) -> str:
    return str(error).strip().split("\n")[0] or type(error).__name__
