"""Penalties and projections: relations in which the parameters themselves have a part.

A penalty is a sum over parameters, so its derivative is a function of each parameter alone, or of
its row or column. What is lacking or too much of it has that form, with a rate for each tensor; and
beside a penalty that is right, the rest of the gradient may be off by a factor. On a sphere and the
like, right gradients are projected: what is lacking is then along the parameters as well, but what
is left is orthogonal to them, which a penalty's error never brings about.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence

import numpy as np

from checks.diagnosis.tensor_pair import Finding, TensorPair, fit, tensor_to_point_at, where, wrongs
from checks.problem.nested import Array

Basis = Callable[[Array], Sequence[Array]]

# What is fitted to each tensor, the fewest terms first.
FORMS: dict[str, Basis] = {
    "times the parameters": lambda p: [p],
    "times their signs": lambda p: [np.sign(p)],
    "times their cubes": lambda p: [p**3],
    "times p |p|": lambda p: [p * np.abs(p)],
    "of the parameters and of their signs": lambda p: [p, np.sign(p)],
    "of their distance from a value": lambda p: [p, np.ones_like(p)],
    "times each row over its norm": lambda p: [_over_norm(p, 1)],
    "times each column over its norm": lambda p: [_over_norm(p, 0)],
    "of W W' W and W": lambda p: [p @ p.T @ p, p] if p.ndim == 2 else [p],
}
SPARE = 2  # so many coordinates more than unknowns: no fit of fewer says anything
SORTED = 1e-5  # the chance of a random order that is sorted has to be below this
SIMPLE = 4  # so many of the forms have one term


def penalties(pairs: list[TensorPair]) -> Iterator[Finding]:
    """What is lacking or too much, if it is one of the usual functions of the parameters."""
    wrong = wrongs(pairs)
    if all(_is_multiple(pair) for pair in wrong):
        return  # a factor says as much, of fewer things
    for form, basis in FORMS.items():
        rates = [_rates(pair, basis) for pair in wrong]
        if all(rate is not None for rate in rates):
            yield _penalty(pairs, wrong, [float(r[0]) for r in rates if r is not None], form)


def other_penalties(pairs: list[TensorPair]) -> Iterator[Finding]:
    """The same, if it is any that rises, or falls, with the parameter.

    As of n numbers in random order each of two in n! is sorted.
    """
    wrong = wrongs(pairs)
    chance = math.prod(2 / math.factorial(min(pair.wrong, 20)) for pair in wrong)
    if chance < SORTED and all(_is_sorted(pair) for pair in wrong):
        yield _penalty(pairs, wrong, [_direction(v) for v in wrong], None)


def factors_beside(pairs: list[TensorPair]) -> Iterator[tuple[float, float, str]]:
    """Factors of the rest beside a penalty that is right, with their doubt and which penalty."""
    for form, basis in list(FORMS.items())[:SIMPLE]:
        factor = _factor_beside(wrongs(pairs), basis)
        if factor is not None:
            yield *factor, f"beside a penalty that is right, {form}"


def _penalty(
    pairs: list[TensorPair], wrong: list[TensorPair], rates: list[float], form: str | None
) -> Finding:
    code = "weight-decay" if max(rates, key=abs) > 0 else "penalty-missing"
    if form is None:
        what = "grows" if code == "weight-decay" else "falls"
        detail = f"analytic minus numeric {what} with the parameter"
    else:
        same = all(abs(rate - rates[0]) <= 1e-6 * abs(rates[0]) for rate in rates)
        some = zip(wrong, rates, strict=True)
        each = f"{rates[0]:.6g}" if same else ", ".join(f"{r:.6g} ({v.name})" for v, r in some)
        detail = f"analytic minus numeric is {each} {form}"
    if any(pair.wrong < np.count_nonzero(pair.known) for pair in wrong):
        detail += f", in {where(wrong)}"
    return Finding(code=code, tensor=tensor_to_point_at(pairs, wrong), detail=detail)


def _rates(pair: TensorPair, basis: Basis) -> Array | None:
    """The multiples of the terms that the difference is made of, where it is."""
    terms = [np.asarray(t, np.float64) for t in basis(pair.value.astype(np.float64))]
    at = pair.fails
    if pair.wrong < len(terms) + SPARE or any(not np.ptp(t[at]) for t in terms[:1]):
        return None  # of equal numbers any constant is a multiple
    columns = np.stack([t[at] / pair.unit[at] for t in terms], axis=1)
    extra = (pair.analytic - pair.numeric)[at] / pair.unit[at]
    rates = np.linalg.lstsq(columns, extra, rcond=None)[0]
    parts = [rate * term for rate, term in zip(rates, terms, strict=True)]
    if not pair.equals(np.asarray(pair.numeric + sum(parts)), known=at):
        return None
    needless = (np.all(pair.near(pair.numeric + sum(parts) - part)[at]) for part in parts)
    return None if any(needless) else rates


def _is_multiple(pair: TensorPair) -> bool:
    return _rates(pair, lambda _: [pair.numeric]) is not None


def _over_norm(p: Array, axis: int) -> Array:
    if p.ndim != 2:
        return p
    norm = np.sqrt((p**2).sum(axis=axis, keepdims=True))
    return np.asarray(p / np.where(norm > 0, norm, 1.0))


def _is_sorted(pair: TensorPair) -> bool:
    """Whether the difference rises, or falls, with the parameter, everywhere."""
    p, d = pair.value[pair.fails], (pair.analytic - pair.numeric)[pair.fails]
    if np.unique(p).size < p.size:
        return False
    steps = np.diff(d[np.argsort(p, kind="stable")])
    unit = 2 * float(pair.unit[pair.fails].max())
    return bool(np.all(steps >= -unit) or np.all(steps <= unit)) and float(np.ptp(d)) > 8 * unit


def _direction(pair: TensorPair) -> float:
    """1 where the difference rises with the parameter, else -1."""
    p, d = pair.value[pair.fails], (pair.analytic - pair.numeric)[pair.fails]
    return 1.0 if d[np.argmax(p)] > d[np.argmin(p)] else -1.0


def _factor_beside(wrong: list[TensorPair], basis: Basis) -> tuple[float, float] | None:
    """c, where all is c times what it should be, but for a penalty with a rate for each tensor."""
    rows = sum(pair.wrong for pair in wrong)
    if rows < 1 + len(wrong) + SPARE:
        return None
    columns = np.zeros((rows, 1 + len(wrong)))
    held, start = np.zeros(rows), 0
    for k, pair in enumerate(wrong, start=1):
        at, part = pair.fails, slice(start, start + pair.wrong)
        columns[part, 0] = pair.numeric[at] / pair.unit[at]
        columns[part, k] = basis(pair.value.astype(np.float64))[0][at] / pair.unit[at]
        held[part], start = pair.analytic[at] / pair.unit[at], start + pair.wrong
    found, _, rank, _ = np.linalg.lstsq(columns, held, rcond=None)
    if rank < columns.shape[1] or not np.all(found[1:]):
        return None
    c = float(found[0])
    predicted = [c * pair.numeric + rate * basis(pair.value.astype(np.float64))[0]
                 for rate, pair in zip(found[1:], wrong, strict=True)]  # fmt: skip
    if not fit(wrong, predicted, scale=abs(c), known=[pair.fails for pair in wrong]):
        return None
    if all(np.all(v.near(c * v.numeric, scale=abs(c))[v.fails]) for v in wrong):
        return None  # there is no such penalty
    return c, 1e-6 * max(1.0, abs(c))


def projections(pairs: list[TensorPair]) -> Iterator[Finding]:
    """What is lacking leaves the gradient orthogonal to the parameters, or to ones."""
    wrong = wrongs(pairs)
    for what, project in PROJECTIONS.items():
        if all(pair.wrong >= SPARE and _is_projected(pair, project) for pair in wrong):
            yield Finding(code="projected", tensor=tensor_to_point_at(pairs, wrong), detail=what)


Projection = Callable[[Array, Array], Array]


def _along(p: Array, g: Array, axis: int | None) -> Array:
    """g without its part along p: as a whole, or by row or column."""
    norm = (p * p).sum(axis=axis, keepdims=True)
    part = (p * g).sum(axis=axis, keepdims=True) / np.where(norm > 0, norm, 1.0)
    return np.asarray(g - part * p)


def _stiefel(p: Array, g: Array) -> Array:
    if p.ndim != 2:
        return g
    inner = p.T @ g
    return np.asarray(g - p @ (inner + inner.T) / 2)


def _canonical(p: Array, g: Array) -> Array:
    return np.asarray(g - p @ g.T @ p) if p.ndim == 2 else g


PROJECTIONS: dict[str, Projection] = {
    "its part along the parameters is missing, as on a sphere": lambda p, g: _along(p, g, None),
    "in each row the part along the row is missing": lambda p, g: _along(p, g, p.ndim - 1),
    "in each column the part along the column is missing": lambda p, g: _along(p, g, 0),
    "its mean is missing, as where parameters sum to one": lambda _, g: g - g.mean(),
    "the mean of each row is missing": lambda _, g: g - g.mean(axis=-1, keepdims=True),
    "the mean of each column is missing": lambda _, g: g - g.mean(axis=0, keepdims=True),
    "its symmetric part along W is missing, as for orthogonal matrices": _stiefel,
    "it is G - W G' W, as for orthogonal matrices": _canonical,
}


def _is_projected(pair: TensorPair, project: Projection) -> bool:
    if not pair.usable.all():
        return False
    predicted = project(pair.value.astype(np.float64), pair.numeric)
    return predicted.shape == pair.numeric.shape and pair.equals(predicted)
