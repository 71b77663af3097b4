"""`gradcheck --compare` says what changed since an earlier run, or why it cannot."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from checks.cli.gradcheck import command

PROBLEM = """
import numpy as np

params = np.ones(3)
right = (lambda x: (x**3).sum(), lambda x: 3 * x**2, params)
wrong = (lambda x: (x**3).sum(), lambda x: -3 * x**2, params)
"""


@pytest.fixture(autouse=True)
def _folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    Path("problem.py").write_text(PROBLEM, encoding="utf-8")
    assert run("problem.py:right", "--json", "old.json").exit_code == 0


def run(*words: str) -> Result:
    """What the command does."""
    return CliRunner().invoke(command, words, prog_name="gradcheck")


def test_nothing_worse_is_said_in_a_line() -> None:
    """And the exit code is the verdict's."""
    result = run("problem.py:right", "--compare", "old.json", "--quiet")
    assert result.exit_code == 0
    assert result.stdout.splitlines() == [
        "pass: 3 of 3 parameters checked",
        "compared with old.json:",
        "  nothing became wrong, undecided or slower",
    ]


def test_what_became_wrong_is_said_and_written() -> None:
    """After the report, and in its JSON."""
    result = run("problem.py:wrong", "--compare", "old.json", "--json", "new.json")
    assert result.exit_code == 1
    after = result.stdout.partition("compared with old.json:\n")[2].splitlines()
    assert after == ["  verdict: fail, before pass", "  became wrong: params: 3, before 0"]
    written = json.loads(Path("new.json").read_text(encoding="utf-8"))
    assert written["compared"]["wrong"] == [{"tensor": "params", "before": 0, "now": 3}]
    assert run("problem.py:wrong", "--compare", "new.json").exit_code == 1


def test_several_targets_are_compared_by_name() -> None:
    """With what is missing on either side; and one of them with what was written of several."""
    assert run("problem.py:right", "problem.py:wrong", "--json", "two.json").exit_code == 1
    Path("problem.py").write_text(
        PROBLEM.replace("right = ", "other = wrong = ").replace("\nwrong = ", "\nright = "),
        encoding="utf-8",
    )
    words = ["problem.py:right", "problem.py:other", "--compare", "two.json", "--quiet"]
    result = run(*words, "--json", "new.json")
    assert result.exit_code == 1
    assert result.stdout.partition("compared with two.json:\n")[2].splitlines() == [
        "  problem.py:right",
        "    verdict: fail, before pass",
        "    became wrong: params: 3, before 0",
        "  problem.py:other",
        "    not in there",
        "  problem.py:wrong: not checked now",
    ]
    written = json.loads(Path("new.json").read_text(encoding="utf-8"))["reports"]
    assert ["compared" in report for report in written] == [True, False]
    alone = run("problem.py:wrong", "--compare", "two.json", "--quiet").stdout
    assert alone.splitlines()[1:4] == [
        "compared with two.json:",
        "  verdict: pass, before fail",
        "  neither wrong nor undecided any more: params: 0, before 3",
    ]


@pytest.mark.parametrize(
    ("path", "message"),
    [
        ("no.json", "--compare: expected a report that `gradcheck --json no.json` has written"),
        ("list.json", "--compare: list.json: expected a report that `gradcheck --json` has"),
        ("problem.py", "--compare: problem.py: expected a report that `gradcheck --json` has"),
        (".", "--compare: expected a report that `gradcheck --json .` has written"),
    ],
)
def test_what_is_no_report_is_refused_before_anything_runs(path: str, message: str) -> None:
    """As an error of usage."""
    Path("list.json").write_text('{"reports": [1]}', encoding="utf-8")
    result = run("problem.py:right", "--compare", path)
    assert result.exit_code == 2
    assert message in " ".join(result.stderr.split())
    assert result.stdout == ""


def test_what_is_no_report_is_refused_whatever_it_holds() -> None:
    """Nested beyond measure, without an end, or with something else where numbers should be."""
    Path("deep.json").write_text("[" * 200_000, encoding="utf-8")
    fields = json.loads(Path("old.json").read_text(encoding="utf-8"))
    for number, (key, value) in enumerate(
        {"checked": "3", "tensors": 3, "notes": [7], "seconds": [], "calls": {"cost": "x"}}.items()
    ):
        Path(f"{number}.json").write_text(json.dumps({**fields, key: value}), encoding="utf-8")
    for path in ("deep.json", "/dev/zero", *(f"{number}.json" for number in range(5))):
        result = run("problem.py:right", "--compare", path)
        assert result.exit_code == 2, path
        assert "--compare: " in result.stderr
        assert "expected a report that `gradcheck --json" in " ".join(result.stderr.split())
