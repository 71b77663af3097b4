import json
import string
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from checks import check_gradients
from checks.methods.options import Method
from checks.verdict.report import (
    FAILURES_KEPT,
    Diagnosis,
    Mismatch,
    Report,
    Tensor,
)
from checks.verdict.text import FAILURES_SHOWN, HEIGHT, WIDTH, listed, short, table

SIZES = {"W": (4, 3), "b": (3,)}


def cost(p: Any) -> Any:
    """Half the squares of W and the cubes of b."""
    return (p["W"] ** 2).sum() / 2 + (p["b"] ** 3).sum()


def correct(p: Any) -> Any:
    """Its gradient."""
    return {"W": p["W"], "b": 3 * p["b"] ** 2}


def wrong(p: Any) -> Any:
    """Its gradient with one sign turned."""
    return {**correct(p), "b": 3 * p["b"] ** 2 * [1, -1, 1]}


PARAMS = {
    name: np.random.default_rng(n).normal(size=size) for n, (name, size) in enumerate(SIZES.items())
}
PASSED = check_gradients(cost, correct, PARAMS)
FAILED = check_gradients(cost, wrong, PARAMS, seed=7)


def test_the_counts_add_up() -> None:
    """Every coordinate is in exactly one of them, overall and in each tensor."""
    for report in (PASSED, FAILED):
        assert report.parameters == 15
        each: tuple[Report | Tensor, ...] = (report, *report.tensors)
        for counts in each:
            parts = counts.checked + counts.zero + counts.undecided + counts.kinks
            assert parts == counts.parameters


def test_a_passing_report_says_so_and_no_more() -> None:
    """Table, verdict, time, seed; no repeat command, no offenders."""
    lines = str(PASSED).splitlines()
    assert lines[0].split() == [
        "tensor", "parameters", "checked", "zero", "undecided", "wrong", "worst", "where",
    ]  # fmt: skip
    assert [line.split()[0] for line in lines[1:3]] == ["W", "b"]
    assert lines[3] == "pass: 15 of 15 parameters checked"
    assert "seed 0" in lines[-1]
    assert PASSED.failures == ()
    assert PASSED.diagnosis is None
    assert "repeat with" not in str(PASSED)


def test_a_failing_report_names_the_coordinate_and_both_values() -> None:
    """And what it looks like, and how to repeat it."""
    text = str(FAILED)
    numeric = 3 * PARAMS["b"][1] ** 2
    assert f"b[1]: analytic {-numeric:.9g}, numeric {numeric:.9g}, error " in text
    assert "fail: 15 of 15 parameters checked, 1 wrong" in text
    assert "It looks like: " in text
    assert text.splitlines()[-1] == "repeat with: check_gradients(..., seed=7)"


def test_worst_is_the_first_failure_or_the_closest_pass() -> None:
    """So that there is always something to look at first."""
    assert FAILED.worst == FAILED.failures[0]
    assert PASSED.worst is not None
    assert PASSED.worst.error <= PASSED.worst.tolerance


def test_json_has_the_promised_fields_under_their_names() -> None:
    """`worst` and `diagnosis` as objects, or null."""
    found = json.loads(FAILED.to_json())
    promised = ["verdict", "parameters", "checked", "zero", "undecided", "worst", "failures",
                "diagnosis", "seconds", "seed"]  # fmt: skip
    assert set(promised) <= set(found)
    assert set(found["worst"]) == {"tensor", "index", "analytic", "numeric", "error", "tolerance"}
    assert (found["worst"]["tensor"], found["worst"]["index"]) == ("b", [1])
    assert FAILED.diagnosis is not None
    assert found["diagnosis"] == {
        key: getattr(FAILED.diagnosis, key)
        for key in ("code", "title", "remedy", "tensor", "detail")
    }
    assert json.loads(PASSED.to_json())["diagnosis"] is None
    assert json.loads(replace(PASSED, worst=None).to_json())["worst"] is None


def test_where_nothing_was_compared_the_json_has_no_worst() -> None:
    """A tensor of zeros, and all of a probe; 0.0 is said of what was compared and is the same."""
    params = {"W": np.ones(2), "b": np.asarray(2.0), "unused": np.ones(3)}

    def linear(p: Any) -> Any:
        return p["W"].sum() + p["b"] + 0 * p["unused"].sum()

    def slopes(p: Any) -> Any:
        return {"W": np.ones(2), "b": np.asarray(1.0), "unused": np.zeros(3)}

    expected: dict[Method, list[float | None]]
    expected = {"sweep": [0.0, 0.0, None], "probe": [None, None, None]}
    for method, worst in expected.items():
        found = json.loads(check_gradients(linear, slopes, params, method=method).to_json())
        assert [tensor["worst"] for tensor in found["tensors"]] == worst, method
        assert [tensor["where"] is None for tensor in found["tensors"]] == [
            w is None for w in worst
        ]


@pytest.mark.parametrize("value", [float("nan"), float("inf"), -float("inf")])
def test_numbers_that_json_has_not_become_null(value: float) -> None:
    """Strict parsers read the file too."""
    assert FAILED.worst is not None
    odd = replace(FAILED, worst=replace(FAILED.worst, tolerance=value))
    found = json.loads(odd.to_json(), parse_constant=pytest.fail)
    assert found["worst"]["tolerance"] is None


def test_extra_fields_are_written_beside_the_others() -> None:
    """Under their own names, not in a box."""
    found = json.loads(replace(PASSED, extra={"bound": 1e-9}).to_json())
    assert found["bound"] == 1e-9
    assert "extra" not in found


def test_offenders_are_capped_and_the_rest_counted() -> None:
    """In the text, and in what is kept."""
    x = np.linspace(1, 2, 2 * FAILURES_KEPT)
    report = check_gradients(lambda x: (x**3).sum(), lambda x: -3 * x**2, x)
    assert report.failed == 2 * FAILURES_KEPT
    assert len(report.failures) == FAILURES_KEPT
    text = str(report)
    shown = text.count(": analytic ")
    assert 1 < shown <= FAILURES_SHOWN
    assert f"and {2 * FAILURES_KEPT - shown} more" in text


def test_the_worst_offender_comes_first() -> None:
    """Furthest beyond its tolerance."""
    x = np.ones(5)
    off = np.asarray([1, 1.001, 1.1, 1.01, 1])
    report = check_gradients(lambda x: (x**2).sum() / 2, lambda x: x * off, x)
    assert [m.index for m in report.failures] == [(2,), (3,), (1,)]


def test_a_tensor_more_than_half_zero_is_named_in_the_verdict_line() -> None:
    """Zero against zero is its own count, not a pass."""
    active = np.asarray([1.0, 0, 0])
    report = check_gradients(
        lambda p: (p["used"] ** 2).sum() + (active * p["W"]).sum(),
        lambda p: {"used": 2 * p["used"], "W": active},
        {"used": np.ones(3), "W": np.ones(3)},
    )
    assert (report.verdict, report.zero) == ("pass", 2)
    assert report.summary == (
        "pass: 4 of 6 parameters checked, 2 exactly zero on both sides;"
        " more than half of W zero or undecided"
    )


def test_nothing_checked_is_not_a_pass() -> None:
    """A cost that does not depend on its parameters proves nothing."""
    report = check_gradients(lambda x: 0 * x.sum() + 1, np.zeros_like, np.ones(3))
    assert (report.verdict, report.checked, report.zero) == ("undecided", 0, 3)


def test_a_gradient_missing_where_there_should_be_one_is_wrong_not_zero() -> None:
    """Zero on one side only."""
    report = check_gradients(lambda x: (x**2).sum(), np.zeros_like, np.ones(3))
    assert (report.verdict, report.failed, report.zero) == ("fail", 3, 0)


def test_a_diagnosis_reads_as_title_code_detail_remedy() -> None:
    """The tensor's name only where there is one."""
    found = Diagnosis(code="sign", title="the sign is flipped", remedy="turn it", tensor="W2")
    assert str(found) == "the sign is flipped in W2 [sign]\n  turn it"
    bare = replace(found, tensor=None, detail="everywhere")
    assert str(bare) == "the sign is flipped [sign]\n  everywhere\n  turn it"


def test_the_table_of_the_original_shape_fits_eighty_columns() -> None:
    """Counts with thousands and indices of three digits included."""
    tensor = PASSED.tensors[0]
    wide = replace(
        tensor, name="W1", shape=(784, 40), parameters=31_360, checked=31_360, worst=1.2e-13,
        where=(783, 39),
    )  # fmt: skip
    lines = table([wide, tensor]).splitlines()
    assert max(map(len, lines)) <= 80
    assert "W1[783, 39]" in lines[1]
    assert "31,360" in lines[1]


def test_a_scalar_parameter_has_no_brackets() -> None:
    """Its index is empty."""
    mismatch = Mismatch(tensor="b", index=(), analytic=1, numeric=2, error=1, tolerance=0)
    assert str(mismatch).startswith("b: analytic 1, numeric 2")


def test_reports_are_frozen() -> None:
    """What was found stays found."""
    with pytest.raises(AttributeError):
        PASSED.verdict = "fail"  # type: ignore[misc]
    assert isinstance(PASSED, Report)


NAMES = st.text(string.ascii_letters + "._", min_size=1, max_size=120)


@given(
    names=st.lists(NAMES, min_size=1, max_size=100, unique=True),
    size=st.integers(1, 10**12),
    wrong=st.booleans(),
    notes=st.lists(st.text(string.ascii_letters + " ", max_size=900), max_size=3),
)
def test_no_report_is_wider_than_80_columns_and_a_failing_one_fits_a_screen(
    names: list[str], size: int, *, wrong: bool, notes: list[str]
) -> None:
    """Long names, a hundred tensors, tensors of a million million; `repr` is one line."""
    where = (size - 1, size - 1)
    tensors = tuple(
        Tensor(
            name=name, shape=(size, size), parameters=size**2, checked=size**2, zero=0, undecided=0,
            kinks=0, failed=size if wrong else 0, worst=1.2e-13, where=where,
        )
        for name in names
    )  # fmt: skip
    offenders = tuple(
        Mismatch(tensor=name, index=where, analytic=-1.23456789e-300, numeric=-1.23456789e300,
                 error=1.2e300, tolerance=1.2e-300)
        for name in names
    )  # fmt: skip
    report = replace(
        FAILED if wrong else PASSED,
        parameters=len(names) * size**2,
        checked=len(names) * size**2,
        failed=len(names) * size if wrong else 0,
        tensors=tensors,
        failures=offenders if wrong else (),
        notes=tuple(notes),
    )
    lines = str(report).splitlines()
    assert max(map(len, lines)) <= WIDTH
    assert "\n" not in repr(report)
    if wrong:
        assert len(lines) <= HEIGHT
        assert sum(": analytic " in line for line in lines) >= 1
        assert lines[-1].startswith("repeat with: ")
    else:
        assert len(lines) > len(names)


def test_the_headline_names_every_tensor_that_is_wrong() -> None:
    """In the verdict line, and below what it looks like where that names another or none."""
    params = {name: np.ones(2) for name in ("W1", "b1", "W2", "b2")}

    def sum_of_squares(p: Any) -> Any:
        return sum((v**2).sum() for v in p.values())

    off = {"W1": 2.2, "b1": 2, "W2": 2.6, "b2": 1}
    report = check_gradients(sum_of_squares, {n: f * np.ones(2) for n, f in off.items()}, params)
    assert report.summary == "fail: 8 of 8 parameters checked, 6 wrong in W1, W2, b2"
    assert "  wrong are W1, W2, b2" in str(report)


def test_names_are_shortened_in_the_middle_and_counted_where_they_do_not_fit() -> None:
    """Never wider than asked for."""
    assert short("layers.0.attention.weight", 15) == "layers...weight"
    assert listed(["W1", "b1", "W2"], 10) == "W1, b1, W2"
    assert listed(["W1", "b1", "W2"], 9) == "W1 and 2 more"
    assert len(listed(["x" * 90, "y" * 90], 30)) <= 30
