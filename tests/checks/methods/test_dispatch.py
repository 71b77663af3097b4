from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from checks.methods.dispatch import run_check
from checks.methods.options import METHODS, ORACLES, Method, Oracle
from checks.problem.nested import Array
from checks.problem.problem import Problem, black_box
from tests.checks.problems import changed, network, vector

RIGHT = vector(lambda p: np.sin(p).sum(), np.cos, [0.5, 1.0, 2.0])


@pytest.mark.parametrize("method", METHODS)
def test_each_method_is_called_by_its_name(method: Method) -> None:
    """With the options that are common to all."""
    done: list[int] = []
    report = run_check(RIGHT, method=method, rtol=1e-4, seed=3, strict=True, progress=done.append)
    assert (report.verdict, report.method) == ("pass", method)
    assert (report.rtol, report.seed, report.strict, sum(done)) == (1e-4, 3, True, 3)


@pytest.mark.parametrize("oracle", ORACLES)
def test_the_oracle_asked_for_is_the_one_used(oracle: Oracle) -> None:
    """By either sweep."""
    for method in ("sweep", "naive"):
        used = run_check(RIGHT, method=method, oracle=oracle).oracle
        assert used == ("real differences" if oracle == "real" else "complex step")


def test_what_overflows_is_no_warning() -> None:
    """Every warning is an error here."""
    problem = vector(lambda p: np.exp(700 * p).sum(), lambda p: 700 * np.exp(700 * p), [1.0, 0.5])
    for method in METHODS:
        assert run_check(problem, method=method).verdict != "fail"


@pytest.mark.parametrize("method", METHODS)
def test_parameters_stay_as_they_are(method: Method) -> None:
    """Whatever is done to find out about them."""
    at: dict[str, Array] = {
        "a": np.linspace(0.5, 2, 6).reshape(2, 3),
        "b": np.asarray([1, -2], np.float32),
    }
    kept = {name: v.copy() for name, v in at.items()}
    problem = black_box(
        lambda p: (p["a"] ** 2).sum() + (p["b"] ** 2).sum(),
        lambda p: {name: 2 * v for name, v in p.items()},
        at,
    )
    assert run_check(problem, method=method).verdict == "pass"
    for name, value in at.items():
        np.testing.assert_array_equal(value, kept[name])
        np.testing.assert_array_equal(problem.values[problem.names.index(name)], kept[name])


# --- three methods and two oracles, one rule ------------------------------------------------------

KINDS: dict[str, tuple[Any, Any]] = {
    "sine": (np.sin, np.cos),
    "exponential": (np.exp, np.exp),
    "square": (lambda p: p * p, lambda p: 2 * p),
    "tanh": (np.tanh, lambda p: 1 - np.tanh(p) ** 2),
    "relu": (lambda p: p * (p.real > 0), lambda p: (p > 0) * 1.0),
    "softplus": (lambda p: np.log1p(np.exp(p)), lambda p: 1 / (1 + np.exp(-p))),
}


@st.composite
def problems(draw: st.DrawFn) -> tuple[Any, Any, Array]:
    """A sum of functions of single numbers and of a product of all, with its gradient."""
    n = draw(st.integers(1, 6))
    kind = draw(st.sampled_from(sorted(KINDS)))
    f, slope = KINDS[kind]
    numbers = st.floats(-3, 3).filter(lambda v: abs(v) > 1e-3)
    at = np.asarray(draw(st.lists(numbers, min_size=n, max_size=n)))
    weight = np.asarray(draw(st.lists(numbers, min_size=n, max_size=n)))
    size = 10.0 ** draw(st.integers(-6, 6))
    mixed, offset = draw(st.sampled_from([0.0, 1.0])), draw(st.sampled_from([0.0, 1.0, -30.0]))

    def cost(p: Array) -> Any:
        return size * ((weight * f(p)).sum() + mixed * (weight @ p) ** 2 + offset)

    def gradient(p: Array) -> Array:
        return np.asarray(size * (weight * slope(p) + mixed * 2 * weight * (weight @ p)))

    return cost, gradient, at


def verdicts(problem: Problem, seed: int) -> dict[str, str]:
    """What each way to check it says."""
    ways: dict[str, dict[str, Any]] = {
        "sweep": {},
        "real": {"oracle": "real"},
        "probe": {"method": "probe"},
        "taylor": {"method": "taylor"},
    }
    return {way: run_check(problem, seed=seed, **how).verdict for way, how in ways.items()}


@settings(deadline=None)
@given(problems(), st.integers(0, 99))
def test_no_method_fails_a_right_gradient(made: tuple[Any, Any, Array], seed: int) -> None:
    """Smooth or kinked, large or small."""
    cost, gradient, at = made
    assert "fail" not in verdicts(vector(cost, gradient, at), seed).values()


@settings(deadline=None)
@given(problems(), st.integers(0, 99), st.sampled_from([-1.0, 0.0, 0.5, 1.0001, 1.01, 2.0]))
def test_no_method_passes_what_another_fails(
    made: tuple[Any, Any, Array], seed: int, factor: float
) -> None:
    """A coordinate is off; the Taylor test sees one direction, in which it may be too small."""
    cost, gradient, at = made
    k = seed % at.size
    right = gradient(at)

    def wrong(p: Array) -> Array:
        return np.asarray(gradient(p) * np.where(np.arange(p.size) == k, factor, 1.0))

    found = verdicts(vector(cost, wrong, at), seed)
    share = abs((factor - 1) * right[k] * at[k]) / (np.abs(right) @ np.abs(at) or 1.0)
    if share < 1e-3:
        found.pop("taylor")
    assert not {"pass", "fail"} <= set(found.values()), found
    if share >= 1e-3:
        assert "pass" not in found.values(), found


@pytest.mark.parametrize("seed", range(4))
def test_the_methods_agree_on_networks(seed: int) -> None:
    """Right, and with a layer off by a thousandth."""
    problem = network(seed, activation=("sigmoid", "relu")[seed % 2])
    assert set(verdicts(problem, seed).values()) == {"pass"}
    wrong = changed(problem, lambda g: g.update(W2=1.001 * g["W2"]))
    assert set(verdicts(wrong, seed).values()) == {"fail"}
