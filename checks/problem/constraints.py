"""Constraints: numbers that are constants, bounds that nothing crosses, manifolds to stay on.

A constrained problem has the parameters of the one that it is made of. What moves them first moves
on the manifold, constants stay where they are, and the cost is not run beyond a bound: there it is
continued from within, by the cubic through the point and three places on the other side.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np

from checks.problem import nested
from checks.problem.manifolds import Manifold, manifold_of
from checks.problem.nested import Array
from checks.problem.problem import Arrays, Problem

# The value at 1 of the cubic through values at 0, -1, -2 and -3.
CONTINUED = (4.0, -6.0, 4.0, -1.0)


def constrained(
    problem: Problem, *, mask: Any = None, bounds: Any = None, manifold: Any = None
) -> Problem:
    """The problem with some of its directions left out.

    Parameters
    ----------
    problem
        What to check.
    mask
        True where a number is a parameter, False where it is a constant: an array, a nest of them
        like the parameters, or a dict by tensor name.
    bounds
        (low, high), each a number or an array, or None; an object with `lb` and `ub`; a list of
        (low, high), one for each number; or a dict of any of these by tensor name.
    manifold
        What `manifold_of` takes, or a dict of it by tensor name.

    Raises
    ------
    TypeError, ValueError
        When one of them does not go with the parameters.
    """
    if mask is None and bounds is None and manifold is None:
        return problem
    free, low, high, curved = [], [], [], []
    masks = _by_tensor("mask", mask, problem, arrays=True)
    limits = _by_tensor("bounds", bounds, problem)
    manifolds = _by_tensor("manifold", manifold, problem)
    for name, value in zip(problem.names, problem.values, strict=True):
        free.append(_free(masks.get(name), value, name))
        below, above = _limits(limits.get(name), value, name)
        low.append(below)
        high.append(above)
        wanted = manifolds.get(name)
        curved.append(None if wanted is None else manifold_of(wanted, value, name))
    if not any(f.any() for f in free):
        raise ValueError("mask: expected at least one parameter, got constants alone")
    own = _Constrained(
        problem=problem,
        free=None if mask is None else tuple(free),
        bounds=None if bounds is None else (tuple(low), tuple(high)),
        manifolds=tuple(curved),
    )
    return replace(
        problem,
        cost=own.cost,
        gradient=own.gradient,
        costs=None,
        rerun=None,
        constants={} if mask is None else dict(zip(problem.names, [~f for f in free], strict=True)),
    )


@dataclass(frozen=True, kw_only=True, eq=False)
class _Constrained:
    """A problem's functions under constraints; methods, so that they can be sent elsewhere."""

    problem: Problem
    free: tuple[Array, ...] | None
    bounds: tuple[tuple[Array, ...], tuple[Array, ...]] | None
    manifolds: tuple[Manifold | None, ...]
    known: dict[str, Any] = field(default_factory=dict)

    def cost(self, values: Arrays) -> Any:
        """The cost where these values lead."""
        if self._only_constants_moved(values):
            dtype = np.result_type(*values).char
            if dtype not in self.known:
                still = [
                    v.astype(w.dtype) for v, w in zip(self.problem.values, values, strict=True)
                ]
                self.known[dtype] = self.problem.cost(still)
            return self.known[dtype]
        there = self._there(values)
        if self.bounds is None or self._inside(there):
            return self.problem.cost(there)
        return self._continued(there)

    def gradient(self, values: Arrays) -> dict[str, Array]:
        """The part of the gradient that counts."""
        there = self._there(values)
        if self.bounds is not None:
            there = [
                np.clip(v, lo, hi).astype(v.dtype)
                for v, lo, hi in zip(there, *self.bounds, strict=True)
            ]
        found = self.problem.gradient(there)
        whole = zip(self.problem.names, self.problem.values, self.manifolds, strict=True)
        for k, (name, x, manifold) in enumerate(whole):
            g = found.get(name)
            if g is None or g.shape != x.shape or g.dtype.kind != "f":
                continue  # of another form, which is told
            if manifold is not None:
                g = manifold.project(x, g).astype(g.dtype)
            found[name] = g if self.free is None else np.where(self.free[k], g, 0).astype(g.dtype)
        return found

    def _only_constants_moved(self, values: Arrays) -> bool:
        if self.free is None or any(m is not None for m in self.manifolds):
            return False
        moved = [v != x for v, x in zip(values, self.problem.values, strict=True)]
        return any(m.any() for m in moved) and not any(
            (m & f).any() for m, f in zip(moved, self.free, strict=True)
        )

    def _there(self, values: Arrays) -> list[Array]:
        found = []
        for k, (x, v) in enumerate(zip(self.problem.values, values, strict=True)):
            manifold, moved = self.manifolds[k], v
            if self.free is not None and np.any((v != x) & ~self.free[k]):
                moved = np.where(self.free[k], v, x).astype(v.dtype)
            if manifold is not None and np.any(moved != x):
                moved = manifold.move(x, manifold.project(x, moved - x)).astype(v.dtype)
            found.append(moved)
        return found

    def _inside(self, there: Arrays) -> bool:
        low, high = self.bounds or ((), ())
        return all(
            bool(np.all((lo <= v.real) & (v.real <= hi)))
            for v, lo, hi in zip(there, low, high, strict=True)
        )

    def _continued(self, there: Arrays) -> Any:
        """The cost beyond a bound, as it goes on from within; NaN where that is too narrow."""
        away = [v - x for v, x in zip(there, self.problem.values, strict=True)]
        total: Any = 0.0
        for back, weight in enumerate(CONTINUED):
            at = [
                np.asarray(x - back * a).astype(a.dtype)
                for x, a in zip(self.problem.values, away, strict=True)
            ]
            if not self._inside(at):
                return np.nan
            total = total + weight * self.problem.cost(at)
        return total


# --- what was given, by tensor ----------------------------------------------------------------


def _by_tensor(
    argument: str, given: Any, problem: Problem, *, arrays: bool = False
) -> dict[str, Any]:
    """What was given for each tensor: for a lone one, or for all of them, or by name."""
    if given is None:
        return {}
    nest = arrays and not (isinstance(given, Mapping) and set(given) <= set(problem.names))
    if isinstance(given, Mapping) or (nest and len(problem.names) > 1):
        found = nested.flatten(given, root="params") if nest else dict(given)
        if strange := [name for name in found if name not in problem.names]:
            raise ValueError(
                f"{argument}: expected some of {', '.join(map(repr, problem.names))} for keys, got"
                f" {strange[0]!r}"
            )
        return found
    return dict.fromkeys(problem.names, given)


def _free(mask: Any, value: Array, name: str) -> Array:
    if mask is None:
        return np.ones(value.shape, bool)
    found = np.asarray(mask)
    if found.dtype != bool and not (found.dtype.kind in "iu" and np.isin(found, (0, 1)).all()):
        raise TypeError(
            f"mask: expected True for parameters and False for constants in {name!r}, got dtype"
            f" {found.dtype}"
        )
    try:
        return np.array(np.broadcast_to(found.astype(bool), value.shape))
    except ValueError:
        raise ValueError(
            f"mask: expected shape {value.shape} for {name!r}, got {found.shape}"
        ) from None


def _limits(given: Any, value: Array, name: str) -> tuple[Array, Array]:
    if given is None:
        return np.full(value.shape, -np.inf), np.full(value.shape, np.inf)
    if hasattr(given, "lb") and hasattr(given, "ub"):
        given = (given.lb, given.ub)
    try:
        low, high = zip(*given, strict=True) if isinstance(given, list) else given
        sides = (_numbers(low, -np.inf), _numbers(high, np.inf))
        if isinstance(given, list):
            sides = (sides[0].reshape(value.shape), sides[1].reshape(value.shape))
        found = [np.broadcast_to(side, value.shape) for side in sides]
    except (TypeError, ValueError):
        raise TypeError(
            f"bounds: expected (low, high), each a number or of shape {value.shape}, a list of"
            f" (low, high), or an object with lb and ub, for {name!r}, got {given!r}"
        ) from None
    if not np.all((found[0] <= value) & (value <= found[1])):
        at = tuple(int(i) for i in np.argwhere(~((found[0] <= value) & (value <= found[1])))[0])
        raise ValueError(
            f"bounds: expected parameters within them, got {value[at]:g} in"
            f" {nested.coordinate(name, at)}, which should be from {found[0][at]:g} to"
            f" {found[1][at]:g}"
        )
    return found[0], found[1]


def _numbers(side: Any, empty: float) -> Array:
    if isinstance(side, tuple | list):
        side = [empty if each is None else each for each in side]
    return np.asarray(empty if side is None else side, np.float64)
