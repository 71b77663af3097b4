"""What `--plot` writes to: asked for before the work, and drawn by matplotlib, an extra."""

from __future__ import annotations

from importlib.util import find_spec
from pathlib import PurePath

import click

from backprop.system import atomic_files
from backprop.system.terminal import writing

FORMATS = (".png", ".svg")
GET_PLOTS = 'python3 -m pip install ".[plot]" in the checkout'


def format_of(path: str) -> str:
    """What a file is to be, "png" or "svg", by the ending of its name.

    Raises
    ------
    click.UsageError
        For any other ending.
    """
    ending = PurePath(path).suffix.lower()
    if ending not in FORMATS:
        raise click.UsageError(f"--plot: expected a file that ends in .png or .svg, got {path!r}")
    return ending[1:]


def require_plot(path: str | None) -> None:
    """Complain about a plot that cannot be drawn or written; None asks for none.

    Raises
    ------
    click.UsageError
        When the file is neither a PNG nor an SVG, or matplotlib is not installed.
    backprop.system.terminal.CommandError
        When nothing can be written there.
    """
    if path is None:
        return
    if path == "-":
        raise click.UsageError("--plot: expected a file, got '-'")
    format_of(path)
    if find_spec("matplotlib") is None:
        raise click.UsageError(
            "--plot: expected the package matplotlib, which is not installed; get it by"
            f" {GET_PLOTS}"
        )
    with writing("--plot", path):
        atomic_files.require_writable(path)


def write_plot(path: str, picture: bytes) -> None:
    """Write a picture, whole or not at all."""
    with writing("--plot", path):
        atomic_files.write(path, picture)
