"""The command's page and plot: a report to files, asked for before the work that they show."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING

import click

from backprop.plot_file import format_of, require_plot
from backprop.system import atomic_files
from backprop.system.terminal import writing

if TYPE_CHECKING:
    from checks.verdict.report import Report


def pictures(html: str | None, plot: str | None) -> Callable[[Mapping[str, Report]], None]:
    """A function that writes reports, by name, to files; made before the work, to fail before it.

    Raises
    ------
    click.UsageError
        When the plot's file is neither a PNG nor an SVG, or matplotlib is not installed.
    backprop.system.terminal.CommandError
        When nothing can be written there.
    """
    if html == "-":
        raise click.UsageError("--html: expected a file, got '-'")
    # Wherever the code under check goes meanwhile.
    places = {path: Path(path).absolute() for path in (html, plot) if path is not None}
    if html is not None:
        with writing("--html", html):
            atomic_files.require_writable(places[html])
    require_plot(plot)

    def write(reports: Mapping[str, Report]) -> None:
        if html is not None:
            page = _page(reports)
            with writing("--html", html):
                atomic_files.write(places[html], page.encode())
        if plot is not None:
            picture = _picture(reports, plot)
            with writing("--plot", plot):
                atomic_files.write(places[plot], picture)

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
    return plots.plot(contents, format_=format_of(path), title=report.repeat or "gradcheck")
