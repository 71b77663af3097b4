"""A plot that cannot be drawn or written is told before the work."""

from __future__ import annotations

import re
from pathlib import Path

import click
import pytest

from backprop import plot_file
from backprop.plot_file import format_of, require_plot, write_plot
from backprop.system.terminal import CommandError


@pytest.mark.parametrize(
    ("path", "kind"), [("a.png", "png"), ("B.SVG", "svg"), ("/x.y/z.png", "png")]
)
def test_the_ending_says_what_a_file_is(path: str, kind: str) -> None:
    """Whatever its case."""
    assert format_of(path) == kind


@pytest.mark.parametrize("path", ["a.gif", "a", ".png", "png", ""])
def test_other_endings_are_refused(path: str) -> None:
    """With the two that there are."""
    said = re.escape(f"--plot: expected a file that ends in .png or .svg, got {path!r}")
    with pytest.raises(click.UsageError, match=said):
        require_plot(path)


def test_what_cannot_be_written_is_refused() -> None:
    """By the name that was given; standard output is no place for a picture."""
    with pytest.raises(CommandError, match="--plot: expected a file that can be written"):
        require_plot("/nowhere/a.png")
    with pytest.raises(click.UsageError, match="--plot: expected a file, got '-'"):
        require_plot("-")


def test_without_matplotlib_the_command_to_get_it_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    """In a sentence."""
    monkeypatch.setattr(plot_file, "find_spec", lambda name: None)
    with pytest.raises(click.UsageError, match=re.escape('pip install ".[plot]"')):
        require_plot("a.png")


def test_nothing_is_asked_where_no_plot_is() -> None:
    """Also without matplotlib."""
    require_plot(None)


def test_a_picture_is_written(tmp_path: Path) -> None:
    """As it is; asking leaves nothing behind."""
    path = tmp_path / "a.png"
    require_plot(str(path))
    assert not path.exists()
    write_plot(str(path), b"\x89PNG")
    assert path.read_bytes() == b"\x89PNG"
