"""The glance: what was proved before passes in one pass; what differs goes on to the probe."""

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from checks import glance as module
from checks import probe
from checks.glance import SEEN, glance
from checks.nest import Array
from checks.networks import as_subject
from checks.oracles import COMPLEX, RIDDERS
from checks.subject import Subject
from tests.checks.helpers import by_position, called, case, changed, planted, subject, vector

SHAPE = (12, 10, 8, 3)


@pytest.mark.parametrize("seed", range(20))
def test_a_right_gradient_passes_in_one_pass(seed: int) -> None:
    """Whatever the activation, the cost and the size of the weights; with nothing jittered."""
    one = subject(
        seed,
        shape=SHAPE,
        activation=("sigmoid", "tanh", "softplus")[seed % 3],
        cost=("quadratic", "cross-entropy")[seed % 2],
    )
    report, calls = called(glance, one)
    assert report.verdict == "pass", str(report)
    assert calls == {"cost": 1, "gradient": 1, "jittered": 0}
    assert (report.method, report.oracle, report.undecided) == ("probe", COMPLEX, 0)
    assert report.checked + report.zero == report.parameters


def test_the_report_says_what_was_seen() -> None:
    """How much can have been missed, with what probability, and of which size."""
    report = glance(subject(shape=SHAPE))
    assert report.extra["probe"].pop("difference") == pytest.approx(0, abs=1e-10)
    assert report.extra["probe"] == {
        "ruled_out": 1e-6,
        "missed_with_probability": 2.0**-10,
        "passes": 1,
        "tolerance": 1e-6 * 2.0**-10,
    }
    assert report.notes == (
        "small gradients were weighed as 0.001 of their tensor's root mean square",
    )
    assert glance(subject(shape=SHAPE), rtol=1e-3).extra["probe"]["ruled_out"] == 1e-3


@pytest.mark.parametrize("name", ["W1", "b1", "W2", "b3"])
@pytest.mark.parametrize("seed", range(5))
def test_one_wrong_coordinate_is_named(name: str, seed: int) -> None:
    """A millionth off, by the probe, which the glance hands on to."""
    one = subject(seed, shape=SHAPE)
    tensor = one.gradient(one.values)[name]
    flat = int(np.abs(tensor).argmax())
    report = glance(planted(one, name, flat, 1e-6))
    assert report.verdict == "fail"
    (failure,) = report.failures
    assert failure.tensor == name
    assert np.ravel_multi_index(failure.index, tensor.shape) == flat


def weighed(small: float, error: float) -> Subject:
    """The sum of w p² / 2, one of its hundred gradients small beside the others, and wrong."""
    w = np.r_[small, np.ones(99)]
    p = np.linspace(1, 2, 100)
    p[0] = 1
    wrong = np.r_[1 + error, np.ones(99)]
    return vector(lambda p: (w * p * p).sum() / 2, lambda p: w * p * wrong, p)


@pytest.mark.parametrize(
    ("small", "error", "verdict"),
    [
        (1e-2, 1e-6, "fail"),  # more than a thousandth of the others: by itself
        (1e-5, 1e-4, "fail"),  # less, and weighed as a hundredth of its error: still seen
        (1e-5, 1e-8, "pass"),  # an error that changes no step
        (1e-9, 1e-6, "pass"),
    ],
)
def test_small_gradients_are_held_to_the_size_of_the_others(
    small: float, error: float, verdict: str
) -> None:
    """Whose absolute error counts; the probe holds each to its own."""
    assert glance(weighed(small, error)).verdict == verdict


@pytest.mark.parametrize("rows", [1, slice(None)])
@pytest.mark.parametrize("name", ["W1", "b2", "W3"])
def test_a_zero_that_should_not_be_one_is_caught(name: str, rows: Any) -> None:
    """A coordinate or a row left out, or a whole tensor, which has no size to be weighed by."""

    def drop(gradient: dict[str, Array]) -> None:
        gradient[name][rows] = 0

    report = glance(changed(subject(shape=SHAPE), drop))
    assert report.verdict == "fail"
    assert {t.name for t in report.tensors if t.failed} == {name}


def test_a_tensor_without_a_gradient_is_zero() -> None:
    """Where the cost does not depend on it either."""
    report = glance(vector(lambda p: (p[:2] ** 2).sum(), lambda p: 2 * p * [1, 1, 0], np.ones(3)))
    assert (report.verdict, report.checked, report.zero) == ("pass", 2, 1)
    still = glance(vector(lambda p: 1.0 + 0 * p.sum(), np.zeros_like, np.ones(3)))
    assert (still.checked, still.zero, still.undecided) == (0, 3, 0)


def test_what_differs_is_no_failure_yet(monkeypatch: pytest.MonkeyPatch) -> None:
    """The probe has the last word: rounding may be all there is."""
    one = subject(shape=SHAPE)
    monkeypatch.setattr(module, "SEEN", 0.0)
    report, calls = called(glance, one)
    assert report.verdict == "pass"
    assert calls["jittered"] == 1
    assert report.extra["probe"] == probe.probe(one).extra["probe"]


def test_saturated_units_make_nothing_of_the_difference() -> None:
    """Where their rounding, relative to their own gradients, is more than what is seen."""
    net, x, y = case(3, shape=(30, 20, 5), batch=20)
    for p in (*net.weights, *net.biases):
        p *= 20
    far = as_subject(net, x, y)
    report, calls = called(glance, far)
    assert (report.verdict, calls["jittered"]) == ("pass", 0)
    assert abs(report.extra["probe"]["difference"]) < SEEN * 1e-6
    assert probe.probe(far).undecided > 0


@pytest.mark.parametrize(("factor", "verdict"), [(1, "pass"), (1.01, "fail")])
def test_a_cost_that_takes_no_complex_numbers_is_probed(factor: float, verdict: str) -> None:
    """By real differences, as the probe does."""
    one = vector(
        lambda p: float(np.sum(p.real**2)), lambda p: 2 * p * [1, factor, 1], np.array([1.0, -2, 3])
    )
    report = glance(one)
    assert (report.verdict, report.oracle) == (verdict, RIDDERS)


FORMS: dict[str, Callable[[Array], Any]] = {
    "a row more": lambda g: g[None],
    "too few": lambda g: g[:2],
    "too many": lambda g: np.r_[g, g],
    "none": lambda g: np.empty(0),
    "one for all": lambda g: g[:1],
    "complex": lambda g: g + 1j,
    "objects": lambda g: g.astype(object),
    "half precision": lambda g: g.astype(np.float16),
    "not a number": lambda g: g * np.nan,
    "huge": lambda g: g * [1, 1e200, 1],
}


@pytest.mark.parametrize("form", FORMS)
def test_a_gradient_of_another_form_is_probed(form: str) -> None:
    """What is not there cannot be moved, and says nothing."""
    at = np.array([1.0, 1, 1])
    one = vector(lambda p: (p**2).sum(), lambda p: FORMS[form](2 * p), at)
    report = glance(one)
    assert report.verdict == "fail"
    other = probe.probe(one)
    assert (report.diagnosis, report.failed) == (other.diagnosis, other.failed)


def test_a_tensor_that_is_left_out_is_told() -> None:
    """By name."""

    def drop(gradient: dict[str, Array]) -> None:
        del gradient["W2"]

    report = glance(changed(subject(shape=SHAPE), drop))
    assert report.diagnosis is not None
    assert "W2" in report.diagnosis.detail


def test_what_underflow_could_hide_is_probed() -> None:
    """The oracle's own error has a part in theta."""
    report = glance(vector(lambda p: 1e-280 * (p * p).sum(), lambda p: 2e-280 * p, np.ones(3)))
    assert report.extra["probe"]["tolerance"] != SEEN * report.rtol


def test_options_are_given_by_name() -> None:
    """All but the subject."""
    assert by_position(glance) == ["subject"]
