"""The engine: every coordinate of a subject, from hygiene to a report, one stage after the other.

    hygiene ─► noise ─► oracle ─► sweep ─► compare ─► second opinion ─► diagnosis ─► report

Nothing here knows what a network is.
"""

from __future__ import annotations

from concurrent.futures import Executor
from dataclasses import replace

import numpy as np

from checks import compare, hygiene, kinks, leniency, oracles, rounding, second, trust
from checks.compare import Status
from checks.jumps import jump
from checks.nest import Array
from checks.oracles import CENTRAL, COMPLEX, RIDDERS, Estimate, named
from checks.report import Diagnosis, Report
from checks.state import Check, Progress, begin, disagree, inspected, spreads
from checks.subject import Subject, within
from checks.sweep import coordinates, sweep
from checks.tally import Findings, report

RERUN = "rerun-disagrees"

# Several numbers in a cost may each be on a stair: it is off by so many of its jumps at most.
STAIRS = 4

# Failing coordinates beyond this many in a tensor are not each looked at again by real differences:
# that many are a bug.
SOUGHT = 4096


@within
def check(
    subject: Subject,
    *,
    rtol: float | None = None,
    method: str = "sweep",
    oracle: str = "auto",
    seed: int = 0,
    progress: Progress = lambda done: None,
    executor: Executor | None = None,
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
    oracle
        "auto" takes the complex step where the cost allows it, and otherwise "ridders"; "central"
        is the plain central difference.
    seed
        Where the randomness of jitter, directions and samples comes from.
    progress
        Called with the number of coordinates done since the last call.
    executor
        Anything that runs the sweep's pieces elsewhere; the numbers are the same to the last bit.
    """
    if method == "naive":
        subject = replace(subject, rerun=None)  # neither here nor for the second opinion
    this = begin(subject, rtol=rtol, method=method, seed=seed, progress=progress, executor=executor)
    analytic = inspected(this)
    return sweep_all(this, analytic, oracle) if analytic else report(this, None)


def sweep_all(this: Check, analytic: dict[str, Array], oracle: str = "auto") -> Report:
    """Sweep with the first oracle that can be believed, and report."""
    findings = _believed(this, analytic, oracle)
    if on_stairs(this, findings):
        findings = _run(this, analytic, RIDDERS)
    return report(this, findings)


def _believed(this: Check, analytic: dict[str, Array], oracle: str) -> Findings:
    """The findings of the first oracle that can be believed, or of the last, with an offence."""
    candidates, suspicion = _candidates(this, oracle)
    exact = None
    for primary, other in candidates:
        findings = _run(this, analytic, primary)
        if exact is not None:
            _acquit(findings, exact)
        this.offences += hygiene.changed_since(this.subject, analytic)
        why = (suspicion if primary == COMPLEX else None) or _doubt(this, findings, other)
        if why is None:
            return findings
        this.notes.append(f"{primary} not believed: {why}")
        if primary == COMPLEX and this.subject.jittered is not None:
            exact = findings
    this.offences.append(disagree(this.notes.pop()))
    return findings


def _acquit(findings: Findings, exact: Findings) -> None:
    """What a network's complex step does not fail, real differences do not fail alone.

    Its functions are known to have complex derivatives, and the steps of a difference may all lie
    beyond a kink, so that they agree on a slope that is none. But neither is it passed.
    """
    for name, status in findings.status.items():
        alone = (status == int(Status.FAIL)) & (exact.status[name] != int(Status.FAIL))
        status[alone] = Status.UNDECIDED


def on_stairs(this: Check, findings: Findings) -> bool:
    """Whether a black box fails where its real cost is a staircase, and is to be looked at again.

    By real differences, which is no pass. What differs by more than the stairs is wrong even so.
    """
    if this.offences or not findings.any(Status.FAIL) or not stairs_are_noise(this):
        return False
    this.oracle, this.suspicious = RIDDERS, True
    return True


def stairs_are_noise(this: Check) -> bool:
    """Whether a black box's real cost is a staircase close by: its jumps then count as noise.

    As where rounding makes stairs of log(1 - p): no step within a stair shows the cost's slope, and
    a complex one shows that of the last digits.
    """
    if this.subject.jittered is not None:
        return False
    height = jump(this.subject, this.rng, **this.scales)
    if height <= this.noise.level:
        return False
    this.notes.append(f"the cost jumps by {height:.2g} close by, which hides its slope")
    this.noise = replace(this.noise, level=STAIRS * height)
    return True


def _candidates(this: Check, oracle: str) -> tuple[list[tuple[str, str]], str | None]:
    """Oracles to try in turn, each with the one that gives the second opinion.

    And why the complex step's numbers are not to be believed even so, if they are not.
    """
    asked = {
        "ridders": (RIDDERS, CENTRAL),
        "central": (CENTRAL, RIDDERS),
        "complex": (COMPLEX, RIDDERS),
    }
    if oracle in asked:
        return [asked[oracle]], None
    doubt = trust.complex_doubt(this.subject, this.rng, **this.scales)
    if doubt is None or doubt.startswith(trust.ALONG):
        return [(COMPLEX, RIDDERS), (RIDDERS, CENTRAL)], doubt
    this.notes.append(f"{COMPLEX} not believed: {doubt}")
    return [(RIDDERS, CENTRAL)], None


def _run(this: Check, analytic: dict[str, Array], oracle: str) -> Findings:
    """Sweep with one oracle, compare, and look for kinks among what differs."""
    this.oracle = oracle
    _compare_reruns(this)
    estimates = sweep(
        this.subject,
        oracle,
        progress=this.progress,
        executor=this.executor,
        **this.scales,
    )
    findings = judge(this, analytic, estimates)
    if this.subject.jittered is None:
        benefit_of_doubt(this, findings)
    everywhere = kinks.along_all(this.subject, this.rng, **this.scales)
    for tensor, (name, status) in enumerate(findings.status.items()):
        flat = status.reshape(-1)
        wrong = np.flatnonzero(flat == Status.FAIL)[:SOUGHT]
        sought = np.arange(flat.size) if everywhere else wrong
        if sought.size:
            analytic_there = analytic[name].reshape(-1)[sought]
            kinked = kinks.on_kinks(this.subject, tensor, sought, analytic_there, **this.scales)
            flat[sought[kinked]] = Status.KINK
    return findings


def benefit_of_doubt(this: Check, findings: Findings) -> None:
    """What a black box must do to fail: its inside cannot be jittered, so rounding is seen in part.

    A difference of less than half of `rtol` breaks no promise: it is undecided, unless it looks
    like single precision; so is one of a few of the oracle's own errors, which is an estimate, and
    one within the gradient function's own noise. And the complex step alone convicts nobody: real
    differences, whose error shows in themselves, must reject the analytic value too.
    """
    if not findings.any(Status.FAIL):
        return
    noise = leniency.gradient_noise(this.subject, this.rng)
    if leniency.looks_single(findings.analytic, findings.numeric, noise):
        return
    for tensor, (name, status) in enumerate(findings.status.items()):
        flat = status.reshape(-1)
        wrong = np.flatnonzero(flat == Status.FAIL)
        a, n = (found[name].reshape(-1)[wrong] for found in (findings.analytic, findings.numeric))
        apart = np.abs(a - n)
        doubtful = 2 * apart <= this.rtol * np.maximum(np.abs(a), np.abs(n))
        doubtful |= apart <= rounding.SAFETY * noise[name].reshape(-1)[wrong]
        if name in findings.error:
            doubtful |= apart <= rounding.BENEFIT * findings.error[name].reshape(-1)[wrong]
        if this.oracle == COMPLEX:
            left = np.flatnonzero(~doubtful)[:SOUGHT]
            rows = _real_rows(this, tensor, wrong[left])
            doubtful[left] = leniency.not_rejected(a[left], n[left], rows)
            if left.size and doubtful[left].all():
                doubtful[:] = True  # what was not looked at stands on the same feet
        flat[wrong[doubtful]] = Status.UNDECIDED


def _real_rows(this: Check, tensor: int, at: Array) -> list[Estimate]:
    """What real differences say of some coordinates, at steps of both sizes that they may have."""
    return [
        row
        for own in (False, True)
        for row in oracles.ridders_rows(
            coordinates(this.subject, tensor, at, own=own, **this.scales)
        )
    ]


def _compare_reruns(this: Check) -> None:
    mistake = second.rerun_mistake(this.subject, this.rng, **this.scales)
    if mistake:
        this.offences.append(
            Diagnosis(
                code=RERUN,
                title="the short rerun and the plain one differ",
                remedy="use the naive method, and report this",
                detail=mistake,
            )
        )


def _doubt(this: Check, findings: Findings, other: str) -> str | None:
    """Why this sweep's numeric values are not to be believed, if they are not."""
    why = second.disagreement(
        this.subject,
        named(other),
        findings.numeric,
        findings.where(Status.FAIL),
        this.rng,
        error=findings.error,
        **this.scales,
    )
    if why:
        return f"{other} disagrees, {why}"
    zero = {name: status == Status.ZERO for name, status in findings.status.items()}
    return second.hidden_slope(this.subject, zero, this.rng, **this.scales)


def judge(this: Check, analytic: dict[str, Array], estimates: list[Estimate]) -> Findings:
    """Hold the analytic values against the numeric ones, each with what rounding explains."""
    names = this.subject.names
    moved = spreads(this, [analytic[name] for name in names])
    numeric, error, tolerance, status = {}, {}, {}, {}
    for name, far, estimate in zip(names, moved, estimates, strict=True):
        a = analytic[name]
        numeric[name] = estimate.slope.reshape(a.shape)
        error[name] = estimate.error.reshape(a.shape)
        tolerance[name] = rounding.tolerance(
            a,
            numeric[name],
            spread=far,
            oracle_error=error[name],
            dtype=a.dtype,
        )
        status[name] = compare.compare(a, numeric[name], tolerance[name], this.rtol)
    return Findings(
        analytic=analytic, numeric=numeric, error=error, tolerance=tolerance, status=status
    )
