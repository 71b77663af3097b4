"""`gradcheck --compare`: the reports of an earlier run, and what is said of both."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import TYPE_CHECKING

import click

from backprop.system import atomic_files

if TYPE_CHECKING:
    from checks.verdict.report import Report

ALONE = ""  # the name of a report that was written by itself

MOST = 1 << 26  # bytes; a report of a million tensors has as many

Reports = Mapping[str, "Report"]


def earlier(path: str | None) -> Reports | None:
    """The reports in a file by their targets; None where no file was named.

    Raises
    ------
    click.UsageError
        Where there is none in it.
    """
    if path is None:
        return None
    from checks.verdict.report import Report

    try:
        found = json.loads(atomic_files.read_bounded(path, MOST).decode())
        if isinstance(found, dict) and isinstance(found.get("reports"), list):
            return {str(each.pop("target")): Report.from_dict(each) for each in found["reports"]}
        return {ALONE: Report.from_dict(found)}
    except OSError as error:
        raise click.UsageError(
            f"--compare: expected a report that `gradcheck --json {path}` has written, got"
            f" {error.strerror}"
        ) from None
    except (ValueError, AttributeError, KeyError, RecursionError) as error:  # of another form
        raise click.UsageError(
            f"--compare: {path}: expected a report that `gradcheck --json` has written, got"
            f" another file ({error})"
        ) from None


def compared(reports: Reports, before: Reports | None, path: str | None) -> tuple[Reports, str]:
    """The reports with what changed since in them, and the same in words; "" without others.

    A report that was written by itself is of the only target, whatever it is called now.
    """
    if before is None:
        return reports, ""
    from dataclasses import replace

    from checks.verdict.comparison import compare

    if len(reports) == 1 and [*before] == [ALONE]:
        before = dict.fromkeys(reports, before[ALONE])
    made, lines = dict(reports), [f"compared with {path}:"]
    for name, report in reports.items():
        if name in before:
            found = compare(before[name], report)
            made[name] = replace(report, extra={**report.extra, "compared": found.to_dict()})
            said = str(found).splitlines()
        else:
            said = ["not in there"]
        head = [f"  {name}"] if len(reports) > 1 else []
        lines += [*head, *(f"{'    ' if head else '  '}{line}" for line in said)]
    lines += [f"  {name}: not checked now" for name in before if name not in reports and name]
    return made, "\n".join(lines)
