"""What a case is: a cost, its right gradient, wrong ones, and the verdicts each may get.

`Case` and `Wrong` hold one; `floats` and `both` make the version of a cost that takes no complex
numbers; `times`, `entry` and `usual` make wrong gradients out of a right one.
"""

from __future__ import annotations

import copy
import functools
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import Any, NamedTuple

import numpy as np

Function = Callable[[Any], Any]
Verdicts = tuple[str, ...]

PASS: Verdicts = ("pass",)
FAIL: Verdicts = ("fail",)
NOT_FAIL: Verdicts = ("pass", "undecided")
NOT_PASS: Verdicts = ("fail", "undecided")


class Wrong(NamedTuple):
    """A wrong gradient: what is wrong with it, and the verdicts that it may get.

    `code` is the diagnosis that a check has to give, where only one is true; `misleading` are
    diagnoses that would send people the wrong way.
    """

    label: str
    gradient: Any
    verdicts: Verdicts = FAIL
    code: str | None = None
    misleading: tuple[str, ...] = ()


@dataclass(frozen=True, kw_only=True)
class Case:
    """One problem of a kind that people have.

    Attributes
    ----------
    name, kind
        What it is called, unique, and the family that it belongs to.
    cost, params, right
        As handed to `check_gradients`; `right` is the gradient in the arithmetic of the cost.
    wrong
        Gradients that are not right.
    expect
        The verdicts that the right gradient may get.
    exact
        The cost without what makes it hard (rounding, stairs, low precision), where there is
        something of the kind: the collection's own tests compare `right` with this.
    accuracy
        How far `right` may be from the slope of `exact`, as a part of its tensor's largest slope.
        None where the cost has no slope to compare with: on a kink, or an untrue cost.
    calls
        How often a sweep of the right gradient may call the cost, where that is promised.
    options
        Further arguments of `check_gradients`.
    seeds
        Each is a check of its own.
    """

    name: str
    kind: str
    cost: Function
    params: Any
    right: Any
    wrong: tuple[Wrong, ...] = ()
    expect: Verdicts = PASS
    exact: Function | None = None
    accuracy: float | None = 1e-6
    calls: int | None = None
    options: dict[str, Any] = field(default_factory=dict)
    seeds: tuple[int, ...] = (0,)


def floats(cost: Function) -> Function:
    """The cost as it is often written: it returns a Python float, so it takes real numbers only."""

    @functools.wraps(cost)
    def of_floats(p: Any) -> float:
        return float(cost(p))

    return of_floats


def both(case: Case, **changes: Any) -> tuple[Case, Case]:
    """The case as it is, and with a cost of floats, for which `changes` are the expectations."""
    real = replace(case, name=f"{case.name}_floats", cost=floats(case.cost), **changes)
    return case, real


def times(gradient: Function, factor: Any, of: Any = None) -> Function:
    """The gradient with one tensor, or its only array, multiplied entry by entry.

    `of` is the key of the tensor; `factor` is a number or one number for each entry.
    """

    def slip(p: Any) -> Any:
        g = copy.deepcopy(gradient(p))
        one = np.array(g if of is None else g[of])
        one = one * np.broadcast_to(np.reshape(factor, np.shape(factor) and one.shape), one.shape)
        if of is None:
            return one
        g[of] = one
        return g

    return slip


def entry(gradient: Function, index: int, factor: float, of: Any = None) -> Function:
    """The gradient with one entry multiplied; `index` counts through the flattened tensor."""

    def slip(p: Any) -> Any:
        g = copy.deepcopy(gradient(p))
        one = np.array(g if of is None else g[of])
        one.reshape(-1)[index] *= factor
        if of is None:
            return one
        g[of] = one
        return g

    return slip


def usual(
    right: Function,
    params: Any,
    *,
    largest: Verdicts | None = FAIL,
    percent: Verdicts | None = FAIL,
    smallest: Verdicts | None = None,
    of: Any = None,
) -> tuple[Wrong, ...]:
    """Three slips that anyone may make in one array; None leaves one out.

    The sign of the largest entry, the smallest entry that is not zero doubled, and all of it 1%
    too large.
    """
    g = right(params)
    sizes = np.abs(np.ravel(g if of is None else g[of]))
    big = int(np.argmax(sizes))
    small = int(np.argmin(np.where(sizes == 0, np.inf, sizes)))
    where = "" if of is None else f" of {of}"
    slips = (
        (f"sign of the largest entry{where}", entry(right, big, -1, of), largest),
        (f"one percent too large{where}", times(right, 1.01, of), percent),
        (f"smallest entry doubled{where}", entry(right, small, 2, of), smallest),
    )
    no = ("weight-decay", "penalty-missing")
    return tuple(Wrong(label, slip, may, None, no) for label, slip, may in slips if may is not None)
