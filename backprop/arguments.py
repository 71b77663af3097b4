"""The edge, below the network: numbers, names and shapes are checked here, once.

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

import numpy as np
import numpy.typing as npt

from backprop.activations import ACTIVATIONS, Array
from backprop.costs import COSTS


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
