"""Locations: where the wrong coordinates sit, when no relation explains their values.

Tensors may be called W1, b1, …, WL, bL, counted from the input; then a layer's weights and biases
are read together. Others have layers if their names count any. `described` puts into words what
fits nothing.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from checks.diagnosis.tensor_pair import NEARLY_ALL, Finding, TensorPair, by_layer, listed, wrongs
from checks.problem.nested import coordinate

# Errors of up to so much of a value are small: whole terms of a gradient are mostly more.
SMALL = 0.05


def locations(pairs: list[TensorPair]) -> Iterator[Finding]:
    """What it tells where the wrong coordinates sit: a pattern, and hardly ever a cause."""
    layers = by_layer(pairs)
    if sum(pair.wrong for pair in pairs) == 1:
        only = wrongs(pairs)[0]
        yield Finding(code="single-entry", tensor=only.name, detail=_described(only))
        return
    yield from _small(pairs)
    whole = all(v.share >= NEARLY_ALL for v in wrongs(pairs))
    if not whole or sum(v.wrong for v in pairs) < 3:
        return
    if all(len(layer) == 2 for layer in layers):
        yield from _paired(layers)
    elif len(wrongs(pairs)) > 1 and _first_layers(pairs):
        yield Finding(code="errors-enter-here", tensor=wrongs(pairs)[-1].name)


def _small(pairs: list[TensorPair]) -> Iterator[Finding]:
    """All a little wrong: a constant, an approximation, or a cost that is not exact itself."""
    wrong = wrongs(pairs)
    known = [pair.known & (pair.numeric != 0) for pair in pairs]
    decided = sum(int(np.count_nonzero(k)) for k in known)
    size = max(float(np.abs(v.numeric).max(initial=0.0)) for v in pairs)
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


def _first_layers(pairs: list[TensorPair]) -> bool:
    """Whether all names count layers, and the wrong tensors' come before the right ones'."""
    wrong = [pair.layer for pair in pairs if pair.wrong and pair.layer is not None]
    right = [pair.layer for pair in pairs if not pair.wrong and pair.layer is not None]
    return len(wrong + right) == len(pairs) and max(wrong) < min(right, default=0)


def _paired(layers: list[list[TensorPair]]) -> Iterator[Finding]:
    """Weights say whether activations times delta is right, biases whether delta itself is."""
    wrong = [layer for layer in layers if wrongs(layer)]
    bad = [pair for layer in wrong for pair in wrongs(layer)]
    if all(pair.is_bias for pair in bad):
        yield Finding(code="bias-not-summed", tensor=bad[-1].name)
    elif not any(pair.is_bias for pair in bad):
        yield Finding(code="weights-only", tensor=bad[-1].name)
    elif layers[: len(wrong)] == wrong and len(bad) == 2 * len(wrong):
        code = "cost-derivative" if len(wrong) == len(layers) else "errors-enter-here"
        yield Finding(code=code, tensor=wrong[-1][0].name)


def left_out(pairs: list[TensorPair]) -> Iterator[Finding]:
    """In the last wrong layer all that is wrong is zero, and fills rows, columns or units."""
    last = wrongs(next(layer for layer in reversed(by_layer(pairs)) if wrongs(layer)))
    if any(np.any(pair.analytic[pair.fails]) for pair in last):
        return
    lines = [_lines(pair) for pair in last]
    if all(lines):
        detail = "; ".join(f"zero: {line} of {v.name}" for line, v in zip(lines, last, strict=True))
        yield Finding(code="left-out", tensor=last[0].name, detail=detail)


def _lines(pair: TensorPair) -> str:
    """The rows or columns that hold all wrong coordinates and no right ones; "" where none do."""
    if pair.fails.ndim != 2:
        return f"entries {listed(np.flatnonzero(pair.fails))}"
    right = pair.known & ~pair.fails
    for axis, word in ((0, "columns"), (1, "rows")):
        touched = pair.fails.any(axis=axis)
        if not np.any(right.any(axis=axis) & touched):
            return f"{word} {listed(np.flatnonzero(touched))}"
    return ""


def described(pairs: list[TensorPair]) -> Finding:
    """What fits nothing, with its pattern: which tensors, rows and columns, and which ratios."""
    parts = [_described(pair) for pair in wrongs(pairs)]
    tensor = wrongs(pairs)[-1].name if wrongs(pairs) else None
    return Finding(code="unknown", tensor=tensor, detail="; ".join(parts))


def _described(pair: TensorPair) -> str:
    ratios = pair.analytic[pair.fails] / np.where(pair.numeric, pair.numeric, np.nan)[pair.fails]
    ratios = ratios[np.isfinite(ratios)]
    of = f"{pair.name}: {pair.wrong:,} of {pair.looked:,} wrong"
    at = np.argwhere(pair.fails)
    if len(at) == 1:
        of += f", {coordinate(pair.name, [int(i) for i in at[0]])}"
    elif pair.fails.ndim == 2:
        rows, columns = (np.unique(at[:, k]) for k in (0, 1))
        of += f", in {len(rows)} of {pair.fails.shape[0]} rows ({listed(rows)})"
        of += f" and {len(columns)} of {pair.fails.shape[1]} columns ({listed(columns)})"
    if ratios.size:
        of += f", analytic / numeric from {ratios.min():.6g} to {ratios.max():.6g}"
    return of
