"""The campaign's course networks: what a student hands in, right and with one entry wrong.

Two to four layers written out by hand in plain NumPy, with the activations and losses that courses
teach and weights from the tiny ones of a first exercise to large ones. Each is checked through the
front door in three forms: in float64 as it stands, which complex numbers run through; with
everything forced real, as a program is that knows of no complex numbers; and in float32.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from typing import Any

import measure  # noqa: F401 - pins the threads before NumPy is loaded
import numpy as np
from random_cases import Box, Parameters
from trials import complain

from checks import check_gradients

LEAK = 0.01

# An entry is noticeable that is at least this share of the largest of its tensor.
NOTICEABLE = 0.01

# Without complex numbers, an entry is in reach that is at least this share of the cost. Rounding is
# 1e-16 of the cost, and from kink to kink of a ReLU with small weights it may be 1e-8: of smaller
# slopes no difference tells two digits. They are planted too, and counted apart.
REACH = 1e-6

# What is planted, by which relative change of one entry, and in which forms.
PLANTED: dict[str, tuple[float, tuple[str, ...]]] = {
    "1e-2": (1e-2, ("complex", "real only", "float32")),
    "sign": (-2.0, ("complex", "real only", "float32")),
    "1e-5": (1e-5, ("complex",)),
}


@dataclass(frozen=True, kw_only=True)
class Differentiable:
    """A function and its slope, each of the same arguments."""

    value: Callable[..., Any]
    slope: Callable[..., Any]


def sigmoid(z: Any) -> Any:
    """The logistic function."""
    return 1 / (1 + np.exp(-z))


# At 0 itself ReLU's slope counts as that of its left side, as courses have it.
ACTIVATIONS = {
    "ReLU": Differentiable(value=lambda z: np.maximum(z, 0), slope=lambda z: z > 0),
    "leaky ReLU": Differentiable(
        value=lambda z: np.where(z > 0, z, LEAK * z),
        slope=lambda z: np.where(z > 0, 1, LEAK).astype(z.dtype),
    ),
    "tanh": Differentiable(value=np.tanh, slope=lambda z: 1 - np.tanh(z) ** 2),
    "sigmoid": Differentiable(value=sigmoid, slope=lambda z: sigmoid(z) * (1 - sigmoid(z))),
}


def _shifted(scores: Any) -> Any:
    return scores - scores.max(axis=1, keepdims=True)


def cross_entropy(scores: Any, hot: Any) -> Any:
    """The mean cross-entropy of the softmax of the scores."""
    z = _shifted(scores)
    return (np.log(np.exp(z).sum(axis=1)) - (hot * z).sum(axis=1)).mean()


def cross_entropy_slope(scores: Any, hot: Any) -> Any:
    """Its slope: (softmax − labels) / N."""
    p = np.exp(_shifted(scores))
    return (p / p.sum(axis=1, keepdims=True) - hot) / len(hot)


def _margins(scores: Any, hot: Any) -> Any:
    return scores - (hot * scores).sum(axis=1, keepdims=True) + 1


def hinge(scores: Any, hot: Any) -> Any:
    """The mean multiclass hinge: how far each wrong class comes within 1 of the right one."""
    return (np.maximum(_margins(scores, hot), 0) * (1 - hot)).sum(axis=1).mean()


def hinge_slope(scores: Any, hot: Any) -> Any:
    """Its slope: 1 for a class that comes too near, less their number for the right one."""
    near = (_margins(scores, hot) > 0) * (1 - hot)
    return (near - hot * near.sum(axis=1, keepdims=True)) / len(hot)


LOSSES = {
    "cross-entropy": Differentiable(value=cross_entropy, slope=cross_entropy_slope),
    "quadratic": Differentiable(
        value=lambda scores, hot: ((scores - hot) ** 2).sum(axis=1).mean() / 2,
        slope=lambda scores, hot: (scores - hot) / len(hot),
    ),
    "hinge": Differentiable(value=hinge, slope=hinge_slope),
}


def written_out(params: Parameters, x: Any, hot: Any, activation: str, loss: str) -> Box:
    """The network with these parameters, W1, b1 and so on, its loss, and its right gradient."""
    f, judge, depth = ACTIVATIONS[activation], LOSSES[loss], len(params) // 2

    def forward(p: Parameters) -> tuple[list[Any], list[Any]]:
        a, z = [x], []
        for layer in range(1, depth + 1):
            z.append(a[-1] @ p[f"W{layer}"] + p[f"b{layer}"])
            a.append(f.value(z[-1]))
        return z, a

    def gradients(p: Parameters) -> Parameters:
        z, a = forward(p)
        found, delta = {}, judge.slope(z[-1], hot)
        for layer in range(depth, 0, -1):
            found[f"W{layer}"] = a[layer - 1].T @ delta
            found[f"b{layer}"] = delta.sum(axis=0)
            if layer > 1:
                delta = (delta @ p[f"W{layer}"].T) * f.slope(z[layer - 2])
        return {name: found[name] for name in p}

    return Box(
        cost=lambda p: judge.value(forward(p)[0][-1], hot),
        gradients=gradients,
        params=params,
        data={"x": x, "hot": hot},
    )


def forced_real(box: Box) -> Box:
    """The same as a program that knows of no complex numbers: its cost is a Python float."""
    return replace(
        box, cost=lambda p: float(np.real(box.cost({n: np.real(v) for n, v in p.items()})))
    )


def drawn(rng: np.random.Generator) -> tuple[dict[str, Box], dict[str, Any]]:
    """One network in its three forms, and what it is.

    Drawn again where float32 rounds the input of a ReLU, or a margin, to the other side of 0: the
    two precisions would then have different slopes.
    """
    depth = int(rng.integers(2, 5))
    hidden = [int(n) for n in rng.integers(4, 31, depth - 1)]
    sizes = [int(rng.integers(3, 21)), *hidden, int(rng.integers(2, 7))]
    batch = int(rng.integers(5, 257))
    std = float(10 ** rng.uniform(-4, 0))
    biases = std * float(rng.integers(2))
    activation, loss = str(rng.choice(list(ACTIVATIONS))), str(rng.choice(list(LOSSES)))
    about = {"sizes": sizes, "batch": batch, "std": std, "biases": biases}
    about |= {"activation": activation, "loss": loss}
    while True:
        params: Parameters = {}
        for layer in range(1, depth + 1):
            m, n = sizes[layer - 1 : layer + 1]
            params[f"W{layer}"] = std * rng.normal(size=(m, n))
            params[f"b{layer}"] = biases * rng.normal(size=n)
        x, hot = rng.normal(size=(batch, sizes[0])), np.eye(sizes[-1])
        hot = hot[rng.integers(sizes[-1], size=batch)]
        single, double = (
            written_out(
                {name: value.astype(dtype) for name, value in params.items()},
                x.astype(dtype),
                hot.astype(dtype),
                activation,
                loss,
            )
            for dtype in (np.float32, np.float64)
        )
        if _alike(single, double):
            forms = {"complex": double, "real only": forced_real(double), "float32": single}
            return forms, about


def _alike(single: Box, double: Box) -> bool:
    """Whether the gradients differ by no more than rounding does."""
    small, large = single.gradients(single.params), double.gradients(double.params)
    return all(
        np.abs(small[name] - large[name]).max() <= 1e-3 * np.abs(large[name]).max()
        for name in large
    )


def with_entry(box: Box, tensor: str, flat: int, change: float) -> Box:
    """The same with one entry of its gradient off by `change` times itself."""

    def gradients(p: Parameters) -> Parameters:
        found = box.gradients(p)
        found[tensor].flat[flat] *= 1 + change
        return found

    return replace(box, gradients=gradients)


def noticeable(box: Box, rng: np.random.Generator) -> tuple[str, int] | None:
    """A random noticeable entry of a random tensor that is not all zero."""
    sizes = {name: np.abs(g).reshape(-1) for name, g in box.gradients(box.params).items()}
    some = [name for name, size in sizes.items() if size.max() > 0]
    if not some:
        return None
    tensor = str(rng.choice(some))
    size = sizes[tensor]
    return tensor, int(rng.choice(np.flatnonzero(size >= NOTICEABLE * size.max())))


def in_reach(box: Box, tensor: str, flat: int) -> bool:
    """Whether differences of the cost tell two digits of this entry's slope."""
    slope = box.gradients(box.params)[tensor].flat[flat]
    return bool(abs(slope) >= REACH * abs(float(box.cost(box.params))))


def course_networks(seed: int) -> Counter[str]:
    """One network in three forms: right, and with one entry wrong in each way of `PLANTED`."""
    rng = np.random.default_rng([41, seed])
    forms, about = drawn(rng)
    counts: Counter[str] = Counter()
    for form, box in forms.items():
        counts += _right(form, box, seed, about)
    for kind, form, wrong, at in _wrong(forms, rng):
        report = check_gradients(wrong.cost, wrong.gradients, wrong.params, seed=seed)
        counts[f"course, {form}, {kind}: {report.verdict}"] += 1
        if not (form == "complex" or in_reach(forms[form], *at)):
            counts[f"course, planted out of reach: {report.verdict}"] += 1
            continue
        caught = report.verdict == "fail"
        if not caught:
            complain("course network, missed", seed, f"{kind} in {at}, {form}, {about}", report)
        counts += Counter(
            {
                f"course, planted {kind}": 1,
                f"course, planted {kind}, caught": int(caught),
                "course, planted": 1,
                "course, planted, passed": int(report.verdict == "pass"),
            }
        )
    return counts


def _right(form: str, box: Box, seed: int, about: dict[str, Any]) -> Counter[str]:
    report = check_gradients(box.cost, box.gradients, box.params, seed=seed)
    if report.verdict == "fail":
        complain("course network accused", seed, f"{form}, {about}", report)
    return Counter(
        {
            "course": 1,
            "course, accused": int(report.verdict == "fail"),
            f"course, {form}": 1,
            f"course, {form}, right: {report.verdict}": 1,
        }
    )


def _wrong(
    forms: dict[str, Box], rng: np.random.Generator
) -> Iterator[tuple[str, str, Box, tuple[str, int]]]:
    """Every planted error: its kind, its form, what is checked, and where it is wrong."""
    for kind, (change, some) in PLANTED.items():
        for form in some:
            at = noticeable(forms[form], rng)
            if at is not None:
                yield kind, form, with_entry(forms[form], *at, change), at
