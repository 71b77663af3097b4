"""What the slopes of a case are, found without the checker: differences in longer numbers.

`slopes` takes central differences of `Case.exact` in `numpy.longdouble`, extrapolated over a
ladder of widths that starts at each parameter's own size, and keeps what the ladder agrees on best.
"""

from __future__ import annotations

import copy
from typing import Any

import numpy as np

from tests.checks.cases.shape import Case


def tensors(nested: Any) -> list[Any]:
    """The arrays of nested parameters, in the order of the nesting, dicts by sorted key."""
    if isinstance(nested, dict):
        return [one for key in sorted(nested) for one in tensors(nested[key])]
    if isinstance(nested, list | tuple):
        return [one for part in nested for one in tensors(part)]
    return [nested]


def longer(nested: Any) -> Any:
    """The same nesting, of copies in longer numbers."""
    if isinstance(nested, dict):
        return {key: longer(part) for key, part in nested.items()}
    if isinstance(nested, list | tuple):
        return type(nested)([longer(part) for part in nested])
    return np.array(nested, np.longdouble, order="C")


def slopes(case: Case) -> list[np.ndarray]:
    """The slope in each coordinate, one array for each tensor."""
    cost = case.exact or getattr(case.cost, "__wrapped__", case.cost)
    params = longer(case.params)
    found = []
    for one in tensors(params):
        flat = one.reshape(-1)
        found.append(
            np.array(
                [_slope(cost, params, flat, i, _scale(one, i)) for i in range(one.size)],
                np.longdouble,
            )
        )
    return found


def _scale(one: Any, i: int) -> float:
    """The size of a parameter; for a zero, that of the largest in its tensor, or one."""
    own = abs(np.ravel(one)[i])
    return float(own or np.abs(one).max() or 1.0)


def _slope(cost: Any, params: Any, flat: Any, i: int, size: float) -> np.longdouble:
    kept = flat[i].copy()
    ladder, widths = [], []

    def at(t: np.longdouble) -> np.longdouble:
        flat[i] = kept + t
        with np.errstate(all="ignore"):
            value = np.longdouble(np.asarray(cost(copy.deepcopy(params))).reshape(()))
        flat[i] = kept
        return value

    for k in range(19):
        h = size * np.longdouble(4.0) ** (-k - 1)
        ladder.append((at(h) - at(-h)) / (2 * h))
        widths.append(h)
    d = np.array(ladder, np.longdouble)
    e = (16 * d[1:] - d[:-1]) / 15
    f = (256 * e[1:] - e[:-1]) / 255
    rounding = np.finfo(np.longdouble).eps * np.abs(at(np.longdouble(0)))
    away = np.abs(np.diff(f)) + rounding / np.array(widths, np.longdouble)[3:]
    away = np.where(np.isfinite(away), away, np.inf)
    # Two neighbours may agree by accident: four hardly do.
    worst = np.max([away[:-2], away[1:-1], away[2:]], axis=0)
    return np.longdouble(f[2 + int(np.argmin(worst))])
