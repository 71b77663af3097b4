"""Costs that take a stack of parameter sets: the same verdicts in far fewer calls."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from checks import check_gradients
from checks.methods.options import Method
from checks.problem import evaluation
from checks.problem.nested import Array
from checks.problem.problem import black_box

PARAMS = {"W": np.random.default_rng(0).normal(size=(5, 4)), "b": np.asarray([0.3, -1.2, 2.0])}


def cost(p: dict[str, Array]) -> Any:
    """Of one parameter set, or of each of a stack."""
    W, b = p["W"], p["b"]
    return np.sin(W).sum(axis=(-2, -1)) + (b**3).sum(axis=-1)


def real(p: dict[str, Array]) -> Any:
    """The same for real numbers alone."""
    if any(np.iscomplexobj(v) for v in p.values()):
        raise TypeError("expected real numbers")
    return cost(p)


def gradients(p: dict[str, Array]) -> dict[str, Array]:
    """Its gradient at one parameter set."""
    return {"W": np.cos(p["W"]), "b": 3 * p["b"] ** 2}


@pytest.mark.parametrize("of", [cost, real])
@pytest.mark.parametrize("method", ["sweep", "probe", "taylor"])
def test_a_stack_gives_the_same_in_fewer_calls(of: Any, method: Method) -> None:
    """Of the right gradient and of a wrong one; taylor and a small probe have little to stack."""
    for wrong in (1.0, 1.001):
        given = lambda p, wrong=wrong: {**gradients(p), "b": wrong * 3 * p["b"] ** 2}  # noqa: E731
        one = check_gradients(of, given, PARAMS, method=method)
        stacked = check_gradients(of, given, PARAMS, method=method, batched=True)
        assert (one.verdict, one.checked, one.failed) == (
            stacked.verdict, stacked.checked, stacked.failed,
        )  # fmt: skip
        assert stacked.calls["cost"] < one.calls["cost"]
        if method == "sweep":
            assert stacked.calls["cost"] < one.calls["cost"] / 1.5


def test_a_stack_is_no_larger_than_memory_allows(monkeypatch: pytest.MonkeyPatch) -> None:
    """So many numbers in a call, and at least one parameter set."""
    sizes: list[int] = []

    def watched(p: dict[str, Array]) -> Any:
        sizes.append(len(p["W"]))
        return cost(p)

    monkeypatch.setattr(evaluation, "STACK", 23 * 3)
    assert check_gradients(watched, gradients, PARAMS, batched=True)
    assert max(sizes) == 3


def test_where_a_stack_leaves_the_domain_each_is_run_alone() -> None:
    """And only what left it is left out."""

    def picky(p: Array) -> Any:
        if np.any(p.real <= 0):
            raise ValueError("expected positive numbers")
        return np.log(p).sum(axis=-1)

    at = np.asarray([1e-9, 1.0, 2.0])
    assert check_gradients(picky, lambda p: 1 / p, at, batched=True).verdict == "pass"


def test_a_cost_that_takes_no_stack_is_told_so() -> None:
    """Which shape was expected, which came, and what to do."""
    with pytest.raises(
        TypeError, match=r"cost: expected 1 costs, .* got shape \(\); leave batched"
    ):
        check_gradients(lambda p: (p**2).sum(), lambda p: 2 * p, np.ones(3), batched=True)
    with pytest.raises(ValueError, match="batched: expected False with jac=True"):
        check_gradients(lambda p: (0, p), None, np.ones(3), jac=True, batched=True)
    with pytest.raises(TypeError, match="batched: expected True or False, got 8"):
        check_gradients(cost, gradients, PARAMS, batched=8)  # type: ignore[arg-type]


def test_without_stacks_one_parameter_set_is_held_at_a_time() -> None:
    """Many at once would take memory for nothing."""
    alive: list[int] = []

    def sets() -> Any:
        for k in range(5):
            alive.append(k)
            yield [np.full(3, float(k))]

    def seen(p: Array) -> float:
        assert alive[-1] == p[0]
        return float(p.sum())

    problem = black_box(seen, lambda p: p, np.ones(3))
    assert evaluation.costs_at(problem, sets()).tolist() == [0, 3, 6, 9, 12]
