"""Objects: a network that keeps its parameters in attributes, made into a problem.

For each call of its functions the parameters of the check stand in the object, and then its own
again; what else the functions leave there is put back after the check.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, is_dataclass
from functools import partial
from typing import Any

import numpy as np

from checks.forms import GradientProblem
from checks.problem import nested
from checks.problem.object_state import state_kept
from checks.problem.problem import FormError

# An object is at one point at a time: checks in several threads take turns with it.
_TURN = threading.RLock()


def attributes(
    obj: Any,
    names: Sequence[str],
    *,
    cost: Callable[[], Any],
    gradients: Callable[[], Any],
    stored: Sequence[str] | None = None,
) -> GradientProblem:
    """A problem of an object that keeps its parameters in attributes.

    Parameters
    ----------
    obj
        The object, such as a network.
    names
        Which attributes are parameters: "W1"; "layers.0.W" for what lies deeper, and "layers.*.W"
        for one of each. Each is an array, a float, or any nesting of these in lists, tuples,
        dicts and dataclasses.
    cost
        Without arguments, to the cost of the object as it is then.
    gradients
        Without arguments, to the gradient: a dict by these names, or a list in their order. It
        has to run what it needs of the forward pass.
    stored
        The attributes in which `gradients` leaves the gradient instead, in the order of `names`.

    Returns
    -------
    GradientProblem
        For `check_gradients`, `assert_gradients`, and `gradcheck FILE:NAME`. What a check changes
        in the object is put back, also after an exception.

    Raises
    ------
    AttributeError
        When the object has nothing of such a name.
    TypeError
        When an argument is unusable, or what the name stands for cannot be checked.

    Examples
    --------
    >>> import numpy as np
    >>> from checks import check_gradients
    >>> class Line:
    ...     def __init__(self):
    ...         self.w, self.b = np.asarray([2.0, -1.0]), 0.5
    ...
    ...     def loss(self, x):
    ...         return np.square(x @ self.w + self.b).mean() / 2
    ...
    ...     def backward(self, x):
    ...         delta = (x @ self.w + self.b) / len(x)
    ...         self.dw, self.db = x.T @ delta, delta.sum()
    >>> line, x = Line(), np.asarray([[1.0, 2.0], [3.0, 5.0]])
    >>> problem = attributes(
    ...     line,
    ...     ["w", "b"],
    ...     cost=lambda: line.loss(x),
    ...     gradients=lambda: line.backward(x),
    ...     stored=["dw", "db"],
    ... )
    >>> print(check_gradients(problem).verdict, line.w)
    pass [ 2. -1.]
    """
    for argument, function in (("cost", cost), ("gradients", gradients)):
        if not callable(function):
            raise TypeError(f"{argument}: expected a function without arguments, got {function!r}")
    places = _places(obj, names, "names")
    params = {place.path: place.get() for place in places}
    for place in places:
        _require_arrays(place, params[place.path])
    left = None if stored is None else _paths(obj, stored, "stored", lenient=True)
    if left is not None and len(left) != len(places):
        raise ValueError(
            f"stored: expected {len(places)} attributes, one for each of {_quoted(params)}, got"
            f" {_quoted(left)}"
        )
    return GradientProblem(
        cost=_OfObject(places=places, function=cost),
        gradients=_GradientOfObject(obj=obj, places=places, function=gradients, stored=left),
        params=params,
        within=partial(state_kept, obj),
    )


@dataclass(frozen=True, eq=False, kw_only=True)
class _Place:
    """An attribute or an item: what holds it, and its name there."""

    path: str
    holder: Any
    key: Any

    def get(self) -> Any:
        return _step(self.holder, self.key)

    def put(self, value: Any) -> None:
        if isinstance(self.holder, list | Mapping):
            self.holder[self.key] = value  # type: ignore[index]
        elif is_dataclass(self.holder):
            object.__setattr__(self.holder, self.key, value)  # it may be frozen
        else:
            setattr(self.holder, self.key, value)


@contextmanager
def _moved(places: Sequence[_Place], params: Mapping[str, Any]) -> Iterator[None]:
    """A block in which the parameters stand in the object; then its own are back."""
    with _TURN:
        before = [place.get() for place in places]
        try:
            for place in places:
                place.put(params[place.path])
            yield
        finally:
            for place, value in zip(places, before, strict=True):
                place.put(value)


@dataclass(frozen=True, eq=False, kw_only=True)
class _OfObject:
    """The cost, as a function of the parameters."""

    places: Sequence[_Place]
    function: Callable[[], Any]

    def __call__(self, params: Mapping[str, Any]) -> Any:
        with _moved(self.places, params):
            return self.function()


@dataclass(frozen=True, eq=False, kw_only=True)
class _GradientOfObject:
    """The gradient, as a function of the parameters."""

    obj: Any
    places: Sequence[_Place]
    function: Callable[[], Any]
    stored: Sequence[str] | None

    def __call__(self, params: Mapping[str, Any]) -> Any:
        with _moved(self.places, params):
            found = self.function()
            if self.stored is not None:
                # Copies: an object may well keep its gradients in arrays that it uses again.
                found = [_copy(_find(self.obj, path, "stored")) for path in self.stored]
        if found is None:
            raise FormError(
                f"gradients: expected the gradient of {_quoted(params)} from it, got None; return"
                ' it, or name the attributes that hold it then, as in stored=["dW1"]'
            )
        if isinstance(found, Mapping) and set(found) == set(params):
            return found
        if len(self.places) == 1 and self.stored is None:
            return {self.places[0].path: found}
        if isinstance(found, list | tuple) and len(found) == len(self.places):
            return dict(zip(params, found, strict=True))
        return found


def _copy(found: Any) -> Any:
    arrays = (np.array(leaf) for _, leaf in nested.leaves(found, root="stored"))
    return nested.rebuild(found, arrays)


def _quoted(names: Any) -> str:
    return ", ".join(map(repr, names))


# --- from names to places ---------------------------------------------------------------------


def _places(obj: Any, names: Any, argument: str) -> list[_Place]:
    found = []
    for path in _paths(obj, names, argument):
        above, _, last = path.rpartition(".")
        holder = _find(obj, above, argument) if above else obj
        if isinstance(holder, tuple):
            raise TypeError(
                f"{argument}: expected what can be replaced by itself, got {path!r} in a tuple;"
                f" name it as a whole, {above!r}"
            )
        found.append(_Place(path=path, holder=holder, key=_key(holder, last)))
    return found


def _paths(obj: Any, names: Any, argument: str, *, lenient: bool = False) -> list[str]:
    """The names with each * replaced by what there is; `lenient` about what is not there yet."""
    if isinstance(names, str) or not all(isinstance(name, str) for name in names):
        raise TypeError(f'{argument}: expected a list of names such as ["W1", "b1"], got {names!r}')
    found = []
    for name in names:
        before, star, after = name.partition(".*")
        if star:
            many = _find(obj, before, argument)
            keys = many if isinstance(many, Mapping) else range(len(many))
            paths = [f"{before}.{key}{after}" for key in keys]
            found += _paths(obj, paths, argument, lenient=lenient)
        else:
            if not lenient:
                _find(obj, name, argument)
            found.append(name)
    if not found:
        raise ValueError(f"{argument}: expected at least one attribute, got {names!r}")
    return found


def _find(obj: Any, path: str, argument: str) -> Any:
    at = obj
    done: list[str] = []
    for part in path.split("."):
        try:
            at = _step(at, _key(at, part))
        except (AttributeError, LookupError, ValueError):
            where = f"{type(obj).__name__} object" + "".join(f".{p}" for p in done)
            raise AttributeError(
                f"{argument}: expected {part!r} in the {where}, found none{_close(at, part)}"
            ) from None
        done.append(part)
    return at


def _step(holder: Any, key: Any) -> Any:
    return holder[key] if isinstance(holder, list | tuple | Mapping) else getattr(holder, key)


def _key(holder: Any, part: str) -> Any:
    if isinstance(holder, Mapping):
        return next((key for key in holder if str(key) == part), part)
    if isinstance(holder, tuple) and part in getattr(holder, "_fields", ()):
        return holder._fields.index(part)  # type: ignore[attr-defined]
    return int(part) if isinstance(holder, list | tuple) else part


def _close(holder: Any, part: str) -> str:
    import difflib

    if isinstance(holder, list | tuple):
        return f"; it has {len(holder)} items"
    names = list(map(str, holder)) if isinstance(holder, Mapping) else _arrays_in(holder)
    close = difflib.get_close_matches(part, names, n=1) or names[:6]
    return f"; there is {_quoted(close)}" if close else ""


def _arrays_in(holder: Any) -> list[str]:
    """The attributes of an object that could be parameters."""
    held = getattr(holder, "__dict__", {})
    return [name for name, value in held.items() if isinstance(value, np.ndarray | float | list)]


def _require_arrays(place: _Place, value: Any) -> None:
    for path, leaf in nested.leaves(value, root=""):
        if not isinstance(leaf, np.ndarray | float | np.floating):
            inside = _arrays_in(leaf)
            name = f"{place.path}.{path}" if path else place.path
            each = f"{place.path}.*" if path.isdecimal() else name
            hint = f", as in {each + '.' + inside[0]!r}" if inside else ""
            raise TypeError(
                f"names: expected arrays of numbers in {name!r}, got {type(leaf).__name__};"
                f" name what in it is a parameter{hint}"
            )
