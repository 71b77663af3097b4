from __future__ import annotations

import numpy as np

from checks.verdict.findings import Findings, gather, no_findings
from checks.verdict.rule import Ruling, Status


def ruling(*status: int) -> Ruling:
    """One of these statuses, whose numbers count up."""
    n = np.arange(len(status), dtype=float)
    return Ruling(
        status=np.asarray(status, np.int8), reason=np.zeros(n.size, np.int8), numeric=n,
        error=n / 8, resolution=n / 4, suspect=n < 0, alone=n < 0, within=n, noise=n,
    )  # fmt: skip


def some() -> Findings:
    """A matrix and a number."""
    analytic = {"W": np.ones((2, 2)), "c": np.asarray(3.0)}
    rulings = [ruling(0, 1, 2, 1), ruling(3)]
    return gather(analytic, rulings, [np.full(4, 0.2), np.full(1, np.nan)])


def test_findings_have_the_tensors_shapes() -> None:
    """By name; and are a sweep's unless said otherwise."""
    found = some()
    assert found.status["W"].tolist() == [[0, 1], [2, 1]]
    assert found.status["c"].shape == ()
    assert found.numeric["W"].tolist() == [[0, 1], [2, 3]]
    assert not found.projected


def test_a_tolerance_is_the_larger_of_rounding_and_of_what_decided() -> None:
    """A number beats none."""
    found = some()
    assert found.tolerance["W"].tolist() == [[0.2, 0.2], [0.25, 0.375]]
    assert found.tolerance["c"] == 0


def test_findings_say_where_a_status_is() -> None:
    """As flat indices, by tensor."""
    where = some().where(Status.FAIL)
    assert {name: at.tolist() for name, at in where.items()} == {"W": [1, 3], "c": []}
    assert some().where(Status.ZERO)["c"].tolist() == [0]


def test_findings_say_whether_there_is_any() -> None:
    """In whichever tensor; where nothing was found, there is none."""
    found = some()
    assert [found.any(s) for s in Status] == [True, True, True, True, False, False, False]
    assert not any(no_findings().any(s) for s in Status)
