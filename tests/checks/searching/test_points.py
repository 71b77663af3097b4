import numpy as np
import pytest

from checks.searching.points import POINTS, moved


@pytest.mark.parametrize("point", POINTS)
@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_a_point_keeps_shape_dtype_and_sign(point: str, dtype: str) -> None:
    """But for numbers that it sets to zero; and leaves the arrays as they are."""
    values = np.random.default_rng(0).normal(size=(3, 4)).astype(dtype)
    before = values.copy()
    (found,) = moved([values], point)
    assert (found.shape, found.dtype) == (values.shape, values.dtype)
    assert np.all((found == 0) | (np.sign(found) == np.sign(values)))
    assert np.array_equal(values, before)


def test_what_is_on_one_side_of_zero_stays_there() -> None:
    """Zeros come only into arrays that have both signs."""
    variances, weights = np.asarray([0.12, 3.4, 0.0]), np.asarray([0.12, -3.4, 1.0])
    found = moved([variances, weights], "some-zeros")
    assert found[0].tolist() == [0.1, 3.0, 0.0]
    assert found[1].tolist() == [0.0, -3.0, 0.0]


def test_rounded_numbers_have_one_digit() -> None:
    """Of any size; nothing to round is no error."""
    (found,) = moved([np.asarray([1234.5, -0.00678, 0.0])], "rounded")
    assert found.tolist() == [1000.0, -0.007, 0.0]
    assert moved([np.zeros((0, 2))], "rounded")[0].shape == (0, 2)
