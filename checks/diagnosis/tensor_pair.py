"""Views: a tensor's two gradients side by side, for patterns to be looked for in them.

`pairs` makes one of each tensor; the others sort them by what is wrong and by layer.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np

from checks.problem.nested import Array, coordinate
from checks.problem.problem import Problem
from checks.verdict.rule import Status

# Relations are exact but for rounding, which `View.slack` allows for, and the oracle's error.
EXACT = 1e-9
# A share of the coordinates that can be decided: nearly all.
NEARLY_ALL = 0.9


@dataclass(frozen=True, kw_only=True)
class Finding:
    """A diagnosis' code, the tensor it points at, and what was seen."""

    code: str
    tensor: str | None = None
    detail: str = ""


@dataclass(frozen=True, kw_only=True, eq=False)
class TensorPair:
    """One tensor: its gradients, which coordinates are wrong, decided and comparable at all.

    `looked` is how many were looked at.
    """

    name: str
    value: Array
    analytic: Array
    numeric: Array
    fails: Array
    known: Array
    usable: Array
    looked: int
    slack: Array

    @property
    def wrong(self) -> int:
        """How many coordinates are wrong."""
        return int(np.count_nonzero(self.fails))

    @property
    def share(self) -> float:
        """The share of wrong coordinates among those decided and not zero on both sides."""
        decided = int(np.count_nonzero(self.known))
        return self.wrong / decided if decided else 0.0

    @property
    def unit(self) -> Array:
        """What rounding and the oracle's error may do to either gradient's values, all told."""
        return np.asarray(
            EXACT * np.maximum(np.abs(self.analytic), np.abs(self.numeric)) + self.slack
        )

    @property
    def is_bias(self) -> bool:
        """Whether name and shape are a bias's, as of b, b1 and layer.bias, and not of beta."""
        called = re.fullmatch(r"b(ias(es)?)?_?\d*", self.name.rpartition(".")[2])
        row = self.value.ndim <= 1 or self.value.size == max(self.value.shape)
        return row and called is not None

    @property
    def layer(self) -> int | None:
        """The first number that ends a part of its path, as in W2, fc2.weight and 2.0; if any."""
        found = re.search(r"(\d+)(?:\.|$)", self.name)
        return int(found[1]) if found else None

    @np.errstate(over="ignore")
    def near(self, predicted: Array, *, scale: float = 1.0) -> Array:
        """Where the analytic gradient is `predicted`, but for rounding."""
        allowed = EXACT * np.maximum(np.abs(self.analytic), np.abs(predicted))
        allowed += max(scale, 1.0) * self.slack
        return np.asarray(np.abs(self.analytic - predicted) <= allowed)

    def only(self, some: Array) -> TensorPair:
        """The same with no other coordinates wrong than some."""
        return replace(self, fails=self.fails & some)

    def equals(self, predicted: Array, *, scale: float = 1.0, known: Array | bool = True) -> bool:
        """Whether the analytic gradient is `predicted`, and that says more than the numeric one.

        As far as the prediction is `known`.
        """
        return fit([self], [predicted], scale=scale, known=[known])


def tensor_pairs(
    problem: Problem,
    analytic: Mapping[str, Array],
    numeric: Mapping[str, Array],
    status: Mapping[str, Array],
    tolerance: Mapping[str, Array] | None,
) -> list[TensorPair]:
    """One pair a tensor, in the problem's order."""
    found = []
    for name, value in zip(problem.names, problem.values, strict=True):
        a = np.asarray(analytic[name], np.float64)
        n, seen = numeric[name], status[name]
        usable = np.isfinite(a) & np.isfinite(n) & (seen != Status.KINK)
        usable &= seen != Status.UNDECIDED  # what is known of it may be nothing at all
        usable &= seen != Status.UNCHECKED
        slack = 4 * tolerance[name] if tolerance is not None else _guess(a, n, value)
        found.append(
            TensorPair(
                name=name,
                value=value,
                analytic=_only(usable, a),
                numeric=_only(usable, n),
                fails=(seen == Status.FAIL) & usable,
                known=((seen == Status.FAIL) | (seen == Status.PASS)) & usable,
                usable=usable,
                looked=int(np.count_nonzero(seen != Status.UNCHECKED)),
                slack=slack,
            )
        )
    return found


def _only(usable: Array, values: Array) -> Array:
    return values if usable.all() else np.where(usable, values, 0)


def _guess(analytic: Array, numeric: Array, value: Array) -> Array:
    """Slack without a tolerance: what a few hundred roundings do, in each value and in the sums."""
    eps = float(np.finfo(value.dtype).eps)
    size = np.abs(analytic) + np.abs(numeric)
    largest = float(np.max(size[np.isfinite(size)], initial=0.0))
    return np.asarray(eps * (2**8 * size + 2**4 * largest))


def wrongs(pairs: Sequence[TensorPair]) -> list[TensorPair]:
    """The tensors in which anything is wrong."""
    return [pair for pair in pairs if pair.wrong]


def tensor_to_point_at(pairs: Sequence[TensorPair], wrong: Sequence[TensorPair]) -> str | None:
    """The tensor to point at: the wrong one; none where all are wrong."""
    return None if len(wrong) == len(pairs) and len(pairs) > 1 else wrong[-1].name


@np.errstate(over="ignore")  # of a gradient that is huge and wrong
def fit(
    pairs: Sequence[TensorPair],
    predicted: Sequence[Array],
    *,
    scale: float = 1.0,
    known: Sequence[Array | bool] | None = None,
) -> bool:
    """Whether analytic gradients are what is predicted, where that is known, but for rounding.

    And nearly everywhere where they are wrong it has to be nearer than the numeric ones.
    """
    better, wrong = 0, 0
    for pair, p, at in zip(pairs, predicted, known or [True] * len(pairs), strict=True):
        if not np.all(pair.near(p, scale=scale) | ~(pair.usable & at)):
            return False
        fails, off = pair.fails & at, np.abs(pair.analytic - pair.numeric)
        better += int(np.count_nonzero(np.abs(pair.analytic - p)[fails] <= off[fails] / 4))
        wrong += int(np.count_nonzero(fails))
    return better >= (NEARLY_ALL * wrong if wrong else sum(pair.wrong for pair in pairs))


def where(wrong: Sequence[TensorPair]) -> str:
    """The wrong tensors, with their entries where only some are wrong."""
    return ", ".join(_entries(pair) for pair in wrong)


def _entries(pair: TensorPair) -> str:
    if pair.wrong == np.count_nonzero(pair.known):
        return pair.name
    at = np.argwhere(pair.fails)
    if len(at) == 1:
        return coordinate(pair.name, [int(i) for i in at[0]])
    if pair.fails.ndim == 2:
        for word, fails in (("rows", pair.fails), ("columns", pair.fails.T)):
            lines = fails.any(axis=1)
            if fails[lines].all():
                return f"{word} {listed(np.flatnonzero(lines))} of {pair.name}"
    flat = np.flatnonzero(pair.fails)
    if pair.fails.ndim == 1 and np.ptp(flat) == len(flat) - 1:
        return f"entries {flat[0]} to {flat[-1]} of {pair.name}"
    return f"{len(at):,} of {pair.looked:,} entries of {pair.name}"


def listed(indices: Array) -> str:
    """The first six of some indices."""
    shown = ", ".join(str(int(i)) for i in indices[:6])
    return shown + (", …" if len(indices) > 6 else "")


def layer_where_error_enters(pairs: Sequence[TensorPair]) -> str:
    """The last wrong tensor, a layer's weights rather than its biases: where the error enters."""
    last = next(layer for layer in reversed(by_layer(pairs)) if wrongs(layer))
    return wrongs(last)[0].name


def by_layer(pairs: Sequence[TensorPair]) -> list[list[TensorPair]]:
    """Tensors called W1, b1, W2, … by layer; each on its own where they are not."""
    numbers = [re.fullmatch(r"[Wb](\d+)", pair.name) for pair in pairs]
    if not all(numbers):
        return [[pair] for pair in pairs]
    layers: dict[str, list[TensorPair]] = {}
    for match, pair in zip(numbers, pairs, strict=True):
        layers.setdefault(match.group(1) if match else "", []).append(pair)
    return list(layers.values())
