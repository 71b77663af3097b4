"""What a check finds out about rounding on its way, and hands to every stage."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from checks import rounding
from checks.state import Check, begin, inspected, own_noise, spreads
from checks.subject import Subject, black_box


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
