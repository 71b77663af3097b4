"""What is listed as an equivalent mutant is one of the code as it is."""

from __future__ import annotations

import tomllib
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).parents[2]
LISTED = tomllib.loads((ROOT / "benchmarks" / "equivalents.toml").read_text(encoding="utf-8"))


@pytest.mark.parametrize("entry", LISTED["equivalent"], ids=lambda entry: entry["was"])
def test_an_entry_goes_with_its_line(entry: dict[str, Any]) -> None:
    """One that outlived it would excuse whatever comes to look like it."""
    source = " ".join((ROOT / entry["module"]).read_text(encoding="utf-8").split())
    assert " ".join(entry["was"].split()) in source
    assert entry["became"]
    assert entry["was"] not in entry["became"]
