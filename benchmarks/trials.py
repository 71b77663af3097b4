"""The campaign's trials of verdicts: functions from a seed to counts, repeatable from that seed.

What goes wrong is told on standard error, with its seed.
"""

from __future__ import annotations

import sys
from collections import Counter
from typing import Any

import numpy as np
from random_cases import RTOL, random_network, with_factor

from backprop import init_net
from checks.methods.dispatch import run_check
from checks.methods.probe import probe
from checks.network.adapter import network_problem
from checks.network.faults import selftest
from checks.problem.problem import Problem, scaled
from checks.verdict.report import Report
from checks.verdict.rule import Status

POWERS = range(-12, 13)

# Below this, the probe's own word on the largest probability of a miss, a lone error cannot escape.
PROVEN = 0.5


def complain(what: str, seed: int, about: object, report: object = "") -> None:
    """Tell of one case that broke a promise."""
    print(f"{what}: seed {seed}, {about}\n{report}", file=sys.stderr, flush=True)


def clean_and_planted(seed: int) -> Counter[str]:
    """One network: checked clean, then with an error of `RTOL` in one sharp coordinate."""
    rng = np.random.default_rng([20, seed])
    net, x, y, about = random_network(rng)
    loss = float(10.0 ** rng.integers(-12, 13))
    subject = scaled(network_problem(net, x, y), loss)
    report = run_check(subject, seed=seed)
    band = "at most 5" if about["scale"] <= 5 else "above 5"
    strict = run_check(subject, strict=True, seed=seed) if report.resolution else report
    accused = report.verdict == "fail" or report.failed > 0 or report.diagnosis is not None
    if accused:
        complain("accused", seed, f"{about}, loss {loss:g}", report)
    counts = Counter(
        {
            "networks": 1,
            f"networks, verdict {report.verdict}": 1,
            "networks accused": int(accused),
            "coordinates": report.parameters,
            "coordinates compared": report.parameters - report.zero,
            "coordinates failed": report.failed,
            "coordinates on kinks": report.kinks,
            f"scale {band}, coordinates": report.parameters - report.zero,
            f"scale {band}, undecided": report.undecided,
            f"scale {band}, blunt": strict.undecided - report.undecided,
        }
    )
    at = sharp(strict, rng)
    return counts + planted(subject, *at, seed, "planted") if at else counts


def sharp(report: Report, rng: np.random.Generator) -> tuple[str, int] | None:
    """A random coordinate that passed a strict check, of a random tensor that has one."""
    flat = {name: np.flatnonzero(s == Status.PASS) for name, s in report.status.items()}
    some = [name for name, at in flat.items() if at.size]
    if not some:
        return None
    tensor = str(rng.choice(some))
    return tensor, int(rng.choice(flat[tensor]))


def named(report: Report, subject: Problem, tensor: str, flat: int) -> bool:
    """Whether the report fails, and names that coordinate and no other."""
    shape = dict(zip(subject.names, subject.values, strict=True))[tensor].shape
    index = tuple(int(i) for i in np.unravel_index(flat, shape))
    only = [(f.tensor, f.index) for f in report.failures] == [(tensor, index)]
    return only and report.verdict == "fail"


def planted(subject: Problem, tensor: str, flat: int, seed: int, kind: str) -> Counter[str]:
    """An error of `RTOL` in one coordinate: it is caught, and that coordinate alone named."""
    report = run_check(with_factor(subject, tensor, flat, 1 + RTOL), seed=seed)
    found = named(report, subject, tensor, flat)
    if not found:
        complain("missed", seed, f"{tensor}, flat index {flat}", report)
    return Counter({kind: 1, f"{kind}, named": int(found)})


def default_shape(seed: int) -> Counter[str]:
    """One error of `RTOL` in a random coordinate of each tensor of 784-40-10."""
    rng = np.random.default_rng([21, seed])
    net = init_net((784, 40, 10), seed=seed)
    x, y = rng.random((20, 784)), rng.integers(0, 10, 20)
    subject = network_problem(net, x, y)
    counts: Counter[str] = Counter()
    for tensor, values in zip(subject.names, subject.values, strict=True):
        counts += planted(subject, tensor, int(rng.integers(values.size)), seed, "784-40-10")
    return counts


def scaling(seed: int) -> Counter[str]:
    """One network, clean and with an error of `RTOL`: the same verdict at every size of loss."""
    rng = np.random.default_rng([22, seed])
    net, x, y = selftest.random_network_for(None, rng)
    net.weights = [W * float(np.exp(rng.uniform(np.log(0.1), np.log(10)))) for W in net.weights]
    subject = network_problem(net, x, y)
    unscaled = run_check(subject, seed=seed)
    at = sharp(run_check(subject, strict=True, seed=seed), rng)
    cases = [("clean", subject, unscaled.verdict)]
    if at:
        cases.append(("planted", with_factor(subject, *at, 1 + RTOL), "fail"))
    counts: Counter[str] = Counter()
    for kind, case, verdict in cases:
        for k in POWERS:
            report = run_check(scaled(case, 10.0**k), seed=seed)
            counts += Counter({"scaled": 1, "scaled, same verdict": int(report.verdict == verdict)})
            if report.verdict != verdict:
                complain("verdict changed", seed, f"{kind}, loss 1e{k}, was {verdict}", report)
    return counts


def probing(seed: int) -> Counter[str]:
    """One network probed: clean, with one error of `RTOL`, and with one gradient of zero."""
    rng = np.random.default_rng([23, seed])
    net, x, y, about = random_network(rng)
    subject = network_problem(net, x, y)
    report, swept = probe(subject, seed=seed), run_check(subject, seed=seed)
    accused = report.verdict == "fail" or report.diagnosis is not None
    if accused:
        complain("accused by the probe", seed, about, report)
    counts = Counter(
        {
            "probed": 1,
            f"probed, verdict {report.verdict}": 1,
            "probed, accused": int(accused),
            "probed, swept clean": int(swept.verdict == "pass"),
            "probed, swept clean, passed": int(swept.verdict == report.verdict == "pass"),
        }
    )
    at = sharp(probe(subject, strict=True, seed=seed), rng)
    if at is None or _doubt(report) > PROVEN:
        return counts + Counter({"probed, not sharp enough for one error": 1})
    return counts + _culprit(subject, at, seed, about) + _zeroed(subject, at, seed, about)


def _doubt(report: Report) -> float:
    return float(report.extra.get("probe", {}).get("missed_with_probability", 1.0))


def _culprit(subject: Problem, at: tuple[str, int], seed: int, about: Any) -> Counter[str]:
    report = probe(with_factor(subject, *at, 1 + RTOL), seed=seed)
    found = named(report, subject, *at)
    if not found:
        complain("missed by the probe", seed, f"{at}, {about}", report)
    return Counter({"probe, culprits": 1, "probe, culprits named": int(found)})


def _zeroed(subject: Problem, at: tuple[str, int], seed: int, about: Any) -> Counter[str]:
    report = probe(with_factor(subject, *at, 0.0), seed=seed)
    found = named(report, subject, *at)
    if not found:
        complain("zero passed by the probe", seed, f"{at}, {about}", report)
    return Counter({"probe, zeros": 1, "probe, zeros named": int(found)})
