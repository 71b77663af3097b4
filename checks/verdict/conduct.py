"""Hygiene: what a cost or gradient must not do, whatever numbers it returns.

`inspect` calls both a few times before anything is compared, and says what they returned and what
it found. Each offence has a stable code, a title and a remedy.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

import numpy as np

from checks.problem.nested import Array
from checks.problem.problem import Problem
from checks.verdict.report import Diagnosis

OFFENCES = {
    "cost-not-scalar": (
        "the cost is not one real number",
        "return one float, such as the mean over the batch; check_jacobian is for several outputs",
    ),
    "cost-not-finite": (
        "the cost is NaN or infinite",
        "look for a logarithm of zero, an overflow, or NaN in the data",
    ),
    "cost-changes-parameters": (
        "the cost changes its parameters",
        "work on a copy; look for in-place operators such as += and out=",
    ),
    "cost-changes-inputs": (
        "the cost changes its inputs",
        "work on a copy; look for in-place operators such as += and out=",
    ),
    "cost-not-repeatable": (
        "the cost differs between two calls on the same parameters",
        "fix the random seed, and keep no state between calls",
    ),
    "structure": (
        "the gradient is not nested like the parameters",
        "return one array for each parameter array, in the same nesting",
    ),
    "shape": (
        "the gradient has the wrong shape",
        "a gradient is shaped like its parameter; look for a missing transpose or sum",
    ),
    "dtype": (
        "the gradient has the wrong dtype",
        "return real floating-point numbers, of the parameters' precision at least",
    ),
    "not-finite": (
        "the gradient holds NaN or infinity",
        "look for a division by zero, an overflow, or 0 times infinity",
    ),
    "changes-parameters": (
        "the gradient function changes its parameters",
        "work on a copy; look for in-place operators such as += and out=",
    ),
    "changes-inputs": (
        "the gradient function changes its inputs",
        "work on a copy; look for in-place operators such as += and out=",
    ),
    "accumulates": (
        "the gradient grows with every call: the accumulator is not zeroed",
        "zero the accumulators before each gradient, or return the increment",
    ),
    "overwritten": (
        "a later call overwrites the gradient that an earlier call returned",
        "return a new array or a copy, not a view of a buffer that is used again",
    ),
    "not-repeatable": (
        "the gradient differs between two calls on the same parameters",
        "fix the random seed, and keep no state between calls",
    ),
    "stale": (
        "the gradient depends on where the cost was called last",
        "run the forward pass inside the gradient function, too, with its own parameters",
    ),
}


# With such a cost there is nothing to hold a gradient against.
UNUSABLE = frozenset(
    {"cost-not-scalar", "cost-not-finite", "cost-changes-parameters", "cost-changes-inputs"}
)


def conduct_diagnosis(code: str, tensor: str | None = None, detail: str = "") -> Diagnosis:
    """The diagnosis that goes with a code of `OFFENCES`."""
    title, remedy = OFFENCES[code]
    return Diagnosis(code=code, title=title, remedy=remedy, tensor=tensor, detail=detail)


@dataclass(frozen=True, kw_only=True)
class Inspection:
    """What a look at hygiene found.

    Attributes
    ----------
    cost
        The cost at the point, in its parameters' own dtype.
    gradient
        The analytic gradient; empty where there is none that could be compared. Its arrays are
        contiguous in C order, so that what is made like one can be written to flat.
    offences
        All that was found.
    """

    cost: Any
    gradient: dict[str, Array]
    offences: list[Diagnosis]


def inspect(problem: Problem, *, repeats: bool = True, repeatable: bool = True) -> Inspection:
    """Call cost and gradient a few times, before anything is compared.

    `repeats` asks for two further calls of the gradient, to see whether they change anything.
    Where nothing is `repeatable`, other values at the same point are no offence.
    """
    watched = _Watch(problem)
    cost = _array(problem.cost(watched.values))
    found = [
        f for f in _cost(problem, watched, cost) if repeatable or f.code != "cost-not-repeatable"
    ]
    if any(f.code in UNUSABLE for f in found):
        return Inspection(cost=cost, gradient={}, offences=found)
    first = problem.gradient(watched.values)
    kept = {name: g.copy() if repeats else np.asarray(g, order="C") for name, g in first.items()}
    found += watched.changes("changes-parameters", "changes-inputs")
    wrong = list(malformed(problem, kept))
    if wrong:
        return Inspection(cost=cost, gradient={}, offences=found + wrong)
    if repeats:
        found += _repeats(problem, first, kept)
    if any(f.code in ("stale", "accumulates") for f in found):
        kept = {}  # a check calls the cost in between, and the gradient many times
    return Inspection(cost=cost, gradient=kept, offences=found)


class _Watch:
    """Copies of the parameters to call functions with, and of the inputs, to see what changes."""

    def __init__(self, problem: Problem) -> None:
        self.problem = problem
        self.values = [v.copy() for v in problem.values]
        self.inputs = {name: v.copy() for name, v in problem.inputs.items()}

    def changes(self, parameter_code: str, input_code: str) -> Iterator[Diagnosis]:
        """What has changed since the last time; parameters are put back."""
        for i, (name, kept) in enumerate(zip(self.problem.names, self.problem.values, strict=True)):
            if not same_bits(kept, self.values[i]):
                self.values[i] = kept.copy()
                yield conduct_diagnosis(parameter_code, name)
        for name, array in self.problem.inputs.items():
            if not same_bits(array, self.inputs[name]):
                self.inputs[name] = array.copy()
                yield conduct_diagnosis(input_code, name)


def _array(found: Any) -> Array:
    """What a cost gives back as an array, whatever it is."""
    try:
        return np.asarray(found)
    except Exception:  # noqa: BLE001 such as a number beside an array, or another library's
        kept = np.empty((), object)
        kept[()] = found
        return kept


def _cost(problem: Problem, watched: _Watch, first: Array) -> Iterator[Diagnosis]:
    changes = list(watched.changes("cost-changes-parameters", "cost-changes-inputs"))
    yield from changes
    if first.shape != () or first.dtype.kind not in "fiub":
        yield conduct_diagnosis(
            "cost-not-scalar",
            detail=f"expected one real number, got shape {first.shape}, {_kind(first)}",
        )
    elif not np.isfinite(first):
        yield conduct_diagnosis("cost-not-finite", detail=f"got {first}")
    elif changes:
        return  # on other data, other costs
    elif not same_bits(np.asarray(problem.cost([v.copy() for v in problem.values])), first):
        yield conduct_diagnosis("cost-not-repeatable")


def malformed(problem: Problem, gradient: Mapping[str, Array]) -> Iterator[Diagnosis]:
    """What is wrong with the form of a gradient: its tensors, their shapes, precision and NaN."""
    if set(gradient) != set(problem.names):
        missing = ", ".join(sorted(set(problem.names) - set(gradient))) or "none"
        extra = ", ".join(sorted(set(gradient) - set(problem.names))) or "none"
        yield conduct_diagnosis("structure", detail=f"missing: {missing}; unexpected: {extra}")
        return
    for name, value in zip(problem.names, problem.values, strict=True):
        yield from form(name, gradient[name], value.shape, value.dtype)


def form(name: str, g: Array, shape: tuple[int, ...], dtype: np.dtype) -> Iterator[Diagnosis]:
    """What is wrong with an array that should have this shape and precision, and finite numbers."""
    if g.dtype.kind != "f" or np.finfo(g.dtype).eps > np.finfo(dtype).eps:
        yield conduct_diagnosis("dtype", name, f"expected {dtype}, got {_kind(g)}")
    elif g.shape != shape:
        flipped = ", its transpose" if g.shape == shape[::-1] else ""
        yield conduct_diagnosis("shape", name, f"expected {shape}, got {g.shape}{flipped}")
    elif not np.isfinite(g).all():
        at = tuple(int(i) for i in np.argwhere(~np.isfinite(g))[0])
        yield conduct_diagnosis("not-finite", name, f"got {g[at]} at {list(at)}")


def _kind(array: Array) -> str:
    """An array's dtype; of one that is no number, what it holds, such as NoneType."""
    held = array.dtype.kind == "O" and array.size
    return type(array.reshape(-1)[0]).__name__ if held else str(array.dtype)


def _repeats(
    problem: Problem, first: Mapping[str, Array], kept: Mapping[str, Array]
) -> Iterator[Diagnosis]:
    """Two more calls: one a little elsewhere, to show up a reused buffer, and one right here.

    The cost is called elsewhere in between, to show up a gradient of what it has left behind.
    """
    rng = np.random.default_rng(0)
    elsewhere = [_nearby(v, rng) for v in problem.values]
    between = gradient_nearby(problem, [v.copy() for v in elsewhere])
    # Now, for the call after this one writes the same numbers into a reused buffer again.
    overwritten = [name for name in problem.names if not same_bits(first[name], kept[name])]
    with suppress(Exception):  # it may end close by
        problem.cost(elsewhere)
    again = _here(problem)
    for name in problem.names:
        if not same_bits(again[name], kept[name]):
            grown = name in between and np.allclose(
                again[name], between[name] + kept[name], rtol=1e-6, atol=0
            )
            code = "accumulates" if grown else "not-repeatable"
            yield conduct_diagnosis("stale" if _is_stale(problem, kept) else code, name)
        elif name in overwritten:
            yield conduct_diagnosis("overwritten", name)


def gradient_nearby(problem: Problem, values: list[Array]) -> dict[str, Array]:
    """Copies of the gradient near the point; none where it ends on the way there.

    Like a cost it may raise anything there, or be NaN. The first error is noted.
    """
    try:
        found = problem.gradient(values)
    except (MemoryError, OSError):
        raise
    except Exception as error:  # noqa: BLE001 it is anyone's function
        problem.note(error, "the gradient")
        return {}
    return {} if any(malformed(problem, found)) else {n: np.array(g) for n, g in found.items()}


def _here(problem: Problem) -> dict[str, Array]:
    return _copies(problem.gradient, [v.copy() for v in problem.values])


def _is_stale(problem: Problem, kept: Mapping[str, Array]) -> bool:
    """Whether a gradient that has changed is as it was once the cost has been called here."""
    problem.cost([v.copy() for v in problem.values])
    again = _here(problem)
    return all(same_bits(again[name], kept[name]) for name in problem.names)


def _nearby(values: Array, rng: np.random.Generator) -> Array:
    """Each number moved by less than a thousandth of itself, zeros by less than that."""
    moved = values * rng.uniform(1, 1 + 2.0**-10, values.shape)
    return np.asarray(np.where(values == 0, 2.0**-10, moved)).astype(values.dtype)


def changed_since(problem: Problem, kept: Mapping[str, Array]) -> list[Diagnosis]:
    """Whether the gradient, after all that a check has called it, still gives the same bits."""
    again = _here(problem)
    for name in problem.names:
        if not same_bits(again[name], kept[name]):
            if _is_stale(problem, kept):
                return [conduct_diagnosis("stale", name)]
            later = "it was the same at first, and changed with later calls"
            return [conduct_diagnosis("not-repeatable", name, later)]
    return []


def _copies(gradient: Callable[[Any], dict[str, Array]], values: list[Array]) -> dict[str, Array]:
    return {name: np.array(g) for name, g in gradient(values).items()}


def same_bits(one: Array, other: Array) -> bool:
    """Whether two arrays agree to the last bit, NaN and the sign of zero included."""
    if one.dtype != other.dtype or one.shape != other.shape:
        return False
    if one.dtype.char == "g":  # it has padding
        same_signs = np.array_equal(np.signbit(one), np.signbit(other))
        return same_signs and np.array_equal(one, other, equal_nan=True)
    if one.dtype.itemsize == 8 and one.flags.c_contiguous and other.flags.c_contiguous:
        return bool(np.array_equal(one.view(np.int64), other.view(np.int64)))
    return one.tobytes() == other.tobytes()
