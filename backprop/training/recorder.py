"""The recorder: a computation written down once and repeated in the same arrays, without a new one.

- `OperationRecorder.call` calls a function that writes its result into an argument, and keeps the
  call.
- `run` calls a formula, such as `lambda a: a * (1 - a)`, and keeps either the call or, of one that
  may be recorded, each operation with the arrays that it read and the one that it wrote.
- `replay` does all of it again, on what the arrays hold by then.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

import numpy as np
from numpy.lib.mixins import NDArrayOperatorsMixin

from backprop.activations import Array

# NumPy wants the result's array by name here; by position, everywhere else, it is quicker.
_BY_NAME = (np.maximum, np.minimum)


class OperationRecorder:
    """Calls, in their order, each with its arguments."""

    def __init__(self) -> None:
        self.calls: list[tuple[Callable[..., Any], tuple[Any, ...]]] = []

    def replay(self) -> None:
        """Make all calls again."""
        for call, arguments in self.calls:
            call(*arguments)

    def call(self, function: Callable[..., Any], *arguments: Any) -> None:
        """Call a function and keep the call: one that writes its result into an argument."""
        function(*arguments)
        self.calls.append((function, arguments))

    def run(self, formula: Callable[..., Any], *arrays: Array, recorded: bool) -> Array:
        """What a formula makes of arrays, in shape and dtype of the first: a buffer of the tape's.

        A recorded one is not called again, only its operations are. So it has to be the same at
        every call, and must not keep what it is given.

        Raises
        ------
        TypeError
            Where it is to be recorded, but asks for more than operators and ufuncs.
        """
        out = np.empty_like(arrays[0])
        if not recorded:
            self.call(lambda: np.copyto(out, formula(*arrays)))
            return out
        found = formula(*(_Recorded(self, array) for array in arrays))
        result: Array = found.array if isinstance(found, _Recorded) else _refuse()
        if (result.dtype, result.shape) == (out.dtype, out.shape):
            return result
        self.call(np.copyto, out, result)
        return out


def _refuse(*_: Any, **__: Any) -> Any:
    raise TypeError(
        "recorded: expected a formula of operators and ufuncs alone, got one that asks for more"
        " (np.where, np.clip, a shape, a method, a condition); leave `recorded` out, and it is"
        " called for every minibatch"
    )


class _Recorded(NDArrayOperatorsMixin):
    """An array that passes element-wise operations on to a tape, and refuses all else."""

    def __init__(self, tape: OperationRecorder, array: Array) -> None:
        self.tape, self.array, self.dtype = tape, array, array.dtype

    @property
    def real(self) -> _Recorded:
        """The array itself: parameters that are trained are real."""
        return self

    def __array_ufunc__(
        self, ufunc: np.ufunc, method: str, *inputs: Any, out: Any = (), **options: Any
    ) -> Any:
        if method != "__call__" or options or ufunc.nout != 1:
            return _refuse()
        arrays = [each.array if isinstance(each, _Recorded) else each for each in inputs]
        dtype = np.result_type(*arrays)  # NumPy converts a plain number at every call: once will do
        arrays = [np.asarray(a, dtype) if isinstance(a, int | float) else a for a in arrays]
        (into,) = out or (_Recorded(self.tape, np.asarray(ufunc(*arrays))),)
        if not isinstance(into, _Recorded):
            return _refuse()
        if ufunc in _BY_NAME:
            self.tape.call(partial(ufunc, out=into.array), *arrays)
        else:
            self.tape.call(ufunc, *arrays, into.array)
        return into

    __array__ = __array_function__ = __bool__ = __float__ = __int__ = __len__ = _refuse
    __iter__ = __getitem__ = __getattr__ = __copy__ = __deepcopy__ = _refuse
