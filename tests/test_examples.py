"""The examples do what they and the README say of them."""

from __future__ import annotations

import os
import runpy
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

import checks
from checks.cli.target_loading import load
from checks.methods.dispatch import run_check
from checks.methods.options import Method
from checks.problem.nested import Array
from checks.problem.problem import Arrays, Problem

ROOT = Path(__file__).parents[1]


def example(target: str) -> Problem:
    """What the name in an example's file stands for."""
    return load(str(ROOT / "examples" / target))


@pytest.mark.parametrize(
    "target",
    ["own_function.py:subject", "wrong_sign.py:repaired", "first_network.py:subject"],
)
@pytest.mark.parametrize("method", ["sweep", "naive", "probe", "taylor"])
def test_a_right_example_passes(target: str, method: Method) -> None:
    """By every method; the complex step takes its cost, so that there is nothing to note."""
    report = run_check(example(target), method=method)
    assert report.verdict == "pass", str(report)
    assert report.checked == (0 if method == "taylor" else report.parameters)
    assert not any("not believed" in note for note in report.notes)


def test_a_slip_in_the_first_example_would_be_caught() -> None:
    """One coordinate, wrong by a relative 1e-6: the report names it."""
    subject = example("own_function.py:subject")

    def slipped(values: Arrays) -> dict[str, Array]:
        gradient = subject.gradient(values)
        return {**gradient, "w": gradient["w"] * [1, 1, 1, 1 + 2e-6, 1, 1]}

    report = run_check(replace(subject, gradient=slipped))
    assert report.verdict == "fail"
    assert [(m.tensor, m.index) for m in report.failures] == [("w", (3,))]


def test_the_wrong_sign_is_caught_and_named() -> None:
    """All of the first layer is wrong, none of the second, and the diagnosis is the sign."""
    report = run_check(example("wrong_sign.py:subject"))
    assert report.verdict == "fail"
    wrong = {t.name: t.failed for t in report.tensors}
    assert wrong == {"W1": 20, "b1": 4, "W2": 0, "b2": 0}
    assert report.diagnosis is not None
    assert report.diagnosis.code == "sign-flipped"


def test_a_forgotten_slope_is_caught_where_it_enters() -> None:
    """The layer whose activation it belongs to is wrong, and the one after it right."""
    report = run_check(example("first_network.py:forgetful"))
    assert {t.name: t.failed for t in report.tensors} == {"W1": 15, "b1": 5, "W2": 0}
    assert report.diagnosis is not None
    assert (report.diagnosis.code, report.diagnosis.tensor) == ("errors-enter-here", "b1")


@pytest.mark.parametrize(
    ("product", "verdict"), [("product", "pass"), ("constant_deviation", "fail")]
)
def test_a_vector_jacobian_product_and_its_wrong_twin(product: str, verdict: str) -> None:
    """Of layer normalisation, as the example calls them."""
    found = runpy.run_path(str(ROOT / "examples" / "vector_products.py"))
    report = checks.check_vjp(found["normalise"], found[product], found["x"])
    assert report.verdict == verdict, str(report)
    assert sum(t.failed for t in report.tensors) == (24 if verdict == "fail" else 0)


def test_a_class_that_forgets_to_zero_its_gradients_is_told() -> None:
    """By both twins of the network; and the network is left with its own weights."""
    right = run_check(example("class_network.py:right"))
    assert (right.verdict, right.checked) == ("pass", 32)
    assert [t.name for t in right.tensors][:2] == ["layers.0.W", "layers.1.W"]
    wrong = run_check(example("class_network.py:forgetful"))
    assert (wrong.verdict, wrong.diagnosis and wrong.diagnosis.code) == ("fail", "accumulates")


def test_frozen_statistics_are_wrong_for_the_input_alone() -> None:
    """Scale and shift have the same gradient either way."""
    found = runpy.run_path(str(ROOT / "examples" / "batch_norm.py"))
    assert checks.check_vjp(found["batch_norm"], found["vjp"], found["params"])
    report = checks.check_vjp(found["batch_norm"], found["frozen_statistics"], found["params"])
    assert {t.name: t.failed for t in report.tensors} == {"x.h": 24, "x.gamma": 0, "x.beta": 0}


def test_jacobians_for_a_solver_and_their_wrong_twins() -> None:
    """A column that lacks a factor, a side that a pattern leaves out, a matrix built by it."""
    found = runpy.run_path(str(ROOT / "examples" / "least_squares.py"))
    residuals, chain = (found["residuals"], found["start"]), (found["chain"], found["u"])

    def check(problem: Any, jac: str, pattern: Any = None) -> Any:
        return checks.check_jacobian(problem[0], found[jac], problem[1], pattern)

    assert check(residuals, "jacobian").verdict == "pass"
    wrong = check(residuals, "without_inner")
    assert {m.index[1] for m in wrong.failures} == {1}
    assert wrong.failed == 12
    assert check(chain, "chain_jacobian").verdict == "pass"
    for jac in ("chain_jacobian", "one_sided"):
        report = check(chain, jac, found["pattern"])
        assert (report.verdict, report.diagnosis.code) == ("fail", "pattern")
        assert report.diagnosis.detail.startswith("jacobian[1, 0] is -1; jacobian[2, 1] is -1;")
    assert {m.index for m in check(chain, "one_sided").failures} == {(k + 1, k) for k in range(7)}


def test_the_adjoint_of_the_wrong_matrix_is_caught() -> None:
    """Through the steps of the solver, which the complex step follows."""
    right = run_check(example("iterative_solver.py:right"))
    assert (right.verdict, right.checked, right.oracle) == ("pass", 6, "complex step")
    wrong = run_check(example("iterative_solver.py:transposed"))
    assert (wrong.verdict, wrong.failed) == ("fail", 6)


def test_a_riemannian_gradient_and_that_of_another_manifold() -> None:
    """Right along orthonormal columns, though not around them; the other forgets rotations."""
    found = runpy.run_path(str(ROOT / "examples" / "riemannian.py"))
    cost, x = found["cost"], found["X"]
    right = checks.check_gradients(cost, found["gradient"], x, manifold="orthogonal")
    assert (right.verdict, right.checked) == ("pass", 12)
    assert checks.check_gradients(cost, found["gradient"], x).verdict == "fail"
    wrong = checks.check_gradients(cost, found["of_subspaces"], x, manifold="orthogonal")
    assert (wrong.verdict, wrong.failed) == ("fail", 12)


@pytest.mark.parametrize(
    ("name", "verdict"),
    [
        ("batch_norm", "fail"),
        ("class_network", "pass"),
        ("iterative_solver", "pass"),
        ("least_squares", "fail"),
        ("own_function", "pass"),
        ("riemannian", "fail"),
        ("wrong_sign", "fail"),
        ("first_network", "pass"),
        ("vector_products", "fail"),
    ],
)
def test_an_example_run_as_a_script_prints_its_report(name: str, verdict: str) -> None:
    """The verdict line is among what it prints."""
    done = subprocess.run(
        [sys.executable, "-W", "error", str(ROOT / "examples" / f"{name}.py")],
        capture_output=True,
        text=True,
        check=True,
        env={**os.environ, "PYTHONPATH": str(Path(checks.__path__[0]).parent)},
    )
    assert any(line.startswith(f"{verdict}: ") for line in done.stdout.splitlines())


def test_a_search_shows_where_a_matrix_turned_to_fit_is_wrong() -> None:
    """At the smallest network with a square layer; one network of 4-3-2 passes."""
    found = runpy.run_path(str(ROOT / "examples" / "wrong_where_square.py"))
    assert checks.check_gradients(*found["make"]((4, 3, 2), 5, 0)).verdict == "pass"
    result = checks.search(found["make"], examples=200)
    assert result.verdict == "fail"
    assert result.example is not None
    assert (result.example["shape"], result.example["batch_size"]) == ([1, 2, 2], 1)
    assert checks.search(found["repaired"], examples=40).verdict == "pass"
