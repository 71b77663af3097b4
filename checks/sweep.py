"""The sweep: every coordinate of every tensor put before an oracle, a piece at a time.

The plain way is here in full: add a step to one parameter, run the cost, put the parameter back.
A subject that knows a faster rerun is asked for it instead. Pieces are independent, so that an
executor may run them anywhere and in any order (`checks.elsewhere`).
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from concurrent.futures import Executor, ThreadPoolExecutor
from contextlib import AbstractContextManager, closing, nullcontext
from dataclasses import dataclass
from typing import Any

import numpy as np

from checks import elsewhere, rounding
from checks.nest import Array
from checks.oracles import Estimate, Lines, Oracle, named
from checks.subject import Arrays, Subject, within

# Coordinates to a piece: enough to be worth sending, few enough for progress to be seen.
PIECE = 4096


@dataclass(frozen=True, kw_only=True)
class Piece:
    """A run of coordinates of one tensor, and how to measure the slopes along them."""

    tensor: int
    start: int
    stop: int
    oracle: str
    noise: float
    size: float


def sweep(
    subject: Subject,
    oracle: str,
    *,
    noise: float,
    size: float,
    progress: Callable[[int], None] = lambda done: None,
    executor: Executor | None = None,
) -> list[Estimate]:
    """The slope of the cost along every coordinate, tensor by tensor, flat.

    The same pieces are measured wherever they run, so the numbers are the same to the last bit.
    """
    pieces = [
        Piece(
            tensor=tensor,
            start=start,
            stop=min(start + PIECE, values.size),
            oracle=oracle,
            noise=noise,
            size=size,
        )
        for tensor, values in enumerate(subject.values)
        for start in range(0, values.size, PIECE)
    ]
    found: dict[Piece, Estimate] = {}
    with (
        _threads(subject) if executor is None else nullcontext(executor) as chosen,
        closing(elsewhere.run(measure, subject, pieces, chosen)) as measured,
    ):
        for piece, estimate in measured:
            found[piece] = estimate
            progress(piece.stop - piece.start)
    return [
        _join([found[piece] for piece in pieces if piece.tensor == tensor])
        for tensor in range(len(subject.values))
    ]


def count(subject: Subject) -> int:
    """How many pieces a sweep of the subject has."""
    return sum(-(-values.size // PIECE) for values in subject.values)


def _threads(subject: Subject) -> AbstractContextManager[Executor | None]:
    """A thread for each core where reruns are long array operations, which do not hold Python up.

    Anyone's own functions are run in one thread: they may not be made for more.
    """
    cores = elsewhere.cores()
    if subject.rerun is None or subject.parameters <= PIECE or cores == 1:
        return nullcontext()
    return ThreadPoolExecutor(cores)


@within
def measure(subject: Subject, piece: Piece) -> Estimate:
    """The slopes along one piece's coordinates."""
    at = np.arange(piece.start, piece.stop)
    scales = {"noise": piece.noise, "size": piece.size}
    return slopes(subject, piece.tensor, at, named(piece.oracle), **scales)


def slopes(
    subject: Subject, tensor: int, at: Array, oracle: Oracle, *, noise: float, size: float
) -> Estimate:
    """The slopes along a tensor's coordinates, given by flat index, by steps of a fitting size.

    That is the tensor's typical size, and for a small number among large ones its own where the
    first leaves the cost's domain. A black box may have numbers of several units in an array, and
    there the small ones are measured by both. The shorter steps see what is near, and theirs is the
    error; the longer ones, which stand clearer of noise, refine a slope that lies within it.
    """

    def estimate(at: Array, *, own: bool) -> Estimate:
        return oracle(coordinates(subject, tensor, at, noise=noise, size=size, own=own))

    found = estimate(at, own=False)
    again = np.isinf(found.error)
    if subject.jittered is None:
        again |= small(subject.values[tensor])[at]
    k = np.flatnonzero(again)
    if k.size:
        own = estimate(at[k], own=True)
        agree = np.abs(own.slope - found.slope[k]) <= rounding.BENEFIT * own.error
        finer = agree & (found.error[k] < own.error)
        found.slope[k] = np.where(finer, found.slope[k], own.slope)
        found.error[k] = own.error
    return found


def small(values: Array) -> Array:
    """Which numbers of a tensor are small beside the others: booleans, flat."""
    sizes = np.abs(values.reshape(-1), dtype=np.float64)
    return np.asarray((sizes > 0) & (sizes < rounding.SMALL * rounding.typical(values)))


def coordinates(
    subject: Subject,
    tensor: int,
    indices: Array,
    *,
    noise: float,
    size: float,
    own: bool = False,
) -> Lines:
    """One line along each of a tensor's coordinates, given by flat index.

    The scale is the parameter's size or, if that is larger, its tensor's typical one; with `own`,
    the parameter's alone, where it is not zero.
    """
    rerun = subject.rerun

    def costs(steps: Array) -> Array:
        if rerun is not None:
            with np.errstate(all="ignore"):
                return rerun(tensor, indices, steps)
        return plain_rerun(subject, tensor, indices, steps)

    values = subject.values[tensor]
    scale = rounding.scale(values).reshape(-1)[indices]
    if own:
        sizes = np.abs(values.reshape(-1)[indices], dtype=np.float64)
        scale = np.where(sizes > 0, sizes, scale)
    return Lines(costs=costs, scale=scale, noise=noise, size=size)


def plain_rerun(subject: Subject, tensor: int, indices: Array, steps: Array) -> Array:
    """Perturb one parameter, rerun the cost, put it back: once for each step."""
    values = wide(subject.values)
    moved = values[tensor].astype(np.result_type(values[tensor], steps))
    values[tensor] = moved
    costs = np.empty(len(indices), np.result_type(steps, np.float64))
    flat = moved.reshape(-1)
    for row, (index, step) in enumerate(zip(indices, steps, strict=True)):
        elsewhere.heed()
        kept = flat[index]
        flat[index] = kept + step
        costs[row] = run(subject, values)
        flat[index] = kept
    return costs


def direction(subject: Subject, d: Arrays, *, noise: float, size: float) -> Lines:
    """The single line θ + t d; a step of 1 moves each parameter by its entry of `d`.

    An entry of `d` may be a vector that is shorter than its tensor: it moves the first numbers.
    """
    values = wide(subject.values)

    def costs(steps: Array) -> Array:
        return np.asarray([run(subject, moved_along(values, d, t)) for t in steps])

    return Lines(costs=costs, scale=np.ones(1), noise=noise, size=size)


def signed(rng: np.random.Generator, shape: int | tuple[int, ...]) -> Array:
    """Random signs times numbers uniform in [0.5, 1.5]: shares of a direction, none too small.

    Each is made of 32 random bits, which take half the time of a random float.
    """
    r = np.empty(shape)
    bits = rng.bit_generator.random_raw(-(-r.size // 2)).view(np.int32)[: r.size]
    np.multiply(bits.reshape(r.shape), 2.0**-31, out=r)  # uniform in [-1, 1)
    r += np.copysign(0.5, r)
    return r


def everywhere(
    subject: Subject, rng: np.random.Generator, *, most: int | None = None
) -> list[Array]:
    """A direction that moves every parameter, or `most` of each tensor, by about its own scale."""
    parts = [v.reshape(-1)[:most] for v in subject.values]
    return [signed(rng, part.size) * rounding.scale(part) for part in parts]


def moved_along(values: Arrays, d: Arrays, t: complex) -> list[Array]:
    """Copies of `values`, t times `d` away."""
    moved = [v.astype(np.result_type(v, t)) for v in values]
    for v, e in zip(moved, d, strict=True):
        v.reshape(-1)[: e.size] += t * e.reshape(-1)
    return moved


def run(subject: Subject, values: Arrays) -> Any:
    """One run of the cost away from the checked point, where it may leave its domain: then NaN.

    It may say so by any exception, if it still runs at the point itself. Where it does not, as in
    a process that lacks a file of its own, something else is wrong, and that error is raised.
    """
    with np.errstate(all="ignore"):
        try:
            return subject.cost(values)
        except Exception as error:  # noqa: BLE001 anyone's cost may raise anything
            subject.cost(wide(subject.values))
            if not any(np.iscomplexobj(v) for v in values):
                subject.note(error, "the cost")
            return np.nan


def wide(values: Iterable[Array]) -> list[Array]:
    """The parameters in double precision at least: the oracles' own."""
    return [v.astype(np.result_type(v, np.float64), copy=False) for v in values]


def _join(found: list[Estimate]) -> Estimate:
    return Estimate(
        slope=np.concatenate([e.slope for e in found] or [np.empty(0)]),
        error=np.concatenate([e.error for e in found] or [np.empty(0)]),
    )
