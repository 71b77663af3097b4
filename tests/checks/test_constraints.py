"""Constants, bounds, manifolds, several points and gradients: the right pass, others fail."""

from __future__ import annotations

from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from checks import assert_gradients, check_gradients
from checks.api import GradientError
from checks.methods.options import Method

RNG = np.random.default_rng(0)
A = RNG.normal(size=(5, 5))
A = A + A.T
X = RNG.normal(size=5)


def quadratic(x: Any) -> Any:
    """A cost."""
    return x @ A @ x / 2


def slope(x: Any) -> Any:
    """Its gradient."""
    return A @ x


def of_real(cost: Callable[[Any], Any]) -> Callable[[Any], float]:
    """The same cost, for real numbers alone."""

    def real(x: Any) -> float:
        if np.iscomplexobj(x):
            raise TypeError("real numbers only")
        return float(cost(x))

    return real


COSTS = {"complex": quadratic, "real": of_real(quadratic)}
MASK = np.asarray([True, True, False, True, False])


# --- constants --------------------------------------------------------------------------------


@pytest.mark.parametrize("method", ["sweep", "probe", "taylor"])
@pytest.mark.parametrize("cost", COSTS)
def test_constants_are_neither_moved_nor_compared(method: Method, cost: str) -> None:
    """Whatever stands in their places; they are not counted, and a note says how many there are."""

    def strict(x: Any) -> Any:
        assert (x[~MASK] == X[~MASK]).all()
        return COSTS[cost](x)

    def gradient(x: Any) -> Any:
        return np.where(MASK, slope(x), 99)

    report = check_gradients(strict, gradient, X, mask=MASK, method=method)
    assert (report.verdict, report.parameters) == ("pass", 3), str(report)
    assert report.checked == (0 if method == "taylor" else 3)
    assert report.zero == 0
    assert "2 constants, by mask, were left out" in report.notes
    assert not any("raised" in note for note in report.notes)


@pytest.mark.parametrize("cost", COSTS)
def test_what_is_no_constant_is_still_found_wrong(cost: str) -> None:
    """By its own index."""
    report = check_gradients(COSTS[cost], lambda x: slope(x) * [1, 1, 9, 1.001, 9], X, mask=MASK)
    assert [m.index for m in report.failures] == [(3,)]


@pytest.mark.parametrize(
    ("mask", "parameters"),
    [
        ({"W": np.eye(2)[0].astype(bool)}, 5),
        ({"W": [[1, 0], [0, 0]], "b": True}, 4),
        ({"W": np.ones((2, 2), bool), "b": False}, 4),
    ],
)
def test_a_mask_goes_by_tensor(mask: Any, parameters: int) -> None:
    """One for some of them, or for all; a tensor that is constant is not listed."""
    params = {"W": np.asarray([[1.0, 2.0], [3.0, 4.0]]), "b": np.ones(3)}
    report = check_gradients(
        lambda p: (p["W"] ** 2).sum() + p["b"].sum(),
        lambda p: {"W": 2 * p["W"], "b": np.ones(3)},
        params,
        mask=mask,
    )
    assert (report.verdict, report.parameters) == ("pass", parameters)
    assert len(report.tensors) == (1 if mask.get("b") is False else 2)


def test_a_sample_is_drawn_of_the_parameters() -> None:
    """Not of the constants; a whole tensor of which may be some."""
    params = {"W": X, "b": np.ones(2)}
    report = check_gradients(
        lambda p: quadratic(p["W"]) + p["b"].sum(),
        lambda p: {"W": slope(p["W"]), "b": np.ones(2)},
        params,
        mask={"W": MASK, "b": False},
        sample=2,
    )
    assert (report.parameters, report.checked, report.unchecked) == (3, 2, 1)


# --- bounds -----------------------------------------------------------------------------------


def smooth(seed: int) -> tuple[Any, Any, Any]:
    """A random smooth cost of positive numbers, its gradient, and a point with some at zero."""
    rng = np.random.default_rng(seed)
    M, c = rng.normal(size=(6, 6)), rng.normal(size=6)
    x = rng.uniform(0, 1, size=6) * rng.integers(0, 2, size=6)

    def cost(x: Any) -> Any:
        return np.sin(M @ x).sum() + np.exp(-x) @ c

    def gradient(x: Any) -> Any:
        return M.T @ np.cos(M @ x) - np.exp(-x) * c

    return cost, gradient, x


def guarded(cost: Callable[[Any], Any], *, real: bool) -> Callable[[Any], Any]:
    """The cost, which must not be run outside of [0, 1]."""

    def inside(x: Any) -> Any:
        assert (x.real >= 0).all()
        assert (x.real <= 1).all()
        return of_real(cost)(x) if real else cost(x)

    return inside


@pytest.mark.parametrize("real", [False, True])
@pytest.mark.parametrize("seed", range(20))
def test_no_step_crosses_a_bound_and_a_right_gradient_passes(seed: int, *, real: bool) -> None:
    """On the bound as well; no note says that the cost raised anything."""
    cost, gradient, x = smooth(seed)
    report = check_gradients(guarded(cost, real=real), gradient, x, bounds=(0, 1))
    assert (report.verdict, report.checked) == ("pass", 6), str(report)
    assert not any("raised" in note for note in report.notes)


@pytest.mark.parametrize("real", [False, True])
@pytest.mark.parametrize("seed", range(20))
def test_a_wrong_one_is_found_on_the_bound(seed: int, *, real: bool) -> None:
    """By what the cost is on one side."""
    cost, gradient, x = smooth(seed)
    x[2] = 0.0
    report = check_gradients(
        guarded(cost, real=real), lambda x: gradient(x) * [1, 1, 1.0001, 1, 1, 1], x, bounds=(0, 1)
    )
    assert [m.index for m in report.failures] == [(2,)], str(report)


def test_without_bounds_a_cost_of_real_numbers_is_undecided_there() -> None:
    """It is these that decide."""
    cost, gradient, x = smooth(3)
    assert (x == 0).any()
    assert check_gradients(guarded(cost, real=True), gradient, x).verdict == "undecided"


@pytest.mark.parametrize(
    "bounds",
    [
        (0, None),
        (np.zeros(6), 1.0),
        [(0, 1)] * 5 + [(0, None)],
        SimpleNamespace(lb=np.zeros(6), ub=np.inf),
        {"params": (0, 1)},
    ],
)
def test_bounds_come_in_the_forms_of_solvers(bounds: Any) -> None:
    """A pair, a pair for each number, an object of SciPy's, or by tensor."""
    cost, gradient, x = smooth(3)
    assert check_gradients(guarded(cost, real=True), gradient, x, bounds=bounds).verdict == "pass"


# --- manifolds --------------------------------------------------------------------------------


UNIT = X / np.linalg.norm(X)
Q = np.linalg.qr(RNG.normal(size=(5, 3)))[0]
N = np.diag([1.0, 2.0, 3.0])
P = np.asarray([[0.2, 0.3, 0.5], [0.6, 0.3, 0.1]])


def brockett(x: Any) -> Any:
    """A cost of orthonormal columns."""
    return np.trace(x.T @ A @ x @ N)


def riemannian(x: Any) -> Any:
    """Its Riemannian gradient in the embedded metric."""
    g = 2 * A @ x @ N
    return g - x @ (x.T @ g + g.T @ x) / 2


def entropy(p: Any) -> Any:
    """A cost of probabilities."""
    return (p * np.log(p)).sum()


def log_det(s: Any) -> Any:
    """A cost of a symmetric matrix, which reads all of it."""
    return np.log(np.linalg.det(s @ s + np.eye(5)).real) if not np.iscomplexobj(s) else 1 / 0


def log_det_slope(s: Any) -> Any:
    """Its gradient, symmetric as the matrix is."""
    return 2 * s @ np.linalg.inv(s @ s + np.eye(5))


RIGHT: dict[str, tuple[Any, ...]] = {
    "sphere": (quadratic, lambda x: A @ x - x * (x @ A @ x) / (x @ x), UNIT, "sphere"),
    "a larger sphere": (quadratic, lambda x: A @ x - x * (x @ A @ x) / (x @ x), 3 * UNIT, "sphere"),
    "sphere, not projected": (quadratic, slope, UNIT, "sphere"),
    "orthogonal": (brockett, riemannian, Q, "orthogonal"),
    "orthogonal, not projected": (brockett, lambda x: 2 * A @ x @ N, Q, "orthogonal"),
    "simplex": (entropy, lambda p: np.log(p) - np.log(p).mean(-1, keepdims=True), P, "simplex"),
    "symmetric": (log_det, log_det_slope, A, "symmetric"),
    "one triangle": (
        log_det,
        lambda s: np.tril(2 * log_det_slope(s)) - np.diag(np.diag(log_det_slope(s))),
        A,
        "symmetric",
    ),
    "by a projection": (
        quadratic,
        lambda x: A @ x - (A @ x).mean(),
        X,
        lambda x, v: v - v.mean(),
    ),
    "by tensor": (
        lambda p: quadratic(p["x"]) + p["b"] ** 2,
        lambda p: {"x": A @ p["x"] - p["x"] * (p["x"] @ A @ p["x"]), "b": 2 * p["b"]},
        {"x": UNIT, "b": 3.0},
        {"x": "sphere"},
    ),
}


@pytest.mark.parametrize("case", RIGHT)
@pytest.mark.parametrize("method", ["sweep", "probe"])
def test_a_right_gradient_passes_along_a_manifold(case: str, method: Method) -> None:
    """Whether what stands at right angles has been taken out of it or not."""
    cost, gradient, x, manifold = RIGHT[case]
    report = check_gradients(cost, gradient, x, manifold=manifold, method=method)
    assert report.verdict == "pass", str(report)
    assert report.checked + report.zero == report.parameters


@pytest.mark.parametrize(
    "case", ["sphere", "orthogonal", "simplex", "one triangle", "by a projection"]
)
def test_without_the_manifold_it_fails(case: str) -> None:
    """For it is no gradient of the cost around the point."""
    cost, gradient, x, _ = RIGHT[case]
    assert check_gradients(cost, gradient, x).verdict == "fail"


@pytest.mark.parametrize("case", RIGHT)
def test_a_wrong_one_fails_along_a_manifold(case: str) -> None:
    """One element too large by a thousandth is wrong along the tangent as well."""
    cost, gradient, x, manifold = RIGHT[case]

    def wrong(x: Any) -> Any:
        found = gradient(x)
        part = found["x"] if isinstance(found, dict) else found
        part.reshape(-1)[np.argmax(np.abs(part))] *= 1.001
        return found

    assert check_gradients(cost, wrong, x, manifold=manifold).verdict == "fail"


def test_a_triangle_counted_once_is_named() -> None:
    """Half of what both elements make together."""
    report = check_gradients(log_det, lambda s: np.tril(log_det_slope(s)), A, manifold="symmetric")
    assert report.diagnosis is not None
    assert report.diagnosis.code == "symmetric-convention"


def test_a_retraction_stays_on_its_manifold() -> None:
    """Far from the point as well, so that costs are run where they mean something."""
    from checks.problem.manifolds import MANIFOLDS

    for name, x in {"sphere": UNIT, "orthogonal": Q, "symmetric": A, "simplex": P}.items():
        manifold = MANIFOLDS[name]
        v = manifold.project(x, 0.05 * RNG.normal(size=x.shape))
        assert manifold.off(manifold.move(x, v)) < 1e-12
        ahead, back = (manifold.move(x, sign * 1e-5 * v) for sign in (1, -1))
        np.testing.assert_allclose((ahead - back) / 2e-5, v, atol=1e-9)


# --- points and gradients ---------------------------------------------------------------------


def only_right_above_zero(x: Any) -> Any:
    """A gradient that is wrong for negative numbers."""
    return np.where(x > 0, slope(x), 1.01 * slope(x))


def test_the_worst_of_several_points_decides() -> None:
    """And is named."""
    right = [np.abs(X), np.abs(X) + 1]
    assert check_gradients(quadratic, only_right_above_zero, right[0], points=right[1:])
    report = check_gradients(
        quadratic, only_right_above_zero, right[0], points=[right[1], -right[0]]
    )
    assert report.verdict == "fail"
    assert "3 points were checked: pass 2, fail 1; the figures are of points[1]" in report.notes
    with pytest.raises(GradientError, match=r"the figures are of points\[0\]"):
        assert_gradients(quadratic, only_right_above_zero, right[0], points=-X[None])


def test_several_gradients_are_judged_against_one_measurement() -> None:
    """The cost is run for the first alone; the worst decides, and each has its line and seconds."""
    runs = []

    def counted(x: Any) -> Any:
        runs.append(1)
        return quadratic(x)

    check_gradients(counted, slope, X)
    alone = len(runs)
    runs.clear()
    each = {"by hand": slope, "by rows": lambda x: np.asarray([row @ x for row in A])}
    report = check_gradients(counted, each, X)
    assert report.verdict == "pass"
    assert len(runs) < 1.5 * alone
    assert any(n.startswith("by rows: pass: 5 of 5 parameters checked; ") for n in report.notes)
    each["slipped"] = lambda x: slope(x) * [1, 1, 1, 1.01, 1]
    report = check_gradients(quadratic, each, X)
    assert [m.index for m in report.failures] == [(3,)]
    table = report.to_dict()["gradients"]
    assert [row["verdict"] for row in table.values()] == ["pass", "pass", "fail"]
    assert all(row["seconds"] > 0 for row in table.values())


# --- what cannot be used ----------------------------------------------------------------------


@pytest.mark.parametrize(
    ("given", "error", "says"),
    [
        ({"mask": [True]}, ValueError, None),
        ({"mask": np.ones(4, bool)}, ValueError, r"mask: expected shape \(5,\) for 'params', got"),
        ({"mask": np.full(5, 0.5)}, TypeError, "mask: expected True for parameters and False"),
        ({"mask": {"w": True}}, ValueError, "mask: expected some of 'params' for keys, got 'w'"),
        ({"mask": False}, ValueError, "mask: expected at least one parameter"),
        ({"bounds": 3}, TypeError, r"bounds: expected \(low, high\), each a number or of shape"),
        ({"bounds": [(0, 1)]}, TypeError, r"bounds: expected \(low, high\), each"),
        ({"bounds": (10, 11)}, ValueError, r"within them, got .* in params\[0\], which should be"),
        ({"manifold": "torus"}, TypeError, "manifold: expected one of 'sphere', 'symmetric',"),
        ({"manifold": "simplex"}, ValueError, "numbers of 0 or more that sum to 1"),
        ({"manifold": "orthogonal"}, ValueError, "a matrix with orthonormal columns in 'params'"),
        ({"manifold": lambda x, v: 2 * v}, ValueError, "got one that moves what it has projected"),
        ({"manifold": lambda x, v: v * 0 + v[0]}, ValueError, "got one that is not orthogonal"),
        ({"manifold": lambda x, v: v[:2]}, ValueError, r"got an array of shape \(2,\)"),
        ({"points": X}, ValueError, r"got params \(\) in points\[0\]"),
        ({"points": {"a": X}}, TypeError, "points: expected a list of parameter sets"),
        ({"points": [X * np.nan]}, ValueError, "expected finite real numbers in points"),
    ],
)
def test_what_cannot_be_used_is_named(given: Any, error: Any, says: str | None) -> None:
    """The argument, what was expected, and what came."""
    if says is None:  # one for all of them
        assert check_gradients(quadratic, slope, X, **given)
        return
    with pytest.raises(error, match=says):
        check_gradients(quadratic, slope, X, **given)


def test_arrays_are_the_gradient_of_one_point() -> None:
    """More than one needs a function."""
    with pytest.raises(TypeError, match=r"gradients: expected a function .* beside points"):
        check_gradients(quadratic, slope(X), X, points=[X])


def test_what_limits_a_check_is_in_what_repeats_it() -> None:
    """By name; arrays are not written out."""
    report = check_gradients(quadratic, lambda x: -slope(x), X, mask=MASK, bounds=(-9, 9))
    assert report.repeat == "check_gradients(..., mask=..., bounds=..., seed=0)"
