"""The self-test: every known fault planted in random networks, and clean networks beside them.

`run` plants each fault of the catalogue in several networks where it shows, has each checked, and
counts what was caught, located and diagnosed; and how many clean networks were wrongly accused.
"""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable, Mapping
from contextlib import nullcontext
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from backprop import init_net
from backprop.activations import ACTIVATIONS
from backprop.costs import COSTS
from backprop.network import Network
from checks.diagnosis.codes import DIAGNOSES
from checks.methods.dispatch import run_check
from checks.network.adapter import network_problem
from checks.network.faults.catalogue import FAULTS, Fault, plant
from checks.problem.nested import Array
from checks.verdict.report import Report

Case = tuple[Network, Array, Array]
Progress = Callable[[int], None]

CLEAN = 200
DRAWS = 50

# Sizes at which bugs that differ give gradients that differ: no width of 1, and no batch of 2 or 5,
# whose sum could be told from neither a forgotten 1/2 nor the default learning rate.
WIDTHS = (2, 8)
BATCHES = (3, 4, 6, 7, 8, 9, 11)
HIDDEN = tuple(name for name, function in ACTIVATIONS.items() if not function.coupled)


@dataclass(frozen=True, kw_only=True)
class Outcome:
    """What became of one fault: in how many networks it was planted, caught, located, diagnosed.

    `located` counts reports whose worst coordinate, and the tensor that the diagnosis points at,
    are truly wrong; `misread` the diagnoses that were not among the expected, by code;
    `undecided` networks which cannot be judged without the fault either, and do not count.
    """

    code: str
    title: str
    planted: int
    caught: int
    located: int
    diagnosed: int
    misread: Mapping[str, int]
    undecided: int


@dataclass(frozen=True, kw_only=True)
class SelfTest:
    """The outcome of every fault, and of clean networks: checked, and wrongly accused."""

    outcomes: tuple[Outcome, ...]
    clean: int
    accused: int
    seed: int
    rounds: int
    seconds: float

    @property
    def passed(self) -> bool:
        """Whether every fault was planted and caught each time, and no clean network accused."""
        return not self.accused and all(0 < o.planted == o.caught for o in self.outcomes)

    def total(self, field: str) -> int:
        """A count summed over all faults, such as "planted", "caught", "located" or "diagnosed"."""
        return sum(getattr(outcome, field) for outcome in self.outcomes)

    def to_dict(self) -> dict[str, Any]:
        """The fields as plain values, and the totals."""
        totals = {f: self.total(f) for f in ("planted", "caught", "located", "diagnosed")}
        return {"passed": self.passed, **totals, **asdict(self)}

    def __str__(self) -> str:
        head = f"{'fault':<40}{'planted':>8}{'caught':>8}{'located':>9}{'diagnosed':>11}"
        lines = [head, *(_line(outcome) for outcome in self.outcomes)]
        planted = self.total("planted")
        lines += [
            f"{name} {self.total(name):,} of {planted:,} ({self.total(name) / max(planted, 1):.1%})"
            for name in ("caught", "located", "diagnosed")
        ]
        lines.append(f"clean networks wrongly accused: {self.accused} of {self.clean}")
        if undecided := self.total("undecided"):
            lines.append(f"networks drawn again, undecided with no fault either: {undecided}")
        verdict = "pass" if self.passed else "fail"
        faults = len(self.outcomes)
        lines.append(f"{verdict}: {faults} faults, {self.seconds:.1f} s, seed {self.seed}")
        return "\n".join(lines)


def run(
    seed: int = 0, rounds: int = 4, progress: Progress = lambda done: None, *, clean: int = CLEAN
) -> SelfTest:
    """Plant every fault in `rounds` random networks, and check `clean` networks without any.

    Parameters
    ----------
    seed
        Where the networks come from.
    rounds
        How many networks each fault is planted in.
    progress
        Called with the number of networks done since the last call, `total(rounds)` in all.
    clean
        How many networks are checked as they are.

    Raises
    ------
    checks.network.faults.catalogue.EditError
        When the code has changed, so that some fault cannot be planted; before any network is
        checked.
    """
    started = time.perf_counter()
    for fault in FAULTS:
        with plant(fault):
            pass
    rng = np.random.default_rng(seed)
    outcomes = tuple(_outcome(fault, rounds, rng, progress) for fault in FAULTS)
    accused = 0
    for _ in range(clean):
        accused += run_check(network_problem(*random_network_for(None, rng))).verdict == "fail"
        progress(1)
    return SelfTest(
        outcomes=outcomes,
        clean=clean,
        accused=accused,
        seed=seed,
        rounds=rounds,
        seconds=time.perf_counter() - started,
    )


def total(rounds: int, clean: int = CLEAN) -> int:
    """How many networks `run` checks."""
    return len(FAULTS) * rounds + clean


def _line(o: Outcome) -> str:
    line = f"{o.title:<40}{o.planted:>8}{o.caught:>8}{o.located:>9}{o.diagnosed:>11}"
    return line + (f"\n  read as {', '.join(o.misread)}"[:80] if o.misread else "")


def _outcome(fault: Fault, rounds: int, rng: np.random.Generator, progress: Progress) -> Outcome:
    counts: Counter[str] = Counter()
    misread: Counter[str] = Counter()
    for _ in range(rounds):
        trial = _trial(fault, rng, counts)
        if trial is not None:
            report, located = trial
            code = report.diagnosis.code if report.diagnosis else "none"
            counts["planted"] += 1
            counts["caught"] += report.verdict == "fail"
            counts["located"] += located
            counts["diagnosed"] += code in fault.expected
            misread[code] += code not in fault.expected
        progress(1)
    return Outcome(
        code=fault.code,
        title=fault.title,
        planted=counts["planted"],
        caught=counts["caught"],
        located=counts["located"],
        diagnosed=counts["diagnosed"],
        misread={code: n for code, n in misread.items() if n},
        undecided=counts["undecided"],
    )


def _trial(
    fault: Fault, rng: np.random.Generator, counts: Counter[str]
) -> tuple[Report, bool] | None:
    """The report on one network; another one's where the first is undecided without the fault."""
    for _ in range(DRAWS):
        case = network_where_fault_shows(fault, rng)
        if case is None:
            return None
        trial = check_with_fault(fault, case)
        if (
            trial[0].verdict != "undecided"
            or run_check(network_problem(*case)).verdict != "undecided"
        ):
            return trial
        counts["undecided"] += 1
    return None


def check_with_fault(fault: Fault, case: Case) -> tuple[Report, bool]:
    """The report on a network with the fault in it, and whether it points at what is wrong."""
    with plant(fault):
        report = run_check(network_problem(*case))
    if report.diagnosis is None:
        return report, False
    if report.diagnosis.code not in DIAGNOSES:
        return report, report.diagnosis.code in fault.expected  # an offence, not a value
    right, faulty = gradient(case), gradient(case, fault)
    tensor, worst = report.diagnosis.tensor, report.worst
    apart = {name: differs(faulty[name], right[name]) for name in right}
    return report, bool(
        worst is not None
        and apart[worst.tensor][worst.index]
        and (tensor is None or apart[tensor].any())
    )


def network_where_fault_shows(fault: Fault, rng: np.random.Generator) -> Case | None:
    """A network in which the fault moves the gradient by more than rounding, if one is found."""
    for _ in range(DRAWS):
        case = random_network_for(fault, rng)
        right, faulty = gradient(case), gradient(case, fault)
        if any(differs(faulty[name], right[name]).any() for name in right):
            return case
    return None


def gradient(case: Case, fault: Fault | None = None) -> dict[str, Array]:
    """The analytic gradient by tensor name, on the second call, with a fault in or without."""
    net, x, y = case
    values = [p.copy() for p in net.parameters.values()]
    problem = network_problem(net, x, y)
    with plant(fault) if fault else nullcontext():
        problem.gradient(values)
        return problem.gradient(values)


def differs(faulty: Array, right: Array) -> Array:
    """Where the two differ by more than rounding does in networks of this size."""
    size = np.maximum(np.abs(faulty), np.abs(right))
    return np.asarray(np.abs(faulty - right) > 1e-9 * size + 1e-12 * np.max(size, initial=0.0))


def random_network_for(fault: Fault | None, rng: np.random.Generator) -> Case:
    """A random network and batch, of a kind in which the fault can show."""
    least = fault.layers if fault else 1
    layers = int(rng.integers(least, 5))
    widths = [int(n) for n in rng.integers(*WIDTHS, size=layers + 1)]
    if fault and fault.square:
        widths = widths[:1] * (layers + 1)
    cost = str(rng.choice(fault.costs if fault and fault.costs else tuple(COSTS)))
    names = _names(fault.activation if fault else None, layers, cost, rng)
    net = init_net(widths, activation=names, cost=cost, seed=rng)
    scale = rng.uniform(0.5, 1.5)
    net.weights = [scale * W for W in net.weights]
    batch = int(rng.choice(BATCHES))
    return net, rng.normal(size=(batch, widths[0])), _targets(cost, batch, widths[-1], rng)


def _names(activation: str | None, layers: int, cost: str, rng: np.random.Generator) -> list[str]:
    if activation == "mixed" or (activation is None and rng.random() < 0.3):
        names = [str(name) for name in rng.permutation(HIDDEN)[:layers]]
    else:
        names = [activation or str(rng.choice(HIDDEN))] * layers
    return [*names[:-1], COSTS[cost].output or names[-1]]


def _targets(cost: str, batch: int, n_out: int, rng: np.random.Generator) -> Array:
    if cost == "quadratic":
        return rng.uniform(size=(batch, n_out))
    return np.eye(n_out)[rng.integers(n_out, size=batch)]
