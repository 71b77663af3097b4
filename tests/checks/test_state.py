"""What a check finds out about rounding on its way, and hands to every stage."""

from __future__ import annotations

import time
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from checks import rounding, second
from checks.state import DISAGREE, Check, begin, inspected, jittered, own_noise, spreads
from checks.subject import Subject, black_box
from tests.checks.helpers import by_position


def under_way(one: Subject) -> Check:
    """A sweep of it that has only begun."""
    return begin(one, rtol=None, method="sweep", seed=0, progress=lambda done: None)


def squares(dtype: Any) -> Subject:
    """A black box of three numbers, one of them small."""
    at = np.asarray([4.0, -2.0, 0.5], dtype)
    return black_box(lambda p: (p["w"] ** 2).sum(), lambda p: {"w": 2 * p["w"]}, {"w": at})


def test_a_gradients_own_noise_is_that_of_its_parameters_precision() -> None:
    """In single precision at least a unit in the cost's last place; in double, the cost's noise."""
    single, double = under_way(squares(np.float32)), under_way(squares(np.float64))
    assert own_noise(double) == double.noise.level < 1e-12
    assert own_noise(single) >= np.finfo(np.float32).eps * single.size > 1e-6
    assert single.size == double.size == 20.25


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_a_black_boxs_inside_is_allowed_for(dtype: Any) -> None:
    """The noise of its cost, over a change of each parameter's size."""
    this = under_way(squares(dtype))
    (far,) = spreads(this, [np.asarray([8.0, -4.0, 1.0])], trials=0)
    expected = own_noise(this) / rounding.scale(this.subject.values[0])
    np.testing.assert_array_equal(far, expected)
    assert far.min() > 0


def test_hygiene_hands_on_the_cost_that_it_has_seen() -> None:
    """In double precision; otherwise it is another one."""
    double, single = under_way(squares(np.float64)), under_way(squares(np.float32))
    assert inspected(double)
    assert double.__dict__["centre"] == double.centre == 20.25
    assert inspected(single)
    assert "centre" not in single.__dict__


def test_a_check_begins_with_nothing_done() -> None:
    """Options by name only; the promise by precision unless one is given; the seed decides."""
    one = squares(np.float64)
    assert by_position(begin) == ["subject"]
    this = under_way(one)
    assert (this.rtol, under_way(squares(np.float32)).rtol) == (
        rounding.default_rtol(np.dtype(np.float64)),
        rounding.default_rtol(np.dtype(np.float32)),
    )
    assert this.thorough
    assert this.executor is None
    assert (this.oracle, this.suspicious) == ("none", False)
    assert (this.offences, this.notes, this.extra) == ([], [], {})
    other = begin(one, rtol=0.5, method="m", seed=7, progress=print, thorough=False)
    assert (other.rtol, other.method, other.seed, other.progress, other.thorough) == (
        *(0.5, "m", 7, print, False),
    )
    assert other.rng.random() == np.random.default_rng(7).random() != this.rng.random()
    assert other.subject.raised is not this.subject.raised
    assert 0 <= time.perf_counter() - other.started < 60


def test_a_double_precision_gradients_noise_is_found_out_once() -> None:
    """A second look would call the cost again, and hear the same."""
    calls: list[int] = []

    def cost(p: Any) -> Any:
        calls.append(1)
        return (p["w"] ** 2).sum()

    one = replace(squares(np.float64), cost=lambda values: cost({"w": values[0]}))
    this = under_way(one)
    level = this.noise.level
    asked = len(calls)
    assert asked > 1
    assert own_noise(this) == level == this.noise.level
    assert len(calls) == asked
    assert this.scales == {"noise": level, "size": 20.25}
    this.look_closer()
    assert this.thorough
    assert this.noise.level > 0
    assert len(calls) > asked + 1


def test_a_cost_below_zero_has_a_size() -> None:
    """Which is its distance from zero."""
    one = squares(np.float64)
    below = under_way(replace(one, cost=lambda values: -one.cost(values)))
    assert (below.centre, below.size) == (-20.25, 20.25)


def test_a_look_closer_makes_a_check_thorough() -> None:
    """Though its noise has not been asked for yet."""
    this = begin(
        squares(np.float64), rtol=None, method="probe", seed=0, progress=print, thorough=False
    )
    this.look_closer()
    assert this.thorough


def test_no_gradient_is_handed_on_where_the_oracles_are_broken(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """It says which, and what that means."""
    monkeypatch.setattr(second, "miscalibrated", lambda: "ridders")
    this = under_way(squares(np.float64))
    assert inspected(this) == {}
    (offence,) = this.offences
    assert (offence.code, offence.title) == (DISAGREE, "oracles disagree")
    assert offence.detail == "ridders gets slopes wrong that are known"


@pytest.mark.parametrize("thorough", [False, True])
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_precision_lost_by_the_cost_is_told_after_a_thorough_look(
    dtype: Any, *, thorough: bool
) -> None:
    """In double precision: a cost in single precision may be no better."""
    at = np.asarray([4.0, -2.0, 0.5], dtype)
    one = black_box(
        lambda p: np.float32((p["w"].astype(np.float32) ** 2).sum()).astype(p["w"].dtype),
        lambda p: {"w": 2 * p["w"]},
        {"w": at},
    )
    this = begin(one, rtol=None, method="sweep", seed=0, progress=print, thorough=thorough)
    assert inspected(this)
    told = [offence.code for offence in this.offences]
    assert told == (["cost-low-precision"] if thorough and dtype is np.float64 else [])


def test_a_gradient_is_jittered_where_it_stores_something() -> None:
    """A black box by its parameters, a last digit each; a network by itself."""
    this = under_way(squares(np.float64))
    values = this.subject.values[0]
    (moved,) = jittered(this)
    assert np.all(moved != 2 * values)
    np.testing.assert_allclose(moved, 2 * values, rtol=1e-14)
    marked = replace(this.subject, jittered=lambda rng: {"w": np.full(3, rng.random())})
    drawn = np.random.default_rng(0).random(2)
    this = under_way(marked)
    assert jittered(this)[0].tolist() == [drawn[0]] * 3
    assert spreads(this, [np.zeros(3)], trials=1)[0].tolist() == [drawn[1]] * 3
