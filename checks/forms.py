"""Forms: what people have in their hands, made into something that can be checked.

`value_and_grad` takes functions as SciPy, JAX and scikit-learn have them; `attributes`, in
`checks.object_attributes`, an object that keeps its parameters in attributes. Both give a
`GradientProblem`, which `check_gradients`, `assert_gradients` and `gradcheck FILE:NAME` take as it
is.
"""

from __future__ import annotations

import math
import operator
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, field
from functools import partial
from typing import Any, TypeAlias

import numpy as np

from checks.problem.nested import Array
from checks.problem.problem import FormError

Shape: TypeAlias = int | tuple[int, ...]


@dataclass(frozen=True, eq=False)
class GradientProblem:
    """A cost, its gradient and where to check it, for `check_gradients` and its like.

    Attributes
    ----------
    cost
        params to one real number.
    gradients
        The analytic gradient, nested like `params`, or a function from params to it.
    params
        An array or any nesting of arrays.
    within
        Makes a `with` block, in which checks call the functions.
    batched
        Whether `cost` takes a stack of parameter sets, as `check_gradients(batched=True)` says.

    Examples
    --------
    >>> import numpy as np
    >>> from checks import check_gradients
    >>> problem = GradientProblem(lambda x: (x**3).sum(), lambda x: 3 * x**2, np.ones(2))
    >>> check_gradients(problem).verdict
    'pass'
    """

    cost: Callable[[Any], Any]
    gradients: Any
    params: Any
    within: Callable[[], AbstractContextManager[Any]] = field(default=nullcontext, repr=False)
    batched: bool = False

    def __iter__(self) -> Iterator[Any]:
        """Cost, gradients and params, as `check_gradients` takes them."""
        return iter((self.cost, self.gradients, self.params))


def value_and_grad(
    fun: Callable[..., Any],
    x0: Any,
    grad: Callable[..., Any] | bool = True,  # noqa: FBT001, FBT002 the place and form of SciPy's jac
    args: tuple[Any, ...] = (),
    kwargs: Mapping[str, Any] | None = None,
    *,
    blocks: Mapping[str, Shape] | None = None,
) -> GradientProblem:
    """A problem of functions as SciPy, JAX and scikit-learn have them.

    Parameters
    ----------
    fun
        `fun(x, *args, **kwargs)` to the value or, with `grad=True`, to (value, gradient), as for
        `scipy.optimize.minimize(fun, x0, jac=True)` or from `jax.value_and_grad(f)`.
    x0
        Where to check: an array, or any nesting of arrays; a list of numbers is an array.
    grad
        True where `fun` returns both; else the function of the gradient, of the same arguments.
    args, kwargs
        Further arguments of both functions.
    blocks
        The tensors that a flat vector `x0` consists of, in order, with their shapes: the report
        names coordinates by them.

    Returns
    -------
    GradientProblem
        For `check_gradients`, `assert_gradients`, and `gradcheck FILE:NAME`.

    Raises
    ------
    TypeError, ValueError
        When an argument is unusable, or the blocks do not have the size of `x0`.

    Examples
    --------
    >>> import numpy as np
    >>> from checks import check_gradients
    >>> def fun(x, a):
    ...     return a * (x**2).sum(), 2 * a * x
    >>> check_gradients(value_and_grad(fun, [1.0, 2.0, 3.0], args=(0.5,))).verdict
    'pass'

    With blocks, the report says where in the vector a mistake is:

    >>> problem = value_and_grad(
    ...     lambda w: (w**2).sum(),
    ...     np.arange(1.0, 8.0),
    ...     lambda w: 2 * w + (w == 5),
    ...     blocks={"W": (2, 3), "b": 1},
    ... )
    >>> print(check_gradients(problem).worst.tensor, check_gradients(problem).worst.index)
    W (1, 1)
    """
    if not callable(fun):
        raise TypeError(f"fun: expected a function of x, got {fun!r}")
    if grad is not True and not callable(grad):
        raise TypeError(
            "grad: expected True where fun returns (value, gradient), or the function of the"
            f" gradient, got {grad!r}"
        )
    if not isinstance(args, tuple):
        raise TypeError(
            f"args: expected a tuple of further arguments, got {type(args).__name__};"
            " write (a,) for a single one"
        )
    if kwargs is not None and not isinstance(kwargs, Mapping):
        raise TypeError(f"kwargs: expected a dict of further arguments, got {kwargs!r}")
    given = dict(kwargs or {})
    x0 = as_array(x0)
    vector = None if blocks is None else _Blocks(shapes=_shapes(blocks, x0))
    call = partial(_Call, args=args, kwargs=given, vector=vector)
    return GradientProblem(
        cost=call(function=fun, part=0 if grad is True else None),
        gradients=call(
            function=fun if grad is True else grad, part=1 if grad is True else None, slope=True
        ),
        params=x0 if vector is None else vector.parted(x0),
    )


@dataclass(frozen=True, eq=False, kw_only=True)
class _Call:
    """A function of theirs, called with what else it takes; of a pair, one part."""

    function: Any
    args: tuple[Any, ...]
    kwargs: dict[str, Any]
    vector: _Blocks | None
    part: int | None = None
    slope: bool = False

    def __call__(self, params: Any) -> Any:
        x = params if self.vector is None else self.vector.joined(params)
        found = self.function(x, *self.args, **self.kwargs)
        if self.part is not None:
            found = _pair(found)[self.part]
        return self.vector.parted(found) if self.vector is not None and self.slope else found


def _pair(found: Any) -> Any:
    if isinstance(found, tuple | list) and len(found) == 2:
        return found
    many = f" of {len(found)}" if isinstance(found, tuple | list) else ""
    raise FormError(
        f"fun: expected (value, gradient) from it with grad=True, got {type(found).__name__}{many};"
        " return both, or give the function of the gradient as grad"
    )


@dataclass(frozen=True, eq=False, kw_only=True)
class _Blocks:
    """How a flat vector is made of named tensors."""

    shapes: dict[str, tuple[int, ...]]

    def joined(self, params: Mapping[str, Any]) -> Array:
        return np.concatenate([np.reshape(params[name], -1) for name in self.shapes])

    def parted(self, found: Any) -> dict[str, Array]:
        flat = np.reshape(np.asarray(found), -1)
        sizes = [math.prod(shape) for shape in self.shapes.values()]
        if flat.size != sum(sizes):
            raise FormError(
                f"grad: expected a gradient of {sum(sizes):,} numbers, as x0 has, got shape"
                f" {np.shape(found)}"
            )
        parts = np.split(flat, np.cumsum(sizes)[:-1])
        named = zip(self.shapes.items(), parts, strict=True)
        return {name: part.reshape(shape) for (name, shape), part in named}


def _shapes(blocks: Any, x0: Any) -> dict[str, tuple[int, ...]]:
    if not isinstance(blocks, Mapping) or not blocks:
        raise TypeError(
            'blocks: expected a dict of shapes by name, such as {"W": (3, 2), "b": 2}, got'
            f" {blocks!r}"
        )
    if not isinstance(x0, np.ndarray) or x0.ndim != 1:
        kind = f"shape {x0.shape}" if isinstance(x0, np.ndarray) else type(x0).__name__
        raise TypeError(f"x0: expected a flat vector beside blocks, got {kind}")
    found: dict[str, tuple[int, ...]] = {}
    for name, shape in blocks.items():
        sides = shape if isinstance(shape, tuple | list) else (shape,)
        try:
            found[str(name)] = tuple(map(operator.index, sides))
        except TypeError:
            raise TypeError(
                f"blocks: expected a shape such as (3, 2) for {name!r}, got {shape!r}"
            ) from None
    total = sum(map(math.prod, found.values()))
    if total != x0.size:
        raise ValueError(
            f"blocks: expected shapes of {x0.size:,} numbers together, as x0 has, got {total:,}"
        )
    return found


def as_array(x0: Any) -> Any:
    """A list of numbers as an array of floats, as SciPy takes it; anything else as it is."""
    if isinstance(x0, list | tuple) and x0 and not hasattr(x0, "_fields"):
        try:
            array = np.asarray(x0)
        except ValueError:  # of several lengths: a nest of arrays
            return x0
        numbers = all(np.ndim(v) == 0 or isinstance(v, list | tuple) for v in x0)
        if numbers and array.dtype.kind in "iuf":
            return array.astype(float) if array.dtype.kind != "f" else array
    return x0
