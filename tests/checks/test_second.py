"""No oracle is believed that should not be, and none is doubted that is right."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from backprop import init_net
from checks import oracles, rounding, second
from checks.nest import Array
from checks.networks import as_subject
from checks.oracles import Estimate, Lines
from checks.subject import Subject, scaled
from checks.sweep import signed, sweep
from tests.checks.helpers import CALLED, EPS, subject, vector

AT = [0.5, -1.0, 2.0]
NOISE = 16 * EPS


def rng(seed: int = 0) -> np.random.Generator:
    """A generator."""
    return np.random.default_rng(seed)


# --- oracles that get known slopes wrong ------------------------------------------------------

MISTAKES: dict[str, Callable[[Estimate], Any]] = {
    "a tenth too large": lambda e: replace(e, slope=1.1 * e.slope),
    "a millionth too large": lambda e: replace(e, slope=(1 + 1e-6) * e.slope),
    "wrong sign": lambda e: replace(e, slope=-e.slope),
    "zero": lambda e: replace(e, slope=0 * e.slope),
    "one line wrong": lambda e: replace(e, slope=e.slope + np.asarray([0, 0, 1e-3])),
    "NaN": lambda e: replace(e, slope=np.nan * e.slope),
    "error NaN": lambda e: replace(e, error=np.nan * e.slope),
    "nothing known": lambda e: replace(e, error=np.full(3, np.inf)),
    "not much known": lambda e: replace(e, error=np.full(3, 1e-5)),
    "little known of one": lambda e: replace(e, error=np.asarray([0, 1e-5, 0])),
    "raises": lambda e: 1 // 0,
    "gives nothing back": lambda e: None,
}


@pytest.mark.parametrize("name", CALLED)
@pytest.mark.parametrize("mistake", MISTAKES)
def test_a_broken_oracle_is_named(monkeypatch: pytest.MonkeyPatch, name: str, mistake: str) -> None:
    """Whichever it is and however it is broken."""
    right = getattr(oracles, name)

    def broken(lines: Lines) -> Any:
        return MISTAKES[mistake](right(lines))

    monkeypatch.setattr(oracles, name, broken)
    assert second.miscalibrated() == CALLED[name]


def test_the_oracles_as_they_are_are_not_named() -> None:
    """None of them gets the known slopes wrong, which is asked of each function once."""
    second._calibrated.cache_clear()
    assert [second.miscalibrated() for _ in range(3)] == [None] * 3
    assert second._calibrated.cache_info().misses == len(CALLED)


# --- two oracles ------------------------------------------------------------------------------


def numbers(one: Subject) -> tuple[dict[str, Any], dict[str, Array], dict[str, Array]]:
    """A subject's noise and size, its slopes by complex step, and no errors nor suspects."""
    size = float(one.cost(one.values))
    scales: dict[str, Any] = {"noise": NOISE * size, "size": size}
    found = sweep(one, oracles.COMPLEX, **scales)
    numeric = {
        name: e.slope.reshape(v.shape)
        for name, e, v in zip(one.names, found, one.values, strict=True)
    }
    return scales, numeric, {name: np.empty(0, int) for name in one.names}


def disagreement(
    one: Subject,
    other: oracles.Oracle,
    numeric: dict[str, Array],
    suspects: dict[str, Array],
    seed: int = 0,
    *,
    own: float = 0.0,
    **scales: float,
) -> str | None:
    """What another oracle says of values whose own error is `own`."""
    error = {name: np.full(values.shape, own) for name, values in numeric.items()}
    return second.disagreement(one, other, numeric, suspects, rng(seed), error=error, **scales)


@pytest.mark.parametrize("other", [oracles.RIDDERS, oracles.CENTRAL])
@pytest.mark.parametrize("factor", [1e-12, 1.0, 1e12])
def test_oracles_that_are_right_agree(other: str, factor: float) -> None:
    """At any size of the cost, kinked activations included."""
    for activation in ("sigmoid", "relu"):
        one = scaled(subject(activation=activation), factor)
        scales, numeric, none = numbers(one)
        assert disagreement(one, oracles.named(other), numeric, none, **scales) is None


def test_a_disagreement_names_the_coordinate_and_both_values() -> None:
    """In a tensor small enough to be sampled whole."""
    one = subject()
    scales, numeric, none = numbers(one)
    right = numeric["W1"][2, 3]
    numeric["W1"][2, 3] *= 1 + 1e-6
    found = disagreement(one, oracles.ridders, numeric, none, **scales)
    assert str(found).startswith(f"at W1[2, 3] one says {right * (1 + 1e-6):.9g}, the other ")


def test_an_oracle_may_be_as_far_off_as_it_says() -> None:
    """What is held against it is a difference that neither of the two admits."""
    one = subject()
    scales, numeric, none = numbers(one)
    numeric["W1"] = numeric["W1"] + 1e-5
    assert disagreement(one, oracles.ridders, numeric, none, own=1e-5, **scales) is None
    assert disagreement(one, oracles.ridders, numeric, none, own=1e-7, **scales) is not None


@pytest.mark.parametrize(("off", "agrees"), [(3.6e-11, True), (3.8e-11, False)])
def test_two_oracles_without_an_error_agree_to_two_thirds_of_the_digits(
    off: float, *, agrees: bool
) -> None:
    """eps^(2/3), 3.7e-11: as much as the plain difference can be asked for."""
    one = subject()
    scales, numeric, none = numbers(one)

    def exact(line: Lines) -> Estimate:
        slope = oracles.complex_step(line).slope
        return Estimate(slope=slope * (1 + off), error=np.zeros_like(slope))

    assert (disagreement(one, exact, numeric, none, **scales) is None) is agrees


def test_suspects_are_looked_at_wherever_they_are() -> None:
    """A sample would miss one coordinate of a thousand; a suspect is always in it."""
    one = subject(shape=(100, 10, 2), batch=3)
    scales, numeric, none = numbers(one)
    numeric["W1"].reshape(-1)[777] += 1
    suspects = {**none, "W1": np.asarray([777])}
    found = disagreement(one, oracles.ridders, numeric, suspects, **scales)
    assert "at W1[77, 7] one says" in str(found)
    seen = [disagreement(one, oracles.ridders, numeric, none, seed, **scales) for seed in range(20)]
    assert seen.count(None) > 10


# --- the short rerun --------------------------------------------------------------------------


def wrong_rerun(one: Subject, tensor: int, change: Callable[[Array, Array], Array]) -> Subject:
    """The subject with one tensor's short rerun changed: (costs, steps) to costs."""
    rerun = one.rerun
    assert rerun is not None

    def broken(at: int, indices: Array, steps: Array) -> Array:
        costs = rerun(at, indices, steps)
        return change(costs, steps) if at == tensor else costs

    return replace(one, rerun=broken)


@pytest.mark.parametrize("activation", ["sigmoid", "relu", "softplus"])
@pytest.mark.parametrize("factor", [1e-12, 1.0, 1e12])
def test_a_right_rerun_is_not_accused(activation: str, factor: float) -> None:
    """Nor is a subject that has none."""
    one = scaled(subject(activation=activation), factor)
    scales = numbers(one)[0]
    assert second.rerun_mistake(one, rng(), **scales) is None
    assert second.rerun_mistake(replace(one, rerun=None), rng(), **scales) is None


def test_a_rerun_is_given_the_rounding_of_where_it_goes() -> None:
    """Weights of twelve times the usual size amplify it far more a step away than at the point."""
    net = init_net((6, 20, 20, 20, 20, 3), activation="tanh", seed=3)
    net.weights = [12 * W for W in net.weights]
    at = np.random.default_rng(3)
    one = as_subject(net, at.normal(size=(9, 6)), at.normal(size=(9, 3)))
    size = abs(float(one.cost(one.values)))
    scales = {"noise": EPS * size, "size": size}
    assert second.rerun_mistake(one, rng(), **scales) is None
    wrong = wrong_rerun(one, 0, lambda costs, steps: costs * (1 + 1e-6))
    assert str(second.rerun_mistake(wrong, rng(), **scales)).startswith("W1, flat index ")


RERUNS: dict[str, Callable[[Array, Array], Array]] = {
    "a millionth off": lambda costs, steps: costs * (1 + 1e-6),
    "one of them off": lambda costs, steps: costs + 1e-6 * (np.arange(len(costs)) == 1),
    "real steps only": lambda costs, steps: costs * (1 if steps.dtype.kind == "c" else 1 + 1e-9),
    "imaginary steps only": lambda costs, steps: costs.conj(),
    "NaN": lambda costs, steps: costs * np.nan,
    "the steps forgotten": lambda costs, steps: costs * 0 + costs[0],
}


def test_half_of_a_sample_takes_a_real_step_and_the_other_an_imaginary_one() -> None:
    """Each an eighth or a thousandth of the parameter's own scale, and no parameter is left out."""
    one = subject(shape=(3, 4, 2))
    assert one.rerun is not None
    rerun, taken = one.rerun, []

    def recorded(tensor: int, at: Array, steps: Array) -> Array:
        taken.append((tensor, at, steps))
        return rerun(tensor, at, steps)

    assert second.rerun_mistake(replace(one, rerun=recorded), rng(), **numbers(one)[0]) is None
    for tensor, values in enumerate(one.values):
        (_, at, real), (_, others, imaginary) = (t for t in taken if t[0] == tensor)
        assert sorted([*at, *others]) == list(range(values.size))
        scale = rounding.scale(values).reshape(-1)
        assert np.array_equal(real, scale[at] / 8)
        assert np.array_equal(imaginary, 1j * scale[others] / 1024)


@pytest.mark.parametrize("tensor", range(4))
@pytest.mark.parametrize("name", RERUNS)
def test_a_wrong_rerun_is_found(tensor: int, name: str) -> None:
    """In each tensor, by name."""
    one = subject()
    scales = numbers(one)[0]
    found = second.rerun_mistake(wrong_rerun(one, tensor, RERUNS[name]), rng(), **scales)
    assert str(found).startswith(f"{one.names[tensor]}, flat index ")


def test_a_cost_of_zero_compares_no_reruns() -> None:
    """There is no size by which to judge what differs."""
    one = wrong_rerun(subject(), 0, RERUNS["NaN"])
    scales = numbers(one)[0]
    assert second.rerun_mistake(one, rng(), **scales) is not None
    assert second.rerun_mistake(one, rng(), **{**scales, "size": 0.0}) is None


@pytest.mark.parametrize(("units", "found"), [(0, False), (16, False), (64, True), (-64, True)])
def test_where_nothing_moves_the_cost_its_own_last_digits_do(units: int, *, found: bool) -> None:
    """Parameters of zero stay as they are under jitter, and no noise is known either."""
    one = vector(lambda p: 3 + p.sum() ** 2, lambda p: 2 * p, [0.0])

    def rerun(tensor: int, at: Array, steps: Array) -> Array:
        return (3 + steps**2) * (1 + units * EPS)

    mistake = second.rerun_mistake(replace(one, rerun=rerun), rng(), noise=0.0, size=3.0)
    assert (mistake is not None) is found


# --- zeros that hide a slope ------------------------------------------------------------------


def test_a_slope_along_zeros_is_found() -> None:
    """Where the cost does slope along coordinates said to be flat."""
    cost = lambda p: (p**2).sum() + 1  # noqa: E731
    one = vector(cost, lambda p: 2 * p, AT)
    zero = {"params": np.asarray([False, True, False])}
    scales = {"noise": NOISE, "size": 6.25}
    slope = -2.64575131 * signed(rng(), 3)[1]
    assert second.hidden_slope(one, zero, rng(), **scales) == (
        f"the cost slopes by {slope:.9g} along coordinates said to be exactly zero"
    )


def test_coordinates_that_are_flat_hide_nothing() -> None:
    """Nor do coordinates that were not said to be zero; nor none at all."""
    one = vector(lambda p: p[0] ** 2 + p[2] ** 3 + 1, lambda p: p, AT)
    scales = {"noise": NOISE, "size": 9.25}
    for zero in ([False, True, False], [False, False, False]):
        assert second.hidden_slope(one, {"params": np.asarray(zero)}, rng(), **scales) is None
    dead = {"params": np.asarray([True, True, False])}
    assert second.hidden_slope(one, dead, rng(), **scales) is not None
