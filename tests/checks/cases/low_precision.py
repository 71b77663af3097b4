"""Double precision outside, single or half precision inside: of the cost, or of the gradient.

The cost is a staircase of its own precision. What agrees as far as that lets one see is not wrong,
and what disagrees by more than that is.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from tests.checks.cases.shape import FAIL, NOT_FAIL, NOT_PASS, Case, Wrong, entry, times, usual
from tests.checks.cases.staircases import wavy, wavy_slope

KIND = "low precision inside"
SEVEN = np.linspace(0.3, 2, 7)
SIX = np.array([0.8, -1.1, 0.3, 1.9, -0.4, 0.1])


def single(x: Any) -> Any:
    """The same numbers in single precision, complex ones too."""
    return np.asarray(x, np.complex64 if np.iscomplexobj(x) else np.float32)


def of_softmax(z: Any) -> Any:
    """Softmax minus one hot at 2."""
    e = np.exp(z - z.max())
    p = e / e.sum()
    p[2] -= 1
    return p


def single_inside() -> Case:
    """All of the cost in single precision, returned as a float."""
    return Case(
        name="single_inside",
        kind=KIND,
        cost=lambda x: float(wavy(np.asarray(x, np.float32))),
        params=SEVEN,
        right=wavy_slope,
        wrong=usual(wavy_slope, SEVEN, percent=NOT_PASS),
        expect=NOT_FAIL,
        exact=wavy,
    )


def half_inside() -> Case:
    """Terms of half precision, three digits each."""
    return Case(
        name="half_inside",
        kind=KIND,
        cost=lambda x: float(np.sin(x).astype(np.float16).sum()),
        params=SEVEN,
        right=np.cos,
        wrong=usual(np.cos, SEVEN, largest=NOT_PASS, percent=None),
        expect=NOT_FAIL,
        exact=lambda x: np.sin(x).sum(),
    )


def single_in_the_gradient() -> Case:
    """A gradient as good as single precision makes it, of a cost in double."""

    def right(z: Any) -> Any:
        return of_softmax(z.astype(np.float32)).astype(float)

    def coarse(z: Any) -> Any:
        return of_softmax(z.astype(np.float16)).astype(float)

    return Case(
        name="single_in_the_gradient",
        kind=KIND,
        cost=lambda z: np.log(np.exp(z).sum()) - z[2],
        params=SIX,
        right=right,
        wrong=(*usual(right, SIX), Wrong("half precision", coarse, NOT_PASS)),
        expect=NOT_FAIL,
    )


def single_in_the_cost() -> Case:
    """A cost in single precision that takes complex numbers of single precision, too."""
    return Case(
        name="single_in_the_cost",
        kind=KIND,
        cost=lambda z: np.log(np.exp(single(z)).sum()) - z[2],
        params=SIX,
        right=of_softmax,
        wrong=usual(of_softmax, SIX, percent=NOT_PASS),
        expect=NOT_FAIL,
        exact=lambda z: np.log(np.exp(z).sum()) - z[2],
    )


def summed_in_single() -> Case:
    """Terms in double, but their sum in single precision."""
    random = np.random.default_rng(14)
    X = random.normal(size=(60, 4))
    y = random.normal(size=60)
    w = np.array([0.7, -1.1, 0.4, 1.8])

    def right(w: Any) -> Any:
        return 2 * X.T @ (X @ w - y) / 60

    return Case(
        name="summed_in_single",
        kind=KIND,
        cost=lambda w: float(((X @ w - y) ** 2).sum(dtype=np.float32)) / 60,
        params=w,
        right=right,
        wrong=usual(right, w, percent=NOT_PASS),
        expect=NOT_FAIL,
        exact=lambda w: ((X @ w - y) ** 2).sum() / 60,
    )


def layer_in_single() -> Case:
    """One matrix product in single precision, in a network that is otherwise in double."""
    random = np.random.default_rng(15)
    X = random.normal(size=(12, 3))
    y = random.normal(size=(12, 2))
    params = {
        "W1": random.normal(size=(3, 4)),
        "b1": 0.3 * random.normal(size=4),
        "W2": random.normal(size=(4, 2)),
    }

    def exact(p: Any) -> Any:
        return ((np.tanh(X @ p["W1"] + p["b1"]) @ p["W2"] - y) ** 2).sum() / 24

    def cost(p: Any) -> Any:
        h = (X.astype(np.float32) @ p["W1"].astype(np.float32)).astype(float) + p["b1"]
        return float(((np.tanh(h) @ p["W2"] - y) ** 2).sum() / 24)

    def right(p: Any) -> Any:
        a = np.tanh(X @ p["W1"] + p["b1"])
        d = (a @ p["W2"] - y) / 12
        e = d @ p["W2"].T * (1 - a * a)
        return {"W1": X.T @ e, "b1": e.sum(0), "W2": a.T @ d}

    return Case(
        name="layer_in_single",
        kind=KIND,
        cost=cost,
        params=params,
        right=right,
        wrong=(
            Wrong("sign of W1", times(right, -1, "W1")),
            Wrong("b1 zero", times(right, 0, "b1")),
            Wrong("W2 twice", times(right, 2, "W2")),
            Wrong("W2 one percent too large", times(right, 1.01, "W2"), NOT_PASS),
        ),
        expect=NOT_FAIL,
        exact=exact,
    )


def constants_in_single() -> Case:
    """Weights of a quadrature stored in single precision, used by both sides: nothing is amiss."""
    w = np.array([0.2369269, 0.4786287, 0.5688889, 0.4786287, 0.2369269], np.float32)
    nodes = np.array([-0.9061798, -0.5384693, 0.0, 0.5384693, 0.9061798], np.float32)

    def right(p: Any) -> Any:
        e = w * np.exp(p[0] * nodes) * np.cos(p[1] * nodes)
        f = w * np.exp(p[0] * nodes) * np.sin(p[1] * nodes)
        return np.array([(e * nodes).sum(), -(f * nodes).sum()])

    p = np.array([0.8, 1.7])
    return Case(
        name="constants_in_single",
        kind=KIND,
        cost=lambda p: (w * np.exp(p[0] * nodes) * np.cos(p[1] * nodes)).sum(),
        params=p,
        right=right,
        wrong=usual(right, p, smallest=FAIL),
    )


def nine_bits() -> Case:
    """A prediction kept to the nine leading bits, as by an accelerator's short floats."""
    t = np.linspace(0, 2, 40)
    p = np.array([1.4, -0.8, 0.5])

    def prediction(p: Any) -> Any:
        return p[0] + p[1] * t + p[2] * t**2

    def cut(x: Any) -> Any:
        mantissa, exponent = np.frexp(x)
        return np.ldexp(np.round(mantissa * 512) / 512, exponent)

    def right(p: Any) -> Any:
        s = 2 * (prediction(p) - 3)
        return np.array([s.sum(), (s * t).sum(), (s * t**2).sum()]) / 40

    return Case(
        name="nine_bits",
        kind=KIND,
        cost=lambda p: float(((cut(prediction(p)) - 3) ** 2).mean()),
        params=p,
        right=right,
        wrong=(
            Wrong("sign of the largest entry", entry(right, int(np.abs(right(p)).argmax()), -1)),
            Wrong("sign of everything", times(right, -1)),
        ),
        expect=NOT_FAIL,
        exact=lambda p: ((prediction(p) - 3) ** 2).mean(),
    )


def solved_in_single() -> Case:
    """A linear system solved in single precision, b @ inv(A) @ b."""
    random = np.random.default_rng(16)
    A = random.normal(size=(5, 5))
    A = A @ A.T + 3 * np.eye(5)
    b = random.normal(size=5)
    inverse = np.linalg.inv(A)

    def right(b: Any) -> Any:
        return 2 * inverse @ b

    return Case(
        name="solved_in_single",
        kind=KIND,
        cost=lambda b: float(b @ np.linalg.solve(A.astype(np.float32), b.astype(np.float32))),
        params=b,
        right=right,
        wrong=usual(right, b, percent=NOT_PASS),
        expect=NOT_FAIL,
        exact=lambda b: b @ inverse @ b,
    )


def large_mean_in_single() -> Case:
    """A loss near 1000 kept in single precision: steps of 6e-5 under slopes of order one."""
    x = np.array([[0.3, -0.8], [1.2, 0.5]])

    def exact(x: Any) -> Any:
        return 1000 + (np.exp(x) - 2 * x).sum()

    def right(x: Any) -> Any:
        return np.exp(x) - 2

    return Case(
        name="large_mean_in_single",
        kind=KIND,
        cost=lambda x: np.float32(exact(x)),
        params=x,
        right=right,
        wrong=usual(right, x, percent=NOT_PASS),
        expect=NOT_FAIL,
        exact=exact,
    )


CASES = (
    single_inside(),
    half_inside(),
    single_in_the_gradient(),
    single_in_the_cost(),
    summed_in_single(),
    layer_in_single(),
    constants_in_single(),
    nine_bits(),
    solved_in_single(),
    large_mean_in_single(),
)
