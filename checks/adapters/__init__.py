"""adapters: other libraries' functions as problems that `check_gradients` takes.

    check_gradients(adapters.torch(module, x, loss=cross_entropy, target=y))
    check_gradients(adapters.jax(f, w, b))

Neither library is needed, or loaded, before its adapter is called.
"""

from __future__ import annotations

TYPE_CHECKING = False  # a type checker takes it for true; `typing` takes time to load

if TYPE_CHECKING:
    from typing import Any

    from checks.adapters.of_jax import jax_problem as jax
    from checks.adapters.of_torch import torch_problem as torch

__all__ = ["jax", "torch"]

# Not files of these names: a submodule that is imported would take the function's place.
_HOME = {"jax": ("of_jax", "jax_problem"), "torch": ("of_torch", "torch_problem")}


def __getattr__(name: str) -> Any:
    import importlib

    if name not in _HOME:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    home, function = _HOME[name]
    found = getattr(importlib.import_module(f"checks.adapters.{home}"), function)
    globals()[name] = found
    return found


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
