"""Peers: other people's gradient checkers, each handed our cost and our gradient.

`CHECKERS` maps a name to a function that takes a `Problem` and says "right", "wrong" or
"undecided". Each peer runs at its defaults, on float64, but for what a hand-written backward pass
cannot offer: no forward mode and no second derivatives in JAX and autograd. What a peer raises
counts as "wrong", whatever it is: its user would look into it.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import measure  # noqa: F401 - pins the threads before NumPy is loaded
import numpy as np

from checks.methods.dispatch import run_check
from checks.problem.problem import Problem

Checker = Callable[[Problem], str]

# `scipy.optimize.check_grad` returns the norm of the difference and leaves the verdict to its
# user. Two readings: it should be small as such, or small beside the gradient.
SCIPY_LIMIT = 1e-6


def sweep(subject: Problem) -> str:
    """`checks.methods.dispatch.run_check`, every coordinate."""
    return _ours(subject, "sweep")


def probe(subject: Problem) -> str:
    """`checks.methods.dispatch.run_check(method="probe")`, a projection."""
    return _ours(subject, "probe")


def _ours(subject: Problem, method: str) -> str:
    verdict = run_check(subject, method=method).verdict
    return {"pass": "right", "fail": "wrong"}.get(verdict, verdict)


def torch_gradcheck(subject: Problem) -> str:
    """`torch.autograd.gradcheck`, every coordinate."""
    return _torch(subject, fast_mode=False)


def torch_fast(subject: Problem) -> str:
    """`torch.autograd.gradcheck(fast_mode=True)`, a random projection."""
    return _torch(subject, fast_mode=True)


def _torch(subject: Problem, *, fast_mode: bool) -> str:
    import torch

    class Network(torch.autograd.Function):
        @staticmethod
        def forward(ctx: Any, *values: Any) -> Any:
            ctx.save_for_backward(*values)
            cost = subject.cost([v.detach().numpy() for v in values])
            return torch.tensor(float(cost), dtype=torch.float64)

        @staticmethod
        def backward(ctx: Any, upstream: Any) -> Any:
            gradient = subject.gradient([v.detach().numpy() for v in ctx.saved_tensors])
            return tuple(upstream * torch.from_numpy(gradient[n]) for n in subject.names)

    torch.set_num_threads(1)
    values = [torch.tensor(v, requires_grad=True) for v in subject.values]

    def check() -> Any:
        return torch.autograd.gradcheck(
            Network.apply, values, fast_mode=fast_mode, raise_exception=True
        )

    return _right_unless_raised(check)


def jax_check_grads(subject: Problem) -> str:
    """`jax.test_util.check_grads(order=1, modes="rev")`, a random projection."""
    import jax
    from jax.test_util import check_grads

    shapes = [jax.ShapeDtypeStruct(v.shape, np.float64) for v in subject.values]

    def plain(values: Any) -> list[Any]:
        return [np.array(v) for v in values]

    @jax.custom_vjp
    def cost(*values: Any) -> Any:
        return jax.pure_callback(
            lambda *v: np.asarray(subject.cost(plain(v))),
            jax.ShapeDtypeStruct((), np.float64),
            *values,
        )

    def backward(values: Any, upstream: Any) -> Any:
        def gradient(*v: Any) -> Any:
            found = subject.gradient(plain(v))
            return [np.asarray(found[name], np.float64) for name in subject.names]

        return tuple(upstream * g for g in jax.pure_callback(gradient, shapes, *values))

    cost.defvjp(lambda *values: (cost(*values), values), backward)
    return _right_unless_raised(
        lambda: check_grads(cost, tuple(map(jax.numpy.asarray, subject.values)), 1, modes=["rev"])
    )


def autograd_check_grads(subject: Problem) -> str:
    """`autograd.test_util.check_grads(order=1, modes="rev")`, a random projection."""
    from autograd.extend import defvjp, primitive
    from autograd.test_util import check_grads

    # One flat argument: of several, `check_grads` looks at the first alone unless told otherwise.
    @primitive
    def cost(flat: Any) -> Any:
        return float(subject.cost(_split(subject, flat)))

    def product(_: Any, flat: Any) -> Any:
        gradient = _flat_gradient(subject, flat)
        return lambda upstream: upstream * gradient

    defvjp(cost, product)
    return _right_unless_raised(lambda: check_grads(cost, modes=["rev"], order=1)(_flat(subject)))


def scipy_absolute(subject: Problem) -> str:
    """`scipy.optimize.check_grad`, taken for wrong above 1e-6."""
    return _scipy(subject, relative=False)


def scipy_relative(subject: Problem) -> str:
    """`scipy.optimize.check_grad`, taken for wrong above 1e-6 times the gradient's norm."""
    return _scipy(subject, relative=True)


def _scipy(subject: Problem, *, relative: bool) -> str:
    from scipy.optimize import check_grad

    def check() -> bool:
        start = _flat(subject)
        found = check_grad(
            lambda flat: subject.cost(_split(subject, flat)),
            lambda flat: _flat_gradient(subject, flat),
            start.copy(),
        )
        size = float(np.linalg.norm(_flat_gradient(subject, start))) if relative else 1.0
        return bool(found <= SCIPY_LIMIT * size)

    return _right_unless_raised(check)


def _flat(subject: Problem) -> Any:
    return np.concatenate([v.ravel() for v in subject.values])


def _flat_gradient(subject: Problem, flat: Any) -> Any:
    found = subject.gradient(_split(subject, flat))
    return np.concatenate([np.ravel(found[name]) for name in subject.names])


def _split(subject: Problem, flat: Any) -> list[Any]:
    ends = np.cumsum([v.size for v in subject.values])[:-1]
    parts = np.split(np.array(flat, float), ends)
    return [part.reshape(v.shape) for part, v in zip(parts, subject.values, strict=True)]


def _right_unless_raised(check: Callable[[], Any]) -> str:
    try:
        right = check()
    except Exception:  # noqa: BLE001 - whatever it is, the user hears of it
        return "wrong"
    return "wrong" if right is False else "right"


CHECKERS: dict[str, Checker] = {
    "geartrain sweep": sweep,
    "geartrain probe": probe,
    "torch gradcheck": torch_gradcheck,
    "torch fast_mode": torch_fast,
    "JAX check_grads": jax_check_grads,
    "autograd check": autograd_check_grads,
    "SciPy, absolute": scipy_absolute,
    "SciPy, relative": scipy_relative,
}
