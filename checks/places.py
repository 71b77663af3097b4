"""Places: where the wrong coordinates sit, when no relation explains their values.

Tensors may be called W1, b1, …, WL, bL, counted from the input; then a layer's weights and biases
are read together. Others have layers if their names count any. `described` puts into words what
fits nothing.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from checks.problem.nested import Array, coordinate
from checks.view import NEARLY_ALL, Finding, View, by_layer, wrongs


def places(views: list[View]) -> Iterator[Finding]:
    """What the places of the wrong coordinates tell."""
    layers = by_layer(views)
    yield from _left_out(layers)
    whole = all(v.share >= NEARLY_ALL for v in wrongs(views))
    if not whole or sum(v.wrong for v in views) < 3:
        return
    if all(len(layer) == 2 for layer in layers):
        yield from _paired(layers)
    elif len(wrongs(views)) > 1 and _first_layers(views):
        yield Finding(code="errors-enter-here", tensor=wrongs(views)[-1].name)


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
        detail = "the biases' gradients show that delta itself is right"
        yield Finding(code="wrong-activation", tensor=bad[-1].name, detail=detail)
    elif layers[: len(wrong)] == wrong and len(bad) == 2 * len(wrong):
        code = "cost-derivative" if len(wrong) == len(layers) else "errors-enter-here"
        yield Finding(code=code, tensor=wrong[-1][0].name)


def _left_out(layers: list[list[View]]) -> Iterator[Finding]:
    """In the last wrong layer all that is wrong is zero, and fills rows, columns or units."""
    last = wrongs(next(layer for layer in reversed(layers) if wrongs(layer)))
    if any(np.any(view.analytic[view.fails]) for view in last):
        return
    lines = [_lines(view) for view in last]
    if all(lines):
        detail = "; ".join(f"zero: {line} of {v.name}" for line, v in zip(lines, last, strict=True))
        yield Finding(code="left-out", tensor=last[0].name, detail=detail)


def _lines(view: View) -> str:
    """The rows or columns that hold all wrong coordinates and no right ones; "" where none do."""
    if view.fails.ndim != 2:
        return f"entries {_listed(np.flatnonzero(view.fails))}"
    right = view.known & ~view.fails
    for axis, word in ((0, "columns"), (1, "rows")):
        touched = view.fails.any(axis=axis)
        if not np.any(right.any(axis=axis) & touched):
            return f"{word} {_listed(np.flatnonzero(touched))}"
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
        of += f", in {len(rows)} of {view.fails.shape[0]} rows ({_listed(rows)})"
        of += f" and {len(columns)} of {view.fails.shape[1]} columns ({_listed(columns)})"
    if ratios.size:
        of += f", analytic / numeric from {ratios.min():.6g} to {ratios.max():.6g}"
    return of


def _listed(indices: Array) -> str:
    shown = ", ".join(str(int(i)) for i in indices[:6])
    return shown + (", …" if len(indices) > 6 else "")
