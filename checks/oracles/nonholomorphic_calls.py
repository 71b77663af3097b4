"""Whether a cost has a complex derivative at all, by what it asks of NumPy.

An absolute value or a conjugate has none, nor has the real part or what is rounded, and the complex
step then sees the slope of the rest, as exactly as ever. Where that part of the cost is small, or
kinks close by bend real differences, no number shows it. So the cost is run once on arrays that
raise when they are put to such a use. Of a real part there are harmless uses: to branch on it, and
to take away the largest of a row, as softmax does.
"""

from __future__ import annotations

import warnings
from typing import Any

import numpy as np

from checks.problem.problem import Arrays, Problem

# Ufuncs and functions, by name, that conjugate complex numbers, take their absolute value or round
# them. Those of `var`, `std` and `round` also hold for the methods.
WITHOUT = frozenset({
    "absolute", "conjugate", "sign", "angle", "vdot", "vecdot", "matvec", "vecmat", "var", "std",
    "nanvar", "nanstd", "cov", "corrcoef", "norm", "matrix_norm", "vector_norm", "cond", "slogdet",
    "cholesky", "qr", "svd", "svdvals", "eigh", "eigvalsh", "pinv", "lstsq", "matrix_rank",
    "round", "around", "rint",
})  # fmt: skip


# Ufuncs to branch on a real part with: what they give is constant, or again a real part.
CONSTANT = frozenset({
    "less", "less_equal", "greater", "greater_equal", "equal", "not_equal", "sign", "floor", "ceil",
    "rint", "trunc", "isfinite", "isnan", "isinf", "signbit", "heaviside",
})  # fmt: skip
PASSED_ON = frozenset({"maximum", "minimum", "fmax", "fmin", "negative", "positive", "subtract",
                       "add"})  # fmt: skip


class NotHolomorphicError(Exception):
    """A function without a complex derivative was asked for one's value; holds its name."""


class _Watched(np.ndarray):
    """An array that raises `NotHolomorphicError`; whatever is computed from it does so too."""

    def __array_ufunc__(self, ufunc: np.ufunc, method: str, *args: Any, **kwargs: Any) -> Any:
        name = ufunc.__name__
        _require_derivative(name, args)
        kwargs = {key: _plain(value) for key, value in kwargs.items()}
        found = getattr(ufunc, method)(*map(_plain, args), **kwargs)
        if not any(isinstance(a, _RealPart) for a in args) or name in CONSTANT:
            return _watch(found)
        if name not in PASSED_ON:
            raise NotHolomorphicError(f"{name} of a real part")
        return _watch(found) if np.iscomplexobj(found) else _watch(found, _RealPart)

    def __array_function__(self, function: Any, types: Any, args: Any, kwargs: Any) -> Any:
        _require_derivative(function.__name__, (*args, *kwargs.values()))
        return _watch(super().__array_function__(function, types, args, kwargs))

    @property  # type: ignore[misc]  # NumPy's may be set
    def real(self) -> Any:
        found = self.view(np.ndarray).real
        return _watch(found, _RealPart if np.iscomplexobj(self) else type(self))

    @property  # type: ignore[misc]
    def imag(self) -> Any:
        if np.iscomplexobj(self):
            raise NotHolomorphicError("the imaginary part")
        return self.view(np.ndarray).imag

    def astype(self, dtype: Any, *args: Any, **kwargs: Any) -> Any:
        if np.iscomplexobj(self) and np.dtype(dtype).kind != "c":
            raise NotHolomorphicError(f"astype({np.dtype(dtype)})")
        return _watch(self.view(np.ndarray).astype(dtype, *args, **kwargs), type(self))

    def __getitem__(self, key: Any) -> Any:
        return _watch(super().__getitem__(_plain(key)), type(self))

    def __iter__(self) -> Any:
        return (self[k] for k in range(len(self)))

    def var(self, *args: Any, **kwargs: Any) -> Any:
        return np.var(self, *args, **kwargs)

    def std(self, *args: Any, **kwargs: Any) -> Any:
        return np.std(self, *args, **kwargs)

    def round(self, *args: Any, **kwargs: Any) -> Any:
        return np.round(self, *args, **kwargs)


class _RealPart(_Watched):
    """The real part of a complex array, or what only branches were made of."""

    def __float__(self) -> float:
        raise NotHolomorphicError("float of a real part")


def without_derivative(problem: Problem, values: Arrays) -> str | None:
    """The first function that the cost puts to these complex values and that has no derivative.

    None where there is none, or it cannot be seen, since other libraries take plain arrays only.
    """
    try:
        with np.errstate(all="ignore"), warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of a cast, say, which is refused elsewhere
            problem.cost([_watch(v) for v in values])
    except NotHolomorphicError as found:
        return str(found)
    except Exception:  # noqa: BLE001 it may not like such arrays; numbers have to tell then
        return None
    return None


def _require_derivative(name: str, args: Any) -> None:
    if name in WITHOUT and any(np.iscomplexobj(a) for a in args if isinstance(a, _Watched)):
        raise NotHolomorphicError(name)


def _watch(result: Any, kind: type[_Watched] = _Watched) -> Any:
    if isinstance(result, tuple):
        return tuple(_watch(each, kind) for each in result)
    known = isinstance(result, np.ndarray | np.generic) and not isinstance(result, _Watched)
    return np.asarray(result).view(kind) if known else result


def _plain(value: Any) -> Any:
    if isinstance(value, tuple):
        return tuple(map(_plain, value))
    return value.view(np.ndarray) if isinstance(value, _Watched) else value
