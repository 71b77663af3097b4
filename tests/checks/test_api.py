import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import checks
from checks import api
from checks.api import GradientError, assert_gradients, check_gradients
from checks.methods import dispatch
from checks.methods.options import CheckOptions, Method

X = np.asarray([0.5, -1.25, 2.0])


def cube(x: Any) -> Any:
    """The sum of cubes."""
    return (x**3).sum()


def cube_gradient(x: Any) -> Any:
    """Its gradient."""
    return 3 * x**2


# --- what passes ------------------------------------------------------------------------------


def test_a_correct_gradient_passes_with_every_coordinate_checked() -> None:
    """And the report says so, count by count."""
    report = check_gradients(cube, cube_gradient, X)
    assert report.verdict == "pass"
    assert (report.parameters, report.checked, report.failed) == (3, 3, 0)


def test_a_gradient_may_be_given_as_arrays() -> None:
    """Then there is no function to watch, only numbers to compare."""
    assert check_gradients(cube, cube_gradient(X), X).verdict == "pass"
    assert check_gradients(cube, -cube_gradient(X), X).verdict == "fail"


def test_params_nest_like_the_gradient() -> None:
    """Lists, tuples and dicts, and a tensor's name is its path."""
    params = {"layers": [(X, 1.5)], "scale": np.asarray(2.0)}

    def cost(p: Any) -> Any:
        ((W, b),) = p["layers"]
        return (p["scale"] * W + b).sum()

    def gradients(p: Any) -> Any:
        ((W, _),) = p["layers"]
        return {"layers": [(np.full(3, p["scale"]), 3.0)], "scale": W.sum()}

    report = check_gradients(cost, gradients, params)
    assert report.verdict == "pass"
    assert [t.name for t in report.tensors] == ["layers.0.0", "layers.0.1", "scale"]


def test_progress_counts_every_coordinate_once() -> None:
    """The counts add up to the number of parameters."""
    counts: list[int] = []
    check_gradients(cube, cube_gradient, np.ones((7, 5)), progress=counts.append)
    assert sum(counts) == 35


def test_the_same_seed_gives_the_same_numbers() -> None:
    """All but the time it took."""
    one, other = (check_gradients(cube, cube_gradient, X, seed=3).to_dict() for _ in range(2))
    assert {**one, "seconds": 0} == {**other, "seconds": 0}


def test_the_parameters_given_are_left_alone() -> None:
    """The check works on copies, even with functions that change them."""
    x = X.copy()

    def grabby(x: Any) -> Any:
        g = 3 * x**2
        x *= 2
        return g

    report = check_gradients(cube, grabby, x)
    assert report.diagnosis is not None
    assert report.diagnosis.code == "changes-parameters"
    assert (x == X).all()


# --- what fails -------------------------------------------------------------------------------


@pytest.mark.parametrize("k", range(3))
def test_a_relative_error_of_a_millionth_is_caught_in_any_coordinate(k: int) -> None:
    """It is named with its index."""
    wrong = np.where(np.arange(3) == k, 1 + 2e-6, 1)
    report = check_gradients(cube, lambda x: cube_gradient(x) * wrong, X)
    assert report.verdict == "fail"
    assert [f.index for f in report.failures] == [(k,)]


@given(st.integers(-12, 12), st.booleans())
def test_the_scale_of_the_loss_changes_no_verdict(k: int, wrong: bool) -> None:  # noqa: FBT001
    """From 1e-12 to 1e12, right or wrong."""
    factor = 10.0**k
    report = check_gradients(
        lambda x: factor * cube(x), lambda x: factor * cube_gradient(x) * (-1 if wrong else 1), X
    )
    assert report.verdict == ("fail" if wrong else "pass")


def test_assert_gradients_returns_the_report_of_a_correct_gradient() -> None:
    """So that a test may go on to look at the coverage."""
    assert assert_gradients(cube, cube_gradient, X).checked == 3


def test_assert_gradients_raises_what_reads_like_a_report() -> None:
    """Tensor, index and both values are in the text, the report itself on the error."""
    with pytest.raises(AssertionError) as caught:
        assert_gradients(cube, lambda x: -cube_gradient(x), X)
    assert isinstance(caught.value, GradientError)
    text = str(caught.value)
    assert text.startswith("the gradient is wrong: the sign is flipped in params\n")
    assert str(caught.value.report) in text
    assert "params[2]: analytic -12, numeric 12" in text


def test_undecided_is_not_proved() -> None:
    """A gradient of zeros that is right shows nothing; it passes only if that is asked for."""
    flat: Any = (lambda x: 0.0 * x.sum() + 1, np.zeros_like, X)
    with pytest.raises(GradientError) as caught:
        assert_gradients(*flat)
    assert str(caught.value).startswith("not proved\n")
    assert caught.value.report.verdict == "undecided"
    assert assert_gradients(*flat, allow_undecided=True).zero == 3


def test_a_failure_is_no_matter_of_being_undecided() -> None:
    """`allow_undecided` allows nothing that is wrong."""
    with pytest.raises(GradientError):
        assert_gradients(cube, lambda x: -cube_gradient(x), X, allow_undecided=True)


@pytest.mark.parametrize("function", ["cost", "gradient"])
@pytest.mark.parametrize("error", [ValueError("my own"), MemoryError("3 TiB"), SystemExit(0)])
def test_what_a_function_raises_at_the_point_is_no_report(
    function: str, error: BaseException
) -> None:
    """It comes to the caller unchanged: the very object."""

    def raises(x: Any) -> Any:
        raise error

    cost, gradient = (raises, cube_gradient) if function == "cost" else (cube, raises)
    with pytest.raises(type(error)) as caught:
        check_gradients(cost, gradient, X)
    assert caught.value is error


@pytest.mark.parametrize(
    ("gradients", "verdict"),
    [
        (cube_gradient, "pass"),
        (lambda x: -cube_gradient(x), "fail"),
        (lambda x: 0 * x, "fail"),
    ],
)
def test_a_report_is_true_for_a_pass_alone(gradients: Any, verdict: str) -> None:
    """So that `assert check_gradients(...)` does what it says."""
    report = check_gradients(cube, gradients, X)
    assert (report.verdict, bool(report)) == (verdict, verdict == "pass")


def test_an_undecided_report_is_not_true() -> None:
    """Nothing was proved."""
    report = check_gradients(lambda x: 0.0 * x.sum() + 1, np.zeros_like, X)
    assert (report.verdict, bool(report)) == ("undecided", False)


# --- forms ------------------------------------------------------------------------------------


@pytest.mark.parametrize("shape", [(), (1,), (1, 1), (1, 1, 1)])
@pytest.mark.parametrize(("sign", "verdict"), [(1, "pass"), (-1, "fail")])
def test_a_cost_of_one_element_is_a_number(shape: tuple[int, ...], sign: int, verdict: str) -> None:
    """Of any shape, complex under the complex step as well."""
    report = check_gradients(
        lambda x: np.reshape(cube(x), shape), lambda x: sign * cube_gradient(x), X
    )
    assert (report.verdict, report.oracle) == (verdict, "complex step")
    assert report.notes == ()


@pytest.mark.parametrize("cost", [lambda x: 3, lambda x: np.bool_(x[0] > 0), lambda x: [2.5]])
def test_whole_numbers_and_bools_are_numbers_too(cost: Any) -> None:
    """They do not depend on the parameters, so that a gradient of zeros is undecided."""
    report = check_gradients(cost, np.zeros_like, X)
    assert (report.verdict, report.zero) == ("undecided", 3)
    assert check_gradients(cost, np.ones_like, X).verdict != "pass"


@pytest.mark.parametrize(
    ("cost", "came"),
    [
        (lambda x: x, "shape (3,), "),
        (lambda x: None, "shape (), NoneType"),
        (lambda x: "3", "shape (), "),
        (lambda x: np.empty(0), "shape (0,), "),
    ],
)
def test_a_cost_that_is_no_number_is_told_with_what_came(cost: Any, came: str) -> None:
    """And what to return."""
    report = check_gradients(cost, cube_gradient, X)
    assert report.verdict != "pass"
    assert report.diagnosis is not None
    assert report.diagnosis.code == "cost-not-scalar"
    assert came in report.diagnosis.detail
    assert "return one float" in report.diagnosis.remedy


@pytest.mark.parametrize(
    ("params", "gradient"),
    [
        (np.asarray([2.0, 3.0]), lambda p: [2 * p[0], 3 * p[1] ** 2]),
        (np.asarray([2.0, 3.0]), lambda p: (2 * p[0], 3 * p[1] ** 2)),
        ([2.0, 3.0], lambda p: np.asarray([2 * p[0], 3 * p[1] ** 2])),
        ([2.0, 3.0], lambda p: [2 * p[0], 3 * p[1] ** 2]),
        ((2.0, 3.0), lambda p: [2 * p[0], 3 * p[1] ** 2]),
    ],
)
def test_lists_and_arrays_of_numbers_stand_for_each_other(params: Any, gradient: Any) -> None:
    """Where that can mean one thing only; a wrong number among them is found."""

    def cost(p: Any) -> Any:
        return p[0] ** 2 + p[1] ** 3

    def wrong(p: Any) -> Any:
        found = gradient(p)
        return type(found)([-found[0], found[1]]) if not isinstance(found, np.ndarray) else -found

    assert check_gradients(cost, gradient, params).verdict == "pass"
    assert check_gradients(cost, wrong, params).verdict == "fail"


def test_whole_numbers_may_stand_in_lists_and_for_single_numbers() -> None:
    """Python's have no precision of their own."""
    assert check_gradients(lambda x: 2 * x[0] + 3 * x[1], [2, 3], np.ones(2)).verdict == "pass"
    params = {"w": np.ones((2, 2)), "b": 1.0}
    given = {"w": [[1, 2], [3, 4]], "b": 5}
    M = np.asarray(given["w"])
    report = check_gradients(lambda p: (M * p["w"]).sum() + 5 * p["b"], given, params)
    assert report.verdict == "pass"
    assert check_gradients(cube, np.asarray([1, 5, 12]), X).verdict == "fail"


@pytest.mark.parametrize(
    ("gradient", "code", "said"),
    [
        (lambda x: cube_gradient(x)[:, None], "shape", "expected (3,), got (3, 1)"),
        (lambda x: [[g] for g in cube_gradient(x)], "shape", "expected (3,), got (3, 1)"),
        (lambda x: (cube_gradient(x),), "shape", "expected (3,), got (1, 3)"),
        (lambda x: [1.0, 2.0], "shape", "expected (3,), got (2,)"),
        (lambda x: [[1.0], [2.0, 3.0]], "structure", "missing: params"),
        (lambda x: {"x": cube_gradient(x)}, "structure", "missing: params; unexpected: x"),
        (lambda x: None, "dtype", "expected float64, got NoneType"),
    ],
)
def test_a_gradient_of_another_form_is_told_with_both(gradient: Any, code: str, said: str) -> None:
    """A column for a flat parameter is no matter of taste: NumPy would broadcast it."""
    report = check_gradients(cube, gradient, X)
    assert report.verdict == "fail"
    assert report.diagnosis is not None
    assert report.diagnosis.code == code
    assert said in report.diagnosis.detail


@pytest.mark.parametrize("as_scipy_has_it", [True, False])
def test_one_function_may_return_value_and_gradient(as_scipy_has_it: bool) -> None:  # noqa: FBT001
    """By `jac=True`, or by True in the place of the gradient; a wrong one is found."""

    def both(x: Any, factor: Any = 1) -> Any:
        return factor * cube(x), factor * cube_gradient(x)

    def wrong(x: Any) -> Any:
        return cube(x), -cube_gradient(x)

    given: dict[str, Any] = {"gradients": True} if as_scipy_has_it else {"jac": True}
    assert check_gradients(both, params=X, **given).verdict == "pass"
    assert check_gradients(both, params=X, args=(2.0,), **given).verdict == "pass"
    assert check_gradients(wrong, params=X, **given).verdict == "fail"
    assert assert_gradients(both, params=X, **given).checked == 3
    with pytest.raises(GradientError):
        assert_gradients(wrong, params=X, **given)


def test_further_arguments_are_both_functions() -> None:
    """After the parameters; where the two use them differently, that is found."""

    def cost(x: Any, factor: float, power: int) -> Any:
        return factor * (x**power).sum()

    def gradient(x: Any, factor: float, power: int) -> Any:
        return factor * power * x ** (power - 1)

    def wrong(x: Any, factor: float, power: int) -> Any:
        return factor * power * x**power

    assert check_gradients(cost, gradient, X, args=(0.5, 3)).verdict == "pass"
    assert check_gradients(cost, gradient(X, 0.5, 3), X, args=(0.5, 3)).verdict == "pass"
    assert check_gradients(cost, wrong, X, args=(0.5, 3)).verdict == "fail"
    assert assert_gradients(cost, gradient, X, args=(0.5, 3)).checked == 3


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ((cube, None, X, {}), "gradients: expected arrays or a function from the parameters to"),
        ((cube, None, None, {"jac": True}), "params: expected the parameters to check at, got"),
        ((cube, cube_gradient, X, {"jac": True}), "gradients: expected None beside jac=True, for"),
        ((cube, None, X, {"jac": True}), "cost: expected (value, gradient) from it with jac=True"),
        ((cube, None, X, {"jac": cube_gradient}), "a function for the gradient alone goes second"),
        ((lambda x: (1, 2, 3), True, X, {}), "got tuple of 3; return both, or give"),
        ((cube, cube_gradient, X, {"args": 3}), "args: expected a tuple of further arguments, got"),
        ((cube, cube_gradient, X, {"strict": "very"}), "strict: expected True or False, got"),
    ],
)
def test_what_cannot_be_taken_is_refused_with_what_to_pass(given: Any, message: str) -> None:
    """In one sentence."""
    *words, options = given
    for function in (check_gradients, assert_gradients):
        with pytest.raises(TypeError) as caught:
            function(*words, **options)
        assert message in str(caught.value)
        assert "\n" not in str(caught.value)


def test_strict_is_handed_on_where_it_is_asked_for(monkeypatch: pytest.MonkeyPatch) -> None:
    """And is part of what repeats the check."""
    seen: list[bool] = []
    right = dispatch.run_check

    def run_check(problem: Any, options: CheckOptions) -> Any:
        seen.append(options.strict)
        return right(problem, options)

    monkeypatch.setattr(api, "run_check", run_check)
    assert check_gradients(cube, -X, X).repeat == "check_gradients(..., seed=0)"
    report = check_gradients(cube, -X, X, strict=True)
    assert report.repeat == "check_gradients(..., strict=True, seed=0)"
    assert seen == [False, True]


@pytest.mark.parametrize(("constant", "said"), [(0.0, "pass: "), (1e8, "pass to ")])
def test_a_pass_says_how_blunt_it_is_and_strict_does_without(constant: float, said: str) -> None:
    """A large constant leaves the cost fewer digits for its slopes; an error of 1e-2 shows yet."""

    def cost(x: Any) -> float:
        return float(constant + cube(np.asarray(x, float)))

    report = check_gradients(cost, cube_gradient, X)
    assert (report.verdict, report.checked) == ("pass", 3)
    assert report.summary.startswith(said)
    assert (report.resolution > report.rtol) is bool(constant)
    assert len(report.reasons) == bool(constant)
    strict = check_gradients(cost, cube_gradient, X, strict=True)
    assert strict.verdict == ("undecided" if constant else "pass")
    wrong = check_gradients(cost, lambda x: cube_gradient(x) * [1, 1.01, 1], X)
    assert [f.index for f in wrong.failures] == [(1,)]


# --- arguments --------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("option", "value", "error", "message"),
    [
        ("rtol", 2, ValueError, "rtol: expected a number above 0 and below 1, such as 1e-6, got 2"),
        ("rtol", 0, ValueError, "rtol: expected a number above 0 and below 1, such as 1e-6, got 0"),
        ("rtol", float("nan"), ValueError, "such as 1e-6, got nan"),
        ("rtol", "tight", TypeError, "such as 1e-6, got 'tight'"),
        ("method", "sweeb", ValueError, "got 'sweeb'; did you mean 'sweep'?"),
        ("method", 3, TypeError, "method: expected one of sweep, naive"),
        ("seed", -1, ValueError, "seed: expected a whole number of 0 or more, got -1"),
        ("seed", 1.5, TypeError, "seed: expected a whole number of 0 or more, got 1.5"),
        ("seed", True, ValueError, "seed: expected a whole number of 0 or more, got True"),
        ("progress", "bar", TypeError, "progress: expected a function of a count, or None"),
        ("inputs", {"x": [1, 2]}, TypeError, "inputs: expected arrays, got int in 'x.0'"),
        ("executor", 3, TypeError, "executor: expected something that can submit, such as"),
    ],
)
def test_a_wrong_option_is_named_with_what_was_expected(
    option: str, value: Any, error: type[Exception], message: str
) -> None:
    """Before anything runs: the cost here would raise something else."""
    with pytest.raises(error) as caught:
        check_gradients(lambda x: 1 / 0, cube_gradient, X, **{option: value})
    assert message in str(caught.value)


@pytest.mark.parametrize("method", ["probe", "taylor"])
def test_what_only_a_sweep_takes_is_refused_by_the_others(method: Method) -> None:
    """Rather than left aside without a word."""
    with ThreadPoolExecutor(1) as pool:
        for name, value in {"oracle": "real", "executor": pool}.items():
            given: dict[str, Any] = {name: value}
            with pytest.raises(ValueError, match=f"{name}: expected .* with method '{method}'"):
                check_gradients(cube, cube_gradient, X, method=method, **given)
            assert check_gradients(cube, cube_gradient, X, **given).verdict == "pass"


@pytest.mark.parametrize(
    ("cost", "params", "error", "message"),
    [
        (3, X, TypeError, "cost: expected a function of the parameters, got 3"),
        (cube, np.arange(3), TypeError, "got dtype int64 in 'params'; cast it with"),
        (cube, [X, X * 1j], TypeError, "got dtype complex128 in '1'"),
        (cube, {"w": X * np.nan}, ValueError, "got NaN or infinity in 'w'"),
        (cube, {"w": None}, TypeError, "got dtype object in 'w'"),
        (cube, [], ValueError, "params: expected at least one number to check, got none"),
        (cube, {"a.b": X, "a": {"b": X}}, ValueError, "got 'a.b' twice"),
    ],
)
def test_unusable_parameters_are_named(
    cost: Any, params: Any, error: type[Exception], message: str
) -> None:
    """With the tensor and what is wrong with it."""
    with pytest.raises(error) as caught:
        check_gradients(cost, cube_gradient, params)
    assert message in str(caught.value)


# --- the package ------------------------------------------------------------------------------


def test_importing_the_package_loads_no_more_than_numpy() -> None:
    """What is heavy waits until it is asked for."""
    heavy = ["backprop", "click", "requests", "hypothesis", "safetensors", "PIL", "pytest"]
    code = (
        "import sys, checks; checks.check_gradients, checks.check_vjp, checks.Report\n"
        f"print([name for name in {heavy} if name in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_every_public_name_is_there_and_listed() -> None:
    """`dir` knows them before they are loaded."""
    assert set(checks.__all__) <= set(dir(checks))
    assert all(hasattr(checks, name) for name in checks.__all__)
    assert not hasattr(checks, "check_gradient")


@pytest.mark.parametrize("swapped", [lambda x: 2 * x, np.cos, np.ones(3).sum])
def test_a_function_in_the_place_of_the_parameters_is_told_the_order(swapped: Any) -> None:
    """Whatever stands in the place of the gradient."""
    for gradients in (np.ones(3), np.sin):
        with pytest.raises(TypeError, match=r"the order is check_gradients\(cost, gradients, p"):
            check_gradients(np.sum, gradients, swapped)


def test_a_complex_step_that_is_asked_for_has_to_be_had() -> None:
    """Or real differences would be taken for it."""
    at = np.ones(3)
    with pytest.raises(TypeError, match=r"oracle: expected a cost of complex parameters .* but"):
        check_gradients(lambda x: float((x**2).sum()), lambda x: 2 * x, at, oracle="complex")
    report = check_gradients(lambda x: (x**2).sum(), lambda x: 2 * x, at, oracle="complex")
    assert (report.verdict, report.oracle) == ("pass", "complex step")


def test_of_a_solver_that_stops_early_the_report_points_to_its_error() -> None:
    """With it, the right gradient passes to what that shows."""
    at = np.linspace(1, 2, 6)

    def stopped(x: Any) -> float:
        return float((np.sqrt(x) * (1 + 1e-4 * np.sin(3 * x))).sum())

    report = check_gradients(stopped, 0.5 / np.sqrt(at), at)
    assert report.diagnosis is not None
    assert report.diagnosis.code == "small-everywhere"
    assert "cost_error=" in " ".join(str(report).split())
    assert check_gradients(stopped, 0.5 / np.sqrt(at), at, cost_error=2e-4).verdict != "fail"
