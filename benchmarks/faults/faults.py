"""Faults: each kind is injected many times, and what was lost is counted.

    python benchmarks/faults/faults.py [--scale 1.0] [--only WORD] [--seed 0] [--no-write]

A row is a generator (`ROWS` in `files`, `processes`, `surroundings`) that yields None for every
fault that cost nothing, and a sentence for every other. The table goes into docs/faults.md. Ends
with 1 where something was lost. Needs a system with `fork`.
"""

from __future__ import annotations

import argparse
import platform
import re
import sys
from collections.abc import Collection
from pathlib import Path

import files  # before NumPy: one thread
import numpy as np
import processes
import surroundings
from injected import Row, inject

PAGE = Path(__file__).parents[2] / "docs" / "faults.md"
BEGIN, END = "<!-- faults:begin -->\n", "<!-- faults:end -->"


def main() -> int:
    """Inject, print, and write."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--scale", type=float, default=1.0, help="a part of the usual number")
    parser.add_argument("--only", default="", help="rows that have this in their name")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--no-write", action="store_true", help="leave docs/faults.md as it is")
    given = parser.parse_args()
    every = {**files.ROWS, **processes.ROWS, **surroundings.ROWS}
    rows = []
    for fault, (function, count) in every.items():
        if given.only in fault:
            row = inject(fault, function, max(1, round(count * given.scale)), given.seed)
            rows.append(row)
            told = f"{row.injected:>9,}  {len(row.lost):>4}  {row.seconds:6.1f} s  {fault}"
            print(told, flush=True)
            for lost in row.lost[:5]:
                print(f"      lost: {lost}", file=sys.stderr, flush=True)
    files.tidy()
    processes.tidy()
    if given.scale >= 1 and not given.no_write:
        write(rows, every)
    return int(any(row.lost for row in rows))


def table(lines: dict[str, tuple[int, int]]) -> str:
    """What was injected and lost, by fault, in Markdown."""
    head = ["| fault | injected | lost |", "| --- | --- | --- |"]
    rows = [f"| {fault} | {count:,} | {lost:,} |" for fault, (count, lost) in lines.items()]
    total = sum(count for count, _ in lines.values())
    where = f"Python {platform.python_version()}, NumPy {np.__version__}, {platform.system()}"
    return "\n".join([*head, *rows, "", f"{total:,} faults in all; {where}."]) + "\n"


def write(rows: list[Row], order: Collection[str]) -> None:
    """Put rows into the table between its marks, in the place of what was there of them."""
    text = PAGE.read_text(encoding="utf-8")
    head, _, rest = text.partition(BEGIN)
    before, _, tail = rest.partition(END)
    lines = {
        fault: (int(count.replace(",", "")), int(lost.replace(",", "")))
        for fault, count, lost in re.findall(
            r"^\| (.+) \| ([\d,]+) \| ([\d,]+) \|$", before, re.MULTILINE
        )
    }
    lines |= {row.fault: (row.injected, len(row.lost)) for row in rows}
    kept = {fault: lines[fault] for fault in order if fault in lines}
    PAGE.write_text(f"{head}{BEGIN}{table(kept)}{END}{tail}", encoding="utf-8")


if __name__ == "__main__":
    sys.exit(main())
