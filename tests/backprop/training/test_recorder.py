"""The tape: what was recorded is done again on other numbers, bit for bit, and nothing else is."""

import copy
import math
import warnings
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from backprop.activations import ACTIVATIONS, Array
from backprop.costs import COSTS
from backprop.training.recorder import OperationRecorder

RNG = np.random.default_rng(0)
Z, LATER = RNG.normal(size=(2, 4, 3)).astype(np.float32)
Y = np.eye(4, 3, dtype=np.float32)

ELEMENT_WISE: dict[str, Callable[[Any], Any]] = {
    "a formula": lambda a: a * (1 - a) + 0.5,
    "in place": lambda a: np.minimum(np.exp(-a.real, out=(e := -a)), 2, out=e),
    "by name": lambda a: np.maximum(a, 0.25),
    "a comparison": lambda a: a > 0,
    "its argument": lambda a: a,
    "a power": lambda a: abs(a) ** 3,
    "double precision": lambda a: a * ((a.real > 0) + 0.01 * (a.real <= 0)),
}

OTHERS: dict[str, Callable[[Any], Any]] = {
    "a sum": lambda a: a - a.sum(axis=-1, keepdims=True),
    "a reduction": lambda a: a - np.add.reduce(a),
    "a choice": lambda a: np.where(a > 0, a, 2 * a),
    "a branch": lambda a: -a if a[0, 0] > 0 else a * 3,
    "a condition": lambda a: -a if np.all(a < 9) else a * 3,
    "a number": lambda a: -a if a.max() > 1.5 else a * 3,
    "its size": lambda a: a / len(a),
    "a copy": lambda a: copy.deepcopy(a) * 2,
    "a buffer of its own": lambda a: np.exp(a, out=np.empty((4, 3), np.float32)),
    "a conversion": lambda a: np.asarray(a) * 2,
    "a list": lambda a: np.array([a, a])[0] * 2,
    "likeness": np.ones_like,
    "plain numbers": lambda a: np.array([[math.exp(v) for v in row] for row in a]),
    "two results": lambda a: np.modf(a)[0],
    "an option": lambda a: np.add(a, 1, dtype=np.float64),
    "no array": lambda a: 2.0,
}


def on_tape(
    formula: Callable[[Any], Any], *, recorded: bool
) -> tuple[Array, Array, OperationRecorder, Any]:
    """A formula's argument and result on a tape, and what it was called with."""
    seen: list[Any] = []

    def noted(a: Any) -> Any:
        seen.append(a)
        return formula(a)

    z, tape = Z.copy(), OperationRecorder()
    return z, tape.run(noted, z, recorded=recorded), tape, seen


@pytest.mark.parametrize("name", [*ELEMENT_WISE])
def test_what_was_recorded_is_done_again(name: str) -> None:
    """In the same array, on the numbers that are there by then, without calling the formula.

    What comes out in double precision, or as conditions, becomes of the argument's dtype.
    """
    formula = ELEMENT_WISE[name]
    z, found, tape, seen = on_tape(formula, recorded=True)
    for values in (Z, LATER, Z):
        z[...] = values
        tape.replay()
        expected = formula(values.copy())
        assert (found.dtype, found.shape) == (Z.dtype, Z.shape)
        np.testing.assert_array_equal(found, np.asarray(expected, Z.dtype))
        np.testing.assert_array_equal(z, values)
    assert len(seen) == 1


@pytest.mark.parametrize("name", [*ELEMENT_WISE, *OTHERS])
def test_what_is_not_recorded_is_called_again(name: str) -> None:
    """Whatever it does, with an array each time; its result is made like its argument."""
    formula = {**ELEMENT_WISE, **OTHERS}[name]
    z, found, tape, seen = on_tape(formula, recorded=False)
    for values in (Z, LATER, Z):
        z[...] = values
        tape.replay()
        assert (found.dtype, found.shape) == (Z.dtype, Z.shape)
        np.testing.assert_array_equal(found, np.asarray(formula(values.copy()), Z.dtype))
    assert [a is z for a in seen] == [True] * 4


@pytest.mark.parametrize("name", [*OTHERS])
def test_more_than_element_wise_operations_cannot_be_recorded(name: str) -> None:
    """Rather than to record half of it; and what to do about it."""
    with pytest.raises(TypeError, match="leave `recorded` out, and it is called"):
        on_tape(OTHERS[name], recorded=True)


def test_the_truth_of_a_single_number_cannot_be_recorded() -> None:
    """Nor its value: of such an array NumPy would tell. Nor two results."""
    formulas: list[Callable[[Any], Any]] = [
        lambda a: a if a > 0 else -a,
        lambda a: a * float(a),
        lambda a: a * int(a),
        np.modf,
    ]
    for formula in formulas:
        with pytest.raises(TypeError, match="leave `recorded` out"):
            OperationRecorder().run(formula, np.ones((1, 1)), recorded=True)


def test_a_result_is_shaped_like_the_first_argument() -> None:
    """As a delta is like the activation, whatever the targets are like."""
    for recorded in (False, True):
        found = OperationRecorder().run(lambda a, y: a * y, Z, Y[:, :1], recorded=recorded)
        np.testing.assert_array_equal(found, Z * Y[:, :1])
        found = OperationRecorder().run(lambda y, a: y - 0 * y, Y[:, :1], Z, recorded=recorded)
        np.testing.assert_array_equal(found, Y[:, :1])
        found = OperationRecorder().run(lambda a, y: y + y, Z, Y[:, :1], recorded=recorded)
        np.testing.assert_array_equal(found, 2 * Y[:, [0, 0, 0]])


def test_errors_of_a_formula_are_its_own() -> None:
    """What it raises is raised, at once and later."""
    for recorded in (True, False):
        with pytest.raises(ZeroDivisionError):
            on_tape(lambda a: a / (1 // 0), recorded=recorded)
    z, _, tape, _ = on_tape(lambda a: a * int(1 / a[0, 0]), recorded=False)
    z[0, 0] = np.nan
    with pytest.raises(ValueError, match="NaN"):
        tape.replay()


def test_calls_are_made_again_as_they_were() -> None:
    """Whatever the function."""
    a, b, out, tape = np.array([1.0, 5]), np.array([3.0, 4]), np.empty(2), OperationRecorder()
    tape.call(np.subtract, a, b, out)
    tape.call(np.copyto, b, a)
    assert out.tolist() == [-2, 1]
    a[...] = 7
    tape.replay()
    assert (out.tolist(), b.tolist()) == ([6, 2], [7, 7])


def test_no_warning_of_results_by_position() -> None:
    """NumPy warns of a third argument to the minimum and the maximum."""
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        for function in (np.minimum, np.maximum):
            tape = OperationRecorder()
            tape.run(lambda a, function=function: function(a, 0.5), Z, recorded=True)
            tape.replay()
            assert len(tape.calls) == 1


@pytest.mark.parametrize("name", [*ACTIVATIONS])
def test_activations_on_tape_are_themselves(name: str) -> None:
    """Each function, and its slope where it has one, bit for bit."""
    f, z, tape = ACTIVATIONS[name], Z.copy(), OperationRecorder()
    a = tape.run(f.function, z, recorded=f.recorded)
    slope = None if f.coupled else tape.run(f.slope, a, recorded=f.recorded)
    z[...] = LATER
    tape.replay()
    np.testing.assert_array_equal(a, f.function(LATER))
    if slope is not None:
        np.testing.assert_array_equal(slope, f.slope(a))


@pytest.mark.parametrize("name", [*COSTS])
def test_deltas_on_tape_are_themselves(name: str) -> None:
    """Whatever the output's slope."""
    cost, a, tape = COSTS[name], ACTIVATIONS["sigmoid"].function(Z), OperationRecorder()
    slope = ACTIVATIONS["sigmoid"].slope
    found = tape.run(lambda a, y: cost.delta(a, y, slope), a, Y, recorded=cost.recorded)
    a[...] = ACTIVATIONS["sigmoid"].function(LATER)
    tape.replay()
    np.testing.assert_array_equal(found, cost.delta(a, Y, slope))
