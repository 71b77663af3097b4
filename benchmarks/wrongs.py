"""The campaign's trials of what is wrong on purpose: known bugs, made-up ones, broken oracles."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from dataclasses import replace
from functools import partial
from typing import Any
from unittest import mock

import numpy as np
from random_cases import changed, random_box, random_network, with_noise
from trials import complain

from checks import oracles, selftest
from checks.engine import check
from checks.methods import examine
from checks.networks import as_subject
from checks.oracles import Estimate, Lines, Oracle
from checks.state import DISAGREE
from checks.subject import Subject

ORACLES = ("complex_step", "ridders", "central_difference")
BROKEN_METHODS = ("sweep", "naive", "probe")

# `selftest` shows seeds from 0 on; the campaign takes others.
FRESH = 10_000


def diagnosis(seed: int) -> Counter[str]:
    """Every fault of the catalogue in one random network: caught, located, diagnosed."""
    found = selftest.run(FRESH + seed, 1, clean=0)
    counts: Counter[str] = Counter(
        {
            "faults": found.total("planted"),
            "faults caught": found.total("caught"),
            "faults located": found.total("located"),
            "faults diagnosed": found.total("diagnosed"),
        }
    )
    for o in found.outcomes:
        if not o.planted == o.caught == o.located == o.diagnosed:
            counts[f"faults misread, {o.code} as {', '.join(o.misread) or 'elsewhere'}"] += 1
            complain("fault", FRESH + seed, o)
    return counts


def unknown(seed: int) -> Counter[str]:
    """Noise on a random part of a right gradient: it is caught, and no known bug made of it."""
    rng = np.random.default_rng([24, seed])
    if rng.random() < 0.5:
        subject = as_subject(*selftest.draw(None, rng))
    else:
        net, x, y, _ = random_network(rng)
        subject = as_subject(net, x, y)
    noisy, about = with_noise(subject, rng)
    if not about["changed"]:  # a gradient of zeros, or no coordinate drawn
        return Counter({"nothing made up": 1})
    report = check(noisy, seed=seed)
    code = report.diagnosis.code if report.diagnosis else "none"
    if code != "unknown":
        complain("made-up difference read as a bug", seed, about, report)
    return Counter(
        {
            "made up": 1,
            "made up, caught": int(report.verdict == "fail"),
            "made up, unknown": int(code == "unknown"),
            f"made up, read as {code}": 1,
        }
    )


def _raise(error: type[Exception]) -> Any:
    raise error("broken on purpose")


MISTAKES: dict[str, Callable[[Estimate], Any]] = {
    "a tenth too large": lambda e: replace(e, slope=1.1 * e.slope),
    "a thousandth too large": lambda e: replace(e, slope=(1 + 1e-3) * e.slope),
    "of the other sign": lambda e: replace(e, slope=-e.slope),
    "zero": lambda e: replace(e, slope=0 * e.slope),
    "constant": lambda e: replace(e, slope=1 + 0 * e.slope),
    "NaN": lambda e: replace(e, slope=np.nan * e.slope),
    "error NaN": lambda e: replace(e, error=np.nan * e.slope),
    "another line's": lambda e: replace(e, slope=np.roll(e.slope, 1)),
    "absolute": lambda e: replace(e, slope=np.abs(e.slope)),
    "nothing": lambda e: None,
    "ArithmeticError": lambda e: _raise(ArithmeticError),
    "RuntimeError": lambda e: _raise(RuntimeError),
}

# Mistakes that a gradient can share; an oracle that makes them only where it is used, not where
# it is put to the test, would agree with that gradient.
SHARED = {"a tenth too large": 1.1, "a thousandth too large": 1 + 1e-3, "of the other sign": -1.0}


def subjects(rng: np.random.Generator) -> dict[str, Subject]:
    """One of each kind: a network, a black box that is complex-safe, and one that is not."""
    return {
        "network": as_subject(*selftest.draw(None, rng)),
        "complex-safe": random_box(rng).subject(),
        "real only": random_box(rng).real_only().subject(),
    }


def broken_oracles(seed: int) -> Counter[str]:
    """Each oracle broken in each way, on each kind of subject with a right gradient: no pass."""
    rng = np.random.default_rng([25, seed])
    counts: Counter[str] = Counter()
    for kind, subject in subjects(rng).items():
        method = str(rng.choice(BROKEN_METHODS))
        for name in ORACLES:
            for title, mistake in MISTAKES.items():
                with _broken(name, mistake):
                    verdict, code = _verdict(subject, method, seed)
                counts += Counter(
                    {
                        "broken oracles": 1,
                        "broken oracles, passed": int(verdict == "pass"),
                        "broken oracles, told": int(code == DISAGREE or verdict == "raised"),
                        f"broken oracles, verdict {verdict} [{code}]": 1,
                    }
                )
                if code != DISAGREE and verdict != "raised":
                    what = f"{verdict} [{code}] with {name} {title}, {kind}, {method}"
                    complain("broken oracle", seed, what)
    return counts


def sly_oracles(seed: int) -> Counter[str]:
    """Oracles that slip through their own test, and a gradient wrong in the same way: no pass."""
    rng = np.random.default_rng([26, seed])
    counts: Counter[str] = Counter()
    for kind, subject in subjects(rng).items():
        for name in ORACLES:
            for title, factor in SHARED.items():
                wrong = changed(subject, partial(_times, factor))
                with _broken(name, MISTAKES[title], sly=True):
                    verdict, code = _verdict(wrong, "sweep", seed)
                passed = verdict == "pass"
                counts += Counter({"sly oracles": 1, "sly oracles, passed": int(passed)})
                if passed:
                    complain("passed", seed, f"{name} and the gradient {title}, {kind}", code)
    return counts


def _times(factor: float, gradient: dict[str, Any]) -> dict[str, Any]:
    return {name: factor * g for name, g in gradient.items()}


def _verdict(subject: Subject, method: str, seed: int) -> tuple[str, str]:
    try:
        report = examine(subject, method=method, seed=seed)
    except Exception as error:  # noqa: BLE001 - whatever comes out is counted, and is no pass
        return "raised", type(error).__name__
    return report.verdict, report.diagnosis.code if report.diagnosis else "none"


def _broken(name: str, mistake: Callable[[Estimate], Any], *, sly: bool = False) -> Any:
    """That oracle replaced; a sly one is right about the slopes by which oracles are tried."""
    right: Oracle = getattr(oracles, name)

    def wrong(lines: Lines) -> Any:
        found = right(lines)
        tried = found.slope.shape == (3,) and bool(np.allclose(found.slope, [np.cos(1), 1, -3]))
        return found if sly and tried else mistake(found)

    wrong.__name__ = name
    return mock.patch.object(oracles, name, wrong)
