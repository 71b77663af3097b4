"""A staircase is told from what is merely steep, bent or kinked, and its stairs are measured."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from checks.jumps import PATIENCE, REACH, STEPS, SUSPECTS, jump, jump_along
from checks.nest import Array
from tests.checks.helpers import EPS, lines, vector

SMOOTH: dict[str, Callable[[Array], Array]] = {
    "constant": lambda t: 0 * t + 1,
    "straight": lambda t: 3 * t,
    "steep": lambda t: 1e6 * t,
    "bent": lambda t: np.exp(30 * t),
    "turning": lambda t: np.cos(300 * t),
    "kinked": np.abs,
    "kinked elsewhere": lambda t: np.maximum(t, 0.05),
    "steep between two steps": lambda t: np.tanh(2e4 * (t - 0.01)),
}


@pytest.mark.parametrize("name", SMOOTH)
@pytest.mark.parametrize("factor", [1e-12, 1.0, 1e12])
def test_what_does_not_jump_does_not(name: str, factor: float) -> None:
    """However steep it is, where it bends, and whatever its size."""
    cost = SMOOTH[name]
    noise = 8 * EPS * factor * float(np.max(np.abs(cost(np.linspace(-0.2, 0.2, 99)))))
    assert jump_along(lines(lambda t: factor * cost(t.real), noise=noise)) == 0


@pytest.mark.parametrize("at", [-0.12, -0.001, 0.0, 0.03, 0.12])
@pytest.mark.parametrize("height", [1.0, -1e-3, 1e-6])
def test_a_jump_is_measured_wherever_it_is(at: float, height: float) -> None:
    """Beside a slope, a bend and a kink."""

    def cost(t: Array) -> Array:
        t = t.real
        return np.asarray(t + t**2 + np.abs(t - 0.01) / 8 + height * (t > at))

    found = jump_along(lines(cost))
    assert found == pytest.approx(abs(height), rel=1e-3)


def test_a_jump_beyond_the_longest_step_of_an_oracle_does_not_count() -> None:
    """No difference reaches it."""
    assert jump_along(lines(lambda t: t.real + (t.real > 0.126))) == 0


@pytest.mark.parametrize(("height", "seen"), [(0.9, False), (1.1, True)])
def test_a_jump_that_could_be_steepness_is_none(height: float, *, seen: bool) -> None:
    """Up to 2^-30 of what the cost rises by in the steepest step; here that is 1."""
    jump = height * 2.0**-30
    found = jump_along(lines(lambda t: 2.0**8 * t.real + jump * (t.real > 0.01), noise=0.0))
    assert found == (pytest.approx(jump, rel=1e-3) if seen else 0)


def test_stairs_are_as_high_as_they_are() -> None:
    """The highest of them counts, and noise of that size is none."""
    stairs = lambda t: np.floor(2.0**12 * t.real) / 2.0**12  # noqa: E731
    assert jump_along(lines(stairs)) == pytest.approx(2.0**-12)
    assert jump_along(lines(stairs, noise=2.0**-12)) == 0


@pytest.mark.parametrize("end", [np.nan, np.inf, -np.inf])
@pytest.mark.parametrize("side", [1, -1])
@pytest.mark.parametrize("at", [0.1, 1e-3, 1e-9])
def test_a_cost_that_ends_does_not_jump_there(end: float, side: int, at: float) -> None:
    """However near, on one side or on both: the walk keeps to where it is finite."""
    for ends in (lambda t: side * t > at, lambda t: np.abs(t) > at):
        cost = lambda t, ends=ends: np.where(ends(t.real), end, t.real)  # noqa: E731
        assert jump_along(lines(cost)) == 0


@pytest.mark.parametrize("end", [0.1, 1e-2, 1e-6])
@pytest.mark.parametrize("part", [-0.7, -0.2, 0.02, 0.7])
def test_a_jump_before_the_end_is_measured(end: float, part: float) -> None:
    """Wherever the cost is finite on both sides, however little that is, but for its last steps."""

    def cost(t: Array) -> Array:
        return np.where(np.abs(t.real) > end, np.nan, t.real + (t.real > part * end))

    assert jump_along(lines(cost)) == pytest.approx(1)


@pytest.mark.parametrize("side", [1, -1])
def test_a_walk_is_shortened_no_more_than_it_must_be(side: int) -> None:
    """Where the cost begins at the point, and ends seven steps on, it is walked that far."""
    step = 2 * REACH / STEPS

    def cost(t: Array) -> Array:
        away = side * t.real / step
        return np.where((away < -1e-9) | (away > 7.5), np.nan, t.real + (away > 7.1))

    assert jump_along(lines(cost)) == pytest.approx(1)


def test_no_step_is_halved_for_longer_than_it_takes_to_look_smooth() -> None:
    """One walk, and PATIENCE looks into each suspect."""
    calls: list[Array] = []

    def straight(t: Array) -> Array:
        calls.append(t)
        return 3 * t

    assert jump_along(lines(straight)) == 0
    assert len(calls) == 1 + SUSPECTS * PATIENCE


def test_a_cost_that_ends_at_the_point_is_an_infinite_jump() -> None:
    """Nothing can be seen of it."""
    cost = lambda t: np.where(t.real != 0, np.nan, 1.0)  # noqa: E731
    assert jump_along(lines(cost)) == np.inf


def test_several_directions_are_walked() -> None:
    """A stair that few directions meet is met by one of them; and the seed decides."""

    def cost(p: Array) -> Any:
        return p.sum() + 0.25 * (p[0] + p[1] > 1.6)

    one = vector(cost, np.ones_like, [0.75, 0.75])
    found = [jump(one, np.random.default_rng(s), noise=4 * EPS, size=1.5) for s in range(20)]
    met = [height for height in found if height]
    assert met == pytest.approx([0.25] * len(met))
    assert len(met) >= 15  # a direction misses it every other time
    assert found[0] == jump(one, np.random.default_rng(0), noise=4 * EPS, size=1.5)
