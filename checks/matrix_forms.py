"""Matrices of derivatives in the forms that solvers take, and the problems that they are made into.

`Matrix` holds a function with what is said to be its matrix of derivatives, and keeps what both
gave at a place: the rows of a matrix look at the same places.
"""

from __future__ import annotations

import inspect
import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np

from checks.forms import as_array
from checks.problem.nested import Array
from checks.problem.problem import FormError, Problem, black_box, call_user_function
from checks.verdict.report import Diagnosis


@dataclass(frozen=True, eq=False, kw_only=True)
class Part:
    """One of two things that a function returns."""

    function: Any
    part: int

    def __call__(self, x: Any) -> Any:
        """That one at x."""
        found = self.function(x)
        if isinstance(found, tuple | list) and len(found) == 2:
            return found[self.part]
        raise FormError(
            "fun: expected (outputs, matrix) from it with jac=True, got"
            f" {type(found).__name__}; return both, or give the function of the matrix as jac"
        )


@dataclass(frozen=True, eq=False, kw_only=True)
class Products:
    """A matrix by its products with the unit vectors."""

    product: Any

    def __call__(self, x: Array) -> Array:
        """The matrix at x, (n, n)."""
        units = (unit.reshape(x.shape) for unit in np.eye(x.size, dtype=x.dtype))
        columns = [np.asarray(self.product(x, unit)).reshape(-1) for unit in units]
        return np.stack(columns, axis=1)


def takes_vector(hess: Any) -> bool:
    """Whether a function wants a vector beside x."""
    if not callable(hess) or hasattr(hess, "matmat"):
        return False
    try:
        wants = inspect.signature(hess)
    except (TypeError, ValueError):  # one that is written in C does not say
        return False
    return _binds(wants, 2) and not _binds(wants, 1)


def _binds(wants: inspect.Signature, count: int) -> bool:
    try:
        wants.bind(*[None] * count)
    except TypeError:
        return False
    return True


@dataclass(eq=False, kw_only=True)
class Matrix:
    """A function, what is said to be its matrix of derivatives, and what they gave."""

    name: str
    fun: Any
    argument: str
    matrix: Any
    given: Any
    notes: list[str] = field(default_factory=list)
    calls: Any = None
    adjoint: Array | None = None
    _kept: dict[Any, Array] = field(default_factory=dict)
    _turn: Any = field(default_factory=threading.Lock)

    def __post_init__(self) -> None:
        self.function = "fun" if self.argument == "jac" else "grad"
        if not callable(self.fun):
            raise TypeError(f"{self.function}: expected a function of x, got {self.fun!r}")
        if self.matrix is None:
            raise TypeError(f"{self.argument}: expected a matrix or a function to it, got None")
        given = as_array(self.given)
        if isinstance(given, Mapping | list | tuple):
            raise TypeError(f"x: expected an array, got {type(given).__name__}")
        try:
            (self.x,) = black_box(lambda x: 0.0, None, {"x": given}).values
        except (TypeError, ValueError) as error:
            raise type(error)(str(error).replace("params:", "x:", 1)) from None
        found = np.asarray(call_user_function(self.function, self.fun, self.x.copy()))
        if found.dtype.kind != "f" or not found.size:
            raise TypeError(
                f"{self.function}: expected a function to an array of real floating-point numbers,"
                f" got shape {found.shape}, dtype {found.dtype}"
            )
        self.outputs = found
        self.shape = (found.size, self.x.size)

    def problem(self, **more: Any) -> Problem:
        """All of it, for a look at conduct: the functions are called at the first of its rows."""
        full = self.outputs.shape + self.x.shape
        return Problem(
            names=(self.name,),
            values=(np.broadcast_to(self.x.reshape(-1), self.shape).reshape(full).copy(),),
            cost=lambda values: self._outputs(self._first(values)).sum(),
            gradient=lambda values: {self.name: self._dense(self._first(values))},
            **more,
        )

    def row(self, i: int) -> Problem:
        """One output and its gradient."""
        return Problem(
            names=(self.name,),
            values=(self.x.reshape(-1),),
            cost=lambda values: self._once("fun", self._outputs, values[0])[i],
            gradient=lambda values: {
                self.name: self._once("matrix", self._rows, values[0])[i].copy()
            },
        )

    def renamed(self, offence: Diagnosis) -> Diagnosis:
        """What is said of a cost and a gradient, of a function and its matrix."""
        title = offence.title
        for was, becomes in (
            ("the cost", self.function),
            ("the gradient function", self.argument),
            ("the gradient", f"the {self.name.title()}"),
        ):
            title = title.replace(was, becomes)
        row = "output of fun" if self.argument == "jac" else "number of x"
        remedy = f"it has a row for each {row}, and a column for each number of x"
        return replace(
            offence, title=title, remedy=remedy if offence.code == "shape" else offence.remedy
        )

    def _first(self, values: Any) -> Array:
        return np.asarray(values[0].reshape(self.shape)[0].reshape(self.x.shape))

    def _outputs(self, x: Any) -> Any:
        found = np.asanyarray(call_user_function(self.function, self.fun, x)).reshape(-1)
        if found.size != self.outputs.size:
            raise FormError(
                f"{self.function}: expected {self.outputs.size} outputs everywhere, got"
                f" {found.size}"
            )
        return found

    def _rows(self, x: Array) -> Array:
        return self._dense(x).reshape(self.shape)

    def _dense(self, x: Array) -> Array:
        found = self.matrix
        if callable(found) and not hasattr(found, "matmat"):
            found = call_user_function(self.argument, found, x)
        found = self._plain(found)
        if found.dtype.kind in "iu":
            found = found.astype(float)
        full = self.outputs.shape + self.x.shape
        row = self.outputs.size == 1 and found.shape == self.x.shape
        return found.reshape(full) if row or found.shape == self.shape else found

    def _plain(self, found: Any) -> Array:
        """A matrix of whatever kind, dense."""
        if hasattr(found, "toarray"):
            return np.asarray(found.toarray())
        if not isinstance(found, np.ndarray) and hasattr(found, "rmatmat"):
            if tuple(found.shape) != self.shape:
                return np.zeros(found.shape)
            if self.adjoint is None:
                self._look_at_adjoint(found)
            return np.asarray(found.matmat(np.eye(self.x.size)))
        return np.array(found)

    def _look_at_adjoint(self, found: Any) -> None:
        try:
            rows = [found.rmatvec(unit) for unit in np.eye(self.outputs.size)]
            self.adjoint = np.asarray(rows).reshape(self.shape)
        except NotImplementedError:
            self.adjoint = np.empty(0)
            self.notes.append(f"{self.argument} has no rmatvec; its matvec alone was checked")

    def _once(self, kind: str, function: Callable[[Any], Any], flat: Array) -> Any:
        """What a function gives at a place, kept; but not of an array that watches its use."""
        x = flat.reshape(self.x.shape)
        if type(flat) is not np.ndarray:
            return function(x)
        with self._turn:
            key = kind, flat.dtype.char, flat.tobytes()
            if key not in self._kept:
                self.calls["cost" if kind == "fun" else "gradient"] += 1
                self._kept[key] = np.array(function(x.copy()))
            return self._kept[key]
