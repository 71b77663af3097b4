"""Patterns: relations between the analytic and the numeric gradient that known bugs leave behind.

Numbers in, findings out; nothing here knows what a network is. A relation counts only if it holds
in every coordinate of every wrong tensor: `whole` yields those that can hardly hold by chance,
`loose` those that give way to a more specific explanation.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping

import numpy as np

from checks.problem.nested import Array
from checks.problem.problem import Subject
from checks.view import NEARLY_ALL, Finding, View, culprit, wrongs


def whole(subject: Subject, views: list[View]) -> Iterator[Finding]:
    """Findings that explain every tensor: each is right, or stands in one and the same relation."""
    yield from _zeroed(views)
    yield from factors(subject, views, named=True)
    yield from _transposed(views)
    yield from _swapped(views)
    yield from _decayed(views)


def loose(subject: Subject, views: list[View]) -> Iterator[Finding]:
    """Relations that leave more room than those of `whole`, and give way to a known bug's."""
    yield from factors(subject, views, named=False)
    yield from _clipped(views)
    yield from _low_precision(views)


def _low_precision(views: list[View]) -> Iterator[Finding]:
    """Small relative errors nearly everywhere, of the size of a coarser dtype's rounding."""
    wrong = wrongs(views)
    relative = np.concatenate([_relative(view) for view in wrong])
    worst = max(_normwise(view) for view in wrong)
    decided = sum(int(np.count_nonzero(view.known)) for view in wrong)
    widespread = relative.size >= max(4, NEARLY_ALL * decided)
    for dtype in (np.float32, np.float16):
        eps = float(np.finfo(dtype).eps)
        finer = all(float(np.finfo(v.value.dtype).eps) < eps for v in views)
        typical = float(np.median(relative))
        if finer and widespread and eps / 64 < typical < 16 * eps and worst < 16 * eps:
            detail = f"relative errors are typically {typical:.0e}, as {dtype.__name__} leaves them"
            yield Finding(code="low-precision", tensor=culprit(views, wrong), detail=detail)


def _relative(view: View) -> Array:
    a, n = view.analytic[view.fails], view.numeric[view.fails]
    return np.asarray(np.abs(a - n) / np.maximum(np.abs(a), np.abs(n)))


def _normwise(view: View) -> float:
    """The largest error relative to the tensor's largest value."""
    largest = float(np.abs(view.numeric).max(initial=0.0))
    return float(np.abs(view.analytic - view.numeric).max()) / largest if largest else np.inf


def _zeroed(views: list[View]) -> Iterator[Finding]:
    wrong = wrongs(views)
    if any(np.any(view.analytic[view.usable]) for view in wrong):
        return
    biases = [view for view in views if view.is_bias]
    code = "bias-missing" if wrong and all(v.is_bias for v in wrong) else "gradient-missing"
    everywhere = len(wrong) in (len(views), len(biases) if code == "bias-missing" else -1)
    detail = f"exactly zero: {', '.join(v.name for v in wrong)}"
    yield Finding(code=code, tensor=None if everywhere else wrong[-1].name, detail=detail)


def factors(subject: Subject, views: list[View], *, named: bool) -> Iterator[Finding]:
    """Every wrong tensor is a multiple of what it should be; with a name, if all are the same."""
    wrong = wrongs(views)
    common = _factor(wrong)
    same = common is not None
    found = [common] if same else [_factor([view]) for view in wrong]
    multiples = [c for c, _ in filter(None, found)]
    if len(multiples) < len(found):
        return
    name = _name(*common, subject.context) if common else None
    if named != (name is not None):
        return
    spare = sum(np.count_nonzero(v.fails) for v in wrong) - (1 if same else len(wrong))
    if name is None and spare < 1:
        return
    yield _named(name, views, wrong) if name else _unnamed(views, wrong, multiples, same=same)


def _named(name: str, views: list[View], wrong: list[View]) -> Finding:
    everywhere = len(wrong) == len(views)
    tensor = culprit(views, wrong)
    if name == "-1":
        return Finding(code="sign-flipped", tensor=tensor)
    if name == "the batch size" and everywhere:
        return Finding(code="sum-for-mean")
    if name == "1 / the batch size" and all(v.is_bias for v in wrong):
        return Finding(code="bias-not-summed", tensor=tensor, detail="it is the mean of delta")
    return Finding(code="constant-factor", tensor=tensor, detail=f"the factor is {name}")


def _unnamed(
    views: list[View], wrong: list[View], multiples: list[float], *, same: bool
) -> Finding:
    if same:
        detail = f"the factor is {multiples[0]:.9g}"
    else:
        each = (f"{v.name} {c:.6g}" for v, c in zip(wrong, multiples, strict=True))
        detail = f"the factors are {', '.join(each)}"
    return Finding(code="constant-factor", tensor=culprit(views, wrong), detail=detail)


def _factor(wrong: list[View]) -> tuple[float, float] | None:
    """c, where the analytic gradients are c times the numeric ones, and how far it may be off.

    With u and v the two in units of what rounding may do to each, least squares minimise |u - c v|.
    Where each part of that is at most m = max(1, |c|), c is off by at most m sum |v| / sum v^2.
    """
    unit = np.concatenate([view.unit[view.fails] for view in wrong])
    u = np.concatenate([view.analytic[view.fails] for view in wrong]) / unit
    v = np.concatenate([view.numeric[view.fails] for view in wrong]) / unit
    squares = float(v @ v)
    c = float(u @ v) / squares if squares else 0.0
    if c == 0 or not all(view.equals(c * view.numeric, scale=abs(c)) for view in wrong):
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


def _transposed(views: list[View]) -> Iterator[Finding]:
    wrong = wrongs(views)
    matrices = all(v.value.ndim == 2 for v in wrong)
    if matrices and all(v.equals(_turned(v.numeric), known=_turned(v.usable)) for v in wrong):
        yield Finding(code="transposed", tensor=wrong[-1].name)


def _turned(values: Array) -> Array:
    return values.T.reshape(values.shape)


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


def _decayed(views: list[View]) -> Iterator[Finding]:
    """A multiple of the parameters too much, or too little: a penalty shrinks them, so it adds."""
    wrong = wrongs(views)
    theta = np.concatenate([v.value[v.usable] for v in wrong]).astype(np.float64)
    extra = np.concatenate([(v.analytic - v.numeric)[v.usable] for v in wrong])
    if theta.size < 3 or not np.ptp(theta):
        return  # of equal parameters any constant is a multiple
    rate = float(theta @ extra / (theta @ theta))
    if all(v.equals(v.numeric + rate * v.value) for v in wrong):
        code = "weight-decay" if rate > 0 else "penalty-missing"
        detail = f"analytic minus numeric is {rate:.6g} times the parameters"
        yield Finding(code=code, tensor=culprit(views, wrong), detail=detail)


def _clipped(views: list[View]) -> Iterator[Finding]:
    wrong = wrongs(views)
    at = np.concatenate([np.abs(v.analytic[v.fails]) for v in wrong])
    bound = float(at.max())
    if at.size >= 2 and all(v.equals(np.clip(v.numeric, -bound, bound)) for v in wrong):
        detail = f"no value is beyond ±{bound:.6g}"
        yield Finding(code="clipped", tensor=culprit(views, wrong), detail=detail)


def explains(views: list[View], gradient: Mapping[str, Array]) -> bool:
    """Whether `gradient` is the analytic one, in every tensor."""
    return all(
        view.name in gradient and np.isfinite(gradient[view.name]).all()
        and view.equals(gradient[view.name])
        for view in views
    )  # fmt: skip
