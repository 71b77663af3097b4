"""The summary of a run of tests: as lines, as a table in Markdown, and as files.

It is made of the reports' plain values, which may come from other processes.
"""

from __future__ import annotations

import base64
import json
import pickle
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from textwrap import wrap
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from checks.output.page import Contents

VERDICTS = ("fail", "undecided", "pass")  # the worst first
SCHEMA = "urn:geartrain:pytest:1"
EXPECTED = "expected"  # the outcome of a test that is known to fail
FORESEEN = "failed as expected"
WORST = 3
WIDTH = 80
ROWS = 50  # of a table in Markdown

Found = Mapping[str, Any]


@dataclass(frozen=True, kw_only=True)
class Cause:
    """Checks that did not pass, for what seems to be one reason."""

    verdict: str
    judged: str
    says: str
    worst: Mapping[str, Any] | None
    tests: tuple[str, ...]


def causes(found: Iterable[Found]) -> list[Cause]:
    """What did not pass: one entry for each function and kind of error, failures first.

    Where arrays were judged instead of a function, the parametrised runs of a test go together.
    """
    groups: dict[tuple[str, ...], list[Found]] = {}
    for each in found:
        report = each["report"]
        if report["verdict"] != "pass" and each["outcome"] != EXPECTED:
            key = (report["verdict"], _judged(each), _kind(report))
            groups.setdefault(key, []).append(each)
    entries = [_cause(judged, group) for (_, judged, _), group in groups.items()]
    return sorted(entries, key=lambda cause: VERDICTS.index(cause.verdict))


def _judged(each: Found) -> str:
    return str(each["report"].get("gradient") or each["test"].partition("[")[0])


def _kind(report: Mapping[str, Any]) -> str:
    if report["diagnosis"]:
        return str(report["diagnosis"]["code"])
    return str(report["reasons"][0]["code"]) if report["reasons"] else ""


def _cause(judged: str, group: Sequence[Found]) -> Cause:
    reports = [each["report"] for each in group]
    first = max(reports, key=_excess)
    if diagnosis := first["diagnosis"]:
        where = f" in {diagnosis['tensor']}" if diagnosis["tensor"] else ""
        says = f"{diagnosis['title']}{where} [{diagnosis['code']}]"
    elif reasons := first["reasons"]:
        says = f"{first['undecided']:,} of {first['parameters']:,}: {reasons[0]['text']}"
    else:
        says = "no cause found"
    tests = dict.fromkeys(each["test"] for each in group)
    return Cause(
        verdict=first["verdict"],
        judged=judged,
        says=says,
        worst=first["worst"],
        tests=tuple(tests),
    )


def _excess(report: Mapping[str, Any]) -> float:
    """How many times its tolerance the worst coordinate is off; infinity for what is unknown."""
    worst = report["worst"]
    if worst is None:
        return -1.0
    if worst["error"] is None:
        return float("inf")
    return float(worst["error"] / worst["tolerance"]) if worst["tolerance"] else float("inf")


def coordinate(mismatch: Mapping[str, Any]) -> str:
    """A coordinate as people write it: W2[17, 3]."""
    index = ", ".join(map(str, mismatch["index"]))
    return f"{mismatch['tensor']}[{index}]" if index else str(mismatch["tensor"])


# --- lines ------------------------------------------------------------------------------------


def lines(found: Sequence[Found], *, brief: bool) -> list[str]:
    """The summary at the end of a run; the brief one leaves out what passed."""
    said = wrap(counts(found), WIDTH, subsequent_indent="    ")
    for cause in causes(found):
        says = f"{cause.verdict}: {cause.judged}: {cause.says}"
        said += wrap(says, WIDTH, subsequent_indent="    ", break_on_hyphens=False)
        said.append(f"  {_tests(cause)}")
    if brief:
        return said
    worst = sorted(_compared(found), key=lambda each: -_excess(each["report"]))[:WORST]
    if worst:
        said.append("worst, by relative error:")
    for each in worst:
        mismatch = each["report"]["worst"]
        said.append(f"  {_relative(mismatch):>7}  {coordinate(mismatch)}  {each['test']}")
    return said


def counts(found: Sequence[Found]) -> str:
    """How much was checked, and what came of it."""
    reports = [each["report"] for each in found]
    checks = sum(each["checks"] for each in found)
    tests = len({each["test"] for each in found})
    passed = checks - sum(report["verdict"] != "pass" for report in reports)
    said = [f"{passed:,} passed"]
    ends = Counter(_end(each) for each in found)
    said += [f"{ends[end]:,} {end}" for end in ("undecided", "failed", FORESEEN) if ends[end]]
    parameters = sum(each["checks"] * each["report"]["parameters"] for each in found)
    undecided = sum(report["undecided"] for report in reports)
    doubt = f" ({undecided:,} undecided)" if undecided else ""
    seconds = sum(report["seconds"] for report in reports)
    return (
        f"{_number(checks, 'check')} in {_number(tests, 'test')},"
        f" {_number(parameters, 'parameter')}{doubt}: {', '.join(said)}; {seconds:.2f} s"
    )


def _number(count: int, what: str) -> str:
    return f"{count:,} {what}{'' if count == 1 else 's'}"


def _end(each: Found) -> str:
    if each["report"]["verdict"] == "fail":
        return FORESEEN if each["outcome"] == EXPECTED else "failed"
    return str(each["report"]["verdict"])


def _compared(found: Sequence[Found]) -> Iterable[Found]:
    """One check for each function and test, the worst, of those that compared anything."""
    best: dict[str, Found] = {}
    for each in found:
        if each["report"]["worst"] is None or each["outcome"] == EXPECTED:
            continue
        key = _judged(each)
        if key not in best or _excess(each["report"]) > _excess(best[key]["report"]):
            best[key] = each
    return best.values()


def _relative(mismatch: Mapping[str, Any]) -> str:
    sizes = [abs(mismatch[side]) for side in ("analytic", "numeric") if mismatch[side] is not None]
    if mismatch["error"] is None or not any(sizes):
        return "-"
    return f"{mismatch['error'] / max(sizes):.1e}"


def _tests(cause: Cause) -> str:
    more = f" and {len(cause.tests) - 1:,} more" if len(cause.tests) > 1 else ""
    return f"{cause.tests[0]}{more}"


# --- files ------------------------------------------------------------------------------------


def write(kind: str, path: str, found: Sequence[Found]) -> None:
    """Write the summary to a file; a table in Markdown is added to what is there.

    Raises
    ------
    OSError
        Where it cannot be written.
    """
    text = FORMS[kind](found)
    with Path(path).open("a" if kind == "markdown" else "w", encoding="utf-8") as file:
        file.write(text)


def as_json(found: Sequence[Found]) -> str:
    """All reports, each with its test."""
    tests = [
        {"test": each["test"], "outcome": each["outcome"], "checks": each["checks"]}
        | {"report": each["report"]}
        for each in found
    ]
    return json.dumps({"schema": SCHEMA, "summary": counts(found), "tests": tests}, indent=2) + "\n"


def as_markdown(found: Sequence[Found]) -> str:
    """The counts, and a row for each cause; for GitHub's summary of a job."""
    rows = []
    for cause in causes(found):
        cells = (cause.verdict, cause.judged, cause.says, _where(cause.worst), _tests(cause))
        rows.append(f"| {' | '.join(map(_cell, cells))} |")
    if len(rows) > ROWS:
        rows[ROWS:] = [f"| | and {len(rows) - ROWS:,} more | | | |"]
    head = ["", "| verdict | of | looks like | worst | tests |", "|" + " --- |" * 5]
    text = ["### gradcheck", "", counts(found), *(head if rows else []), *rows, ""]
    return "\n".join(text) + "\n"


def _where(mismatch: Mapping[str, Any] | None) -> str:
    return f"{coordinate(mismatch)}, off by {_relative(mismatch)}" if mismatch else ""


def _cell(text: str) -> str:
    return text.replace("|", "\\|").replace("\n", " ")


def as_html(found: Sequence[Found]) -> str:
    """A page of all checks, named by their tests; what did not pass has pictures."""
    from checks import Report
    from checks.output.page import render_many

    reports: dict[str, Any] = {}
    for each in found:
        name, number = each["test"], 1
        while name in reports:
            number += 1
            name = f"{each['test']} ({number})"
        reports[name] = (
            _Page(contents=pickle.loads(base64.b64decode(each["page"])))  # noqa: S301 our workers'
            if "page" in each
            else Report.from_dict(each["report"])
        )
    return render_many(reports, title=f"gradcheck: {counts(found)}")


@dataclass(frozen=True, kw_only=True)
class _Page:
    """A report of which only the page is kept."""

    contents: Contents

    def page_contents(self, *, curves: bool = True) -> Contents:  # noqa: ARG002 as of a report
        """What it says, with the curves it has."""
        return self.contents


FORMS: dict[str, Callable[[Sequence[Found]], str]] = {
    "html": as_html,
    "json": as_json,
    "markdown": as_markdown,
}
