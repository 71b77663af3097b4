"""The fingerprint: which code and which kind of network a certificate speaks of.

`fingerprint(net)` reads the *live* code that computes forward, backward, cost and update, as it is
in memory: all that is in `MODULES`. So a changed source file, and a function or a number replaced
while the program runs, change it. It is the same in every process, unless there is code of someone
else's among it, such as an activation of one's own: then it holds for this process only. The
versions of Python, NumPy and BLAS, and for which processor the latter work, are part of it. What it
cannot tell is whether whoever asks for it was replaced by something that does not ask.
"""

from __future__ import annotations

import sys
from importlib import import_module
from types import ModuleType
from typing import Any

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
from backprop.learning import divergence, health, rates
from backprop.network import Network, require_network
from backprop.training import fast_loop, gradient_descent, minibatches, recorder, samples
from backprop.training.code_digest import CodeDigest

# All that is run on the way from samples to the next parameters, and what looks at it; a test holds
# them to that.
MODULES = (
    *(activations, arguments, blas_threads, costs, dataset, network, passes, validation),
    *(fast_loop, gradient_descent, minibatches, recorder, samples),
    *(divergence, health, rates),
)
# What asks for the permit, and stands above this module: it is named here, and not imported.
ASKING = tuple(f"backprop.training.{name}" for name in ("epochs", "evaluation", "permit"))
_DIGITS = 32

# What the names in those modules stood for, by fingerprint: the latest few.
_SEEN: dict[str, dict[str, Any]] = {}
_LATEST = 8


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
    digest.take((*sys.version_info[:2], np.__version__, *blas_threads.kernels()))
    digest.take((net.shape, net.activations, net.cost, str(net.dtype), type(net)))
    for module in covered():
        digest.module(module)
    found = digest.hexdigest()[:_DIGITS]
    _SEEN.pop(found, None)
    _SEEN[found] = _names()
    if len(_SEEN) > _LATEST:
        del _SEEN[next(iter(_SEEN))]
    return found


def covered() -> tuple[ModuleType, ...]:
    """The modules whose code a fingerprint reads."""
    return (*MODULES, *map(import_module, ASKING))


def replaced_since(earlier: str) -> list[str]:
    """The names in the modules that stand for something else than when that fingerprint was taken.

    Empty where it was not taken in this process, or what changed is inside of what they stand for.
    """
    before, now = _SEEN.get(earlier), _names()
    if before is None:
        return []
    missing = object()
    names = dict.fromkeys((*before, *now))
    return [n for n in names if before.get(n, missing) is not now.get(n, missing)]


def _names() -> dict[str, Any]:
    return {
        f"{module.__name__}.{name}": value
        for module in covered()
        for name, value in vars(module).items()
        if not name.startswith("__")
    }
