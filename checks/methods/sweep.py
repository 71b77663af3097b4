"""The sweep: every coordinate, measured and decided.

    inspect ─► choose lines ─► measure slopes ─► decide ─► conclude

Where the cost takes complex parameters, the complex step measures every slope; real differences
confirm it along lines through many coordinates, and look at single ones where that fails or where
the analytic value differs. Where it does not, real differences look at every coordinate.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Executor, ThreadPoolExecutor
from contextlib import AbstractContextManager, closing, nullcontext
from dataclasses import dataclass, replace
from typing import Any, Unpack

import numpy as np

from checks.methods.conclude import conclude
from checks.methods.judge import Judge, Values
from checks.methods.options import DEFAULTS, CheckOptions, Options
from checks.methods.run import (
    CheckRun,
    Sizes,
    gradient_spreads,
    inspected_gradient,
    oracles_disagree,
    start_run,
)
from checks.oracles import calibration, confirmation, registry, rounding, thresholds
from checks.oracles.levels import Levels, kinks
from checks.oracles.lines import (
    along_coordinates,
    along_directions,
    direction_by_size,
    random_signed_weights,
    step_scales,
)
from checks.parallel import executors
from checks.problem.evaluation import displaced, perturbed_costs
from checks.problem.nested import Array
from checks.problem.part import elsewhere
from checks.problem.problem import Problem, in_its_block
from checks.verdict import conduct
from checks.verdict.findings import Findings, gather
from checks.verdict.report import Report
from checks.verdict.rule import Ruling, Status, consensus

Look = Callable[[CheckRun, dict[str, Array]], Findings]

COMPLEX, REAL = "complex step", "real differences"

# Coordinates to a piece: enough to be worth sending, few enough for progress to be seen. Real
# differences run anyone's cost some times for each.
PIECE, REAL_PIECE = 4096, 512


@in_its_block
def sweep(
    problem: Problem,
    options: CheckOptions = DEFAULTS,
    /,
    *,
    look: Look | None = None,
    **changed: Unpack[Options],
) -> Report:
    """Check every coordinate of the problem's gradient.

    The method "sweep" uses the problem's faster rerun where there is one, "naive" never does.
    `look` measures and decides, if not all coordinates at once: see `checks.methods.in_parts`.
    """
    this = start_run(problem, options, **changed)
    if this.options.method == "naive":
        this.problem = replace(this.problem, rerun=None)
    analytic = inspected_gradient(this)
    if not analytic:
        return conclude(this, None)
    findings = (look or sweep_all)(this, analytic)
    this.offences += conduct.changed_since(this.problem, analytic)
    return conclude(this, findings)


def sweep_all(this: CheckRun, analytic: dict[str, Array]) -> Findings:
    """Measure and decide every coordinate."""
    problem = this.problem
    given = [np.asarray(analytic[name]) for name in problem.names]
    moved = [far.reshape(-1) for far in gradient_spreads(this, given)]
    given = [g.reshape(-1).astype(np.float64) for g in given]
    exact = complex_slopes(this)
    allowed = [
        this.allowed(k, a, s, m)
        for k, (a, s, m) in enumerate(zip(given, exact, moved, strict=True))
    ]
    judge = Judge(this=this)
    values = values_to_judge(problem, given, exact, allowed, this.beside)
    if this.measured == REAL:
        rulings = _by_real_differences(judge, values)
    else:
        rulings = _by_complex_step(judge, values)
    judge.reconsider()
    if judge.cases:
        _call_witness(judge, rulings)
    return gather({name: analytic[name] for name in problem.names}, rulings, allowed)


def complex_slopes(this: CheckRun) -> list[Array]:
    """The complex slope along every coordinate, tensor by tensor, flat; NaN where there is none."""
    problem = this.problem
    this.measured = REAL if this.complex_doubt else COMPLEX
    found = [np.full(v.size, np.nan) for v in problem.values]
    if this.complex_doubt:
        if this.options.oracle != "real":
            this.notes.append(f"{COMPLEX} not usable: {this.complex_doubt}")
        return found
    for piece, (slope, calls) in _run(this, _complex_piece, pieces(problem, PIECE)):
        # Infinity is no slope to hold anything against, least of all to measure others by.
        found[piece.tensor][piece.start : piece.stop] = np.where(np.isfinite(slope), slope, np.nan)
        _count(this, calls)
        this.progress(piece.stop - piece.start)
    return found


def values_to_judge(
    problem: Problem,
    given: list[Array],
    exact: list[Array],
    allowed: list[Array],
    beside: Sizes | None = None,
) -> list[Values]:
    """What is to be judged, tensor by tensor, beside what is not looked at here."""
    either = [np.fmax(np.abs(a), np.abs(s)) for a, s in zip(given, exact, strict=True)]
    largest = [
        rounding.largest_slope_and_change(v, g) for v, g in zip(problem.values, either, strict=True)
    ]
    top = _most(largest)
    of_all = top
    if beside is not None:
        largest = [_most(pair) for pair in zip(largest, beside.drawn, strict=True)]
        top, of_all = _most(largest), _most([top, *beside.all])
    return [
        Values(
            analytic=a,
            exact=s,
            rounding=r,
            largest=np.full(a.shape, most[0]),
            top=top[0],
            least=rounding.rounding_of_largest(v, g, problem.dtype, of_all)
            if problem.jittered is None
            else 0 * a,
        )
        for a, s, r, v, g, most in zip(
            given, exact, allowed, problem.values, either, largest, strict=True
        )
    ]


def _most(sizes: Iterable[tuple[float, float]]) -> tuple[float, float]:
    slopes, changes = zip(*sizes, strict=True)
    return max(slopes), max(changes)


# --- by real differences ------------------------------------------------------------------------


def _by_real_differences(judge: Judge, values: list[Values]) -> list[Ruling]:
    """Look along every coordinate, wherever the executor does it."""
    this = judge.this
    chosen = pieces(this.problem, REAL_PIECE)
    scans = []
    for piece in chosen:
        wanted, target = judge.aim(values[piece.tensor].of(piece.at))
        scans.append(
            Scan(piece=piece, wanted=wanted, target=target, centre=this.centre, noise=this.noise)
        )
    rulings = [judge.at_once(each) for each in values]
    found = {}
    for each, (levels, calls) in _run(this, _real_piece, scans):
        found[each.piece] = levels
        _count(this, calls)
        this.progress(each.piece.stop - each.piece.start)
    for piece in chosen:  # in one order, wherever they were measured
        levels = found[piece]
        lines = along_coordinates(this.problem, piece.tensor, piece.at)
        levels.lines = lines
        judge.look(
            lines,
            values[piece.tensor].of(piece.at),
            into=rulings[piece.tensor],
            tensor=piece.tensor,
            at=piece.at,
            taken=levels,
        )
        this.note_looked(piece.tensor, piece.at, levels)
    return rulings


def _call_witness(judge: Judge, rulings: list[Ruling]) -> None:
    """Hold what real differences bore out against a plain difference along one direction.

    It moves every coordinate by a part of the step at which that was seen best.
    """
    this = judge.this
    steps = [np.zeros(r.status.size) for r in rulings]
    for case in judge.cases:
        found, numeric = case.levels.evidence(), rulings[case.tensor].numeric[case.at]
        held = (found.lo <= numeric) & (numeric <= found.hi)
        best = np.argmin(np.where(held, found.width, np.inf), axis=0)
        at = np.arange(best.size)
        steps[case.tensor][case.at] = case.levels.h[best, at] / 4
    d, expected, error = [], 0.0, 0.0
    for ruling, step in zip(rulings, steps, strict=True):
        known = np.isfinite(ruling.numeric + ruling.error)
        along = np.where(known, random_signed_weights(this.rng, step.size) * step, 0.0)
        d.append(along)
        expected += float(np.dot(np.where(known, ruling.numeric, 0.0), along))
        error += float(np.dot(np.where(known, ruling.error, 0.0), np.abs(along)))
    noise = max([this.noise, *(float(case.levels.noise.max()) for case in judge.cases)])
    line = along_directions(this.problem, [d])
    said = calibration.witness(line, this.centre, noise, expected, error)
    if said:
        this.offences.append(oracles_disagree(said))


@dataclass(frozen=True, eq=False, kw_only=True)
class Scan:
    """A piece to be looked at by real differences, and what is wanted of each line."""

    piece: Piece
    wanted: Array
    target: Array
    centre: float
    noise: float


@in_its_block
def _real_piece(problem: Problem, scan_: Scan) -> tuple[Levels, dict[str, int]]:
    before = dict(problem.calls)
    lines = along_coordinates(problem, scan_.piece.tensor, scan_.piece.at)
    levels = Levels(lines, scan_.centre, scan_.noise)
    registry.scan(levels, scan_.wanted, scan_.target)
    levels.lines = None  # type: ignore[assignment]  # it cannot be sent back
    return levels, _since(problem, before)


def _since(problem: Problem, before: dict[str, int]) -> dict[str, int]:
    """The calls since then, with the process that made them."""
    made = {kind: n - before.get(kind, 0) for kind, n in problem.calls.items()}
    return {**made, "process": os.getpid()}


# --- by the complex step, and what confirms it ------------------------------------------------


def _by_complex_step(judge: Judge, values: list[Values]) -> list[Ruling]:
    """Decide by complex slopes, and look where these are not borne out, or differ."""
    this = judge.this
    support, doubted = confirm_complex_slopes(this, values)
    rulings = []
    for tensor, each in enumerate(values):
        ruling = judge.at_once(each, support[tensor] if this.blind else 0.0)
        doubtful = doubted[tensor] | ruling.suspect | ~np.isfinite(each.exact)
        at = np.flatnonzero(doubtful | (ruling.status == Status.FAIL))
        if at.size:
            look_at(judge, tensor, at, each, ruling)
        rulings.append(ruling)
    return rulings


def look_at(
    judge: Judge,
    tensor: int,
    places: Array,
    values: Values,
    ruling: Ruling,
    *,
    at: Array | None = None,
) -> None:
    """Look at coordinates one by one; where many are suspects, at the rest only if some are not.

    Values and ruling are those of the tensor, or of its coordinates `at`; `places` are positions in
    them. What is not looked at is wrong like those that were.
    """
    chosen = values.of(places)
    first = np.argsort(-np.abs(chosen.analytic - chosen.exact) / chosen.rounding, kind="stable")
    alike = not judge.this.blind and bool(
        np.all(np.isfinite(chosen.exact) & ruling.suspect[places])
    )
    few = min(-(-places.size // 4), thresholds.LOOKED) if alike else places.size
    some = np.sort(first[:few])
    rest = np.delete(places, some)
    for which in (places[some], rest):
        if which is rest and np.all(ruling.status[places[some]] == Status.FAIL):
            ruling.status[rest] = Status.FAIL
        elif which.size:
            _look_at(judge, tensor, which, values.of(which), ruling, at=at)


def _look_at(
    judge: Judge, tensor: int, places: Array, values: Values, ruling: Ruling, *, at: Array | None
) -> None:
    where = places if at is None else at[places]

    def around(some: Array, *, everything: bool) -> tuple[Array, Array]:
        return _around(judge.this, tensor, where[some], values.of(some), everything=everything)

    def beside(some: Array) -> tuple[Array, Array]:
        return _beside(judge.this, tensor, where[some])

    plain = replace(judge.this.problem, rerun=None)  # no faster rerun speaks for itself
    lines = along_coordinates(plain, tensor, where)
    judge.look(lines, values, into=ruling, tensor=tensor, at=places, around=around, beside=beside)
    judge.this.note_looked(tensor, where, judge.cases[-1].levels)


def confirm_complex_slopes(this: CheckRun, values: list[Values]) -> tuple[list[Array], list[Array]]:
    """How far real differences bear the complex slopes out, and which slopes they doubt.

    By tensor: the error that could hide in each slope, and whether it has to be looked at.
    """
    support = [np.full(v.exact.shape, np.inf) for v in values]
    doubted = [np.zeros(v.exact.shape, bool) for v in values]
    slopes, allowed = [v.exact for v in values], [v.rounding for v in values]
    groups = confirmation.groups(this.problem, slopes, allowed, this.rng)
    evidence = confirmation.measure_groups(this.problem, groups, this.centre, this.noise, this.rtol)
    lo, hi = consensus(evidence)
    kinked, any_sharp = kinks(evidence).at, False
    for k, group in enumerate(groups):
        holds = lo[k] - group.rounded <= group.expected <= hi[k] + group.rounded
        if holds:
            support[group.tensor][group.at] = (hi[k] - lo[k]) / np.abs(group.d)
        any_sharp |= bool(holds and 4 * (hi[k] - lo[k]) <= group.say)
        doubted[group.tensor][group.at] = kinked[k] or not holds
        if not holds:
            some = group.at[: thresholds.LOOKED]
            _require_same_reruns(this, group.tensor, some, allowed[group.tensor][some])
        if this.blind:
            needed = this.rtol * np.abs(slopes[group.tensor][group.at])
            doubted[group.tensor][group.at] |= support[group.tensor][group.at] > needed
    for tensor, r in enumerate(allowed):
        some = this.rng.integers(r.size, size=min(r.size, 1))
        _require_same_reruns(this, tensor, some, r[some])
    if not any_sharp and this.problem.jittered is None:
        doubted = [np.ones(d.shape, bool) for d in doubted]
    return support, doubted


def _require_same_reruns(this: CheckRun, tensor: int, at: Array, rounded: Array) -> None:
    """See that both reruns agree: on a sample, and where real differences bear a group not out."""
    problem = this.problem
    if problem.rerun is None or this.offences:
        return
    steps = thresholds.COMPLEX_STEP * step_scales(problem, tensor)[at]
    short = problem.rerun(tensor, at, 1j * steps).imag
    plain = perturbed_costs(problem, tensor, at, 1j * steps).imag
    off = np.abs(short - plain) > np.maximum(thresholds.BLUNT * np.abs(plain), rounded * steps)
    if np.any(off):
        where = f"{problem.names[tensor]}, flat index {at[np.argmax(off)]}"
        this.offences.append(
            oracles_disagree(f"the short rerun and the plain one differ in {where}")
        )


def _around(
    this: CheckRun, tensor: int, at: Array, values: Values, *, everything: bool
) -> tuple[Array, Array]:
    """Analytic and complex slopes of some coordinates at places around the point, (POINTS, m)."""
    problem, points = this.problem, thresholds.POINTS
    name = problem.names[tensor]
    sizes = [rounding.rms_scale(v) for v in problem.values if v.any()]
    zero = float(np.median(sizes)) if everything and sizes else 0.0
    d = [
        e * (1.0 if v.any() else zero)
        for e, v in zip(direction_by_size(problem, this.rng), problem.values, strict=True)
    ]
    analytic = np.tile(values.analytic, (points, 1))
    exact = np.tile(values.exact, (points, 1))
    for row in range(points):
        t = (row - points // 2) * thresholds.APART
        if t == 0:
            continue
        moved = displaced(problem.values, d, t)
        moved = [m.astype(v.dtype) for m, v in zip(moved, problem.values, strict=True)]
        there = elsewhere(problem, moved)
        found = conduct.gradient_nearby(problem, [m.copy() for m in moved])
        analytic[row] = found[name].reshape(-1)[at] if found else np.nan
        exact[row] = registry.complex_step(along_coordinates(there, tensor, at))[0]
    return analytic, exact


def _beside(this: CheckRun, tensor: int, at: Array) -> tuple[Array, Array]:
    """The complex slopes of some coordinates just below and just above the point, (m,) each."""
    sizes = step_scales(this.problem, tensor)[at]
    step, aside = thresholds.COMPLEX_STEP * sizes, thresholds.SPACINGS[0] * sizes
    below, above = (
        perturbed_costs(this.problem, tensor, at, side * aside + 1j * step).imag / step
        for side in (-1, 1)
    )
    return below, above


# --- pieces, here or elsewhere ----------------------------------------------------------------


@dataclass(frozen=True, kw_only=True)
class Piece:
    """A run of coordinates of one tensor."""

    tensor: int
    start: int
    stop: int

    @property
    def at(self) -> Array:
        """Their flat indices."""
        return np.arange(self.start, self.stop)


def pieces(problem: Problem, size: int) -> list[Piece]:
    """All coordinates, a piece at a time."""
    return [
        Piece(tensor=k, start=start, stop=min(start + size, v.size))
        for k, v in enumerate(problem.values)
        for start in range(0, v.size, size)
    ]


def piece_count(problem: Problem) -> int:
    """How many pieces a sweep of the problem has at the least."""
    return len(pieces(problem, PIECE))


@in_its_block
def _complex_piece(problem: Problem, piece: Piece) -> tuple[Array, dict[str, int]]:
    before = dict(problem.calls)
    slope = registry.complex_step(along_coordinates(problem, piece.tensor, piece.at))[0]
    return slope, _since(problem, before)


def _run(this: CheckRun, work: Any, chosen: Iterable[Any]) -> Iterator[tuple[Any, Any]]:
    with (
        _executor(this) as executor,
        closing(executors.map_chunks(work, this.problem, list(chosen), executor)) as found,
    ):
        yield from found


def _count(this: CheckRun, calls: dict[str, int]) -> None:
    """Add the calls of a piece that another process has run; its own are counted already."""
    if calls.pop("process") != os.getpid():
        this.problem.calls.update(calls)


def _executor(this: CheckRun) -> AbstractContextManager[Executor | None]:
    """The one asked for, or a thread for each core where reruns are long array operations.

    Those do not hold Python up. Anyone's own functions are run in one thread: they may not be made
    for more.
    """
    if this.options.executor is not None:
        return nullcontext(this.options.executor)
    problem, cores = this.problem, executors.cores()
    if problem.rerun is None or problem.parameters <= PIECE or cores == 1:
        return nullcontext()
    return ThreadPoolExecutor(cores)
