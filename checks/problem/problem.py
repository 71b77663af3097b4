"""The problem: all that a check looks at. Parameters, a cost to rerun, and a gradient to judge.

`black_box` makes one of anyone's cost and gradient, and takes what they return in any form that
can only mean one thing. Networks are made into one by `checks.network.adapter`, which can offer
more: a sharper look at rounding, and a faster rerun.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, field, replace
from functools import partial, wraps
from traceback import format_exception_only
from typing import Any, Concatenate, ParamSpec, TypeVar

import numpy as np

from checks.problem import nested
from checks.problem.nested import Array

Arrays = Sequence[Array]
Hypothesis = tuple[str, str | None, dict[str, Array]]
Options = ParamSpec("Options")
Found = TypeVar("Found")


@dataclass(frozen=True, kw_only=True)
class Problem:
    """What is checked.

    Attributes
    ----------
    names, values
        The tensors at which the gradient is checked; the problem's own copies.
    cost
        Arrays like `values`, of any float or complex dtype, to a scalar. What oracles rerun.
    gradient
        Arrays like `values` to the analytic gradient, a dict by tensor name. What is judged.
    jittered
        Like `gradient`, recomputed with every stored number moved by a few units in its last
        place by the given generator; None where only the parameters can be moved.
    inputs
        What the functions read besides the parameters, by name, and must leave as it is.
    hypotheses
        Gradients that known bugs would give here, for the diagnosis, or None: an iterator over
        (diagnosis code, tensor or None, gradient by tensor name).
    context
        Numbers that a constant factor could be mistaken for, by name, such as the batch size.
    costs
        Stacks of arrays like `values`, (k, …) each, to k costs at once, or None.
    rerun
        A faster way to the costs of many single-coordinate perturbations, or None: (tensor's
        position, flat indices, steps) to costs.
    within
        Makes a `with` block, in which checks call the functions.
    repeat
        The command or call that repeats the check, for the failure text.
    whole, chosen
        Of a part (`checks.problem.part`): what it is a part of, and its flat indices there.
    constants
        Which numbers are none of the parameters, by tensor (`checks.problem.constraints`).
    raised
        What `note` kept: the first error of cost or gradient near the point, if any.
    """

    names: tuple[str, ...]
    values: tuple[Array, ...]
    cost: Callable[[Arrays], Any]
    gradient: Callable[[Arrays], dict[str, Array]]
    jittered: Callable[[np.random.Generator], dict[str, Array]] | None = None
    costs: Callable[[Arrays], Any] | None = None
    rerun: Callable[[int, Array, Array], Array] | None = None
    inputs: Mapping[str, Array] = field(default_factory=dict)
    hypotheses: Callable[[], Iterable[Hypothesis]] | None = None
    context: Mapping[str, float] = field(default_factory=dict)
    within: Callable[[], AbstractContextManager[Any]] = nullcontext
    repeat: str = ""
    whole: Problem | None = None
    chosen: tuple[Array, ...] = ()
    constants: Mapping[str, Array] = field(default_factory=dict)
    raised: list[str] = field(default_factory=list)
    calls: Counter[str] = field(default_factory=Counter)

    def note(self, error: Exception, function: str) -> None:
        """Keep the first error that a function raised near the point, for the report."""
        if not self.raised:
            line = format_exception_only(error)[0].splitlines()[0]
            self.raised.append(f"{function} raised {line}")

    @property
    def dtype(self) -> np.dtype:
        """The coarsest dtype among the parameters: rounding is judged by it."""
        return max((v.dtype for v in self.values), key=lambda dtype: float(np.finfo(dtype).eps))

    @property
    def parameters(self) -> int:
        """How many coordinates there are."""
        return sum(v.size for v in self.values)


def in_its_block(
    look: Callable[Concatenate[Problem, Options], Found],
) -> Callable[Concatenate[Problem, Options], Found]:
    """The function `look` at a problem, called in the block that the problem makes for it."""

    @wraps(look)
    def inside(problem: Problem, /, *given: Options.args, **options: Options.kwargs) -> Found:
        with problem.within():
            return look(problem, *given, **options)

    return inside


class FormError(TypeError):
    """A function returned what cannot be taken for what it is asked for; says what to return."""


def call_user_function(what: str, function: Callable[..., Any], *given: Any) -> Any:  # noqa: ARG001
    """Call a function of the code under check.

    Through here, so that a traceback shows where that begins, and `what` it is, such as "the cost":
    see `backprop.system.exit_codes`, which knows this function by its name.
    """
    return function(*given)


def black_box(
    cost: Callable[..., Any],
    gradients: Any,
    params: Any,
    *,
    inputs: Mapping[str, Array] | None = None,
    jac: bool = False,
    args: tuple[Any, ...] = (),
    batched: bool = False,
) -> Problem:
    """A problem of anyone's functions.

    Parameters
    ----------
    cost
        params to a float. One number in any form is one: an array of one element, an int, a bool.
    gradients
        The analytic gradient, nested like `params`, or a function from params to it. A list of
        numbers may stand for an array.
    params
        An array or any nesting of lists, tuples and dicts of arrays.
    inputs
        Arrays that the functions read and must not change, by name.
    jac
        Whether `cost` returns the value and the gradient, and `gradients` is None.
    args
        Further arguments, handed to both functions.
    batched
        Whether `cost` takes a stack of k parameter sets, each array with a leading axis of k more,
        and returns k costs.

    Raises
    ------
    TypeError, ValueError
        When `cost` cannot be called, when `gradients` and `jac` do not go together, or when
        `params` holds no floating-point numbers, a NaN, a masked array or a matrix.
    """
    if not callable(cost):
        raise TypeError(f"cost: expected a function of the parameters, got {cost!r}")
    jac = returns_both(jac, gradients)
    if not isinstance(args, tuple):
        raise TypeError(
            f"args: expected a tuple of further arguments, got {type(args).__name__};"
            " write (a,) for a single one"
        )
    tensors = _tensors(params)

    def as_nest(values: Arrays) -> Any:
        return nested.rebuild(params, iter(values))

    def value(values: Arrays) -> Any:
        found = call_user_function("the cost", cost, as_nest(values), *args)
        return _number(_pair(found)[0] if jac else found)

    costs = partial(_costs, cost, as_nest, args) if batched else None

    def gradient(values: Arrays) -> dict[str, Array]:
        found = gradients
        if jac:
            found = _pair(call_user_function("the gradient", cost, as_nest(values), *args))[1]
        elif callable(gradients):
            found = call_user_function("the gradient", gradients, as_nest(values), *args)
        try:
            return nested.follow(found, params, root="params")
        except nested.DepthError as error:
            raise FormError(str(error)) from None

    return Problem(
        names=tuple(tensors),
        values=tuple(t.copy() for t in tensors.values()),
        cost=partial(_first, costs) if costs else value,
        costs=costs,
        gradient=gradient,
        inputs=inputs or {},
    )


def _costs(
    cost: Callable[..., Any],
    as_nest: Callable[[Arrays], Any],
    args: tuple[Any, ...],
    values: Arrays,
) -> Array:
    """The costs of a stack of parameter sets, (k,)."""
    found = np.asarray(call_user_function("the cost", cost, as_nest(values), *args))
    if found.shape != (len(values[0]),):
        raise FormError(
            f"cost: expected {len(values[0])} costs, one for each parameter set of a stack, as"
            f" batched=True says, got shape {found.shape}; leave batched out otherwise"
        )
    return found


def _first(costs: Callable[[Arrays], Array], values: Arrays) -> Any:
    """The cost of one parameter set, by a stack of one."""
    return costs([np.asarray(v)[None] for v in values])[0]


def returns_both(jac: object, gradients: Any) -> bool:
    """Whether one function returns both; True in the place of the gradients says so, too."""
    if not isinstance(jac, bool | np.bool_):
        raise TypeError(
            f"jac: expected True where cost returns (value, gradient), or False, got {jac!r};"
            " a function for the gradient alone goes second, as gradients"
        )
    if gradients is True:
        return True
    if jac and gradients is not None:
        raise TypeError(
            "gradients: expected None beside jac=True, for then cost returns both, got"
            f" {type(gradients).__name__}; leave out one of the two"
        )
    return bool(jac)


def _pair(found: Any) -> tuple[Any, Any]:
    """The value and the gradient that one function returns."""
    if isinstance(found, tuple | list) and len(found) == 2:
        return found[0], found[1]
    many = f" of {len(found)}" if isinstance(found, tuple | list) else ""
    raise FormError(
        f"cost: expected (value, gradient) from it with jac=True, got {type(found).__name__}{many};"
        " return both, or give the gradient's function second, as gradients"
    )


def _number(found: Any) -> Any:
    """One number, be it an int, a bool or an array of one element; anything else as it is."""
    if type(found) in (float, complex, np.float64, np.complex128):
        return found
    try:
        array = np.asanyarray(found)  # which may be watching what is done to it
    except Exception:  # noqa: BLE001 such as a number beside an array, or another library's
        return found
    if array.size != 1 or array.dtype.kind not in "biufc":
        return found
    if array.dtype.kind in "biu":
        array = array.astype(float)
    return array.reshape(()) if type(array) is not np.ndarray else array.reshape(())[()]


def scaled(problem: Problem, factor: float) -> Problem:
    """The same problem with its cost, and so its gradient, multiplied by `factor`."""

    def times(gradient: dict[str, Array]) -> dict[str, Array]:
        return {name: (factor * g).astype(g.dtype) for name, g in gradient.items()}

    jittered, rerun = problem.jittered, problem.rerun
    return replace(
        problem,
        cost=lambda values: factor * problem.cost(values),
        gradient=lambda values: times(problem.gradient(values)),
        jittered=jittered and (lambda rng: times(jittered(rng))),
        rerun=rerun and (lambda *steps: factor * rerun(*steps)),
    )


def _tensors(params: Any) -> dict[str, Array]:
    """The parameters by name, if they can be checked."""
    for name, leaf in nested.leaves(params, root="params"):
        _require_plain(name, leaf)
    tensors = nested.flatten(params, root="params")
    for name, tensor in tensors.items():
        _require_real(name, tensor)
    if not sum(t.size for t in tensors.values()):
        raise ValueError("params: expected at least one number to check, got none")
    return tensors


def _require_plain(name: str, leaf: Any) -> None:
    """The functions are given plain arrays, which have no mask and another product."""
    if isinstance(leaf, np.ma.MaskedArray | np.matrix):
        raise TypeError(
            f"params: expected plain arrays, got {type(leaf).__name__} in {name!r};"
            " cast it with np.asarray, and write the functions for that"
        )


def _require_real(name: str, tensor: Array) -> None:
    if tensor.dtype.kind != "f":
        hint = "; cast it with .astype(float)" if tensor.dtype.kind in "biu" else ""
        raise TypeError(
            f"params: expected arrays of real floating-point numbers,"
            f" got dtype {tensor.dtype} in {name!r}{hint}"
        )
    if tensor.dtype not in (np.float32, np.float64):
        raise TypeError(
            f"params: expected float32 or float64, got {tensor.dtype} in {name!r};"
            " cast it with .astype(float)"
        )
    if not np.isfinite(tensor).all():
        raise ValueError(f"params: expected finite numbers, got NaN or infinity in {name!r}")
