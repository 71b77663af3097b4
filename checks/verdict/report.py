"""Reports: what a check found, as an object, as text and as JSON. No arithmetic but counting."""

from __future__ import annotations

import json
import math
from collections.abc import Callable
from dataclasses import asdict, dataclass, field, replace
from dataclasses import fields as dataclass_fields
from typing import TYPE_CHECKING, Any, Literal

from checks.problem.nested import Array, coordinate
from checks.verdict.stored import SCHEMA, record, records, require_form, schema
from checks.verdict.text import WIDTH, folded, listed, place, short, text_of

if TYPE_CHECKING:
    from checks.output.curves import Curves
    from checks.output.grids import Coordinates, Grid
    from checks.output.page import Contents

Verdict = Literal["pass", "fail", "undecided"]

FAILURES_KEPT = 100


@dataclass(frozen=True, kw_only=True)
class Mismatch:
    """One coordinate: both values, how far apart they are, and how far rounding lets them be."""

    tensor: str
    index: tuple[int, ...]
    analytic: float
    numeric: float
    error: float
    tolerance: float

    def __str__(self) -> str:
        return f"{coordinate(self.tensor, self.index)}: {self.values}"

    @property
    def values(self) -> str:
        """Both values, and how far apart they are."""
        return (
            f"analytic {self.analytic:.9g}, numeric {self.numeric:.9g}, error {self.error:.2g},"
            f" tolerance {self.tolerance:.2g}"
        )


@dataclass(frozen=True, kw_only=True)
class Diagnosis:
    """What a difference looks like: a stable code, a title, and what to do about it."""

    code: str
    title: str
    remedy: str
    tensor: str | None = None
    detail: str = ""

    def __str__(self) -> str:
        where = f" in {short(self.tensor, 40)}" if self.tensor else ""
        detail = f"\n  {self.detail}" if self.detail else ""
        return f"{self.title}{where} [{self.code}]{detail}\n  {self.remedy}"


@dataclass(frozen=True, kw_only=True)
class Tensor:
    """One tensor's counts, and its worst relative error among the coordinates decided."""

    name: str
    shape: tuple[int, ...]
    parameters: int
    checked: int
    zero: int
    undecided: int
    kinks: int
    failed: int
    worst: float
    where: tuple[int, ...] | None
    unchecked: int = 0
    resolution: float = 0.0


@dataclass(frozen=True, kw_only=True)
class Reason:
    """Why coordinates are undecided, or decided less sharply than `rtol`: one kind of reason.

    Attributes
    ----------
    code
        "rounding", "noise", "rough", "differ" or "unseen"; or "zero" or "kink", of tensors that are
        so for the most part, which leaves nothing undecided and proves nothing.
    count, undecided
        How many coordinates it holds for, and how many of them it leaves undecided.
    tensor, index
        The one that it hits worst.
    text
        What was found there, with its numbers.
    remedy
        What would decide it.
    """

    code: str
    count: int
    undecided: int
    tensor: str
    index: tuple[int, ...]
    text: str
    remedy: str

    def __str__(self) -> str:
        kind = {"zero": "zero", "kink": "on a kink"}.get(self.code, "blunt")
        what = f"{self.undecided:,} undecided" if self.undecided else f"{self.count:,} {kind}"
        where = place(self.tensor, self.index, 40)
        text, remedy = f"{what}, worst {where}: {self.text}", f"    {self.remedy}"
        return "\n".join(line for part in (text, remedy) for line in folded(part))


@dataclass(frozen=True, kw_only=True, repr=False)
class Report:
    """What a check found; as a truth value, whether it is a pass.

    Attributes
    ----------
    verdict
        "pass", "fail" or "undecided".
    parameters, checked, zero, undecided, kinks, unchecked, failed
        Coordinates in all; decided, one way or the other; exactly zero on both sides; such that
        rounding could hide an error of `rtol`; on a kink of the cost; not looked at; and wrong.
        The first is the sum of the following five.
    share
        The share of the coordinates that was drawn to be checked; 1 where no sample was asked for.
    worst
        The coordinate furthest beyond, or nearest to, its tolerance; None where none was compared.
    failures
        The wrong coordinates, worst first, at most `FAILURES_KEPT` of `failed`.
    diagnosis
        What the failure looks like, or None.
    method, oracle
        How the coordinates were visited, and which oracle gave the numeric values.
    status
        `checks.verdict.rule.Status` of every coordinate, by tensor; not part of the JSON.
    coordinates
        What was found of every coordinate, or of the worst of many, by tensor: what a page shows;
        not part of the JSON.
    measure_curves
        Runs the cost again for the curves of a page; None where that was not kept.
    reasons
        Why coordinates are undecided or blunt, one for each kind of reason.
    resolution
        The largest error that could have hidden, relative to the largest slope of its tensor,
        where that is more than `rtol` of the value itself; 0 where all is as sharp as `rtol`.
    strict
        Whether what is blunter than `rtol` counts as undecided.
    calls
        How often "cost" and "gradient" were run.
    notes
        Sentences that qualify the verdict, such as why an oracle was not believed.
    """

    verdict: Verdict
    parameters: int
    checked: int
    zero: int
    undecided: int
    kinks: int
    failed: int
    rtol: float
    worst: Mismatch | None
    failures: tuple[Mismatch, ...]
    diagnosis: Diagnosis | None
    tensors: tuple[Tensor, ...]
    method: str
    oracle: str
    seconds: float
    seed: int
    unchecked: int = 0
    share: float = 1.0
    notes: tuple[str, ...] = ()
    reasons: tuple[Reason, ...] = ()
    resolution: float = 0.0
    strict: bool = False
    calls: dict[str, int] = field(default_factory=dict)
    repeat: str = ""
    extra: dict[str, Any] = field(default_factory=dict)
    status: dict[str, Array] = field(default_factory=dict, repr=False, compare=False)
    coordinates: dict[str, Coordinates | Grid] = field(
        default_factory=dict, repr=False, compare=False
    )
    measure_curves: Callable[[], Curves] | None = field(default=None, repr=False, compare=False)

    @property
    def summary(self) -> str:
        """The verdict line."""
        if self.method == "taylor":
            return (
                f"{self.said}: along one direction through all {self.parameters:,} parameters,"
                " none of which was checked by itself"
            )
        head = f"{self.said}: {self.checked:,} of {self.parameters:,} parameters checked"
        if self.share < 1:
            head += f" (a random {100 * self.share:.2g}%)"
        counts = []
        if self.failed:
            counts = [f"{self.failed:,} wrong"]
            room = WIDTH - len(f"{head}, {counts[0]} in ")
            wrong = [t.name for t in self.tensors if t.failed]
            if wrong != [""]:  # one array has no name
                counts[0] += f" in {listed(wrong, room)}"
        counts += [
            f"{count:,} {label}"
            for count, label in (
                (self.zero, "exactly zero on both sides"),
                (self.undecided, "undecided"),
                (self.kinks, "on a kink"),
                (self.unchecked, "not checked"),
            )
            if count
        ]
        thin = [
            t.name for t in self.tensors
            if 2 * (t.zero + t.undecided + t.kinks) > t.parameters - t.unchecked
        ]  # fmt: skip
        caveat = f"; more than half of {listed(thin, 40)} zero or undecided" if thin else ""
        return f"{', '.join([head, *counts])}{caveat}"

    @property
    def said(self) -> str:
        """The verdict, and how blunt a pass is: "pass to 2e-04"."""
        blunt = self.verdict == "pass" and self.resolution > self.rtol
        return f"{self.verdict} to {self.resolution:.0e}" if blunt else self.verdict

    def to_dict(self) -> dict[str, Any]:
        """The fields as plain values; see "The JSON" in docs/verdict.md."""
        fields = asdict(replace(self, status={}, coordinates={}, measure_curves=None))
        for name in ("status", "coordinates", "measure_curves"):
            del fields[name]
        for tensor in fields["tensors"]:
            if tensor["where"] is None:  # none was compared by itself, or all were zero
                tensor["worst"] = None
        fields.update(fields.pop("extra"))
        return _plain({"schema": SCHEMA, **fields})  # type: ignore[no-any-return]

    def to_json(self) -> str:
        """`to_dict` as JSON; numbers that are not finite become null."""
        return json.dumps(self.to_dict(), indent=2, allow_nan=False)

    @staticmethod
    def schema() -> dict[str, Any]:
        """The JSON Schema of what `to_json` writes; its `$id` names form and version."""
        return schema()

    @classmethod
    def from_dict(cls, fields: object) -> Report:
        """A report of what `to_dict` gave; what that does not hold, such as `status`, is empty.

        Raises
        ------
        ValueError
            Where that was something else, or has another version's form.
        """
        found = require_form(fields)
        made = dict(found)
        for name, kind in _RECORDS.items():
            if name in found:
                made[name] = records(kind, found[name])
        own = {field.name for field in dataclass_fields(cls)}
        made["extra"] = {k: v for k, v in found.items() if k not in own and k != "schema"}
        return record(cls, made)

    @classmethod
    def from_json(cls, text: str) -> Report:
        """A report of what `to_json` wrote.

        Raises
        ------
        ValueError
            Where the text is something else, or has another version's form.

        Examples
        --------
        >>> from checks import check_gradients
        >>> import numpy as np
        >>> report = check_gradients(lambda x: (x**2).sum(), lambda x: 2 * x, np.ones(3))
        >>> Report.from_json(report.to_json()).to_json() == report.to_json()
        True
        """
        try:
            plain = json.loads(text)
        except RecursionError:
            raise ValueError("report: expected its JSON, got other text, nested deep") from None
        return cls.from_dict(plain)

    def to_html(self, *, title: str = "") -> str:
        """The report as a page: one file with pictures, tables and all else it needs.

        The curves of a few coordinates are measured for it: the cost is run some hundred times
        more, the first time that this is asked for.

        Parameters
        ----------
        title
            What was checked, for the head of the page; by default the command that repeats it.
        """
        from checks.output.page import render

        return render(self.page_contents(), title=title or self.repeat or "gradient check")

    def page_contents(self, *, curves: bool = True) -> Contents:
        """What a page says of it, in plain values; `curves` are measured where they were not."""
        from checks.verdict.presented import contents

        return contents(self, curves=curves)

    def _repr_html_(self) -> str:
        """The page in a frame, for a notebook; it runs nothing of what was checked."""
        from checks.output.page import framed, render

        page = render(self.page_contents(curves=False), title=self.repeat or "gradient check")
        return framed(page)

    def __bool__(self) -> bool:
        """True for a pass alone: neither a failure nor what is undecided is one."""
        return self.verdict == "pass"

    def __str__(self) -> str:
        return text_of(self)

    def __repr__(self) -> str:
        return f"<Report {self.summary}>"


# The records in a report, by the fields that hold one or many.
_RECORDS: dict[str, type[Any]] = {
    "worst": Mismatch,
    "failures": Mismatch,
    "diagnosis": Diagnosis,
    "tensors": Tensor,
    "reasons": Reason,
}


def _plain(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _plain(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(item) for item in value]
    if isinstance(value, float) and not math.isfinite(value):
        return None
    return value
