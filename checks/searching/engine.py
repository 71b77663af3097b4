"""The engine: draw examples, check each, and shrink the first that is wrong.

Hypothesis draws and shrinks, and keeps a failure for the next time. What it has shrunk may still
have smaller siblings that it cannot reach by small changes: so all smaller sizes are looked at once
more, until none of them is wrong.
"""

from __future__ import annotations

import contextlib
import math
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import hypothesis
import numpy as np
from hypothesis import HealthCheck, Phase, Verbosity
from hypothesis import strategies as st
from hypothesis.database import DirectoryBasedExampleDatabase
from hypothesis.errors import Flaky, HypothesisException, Unsatisfiable

from checks.problem.evaluation import as_number
from checks.problem.nested import Array
from checks.problem.problem import FormError, Problem
from checks.searching.examples import Below, Build, Example, Space
from checks.searching.makers import MakerError
from checks.searching.points import AS_MADE
from checks.verdict.report import Report

Check = Callable[[Problem, Example], Report | None]

# As many examples without one that could be checked are enough to say that none can.
HOPELESS = 20
# Draws for each smaller size, and of all together at the least and at the most: of a size that
# shows a fault, one draw in a few does so.
DRAWS, LEAST_DRAWS, MOST_DRAWS = 8, 100, 600
# Errors that are no matter of one example: there is no memory, no such file, no such package.
NOT_THEIRS = (MemoryError, OSError, ImportError)
# Without end, as far as Hypothesis is concerned.
ENDLESS = 10**9


class Enough(KeyboardInterrupt):
    """The time is up; an interrupt, for that is what ends Hypothesis without being a failure."""


class _Shown(Exception):  # noqa: N818 it is no error
    """Tells Hypothesis that an example is what is looked for."""


@dataclass(frozen=True, kw_only=True)
class Seen:
    """An example, what a check of it said, and the numbers that it was made of."""

    example: Example
    report: Report
    values: dict[str, Array]


@dataclass(kw_only=True)
class Search:
    """One search: what it is told, and what it has found so far.

    Attributes
    ----------
    space, check
        Where examples come from, and what is asked of each.
    examples, seconds
        How many examples to look at, and for how long; None for no limit. To shrink what was found
        there is as much time again.
    seed
        Where the examples come from.
    database
        A folder for what Hypothesis is to begin with the next time, or None.
    told
        Called with this search whenever an example was looked at.
    counts
        How many examples were "pass", "fail" and "undecided"; "refused", for the maker could not
        build them; "raised"; and "passed over": at a point that the maker has not chosen, where
        something was raised, was no finite number, or has a kink.
    before
        How many examples were looked at until the first was wrong, that one included.
    first, smallest, undecided
        The first wrong one and the smallest, and the smallest that is undecided.
    raised
        The smallest at which something was raised, and what.
    stopped
        What ended the search before it was through: "interrupted", "time" or "".
    """

    space: Space
    check: Check
    examples: int | None
    seconds: float | None
    seed: int
    database: Path | None = None
    told: Callable[[Search], None] = lambda _: None
    started: float = field(default_factory=time.monotonic)
    counts: Counter[str] = field(default_factory=Counter)
    before: int = 0
    first: Seen | None = None
    smallest: Seen | None = None
    undecided: Seen | None = None
    raised: tuple[Example, Exception] | None = None
    stopped: str = ""
    seen: dict[str, set[Any]] = field(default_factory=dict)
    _until: float = math.inf
    _known: dict[str, str] = field(default_factory=dict)
    _fatal: Exception | None = None

    def run(self) -> None:
        """Look, and shrink what is found.

        Raises
        ------
        MakerError, FormError
            Where what the maker makes cannot be checked at all.
        KeyboardInterrupt
            Where there is one before anything wrong was found.
        """
        self._give_time()
        try:
            self._find("fail", None, self.examples or ENDLESS, self.database)
            self._look_below("fail" if self.smallest else "raised")
        except Enough:
            self._raise_fatal()
            self.stopped = "time"
        except KeyboardInterrupt:
            if self.smallest is None:
                count = f"{self.looked_at:,} examples"
                raise KeyboardInterrupt(f"interrupted after {count}, none of them wrong") from None
            self.stopped = "interrupted"

    def look_at(self, example: Example, build: Build) -> None:
        """Look at a single example, and take down what that says."""
        try:
            self._look(example, build)
        except Enough:
            self._raise_fatal()

    def _raise_fatal(self) -> None:
        """What no further example would be without; Hypothesis would shrink it."""
        if self._fatal is not None:
            raise self._fatal from None

    @property
    def looked_at(self) -> int:
        """How many examples."""
        return self.counts.total()

    @property
    def _decided(self) -> bool:
        """Whether some example could be checked at all."""
        return any(self.counts[verdict] for verdict in ("pass", "fail", "undecided"))

    def _give_time(self) -> None:
        if self.seconds is not None:
            self._until = time.monotonic() + self.seconds

    def _look_below(self, verdict: str) -> None:
        """Look at all that is smaller than what was found, until nothing there shows it."""
        found = None
        while (now := self._least(verdict)) is not None and now != found:
            found = now
            if sizes := self.space.sizes_below(found):
                draws = min(max(LEAST_DRAWS, DRAWS * len(sizes)), MOST_DRAWS)
                self._find(verdict, Below(sizes=sizes, like=found), draws, None)

    def _least(self, verdict: str) -> Example | None:
        if verdict == "fail":
            return None if self.smallest is None else self.smallest.example
        return None if self.raised is None else self.raised[0]

    def _find(
        self, verdict: str, below: Below | None, examples: int, database: Path | None
    ) -> None:
        """Have Hypothesis draw examples until one ends so, and shrink that."""

        @st.composite
        def drawn(draw: st.DrawFn) -> tuple[Example, Build]:
            return self.space.example(draw, below)

        def test(one: tuple[Example, Build]) -> None:
            if self._look(*one) == verdict:
                raise _Shown

        settings = hypothesis.settings(
            max_examples=examples,
            database=None if database is None else DirectoryBasedExampleDatabase(database),
            deadline=None,
            derandomize=False,
            phases=[Phase.reuse, Phase.generate, Phase.shrink],
            print_blob=False,
            report_multiple_bugs=False,
            suppress_health_check=list(HealthCheck),
            verbosity=Verbosity.quiet,
        )
        # What is left over is no failure of theirs: that it does not fail again, or draws nothing.
        with contextlib.suppress(_Shown, Flaky, Unsatisfiable):
            # In this order, for a seed leaves out the database.
            settings(hypothesis.seed(self.seed)(hypothesis.given(drawn())(test)))()

    # --- one example --------------------------------------------------------------------------

    def _look(self, example: Example, build: Build) -> str:
        """What became of an example: one of the keys of `counts`."""
        if time.monotonic() > self._until:
            raise Enough
        built = False
        try:
            problem, point = build()
            built, example = True, replace(example, point=point)
            key = example.words
            if key not in self._known:
                self._known[key] = self._judge(example, problem)
        except HypothesisException:
            raise
        except (MakerError, FormError, *NOT_THEIRS) as error:
            self._fatal = error
            raise Enough from error
        except Exception as error:  # noqa: BLE001 anyone's functions may raise anything
            if not built:  # wherever it would have been looked at
                example = replace(example, point=AS_MADE)
            return self._count(example, self._raised(example, error))
        return self._known[key]

    def _judge(self, example: Example, problem: Problem | None) -> str:
        """The verdict on a problem, and what is to be kept of it."""
        if problem is None:
            return self._count(example, "refused")
        own = example.point == AS_MADE or self.space.anywhere
        if not own and not _finite(problem):
            return self._count(example, "passed over")
        report = self.check(problem, example)
        if report is None:
            return self._count(example, "passed over")
        seen = Seen(
            example=example,
            report=replace(report, repeat=self.space.repeat(example)),
            values={**dict(zip(problem.names, problem.values, strict=True)), **problem.inputs},
        )
        if report.verdict == "fail":
            if self.first is None:
                self.first, self.before = seen, self.looked_at + 1
                self._give_time()
            self.smallest = _smaller(seen, self.smallest)
        elif report.verdict == "undecided":
            self.undecided = _smaller(seen, self.undecided)
        return self._count(example, report.verdict)

    def _raised(self, example: Example, error: Exception) -> str:
        """At a point of the search's own choice it is passed over, else it is kept."""
        if example.point != AS_MADE and not self.space.anywhere:
            return "passed over"
        if self.raised is None or example.rank <= self.raised[0].rank:
            self.raised = example, error
        return "raised"

    def _count(self, example: Example, what: str) -> str:
        self.counts[what] += 1
        for name, value in example.seen():
            self.seen.setdefault(name, set()).add(value)
        self.told(self)
        if self.counts["raised"] >= HOPELESS and not self._decided:
            raise Enough
        return what


def _smaller(seen: Seen, than: Seen | None) -> Seen:
    return seen if than is None or seen.example.rank <= than.example.rank else than


@np.errstate(all="ignore")
def _finite(problem: Problem) -> bool:
    """Whether cost and gradient are finite at the point."""
    cost, gradient = problem.cost(problem.values), problem.gradient(problem.values)
    return bool(
        np.isfinite(as_number(cost)).all() and all(np.isfinite(g).all() for g in gradient.values())
    )
