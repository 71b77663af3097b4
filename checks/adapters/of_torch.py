"""of_torch: a module or function of torch as a problem, `adapters.torch`."""

from __future__ import annotations

import copy
import inspect
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

import numpy as np

from checks.adapters import stacks
from checks.adapters.stacks import Arrays
from checks.forms import GradientProblem
from checks.problem import nested
from checks.problem.nested import Array

# What has no complex derivative, of operations that take complex numbers to complex ones.
CONJUGATES = ("_conj", "conj_physical", "_conj_physical", "sgn", "vdot", "linalg_vecdot")


def torch_problem(
    function: Any,
    inputs: Any = (),
    *,
    loss: Callable[..., Any] | None = None,
    target: Any = None,
    step: Callable[..., Any] | None = None,
    double: bool = True,
    seed: int = 0,
) -> GradientProblem:
    """A problem of a torch module or function: what autograd makes of it, to be checked.

    Parameters
    ----------
    function
        A `torch.nn.Module`, a `torch.autograd.Function` or any function of tensors. Of a module,
        the parameters that require a gradient are checked, by their names, such as `0.weight`. It
        is run in the mode it is in, on a copy: nothing in it changes.
    inputs
        What the function takes: a tensor, a tuple of arguments, or a dict of them by name. Those
        that require a gradient are checked, too, by the names of the arguments; all of floating
        point where nothing else requires one.
    loss
        The cost of the output, loss(output) or, with a target, loss(output, target). By default
        the cost is the output if that is one number, else a sum of the outputs with random
        weights, so that every output counts.
    target
        What the loss takes beside the output.
    step
        A training step's own way to the gradient, which is checked in the place of autograd's:
        step(module, *inputs), with the target last where there is one. It runs forward and
        backward on a copy of the module, where its gradients are read from `.grad`.
    double
        Whether all is converted to float64, in which errors of a millionth show. False leaves the
        precision as it is, for what runs in float32 alone.
    seed
        Of the random weights, and of what the function draws: dropout has the same mask at every
        call.

    Returns
    -------
    GradientProblem
        For `check_gradients`, `assert_gradients`, and `gradcheck FILE:NAME`. Many perturbations
        are run in one call where `torch.func.vmap` takes the function.

    Raises
    ------
    ModuleNotFoundError
        Without torch.
    TypeError, ValueError
        When an argument is unusable, or nothing requires a gradient.
    Exception
        What the function raises at these inputs, with a note on how it was called.

    Notes
    -----
    Tensors on other devices stay there; only CPUs have been tested. Of a module in training mode,
    batch normalisation takes the statistics of the batch; what it keeps of them is set back before
    each call. Hooks on parameters are not copied, and so are left out.

    Examples
    --------
    >>> import pytest
    >>> torch = pytest.importorskip("torch")
    >>> from checks import adapters, check_gradients
    >>> net = torch.nn.Sequential(torch.nn.Linear(3, 4), torch.nn.Tanh(), torch.nn.Linear(4, 2))
    >>> x, y = torch.randn(5, 3), torch.randn(5, 2)
    >>> report = check_gradients(
    ...     adapters.torch(net, x, loss=torch.nn.functional.mse_loss, target=y)
    ... )
    >>> print(report.verdict, [tensor.name for tensor in report.tensors])
    pass ['0.weight', '0.bias', '2.weight', '2.bias']
    """
    torch = stacks.library("torch", "torch")
    _require_callables(function=function, loss=loss, step=step)
    if not isinstance(double, bool):
        raise TypeError(f"double: expected True or False, got {double!r}")
    model = _model(torch, function, inputs, loss=loss, target=target, double=double, seed=seed)
    if step is not None and model.module is None:
        raise TypeError(
            f"step: expected a module beside it, in which it leaves gradients, got {function!r};"
            " pass the module, or a function alone"
        )
    params = {name: _array(tensor) for name, tensor in model.checked.items()}
    gradients = _Autograd(model=model, function=function) if step is None else _Step(model, step)
    if stacks.takes_stacks(model.cost, model.costs, params):
        return GradientProblem(model.costs, gradients, params, batched=True)
    return GradientProblem(model.cost, gradients, params)


@dataclass(eq=False, kw_only=True)
class _Model:
    """What is run: tensors by name in, one number out.

    Attributes
    ----------
    checked, fixed
        The tensors that are moved, and the module's other ones, by name.
    given, places
        The inputs; and which name stands at which of their places.
    """

    torch: Any
    module: Any
    function: Callable[..., Any]
    checked: dict[str, Any]
    fixed: dict[str, Any]
    given: Any
    places: dict[str, str]
    loss: Callable[..., Any] | None
    target: Any
    double: bool
    seed: int
    draws: bool = False
    weights: list[Any] | None = None
    real_only: str | None = field(default=None, init=False)

    # --- running ----------------------------------------------------------------------------

    @contextmanager
    def surroundings(self) -> Iterator[None]:
        """A block whose random numbers and new tensors are the same each time; all is put back."""
        torch = self.torch
        before = torch.get_default_dtype()
        with ExitStack() as stack:
            if self.draws:
                elsewhere = {t.device for t in self.tensors() if t.device.type != "cpu"}
                kind = next((device.type for device in elsewhere), "cuda")
                stack.enter_context(torch.random.fork_rng(elsewhere, device_type=kind))
                torch.manual_seed(self.seed)
            if self.double:
                stack.callback(torch.set_default_dtype, before)
                torch.set_default_dtype(torch.float64)
            yield

    def tensors(self) -> list[Any]:
        return [*self.checked.values(), *self.fixed.values()]

    def run(self, tensors: Mapping[str, Any]) -> Any:
        """The cost, of tensors by name."""
        return self.total(self.outputs(tensors))

    def outputs(self, tensors: Mapping[str, Any]) -> Any:
        args, kwargs = self.arguments(tensors)
        if self.module is None:
            found = self.function(*args, **kwargs)
        else:
            own = {n: t for n, t in tensors.items() if n not in self.places.values()}
            # What a forward pass keeps, such as running statistics, it keeps in copies.
            kept = {n: self.copied(t, tensors) for n, t in self.fixed.items()}
            found = self.torch.func.functional_call(self.module, {**kept, **own}, args, kwargs)
        if self.loss is None:
            return found
        return self.loss(found) if self.target is None else self.loss(found, self.target)

    def arguments(self, tensors: Mapping[str, Any]) -> tuple[tuple[Any, ...], dict[str, Any]]:
        """The inputs, those that are checked as they are in `tensors`."""

        def at(path: str, leaf: Any) -> Any:
            place = self.places.get(path)
            return self.copied(leaf, tensors) if place is None else tensors[place]

        found = _mapped(self.given, at)
        return ((), found) if isinstance(found, dict) else (found, {})

    def copied(self, leaf: Any, tensors: Mapping[str, Any]) -> Any:
        """A copy of a tensor, complex beside complex ones: torch's products want both the same."""
        if not isinstance(leaf, self.torch.Tensor):
            return leaf
        beside_complex = any(t.is_complex() for t in tensors.values())
        if beside_complex and leaf.is_floating_point():
            return leaf.to(leaf.dtype.to_complex())
        return leaf.clone()

    def total(self, found: Any) -> Any:
        """The outputs as one number."""
        outputs = self.real_outputs(found)
        if self.weights is None:
            return outputs[0].reshape(())
        return sum((w * out).sum() for w, out in zip(self.weights, outputs, strict=True))

    def real_outputs(self, found: Any) -> list[Any]:
        """The tensors among the outputs; whole numbers, such as indices, have no gradient."""
        torch = self.torch
        leaves = [leaf for _, leaf in nested.leaves(found, root="output")]
        outputs = [t for t in leaves if isinstance(t, torch.Tensor)]
        outputs = [t for t in outputs if t.is_floating_point() or t.is_complex()]
        if not outputs:
            kinds = ", ".join(sorted({type(leaf).__name__ for leaf in leaves})) or "nothing"
            raise TypeError(
                f"function: expected a tensor of floating-point numbers from it, got {kinds};"
                " return the tensor itself, without .item(), .numpy() or .detach()"
            )
        return outputs

    # --- the problem's functions ------------------------------------------------------------

    def cost(self, params: Arrays) -> Any:
        """The cost of one parameter set."""
        self.require_number_type(params)
        with self.surroundings(), self.torch.no_grad():
            return _array(self.run(self.from_arrays(params)))[()]

    def costs(self, params: Arrays) -> Array:
        """The costs of a stack of parameter sets, (k,)."""
        self.require_number_type(params)
        k = len(next(iter(params.values())))
        found = np.empty(k, np.result_type(float, *params.values()))
        with self.torch.no_grad():
            for part, piece in stacks.pieces(params):
                found[part] = self.together(piece)
        return found

    def together(self, params: Arrays) -> Any:
        same = {name: stacks.is_same_in_all(v) for name, v in params.items()}
        tensors = self.from_arrays({n: v[0] if same[n] else v for n, v in params.items()})
        with self.surroundings():
            if all(same.values()):
                return _array(self.run(tensors))
            dims = {name: None if same[name] else 0 for name in tensors}
            many = self.torch.func.vmap(self.run, in_dims=(dims,), randomness="same")
            return _array(many(tensors))

    # --- from arrays ------------------------------------------------------------------------

    def from_arrays(self, params: Arrays) -> dict[str, Any]:
        """Tensors on the devices of those checked, and in their precision at least."""
        found = {}
        any_complex = any(np.iscomplexobj(v) for v in params.values())
        for name, like in self.checked.items():
            array = np.asarray(params[name], complex if any_complex else None)
            tensor = self.torch.from_numpy(array if array.flags.writeable else array.copy())
            if not self.double:
                kept = like.dtype.to_complex() if tensor.is_complex() else like.dtype
                tensor = tensor.to(kept)
            found[name] = tensor.to(like.device)
        return found

    def require_number_type(self, params: Arrays) -> None:
        """Refuse complex numbers where the function cannot be believed of them."""
        if any(np.iscomplexobj(v) for v in params.values()) and self.refusal:
            raise TypeError(self.refusal)

    @cached_property
    def refusal(self) -> str:
        """Why complex numbers are not taken; empty where they are."""
        values = {name: _array(t).astype(complex) for name, t in self.checked.items()}
        try:
            with self.surroundings(), self.torch.no_grad(), _holomorphic(self.torch):
                found = self.run(self.from_arrays(values))
        except (MemoryError, OSError):
            raise
        except Exception as error:  # noqa: BLE001 whatever it is, real numbers are taken
            return f"{type(error).__name__}: {str(error).partition(chr(10))[0]}"
        return "" if found.is_complex() else "it gives back a real number"


@dataclass(frozen=True, eq=False, kw_only=True)
class _Autograd:
    """The gradient that autograd makes of it; `function` is the user's own."""

    model: _Model
    function: Any

    def __call__(self, params: Arrays) -> dict[str, Array]:
        model, torch = self.model, self.model.torch
        leaves = {n: t.requires_grad_() for n, t in model.from_arrays(params).items()}
        with model.surroundings(), torch.enable_grad():
            total = model.run(leaves)
            if not total.requires_grad:  # it was detached on the way
                return {name: np.zeros_like(params[name]) for name in leaves}
            found = torch.autograd.grad(
                total, list(leaves.values()), allow_unused=True, materialize_grads=True
            )
        return {name: _array(g) for name, g in zip(leaves, found, strict=True)}


class _Step:
    """The gradient that a training step leaves in `.grad` of a copy of the module.

    Between calls nothing is zeroed here: that is the step's own business.
    """

    def __init__(self, model: _Model, step: Callable[..., Any]) -> None:
        self.model, self.function = model, step
        self.module = _twin(model.torch, model.module, double=model.double)
        self.module.zero_grad()
        self.state = {**dict(self.module.named_parameters()), **dict(self.module.named_buffers())}
        self.kept = {name: tensor.detach().clone() for name, tensor in self.state.items()}

    def __call__(self, params: Arrays) -> dict[str, Array]:
        model, torch = self.model, self.model.torch
        tensors = model.from_arrays(params)
        with torch.no_grad():
            for name, tensor in self.state.items():
                tensor.copy_(tensors.get(name, self.kept[name]))
        args, kwargs = model.arguments(tensors)
        rest = () if model.target is None else (model.target,)
        with model.surroundings(), torch.enable_grad():
            self.function(self.module, *args, *rest, **kwargs)
        return {name: self.gradient(name) for name in model.checked}

    def gradient(self, name: str) -> Array:
        tensor = self.state[name]
        found = self.model.torch.zeros_like(tensor) if tensor.grad is None else tensor.grad
        return _array(found).copy()


# --- making one -----------------------------------------------------------------------------------


def _model(
    torch: Any, function: Any, inputs: Any, *, loss: Any, target: Any, double: bool, seed: int
) -> _Model:
    module = function if isinstance(function, torch.nn.Module) else None
    if isinstance(function, type(torch.autograd.Function)):
        signature, function = function.forward, function.apply
    else:
        signature = function.forward if module is not None else function
    given = inputs if isinstance(inputs, dict) else _tuple(torch, inputs)

    def twin(path: str, leaf: Any) -> Any:  # noqa: ARG001 the same of each
        return _twin(torch, leaf, double=double)

    if module is not None:
        module = _twin(torch, module, double=double)
    own = {} if module is None else dict(module.named_parameters())
    names = _names(signature, given)
    at = {p: t for p, t in nested.leaves(given, root="") if isinstance(t, torch.Tensor)}
    at = {path: t for path, t in at.items() if t.is_floating_point()}
    wanted = {path for path, t in at.items() if t.requires_grad}
    if not wanted and not any(t.requires_grad for t in own.values()):
        wanted = set(at)
    places = {path: _renamed(path, names, own) for path in at if path in wanted}
    given = _mapped(given, twin)
    at = dict(nested.leaves(given, root=""))
    checked = {n: t.detach() for n, t in own.items() if t.requires_grad}
    checked |= {name: at[path].detach() for path, name in places.items()}
    if not checked:
        raise ValueError(
            "inputs: expected a tensor of floating-point numbers to check, or a module with"
            f" parameters that require a gradient, got {_described(inputs)}"
        )
    fixed = {n: t.detach() for n, t in own.items() if not t.requires_grad}
    if module is not None:
        fixed |= dict(module.named_buffers())
    model = _Model(
        torch=torch,
        module=module,
        function=function,
        checked=checked,
        fixed=fixed,
        given=given,
        places=places,
        loss=_twin(torch, loss, double=double),
        target=_mapped(target, twin)
        if isinstance(target, tuple | list | dict)
        else twin("", target),
        double=double,
        seed=seed,
    )
    _first_run(model)
    return model


def _first_run(model: _Model) -> None:
    """Run it once, to see what it draws and what it returns."""
    torch = model.torch
    model.draws = True  # in case it does
    with model.surroundings(), torch.no_grad():
        before = _random_states(torch)
        try:
            found = model.outputs(
                model.from_arrays({n: _array(t) for n, t in model.checked.items()})
            )
        except Exception as error:
            if model.double:
                error.add_note(
                    "adapters.torch ran it in float64: pass what else it reads as inputs or target,"
                    " to be converted too, or double=False"
                )
            raise
        outputs = model.real_outputs(found)
        model.draws = any(
            not torch.equal(a, b) for a, b in zip(before, _random_states(torch), strict=True)
        )
    if any(t.is_complex() for t in outputs):
        raise TypeError("function: expected real outputs, got complex ones; take a real cost of it")
    if len(outputs) > 1 or outputs[0].numel() != 1:
        drawn = stacks.output_weights([tuple(t.shape) for t in outputs], model.seed)
        model.weights = [torch.from_numpy(w).to(t) for w, t in zip(drawn, outputs, strict=True)]


def _random_states(torch: Any) -> list[Any]:
    states = [torch.get_rng_state()]
    return states + (torch.cuda.get_rng_state_all() if torch.cuda.is_available() else [])


def _twin(torch: Any, thing: Any, *, double: bool) -> Any:
    """A copy of a module or tensor, of twice the precision if so wished; others as they are."""
    if isinstance(thing, torch.nn.Module):
        found = copy.deepcopy(thing)
        return found.double() if double else found
    if isinstance(thing, torch.Tensor):
        found = thing.detach().clone()
        return found.double() if double and found.is_floating_point() else found
    return thing


def _tuple(torch: Any, inputs: Any) -> tuple[Any, ...]:
    if isinstance(inputs, torch.Tensor):
        return (inputs,)
    if isinstance(inputs, tuple | list):
        return tuple(inputs)
    raise TypeError(
        "inputs: expected a tensor, a tuple of arguments or a dict of them, got"
        f" {_described(inputs)}; make tensors of arrays, with torch.as_tensor"
    )


def _names(function: Any, given: Any) -> list[str]:
    """What the function calls its positional arguments, or `input0` and so on."""
    if isinstance(given, dict):
        return []
    try:
        parameters = list(inspect.signature(function).parameters.values())
    except (TypeError, ValueError):  # one of torch's own
        parameters = []
    single = [p.name for p in parameters if p.kind in (p.POSITIONAL_ONLY, p.POSITIONAL_OR_KEYWORD)]
    if single[:1] == ["ctx"]:
        single = single[1:]
    return single + [f"input{i}" for i in range(len(single), len(given))]


def _renamed(path: str, names: list[str], taken: Mapping[str, Any]) -> str:
    """`1.w` as the signature has it, such as `weights.w`; a taken name with a word before it."""
    first, dot, rest = path.partition(".")
    found = f"{names[int(first)] if names else first}{dot}{rest}"
    return f"inputs.{found}" if found in taken else found


def _mapped(nest: Any, function: Callable[[str, Any], Any], path: str = "") -> Any:
    """A nest of the same kind, with each leaf replaced; the function takes its path, too."""
    if not isinstance(nest, Mapping | list | tuple):
        return function(path, nest)
    items = nest.items() if isinstance(nest, Mapping) else enumerate(nest)
    parts = {k: _mapped(v, function, f"{path}.{k}" if path else str(k)) for k, v in items}
    if isinstance(nest, Mapping):
        return parts
    values = parts.values()
    return type(nest)(*values) if hasattr(nest, "_fields") else type(nest)(values)


def _array(tensor: Any) -> Array:
    return np.asarray(tensor.detach().cpu().resolve_conj().resolve_neg().numpy())


def _described(inputs: Any) -> str:
    return (
        "none" if isinstance(inputs, tuple | list | dict) and not inputs else type(inputs).__name__
    )


def _require_callables(**given: Any) -> None:
    for argument, function in given.items():
        if not callable(function) and not (function is None and argument != "function"):
            raise TypeError(f"{argument}: expected a function, got {function!r}")


def _holomorphic(torch: Any) -> Any:
    """A block in which operations that have no complex derivative raise a TypeError."""
    from torch.utils._python_dispatch import TorchDispatchMode

    class Watch(TorchDispatchMode):  # type: ignore[misc]
        def __torch_dispatch__(
            self, operation: Any, types: Any, args: Any = (), kwargs: Any = None
        ) -> Any:
            found = operation(*args, **(kwargs or {}))
            name = operation.overloadpacket.__name__
            if not any(isinstance(t, torch.Tensor) and t.is_complex() for t in args):
                return found
            made_real = isinstance(found, torch.Tensor) and found.is_floating_point()
            if made_real or name in CONJUGATES:
                raise TypeError(f"it calls {name}, which has no complex derivative")
            return found

    return Watch()
