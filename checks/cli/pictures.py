"""The command's page and plot: a report to files, asked for before the work that they show."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING

import click

from backprop.system import atomic_files
from backprop.system.terminal import writing

if TYPE_CHECKING:
    from checks.verdict.report import Report

GET_PLOTS = 'python3 -m pip install ".[plot]" in the checkout'


def pictures(html: str | None, plot: str | None) -> Callable[[Mapping[str, Report]], None]:
    """A function that writes reports, by name, to files; made before the work, to fail before it.

    Raises
    ------
    click.UsageError
        When the plot's file is neither a PNG nor an SVG, or matplotlib is not installed.
    backprop.system.terminal.CommandError
        When nothing can be written there.
    """
    for option, path in (("--html", html), ("--plot", plot)):
        if path == "-":
            raise click.UsageError(f"{option}: expected a file, got '-'")
    if plot is not None:
        _require_plots(plot)
    places = {}  # wherever the code under check goes meanwhile
    for option, path in (("--html", html), ("--plot", plot)):
        if path is not None:
            with writing(option, path):
                places[option] = Path(path).absolute()
                atomic_files.require_writable(path)

    def write(reports: Mapping[str, Report]) -> None:
        if html is not None:
            page = _page(reports)
            with writing("--html", html):
                atomic_files.write(places["--html"], page.encode())
        if plot is not None:
            picture = _picture(reports, plot)
            with writing("--plot", plot):
                atomic_files.write(places["--plot"], picture)

    return write


def _page(reports: Mapping[str, Report]) -> str:
    from checks.output.page import render_many

    if len(reports) > 1:
        return render_many(reports)
    return next(iter(reports.values())).to_html()


def _picture(reports: Mapping[str, Report], path: str) -> bytes:
    from checks.output import plots

    (report,) = reports.values()
    contents = report.page_contents()
    return plots.plot(contents, format_=plots.format_of(path), title=report.repeat or "gradcheck")


def _require_plots(path: str) -> None:
    from checks.output.plots import format_of

    try:
        format_of(path)
    except ValueError as error:
        raise click.UsageError(f"--plot: {error}") from None
    if find_spec("matplotlib") is None:
        raise click.UsageError(
            "--plot: expected the package matplotlib, which is not installed; get it by"
            f" {GET_PLOTS}"
        )
