"""Holomorphy: whether a cost has a complex derivative at all, by what it asks of NumPy.

An absolute value or a conjugate has none, and the complex step then sees the slope of the rest, as
exactly as ever. Where that part of the cost is small, or kinks close by bend real differences, no
number shows it. So the cost is run once on arrays that raise when they are put to such a use.
"""

from __future__ import annotations

import warnings
from typing import Any

import numpy as np

from checks.subject import Arrays, Subject

# Ufuncs and functions, by name, that conjugate complex numbers or take their absolute value. Those
# of `var` and `std` also hold for the methods.
WITHOUT = frozenset({
    "absolute", "conjugate", "sign", "angle", "vdot", "vecdot", "matvec", "vecmat", "var", "std",
    "nanvar", "nanstd", "cov", "corrcoef", "norm", "matrix_norm", "vector_norm", "cond", "slogdet",
    "cholesky", "qr", "svd", "svdvals", "eigh", "eigvalsh", "pinv", "lstsq", "matrix_rank",
})  # fmt: skip


class NotHolomorphicError(Exception):
    """A function without a complex derivative was asked for one's value; holds its name."""


class _Watched(np.ndarray):
    """An array that raises `NotHolomorphicError`; whatever is computed from it does so too."""

    def __array_ufunc__(self, ufunc: np.ufunc, method: str, *args: Any, **kwargs: Any) -> Any:
        _require_derivative(ufunc.__name__, args)
        kwargs = {key: _plain(value) for key, value in kwargs.items()}
        return _watch(getattr(ufunc, method)(*map(_plain, args), **kwargs))

    def __array_function__(self, function: Any, types: Any, args: Any, kwargs: Any) -> Any:
        _require_derivative(function.__name__, (*args, *kwargs.values()))
        return _watch(super().__array_function__(function, types, args, kwargs))

    def __getitem__(self, key: Any) -> Any:
        return _watch(super().__getitem__(key))

    def __iter__(self) -> Any:
        return (self[k] for k in range(len(self)))

    def var(self, *args: Any, **kwargs: Any) -> Any:
        return np.var(self, *args, **kwargs)

    def std(self, *args: Any, **kwargs: Any) -> Any:
        return np.std(self, *args, **kwargs)


def without_derivative(subject: Subject, values: Arrays) -> str | None:
    """The first function that the cost puts to these complex values and that has no derivative.

    None where there is none, or it cannot be seen, since other libraries take plain arrays only.
    """
    try:
        with np.errstate(all="ignore"), warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of a cast, say, which is refused elsewhere
            subject.cost([_watch(v) for v in values])
    except NotHolomorphicError as found:
        return str(found)
    except Exception:  # noqa: BLE001 it may not like such arrays; numbers have to tell then
        return None
    return None


def _require_derivative(name: str, args: Any) -> None:
    if name in WITHOUT and any(np.iscomplexobj(a) for a in args if isinstance(a, _Watched)):
        raise NotHolomorphicError(name)


def _watch(result: Any) -> Any:
    if isinstance(result, tuple):
        return tuple(map(_watch, result))
    known = isinstance(result, np.ndarray | np.generic) and not isinstance(result, _Watched)
    return np.asarray(result).view(_Watched) if known else result


def _plain(value: Any) -> Any:
    if isinstance(value, tuple):
        return tuple(map(_plain, value))
    return value.view(np.ndarray) if isinstance(value, _Watched) else value
