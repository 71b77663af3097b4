"""Examples: what a search looks at, one after the other, and the strategies that draw them.

An `Example` is told by a few words and numbers, and the problem that they stand for is made of it
anew each time. A `Space` draws examples; Hypothesis does so, and shrinks them towards what is first
here: few layers, narrow ones, a batch of one, round numbers, seed 0.
"""

from __future__ import annotations

import shlex
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache
from itertools import product
from typing import Any, Protocol

from hypothesis import strategies as st

from checks.problem.problem import Problem
from checks.searching.points import AS_MADE, POINTS

LAYERS = (1, 4)
WIDEST = 8
LARGEST_BATCH = 8
SEEDS = 10_000
DTYPES = ("float64", "float32")

# How many sizes below the one found are looked at once more: all of them, for small ones.
SIZES = 400

# Makes an example's problem, and says at which point it is, which may be the one as made.
Build = Callable[[], tuple[Problem | None, str]]
Size = tuple[tuple[int, ...], int | None]


@dataclass(frozen=True, kw_only=True)
class Example:
    """One problem, by what it is made from.

    Attributes
    ----------
    shape, batch_size, seed, dtype
        What is handed to whoever makes the problem; empty or None where it is not asked for.
    kinds
        Further options of a network by name, such as its activation.
    point
        Where it is looked at: one of `checks.searching.points.POINTS`.
    drawn
        What a maker that draws has drawn, each as Python writes it.
    """

    shape: tuple[int, ...] = ()
    batch_size: int | None = None
    kinds: Mapping[str, str] = field(default_factory=dict)
    dtype: str | None = None
    point: str = AS_MADE
    drawn: tuple[str, ...] | None = None
    seed: int | None = None

    @property
    def size(self) -> tuple[Any, ...]:
        """What makes an example larger than another: more units, then more layers, then samples."""
        return sum(self.shape), len(self.shape), self.batch_size or 0

    @property
    def rank(self) -> tuple[Any, ...]:
        """Of two examples the one to be shown is the least: the smaller one, then the plainer."""
        drawn = self.drawn or ()
        plain = sum(len(v.split(",")) for v in self.kinds.values())
        points, dtypes = list(POINTS), (None, *DTYPES)
        at = points.index(self.point)
        size = (*self.size, len(drawn), sum(map(len, drawn)))
        return (*size, plain, dtypes.index(self.dtype), at, self.seed or 0, self.shape)

    def seen(self) -> Iterator[tuple[str, Any]]:
        """What a search that has looked at it has seen, by kind."""
        if self.shape:
            yield "layers", len(self.shape) - 1
            yield from (("widths", width) for width in self.shape)
        if self.batch_size is not None:
            yield "batch sizes", self.batch_size
        if self.dtype is not None:
            yield "dtypes", self.dtype
        yield from ((n, "mixed" if "," in value else value) for n, value in self.kinds.items())
        yield "points", self.point

    @property
    def words(self) -> str:
        """The example as people say it."""
        return ", ".join(f"{name} {value}" for name, value in self._named())

    @property
    def options(self) -> list[str]:
        """The options of `gradcheck` that make it again, but for its shape."""
        typed = []
        for name, value in self._named():
            if name != "shape":
                typed += [f"--{name.replace(' ', '-')}", shlex.quote(value)]
        return typed

    def to_dict(self) -> dict[str, Any]:
        """What is there of it, as plain values."""
        found = {
            "shape": list(self.shape) or None,
            "batch_size": self.batch_size,
            **self.kinds,
            "dtype": self.dtype,
            "point": self.point,
            "drawn": None if self.drawn is None else list(self.drawn),
            "seed": self.seed,
        }
        return {name: value for name, value in found.items() if value is not None}

    def _named(self) -> Iterator[tuple[str, str]]:
        if self.shape:
            yield "shape", "-".join(map(str, self.shape))
        if self.batch_size is not None:
            yield "batch size", str(self.batch_size)
        yield from self.kinds.items()
        if self.dtype is not None:
            yield "dtype", self.dtype
        if self.drawn:
            yield "drawn", ", ".join(self.drawn)
        if self.point != AS_MADE:
            yield "point", self.point
        if self.seed is not None:
            yield "seed", str(self.seed)


def example_of(given: object, name: str, asked: Sequence[str]) -> Example:
    """The example that `to_dict` has written down, of what a maker asks for.

    Raises
    ------
    ValueError
        Where it is none.
    """
    known = {"shape", "batch_size", "dtype", "point", "drawn", "seed"}
    if not isinstance(given, Mapping) or not set(given) <= known:
        raise ValueError(
            "example: expected what a search has found, such as {'shape': [2, 2], 'seed': 0}, got"
            f" {given!r}; give the example of a result"
        )
    listed = {key: tuple(given[key]) for key in ("shape", "drawn") if key in given}
    example = Example(**{**given, **listed})
    fields = {"draw": "drawn", "batch": "batch_size"}
    missing = [a for a in asked if getattr(example, fields.get(a, a)) in (None, ())]
    if missing:
        raise ValueError(
            f"example: expected {', '.join(missing)} in it, for {name} asks for that, got"
            f" {dict(given)!r}"
        )
    return example


@dataclass(frozen=True, kw_only=True)
class Below:
    """What is looked at below an example that was found: sizes, otherwise things like it."""

    sizes: Sequence[Size]
    like: Example


class Space(Protocol):
    """Where examples come from.

    Attributes
    ----------
    anywhere
        Whether its functions hold at any point: if not, what they raise at a point of the search's
        own choice is not held against them.
    """

    @property
    def anywhere(self) -> bool:
        """See above."""

    def example(self, draw: st.DrawFn, below: Below | None) -> tuple[Example, Build]:
        """Draw an example, of a size below another if that is given; and what makes its problem."""

    def sizes_below(self, example: Example) -> list[Size]:
        """The sizes smaller than that of an example, the smallest first, at most `SIZES`."""

    def repeat(self, example: Example) -> str:
        """The command or call that looks at this example once more."""


@dataclass(frozen=True, kw_only=True)
class Sizes:
    """Which shapes and batch sizes there are.

    Attributes
    ----------
    shape, batch_size
        What is held; None where it is searched.
    widths
        How many widths a shape has; None for any of `LAYERS`, and one more.
    batched
        Whether there is a batch size.
    """

    shape: tuple[int, ...] | None = None
    batch_size: int | None = None
    widths: int | None = None
    batched: bool = True

    def draw(self, draw: st.DrawFn, below: Below | None) -> Size:
        """A shape and a batch size, as often as not with all widths alike.

        There a missing transpose, or a neighbour's weights, fit without an error.
        """
        if below is not None:
            return draw(st.sampled_from(below.sizes))
        return self._shape(draw), self._batch_size(draw)

    def _shape(self, draw: st.DrawFn) -> tuple[int, ...]:
        if self.shape is not None:
            return self.shape
        least, most = LAYERS
        length = self.widths or draw(st.integers(least + 1, most + 1))
        alike = draw(st.booleans())
        widths = [draw(st.integers(1, WIDEST)) for _ in range(length)]
        return tuple(widths[:1] * length if alike else widths)

    def _batch_size(self, draw: st.DrawFn) -> int | None:
        if not self.batched or self.batch_size is not None:
            return self.batch_size
        return draw(st.integers(1, LARGEST_BATCH))

    def below(self, example: Example) -> list[Size]:
        """The smaller ones, the smallest first, at most `SIZES`.

        Examples
        --------
        >>> Sizes().below(Example(shape=(1, 2), batch_size=1))[:2]
        [((1, 1), 1), ((1, 1), 2)]
        """
        found: list[Size] = []
        for one in _ordered(self):
            if one.size >= example.size or len(found) == SIZES:
                break
            found.append((one.shape, one.batch_size))
        return found

    def shapes(self) -> Iterable[tuple[int, ...]]:
        """All shapes, of each number of layers as many as are looked at in all."""
        if self.shape is not None:
            return [self.shape]
        lengths = [self.widths] if self.widths else range(LAYERS[0] + 1, LAYERS[1] + 2)
        return (
            shape
            for n in lengths
            for shape in sorted(product(range(1, WIDEST + 1), repeat=n), key=sum)[:SIZES]
        )

    def batch_sizes(self) -> Iterable[int | None]:
        """All batch sizes."""
        if not self.batched or self.batch_size is not None:
            return [self.batch_size]
        return range(1, LARGEST_BATCH + 1)


@cache
def _ordered(sizes: Sizes) -> list[Example]:
    """Examples of all sizes, the smallest first."""
    found = [Example(shape=s, batch_size=b) for s in sizes.shapes() for b in sizes.batch_sizes()]
    return sorted(found, key=lambda one: one.size)
