"""Costs that iterate: until a tolerance is met, a fixed number of times, or over steps of time.

Where iteration stops early, the cost is off by its tolerance, in jumps as the number of iterations
changes; the gradient, from the exact solution, is not. Where it converges to rounding, or where the
gradient is that of the steps taken, the two agree.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from tests.checks.cases.shape import (
    FAIL,
    NOT_FAIL,
    NOT_PASS,
    PASS,
    Case,
    Verdicts,
    Wrong,
    both,
    entry,
    floats,
    times,
    usual,
)

KIND = "cost of a solver"


def richardson(tolerance: float, expect: Verdicts, rtol: float | None) -> Case:
    """A linear system solved by steps along the residual until that is small."""
    A = np.array([[4.1, 0.3, -0.2, 0.1], [0.3, 3.8, 0.4, 0.0], [-0.2, 0.4, 4.3, 0.2]])
    A = np.vstack([A, [0.1, 0.0, 0.2, 3.9]])
    b = np.array([0.5, -1.2, 0.8, 0.3])

    def cost(b: Any) -> Any:
        x = np.zeros_like(b)
        while np.abs(b - A @ x).max() > tolerance * np.abs(b).max():
            x = x + (b - A @ x) / 5
        return b @ x / 2

    def right(b: Any) -> Any:
        return np.linalg.solve(A, b)

    rough = tolerance > 1e-4
    return Case(
        name=f"richardson_{tolerance:g}",
        kind=KIND,
        cost=floats(cost),
        params=b,
        right=right,
        wrong=usual(right, b, smallest=FAIL)
        if not rough
        else (Wrong("sign of everything", times(right, -1), NOT_PASS),),
        expect=expect,
        exact=lambda b: b @ np.linalg.solve(A, np.asarray(b, float)) / 2,
        options={} if rtol is None else {"rtol": rtol},
    )


def newton_root() -> tuple[Case, ...]:
    """Cube roots by Newton's steps until they stand still."""
    a = np.array([2.0, 0.3, 11.0])

    def cost(a: Any) -> Any:
        total = 0.0
        for one in a:
            x = 1.0 + 0 * one
            for _ in range(60):
                x = x - (x**3 - one) / (3 * x**2)
            total = total + x
        return total

    def right(a: Any) -> Any:
        return a ** (-2 / 3) / 3

    return both(
        Case(
            name="newton_root",
            kind=KIND,
            cost=cost,
            params=a,
            right=right,
            wrong=(
                *usual(right, a, smallest=FAIL),
                Wrong("last step only", lambda a: 1 / (3 * (a ** (1 / 3)) ** 2) * 0.5),
            ),
        )
    )


def kepler() -> Case:
    """The eccentric anomaly by a fixed-point iteration to 1e-13; its slope by the implicit rule."""
    params = {"anomaly": np.array([0.4, 1.9, 2.7]), "eccentricity": np.array(0.3)}

    def anomaly(p: Any) -> Any:
        E = p["anomaly"] + 0
        for _ in range(200):
            new = p["anomaly"] + p["eccentricity"] * np.sin(E)
            if np.abs(new - E).max() < 1e-13:
                break
            E = new
        return new

    def right(p: Any) -> Any:
        E = anomaly(p)
        c = np.cos(E) / (1 - p["eccentricity"] * np.cos(E))
        return {"anomaly": c, "eccentricity": np.asarray((c * np.sin(E)).sum())}

    return Case(
        name="kepler",
        kind=KIND,
        cost=floats(lambda p: np.sin(anomaly(p)).sum()),
        params=params,
        right=right,
        wrong=(
            Wrong("inner slope forgotten", lambda p: {**right(p), "anomaly": np.cos(anomaly(p))}),
            Wrong("sign of the eccentricity", times(right, -1, "eccentricity")),
            *usual(right, params, of="anomaly"),
        ),
    )


def trajectory() -> tuple[Case, ...]:
    """Twenty Euler steps of a pendulum with friction, and the exact gradient of those steps."""
    p = np.array([0.9, -0.2, 0.15])
    dt = 0.1

    def states(p: Any) -> Any:
        q, v = [p[0]], [p[1]]
        for _ in range(20):
            q.append(q[-1] + dt * v[-1])
            v.append(v[-1] - dt * (np.sin(q[-2]) + p[2] * v[-1]))
        return q, v

    def gradient(*, of_the_steps: bool) -> Any:
        def g(p: Any) -> Any:
            q, v = states(p)
            dq, dv, dc = 2 * (q[-1] - 1), 0.0, 0.0
            for t in range(19, -1, -1):
                # The continuous adjoint reads the state at the other end of each step.
                at = t if of_the_steps else t + 1
                dc -= dt * v[at] * dv
                dq, dv = (
                    dq - dt * np.cos(q[at]) * dv,
                    dv + dt * dq - dt * p[2] * dv,
                )
            return np.array([dq, dv, dc])

        return g

    return both(
        Case(
            name="trajectory",
            kind=KIND,
            cost=lambda p: (states(p)[0][-1] - 1) ** 2,
            params=p,
            right=gradient(of_the_steps=True),
            wrong=(
                Wrong("adjoint at the other end", gradient(of_the_steps=False)),
                *usual(gradient(of_the_steps=True), p),
            ),
        )
    )


def bisection() -> Case:
    """A root by halving until 1e-9: the cost moves in steps of that."""
    p = np.array([1.7, 0.6])

    def root(p: Any) -> float:
        low, high = 0.0, 4.0
        while high - low > 1e-9:
            middle = (low + high) / 2
            if middle * math.exp(p[1] * middle) < p[0]:
                low = middle
            else:
                high = middle
        return (low + high) / 2

    def exact(p: Any) -> Any:
        x = np.longdouble(1)
        for _ in range(50):
            e = np.exp(p[1] * x)
            x = x - (x * e - p[0]) / (e * (1 + p[1] * x))
        return x

    def right(p: Any) -> Any:
        x = float(exact(p))
        e = math.exp(p[1] * x)
        return np.array([1, -x * x * e]) / (e * (1 + p[1] * x))

    return Case(
        name="bisection",
        kind=KIND,
        cost=root,
        params=p,
        right=right,
        wrong=usual(right, p),
        expect=NOT_FAIL,
        exact=exact,
    )


def unrolled_descent() -> tuple[Case, ...]:
    """Loss after five steps of descent, by its rate and its start: a gradient through the steps."""
    A = np.array([[2.0, 0.3], [0.3, 1.0]])
    b = np.array([0.7, -1.1])
    params = {"rate": np.array(0.2), "start": np.array([1.5, 0.4])}

    def path(p: Any) -> Any:
        x = [p["start"]]
        for _ in range(5):
            x.append(x[-1] - p["rate"] * (A @ x[-1] - b))
        return x

    def cost(p: Any) -> Any:
        x = path(p)[-1]
        return x @ A @ x / 2 - b @ x

    def gradient(steps: int) -> Any:
        def g(p: Any) -> Any:
            x = path(p)
            d = A @ x[-1] - b
            rate = 0.0
            for t in range(4, 4 - steps, -1):
                rate -= (A @ x[t] - b) @ d
                d = d - p["rate"] * A @ d
            return {"rate": np.asarray(rate), "start": d}

        return g

    right = gradient(5)
    return both(
        Case(
            name="unrolled_descent",
            kind=KIND,
            cost=cost,
            params=params,
            right=right,
            wrong=(
                Wrong("last step only", gradient(1)),
                Wrong("one step too few", gradient(4)),
                Wrong("sign of the rate", times(right, -1, "rate")),
            ),
        )
    )


def power_iteration() -> tuple[Case, ...]:
    """The largest eigenvalue of a symmetric matrix by forty multiplications."""
    random = np.random.default_rng(121)
    M = random.normal(size=(3, 3))
    M = M + M.T + np.diag([20.0, 0, 0])

    def vector(M: Any) -> Any:
        v = np.array([1.0, 0.1, 0.1])
        for _ in range(40):
            w = M @ v
            v = w / np.sqrt((w**2).sum())
        return v

    def right(M: Any) -> Any:
        v = vector(M)
        return np.outer(v, v)

    return both(
        Case(
            name="power_iteration",
            kind=KIND,
            cost=lambda M: (v := vector(M)) @ M @ v,
            params=M,
            right=right,
            wrong=(
                *usual(right, M),
                Wrong("diagonal only", lambda M: np.diag(np.diag(right(M)))),
                Wrong("one entry zero", entry(right, 1, 0)),
            ),
        )
    )


def quadrature() -> tuple[Case, ...]:
    """Simpson's rule over 21 nodes; the slope is that of the rule, or of the integral."""
    t = np.linspace(0, 3, 21)
    weights = np.array([1, *[4, 2] * 9, 4, 1]) * 0.05
    p = np.array([1.3, 2.1])

    def right(p: Any) -> Any:
        e = weights * np.exp(-p[0] * t)
        return np.array([-(e * t * np.sin(p[1] * t)).sum(), (e * t * np.cos(p[1] * t)).sum()])

    def of_the_integral(p: Any) -> Any:
        fine = np.linspace(0, 3, 2001)
        w = np.array([1, *[4, 2] * 999, 4, 1]) * 0.0005
        e = w * np.exp(-p[0] * fine) * fine
        return np.array([-(e * np.sin(p[1] * fine)).sum(), (e * np.cos(p[1] * fine)).sum()])

    return both(
        Case(
            name="quadrature",
            kind=KIND,
            cost=lambda p: (weights * np.exp(-p[0] * t) * np.sin(p[1] * t)).sum(),
            params=p,
            right=right,
            wrong=(
                Wrong("of the integral, not the rule", of_the_integral),
                *usual(right, p, smallest=FAIL),
            ),
        )
    )


CASES = (
    richardson(1e-2, NOT_PASS, None),
    richardson(1e-6, NOT_FAIL, 1e-3),
    richardson(1e-9, NOT_FAIL, 1e-6),
    richardson(1e-14, PASS, None),
    *newton_root(),
    kepler(),
    *trajectory(),
    bisection(),
    *unrolled_descent(),
    *power_iteration(),
    *quadrature(),
)
