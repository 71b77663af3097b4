"""A cost that is not complex-safe is told, and one that is complex-safe is not."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from checks import rounding, trust
from checks.nest import Array
from checks.subject import Subject
from checks.sweep import everywhere
from tests.checks.helpers import EPS, subject, vector

AT = [0.5, -1.0, 2.0]
NOISE = 16 * EPS


def rng(seed: int = 0) -> np.random.Generator:
    """A generator."""
    return np.random.default_rng(seed)


# --- real costs behind a complex step ---------------------------------------------------------


def supported(one: Subject, analytic: Array, cost: complex, seed: int = 0) -> bool:
    """What `supported` says of a gradient of one array."""
    real = float(one.cost(one.values))
    return trust.supported(one, [analytic], rng(seed), real=real, cost=cost)


def test_real_costs_support_a_right_gradient_only() -> None:
    """To half the digits along one direction, in which every parameter takes part."""
    at = np.linspace(0.5, 2, 40)
    one = vector(lambda p: np.sin(p).sum(), np.cos, at)
    cost, g = np.sin(at).sum(), np.cos(at)
    for seed in range(7, 27):  # 6 finds a direction with next to no slope
        assert supported(one, g, cost, seed)
        assert supported(one, g * (1 + trust.BENT / 2), cost, seed)
        assert not supported(one, g * (1 + 4 * trust.BENT), cost, seed)
        for k in (0, 39):
            assert not supported(one, np.where(np.arange(40) == k, -g, g), cost, seed)
    assert not supported(one, g * np.nan, cost)


def test_a_cost_that_does_not_change_supports_a_gradient_of_zero() -> None:
    """And no other."""
    one = vector(lambda p: 3 + 0 * p.sum(), np.zeros_like, [0.5, 1.0])
    assert supported(one, np.zeros(2), 3)
    assert not supported(one, np.asarray([1e-3, 0]), 3)


def test_a_complex_cost_that_is_not_the_real_one_has_no_support() -> None:
    """Up to a few units in its last place."""
    at = np.linspace(0.5, 2, 40)
    one = vector(lambda p: np.sin(p).sum(), np.cos, at)
    cost, g = np.sin(at).sum(), np.cos(at)
    few = rounding.BENEFIT * np.spacing(cost)
    assert supported(one, g, cost + few + 1j)
    for other in (cost + 2 * few, cost - 2 * few, complex(np.nan)):
        assert not supported(one, g, other)


# --- costs that are not complex-safe ----------------------------------------------------------


def doubt(cost: Callable[[Array], Any], at: list[float] = AT, seed: int = 0, **more: Any) -> Any:
    """What `complex_doubt` says of a cost."""
    size = abs(float(cost(np.asarray(at))))
    one = vector(cost, lambda p: p, at)
    return trust.complex_doubt(one, rng(seed), noise=NOISE * size, size=size, **more)


def assigned(p: Array) -> Any:
    """A cost that keeps its parameters in an array of real numbers."""
    kept = np.zeros(len(p))
    kept[:] = p
    return (kept**2).sum()


def real_only(p: Array) -> Any:
    """A cost of another library's, with an error of its own."""
    if np.iscomplexobj(p):
        raise RuntimeError("cannot be converted to type double\nmore of it")
    return (p**2).sum()


def unseen(cost: Callable[[Array], Any]) -> Callable[[Array], Any]:
    """The cost as it is where nobody can see what it asks of NumPy."""
    return lambda p: cost(np.array(p))


DOUBTED: dict[str, tuple[Callable[[Array], Any], str]] = {
    "absolute value": (lambda p: np.abs(p).sum(), "the cost calls absolute, which has no complex"),
    "unseen absolute value": (unseen(lambda p: np.abs(p).sum()), "gives back a real number"),
    "unseen norm": (unseen(np.linalg.norm), "gives back a real number"),
    "real part": (lambda p: (p.real**2).sum(), "gives back a real number"),
    "unseen conjugate": (unseen(lambda p: (p * p.conj()).sum()), "it says 0, and real differences"),
    "unseen vdot": (
        unseen(lambda p: np.vdot(p, p) if p.dtype.kind == "c" else p @ p),
        "it says 0, and real",
    ),
    "unseen absolute value of one": (
        unseen(lambda p: np.abs(p[0]) + (p[1:] ** 2).sum()),
        "real differences say",
    ),
    "unseen conjugate of one": (
        unseen(lambda p: np.conj(p[2]) + (p**2).sum()),
        "real differences say",
    ),
    "oscillation": (
        lambda p: (p**2).sum() + 1e-3 * np.sin(1e13 * p).sum(),
        "real differences do not settle on a slope",
    ),
    "cast": (lambda p: (p.astype(float) ** 2).sum(), "does not take complex parameters (Casting"),
    "assignment": (assigned, "does not take complex parameters (Casting"),
    "any error": (real_only, "take complex parameters (cannot be converted to type double)"),
    "comparison": (lambda p: sum(max(v, 0) for v in p.tolist()) + p.sum(), "does not take complex"),
    "float()": (lambda p: float((p**2).sum()), "does not take complex parameters (Casting"),
    "other code": (
        lambda p: (p**2).sum() + (1 if np.iscomplexobj(p) else 0),
        "with complex parameters the cost is 6.25, not 5.25",
    ),
    "NaN": (
        lambda p: (p**2).sum() + (np.nan if np.iscomplexobj(p) else 0),
        "with complex parameters the cost is nan, not 5.25",
    ),
}


@pytest.mark.filterwarnings("default::numpy.exceptions.ComplexWarning")
@pytest.mark.parametrize("name", DOUBTED)
@pytest.mark.parametrize("thorough", [True, False])
def test_a_cost_that_is_not_complex_safe_is_doubted(name: str, *, thorough: bool) -> None:
    """With the reason, by many runs of the cost or by few."""
    cost, why = DOUBTED[name]
    for seed in range(5):
        assert why in str(doubt(cost, seed=seed, thorough=thorough))


TRUSTED: dict[str, Callable[[Array], Any]] = {
    "squares": lambda p: (p**2).sum(),
    "exp and sin": lambda p: np.exp(np.sin(p)).prod(),
    "constant slope": lambda p: 3 * p.sum(),
    "relu by real part": lambda p: (p * (p.real > 0)).sum() + (p**2).sum(),
    "largest": lambda p: p[np.argmax(p.real)] ** 2,
}


@pytest.mark.parametrize("name", TRUSTED)
@pytest.mark.parametrize("thorough", [True, False])
@pytest.mark.parametrize("factor", [1e-12, 1.0, 1e12])
def test_a_complex_safe_cost_is_trusted(name: str, *, thorough: bool, factor: float) -> None:
    """Kinks elsewhere and the cost's size notwithstanding."""
    cost = TRUSTED[name]
    for seed in range(5):
        assert doubt(lambda p: factor * cost(p), seed=seed, thorough=thorough) is None


@pytest.mark.parametrize("thorough", [True, False])
def test_only_what_differs_along_a_direction_is_looked_at_along_others(
    monkeypatch: pytest.MonkeyPatch, *, thorough: bool
) -> None:
    """Three of them, each through far fewer parameters where many runs are too many."""
    asked: list[int | None] = []

    def noted(one: Subject, rng: np.random.Generator, *, most: int | None) -> Any:
        asked.append(most)
        return everywhere(one, rng, most=most)

    monkeypatch.setattr(trust, "everywhere", noted)
    assert doubt(TRUSTED["squares"], thorough=thorough) is None
    assert asked == [None if thorough else 2**16]
    asked.clear()
    assert "complex parameters the cost is" in doubt(DOUBTED["NaN"][0], thorough=thorough)
    assert len(asked) == 1
    asked.clear()
    assert doubt(DOUBTED["unseen conjugate"][0], thorough=thorough).startswith(trust.ALONG)
    assert asked == [None] * 3 if thorough else [2**16, 2**10, 2**4]


def test_a_complex_safe_cost_on_a_kink_is_trusted() -> None:
    """Real differences have no slope to hold against it there."""
    assert doubt(lambda p: (p * (p.real > 0)).sum() + 1, [0.0, 0.0, 0.0]) is None


@pytest.mark.parametrize("activation", ["sigmoid", "tanh", "relu", "softplus", "identity"])
@pytest.mark.parametrize("cost", ["quadratic", "cross-entropy", "softmax-cross-entropy"])
def test_networks_are_trusted(activation: str, cost: str) -> None:
    """Every activation and cost takes complex numbers."""
    one = subject(activation=activation, cost=cost)
    size = float(one.cost(one.values))
    assert trust.complex_doubt(one, rng(), noise=NOISE * size, size=size) is None
