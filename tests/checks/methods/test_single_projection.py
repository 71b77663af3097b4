from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from checks.methods.probe import probe
from checks.methods.single_projection import single_projection
from checks.methods.sweep import COMPLEX, REAL
from checks.oracles import thresholds
from checks.problem.nested import Array
from checks.problem.problem import Problem
from tests.checks.problems import SHAPE, changed, named, network, place, planted, vector


@pytest.mark.parametrize("seed", range(8))
def test_a_right_gradient_passes_in_one_pass(seed: int) -> None:
    """Whatever the activation, the cost and the size of the weights; with nothing jittered."""
    report = single_projection(
        network(
            seed,
            shape=SHAPE,
            activation=("sigmoid", "tanh", "softplus")[seed % 3],
            cost=("quadratic", "cross-entropy")[seed % 2],
        )
    )
    assert report.verdict == "pass", str(report)
    assert report.calls == {"cost": 1, "gradient": 1}
    assert (report.method, report.oracle, report.undecided) == ("probe", COMPLEX, 0)
    assert report.checked + report.zero == report.parameters


def test_the_report_says_what_was_seen() -> None:
    """How much can have been missed, with what probability, and of which size."""
    report = single_projection(network(shape=SHAPE))
    assert report.extra["probe"].pop("difference") == pytest.approx(0, abs=1e-10)
    assert report.extra["probe"] == {
        "ruled_out": 1e-6,
        "missed_with_probability": thresholds.BLUNT,
        "passes": 1,
        "tolerance": 1e-6 * thresholds.BLUNT,
    }
    assert report.notes == (
        "small gradients were weighed as 0.001 of their tensor's root mean square",
    )
    assert single_projection(network(shape=SHAPE), rtol=1e-3).extra["probe"]["ruled_out"] == 1e-3


@pytest.mark.parametrize("name", ["W1", "b1", "W2", "b3"])
def test_one_wrong_coordinate_is_named(name: str) -> None:
    """A few millionths off, by the probe, which the projection hands on to."""
    problem = network(3, shape=SHAPE)
    flat = int(np.abs(problem.gradient(problem.values)[name]).argmax())
    report = single_projection(planted(problem, name, flat, 2e-6))
    assert named(report) == {(name, place(problem, name, flat))}


def weighed(small: float, error: float) -> Problem:
    """The sum of w p² / 2, one of its hundred gradients small beside the others, and wrong."""
    w = np.r_[small, np.ones(99)]
    p = np.linspace(1, 2, 100)
    wrong = np.r_[1 + error, np.ones(99)]
    return vector(lambda p: (w * p * p).sum() / 2, lambda p: w * p * wrong, p)


@pytest.mark.parametrize(
    ("small", "error", "passes"),
    [
        (1e-2, 1e-4, False),  # more than a thousandth of the others: by itself
        (1e-5, 1e-2, False),  # less, and weighed as a hundredth of its error: still seen
        (1e-5, 1e-8, True),  # an error that changes no step
        (1e-9, 1e-6, True),
    ],
)
def test_small_gradients_are_held_to_the_size_of_the_others(
    small: float, error: float, *, passes: bool
) -> None:
    """Whose absolute error counts; the probe holds each to its own."""
    assert (single_projection(weighed(small, error)).verdict == "pass") is passes


@pytest.mark.parametrize("rows", [1, slice(None)])
@pytest.mark.parametrize("name", ["W1", "b2", "W3"])
def test_a_zero_that_should_not_be_one_is_caught(name: str, rows: Any) -> None:
    """A coordinate or a row left out, or a whole tensor, which has no size to be weighed by."""

    def drop(gradient: dict[str, Array]) -> None:
        gradient[name][rows] = 0

    report = single_projection(changed(network(shape=SHAPE), drop))
    assert report.verdict == "fail"
    assert {t.name for t in report.tensors if t.failed} == {name}


def test_a_tensor_without_a_gradient_is_zero() -> None:
    """Where the cost does not depend on it either; and nothing passes where all are."""
    report = single_projection(
        vector(lambda p: (p[:2] ** 2).sum(), lambda p: 2 * p * [1, 1, 0], np.ones(3))
    )
    assert (report.verdict, report.checked, report.zero) == ("pass", 2, 1)
    still = single_projection(vector(lambda p: 1.0 + 0 * p.sum(), np.zeros_like, np.ones(3)))
    assert (still.verdict, still.checked) == ("undecided", 0)


@pytest.mark.parametrize(("factor", "verdict"), [(1, "pass"), (1.01, "fail")])
def test_a_cost_that_takes_no_complex_numbers_is_probed(factor: float, verdict: str) -> None:
    """By real differences, as the probe does."""
    report = single_projection(
        vector(lambda p: float(np.sum(p.real**2)), lambda p: 2 * p * [1, factor, 1], [1.0, -2, 3])
    )
    assert (report.verdict, report.oracle) == (verdict, REAL)


FORMS: dict[str, Callable[[Array], Any]] = {
    "a row more": lambda g: g[None],
    "too few": lambda g: g[:2],
    "none": lambda g: np.empty(0),
    "complex": lambda g: g + 1j,
    "objects": lambda g: g.astype(object),
    "half precision": lambda g: g.astype(np.float16),
    "not a number": lambda g: g * np.nan,
    "huge": lambda g: g * [1, 1e200, 1],
}


@pytest.mark.parametrize("form", FORMS)
def test_a_gradient_of_another_form_is_probed(form: str) -> None:
    """What is not there cannot be moved, and says nothing."""
    problem = vector(lambda p: (p**2).sum(), lambda p: FORMS[form](2 * p), np.ones(3))
    report, other = single_projection(problem), probe(problem, rtol=None, seed=0)
    assert report.verdict == "fail"
    assert (report.diagnosis, report.failed) == (other.diagnosis, other.failed)


def test_what_underflow_could_hide_is_not_left_out() -> None:
    """The oracle's own error has a part in theta."""
    report = single_projection(
        vector(lambda p: 1e-280 * (p * p).sum(), lambda p: 2e-280 * p, np.ones(3))
    )
    assert report.extra["probe"]["tolerance"] != thresholds.BLUNT * report.rtol
