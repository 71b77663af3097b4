"""Manifolds: sets that parameters stay on, by the projection onto the tangent space at the point.

On one, a gradient is right if its projection is: what stands at right angles changes nothing that
can be reached. So a Riemannian gradient is, and so is one in whose lower triangle both elements of
a symmetric matrix are counted. Each moves along the tangent space by a smooth retraction, made of
operations that complex numbers can take.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from checks.problem.nested import Array

# How far a point may be off, relative to the numbers of which that is made: it is the user's own.
CLOSE = 1e-6

Projection = Callable[[Array, Array], Array]


@dataclass(frozen=True, kw_only=True)
class Manifold:
    """A set of arrays.

    Attributes
    ----------
    name
        What it is called.
    project
        (x, v) to the part of `v` that is tangent at `x`; orthogonal.
    move
        (x, tangent) to the array that lies there.
    off
        x to how far it is off the set, relative.
    expected
        What is expected of x, for an error.
    """

    name: str
    project: Projection
    move: Projection
    off: Callable[[Array], float]
    expected: str


def _straight(x: Array, v: Array) -> Array:
    return np.asarray(x + v)


def _sphere(x: Array, v: Array) -> Array:
    return np.asarray(v - x * (x * v).sum() / (x * x).sum())


def _to_sphere(x: Array, v: Array) -> Array:
    moved = x + v
    return np.asarray(moved * np.sqrt((x * x).sum() / (moved * moved).sum()))


def _symmetric(_: Array, v: Array) -> Array:
    return np.asarray((v + v.T) / 2)


def _orthogonal(x: Array, v: Array) -> Array:
    along = x.T @ v
    return np.asarray(v - x @ (along + along.T) / 2)


def _cayley(x: Array, v: Array) -> Array:
    """Along a tangent, by a Cayley transform, which complex numbers can take.

    Z. Wen and W. Yin, A feasible method for optimization with orthogonality constraints,
    Math. Program. 142, 2013, 397-434.
    """
    half = v - x @ (x.T @ v) / 2
    skew = (half @ x.T - x @ half.T) / 2
    unit = np.eye(len(x))
    return np.asarray(np.linalg.solve(unit - skew, (unit + skew) @ x))


def _simplex(_: Array, v: Array) -> Array:
    return np.asarray(v - v.mean(axis=-1, keepdims=True))


def _apart(one: Array, other: Array | float) -> float:
    size = float(np.max(np.abs(one), initial=0.0))
    return float(np.max(np.abs(one - other), initial=0.0)) / (size or 1.0)


def _square_apart(x: Array) -> float:
    return _apart(x, x.T) if x.ndim == 2 and x.shape[0] == x.shape[1] else np.inf


def _columns_apart(x: Array) -> float:
    return _apart(x.T @ x, np.eye(x.shape[1])) if x.ndim == 2 else np.inf


def _sums_apart(x: Array) -> float:
    inside = x.ndim > 0 and bool(np.all(x >= 0))
    return _apart(x.sum(axis=-1), 1.0) if inside else np.inf


MANIFOLDS = {
    each.name: each
    for each in (
        Manifold(
            name="sphere",
            project=_sphere,
            move=_to_sphere,
            off=lambda x: 0.0 if np.any(x) else np.inf,
            expected="an array that is not all zero, whose norm is the radius",
        ),
        Manifold(
            name="symmetric",
            project=_symmetric,
            move=_straight,
            off=_square_apart,
            expected="a symmetric matrix",
        ),
        Manifold(
            name="orthogonal",
            project=_orthogonal,
            move=_cayley,
            off=_columns_apart,
            expected="a matrix with orthonormal columns",
        ),
        Manifold(
            name="simplex",
            project=_simplex,
            move=_straight,
            off=_sums_apart,
            expected="numbers of 0 or more that sum to 1 along the last axis",
        ),
    )
}


def manifold_of(given: Any, x: Array, tensor: str) -> Manifold:
    """The manifold that was asked for, if `x` lies on it.

    Parameters
    ----------
    given
        One of `MANIFOLDS` by its name, or a projection (x, v) to the tangent part of v.
    x, tensor
        The parameters, and what they are called.

    Raises
    ------
    TypeError, ValueError
        When there is no such manifold, `x` is not on it, or the function is no orthogonal
        projection.
    """
    if isinstance(given, str) and given in MANIFOLDS:
        found = MANIFOLDS[given]
        if not found.off(x) <= CLOSE:
            raise ValueError(
                f"manifold: expected {found.expected} in {tensor!r} for {given!r}, got another one"
                f" of shape {x.shape}"
            )
        return found
    if callable(given):
        _require_projection(given, x, tensor)
        return Manifold(
            name="one of yours", project=given, move=_straight, off=lambda x: 0.0, expected=""
        )
    known = ", ".join(map(repr, MANIFOLDS))
    raise TypeError(
        f"manifold: expected one of {known}, or a function from (x, v) to the tangent part of v,"
        f" for {tensor!r}, got {given!r}"
    )


def _require_projection(project: Projection, x: Array, tensor: str) -> None:
    rng = np.random.default_rng(0)
    u, v = rng.normal(size=x.shape), rng.normal(size=x.shape)
    pu, pv = (np.asarray(project(x.copy(), w.copy())) for w in (u, v))
    wrong = None
    if pu.shape != x.shape:
        wrong = f"an array of shape {pu.shape}"
    elif _apart(np.asarray(project(x.copy(), pv.copy())), pv) > CLOSE:
        wrong = "one that moves what it has projected"
    elif abs((u * pv).sum() - (pu * v).sum()) > CLOSE * (np.abs(u * pv).sum() + 1):
        wrong = "one that is not orthogonal"
    if wrong:
        raise ValueError(
            f"manifold: expected an orthogonal projection onto the tangent space at {tensor!r}, of"
            f" shape {x.shape}, got {wrong}"
        )
