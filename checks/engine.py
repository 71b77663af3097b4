"""The engine: from a subject to a report, one stage after the other.

    hygiene ─► noise ─► oracle ─► sweep ─► compare ─► second opinion ─► diagnosis ─► report

Nothing here knows what a network is.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from checks import compare, diagnosis, hygiene, oracles, rounding
from checks.compare import Status
from checks.nest import Array
from checks.noise import Noise, cost_noise
from checks.oracles import Estimate
from checks.report import FAILURES_KEPT, Diagnosis, Mismatch, Report, Tensor
from checks.subject import Subject
from checks.sweep import sweep, wide

Progress = Callable[[int], None]


@dataclass(frozen=True, kw_only=True)
class Findings:
    """All that the comparison works on, by tensor, in the tensors' shapes."""

    analytic: dict[str, Array]
    numeric: dict[str, Array]
    tolerance: dict[str, Array]
    status: dict[str, Array]
    rtol: float


def check(
    subject: Subject,
    *,
    rtol: float | None = None,
    method: str = "sweep",
    seed: int = 0,
    progress: Progress = lambda done: None,
) -> Report:
    """Check every coordinate of the subject's gradient.

    Parameters
    ----------
    subject
        What to check.
    rtol
        The relative error that is promised to be caught; by default from the parameters' dtype.
    method
        "sweep" uses the subject's faster rerun where there is one, "naive" never does.
    seed
        Where the jitter's randomness comes from.
    progress
        Called with the number of coordinates done since the last call.
    """
    started = time.perf_counter()
    rtol = rounding.default_rtol(subject.dtype) if rtol is None else rtol
    rng = np.random.default_rng(seed)
    analytic, offences = hygiene.inspect(subject)
    if not analytic:
        return _report(subject, None, offences, [], "none", rtol, method, seed, started)
    noise = cost_noise(subject.cost, wide(subject.values), rng)
    if noise.low_precision:
        offences.append(hygiene.offence("cost-low-precision"))
    size = abs(float(subject.cost(wide(subject.values))))
    estimates = sweep(
        subject,
        oracles.complex_step,
        noise=noise.level,
        size=size,
        naive=method == "naive",
        progress=progress,
    )
    findings = judge(subject, analytic, estimates, noise, rtol, rng)
    notes: list[str] = []
    return _report(
        subject, findings, offences, notes, "complex step", rtol, method, seed, started
    )


def judge(
    subject: Subject,
    analytic: dict[str, Array],
    estimates: list[Estimate],
    noise: Noise,
    rtol: float,
    rng: np.random.Generator,
) -> Findings:
    """Hold the analytic values against the numeric ones, each with what rounding explains."""
    spreads = _spreads(subject, analytic, noise, rng)
    numeric, tolerance, status = {}, {}, {}
    for name, value, estimate in zip(subject.names, subject.values, estimates, strict=True):
        numeric[name] = estimate.slope.reshape(value.shape)
        tolerance[name] = rounding.tolerance(
            analytic[name],
            numeric[name],
            spread=spreads[name],
            oracle_error=estimate.error.reshape(value.shape),
            dtype=value.dtype,
        )
        status[name] = compare.compare(analytic[name], numeric[name], tolerance[name], rtol)
    return Findings(
        analytic=analytic, numeric=numeric, tolerance=tolerance, status=status, rtol=rtol
    )


def _spreads(
    subject: Subject, analytic: dict[str, Array], noise: Noise, rng: np.random.Generator
) -> dict[str, Array]:
    """How far rounding moves each analytic value, with a black box's allowance for its inside."""
    names = subject.names
    again = subject.jittered
    if again is not None:
        recompute = again
        moved = rounding.spread(
            [analytic[n] for n in names], lambda: [recompute(rng)[n] for n in names]
        )
        return dict(zip(names, moved, strict=True))

    def perturbed() -> list[Array]:
        g = subject.gradient([rounding.jitter(v, rng) for v in subject.values])
        return [g[n] for n in names]

    moved = rounding.spread([analytic[n] for n in names], perturbed)
    return {
        name: far + noise.level / rounding.scale(value)
        for name, far, value in zip(names, moved, subject.values, strict=True)
    }


def _report(
    subject: Subject,
    findings: Findings | None,
    offences: list[Diagnosis],
    notes: list[str],
    oracle: str,
    rtol: float,
    method: str,
    seed: int,
    started: float,
) -> Report:
    tensors = tuple(_tensor(findings, name) for name in subject.names) if findings else ()
    failed = sum(t.failed for t in tensors)
    failures = _worst(findings, Status.FAIL, FAILURES_KEPT) if findings and failed else []
    passed = _worst(findings, Status.PASS, 1) if findings else []
    if failed and findings and not offences:
        offences = [diagnosis.diagnose(subject, findings.analytic, findings.numeric,
                                       findings.status)]
    return Report(
        verdict=_verdict(tensors, failed, bool(offences)),
        parameters=subject.parameters,
        checked=sum(t.checked for t in tensors),
        zero=sum(t.zero for t in tensors),
        undecided=sum(t.undecided for t in tensors) if tensors else subject.parameters,
        kinks=sum(t.kinks for t in tensors),
        failed=failed,
        rtol=rtol,
        worst=next(iter(failures or passed), None),
        failures=tuple(failures),
        diagnosis=offences[0] if offences else None,
        tensors=tensors,
        method=method,
        oracle=oracle,
        seconds=time.perf_counter() - started,
        seed=seed,
        notes=tuple(notes) + tuple(f"also: {extra}" for extra in offences[1:]),
        repeat=subject.repeat,
    )


def _verdict(tensors: tuple[Tensor, ...], failed: int, offended: bool) -> str:
    """Undecided where nothing was decided, or more of a tensor than not could not be."""
    if failed or offended:
        return "fail"
    undecided = any(t.undecided + t.kinks > t.checked for t in tensors)
    return "undecided" if undecided or not sum(t.checked for t in tensors) else "pass"


def _tensor(findings: Findings, name: str) -> Tensor:
    status = findings.status[name]
    counts = {s: int(np.count_nonzero(status == s)) for s in Status}
    relative = np.where(
        (status == Status.PASS) | (status == Status.FAIL), _relative(findings, name), -1
    )
    at = int(relative.argmax()) if relative.size else 0
    worst = float(relative.reshape(-1)[at]) if relative.size else -1.0
    return Tensor(
        name=name,
        shape=status.shape,
        parameters=status.size,
        checked=counts[Status.PASS] + counts[Status.FAIL],
        zero=counts[Status.ZERO],
        undecided=counts[Status.UNDECIDED],
        kinks=counts[Status.KINK],
        failed=counts[Status.FAIL],
        worst=max(worst, 0.0),
        where=_index(at, status.shape) if worst >= 0 else None,
    )


def _relative(findings: Findings, name: str) -> Array:
    a, n = findings.analytic[name], findings.numeric[name]
    larger = np.maximum(np.abs(a), np.abs(n))
    return np.asarray(np.abs(a - n) / np.where(larger > 0, larger, 1))


def _worst(findings: Findings, status: Status, most: int) -> list[Mismatch]:
    """The coordinates of that status, those furthest beyond their tolerance first."""
    found: list[tuple[float, Mismatch]] = []
    for name, statuses in findings.status.items():
        a, n, tol = (
            values[name].reshape(-1)
            for values in (findings.analytic, findings.numeric, findings.tolerance)
        )
        flat = np.flatnonzero(statuses == status)
        excess = np.abs(a - n)[flat] / tol[flat]
        for k in np.argsort(-excess, kind="stable")[:most]:
            at = flat[k]
            found.append((
                float(excess[k]),
                Mismatch(
                    tensor=name,
                    index=_index(int(at), statuses.shape),
                    analytic=float(a[at]),
                    numeric=float(n[at]),
                    error=float(abs(a[at] - n[at])),
                    tolerance=float(tol[at]),
                ),
            ))
    found.sort(key=lambda pair: -pair[0])
    return [mismatch for _, mismatch in found[:most]]


def _index(flat: int, shape: tuple[int, ...]) -> tuple[int, ...]:
    return tuple(int(i) for i in np.unravel_index(flat, shape)) if shape else ()
