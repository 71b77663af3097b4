"""The walk: live code, and the objects that it uses, as words that are the same in every process.

`Walk.visit` takes any value: of a function its code, defaults, closure and attributes, and every
name that it uses, into other functions, tables, and objects with their classes and attributes.
Line numbers, file names and addresses have no part in it.

What belongs to Python or NumPy is taken by name; a function that only their compiled code knows,
as behind `np.frompyfunc`, is not seen. Of packages that were installed, functions are followed, but
not what these import when they run, and not the state of objects: it changes as they are used.
"""

from __future__ import annotations

import dataclasses
import functools
import hashlib
import re
import sys
import types
import weakref
from collections.abc import Callable, Iterable, Mapping
from collections.abc import Set as AbstractSet
from pathlib import Path
from typing import Any

import numpy as np

_LIBRARIES = frozenset({*sys.stdlib_module_names, "numpy"})
_INSTALLED = frozenset({"site-packages", "dist-packages"})
_ATOMS = frozenset({type(None), bool, int, float, complex, str, bytes, type(...)})


class Walk:
    """A walk over functions and what they use; each is met once, and then by its number."""

    def __init__(self) -> None:
        self.words: list[tuple[object, ...]] = []
        self.met: dict[int, tuple[int, Any]] = {}

    def take(self, *words: object) -> None:
        """Add words that look the same in every process."""
        self.words.append(words)

    def digest(self) -> str:
        """Hexadecimal digits of all words."""
        return hashlib.sha256(repr(self.words).encode("utf-8", "backslashreplace")).hexdigest()

    def visit(self, value: Any) -> None:
        """Add a value, of any kind, and all that it leads to."""
        if type(value) in _ATOMS:
            self.take(type(value).__name__, value)
        elif id(value) in self.met:
            self.take("met", self.met[id(value)][0])
        else:
            # Holding on to the value keeps another from taking its place, and its id.
            self.met[id(value)] = len(self.met), value
            self._visit_new(value)

    def _visit_new(self, value: Any) -> None:
        self.take(type(value).__qualname__)
        for visit in _visitors(type(value)):  # type: ignore[arg-type]  # a class can be hashed
            visit(self, value)

    def state(self, value: Any) -> None:
        """Add an object's class, and its attributes: those in its `__dict__` and in its slots."""
        self.visit(type(value))
        own = getattr(value, "__dict__", {})
        self.mapping({name: own[name] for name in own if not _is_cached(type(value), name)})
        self.mapping(_slots(value))

    def stranger(self, value: Any) -> None:
        """Add an object of others: its name; how it is called, and its attributes, if it can be."""
        if isinstance(name := getattr(value, "__name__", None), str):
            self.take(name)
        if callable(value) or dataclasses.is_dataclass(value):
            self.mapping(getattr(value, "__dict__", {}))
            self.visit(vars(type(value)).get("__call__"))

    def each(self, values: Iterable[Any]) -> None:
        """Add values, in their order."""
        for value in values:
            self.visit(value)
        self.take("end")

    def mapping(self, table: Mapping[Any, Any]) -> None:
        """Add a table, in the order of its keys."""
        for key in sorted(table, key=_look):
            self.visit(key)
            self.visit(table[key])
        self.take("end")

    def function(self, f: types.FunctionType) -> None:
        """Add a function: code, defaults, attributes, closure and, if no library's, its globals."""
        self.visit(f.__code__)
        contents = [_content(cell) for cell in f.__closure__ or ()]
        self.each((f.__defaults__, f.__kwdefaults__, f.__dict__ or None, *contents))
        if not _is_library(f.__globals__.get("__name__")):
            self.names(f.__code__, f.__globals__)

    def names(self, code: types.CodeType, scope: Mapping[str, Any]) -> None:
        """Add what a code's names mean in `scope`, attributes of our own modules included."""
        known = [scope[name] for name in code.co_names if name in scope]
        for statement in _imports(code):
            known += _imported(scope, *statement)
        for value in known:  # grows: a module's attribute may be a module
            self.visit(value)
            if isinstance(value, types.ModuleType) and not _is_library(value):
                lazy = "__getattr__" in vars(value) and _is_own(value.__name__)
                names = [name for name in code.co_names if lazy or name in vars(value)]
                found = [getattr(value, name, None) for name in names]
                known += [f for f in found if not any(f is k for k in known)]
        for constant in code.co_consts:
            if isinstance(constant, types.CodeType):
                self.names(constant, scope)

    def code(self, code: types.CodeType) -> None:
        """Add what a code does."""
        self.take(_instructions(code))

    def array(self, array: Any) -> None:
        """Add an array or a scalar of NumPy's, by its bytes, or by the objects in it."""
        self.take(str(array.dtype), array.shape)
        if array.dtype.hasobject:  # its bytes are addresses
            self.visit(array.tolist())
        else:
            self.take(array.tobytes())

    def type_(self, kind: type) -> None:
        """Add a class: a library's by name, any other by its bases and what it defines."""
        self.take(kind.__module__, kind.__qualname__)
        if not _is_library(kind.__module__):
            self.each(kind.__bases__)
            # Of the dunders, Python adds some as it goes along (`__slotnames__`): methods only.
            self.mapping(
                {
                    name: value
                    for name, value in vars(kind).items()
                    if not name.startswith("__") or callable(value)
                }
            )


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


@functools.cache  # a code never changes
def _imports(code: types.CodeType) -> list[tuple[str, Any, int]]:
    """What a code imports when it runs, as `__import__` takes it: name, names in it, level."""
    import dis

    if dis.opmap["IMPORT_NAME"] not in code.co_code[::2]:
        return []  # most, and at a tenth of the time
    steps = [step for step in dis.get_instructions(code) if step.opname != "EXTENDED_ARG"]
    found = [
        (step.argval, steps[i - 1].argval, steps[i - 2].argval)
        for i, step in enumerate(steps)
        if step.opname == "IMPORT_NAME"  # which takes level and names from the two steps before it
    ]
    return [(name, names, level) for name, names, level in found if level or not _is_library(name)]


def _imported(
    scope: Mapping[str, Any], name: str, names: Any, level: int
) -> list[types.ModuleType]:
    """The module that an import gives, whether it has been run or not; none but one's own."""
    if not _is_own(scope.get("__name__", "")):
        return []
    try:
        module = __import__(name, scope, None, names, level)
    except ImportError:
        return []
    return [module] if _is_own(module.__name__) else []


def _look(value: object) -> str:
    """What a value looks like, but for the addresses in it."""
    if type(value) is str:
        return value
    if isinstance(value, AbstractSet):  # in no order of their own
        return f"{{{sorted(map(_look, value))}}}"
    if type(value) is tuple:
        return f"({list(map(_look, value))})"
    return re.sub(r" at 0x[0-9a-fA-F]+", "", repr(value))


def _is_cached(kind: type, name: Any) -> bool:
    """Whether an attribute is what a `cached_property` has left behind: no state of its own."""
    return isinstance(getattr(kind, str(name), None), functools.cached_property)


def _slots(value: Any) -> dict[str, Any]:
    """What is in an object's slots, by name, as far as they are set and of one's own."""
    return {
        name: getattr(value, name)
        for kind in type(value).__mro__
        if _is_own(kind.__module__)
        for name, slot in vars(kind).items()
        if isinstance(slot, types.MemberDescriptorType)
        and not name.startswith("__")  # such as addresses in what Cython compiled
        and hasattr(value, name)
    }


@functools.cache
def _visitors(kind: type) -> list[Callable[[Walk, Any], None]]:
    """What is done with values of a kind: what fits first; what is of one's own has state, too."""
    fitting = [visit for base, visit in _VISITORS if issubclass(kind, base)][:1]
    if _is_own(str(kind.__module__)) and not issubclass(kind, type):
        return [*fitting, Walk.state]
    return fitting or [Walk.stranger]


def _is_library(module: types.ModuleType | str | None) -> bool:
    name = module.__name__ if isinstance(module, types.ModuleType) else module
    return str(name).partition(".")[0] in _LIBRARIES


@functools.cache
def _is_own(module: str) -> bool:
    """Whether a module is this package's or the user's; others' objects have caches and locks."""
    file = getattr(sys.modules.get(module), "__file__", None) or ""
    others = _is_library(module) or not _INSTALLED.isdisjoint(Path(file).parts)
    return module.partition(".")[0] in ("backprop", "__main__") or not others


def _content(cell: types.CellType) -> Any:
    try:
        return cell.cell_contents
    except ValueError:  # a name that is not bound yet
        return None


# What is done with a value: the first kind that fits. Modules are read by the names used of them.
_VISITORS: tuple[tuple[Any, Callable[[Walk, Any], None]], ...] = (
    (types.FunctionType, Walk.function),
    (types.CodeType, Walk.code),
    (types.ModuleType, lambda walk, m: walk.take(m.__name__)),
    (type, Walk.type_),
    (tuple, Walk.each),
    (list, Walk.each),
    (weakref.WeakKeyDictionary, lambda walk, _: walk.take("a cache")),
    (Mapping, Walk.mapping),
    (types.SimpleNamespace, lambda walk, n: walk.mapping(vars(n))),
    (AbstractSet, lambda walk, s: walk.take(sorted(map(_look, s)))),
    (np.ndarray, Walk.array),
    (np.generic, Walk.array),
    # What is left of these are their subclasses.
    ((int, float, complex, str, bytes), lambda walk, v: walk.take(_look(v))),
    (np.dtype, lambda walk, v: walk.take(str(v))),
    (types.MethodType, lambda walk, m: walk.each((m.__func__, m.__self__))),
    (property, lambda walk, p: walk.each((p.fget, p.fset, p.fdel))),
    (functools.cached_property, lambda walk, p: walk.visit(p.func)),
    (staticmethod, lambda walk, s: walk.visit(s.__func__)),
    (classmethod, lambda walk, s: walk.visit(s.__func__)),
    (functools.partial, lambda walk, p: walk.each((p.func, p.args, p.keywords))),
)
