from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from checks import check_gradients, check_jvp, check_vjp
from checks.methods.options import Method

W = np.asarray([0.5, -1.25, 2.0])
A = np.asarray([[1.0, 2.0, 3.0], [0.0, 1.0, -1.0]])


class Model:
    """Keeps the last parameters it was given, and an accumulator."""

    def __init__(self) -> None:
        self.w: Any = None
        self.calls = 0

    def cost(self, w: Any) -> Any:
        """The sum of cubes of what it keeps."""
        self.calls += 1
        self.w = w
        return (self.w**3).sum()

    def gradient(self, w: Any) -> Any:
        """Its gradient."""
        self.w = w
        return 3 * self.w**2


@pytest.mark.parametrize("method", ["sweep", "naive", "probe", "taylor"])
@pytest.mark.parametrize("as_function", [True, False])
def test_an_object_that_keeps_its_parameters_keeps_the_callers(
    method: Method,
    as_function: bool,  # noqa: FBT001
) -> None:
    """The very array: neither moved nor complex, whichever function was called last."""
    model, w = Model(), W.copy()
    gradients = model.gradient if as_function else model.gradient(w)
    report = check_gradients(model.cost, gradients, w, method=method)
    assert report.verdict == "pass"
    assert not any("caller" in note or "after the check" in note for note in report.notes)
    assert model.w is w
    assert w.tobytes() == W.tobytes()


def test_a_nested_object_keeps_the_callers_too() -> None:
    """Dicts and lists are handed over as they are."""
    kept: list[Any] = []

    def cost(p: Any) -> Any:
        kept[:] = [p]
        return (p["w"] ** 2).sum() + p["b"][0]

    params = {"w": W.copy(), "b": [np.asarray(2.0)]}
    gradients = {"w": 2 * W, "b": [1.0]}
    assert check_gradients(cost, gradients, params).verdict == "pass"
    assert kept[0] is params


def test_single_numbers_come_back_as_the_check_gave_them() -> None:
    """NumPy's, of which functions may ask more than of Python's."""
    kept: list[Any] = []

    def cost(p: Any) -> Any:
        kept[:] = [p]
        return (p[0] * p[1]).sum()

    report = check_gradients(cost, [3.0, 2.0], [2.0, 3.0])
    assert (report.verdict, report.notes) == ("pass", ())
    assert kept == [[2.0, 3.0]]


@pytest.mark.parametrize("error", [ZeroDivisionError("no"), KeyboardInterrupt()])
def test_after_an_error_all_is_put_back_as_well(error: BaseException) -> None:
    """The error is the caller's to see, unchanged; the model can be gone on with."""
    model, w = Model(), W.copy()

    def cost(x: Any) -> Any:
        found = model.cost(x)
        if model.calls == 20:  # in the midst of it
            raise error
        return found

    def progress(done: int) -> None:
        raise error

    for options in ({"progress": progress}, {}):
        model.calls, model.w = 0, None
        if isinstance(error, Exception) and not options:
            continue  # an error away from the point is the engine's to weigh
        with pytest.raises(type(error)) as caught:
            check_gradients(cost, model.gradient, w, **options)  # type: ignore[arg-type]
        assert caught.value is error
        assert model.w is w


def test_an_array_that_was_changed_is_as_before_and_said_so() -> None:
    """A cost that reaches for the caller's own array, instead of what it is given."""
    w = W.copy()
    view = w[:2]

    def cost(x: Any) -> Any:
        view[:] = x[:2].real * 0.5
        return (x**2).sum()

    report = check_gradients(cost, lambda x: 2 * x, w)
    assert w.tobytes() == W.tobytes()
    assert (
        "the functions changed the caller's own arrays params; they are as before again"
        in report.notes
    )


def test_a_function_that_changes_its_argument_does_not_change_the_callers() -> None:
    """Neither in the check, which works on copies, nor in the call at the end."""
    w = W.copy()

    def cost(x: Any) -> Any:
        found = (x**2).sum()
        x *= 0
        return found

    report = check_gradients(cost, lambda x: 2 * x, w)
    assert w.tobytes() == W.tobytes()
    assert report.diagnosis is not None
    assert report.diagnosis.code == "cost-changes-parameters"
    assert report.notes == ()


def test_inputs_that_were_changed_are_as_before() -> None:
    """The report says that they are changed."""
    data = np.ones(3)

    def cost(x: Any) -> Any:
        data[:] += 1
        return (data * x**2).sum()

    report = check_gradients(cost, lambda x: 2 * data * x, W.copy(), inputs={"data": data})
    assert (data == 1).all()
    assert report.diagnosis is not None
    assert report.diagnosis.code == "cost-changes-inputs"


def test_what_cannot_be_put_back_is_said() -> None:
    """An array that is read-only by now, and a function that raises at the end."""
    w = W.copy()

    def cost(x: Any) -> Any:
        if w.flags.writeable:
            w[0] = 7
            w.flags.writeable = False
        if x is w:
            raise RuntimeError("only so often")
        return (x**2).sum()

    report = check_gradients(cost, lambda x: 2 * x, w)
    assert report.notes == (
        "the functions changed the caller's own arrays params; they could not be put back",
        (
            "after the check, the cost raised RuntimeError: only so often; what keeps the last"
            " parameters it was given may hold ones that the check has moved"
        ),
    )


def test_it_costs_one_call_of_each_function() -> None:
    """And the call at the end is the only one that gets the caller's own array."""
    w, own = W.copy(), {"cost": 0, "gradient": 0}

    def counted(name: str, function: Callable[[Any], Any]) -> Callable[[Any], Any]:
        def counting(x: Any) -> Any:
            own[name] += x is w
            return function(x)

        return counting

    check_gradients(
        counted("cost", lambda x: (x**2).sum()), counted("gradient", lambda x: 2 * x), w
    )
    assert own == {"cost": 1, "gradient": 1}
    check_gradients(counted("cost", lambda x: ((x**2).sum(), 2 * x)), None, w, jac=True)
    assert own == {"cost": 2, "gradient": 1}


def test_products_with_a_jacobian_leave_all_as_it_was() -> None:
    """The function's object, and the product's, hold the caller's x."""
    x = W.copy()
    kept: dict[str, Any] = {}

    def f(x: Any) -> Any:
        kept["f"] = x
        return A @ x

    def vjp(x: Any, c: Any) -> Any:
        kept["vjp"] = x
        return A.T @ c

    def jvp(x: Any, d: Any) -> Any:
        kept["jvp"] = x
        return A @ d

    for report in (check_vjp(f, vjp, x), check_jvp(f, jvp, x)):
        assert report.verdict == "pass"
    assert kept["f"] is kept["vjp"] is kept["jvp"] is x
    assert x.tobytes() == W.tobytes()
