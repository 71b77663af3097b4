"""Relations between the analytic and the numeric gradient that known bugs leave behind.

Numbers in, findings out; nothing here knows what a network is. A relation counts only if it holds
in every wrong coordinate: `strict` yields those that can hardly hold by chance, `weak` those that
give way to a more specific explanation. `penalties` has those that involve the parameters.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

import numpy as np

from checks.diagnosis.penalties import factors_beside, other_penalties, penalties, projections
from checks.diagnosis.tensor_pair import NEARLY_ALL, Finding, View, culprit, fit, where, wrongs
from checks.problem.nested import Array
from checks.problem.problem import Subject

# More factors than these in one tensor are no pattern.
FACTORS = 3


def strict(subject: Subject, views: list[View]) -> Iterator[Finding]:
    """Findings that explain every tensor: each is right, or stands in one and the same relation."""
    yield from _zeroed(views)
    yield from factors(subject, views, named=True)
    yield from _transposed(views)
    yield from _swapped(views)
    yield from projections(views)
    if _unread(views):
        return  # whatever the gradient is of, it is added to nothing
    yield from penalties(views)
    for c, doubt, beside in factors_beside(views):
        name = _name(c, doubt, subject.context)
        if name is not None:
            yield _named(name, views, wrongs(views), beside=beside)


def weak(subject: Subject, views: list[View]) -> Iterator[Finding]:
    """Relations that leave more room than those of `strict`, and give way to a known bug's."""
    if _unread(views):
        detail = ", ".join(view.name for view in wrongs(views))
        yield Finding(code="not-read", tensor=culprit(views, wrongs(views)), detail=detail)
    yield from factors(subject, views, named=False)
    yield from _mirrored(views)
    yield from _clipped(views)
    for c, _, beside in factors_beside(views):
        detail = f"the factor is {c:.6g}, {beside}"
        yield Finding(code="constant-factor", tensor=culprit(views, wrongs(views)), detail=detail)


def partial(subject: Subject, views: list[View]) -> Iterator[Finding]:
    """Relations of the wrong part of each tensor, whatever the rest is."""
    yield from factors(subject, views, named=True, part=True)
    yield from other_penalties(views)
    yield from factors(subject, views, named=False, part=True)
    yield from _several_factors(subject, views)
    yield from _misplaced(views)
    yield from _shifted(views)
    yield from _low_precision(views)


def _zeroed(views: list[View]) -> Iterator[Finding]:
    wrong = wrongs(views)
    if any(np.any(view.analytic[view.usable]) for view in wrong):
        return
    biases = [view for view in views if view.is_bias]
    code = "bias-missing" if wrong and all(v.is_bias for v in wrong) else "gradient-missing"
    everywhere = len(wrong) in (len(views), len(biases) if code == "bias-missing" else -1)
    detail = f"exactly zero: {', '.join(v.name for v in wrong)}"
    yield Finding(code=code, tensor=None if everywhere else wrong[-1].name, detail=detail)


def _unread(views: list[View]) -> bool:
    """Whether the cost has no slope anywhere in the tensors that are wrong."""
    return not any(np.any(view.numeric[view.usable]) for view in wrongs(views))


def factors(
    subject: Subject, views: list[View], *, named: bool, part: bool = False
) -> Iterator[Finding]:
    """Every wrong tensor is a multiple of what it should be; with a name, if all are the same.

    Or the wrong `part` of each is.
    """
    wrong = wrongs(views)
    common = _factor(wrong, part=part)
    same = common is not None
    found = [common] if same else [_factor([view], part=part) for view in wrong]
    multiples = [c for c, _ in filter(None, found)]
    if len(multiples) < len(found):
        return
    name = _name(*common, subject.context) if common else None
    if named != (name is not None):
        return
    spare = [view.wrong - 1 for view in wrong]
    if name is None and (min(spare) < 2 if part else sum(spare) + same * (len(spare) - 1) < 1):
        return
    at = f"in {where(wrong)}" if part else ""
    if name:
        yield _named(name, views, wrong, beside=at)
    else:
        yield _unnamed(views, wrong, multiples, same=same, beside=at)


def _named(name: str, views: list[View], wrong: list[View], beside: str = "") -> Finding:
    everywhere = len(wrong) == len(views)
    tensor = culprit(views, wrong)
    if name == "-1":
        return Finding(code="sign-flipped", tensor=tensor, detail=beside)
    if name == "the batch size" and everywhere:
        return Finding(code="sum-for-mean", detail=beside)
    if name == "1 / the batch size" and all(v.is_bias for v in wrong):
        return Finding(code="bias-not-summed", tensor=tensor, detail="it is the mean of delta")
    detail = f"the factor is {name}" + (f", {beside}" if beside else "")
    return Finding(code="constant-factor", tensor=tensor, detail=detail)


def _unnamed(
    views: list[View], wrong: list[View], multiples: list[float], *, same: bool, beside: str
) -> Finding:
    if same:
        detail = f"the factor is {multiples[0]:.9g}"
    else:
        each = (f"{v.name} {c:.6g}" for v, c in zip(wrong, multiples, strict=True))
        detail = f"the factors are {', '.join(each)}"
    detail += f", {beside}" if beside else ""
    return Finding(code="constant-factor", tensor=culprit(views, wrong), detail=detail)


def _factor(wrong: Sequence[View], *, part: bool) -> tuple[float, float] | None:
    """c, where the analytic gradients are c times the numeric ones, and how far it may be off.

    With u and v the two in units of what rounding may do to each, least squares minimise |u - c v|.
    Where each part of that is at most m = max(1, |c|), c is off by at most m sum |v| / sum v^2.
    """
    unit = np.concatenate([view.unit[view.fails] for view in wrong])
    u = np.concatenate([view.analytic[view.fails] for view in wrong]) / unit
    v = np.concatenate([view.numeric[view.fails] for view in wrong]) / unit
    squares = float(v @ v)
    c = float(u @ v) / squares if squares else 0.0
    known = [view.fails if part else True for view in wrong]
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


def _several_factors(subject: Subject, views: list[View]) -> Iterator[Finding]:
    """The wrong part falls into a few, each with a factor of its own, such as the two halves."""
    parts: list[tuple[int, int, str]] = []
    for order, view in enumerate(wrongs(views)):
        left = view.fails & (view.numeric != 0)
        if np.any(view.fails & ~left):
            return
        while left.any():
            if len(parts) == FACTORS:
                return
            ratio = float(np.median(view.analytic[left] / view.numeric[left]))
            nearest = np.abs(view.analytic - ratio * view.numeric)
            pick = left & (nearest == nearest[left].min())
            c = float(view.analytic[pick][0] / view.numeric[pick][0])
            alike = left & view.near(c * view.numeric, scale=abs(c))
            if np.count_nonzero(alike) < 2:
                return
            doubt = float((view.unit[alike] / np.abs(view.numeric[alike])).min())
            name = _name(c, max(1.0, abs(c)) * doubt, subject.context) or f"{c:.6g}"
            first = int(np.flatnonzero(alike)[0])
            parts.append((order, first, f"{name} in {where([view.only(alike)])}"))
            left &= ~alike
    if len(parts) > 1:
        detail = f"the factors are {'; '.join(text for *_, text in sorted(parts))}"
        yield Finding(code="constant-factor", tensor=culprit(views, wrongs(views)), detail=detail)


def _transposed(views: list[View]) -> Iterator[Finding]:
    wrong = wrongs(views)
    matrices = all(v.value.ndim == 2 for v in wrong)
    if matrices and all(v.equals(_turned(v.numeric), known=_turned(v.usable)) for v in wrong):
        yield Finding(code="transposed", tensor=wrong[-1].name)


def _turned(values: Array) -> Array:
    return values.T.reshape(values.shape)


def _mirrored(views: list[View]) -> Iterator[Finding]:
    """In square tensors, an entry and its mirror image have one slope together, shared otherwise.

    Or all off the diagonal is twice, or half, of what it should be.
    """
    wrong = wrongs(views)
    if not all(v.value.ndim == 2 and v.value.shape[0] == v.value.shape[1] > 1 for v in wrong):
        return
    off = [~np.eye(len(v.value), dtype=bool) for v in wrong]
    pairs = list(zip(wrong, off, strict=True))
    if all(v.equals(v.numeric + v.numeric.T - v.analytic.T, known=v.usable.T) for v in wrong):
        detail = "an entry and its mirror image together are right, each by itself is not"
    elif any(np.any(v.fails & ~o) for v, o in pairs):
        return
    elif all(v.equals(2 * v.numeric, scale=2, known=o) for v, o in pairs):
        detail = "what lies off the diagonal is doubled"
    elif all(v.equals(v.numeric / 2, known=o) for v, o in pairs):
        detail = "what lies off the diagonal is halved"
    else:
        return
    zero = [f"{what} has zeros {side} the diagonal"
            for what, grads in (("numeric", [v.numeric for v in wrong]),
                                ("analytic", [v.analytic for v in wrong]))
            for side, cut in (("above", np.triu), ("below", np.tril))
            if all(not np.any(cut(g, 1 if side == "above" else -1)) for g in grads)]  # fmt: skip
    yield Finding(code="symmetric-convention", tensor=culprit(views, wrong),
                  detail="; ".join([detail, *zero]))  # fmt: skip


def _swapped(views: list[View]) -> Iterator[Finding]:
    """Every wrong tensor holds what belongs to another of its shape."""
    wrong = wrongs(views)
    pairs = []
    for view in wrong:
        others = (o for o in views if o is not view and o.value.shape == view.value.shape)
        owner = next((o.name for o in others if view.equals(o.numeric, known=o.usable)), None)
        if owner is None:
            return
        pairs.append(f"{view.name} holds the gradient of {owner}")
    yield Finding(code="layers-swapped", tensor=wrong[-1].name, detail="; ".join(pairs))


def _misplaced(views: list[View]) -> Iterator[Finding]:
    """The wrong part of each tensor holds its own right values, in another order."""
    wrong = wrongs(views)
    for view in wrong:
        if view.wrong < 3:
            return
        at = np.argsort(view.numeric[view.fails], kind="stable")
        held = np.sort(view.analytic[view.fails])
        right = view.numeric[view.fails][at]
        if np.any(np.abs(held - right) > view.unit[view.fails].max()) or not np.ptp(held):
            return
    yield Finding(code="misplaced", tensor=culprit(views, wrong), detail=f"in {where(wrong)}")


def _clipped(views: list[View]) -> Iterator[Finding]:
    wrong = wrongs(views)
    at = np.concatenate([np.abs(v.analytic[v.fails]) for v in wrong])
    bound = float(at.max())
    if at.size >= 2 and all(v.equals(np.clip(v.numeric, -bound, bound)) for v in wrong):
        detail = f"no value is beyond ±{bound:.6g}"
        yield Finding(code="clipped", tensor=culprit(views, wrong), detail=detail)


def _shifted(views: list[View]) -> Iterator[Finding]:
    """One and the same number is added everywhere."""
    wrong = wrongs(views)
    extra = np.concatenate([(v.analytic - v.numeric)[v.fails] for v in wrong])
    shift = float(np.median(extra))
    if extra.size >= 3 and all(v.equals(v.numeric + shift, known=v.fails) for v in wrong):
        detail = f"analytic minus numeric is {shift:.6g} in {where(wrong)}"
        yield Finding(code="constant-added", tensor=culprit(views, wrong), detail=detail)


def _low_precision(views: list[View]) -> Iterator[Finding]:
    """Small errors nearly everywhere that scatter as the rounding of a coarser dtype does.

    Of single precision nothing else is so small. Of half precision much is: there the values
    themselves have to be numbers of that dtype.
    """
    wrong = wrongs(views)
    relative = np.concatenate([_relative(view) for view in wrong])
    worst = max(_normwise(view) for view in wrong)
    decided = sum(int(np.count_nonzero(view.known)) for view in wrong)
    widespread = relative.size >= max(4, NEARLY_ALL * decided)
    typical = float(np.median(np.abs(relative)))
    rest = [v for v in views if v.usable.any()]
    for dtype in (np.float32, np.float16):
        eps = float(np.finfo(dtype).eps)
        finer = all(float(np.finfo(v.value.dtype).eps) < eps for v in views)
        cast = all(np.array_equal(v.analytic, v.analytic.astype(dtype)) for v in rest)
        small = eps / 64 < typical < 16 * eps and worst < 16 * eps
        scattered = _scatters(relative) and dtype == np.float32
        if finer and widespread and small and (cast or scattered):
            detail = f"relative errors are typically {typical:.0e}, as {dtype.__name__} leaves them"
            yield Finding(code="low-precision", tensor=culprit(views, wrong), detail=detail)


def _scatters(relative: Array) -> bool:
    """Whether errors are of either sign, in at least a tenth each: so is rounding."""
    rarer = min(np.count_nonzero(relative > 0), np.count_nonzero(relative < 0))
    return bool(rarer >= max(1, relative.size / 10))


def _relative(view: View) -> Array:
    a, n = view.analytic[view.fails], view.numeric[view.fails]
    return np.asarray((a - n) / np.maximum(np.abs(a), np.abs(n)) * np.sign(n))


def _normwise(view: View) -> float:
    """The largest error relative to the tensor's largest value."""
    largest = float(np.abs(view.numeric).max(initial=0.0))
    return float(np.abs(view.analytic - view.numeric).max()) / largest if largest else np.inf


def explains(views: list[View], gradient: Mapping[str, Array]) -> bool:
    """Whether `gradient` is the analytic one, in every tensor."""
    return all(
        view.name in gradient and np.isfinite(gradient[view.name]).all()
        and view.equals(gradient[view.name])
        for view in views
    )  # fmt: skip
