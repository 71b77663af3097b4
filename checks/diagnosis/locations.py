"""Locations: where the wrong coordinates sit, when no relation explains their values.

Tensors may be called W1, b1, …, WL, bL, counted from the input; then a layer's weights and biases
are read together. Others have layers if their names count any. `described` puts into words what
fits nothing.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from checks.diagnosis.tensor_pair import NEARLY_ALL, Finding, View, by_layer, listed, wrongs
from checks.problem.nested import coordinate

# Errors of up to so much of a value are small: whole terms of a gradient are mostly more.
SMALL = 0.05


def locations(views: list[View]) -> Iterator[Finding]:
    """What it tells where the wrong coordinates sit: a pattern, and hardly ever a cause."""
    layers = by_layer(views)
    if sum(view.wrong for view in views) == 1:
        only = wrongs(views)[0]
        yield Finding(code="single-entry", tensor=only.name, detail=_described(only))
        return
    yield from _small(views)
    whole = all(v.share >= NEARLY_ALL for v in wrongs(views))
    if not whole or sum(v.wrong for v in views) < 3:
        return
    if all(len(layer) == 2 for layer in layers):
        yield from _paired(layers)
    elif len(wrongs(views)) > 1 and _first_layers(views):
        yield Finding(code="errors-enter-here", tensor=wrongs(views)[-1].name)


def _small(views: list[View]) -> Iterator[Finding]:
    """All a little wrong: a constant, an approximation, or a cost that is not exact itself."""
    wrong = wrongs(views)
    known = [view.known & (view.numeric != 0) for view in views]
    decided = sum(int(np.count_nonzero(k)) for k in known)
    size = max(float(np.abs(v.numeric).max(initial=0.0)) for v in views)
    apart = max(float(np.abs(v.analytic - v.numeric)[v.fails].max()) for v in wrong)
    each = np.concatenate([
        (np.abs(v.analytic - v.numeric) / np.abs(v.numeric))[v.fails & (v.numeric != 0)]
        for v in wrong
    ])  # fmt: skip
    if each.size and each.size >= NEARLY_ALL * decided and apart <= SMALL * size:
        typical = float(np.median(each))
        if typical <= SMALL:
            detail = f"relative errors are typically {typical:.0e}"
            yield Finding(code="small-everywhere", detail=detail)


def _first_layers(views: list[View]) -> bool:
    """Whether all names count layers, and the wrong tensors' come before the right ones'."""
    wrong = [view.layer for view in views if view.wrong and view.layer is not None]
    right = [view.layer for view in views if not view.wrong and view.layer is not None]
    return len(wrong + right) == len(views) and max(wrong) < min(right, default=0)


def _paired(layers: list[list[View]]) -> Iterator[Finding]:
    """Weights say whether activations times delta is right, biases whether delta itself is."""
    wrong = [layer for layer in layers if wrongs(layer)]
    bad = [view for layer in wrong for view in wrongs(layer)]
    if all(view.is_bias for view in bad):
        yield Finding(code="bias-not-summed", tensor=bad[-1].name)
    elif not any(view.is_bias for view in bad):
        yield Finding(code="weights-only", tensor=bad[-1].name)
    elif layers[: len(wrong)] == wrong and len(bad) == 2 * len(wrong):
        code = "cost-derivative" if len(wrong) == len(layers) else "errors-enter-here"
        yield Finding(code=code, tensor=wrong[-1][0].name)


def left_out(views: list[View]) -> Iterator[Finding]:
    """In the last wrong layer all that is wrong is zero, and fills rows, columns or units."""
    last = wrongs(next(layer for layer in reversed(by_layer(views)) if wrongs(layer)))
    if any(np.any(view.analytic[view.fails]) for view in last):
        return
    lines = [_lines(view) for view in last]
    if all(lines):
        detail = "; ".join(f"zero: {line} of {v.name}" for line, v in zip(lines, last, strict=True))
        yield Finding(code="left-out", tensor=last[0].name, detail=detail)


def _lines(view: View) -> str:
    """The rows or columns that hold all wrong coordinates and no right ones; "" where none do."""
    if view.fails.ndim != 2:
        return f"entries {listed(np.flatnonzero(view.fails))}"
    right = view.known & ~view.fails
    for axis, word in ((0, "columns"), (1, "rows")):
        touched = view.fails.any(axis=axis)
        if not np.any(right.any(axis=axis) & touched):
            return f"{word} {listed(np.flatnonzero(touched))}"
    return ""


def described(views: list[View]) -> Finding:
    """What fits nothing, with its pattern: which tensors, rows and columns, and which ratios."""
    parts = [_described(view) for view in wrongs(views)]
    tensor = wrongs(views)[-1].name if wrongs(views) else None
    return Finding(code="unknown", tensor=tensor, detail="; ".join(parts))


def _described(view: View) -> str:
    ratios = view.analytic[view.fails] / np.where(view.numeric, view.numeric, np.nan)[view.fails]
    ratios = ratios[np.isfinite(ratios)]
    of = f"{view.name}: {view.wrong:,} of {view.analytic.size:,} wrong"
    at = np.argwhere(view.fails)
    if len(at) == 1:
        of += f", {coordinate(view.name, [int(i) for i in at[0]])}"
    elif view.fails.ndim == 2:
        rows, columns = (np.unique(at[:, k]) for k in (0, 1))
        of += f", in {len(rows)} of {view.fails.shape[0]} rows ({listed(rows)})"
        of += f" and {len(columns)} of {view.fails.shape[1]} columns ({listed(columns)})"
    if ratios.size:
        of += f", analytic / numeric from {ratios.min():.6g} to {ratios.max():.6g}"
    return of
