"""Text: a report's lines within 80 columns, and a failing one within a screen of 24 lines."""

from __future__ import annotations

import math
from collections.abc import Sequence
from textwrap import wrap
from typing import Any

from checks.problem.nested import coordinate

WIDTH, HEIGHT = 80, 24
FAILURES_SHOWN = 8
ROWS = 6  # of the table, where a failing report has more to show than fits
NAME, PLACE = 20, 24  # columns of a tensor's name in the table, and of a coordinate there


def short(name: str, width: int) -> str:
    """A name within so many columns, its beginning and its end."""
    if len(name) <= width:
        return name
    end = (width - 3) // 2
    return f"{name[: width - 3 - end]}...{name[len(name) - end :]}"


def place(tensor: str, index: Sequence[int], width: int = PLACE) -> str:
    """A coordinate within so many columns; its index stays whole where that is possible."""
    at = coordinate(tensor, index)[len(tensor) :]
    return short(short(tensor, max(8, width - len(at))) + at, width)


def listed(names: Sequence[str], width: int) -> str:
    """Names, all of them where they fit into so many columns; otherwise how many more there are."""
    for shown in range(len(names), 0, -1):
        more = len(names) - shown
        text = ", ".join(names[:shown]) + (f" and {more:,} more" if more else "")
        if len(text) <= width:
            return text
    more_ = f" and {len(names) - 1:,} more" if len(names) > 1 else ""
    return short(names[0], max(8, width - len(more_))) + more_


def folded(text: str) -> list[str]:
    """Lines within the width; what goes on is indented further."""
    lines = []
    for line in text.splitlines():
        indent = line[: len(line) - len(line.lstrip())] + "    "
        lines += wrap(line, WIDTH, subsequent_indent=indent, break_on_hyphens=False)
    return lines


def table(tensors: Sequence[Any]) -> str:
    """The counts of each tensor, a line each, within the width."""
    head = ("tensor", "parameters", "checked", "zero", "undecided", "wrong", "worst", "where")
    rows: list[tuple[str, ...]] = [head]
    for t in tensors:
        worst = f"{t.worst:.1e}" if math.isfinite(t.worst) and t.where is not None else "-"
        where = coordinate(t.name, t.where) if t.where is not None else "-"
        counts = (t.parameters, t.checked, t.zero, t.undecided + t.kinks, t.failed)
        rows.append((t.name, *(f"{count:,}" for count in counts), worst, where))
    if _width(rows) > WIDTH:  # the name is said once, and then where in it
        rows = [
            head,
            *(
                (short(t.name, NAME), *row[1:-1], place("", t.where) or "-" if t.where else "-")
                for t, row in zip(tensors, rows[1:], strict=True)
            ),
        ]
    if (over := _width(rows) - WIDTH) > 0:
        name = max(8, max(len(row[0]) for row in rows) - over)
        rows = [(short(row[0], name), *row[1:]) for row in rows]
    if (over := _width(rows) - WIDTH) > 0:
        last = max(0, max(len(row[-1]) for row in rows) - over)
        rows = [(*row[:-1], row[-1] if len(row[-1]) <= last else "...") for row in rows]
    if _width(rows) > WIDTH:  # counts of billions: in powers of ten
        rows = [head, *((row[0], *map(_rounded, row[1:-1]), row[-1]) for row in rows[1:])]
    widths = [max(len(row[column]) for row in rows) for column in range(len(head))]
    return "\n".join(
        "  ".join(
            cell.ljust(width) if column in (0, len(head) - 1) else cell.rjust(width)
            for column, (cell, width) in enumerate(zip(row, widths, strict=True))
        ).rstrip()
        for row in rows
    )


def _width(rows: Sequence[tuple[str, ...]]) -> int:
    return sum(max(map(len, column)) + 2 for column in zip(*rows, strict=True)) - 2


def _rounded(count: str) -> str:
    return (
        f"{int(count.replace(',', '')):.0e}"
        if len(count) > len("9,999") and "," in count
        else count
    )


def text_of(report: Any) -> str:
    """The report for people: a failing one fits on a screen, whatever its size."""
    lines = folded(report.summary)
    for reason in report.reasons:
        lines += folded(str(reason))
    for note in report.notes:
        lines += folded(f"note: {note}")
    if report.diagnosis is not None:
        lines += folded(f"It looks like: {report.diagnosis}")
        wrong = [t.name for t in report.tensors if t.failed]
        if set(wrong) - {report.diagnosis.tensor}:
            lines.append(f"  wrong are {listed(wrong, WIDTH - 12)}")
    calls = ", ".join(
        f"{count:,} {'' if i else 'calls '}of the {kind}"
        for i, (kind, count) in enumerate(report.calls.items())
    )
    about = (f"{report.seconds:.2f} s", report.method, report.oracle, f"seed {report.seed}", calls)
    end = folded(", ".join(word for word in about if word))
    if report.repeat and report.verdict != "pass":
        end.append(f"repeat with: {report.repeat}")  # whole, because it is there to be copied
    room = HEIGHT - len(end) if report.verdict == "fail" else None
    if room is not None and report.failures:
        lines = lines[: room - 5]  # so that an offender and its tensor are named at any rate
    rows = _table(report, None if room is None else max(2, room - len(lines) - 3))
    left = None if room is None else room - len(rows) - len(lines)
    return "\n".join([*rows, *lines, *_offenders(report, left), *end])


def _table(report: Any, room: int | None) -> list[str]:
    """A row for each tensor, or for the worst in so many lines."""
    tensors = report.tensors
    if room is None or len(tensors) < room:
        most = len(tensors) if room is None else max(ROWS, room // 2)
    else:
        most = min(ROWS, room // 2)
    if not tensors:
        return []
    if len(tensors) > most:
        order = sorted(range(len(tensors)), key=lambda i: _rank(tensors[i]))
        shown = [tensors[i] for i in sorted(order[: max(1, most)])]
    else:
        shown = list(tensors)
    rows = table(shown).splitlines()
    if hidden := [t for t in tensors if t not in shown]:
        wrong = sum(1 for t in hidden if t.failed)
        rows.append(f"and {len(hidden):,} more tensors, {wrong:,} of them with wrong parameters")
    return rows


def _rank(tensor: Any) -> tuple[bool, bool]:
    return not tensor.failed, not tensor.undecided


def _offenders(report: Any, room: int | None) -> list[str]:
    """The worst coordinates, as many as there is room for."""
    if not report.failures:
        return []
    lines = ["worst offenders:"]
    shown = 0
    for failure in report.failures[:FAILURES_SHOWN]:
        where = place(failure.tensor, failure.index, 40)
        new = folded(f"  {where}: {failure.values}")
        if shown and room is not None and len(lines) + len(new) + 1 > room:
            break
        lines += new
        shown += 1
    more = report.failed - shown
    return [*lines, *([f"  and {more:,} more"] if more > 0 else [])]
