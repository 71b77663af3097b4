"""Nested parameters: any arrangement of lists, tuples and dicts of arrays, as named tensors.

`flatten` gives each array the path that leads to it, `rebuild` puts arrays back where they were.
"""

from __future__ import annotations

import copy
from collections.abc import Iterator, Mapping, MutableMapping, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

Array = npt.NDArray[Any]


def flatten(nest: Any, *, root: str) -> dict[str, Array]:
    """The arrays in `nest` by path: keys and positions joined by dots, `root` for a lone array.

    Raises
    ------
    ValueError
        When two arrays have the same path, as in {"a.b": …, "a": {"b": …}}.
    """
    found: dict[str, Array] = {}
    for path, leaf in leaves(nest, root=root):
        if path in found:
            raise ValueError(f"{root}: expected a different path to each array, got {path!r} twice")
        found[path] = np.asarray(leaf)
    return found


def leaves(nest: Any, *, root: str) -> Iterator[tuple[str, Any]]:
    """What `flatten` makes arrays of, as it is, each with its path."""
    for path, leaf in _walk(nest, ""):
        yield path or root, leaf


def rebuild(nest: Any, arrays: Iterator[Array]) -> Any:
    """`nest` again, with its arrays replaced by the next ones of `arrays`."""
    if isinstance(nest, Mapping):
        items = {key: rebuild(value, arrays) for key, value in nest.items()}
        if not isinstance(nest, MutableMapping):
            return type(nest)(items)  # type: ignore[call-arg]
        filled = copy.copy(nest)  # keeps what else it has, such as a defaultdict's default
        filled.update(items)
        return filled
    if isinstance(nest, list | tuple):
        parts = [rebuild(value, arrays) for value in nest]
        return type(nest)(*parts) if hasattr(nest, "_fields") else type(nest)(parts)
    leaf = next(arrays)
    return leaf if isinstance(nest, np.ndarray) else leaf[()]


def coordinate(tensor: str, index: Sequence[int]) -> str:
    """How a coordinate is written: W2[17, 3]."""
    return f"{tensor}[{', '.join(map(str, index))}]" if len(index) else tensor


def _walk(nest: Any, path: str) -> Iterator[tuple[str, Any]]:
    if isinstance(nest, Mapping):
        parts = list(nest.items())
    elif isinstance(nest, list | tuple):
        parts = list(enumerate(nest))
    else:
        yield path, nest
        return
    for key, value in parts:
        yield from _walk(value, f"{path}.{key}" if path else str(key))
