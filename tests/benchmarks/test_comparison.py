"""The table of comparison checks right gradients that are right, and wrong ones that are not."""

from __future__ import annotations

import importlib
import re
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import pytest

from checks import check_gradients

ROOT = Path(__file__).parents[2]


@pytest.fixture
def comparison(campaign: ModuleType) -> ModuleType:
    """The module; the campaign's folder is where modules are looked for."""
    return importlib.import_module("comparison")


def test_gradients_are_right_and_spoilt_as_they_say(comparison: ModuleType) -> None:
    """One entry, the first tensor, or all; the front door sees each."""
    for case in comparison.cases():
        first = next(iter(case.params.values())).size
        changed = []
        for spoilt in comparison.SPOILT:
            by = comparison.factors(case, spoilt)
            slopes = case.gradient(case.params, case.data)
            wrong = {name: by[name] * g for name, g in slopes.items()}
            changed.append(sum(int((f != 1).sum()) for f in by.values()))
            report = check_gradients(lambda p: case.cost(np, p, case.data), wrong, case.params)  # noqa: B023
            assert report.verdict == ("pass" if spoilt == "right" else "fail"), case.name
        assert changed == [0, 1, 1, 1, 1, first, case.parameters]


@pytest.mark.parametrize(
    ("checker", "library"),
    [
        ("geartrain, torch", "torch"),
        ("geartrain, JAX", "jax"),
        ("torch gradcheck", "torch"),
        ("JAX check_grads", "jax"),
        ("autograd check_grads", "autograd"),
        ("SciPy check_grad", "scipy"),
    ],
)
def test_each_checker_is_given_what_is_spoilt(
    comparison: ModuleType, checker: str, library: str
) -> None:
    """In the function that all of them judge rightly."""
    pytest.importorskip(library)
    case: Any = next(iter(comparison.cases()))
    for spoilt, verdict in (("right", "pass"), ("all × 1.01", "fail")):
        make = comparison.CHECKERS[checker](case, comparison.factors(case, spoilt))
        contestant = comparison.Contestant(make)
        contestant()
        assert (contestant.answer, contestant.calls > 0) == (verdict, True)


def test_the_document_shows_the_lines_that_are_counted(comparison: ModuleType) -> None:
    """Each checker's, in their order."""
    text = (ROOT / "docs" / "comparison.md").read_text(encoding="utf-8")
    table = text.partition("## What a user writes")[2]
    shown = [re.findall(r"`([^`]+)`", row) for row in re.findall(r"^\| \S.*", table, re.MULTILINE)]
    written = {
        tuple(line.strip() for line in lines.strip().splitlines())
        for name, lines in comparison.LINES.items()
        if name != "torch fast_mode"
    }
    assert {tuple(row) for row in shown if row} == written
