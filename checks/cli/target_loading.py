"""Loading: from `path/to/file.py:name` or `package.module:name` to a subject.

The name may stand for a Problem; for cost, gradients and params as a `GradientProblem`, as a tuple
of three, as a dict with those keys or as an object with those attributes, `inputs` and `args`
optional, `gradients` too where `jac` is True; or for a function without arguments that returns one
of these.
"""

from __future__ import annotations

import contextlib
import difflib
import importlib
import importlib.util
import inspect
import stat
import sys
import traceback
from collections.abc import Callable, Iterator
from pathlib import Path
from types import FunctionType, ModuleType
from typing import Any, TypeVar

from checks.cli.surroundings import LoadError
from checks.parts import PartsError, kind_of, problem_of
from checks.problem.problem import Problem, call_user_function

Found = TypeVar("Found")

DEFAULT_NAME = "subject"

# What a function asks for that builds problems, as in `checks.searching.makers`, which loads much.
BUILDERS_ASK = {"shape", "batch_size", "batch", "seed", "dtype", "draw"}

# A file's module has a name of its own, so that a file called numpy.py shadows nothing.
OF_A_FILE = "_gradcheck_"
# What every worker has.
EVERYWHERE = ("backprop", "checks", "geartrain")


def load(target: str) -> Problem:
    """The subject that `target` names; parameters and exceptions are those of `load_as`."""
    return load_as(target, subject_of)


def load_as(target: str, convert: Callable[[Any, str], Found]) -> Found:
    """What `target` names, converted.

    Parameters
    ----------
    target
        A Python file or an importable module, then a colon and a name. Without a name it is
        `subject`; without the colon, too, if nothing else in it can be checked. The file's folder,
        or the working directory for a module, can be imported from while it loads.
    convert
        Makes something of what was found, and of the target's full name.

    Raises
    ------
    LoadError
        When there is no such file or name, when importing it fails, or when what the name stands
        for cannot be checked. Without a colon it says what can be,
        where that is more than `subject`.
    """
    where, name = split(target)
    is_file = where.endswith(".py") or _there(Path(where)) == "a file"
    folder = Path(where).resolve().parent if is_file else Path.cwd()
    with _importable(folder):
        try:
            module = _from_file(Path(where)) if is_file else _from_name(where)
        except LoadError as error:
            raise _with_hidden(error, folder) from error.raised
        if name is None:
            name = _only_name(module, where)
        found = convert(_named(module, where, name), f"{where}:{name}")
    _send_as_code(folder)
    return found


def split(target: str) -> tuple[str, str | None]:
    """The file or module, and the name if there is a colon; a drive letter's is no separator."""
    where, colon, name = target.rpartition(":")
    if not colon or not where or (name and not name.isidentifier()):
        return target, None
    return where, name or DEFAULT_NAME


def _there(path: Path) -> str:
    """What a path leads to, or why that cannot be known."""
    try:
        mode = path.stat().st_mode
    except (FileNotFoundError, NotADirectoryError):
        return "nothing"
    except OSError as error:
        return f"a place that cannot be read ({error.strerror})"
    return "a file" if stat.S_ISREG(mode) else "a folder" if stat.S_ISDIR(mode) else "no file"


@contextlib.contextmanager
def _importable(folder: Path) -> Iterator[None]:
    sys.path.insert(0, str(folder))
    try:
        yield
    finally:
        with contextlib.suppress(ValueError):
            sys.path.remove(str(folder))


def _send_as_code(folder: Path) -> None:
    """Have what came from the folder sent to other processes as it is here.

    They could not import it, and importing it again might draw other numbers.
    """
    import cloudpickle

    for name, module in list(sys.modules.items()):
        top = name.partition(".")[0]
        local = top not in EVERYWHERE and _is_in(folder, sys.modules.get(top))
        if name.startswith(OF_A_FILE) or (local and getattr(module, "__name__", None) == name):
            cloudpickle.register_pickle_by_value(module)


def _is_in(folder: Path, module: ModuleType | None) -> bool:
    places = getattr(module, "__path__", None) or [getattr(module, "__file__", None)]
    return any(Path(place).parent == folder for place in places if place)


def _from_file(path: Path) -> ModuleType:
    found = _there(path)
    if found != "a file":
        hint = _similar(path) if found == "nothing" else ""
        raise LoadError(f"{path}: expected a Python file, found {found} there{hint}")
    name = OF_A_FILE + path.stem
    spec = importlib.util.spec_from_file_location(name, path)
    if spec is None or spec.loader is None:
        raise LoadError(f"{path}: expected a Python file, whose name ends in .py")
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module  # dataclasses look their module up
    _guarded(str(path), "importing it", spec.loader.exec_module, module)
    return module


def _from_name(name: str) -> ModuleType:
    nothing = LoadError(
        f"{name}: expected layer widths such as 784 40 10, a Python file such as"
        " path/to/file.py:name, or a module such as package.module:name; found no such module"
    )
    if not all(part.isidentifier() for part in name.split(".")):
        raise nothing
    try:
        found: ModuleType = _guarded(name, "importing it", importlib.import_module, name)
    except LoadError as error:
        missing = error.raised
        if isinstance(missing, ModuleNotFoundError) and f"{name}.".startswith(f"{missing.name}."):
            raise nothing from None
        raise
    return found


def _with_hidden(error: LoadError, folder: Path) -> LoadError:
    """The error, with a word on a file beside the target that ours hides, if it may be why."""
    if isinstance(error.raised, ImportError | AttributeError):
        for name in EVERYWHERE:
            for path in (folder / f"{name}.py", folder / name / "__init__.py"):
                ours = sys.modules.get(name)
                if path.is_file() and ours and not path.samefile(str(ours.__file__)):
                    hint = f"; {name} is a package of gradcheck's own here, which hides {path}"
                    return LoadError(f"{error}{hint}: rename that", error.raised)
    return error


def _named(module: ModuleType, where: str, name: str) -> Any:
    if hasattr(module, name):
        return getattr(module, name)
    close = difflib.get_close_matches(name, [*_checkable(module), *_builders(module)], n=1)
    hint = f"did you mean {close[0]!r}?" if close else f"give another, as in {where}:NAME"
    raise LoadError(f"{where}: expected something called {name!r}, found none; {hint}")


def _only_name(module: ModuleType, where: str) -> str:
    """The name that is meant where none is given; a list of all where that could be several."""
    if hasattr(module, DEFAULT_NAME) and set(_checkable(module)) <= {DEFAULT_NAME}:
        return DEFAULT_NAME
    raise LoadError(_listing(module, where))


def _listing(module: ModuleType, where: str) -> str:
    """What in a file can be checked, as it would be typed."""
    found, makers, builders = _checkable(module), _makers(module), _builders(module)
    expected = f"{where}: expected a name after it, as in {where}:NAME"
    if not (found or makers or builders):
        return (
            f"{expected}, and found nothing in it that can be checked: no (cost, gradients,"
            " params), no dict or object with these three, no GradientProblem"
        )
    lines = [f"{where}:{name}" for name in found]
    head = f"{expected}; {'can be checked' if found else 'nothing in it can be checked as it is'}"
    if makers:
        lines.append(f"and where they return a problem, the functions {', '.join(makers)}")
    if builders:
        lines.append(f"and searched, with --search: {', '.join(builders)}")
    return "\n  ".join([f"{head}{':' if found or not makers else ''}", *lines])


def _checkable(module: ModuleType) -> list[str]:
    """The public names that stand for something that can be checked."""
    return [name for name, value in vars(module).items() if name[0] != "_" and _fits(value)]


def _fits(value: Any) -> bool:
    if isinstance(value, type | ModuleType):
        return False
    try:
        return problem_of(value) is not None
    except Exception:  # noqa: BLE001 anyone's object may raise anything when it is looked at
        return False


def _makers(module: ModuleType) -> list[str]:
    """The file's own functions that take no arguments: what they return, only a call can tell."""
    return [name for name, value in _own_functions(module) if not _required(value)]


def _builders(module: ModuleType) -> list[str]:
    """The file's own functions that ask for what a search gives: those that it may take."""
    return [
        name for name, value in _own_functions(module)
        if _required(value) and set(_required(value)) <= BUILDERS_ASK
    ]  # fmt: skip


def _own_functions(module: ModuleType) -> list[tuple[str, FunctionType]]:
    return [
        (name, value) for name, value in vars(module).items()
        if isinstance(value, FunctionType) and value.__module__ == module.__name__
        and name[0] != "_"
    ]  # fmt: skip


def _required(function: FunctionType) -> list[str]:
    parameters = inspect.signature(function).parameters.values()
    several = (inspect.Parameter.VAR_POSITIONAL, inspect.Parameter.VAR_KEYWORD)
    return [p.name for p in parameters if p.default is p.empty and p.kind not in several]


def subject_of(found: Any, target: str) -> Problem:
    """The problem that something is, holds or returns; raises a LoadError where there is none."""
    try:
        problem = problem_of(found)
        if problem is None and callable(found):
            found = _guarded(target, "calling it", found)
            problem = problem_of(found)
    except PartsError as error:
        raise LoadError(f"{target}: {error}") from None
    if problem is None:
        raise LoadError(
            f"{target}: expected (cost, gradients, params), a dict or an object with these three,"
            f" or a function without arguments that returns them, got {kind_of(found)}"
        )
    return problem


def _guarded(target: str, doing: str, action: Callable[..., Any], *given: Any) -> Any:
    """The action's result; whatever it raises becomes one line, with the place it came from."""
    try:
        return call_user_function(target, action, *given)
    except KeyboardInterrupt:
        raise
    except BaseException as error:
        raise LoadError(f"{target}: {doing} raised {describe(error)}", error) from error


def describe(error: BaseException) -> str:
    """The last line of an error's traceback, and the place in the source that it came from."""
    last = traceback.format_exception_only(error)[-1].strip()
    if isinstance(error, SyntaxError):
        return f"{last} ({error.filename}, line {error.lineno})"
    frames = traceback.extract_tb(error.__traceback__)
    return f"{last} ({frames[-1].filename}, line {frames[-1].lineno})" if frames else last


def _similar(path: Path) -> str:
    with contextlib.suppress(OSError):
        names = [p.name for p in path.parent.iterdir() if p.suffix == ".py" and p.is_file()]
        close = difflib.get_close_matches(path.name, names, n=1)
        return f"; did you mean {path.parent / close[0]}?" if close else ""
    return ""
