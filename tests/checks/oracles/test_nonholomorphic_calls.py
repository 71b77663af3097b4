from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from checks.methods.dispatch import run_check
from checks.oracles import nonholomorphic_calls
from checks.oracles.nonholomorphic_calls import without_derivative
from checks.problem.nested import Array
from checks.problem.problem import black_box
from tests.checks.problems import vector

AT = np.asarray([[0.5, -1.0, 2.0], [0.25, 1.5, -0.75], [1.0, 0.125, 3.0]])

FOUND: dict[str, tuple[Callable[[Array], Any], str]] = {
    "absolute": (lambda p: np.abs(p).sum(), "absolute"),
    "abs() of elements": (lambda p: sum(abs(v) for row in p for v in row), "absolute"),
    "abs() of one": (lambda p: abs(p[0, 0]), "absolute"),
    "in a condition": (lambda p: np.where(np.abs(p) < 1, p**2, p).sum(), "absolute"),
    "after arithmetic": (lambda p: np.abs(1 + p.T @ p).sum(), "absolute"),
    "after a function": (lambda p: np.abs(np.stack([p, p])).sum(), "absolute"),
    "after a slice": (lambda p: np.abs(p[1:].reshape(-1)).sum(), "absolute"),
    "into an array": (lambda p: np.abs(p, out=np.empty(p.shape)).sum(), "absolute"),
    "conjugate": (lambda p: (p * p.conj()).sum(), "conjugate"),
    "sign": (lambda p: (p * np.sign(p)).sum(), "sign"),
    "norm": (np.linalg.norm, "norm"),
    "vdot": (lambda p: np.vdot(p, p), "vdot"),
    "var": (lambda p: p.var(), "var"),
    "std": (lambda p: np.std(p, axis=0).sum(), "std"),
    "slogdet": (lambda p: np.linalg.slogdet(p)[1], "slogdet"),
    "round": (lambda p: np.round(p.sum(), 3), "round"),
    "round as a method": (lambda p: p.round(3).sum(), "round"),
    "rint": (lambda p: np.rint(p).sum(), "rint"),
    "imaginary part": (lambda p: (p.real**2 + p.imag**2).sum(), "square of a real part"),
    "imaginary part alone": (lambda p: p.imag.sum(), "the imaginary part"),
    "real part times": (lambda p: (p * p.real).sum(), "multiply of a real part"),
    "function of a real part": (lambda p: np.exp(p.real).sum() + p.sum(), "exp of a real part"),
    "float of a real part": (lambda p: float(p[0, 0].real), "float of a real part"),
}

NONE: dict[str, Callable[[Array], Any]] = {
    "products": lambda p: np.einsum("ij,kj", p, p) + (p @ p.T).prod() + p.reshape(-1) @ np.ones(9),
    "functions": lambda p: np.log1p(np.exp(p - p.max())).mean() + np.tanh(p).sum(),
    "comparisons": lambda p: np.maximum(p, 0).sum() + np.where(p > 0, p, 0).sum(),
    "algebra": lambda p: np.linalg.solve(p, np.ones(3)).sum() + np.linalg.det(p),
    "of real numbers": lambda p: (p * np.abs(AT)).sum(),
    "branch on a real part": lambda p: (p * (p.real > 0)).sum() + np.where(p.real < 1, p, 1).sum(),
    "softmax": lambda p: np.log(np.exp(p - p.real.max(axis=0)).sum(axis=0)).sum(),
    "floor of a real part": lambda p: (p - np.floor(p.real)).sum(),
    "in place": lambda p: p.__iadd__(1).sum(),
    "not seen": lambda p: np.abs(np.array(p)).sum(),
    "refused": lambda p: float(p[0, 0]),
}


def found(cost: Callable[[Array], Any]) -> str | None:
    """What is found in a cost at complex parameters."""
    return without_derivative(black_box(cost, lambda p: p, AT), [AT + 1e-30j])


@pytest.mark.parametrize("name", FOUND)
def test_what_has_no_complex_derivative_is_named(name: str) -> None:
    """However the numbers have come there."""
    cost, function = FOUND[name]
    assert found(cost) == function


@pytest.mark.parametrize("name", NONE)
def test_what_has_one_is_left_alone(name: str) -> None:
    """So is what cannot be seen."""
    assert found(NONE[name]) is None


def test_scalars_are_seen_too() -> None:
    """Alone, and as parts of a tuple."""
    one = black_box(abs, lambda p: p, 1.0)
    assert without_derivative(one, [np.asarray(1 + 1e-30j)]) == "absolute"
    two = black_box(lambda p: p[0] + abs(p[1]), lambda p: p, (1.0, np.ones(2)))
    assert without_derivative(two, [np.asarray(1 + 1e-30j), np.ones(2) + 1e-30j]) == "absolute"


STEPS = np.cumsum(1e-5 * np.random.default_rng(0).standard_normal(30))
NOISY = STEPS + 0.1 * np.random.default_rng(1).standard_normal(30)


def smoothed(x: Array) -> Any:
    """Total variation: every neighbour is a kink close by, and none is at the point."""
    return ((x - NOISY) ** 2).sum() / 2 + 0.3 * np.abs(np.diff(x)).sum()


def slopes(x: Array, penalty: float) -> Array:
    """Its gradient; without its penalty, for a penalty of 0."""
    sign = penalty * np.sign(np.diff(x))
    return np.asarray(x - NOISY + np.append(0, sign) - np.append(sign, 0))


@pytest.mark.parametrize("method", ["sweep", "probe"])
def test_a_term_that_the_complex_step_does_not_see_is_no_excuse(method: Any) -> None:
    """A forgotten one does not pass, and a right one does not fail, with kinks all around."""
    right = run_check(vector(smoothed, lambda x: slopes(x, 0.3), STEPS), method=method)
    wrong = run_check(vector(smoothed, lambda x: slopes(x, 0.0), STEPS), method=method)
    assert right.verdict != "fail"
    assert wrong.verdict != "pass"
    assert method == "sweep" or "calls absolute" in right.notes[0]


def test_what_is_no_array_is_not_watched() -> None:
    """A cost may ask for a dtype or a truth, and gets what it asks for."""
    for plain in (None, True, 3, "name", [1.0], np.dtype(complex)):
        assert nonholomorphic_calls._watch(plain) is plain
    watched = nonholomorphic_calls._watch(np.ones(2))
    assert nonholomorphic_calls._watch(watched) is watched
