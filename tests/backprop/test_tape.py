"""The tape: what was recorded is done again on other numbers, bit for bit, and nothing else is."""

import math
import warnings
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from backprop.activations import ACTIVATIONS, Array
from backprop.costs import COSTS
from backprop.tape import Tape

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
}

OTHERS: dict[str, Callable[[Any], Any]] = {
    "a sum": lambda a: a - a.sum(axis=-1, keepdims=True),
    "a reduction": lambda a: a - np.add.reduce(a),
    "a choice": lambda a: np.where(a > 0, a, 2 * a),
    "a branch": lambda a: -a if a[0, 0] > 0 else a * 3,
    "a truth": lambda a: -a if (a.max() > 1.5) else a * 3,
    "a question": lambda a: a * 2 if isinstance(a, np.ndarray) else a * 3,
    "a conversion": lambda a: np.asarray(a) * 2,
    "a list": lambda a: np.array([a, a])[0] * 2,
    "likeness": np.ones_like,
    "plain numbers": lambda a: np.array([[math.exp(v) for v in row] for row in a]),
    "two results": lambda a: np.modf(a)[0],
    "two kinds": lambda a: np.add(a, 1, dtype=np.float64),
    "no array": lambda a: 2.0,
    "integers": lambda a: np.ldexp(a, 2),
}


def recorded(formula: Callable[[Any], Any]) -> tuple[Array, Array, Tape, list[int]]:
    """A formula's argument and result on a tape, and how often it was called."""
    calls = [0]

    def counted(a: Any) -> Any:
        calls[0] += 1
        return formula(a)

    z, tape = Z.copy(), Tape()
    return z, tape.run(counted, z), tape, calls


@pytest.mark.parametrize("name", [*ELEMENT_WISE, *OTHERS])
def test_what_was_recorded_is_done_again(name: str) -> None:
    """In the same array, and on the numbers that are there by then, of the formula's dtype."""
    formula = {**ELEMENT_WISE, **OTHERS}[name]
    z, found, tape, _ = recorded(formula)
    for values in (Z, LATER, Z):
        z[...] = values
        tape.repeat()
        expected = np.asarray(formula(values.copy()))
        assert (found.dtype, found.shape) == (expected.dtype, expected.shape)
        np.testing.assert_array_equal(found, expected)
        np.testing.assert_array_equal(z, values)


@pytest.mark.parametrize("name", [*ELEMENT_WISE, *OTHERS])
def test_only_what_is_not_element_wise_is_called_again(name: str) -> None:
    """Once as it is and once to record it; what cannot be recorded, in every repetition."""
    _, _, tape, calls = recorded({**ELEMENT_WISE, **OTHERS}[name])
    tape.repeat()
    tape.repeat()
    assert calls == [2 if name in ELEMENT_WISE else 4]


def test_what_fails_half_way_leaves_nothing_behind() -> None:
    """The operations before it are not on the tape; a call is all there is."""
    _, _, tape, _ = recorded(lambda a: (a * 2).sum(axis=0) + 1)
    assert len(tape.calls) == 1


def test_errors_of_a_formula_are_its_own() -> None:
    """What fails for an array, too, is raised, on recording and later."""
    with pytest.raises(ZeroDivisionError):
        Tape().run(lambda a: a / (1 // 0), Z)
    z, _, tape, _ = recorded(lambda a: a * int(1 / a[0, 0]))
    z[0, 0] = np.nan
    with pytest.raises(ValueError, match="NaN"):
        tape.repeat()


def test_calls_are_made_again_as_they_were() -> None:
    """Whatever the function."""
    a, b, out, tape = np.array([1.0, 5]), np.array([3.0, 4]), np.empty(2), Tape()
    tape.call(np.subtract, a, b, out)
    tape.call(np.copyto, b, a)
    assert out.tolist() == [-2, 1]
    a[...] = 7
    tape.repeat()
    assert (out.tolist(), b.tolist()) == ([6, 2], [7, 7])


def test_no_warning_of_results_by_position() -> None:
    """NumPy warns of a third argument to the minimum and the maximum."""
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        for function in (np.minimum, np.maximum):
            tape = Tape()
            tape.run(lambda a, function=function: function(a, 0.5), Z)
            tape.repeat()
            assert len(tape.calls) == 1


def test_a_formula_of_chance_is_called_again() -> None:
    """What comes out otherwise once more is not recorded."""
    rng = np.random.default_rng(0)
    _, _, tape, calls = recorded(lambda a: a * rng.random(a.shape))
    tape.repeat()
    assert calls == [3]


@pytest.mark.parametrize("name", [*ACTIVATIONS])
def test_activations_on_tape_are_themselves(name: str) -> None:
    """Each function, and its slope where it has one, bit for bit."""
    f, z, tape = ACTIVATIONS[name], Z.copy(), Tape()
    a = tape.run(f.function, z)
    slope = None if f.coupled else tape.run(f.slope, a)
    z[...] = LATER
    tape.repeat()
    np.testing.assert_array_equal(a, f.function(LATER))
    if slope is not None:
        np.testing.assert_array_equal(slope, f.slope(a))


@pytest.mark.parametrize("name", [*COSTS])
def test_deltas_on_tape_are_themselves(name: str) -> None:
    """Whatever the output's slope."""
    cost, a, tape = COSTS[name], ACTIVATIONS["sigmoid"].function(Z), Tape()
    slope = ACTIVATIONS["sigmoid"].slope
    found = tape.run(lambda a, y: cost.delta(a, y, slope), a, Y)
    a[...] = ACTIVATIONS["sigmoid"].function(LATER)
    tape.repeat()
    np.testing.assert_array_equal(found, cost.delta(a, Y, slope))
