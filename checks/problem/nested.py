"""Nested parameters: any arrangement of lists, tuples and dicts of arrays, as named tensors.

`flatten` gives each array the path that leads to it, `rebuild` puts arrays back where they were,
`follow` reads a gradient by the nesting of its parameters.
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


def follow(found: Any, like: Any, *, root: str) -> dict[str, Array]:
    """The arrays in `found` by the paths of `like`, which it should be nested like.

    Where `like` has an array, a list of numbers is taken as one; where it has a list of single
    numbers, so is an array of as many. What is nested otherwise goes by its own paths, as in
    `flatten`.

    Examples
    --------
    >>> follow([2, 4.5], np.zeros(2), root="params")
    {'params': array([2. , 4.5])}
    >>> follow(np.asarray([2.0, 4.5]), [0.0, 0.0], root="params")
    {'0': array(2.), '1': array(4.5)}
    """
    try:
        return {path or root: array for path, array in _follow(found, like, "")}
    except _OtherwiseError:
        return flatten(found, root=root)


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


class _OtherwiseError(Exception):
    """Something is not nested like the parameters."""


def _follow(found: Any, like: Any, path: str) -> Iterator[tuple[str, Array]]:
    if not isinstance(like, Mapping | list | tuple):
        yield path, _numbers(found)
        return
    parts = _parts(like)
    if isinstance(like, Mapping):
        if not isinstance(found, Mapping) or set(found) != set(like):
            raise _OtherwiseError
    elif isinstance(found, np.ndarray):
        if found.shape != (len(like),) or not all(np.ndim(v) == 0 for _, v in parts):
            raise _OtherwiseError
    elif not isinstance(found, list | tuple) or len(found) != len(like):
        raise _OtherwiseError
    for key, value in parts:
        yield from _follow(found[key], value, f"{path}.{key}" if path else str(key))


def _numbers(found: Any) -> Array:
    """What stands where an array of numbers should; whole numbers of Python are floats."""
    if isinstance(found, Mapping):
        raise _OtherwiseError
    if not isinstance(found, list | tuple):
        return np.asarray(float(found) if type(found) is int else found)
    try:
        array = np.asarray(found)
    except ValueError:  # ragged
        raise _OtherwiseError from None
    if array.dtype.kind not in "fiu":
        raise _OtherwiseError
    return array if array.dtype.kind == "f" else array.astype(float)


def _walk(nest: Any, path: str) -> Iterator[tuple[str, Any]]:
    if not isinstance(nest, Mapping | list | tuple):
        yield path, nest
        return
    for key, value in _parts(nest):
        yield from _walk(value, f"{path}.{key}" if path else str(key))


def _parts(nest: Any) -> list[tuple[Any, Any]]:
    """What a list, a tuple or a dict holds, each with its key or position."""
    return list(nest.items() if isinstance(nest, Mapping) else enumerate(nest))
