"""Results: what a search found, as an object, as text and as JSON."""

from __future__ import annotations

import json
import time
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from checks.problem.nested import Array
from checks.searching.engine import Search, Seen
from checks.verdict.report import Report, Verdict
from checks.verdict.text import folded

# Numbers of an example that are few enough to be shown.
FEW = 24


@dataclass(frozen=True, kw_only=True, repr=False)
class SearchResult:
    """What a search found; as a truth value, whether it is a pass.

    Attributes
    ----------
    verdict
        "fail": a gradient is wrong somewhere; "pass": nothing wrong was found, and something was
        right; "undecided": nothing could be decided.
    example
        The smallest example that is wrong, or where none is, the smallest that is undecided, by
        what it is made from: shape, batch_size, seed and so on. None for a pass.
    report
        The Report on it, or None.
    found, found_report
        The example in which it was found first, and the Report on that.
    counts
        How many examples were "pass", "fail" or "undecided"; "refused", "raised", "passed over".
    before
        How many examples were looked at until the first was wrong; the rest was to shrink it.
    looked_over
        What the examples were like, such as {"batch sizes": "1 to 8"}.
    values
        The numbers of the smallest example, by name, where they are few.
    stopped
        What ended the search before it was through: "interrupted", "time" or "".
    seconds, seed
        How long it took, and where its examples came from.
    repeat
        The command or call that looks at the smallest example once more.
    """

    verdict: Verdict
    example: dict[str, Any] | None
    report: Report | None
    found: dict[str, Any] | None
    found_report: Report | None
    counts: dict[str, int]
    before: int
    looked_over: dict[str, str]
    stopped: str
    seconds: float
    seed: int
    repeat: str
    words: str = ""
    found_words: str = ""
    values: dict[str, Array] = field(default_factory=dict)

    @property
    def looked_at(self) -> int:
        """How many examples."""
        return sum(self.counts.values())

    @property
    def summary(self) -> str:
        """The verdict line."""
        if self.verdict == "fail":
            return f"fail: the gradient is wrong for {self.words}"
        judged = f"of {self.looked_at:,} examples"
        if self.verdict == "undecided":
            return f"undecided: none {judged} could be decided"
        return f"pass: no wrong gradient found in {self.counts.get('pass', 0):,} {judged}"

    def to_dict(self) -> dict[str, Any]:
        """The fields as plain values; `report` and `found_report` as in a report's JSON."""
        return {
            "verdict": self.verdict,
            "example": self.example,
            "report": _dict(self.report),
            "found": self.found,
            "found_report": _dict(self.found_report),
            "values": {name: value.tolist() for name, value in self.values.items()},
            "counts": self.counts,
            "before": self.before,
            "looked_over": self.looked_over,
            "stopped": self.stopped,
            "seconds": self.seconds,
            "seed": self.seed,
            "repeat": self.repeat,
        }

    def to_json(self) -> str:
        """`to_dict` as JSON."""
        return json.dumps(self.to_dict(), indent=2, allow_nan=False)

    def __bool__(self) -> bool:
        """True for a pass alone."""
        return self.verdict == "pass"

    def __repr__(self) -> str:
        return f"<SearchResult {self.summary}>"

    def __str__(self) -> str:
        lines = [self.summary]
        lines += [f"  {line}" for name, v in self.values.items() for line in _shown(name, v)]
        lines += self._how()
        text = "\n".join(line for each in lines for line in folded(each))
        return text if self.report is None else f"{text}\n\n{self.report}"

    def _how(self) -> list[str]:
        """What was looked at, and how the search went on from there."""
        seconds = f"{self.seconds:.1f} s, seed {self.seed}"
        others = [
            f"{self.counts[kind]:,} {words}"
            for kind, words in (
                ("undecided", "undecided"),
                ("refused", "that the maker could not build"),
                ("raised", "that raised an error"),
                (
                    "passed over",
                    "passed over: on a kink, or where functions raise or are not finite",
                ),
            )
            if self.counts.get(kind)
        ]
        if self.verdict == "fail":
            shrunk = self.looked_at - self.before
            first = f"example {self.before:,} was the first wrong one, {self.found_words}"
            lines = [f"  {first}; shrunk in {shrunk:,} more, {seconds}"]
            if self.stopped:
                why = {"time": "the time was up", "interrupted": "interrupted"}[self.stopped]
                lines.append(f"  {why} before it was through: there may be a smaller one")
            return lines + self._first_diagnosis()
        lines = [f"  {', '.join([*others, seconds])}"]
        lines += [f"  {name}: {values}" for name, values in self.looked_over.items()]
        return lines

    def _first_diagnosis(self) -> list[str]:
        """What the first wrong example looked like, where small ones may look like anything."""
        first = None if self.found_report is None else self.found_report.diagnosis
        least = None if self.report is None else self.report.diagnosis
        if first is None or (least is not None and least.code == first.code):
            return []
        return [f"  that first one looked like: {first.title} [{first.code}]"]


def result_of(search: Search) -> SearchResult:
    """What a search came to."""
    shown, first = search.smallest, search.first
    verdict: Verdict = "fail"
    if shown is None:
        verdict = "pass" if search.counts["pass"] else "undecided"
        shown = None if search.counts["pass"] else search.undecided
    return SearchResult(
        verdict=verdict,
        example=None if shown is None else shown.example.to_dict(),
        report=None if shown is None else shown.report,
        found=None if first is None else first.example.to_dict(),
        found_report=None if first is None else first.report,
        counts=dict(search.counts),
        before=search.before,
        looked_over={name: _range(values) for name, values in search.seen.items()},
        stopped=search.stopped,
        seconds=time.monotonic() - search.started,
        seed=search.seed,
        repeat=shown.report.repeat if shown is not None else "",
        words=shown.example.words if shown is not None else "",
        found_words=first.example.words if first is not None else "",
        values=_few(shown) if shown is not None else {},
    )


def _dict(report: Report | None) -> dict[str, Any] | None:
    return None if report is None else report.to_dict()


def _few(seen: Seen) -> dict[str, Array]:
    return seen.values if sum(v.size for v in seen.values.values()) <= FEW else {}


def _range(values: set[Any]) -> str:
    """The least and the largest of numbers; all of what is none."""
    if all(isinstance(value, int) for value in values) and len(values) > 1:
        return f"{min(values)} to {max(values)}"
    return ", ".join(sorted(map(str, values)))


def _shown(name: str, value: Array) -> list[str]:
    """An array as one writes it."""
    head = f"{name or 'params'} = "
    text = np.array2string(value, separator=", ", precision=6, max_line_width=70, prefix=head)
    return f"{head}{text}".splitlines()
