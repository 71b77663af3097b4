"""The fingerprint: which code and which kind of network a certificate speaks of.

`fingerprint(net)` reads the *live* code that computes forward, backward, cost and update, as it is
in memory: all that is in `MODULES`. So a changed source file, and a function or a number replaced
while the program runs, change it. It is the same in every process, unless there is code of someone
else's among it, such as an activation of one's own: then it holds for this process only. The
versions of Python and NumPy are part of it.
"""

from __future__ import annotations

import sys

import numpy as np

from backprop import (
    activations,
    arguments,
    blas_threads,
    costs,
    network,
    passes,
    validation,
)
from backprop.datasets import dataset
from backprop.network import Network, require_network
from backprop.training import fast_loop, gradient_descent, minibatches, recorder, samples
from backprop.training.code_digest import CodeDigest

# All that is run on the way from samples to the next parameters; a test holds them to that.
MODULES = (
    *(activations, arguments, blas_threads, costs, dataset, network, passes, validation),
    *(fast_loop, gradient_descent, minibatches, recorder, samples),
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
    digest = CodeDigest()
    digest.take((*sys.version_info[:2], np.__version__))
    digest.take((net.shape, net.activations, net.cost, str(net.dtype), type(net)))
    for module in MODULES:
        digest.module(module)
    return digest.hexdigest()[:_DIGITS]
