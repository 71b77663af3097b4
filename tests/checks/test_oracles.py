"""Each oracle's slope is right within the error it states, and its error is of some use."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from checks import oracles, rounding
from checks.nest import Array
from checks.oracles import (
    Estimate,
    Lines,
    Oracle,
    _confirmed,
    _finite,
    _quiet,
    central_difference,
    close_difference,
    complex_step,
    ridders,
    ridders_rows,
)
from tests.checks.helpers import EPS, lines

Function = Callable[[Array], Array]

REAL = (ridders, central_difference)

# Each with its slope.
SMOOTH: dict[str, tuple[Function, Function]] = {
    "line": (lambda t: 2 - 3 * t, lambda t: -3 + 0 * t),
    "square": (lambda t: t**2 + t, lambda t: 2 * t + 1),
    "cubic": (lambda t: t**3 - 2 * t, lambda t: 3 * t**2 - 2),
    "seventh power": (lambda t: t**7, lambda t: 7 * t**6),
    "exp": (np.exp, np.exp),
    "sin": (np.sin, np.cos),
}


@st.composite
def curves(draw: st.DrawFn) -> tuple[Lines, float, float]:
    """Lines through a smooth function of any size, their true slope, and the slope's size."""
    f, slope = SMOOTH[draw(st.sampled_from(list(SMOOTH)))]
    size, scale = (10.0 ** draw(st.integers(-12, 12)) for _ in range(2))
    at = draw(st.floats(-2, 2))
    value = abs(float(f(np.asarray(at)))) + 1
    found = lines(
        lambda t: size * f(at + t / scale),
        scale=scale,
        noise=8 * EPS * size * value,
        size=size * value,
    )
    return found, size / scale * float(slope(np.asarray(at))), size / scale * value


@given(curve=curves())
def test_a_complex_step_is_exact_to_rounding(curve: tuple[Lines, float, float]) -> None:
    """At every size of cost and parameter, with no error to speak of."""
    known, slope, unit = curve
    found = complex_step(known)
    rounded = rounding.SAFETY * EPS * max(abs(slope), unit)
    assert abs(found.slope[0] - slope) <= found.error[0] + rounded
    assert found.error[0] <= EPS * unit


@given(curve=curves())
def test_ridders_is_right_within_a_small_error(curve: tuple[Lines, float, float]) -> None:
    """The error it states holds, and leaves ten digits."""
    known, slope, unit = curve
    found = ridders(known)
    assert abs(found.slope[0] - slope) <= found.error[0] + 4 * EPS * abs(slope)
    assert found.error[0] <= 1e-9 * unit


@given(curve=curves())
def test_a_central_difference_is_right_within_a_small_error(
    curve: tuple[Lines, float, float],
) -> None:
    """The error it states holds, and leaves six digits."""
    known, slope, unit = curve
    found = central_difference(known)
    assert abs(found.slope[0] - slope) <= found.error[0] + 4 * EPS * abs(slope)
    assert found.error[0] <= 1e-6 * unit


def bump(t: Array) -> Array:
    """exp(-1 / t²), which is flat at 0 to every order."""
    return np.exp(-1 / np.where(t == 0, 1e-3, t) ** 2)


NASTY: dict[str, tuple[Function, Function]] = {
    "sin 50t": (lambda t: np.sin(50 * t), lambda t: 50 * np.cos(50 * t)),
    "1/(1 + 25t²)": (lambda t: 1 / (1 + 25 * t**2), lambda t: -50 * t / (1 + 25 * t**2) ** 2),
    "exp(-1/t²)": (bump, lambda t: 2 / np.where(t == 0, 1, t) ** 3 * bump(t)),
    "|t|": (np.abs, np.sign),
    "max(0, t)": (lambda t: np.maximum(t, 0), lambda t: (t > 0) * 1.0),
    "t |t|": (lambda t: t * np.abs(t), lambda t: 2 * np.abs(t)),
    "|t|^1.5": (lambda t: np.abs(t) ** 1.5, lambda t: 1.5 * np.sign(t) * np.abs(t) ** 0.5),
    "tanh 200t": (lambda t: np.tanh(200 * t), lambda t: 200 * (1 - np.tanh(200 * t) ** 2)),
    "sin 50t + |t|": (
        lambda t: np.sin(50 * t) + np.abs(t),
        lambda t: 50 * np.cos(50 * t) + np.sign(t),
    ),
    "a step down the road": (lambda t: t + (t > 0), lambda t: 1 + 0 * t),
}


@pytest.mark.parametrize("oracle", REAL)
@pytest.mark.parametrize("name", NASTY)
def test_the_stated_error_holds_on_functions_that_mislead(oracle: Oracle, name: str) -> None:
    """Steep, narrow, flat, kinked or broken near the point, though not at it."""
    f, slope = NASTY[name]
    rng = np.random.default_rng(0)
    for at in (
        *rng.uniform(0.01, 2, 40),
        *-rng.uniform(0.01, 2, 40),
        *10 ** rng.uniform(-5, -2, 40),
    ):
        found = oracle(lines(lambda t, at=at: f(at + t), size=1.0))  # type: ignore[misc]
        true = float(slope(np.asarray(at)))
        # What the bound rests on in the end, a small step's difference, is itself this exact.
        assert abs(found.slope[0] - true) <= 1.001 * found.error[0] + 4 * EPS * abs(true), at


@pytest.mark.parametrize("oracle", REAL)
@pytest.mark.parametrize("size", [1e-12, 1e-9, 1e-6, 1e-3])
def test_the_stated_error_holds_under_noise(oracle: Oracle, size: float) -> None:
    """Where the noise is told, whatever it happens to be, and the error is of its order."""
    rng = np.random.default_rng(1)
    for at in rng.uniform(-2, 2, 40):
        found = oracle(
            lines(
                lambda t, at=at: np.sin(at + t) + size * rng.uniform(-1, 1, t.shape),  # type: ignore[misc]
                noise=size,
            )
        )
        assert abs(found.slope[0] - np.cos(at)) <= found.error[0]
        assert found.error[0] <= 20 * np.cbrt(size) ** 2


@pytest.mark.parametrize("oracle", [complex_step, ridders, central_difference])
@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
def test_a_cost_that_is_not_finite_tells_nothing(oracle: Oracle, value: float) -> None:
    """Its error is infinite, its slope 0; other lines are not touched by it."""

    def costs(t: Array) -> Array:
        moved = np.asarray(1 + t)
        moved[0] = value if moved.dtype.kind == "f" else complex(value, value)
        return moved

    found = oracle(Lines(costs=costs, scale=np.ones(2), noise=EPS, size=1.0))
    assert (found.slope[0], found.error[0]) == (0, np.inf)
    assert found.slope[1] == pytest.approx(1)
    assert found.error[1] < 1e-6


def test_ridders_finds_the_steps_at_which_a_cost_is_defined() -> None:
    """A domain that ends within the largest steps leaves the smaller ones."""
    with np.errstate(invalid="ignore"):
        found = ridders(lines(lambda t: np.log(0.01 + t), size=5.0))
    assert abs(found.slope[0] - 100) <= found.error[0] < 1e-4


@pytest.mark.parametrize("oracle", [complex_step, ridders, central_difference])
def test_lines_are_measured_each_by_itself(oracle: Oracle) -> None:
    """Many at once give what each gives alone."""
    at = np.linspace(-2, 2, 9)
    scale = 2.0 ** np.arange(-4, 5)

    def piece(k: slice) -> Estimate:
        costs = lambda t: np.sin(at[k] + t / scale[k])  # noqa: E731
        return oracle(Lines(costs=costs, scale=scale[k], noise=EPS, size=1.0))

    together = piece(slice(None))
    alone = [piece(slice(k, k + 1)) for k in range(9)]
    for k in range(9):
        tolerance = together.error[k] + alone[k].error[0] + 4 * EPS / scale[k]
        assert abs(together.slope[k] - alone[k].slope[0]) <= tolerance
    np.testing.assert_allclose(together.slope, np.cos(at) / scale, rtol=1e-6)


def test_a_bound_may_not_be_infinite_to_be_safe() -> None:
    """Kinks well clear of the point leave the real oracles a usable answer."""
    for oracle in REAL:
        found = oracle(lines(lambda t: np.abs(0.5 + t)))
        assert found.error[0] < 1e-5


def test_oracles_are_looked_up_when_used(monkeypatch: pytest.MonkeyPatch) -> None:
    """A replaced one is the one that runs; an unknown name is not taken."""
    for name, function in (
        (oracles.COMPLEX, "complex_step"),
        (oracles.RIDDERS, "ridders"),
        (oracles.CENTRAL, "central_difference"),
    ):
        assert oracles.named(name) is getattr(oracles, function)
        replaced = lambda found: found  # noqa: E731
        monkeypatch.setattr(oracles, function, replaced)
        assert oracles.named(name) is replaced
    with pytest.raises(KeyError):
        oracles.named("guess")


# --- the formulas, on costs for which every number can be written down ------------------------


def exactly(estimate: Estimate) -> tuple[float, float]:
    """Slope and error of a single line."""
    return float(estimate.slope[0]), float(estimate.error[0])


def test_ridders_carries_the_noise_through_its_table() -> None:
    """Of a line, every entry is right but for the noise: 3/2 of that of the third row's n / h.

    (4 n / h + n / 2h) / 3, with h a 32nd after two halvings of an eighth: 48 n. It is then small
    enough to stop.
    """
    rows = ridders_rows(lines(lambda t: 3 * t, noise=2.0**-60))
    assert [exactly(row) for row in rows] == [(0, np.inf), (0, np.inf), (3, 48 * 2.0**-60)]


def test_ridders_doubts_what_moved_between_rows() -> None:
    """Of a cube, the first column is h², and the second 0 with a doubt of twice 4 h²."""
    rows = ridders_rows(lines(lambda t: t**3, noise=0.0))
    errors = [np.inf, np.inf, 8 * 2.0**-10, 0.0]
    assert [exactly(row) for row in rows] == [(0.0, error) for error in errors]


H = 2.0 ** -np.arange(3.0, 15.0)  # Ridders' steps, for a scale of 1


def extrapolated(d: Array, noise: float) -> list[tuple[float, float]]:
    """Ridders' rows, from the differences at `H`, by another way: Lagrange's polynomial in h².

    Taken at h = 0. The noise of an entry is that of the differences, times their weights' sizes.
    """

    def entry(i: int, j: int) -> tuple[float, float]:
        """Column j of row i, and its noise."""
        at = range(i - j, i + 1)
        weights = [math.prod(1 / (1 - (H[k] / H[m]) ** 2) for m in at if m != k) for k in at]
        pairs = list(zip(weights, at, strict=True))
        return sum(w * d[k] for w, k in pairs), sum(abs(w) * noise / H[k] for w, k in pairs)

    def apart(i: int, j: int) -> float:
        """How far an entry lies from those it was made of."""
        value, _ = entry(i, j)
        return max(abs(value - entry(row, j - 1)[0]) for row in (i, i - 1))

    def found(i: int, j: int) -> tuple[float, float]:
        slope, own = entry(i, j)
        return slope, own + 2 * max(apart(i, j), apart(i - 1, j) / 4**j)

    rows = [[(0.0, np.inf)] + [found(i, j) for j in range(1, i)] for i in range(len(H))]
    return [min(row, key=lambda pair: pair[1]) for row in rows]


@pytest.mark.parametrize(
    "f",
    [np.exp, lambda t: np.sin(9 * t), lambda t: np.tanh(5 * t + 1), lambda t: t * np.cos(1e3 / t)],
)
@pytest.mark.parametrize("noise", [1e-10, 1e-5])
def test_ridders_extrapolates_as_lagrange_does(f: Function, noise: float) -> None:
    """Row by row, of smooth costs and of a wild one, down to the row that is as good as it gets."""
    d = (f(H) - f(-H)) / (2 * H)
    expected = np.asarray(extrapolated(d, noise))
    rows = np.asarray([exactly(row) for row in ridders_rows(lines(f, noise=noise))])
    enough = np.minimum.accumulate(expected[:, 1]) <= 4 * noise / H
    assert len(rows) == (1 + int(enough.argmax()) if enough.any() else len(H))
    # The weights' sizes add up to less than 2, and each of 11 columns rounds about three times.
    rounded = 64 * EPS * np.abs(d).max()
    np.testing.assert_allclose(rows[:, 0], expected[: len(rows), 0], rtol=0, atol=rounded)
    # The noise is as exact as that relatively; a doubt is twice the difference of two entries.
    np.testing.assert_allclose(
        rows[:, 1], expected[: len(rows), 1], rtol=64 * EPS, atol=4 * rounded
    )


def test_ridders_keeps_the_least_error_of_all_rows(monkeypatch: pytest.MonkeyPatch) -> None:
    """For each line by itself, and of equal errors the earlier row's, whose step is longer."""
    errors = np.asarray([[np.inf, 2.0, 2.0], [1.0, 3.0, 2.0], [2.0, 1.0, 2.0], [4.0, 1.0, 2.0]])
    slopes = 5 + np.arange(12.0).reshape(4, 3) / 16
    rows = [Estimate(slope=s, error=e) for s, e in zip(slopes, errors, strict=True)]
    monkeypatch.setattr(oracles, "ridders_rows", lambda lines: rows)
    found = ridders(Lines(costs=lambda t: 5 * t, scale=np.ones(3), noise=0.0, size=1.0))
    np.testing.assert_array_equal(found.slope, [slopes[1, 0], slopes[2, 1], slopes[0, 2]])
    np.testing.assert_array_equal(found.error, [1.0, 1.0, 2.0])


@pytest.mark.parametrize(("noise", "rows"), [(2.0**-12, 3), (2.0**-12 * (1 - 2.0**-20), 4)])
def test_ridders_stops_at_four_times_the_noise_of_the_last_difference(
    noise: float, rows: int
) -> None:
    """Of 5/2 t³, the third row's error is 20 h² + 3/2 noise / h, which at h = 2^-5 is as much."""
    assert len(ridders_rows(lines(lambda t: 2.5 * t**3, noise=noise))) == rows


def test_ridders_goes_down_by_halves_from_an_eighth_of_the_scale() -> None:
    """Twelve times where nothing settles, each step taken both ways."""
    seen: list[float] = []

    def costs(t: Array) -> Array:
        seen.append(float(t[0]))
        return np.full(1, (-1.0) ** len(seen) / len(seen))

    assert len(ridders_rows(lines(costs, scale=4.0, noise=0.0))) == 12
    steps = 4 * 2.0 ** -np.arange(3.0, 15.0)
    assert seen == [sign * h for h in steps for sign in (1, -1)]


@pytest.mark.parametrize("scale", [1.0, 2.0**-30])
def test_a_complex_step_states_what_underflow_can_do(scale: float) -> None:
    """Its step is 2^-100 of the scale: the smallest normal number, over eps² and the step."""
    steps: list[complex] = []

    def costs(t: Array) -> Array:
        steps.extend(t)
        return 3 * t

    found = complex_step(lines(costs, scale=scale))
    assert steps == [2.0**-100 * scale * 1j]
    assert exactly(found) == (3.0, 2.0 ** (-1022 + 2 * 52 + 100) / scale)


@pytest.mark.parametrize("scale", [1.0, 2.0**-7])
def test_a_central_difference_states_twice_its_truncation_and_twice_its_noise(scale: float) -> None:
    """Of a cube at 0, the slope is h², and it is four times as much at 2 h."""
    noise = 2.0**-30
    h = float(rounding.central_step(np.asarray([scale]), noise, 1.0)[0])
    found = central_difference(lines(lambda t: t**3, scale=scale, noise=noise))
    assert exactly(found) == (h**2, 2 * (h**2 + noise / h))


# The longest and the shortest of the small steps of scale 1.
SMALL, SHORT = 2.0**-22, 2.0**-30


def confirmed(slope: float, error: float, *, bend: float = 0.0, noise: float = 2.0**-60) -> Any:
    """What a small step makes of an estimate where the cost is 2 t + bend (t / h)² t."""
    cost = lines(lambda t: 2 * t + bend * (t / SMALL) ** 2 * t, noise=noise)
    return exactly(_confirmed(cost, Estimate(slope=np.full(1, slope), error=np.full(1, error))))


def test_an_estimate_that_a_small_step_confirms_is_kept() -> None:
    """Up to both their errors."""
    small = 2.0**-60 / SMALL
    assert confirmed(2.0, 2.0**-30) == (2.0, 2.0**-30)
    assert confirmed(2.0 + 2.0**-30 + small, 2.0**-30) == (2.0 + 2.0**-30 + small, 2.0**-30)


@pytest.mark.parametrize("apart", [1.0, -1.0, 2.0**-29])
def test_an_estimate_that_a_small_step_rejects_is_replaced(apart: float) -> None:
    """By the small step's, with an error that covers both."""
    error, small = 2.0**-30, 2.0**-60 / SMALL
    assert confirmed(2.0 + apart, error) == (2.0, 2 * abs(apart) + error + small)


@pytest.mark.parametrize("slope", [14.0, 100.0])
def test_nothing_is_known_where_no_small_step_is_small(slope: float) -> None:
    """Where twice the shortest has another slope, 14 for 5, whatever the estimate is."""
    bend = 3 * (SMALL / SHORT) ** 2
    assert confirmed(slope, 0.5, bend=bend)[1] == np.inf


def test_a_bend_that_noise_explains_is_none() -> None:
    """Nor is one of less than a sixteenth of the slope."""
    bend, noise = 0.25, 2.0**-22
    assert confirmed(2.25, 0.125, bend=bend, noise=noise) == (2.25, 0.125)
    assert confirmed(2.0, 0.125, bend=2.0**-5) == (2.0, 0.125)


@pytest.mark.parametrize(
    ("kink", "step"), [(2.0**-21, 2.0**-22), (2.0**-24, 2.0**-26), (2.0**-28, 2.0**-30)]
)
def test_the_longest_step_that_meets_no_kink_is_taken(kink: float, step: float) -> None:
    """The shorter ones, which do not meet it either, bear it out and are noisier."""
    noise = 2.0**-60
    cost = lines(lambda t: 2 * t + 6 * np.maximum(t - kink, 0), noise=noise)
    assert exactly(close_difference(cost)) == (2.0, noise / step)


def test_a_kink_closer_than_all_steps_leaves_nothing_known() -> None:
    """A wrong slope is not settled on; not even where longer steps, far beyond it, agree."""
    cost = lines(lambda t: 2 * t + 6 * np.maximum(t - 2.0**-31, 0), noise=2.0**-60)
    assert exactly(close_difference(cost)) == (0, np.inf)


def differences(near: float, far: float, *, noise: float = 0.0) -> Any:
    """What is known where twice the shortest step says `far`, and all others say `near`."""
    cost = lines(lambda t: np.where(np.abs(t) == 2 * SHORT, far, near) * t, noise=noise)
    return exactly(close_difference(cost))


@pytest.mark.parametrize("sign", [1, -1])
@pytest.mark.parametrize("noise", [0.0, 2.0**-31])
def test_a_small_step_is_small_up_to_a_sixteenth_and_its_noise(sign: int, noise: float) -> None:
    """Twice the noise, as each of both differences has it; the smaller step is what counts."""
    near = 48.0
    edge = near + 3 + 2 * noise / SHORT
    assert differences(sign * near, sign * edge, noise=noise) == (sign * near, noise / SMALL)
    assert differences(sign * near, sign * edge * (1 + EPS), noise=noise) == (0, np.inf)


def test_a_step_is_borne_out_up_to_both_errors() -> None:
    """Beyond that the shorter one is kept, noise and all."""
    noise = 2.0**-50
    both = noise / SHORT + noise / 2.0**-26
    for off, error in ((both, noise / 2.0**-26), (both * (1 + 2.0**-20), noise / SHORT)):
        steps = {SHORT: 1.0, 2.0**-26: 1 + off, SMALL: 100.0}

        def costs(t: Array, steps: dict[float, float] = steps) -> Array:
            h = float(np.abs(t[0]))
            return steps.get(h, steps.get(h / 2, np.nan)) * t

        found = close_difference(lines(costs, noise=noise))
        assert found.error[0] == error


@pytest.mark.parametrize(
    ("near", "far"),
    [(np.nan, 9.0), (np.inf, 9.0), (9.0, np.nan), (np.nan, np.nan), (np.inf, np.inf)],
)
def test_a_small_step_that_is_not_finite_leaves_nothing_known(near: float, far: float) -> None:
    """Neither the step nor its double."""
    assert differences(near, far) == (0, np.inf)


@pytest.mark.parametrize(
    "oracle", [complex_step, ridders, central_difference, ridders_rows, _confirmed]
)
@pytest.mark.parametrize("costs", [lambda t: np.exp(1e6 + t), lambda t: 1e20 * (1e300 * t)])
def test_oracles_do_not_warn_of_what_overflows(oracle: Any, costs: Function) -> None:
    """Neither of a cost that does, nor of a slope."""
    line = lines(_quiet(costs), scale=1e-20)
    nothing = Estimate(slope=np.zeros(1), error=np.ones(1))
    oracle(*(line, nothing) if oracle is _confirmed else (line,))


@pytest.mark.parametrize(("slope", "error"), [(1.0, np.inf), (np.nan, 1.0), (np.inf, 1.0)])
def test_what_is_not_finite_is_not_known(slope: float, error: float) -> None:
    """Neither a slope without an error nor an error without a slope."""
    assert exactly(_finite(np.full(1, slope), np.full(1, error))) == (0, np.inf)
    assert exactly(_finite(np.full(1, 3.0), np.full(1, 0.0))) == (3, 0)
