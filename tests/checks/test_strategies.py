"""The strategies for anyone's tests draw what they promise, and shrink to what is round."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import HealthCheck, Phase, find, given, settings
from hypothesis import strategies as st

from checks import check_gradients
from checks.network.properties import strategies as of_networks
from checks.strategies import CLEAR, LARGEST, NEAR, points_near_kinks, shapes, well_scaled_arrays
from geartrain import strategies

Array = npt.NDArray[Any]
MANY = settings(
    max_examples=100,
    derandomize=True,
    database=None,
    deadline=None,
    phases=[Phase.generate],
    suppress_health_check=list(HealthCheck),
)


def drawn_from(strategy: st.SearchStrategy[Any]) -> list[Any]:
    """A hundred examples."""
    found: list[Any] = []

    def keep(example: Any) -> None:
        found.append(example)

    MANY(given(strategy)(keep))()
    return found


def distances(array: Array, kinks: tuple[float, ...]) -> Array:
    """How far each element is from the nearest kink."""
    return np.asarray(np.abs(array[..., None] - np.asarray(kinks)).min(axis=-1))


@pytest.mark.parametrize("dtype", [np.float64, np.float32, "float16"])
@pytest.mark.parametrize("kinks", [(0.0,), (1.0, -1.0), ()])
def test_well_scaled_arrays_keep_clear_of_kinks_and_saturation(
    dtype: Any, kinks: tuple[float, ...]
) -> None:
    """And no two elements are alike, so that a maximum has no kink there either."""
    for array in drawn_from(well_scaled_arrays((3, 4), dtype=dtype, kinks=kinks)):
        assert (array.shape, array.dtype) == ((3, 4), np.dtype(dtype))
        assert np.abs(array).max() <= LARGEST
        assert not kinks or distances(array, kinks).min() >= CLEAR
        assert len(np.unique(array)) == array.size


def test_what_is_asked_for_is_drawn_as_well() -> None:
    """Elements near kinks, and such that saturate."""
    found = np.concatenate(drawn_from(well_scaled_arrays(5, near_kinks=True, saturated=True)))
    assert {0.0, 1e-12, -1e-3} <= {*found}
    assert np.abs(found).max() == 40
    assert np.abs(np.concatenate(drawn_from(well_scaled_arrays(5)))).max() <= LARGEST


def test_shapes_may_be_drawn_too() -> None:
    """Large ones as well, whose elements repeat."""
    found = drawn_from(well_scaled_arrays(st.sampled_from([(2, 3), 4, (), (20, 20), (0, 3)])))
    assert {array.shape for array in found} == {(2, 3), (4,), (), (20, 20), (0, 3)}


def test_a_failure_shrinks_to_round_numbers() -> None:
    """One, two, minus one and so on."""
    found = find(
        well_scaled_arrays(3), lambda x: bool((x > 0).all()), settings=settings(database=None)
    )
    assert sorted(found) == [0.5, 1, 2]


@pytest.mark.parametrize("kinks", [(0.0,), (1.0, -1.0)])
def test_points_near_kinks_have_one_near(kinks: tuple[float, ...]) -> None:
    """Some of them lie exactly there, on either side, and as close as can be."""
    found = drawn_from(points_near_kinks((2, 2), kinks=kinks))
    nearest = [distances(array, kinks).min() for array in found]
    assert max(nearest) <= max(NEAR) * (1 + 1e-9)
    assert min(nearest) == 0
    assert any(0 < near < 1e-8 for near in nearest)
    assert {array.size for array in drawn_from(points_near_kinks(st.integers(0, 2)))} == {1, 2}


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: well_scaled_arrays(3, dtype=int), "dtype: expected a real floating-point one"),
        (lambda: points_near_kinks(3, kinks=()), "kinks: expected at least one place, got none"),
        (
            lambda: well_scaled_arrays(3, kinks=np.linspace(-2, 2, 40).tolist()),
            "kinks: expected some place within 2 of 0",
        ),
    ],
)
def test_what_cannot_be_drawn_is_refused(call: Any, message: str) -> None:
    """When it is asked for."""
    with pytest.raises(ValueError, match=message):
        call()


@settings(MANY, max_examples=15)
@given(well_scaled_arrays((2, 3)))
def test_a_right_gradient_is_proved_at_well_scaled_points(x: Array) -> None:
    """Kinks and saturation included in the cost, which these points keep clear of."""
    report = check_gradients(
        lambda x: (np.maximum(x, 0 * x) + np.tanh(x)).sum(),
        lambda x: (x > 0) + 1 - np.tanh(x) ** 2,
        x,
    )
    assert report.verdict == "pass", str(report)


@settings(MANY, max_examples=15)
@given(points_near_kinks(3))
def test_a_slope_of_one_side_does_not_fail_near_a_kink(x: Array) -> None:
    """Nor does it at the kink."""
    report = check_gradients(lambda x: np.abs(x).sum(), np.sign, x)
    assert report.verdict != "fail", str(report)


def test_they_are_offered_together() -> None:
    """By name, without loading what is not asked for."""
    assert strategies.shapes is shapes
    assert strategies.well_scaled_arrays is well_scaled_arrays
    assert strategies.points_near_kinks is points_near_kinks
    assert strategies.networks is of_networks.networks
    assert strategies.minibatches is of_networks.minibatches
    assert set(strategies.__all__) <= set(dir(strategies))
    with pytest.raises(AttributeError, match="has no attribute 'zebra'"):
        getattr(strategies, "zebra")  # noqa: B009 a name that mypy need not know
