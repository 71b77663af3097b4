"""Reasons: what the rule found out about coordinates that it left undecided, or decided bluntly.

One reason for each kind, with the numbers of the coordinate that it hits worst, and what would
decide it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import numpy as np

from checks.problem.nested import Array
from checks.verdict.findings import Findings
from checks.verdict.report import Reason as Line
from checks.verdict.rule import Reason, Status

Numbers = dict[str, float]

Text = tuple[Callable[[Numbers], str], str]

TEXTS: dict[Reason, Text] = {
    Reason.ROUNDING: (
        lambda n: "rounding moves the gradient itself by {rounded:.1e} there".format(**n),
        "rewrite the term that cancels, or compute the gradient in float64",
    ),
    Reason.NOISE: (
        lambda n: "the cost moves in steps of {noise:.1e}".format(**n),
        "give the cost in float64, tighten its solver, or take a large constant away",
    ),
    Reason.ROUGH: (
        lambda n: "the cost has a kink or a jump within {within:.1e} of the point".format(**n),
        "move the point, or smooth the cost there",
    ),
    Reason.DIFFER: (
        lambda n: "what was measured contradicts itself or the gradient, not beyond doubt",
        "see whether the cost is smooth and exact close by: its steps, its solver's tolerance",
    ),
    Reason.UNSEEN: (
        lambda n: "no slope could be measured there",
        "see whether the cost is finite on both sides of the point",
    ),
}

ZERO: Text = (
    lambda n: "there is nothing but rounding on both sides, which proves nothing",
    "check where they have a slope: at another point, or on other data",
)

ON_A_KINK: Text = (
    lambda n: "the slopes on both sides differ, and any value between is right",
    "move the point off the kink, or smooth the cost there",
)

INEXACT: Text = (
    lambda n: "the cost is exact to {noise:.1e} only".format(**n),
    "tighten its solver or average more runs, so that it is exact to less",
)


# Of a cost that is known to be off.
ALSO_NOISE = (Reason.ROUGH, Reason.DIFFER)


def reasons(findings: Findings, noise: float, *, inexact: bool = False) -> tuple[Line, ...]:
    """One for each kind of reason, those that leave most undecided first.

    `inexact` is a cost that is known to be off by more than its rounding: what looks rough, or
    contradicts itself, may be that error as well.
    """
    texts = {**TEXTS, Reason.NOISE: INEXACT} if inexact else TEXTS
    kinds: dict[Reason, tuple[Reason, ...]] = {reason: (reason,) for reason in texts}
    if inexact:
        kinds = {**kinds, Reason.NOISE: (Reason.NOISE, *ALSO_NOISE)}
        for reason in ALSO_NOISE:
            del kinds[reason]
    left_open = _left_open(findings)
    found = [_line(findings, left_open, kinds[reason], noise, texts[reason]) for reason in kinds]
    undecided = sorted(filter(None, found), key=lambda line: -line.undecided)
    zeros = _mostly(findings, Status.ZERO, ZERO)
    return (*undecided, *zeros, *_mostly(findings, Status.KINK, ON_A_KINK))


def _mostly(findings: Findings, status: Status, told: Text) -> Iterator[Line]:
    """Of the tensors that are so for the most part: why that decides nothing."""
    at = {}
    for name, found in findings.status.items():
        hit = np.flatnonzero(found == int(status))
        looked = found.size - np.count_nonzero(found == int(Status.UNCHECKED)) if hit.size else 0
        at[name] = hit if 2 * hit.size > looked else hit[:0]
    count = sum(hit.size for hit in at.values())
    if count:
        yield _told(findings, status.name.lower(), at, told, 0.0, count=count, undecided=0)


def _left_open(findings: Findings) -> dict[str, Array]:
    """The flat indices of what is undecided or blunt, by tensor."""
    found = {}
    for name, status in findings.status.items():
        blunt = (findings.resolution[name] > 0) & (status == int(Status.PASS))
        found[name] = np.flatnonzero((status == int(Status.UNDECIDED)) | blunt)
    return found


def _line(
    findings: Findings,
    left_open: dict[str, Array],
    kinds: tuple[Reason, ...],
    noise: float,
    told: Text,
) -> Line | None:
    """What is left open for reasons of some kinds, told as the first of them."""
    hit = {
        name: at[np.isin(findings.reason[name].reshape(-1)[at], kinds)] if at.size else at
        for name, at in left_open.items()
    }
    count = sum(at.size for at in hit.values())
    if not count:
        return None
    undecided = {
        name: at[findings.status[name].reshape(-1)[at] == int(Status.UNDECIDED)]
        for name, at in hit.items()
    }
    left = sum(at.size for at in undecided.values())
    at, code = undecided if left else hit, kinds[0].name.lower()
    return _told(findings, code, at, told, noise, count=count, undecided=left)


def _told(
    findings: Findings,
    code: str,
    at: dict[str, Array],
    told: Text,
    noise: float,
    *,
    count: int,
    undecided: int,
) -> Line:
    """The line on the coordinate that it hits worst."""
    name, flat = _worst(findings, at)
    text, remedy = told

    def value(array: dict[str, Array]) -> float:
        return float(array[name].reshape(-1)[flat])

    a, n, error = value(findings.analytic), value(findings.numeric), value(findings.tolerance)
    numbers: Numbers = {
        "noise": float(np.fmax(noise, value(findings.noise))),  # a line may turn out to be rougher
        "within": value(findings.within),
        "rounded": error,
    }
    values = f"analytic {a:.6g}, numeric {n:.6g} ± {error:.1e}; "
    return Line(
        code=code,
        count=count,
        undecided=undecided,
        tensor=name,
        index=tuple(int(i) for i in np.unravel_index(flat, findings.status[name].shape)),
        text=values + text(numbers),
        remedy=remedy,
    )


def _worst(findings: Findings, at: dict[str, Array]) -> tuple[str, int]:
    """The coordinate with the largest error for its tensor."""
    best: tuple[float, str, int] = (-1.0, "", 0)
    for name, flat in at.items():
        if flat.size:
            error: Any = np.nan_to_num(findings.tolerance[name].reshape(-1)[flat])
            largest = float(np.max(np.abs(findings.analytic[name]), initial=0.0)) or 1.0
            k = int(np.argmax(error))
            best = max(best, (float(error[k]) / largest, name, int(flat[k])))
    return best[1], best[2]
