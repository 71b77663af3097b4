"""of_jax: a function of JAX as a problem, `adapters.jax`."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np

from checks.adapters import stacks
from checks.adapters.stacks import Arrays
from checks.forms import GradientProblem
from checks.problem.nested import Array

# Perturbations that are run at once: always as many, since JAX compiles for each number anew.
TOGETHER = 64


def jax_problem(
    f: Callable[..., Any],
    *args: Any,
    argnums: int | tuple[int, ...] | None = None,
    double: bool = True,
    seed: int = 0,
) -> GradientProblem:
    """A problem of a JAX function: what `jax.grad` makes of it, to be checked.

    Parameters
    ----------
    f
        A function of arrays and of any trees of them; a `jax.custom_vjp`, say. Its outputs are one
        number, or any arrays: then the cost is a sum of them with random weights.
    args
        What it takes. Arrays of floating-point numbers are checked, and floats, by the names of the
        arguments and their place in them; whole numbers and random keys are left as they are.
    argnums
        Which of the arguments are checked; by default all that can be.
    double
        Whether all is converted to float64, in which errors of a millionth show; `jax_enable_x64`
        need not be set, and is left as it is. False leaves the precision as it is.
    seed
        Of the random weights.

    Returns
    -------
    GradientProblem
        For `check_gradients`, `assert_gradients`, and `gradcheck FILE:NAME`. Many perturbations
        are run in one call, compiled, where `jax.vmap` and `jax.jit` take the function.

    Raises
    ------
    ModuleNotFoundError
        Without jax.
    TypeError, ValueError
        When an argument is unusable, or there is nothing to check.
    Exception
        What `f` raises at these arguments.

    Examples
    --------
    >>> import pytest
    >>> jax = pytest.importorskip("jax")
    >>> from checks import adapters, check_gradients
    >>> def f(w, b):
    ...     return jax.numpy.tanh(w * b).sum()
    >>> report = check_gradients(adapters.jax(f, jax.numpy.arange(3.0), 0.5))
    >>> print(report.verdict, [tensor.name for tensor in report.tensors])
    pass ['w', 'b']
    """
    jax = stacks.library("jax", "jax")
    if not callable(f):
        raise TypeError(f"f: expected a function, got {f!r}")
    if not isinstance(double, bool):
        raise TypeError(f"double: expected True or False, got {double!r}")
    places = jax.tree_util.tree_flatten_with_path(args)[0]
    chosen = _chosen(argnums, len(args))
    names = _names(f, args)
    leaves = [leaf for _, leaf in places]
    checked = {
        _path(path, names): k
        for k, (path, leaf) in enumerate(places)
        if path[0].idx in chosen and _is_real(jax, leaf)
    }
    if not checked:
        raise ValueError(
            "args: expected an array of floating-point numbers to check, got"
            f" {', '.join(type(leaf).__name__ for leaf in leaves) or 'none'}"
        )
    params = {name: _wide(leaves[k], double=double) for name, k in checked.items()}
    model = _Model(
        jax=jax,
        f=f,
        checked=checked,
        leaves=leaves,
        tree=jax.tree_util.tree_structure(args),
        double=double,
        seed=seed,
    )
    with model.precision():
        model.weights  # noqa: B018 now, and not while JAX traces
    gradients = _Autodiff(model=model, function=f)
    if stacks.takes_stacks(model.plain_cost, model.costs, params):
        return GradientProblem(model.costs, gradients, params, batched=True)
    return GradientProblem(model.cost, gradients, params)


@dataclass(eq=False, kw_only=True)
class _Model:
    """What is run: arrays by name in, one number out.

    Attributes
    ----------
    checked
        The place of each checked array among the leaves of the arguments, by name.
    leaves, tree
        The arguments.
    """

    jax: Any
    f: Callable[..., Any]
    checked: Mapping[str, int]
    leaves: list[Any]
    tree: Any
    double: bool
    seed: int

    @contextmanager
    def precision(self) -> Iterator[None]:
        """A block in which JAX has double precision, if it is to."""
        from jax import experimental

        # Of JAX itself since 0.8.
        home = self.jax if hasattr(self.jax, "enable_x64") else experimental
        with home.enable_x64(self.double or bool(self.jax.config.jax_enable_x64)):
            yield

    def run(self, arrays: Mapping[str, Any]) -> Any:
        """The cost, of arrays by name."""
        outputs = self.outputs(arrays)
        if self.weights is None:
            return outputs[0].reshape(())
        return sum((w * out).sum() for w, out in zip(self.weights, outputs, strict=True))

    def outputs(self, arrays: Mapping[str, Any]) -> list[Any]:
        """The arrays among the outputs; whole numbers, such as indices, have no gradient."""
        leaves = [_wide(v, double=self.double) if _is_real(self.jax, v) else v for v in self.leaves]
        for name, k in self.checked.items():
            leaves[k] = arrays[name]
        found = self.f(*self.jax.tree_util.tree_unflatten(self.tree, leaves))
        numbers = [self.jax.numpy.asarray(v) for v in self.jax.tree_util.tree_leaves(found)]
        outputs = [v for v in numbers if self.jax.numpy.issubdtype(v.dtype, np.inexact)]
        if not outputs:
            kinds = ", ".join(str(v.dtype) for v in numbers) or "nothing"
            raise TypeError(f"f: expected floating-point numbers from it, got {kinds}")
        return outputs

    @cached_property
    def weights(self) -> list[Array] | None:
        """What each output counts; None of a single number."""
        outputs = self.outputs({name: self.leaves[k] for name, k in self.checked.items()})
        if any(np.iscomplexobj(v) for v in outputs):
            raise TypeError("f: expected real outputs, got complex ones; take a real cost of it")
        if len(outputs) == 1 and outputs[0].size == 1:
            return None
        return stacks.output_weights([v.shape for v in outputs], self.seed)

    # --- the problem's functions ------------------------------------------------------------

    def plain_cost(self, params: Arrays) -> Any:
        """The cost of one parameter set, not compiled."""
        with self.precision():
            return np.asarray(self.run(self.given(params)))[()]

    def cost(self, params: Arrays) -> Any:
        """The cost of one parameter set, where stacks are not taken."""
        with self.precision():
            arrays = self.given(params)
            return np.asarray((self.one if self.compiles else self.run)(arrays))[()]

    def costs(self, params: Arrays) -> Array:
        """The costs of a stack of parameter sets, (k,)."""
        k = len(next(iter(params.values())))
        found = np.empty(k, np.result_type(float, *params.values()))
        with self.precision():
            for start in range(0, k, TOGETHER):
                part = {name: v[start : start + TOGETHER] for name, v in params.items()}
                size = min(TOGETHER, k - start)
                full = {name: _filled(v, TOGETHER - size) for name, v in part.items()}
                found[start : start + size] = np.asarray(self.many(self.given(full)))[:size]
        return found

    @cached_property
    def one(self) -> Any:
        """`run`, compiled."""
        return self.jax.jit(self.run)

    @cached_property
    def many(self) -> Any:
        """`run` of a stack, compiled."""
        return self.jax.jit(self.jax.vmap(self.run))

    @cached_property
    def compiles(self) -> bool:
        """Whether it can be compiled, and gives the same then."""
        values = {name: self.leaves[k] for name, k in self.checked.items()}
        with self.precision():
            arrays = self.given(values)
            expected = self.run(arrays)
            try:
                found = self.one(arrays)
            except (MemoryError, OSError):
                raise
            except Exception:  # noqa: BLE001 such as of a condition on values
                return False
        half = float(np.sqrt(np.finfo(found.dtype).eps))
        return bool(abs(found - expected) <= half * abs(expected))

    def given(self, params: Arrays) -> dict[str, Any]:
        """Arrays of JAX; complex ones only where the function can be believed of them."""
        if any(np.iscomplexobj(v) for v in params.values()) and self.refusal:
            raise TypeError(self.refusal)
        # All of one kind: JAX compiles for each combination anew.
        kind = complex if any(np.iscomplexobj(v) for v in params.values()) else None
        numbers = {name: np.asarray(params[name], kind) for name in self.checked}
        return {name: self.jax.numpy.asarray(v) for name, v in numbers.items()}

    @cached_property
    def refusal(self) -> str:
        """Why complex numbers are not taken; empty where they are."""
        arrays = {
            name: self.jax.numpy.asarray(np.asarray(self.leaves[k])).astype(complex)
            for name, k in self.checked.items()
        }
        try:
            trace = self.jax.make_jaxpr(self.run)(arrays)
        except (MemoryError, OSError):
            raise
        except Exception as error:  # noqa: BLE001 whatever it is, real numbers are taken
            return f"{type(error).__name__}: {str(error).partition(chr(10))[0]}"
        found = next(_without_derivative(trace.jaxpr), None)
        return f"it calls {found}, which has no complex derivative" if found else ""


@dataclass(frozen=True, eq=False, kw_only=True)
class _Autodiff:
    """The gradient that JAX makes of it; `function` is the user's own. Not compiled."""

    model: _Model
    function: Any

    def __call__(self, params: Arrays) -> dict[str, Array]:
        with self.model.precision():
            found = self.model.jax.grad(self.model.run)(self.model.given(params))
            return {name: np.asarray(g) for name, g in found.items()}


def _without_derivative(jaxpr: Any) -> Iterator[str]:
    """The operations in a trace that take complex numbers and have no complex derivative."""
    for equation in jaxpr.eqns:
        inner = [each for value in equation.params.values() for each in _traces(value)]
        for trace in inner:
            yield from _without_derivative(trace)
        kinds = [
            {np.dtype(v.aval.dtype).kind for v in some if hasattr(v.aval, "dtype")}
            for some in (equation.invars, equation.outvars)
        ]
        name = equation.primitive.name
        if "c" in kinds[0] and not inner and ("f" in kinds[1] or name in ("conj", "sign")):
            yield name


def _traces(value: Any) -> Iterator[Any]:
    """The traces that a parameter of an operation holds, such as the body of a loop."""
    if isinstance(value, tuple | list):
        for each in value:
            yield from _traces(each)
    elif hasattr(value, "jaxpr"):
        yield value.jaxpr
    elif hasattr(value, "eqns"):
        yield value


def _chosen(argnums: Any, count: int) -> set[int]:
    if argnums is None:
        return set(range(count))
    chosen = argnums if isinstance(argnums, tuple | list) else (argnums,)
    for number in chosen:
        if not isinstance(number, int) or not -count <= number < count:
            raise ValueError(
                f"argnums: expected positions among the {count} arguments after f, got {argnums!r}"
            )
    return {number % count for number in chosen}


def _is_real(jax: Any, leaf: Any) -> bool:
    if isinstance(leaf, float):
        return True
    dtype = getattr(leaf, "dtype", None)
    return dtype is not None and bool(jax.numpy.issubdtype(dtype, np.floating))


def _wide(leaf: Any, *, double: bool) -> Any:
    """A leaf as an array, in double precision if so wished."""
    array = np.asarray(leaf)
    return array.astype(np.float64) if double else array


def _filled(stack: Array, missing: int) -> Array:
    """A stack with its last parameter set repeated."""
    return np.concatenate([stack, np.repeat(stack[-1:], missing, axis=0)]) if missing else stack


def _names(f: Callable[..., Any], args: tuple[Any, ...]) -> list[str]:
    """What the function calls its arguments, or `arg0` and so on."""
    try:
        parameters = list(inspect.signature(f).parameters.values())
    except (TypeError, ValueError):
        parameters = []
    single = [p.name for p in parameters if p.kind in (p.POSITIONAL_ONLY, p.POSITIONAL_OR_KEYWORD)]
    return single + [f"arg{i}" for i in range(len(single), len(args))]


def _path(path: Any, names: list[str]) -> str:
    """The place of a leaf, with the argument's name first: `params.W1`."""
    first, *rest = path
    parts = [next(str(v) for v in _vars_of(key)) for key in rest]
    return ".".join([names[first.idx], *parts])


def _vars_of(key: Any) -> Iterator[Any]:
    """What a step into a tree goes by: a key, a position or a name."""
    for attribute in ("key", "idx", "name"):
        if hasattr(key, attribute):
            yield getattr(key, attribute)
    yield key
