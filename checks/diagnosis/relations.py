"""Relations between the analytic and the numeric gradient that known bugs leave behind.

Numbers in, findings out; nothing here knows what a network is. A relation counts only if it holds
in every wrong coordinate: `strict` yields those that can hardly hold by chance, `weak` those that
give way to a more specific explanation. `penalties` has those that involve the parameters.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

import numpy as np

from checks.diagnosis.penalties import factors_beside, other_penalties, penalties, projections
from checks.diagnosis.tensor_pair import (
    NEARLY_ALL,
    Finding,
    TensorPair,
    fit,
    tensor_to_point_at,
    where,
    wrongs,
)
from checks.problem.nested import Array
from checks.problem.problem import Problem

# More factors than these in one tensor are no pattern.
FACTORS = 3


def strict_relations(problem: Problem, pairs: list[TensorPair]) -> Iterator[Finding]:
    """Findings that explain every tensor: each is right, or stands in one and the same relation."""
    yield from _zeroed(pairs)
    yield from factors(problem, pairs, named=True)
    yield from _transposed(pairs)
    yield from _swapped(pairs)
    yield from projections(pairs)
    if _unread(pairs):
        return  # whatever the gradient is of, it is added to nothing
    yield from penalties(pairs)
    for c, doubt, beside in factors_beside(pairs):
        name = _name(c, doubt, problem.context)
        if name is not None:
            yield _named(name, pairs, wrongs(pairs), beside=beside)


def weak_relations(problem: Problem, pairs: list[TensorPair]) -> Iterator[Finding]:
    """Relations that leave more room than those of `strict`, and give way to a known bug's."""
    if _unread(pairs):
        detail = ", ".join(pair.name for pair in wrongs(pairs))
        yield Finding(
            code="not-read", tensor=tensor_to_point_at(pairs, wrongs(pairs)), detail=detail
        )
    yield from factors(problem, pairs, named=False)
    yield from _mirrored(pairs)
    yield from _clipped(pairs)
    for c, _, beside in factors_beside(pairs):
        detail = f"the factor is {c:.6g}, {beside}"
        yield Finding(
            code="constant-factor", tensor=tensor_to_point_at(pairs, wrongs(pairs)), detail=detail
        )


def partial_relations(problem: Problem, pairs: list[TensorPair]) -> Iterator[Finding]:
    """Relations of the wrong part of each tensor, whatever the rest is."""
    yield from factors(problem, pairs, named=True, part=True)
    yield from other_penalties(pairs)
    yield from factors(problem, pairs, named=False, part=True)
    yield from _several_factors(problem, pairs)
    yield from _misplaced(pairs)
    yield from _shifted(pairs)
    yield from _low_precision(pairs)


def _zeroed(pairs: list[TensorPair]) -> Iterator[Finding]:
    wrong = wrongs(pairs)
    if any(np.any(pair.analytic[pair.usable]) for pair in wrong):
        return
    biases = [pair for pair in pairs if pair.is_bias]
    code = "bias-missing" if wrong and all(v.is_bias for v in wrong) else "gradient-missing"
    everywhere = len(wrong) in (len(pairs), len(biases) if code == "bias-missing" else -1)
    detail = f"exactly zero: {', '.join(v.name for v in wrong)}"
    yield Finding(code=code, tensor=None if everywhere else wrong[-1].name, detail=detail)


def _unread(pairs: list[TensorPair]) -> bool:
    """Whether the cost has no slope anywhere in the tensors that are wrong."""
    return not any(np.any(pair.numeric[pair.usable]) for pair in wrongs(pairs))


def factors(
    problem: Problem, pairs: list[TensorPair], *, named: bool, part: bool = False
) -> Iterator[Finding]:
    """Every wrong tensor is a multiple of what it should be; with a name, if all are the same.

    Or the wrong `part` of each is.
    """
    wrong = wrongs(pairs)
    common = _factor(wrong, part=part)
    same = common is not None
    found = [common] if same else [_factor([pair], part=part) for pair in wrong]
    multiples = [c for c, _ in filter(None, found)]
    if len(multiples) < len(found):
        return
    name = _name(*common, problem.context) if common else None
    if named != (name is not None):
        return
    spare = [pair.wrong - 1 for pair in wrong]
    if name is None and (min(spare) < 2 if part else sum(spare) + same * (len(spare) - 1) < 1):
        return
    at = f"in {where(wrong)}" if part else ""
    if name:
        yield _named(name, pairs, wrong, beside=at)
    else:
        yield _unnamed(pairs, wrong, multiples, same=same, beside=at)


def _named(
    name: str, pairs: list[TensorPair], wrong: list[TensorPair], beside: str = ""
) -> Finding:
    everywhere = len(wrong) == len(pairs)
    tensor = tensor_to_point_at(pairs, wrong)
    if name == "-1":
        return Finding(code="sign-flipped", tensor=tensor, detail=beside)
    if name == "the batch size" and everywhere:
        return Finding(code="sum-for-mean", detail=beside)
    if name == "1 / the batch size" and all(v.is_bias for v in wrong):
        return Finding(code="bias-not-summed", tensor=tensor, detail="it is the mean of delta")
    detail = f"the factor is {name}" + (f", {beside}" if beside else "")
    return Finding(code="constant-factor", tensor=tensor, detail=detail)


def _unnamed(
    pairs: list[TensorPair],
    wrong: list[TensorPair],
    multiples: list[float],
    *,
    same: bool,
    beside: str,
) -> Finding:
    if same:
        detail = f"the factor is {multiples[0]:.9g}"
    else:
        each = (f"{v.name} {c:.6g}" for v, c in zip(wrong, multiples, strict=True))
        detail = f"the factors are {', '.join(each)}"
    detail += f", {beside}" if beside else ""
    return Finding(code="constant-factor", tensor=tensor_to_point_at(pairs, wrong), detail=detail)


def _factor(wrong: Sequence[TensorPair], *, part: bool) -> tuple[float, float] | None:
    """c, where the analytic gradients are c times the numeric ones, and how far it may be off.

    With u and v the two in units of what rounding may do to each, least squares minimise |u - c v|.
    Where each part of that is at most m = max(1, |c|), c is off by at most m sum |v| / sum v^2.
    """
    unit = np.concatenate([pair.unit[pair.fails] for pair in wrong])
    u = np.concatenate([pair.analytic[pair.fails] for pair in wrong]) / unit
    v = np.concatenate([pair.numeric[pair.fails] for pair in wrong]) / unit
    squares = float(v @ v)
    c = float(u @ v) / squares if squares else 0.0
    known = [pair.fails if part else True for pair in wrong]
    if c == 0 or not fit(wrong, [c * v.numeric for v in wrong], scale=abs(c), known=known):
        return None
    return c, max(1.0, abs(c)) * float(np.abs(v).sum()) / squares


def _name(c: float, doubt: float, context: Mapping[str, float]) -> str | None:
    """What the factor is called, if only one that is known lies within `doubt` of it."""
    known = {"-1": -1.0}
    for label, value in context.items():
        known |= {label: value, f"1 / {label}": 1 / value} if value not in (0, 1) else {}
    known |= {"2": 2.0, "1/2": 0.5, "the default learning rate, 5": 5.0, "1/5": 0.2}
    signed = {f"minus {label}": -value for label, value in known.items() if value != -1}
    near = {label: v for label, v in (known | signed).items() if abs(c - v) <= doubt}
    return next(iter(near)) if len(set(near.values())) == 1 else None


def _several_factors(problem: Problem, pairs: list[TensorPair]) -> Iterator[Finding]:
    """The wrong part falls into a few, each with a factor of its own, such as the two halves."""
    parts: list[tuple[int, int, str]] = []
    for order, pair in enumerate(wrongs(pairs)):
        left = pair.fails & (pair.numeric != 0)
        if np.any(pair.fails & ~left):
            return
        while left.any():
            if len(parts) == FACTORS:
                return
            ratio = float(np.median(pair.analytic[left] / pair.numeric[left]))
            nearest = np.abs(pair.analytic - ratio * pair.numeric)
            pick = left & (nearest == nearest[left].min())
            c = float(pair.analytic[pick][0] / pair.numeric[pick][0])
            alike = left & pair.near(c * pair.numeric, scale=abs(c))
            if np.count_nonzero(alike) < 2:
                return
            doubt = float((pair.unit[alike] / np.abs(pair.numeric[alike])).min())
            name = _name(c, max(1.0, abs(c)) * doubt, problem.context) or f"{c:.6g}"
            first = int(np.flatnonzero(alike)[0])
            parts.append((order, first, f"{name} in {where([pair.only(alike)])}"))
            left &= ~alike
    if len(parts) > 1:
        detail = f"the factors are {'; '.join(text for *_, text in sorted(parts))}"
        yield Finding(
            code="constant-factor", tensor=tensor_to_point_at(pairs, wrongs(pairs)), detail=detail
        )


def _transposed(pairs: list[TensorPair]) -> Iterator[Finding]:
    wrong = wrongs(pairs)
    matrices = all(v.value.ndim == 2 for v in wrong)
    if matrices and all(v.equals(_turned(v.numeric), known=_turned(v.usable)) for v in wrong):
        yield Finding(code="transposed", tensor=wrong[-1].name)


def _turned(values: Array) -> Array:
    return values.T.reshape(values.shape)


def _mirrored(pairs: list[TensorPair]) -> Iterator[Finding]:
    """In square tensors, an entry and its mirror image have one slope together, shared otherwise.

    Or all off the diagonal is twice, or half, of what it should be.
    """
    wrong = wrongs(pairs)
    if not all(v.value.ndim == 2 and v.value.shape[0] == v.value.shape[1] > 1 for v in wrong):
        return
    off = [~np.eye(len(v.value), dtype=bool) for v in wrong]
    beside = list(zip(wrong, off, strict=True))
    if all(v.equals(v.numeric + v.numeric.T - v.analytic.T, known=v.usable.T) for v in wrong):
        detail = "an entry and its mirror image together are right, each by itself is not"
    elif any(np.any(v.fails & ~o) for v, o in beside):
        return
    elif all(v.equals(2 * v.numeric, scale=2, known=o) for v, o in beside):
        detail = "what lies off the diagonal is doubled"
    elif all(v.equals(v.numeric / 2, known=o) for v, o in beside):
        detail = "what lies off the diagonal is halved"
    else:
        return
    zero = [f"{what} has zeros {side} the diagonal"
            for what, grads in (("numeric", [v.numeric for v in wrong]),
                                ("analytic", [v.analytic for v in wrong]))
            for side, cut in (("above", np.triu), ("below", np.tril))
            if all(not np.any(cut(g, 1 if side == "above" else -1)) for g in grads)]  # fmt: skip
    yield Finding(code="symmetric-convention", tensor=tensor_to_point_at(pairs, wrong),
                  detail="; ".join([detail, *zero]))  # fmt: skip


def _swapped(pairs: list[TensorPair]) -> Iterator[Finding]:
    """Every wrong tensor holds what belongs to another of its shape."""
    wrong = wrongs(pairs)
    swapped = []
    for pair in wrong:
        others = (o for o in pairs if o is not pair and o.value.shape == pair.value.shape)
        owner = next((o.name for o in others if pair.equals(o.numeric, known=o.usable)), None)
        if owner is None:
            return
        swapped.append(f"{pair.name} holds the gradient of {owner}")
    yield Finding(code="layers-swapped", tensor=wrong[-1].name, detail="; ".join(swapped))


def _misplaced(pairs: list[TensorPair]) -> Iterator[Finding]:
    """The wrong part of each tensor holds its own right values, in another order."""
    wrong = wrongs(pairs)
    for pair in wrong:
        if pair.wrong < 3:
            return
        at = np.argsort(pair.numeric[pair.fails], kind="stable")
        held = np.sort(pair.analytic[pair.fails])
        right = pair.numeric[pair.fails][at]
        if np.any(np.abs(held - right) > pair.unit[pair.fails].max()) or not np.ptp(held):
            return
    yield Finding(
        code="misplaced", tensor=tensor_to_point_at(pairs, wrong), detail=f"in {where(wrong)}"
    )


def _clipped(pairs: list[TensorPair]) -> Iterator[Finding]:
    wrong = wrongs(pairs)
    at = np.concatenate([np.abs(v.analytic[v.fails]) for v in wrong])
    bound = float(at.max())
    if at.size >= 2 and all(v.equals(np.clip(v.numeric, -bound, bound)) for v in wrong):
        detail = f"no value is beyond ±{bound:.6g}"
        yield Finding(code="clipped", tensor=tensor_to_point_at(pairs, wrong), detail=detail)


def _shifted(pairs: list[TensorPair]) -> Iterator[Finding]:
    """One and the same number is added everywhere."""
    wrong = wrongs(pairs)
    extra = np.concatenate([(v.analytic - v.numeric)[v.fails] for v in wrong])
    shift = float(np.median(extra))
    if extra.size >= 3 and all(v.equals(v.numeric + shift, known=v.fails) for v in wrong):
        detail = f"analytic minus numeric is {shift:.6g} in {where(wrong)}"
        yield Finding(code="constant-added", tensor=tensor_to_point_at(pairs, wrong), detail=detail)


def _low_precision(pairs: list[TensorPair]) -> Iterator[Finding]:
    """Small errors nearly everywhere that scatter as the rounding of a coarser dtype does.

    Of single precision nothing else is so small. Of half precision much is: there the values
    themselves have to be numbers of that dtype.
    """
    wrong = wrongs(pairs)
    relative = np.concatenate([_relative(pair) for pair in wrong])
    worst = max(_normwise(pair) for pair in wrong)
    decided = sum(int(np.count_nonzero(pair.known)) for pair in wrong)
    widespread = relative.size >= max(4, NEARLY_ALL * decided)
    typical = float(np.median(np.abs(relative)))
    rest = [v for v in pairs if v.usable.any()]
    for dtype in (np.float32, np.float16):
        eps = float(np.finfo(dtype).eps)
        finer = all(float(np.finfo(v.value.dtype).eps) < eps for v in pairs)
        cast = all(np.array_equal(v.analytic, v.analytic.astype(dtype)) for v in rest)
        small = eps / 64 < typical < 16 * eps and worst < 16 * eps
        scattered = _scatters(relative) and dtype == np.float32
        if finer and widespread and small and (cast or scattered):
            detail = f"relative errors are typically {typical:.0e}, as {dtype.__name__} leaves them"
            yield Finding(
                code="low-precision", tensor=tensor_to_point_at(pairs, wrong), detail=detail
            )


def _scatters(relative: Array) -> bool:
    """Whether errors are of either sign, in at least a tenth each: so is rounding."""
    rarer = min(np.count_nonzero(relative > 0), np.count_nonzero(relative < 0))
    return bool(rarer >= max(1, relative.size / 10))


def _relative(pair: TensorPair) -> Array:
    a, n = pair.analytic[pair.fails], pair.numeric[pair.fails]
    return np.asarray((a - n) / np.maximum(np.abs(a), np.abs(n)) * np.sign(n))


def _normwise(pair: TensorPair) -> float:
    """The largest error relative to the tensor's largest value."""
    largest = float(np.abs(pair.numeric).max(initial=0.0))
    return float(np.abs(pair.analytic - pair.numeric).max()) / largest if largest else np.inf


def explains(pairs: list[TensorPair], gradient: Mapping[str, Array]) -> bool:
    """Whether `gradient` is the analytic one, in every tensor."""
    return all(
        pair.name in gradient and np.isfinite(gradient[pair.name]).all()
        and pair.equals(gradient[pair.name])
        for pair in pairs
    )  # fmt: skip
