"""The campaign's rough black boxes: right gradients of costs that make it hard to see so.

Absolute values and hinges, which the complex step does not see or sees differently, with parameters
on kinks; and logistic regressions that take the logarithm of 1 - p, of which rounding makes a
staircase where p is near 1.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from typing import Any

import numpy as np
from random_cases import Box
from trials import complain

from checks.methods.dispatch import run_check

METHODS = ("sweep", "probe")


def lasso(rng: np.random.Generator) -> tuple[Box, Box]:
    """Least squares with absolute values for a penalty, which the other one forgets."""
    n, batch = int(rng.integers(3, 30)), int(rng.integers(5, 60))
    data, target = rng.normal(size=(batch, n)), rng.normal(size=batch)
    w = rng.normal(size=n) * (rng.random(n) < rng.uniform(0.5, 1))
    weight = float(10 ** rng.uniform(-2, 1))

    def slope(p: Any) -> Any:
        return data.T @ (data @ p["w"] - target) / batch

    right = Box(
        cost=lambda p: ((data @ p["w"] - target) ** 2).mean() / 2 + weight * np.abs(p["w"]).sum(),
        gradients=lambda p: {"w": slope(p) + weight * np.sign(p["w"])},
        params={"w": w},
        data=data,
    )
    return right, replace(right, gradients=lambda p: {"w": slope(p)})


def hinge(rng: np.random.Generator) -> tuple[Box, Box]:
    """A support vector machine; the other one forgets which samples are on the right side."""
    n, batch = int(rng.integers(3, 20)), int(rng.integers(20, 60))
    data, side = rng.normal(size=(batch, n)), rng.choice([-1.0, 1.0], batch)

    def margin(p: Any) -> Any:
        return 1 - side * (data @ p["w"])

    def gradients(p: Any, counted: Any) -> Any:
        return {"w": p["w"] / 10 - data.T @ (side * counted(margin(p))) / batch}

    right = Box(
        cost=lambda p: np.maximum(margin(p), 0).mean() + (p["w"] ** 2).sum() / 20,
        gradients=lambda p: gradients(p, lambda m: m > 0),
        params={"w": rng.normal(size=n)},
        data=data,
    )
    return right, replace(right, gradients=lambda p: gradients(p, np.ones_like))


def stairs(rng: np.random.Generator) -> tuple[Box, Box]:
    """A logistic regression from mild to hopeless; the other one has a sign wrong."""
    n, batch = int(rng.integers(3, 20)), int(rng.integers(5, 60))
    data, label = rng.normal(size=(batch, n)), rng.integers(2, size=batch)
    w = rng.normal(size=n) * np.exp(rng.uniform(np.log(0.5), np.log(10)))

    def share(p: Any) -> Any:
        return 1 / (1 + np.exp(-(data @ p["w"])))

    def cost(p: Any) -> Any:
        return -np.mean(label * np.log(share(p)) + (1 - label) * np.log(1 - share(p)))

    def gradients(p: Any) -> Any:
        return {"w": data.T @ (share(p) - label) / batch}

    while not np.isfinite(cost({"w": w})):  # p is 1 where the label is 0
        w = 0.9 * w
    right = Box(cost=cost, gradients=gradients, params={"w": w}, data=data)
    flip = np.where(np.arange(n) == rng.integers(n), -1, 1)
    return right, replace(right, gradients=lambda p: {"w": flip * gradients(p)["w"]})


FAMILIES = {"lasso": lasso, "hinge": hinge, "stairs": stairs}


@np.errstate(divide="ignore", invalid="ignore")  # while weights are sought
def rough_boxes(seed: int) -> Counter[str]:
    """One of each family: a right gradient is not failed, and a wrong one is not passed.

    Where the cost is no staircase, the wrong one is failed.
    """
    rng = np.random.default_rng([29, seed])
    counts: Counter[str] = Counter()
    for family, make in FAMILIES.items():
        right, wrong = make(rng)
        differ = not np.array_equal(*(b.gradients(b.params)["w"] for b in (right, wrong)))
        for method in METHODS:
            report = run_check(right.subject(), method=method, seed=seed)
            counts += Counter(
                {
                    "rough": 1,
                    "rough, accused": int(report.verdict == "fail"),
                    f"rough, {family}, {method}, right: {report.verdict}": 1,
                }
            )
            if report.verdict == "fail":
                complain("rough box accused", seed, f"{family}, {method}", report)
            if differ:
                counts += _wrong(wrong, family, method, seed)
    return counts


def _wrong(box: Box, family: str, method: str, seed: int) -> Counter[str]:
    report = run_check(box.subject(), method=method, seed=seed)
    smooth = family != "stairs"
    if report.verdict == "pass" or (smooth and report.verdict != "fail"):
        complain("rough box's error missed", seed, f"{family}, {method}", report)
    return Counter(
        {
            "rough, wrong": 1,
            "rough, wrong passed": int(report.verdict == "pass"),
            "rough, terms forgotten": int(smooth),
            "rough, terms forgotten, caught": int(smooth and report.verdict == "fail"),
            f"rough, {family}, {method}, wrong: {report.verdict}": 1,
        }
    )
