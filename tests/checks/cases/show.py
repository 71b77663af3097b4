"""Run the cases and print each row that falls short, for whoever works on the verdict.

    python tests/checks/cases/show.py [WORD ...] [--method probe] [--all]

A WORD chooses the cases in whose name or kind it occurs.
"""

from __future__ import annotations

import argparse
import sys
import time
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parents[3]))

from checks import check_gradients
from checks.methods.options import Method
from tests.checks.cases.everything import CASES
from tests.checks.cases.shape import Case


def said(case: Case, gradient: Any, method: Method, seed: int) -> tuple[str, str | None]:
    """The verdict and the code of the diagnosis, or what was raised."""
    try:
        report = check_gradients(
            case.cost, gradient, case.params, method=method, seed=seed, **case.options
        )
    except Exception as error:  # noqa: BLE001  (a row that falls short, like any other)
        return f"{type(error).__name__}: {error}"[:100], None
    return report.verdict, report.diagnosis.code if report.diagnosis else None


def rows(case: Case, method: Method) -> Iterator[tuple[str, bool, str]]:
    """Each row's label, whether it holds, and what was expected and said."""
    for label, gradient, verdicts, code, misleading in (
        ("right", case.right, case.expect, None, ()),
        *case.wrong,
    ):
        got = [said(case, gradient, method, seed) for seed in case.seeds]
        if method == "taylor" and label != "right":
            continue
        may = verdicts if method == "sweep" else {*verdicts, "undecided", "pass"}
        if method == "probe" and "pass" not in verdicts:
            may = {"fail", "undecided"}
        holds = all(
            verdict in may and code in {None, found} and found not in misleading
            for verdict, found in got
        )
        yield label, holds, f"expected {'|'.join(sorted(may))} {code or ''}, got {got}"


def main() -> None:
    """Print the rows that fall short, and the score of every kind."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("words", nargs="*")
    parser.add_argument("--method", default="sweep", choices=["sweep", "probe", "taylor"])
    parser.add_argument("--all", action="store_true", help="print the rows that hold, too")
    given = parser.parse_args()
    held: Counter[str] = Counter()
    total: Counter[str] = Counter()
    began = time.perf_counter()
    for case in CASES:
        if given.words and not any(word in f"{case.kind} {case.name}" for word in given.words):
            continue
        for label, holds, text in rows(case, given.method):
            total[case.kind] += 1
            held[case.kind] += holds
            if given.all or not holds:
                print(f"{'holds' if holds else 'SHORT'} {case.kind}: {case.name}: {label}: {text}")
    for kind, count in total.items():
        print(f"{held[kind]:4d} of {count:4d}  {kind}")
    seconds = time.perf_counter() - began
    print(f"{held.total():4d} of {total.total():4d}  in {seconds:.1f} s")


if __name__ == "__main__":
    main()
