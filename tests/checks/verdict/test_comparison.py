"""Two reports compared: what became wrong, undecided or slower is said, and nothing else."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from checks import Report, check_gradients, compare

PARAMS = {"W": np.asarray([[0.5, -1.25], [2.0, 0.75]]), "b": np.asarray([1.0, -0.5])}


def cost(p: Any) -> Any:
    """Cubes of one tensor, and squares of the other."""
    return (p["W"] ** 3).sum() + (p["b"] ** 2).sum()


def check(*, factor: float = 1.0, scale: float = 1.0, **options: Any) -> Report:
    """A report, of the gradient with one tensor off by a factor."""
    return check_gradients(
        lambda p: scale * cost(p),
        lambda p: {"W": scale * factor * 3 * p["W"] ** 2, "b": scale * 2 * p["b"]},
        PARAMS,
        **options,
    )


@pytest.fixture(scope="module")
def right() -> Report:
    """What passes."""
    return check()


def test_a_report_and_itself_differ_in_nothing(right: Report) -> None:
    """Also once it was stored, and where it took a little longer."""
    again = replace(Report.from_json(right.to_json()), seconds=right.seconds + 0.09)
    assert compare(right, again)
    assert str(compare(right, again)) == "nothing became wrong, undecided or slower"


def test_what_became_wrong_is_named_with_its_count(right: Report) -> None:
    """And the other way round it is mended, which is nothing worse."""
    wrong = check(factor=-1)
    assert not compare(right, wrong)
    assert str(compare(right, wrong)).splitlines()[:2] == [
        "verdict: fail, before pass",
        "became wrong: W: 4, before 0",
    ]
    back = compare(wrong, right)
    assert back
    assert str(back).splitlines() == [
        "verdict: pass, before fail",
        "neither wrong nor undecided any more: W: 0, before 4",
    ]


def test_what_became_undecided_is_named(right: Report) -> None:
    """Here because the cost came to be rounded to float32, and no bluntness is allowed."""
    before = check(strict=True)
    now = check_gradients(
        lambda p: float(np.float32(cost(p))),
        lambda p: {"W": 3 * p["W"] ** 2, "b": 2 * p["b"]},
        PARAMS,
        strict=True,
    )
    found = compare(before, now)
    assert not found
    assert "became undecided: W: 4, before 0" in str(found)
    assert found.undecided[0].tensor == "W"


def test_what_became_slower_is_said(right: Report) -> None:
    """By half as long again and a tenth of a second, or by calls."""
    slow = replace(right, seconds=right.seconds * 1.6 + 0.11, calls={"cost": 99, "gradient": 4})
    before = replace(right, calls={"cost": 60, "gradient": 4})
    found = compare(before, slow)
    assert not found
    assert len(found.slower) == 2
    assert "became slower: 99 calls of the cost, before 60" in str(found)
    assert compare(replace(before, seconds=2.0), replace(before, seconds=2.9))
    assert not compare(replace(before, seconds=2.0), replace(before, seconds=3.1))
    wrong = replace(check(factor=-1), seconds=99.0)
    assert compare(before, wrong).slower == ()


def test_another_problem_or_another_check_is_said_to_be_one(right: Report) -> None:
    """Nothing of it counts as worse: nobody knows."""
    other = check_gradients(
        lambda p: (p["W"] ** 2).sum(), lambda p: {"W": 2 * p["W"]}, {"W": np.ones(3)}, rtol=1e-5
    )
    found = compare(right, other)
    assert found
    assert found.other == (
        "W: (3,), before (2, 2)",
        "b: none, before (2,)",
        "rtol: 1e-05, before 1e-06",
    )


def test_it_is_plain_values_as_well(right: Report) -> None:
    """For JSON."""
    found = compare(right, check(factor=2))
    assert json.loads(json.dumps(found.to_dict()))["wrong"] == [
        {"tensor": "W", "before": 0, "now": 4}
    ]
