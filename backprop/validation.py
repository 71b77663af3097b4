"""The edge: every public argument is checked here, once, before anything is computed.

Each function returns its argument in the form that the inside works with, or raises an error that
names the argument, what was expected, what came and, where there is one, the remedy.
"""

from __future__ import annotations

import math
import operator
import reprlib
import sys
from collections.abc import Collection, Sequence
from itertools import pairwise
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from backprop.activations import ACTIVATIONS, Array
from backprop.costs import COSTS

if TYPE_CHECKING:
    from backprop.network import Network

# What parameters are: complex ones for the sake of the complex step.
_DTYPES = tuple(map(np.dtype, (np.float32, np.float64, np.complex64, np.complex128)))


def choice(argument: str, name: object, known: Collection[str]) -> str:
    """One of the `known` names; hyphens and underscores are alike."""
    if isinstance(name, str):
        plain = name.lower().replace("_", "-")
        if plain in known:
            return plain
        from difflib import get_close_matches

        close = get_close_matches(plain, known, n=1)
        hint = f"; did you mean {close[0]!r}?" if close else ""
    else:
        hint = ""
    message = f"{argument}: expected one of {', '.join(known)}, got {name!r}{hint}"
    raise ValueError(message) if isinstance(name, str) else TypeError(message)


def whole(argument: str, value: object, *, least: int) -> int:
    """A whole number of at least `least`."""
    try:
        number = operator.index(value)  # type: ignore[arg-type]
    except TypeError:
        raise TypeError(
            f"{argument}: expected a whole number of {least} or more, got {value!r}"
        ) from None
    if isinstance(value, bool) or number < least:
        raise ValueError(f"{argument}: expected a whole number of {least} or more, got {value!r}")
    return number


def positive(argument: str, value: float) -> float:
    """A finite number above zero."""
    try:
        number = float(value)
    except (TypeError, ValueError):
        raise TypeError(f"{argument}: expected a number above 0, got {value!r}") from None
    except OverflowError:  # of a whole number, which may be too long even to print
        raise ValueError(
            f"{argument}: expected a finite number above 0, got one too large for a float"
        ) from None
    if not (math.isfinite(number) and number > 0):
        raise ValueError(f"{argument}: expected a finite number above 0, got {value!r}")
    return number


def shape(widths: Sequence[int]) -> tuple[int, ...]:
    """At least two layer widths."""
    if isinstance(widths, str | bytes) or not hasattr(widths, "__len__"):
        raise TypeError(
            f"shape: expected a sequence of layer widths such as (784, 40, 10), got {widths!r}"
        )
    if len(widths) < 2:
        raise ValueError(
            f"shape: expected at least two layer widths, input and output, got {tuple(widths)!r}"
        )
    found = tuple(whole(f"shape[{i}]", width, least=1) for i, width in enumerate(widths))
    for sizes in pairwise(found):
        addressable("shape", *sizes)
    return found


def addressable(argument: str, *sizes: int) -> None:
    """Raise a ValueError where an array of these sizes could not even be addressed."""
    if math.prod(sizes) > sys.maxsize // 16:  # bytes of a complex number
        raise ValueError(
            f"{argument}: expected sizes that fit into memory, got {' x '.join(map(str, sizes))};"
            " give smaller ones"
        )


def activations(
    activation: str | Sequence[str], cost: str, *, layers: int
) -> tuple[tuple[str, ...], str]:
    """A name for every layer that suits the cost, and the cost."""
    cost = choice("cost", cost, COSTS)
    output = COSTS[cost].output
    if isinstance(activation, str):
        name = choice("activation", activation, ACTIVATIONS)
        names = [name] * (layers - 1) + [output or name]
    else:
        names = [choice(f"activation[{i}]", name, ACTIVATIONS) for i, name in enumerate(activation)]
    if len(names) != layers:
        raise ValueError(
            f"activation: expected one name, or one for each of {layers} layers, got {names!r}"
        )
    if "softmax" in names[:-1] or (names[-1] == "softmax" and output != "softmax"):
        raise ValueError(
            "activation: softmax couples the units of a layer, so it stands only at the output"
            f" and with cost 'softmax-cross-entropy'; got {names!r} with cost {cost!r}"
        )
    if output not in (None, names[-1]):
        raise ValueError(
            f"activation: cost {cost!r} expected {output!r} at the output, got {names[-1]!r};"
            " give a single name to leave the output to the cost"
        )
    return tuple(names), cost


def parameter_dtype(dtype: npt.DTypeLike) -> np.dtype:
    """float32 or float64."""
    try:
        found = np.dtype(dtype)
    except TypeError:
        raise TypeError(f"dtype: expected float32 or float64, got {dtype!r}") from None
    if found not in (np.dtype(np.float32), np.dtype(np.float64)):
        raise TypeError(f"dtype: expected float32 or float64, got {found}")
    return found


def generator(seed: int | np.random.Generator) -> np.random.Generator:
    """A generator, made from a whole number where it is not one already."""
    if isinstance(seed, np.random.Generator):
        return seed
    return np.random.default_rng(whole("seed", seed, least=0))


def network(net: object) -> None:
    """Raise an error unless `net` is a network, with parameters that fit each other."""
    from backprop.network import Network  # which imports this module

    if not isinstance(net, Network):
        raise TypeError(
            f"net: expected a Network, as init_net((784, 40, 10)) returns one, got {brief(net)}"
        )
    layers = zip(net.weights, net.biases, pairwise(net.shape), strict=True)
    for l, (W, b, size) in enumerate(layers, start=1):
        _parameter(f"W{l}", W, size)
        _parameter(f"b{l}", b, size[1:])


def _parameter(name: str, array: Array, size: tuple[int, ...]) -> None:
    if array.dtype not in _DTYPES:
        raise TypeError(
            f"net: expected parameters of float32 or float64, got {array.dtype} in {name};"
            " convert them with astype"
        )
    if array.shape != size:
        raise ValueError(
            f"net: expected {name} of shape {size}, as the other parameters have it,"
            f" got {array.shape}; make it fit, or begin with init_net(shape)"
        )


def inputs(net: Network, x: npt.ArrayLike, *, argument: str = "x") -> Array:
    """A batch (batch, n_in) of finite real numbers, in the real dtype of the parameters."""
    network(net)
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
    network(net)
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


def one_hot(labels: Array, classes: int, dtype: npt.DTypeLike, *, argument: str = "y") -> Array:
    """Rows with a one at each label, (n,) to (n, classes)."""
    wrong = np.flatnonzero((labels < 0) | (labels >= classes))
    if wrong.size:
        raise ValueError(
            f"{argument}: expected labels from 0 to {classes - 1}, one for each output,"
            f" got {argument}[{wrong[0]}] = {labels[wrong[0]]}"
        )
    rows = np.zeros((len(labels), classes), dtype)
    rows[np.arange(len(labels)), labels] = 1
    return rows


def brief(value: object) -> str:
    """A value as it looks in a message, cut short where that is long."""
    return reprlib.repr(value)


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
