"""Functions as SciPy, JAX and scikit-learn have them, with and without a mistake."""

from __future__ import annotations

from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pytest

from checks import GradientProblem, assert_gradients, check_gradients, value_and_grad
from checks.api import GradientError
from checks.cli.target_loading import load
from checks.methods.dispatch import run_check
from checks.methods.options import Method

X = np.asarray([[0.5, -1.0, 2.0], [1.5, 0.25, -0.75]])


def value(w: Any, data: Any, power: int = 2) -> Any:
    """A cost with further arguments."""
    return ((data @ w) ** power).sum() / power


def slope(w: Any, data: Any, power: int = 2) -> Any:
    """Its gradient."""
    return data.T @ (data @ w) ** (power - 1)


def both(w: Any, data: Any, power: int = 2) -> tuple[Any, Any]:
    """Both at once."""
    return value(w, data, power), slope(w, data, power)


def off(w: Any, data: Any, power: int = 2) -> Any:
    """The gradient with its last coordinate wrong."""
    return slope(w, data, power) * [1, 1, 1.001]


W0 = np.asarray([1.0, 2.0, -3.0])
FORMS = {
    "jac=True": value_and_grad(both, W0, grad=True, args=(X,)),
    "by default": value_and_grad(both, W0, args=(X,)),
    "a function of the gradient": value_and_grad(value, W0, slope, args=(X,)),
    "a list": value_and_grad(value, [1, 2, -3], slope, args=(X,)),
    "keywords": value_and_grad(value, W0, slope, args=(X,), kwargs={"power": 4}),
    "keywords of both": value_and_grad(both, W0, kwargs={"data": X, "power": 3}),
    "blocks": value_and_grad(value, W0, slope, (X,), blocks={"a": 2, "b": (1, 1)}),
    "blocks of both": value_and_grad(both, W0, args=(X,), blocks={"a": (2, 1), "b": ()}),
}


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("method", ["sweep", "probe"])
def test_a_right_gradient_passes_in_every_form(form: str, method: Method) -> None:
    """Every coordinate is checked, by the complex step, which finds its way through."""
    report = check_gradients(FORMS[form], method=method)
    assert (report.verdict, report.checked, report.oracle) == ("pass", 3, report.oracle)
    assert not any("not usable" in note for note in report.notes)


@pytest.mark.parametrize(
    ("problem", "where"),
    [
        (value_and_grad(value, W0, off, (X,)), ("params", (2,))),
        (value_and_grad(lambda w: (value(w, X), off(w, X)), W0), ("params", (2,))),
        (value_and_grad(value, W0, off, (X,), blocks={"a": 2, "b": (1, 1)}), ("b", (0, 0))),
    ],
)
def test_a_wrong_coordinate_is_named(problem: GradientProblem, where: Any) -> None:
    """By the block that it lies in, where there are blocks."""
    report = check_gradients(problem)
    assert [(m.tensor, m.index) for m in report.failures] == [where]
    with pytest.raises(GradientError, match="the gradient is wrong"):
        assert_gradients(problem)


def test_a_nest_stays_a_nest() -> None:
    """As JAX has them: lists of arrays, dicts, named tuples."""

    class Layer(NamedTuple):
        W: Any
        b: Any

    params = [Layer(W=np.eye(2), b=np.ones(2)), {"gain": 2.0}]

    def fun(p: Any) -> Any:
        grads = [Layer(W=p[0].W, b=np.cos(p[0].b)), {"gain": np.asarray(3.0)}]
        return (p[0].W ** 2).sum() / 2 + np.sin(p[0].b).sum() + 3 * p[1]["gain"], grads

    report = check_gradients(value_and_grad(fun, params))
    assert report.verdict == "pass"
    assert [t.name for t in report.tensors] == ["0.W", "0.b", "1.gain"]


def test_a_problem_is_cost_gradients_and_params() -> None:
    """And can be taken apart like them."""
    problem = FORMS["by default"]
    cost, gradients, params = problem
    assert (cost, gradients) == (problem.cost, problem.gradients)
    assert params is problem.params
    assert check_gradients(*problem).verdict == "pass"


def test_the_command_takes_one(tmp_path: Path) -> None:
    """As it is, or from a function."""
    (tmp_path / "theirs.py").write_text(
        "import numpy as np\n"
        "from checks import value_and_grad\n"
        "problem = value_and_grad(lambda x: (x**2).sum(), np.ones(3), lambda x: 2 * x)\n"
        "def wrong():\n"
        "    return value_and_grad(lambda x: (x**2).sum(), np.ones(3), lambda x: x)\n"
    )
    assert run_check(load(f"{tmp_path / 'theirs.py'}:problem")).verdict == "pass"
    assert run_check(load(f"{tmp_path / 'theirs.py'}:wrong")).verdict == "fail"


@pytest.mark.parametrize(
    ("given", "error", "says"),
    [
        ({"fun": 3}, TypeError, "fun: expected a function of x, got 3"),
        ({"grad": "2-point"}, TypeError, "grad: expected True where fun returns"),
        ({"grad": None}, TypeError, "grad: expected True where fun returns"),
        ({"args": 2.0}, TypeError, r"args: expected a tuple .* got float; write \(a,\)"),
        ({"kwargs": [1]}, TypeError, "kwargs: expected a dict"),
        ({"blocks": [3]}, TypeError, "blocks: expected a dict of shapes by name"),
        ({"blocks": {"a": 2, "b": 2}}, ValueError, "numbers together, as x0 has, got 4"),
        ({"blocks": {"a": "x"}}, TypeError, r"a shape such as \(3, 2\) for 'a', got 'x'"),
        ({"blocks": {"a": 4}, "x0": np.eye(2)}, TypeError, r"flat vector .* got shape \(2, 2\)"),
    ],
)
def test_what_cannot_be_used_is_named(given: Any, error: Any, says: str) -> None:
    """The argument, what was expected, and what came."""
    with pytest.raises(error, match=says):
        value_and_grad(**{"fun": value, "x0": W0, "grad": slope, "args": (X,), **given})


@pytest.mark.parametrize(
    ("problem", "says"),
    [
        (value_and_grad(value, W0, args=(X,)), r"fun: expected \(value, gradient\) from it with"),
        (
            value_and_grad(value, W0, lambda w, _: w[:2], args=(X,), blocks={"a": 3}),
            r"grad: expected a gradient of 3 numbers, as x0 has, got shape \(2,\)",
        ),
    ],
)
def test_what_comes_back_in_another_form_is_told(problem: GradientProblem, says: str) -> None:
    """When it is called: that is no verdict."""
    with pytest.raises(TypeError, match=says):
        check_gradients(problem)


def test_nothing_but_options_goes_beside_a_problem() -> None:
    """What comes with it is not replaced."""
    problem = FORMS["by default"]
    for more in ({"params": W0}, {"gradients": slope}, {"jac": True}, {"args": (1,)}):
        with pytest.raises(TypeError, match="nothing beside a GradientProblem but options"):
            check_gradients(problem, **more)
