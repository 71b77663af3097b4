"""The fingerprint: which code and which kind of network a certificate speaks of.

`fingerprint(net)` reads the *live* code that computes forward, backward, cost and update, as it
is in memory: it starts at `ROOTS` and follows every name that a function uses, into other
functions, tables, closures and defaults. So a changed source file and a function replaced while
the program runs both change it. Line numbers, file names and addresses have no part in it: it is
the same in every process.

What belongs to Python or NumPy is taken by name, and their versions are part of the fingerprint.
"""

from __future__ import annotations

import dataclasses
import functools
import hashlib
import importlib
import sys
import types
from collections.abc import Callable, Iterable, Mapping
from typing import Any

import numpy as np

from backprop import validation
from backprop.network import Network

# Where the walk begins, by module of this package. Classes are here because a method that is called
# on a local name cannot be followed.
ROOTS = {
    "passes": ("forward", "backward", "cost", "gradients", "resume"),
    "network": ("Network", "zero_grad", "optimize"),
    "activations": ("ACTIVATIONS",),
    "costs": ("COSTS",),
    "loop": ("Batches", "Loop"),
    "samples": ("Samples", "shuffled"),
    "training": ("descend",),
}
_LIBRARIES = frozenset({*sys.stdlib_module_names, "numpy"})
_ATOMS = (type(None), bool, int, float, complex, str, bytes, type(...))
_DIGITS = 32


def fingerprint(net: Network) -> str:
    """A digest of the code that trains `net`, its shape, activations, cost and dtype.

    Parameters
    ----------
    net
        The network; its parameters' values have no part in it.

    Returns
    -------
    str
        Hexadecimal digits, equal for equal code and equal kinds of network.

    Raises
    ------
    TypeError
        Where `net` is no network.
    """
    validation.network(net)
    walk = _Walk()
    walk.take("python", sys.version_info[:2], np.__version__)
    walk.take("network", net.shape, net.activations, net.cost, str(net.dtype))
    walk.visit(type(net))
    for module, names in ROOTS.items():
        for name in names:
            walk.visit(getattr(_module(module), name))
    return walk.digest()[:_DIGITS]


def _module(name: str) -> types.ModuleType:
    # Not at the top: `training` imports this module, by way of `permit`.
    return importlib.import_module(f"backprop.{name}")


class _Walk:
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
        if isinstance(value, _ATOMS):
            self.take(type(value).__name__, value)
        elif id(value) in self.met:
            self.take("met", self.met[id(value)][0])
        else:
            # Holding on to the value keeps another from taking its place, and its id.
            self.met[id(value)] = len(self.met), value
            self._visit_new(value)

    def _visit_new(self, value: Any) -> None:
        for kind, visit in _VISITORS:
            if isinstance(value, kind):
                self.take(kind.__name__)
                visit(self, value)
                return
        if dataclasses.is_dataclass(value):
            self.each(getattr(value, field.name) for field in dataclasses.fields(value))
        self.take(type(value).__qualname__, getattr(value, "__name__", None))
        if callable(value):
            self.mapping(getattr(value, "__dict__", {}))
            self.visit(vars(type(value)).get("__call__"))

    def each(self, values: Iterable[Any]) -> None:
        """Add values, in their order."""
        for value in values:
            self.visit(value)
        self.take("end")

    def mapping(self, table: Mapping[Any, Any]) -> None:
        """Add a table, in the order of its keys."""
        for key in sorted(table, key=repr):
            self.visit(key)
            self.visit(table[key])
        self.take("end")

    def function(self, f: types.FunctionType) -> None:
        """Add a function: code, defaults, closure and, unless it is a library's, its globals."""
        self.visit(f.__code__)
        self.each((f.__defaults__, f.__kwdefaults__, getattr(f, "__wrapped__", None)))
        self.each(_content(cell) for cell in f.__closure__ or ())
        if not _is_library(f.__globals__.get("__name__")):
            self.names(f.__code__, f.__globals__)

    def names(self, code: types.CodeType, scope: Mapping[str, Any]) -> None:
        """Add what a code's names mean in `scope`, attributes of our own modules included."""
        known = [scope[name] for name in code.co_names if name in scope]
        known += [importlib.import_module(n) for n in code.co_names if n.startswith("backprop.")]
        for value in known:  # grows: a module's attribute may be a module
            self.visit(value)
            if isinstance(value, types.ModuleType) and not _is_library(value):
                found = [vars(value)[name] for name in code.co_names if name in vars(value)]
                known += [f for f in found if not any(f is k for k in known)]
        for constant in code.co_consts:
            if isinstance(constant, types.CodeType):
                self.names(constant, scope)

    def code(self, code: types.CodeType) -> None:
        """Add what a code does."""
        self.take(_instructions(code))

    def array(self, array: Any) -> None:
        """Add an array, by its bytes."""
        self.take(str(array.dtype), array.shape, array.tobytes())

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
                    if not name.startswith("__") or isinstance(value, types.FunctionType)
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


def _is_library(module: types.ModuleType | str | None) -> bool:
    name = module.__name__ if isinstance(module, types.ModuleType) else module or ""
    return name.partition(".")[0] in _LIBRARIES


def _content(cell: types.CellType) -> Any:
    try:
        return cell.cell_contents
    except ValueError:  # a name that is not bound yet
        return None


# What is done with a value: the first kind that fits. Modules are read by the names used of them.
_VISITORS: tuple[tuple[Any, Callable[[_Walk, Any], None]], ...] = (
    (types.FunctionType, _Walk.function),
    (types.CodeType, _Walk.code),
    (types.ModuleType, lambda walk, m: walk.take(m.__name__)),
    (type, _Walk.type_),
    (tuple, _Walk.each),
    (list, _Walk.each),
    (Mapping, _Walk.mapping),
    (set, lambda walk, s: walk.take(sorted(map(repr, s)))),
    (frozenset, lambda walk, s: walk.take(sorted(map(repr, s)))),
    (np.ndarray, _Walk.array),
    (np.generic, lambda walk, v: walk.take(str(v.dtype), v.tobytes())),
    (np.dtype, lambda walk, v: walk.take(str(v))),
    (types.MethodType, lambda walk, m: walk.each((m.__func__, m.__self__))),
    (property, lambda walk, p: walk.each((p.fget, p.fset, p.fdel))),
    (functools.cached_property, lambda walk, p: walk.visit(p.func)),
    (staticmethod, lambda walk, s: walk.visit(s.__func__)),
    (classmethod, lambda walk, s: walk.visit(s.__func__)),
    (functools.partial, lambda walk, p: walk.each((p.func, p.args, p.keywords))),
)
