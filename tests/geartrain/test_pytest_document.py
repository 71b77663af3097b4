"""docs/pytest.md says what is so: its tests pass, and its transcript is what pytest prints."""

from __future__ import annotations

import re
from importlib.metadata import entry_points
from pathlib import Path

import pytest

DOCUMENT = (Path(__file__).parents[2] / "docs" / "pytest.md").read_text(encoding="utf-8")
# What differs from machine to machine: numbers in their last digits, and how long it took.
NUMBER = re.compile(r"-?\d+\.\d+(e[-+]\d+)?( s|s)?|-?\d+e[-+]\d+")
# And what surrounds the run: versions, folders, and the order of offenders.
PASSED_OVER = re.compile(r"platform |rootdir: |plugins: |E +b1\[\d\]: |E +[#]|  # |=+ 1 failed|$")
# An installed copy is found by its entry point; a checkout is not.
INSTALLED = entry_points(group="pytest11", name="geartrain")
PLUGIN = [] if INSTALLED else ["-p", "geartrain.pytest_plugin"]


@pytest.fixture(autouse=True)
def _nobody_elses_summary(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("GITHUB_STEP_SUMMARY", raising=False)


def test_the_tests_shown_pass(pytester: pytest.Pytester) -> None:
    """All of them in one file, in their order."""
    blocks = re.findall(r"^```python\n(.*?)^```$", DOCUMENT, re.MULTILINE | re.DOTALL)
    profile = """
from hypothesis import settings

settings.register_profile("few", max_examples=20, derandomize=True, database=None, deadline=None)
settings.load_profile("few")
"""
    pytester.makepyfile(test_shown="\n".join([profile, *blocks]))
    result = pytester.runpytest_inprocess(*PLUGIN)
    result.assert_outcomes(passed=4)


def essential(printed: str) -> list[str]:
    """The lines by which a reader finds the mistake."""
    lines = [NUMBER.sub("#", line).rstrip() for line in printed.splitlines()]
    return [line for line in lines if not PASSED_OVER.match(line)]


def test_the_transcript_is_what_is_printed(
    pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Of the file shown there, line by line."""
    monkeypatch.setenv("COLUMNS", "80")
    for name in ("CI", "BUILD_NUMBER"):  # with these, pytest cuts no line short
        monkeypatch.delenv(name, raising=False)
    (file,) = re.findall(r"^```py\n(.*?)^```$", DOCUMENT, re.MULTILINE | re.DOTALL)
    (shown,) = re.findall(r"^```text\n\$ pytest\n(.*?)^```$", DOCUMENT, re.MULTILINE | re.DOTALL)
    pytester.makepyfile(test_layer=file)
    result = pytester.runpytest_inprocess(*PLUGIN, "-p", "no:xdist", "-p", "no:cacheprovider")
    result.assert_outcomes(passed=1, failed=1)
    assert essential(shown) == essential(result.stdout.str())
    assert shown.count(": analytic ") == result.stdout.str().count(": analytic ") == 5


def test_essential_lines_are_compared() -> None:
    """Counts, names, the diagnosis and its remedy; not times and last digits."""
    text = "E    b1  5  5  0  0  5  8.8e-01  b1[0]\nE    the factor is 0.125\n2 checks; 0.07 s"
    assert essential(text) == essential(text.replace("8.8e-01", "8.7e-01").replace("0.07", "9.9"))
    assert essential(text) != essential(text.replace("  5  8.8", "  4  8.8"))
    assert essential(text) != essential(text.replace("factor", "sign"))
