"""Every method by its name."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from checks.methods.dispatch import run_check
from checks.methods.options import METHODS, ORACLES, Method
from checks.problem.nested import Array
from tests.checks.helpers import changed, subject, vector


@pytest.mark.parametrize("method", METHODS)
def test_every_method_passes_what_is_right_and_fails_what_is_not(method: Method) -> None:
    """And says in its report which one it was, with the seed and the promise given."""
    one = subject(activation="tanh")
    done: list[int] = []
    clean = run_check(one, method=method, seed=3, rtol=1e-5, progress=done.append)
    assert (clean.verdict, clean.method, clean.seed, clean.rtol) == ("pass", method, 3, 1e-5)
    assert sum(done) == one.parameters
    wrong = run_check(changed(one, lambda g: g.update(W1=-g["W1"])), method=method)
    assert (wrong.verdict, wrong.method) == ("fail", method)


@pytest.mark.parametrize("method", ["sweep", "naive"])
def test_sweeps_take_the_oracle_asked_for(method: Method) -> None:
    """All that there are; by itself the complex step, where the cost takes complex parameters."""
    used = {o: run_check(subject(), method=method, oracle=o).oracle for o in ORACLES}
    assert used == {"auto": "complex step", "complex": "complex step", "real": "real differences"}


def test_what_each_method_leaves_in_the_report() -> None:
    """The probe its passes, the Taylor test its slope, the sweeps nothing."""
    extra = {m: set(run_check(subject(), method=m).extra) for m in METHODS}
    assert extra == {"sweep": set(), "naive": set(), "probe": {"probe"}, "taylor": {"taylor"}}


@pytest.mark.parametrize("method", METHODS)
def test_every_report_says_how_often_the_functions_were_called(method: Method) -> None:
    """As many times as they were."""
    calls = {"cost": 0, "gradient": 0}

    def cost(x: Array) -> Any:
        calls["cost"] += 1
        return (x**3).sum()

    def gradient(x: Array) -> Array:
        calls["gradient"] += 1
        return np.asarray(3 * x**2)

    report = run_check(vector(cost, gradient, [0.5, -1.25, 2.0]), method=method)
    assert report.verdict == "pass"
    assert report.calls == calls
