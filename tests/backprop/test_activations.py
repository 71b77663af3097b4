"""Activations: finite and silent everywhere, and each slope is its function's."""

import math
from collections.abc import Iterator
from dataclasses import FrozenInstanceError
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest

from backprop import cost, gradients, init_net
from backprop.activations import (
    ACTIVATIONS,
    Activation,
    negative_log_softmax,
    sigmoid,
    softmax,
    softplus,
)
from checks.methods.dispatch import run_check
from checks.network.adapter import network_problem

Array = npt.NDArray[Any]

ELEMENTWISE = [name for name, f in ACTIVATIONS.items() if not f.coupled]
REAL = [np.float32, np.float64]
EVERY = [*REAL, np.complex64, np.complex128]
EXTREMES = [-1e4, -745.2, -710, -104, -89, -40, -1e-3, 0, 1e-30, 1e-3, 40, 89, 104, 710, 745.2, 1e4]
H = 2.0**-100


def units_apart(found: Array, expected: Array) -> float:
    """The largest difference, in units of the expected numbers' last place."""
    return float(np.max(np.abs(found - expected) / np.spacing(np.abs(expected))))


@pytest.fixture(autouse=True)
def _no_warnings() -> Iterator[None]:
    """Overflow, division by zero and invalid operations are errors here; underflow is rounding."""
    with np.errstate(over="raise", divide="raise", invalid="raise"):
        yield


def test_the_guard_against_overflow_guards() -> None:
    """The textbook sigmoid fails under the same conditions."""
    with pytest.raises(FloatingPointError):
        1 / (1 + np.exp(-np.array(EXTREMES)))


@pytest.mark.parametrize("dtype", EVERY)
@pytest.mark.parametrize("name", ACTIVATIONS)
def test_extremes_are_finite_and_keep_their_dtype(name: str, dtype: type) -> None:
    """Pre-activations up to ±1e4, real or complex, overflow nowhere and warn nowhere."""
    z: Array = np.array(EXTREMES, dtype)
    if z.dtype.kind == "c":
        z = z + np.array(1e-3j, dtype)
    a = ACTIVATIONS[name].function(z.reshape(2, -1))
    assert a.dtype == z.dtype
    assert a.shape == (2, len(EXTREMES) // 2)
    assert np.isfinite(a).all()


@pytest.mark.parametrize("dtype", REAL)
@pytest.mark.parametrize("name", ELEMENTWISE)
def test_slopes_of_extremes_are_finite(name: str, dtype: type) -> None:
    """So are the slopes there, in the same dtype or one that does not widen it."""
    f = ACTIVATIONS[name]
    a = f.function(np.array(EXTREMES, dtype))
    slope = f.slope(a)
    assert np.isfinite(slope).all()
    assert (a * slope).dtype == dtype


@pytest.mark.parametrize("name", ELEMENTWISE)
def test_slope_is_the_functions(name: str) -> None:
    """f'(z), written in terms of a, is Im f(z + ih) / h away from kinks."""
    f = ACTIVATIONS[name]
    z = np.concatenate([np.linspace(-4, 4, 40), [-6.5, 6.5]])
    expected = f.function(z + 1j * H).imag / H
    # a is right to one unit, and 1 - a, say, therefore to eps: cosh(6.5)^2 of them at the edge
    lost = np.finfo(float).eps * 4
    assert np.allclose(f.slope(f.function(z)), expected, rtol=lost * np.cosh(6.5) ** 2, atol=0)


def test_slope_test_catches_a_wrong_slope() -> None:
    """A slope that is right at z = 0 only does not stand the comparison."""
    z = np.array([0.0, 1.0])
    wrong, right = 1 - np.tanh(z), np.tanh(z + 1j * H).imag / H
    assert wrong[0] == right[0]
    assert abs(wrong[1] - right[1]) > 0.1


@pytest.mark.parametrize("name", ["relu"])
def test_kinks_are_marked(name: str) -> None:
    """Exactly the activations with a kink say so."""
    assert [other for other, f in ACTIVATIONS.items() if f.kinked] == [name]


def test_relu_shuts_at_zero() -> None:
    """At the kink itself function and slope are both zero, for either sign of zero."""
    relu = ACTIVATIONS["relu"]
    a = relu.function(np.array([-0.0, 0.0, 2.0, -2.0]))
    assert (a == [0, 0, 2, 0]).all()
    assert relu.slope(a).tolist() == [False, False, True, False]
    assert relu.function(np.array([1j, 2 + 1j])).tolist() == [0, 2 + 1j]  # a slope of 0, too


def test_sigmoid_values() -> None:
    """1/2 at zero, symmetric, and saturated without reaching beyond [0, 1]."""
    z = np.linspace(-30, 30, 61)
    assert sigmoid(np.zeros(1)).item() == 0.5
    assert units_apart(sigmoid(z), np.array([1 / (1 + math.exp(-v)) for v in z])) <= 2
    assert sigmoid(np.array([1e4])).item() == 1
    assert 0 < sigmoid(np.array([-1e4])).item() < 1e-300


IMAGINARY = [1e-300, 2.0**-100, 2.0**-27, 2.0**-26, 1e-3, 0.3, 1.5, -(2.0**-27), -0.3, -1.5]


@pytest.mark.parametrize(
    ("name", "textbook"),
    [
        ("sigmoid", lambda z: 1 / (1 + np.exp(-z))),
        ("softplus", lambda z: np.log(1 + np.exp(z))),
        ("softmax", lambda z: np.exp(z) / np.exp(z).sum(axis=-1, keepdims=True)),
    ],
)
@pytest.mark.parametrize("y", IMAGINARY)
def test_complex_values_are_the_textbooks(name: str, textbook: Any, y: float) -> None:
    """Real and imaginary part alike, from far below rounding to where the exponential has turned.

    On three axes, as many perturbed copies come.
    """
    x = np.linspace(-3, 3, 24).reshape(2, 3, 4)
    z = x + 1j * y * (1 + np.abs(x) / 4)
    found, expected = ACTIVATIONS[name].function(z), textbook(z)
    assert np.allclose(found.real, expected.real, rtol=4e-15, atol=4e-15)
    assert np.allclose(found.imag, expected.imag, rtol=4e-15, atol=4e-15 * abs(y))


@pytest.mark.parametrize("y", [0.3, -0.3])
def test_complex_negative_log_softmax_is_minus_the_log_of_softmax(y: float) -> None:
    """Where the imaginary parts count for as much as the real ones, on three axes."""
    z = np.linspace(-3, 3, 24).reshape(2, 3, 4) + 1j * y * np.cos(np.arange(24)).reshape(2, 3, 4)
    expected = -np.log(softmax(z))
    assert np.allclose(negative_log_softmax(z), expected, rtol=1e-14, atol=1e-15)


def test_a_single_large_imaginary_part_is_enough() -> None:
    """One that turns the exponential is not taken for small because its neighbours are."""
    for large in (1.0, -1.0):
        z = np.array([1e-30j, 0.5 + large * 1j, -1e-30j])
        assert np.allclose(sigmoid(z), 1 / (1 + np.exp(-z)), rtol=1e-15)
    assert sigmoid(np.empty(0, complex)).shape == (0,)


@pytest.mark.parametrize("dtype", [np.complex64, np.complex128])
def test_small_imaginary_parts_need_neither_sine_nor_cosine(
    dtype: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Up to where a cosine rounds to one, and no further: exact on both sides."""
    edge = np.finfo(dtype).dtype.type(np.sqrt(np.finfo(dtype).eps) / 2)
    beyond = np.array([1.5j * edge, -1.5j * edge], dtype)
    with monkeypatch.context() as without:
        without.setattr(np, "cos", np.zeros_like)  # would show
        for small in ([edge, edge / 2], [-edge, 0], [edge / 3, -edge], [2.0**-100, 0]):
            z = 1j * np.array(small, edge.dtype)
            assert np.abs(sigmoid(z).real - 0.5).max() == 0
        assert np.abs(sigmoid(beyond).real - 0.5).min() > 0
    turned = np.cos(beyond.imag) - 1j * np.sin(beyond.imag)
    assert turned.real.max() < 1
    assert np.array_equal(sigmoid(beyond), np.reciprocal(1 + turned))


@pytest.mark.parametrize(
    ("dtype", "largest"),
    [
        (np.float32, 87.0),
        (np.complex64, 87.0),
        (np.float64, 708.0),
        (np.complex128, 708.0),
        (np.longdouble, 11354.0),
        (np.clongdouble, 11354.0),
    ],
)
def test_the_exponent_is_held_where_its_inverse_is_still_normal(dtype: Any, largest: float) -> None:
    """Just short of there the sigmoid still moves; beyond it, it is one over e^largest + 1."""
    z = np.array([0.5 - largest, -largest, -largest - 1, -1e6], dtype)
    one, *rest = sigmoid(z).real
    assert one > rest[0] == rest[1] == rest[2] >= np.finfo(dtype).tiny
    assert np.log(rest[0]) == pytest.approx(-largest, rel=1e-6)


def test_an_activation_is_made_by_name() -> None:
    """Function and slope, both callables of one array, are not to be told apart by position.

    And what is in the table stays as it is.
    """
    with pytest.raises(TypeError):
        Activation(np.tanh, np.tanh)  # type: ignore[call-arg]
    with pytest.raises(FrozenInstanceError):
        ACTIVATIONS["tanh"].kinked = True  # type: ignore[misc]


@pytest.mark.parametrize("z", [-600.0, -40.0, -20.0, -1.0, 0.0, 1e-8, 1.0, 20.0, 40.0, 700.0])
def test_softplus_is_accurate_to_the_last_digits(z: float) -> None:
    """Relative to the result, real and complex alike: softplus(-40) is e^-40, not 0."""
    expected = math.log1p(math.exp(z)) if z < 0 else z + math.log1p(math.exp(-z))
    for found in (softplus(np.array([z])), softplus(np.array([z + 0j])).real):
        assert found.item() == pytest.approx(expected, rel=1e-15, abs=0)
    slope = softplus(np.array([z + 1j * H])).imag.item() / H
    assert slope == pytest.approx(sigmoid(np.array([z])).item(), rel=1e-14, abs=0)


@pytest.mark.parametrize("dtype", REAL)
def test_softmax_rows_sum_to_one(dtype: type) -> None:
    """Each row is a distribution, whatever was added to all of its pre-activations."""
    z: Array = np.random.default_rng(0).normal(size=(3, 4, 5)).astype(dtype) * 20
    a = softmax(z)
    assert np.abs(a.sum(axis=-1) - 1).max() <= 4 * np.finfo(dtype).eps
    assert (a >= 0).all()
    assert np.array_equal(softmax(z + 0), a)
    assert np.array_equal(softmax(np.round(z) + 1024), softmax(np.round(z)))


def test_negative_log_softmax_is_minus_the_log_of_softmax() -> None:
    """Its slope along pre-activation k is the share of k, less one for the unit's own."""
    z = np.random.default_rng(1).normal(size=(2, 4)) * 3
    assert negative_log_softmax(z) == pytest.approx(-np.log(softmax(z)), rel=1e-13)
    for k in range(4):
        moved = negative_log_softmax(z + 1j * H * np.eye(4)[k])
        slope = softmax(z)[:, k, None] - np.eye(4)[k]
        assert moved.imag / H == pytest.approx(slope, rel=1e-12)


@pytest.mark.parametrize("dtype", EVERY)
def test_negative_log_softmax_of_extremes(dtype: type) -> None:
    """No overflow, in the dtype given, and the digits of one that is nearly none."""
    found = negative_log_softmax(np.array([[-1e4, 1e4, 0], [0, 40, 0], [-1e4, -1e4, -1e4]], dtype))
    assert found.dtype == dtype
    assert found[0].real == pytest.approx([2e4, 0, 1e4], rel=1e-6)
    assert found[1, 1].real == pytest.approx(2 * math.exp(-40), rel=1e-6)
    assert found[2].real == pytest.approx(math.log(3), rel=1e-6)


def square(*, factor: float) -> Activation:
    """z² for z above zero, with a slope that is right for a factor of 2."""
    return Activation(
        function=lambda z: (1 + z) ** 2,
        slope=lambda a: factor * np.sqrt(a),
    )


@pytest.mark.parametrize(("factor", "verdict"), [(2, "pass"), (2.0001, "fail")])
def test_one_more_entry_works_end_to_end(
    factor: float, verdict: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An entry in the table is all it takes: initialised, differentiated, and its slope judged."""
    monkeypatch.setitem(ACTIVATIONS, "square", square(factor=factor))
    net = init_net((2, 3, 2), activation=["square", "identity"], seed=1)
    net.biases[0][:] = 2  # on the branch where sqrt(a) = 1 + z
    x, y = np.array([[0.1, 0.2], [0.3, -0.1]]), np.array([0, 1])
    assert np.isfinite(cost(net, x, y))
    assert len(gradients(net, x, y)) == 2
    report = run_check(network_problem(net, x, y))
    assert report.verdict == verdict, str(report)
    assert verdict == "pass" or report.worst is not None


def test_what_may_be_recorded_is_declared() -> None:
    """All that can be, and nothing else; an entry that says nothing is called."""
    assert [n for n, f in ACTIVATIONS.items() if f.recorded] == ["sigmoid", "tanh", "relu"]
    assert not Activation(function=np.tanh, slope=np.ones_like).recorded
