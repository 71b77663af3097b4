"""Rivals: the same planted errors for every checker, each at its defaults.

    python benchmarks/rivals.py [--rounds 3] [--json PATH] [--write FILE.md]

Errors: all of `checks.network.faults.catalogue`; single coordinates a little wrong, of the other
sign, or zero; the whole first layer of the other sign under a small loss. Beside them, clean
networks that look suspicious: saturated ones, and losses scaled by 1e-12 to 1e12. The table counts
errors caught and clean networks accused, and how long a check takes.
"""

from __future__ import annotations

import argparse
import json
import sys
import time
import warnings
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from statistics import median
from typing import Any

import measure
import numpy as np
from peers import CHECKERS

from backprop import init_net
from backprop.costs import COSTS
from checks.network.adapter import network_problem
from checks.network.faults import selftest
from checks.network.faults.catalogue import FAULTS, plant
from checks.problem.problem import Problem, scaled

Gradient = dict[str, Any]
HEADS = {
    "catalogue": "cata- logue",
    "off 1e-2": "one off 1e-2",
    "off 1e-6": "one off 1e-6",
    "sign": "one flipped",
    "zero": "one zeroed",
    "flipped": "W1 flipped",
    "clean": "clean accused",
}
WIDTHS = (30, 20, 10)
BATCH = 8


@dataclass(frozen=True, kw_only=True)
class Trial:
    """A subject, what may be planted in the code while it is checked, and its column."""

    column: str
    subject: Problem
    about: str = ""
    planted: Callable[[], AbstractContextManager[None]] = nullcontext


def catalogue(rounds: int) -> Iterator[Trial]:
    """Every fault of the catalogue, in random networks where it shows."""
    rng = np.random.default_rng(30)
    for fault in FAULTS:
        for _ in range(rounds):
            case = selftest.network_where_fault_shows(fault, rng)
            if case is not None:
                yield Trial(
                    column="catalogue",
                    subject=network_problem(*case),
                    about=fault.code,
                    planted=partial(plant, fault),
                )


def single(rounds: int) -> Iterator[Trial]:
    """One coordinate wrong, of those whose gradient is at least its tensor's median size."""
    rng = np.random.default_rng(31)
    factors = {"off 1e-2": 1 + 1e-2, "off 1e-6": 1 + 1e-6, "sign": -1.0, "zero": 0.0}
    for _ in range(10 * rounds):
        subject = _network(rng)
        name = str(rng.choice(subject.names))
        size = np.abs(subject.gradient(subject.values)[name].reshape(-1))
        flat = int(rng.choice(np.flatnonzero((size >= np.median(size)) & (size > 0))))
        for column, factor in factors.items():
            yield Trial(column=column, subject=changed(subject, name, flat, factor))


def flipped(rounds: int) -> Iterator[Trial]:
    """The first layer of the other sign, in the kind of network that reads images; loss × 1e-4."""
    rng = np.random.default_rng(32)
    for _ in range(10 * rounds):
        net = init_net(WIDTHS, seed=rng)
        x, labels = rng.random((BATCH, WIDTHS[0])), rng.integers(0, WIDTHS[-1], BATCH)
        subject = network_problem(net, x, labels)
        for name in ("W1", "b1"):
            subject = changed(subject, name, slice(None), -1.0)
        yield Trial(column="flipped", subject=scaled(subject, 1e-4))


def clean(rounds: int) -> Iterator[Trial]:
    """Correct gradients: usual, of ten and twenty times the weights, of scaled losses."""
    rng = np.random.default_rng(33)
    for _ in range(10 * rounds):
        yield Trial(
            column="clean", subject=network_problem(*selftest.random_network_for(None, rng))
        )
        yield Trial(column="clean", subject=_network(rng, scale=10.0))
        yield Trial(column="clean", subject=_network(rng, scale=20.0))
        for power in (-12, -4, 4, 12):
            yield Trial(column="clean", subject=scaled(_network(rng), 10.0**power))


def _network(rng: np.random.Generator, *, scale: float = 1.0) -> Problem:
    cost = str(rng.choice(list(COSTS)))
    activation = str(rng.choice(["sigmoid", "tanh", "softplus"]))
    net = init_net(WIDTHS, activation=activation, cost=cost, seed=rng)
    net.weights = [scale * W for W in net.weights]
    x = rng.normal(size=(BATCH, WIDTHS[0]))
    return network_problem(net, x, rng.integers(0, WIDTHS[-1], BATCH))


def changed(subject: Problem, name: str, at: Any, factor: float) -> Problem:
    """The subject with part of one tensor's gradient multiplied by `factor`."""

    def change(gradient: Gradient) -> Gradient:
        g = gradient[name].copy()
        g.reshape(-1)[at] *= factor
        return {**gradient, name: g}

    jittered = subject.jittered
    return replace(
        subject,
        gradient=lambda values: change(subject.gradient(values)),
        jittered=jittered and (lambda rng: change(jittered(rng))),
    )


def run(rounds: int, say: Callable[[str], None] = lambda line: None) -> dict[str, Any]:
    """Every checker on every trial: counts of answers by checker and column, and seconds."""
    trials = [t for part in (catalogue, single, flipped, clean) for t in part(rounds)]
    counts = {name: {column: Counter[str]() for column in HEADS} for name in CHECKERS}
    seconds: dict[str, list[float]] = {name: [] for name in CHECKERS}
    missed = {name: Counter[str]() for name in CHECKERS}
    for number, trial in enumerate(trials):
        for name, check in CHECKERS.items():
            np.random.seed(number)  # noqa: NPY002 - autograd and SciPy draw from the global one
            subject = replace(trial.subject, values=tuple(v.copy() for v in trial.subject.values))
            with trial.planted(), np.errstate(all="ignore"), warnings.catch_warnings():
                warnings.simplefilter("ignore")
                started = time.perf_counter()
                answer = check(subject)
            if trial.column == "off 1e-6":  # all of one shape
                seconds[name].append(time.perf_counter() - started)
            counts[name][trial.column][answer] += 1
            if trial.column == "catalogue" and answer != "wrong":
                missed[name][f"{trial.about} ({answer})"] += 1
        if number % 50 == 0:
            say(f"rivals: {number} of {len(trials)}")
    return {
        "checkers": {
            name: {
                "answers": {column: dict(found) for column, found in counts[name].items()},
                "missed": dict(missed[name]),
                "seconds": median(seconds[name]),
            }
            for name in CHECKERS
        },
        "trials": dict(Counter(t.column for t in trials)),
        "shape": WIDTHS,
        "batch": BATCH,
        "rounds": rounds,
    }


def rows(result: dict[str, Any], head: Callable[[str], str]) -> tuple[list[str], list[list[str]]]:
    """The table's head and rows."""
    total = result["trials"]
    lines = [
        [
            name,
            *(str(found["answers"][column].get("wrong", 0)) for column in HEADS),
            measure.span(found["seconds"]),
        ]
        for name, found in result["checkers"].items()
    ]
    return (
        ["", *map(head, HEADS.values()), "time"],
        [["of", *(str(total[column]) for column in HEADS), ""], *lines],
    )


def text(result: dict[str, Any]) -> str:
    """The table, at most 80 columns wide."""
    head, lines = rows(result, lambda title: title)
    upper, lower = zip(*((*title.split(" ", 1), "")[:2] for title in head), strict=True)
    columns = [upper, lower, *lines]
    widths = [max(len(row[i]) for row in columns) for i in range(len(head))]
    table = [
        " ".join(
            cell.rjust(width) if i else cell.ljust(width)
            for i, (cell, width) in enumerate(zip(row, widths, strict=True))
        ).rstrip()
        for row in columns
    ]
    rule = "-" * max(map(len, table))
    return "\n".join([*table[:2], rule, *table[2:], *undecided(result)])


def undecided(result: dict[str, Any]) -> Iterator[str]:
    """A sentence for every checker that has a third answer, and gave it."""
    for name, found in result["checkers"].items():
        answers = found["answers"]
        planted = sum(answers[c].get("undecided", 0) for c in HEADS if c != "clean")
        beside = answers["clean"].get("undecided", 0)
        if planted or beside:
            yield f"{name}: undecided on {planted} planted errors, on {beside} clean networks"


def markdown(result: dict[str, Any]) -> str:
    """The table for the README."""
    table = measure.markdown_table(*rows(result, lambda title: title.replace("cata- ", "cata")))
    return "\n".join([table, "", ". ".join([*undecided(result), ""])]).strip()


def main() -> int:
    """Run, print, write."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--json", type=Path)
    parser.add_argument(
        "--write", type=Path, help="put the table between <!-- rivals:begin/end -->"
    )
    options = parser.parse_args()
    measure.one_core()
    result = {**run(options.rounds, lambda line: print(line, file=sys.stderr)), **measure.about()}
    print(text(result))
    if options.json:
        options.json.write_text(json.dumps(result, indent=2) + "\n")
    if options.write:
        measure.write_tables(options.write, {"rivals": markdown(result)})
    return 0


if __name__ == "__main__":
    sys.exit(main())
