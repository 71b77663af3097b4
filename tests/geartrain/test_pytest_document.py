"""docs/pytest.md says what is so: its tests pass, and its transcript is what pytest prints."""

from __future__ import annotations

import re
from importlib.metadata import entry_points
from pathlib import Path

import pytest

DOCUMENT = (Path(__file__).parents[2] / "docs" / "pytest.md").read_text(encoding="utf-8")
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
