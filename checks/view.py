"""Views: a tensor's two gradients side by side, for patterns to be looked for in them.

`views` makes one of each tensor; the others sort them by what is wrong and by layer.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from checks.problem.nested import Array
from checks.problem.problem import Subject
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
class View:
    """One tensor: its gradients, which coordinates are wrong, decided and comparable at all."""

    name: str
    value: Array
    analytic: Array
    numeric: Array
    fails: Array
    known: Array
    usable: Array
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
        return self.value.ndim <= 1 and called is not None

    @property
    def layer(self) -> int | None:
        """The first number that ends a part of its path, as in W2, fc2.weight and 2.0; if any."""
        found = re.search(r"(\d+)(?:\.|$)", self.name)
        return int(found[1]) if found else None

    @np.errstate(over="ignore")  # of a gradient that is huge and wrong
    def equals(self, predicted: Array, *, scale: float = 1.0, known: Array | bool = True) -> bool:
        """Whether the analytic gradient is `predicted`, and that says more than the numeric one.

        As far as the prediction is `known`.
        """
        allowed = np.maximum(np.abs(self.analytic), np.abs(predicted))
        allowed *= EXACT
        allowed += max(scale, 1.0) * self.slack
        apart = np.abs(self.analytic - predicted)
        if not np.all((apart <= allowed) | ~(self.usable & known)):
            return False
        fails = self.fails & known
        better = apart[fails] <= np.abs(self.analytic[fails] - self.numeric[fails]) / 4
        enough = NEARLY_ALL * better.size if better.size else self.wrong
        return bool(np.count_nonzero(better) >= enough)


def views(
    subject: Subject,
    analytic: Mapping[str, Array],
    numeric: Mapping[str, Array],
    status: Mapping[str, Array],
    tolerance: Mapping[str, Array] | None,
) -> list[View]:
    """One view a tensor, in the subject's order."""
    found = []
    for name, value in zip(subject.names, subject.values, strict=True):
        a = np.asarray(analytic[name], np.float64)
        n, seen = numeric[name], status[name]
        usable = np.isfinite(a) & np.isfinite(n) & (seen != Status.KINK)
        usable &= seen != Status.UNDECIDED  # what is known of it may be nothing at all
        slack = 4 * tolerance[name] if tolerance is not None else _guess(a, n, value)
        found.append(
            View(
                name=name,
                value=value,
                analytic=_only(usable, a),
                numeric=_only(usable, n),
                fails=(seen == Status.FAIL) & usable,
                known=((seen == Status.FAIL) | (seen == Status.PASS)) & usable,
                usable=usable,
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


def wrongs(views: Sequence[View]) -> list[View]:
    """The tensors in which anything is wrong."""
    return [view for view in views if view.wrong]


def culprit(views: Sequence[View], wrong: Sequence[View]) -> str | None:
    """The tensor to point at: the wrong one; none where all are wrong."""
    return None if len(wrong) == len(views) and len(views) > 1 else wrong[-1].name


def entrance(views: Sequence[View]) -> str:
    """The last wrong tensor, a layer's weights rather than its biases: where the error enters."""
    last = next(layer for layer in reversed(by_layer(views)) if wrongs(layer))
    return wrongs(last)[0].name


def by_layer(views: Sequence[View]) -> list[list[View]]:
    """Tensors called W1, b1, W2, … by layer; each on its own where they are not."""
    numbers = [re.fullmatch(r"[Wb](\d+)", view.name) for view in views]
    if not all(numbers):
        return [[view] for view in views]
    layers: dict[str, list[View]] = {}
    for match, view in zip(numbers, views, strict=True):
        layers.setdefault(match.group(1) if match else "", []).append(view)
    return list(layers.values())
