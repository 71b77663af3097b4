"""Every method by its name."""

from __future__ import annotations

import pytest

from checks import methods
from checks.oracles import CENTRAL, COMPLEX, RIDDERS
from tests.checks.helpers import changed, subject


@pytest.mark.parametrize("method", methods.METHODS)
def test_every_method_passes_what_is_right_and_fails_what_is_not(method: str) -> None:
    """And says in its report which one it was, with the seed and the promise given."""
    one = subject(activation="tanh")
    done: list[int] = []
    clean = methods.examine(one, method=method, seed=3, rtol=1e-5, progress=done.append)
    assert (clean.verdict, clean.method, clean.seed, clean.rtol) == ("pass", method, 3, 1e-5)
    assert sum(done) == one.parameters
    wrong = methods.examine(changed(one, lambda g: g.update(W1=-g["W1"])), method=method)
    assert (wrong.verdict, wrong.method) == ("fail", method)


@pytest.mark.parametrize("method", ["sweep", "naive"])
def test_sweeps_take_the_oracle_asked_for(method: str) -> None:
    """All that there are."""
    used = [methods.examine(subject(), method=method, oracle=o).oracle for o in methods.ORACLES]
    assert used == [COMPLEX, COMPLEX, RIDDERS, CENTRAL]


def test_what_each_method_leaves_in_the_report() -> None:
    """The probe its passes, the Taylor test its slope, the sweeps nothing."""
    extra = {m: set(methods.examine(subject(), method=m).extra) for m in methods.METHODS}
    assert extra == {"sweep": set(), "naive": set(), "probe": {"probe"}, "taylor": {"taylor"}}
