"""The campaign's trials of what is wrong on purpose: known bugs and made-up ones."""

from __future__ import annotations

from collections import Counter

import numpy as np
from random_cases import random_network, with_noise
from trials import complain

from checks.diagnosis.codes import DESCRIPTIONS
from checks.methods.dispatch import run_check
from checks.network.adapter import network_problem
from checks.network.faults import selftest

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
        subject = network_problem(*selftest.random_network_for(None, rng))
    else:
        net, x, y, _ = random_network(rng)
        subject = network_problem(net, x, y)
    noisy, about = with_noise(subject, rng)
    if not about["changed"]:  # a gradient of zeros, or no coordinate drawn
        return Counter({"nothing made up": 1})
    report = run_check(noisy, seed=seed)
    code = report.diagnosis.code if report.diagnosis else "none"
    if code not in DESCRIPTIONS:
        complain("made-up difference read as a bug", seed, about, report)
    return Counter(
        {
            "made up": 1,
            "made up, caught": int(report.verdict == "fail"),
            "made up, unknown": int(code in DESCRIPTIONS),
            f"made up, read as {code}": 1,
        }
    )
