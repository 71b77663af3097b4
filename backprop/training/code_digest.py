"""The digest of live code: modules of this package, as they are in memory, as hexadecimal digits.

`CodeDigest.module` takes all that a module holds: functions by what they do, their defaults and
closures; classes by what they define; tables, numbers and arrays. Line numbers, file names and
addresses have no part in it, so that it is the same in every process. What belongs to Python or
NumPy is taken by name.

Anything else is someone's own, such as an activation that was added to the table. It is taken with
its state, and with a mark of this very process: so what is proved of it holds for this run, and is
proved anew in the next. Not followed: what such a function imports when it runs, and the state of
objects that an installed package has made, unless they are called.
"""

from __future__ import annotations

import dataclasses
import functools
import hashlib
import os
import sys
import types
import weakref
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

import numpy as np

_LIBRARIES = frozenset({*sys.stdlib_module_names, "numpy"})
_INSTALLED = frozenset({"site-packages", "dist-packages"})
_ATOMS = (type(None), bool, int, float, complex, str, bytes, type(...))
_TEXTS = (np.dtype, types.GenericAlias, types.UnionType)  # all there is to them is in their text
_PLAIN = ("typing", "dataclasses", "__future__")  # modules whose classes' objects are such, too
# What says how an object is shown, or what is taken for a subclass: abstract classes keep a cache.
_NO_PART = frozenset({"__repr__", "__subclasshook__", "_abc_impl"})
_RUN = os.urandom(16)  # the mark of this process
_KEPT: dict[int, Any] = {}  # what was taken by its address, which nothing else may come to have


class CodeDigest:
    """A digest that grows: each object that holds others is met once, and then by its number."""

    def __init__(self) -> None:
        self.words: list[object] = []
        self.met: dict[int, tuple[int, Any]] = {}

    def hexdigest(self) -> str:
        """Hexadecimal digits of all that was taken."""
        return hashlib.sha256(repr(self.words).encode("utf-8", "backslashreplace")).hexdigest()

    def module(self, module: types.ModuleType) -> None:
        """Take what a module holds, under its name."""
        # What pytest adds to a module whose assertions it may rewrite begins with an @, and no code
        # can read it by name; a module with and without it is the same.
        names = sorted(name for name in vars(module) if not name.startswith(("__", "@")))
        self.each("module", (module.__name__, *names, *(vars(module)[name] for name in names)))

    def take(self, value: Any) -> None:
        """Take a value, and what it holds."""
        kind = type(value)
        if kind in _ATOMS:
            self.words.append((kind.__name__, value))
        elif id(value) in self.met:
            self.words.append(("met", self.met[id(value)][0]))
        else:
            # Holding on to the value keeps another from taking its place, and its id.
            self.met[id(value)] = len(self.met), value
            self._take_new(value)

    def each(self, word: str, values: Iterable[Any]) -> None:
        """Take values, in their order."""
        self.words.append(word)
        for value in values:
            self.take(value)
        self.words.append("end")

    def _take_new(self, value: Any) -> None:
        for fits, parts in _KINDS:
            if fits(value):
                self.each(*parts(value))
                return
        name = _name(value)
        if name is not None:
            self.words.append(name)
        else:
            self.words.append(_RUN)
            self.each(*_foreign(value))


@functools.cache  # a code never changes
def _instructions(code: types.CodeType) -> str:
    """A digest of what a code does; where it was written has no part in it."""
    words = (
        (code.co_code, code.co_exceptiontable, code.co_names, code.co_flags),
        (code.co_varnames, code.co_freevars, code.co_cellvars),
        (code.co_argcount, code.co_posonlyargcount, code.co_kwonlyargcount),
        _constant(code.co_consts),
    )
    return hashlib.sha256(repr(words).encode("utf-8", "backslashreplace")).hexdigest()


def _constant(value: Any) -> Any:
    if isinstance(value, types.CodeType):
        return _instructions(value)
    if isinstance(value, tuple):
        return tuple(map(_constant, value))
    if isinstance(value, frozenset):
        return "frozenset", sorted(map(repr, value))
    return type(value).__name__, value


def _defined(kind: type) -> Iterable[Any]:
    """What a class defines, with the names; of the dunders, to which Python adds, methods only."""
    for name, value in sorted(vars(kind).items()):
        plain = not name.startswith("__") or callable(value)
        if plain and name not in _NO_PART:
            yield from (name, value)


def _content(cell: types.CellType) -> Any:
    try:
        return cell.cell_contents
    except ValueError:  # a name that is not bound yet
        return None


def _name(value: Any) -> str | None:
    """The name of what belongs to Python or NumPy, or of a module, and the text of a type."""
    if isinstance(value, types.ModuleType | types.MemberDescriptorType):
        return value.__name__
    if isinstance(value, _TEXTS) or type(value).__module__ in _PLAIN:
        return repr(value)
    name = getattr(value, "__qualname__", None) or getattr(value, "__name__", None)
    module = "numpy" if isinstance(value, np.ufunc) else getattr(value, "__module__", None)
    if not (isinstance(name, str) and _is_library(module)):
        return None
    found: Any = sys.modules.get(str(module))
    for part in name.split("."):
        found = getattr(found, part, None)
    return f"{module}.{name}" if found is value else None


def _foreign(value: Any) -> tuple[str, Iterable[Any]]:
    """What is someone else's: a word, and what it consists of."""
    own = _is_own(getattr(value, "__module__", None) or type(value).__module__)
    if isinstance(value, types.FunctionType):
        word, parts = _function(value)
        return word, [*parts, *(_globals(value.__code__, value.__globals__) if own else ())]
    if isinstance(value, type):
        return value.__qualname__, (*value.__bases__, *(_defined(value) if own else ()))
    if own or callable(value) or isinstance(value, types.SimpleNamespace | np.ndarray):
        try:
            return "object", _state(value)
        except Exception:  # noqa: BLE001 what has no state to show may raise anything
            return "object", (type(value), _kept(value), getattr(value, "__dict__", None))
    return "object", (type(value).__qualname__, _kept(value))


def _state(value: Any) -> list[Any]:
    """What an object would be made anew from, but for what it has only looked up before."""
    if isinstance(value, weakref.WeakKeyDictionary):
        return ["a cache"]
    make, *parts = value.__reduce_ex__(4)
    cached = {
        name
        for kind in type(value).__mro__
        for name, found in vars(kind).items()
        if isinstance(found, functools.cached_property)
    }
    kept: list[Any] = [type(value), make]
    for part in parts:
        if type(part) is dict:
            kept.append({name: part[name] for name in part if name not in cached} or None)
        else:
            kept.append(list(part) if hasattr(part, "__next__") else part)
    return kept


def _kept(value: Any) -> int:
    """The address of a value, which nothing else can have from now on."""
    _KEPT[id(value)] = value
    return id(value)


def _globals(code: types.CodeType, scope: dict[str, Any]) -> Iterable[Any]:
    """What a code's names mean; of modules, the names that are used of them."""
    for name in code.co_names:
        if name in scope:
            yield scope[name]
            if isinstance(scope[name], types.ModuleType) and not _is_library(scope[name].__name__):
                yield from (vars(scope[name]).get(each) for each in code.co_names)
    for constant in code.co_consts:
        if isinstance(constant, types.CodeType):
            yield from _globals(constant, scope)


def _is_own(module: object) -> bool:
    """Whether a module is neither Python's nor installed: others' objects have caches and locks."""
    file = getattr(sys.modules.get(str(module)), "__file__", None) or ""
    return not _is_library(module) and _INSTALLED.isdisjoint(Path(file).parts)


def _is_library(module: object) -> bool:
    return str(module).partition(".")[0] in _LIBRARIES


def _is_shipped(f: types.FunctionType) -> bool:
    """Whether a function is ours, or one that Python has put into a class under another name."""
    module = f.__globals__.get("__name__")
    return _is_ours(module) or (_is_library(module) and not f.__closure__ and _name(f) is None)


def _is_ours(module: object) -> bool:
    return str(module).partition(".")[0] == "backprop"


def _function(f: types.FunctionType) -> tuple[str, Iterable[Any]]:
    contents = [_content(cell) for cell in f.__closure__ or ()]
    return _instructions(f.__code__), (
        f.__defaults__,
        f.__kwdefaults__,
        f.__dict__ or None,
        *contents,
    )


# What is taken of a value: a word, and the values that it consists of. What fits first counts.
_KINDS: tuple[tuple[Callable[[Any], bool], Callable[[Any], tuple[str, Iterable[Any]]]], ...] = (
    (lambda v: type(v) is types.FunctionType and _is_shipped(v), _function),
    (lambda v: isinstance(v, type) and _is_ours(v.__module__),
     lambda v: (v.__qualname__, (*v.__bases__, *_defined(v)))),
    (lambda v: dataclasses.is_dataclass(v) and _is_ours(type(v).__module__),
     lambda v: ("object", (type(v), dict(vars(v))))),
    (lambda v: type(v) in (tuple, list), lambda v: (type(v).__name__, v)),
    (lambda v: type(v) is dict, lambda v: ("dict", (x for pair in v.items() for x in pair))),
    (lambda v: type(v) is frozenset, lambda v: ("frozenset", sorted(map(repr, v)))),
    (lambda v: type(v) is np.ndarray and not v.dtype.hasobject,
     lambda v: ("array", (str(v.dtype), v.shape, v.tobytes()))),
    (lambda v: type(v) is property, lambda v: ("property", (v.fget, v.fset, v.fdel))),
    (lambda v: type(v) is functools.cached_property, lambda v: ("property", (v.func,))),
    (lambda v: type(v) in (staticmethod, classmethod), lambda v: ("method", (v.__func__,))),
    (lambda v: type(v) is type(_instructions), lambda v: ("cache", (v.__wrapped__,))),
)  # fmt: skip
