"""The table of black boxes measures right gradients that are right, and wrong ones that are not."""

from __future__ import annotations

import importlib
from functools import partial
from importlib.util import find_spec
from types import ModuleType
from typing import Any

import numpy as np
import pytest

from checks import check_gradients


@pytest.fixture
def boxes(campaign: ModuleType) -> ModuleType:
    """The module; the campaign's folder is where modules are looked for."""
    return importlib.import_module("black_boxes")


def boxed(case: Any, params: Any) -> Any:
    """The case's cost in NumPy."""
    return case.cost(np, params, case.data)


def test_gradients_are_right_and_spoilt_as_they_say(boxes: ModuleType) -> None:
    """One entry by 1%, or all of them."""
    for case in boxes.cases(quick=True):
        verdicts = []
        for spoilt in boxes.SPOILT:
            by = boxes.factors(case, spoilt)
            gradient = case.gradient(case.params, case.data)
            wrong = {name: by[name] * g for name, g in gradient.items()}
            changed = sum(int((by[name] != 1).sum()) for name in by)
            assert changed == (0, 1, case.parameters)[boxes.SPOILT.index(spoilt)]
            cost = partial(boxed, case)
            report = check_gradients(cost, wrong, case.params)
            verdicts.append(report.verdict)
        assert verdicts == ["pass", "fail", "fail"], case.name


def test_calls_are_counted_anew_for_each_check(boxes: ModuleType) -> None:
    """Ours here: as many the second time as the first."""
    case = boxes.soft_maximum(2)
    by = boxes.factors(case, "right")
    contestant = boxes.Contestant(boxes.ours(case, by, "sweep", real_only=True))
    contestant()
    first = contestant.calls
    contestant()
    assert contestant.answer == "pass"
    assert contestant.calls == first > 2


def checked(says: str, calls: int, seconds: float) -> dict[str, Any]:
    """What is measured of one check."""
    return {"says": says, "calls": calls, "seconds": {"median": seconds}}


def test_a_row_shows_right_and_wrong_side_by_side_and_tells_wrong_answers(
    boxes: ModuleType,
) -> None:
    """An error that passes, too; what was not measured stays empty."""
    result = [
        {
            "case": "it",
            "gradient": "right",
            "checks": {
                "sweep": checked("pass", 1000, 0.1),
                "torch gradcheck": checked("fail", 5, 1.5),
            },
        },
        {
            "case": "it",
            "gradient": "one off by 1%",
            "checks": {"sweep": checked("pass", 10, 0.1)},
        },
    ]
    ours, theirs = boxes.rows(result)
    assert ours == ["it: sweep", "1,000", "100 ms", "10", "100 ms (pass)", "", "", "15", "", ""]
    assert theirs[:3] == ["it: torch gradcheck", "5", "1.5 s (fail)"]
    assert len(boxes.HEAD) == len(ours) == len(theirs)


@pytest.mark.skipif(
    any(find_spec(name) is None for name in ("autograd", "scipy")),
    reason="the extra `bench` is not installed",
)
def test_peers_see_the_same_gradients(boxes: ModuleType) -> None:
    """SciPy's and autograd's own checks say so: right, and all off by 1%."""
    case = boxes.soft_maximum(3)
    for make in (boxes._three_point, boxes.autograd_check):
        said = []
        for spoilt in ("right", "all times 1.01"):
            contestant = boxes.Contestant(make(case, boxes.factors(case, spoilt)))
            contestant()
            said.append(contestant.answer)
        assert said == ["pass", "fail"]
