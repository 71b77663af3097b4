"""Comparing two reports of one problem: what became wrong, undecided or slower, and what mended.

Counts of tensors are compared, as a stored report keeps no more of coordinates that pass.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any

from checks.verdict.report import Report, Tensor, Verdict
from checks.verdict.text import folded

# Runs of one check take times that differ by a third, on a busy machine and where they are short
# by more.
TIMES_SLOWER, SECONDS_SLOWER = 1.5, 0.1
TIMES_MORE_CALLS = 1.2  # calls are counted, and differ only where the problem or the search does


@dataclass(frozen=True, kw_only=True)
class Change:
    """A count of a tensor in two reports."""

    tensor: str
    before: int
    now: int

    def __str__(self) -> str:
        return f"{self.tensor or 'parameters'}: {self.now:,}, before {self.before:,}"


@dataclass(frozen=True, kw_only=True)
class Comparison:
    """What changed from one report to another; as a truth value, whether nothing became worse.

    Attributes
    ----------
    verdict_before, verdict
        Those of both reports.
    wrong, undecided
        Tensors of which more is wrong, or undecided, than before.
    mended
        Tensors of which less is either.
    slower
        What takes longer, or more calls, in words; where the verdict is the same.
    other
        How the problems differ, where they are not of the same tensors, or checked otherwise.
    """

    verdict_before: Verdict
    verdict: Verdict
    wrong: tuple[Change, ...]
    undecided: tuple[Change, ...]
    mended: tuple[Change, ...]
    slower: tuple[str, ...]
    other: tuple[str, ...]

    def __bool__(self) -> bool:
        """True where nothing became wrong, undecided or slower."""
        return not (self.wrong or self.undecided or self.slower)

    def __str__(self) -> str:
        lines = (
            []
            if self.verdict == self.verdict_before
            else [f"verdict: {self.verdict}, before {self.verdict_before}"]
        )
        said = {
            "became wrong": self.wrong,
            "became undecided": self.undecided,
            "became slower": self.slower,
            "neither wrong nor undecided any more": self.mended,
            "not the same": self.other,
        }
        for what, changes in said.items():
            lines += [f"{what}: {change}" for change in changes]
        text = "\n".join(lines) or "nothing became wrong, undecided or slower"
        return "\n".join(folded(text))

    def to_dict(self) -> dict[str, Any]:
        """The fields as plain values."""
        return asdict(self)


def compare(before: Report, now: Report) -> Comparison:
    """What changed from one report to another.

    Parameters
    ----------
    before, now
        Reports of one problem, such as `Report.from_json(text)` and a new one.

    Examples
    --------
    >>> import numpy as np
    >>> from checks import check_gradients
    >>> cost, x = (lambda x: (x**3).sum()), np.ones(2)
    >>> before = check_gradients(cost, lambda x: 3 * x**2, x)
    >>> print(compare(before, check_gradients(cost, lambda x: 2 * x**2, x)).wrong[0])
    params: 2, before 0
    """
    old, new = ({t.name: t for t in report.tensors} for report in (before, now))
    both = [(old[name], new[name]) for name in new if name in old]
    return Comparison(
        verdict_before=before.verdict,
        verdict=now.verdict,
        wrong=tuple(_risen(both, "failed")),
        undecided=tuple(_risen(both, "undecided")),
        mended=tuple(
            Change(tensor=b.name, before=_amiss(b), now=_amiss(n))
            for b, n in both
            if _amiss(n) < _amiss(b)
        ),
        slower=tuple(_slower(before, now)),
        other=tuple(_differences(before, now)),
    )


def _risen(both: list[tuple[Tensor, Tensor]], count: str) -> list[Change]:
    counts = [(b.name, getattr(b, count), getattr(n, count)) for b, n in both]
    return [Change(tensor=name, before=b, now=n) for name, b, n in counts if n > b]


def _amiss(tensor: Tensor) -> int:
    return tensor.failed + tensor.undecided


def _slower(before: Report, now: Report) -> list[str]:
    """Of the same verdict: a mistake that is looked into takes more calls, and is no slowness."""
    if now.verdict != before.verdict:
        return []
    said = []
    longer = now.seconds - before.seconds
    if now.seconds > TIMES_SLOWER * before.seconds and longer > SECONDS_SLOWER:
        said.append(f"{now.seconds:.2f} s, before {before.seconds:.2f} s")
    for function, count in now.calls.items():
        was = before.calls.get(function, 0)
        if was and count > TIMES_MORE_CALLS * was:
            said.append(f"{count:,} calls of the {function}, before {was:,}")
    return said


def _differences(before: Report, now: Report) -> list[str]:
    """Why the reports are not of the same check."""
    said = []
    old, new = ({t.name: t.shape for t in report.tensors} for report in (before, now))
    for name in [*old, *(name for name in new if name not in old)] if old and new else []:
        if old.get(name) != new.get(name):
            shapes = [str(shapes.get(name, "none")) for shapes in (new, old)]
            said.append(f"{name or 'parameters'}: {shapes[0]}, before {shapes[1]}")
    for what in ("method", "oracle", "rtol", "strict"):
        b, n = getattr(before, what), getattr(now, what)
        said += [f"{what}: {n}, before {b}"] if b != n else []
    return said
