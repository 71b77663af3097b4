"""The tally: what the comparison found, counted into a report with a verdict."""

from __future__ import annotations

import time
from dataclasses import dataclass, field

import numpy as np

from checks import diagnosis
from checks.compare import Status
from checks.nest import Array
from checks.report import FAILURES_KEPT, Diagnosis, Mismatch, Report, Tensor
from checks.state import DISAGREE, Check


@dataclass(frozen=True, kw_only=True)
class Findings:
    """All that the comparison works on, by tensor, in the tensors' shapes.

    `error` is the oracle's own, of its numeric values. `projected` says that coordinates which
    pass were not looked at one by one.
    """

    analytic: dict[str, Array]
    numeric: dict[str, Array]
    tolerance: dict[str, Array]
    status: dict[str, Array]
    error: dict[str, Array] = field(default_factory=dict)
    projected: bool = False

    def any(self, status: Status) -> bool:
        """Whether some coordinate is of that status."""
        return any(bool(np.any(s == int(status))) for s in self.status.values())

    def suspects(self, rtol: float) -> int:
        """How many are undecided though they differ by more than rounding and half of `rtol`."""
        count = 0
        for name, at in self.where(Status.UNDECIDED).items():
            if not at.size:
                continue
            a, n, tolerance = (
                values[name].reshape(-1)[at]
                for values in (self.analytic, self.numeric, self.tolerance)
            )
            allowed = np.maximum(tolerance, rtol / 2 * np.maximum(np.abs(a), np.abs(n)))
            count += int(np.count_nonzero(np.abs(a - n) > allowed))
        return count

    def where(self, status: Status) -> dict[str, Array]:
        """Flat indices of the coordinates of one status, by tensor."""
        return {name: np.flatnonzero(s == int(status)) for name, s in self.status.items()}


def report(this: Check, findings: Findings | None) -> Report:
    """The report of a check; without findings, of one that got no further than its offences."""
    subject, offences = this.subject, this.offences
    found = findings or Findings(analytic={}, numeric={}, tolerance={}, status={})
    tensors = tuple(_tensor(found, name) for name in found.status)
    failures = _worst(found, Status.FAIL, FAILURES_KEPT)
    passed = [] if found.projected else _worst(found, Status.PASS, 1)
    if failures and not offences:
        offences = [
            diagnosis.diagnose(
                subject,
                found.analytic,
                found.numeric,
                found.status,
                tolerance=found.tolerance,
            )
        ]
    suspects = found.suspects(this.rtol)
    if suspects:
        this.notes.append(f"differing, but not beyond doubt, and so undecided: {suspects:,}")
    if subject.raised:
        this.notes.append(f"near the point {subject.raised[0]}; such steps were left out")
    return Report(
        verdict=_verdict(tensors, offences, suspicious=this.suspicious or bool(suspects)),
        parameters=subject.parameters,
        checked=sum(t.checked for t in tensors),
        zero=sum(t.zero for t in tensors),
        undecided=sum(t.undecided for t in tensors) if tensors else subject.parameters,
        kinks=sum(t.kinks for t in tensors),
        failed=sum(t.failed for t in tensors),
        rtol=this.rtol,
        worst=next(iter(failures or passed), None),
        failures=tuple(failures),
        diagnosis=offences[0] if offences else None,
        tensors=tensors,
        method=this.method,
        oracle=this.oracle,
        seconds=time.perf_counter() - this.started,
        seed=this.seed,
        notes=tuple(this.notes) + tuple(f"also: {extra}" for extra in offences[1:]),
        repeat=subject.repeat,
        extra=this.extra,
        status=found.status,
    )


def _verdict(tensors: tuple[Tensor, ...], offences: list[Diagnosis], *, suspicious: bool) -> str:
    """Undecided where no oracle is believed, or too little of some tensor could be decided."""
    if any(offence.code != DISAGREE for offence in offences):
        return "fail"
    if offences or suspicious:
        return "undecided"
    undecided = any(t.undecided + t.kinks > t.checked for t in tensors)
    return "undecided" if undecided or not sum(t.checked for t in tensors) else "pass"


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
        parameters=status.size,
        checked=counts[Status.PASS] + counts[Status.FAIL],
        zero=counts[Status.ZERO],
        undecided=counts[Status.UNDECIDED],
        kinks=counts[Status.KINK],
        failed=counts[Status.FAIL],
        worst=worst,
        where=where,
    )


def _furthest(findings: Findings, name: str, seen: Array) -> tuple[float, tuple[int, ...]]:
    """The largest relative difference of those seen, and where it is."""
    at = np.flatnonzero(seen)
    a, n = (values[name].reshape(-1)[at] for values in (findings.analytic, findings.numeric))
    larger = np.maximum(np.abs(a), np.abs(n))
    relative = np.abs(a - n) / np.where(larger > 0, larger, 1)
    worst = int(relative.argmax())
    return float(relative[worst]), _index(int(at[worst]), seen.shape)


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
        for k in np.argsort(-excess, kind="stable")[:most]:
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
