"""Conclude: count what was decided, name what it looks like, and make the report."""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from dataclasses import replace

import numpy as np

from checks.diagnosis.diagnose import diagnose
from checks.methods.run import DISAGREE, CheckRun
from checks.oracles.curves import LaterCurves, Place, Source
from checks.problem.nested import Array
from checks.verdict.findings import Findings, no_findings
from checks.verdict.presented import KEPT, coordinates_of, places_of
from checks.verdict.reasons import reasons
from checks.verdict.report import (
    FAILURES_KEPT,
    Diagnosis,
    Mismatch,
    Reason,
    Report,
    Tensor,
    Verdict,
)
from checks.verdict.rule import Status
from checks.verdict.text import WIDTH, listed


def conclude(this: CheckRun, findings: Findings | None) -> Report:
    """The report of a check; without findings, of one that got no further than its offences."""
    problem, offences = this.problem, this.offences
    found = findings or no_findings()
    if (
        not this.options.repeatable
    ):  # a gradient that differs from call to call was compared as it scatters
        offences = [offence for offence in offences if offence.code != "not-repeatable"]
    if this.options.strict:
        _be_strict(found)
    for name, constant in problem.constants.items():
        if name in found.status:
            found.status[name][constant] = Status.CONSTANT
    tensors = tuple(_tensor(found, name) for name in found.status)
    tensors = tuple(tensor for tensor in tensors if tensor.parameters)
    constants = sum(int(c.sum()) for c in problem.constants.values())
    failures = _worst(found, Status.FAIL, FAILURES_KEPT)
    passed = [] if found.projected else _worst(found, Status.PASS, 1)
    unchecked = sum(t.unchecked for t in tensors)
    if failures and not offences:
        looks_like = diagnose(
            problem,
            found.analytic,
            {n: np.nan_to_num(v) for n, v in found.numeric.items()},
            found.status,
            tolerance=found.tolerance,
        )
        offences = [_of_some(looks_like) if unchecked else looks_like]
    if constants:
        this.notes.append(f"{constants:,} constants, by mask, were left out")
    if problem.raised:
        this.notes.append(f"near the point {problem.raised[0]}; such steps were left out")
    asked = findings is not None and (not found.projected or found.any(Status.UNDECIDED))
    noise = this.noise if asked else 0.0  # which costs calls to measure
    why = reasons(found, noise, inexact=this.inexact)
    return Report(
        verdict=_verdict(tensors, offences, untraced=this.untraced),
        parameters=problem.parameters - constants,
        checked=sum(t.checked for t in tensors),
        zero=sum(t.zero for t in tensors),
        undecided=sum(t.undecided for t in tensors) if tensors else problem.parameters - constants,
        unchecked=unchecked,
        share=this.share,
        kinks=sum(t.kinks for t in tensors),
        failed=sum(t.failed for t in tensors),
        rtol=this.rtol,
        worst=next(iter(failures or passed), None),
        failures=tuple(failures),
        diagnosis=offences[0] if offences else None,
        tensors=tensors,
        method=this.options.method,
        oracle=this.measured,
        seconds=time.perf_counter() - this.started,
        seed=this.options.seed,
        notes=(*this.notes, *_also(offences)),
        reasons=why,
        resolution=max((t.resolution for t in tensors), default=0.0),
        strict=this.options.strict,
        calls=dict(problem.calls),
        repeat=problem.repeat,
        extra=this.extra,
        status=found.status,
        coordinates=coordinates_of(found),
        measure_curves=_later_curves(this, found, [*failures, *why, *passed]),
    )


def _of_some(looks_like: Diagnosis) -> Diagnosis:
    """The diagnosis, as one of the coordinates that were looked at."""
    detail = f"{looks_like.detail}{'; ' if looks_like.detail else ''}among those that were checked"
    return replace(looks_like, detail=detail)


def _later_curves(
    this: CheckRun, found: Findings, candidates: Sequence[Mismatch | Reason]
) -> LaterCurves | None:
    """What it takes to measure curves later; None where the parameters are too many to be kept."""
    problem = this.problem
    places: tuple[Place, ...] = ()
    if problem.parameters <= KEPT and found.status:
        places = places_of(found, candidates, this.looked_at)
    this.looked.clear()  # large, and not needed any more
    if problem.parameters > KEPT or not found.status:
        return None
    return LaterCurves(
        source=Source(
            problem=problem,
            centre=this.centre,
            noise=lambda: this.noise,
            seed=this.options.seed,
            gradient=found.analytic,
            places=places,
        )
    )


def _also(offences: list[Diagnosis]) -> Iterator[str]:
    """What else was found besides the first: a kind of offence once, and where else it is."""
    kinds: dict[str, list[Diagnosis]] = {}
    for each in offences:
        kinds.setdefault(each.code, []).append(each)
    for number, (head, *others) in enumerate(kinds.values()):
        if number:
            yield f"also: {head}"
        if others:
            places = [f"{e.tensor}{f' ({e.detail})' if e.detail else ''}" for e in others]
            yield f"{head.code} as well: {listed(places, 3 * WIDTH)}"


def _be_strict(found: Findings) -> None:
    """What is blunter than `rtol` is undecided."""
    for name, status in found.status.items():
        blunt = (status == Status.PASS) & (found.resolution[name] > 0)
        status[blunt] = Status.UNDECIDED


def _verdict(tensors: tuple[Tensor, ...], offences: list[Diagnosis], *, untraced: bool) -> Verdict:
    """Pass only where every coordinate is checked, zero or on a kink, and at least one checked."""
    if any(offence.code != DISAGREE for offence in offences):
        return "fail"
    if (
        offences
        or untraced
        or any(t.undecided for t in tensors)
        or not sum(t.checked for t in tensors)
    ):
        return "undecided"
    return "pass"


def _tensor(findings: Findings, name: str) -> Tensor:
    status = findings.status[name]
    # int, because NumPy compares with an IntEnum in a wider type, and slowly
    counts = {s: int(np.count_nonzero(status == int(s))) for s in Status}
    seen = status == int(Status.FAIL)
    if not findings.projected:
        seen |= status == int(Status.PASS)
    worst, where = _furthest(findings, name, seen) if seen.any() else (0.0, None)
    return Tensor(
        name=name,
        shape=status.shape,
        parameters=status.size - counts[Status.CONSTANT],
        checked=counts[Status.PASS] + counts[Status.FAIL],
        zero=counts[Status.ZERO],
        undecided=counts[Status.UNDECIDED],
        kinks=counts[Status.KINK],
        unchecked=counts[Status.UNCHECKED],
        failed=counts[Status.FAIL],
        worst=worst,
        where=where,
        resolution=float(np.max(findings.resolution[name], initial=0.0)),
    )


def _furthest(findings: Findings, name: str, seen: Array) -> tuple[float, tuple[int, ...]]:
    """The largest relative difference of those seen, and where it is."""
    at = np.flatnonzero(seen)
    a, n = (values[name].reshape(-1)[at] for values in (findings.analytic, findings.numeric))
    larger = np.maximum(np.abs(a), np.abs(n))
    relative = np.abs(a - n) / np.where(larger > 0, larger, 1)
    worst = int(relative.argmax())
    return float(relative[worst]), _index(int(at[worst]), seen.shape)


def largest(values: Array, most: int) -> Array:
    """Where the largest values are, as a stable sort has them; only those are sorted."""
    order = -values
    some = np.arange(order.size)
    if order.size > most > 0:
        some = np.flatnonzero(~(order > np.partition(order, most - 1)[most - 1]))
    return np.asarray(some[np.argsort(order[some], kind="stable")][:most])


def _worst(findings: Findings, status: Status, most: int) -> list[Mismatch]:
    """The coordinates of that status, those furthest beyond their tolerance first."""
    found: list[tuple[float, Mismatch]] = []
    for name, statuses in findings.status.items():
        flat = np.flatnonzero(statuses == int(status))
        if not flat.size:
            continue
        a, n, tol = (
            values[name].reshape(-1)
            for values in (findings.analytic, findings.numeric, findings.tolerance)
        )
        excess = np.abs(a[flat] - n[flat]) / tol[flat]
        for k in largest(excess, most):
            at = flat[k]
            found.append(
                (
                    float(excess[k]),
                    Mismatch(
                        tensor=name,
                        index=_index(int(at), statuses.shape),
                        analytic=float(a[at]),
                        numeric=float(n[at]),
                        error=float(abs(a[at] - n[at])),
                        tolerance=float(tol[at]),
                    ),
                )
            )
    found.sort(key=lambda pair: -pair[0])
    return [mismatch for _, mismatch in found[:most]]


def _index(flat: int, shape: tuple[int, ...]) -> tuple[int, ...]:
    return tuple(int(i) for i in np.unravel_index(flat, shape)) if shape else ()
