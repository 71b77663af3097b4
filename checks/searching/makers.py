"""Makers: anyone's function that builds a problem, asked for one by what its arguments are called.

`make(shape, seed)` is given layer widths and a number to draw from; `batch_size` and `dtype` it is
given where it asks for them. `make(draw)` draws what it wants from Hypothesis's strategies. Either
returns cost, gradients and params in any of the forms that `checks.parts` takes, or None for
what it cannot build.
"""

from __future__ import annotations

import ast
import inspect
import typing
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

import numpy as np
from hypothesis import strategies as st
from hypothesis.errors import HypothesisException, InvalidArgument

from checks.parts import PartsError, kind_of, parts_of, problem_of
from checks.problem.problem import Problem, call_user_function
from checks.searching.examples import DTYPES, SEEDS, Below, Build, Example, Size, Sizes, Space
from checks.searching.points import AS_MADE, POINTS, moved

Make = Callable[..., Any]

# What a maker may ask for, and the example's name of it.
ARGUMENTS = {
    "shape": "shape",
    "batch_size": "batch_size",
    "batch": "batch_size",
    "seed": "seed",
    "dtype": "dtype",
}
DRAW = "draw"


class MakerError(ValueError):
    """A maker that cannot be used: what was expected of it, what came, and what to do."""


def arguments(make: object, name: str = "make") -> tuple[str, ...]:
    """The names of what a maker asks for: some of `ARGUMENTS`, or `DRAW` alone.

    Raises
    ------
    MakerError
        Where it is no maker.

    Examples
    --------
    >>> arguments(lambda shape, seed: None)
    ('shape', 'seed')
    """
    expected = (
        f"{name}: expected a function make(shape, seed), with batch_size and dtype where it wants"
        " them, or make(draw), that returns cost, gradients and params"
    )
    if not callable(make):
        raise MakerError(f"{expected}; got {kind_of(make)}")
    try:
        parameters = inspect.signature(make).parameters.values()
    except (TypeError, ValueError):
        raise MakerError(f"{expected}; got {make!r}, whose arguments cannot be seen") from None
    known = [p.name for p in parameters if p.name in (*ARGUMENTS, DRAW)]
    needed = [
        p.name
        for p in parameters
        if p.default is p.empty and p.kind not in (p.VAR_POSITIONAL, p.VAR_KEYWORD)
    ]
    if unknown := [n for n in needed if n not in known]:
        raise MakerError(
            f"{expected}; got one that asks for {', '.join(unknown)}: rename what is one of these,"
            " and give the rest a default"
        )
    if any(p.kind is p.POSITIONAL_ONLY for p in parameters if p.name in known):
        raise MakerError(f"{expected}; got one with positional-only arguments: leave out the /")
    if not known:
        raise MakerError(f"{expected}; got one without these arguments")
    if DRAW in known and len(known) > 1:
        raise MakerError(f"{expected}; got one that asks for draw and more: draw all of it")
    return tuple(known)


@dataclass(frozen=True, kw_only=True)
class Held:
    """What a search holds: the shape, the batch size, the dtype and the point, None for all."""

    shape: tuple[int, ...] | None = None
    batch_size: int | None = None
    dtype: str | None = None
    point: str | None = None


def space_of(make: Make, name: str, again: Callable[[Example], str], held: Held) -> Space:
    """Where the problems come from that `make` builds: a `Space`.

    Raises
    ------
    MakerError
        Where it is no maker, or does not ask for what is held.
    """
    asked = arguments(make, name)
    asks = {ARGUMENTS.get(a, a) for a in asked}
    for option in ("shape", "batch_size", "dtype"):
        value = getattr(held, option)
        if value is not None and option not in asks:
            raise MakerError(
                f"{option}: expected none, for {name} asks for {', '.join(asked)} alone, got"
                f" {value}; leave it out, or give {name} that argument"
            )
    if asked == (DRAW,):
        return _Drawn(make=make, name=name, again=again, held=held)
    return _Asked(make=make, name=name, again=again, held=held, asked=asked)


@dataclass(frozen=True, kw_only=True)
class _Asked:
    """Of a maker that is given a shape, a seed and so on: a `Space`."""

    make: Make
    name: str
    again: Callable[[Example], str]
    held: Held
    anywhere: bool = False
    asked: tuple[str, ...]

    def example(self, draw: st.DrawFn, below: Below | None) -> tuple[Example, Build]:
        """Draw what the maker asks for, and a point."""
        shape, batch_size = self._sizes.draw(draw, below)
        asks = {ARGUMENTS[a] for a in self.asked}
        dtype = self.held.dtype
        if "dtype" in asks and dtype is None:
            dtype = draw(st.sampled_from(DTYPES))
        point = self.held.point or draw(st.sampled_from(list(POINTS)))
        seed = draw(st.integers(0, SEEDS - 1)) if "seed" in asks else 0
        example = Example(shape=shape, batch_size=batch_size, dtype=dtype, point=point, seed=seed)
        return example, lambda: made(self.make, example, self.name)

    def sizes_below(self, example: Example) -> list[Size]:
        """All that are smaller, within what is held."""
        return self._sizes.below(example)

    def repeat(self, example: Example) -> str:
        """As whoever searches says it."""
        return self.again(example)

    @property
    def _sizes(self) -> Sizes:
        asks = {ARGUMENTS[a] for a in self.asked}
        return Sizes(
            shape=self.held.shape if "shape" in asks else (),
            batch_size=self.held.batch_size,
            widths=_widths(self.make),
            batched="batch_size" in asks,
        )


@dataclass(frozen=True, kw_only=True)
class _Drawn:
    """Of a maker that draws: a `Space`."""

    make: Make
    name: str
    again: Callable[[Example], str]
    held: Held
    anywhere: bool = False

    def example(self, draw: st.DrawFn, below: Below | None) -> tuple[Example, Build]:  # noqa: ARG002
        """Have the maker draw, and draw a point."""
        drawing = _Drawing(draw)
        found: _Made | Exception
        try:
            found = _called(self.make, {DRAW: drawing}, self.name)
        except HypothesisException as error:
            if not isinstance(error, InvalidArgument):
                raise  # this draw will not do, says Hypothesis
            found = error
        except Exception as error:  # noqa: BLE001 it is raised where the problem is asked for
            found = error
        point = self.held.point or draw(st.sampled_from(list(POINTS)))

        def build() -> tuple[Problem | None, str]:
            if isinstance(found, Exception):
                raise found
            return found.at(point)

        return Example(drawn=tuple(drawing.words), point=point), build

    def sizes_below(self, example: Example) -> list[Size]:  # noqa: ARG002
        """None that are known."""
        return []

    def repeat(self, example: Example) -> str:
        """As whoever searches says it, where what was drawn can be written down."""
        return self.again(example)


class _Drawing:
    """Hypothesis's draw, that takes down what was drawn."""

    def __init__(self, draw: st.DrawFn) -> None:
        self.draw, self.words = draw, list[str]()

    def __call__(self, strategy: Any, label: object = None) -> Any:
        """Draw from a strategy."""
        value = self.draw(strategy, label)
        self.words.append(repr(value))
        return value


def made(make: Make, example: Example, name: str = "make") -> tuple[Problem | None, str]:
    """The problem that a maker makes of an example, and its point; None where it makes none of it.

    A problem whose gradient is given as arrays is at the point as made, and at no other.

    Raises
    ------
    MakerError
        Where it returns something else.
    Exception
        Whatever it raises.
    """
    if example.drawn is not None:
        given: dict[str, Any] = {DRAW: _replay(example.drawn)}
    else:
        given = {a: getattr(example, ARGUMENTS[a]) for a in arguments(make, name)}
        given |= {"dtype": np.dtype(given["dtype"])} if "dtype" in given else {}
    return _called(make, given, name).at(example.point)


@dataclass(frozen=True, kw_only=True)
class _Made:
    """What a maker returned; `movable` says whether its gradient is a function of the point."""

    problem: Problem | None
    movable: bool

    def at(self, point: str) -> tuple[Problem | None, str]:
        """The problem at a point, or as it was made."""
        if self.problem is None or point == AS_MADE or not self.movable:
            return self.problem, AS_MADE
        return replace(self.problem, values=moved(self.problem.values, point)), point


def can_be_typed(drawn: Sequence[str]) -> bool:
    """Whether what was drawn can be read again as it was written down."""
    try:
        return all(repr(ast.literal_eval(word)) == word for word in drawn)
    except (ValueError, SyntaxError, MemoryError, RecursionError):
        return False


def parse_drawn(text: str) -> tuple[str, ...]:
    """What was drawn, as Python writes it, with commas between.

    Raises
    ------
    ValueError
        Where it cannot be read.

    Examples
    --------
    >>> parse_drawn("3, (1, 2), 'relu'")
    ('3', '(1, 2)', "'relu'")
    """
    try:
        return tuple(map(repr, ast.literal_eval(f"({text},)") if text.strip() else ()))
    except (ValueError, SyntaxError, MemoryError, RecursionError):
        raise ValueError(
            "drawn: expected numbers, strings, lists and tuples as Python writes them, with commas"
            f" between, such as 3, 0.5, got {text!r}; copy the line that a search printed"
        ) from None


def _replay(drawn: Sequence[str]) -> Callable[..., Any]:
    """A draw that gives what was drawn before, whatever the strategy."""
    values: Iterator[Any] = iter([ast.literal_eval(word) for word in drawn])

    def draw(strategy: Any, label: object = None) -> Any:  # noqa: ARG001
        for value in values:
            return value
        raise MakerError(
            f"drawn: expected as many values as make draws, got {len(drawn)} and it draws more;"
            " search again, for it has changed"
        )

    return draw


def _called(make: Make, given: Mapping[str, Any], name: str) -> _Made:
    found = call_user_function(name, partial(make, **given))
    if found is None:
        return _Made(problem=None, movable=False)
    words = ", ".join(f"{key}={value!r}" for key, value in given.items() if key != DRAW)
    try:
        problem = problem_of(found)
    except PartsError as error:
        raise MakerError(f"{name}({words or DRAW}): {error}") from error
    if problem is None:
        raise MakerError(
            f"{name}({words or DRAW}): expected it to return (cost, gradients, params), a dict or"
            f" an object with these three, or None for what it cannot build, got {kind_of(found)}"
        )
    if isinstance(found, Problem):
        movable = found.jittered is None and found.rerun is None
    else:
        parts = parts_of(found) or {}
        movable = bool(parts.get("jac")) or callable(parts.get("gradients"))
    return _Made(problem=problem, movable=movable)


def _widths(make: Make) -> int | None:
    """How many widths a shape has, where the maker's annotation says so: `tuple[int, int]`."""
    try:
        hint = typing.get_type_hints(make).get("shape")
    except Exception:  # noqa: BLE001 an annotation may be of what is not there at run time
        return None
    of = typing.get_args(hint)
    return len(of) if typing.get_origin(hint) is tuple and of and Ellipsis not in of else None
