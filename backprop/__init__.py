"""backprop: a network written out by hand, from a shape and a seed to a gradient and a step.

    net = init_net((784, 40, 10))           # draw the parameters
    activations = forward(net, x)           # [x, a1, …, aL]
    backward(net, activations, y)           # add this batch's gradient to the accumulators
    optimize(net, learning_rate=5.0)        # apply what was accumulated
    zero_grad(net)                          # and empty them

`cost` and `gradients` serve those who check it, and `train` those who hold a permit for it.
Everything is loaded when it is first asked for: importing this package loads nothing.
"""

from __future__ import annotations

TYPE_CHECKING = False  # a type checker takes it for true; `typing` takes time to load

if TYPE_CHECKING:
    from typing import Any

    from backprop.datasets.dataset import Dataset
    from backprop.datasets.sources import load
    from backprop.network import Network, init_net, optimize, zero_grad
    from backprop.passes import backward, cost, forward, gradients
    from backprop.training.epochs import train

__all__ = [
    "Dataset",
    "Network",
    "backward",
    "cost",
    "forward",
    "gradients",
    "init_net",
    "load",
    "optimize",
    "train",
    "zero_grad",
]

_HOME = {
    "datasets.dataset": ("Dataset",),
    "datasets.sources": ("load",),
    "network": ("Network", "init_net", "optimize", "zero_grad"),
    "passes": ("backward", "cost", "forward", "gradients"),
    "training.epochs": ("train",),
}


if not TYPE_CHECKING:  # with it, any name would do

    def __getattr__(name: str) -> Any:
        import importlib

        # Not kept: what is replaced in its module, by a planted fault say, is replaced here, too.
        for module, names in _HOME.items():
            if name in names:
                return getattr(importlib.import_module(f"backprop.{module}"), name)
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
