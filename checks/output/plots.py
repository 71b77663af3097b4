"""Plots: the page's pictures as one PNG or SVG, by matplotlib, an extra loaded only here."""

from __future__ import annotations

import math
from io import BytesIO
from typing import TYPE_CHECKING, Any

import numpy as np

from checks.output import grids
from checks.output.charts import LOWEST, Series, error_series, heights, taylor_series
from checks.output.grids import Grid
from checks.output.heat import DECADES
from checks.output.numbers import coordinate
from checks.output.page import CELLS, Contents, maps_of

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

ACROSS = 3  # pictures in a row
MOST_MAPS = 9
COLOURS = {
    "analytic": "#c9182b", "tolerance": "#8a5a00", "measured": "#0b5cad", "rounding": "#57606a",
    "truncation": "#2e7d4f", "smooth": "#7a3fb0", "broken": "#8a5a00",
}  # fmt: skip
CELLS_COLOURS = {
    grids.WRONG: "#c9182b", grids.UNDECIDED: "#d99a2b", grids.KINK: "#7a3fb0",
    grids.ZERO: "#aeb6bf", grids.TOGETHER: "#cfe3d3",
    grids.UNCHECKED: "#ffffff",
    grids.CONSTANT: "#ffffff",
}  # fmt: skip


def plot(contents: Contents, *, format_: str, title: str = "") -> bytes:
    """Heat maps and curves of one check, as a picture.

    Parameters
    ----------
    contents
        What to draw.
    format_
        "png" or "svg".
    title
        Stands above, beside the verdict.

    Raises
    ------
    ImportError
        Where matplotlib is not installed.
    """
    import matplotlib as mpl
    from matplotlib.figure import Figure

    maps = maps_of(contents, CELLS)[:MOST_MAPS]
    curves = contents.curves
    charts = [(coordinate(c.tensor, c.index), "error of the slope", error_series(c))
              for c in curves.errors]  # fmt: skip
    if curves.taylor is not None:
        charts.append(("Taylor test", "remainder", taylor_series(curves.taylor)))
    down = max(1, math.ceil(len(maps) / ACROSS)) + math.ceil(len(charts) / ACROSS)
    with mpl.rc_context({"svg.hashsalt": "gradcheck", "font.size": 9}):
        figure = Figure(figsize=(5 * ACROSS, 3.6 * down), layout="constrained")
        figure.suptitle("\n".join(filter(None, [title, contents.summary])).replace("$", r"\$"))
        places = [figure.add_subplot(down, ACROSS, k + 1) for k in range(down * ACROSS)]
        first = max(1, math.ceil(len(maps) / ACROSS)) * ACROSS
        for (name, grid), axes in zip(maps, places, strict=False):
            _draw_map(axes, name, grid)
        for (name, label, series), axes in zip(charts, places[first:], strict=False):
            _draw_chart(axes, name, label, series)
        for k, axes in enumerate(places):
            if not len(maps) > k < first and not 0 <= k - first < len(charts):
                axes.set_axis_off()
        return _saved(figure, format_)


def _saved(figure: Figure, format_: str) -> bytes:
    """The picture's bytes, the same for the same picture."""
    file = BytesIO()
    figure.savefig(
        file, format=format_, dpi=110, metadata={"Date": None} if format_ == "svg" else {}
    )
    return file.getvalue()


def _draw_map(axes: Axes, name: str, grid: Grid) -> None:
    """Relative errors as shades, and what is not right in colours of their own."""
    import matplotlib as mpl
    from matplotlib.colors import to_rgb

    errors = np.log10(np.maximum(np.nan_to_num(grid.error, nan=0.0), LOWEST))
    shades = mpl.colormaps["Blues"](0.08 + 0.85 * np.searchsorted(DECADES, errors) / len(DECADES))
    for status, colour in CELLS_COLOURS.items():
        shades[grid.status == status, :3] = to_rgb(colour)
    axes.imshow(shades.reshape(grid.rows, grid.columns, 4), aspect="equal", interpolation="nearest")
    wrong = np.flatnonzero(grid.status == grids.WRONG)
    axes.plot(
        wrong % grid.columns, wrong // grid.columns, "o", ms=11, mfc="none", mec="#c9182b", mew=2
    )
    axes.set_xticks([])
    axes.set_yticks([])
    lost = int(grid.wrong.sum())
    axes.set_title(
        f"{name}: {f'{lost:,} wrong of ' if lost else ''}{grid.size:,}".replace("$", r"\$")
    )


def _draw_chart(axes: Axes, name: str, label: str, series: list[Series]) -> None:
    for each in series:
        x = [a for a, _ in each.points]
        y = [max(b, LOWEST) for _, b in each.points]
        style: dict[str, Any] = {
            "marker": "o" if each.kind == "measured" else "_",
            "ms": 5,
            "ls": "",
        }
        if not each.dots:
            style = {"ls": "-" if each.kind == "analytic" else "--"}
        axes.plot(x, y, color=COLOURS[each.kind], label=each.name, **style)
        if each.kind in ("smooth", "broken"):
            axes.vlines(x, LOWEST, y, color=COLOURS[each.kind])
    axes.set_xscale("log")
    axes.set_yscale("log")
    low, high = heights(series)
    axes.set_ylim(low / 3, high * 3)
    axes.set_xlabel("step h")
    axes.set_ylabel(label)
    axes.set_title(name.replace("$", r"\$"))
    axes.legend(fontsize=6.5)
