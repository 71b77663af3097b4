"""Siblings: `checks` and `backprop`, or files of the user's own that hide them.

Both names are common ones: a `checks.py` beside a script, or a folder in the path, is found first.
"""

from __future__ import annotations

import os
import sys

TYPE_CHECKING = False  # a type checker takes it for true; `typing` takes time to load

if TYPE_CHECKING:
    from types import ModuleType

NAMES = ("backprop", "checks")
FOLDER = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))  # noqa: PTH100, PTH120 pathlib takes time to load

_found: list[ModuleType] = []


def hidden() -> str | None:
    """A sentence on what hides one of our packages, and what to do; None where nothing does."""
    return None if _found else next(filter(None, map(_problem, NAMES)), None)


def packages() -> list[ModuleType]:
    """Our two packages.

    Raises
    ------
    ImportError
        Where something hides one of them.
    """
    if problem := hidden():
        raise ImportError(problem)
    if not _found:
        _found.extend(_load())
    return _found


def load_first() -> None:
    """Have both names mean ours in this process, whatever else would be found first.

    For our own commands, in which nothing of the user's has been loaded yet. The two load nothing
    themselves, and what is below them is found in their own folders.
    """
    sys.path.insert(0, FOLDER)
    try:
        _load()
    finally:
        sys.path.remove(FOLDER)


def _load() -> list[ModuleType]:
    import backprop
    import checks

    return [backprop, checks]


def _problem(name: str) -> str | None:
    """Why the name does not stand for our package, or None where it does."""
    from importlib.util import find_spec
    from pathlib import Path

    try:
        spec = find_spec(name)
    except ValueError:  # a module that the program has made says nothing of where it comes from
        return _hidden(f"a module of the name {name} that the program made", name)
    if spec is None or not spec.origin:  # nothing, or a folder without an __init__.py
        return f"{FOLDER}: expected geartrain's package {name} there, found none; install it again"
    origin = Path(spec.origin)
    if origin.resolve() == Path(FOLDER, name, "__init__.py").resolve():
        return None
    return _hidden(str(origin.parent if origin.name == "__init__.py" else origin), name)


def _hidden(where: str, name: str) -> str:
    return (
        f"{where} hides geartrain's package of the name {name}; rename it, or run from where it"
        " is not found first"
    )
