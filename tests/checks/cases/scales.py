"""Numbers far from one: of the cost, of the parameters, and of the length on which a cost bends.

Steps, tolerances and floors must come from this cost at this point. A width taken from the size of
a parameter is too wide where the cost bends sooner, and says nothing where the parameter is zero.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from tests.checks.cases.shape import (
    FAIL,
    NOT_FAIL,
    NOT_PASS,
    PASS,
    Case,
    Wrong,
    both,
    entry,
    floats,
    times,
    usual,
)
from tests.checks.cases.staircases import wavy, wavy_slope

COST, LENGTH, MIXED = "scale of the cost", "short scale", "mixed scales"
SEVEN = np.linspace(0.3, 2, 7)


def cost_times(factor: float) -> tuple[Case, ...]:
    """A smooth cost in a unit that makes it huge or tiny."""

    def right(x: Any) -> Any:
        return factor * wavy_slope(x)

    return both(
        Case(
            name=f"cost_times_{factor:g}",
            kind=COST,
            cost=lambda x: factor * wavy(x),
            params=SEVEN,
            right=right,
            wrong=usual(right, SEVEN, smallest=FAIL),
        )
    )


def offset(level: float) -> Case:
    """A smooth cost on top of a constant that takes its digits."""
    plain = level < 1e9
    return Case(
        name=f"offset_{level:g}",
        kind=COST,
        cost=floats(lambda x: wavy(x) + level),
        params=SEVEN,
        right=wavy_slope,
        wrong=usual(wavy_slope, SEVEN, percent=FAIL if plain else NOT_PASS),
        expect=PASS if plain else NOT_FAIL,
        exact=wavy,
    )


def quick_sine() -> Case:
    """sin(10 000 x) at x of order one."""
    x = SEVEN[:4]

    def right(x: Any) -> Any:
        return 1e4 * np.cos(1e4 * x)

    return Case(
        name="quick_sine",
        kind=LENGTH,
        cost=floats(lambda x: np.sin(1e4 * x).sum()),
        params=x,
        right=right,
        wrong=usual(right, x, smallest=FAIL),
    )


def steep_at_zero() -> Case:
    """sin(1e6 p) at zero: nothing in the parameters says how short a step has to be."""

    def right(p: Any) -> Any:
        return 1e6 * np.cos(1e6 * p)

    return Case(
        name="steep_at_zero",
        kind=LENGTH,
        cost=floats(lambda p: np.sin(1e6 * p).sum()),
        params=np.zeros(3),
        right=right,
        wrong=usual(right, np.zeros(3)),
    )


def two_units_in_one_array() -> Case:
    """One coordinate in hundred millionths, one in hundred millions."""
    x = np.array([1e-8, 1e8])

    def cost(x: Any) -> Any:
        return np.sin(x[0] * 1e8) + 2 * np.cos(x[1] * 1e-8)

    def right(x: Any) -> Any:
        return np.array([1e8 * np.cos(x[0] * 1e8), -2e-8 * np.sin(x[1] * 1e-8)])

    return Case(
        name="two_units_in_one_array",
        kind=MIXED,
        cost=floats(cost),
        params=x,
        right=right,
        wrong=usual(right, x, smallest=FAIL),
    )


def features_not_scaled() -> Case:
    """Logistic regression at weights of zero, on features of order 100 000."""
    random = np.random.default_rng(12)
    X = np.column_stack([np.ones(50), 1e5 * random.uniform(0.2, 1, size=(50, 2))])
    y = (random.random(50) > 0.5) * 1.0

    def right(t: Any) -> Any:
        return X.T @ (1 / (1 + np.exp(-(X @ t))) - y) / 50

    return Case(
        name="features_not_scaled",
        kind=LENGTH,
        cost=floats(lambda t: (np.logaddexp(0, X @ t) - y * (X @ t)).mean()),
        params=np.zeros(3),
        right=right,
        wrong=usual(right, np.zeros(3), smallest=FAIL),
    )


def ions() -> tuple[Case, ...]:
    """Coulomb's energy of three ions in SI units: positions of 1e-10, some of them zero."""
    q = 1.602e-19 * np.array([1.0, -1.0, 2.0])
    x = 1e-10 * np.array([[0.0, 0.0, 0.0], [2.4, 0.0, 0.3], [0.0, 3.1, -1.2]])
    i, j = np.triu_indices(3, 1)

    def cost(x: Any) -> Any:
        return 8.988e9 * (q[i] * q[j] / np.sqrt(((x[i] - x[j]) ** 2).sum(1))).sum()

    def right(x: Any) -> Any:
        d = x[i] - x[j]
        f = -8.988e9 * (q[i] * q[j] / ((d**2).sum(1)) ** 1.5)[:, None] * d
        g = np.zeros_like(x)
        np.add.at(g, i, f)
        np.add.at(g, j, -f)
        return g

    return both(
        Case(
            name="ions",
            kind=LENGTH,
            cost=cost,
            params=x,
            right=right,
            wrong=(*usual(right, x), Wrong("force, not slope", times(right, -1))),
        )
    )


def orbits() -> tuple[Case, ...]:
    """Gravitation of sun, earth and moon in SI units: a cost of -5e33, coordinates of zero."""
    mass = np.array([1.989e30, 5.972e24, 7.35e22])
    x = np.array([[0.0, 0.0], [1.496e11, 0.0], [1.496e11 + 2.7e8, 2.7e8]])
    i, j = np.triu_indices(3, 1)

    def cost(x: Any) -> Any:
        return -6.674e-11 * (mass[i] * mass[j] / np.sqrt(((x[i] - x[j]) ** 2).sum(1))).sum()

    def right(x: Any) -> Any:
        d = x[i] - x[j]
        f = 6.674e-11 * (mass[i] * mass[j] / ((d**2).sum(1)) ** 1.5)[:, None] * d
        g = np.zeros_like(x)
        np.add.at(g, i, f)
        np.add.at(g, j, -f)
        return g

    return both(
        Case(
            name="orbits",
            kind=LENGTH,
            cost=cost,
            params=x,
            right=right,
            wrong=(
                Wrong("sign of the largest entry", entry(right, 0, -1)),
                Wrong("sign of everything", times(right, -1)),
                Wrong("moon does not pull the earth", times(right, [1, 1, 0.9, 1, 1, 1])),
            ),
        )
    )


def logistic_growth() -> tuple[Case, ...]:
    """Capacity, rate and midpoint of a growth curve: slopes from 1e6 to 1e14 in one array."""
    t = np.linspace(0, 100, 11)
    y = 9.1e6 / (1 + np.exp(-0.28 * (t - 47.0)))

    def parts(p: Any) -> Any:
        s = 1 / (1 + np.exp(-p[1] * (t - p[2])))
        return s, p[0] * s - y

    def right(p: Any) -> Any:
        s, r = parts(p)
        ds = s * (1 - s)
        return 2 * np.array(
            [(r * s).sum(), (r * p[0] * ds * (t - p[2])).sum(), -(r * p[0] * ds * p[1]).sum()]
        )

    p = np.array([1e7, 0.3, 50.0])
    return both(
        Case(
            name="logistic_growth",
            kind=MIXED,
            cost=lambda p: (parts(p)[1] ** 2).sum(),
            params=p,
            right=right,
            wrong=usual(right, p, smallest=FAIL),
        )
    )


def gas() -> tuple[Case, ...]:
    """Residual of van der Waals's law, its parts in one dict of numbers in SI units."""
    params = {
        "pressure": np.array(1.2e5),
        "volume": np.array(2.1e-2),
        "temperature": np.array(305.0),
        "constants": np.array([0.364, 4.27e-5]),
    }

    def residual(p: Any) -> Any:
        a, b = p["constants"]
        v = p["volume"]
        return (p["pressure"] + a / v**2) * (v - b) - 8.314 * p["temperature"]

    def right(p: Any) -> Any:
        a, b = p["constants"]
        v, k = p["volume"], 2 * residual(p)
        inside = p["pressure"] + a / v**2
        return {
            "pressure": k * (v - b),
            "volume": k * (inside - 2 * a / v**3 * (v - b)),
            "temperature": np.array(-8.314 * k),
            "constants": k * np.array([(v - b) / v**2, -inside]),
        }

    return both(
        Case(
            name="gas",
            kind=MIXED,
            cost=lambda p: residual(p) ** 2,
            params=params,
            right=right,
            wrong=(
                Wrong("sign of the volume", times(right, -1, "volume")),
                Wrong("temperature zero", times(right, 0, "temperature")),
                Wrong("pressure one percent too large", times(right, 1.01, "pressure")),
                Wrong("sign of the first constant", entry(right, 0, -1, "constants")),
            ),
        )
    )


def rate_of_a_reaction() -> tuple[Case, ...]:
    """Arrhenius's law: a factor of 1e13 and an energy of 1e5, fitted to logarithms of rates."""
    T = np.array([300.0, 350.0, 420.0, 500.0])
    y = np.array([-10.1, 2.0, 13.2, 22.9])

    def residual(p: Any) -> Any:
        return np.log(p[0]) - p[1] / (8.314 * T) - y

    def right(p: Any) -> Any:
        r = residual(p)
        return np.array([(r / p[0]).sum(), -(r / (8.314 * T)).sum()])

    p = np.array([1e13, 1e5])
    return both(
        Case(
            name="rate_of_a_reaction",
            kind=MIXED,
            cost=lambda p: (residual(p) ** 2).sum() / 2,
            params=p,
            right=right,
            wrong=usual(right, p, smallest=FAIL),
        )
    )


def tone() -> tuple[Case, ...]:
    """Amplitude, frequency and phase of a tone of 440 Hz heard for a second."""
    t = np.linspace(0, 1, 17) + 0.003 * np.arange(17)
    y = 0.8 * np.sin(2 * np.pi * 440.1 * t + 0.4)

    def residual(p: Any) -> Any:
        return p[0] * np.sin(2 * np.pi * p[1] * t + p[2]) - y

    def right(p: Any) -> Any:
        r, phase = residual(p), 2 * np.pi * p[1] * t + p[2]
        c = p[0] * np.cos(phase)
        return 2 * np.array(
            [(r * np.sin(phase)).sum(), (r * c * 2 * np.pi * t).sum(), (r * c).sum()]
        )

    p = np.array([0.9, 440.0, 0.3])
    return both(
        Case(
            name="tone",
            kind=LENGTH,
            cost=lambda p: (residual(p) ** 2).sum(),
            params=p,
            right=right,
            wrong=(*usual(right, p), Wrong("2π forgotten", entry(right, 1, 1 / (2 * np.pi)))),
        )
    )


def narrow_peak() -> tuple[Case, ...]:
    """A peak a hundred thousandth wide, near zero, beside a parameter of order one."""
    x = np.array([4e-6, 0.0, 1.3])

    def right(x: Any) -> Any:
        peak = np.exp(-((x[0] / 1e-5) ** 2))
        return np.array([-2 * x[0] / 1e-10 * peak, 3e4 * np.cos(3e4 * x[1]), 2 * x[2]])

    def cost(x: Any) -> Any:
        return np.exp(-((x[0] / 1e-5) ** 2)) + np.sin(3e4 * x[1]) + x[2] ** 2

    return both(
        Case(
            name="narrow_peak",
            kind=LENGTH,
            cost=cost,
            params=x,
            right=right,
            wrong=(*usual(right, x, smallest=FAIL), Wrong("sign at zero", entry(right, 1, -1))),
        )
    )


def far_from_the_origin() -> tuple[Case, ...]:
    """A bowl of width one around a million, as of a date counted in days or a map's grid."""
    x = np.array([1e6 + 0.3, 2e6 - 0.8])

    def right(x: Any) -> Any:
        d = x - np.array([1e6, 2e6])
        return d / np.sqrt(1 + (d**2).sum())

    def cost(x: Any) -> Any:
        return np.sqrt(1 + ((x - np.array([1e6, 2e6])) ** 2).sum())

    return both(
        Case(
            name="far_from_the_origin",
            kind=LENGTH,
            cost=cost,
            params=x,
            right=right,
            wrong=usual(right, x, smallest=FAIL),
        )
    )


CASES = (
    *cost_times(1e-200),
    *cost_times(1e-250),
    *cost_times(1e-100),
    *cost_times(1e100),
    *cost_times(1e200),
    offset(1e6),
    offset(1e12),
    quick_sine(),
    steep_at_zero(),
    two_units_in_one_array(),
    features_not_scaled(),
    *ions(),
    *orbits(),
    *logistic_growth(),
    *gas(),
    *rate_of_a_reaction(),
    *tone(),
    *narrow_peak(),
    *far_from_the_origin(),
)
