"""A file of a user's in which every public name occurs, for type checkers as for Python.

mypy reads it with all others, strictly: what is ignored here is what it has to find wrong.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any, Literal, assert_type

import numpy as np
import numpy.typing as npt
import pytest

import geartrain
from geartrain import (
    Certificate,
    Dataset,
    GradientError,
    GradientProblem,
    Network,
    Report,
    SearchResult,
    adapters,
    assert_gradients,
    attributes,
    backward,
    check_gradients,
    check_hessian,
    check_jacobian,
    check_jvp,
    check_vjp,
    compare,
    cost,
    forward,
    gradients,
    init_net,
    load,
    optimize,
    search,
    train,
    value_and_grad,
    verify,
    zero_grad,
)

Array = npt.NDArray[np.float64]
Verdict = Literal["pass", "fail", "undecided"]


def test_every_public_name_is_used_here() -> None:
    """So that a new one comes here as well."""
    text = Path(__file__).read_text(encoding="utf-8")
    imported = text.partition("from geartrain import (")[2].partition(")")[0]
    assert {name.strip() for name in imported.split(",") if name.strip()} == {*geartrain.__all__}
    for name in geartrain.__all__:
        assert text.count(name) > 1


def test_checks_give_reports() -> None:
    """Whose verdict is one of three words, and no other for a type checker either."""
    x: Array = np.asarray([0.5, 1.0])

    def fun(x: Array) -> float:
        return float((x**2).sum())

    def grad(x: Array) -> Array:
        return 2 * x

    reports = [
        check_gradients(fun, grad, x, method="probe", oracle="auto"),
        check_gradients(value_and_grad(fun, x, grad)),
        check_gradients(GradientProblem(fun, grad, x)),
        check_vjp(np.sin, lambda x, c: np.cos(x) * c, x),
        check_jvp(np.sin, lambda x, d: np.cos(x) * d, x),
        check_jacobian(np.sin, lambda x: np.diag(np.cos(x)), x),
        check_hessian(grad, lambda x: 2 * np.eye(2), x),
        assert_gradients(fun, grad, x),
    ]
    for report in reports:
        assert_type(report, Report)
        assert_type(report.verdict, Verdict)
        assert report.verdict == "pass"
        assert report.verdict != "passed"  # type: ignore[comparison-overlap]
    assert not compare(reports[0], reports[0]).wrong


def test_an_error_has_its_report() -> None:
    """Typed as well."""
    with pytest.raises(GradientError) as caught:
        assert_gradients(lambda x: (x**2).sum(), lambda x: x, np.ones(2))
    assert_type(caught.value.report, Report)
    assert caught.value.report.failed == 2


def test_objects_are_problems() -> None:
    """As functions are."""

    class Line:
        w = np.ones(2)

    line = Line()
    problem = attributes(
        line, ["w"], cost=lambda: float((line.w**2).sum()), gradients=lambda: 2 * line.w
    )
    assert_type(problem, GradientProblem)
    assert check_gradients(problem)


def test_functions_of_other_libraries_are_problems() -> None:
    """And typed so."""
    jax = pytest.importorskip("jax")
    problem = adapters.jax(jax.numpy.sin, 0.5)
    assert_type(problem, GradientProblem)
    assert check_gradients(problem)


def test_a_search_has_a_result() -> None:
    """Typed as a report is."""

    def make(shape: tuple[int, ...], seed: int) -> Any:
        x: Array = np.random.default_rng(seed).normal(size=shape)
        return lambda x: (x**2).sum(), lambda x: 2 * x, x

    found = search(make, examples=5, method="probe")
    assert_type(found, SearchResult)
    assert_type(found.verdict, Verdict)
    assert_type(found.report, Report | None)
    assert found


def test_networks_are_proved_and_trained() -> None:
    """The way of the README."""
    net = init_net((3, 4, 2), seed=0)
    assert_type(net, Network)
    x, y = np.full((5, 3), 0.5), np.full((5, 2), 0.25)
    backward(net, forward(net, x), y)
    optimize(net, learning_rate=0.1)
    zero_grad(net)
    assert cost(net, x, y) > 0
    assert len(gradients(net, x, y)) == 2
    certificate = verify(net, x, y)
    assert_type(certificate, Certificate)
    assert callable(train)
    data: Dataset = load("digits")
    assert len(data.train_images)


def test_what_is_not_there_is_told_by_type_checkers() -> None:
    """Though the modules look names up when they are asked for."""
    with pytest.raises(AttributeError):
        geartrain.zebra  # type: ignore[attr-defined]  # noqa: B018
    wrong: Any = None
    with pytest.raises(TypeError):
        check_gradients(wrong, zebra=1)  # type: ignore[call-arg]
    with pytest.raises(ValueError, match="method: expected one of"):
        check_gradients(np.sum, np.ones_like, np.ones(2), method="sweeb")  # type: ignore[arg-type]
