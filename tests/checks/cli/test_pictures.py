"""`--html` and `--plot` write what they say, or say before the check why they cannot."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from backprop import plot_file
from checks.cli.gradcheck import command

TARGETS = """
import numpy as np

good = (lambda p: float(np.sum(p**3)), lambda p: 3 * p**2, np.ones(3))
bad = (lambda p: float(np.sum(p**3)), lambda p: 2 * p**2, np.ones(3))
"""


def gradcheck(*words: object) -> Result:
    """Run the command in this process."""
    return CliRunner().invoke(command, [str(word) for word in words])


@pytest.fixture
def targets(tmp_path: Path) -> Path:
    """A file with a right gradient and a wrong one."""
    path = tmp_path / "mine.py"
    path.write_text(TARGETS)
    return path


def test_a_page_is_written_beside_what_is_printed(tmp_path: Path) -> None:
    """And is that of the report: the exit code is its own."""
    found = gradcheck(3, 2, 2, "--html", tmp_path / "page.html")
    assert found.exit_code == 0
    assert "pass: 14 of 14 parameters checked" in found.output
    text = (tmp_path / "page.html").read_text(encoding="utf-8")
    assert text.startswith("<!doctype html>")
    assert "<title>pass: gradcheck 3 2 2 --seed 0</title>" in text


def test_a_page_of_a_wrong_gradient_says_so(tmp_path: Path, targets: Path) -> None:
    """With the exit code of a failure."""
    found = gradcheck(f"{targets}:bad", "--html", tmp_path / "page.html", "--quiet")
    assert found.exit_code == 1
    assert "The gradient is wrong." in (tmp_path / "page.html").read_text(encoding="utf-8")


def test_several_targets_share_a_page(tmp_path: Path, targets: Path) -> None:
    """A line and a section for each."""
    found = gradcheck(f"{targets}:good", f"{targets}:bad", "--html", tmp_path / "page.html")
    assert found.exit_code == 1
    text = (tmp_path / "page.html").read_text(encoding="utf-8")
    assert "2 checks" in text
    assert f"{targets}:bad" in text


def test_the_command_that_repeats_asks_for_no_page(tmp_path: Path) -> None:
    """What is repeated is the check."""
    gradcheck(3, 2, 2, "--html", tmp_path / "page.html")
    assert "--html" not in (tmp_path / "page.html").read_text(encoding="utf-8")


def never(*given: Any, **more: Any) -> None:
    """What must not be called."""
    raise AssertionError


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["--html", "/nowhere/page.html"], "--html: expected a file that can be written, got"),
        (["--html", "-"], "--html: expected a file, got '-'"),
        (["--plot", "-"], "--plot: expected a file, got '-'"),
        (["--plot", "a.gif"], "--plot: expected a file that ends in .png or .svg, got 'a.gif'"),
    ],
)
def test_what_cannot_be_written_is_told_before_the_check(
    monkeypatch: pytest.MonkeyPatch, words: list[str], said: str
) -> None:
    """So that nobody waits for it."""
    monkeypatch.setattr("checks.methods.dispatch.run_check", never)
    found = gradcheck(3, 2, 2, *words)
    assert found.exit_code == 2
    assert said in " ".join(found.output.split())


def test_a_plot_without_matplotlib_says_how_to_get_it(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """Before the check, in a sentence."""
    monkeypatch.setattr(plot_file, "find_spec", lambda name: None)
    monkeypatch.setattr("checks.methods.dispatch.run_check", never)
    found = gradcheck(3, 2, 2, "--plot", tmp_path / "a.png")
    assert found.exit_code == 2
    said = " ".join(found.output.split())
    assert "expected the package matplotlib, which is not installed" in said
    assert 'python3 -m pip install ".[plot]"' in said
    assert not (tmp_path / "a.png").exists()


def test_a_plot_is_written(tmp_path: Path) -> None:
    """As the name's ending says."""
    for name, start in (("a.png", b"\x89PNG"), ("a.svg", b"<?xml")):
        assert gradcheck(3, 2, 2, "--plot", tmp_path / name).exit_code == 0
        assert (tmp_path / name).read_bytes().startswith(start)


def test_a_plot_is_of_one_target(tmp_path: Path, targets: Path) -> None:
    """A page takes several."""
    found = gradcheck(f"{targets}:good", f"{targets}:bad", "--plot", tmp_path / "a.png")
    assert found.exit_code == 2
    assert "--plot: expected a single target beside it" in " ".join(found.output.split())


def test_neither_is_loaded_before_it_is_asked_for() -> None:
    """The command starts without Jinja2 and matplotlib."""
    import subprocess

    script = (
        "import sys, checks, checks.cli.gradcheck, checks.methods.dispatch;"
        "print([m for m in ('jinja2', 'matplotlib', 'markupsafe') if m in sys.modules])"
    )
    done = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, check=True
    )
    assert done.stdout == "[]\n"
