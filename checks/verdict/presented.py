"""Presented: a report as the plain values that a page shows."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from itertools import islice
from typing import Any

import numpy as np

from checks.oracles.curves import Looked, Place
from checks.output import grids
from checks.output.curves import Curves
from checks.output.grids import Coordinates, Grid
from checks.output.page import Contents, Offender, Said, TensorRow
from checks.problem.nested import coordinate
from checks.verdict.findings import Findings
from checks.verdict.rule import Status

# Of at most so many parameters a report keeps what was found of each: 26 bytes. Of more it keeps
# the worst in each cell of a grid.
KEPT = 2**18
CURVES = 4  # coordinates that have one


def coordinates_of(found: Findings) -> dict[str, Coordinates | Grid]:
    """What was found of the coordinates, by tensor, for a report to keep."""
    every = {name: _of(found, name) for name in found.status}
    if sum(each.size for each in every.values()) <= KEPT:
        return dict(every)
    return {name: each.binned() for name, each in every.items() if each.size}


def _of(found: Findings, name: str) -> Coordinates:
    status = found.status[name]
    analytic, numeric = found.analytic[name], found.numeric[name]
    if found.projected:  # what passes was not measured by itself
        together = status == int(Status.PASS)
        status = np.where(together, np.int8(grids.TOGETHER), status)
        if status.size <= KEPT:
            analytic, numeric = np.array(analytic), np.where(together, np.nan, numeric)
    return Coordinates(
        analytic=analytic, numeric=numeric, tolerance=found.tolerance[name], status=status
    )


def places_of(
    found: Findings,
    candidates: Sequence[Any],
    looked_at: Callable[[int, int], Looked | None],
) -> tuple[Place, ...]:
    """Coordinates to have a curve: one in each tensor, then others.

    `candidates` are mismatches and reasons, the worst first; `looked_at` gives the costs that one
    was decided by.
    """
    firsts = {each.tensor: each for each in reversed(candidates)}
    some = [each for each in candidates if firsts[each.tensor] is each]
    rest = [each for each in candidates if firsts[each.tensor] is not each]
    places: dict[tuple[str, int], Place] = {}
    names = list(found.status)  # in the order of the parameters
    for each in islice([*some, *rest], CURVES):
        shape = found.status[each.tensor].shape
        flat = int(np.ravel_multi_index(each.index, shape)) if shape else 0
        values = (found.analytic, found.numeric, found.tolerance, found.status)
        analytic, numeric, tolerance, status = (v[each.tensor].reshape(-1)[flat] for v in values)
        if np.isfinite(numeric):
            tensor = names.index(each.tensor)
            places[each.tensor, flat] = Place(
                tensor=tensor,
                flat=flat,
                analytic=float(analytic),
                numeric=float(numeric),
                tolerance=float(tolerance),
                status=int(status),
                measured=looked_at(tensor, flat),
            )
    return tuple(places.values())


def contents(report: Any, *, curves: bool) -> Contents:
    """What a page says of a report; `curves` are measured where they were not."""
    measure = report.measure_curves
    found = Curves()
    if measure is not None and curves:
        found = measure()
    elif measure is not None:
        found = measure.found or Curves(missing="report.to_html() measures curves besides.")
    return Contents(
        verdict=report.verdict,
        summary=report.summary,
        parameters=report.parameters,
        checked=report.checked,
        zero=report.zero,
        undecided=report.undecided,
        kinks=report.kinks,
        failed=report.failed,
        unchecked=report.unchecked,
        diagnosis=_diagnosis(report.diagnosis),
        reasons=[_reason(reason) for reason in report.reasons],
        notes=report.notes,
        tensors=[_tensor(tensor) for tensor in report.tensors],
        failures=[_offender(failure) for failure in report.failures],
        repeat=report.repeat,
        about=_about(report),
        coordinates=report.coordinates,
        curves=found,
    )


def _diagnosis(diagnosis: Any) -> Said | None:
    if diagnosis is None:
        return None
    return Said(
        text=diagnosis.title,
        where=diagnosis.tensor or "",
        detail=diagnosis.detail,
        remedy=diagnosis.remedy,
        code=diagnosis.code,
    )


def _reason(reason: Any) -> Said:
    count = f"{reason.undecided:,} undecided" if reason.undecided else f"{reason.count:,} blunt"
    return Said(
        text=reason.text,
        where=f"{count}, worst {coordinate(reason.tensor, reason.index)}",
        remedy=reason.remedy,
        code=reason.code,
    )


def _tensor(tensor: Any) -> TensorRow:
    known = tensor.where is not None
    return TensorRow(
        name=tensor.name,
        shape=tensor.shape,
        parameters=tensor.parameters,
        checked=tensor.checked,
        zero=tensor.zero,
        undecided=tensor.undecided,
        kinks=tensor.kinks,
        failed=tensor.failed,
        worst=tensor.worst if known else None,
        where=tensor.where,
    )


def _offender(failure: Any) -> Offender:
    return Offender(
        tensor=failure.tensor,
        index=failure.index,
        analytic=failure.analytic,
        numeric=failure.numeric,
        error=failure.error,
        tolerance=failure.tolerance,
    )


def _about(report: Any) -> list[tuple[str, str]]:
    """Pairs of what and what of it."""
    calls = ", ".join(f"{count:,} of the {kind}" for kind, count in report.calls.items())
    return [
        ("method", report.method),
        ("numeric values by", report.oracle),
        ("relative error caught", f"{report.rtol:g}"),
        ("seed", str(report.seed)),
        ("calls", calls or "none"),
        ("time", f"{report.seconds:.2f} s"),
    ]
