"""The campaign: every promise of the verdict, counted over random networks.

    python benchmarks/campaign.py [--networks 1000] [--jobs 2] [--json campaign.json]

Each part is a function from a seed to counts; parts run in worker processes and their counts are
added up, so that any count can be repeated from the seed it is printed with.
"""

from __future__ import annotations

import argparse
import json
import platform
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterable
from concurrent.futures import ProcessPoolExecutor
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from backprop import init_net
from backprop.activations import ACTIVATIONS
from backprop.costs import COSTS
from backprop.network import Network
from checks.compare import Status
from checks.engine import check
from checks.networks import as_subject
from checks.subject import Subject, scaled

RTOL = 1e-6


def random_network(rng: np.random.Generator) -> tuple[Network, Any, Any, dict[str, Any]]:
    """A network, a batch and what they are: every activation and cost, four scales of weights."""
    depth = int(rng.integers(1, 7))
    shape = [int(n) for n in rng.integers(1, 65, depth + 1)]
    activation = str(rng.choice([name for name in ACTIVATIONS if name != "softmax"]))
    cost = str(rng.choice(list(COSTS)))
    scale = float(np.exp(rng.uniform(np.log(0.01), np.log(20))))
    batch = int(rng.integers(1, 33))
    net = init_net(shape, activation=activation, cost=cost, seed=rng)
    net.weights = [W * scale for W in net.weights]
    x = rng.normal(size=(batch, shape[0]))
    y: Any = rng.random((batch, shape[-1]))
    if rng.random() < 0.5:
        y = rng.integers(0, shape[-1], batch)
    about = {"shape": shape, "activation": activation, "cost": cost, "scale": scale, "batch": batch}
    return net, x, y, about


def with_error(subject: Subject, tensor: str, flat: int, relative: float) -> Subject:
    """The subject with one coordinate of its gradient wrong by a relative error."""

    def plant(gradient: dict[str, Any]) -> dict[str, Any]:
        g = gradient[tensor].copy()
        g.reshape(-1)[flat] *= 1 + relative
        return {**gradient, tensor: g}

    jittered = subject.jittered
    return replace(
        subject,
        gradient=lambda values: plant(subject.gradient(values)),
        jittered=jittered and (lambda rng: plant(jittered(rng))),
    )


def clean_and_planted(seed: int) -> Counter[str]:
    """One network: checked clean, then with an error of `RTOL` in one decidable coordinate."""
    rng = np.random.default_rng([20, seed])
    net, x, y, about = random_network(rng)
    loss = float(10.0 ** rng.integers(-12, 13))
    subject = scaled(as_subject(net, x, y), loss)
    report = check(subject, seed=seed)
    counts: Counter[str] = Counter(networks=1)
    band = "at most 5" if about["scale"] <= 5 else "above 5"
    counts[f"coordinates, scale {band}"] += report.parameters - report.zero
    counts[f"undecided, scale {band}"] += report.undecided
    counts["coordinates"] += report.parameters
    counts["zero"] += report.zero
    counts["kinks"] += report.kinks
    counts[f"verdict {report.verdict}"] += 1
    counts["wrongly failed coordinates"] += report.failed
    if report.verdict == "fail" or report.failed or report.diagnosis:
        counts["clean networks accused"] += 1
        print(f"accused: seed {seed}, {about}, loss {loss:g}\n{report}", file=sys.stderr)
    decided = {name: np.flatnonzero(s == Status.PASS) for name, s in report.status.items()}
    tensor = str(rng.choice([name for name in decided if decided[name].size] or [""]))
    if tensor:
        flat = int(rng.choice(decided[tensor]))
        counts += planted(subject, tensor, flat, seed)
    return counts


def planted(subject: Subject, tensor: str, flat: int, seed: int) -> Counter[str]:
    """An error of `RTOL` in one coordinate: caught, and that coordinate alone named?"""
    report = check(with_error(subject, tensor, flat, RTOL), seed=seed)
    shape = dict(zip(subject.names, subject.values, strict=True))[tensor].shape
    index = tuple(int(i) for i in np.unravel_index(flat, shape))
    named = [(f.tensor, f.index) for f in report.failures] == [(tensor, index)]
    if not (named and report.verdict == "fail"):
        print(f"missed: seed {seed}, {tensor}{list(index)}\n{report}", file=sys.stderr)
    return Counter({"planted": 1, "planted, caught and named": int(named)})


def default_shape(seed: int) -> Counter[str]:
    """One error of `RTOL` in a random coordinate of each tensor of 784-40-10."""
    rng = np.random.default_rng([21, seed])
    net = init_net((784, 40, 10), seed=seed)
    x, y = rng.random((20, 784)), rng.integers(0, 10, 20)
    subject = as_subject(net, x, y)
    counts: Counter[str] = Counter()
    for tensor, values in zip(subject.names, subject.values, strict=True):
        flat = int(rng.integers(values.size))
        found = planted(subject, tensor, flat, seed)
        counts += Counter({f"784-40-10, {name}": count for name, count in found.items()})
    return counts


def total(part: Callable[[int], Counter[str]], seeds: Iterable[int], jobs: int) -> Counter[str]:
    """The part's counts over all seeds."""
    with ProcessPoolExecutor(jobs) as pool:
        return sum(pool.map(part, seeds, chunksize=4), Counter())


def main() -> int:
    """Run all parts, print and write their counts; 1 where a promise was broken."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--networks", type=int, default=1000)
    parser.add_argument("--coordinates", type=int, default=500, help="planted at 784-40-10")
    parser.add_argument("--jobs", type=int, default=2)
    parser.add_argument("--json", type=Path)
    options = parser.parse_args()
    started = time.perf_counter()
    counts = total(clean_and_planted, range(options.networks), options.jobs)
    counts += total(default_shape, range((options.coordinates + 3) // 4), options.jobs)
    result = {
        "counts": dict(sorted(counts.items())),
        "seconds": time.perf_counter() - started,
        "numpy": np.__version__,
        "python": platform.python_version(),
        "machine": platform.machine(),
    }
    for name, count in result["counts"].items():
        print(f"{count:12,}  {name}")
    if options.json:
        options.json.write_text(json.dumps(result, indent=2) + "\n")
    missed = sum(
        counts[f"{where}planted"] - counts[f"{where}planted, caught and named"]
        for where in ("", "784-40-10, ")
    )
    return int(bool(missed or counts["clean networks accused"]))


if __name__ == "__main__":
    sys.exit(main())
