"""What is listed as an equivalent mutant is one of the code as it is."""

from __future__ import annotations

import importlib
import sys
import tomllib
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).parents[2]
LISTED = tomllib.loads((ROOT / "benchmarks" / "equivalents.toml").read_text(encoding="utf-8"))
SOURCES = {
    path.relative_to(ROOT).as_posix(): " ".join(path.read_text(encoding="utf-8").split())
    for package in ("backprop", "checks", "geartrain")
    for path in (ROOT / package).rglob("*.py")
}


@pytest.mark.parametrize("entry", LISTED["equivalent"], ids=lambda entry: entry["was"])
def test_an_entry_goes_with_its_line(entry: dict[str, Any]) -> None:
    """One that outlived it would excuse whatever comes to look like it."""
    assert " ".join(entry["was"].split()) in SOURCES[entry["module"]]
    assert entry["became"]
    assert entry["was"] not in entry["became"]


def test_every_module_of_the_rooms_is_mutated(monkeypatch: pytest.MonkeyPatch) -> None:
    """But for those that only name, carry or print; the tests of each are there."""
    monkeypatch.syspath_prepend(ROOT / "benchmarks")
    mutation = importlib.import_module("mutation")
    del sys.modules["mutation"]
    rooms = {m for m in SOURCES if m.split("/")[1] in mutation.ROOMS}
    modules = {m for m in rooms if not m.endswith("__init__.py")}
    assert modules - set(mutation.TESTS) == {
        "checks/methods/options.py",
        "checks/methods/waiting.py",
        "checks/oracles/curves.py",  # it draws, and decides nothing
        "checks/oracles/registry.py",
        "checks/problem/constraints.py",
        "checks/problem/manifolds.py",
        "checks/problem/nested.py",
        "checks/problem/object_state.py",
        "checks/problem/problem.py",
        "checks/verdict/comparison.py",
        "checks/verdict/presented.py",
        "checks/verdict/report.py",
        "checks/verdict/restoration.py",
        "checks/verdict/stored.py",
        "checks/verdict/text.py",
    }
    assert set(mutation.TESTS) <= set(SOURCES)
    for tests in mutation.TESTS.values():
        assert any((ROOT / test).exists() for test in tests)


@pytest.mark.parametrize("entry", LISTED["anywhere"], ids=lambda entry: entry["was"])
def test_what_is_excused_anywhere_is_somewhere(entry: dict[str, Any]) -> None:
    """And is not excused as it is."""
    assert any(entry["was"] in source for source in SOURCES.values())
    assert entry["became"]
    assert entry["was"] not in entry["became"]


@pytest.mark.parametrize(
    ("module", "was", "became", "reason"),
    [
        ("a.py", "x = 1", "x = 2", "why"),
        ("b.py", "x = 1", "x = 2", ""),
        ("a.py", "x = 1", "x = 3", ""),
        ("a.py", "y = x = 1", "y = x = 2", ""),
        ("b.py", "f(-1) + f(-1)", "f(~1) + f(-1)", "either way"),
        ("b.py", "f(-1) + f(-1)", "f(-1) + f(~1)", "either way"),
        ("b.py", "f(-1) + f(-1)", "f(~1) + f(~1)", ""),
        ("b.py", "f(-1) + 2", "f(-1) + 3", ""),
    ],
)
def test_a_mutant_is_excused_by_its_line_or_by_a_part_of_it(
    monkeypatch: pytest.MonkeyPatch, module: str, was: str, became: str, reason: str
) -> None:
    """One change at a time, as mutants are made."""
    monkeypatch.syspath_prepend(ROOT / "benchmarks")
    mutation = importlib.import_module("mutation")
    del sys.modules["mutation"]
    listed = {
        "equivalent": [{"module": "a.py", "was": "x = 1", "became": ["x = 2"], "reason": "why"}],
        "anywhere": [{"was": "f(-1)", "became": ["f(~1)"], "reason": "either way"}],
    }
    mutant = mutation.Mutant(
        module=module, line=1, operator="", was=was, became=became, outcome="survived"
    )
    assert mutation.excuse(mutant, listed) == reason
