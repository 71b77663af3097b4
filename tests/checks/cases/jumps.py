"""Costs with a jump close to the point, and none at it.

A difference that reaches across measures the jump over its width, which is no slope. Closer by
there is room for a difference that is accurate, and that one decides.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from tests.checks.cases.shape import NOT_FAIL, Case, Wrong, both, entry, floats, times, usual

KIND = "jump close by"


def modulo() -> Case:
    """The rest of a division, by floor: a saw's tooth."""
    x = np.array([0.30, 0.95, 1.62])
    weights = np.array([1.0, 2.0, 3.0])
    return Case(
        name="modulo",
        kind=KIND,
        cost=lambda x: float(((x - 0.7 * np.floor(x / 0.7)) * weights).sum()),
        params=x,
        right=lambda x: weights,
        wrong=usual(lambda x: weights, x, smallest=("fail",)),
    )


def two_materials() -> tuple[Case, ...]:
    """Another formula beyond a border, which one coordinate is close to."""
    x = np.array([0.53, 0.9, -0.3])

    def right(x: Any) -> Any:
        return np.where(x > 0.5, 2 * x, 3 * x**2)

    return both(
        Case(
            name="two_materials",
            kind=KIND,
            cost=lambda x: np.where(x.real > 0.5, x**2 + 0.1, x**3).sum(),
            params=x,
            right=right,
            wrong=usual(right, x, smallest=("fail",)),
        )
    )


def angle_wrapped() -> Case:
    """Angles brought to (-π, π] by the phase of exp(iθ); one is 0.02 from the seam."""
    theta = np.array([3.12, 0.4, -1.9, 2.5])
    weights = np.array([1.0, -0.5, 2.0, 0.3])

    def wrapped(theta: Any) -> Any:
        return np.arctan2(np.sin(theta), np.cos(theta))

    # The sine does not notice the seam, the phase does.
    def slope(theta: Any) -> Any:
        return weights * (1 + np.cos(theta))

    return Case(
        name="angle_wrapped",
        kind=KIND,
        cost=floats(lambda theta: (weights * (wrapped(theta) + np.sin(theta))).sum()),
        params=theta,
        right=slope,
        wrong=(
            Wrong("sign at the seam", entry(slope, 0, -1)),
            Wrong("term of the sine forgotten", lambda theta: weights),
            Wrong("zero at the seam", entry(slope, 0, 0)),
        ),
    )


def benefit_lost() -> Case:
    """Net income with a benefit that ends at 30 000: ten below it, in numbers of that size."""
    income = np.array([29_990.0, 12_000.0, 41_500.0])

    def net(x: Any) -> Any:
        tax = np.where(x > 10_000, 0.2 * (x - 10_000), 0) + np.where(
            x > 35_000, 0.2 * (x - 35_000), 0
        )
        return x - tax + np.where(x < 30_000, 1_500, 0)

    def right(x: Any) -> Any:
        return 1 - 0.2 * (x > 10_000) - 0.2 * (x > 35_000)

    return Case(
        name="benefit_lost",
        kind=KIND,
        cost=floats(lambda x: net(x).sum()),
        params=income,
        right=right,
        wrong=(
            Wrong("sign at the limit", entry(right, 0, -1)),
            Wrong("second bracket forgotten", entry(right, 2, 0.8 / 0.6)),
            Wrong("one percent too large", times(right, 1.01)),
        ),
    )


def outliers_left_out() -> tuple[Case, ...]:
    """A fit of a line that counts residuals below 3 only; one is 2.999."""
    t = np.linspace(0, 4, 10)
    y = 1.5 * t - 0.4 + np.array([0.1, -0.3, 0.2, 2.999, 0.0, -0.2, 5.0, 0.3, -0.1, 0.2])

    def residual(p: Any) -> Any:
        r = y - p[0] * t - p[1]
        return np.where(np.abs(r.real) < 3, r, 0)

    def right(p: Any) -> Any:
        r = residual(p)
        return -2 * np.array([(r * t).sum(), r.sum()])

    def everything(p: Any) -> Any:
        r = y - p[0] * t - p[1]
        return -2 * np.array([(r * t).sum(), r.sum()])

    p = np.array([1.5, -0.4])
    wrong = (*usual(right, p), Wrong("outliers counted", everything))
    return both(
        Case(
            name="outliers_left_out",
            kind=KIND,
            cost=lambda p: (residual(p) ** 2).sum(),
            params=p,
            right=right,
            wrong=wrong,
        )
    )


def forces_cut_off() -> tuple[Case, ...]:
    """Lennard-Jones cut off at 2.5 and not shifted: a pair at 2.4999, a jump of 0.016."""
    x = np.array([[0.0, 0.0], [1.1, 0.0], [0.2, 1.3], [2.4999, 0.0]])
    i, j = np.triu_indices(4, 1)

    def cost(x: Any) -> Any:
        r2 = ((x[i] - x[j]) ** 2).sum(1)
        return np.where(r2.real < 2.5**2, 4 * (r2**-6 - r2**-3), 0).sum()

    def right(x: Any) -> Any:
        d = x[i] - x[j]
        r2 = (d**2).sum(1)
        pull = np.where(r2 < 2.5**2, 8 * (-6 * r2**-7 + 3 * r2**-4), 0)[:, None] * d
        g = np.zeros_like(x)
        np.add.at(g, i, pull)
        np.add.at(g, j, -pull)
        return g

    return both(
        Case(
            name="forces_cut_off",
            kind=KIND,
            cost=cost,
            params=x,
            right=right,
            wrong=(*usual(right, x), Wrong("last atom zero", times(right, [1] * 6 + [0] * 2))),
        )
    )


def postage() -> Case:
    """A price by started kilogram; nested, with a plain term that has a slope."""

    def cost(p: Any) -> Any:
        return (4.5 * np.ceil(p["weight"]) + 0.8 * p["weight"]).sum() + (p["value"] ** 2).sum() / 50

    def right(p: Any) -> Any:
        return {"weight": np.full_like(p["weight"], 0.8), "value": p["value"] / 25}

    params = {"weight": np.array([1.97, 0.5, 3.02]), "value": np.array([20.0, 3.0])}
    return Case(
        name="postage",
        kind=KIND,
        cost=floats(cost),
        params=params,
        right=right,
        wrong=(
            Wrong("steps counted as a slope", times(right, 5.3 / 0.8, "weight")),
            Wrong("sign of one weight", entry(right, 0, -1, "weight")),
            Wrong("one percent too large", times(right, 1.01, "weight")),
        ),
    )


def one_of_twenty(distance: float) -> tuple[Case, ...]:
    """Twenty smooth coordinates, one of them this close to a step of a thousandth."""
    x = np.linspace(-1.4, 1.7, 20)
    x[3] = 0.5 + distance

    def cost(x: Any) -> Any:
        return (np.sin(x) * np.exp(-x / 3)).sum() + np.where(x[3].real > 0.5, 1e-3, 0)

    def right(x: Any) -> Any:
        return (np.cos(x) - np.sin(x) / 3) * np.exp(-x / 3)

    case = Case(
        name=f"one_of_twenty_{distance:g}",
        kind=KIND,
        cost=cost,
        params=x,
        right=right,
        wrong=(
            Wrong("sign beside the step", entry(right, 3, -1)),
            Wrong("zero beside the step", entry(right, 3, 0)),
            Wrong("one percent beside the step", entry(right, 3, 1.01)),
        ),
    )
    return both(case, expect=("pass",) if distance > 1e-7 else NOT_FAIL)


def rounded_dose() -> Case:
    """A dose rounded to whole tablets inside a smooth model of what it does."""
    p = np.array([70.3, 0.21, 1.4])

    def cost(p: Any) -> Any:
        tablets = np.round(p[0] * 0.05)
        return p[0] * 0.01 + tablets * np.exp(-p[1] * p[2]) + p[2] ** 2

    def right(p: Any) -> Any:
        left = np.round(p[0] * 0.05) * np.exp(-p[1] * p[2])
        return np.array([0.01, -p[2] * left, -p[1] * left + 2 * p[2]])

    return Case(
        name="rounded_dose",
        kind=KIND,
        cost=floats(cost),
        params=p,
        right=right,
        wrong=(
            *usual(right, p),
            Wrong("rounding taken for no rounding", entry(right, 0, 5)),
        ),
    )


CASES = (
    modulo(),
    *two_materials(),
    angle_wrapped(),
    benefit_lost(),
    *outliers_left_out(),
    *forces_cut_off(),
    postage(),
    *one_of_twenty(1e-5),
    *one_of_twenty(1e-8),
    rounded_dose(),
)
