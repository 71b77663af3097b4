"""Nested parameters: any arrangement of lists, tuples, dicts and dataclasses, as named tensors.

`flatten` gives each array the path that leads to it, `rebuild` puts arrays back where they were,
`follow` reads a gradient by the nesting of its parameters.
"""

from __future__ import annotations

import copy
from collections.abc import Iterator, Mapping, MutableMapping, Sequence
from dataclasses import fields, is_dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

Array = npt.NDArray[Any]

DEEPEST = 100  # levels of nesting; Python itself gives up at some hundreds


class DepthError(ValueError):
    """Something is nested too deep to be parameters, or holds itself."""


def flatten(nest: Any, *, root: str) -> dict[str, Array]:
    """The arrays in `nest` by path: keys and positions joined by dots, `root` for a lone array.

    Named tuples and dataclasses have the names of their fields for keys. Of a dataclass, fields
    that hold neither arrays nor floats, such as a name or a width, are no parameters.

    Raises
    ------
    ValueError
        When two arrays have the same path, as in {"a.b": …, "a": {"b": …}}; a DepthError when
        `nest` is deeper than `DEEPEST`, as what holds itself is.
    """
    found: dict[str, Array] = {}
    for path, leaf in leaves(nest, root=root):
        if path in found:
            raise ValueError(f"{root}: expected a different path to each array, got {path!r} twice")
        found[path] = np.asarray(leaf)
    return found


def leaves(nest: Any, *, root: str) -> Iterator[tuple[str, Any]]:
    """What `flatten` makes arrays of, as it is, each with its path."""
    _require_shallow(nest, root)
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
    _require_shallow(found, "gradients")
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
    if _is_record(nest):
        other = copy.copy(nest)  # keeps its other fields
        for name, value in _parts(nest):
            object.__setattr__(other, name, rebuild(value, arrays))  # it may be frozen
        return other
    leaf = next(arrays)
    return leaf if isinstance(nest, np.ndarray) else leaf[()]


def coordinate(tensor: str, index: Sequence[int]) -> str:
    """How a coordinate is written: W2[17, 3]."""
    return f"{tensor}[{', '.join(map(str, index))}]" if len(index) else tensor


class _OtherwiseError(Exception):
    """Something is not nested like the parameters."""


def _follow(found: Any, like: Any, path: str) -> Iterator[tuple[str, Array]]:
    if not _is_nest(like):
        yield path, _numbers(found)
        return
    parts = _parts(like)
    if isinstance(found, np.ndarray):
        if isinstance(like, Mapping) or _is_record(like):
            raise _OtherwiseError
        if found.shape != (len(parts),) or not all(np.ndim(v) == 0 for _, v in parts):
            raise _OtherwiseError
        values = list(found)
    elif not _is_nest(found):
        raise _OtherwiseError
    else:
        given = _parts(found)
        by_name = isinstance(found, Mapping) or _is_record(found)
        if len(given) != len(parts) or (isinstance(like, Mapping) and not by_name):
            raise _OtherwiseError
        try:
            values = [dict(given)[key] for key, _ in parts] if by_name else [v for _, v in given]
        except KeyError:
            raise _OtherwiseError from None
    for (key, value), each in zip(parts, values, strict=True):
        yield from _follow(each, value, f"{path}.{key}" if path else str(key))


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
    if not _is_nest(nest):
        yield path, nest
        return
    for key, value in _parts(nest):
        yield from _walk(value, f"{path}.{key}" if path else str(key))


def _require_shallow(nest: Any, root: str) -> None:
    """Raise a DepthError where a nest has no end within reach."""
    level = {id(nest): nest} if _is_nest(nest) else {}
    for _ in range(DEEPEST + 1):
        if not level:
            return
        level = {id(v): v for part in level.values() for v in _held(part) if _is_nest(v)}
    raise DepthError(
        f"{root}: expected lists, tuples and dicts at most {DEEPEST} deep, got deeper ones, or one"
        " that holds itself; pass on the arrays alone"
    )


def _held(nest: Any) -> list[Any]:
    """What a nest holds, parameters or not."""
    if _is_record(nest):
        return [getattr(nest, field.name) for field in fields(nest)]
    return list(nest.values() if isinstance(nest, Mapping) else nest)


def _is_nest(found: Any) -> bool:
    return isinstance(found, Mapping | list | tuple) or _is_record(found)


def _is_record(found: Any) -> bool:
    return is_dataclass(found) and not isinstance(found, type) and not hasattr(found, "__array__")


def _parts(nest: Any) -> list[tuple[Any, Any]]:
    """What a nest holds, each with its key, position or the name of its field."""
    if isinstance(nest, Mapping):
        return list(nest.items())
    if isinstance(nest, tuple) and hasattr(nest, "_fields"):
        return list(zip(nest._fields, nest, strict=True))
    if isinstance(nest, list | tuple):
        return list(enumerate(nest))
    held = [(field.name, getattr(nest, field.name)) for field in fields(nest)]
    return [(name, value) for name, value in held if _may_be_parameters(value)]


def _may_be_parameters(value: Any) -> bool:
    """Whether a field of a dataclass is one: an array, a number with a point, or a nest of them."""
    if isinstance(value, Mapping | list | tuple):
        return any(_may_be_parameters(part) for _, part in _parts(value))
    return _is_record(value) or isinstance(value, np.ndarray | float | np.floating)
