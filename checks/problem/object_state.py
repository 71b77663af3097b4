"""The state of an object: what a check may change in it, remembered and put back.

A network that keeps its weights in attributes keeps more there: what it saw last, gradients that
it adds up, random numbers. All that is reached from it is put back: attributes, lists and dicts
hold what they held before, arrays the same numbers, generators stand where they stood.
"""

from __future__ import annotations

import copy
import random
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import SimpleNamespace
from typing import Any

import numpy as np

Undo = Callable[[], None]

STANDARD = sys.stdlib_module_names


@contextmanager
def state_kept(obj: Any) -> Iterator[None]:
    """A block after which the object is as it was, however the block ends.

    Arrays are copied once for it; those that are read-only are not.
    """
    undo = list(_remembered(obj))
    try:
        yield
    finally:
        for put_back in undo:
            put_back()


def _remembered(obj: Any) -> Iterator[Undo]:
    """What puts back the object and all that is reached from it, each once."""
    seen: dict[int, Any] = {}
    ahead = [obj]
    while ahead:
        value = ahead.pop()
        if id(value) in seen:
            continue
        seen[id(value)] = value  # kept, so that nothing else comes to have its id
        undo, inside = _one(value)
        yield from undo
        ahead += inside


def _one(value: Any) -> tuple[list[Undo], list[Any]]:
    """What puts back this value alone, and what it holds."""
    if isinstance(value, np.ndarray):
        return ([_array(value)] if value.flags.writeable else []), []
    if isinstance(value, np.random.Generator):
        return [_generator(value.bit_generator)], []
    if isinstance(value, np.random.RandomState | random.Random):
        return [_random_state(value)], []
    if isinstance(value, list | tuple):
        return ([_list(value)] if isinstance(value, list) else []), list(value)
    if isinstance(value, dict):
        return [_dict(value)], list(value.values())
    return _attributes(value)


def _attributes(value: Any) -> tuple[list[Undo], list[Any]]:
    """Of an object with attributes, unless it is code, or something of the standard library's."""
    kind = type(value)
    if isinstance(value, type) or not _is_theirs(kind):
        return [], []
    held = getattr(value, "__dict__", None)
    undo = [_dict(held)] if isinstance(held, dict) else []
    inside = list(held.values()) if isinstance(held, dict) else []
    for name in _slots(kind):
        if hasattr(value, name):
            undo.append(_slot(value, name, getattr(value, name)))
            inside.append(getattr(value, name))
    return undo, inside


def _is_theirs(kind: type) -> bool:
    """Locks, loggers and modules lead everywhere, and are nobody's parameters."""
    return kind is SimpleNamespace or kind.__module__.partition(".")[0] not in STANDARD


def _slots(kind: type) -> list[str]:
    declared = [vars(each).get("__slots__", ()) for each in kind.__mro__]
    names = [name for each in declared for name in ([each] if isinstance(each, str) else each)]
    return [name for name in names if not name.startswith("__")]


# --- one thing each: what is to be called to put it back -----------------------------------------


def _array(array: Any) -> Undo:
    before = array.copy()

    def put_back() -> None:
        array[...] = before

    return put_back


def _list(items: list[Any]) -> Undo:
    before = list(items)

    def put_back() -> None:
        items[:] = before

    return put_back


def _dict(items: dict[Any, Any]) -> Undo:
    before = dict(items)

    def put_back() -> None:
        items.clear()
        items.update(before)

    return put_back


def _slot(value: Any, name: str, before: Any) -> Undo:
    return lambda: object.__setattr__(value, name, before)


def _generator(bits: Any) -> Undo:
    before = copy.deepcopy(bits.state)

    def put_back() -> None:
        bits.state = before

    return put_back


def _random_state(generator: Any) -> Undo:
    if isinstance(generator, random.Random):
        before: Any = generator.getstate()
        return lambda: generator.setstate(before)
    before = generator.get_state()
    return lambda: generator.set_state(before)
