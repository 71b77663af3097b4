"""The campaign's course networks are right where they say so, and a miss of theirs counts."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from types import ModuleType, SimpleNamespace
from typing import Any

import numpy as np
import pytest


def small(courses: ModuleType, seed: int, activation: str, loss: str, **changed: Any) -> Any:
    """A network 3-4-2 on six samples."""
    rng = np.random.default_rng(seed)
    params = {"W1": rng.normal(size=(3, 4)), "b1": rng.normal(size=4)}
    params |= {"W2": rng.normal(size=(4, 2)), "b2": rng.normal(size=2)}
    hot = np.eye(2)[rng.integers(2, size=6)]
    return courses.written_out(
        {**params, **changed}, rng.normal(size=(6, 3)), hot, activation, loss
    )


def one_sided(box: Any, name: str, h: float) -> Any:
    """The slopes of one tensor from the parameters and a step `h` beside them."""
    value = box.params[name]
    steps = h * np.eye(value.size).reshape(-1, *value.shape)
    at = [box.cost({**box.params, name: value + step}) for step in steps]
    return ((np.asarray(at) - box.cost(box.params)) / h).reshape(value.shape)


@pytest.mark.parametrize("activation", ["ReLU", "leaky ReLU", "tanh", "sigmoid"])
@pytest.mark.parametrize("loss", ["cross-entropy", "quadratic", "hinge"])
def test_the_gradient_called_right_is_right(
    campaign: ModuleType, activation: str, loss: str
) -> None:
    """By differences, and in all three forms."""
    box = small(campaign.courses, 5, activation, loss)
    for name, g in box.gradients(box.params).items():
        both = one_sided(box, name, 1e-6) + one_sided(box, name, -1e-6)
        assert np.allclose(both / 2, g, rtol=1e-5, atol=1e-8)


def test_on_the_kink_of_a_relu_the_left_slope_is_right(campaign: ModuleType) -> None:
    """A dead layer without biases puts every input of the next one at exactly 0."""
    rng = np.random.default_rng(0)
    params = {"W1": -np.ones((3, 4)), "b1": np.zeros(4), "W2": rng.normal(size=(4, 5))}
    params |= {"b2": np.zeros(5), "W3": rng.normal(size=(5, 2)), "b3": np.zeros(2)}
    x, hot = rng.random((6, 3)), np.eye(2)[rng.integers(2, size=6)]
    box = campaign.courses.written_out(params, x, hot, "ReLU", "cross-entropy")
    g = box.gradients(params)["b2"]
    assert np.allclose(one_sided(box, "b2", -1e-7), g, atol=1e-6)
    assert not np.allclose(one_sided(box, "b2", 1e-7), g, atol=1e-6)


def test_the_forms_are_what_they_say(campaign: ModuleType) -> None:
    """One keeps complex numbers, one drops them, one is in float32."""
    forms, _ = campaign.courses.drawn(np.random.default_rng(3))
    params = forms["complex"].params
    turned = {name: value + 1e-20j for name, value in params.items()}
    assert forms["complex"].cost(turned).imag != 0
    assert type(forms["real only"].cost(turned)) is float
    single = forms["float32"]
    assert {g.dtype for g in single.gradients(single.params).values()} == {np.dtype(np.float32)}
    assert single.cost(single.params).dtype == np.float32
    assert single.cost({n: np.float64(v) for n, v in single.params.items()}).dtype == np.float64


def test_what_is_lost_in_the_rounding_of_the_cost_is_out_of_reach(campaign: ModuleType) -> None:
    """A slope beside a constant a billion times as large."""
    box = small(campaign.courses, 5, "tanh", "quadratic")
    assert campaign.courses.in_reach(box, "b2", 0)
    raised = replace(box, cost=lambda p: box.cost(p) + 1e9)
    assert not campaign.courses.in_reach(raised, "b2", 0)


def test_a_course_network_is_counted(campaign: ModuleType) -> None:
    """Three forms right, seven times one entry wrong, the same for the same seed."""
    counts = campaign.courses.course_networks(21)
    assert counts == campaign.courses.course_networks(21)
    assert counts["course"] == 3
    assert counts["course, planted 1e-5"] == 1
    apart = sum(n for key, n in counts.items() if key.startswith("course, planted out of reach"))
    assert counts["course, planted"] + apart == 7
    assert counts["course, accused"] == counts["course, planted, passed"] == 0


@pytest.mark.parametrize(
    ("verdict", "broken"),
    [
        ("pass", {"1e-2": False, "sign": False, "1e-5": False, "accused": True, "passed": True}),
        ("fail", {"1e-2": True, "sign": True, "1e-5": True, "accused": False, "passed": False}),
    ],
)
def test_a_check_that_always_says_the_same_breaks_promises(
    campaign: ModuleType,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    verdict: str,
    broken: dict[str, bool],
) -> None:
    """One that passes everything misses what is planted; one that fails everything accuses."""
    monkeypatch.setattr(
        campaign.courses, "check_gradients", lambda *_, **__: SimpleNamespace(verdict=verdict)
    )
    counts = Counter(campaign.courses.course_networks(0))
    kept = {row.promise: row.kept for row in campaign.rows(counts, networks=1)}
    found = {
        "1e-2": kept["course networks, one entry off by 1e-2, caught"],
        "sign": kept["course networks, one sign flipped, caught"],
        "1e-5": kept["course networks, one entry off by 1e-5, caught"],
        "accused": kept["course networks accused"],
        "passed": kept["course networks passed, real only"],
    }
    assert found == broken
    assert "seed 0" in capsys.readouterr().err
