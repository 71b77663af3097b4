"""A report's JSON has the form that is published, and is a report again when it is read."""

from __future__ import annotations

import json
import math
from dataclasses import fields
from typing import Any

import jsonschema
import numpy as np
import pytest

from checks import Report, check_gradients
from checks.verdict.report import Diagnosis, Mismatch, Reason, Tensor
from checks.verdict.stored import SCHEMA

X = np.asarray([0.5, -1.25, 2.0])


def cube(x: Any) -> Any:
    """The sum of cubes."""
    return (x**3).sum()


def stairs(x: Any) -> float:
    """The same in steps."""
    return float(np.float32((x**3).sum()))


REPORTS = {
    "pass": lambda: check_gradients(cube, lambda x: 3 * x**2, X),
    "fail": lambda: check_gradients(cube, lambda x: -3 * x**2, X),
    "undecided": lambda: check_gradients(stairs, lambda x: 3 * x**2, X, strict=True),
    "not finite": lambda: check_gradients(cube, lambda x: np.where(x > 0, 3 * x**2, np.nan), X),
    "wrong shape": lambda: check_gradients(cube, lambda x: x[:2], X),
    "probe": lambda: check_gradients(cube, lambda x: 3 * x**2, X, method="probe"),
    "taylor": lambda: check_gradients(cube, lambda x: 3 * x**2, X, method="taylor"),
    "stated error": lambda: check_gradients(cube, lambda x: 3 * x**2, X, cost_error=1e-9),
    "nested": lambda: check_gradients(lambda p: p["a"] * p["b"][0], [1.0], {"a": 2.0, "b": [3.0]}),
}


@pytest.fixture(params=[*REPORTS])
def report(request: pytest.FixtureRequest) -> Report:
    """A report of each kind."""
    return REPORTS[request.param]()


def test_it_has_the_form_that_is_published(report: Report) -> None:
    """Whatever the verdict and the method."""
    jsonschema.Draft202012Validator(Report.schema()).validate(json.loads(report.to_json()))


@pytest.mark.parametrize("verdict", ["passed", None])
def test_another_form_is_not_taken_for_it(verdict: object) -> None:
    """So that the test above can fail."""
    written = json.loads(REPORTS["pass"]().to_json()) | {"verdict": verdict}
    with pytest.raises(jsonschema.ValidationError):
        jsonschema.validate(written, Report.schema())


def test_the_form_is_a_schema_that_names_itself() -> None:
    """By the name that is in every report."""
    jsonschema.Draft202012Validator.check_schema(Report.schema())
    assert Report.schema()["$id"] == Report.schema()["properties"]["schema"]["const"] == SCHEMA


def test_every_field_is_described() -> None:
    """Of the report and of what it holds, and none that there is not."""
    form = Report.schema()
    left_out = {"status", "extra"}
    kinds = {"mismatch": Mismatch, "diagnosis": Diagnosis, "tensor": Tensor, "reason": Reason}
    for name, kind in kinds.items():
        described = form["$defs"][name]
        assert set(described["properties"]) == {field.name for field in fields(kind)}
        assert set(described["required"]) == set(described["properties"])
    own = {field.name for field in fields(Report) if field.repr} - left_out
    assert set(form["properties"]) == {"schema", *own}


def test_what_is_read_is_what_was_written(report: Report) -> None:
    """The same text, for people and for programs; all but the status of every coordinate."""
    again = Report.from_json(report.to_json())
    assert again.to_json() == report.to_json()
    assert str(again) == str(report)
    assert repr(again) == repr(report)
    assert again.status == {}


def test_null_is_a_number_that_is_not_finite() -> None:
    """And indices are tuples, as they are in a report."""
    written = REPORTS["fail"]().to_dict()
    written["worst"]["numeric"] = None
    worst = Report.from_dict(written).worst
    assert worst is not None
    assert math.isnan(worst.numeric)
    assert isinstance(worst.index, tuple)


def test_a_verdict_is_one_of_three() -> None:
    """As the annotations say, and no other word."""
    written = REPORTS["pass"]().to_dict() | {"verdict": "passed"}
    with pytest.raises(ValueError, match="expected Verdict for 'verdict' in Report, got str"):
        Report.from_dict(written)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("[]", f"report: expected an object with schema {SCHEMA}, .* got list"),
        ("{}", "got none; write the report again"),
        ('{"schema": "urn:geartrain:report:2"}', "got urn:geartrain:report:2"),
        (f'{{"schema": "{SCHEMA}"}}', "report: expected the field 'verdict' in Report"),
        ("pass", "Expecting value"),
    ],
)
def test_what_is_no_report_is_refused(text: str, message: str) -> None:
    """With what was expected."""
    with pytest.raises(ValueError, match=message):
        Report.from_json(text)
