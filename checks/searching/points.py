"""Points: where, beside the parameters as they were made, a gradient is looked at.

Each keeps every number's sign, but for those that it sets to zero. Zeros are set only in arrays
that have numbers of both signs, for others may be meant to stay on one side of it, as variances do.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np

from checks.problem.nested import Array

AS_MADE = "as-made"


def rounded(values: Array) -> Array:
    """Each number to one significant digit."""
    digits = [float(f"{v:.0e}") for v in values.reshape(-1).tolist()]
    return np.asarray(digits, values.dtype).reshape(values.shape)


def _some_zeros(values: Array) -> Array:
    found = rounded(values)
    if (found < 0).any() and (found > 0).any():
        found.reshape(-1)[::2] = 0
    return found


# The roundest numbers come first: that is where a failure shrinks to.
POINTS: dict[str, Callable[[Array], Array]] = {
    "rounded": rounded,
    "some-zeros": _some_zeros,
    AS_MADE: lambda values: values,
    "small": lambda values: rounded(values / 10),
    "large": lambda values: rounded(values * 10),
}


def moved(values: Sequence[Array], point: str) -> tuple[Array, ...]:
    """The arrays at one of `POINTS`, in their dtypes.

    Examples
    --------
    >>> moved([np.asarray([0.123, -4.56])], "large")
    (array([  1., -50.]),)
    """
    return tuple(np.asarray(POINTS[point](v), v.dtype) for v in values)
