"""The page: one file of HTML that says what was found, in words, pictures and tables.

It needs no network. `render` makes it of plain values, `render_many` of several reports, and the
same values give the same bytes. Templates are filled in by Jinja2, which escapes all that is not
its own.
"""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache
from importlib import resources
from typing import Any, Protocol

from checks.output import gears, grids
from checks.output.charts import Chart, error_chart, taylor_chart
from checks.output.curves import Curves
from checks.output.grids import Coordinates, Grid
from checks.output.heat import HEAD, HeatMap, heat_map
from checks.output.numbers import coordinate, number, rough

# Cells on a page, and of a tensor at the least: their tables are most of its size.
CELLS, LEAST_CELLS = 2600, 120
FAILURES = 20  # listed; as many reports of a page have pictures
VERDICTS = {
    "pass": "The gradient is right.",
    "fail": "The gradient is wrong.",
    "undecided": "This check could not decide.",
}


@dataclass(frozen=True, kw_only=True)
class TensorRow:
    """A line of the table of tensors."""

    name: str
    shape: tuple[int, ...]
    parameters: int
    checked: int
    zero: int
    undecided: int
    kinks: int
    failed: int
    worst: float | None
    where: tuple[int, ...] | None


@dataclass(frozen=True, kw_only=True)
class Offender:
    """A wrong coordinate."""

    tensor: str
    index: tuple[int, ...]
    analytic: float
    numeric: float
    error: float
    tolerance: float


@dataclass(frozen=True, kw_only=True)
class Said:
    """A sentence with what to do about it: a diagnosis, or why something is undecided."""

    text: str
    where: str = ""
    detail: str = ""
    remedy: str = ""
    code: str = ""


@dataclass(frozen=True, kw_only=True)
class Contents:
    """All that a page says of one check, in plain values.

    Attributes
    ----------
    verdict, summary
        "pass", "fail" or "undecided", and the verdict line.
    parameters, checked, zero, undecided, kinks, failed
        Counts of coordinates, as in the report.
    diagnosis, reasons, notes
        What a failure looks like, why something is undecided or blunt, and what qualifies this.
    tensors, failures
        Counts by tensor, and wrong coordinates, worst first.
    repeat
        The command or call that repeats the check; empty where there is none.
    about
        Pairs of what and what of it: method, oracle, calls.
    coordinates
        What heat maps show, by tensor.
    curves
        What else was measured.
    """

    verdict: str
    summary: str
    parameters: int
    checked: int
    zero: int
    undecided: int
    kinks: int
    failed: int
    unchecked: int = 0
    diagnosis: Said | None = None
    reasons: Sequence[Said] = ()
    notes: Sequence[str] = ()
    tensors: Sequence[TensorRow] = ()
    failures: Sequence[Offender] = ()
    repeat: str = ""
    about: Sequence[tuple[str, str]] = ()
    coordinates: Mapping[str, Coordinates | Grid] = field(default_factory=dict)
    curves: Curves = field(default_factory=Curves)


class Reported(Protocol):
    """A report, as far as a page is concerned."""

    def page_contents(self, *, curves: bool = True) -> Contents:
        """What a page says of it; without curves where these would have to be measured."""


def render(contents: Contents, *, title: str = "gradcheck") -> str:
    """The page of one check.

    Parameters
    ----------
    contents
        What to say.
    title
        What was checked, for the head of the page.
    """
    return _filled([(title, contents)], title)


def render_many(
    reports: Iterable[Reported] | Mapping[str, Reported], *, title: str = "gradcheck"
) -> str:
    """One page of several checks: a table of all, and a section for each.

    Parameters
    ----------
    reports
        Reports, or a mapping from what was checked, such as the name of a test, to its report.
    title
        For the head of the page.
    """
    if isinstance(reports, Mapping):
        named = list(reports.items())
    else:
        named = [(f"check {k}", report) for k, report in enumerate(reports, 1)]
    said = [(name, report.page_contents(curves=False)) for name, report in named]
    for k in _pictured([contents for _, contents in said]):  # no other shows any
        said[k] = (named[k][0], named[k][1].page_contents())
    return _filled(said, title)


def framed(page: str) -> str:
    """A page in a frame of its own, for a notebook: neither's style or script meets the other's."""
    from markupsafe import escape

    return (
        '<iframe title="gradient check" sandbox="allow-scripts" width="100%" height="640"'
        f' style="border: 1px solid #8888" srcdoc="{escape(page)}"></iframe>'
    )


# --- from contents to what the template shows --------------------------------------------------


@dataclass(frozen=True, kw_only=True)
class _Section:
    """What the template shows of one check."""

    key: str
    name: str
    said: Contents
    headline: str
    coverage: Sequence[tuple[str, str, int, str, str]]
    train: gears.Train | None
    maps: Sequence[tuple[str, str, HeatMap]]
    legend: Sequence[tuple[str, str]]
    not_drawn: Sequence[str]
    charts: Sequence[Chart]
    missing: str
    rows: Sequence[tuple[str, ...]]
    more: int


def _filled(named: Sequence[tuple[str, Contents]], title: str) -> str:
    pictured = _pictured([contents for _, contents in named])
    budget = CELLS // max(1, len(pictured))
    sections = [
        _section(f"c{k + 1}", name, each, budget if k in pictured else 0)
        for k, (name, each) in enumerate(named)
    ]
    style, script = _text("page.css"), _text("page.js")
    return str(
        _template().render(
            title=title,
            sections=sections,
            several=len(named) != 1,
            style=style,
            script=script,
            style_hash=_hash(style),
            script_hash=_hash(script),
            heat_head=HEAD,
        )
    )


def _pictured(said: Sequence[Contents]) -> list[int]:
    """Which checks have pictures: a single one, or the first of those that do not pass."""
    failed = [k for k, each in enumerate(said) if each.verdict != "pass"]
    return [0] if len(said) == 1 else failed[:FAILURES]


_SHADES = {"e0", "e2", "e4", "e6", "e7"}
_LEGEND = (
    ("e0", "1e-15 or less"),
    ("e2", "1e-11"),
    ("e4", "1e-7"),
    ("e6", "1e-3"),
    ("e7", "more, and right"),
    ("wrong", "wrong"),
    ("undecided", "undecided"),
    ("kink", "on a kink"),
    ("zero", "zero on both sides"),
    ("together", "compared in one projection only"),
    ("unchecked", "not checked"),
    ("constant", "a constant, no parameter"),
)


def _section(key: str, name: str, contents: Contents, cells: int) -> _Section:
    kinds = {t.name: _kind(t) for t in contents.tensors}
    drawn, maps = maps_of(contents, cells), []
    for tensor, grid in drawn:
        maps.append((tensor, kinds.get(tensor, "right"), heat_map(tensor, grid)))
    widths = gears.widths_of({t.name: t.shape for t in contents.tensors})
    charts = [error_chart(each) for each in contents.curves.errors] if cells else []
    if cells and contents.curves.taylor is not None:
        charts.append(taylor_chart(contents.curves.taylor))
    shown = {tensor for tensor, _ in drawn}
    used = {kind for _, _, map_ in maps for kind, _ in map_.paths}
    return _Section(
        key=key,
        name=name,
        said=contents,
        headline=VERDICTS[contents.verdict],
        coverage=_coverage(contents),
        train=gears.train(widths, kinds) if widths else None,
        maps=maps,
        legend=[(kind, label) for kind, label in _LEGEND if kind in _SHADES | used],
        not_drawn=[t for t in contents.coordinates if t not in shown],
        charts=charts,
        missing=contents.curves.missing if cells else "",
        rows=[_tensor_row(t) for t in contents.tensors],
        more=contents.failed - min(FAILURES, len(contents.failures)),
    )


def maps_of(contents: Contents, cells: int) -> list[tuple[str, Grid]]:
    """The tensors that are drawn: what is not right first, until there are cells enough."""
    order = {"wrong": 0, "undecided": 1, "right": 2}
    kinds = {t.name: _kind(t) for t in contents.tensors}
    names = sorted(contents.coordinates, key=lambda name: order[kinds.get(name, "right")])
    sizes = [min(grids.MOST_CELLS, contents.coordinates[name].size) for name in names]
    most = max(LEAST_CELLS, _level(sizes, cells))
    found = []
    for name in names:
        if not contents.coordinates[name].size:
            continue
        grid = contents.coordinates[name].binned(most)
        if grid.at.size > cells:
            break
        cells -= grid.at.size
        found.append((name, grid))
    return found


def _level(sizes: Sequence[int], room: int) -> int:
    """The highest level for which all sizes, cut to it, fit: small ones leave room for others."""
    left = room
    for k, size in enumerate(sorted(sizes)):
        share = left // (len(sizes) - k)
        if size > share:
            return share
        left -= size
    return max(sizes, default=0)


def _kind(tensor: TensorRow) -> str:
    if tensor.failed:
        return "wrong"
    return "undecided" if tensor.undecided else "right"


def _coverage(contents: Contents) -> list[tuple[str, str, int, str, str]]:
    """Parts of a bar: kind, label, count, and where each begins and how long it is, of 1000."""
    parts = (
        ("right", "right", contents.checked - contents.failed),
        ("wrong", "wrong", contents.failed),
        ("undecided", "undecided", contents.undecided),
        ("zero", "zero on both sides", contents.zero),
        ("kink", "on a kink", contents.kinks),
        ("unchecked", "not checked", contents.unchecked),
    )
    found, start = [], 0.0
    present = [part for part in parts if part[2] > 0]
    least = 6.0  # so that one of many is seen
    room = 1000.0 - least * len(present)
    for kind, label, count in present:
        length = least + room * count / max(1, contents.parameters)
        found.append((kind, label, count, f"{start:.1f}", f"{length:.1f}"))
        start += length
    return found


def _tensor_row(tensor: TensorRow) -> tuple[str, ...]:
    where = coordinate(tensor.name, tensor.where) if tensor.where is not None else "–"
    counts = (
        tensor.parameters,
        tensor.checked,
        tensor.zero,
        tensor.undecided,
        tensor.kinks,
        tensor.failed,
    )
    worst = rough(tensor.worst) if tensor.worst is not None else "–"
    return (
        " × ".join(map(str, tensor.shape)) or "one number",
        *(f"{n:,}" for n in counts),
        worst,
        where,
    )


# --- the template ------------------------------------------------------------------------------


@cache
def _template() -> Any:
    import jinja2

    environment = jinja2.Environment(
        loader=jinja2.PackageLoader("checks.output", "templates"),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters.update(number=number, rough=rough)
    environment.globals.update(coordinate=coordinate)
    return environment.get_template("page.html.j2")


def _text(name: str) -> Any:
    """A file beside the template, as it is: it is ours, and nothing in it is escaped."""
    from markupsafe import Markup

    text = (resources.files("checks.output") / "templates" / name).read_text(encoding="utf-8")
    return Markup(text)  # noqa: S704 a file of this package


def _hash(text: str) -> str:
    digest = hashlib.sha256(str(text).encode()).digest()
    return f"sha256-{base64.b64encode(digest).decode()}"
