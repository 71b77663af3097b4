"""Stacks: what adapters have in common. Outputs as one number, stacks of parameter sets in pieces.

A stack has a leading axis more in each array, as `check_gradients(batched=True)` hands it over.
"""

from __future__ import annotations

import importlib
from collections.abc import Callable, Iterator, Mapping
from typing import Any

import numpy as np

from checks.oracles.lines import random_signed_weights
from checks.problem.nested import Array

Arrays = Mapping[str, Array]

# Numbers in the piece of a stack that is run at once: 2 MiB, which a core's cache holds.
PIECE = 2**18


def library(name: str, adapter: str) -> Any:
    """The library, or an error that says how to get it."""
    try:
        return importlib.import_module(name)
    except ModuleNotFoundError as error:
        if error.name != name:
            raise
        raise ModuleNotFoundError(
            f"adapters.{adapter}: expected {name} to be installed, found none; pip install {name}"
        ) from None


def output_weights(shapes: list[tuple[int, ...]], seed: int) -> list[Array]:
    """Random weights of either sign, for a sum over a function's outputs."""
    rng = np.random.default_rng((seed, 3))
    return [random_signed_weights(rng, shape) for shape in shapes]


def pieces(stack: Arrays) -> Iterator[tuple[slice, dict[str, Array]]]:
    """A stack in parts of at most `PIECE` numbers, and of one parameter set at least."""
    k = len(next(iter(stack.values())))
    size = max(1, PIECE * k // max(1, sum(v.size for v in stack.values())))
    for start in range(0, k, size):
        part = slice(start, min(k, start + size))
        yield part, {name: v[part] for name, v in stack.items()}


def is_same_in_all(stacked: Array) -> bool:
    """Whether all parameter sets of a stack have the same array here."""
    first = stacked[0]
    return bool(np.array_equal(first, stacked[-1]) and (stacked == first).all())


def takes_stacks(
    one: Callable[[Arrays], Any], many: Callable[[Arrays], Array], params: Arrays
) -> bool:
    """Whether `many` gives, of a stack, what `one` gives of each, but for rounding.

    Whatever `many` raises, as for an operation that the library cannot run so, it does not.
    """
    moved = {name: (v * (1 + 2.0**-10)).astype(v.dtype) for name, v in params.items()}
    try:
        expected, near = one(params), one(moved)
        stack = {n: np.stack([params[n], moved[n], moved[n]]) for n in params}
        found = many(stack)
    except (MemoryError, OSError):
        raise
    except Exception:  # noqa: BLE001 whatever it is, one by one is always right
        return False
    half = float(np.sqrt(np.finfo(found.dtype).eps))
    scale = max(abs(expected), abs(near))
    return bool(np.all(np.abs(found - [expected, near, near]) <= half * scale))
