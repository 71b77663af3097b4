"""A check under way: its problem and options, and what its stages have found out so far.

start ─► inspected ─► (a method measures and decides) ─► `checks.methods.conclude`
"""

from __future__ import annotations

import math
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from functools import cache, cached_property
from typing import Any, Unpack

import numpy as np

from checks.methods.options import DEFAULTS, CheckOptions, Options
from checks.oracles import calibration, complex_safety, rounding, thresholds
from checks.oracles.levels import Levels
from checks.oracles.lines import (
    along_directions,
    direction_by_scale,
    direction_by_size,
    step_scales,
)
from checks.oracles.noise import cost_noise
from checks.problem.evaluation import as_number, in_double
from checks.problem.nested import Array
from checks.problem.part import restricted
from checks.problem.problem import FormError, Problem
from checks.verdict import conduct
from checks.verdict.report import Diagnosis

DISAGREE = "oracles-disagree"

# Bytes. Having freed one block of this size, glibc keeps freed memory for the next array instead of
# handing it back and asking for it again page by page (mallopt(3), M_TRIM_THRESHOLD), which can
# take longer than the arithmetic. The block itself is never touched and takes no memory.
KEPT = 2**24


@dataclass(frozen=True, kw_only=True)
class Counted:
    """A function that counts its calls."""

    function: Callable[[Any], Any]
    calls: Counter[str]
    kind: str

    def __call__(self, values: Any) -> Any:
        """Call it, and count that."""
        self.calls[self.kind] += 1
        return self.function(values)


@dataclass(frozen=True, kw_only=True)
class Sizes:
    """The largest slopes of the tensors of which a part is checked: see `rounding.largest`.

    `all` is what there may be rounding of; `drawn` is what a blunt pass is relative to: a value
    that nobody checks excuses none.
    """

    all: list[tuple[float, float]]
    drawn: list[tuple[float, float]]


@dataclass(kw_only=True)
class CheckRun:
    """One check under way: what stays the same through its stages, and what they noted.

    `untraced` says that something differs by more than rounding, and not all of it was found.
    `share` is that of the coordinates that were to be checked.
    `looked` holds what real differences have looked along: tensor, flat indices, levels.
    """

    problem: Problem
    options: CheckOptions
    rtol: float
    started: float
    rng: np.random.Generator
    share: float = 1.0
    beside: Sizes | None = None
    measured: str = "none"
    untraced: bool = False
    offences: list[Diagnosis] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    extra: dict[str, Any] = field(default_factory=dict)
    looked: list[tuple[int, Array, Levels]] = field(default_factory=list)

    def note_looked(self, tensor: int, at: Array, levels: Levels) -> None:
        """Keep what real differences have looked along, by flat index in the whole problem."""
        chosen = self.problem.chosen
        self.looked.append((tensor, chosen[tensor][at] if chosen else at, levels))

    def looked_at(self, tensor: int, flat: int) -> tuple[Array, Array, float] | None:
        """The steps and costs (4, levels) along a coordinate, and its noise; None without any.

        Of what was looked along more than once, the last.
        """
        for which, at, levels in reversed(self.looked):
            if which == tensor and (found := np.flatnonzero(at == flat)).size:
                k = found[0]
                return levels.h[:, k].copy(), levels.costs[:, :, k].copy(), float(levels.noise[k])
        return None

    def progress(self, done: int) -> None:
        """Tell that so many more coordinates are done."""
        if callable(self.options.progress):
            self.options.progress(done)

    @cached_property
    def centre(self) -> float:
        """The cost at the point, in double precision."""
        return float(np.real(as_number(self.problem.cost(in_double(self.problem.values)))))

    @cached_property
    def noise(self) -> float:
        """How far the cost is off; found out when it is first asked for.

        By rounding, which is measured, by what was said of it, and from call to call.
        """
        found = max(self.rounding, self.stated, self.scattered)
        if self.inexact:
            self.notes.append(f"the cost was taken to be exact to {found:.1e}")
            self.extra["cost_error"] = found
        return found

    @property
    def inexact(self) -> bool:
        """Whether the cost is known to be off by more than rounding."""
        return self.options.cost_error is not None or not self.options.repeatable

    @property
    def stated(self) -> float:
        """The error that was stated for the cost at the point."""
        error = self.options.cost_error
        if not callable(error):
            return error or 0.0
        found = error(self.centre)
        try:
            known = float(found)
        except (TypeError, ValueError):
            known = math.nan
        if not (math.isfinite(known) and known >= 0):
            raise FormError(
                f"cost_error: expected a number of 0 or more for the cost {self.centre:g}, got"
                f" {found!r}; give the error as a function of the cost's value"
            )
        return known

    @cached_property
    def scattered(self) -> float:
        """How far apart the costs of several calls at the point are."""
        if self.options.repeatable:
            return 0.0
        values, trials = in_double(self.problem.values), thresholds.JITTERS
        costs = [float(np.real(as_number(self.problem.cost(values)))) for _ in range(trials)]
        return max(costs) - min(costs)

    @cached_property
    def rounding(self) -> float:
        """How far rounding moves the cost.

        That of a network is a mean over its samples, of functions that are known.
        """
        found = np.asarray(as_number(self.problem.cost(in_double(self.problem.values))))
        eps = float(np.finfo(found.dtype if found.dtype.kind == "f" else float).eps)
        if self.problem.parameters > thresholds.MANY or self.problem.jittered is not None:
            return thresholds.SAFETY * eps * abs(self.centre)
        line = along_directions(self.problem, [direction_by_size(self.problem, self.rng)])
        return cost_noise(line, self.centre, eps)

    @cached_property
    def complex_doubt(self) -> str | None:
        """Why the cost cannot be asked for complex slopes at all; None where it can."""
        if self.options.oracle == "real":
            return "real differences were asked for"
        if self.inexact:
            return "the cost is not exact"
        if self.problem.jittered is not None:
            return None  # a network's functions are known
        why = complex_safety.why_not_complex_safe(self.problem, self.centre)
        if why and self.options.oracle == "complex":
            raise FormError(
                f"oracle: expected a cost of complex parameters with 'complex', but {why};"
                " leave it out to have real differences then"
            )
        return why

    @property
    def slack(self) -> float:
        """The relative difference that is no error; of a network all rounding is known."""
        return 0.0 if self.problem.jittered is not None else thresholds.NO_ERROR * self.rtol

    def allowed(self, tensor: int, analytic: Array, numeric: Array, spread: Array) -> Array:
        """How far rounding may have moved the values of one tensor, (m,).

        Inside of a black box numbers are rounded that moving its parameters does not move, as
        1 - a next to a = 1: by some units of what makes the largest slope. NaN, of which nothing is
        known, counts as any number but zero: the terms of a sum that cancels to it may be as much
        larger than all that is left. Where the gradient is zero, a slope that moves the cost
        by less than its last place, over all of a parameter's size, is rounding as well.
        """
        dtype = self.problem.dtype
        known = np.nan_to_num(numeric)
        found = rounding.tolerance(analytic, known, spread=spread, dtype=dtype)
        if self.problem.jittered is None:
            top = self.beside.all[tensor] if self.beside else (0.0, 0.0)
            least = rounding.rounding_of_largest(self.problem.values[tensor], analytic, dtype, top)
            found += np.where(numeric == 0, thresholds.SAFETY**2 / thresholds.UNITS, 1.0) * least
            if np.any((analytic == 0) & (known != 0)):  # as 1 - a of what is saturated altogether
                last_place = float(np.finfo(dtype).eps) * abs(self.centre)
                found += np.where(analytic == 0, last_place / step_scales(self.problem, tensor), 0)
        if np.any(np.abs(known) > 2 * np.abs(analytic)):
            second_order = thresholds.SAFETY * thresholds.COMPLEX_STEP**2
            found += second_order * self.size / step_scales(self.problem, tensor)
        return found

    @cached_property
    def size(self) -> float:
        """How large the cost is, there and a unit of each parameter away.

        Of a complex slope the second-order term is left, as in x³ at 0, whose own slope is zero.
        """
        several = range(thresholds.GROUPS)  # along one its parts may cancel
        directions = [direction_by_scale(self.problem, self.rng) for _ in several]
        lines = along_directions(self.problem, directions)
        costs = np.abs(lines.costs(np.asarray(several), np.ones(len(several))))
        return float(np.max(costs, where=np.isfinite(costs), initial=abs(self.centre)))

    @cached_property
    def blind(self) -> str | None:
        """What the complex step may not see of the cost, if it asks for such a thing."""
        return complex_safety.blind_spot(self.problem)


def start_run(
    problem: Problem, options: CheckOptions = DEFAULTS, /, **changed: Unpack[Options]
) -> CheckRun:
    """A check of `problem`, with nothing done yet: by `options`, some of them `changed`."""
    _keep_what_is_freed()
    options = replace(options, **changed)
    calls: Counter[str] = Counter()
    problem = replace(
        problem,
        raised=[],
        calls=calls,
        cost=Counted(function=problem.cost, calls=calls, kind="cost"),
        costs=problem.costs and Counted(function=problem.costs, calls=calls, kind="cost"),
        gradient=Counted(function=problem.gradient, calls=calls, kind="gradient"),
    )
    return CheckRun(
        problem=problem,
        options=options,
        rtol=rounding.default_rtol(problem.dtype) if options.rtol is None else options.rtol,
        started=time.perf_counter(),
        rng=np.random.default_rng(options.seed),
    )


@cache  # glibc does not forget
def _keep_what_is_freed() -> None:
    np.empty(KEPT, np.int8)


def inspected_gradient(this: CheckRun, *, repeats: bool = True) -> dict[str, Array]:
    """The analytic gradient, after a look at conduct and at the oracles.

    Empty where something was found that leaves nothing to compare.
    """
    seen = conduct.inspect(this.problem, repeats=repeats, repeatable=this.options.repeatable)
    this.offences = seen.offences
    if seen.gradient and this.problem.dtype == np.float64:
        this.centre = float(np.real(as_number(seen.cost)))
    broken = calibration.miscalibrated_oracle() if seen.gradient else None
    if broken:
        this.offences.append(oracles_disagree(f"{broken} gets slopes wrong that are known"))
        return {}
    return seen.gradient


def oracles_disagree(detail: str) -> Diagnosis:
    """The verdict that no oracle can be believed."""
    return Diagnosis(
        code=DISAGREE,
        title="oracles disagree",
        remedy="the gradient was not judged; see whether the cost is smooth and repeatable here",
        detail=detail,
    )


def jittered_gradient(this: CheckRun) -> list[Array]:
    """The analytic gradient once more, with everything stored that can be moved, moved.

    Nothing where it ends on the way.
    """
    problem, rng = this.problem, this.rng
    if problem.jittered is not None:
        found = problem.jittered(rng)
    else:
        whole = problem.whole or problem
        found = conduct.gradient_nearby(whole, [rounding.jitter(v, rng) for v in whole.values])
        if problem.whole is not None:
            found = restricted(whole, problem.chosen, found)
    return [found[name] for name in problem.names if name in found]


def gradient_spreads(
    this: CheckRun,
    analytic: list[Array],
    trials: int = thresholds.JITTERS,
    told: Callable[[], None] | None = None,
) -> list[Array]:
    """How far rounding moves each analytic value; each trial is `told`.

    In single precision at least as far as from what the same function gives in double: moving its
    parameters does not move the data in it, whose sums round as well.
    """

    def again() -> list[Array]:
        moved = jittered_gradient(this) or analytic
        if told is None:
            this.progress(0)  # it may take a while until there is more to tell
        else:
            told()
        return moved

    found = rounding.spread(analytic, again, trials)
    problem = this.problem
    if problem.dtype == np.float64 or problem.jittered is not None:
        return found
    twin = conduct.gradient_nearby(problem, in_double(problem.values))
    return [
        np.fmax(s, np.abs(twin[name] - a)) if name in twin else s
        for name, s, a in zip(problem.names, found, analytic, strict=True)
    ]
