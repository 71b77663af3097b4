"""The fingerprint: which code and which kind of network a certificate speaks of.

`fingerprint(net)` reads the *live* code that computes forward, backward, cost and update, as it
is in memory: it starts at `ROOTS` and follows every name from there (`backprop.walk`). So a changed
source file, and a function or a number replaced while the program runs, all change it. It is the
same in every process. The versions of Python and NumPy are part of it.
"""

from __future__ import annotations

import importlib
import sys
import types

import numpy as np

from backprop import validation
from backprop.network import Network
from backprop.walk import Walk

# Where the walk begins, by module of this package. Classes are here because a method that is called
# on a local name cannot be followed.
ROOTS = {
    "passes": ("forward", "backward", "cost", "gradients", "resume"),
    "network": ("Network", "zero_grad", "optimize"),
    "activations": ("ACTIVATIONS",),
    "costs": ("COSTS",),
    "loop": ("Batches", "Loop"),
    "samples": ("Samples", "shuffled"),
    "training": ("descend",),
}
_DIGITS = 32


def fingerprint(net: Network) -> str:
    """A digest of the code that trains `net`, its shape, activations, cost and dtype.

    Parameters
    ----------
    net
        The network; its parameters' values have no part in it.

    Returns
    -------
    str
        Hexadecimal digits, equal for equal code and equal kinds of network.

    Raises
    ------
    TypeError
        Where `net` is no network.
    """
    validation.network(net)
    walk = Walk()
    walk.take("python", sys.version_info[:2], np.__version__)
    walk.take("network", net.shape, net.activations, net.cost, str(net.dtype))
    walk.visit(type(net))
    for module, names in ROOTS.items():
        for name in names:
            walk.visit(getattr(_module(module), name))
    return walk.digest()[:_DIGITS]


def _module(name: str) -> types.ModuleType:
    # Not at the top: `training` imports this module, by way of `permit`.
    return importlib.import_module(f"backprop.{name}")
