"""A point on a kink is told from one that is merely near, from curvature and from noise."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from checks import kinks
from checks.nest import Array
from checks.sweep import coordinates
from tests.checks.helpers import EPS, lines, vector


def on_kinks(
    cost: Callable[[Array], Any], at: list[float], analytic: Any = None, **scales: float
) -> list[bool]:
    """Which coordinates are said to lie on a kink, by gradients between the one-sided slopes."""
    one = vector(cost, lambda p: p, at)
    scales = {"noise": 4 * EPS * max(abs(float(cost(np.asarray(at)))), 1e-3), "size": 1.0, **scales}
    along = coordinates(one, 0, np.arange(len(at)), noise=scales["noise"], size=scales["size"])
    middle = kinks.one_sided(along)[0] if analytic is None else np.full(len(at), analytic)
    return list(kinks.on_kinks(one, 0, np.arange(len(at)), middle, **scales))


def relu(p: Array) -> Any:
    """The sum of the positive ones."""
    return np.maximum(p, 0).sum()


KINKED: dict[str, tuple[Callable[[Array], Any], list[float], list[bool]]] = {
    "relu at 0": (relu, [0.0, 1.0, -2.0], [True, False, False]),
    "all at 0": (relu, [0.0, 0.0], [True, True]),
    "absolute value at 0": (lambda p: np.abs(p).sum() + 1, [0.0, 3.0], [True, False]),
    "a tie of the largest": (lambda p: p.max(), [2.0, 2.0, 1.0], [True, True, False]),
    "a slight kink": (lambda p: (p**2).sum() + 1e-3 * np.abs(p[0]), [0.0, 1.0], [True, False]),
    "a kink at 1": (lambda p: np.abs(p - 1).sum() + np.exp(p).sum(), [1.0, 2.0], [True, False]),
}


@pytest.mark.parametrize("name", KINKED)
@pytest.mark.parametrize("factor", [1e-12, 1.0, 1e12])
def test_a_coordinate_on_a_kink_is_seen(name: str, factor: float) -> None:
    """And only that one."""
    cost, at, expected = KINKED[name]
    noise = factor * 4 * EPS * (1 + abs(float(cost(np.asarray(at)))))
    assert on_kinks(lambda p: factor * cost(p), at, noise=noise, size=factor) == expected


SMOOTH: dict[str, Callable[[Array], Any]] = {
    "curved": lambda p: (1e3 * p**2).sum(),
    "very curved": lambda p: np.cos(1e3 * p).sum(),
    "cubic": lambda p: (p**3).sum(),
    "flat": lambda p: (p**4).sum() + 1,
    "constant": lambda p: 1.0 + 0 * p.sum(),
    "a kink of second order": lambda p: (p * np.abs(p)).sum() + 1,
    "a kink near": lambda p: np.abs(p - 1e-3).sum(),
    "a kink nearer": lambda p: np.abs(p - 1e-4).sum(),
    "a kink within the steps": lambda p: np.abs(p - 5e-7).sum(),
    "a kink on the other side": lambda p: np.maximum(p, -1e-3).sum(),
}


@pytest.mark.parametrize("name", SMOOTH)
def test_no_kink_is_seen_where_there_is_none(name: str) -> None:
    """Curvature is none, and neither is a kink that is merely near."""
    at = [0.0, 0.0]
    assert on_kinks(SMOOTH[name], at, noise=4 * EPS * 10) == [False, False]


def test_noise_is_not_taken_for_kinks() -> None:
    """Where it is told."""
    noisy = np.random.default_rng(0)
    cost = lambda p: (p**2).sum() + 1e-7 * noisy.uniform(-1, 1)  # noqa: E731
    for _ in range(50):
        assert on_kinks(cost, [0.5, -1.0, 2.0], noise=1e-7) == [False] * 3


def test_one_direction_tells_whether_to_look_for_kinks() -> None:
    """Through every parameter at once."""
    scales = {"noise": 8 * EPS, "size": 1.0}
    for seed in range(10):
        for at, expected in (([0.0, 1.0, 2.0], True), ([0.5, 1.0, 2.0], False)):
            one = vector(relu, relu, at)
            assert kinks.along_all(one, np.random.default_rng(seed), **scales) is expected


@pytest.mark.parametrize("jump", [1.0, 1e-3])
@pytest.mark.parametrize(
    ("part", "between"),
    [(-0.2, False), (-0.1, True), (0, True), (1, True), (1.1, True), (1.2, False)],
)
def test_a_kink_excuses_what_lies_between_its_slopes(
    jump: float, part: float, *, between: bool
) -> None:
    """With an eighth of their distance to spare on either side; at 1, there is no kink."""
    found = on_kinks(lambda p: (p**2).sum() + jump * relu(p), [0.0, 1.0], jump * part)
    assert found == [between, False]


def test_one_sided_slopes_are_measured() -> None:
    """Their middle, and how far they are apart: 2 for an absolute value, 1 for a ReLU."""
    data = np.zeros(3)
    one = vector(lambda p: np.abs(p[0]) + np.maximum(p[1], 0) + p[2] ** 2, lambda p: p, data)
    middle, apart = kinks.one_sided(coordinates(one, 0, np.arange(3), noise=4 * EPS, size=1.0))
    assert middle == pytest.approx([0, 0.5, 0], abs=1e-6)
    assert apart == pytest.approx([2, 1, 0], rel=1e-6)


def test_an_eighth_to_spare_is_no_more_than_that() -> None:
    """Slopes of -8 and 8, which are met to the last bit, excuse what is as large as 10."""
    absolute = lambda p: 8 * np.abs(p).sum()  # noqa: E731
    for sign in (1, -1):
        assert on_kinks(absolute, [0.0], sign * 10.0, noise=0.0) == [True]
        assert on_kinks(absolute, [0.0], sign * np.nextafter(10, 11), noise=0.0) == [False]


@pytest.mark.parametrize(("noise", "kinked"), [(0.99 * 2.0**-25, True), (1.01 * 2.0**-25, False)])
def test_a_kink_stands_four_times_above_what_noise_makes(noise: float, *, kinked: bool) -> None:
    """Of slopes 2 apart, at steps of 2^-22, noise moves the difference by 2^24 times itself."""
    found = kinks.kinked(lines(np.abs, noise=noise))
    assert found.tolist() == [kinked]


@pytest.mark.parametrize(("away", "kinked"), [(0.0, True), (1e-3, False)])
def test_a_small_number_is_on_a_kink_of_its_own_scale(away: float, *, kinked: bool) -> None:
    """Steps of the large one beside it reach over a kink that is near by its measure only."""
    cost = lambda p: np.abs(p[0] - 1e-6 - 1e-6 * away) + p[1] ** 2 / 1e12  # noqa: E731
    assert on_kinks(cost, [1e-6, 1e6], noise=2 * EPS) == [kinked, False]
    near = vector(cost, lambda p: p, [1e-6, 1e6])
    near = replace(near, jittered=lambda rng: near.gradient(near.values))
    found = kinks.on_kinks(near, 0, np.arange(2), np.zeros(2), noise=2 * EPS, size=1.0)
    assert found.tolist() == [True, False]  # a network's weights share a unit


def test_a_kink_that_noise_could_hide_from_shorter_steps_is_still_one() -> None:
    """They refute only what they would see."""
    cost = lambda p: np.abs(p[0]) * (p[0] > -1) + p[1] ** 2 / 1e12  # noqa: E731
    at = [2.0**-40, 1e6]
    assert on_kinks(cost, at, [0.0, 0.0], noise=2.0**-30) == [True, False]
    assert on_kinks(cost, at, [0.0, 0.0], noise=2.0**-80) == [False, False]
