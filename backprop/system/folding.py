"""Text in the width of a terminal: long lines are folded, and tables that are too wide stacked."""

from __future__ import annotations

import re
import shutil
import textwrap
from collections.abc import Iterator
from itertools import groupby

LEAST = 40  # columns
KEPT = "\0"  # a space at which no line is broken


def fitted(text: str) -> str:
    """`text` with its long lines folded to the terminal's width.

    A table whose rows are longer is told row by row: the first cell, and below it each other one
    with its head. Commands that are to be copied are left alone. Words and paths stay whole.
    """
    width = max(shutil.get_terminal_size().columns, LEAST)
    lines: list[str] = []
    for is_row, block in groupby(text.splitlines(), _is_row):
        part = [*block]
        if is_row:
            lines += _table(part, width)
        else:
            lines += (folded for line in part for folded in _folded(line, width))
    return "\n".join(lines)


def _is_row(line: str) -> bool:
    return "  " in line.strip()


def _folded(line: str, width: int) -> list[str]:
    if line.startswith("repeat with: ") or len(line) <= width:
        return [line]
    indent = line[: len(line) - len(line.lstrip())] + "    "
    return textwrap.wrap(
        line,
        width,
        subsequent_indent=indent,
        break_long_words=False,
        break_on_hyphens=False,
    )


def _table(rows: list[str], width: int) -> list[str]:
    """The rows as they are where they fit, or where they are no table; else stacked."""
    cells = [re.split(r" {2,}", row.strip()) for row in rows]
    head, *body = cells
    fits = max(map(len, rows)) <= width
    if fits or not body or len(head) < 3 or any(len(row) != len(head) for row in body):
        return rows
    return [line for row in body for line in _stacked(head, row, width)]


def _stacked(head: list[str], row: list[str], width: int) -> Iterator[str]:
    yield f"{head[0]} {row[0]}"
    pairs = [f"{name} {value}" for name, value in zip(head[1:], row[1:], strict=True)]
    text = ", ".join(pair.replace(" ", KEPT) for pair in pairs)  # a head stays with its number
    for line in textwrap.wrap(
        text,
        width,
        initial_indent="  ",
        subsequent_indent="  ",
        break_long_words=False,
        break_on_hyphens=False,
    ):
        yield line.replace(KEPT, " ")
