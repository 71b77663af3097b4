"""The campaign's offenders against hygiene: each offence in several forms; and clean subjects.

Costs of low precision among these: no offence, but less to see.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from dataclasses import replace

import numpy as np
from forms import (
    Form,
    accumulating,
    afterwards,
    buffered,
    change_in_place,
    cost_casts,
    cost_counted,
    cost_dropout,
    cost_first,
    cost_gives,
    cost_noisy,
    first,
    last,
    last_bits,
    momentum,
    nested,
    one,
    random_factor,
    random_mask,
    stale,
    with_one,
)
from random_cases import Box, Parameters, least_squares, perceptron, random_box
from trials import complain

from checks.methods.dispatch import run_check
from checks.verdict.conduct import OFFENCES

METHODS = ("sweep", "probe")

FORMS: dict[str, tuple[Form, ...]] = {
    "cost-not-scalar": (
        cost_gives(lambda c: np.asarray([[c, c]])),
        cost_gives(lambda c: [c, c]),
        cost_gives(lambda c: c + 0j),
        cost_gives(lambda c: None),
    ),
    "cost-not-finite": (
        cost_gives(lambda c: c * np.nan),
        cost_gives(lambda c: c + np.inf),
        cost_gives(lambda c: -np.inf),
    ),
    "cost-changes-parameters": (
        cost_first(lambda box, p: change_in_place(first(p), lambda v: v - 1e-3)),
        cost_first(lambda box, p: change_in_place(last(p), lambda v: v * (1 + 2.0**-50))),
        cost_first(lambda box, p: change_in_place(first(p), lambda v: 0 * v)),
    ),
    "cost-changes-inputs": (
        cost_first(lambda box, p: change_in_place(box.data, lambda x: x - x.mean() - 1)),
        cost_first(lambda box, p: change_in_place(box.data, lambda x: x / 255)),
        cost_first(lambda box, p: change_in_place(box.data[:1], lambda x: 0 * x)),
    ),
    "cost-not-repeatable": (
        cost_noisy,
        cost_dropout,
        cost_counted(lambda c, calls: c + 1e-3 * calls),
        cost_counted(lambda c, calls: c * (1 + 2.0**-51 * (calls % 2))),
    ),
    "structure": (
        nested(lambda g: dict(list(g.items())[1:])),
        nested(lambda g: {**g, "more": np.zeros(2)}),
        nested(lambda g: list(g.values())),
        nested(first),
        nested(lambda g: {f"d{name}": v for name, v in g.items()}),
    ),
    "shape": (
        one(lambda g: g[..., None]),
        one(np.ravel),
        one(lambda g: g.sum(axis=0)),
        one(lambda g: g.sum(), matrix=False),
        one(lambda g: np.concatenate([g, g])),
        one(lambda g: g[None], matrix=False),
    ),
    "dtype": (
        one(lambda g: g.astype(np.float32)),
        one(lambda g: g.astype(np.float16)),
        one(lambda g: g.astype(int)),
        one(lambda g: g + 0j),
        one(lambda g: g > 0),
    ),
    "not-finite": (
        one(lambda g: with_one(g, np.nan)),
        one(lambda g: with_one(g, np.inf)),
        one(lambda g: g * np.nan, matrix=False),
    ),
    "changes-parameters": (
        afterwards(lambda box, p, g: change_in_place(first(p), lambda v: v - 0.1 * first(g))),
        afterwards(lambda box, p, g: change_in_place(last(p), lambda v: v / 2)),
        afterwards(lambda box, p, g: change_in_place(last(p), lambda v: v * (1 + 2.0**-50))),
    ),
    "changes-inputs": (
        afterwards(lambda box, p, g: change_in_place(box.data, lambda x: np.roll(x, 1))),
        afterwards(lambda box, p, g: change_in_place(box.data, lambda x: x - x.mean() - 1)),
        afterwards(lambda box, p, g: change_in_place(box.data[:1], lambda x: 0 * x)),
    ),
    "accumulates": (
        accumulating(part=False, copied=True),
        accumulating(part=True, copied=True),
        accumulating(part=False, copied=False),
    ),
    "overwritten": (
        buffered(part=False, view=False),
        buffered(part=True, view=False),
        buffered(part=False, view=True),
    ),
    "not-repeatable": (random_factor, random_mask, last_bits, momentum),
    "stale": (stale(part=False), stale(part=True)),
}

# Costs that know less of their slopes than float64 does; the gradient is as right as before.
LOW_PRECISION: dict[str, Form] = {
    "parameters in float32": cost_casts(np.float32),
    "parameters in float16": cost_casts(np.float16),
    "cost rounded to float32": cost_gives(lambda c: float(np.float32(np.real(c)))),
}


def offending(seed: int) -> Counter[str]:
    """Every form of every offence on a random black box: it is told by its code."""
    rng = np.random.default_rng([27, seed])
    counts: Counter[str] = Counter()
    for code in OFFENCES:
        for number, form in enumerate(FORMS[code]):
            box = (least_squares if rng.random() < 0.5 else perceptron)(rng)
            report = run_check(form(box, rng).subject(), seed=seed)
            told = report.diagnosis.code if report.diagnosis else "none"
            right = report.verdict == "fail" and told == code
            counts += Counter({"offenders": 1, "offenders told": int(right)})
            if not right:
                counts[f"offenders misread, {code} {number} as {told}"] += 1
                complain("offender", seed, f"{code}, form {number}, read as {told}", report)
    return counts


def low_precision(seed: int) -> Counter[str]:
    """Every cost of low precision on a random black box, by both methods.

    Its right gradient is passed as sharply as the cost can tell, or left undecided with a reason,
    but not failed; one whose largest entry has the other sign is not passed.
    """
    rng = np.random.default_rng([34, seed])
    counts: Counter[str] = Counter()
    for title, form in LOW_PRECISION.items():
        right = form((least_squares if rng.random() < 0.5 else perceptron)(rng), rng)
        wrong = replace(right, gradients=flipped(right))
        for method in METHODS:
            report = run_check(right.subject(), method=method, seed=seed)
            spoilt = run_check(wrong.subject(), method=method, seed=seed)
            mute = report.verdict == "undecided" and not (report.reasons or report.diagnosis)
            if report.verdict == "fail" or mute:
                complain("low precision", seed, f"{title}, {method}, right", report)
            if spoilt.verdict == "pass":
                complain("low precision", seed, f"{title}, {method}, sign flipped", spoilt)
            counts += Counter(
                {
                    "low precision": 1,
                    "low precision, accused": int(report.verdict == "fail"),
                    "low precision, undecided without a reason": int(mute),
                    "low precision, wrong passed": int(spoilt.verdict == "pass"),
                    f"low precision, {title}, {method}, right: {report.verdict}": 1,
                    f"low precision, {title}, {method}, wrong: {spoilt.verdict}": 1,
                }
            )
    return counts


def flipped(box: Box) -> Callable[[Parameters], Parameters]:
    """The box's gradient with the sign of its largest entry, as of its own parameters, changed."""
    at_point = box.gradients(box.params)
    name = max(at_point, key=lambda n: np.abs(at_point[n]).max())
    flat = int(np.abs(at_point[name]).argmax())

    def gradients(p: Parameters) -> Parameters:
        found = box.gradients(p)
        g = found[name].copy()
        g.reshape(-1)[flat] *= -1
        return {**found, name: g}

    return gradients


def clean_boxes(seed: int) -> Counter[str]:
    """A right black box of either precision, at any size of loss: it is not accused."""
    rng = np.random.default_rng([28, seed])
    dtype = np.float32 if rng.random() < 0.5 else np.float64
    loss = float(10.0 ** rng.integers(-12, 13))
    report = run_check(random_box(rng, dtype).scaled(loss).subject(), seed=seed)
    accused = report.verdict == "fail" or report.failed > 0 or report.diagnosis is not None
    if accused:
        complain("black box accused", seed, f"{dtype.__name__}, loss {loss:g}", report)
    return Counter(
        {
            "clean boxes": 1,
            "clean boxes accused": int(accused),
            f"clean boxes, {dtype.__name__}, verdict {report.verdict}": 1,
        }
    )
