"""The fingerprint: which code and which kind of network a certificate speaks of.

`fingerprint(net)` reads the *live* code that computes forward, backward, cost and update, as it
is in memory: it starts at `ROOTS` and follows every name from there (`code_digest`). So a changed
source file, and a function or a number replaced while the program runs, all change it. It is the
same in every process. The versions of Python and NumPy are part of it.
"""

from __future__ import annotations

import sys
import types

import numpy as np

from backprop import activations, costs, network, passes
from backprop.network import Network, require_network
from backprop.training import fast_loop, gradient_descent, minibatches, samples
from backprop.training.code_digest import Walk

# Where the walk begins. Classes are here because a method that is called on a local name cannot be
# followed. By name: a function that was replaced in its module is to be met as it is now.
ROOTS: tuple[tuple[types.ModuleType, tuple[str, ...]], ...] = (
    (passes, ("forward", "backward", "cost", "gradients", "resume")),
    (network, ("Network", "zero_grad", "optimize")),
    (activations, ("ACTIVATIONS",)),
    (costs, ("COSTS",)),
    (minibatches, ("Batches",)),
    (fast_loop, ("Loop",)),
    (samples, ("Samples", "shuffled")),
    (gradient_descent, ("descend",)),
)
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
    require_network(net)
    walk = Walk()
    walk.take("python", sys.version_info[:2], np.__version__)
    walk.take("network", net.shape, net.activations, net.cost, str(net.dtype))
    walk.visit(type(net))
    for module, names in ROOTS:
        for name in names:
            walk.visit(getattr(module, name))
    return walk.digest()[:_DIGITS]
