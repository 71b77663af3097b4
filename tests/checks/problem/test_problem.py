"""A black box becomes a subject, or the reason is told why it cannot."""

from __future__ import annotations

import re
from typing import Any

import numpy as np
import pytest

from checks.problem.nested import Array
from checks.problem.problem import black_box, scaled
from tests.checks.helpers import subject


def nested_cost(p: Any) -> Any:
    """A cost of nested parameters."""
    return (p["a"] ** 2).sum() + p["b"][0] * p["b"][1].sum()


def nested_gradients(p: Any) -> Any:
    """Its gradient."""
    return {"a": 2 * p["a"], "b": (p["b"][1].sum(), p["b"][0] * np.ones(2))}


def params() -> Any:
    """An array, a number and another array, nested."""
    return {"a": np.arange(6.0).reshape(2, 3), "b": (np.float64(2.0), np.asarray([1.0, 3.0]))}


def test_a_black_box_hands_the_functions_their_own_nesting() -> None:
    """Tensors are named by their paths; a function or finished arrays give the gradient."""
    for gradients in (nested_gradients, nested_gradients(params())):
        one = black_box(nested_cost, gradients, params(), inputs={"x": np.ones(1)})
        assert one.names == ("a", "b.0", "b.1")
        assert one.parameters == 9
        assert one.cost(one.values) == 55 + 8
        found = one.gradient(one.values)
        np.testing.assert_array_equal(found["a"], 2 * params()["a"])
        np.testing.assert_array_equal(found["b.0"], 4)
        assert set(one.inputs) == {"x"}
        assert (one.rerun, one.jittered) == (None, None)


def test_a_black_box_keeps_copies() -> None:
    """What happens to the caller's arrays later is nothing to it."""
    given = params()
    one = black_box(nested_cost, nested_gradients, given)
    given["a"][:] = 7
    np.testing.assert_array_equal(one.values[0], params()["a"])


def test_a_gradient_nested_otherwise_is_left_to_hygiene() -> None:
    """It is named by its own paths."""
    one = black_box(nested_cost, {"a": np.ones(1)}, params())
    assert set(one.gradient(one.values)) == {"a"}


@pytest.mark.parametrize(
    ("wrong", "error", "text"),
    [
        (np.arange(3), TypeError, "got dtype int64 in 'params'; cast it with .astype(float)"),
        (np.ones(2, bool), TypeError, "got dtype bool in 'params'; cast it with .astype(float)"),
        (np.ones(2) + 1j, TypeError, "got dtype complex128 in 'params'"),
        ({"w": np.asarray(["a"])}, TypeError, "got dtype <U1 in 'w'"),
        (
            {"w": np.ma.masked_array([1.0, 2.0], [False, True])},
            TypeError,
            "params: expected plain arrays, got MaskedArray in 'w'; cast it with np.asarray",
        ),
        (
            np.ones((2, 2)).view(np.matrix),
            TypeError,
            "got matrix in 'params'; cast it with np.asarray, and write the functions for that",
        ),
        ([np.ones(2), np.asarray([1.0, np.nan])], ValueError, "got NaN or infinity in '1'"),
        (
            np.asarray([np.inf]),
            ValueError,
            "expected finite numbers, got NaN or infinity in 'params'",
        ),
        ([], ValueError, "params: expected at least one number to check, got none"),
        ([np.empty((0, 3))], ValueError, "params: expected at least one number to check, got none"),
    ],
)
def test_parameters_that_cannot_be_checked_are_told(
    wrong: Any, error: type[Exception], text: str
) -> None:
    """Which, what was expected, what came, and what to do."""
    with pytest.raises(error, match=re.escape(text)) as caught:
        black_box(nested_cost, nested_gradients, wrong)
    assert str(caught.value).startswith("params: expected ")


class Labelled(np.ndarray):
    """An array that does as arrays do, and carries something beside its numbers."""


def test_an_array_by_another_name_is_one() -> None:
    """What behaves like an array loses nothing that the functions count on."""
    one = black_box(nested_cost, None, {"w": np.arange(3.0).view(Labelled)})
    np.testing.assert_array_equal(one.values[0], np.arange(3.0))


def test_a_cost_that_is_no_function_is_told() -> None:
    """With what came."""
    with pytest.raises(TypeError, match=r"cost: expected a function of the parameters, got 3\.0"):
        black_box(3.0, nested_gradients, params())  # type: ignore[arg-type]


def test_the_coarsest_dtype_counts() -> None:
    """Rounding is judged by it."""
    mixed = [np.ones(2), np.ones(2, np.float32)]
    assert black_box(nested_cost, mixed, mixed).dtype == np.float32
    assert black_box(nested_cost, mixed, mixed[:1]).dtype == np.float64


@pytest.mark.parametrize("factor", [1e-12, -2.0, 1e12])
def test_a_scaled_subject_is_scaled_in_all_it_says(factor: float) -> None:
    """Cost, gradient, jittered gradient and short rerun; dtype and parameters stay."""
    for dtype in (np.float64, np.float32):
        one = subject(dtype=dtype)
        other = scaled(one, factor)
        assert other.cost(other.values) == factor * one.cost(one.values)
        pairs: list[tuple[dict[str, Array], dict[str, Array]]] = [
            (one.gradient(one.values), other.gradient(other.values))
        ]
        assert one.jittered is not None
        assert other.jittered is not None
        pairs += [
            (one.jittered(np.random.default_rng(0)), other.jittered(np.random.default_rng(0)))
        ]
        for plain, times in pairs:
            for name in one.names:
                assert times[name].dtype == dtype
                np.testing.assert_allclose(times[name], factor * plain[name], rtol=1e-6)
        at, steps = np.arange(4), np.full(4, 0.5)
        assert one.rerun is not None
        assert other.rerun is not None
        np.testing.assert_array_equal(other.rerun(0, at, steps), factor * one.rerun(0, at, steps))
    black = black_box(nested_cost, nested_gradients, params())
    assert (scaled(black, 2).rerun, scaled(black, 2).jittered) == (None, None)
