"""A check under way: its subject and settings, and what its stages have noted so far.

begin ─► inspected ─► (a sweep or a probe) ─► `checks.tally` makes the report
"""

from __future__ import annotations

import time
from collections.abc import Callable
from concurrent.futures import Executor
from dataclasses import dataclass, field, replace
from functools import cache, cached_property, partial
from typing import Any, TypedDict

import numpy as np

from checks import hygiene, rounding, second
from checks.nest import Array
from checks.noise import Noise, cost_noise
from checks.report import Diagnosis
from checks.subject import Subject
from checks.sweep import run, wide

Progress = Callable[[int], None]

DISAGREE = "oracles-disagree"

# Bytes. Having freed one block of this size, glibc keeps freed memory for the next array instead of
# handing it back and asking for it again page by page (mallopt(3), M_TRIM_THRESHOLD), which can
# take longer than the arithmetic. The block itself is never touched and takes no memory.
KEPT = 2**24


class Scales(TypedDict):
    """The cost's noise and size, as the oracles want them."""

    noise: float
    size: float


@dataclass(kw_only=True)
class Check:
    """One check under way: what stays the same through its stages, and what they noted.

    Not `thorough` means fewer calls of the functions: for parameters too many to call them often.
    `suspicious` says that something differs by more than `rtol` and cannot be decided.
    """

    subject: Subject
    rtol: float
    method: str
    seed: int
    progress: Progress
    started: float
    thorough: bool = True
    executor: Executor | None = None
    rng: np.random.Generator
    oracle: str = "none"
    suspicious: bool = False
    offences: list[Diagnosis] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    extra: dict[str, Any] = field(default_factory=dict)

    @cached_property
    def noise(self) -> Noise:
        """How far rounding moves the cost; found out when it is first asked for."""
        values = wide(self.subject.values)
        return cost_noise(partial(run, self.subject), values, self.rng, thorough=self.thorough)

    @cached_property
    def centre(self) -> float:
        """The cost at the point, in double precision."""
        return float(self.subject.cost(wide(self.subject.values)))

    @property
    def size(self) -> float:
        """The cost's own size."""
        return abs(self.centre)

    def look_closer(self) -> None:
        """Be thorough from here on."""
        self.thorough = True
        self.__dict__.pop("noise", None)

    @property
    def scales(self) -> Scales:
        """What every line needs to know of the cost."""
        return {"noise": self.noise.level, "size": self.size}


def begin(
    subject: Subject,
    *,
    rtol: float | None,
    method: str,
    seed: int,
    progress: Progress,
    executor: Executor | None = None,
    thorough: bool = True,
) -> Check:
    """A check of `subject`, with nothing done yet."""
    _keep_what_is_freed()
    return Check(
        subject=replace(subject, raised=[]),
        rtol=rounding.default_rtol(subject.dtype) if rtol is None else rtol,
        method=method,
        seed=seed,
        progress=progress,
        started=time.perf_counter(),
        rng=np.random.default_rng(seed),
        executor=executor,
        thorough=thorough,
    )


@cache  # glibc does not forget
def _keep_what_is_freed() -> None:
    np.empty(KEPT, np.int8)


def inspected(this: Check) -> dict[str, Array]:
    """The analytic gradient, after a look at hygiene, at the cost's precision and at the oracles.

    Empty where something was found that leaves nothing to compare.
    """
    subject = this.subject
    seen = hygiene.inspect(subject, repeats=this.thorough)
    analytic, this.offences = seen.gradient, seen.offences
    if analytic and subject.dtype == np.float64:
        this.centre = float(seen.cost)
        if this.thorough and this.noise.low_precision:
            this.offences.append(hygiene.offence("cost-low-precision"))
    broken = second.miscalibrated() if analytic else None
    if broken:
        this.offences.append(disagree(f"{broken} gets slopes wrong that are known"))
        return {}
    return analytic


def disagree(detail: str) -> Diagnosis:
    """The verdict that no oracle can be believed."""
    return Diagnosis(
        code=DISAGREE,
        title="oracles disagree",
        remedy="the gradient was not judged; see whether the cost is smooth and repeatable here",
        detail=detail,
    )


def jittered(this: Check) -> list[Array]:
    """The analytic gradient once more, with everything stored that can be moved, moved.

    Nothing where it ends on the way.
    """
    subject, rng = this.subject, this.rng
    if subject.jittered is not None:
        found = subject.jittered(rng)
    else:
        found = hygiene.near(subject, [rounding.jitter(v, rng) for v in subject.values])
    return [found[name] for name in subject.names if name in found]


def spreads(this: Check, analytic: list[Array], trials: int = rounding.JITTERS) -> list[Array]:
    """How far rounding moves each analytic value, with a black box's allowance for its inside."""
    moved = rounding.spread(analytic, lambda: jittered(this) or analytic, trials)
    if this.subject.jittered is None:
        level = own_noise(this)
        for far, value in zip(moved, this.subject.values, strict=True):
            far += level / rounding.scale(value)
    return moved


def own_noise(this: Check) -> float:
    """The cost's noise in the parameters' own dtype, in which the analytic value was computed."""
    subject = this.subject
    eps = float(np.finfo(subject.dtype).eps)
    if eps <= float(np.finfo(np.float64).eps):
        return this.noise.level
    found = cost_noise(partial(run, subject), subject.values, this.rng, thorough=False).level
    return max(found, eps * this.size, this.noise.level)
