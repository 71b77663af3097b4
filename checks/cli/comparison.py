"""`gradcheck --compare`: the report of an earlier run, and what is said of the two."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from backprop.system import bounded_files

if TYPE_CHECKING:
    from checks.verdict.report import Report


MOST = 1 << 26  # bytes; a report of a million tensors has as many


def earlier(path: str | None) -> Report | None:
    """The report in a file; None where none was named.

    Raises
    ------
    click.UsageError
        Where there is none in it.
    """
    if path is None:
        return None
    from checks.verdict.report import Report

    try:
        return Report.from_json(bounded_files.read(path, MOST).decode())
    except OSError as error:
        raise click.UsageError(
            f"--compare: expected a report that `gradcheck --json {path}` has written, got"
            f" {error.strerror}"
        ) from None
    except ValueError as error:  # neither text nor JSON, or another form
        raise click.UsageError(
            f"--compare: {path}: expected a report that `gradcheck --json` has written, got"
            f" another file ({error})"
        ) from None


def compared(report: Report, before: Report | None, path: str | None) -> tuple[Report, str]:
    """The report with what changed since in it, and the same in words; "" without another one."""
    if before is None:
        return report, ""
    from dataclasses import replace

    from checks.verdict.comparison import compare

    found = compare(before, report)
    report = replace(report, extra={**report.extra, "compared": found.to_dict()})
    return report, f"compared with {path}:\n" + "\n".join(
        f"  {line}" for line in str(found).splitlines()
    )
