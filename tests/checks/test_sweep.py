"""The sweep perturbs every coordinate, one at a time, and puts it back."""

from __future__ import annotations

import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import nullcontext
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from checks import elsewhere, oracles, rounding, sweep
from checks.nest import Array
from checks.oracles import Estimate, Lines
from checks.subject import Subject, black_box
from checks.sweep import (
    coordinates,
    direction,
    everywhere,
    moved_along,
    plain_rerun,
    run,
    signed,
    wide,
)
from checks.trust import complex_cost
from tests.checks.helpers import EPS, by_position, subject, vector

SCALES: dict[str, Any] = {"noise": 4 * EPS, "size": 1.0}
ORACLES = (oracles.COMPLEX, oracles.RIDDERS, oracles.CENTRAL)


@pytest.mark.parametrize("oracle", ORACLES)
@pytest.mark.parametrize("short", [True, False])
def test_every_coordinate_gets_its_slope(oracle: str, *, short: bool) -> None:
    """Tensor by tensor, flat, by either rerun."""
    one = subject() if short else replace(subject(), rerun=None)
    found = sweep.sweep(one, oracle, **SCALES)
    right = one.gradient(one.values)
    assert len(found) == len(one.names)
    for name, estimate in zip(one.names, found, strict=True):
        off = np.abs(estimate.slope - right[name].reshape(-1))
        assert np.all(off <= estimate.error + 1e-14)
        assert np.all(estimate.error < 1e-7)


def test_pieces_join_in_order(monkeypatch: pytest.MonkeyPatch) -> None:
    """However small they are, and with what is left over; progress counts each coordinate once."""
    one = subject()
    whole = sweep.sweep(one, oracles.COMPLEX, **SCALES)
    monkeypatch.setattr(sweep, "PIECE", 7)
    done: list[int] = []
    pieces = sweep.sweep(one, oracles.COMPLEX, progress=done.append, **SCALES)
    for a, b in zip(whole, pieces, strict=True):
        np.testing.assert_allclose(a.slope, b.slope, rtol=1e-12, atol=1e-16)
    assert sum(done) == one.parameters
    assert max(done) == 7


def test_a_piece_is_of_up_to_4096_coordinates(monkeypatch: pytest.MonkeyPatch) -> None:
    """Of one tensor, without overlap or gap."""
    seen: list[tuple[int, int, int]] = []

    def measure(_: Subject, piece: sweep.Piece) -> Estimate:
        seen.append((piece.tensor, piece.start, piece.stop))
        return Estimate(slope=np.zeros(piece.stop - piece.start), error=np.empty(0))

    monkeypatch.setattr(sweep, "measure", measure)
    one = black_box(lambda p: 0.0, lambda p: p, [np.ones(4096), np.ones(4098), np.ones((1, 2))])
    found = sweep.sweep(one, oracles.COMPLEX, **SCALES)
    assert seen == [(0, 0, 4096), (1, 0, 4096), (1, 4096, 4098), (2, 0, 2)]
    assert sweep.count(one) == len(seen)
    assert [e.slope.size for e in found] == [4096, 4098, 2]


def test_each_of_many_tensors_gets_its_own_slopes(monkeypatch: pytest.MonkeyPatch) -> None:
    """Whether pieces come in order or not."""

    def numbered(_: Subject, piece: sweep.Piece) -> Estimate:
        return Estimate(slope=np.full(1, piece.tensor), error=np.full(1, -piece.tensor))

    def backwards(work: Any, shared: Any, pieces: Any, _: Any) -> Any:
        for piece in reversed(pieces):
            yield piece, work(shared, piece)

    monkeypatch.setattr(sweep, "measure", numbered)
    monkeypatch.setattr(elsewhere, "run", backwards)
    one = black_box(lambda p: 0.0, lambda p: p, [np.ones(1)] * 300)
    found = sweep.sweep(one, oracles.COMPLEX, **SCALES)
    assert [(e.slope.tolist(), e.error.tolist()) for e in found] == [
        ([k], [-k]) for k in range(300)
    ]


def test_pieces_go_to_the_executor_that_is_given(monkeypatch: pytest.MonkeyPatch) -> None:
    """And where none is, to threads where there may be any; the numbers are the same."""

    class Counted(ThreadPoolExecutor):
        """Threads that count what they are handed."""

        handed = 0

        def submit(self, *call: Any, **options: Any) -> Any:
            """One more."""
            self.handed += 1
            return super().submit(*call, **options)

    one = subject()
    here = sweep.sweep(one, oracles.COMPLEX, **SCALES)
    with Counted(1) as given, Counted(1) as own:
        monkeypatch.setattr(sweep, "_threads", lambda _: nullcontext(own))
        there = sweep.sweep(one, oracles.COMPLEX, executor=given, **SCALES)
        assert (given.handed, own.handed) == (4, 0)
        in_threads = sweep.sweep(one, oracles.COMPLEX, **SCALES)
        assert (given.handed, own.handed) == (4, 4)
    for a, b, c in zip(here, there, in_threads, strict=True):
        np.testing.assert_array_equal(a.slope, b.slope)
        np.testing.assert_array_equal(a.slope, c.slope)


def test_an_empty_tensor_has_no_slopes() -> None:
    """And does not get in the way of its neighbours."""
    one = black_box(
        lambda p: (p[0] ** 2).sum() + p[1].sum() + p[2] ** 2,
        lambda p: p,
        [np.ones(2), np.ones((0, 3)), np.asarray(3.0)],
    )
    first, empty, last = sweep.sweep(one, oracles.COMPLEX, **SCALES)
    assert (first.slope.shape, empty.slope.shape, empty.error.shape) == ((2,), (0,), (0,))
    np.testing.assert_allclose(last.slope, [6])


def test_the_short_rerun_is_asked_for_every_line() -> None:
    """Where there is one."""
    asked = []

    def rerun(tensor: int, indices: Array, steps: Array) -> Array:
        asked.append(tensor)
        return np.zeros(len(steps), steps.dtype)

    one = replace(subject(), rerun=rerun)
    short = sweep.sweep(one, oracles.COMPLEX, **SCALES)
    assert set(asked) == {0, 1, 2, 3}
    assert not np.any(short[0].slope)
    asked.clear()
    coordinates(one, 1, np.asarray([0]), **SCALES).costs(np.ones(1))
    assert asked == [1]


@pytest.mark.parametrize("step", [0.25, 0.25j])
def test_the_plain_rerun_moves_one_parameter_at_a_time(step: complex) -> None:
    """And puts it back before the next, for real and imaginary steps alike."""
    seen: list[list[complex]] = []

    def cost(p: Array) -> Any:
        seen.append(p.tolist())
        return p @ [1, 10, 100]

    one = vector(cost, cost, [1.0, 2.0, 3.0])
    costs = plain_rerun(one, 0, np.asarray([2, 0]), np.asarray([step, 2 * step]))
    assert seen == [[1, 2, 3 + step], [1 + 2 * step, 2, 3]]
    np.testing.assert_array_equal(costs, [321 + 100 * step, 321 + 2 * step])
    np.testing.assert_array_equal(one.values[0], [1, 2, 3])


def test_each_coordinate_has_a_step_of_its_own() -> None:
    """More of one than of the other is a mistake."""
    one = vector(lambda p: p.sum(), lambda p: p, [1.0, 2.0])
    with pytest.raises(ValueError, match="zip"):
        plain_rerun(one, 0, np.asarray([0, 1]), np.ones(1))


def test_float32_parameters_are_perturbed_in_double_precision() -> None:
    """The oracles' precision does not depend on the subject's."""
    seen = []

    def cost(p: Array) -> float:
        seen.append(p.dtype)
        return float((p**2).sum())

    one = black_box(cost, cost, np.ones(2, np.float32))
    moved = plain_rerun(one, 0, np.asarray([1]), np.asarray([2.0**-30]))
    assert moved[0] == 2 + 2.0**-29 + 2.0**-60
    assert set(seen) == {np.dtype(np.float64)}
    assert [v.dtype for v in wide([np.ones(1, np.float32), np.ones(1, np.longdouble)])] == [
        np.float64,
        np.longdouble,
    ]


def test_lines_along_coordinates_know_their_scales() -> None:
    """Each parameter's own, or its tensor's."""
    one = vector(lambda p: p.sum(), lambda p: p, [3.0, -4.0, 0.0, 0.0])
    lines = coordinates(one, 0, np.asarray([1, 2]), noise=0.5, size=2.0)
    np.testing.assert_array_equal(lines.scale, [4.0, 2.5])
    assert (lines.noise, lines.size) == (0.5, 2.0)
    np.testing.assert_array_equal(lines.costs(np.asarray([1.0, 2.0])), [0.0, 1.0])


def test_a_plain_rerun_can_be_stopped_between_costs(monkeypatch: pytest.MonkeyPatch) -> None:
    """Anyone's cost may take long, and not be wanted any more."""
    asked: list[None] = []
    monkeypatch.setattr(elsewhere, "heed", lambda: asked.append(None))
    plain_rerun(subject(), 0, np.arange(3), np.ones(3))
    assert len(asked) == 3


def test_a_direction_moves_everything_at_once() -> None:
    """By its entry in each tensor, times the step; the slope along it is the sum."""
    one = subject()
    rng = np.random.default_rng(0)
    d = [rng.normal(size=v.shape) for v in one.values]
    lines = direction(one, d, **SCALES)
    slope = oracles.complex_step(lines).slope
    right = one.gradient(one.values)
    expected = sum(float(np.vdot(right[n], e)) for n, e in zip(one.names, d, strict=True))
    np.testing.assert_allclose(slope, [expected], rtol=1e-12)
    np.testing.assert_array_equal(lines.scale, [1.0])


@pytest.mark.parametrize("error", [ZeroDivisionError, ValueError, IndexError, Exception])
def test_a_cost_that_leaves_its_domain_is_not_a_number(error: type[Exception]) -> None:
    """Whatever it raises away from the point; where it raises at the point, too, it is raised on.

    The first error is noted, but none about complex numbers.
    """

    def cost(p: Array) -> float:
        if p[0] != 1:
            raise error(f"no {p[0]}\nat all")
        return 1.0

    one = vector(cost, cost, [1.0])
    assert run(one, one.values) == 1.0
    assert np.isnan(run(one, [np.asarray([2j])]))
    assert one.raised == []
    for _ in range(2):
        assert np.isnan(run(one, [np.asarray([2.0])]))
        assert np.isnan(run(one, [np.asarray([3.0])]))
    assert one.raised == [f"the cost raised {error.__name__}: no 2.0"]
    warns = vector(lambda p: np.log(p).sum() + 1 / (p * 0).sum(), cost, [1.0])
    assert np.isnan(run(warns, [np.asarray([-1.0])]))

    def mistaken(p: Array) -> float:
        raise TypeError("no")

    with pytest.raises(TypeError, match="no"):
        run(vector(mistaken, cost, [1.0]), [np.asarray([2.0])])


def test_what_is_no_exception_ends_a_run() -> None:
    """An interrupt says nothing of the cost."""

    def interrupted(p: Array) -> float:
        if p[0] != 1:
            raise KeyboardInterrupt
        return 1.0

    one = vector(interrupted, interrupted, [1.0])
    with pytest.raises(KeyboardInterrupt):
        run(one, [np.asarray([2.0])])
    with pytest.raises(KeyboardInterrupt):
        complex_cost(one, [np.asarray([2j])])


def test_only_short_reruns_of_many_parameters_get_threads(monkeypatch: pytest.MonkeyPatch) -> None:
    """Anyone's own functions may not be made for more than one."""
    one = subject()
    monkeypatch.setattr(sweep, "PIECE", one.parameters - 1)
    black = replace(one, rerun=None)
    for cores in (1, 2):
        monkeypatch.setattr(elsewhere, "cores", lambda cores=cores: cores)
        with sweep._threads(one) as short, sweep._threads(black) as own:
            assert isinstance(short, ThreadPoolExecutor) is (cores == 2)
            assert own is None
    for piece in (one.parameters, one.parameters + 1):
        monkeypatch.setattr(sweep, "PIECE", piece)
        with sweep._threads(one) as few:
            assert few is None


def test_a_sweep_that_is_given_up_leaves_no_thread_at_work(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Whatever raises, be it the caller's own function."""
    one, ended = subject(), list[int]()

    def measure(subject: Subject, piece: sweep.Piece) -> Estimate:
        for _ in range(1000 * min(piece.start, 1)):
            elsewhere.heed()
            time.sleep(0.01)
        ended.append(piece.start)
        return Estimate(slope=np.empty(0), error=np.empty(0))

    def progress(done: int) -> None:
        raise RuntimeError(str(done))

    monkeypatch.setattr(elsewhere, "cores", lambda: 2)
    monkeypatch.setattr(sweep, "PIECE", 7)
    monkeypatch.setattr(sweep, "measure", measure)
    with pytest.raises(RuntimeError, match="7"):
        sweep.sweep(one, oracles.COMPLEX, progress=progress, **SCALES)
    assert not any(ended)


def test_a_direction_has_a_part_for_each_tensor() -> None:
    """A part that is missing is no part of zeros."""
    with pytest.raises(ValueError, match="zip"):
        moved_along([np.ones(2), np.ones(2)], [np.ones(2)], 1.0)


def test_a_short_part_of_a_direction_moves_the_first_numbers() -> None:
    """In the order in which they are stored; the values themselves stay as they are."""
    values = [np.ones((2, 2)), np.zeros(1)]
    for t in (0.5, 0.5j):
        moved = moved_along(values, [np.asarray([1.0, 2, 3]), np.asarray([4.0])], t)
        np.testing.assert_array_equal(moved[0], [[1 + t, 1 + 2 * t], [1 + 3 * t, 1]])
        np.testing.assert_array_equal(moved[1], [4 * t])
    np.testing.assert_array_equal(values[0], np.ones((2, 2)))


def test_double_precision_is_wide_enough() -> None:
    """It is passed on as it is, for parameters may be many; anything narrower is copied."""
    double, single = np.ones(2), np.ones(2, np.float32)
    first, second = wide([double, single])
    assert first is double
    assert second.dtype == np.float64


def test_shares_of_a_direction_are_none_too_small() -> None:
    """Of either sign, between a half and one and a half, of any shape, and the seed's own."""
    found = signed(np.random.default_rng(0), (100, 50))
    assert (np.abs(found) >= 0.5).all()
    assert (np.abs(found) <= 1.5).all()
    # 5000 of them: four standard deviations of a mean are 0.06 with the signs, 0.02 without
    assert abs(np.mean(found)) < 0.06
    assert abs(np.mean(np.abs(found)) - 1) < 0.02
    np.testing.assert_array_equal(found, signed(np.random.default_rng(0), (100, 50)))
    assert signed(np.random.default_rng(0), ()).shape == ()


def test_a_direction_everywhere_moves_each_parameter_by_about_its_scale() -> None:
    """Up or down; only the first numbers of each tensor, where that is asked for."""
    values = [np.full((20, 10), 2.0**40), np.full(200, 2.0**-40), np.zeros(200)]
    one = black_box(lambda p: 0.0, lambda p: p, values)
    for most, size in ((None, 200), (150, 150), (1000, 200)):
        found = everywhere(one, np.random.default_rng(0), most=most)
        for d, unit in zip(found, (2.0**40, 2.0**-40, 1.0), strict=True):
            assert d.shape == (size,)
            share = np.abs(d) / unit
            assert 0.5 <= share.min() < 0.55
            assert 1.45 < share.max() <= 1.5
            assert d.min() < 0 < d.max()


def test_options_are_given_by_name() -> None:
    """What comes first is what it is about."""
    assert by_position(sweep.sweep) == ["subject", "oracle"]
    assert by_position(coordinates) == ["subject", "tensor", "indices"]
    assert by_position(direction) == ["subject", "d"]
    assert by_position(everywhere) == ["subject", "rng"]


def test_pieces_can_be_looked_up_by() -> None:
    """They do not change, and two of the same are one."""
    first, second = (
        sweep.Piece(tensor=0, start=0, stop=1, oracle="", noise=0.0, size=1.0) for _ in range(2)
    )
    assert {first: 1}[second] == 1


def test_a_lines_scale_is_the_larger_of_two_sizes_or_the_parameters_own() -> None:
    """A tensor's typical size is no less than needed for its zeros; asked for, each has its own."""
    values = np.asarray([0.0, 1e-3, -7.0, 1.0])
    one = vector(lambda p: p.sum(), np.ones_like, values)
    typical = np.sqrt(np.mean(values**2))
    at = np.asarray([3, 0, 1, 2])
    found = coordinates(one, 0, at, noise=0.0, size=1.0)
    assert found.scale == pytest.approx([typical, typical, typical, 7])
    found = coordinates(one, 0, at, noise=0.25, size=0.5, own=True)
    assert found.scale == pytest.approx([1, typical, 1e-3, 7])
    assert (found.noise, found.size) == (0.25, 0.5)


def test_a_piece_is_measured_by_the_tensors_size_first() -> None:
    """A small number among large ones takes steps like theirs."""
    asked: list[float] = []

    def cost(p: Array) -> Any:
        asked.append(float(p[0]))
        return p.sum()

    one = vector(cost, np.ones_like, [2.0**-10, 8.0, 0.0, 0.0])
    piece = sweep.Piece(tensor=0, start=0, stop=1, oracle=oracles.CENTRAL, noise=2.0**-50, size=4.0)
    found = sweep.measure(one, piece)
    assert found.slope == pytest.approx([1])
    longest = max(abs(p - 2.0**-10) for p in asked)
    expected = rounding.central_step(np.asarray([rounding.typical(one.values[0])]), 2.0**-50, 4.0)
    assert longest == 2 * expected


# --- numbers of several units in one array ----------------------------------------------------


def units(ratio: float, *, known: bool = False) -> Subject:
    """A sine of an ordinary number, beside one that is `ratio` times as large."""

    def cost(p: Array) -> Any:
        return np.sin(p[0]) + np.cos(p[1] / ratio)

    one = vector(cost, lambda p: p, [0.75, 1.25 * ratio])
    return replace(one, jittered=lambda rng: one.gradient(one.values)) if known else one


@pytest.mark.parametrize("oracle", [oracles.RIDDERS, oracles.CENTRAL])
@pytest.mark.parametrize("ratio", [1e3, 1e6, 1e9, 1e12])
def test_a_small_number_is_measured_by_steps_of_its_own(oracle: str, ratio: float) -> None:
    """Those of the large one would pass over many turns of the sine, or over all of it."""
    piece = sweep.Piece(tensor=0, start=0, stop=2, oracle=oracle, noise=4 * EPS, size=1.0)
    found = sweep.measure(units(ratio), piece)
    assert found.slope[0] == pytest.approx(np.cos(0.75), rel=1e-7)
    assert abs(found.slope[0] - np.cos(0.75)) <= found.error[0]
    assert found.slope[1] * ratio == pytest.approx(-np.sin(1.25), rel=1e-7)


def test_a_small_numbers_slope_is_as_sure_as_its_own_steps_are() -> None:
    """Longer ones refine it within that, and say nothing beyond."""
    asked: list[tuple[list[float], list[float]]] = []
    one = vector(lambda p: p.sum(), np.ones_like, [1.0, 1e-3, 0.0, -1e-3, 2.0, 1e-3])

    def oracle(line: Lines) -> Estimate:
        own = bool(asked)
        asked.append((line.scale.tolist(), []))
        count = len(line.scale)
        if own:  # of the three small ones
            slope = np.asarray([1.5, 9.0, 1 + 2.0**-10])
            return Estimate(slope=slope, error=np.asarray([0.25, 0.25, 2.0**-12]))
        return Estimate(slope=np.ones(count), error=np.full(count, 2.0**-10))

    found = sweep.slopes(one, 0, np.arange(6), oracle, noise=0.0, size=1.0)
    assert asked[1][0] == [1e-3] * 3
    assert found.slope.tolist() == [1, 1, 1, 9, 1, 1 + 2.0**-10]
    assert found.error.tolist() == [2.0**-10, 0.25, 2.0**-10, 0.25, 2.0**-10, 2.0**-12]


def test_a_networks_small_weights_are_measured_once() -> None:
    """They share a unit, and their functions are known to be smooth."""
    for known, times in ((True, 1), (False, 2)):
        asked: list[int] = []

        def oracle(line: Lines, asked: list[int] = asked) -> Estimate:
            asked.append(len(line.scale))
            return oracles.complex_step(line)

        one = units(1e9, known=known)
        sweep.slopes(one, 0, np.arange(2), oracle, noise=0.0, size=1.0)
        assert asked == [2, 1][:times]


@pytest.mark.parametrize(("part", "small"), [(0.99, True), (1.01, False)])
def test_a_number_is_small_below_a_64th_of_its_tensors_size(part: float, small: bool) -> None:  # noqa: FBT001
    """Zero is not: it has no size of its own."""
    values = np.asarray([[0.0, 2.0**20], [-part * 2.0**13, part * 2.0**13]])  # 2^19 on average
    assert sweep.small(values).tolist() == [False, False, small, small]
