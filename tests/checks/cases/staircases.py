"""Costs that move in steps: rounded on the way out, or saturated on the way through.

Close by, the cost does not move at all or jumps by a step; only over many steps has it a slope.
What a check can see is as blunt as a step over the width where the cost is still straight. It must
neither take the flat of a step for a slope of zero nor pass what it cannot see.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from tests.checks.cases.shape import NOT_FAIL, NOT_PASS, Case, Wrong, entry, floats, times, usual

KIND = "staircase"


def wavy(x: Any) -> Any:
    """A smooth cost without symmetry."""
    return (np.sin(x) * x**2).sum()


def wavy_slope(x: Any) -> Any:
    """The gradient of `wavy`."""
    return np.cos(x) * x**2 + 2 * x * np.sin(x)


def sigmoid(z: Any) -> Any:
    """1 / (1 + exp(-z))."""
    return 1 / (1 + np.exp(-z))


def saturated_log() -> Case:
    """log(1 - p) where p is so close to one that 1 - p has three digits left."""

    def cost(z: Any) -> Any:
        return -np.log(1 - sigmoid(z)).sum()

    return Case(
        name="saturated_log",
        kind=KIND,
        cost=floats(cost),
        params=np.array([30.0, 20.0, 1.0, 2.0, 3.0]),
        right=sigmoid,
        wrong=(
            Wrong("sign where it is saturated", entry(sigmoid, 0, -1), NOT_PASS),
            Wrong("zero where it is saturated", entry(sigmoid, 0, 0), NOT_PASS),
            Wrong("twice where it is saturated", entry(sigmoid, 0, 2), NOT_PASS),
            Wrong("zero at the two largest", times(sigmoid, [0, 0, 1, 1, 1])),
            Wrong("twice at the two largest", times(sigmoid, [2, 2, 1, 1, 1])),
        ),
        expect=NOT_FAIL,
        exact=lambda z: np.logaddexp(0, z).sum(),
    )


def rounded(digits: int) -> Case:
    """round(cost, digits), as programs do before they print."""
    x = np.linspace(0.3, 2, 7)
    return Case(
        name=f"rounded_to_{digits}_digits",
        kind=KIND,
        cost=lambda x: round(float(wavy(x)), digits),
        params=x,
        right=wavy_slope,
        wrong=usual(wavy_slope, x, smallest=("fail",)),
        expect=("pass",) if digits > 6 else NOT_FAIL,
        exact=wavy,
    )


def misfit(seed: int, gain: float) -> Case:
    """A classifier sure of the wrong answer, its cross-entropy by log(q) and log(1 - q)."""
    random = np.random.default_rng(seed)
    m = 20
    X = random.normal(size=(m, 4))
    y = (random.random((m, 1)) > 0.5) * 1.0
    params = {
        "W1": random.normal(size=(4, 5)),
        "b1": random.normal(size=5),
        "W2": gain * random.normal(size=(5, 1)),
        "b2": np.array([2 * gain]),
    }

    def logits(p: Any) -> Any:
        a = np.tanh(X @ p["W1"] + p["b1"])
        return a, a @ p["W2"] + p["b2"]

    def cost(p: Any) -> Any:
        q = sigmoid(logits(p)[1])
        return -(y * np.log(q) + (1 - y) * np.log(1 - q)).mean()

    def exact(p: Any) -> Any:
        z = logits(p)[1]
        return (np.logaddexp(0, z) - y * z).mean()

    def gradient(p: Any, *, output: bool = False) -> Any:
        a, z = logits(p)
        q = sigmoid(z)
        d = (q - y) / m * (q * (1 - q) if output else 1)
        e = d @ p["W2"].T * (1 - a * a)
        return {"W1": X.T @ e, "b1": e.sum(0), "W2": a.T @ d, "b2": d.sum(0)}

    return Case(
        name=f"misfit_{seed}_{gain:g}",
        kind=KIND,
        cost=floats(cost),
        params=params,
        right=gradient,
        wrong=(
            Wrong("sign of everything", lambda p: {k: -v for k, v in gradient(p).items()}),
            Wrong("derivative of the output kept", lambda p: gradient(p, output=True)),
            Wrong("b2 zero", times(gradient, 0, "b2")),
        ),
        expect=NOT_FAIL,
        exact=exact,
    )


def loan_in_cents() -> Case:
    """What a loan costs in all, to the cent: amount, yearly rate and years in one array."""

    def exact(p: Any) -> Any:
        amount, rate, years = p
        month = rate / 12
        return amount * month * 12 * years / (1 - (1 + month) ** (-12 * years))

    def right(p: Any) -> Any:
        amount, rate, years = p
        i, n = rate / 12, 12 * years
        left = (1 + i) ** -n
        factor = i * n / (1 - left)
        by_i = n / (1 - left) - i * n * n * left / (1 + i) / (1 - left) ** 2
        by_n = i / (1 - left) - i * n * left * np.log(1 + i) / (1 - left) ** 2
        return np.array([factor, amount * by_i / 12, amount * by_n * 12])

    p = np.array([180_000.0, 0.041, 22.5])
    return Case(
        name="loan_in_cents",
        kind=KIND,
        cost=lambda p: round(float(exact(p)), 2),
        params=p,
        right=right,
        wrong=(
            Wrong("sign of the slope in the amount", entry(right, 0, -1)),
            Wrong("rate by month, not by year", entry(right, 1, 12)),
            Wrong("years forgotten", entry(right, 2, 0)),
        ),
        expect=NOT_FAIL,
        exact=exact,
    )


def converter_of_16_bits() -> Case:
    """A measured voltage in whole steps of the converter that reads it."""
    t = np.linspace(0, 1, 12)

    def exact(p: Any) -> Any:
        return (p[0] * np.exp(-p[1] * t) + p[2]).sum() / 12

    def right(p: Any) -> Any:
        e = np.exp(-p[1] * t)
        return np.array([e.sum(), -(p[0] * t * e).sum(), 12]) / 12

    p = np.array([2.3, 1.7, 0.4])
    return Case(
        name="converter_of_16_bits",
        kind=KIND,
        cost=lambda p: math.floor(float(exact(p)) / 5 * 2**16) * 5 / 2**16,
        params=p,
        right=right,
        wrong=usual(right, p, percent=NOT_PASS),
        expect=NOT_FAIL,
        exact=exact,
    )


def printed_by_another_program() -> Case:
    """A cost that comes through text of seven digits."""
    random = np.random.default_rng(7)
    A = random.normal(size=(5, 5))
    A = A @ A.T + np.eye(5)
    b = random.normal(size=5)

    def exact(x: Any) -> Any:
        return x @ A @ x / 2 - b @ x + 30

    def right(x: Any) -> Any:
        return A @ x - b

    x = np.array([1.3, -0.4, 0.8, 2.2, -1.1])
    return Case(
        name="printed_by_another_program",
        kind=KIND,
        cost=lambda x: float(f"{exact(x):.7g}"),
        params=x,
        right=right,
        wrong=usual(right, x, percent=NOT_PASS),
        expect=NOT_FAIL,
        exact=exact,
    )


def normal_tail() -> Case:
    """log(1 - Phi(x)) of a probit model: seven deviations out, four digits are left of 1 - Phi."""
    erf, erfc = np.vectorize(math.erf, otypes=[float]), np.vectorize(math.erfc, otypes=[float])

    def right(x: Any) -> Any:
        return np.exp(-x * x / 2) / math.sqrt(2 * math.pi) / (erfc(x / math.sqrt(2)) / 2)

    x = np.array([6.8, 1.0, 0.2, -0.5])
    return Case(
        name="normal_tail",
        kind=KIND,
        cost=lambda x: float(-np.log(1 - (1 + erf(x / math.sqrt(2))) / 2).sum()),
        params=x,
        right=right,
        wrong=(
            Wrong("sign of the tail", entry(right, 0, -1)),
            Wrong("tail zero", entry(right, 0, 0)),
            Wrong("sign at one", entry(right, 1, -1)),
        ),
        expect=NOT_FAIL,
        exact=lambda x: -np.log(erfc(np.asarray(x, float) / math.sqrt(2)) / 2).sum(),
    )


def squashed_policy() -> Case:
    """log(1 - tanh²(u)), the correction of a squashed Gaussian policy, far out."""

    def right(u: Any) -> Any:
        return -2 * np.tanh(u)

    u = np.array([[14.0, 1.0, -9.0], [0.3, -2.0, 16.0]])
    return Case(
        name="squashed_policy",
        kind=KIND,
        cost=lambda u: float(np.log(1 - np.tanh(u) ** 2).sum()),
        params=u,
        right=right,
        wrong=(
            Wrong("sign of the largest", entry(right, 5, -1), NOT_PASS),
            Wrong("sign at -9", entry(right, 2, -1)),
            Wrong("zero at 14", entry(right, 0, 0), NOT_PASS),
            Wrong("factor 2 forgotten", times(right, 0.5)),
        ),
        expect=NOT_FAIL,
        exact=lambda u: (np.log(4) - 2 * u - 2 * np.log1p(np.exp(-2 * u))).sum(),
    )


def whole_milliseconds() -> Case:
    """The time of a fall with drag, read from a clock that counts thousandths; nested."""

    def exact(p: Any) -> Any:
        return np.sqrt(2 * p["height"] / 9.81).sum() + (p["drag"] * p["height"] ** 1.5).sum()

    def right(p: Any) -> Any:
        h = p["height"]
        return {"height": np.sqrt(1 / (2 * 9.81 * h)) + 1.5 * p["drag"] * h**0.5, "drag": h**1.5}

    params = {"height": np.array([20.0, 45.0]), "drag": np.array([0.004, 0.007])}
    return Case(
        name="whole_milliseconds",
        kind=KIND,
        cost=lambda p: float(np.floor(exact(p) * 1e3) / 1e3),
        params=params,
        right=right,
        wrong=(
            Wrong("sign of the drag's slope", times(right, -1, "drag")),
            Wrong("sign of one height's slope", entry(right, 1, -1, "height"), NOT_PASS),
            Wrong("heights without drag", lambda p: right({**p, "drag": 0 * p["drag"]})),
        ),
        expect=NOT_FAIL,
        exact=exact,
    )


CASES = (
    saturated_log(),
    rounded(8),
    rounded(5),
    misfit(0, 6.0),
    misfit(1, 6.0),
    misfit(2, 3.0),
    loan_in_cents(),
    converter_of_16_bits(),
    printed_by_another_program(),
    normal_tail(),
    squashed_policy(),
    whole_milliseconds(),
)
