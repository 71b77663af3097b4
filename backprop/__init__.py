"""backprop: a network written out by hand, from a shape and a seed to a gradient and a step.

    net = init_net((784, 40, 10))           # draw the parameters
    activations = forward(net, x)           # [x, a1, …, aL]
    backward(net, activations, y)           # add this batch's gradient to the accumulators
    optimize(net, learning_rate=5.0)        # apply what was accumulated
    zero_grad(net)                          # and empty them

`cost` and `gradients` serve those who check it, and `train` those who hold a permit for it.
"""

from typing import TYPE_CHECKING, Any

from backprop.network import Network, init_net, optimize, zero_grad
from backprop.passes import backward, cost, forward, gradients

if TYPE_CHECKING:
    from backprop.datasets import Dataset, load
    from backprop.training import train

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


def __getattr__(name: str) -> Any:
    """What only training needs, imported when it is first asked for."""
    if name == "train":
        from backprop.training import train

        return train
    if name in ("Dataset", "load"):
        from backprop import datasets

        return getattr(datasets, name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
