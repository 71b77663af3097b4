"""The campaign's broken oracles: what becomes of a verdict where one that it rests on is wrong.

There are two families of oracles, the complex step and real differences, and each is broken here in
every way of `MISTAKES`, the other one left as it is. Two things are promised: no broken oracle
leads to a pass of a wrong gradient, nor to a fail of a right one. What is counted:

- Broken oracles are wrong about everything, known slopes included. They are told of: the check says
  that oracles disagree, or raises what the oracle raised, or its verdict is the right one all the
  same, which then is the other oracle's. To be undecided for another reason is not enough.
- Sly oracles are right about the known slopes by which oracles are tried, and wrong elsewhere. The
  other family alone can tell, and may leave undecided what it cannot: so only the two promises
  count. The gradient is right, or has the other sign in its largest entry, or is wrong in the very
  way of the oracle.

Real differences are broken in what they say, in their answer as in what they keep for later.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Any
from unittest import mock

import numpy as np
from random_cases import changed, random_box, with_factor
from trials import complain

from checks.methods.dispatch import run_check
from checks.methods.run import DISAGREE
from checks.network.adapter import network_problem
from checks.network.faults import selftest
from checks.oracles import registry
from checks.oracles.calibration import KNOWN
from checks.oracles.levels import Evidence, Levels
from checks.oracles.lines import Lines
from checks.problem.problem import Problem

ORACLES = ("complex_step", "scan")
METHODS = ("sweep", "naive", "probe")

# What is made of slopes, the last axis that of lines; a gradient can be wrong in the same ways.
MISTAKES: dict[str, Callable[[Any], Any]] = {
    "a tenth too large": lambda slope: 1.1 * slope,
    "a thousandth too large": lambda slope: (1 + 1e-3) * slope,
    "of the other sign": lambda slope: -slope,
    "zero": lambda slope: 0 * slope,
    "constant": lambda slope: 1 + 0 * slope,
    "another line's": lambda slope: np.roll(slope, 1, axis=-1),
    "absolute": np.abs,
    "NaN": lambda slope: np.nan * slope,
}


def _raise(error: type[Exception]) -> Any:
    raise error("broken on purpose")


# What else can become of an answer.
FAILURES: dict[str, Callable[[Any], Any]] = {
    "error NaN": lambda found: (
        replace(found, hi=np.nan * found.hi)
        if isinstance(found, Evidence)
        else (found[0], np.nan * found[1])
    ),
    "nothing": lambda found: None,
    "ArithmeticError": lambda found: _raise(ArithmeticError),
    "RuntimeError": lambda found: _raise(RuntimeError),
}
ALIKE = tuple(title for title in MISTAKES if title != "NaN")
TITLES = (*MISTAKES, *FAILURES)


def spoil(title: str, found: Any) -> Any:
    """An oracle's answer with a mistake made: slopes and errors, or intervals."""
    if title in FAILURES:
        return FAILURES[title](found)
    mistake = MISTAKES[title]
    if not isinstance(found, Evidence):
        slope, error = found
        return mistake(slope), error
    middle, half = mistake((found.lo + found.hi) / 2), found.width / 2
    return replace(found, lo=middle - half, hi=middle + half)


def subjects(rng: np.random.Generator) -> dict[str, Problem]:
    """One of each kind: a network, a black box that is complex-safe, and one that is not."""
    return {
        "network": network_problem(*selftest.random_network_for(None, rng)),
        "complex-safe": random_box(rng).subject(),
        "real only": random_box(rng).real_only().subject(),
    }


def broken_oracles(seed: int) -> Counter[str]:
    """Each oracle broken in each way, on each kind of subject, its gradient right and wrong."""
    rng = np.random.default_rng([25, seed])
    counts: Counter[str] = Counter()
    for kind, subject in subjects(rng).items():
        method = str(rng.choice(METHODS))
        for name in ORACLES:
            for title in TITLES:
                for right, case in ((True, subject), (False, one_flipped(subject))):
                    with _broken(name, title):
                        verdict, code = _verdict(case, method, seed)
                    told = code == DISAGREE or verdict in {"raised", "pass" if right else "fail"}
                    counts += _counted("broken oracles", verdict, code, right=right)
                    counts += Counter({"broken oracles, told": int(told)})
                    if not told:
                        gradient = "right" if right else "one flipped"
                        what = f"{verdict} [{code}] with {name} {title}, {kind}, {method}"
                        complain("broken oracle", seed, f"{what}, gradient {gradient}")
    return counts


def sly_oracles(seed: int) -> Counter[str]:
    """Each oracle broken where it is used, not where it is tried; gradients right and wrong."""
    rng = np.random.default_rng([26, seed])
    counts: Counter[str] = Counter()
    for kind, subject in subjects(rng).items():
        method = str(rng.choice(METHODS))
        for name in ORACLES:
            for title in TITLES:
                for gradient, case in _gradients(subject, title):
                    right = gradient == "right"
                    with _broken(name, title, sly=True):
                        verdict, code = _verdict(case, method, seed)
                    counts += _counted("sly oracles", verdict, code, right=right)
                    if verdict == ("fail" if right else "pass"):
                        what = f"{verdict} [{code}] with {name} {title}, {kind}, {method}"
                        complain("sly oracle", seed, f"{what}, gradient {gradient}")
    return counts


def _counted(which: str, verdict: str, code: str, *, right: bool) -> Counter[str]:
    return Counter(
        {
            which: 1,
            f"{which}, right": int(right),
            f"{which}, right failed": int(right and verdict == "fail"),
            f"{which}, wrong": int(not right),
            f"{which}, wrong passed": int(not right and verdict == "pass"),
            f"{which}, {'right' if right else 'wrong'}: {verdict} [{code}]": 1,
        }
    )


def _gradients(subject: Problem, title: str) -> Iterator[tuple[str, Problem]]:
    """The subject with its gradient right, and wrong in one or two ways."""
    yield "right", subject
    yield "one flipped", one_flipped(subject)
    if title in ALIKE:
        alike = changed(subject, lambda gradient: _alike(MISTAKES[title], gradient))
        given, wrong = (each.gradient(each.values) for each in (subject, alike))
        if not all(np.array_equal(given[n], wrong[n]) for n in subject.names):
            yield "alike", alike


def _alike(mistake: Callable[[Any], Any], gradient: dict[str, Any]) -> dict[str, Any]:
    return {name: mistake(g.reshape(-1)).reshape(g.shape) for name, g in gradient.items()}


def one_flipped(subject: Problem) -> Problem:
    """The subject with the largest entry of its gradient of the other sign."""
    gradient = subject.gradient(subject.values)
    name = max(gradient, key=lambda n: np.abs(gradient[n]).max())
    return with_factor(subject, name, int(np.abs(gradient[name]).argmax()), -1.0)


def _verdict(subject: Problem, method: str, seed: int) -> tuple[str, str]:
    try:
        report = run_check(subject, method=method, seed=seed)
    except Exception as error:  # noqa: BLE001 - whatever comes out is counted, and is no verdict
        return "raised", type(error).__name__
    return report.verdict, report.diagnosis.code if report.diagnosis else "none"


def _broken(name: str, title: str, *, sly: bool = False) -> Any:
    """That oracle replaced; a sly one is right about the slopes by which oracles are tried."""
    right = getattr(registry, name)

    def complex_step(lines: Lines) -> Any:
        found = right(lines)
        return found if sly and tried(found[0]) else spoil(title, found)

    def scan(levels: Levels, wanted: Any, target: Any) -> Any:
        found = right(levels, wanted, target)
        if sly and tried(wanted):
            return found
        kept = levels.evidence
        levels.evidence = lambda: spoil(title, kept())  # type: ignore[method-assign]
        return spoil(title, found)

    return mock.patch.object(registry, name, {"complex_step": complex_step, "scan": scan}[name])


def tried(slope: Any) -> bool:
    """Whether these are the slopes by which oracles are tried."""
    return slope.shape == KNOWN.shape and bool(np.allclose(slope, KNOWN))
