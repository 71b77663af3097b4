from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from checks.oracles import thresholds
from checks.oracles.levels import HOME, LEVELS, Evidence, Levels, interval, joined, kinks, scan
from checks.oracles.lines import Lines
from checks.problem.nested import Array
from checks.verdict.rule import consensus
from tests.checks.problems import EPS, Counting, evidence, line, scanned

SIZES = st.floats(-4, 4)
SMOOTH: dict[str, tuple[Callable[[Array], Any], float]] = {
    "sine": (lambda t: np.sin(1 + t), np.cos(1)),
    "exponential": (np.exp, 1.0),
    "cubic": (lambda t: 2 - t + 3 * t**2 - t**3, -1.0),
    "sigmoid": (lambda t: 1 / (1 + np.exp(-2 - t)), 1 / (2 + 2 * np.cosh(2))),
}


def at(f: Callable[[Any], Any], h: float, sigma: float = 0.0) -> Evidence:
    """One level of f at the step h, (1,)."""
    steps = np.asarray([h, -h, h / 2, -h / 2])
    costs = np.asarray([f(t) for t in steps], np.float64)[:, None]
    return interval(costs, np.full(1, h), float(f(np.float64(0))), np.full(1, sigma))


def holds(found: Evidence, slope: float, slack: float = 0.0) -> bool:
    """Whether the only interval holds a slope."""
    return bool(np.all((found.lo - slack <= slope) & (slope <= found.hi + slack)))


# --- one level ------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", SMOOTH)
def test_a_smooth_line_s_interval_holds_the_slope_and_narrows_with_the_square_of_the_step(
    name: str,
) -> None:
    """By 16 for a factor of 4, and by 64 for a factor of 8."""
    f, slope = SMOOTH[name]
    wide, by_4, by_8 = (at(f, 2.0**-k) for k in (6, 8, 9))
    for found in (wide, by_4, by_8):
        assert found.smooth.all()
        assert holds(found, slope)
    np.testing.assert_allclose(wide.width / by_4.width, 16, rtol=0.1)
    np.testing.assert_allclose(wide.width / by_8.width, 64, rtol=0.1)


@given(s=SIZES, bend=SIZES, term=SIZES, order=st.sampled_from([3, 5, 7]), k=st.integers(0, 20))
def test_a_polynomial_s_interval_holds_its_slope(
    *, s: float, bend: float, term: float, order: int, k: int
) -> None:
    """Whatever the order of its truncation: a bend has none."""
    h = 2.0**-k
    found = at(lambda t: s * t + bend * t**2 + term * t**order, h)
    assert holds(found, s, 64 * EPS * (abs(s) + abs(bend) + abs(term)) + 1e-300)


WITHIN = st.floats(0, 1, exclude_min=True, exclude_max=True)
JUMPS = st.floats(-4, 4).filter(lambda j: abs(j) > 1e-3)


@given(
    x=WITHIN, jump=JUMPS, s=SIZES, bend=SIZES, side=st.sampled_from([-1, 1]), k=st.integers(0, 16)
)
def test_a_kink_anywhere_within_a_level_leaves_the_slope_in_its_interval(
    *, x: float, jump: float, s: float, bend: float, side: int, k: int
) -> None:
    """The one at the point, on whichever side the kink is, however much the line bends besides."""
    h = 2.0**-k
    found = at(lambda t: s * t + bend * t**2 + jump * np.maximum(side * t - x * h, 0), h)
    assert holds(found, s, 256 * EPS * (abs(s) + abs(bend) + abs(jump)))


@given(x=WITHIN, cubic=SIZES, bend=SIZES, side=st.sampled_from([-1, 1]))
@example(x=0.25, cubic=-1 / 6, bend=0.0, side=1)
@example(x=1 / 3, cubic=-2 / 9, bend=0.0, side=1)
def test_a_kink_that_a_third_derivative_hides_is_missed_by_a_ninth_and_not_next_door(
    *, x: float, cubic: float, bend: float, side: int
) -> None:
    """Of its jump, here 1; a factor of RATIO further in, the slope is held."""
    line_ = lambda t: bend * t**2 + cubic * t**3 + np.maximum(side * t - x, 0)  # noqa: E731
    wide, near = at(line_, 1.0), at(line_, 1 / thresholds.RATIO)
    slack = 64 * EPS * (1 + abs(cubic) + abs(bend))
    assert holds(wide, 0.0, 1 / 9 + slack)
    assert holds(wide, 0.0, slack) or holds(near, 0.0, slack)


@given(s=SIZES, jump=st.floats(0.01, 4), bend=SIZES, k=st.integers(4, 16))
def test_a_kink_at_the_point_leaves_the_hull_of_both_slopes(
    s: float, jump: float, bend: float, k: int
) -> None:
    """Blunt but true: it holds both, and is no wider than the bend adds."""
    h = 2.0**-k
    found = at(lambda t: s * t + bend * t**2 + jump * np.maximum(t, 0), h)
    assert not found.smooth[0] or 4 * abs(bend) * h > jump / 8
    if not found.smooth[0]:
        assert holds(found, s, 1e-9)
        assert holds(found, s + jump, 1e-9)
        assert found.width[0] <= jump + 8 * abs(bend) * h + 1e-9


@given(
    noise=st.lists(st.floats(-3, 3), min_size=4, max_size=4),
    sigma=st.floats(1e-12, 1e-3),
    s=SIZES,
    k=st.integers(0, 20),
)
def test_noise_of_a_known_size_leaves_the_slope_in_the_interval(
    noise: list[float], sigma: float, s: float, k: int
) -> None:
    """Up to three of its standard deviations in each cost, whatever their signs."""
    h, steps = 2.0**-k, iter([0.0, *noise])
    costs = np.asarray([s * t + sigma * next(steps) for t in (0, h, -h, h / 2, -h / 2)])
    found = interval(costs[1:, None], np.full(1, h), 0.0, np.full(1, sigma))
    assert found.noise[0] == thresholds.NOISE_GAIN * sigma / h
    assert holds(found, s, 16 * EPS * (abs(s) + sigma / h))


def test_a_level_that_is_not_finite_says_nothing() -> None:
    """Beside one that is."""
    costs = np.asarray([[np.nan, 1.0], [-1.0, -1.0], [0.5, 0.5], [-0.5, np.inf]])
    found = interval(costs, np.ones(2), 0.0, np.zeros(2))
    assert np.isnan([found.lo, found.hi, found.h, found.noise]).all()
    assert not found.smooth.any()


# --- a scan ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", SMOOTH)
@pytest.mark.parametrize("size", [1e-9, 1.0, 1e9])
def test_a_right_smooth_line_is_settled_by_four_costs(name: str, size: float) -> None:
    """At the first level: sharp enough, and it holds what is wanted."""
    f, slope = SMOOTH[name]
    counted = Counting(lambda t: size * f(t))
    levels, found = scanned(counted, size * slope, noise=size * EPS)
    assert counted.calls - 1 == 4  # but for the centre
    assert np.flatnonzero(levels.taken[:, 0]).tolist() == [HOME]
    assert found.smooth[HOME]
    assert holds(found.level(HOME), size * slope, 1e-9 * size)
    assert found.width[HOME, 0] <= 1e-6 * abs(size * slope)


@pytest.mark.parametrize("name", SMOOTH)
@pytest.mark.parametrize("factor", [-1.0, 0.0, 0.99, 1.0001, 2.0])
def test_a_wrong_smooth_line_is_settled_by_eight_more(name: str, factor: float) -> None:
    """The closest level that can tell, and the one beside it: both leave out what is wanted."""
    f, slope = SMOOTH[name]
    counted = Counting(f)
    _, found = scanned(counted, factor * slope)
    assert counted.calls - 1 <= 4 + 8
    lo, hi = consensus(found)
    assert lo[0] <= slope <= hi[0]
    assert not lo[0] <= factor * slope <= hi[0]


def test_a_constant_line_is_flat() -> None:
    """It has a slope of zero, up to what noise could hide."""
    levels, found = scanned(np.ones_like, 0.0)
    taken = np.flatnonzero(levels.taken[:, 0])
    assert levels.flat(taken, np.zeros(taken.size, int)).all()
    assert holds(found.level(int(taken[-1])), 0.0)
    assert levels.noise[0] == EPS


@pytest.mark.parametrize("height", [1e-9, 1e-6, 1e-3])
def test_stairs_are_recognised(height: float) -> None:
    """A rounded cost has noise of half a stair, and its slope is found from far enough out."""
    levels, found = scanned(lambda t: np.round(np.sin(1 + t) / height) * height, np.cos(1))
    assert height / 4 <= levels.noise[0] <= height
    lo, hi = consensus(found)
    assert lo[0] <= np.cos(1) <= hi[0]
    assert hi[0] - lo[0] < 0.5


@pytest.mark.parametrize("distance", [2.0**-18, 2.0**-10, 2.0**-5])
def test_a_dead_unit_is_no_staircase(distance: float) -> None:
    """Flat close by, and a kink further out: its slope is zero, and it has no more noise."""
    levels, found = scanned(lambda t: 1 + np.maximum(t - distance, 0), 0.0)
    assert levels.noise[0] <= 2 * EPS
    lo, hi = consensus(found)
    assert lo[0] <= 0 <= hi[0]
    assert hi[0] - lo[0] < 1e-3


@pytest.mark.parametrize("amplitude", [1e-10, 1e-7])
@pytest.mark.parametrize("factor", [1.0, -1.0])
def test_a_rough_line_is_seen_to_be_noisy(amplitude: float, factor: float) -> None:
    """Though no noise was found beforehand; by chance it may look smooth, once in ten times."""
    held = []
    for phase in range(40):
        scatter = lambda t, k=phase: 1e5 * np.sin(1e15 * t + k) % 2 - 1  # noqa: E731
        f = lambda t, s=scatter: np.sin(1 + t) + amplitude * (s(t) - s(0 * t))  # noqa: E731
        _, found = scanned(f, factor * np.cos(1))
        lo, hi = consensus(found)
        held.append(bool(lo[0] <= np.cos(1) <= hi[0]))
        assert not lo[0] <= -np.cos(1) <= hi[0] or hi[0] - lo[0] > 1
    assert np.mean(held) >= 0.9


@pytest.mark.parametrize("near", [1e-9, 1e-6, 1e-3])
def test_a_pole_near_is_kept_clear_of(near: float) -> None:
    """The logarithm ends a little way off; the slope is found from there on inward."""
    f = lambda t: np.log(np.where(t > -near, near + t, np.nan))  # noqa: E731
    for factor in (1.0, -1.0):
        _, found = scanned(f, factor / near, noise=abs(np.log(near)) * EPS)
        lo, hi = consensus(found)
        assert lo[0] <= 1 / near <= hi[0]
        assert hi[0] - lo[0] < 1e-3 / near


def test_a_line_without_a_neighbour_is_not_known() -> None:
    """Whatever is wanted of it."""
    _, found = scanned(lambda t: np.where(t == 0, 1.0, np.nan), 1.0)
    assert np.isnan(found.lo).all()
    assert not np.isfinite(consensus(found)[0]).any()


@pytest.mark.parametrize("length", [1e-3, 1e-5, 1e-7])
def test_a_short_wave_is_followed_inward(length: float) -> None:
    """The slope of a wave much shorter than the parameter is large, and the one that counts."""
    f = lambda t: 1 + np.sin(t / length)  # noqa: E731
    for factor in (1.0, 0.5):
        _, found = scanned(f, factor / length)
        lo, hi = consensus(found)
        assert lo[0] <= 1 / length <= hi[0]
        assert hi[0] - lo[0] < 1e-3 / length


@pytest.mark.parametrize("weight", [1e-8, 1e-12])
def test_weights_near_zero_are_moved_by_more_than_themselves(weight: float) -> None:
    """Where the cost does not move by a step of the parameter's size, a longer one is taken."""
    f = lambda t: 1e6 + (weight * (1 + t) + 1) ** 2  # noqa: E731
    slope = 2 * weight * (1 + weight)
    levels, found = scanned(f, slope, noise=1e6 * EPS, target=1e-2 * slope)
    outermost = float(levels.h[levels.taken[:, 0], 0].max())
    assert thresholds.FIRST[1] < outermost <= thresholds.REACH
    lo, hi = consensus(found)
    assert lo[0] <= slope <= hi[0]


def test_lines_are_followed_each_by_itself() -> None:
    """Many at once give what each gives alone, where no noise of one tells of the others'."""
    each = [f for f, _ in SMOOTH.values()] + [lambda t: 1 + np.abs(t), np.ones_like]
    wanted = np.asarray([slope for _, slope in SMOOTH.values()] + [0.5, 0.0])
    wanted[1] = 2.0  # and one is wrong
    m = len(each)

    def costs(which: Array, t: Array) -> Array:
        return np.asarray(
            [each[k](s) - each[k](np.zeros(())) for k, s in zip(which, t, strict=True)]
        )

    def along(k: int, t: Array) -> Array:
        return costs(np.full(np.size(t), k), t)

    lines = Lines(costs=costs, unit=np.ones(m), spacing=np.full(m, EPS))
    together = scan(Levels(lines, 0.0, EPS), wanted, np.full(m, 1e-6))
    for k in range(m):
        one = Levels(line(partial(along, k)), 0.0, EPS)
        alone = scan(one, wanted[[k]], np.full(1, 1e-6))
        np.testing.assert_array_equal(together.lo[:, k], alone.lo[:, 0])
        np.testing.assert_array_equal(together.hi[:, k], alone.hi[:, 0])


def test_no_level_is_looked_at_twice() -> None:
    """Costs are kept by level."""
    counted = Counting(np.sin)
    levels = Levels(line(counted), 0.0, EPS)
    for _ in range(3):
        levels.look(np.zeros(1, int), np.full(1, HOME))
    assert counted.calls == 4


@pytest.mark.parametrize("noise", [0.0, 1e-16, 1e-10, 1e-4, 1.0])
@pytest.mark.parametrize("unit", [1e-8, 1.0, 3.0, 1e8])
def test_steps_are_powers_of_two_a_factor_apart(noise: float, unit: float) -> None:
    """So that they, their halves and their differences are exact; the first within its bounds."""
    levels = Levels(line(np.sin, unit=unit), 1.0, noise)
    assert np.all(np.frexp(levels.h)[0] == 0.5)
    assert np.all(levels.h[1:] == thresholds.RATIO * levels.h[:-1])
    low, high = thresholds.FIRST
    assert 0.7 * low <= levels.h[HOME, 0] / unit <= 1.5 * high
    assert len(levels.h) == LEVELS


# --- a kink at the point --------------------------------------------------------------------------


@pytest.mark.parametrize("jump", [1e-3, 1.0, 1e3])
def test_a_kink_at_the_point_is_seen(jump: float) -> None:
    """Its hull stays as the step shrinks, whichever of the values is wanted."""
    for wanted in (0.0, 0.3 * jump, jump, -2 * jump):
        _, found = scanned(lambda t: 1 + np.sin(t) + jump * np.maximum(t, 0), 1 + wanted)
        assert kinks(found).at.all()


@pytest.mark.parametrize("distance", [2.0**-22, 2.0**-17, 2.0**-12])
def test_a_kink_nearby_is_none_at_the_point(distance: float) -> None:
    """Nor is curvature."""
    for wanted in (1.0, 0.5, 3.0):
        _, found = scanned(lambda t: 1 + np.sin(t) + np.maximum(t - distance, 0), wanted)
        assert not kinks(found).at.any()
        _, found = scanned(lambda t: 1 + np.sin(t) + 1e4 * t**2, wanted)
        assert not kinks(found).at.any()


def test_two_hulls_that_are_the_same_make_a_kink_and_one_alone_does_not() -> None:
    """Nor do two that move, nor those that noise widens."""
    assert kinks(evidence((0, 1), (0, 1), smooth=False)).at.all()
    assert not kinks(evidence((0, 1), smooth=False)).at.any()
    assert not kinks(evidence((0, 1), (0, 2), smooth=False)).at.any()
    assert not kinks(evidence((0, 1), (0, 1), smooth=False, noise=0.4)).at.any()
    assert not kinks(evidence((0, 1), (0, 1))).at.any()


# --- what people have -----------------------------------------------------------------------------


@pytest.mark.parametrize("width", [1e-7, 1e-4, 0.1, 10.0])
@pytest.mark.parametrize("name", ["clip", "soft threshold", "hat"])
def test_two_kinks_around_the_point_hide_no_slope(name: str, width: float) -> None:
    """What is cut off on both sides, alike: a level beyond both kinks is contradicted closer by."""
    shapes: dict[str, tuple[Callable[[Array], Any], float]] = {
        "clip": (lambda t: np.clip(t, -width, width), 1.0),
        "soft threshold": (lambda t: t - np.clip(t, -width, width), 0.0),
        "hat": (lambda t: np.maximum(np.abs(t) - width, 0), 0.0),
    }
    f, slope = shapes[name]
    _, found = scanned(lambda t: 1 + f(t), slope)
    lo, hi = consensus(found)
    assert lo[0] - 1e-9 <= slope <= hi[0] + 1e-9


def test_evidence_is_taken_by_level_and_by_line() -> None:
    """With all that belongs to it."""
    found = evidence((0, 1), (2, 4))
    assert found.width.tolist() == [[1], [2]]
    assert (found.level(1).lo.tolist(), found.level(1).width.tolist()) == ([2.0], [2.0])
    two = Evidence(**{k: np.hstack([v, v + v]) for k, v in vars(found).items()})
    assert two.of(np.asarray([1])).lo.tolist() == [[0], [4]]
    assert two.of(np.asarray([1])).h.tolist() == (2 * found.h).tolist()


def test_what_was_rough_close_by_is_so_further_out() -> None:
    """Where it looks smooth, the interval is widened by as much as the kink moved the cost."""
    f = lambda t: t + np.maximum(t - 2.0**-20, 0) - np.maximum(t - 2.0**-19, 0)  # noqa: E731
    levels = Levels(line(f), 0.0, 0.0)
    near, far = HOME - 4, HOME + 6
    for level in (near, far):
        levels.look(np.zeros(1, int), np.full(1, level))
    bare = interval(levels.costs, levels.h, 0.0, levels.noise)
    widened = levels.evidence()
    rough = ~bare.smooth[near, 0]
    grown = widened.width[far, 0] > bare.width[far, 0]
    assert rough == grown


def dent(t: Any, slope: float, beyond: float, width: float) -> Any:
    """A line through 0 with one slope within `width` of it and another beyond, on both sides."""
    return slope * np.clip(t, -width, width) + beyond * (t - np.clip(t, -width, width))


@pytest.mark.parametrize("closer", [2, 3, 4])
def test_a_line_that_bends_more_close_by_says_no_more_further_out(closer: int) -> None:
    """Beyond two kinks it looks smooth, and is: with another slope than at the point."""
    far = HOME + 3
    width = 0.4 * float(Levels(line(np.sin), 1.0, EPS).h[far - closer, 0])
    levels = Levels(line(lambda t: 1 + dent(t, 1.0, 2.0, width)), 1.0, EPS)
    for level in range(far - closer, far + 1):
        levels.look(np.zeros(1, int), np.full(1, level))
    found = joined(levels.evidence())
    taken = found.level(far)
    assert taken.smooth.all()
    assert holds(taken, 1.0)
    alone = interval(levels.costs[:, far], levels.h[far], 1.0, levels.noise)
    assert not holds(alone, 1.0, slack=0.5)


def test_a_smooth_line_is_joined_with_nothing() -> None:
    """Each of its levels bends less than those further out."""
    levels = Levels(line(lambda t: np.sin(1 + t)), float(np.sin(1)), EPS)
    some = range(HOME - 3, HOME + 6)
    for level in some:
        levels.look(np.zeros(1, int), np.full(1, level))
    found = joined(levels.evidence())
    for level in some:
        alone = interval(levels.costs[:, level], levels.h[level], levels.centre, levels.noise)
        assert (alone.lo, alone.hi) == (found.level(level).lo, found.level(level).hi)


def test_what_is_seen_with_the_noise_as_measured_is_kept() -> None:
    """Where noise was raised since; without levels at which the cost stands still."""
    levels, _ = scanned(lambda t: np.where(np.abs(t) < 2.0**-20, 1.0, 1 + t), 1.0)
    levels.noise[:] = EPS
    assert levels.unraised() is None
    levels.look(np.zeros(1, int), np.zeros(1, int))
    levels.noise[:] = 1e-3
    unraised = levels.unraised()
    assert unraised is not None
    assert np.isnan(unraised.lo[0])
    moving = levels.taken[:, 0] & np.isfinite(unraised.lo[:, 0])
    assert moving.any()
    assert np.all(unraised.noise[moving] < levels.evidence().noise[moving])


def test_beside_a_rough_level_noise_may_hide_a_kink() -> None:
    """Of twice its own size: half of a jump of the slope shows, if it shows."""
    near, far = evidence((-3.0, 1.0), noise=1.5), evidence((-0.5, 0.0), smooth=False)
    both = Evidence(**{key: np.concatenate([getattr(near, key), getattr(far, key)])
                       for key in ("h", "lo", "hi", "smooth", "noise")})  # fmt: skip
    found = joined(both)
    assert (found.lo[0, 0], found.hi[0, 0]) == (-6.0, 4.0)
    assert (found.lo[1, 0], found.hi[1, 0]) == (-0.5, 0.0)


def test_a_bend_of_just_the_noise_is_rounding_at_its_worst() -> None:
    """And no sign of kinks: a level further out keeps its interval."""
    far = evidence((-0.5, 0.0), noise=0.1)
    for bend, kept in ((1.0, True), (1.5, False)):
        row = evidence((-1 - bend, 1 + bend), noise=1.0)
        both = Evidence(**{key: np.concatenate([getattr(row, key), getattr(far, key)])
                           for key in ("h", "lo", "hi", "smooth", "noise")})  # fmt: skip
        found = joined(both)
        assert ((found.lo[1, 0], found.hi[1, 0]) == (-0.5, 0.0)) is kept


def test_of_many_that_are_plainly_wrong_some_are_followed() -> None:
    """And the rest only where one of these turns out to be right: as beyond kinks close by."""
    m = 60

    def looked(width: float) -> Array:
        def costs(which: Array, t: Array) -> Array:
            return np.asarray(dent(t, 1.0, 2.0, width)) + 1.0

        lines = Lines(costs=costs, unit=np.ones(m), spacing=np.full(m, EPS))
        levels = Levels(lines, 1.0, EPS)
        scan(levels, np.full(m, 1.0), np.full(m, 1e-6))
        return np.asarray(levels.taken.sum(axis=0))

    wrong = looked(0.0)
    assert np.all(wrong[: thresholds.LOOKED] > 1)
    assert np.all(wrong[thresholds.LOOKED :] == 1)
    assert np.all(looked(2.0**-20) > 1)


def _wild(rng: np.random.Generator) -> Callable[[Array, Array], Array]:
    """A cost without rhyme or reason, in one of the ways that costs have."""
    kind, size = rng.integers(8), 10 ** rng.uniform(-20, 20)

    def costs(which: Array, t: Array) -> Array:
        random = rng.normal(size=t.shape) * size
        found = (
            random,
            np.where(rng.random(t.shape) < 0.5, np.nan, random),
            np.sign(t) * size,
            np.round(t, int(rng.integers(0, 16))) + size,
            np.where(np.abs(t) > 10.0 ** -(which % 16), np.inf, t),
            np.full(t.shape, size),
            np.sin(t * 10.0 ** (which % 16)) * np.where(random > 0, 1, np.nan),
            np.abs(t) + random * 1e-9,
        )[kind]
        return np.asarray(1.0 + found)

    return costs


@pytest.mark.parametrize("seed", range(60))
def test_a_scan_ends_whatever_the_cost_does(seed: int) -> None:
    """After so many calls a line: four at each level, and those that measure jumps."""
    rng = np.random.default_rng(seed)
    wild, m, calls = _wild(rng), 12, np.zeros(12, int)

    def costs(which: Array, t: Array) -> Array:
        np.add.at(calls, which, 1)
        with np.errstate(all="ignore"):
            return wild(which, t)

    unit = 10 ** rng.uniform(-6, 6, m)
    lines = Lines(costs=costs, unit=unit, spacing=unit * EPS)
    levels = Levels(lines, 1.0, float(rng.choice([0.0, EPS, 1e-3])))
    wanted = rng.choice([0.0, 1.0, -1e9, 1e-300, np.nan], m)
    scan(levels, wanted, rng.choice([0.0, 1e-12, 1.0, np.inf, np.nan], m))
    at_levels = 4 * levels.taken.sum(axis=0)
    jumps = 2 + thresholds.HALVINGS
    assert np.all(calls <= at_levels + jumps)
    assert np.all(calls <= 4 * LEVELS + jumps)
    assert calls.sum() <= at_levels.sum() + thresholds.GROUPS * jumps
