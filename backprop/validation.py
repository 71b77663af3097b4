"""The edge, above the network: a batch, its activations and its targets are checked here, once.

Each function returns its argument in the form that the inside works with, or raises an error that
names the argument, what was expected, what came and, where there is one, the remedy.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from backprop.activations import Array
from backprop.arguments import one_hot
from backprop.costs import COSTS
from backprop.network import Network, require_network


def inputs(net: Network, x: npt.ArrayLike, *, argument: str = "x") -> Array:
    """A batch (batch, n_in) of finite real numbers, in the real dtype of the parameters."""
    require_network(net)
    x = _real(argument, x, net)
    n_in = net.shape[0]
    if x.ndim != 2 or x.shape[1] != n_in or len(x) == 0:
        hint = f"; a single sample is {argument}[None, :]" if x.ndim == 1 else ""
        raise ValueError(
            f"{argument}: expected shape (batch, {n_in}) with a batch of 1 or more,"
            f" got {x.shape}{hint}"
        )
    return _finite(argument, x)


def activation_shapes(net: Network, found: Sequence[Array]) -> int:
    """Check that `found` can have come from `forward`; the size of its batch."""
    require_network(net)
    batch = len(found[0]) if len(found) and np.ndim(found[0]) else 0
    expected = [(batch, n) for n in net.shape]
    got = [np.shape(a) for a in found]
    if batch == 0 or got != expected:
        raise ValueError(
            "activations: expected what forward(net, x) returns, arrays of shapes"
            f" {', '.join(f'(batch, {n})' for n in net.shape)}, got {got}"
        )
    return batch


def targets(net: Network, y: npt.ArrayLike, batch: int, *, argument: str = "y") -> Array:
    """Targets (batch, n_out); class labels (batch,) become one-hot rows."""
    n_out = net.shape[-1]
    given = np.asarray(y)
    if given.ndim == 1 and given.dtype.kind in "iu":
        labels = _length(argument, given, batch)
        return one_hot(labels, n_out, _real_dtype(net), argument=argument)
    y = _real(argument, given, net)
    if y.shape != (batch, n_out):
        raise ValueError(
            f"{argument}: expected targets of shape ({batch}, {n_out}) or {batch} whole-number"
            f" labels, got shape {y.shape} of {given.dtype}"
        )
    _finite(argument, y)
    if COSTS[net.cost].bounded and not (y.min() >= 0 and y.max() <= 1):
        raise ValueError(
            f"{argument}: expected targets between 0 and 1 for cost {net.cost!r},"
            f" got {y.min():g} to {y.max():g}"
        )
    return y


def _length(argument: str, values: Array, length: int) -> Array:
    if len(values) != length:
        raise ValueError(f"{argument}: expected {length} labels, one a sample, got {len(values)}")
    return values


def _real_dtype(net: Network) -> np.dtype:
    return np.finfo(net.dtype).dtype


def _real(argument: str, values: npt.ArrayLike, net: Network) -> Array:
    try:
        array = np.asarray(values)
    except ValueError as error:
        raise ValueError(f"{argument}: expected a rectangular array, got {error}") from None
    if array.dtype.kind not in "biuf":
        raise TypeError(f"{argument}: expected an array of real numbers, got dtype {array.dtype}")
    with np.errstate(over="ignore"):  # what does not fit becomes infinite, and is refused as such
        return array.astype(_real_dtype(net), copy=False)


def _finite(argument: str, array: Array) -> Array:
    if not np.isfinite(array).all():
        first = np.argwhere(~np.isfinite(array))[0]
        where = ", ".join(map(str, first))
        raise ValueError(
            f"{argument}: expected finite numbers, got {array[tuple(first)]} at {argument}[{where}]"
        )
    return array
