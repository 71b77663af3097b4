"""Comparison: the same functions through every gradient checker, as their users call it.

    python benchmarks/comparison.py [--json PATH] [--write docs/comparison.md]

Each function is written once, and runs in NumPy, autograd, torch and JAX; its gradient stands in
NumPy. A checker gets what its users have: a derivative of the library's own, spoilt on its way back
by a custom one, or the gradient in NumPy, spoilt alike. Counted are right gradients that pass and
wrong ones that are caught, with the seconds of a right one, and the lines that a user writes.
"""

from __future__ import annotations

import argparse
import json
import sys
import warnings
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from statistics import median
from typing import Any

import measure  # before NumPy: one thread
import numpy as np
from black_boxes import (
    Arrays,
    Case,
    Check,
    Contestant,
    autograd_check,
    ours,
    scipy_check_grad,
    sigmoid_network,
    soft_maximum,
    softmax_regression,
    torch_cost,
    unless_raised,
)

from checks import adapters, check_gradients

Make = Callable[[Case, Arrays], Callable[[Contestant], Check]]

# Column, and what the chosen entries of a right gradient are multiplied by.
ENTRY = {"one × -1": -1.0, "one × 0": 0.0, "one × 1.01": 1.01, "one × 1.0001": 1.0001}
SPOILT = ("right", *ENTRY, "tensor × -1", "all × 1.01")

# What is written beside a function and its derivative, in the form in which they are there.
LINES = {
    "geartrain, NumPy": "check_gradients(cost, gradients, params)",
    "geartrain, torch": "check_gradients(adapters.torch(f, tensors))",
    "geartrain, JAX": "check_gradients(adapters.jax(f, params))",
    "torch gradcheck": """
doubles = [t.detach().double().requires_grad_() for t in tensors]
torch.autograd.gradcheck(f, doubles)
""",
    "torch fast_mode": """
doubles = [t.detach().double().requires_grad_() for t in tensors]
torch.autograd.gradcheck(f, doubles, fast_mode=True)
""",
    "JAX check_grads": """
with jax.enable_x64(True):
    doubles = jax.tree.map(lambda v: v.astype(float), params)
    check_grads(f, (doubles,), order=1, modes=["rev"])
""",
    "autograd check_grads": 'check_grads(f, modes=["rev"], order=1)(params)',
    "SciPy check_grad": """
flat, unflatten = flatten(params)
gradient = lambda v: flatten(gradients(unflatten(v)))[0]
error = check_grad(lambda v: cost(unflatten(v)), gradient, flat)
assert error <= 1e-6 * np.linalg.norm(gradient(flat))
""",
}


# --- the functions --------------------------------------------------------------------------------


def cases() -> Iterator[Case]:
    """What anyone would try, and what is harder: small losses, saturation, kinks, large costs."""
    yield replace(soft_maximum(50), name="log-sum-exp")
    yield replace(softmax_regression(20, 3, batch=10), name="softmax regression")
    network = sigmoid_network(20, 5, 3)
    yield replace(network, name="sigmoid network")
    yield _times(network, 1e-6, "its loss × 1e-6")
    yield _plus(network, 1e4, "its loss + 10,000")
    large = {name: 20 * value for name, value in network.params.items()}
    yield replace(network, name="its weights × 20", params=large)
    yield relu_network()


def relu_network(batch: int = 8) -> Case:
    """Two layers, of which the first has kinks."""
    rng = np.random.default_rng(1)
    x, y = rng.normal(size=(batch, 6)), rng.normal(size=(batch, 2))

    def hidden(p: Arrays, data: Arrays) -> Any:
        return data["x"] @ p["W1"] + p["b1"]

    def cost(xp: Any, p: Arrays, data: Arrays) -> Any:
        z = hidden(p, data)
        return xp.sum(((z + xp.abs(z)) / 2 @ p["W2"] - data["y"]) ** 2) / (2 * batch)

    def gradient(p: Arrays, data: Arrays) -> Arrays:
        z = hidden(p, data)
        a = np.maximum(z, 0)
        delta = (a @ p["W2"] - data["y"]) / batch
        before = (delta @ p["W2"].T) * (z > 0)
        return {"W1": data["x"].T @ before, "b1": before.sum(axis=0), "W2": a.T @ delta}

    return Case(
        name="ReLU network",
        cost=cost,
        gradient=gradient,
        params={
            "W1": rng.normal(size=(6, 5)),
            "b1": rng.normal(size=5),
            "W2": rng.normal(size=(5, 2)),
        },
        data={"x": x, "y": y},
    )


def _times(case: Case, factor: float, name: str) -> Case:
    return replace(
        case,
        name=name,
        cost=lambda xp, p, data: factor * case.cost(xp, p, data),
        gradient=lambda p, data: {n: factor * g for n, g in case.gradient(p, data).items()},
    )


def _plus(case: Case, constant: float, name: str) -> Case:
    return replace(case, name=name, cost=lambda xp, p, data: constant + case.cost(xp, p, data))


def factors(case: Case, spoilt: str) -> Arrays:
    """What each entry of the gradient is multiplied by; of single ones, that of median size."""
    found = {name: np.ones_like(value) for name, value in case.params.items()}
    slopes = case.gradient(case.params, case.data)
    first = next(iter(found))
    if spoilt in ENTRY:
        sizes = np.abs(slopes[first]).reshape(-1)
        nonzero = np.flatnonzero(sizes)
        found[first].reshape(-1)[nonzero[np.argsort(sizes[nonzero])[len(nonzero) // 2]]] = ENTRY[
            spoilt
        ]
    elif spoilt == "tensor × -1":
        found[first] *= -1
    elif spoilt == "all × 1.01":
        found = {name: 1.01 * value for name, value in found.items()}
    return found


# --- the checkers ---------------------------------------------------------------------------------


def _front_door(case: Case, by: Arrays) -> Callable[[Contestant], Check]:
    return ours(case, by, "sweep", real_only=False)


def _torch_adapter(case: Case, by: Arrays) -> Callable[[Contestant], Check]:
    cost, values = torch_cost(case, by)
    tensors = tuple(values)
    return lambda contestant: (
        lambda: check_gradients(adapters.torch(contestant.counted(cost), tensors)).verdict
    )


def _torch_gradcheck(*, fast_mode: bool) -> Make:
    def make(case: Case, by: Arrays) -> Callable[[Contestant], Check]:
        import torch

        cost, values = torch_cost(case, by)
        return lambda contestant: (
            lambda: unless_raised(
                lambda: torch.autograd.gradcheck(
                    contestant.counted(cost), values, fast_mode=fast_mode
                )
            )
        )

    return make


def _jax_cost(case: Case, by: Arrays) -> Callable[[Any], Any]:
    import jax

    @jax.custom_vjp
    def spoil(p: Any) -> Any:
        return p

    spoil.defvjp(
        lambda p: (p, None), lambda _, g: ({name: by[name] * g[name] for name in case.params},)
    )
    return lambda p: case.cost(jax.numpy, spoil(p), case.data)


def _jax_adapter(case: Case, by: Arrays) -> Callable[[Contestant], Check]:
    cost = _jax_cost(case, by)
    return lambda contestant: (
        lambda: check_gradients(adapters.jax(contestant.counted(cost), case.params)).verdict
    )


def _jax_check_grads(case: Case, by: Arrays) -> Callable[[Contestant], Check]:
    from jax.test_util import check_grads

    cost = _jax_cost(case, by)
    return lambda contestant: (
        lambda: unless_raised(
            lambda: check_grads(contestant.counted(cost), (case.params,), order=1, modes=["rev"])
        )
    )


CHECKERS: dict[str, Make] = {
    "geartrain, NumPy": _front_door,
    "geartrain, torch": _torch_adapter,
    "geartrain, JAX": _jax_adapter,
    "torch gradcheck": _torch_gradcheck(fast_mode=False),
    "torch fast_mode": _torch_gradcheck(fast_mode=True),
    "JAX check_grads": _jax_check_grads,
    "autograd check_grads": autograd_check,
    "SciPy check_grad": scipy_check_grad,
}


def run(turns: int, say: Callable[[str], None] = lambda line: None) -> dict[str, Any]:
    """Every checker on every function and spoilt gradient."""
    answers = {name: {spoilt: Counter[str]() for spoilt in SPOILT} for name in CHECKERS}
    seconds: dict[str, dict[str, float]] = {name: {} for name in CHECKERS}
    accused: dict[str, list[str]] = {name: [] for name in CHECKERS}
    missed = {name: Counter[str]() for name in CHECKERS}
    names = []
    for case in cases():
        names.append(case.name)
        say(f"comparison: {case.name}")
        for number, spoilt in enumerate(SPOILT):
            by = factors(case, spoilt)
            found = {name: Contestant(make(case, by)) for name, make in CHECKERS.items()}
            np.random.seed(number)  # noqa: NPY002 - autograd and SciPy draw from the global one
            with np.errstate(all="ignore"), warnings.catch_warnings():
                warnings.simplefilter("ignore")
                if spoilt == "right":
                    for name, each in measure.side_by_side(found, turns=turns, budget=20).items():
                        seconds[name][case.name] = each.median
                else:
                    for contestant in found.values():
                        contestant()
            for name, contestant in found.items():
                answers[name][spoilt][contestant.answer] += 1
                if spoilt == "right" and contestant.answer != "pass":
                    accused[name].append(f"{case.name} ({contestant.answer})")
                elif spoilt != "right" and contestant.answer != "fail":
                    missed[name][case.name] += 1
    return {
        "cases": names,
        "checkers": {
            name: {
                "answers": {spoilt: dict(found) for spoilt, found in answers[name].items()},
                "not passed": accused[name],
                "not caught": dict(missed[name]),
                "seconds": seconds[name],
                "lines": len(LINES[name].strip().splitlines()),
            }
            for name in CHECKERS
        },
    }


def rows(result: dict[str, Any]) -> tuple[list[str], list[list[str]]]:
    """The table's head and rows: right ones passed, wrong ones caught, time, lines."""
    total = str(len(result["cases"]))
    head = ["", "right passed", *SPOILT[1:], "undecided", "time", "lines"]
    lines = [["of", *[total] * len(SPOILT), "", "", ""]]
    for name, found in result["checkers"].items():
        answers = found["answers"]
        lines.append(
            [
                name,
                str(answers["right"].get("pass", 0)),
                *(str(answers[spoilt].get("fail", 0)) for spoilt in SPOILT[1:]),
                str(sum(each.get("undecided", 0) for each in answers.values())),
                measure.span(median(found["seconds"].values())),
                str(found["lines"]),
            ]
        )
    return head, lines


def main() -> int:
    """Run, print, write."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--turns", type=int, default=3)
    parser.add_argument("--json", type=Path)
    parser.add_argument(
        "--write", type=Path, help="put the table between <!-- comparison:begin/end -->"
    )
    options = parser.parse_args()
    measure.one_core()
    result = {
        **run(options.turns, lambda line: print(line, file=sys.stderr)),
        **measure.about(),
    }
    print(measure.text_table(*rows(result)))
    for name, found in result["checkers"].items():
        if found["not passed"]:
            print(f"{name}: right, and not passed: {', '.join(found['not passed'])}")
    if options.json:
        options.json.write_text(json.dumps(result, indent=2) + "\n", encoding="utf-8")
    if options.write:
        measure.write_tables(options.write, {"comparison": markdown(result)})
    return 0


def markdown(result: dict[str, Any]) -> str:
    """The table, what is behind it, and where it was measured."""
    accused = [
        f"{name}: {', '.join(found['not passed'])}"
        for name, found in result["checkers"].items()
        if found["not passed"]
    ]
    parts = [measure.markdown_table(*rows(result)), ""]
    if accused:
        parts += ["Right gradients that did not pass:", "", *(f"- {each}" for each in accused), ""]
    parts += ["Wrong gradients that were not caught, of six for each function:", ""]
    for name, found in result["checkers"].items():
        if found["not caught"]:
            each = ", ".join(f"{case} ({count})" for case, count in found["not caught"].items())
            parts.append(f"- {name}: {each}")
    versions = ", ".join(f"{name} {v}" for name, v in result["versions"].items())
    about = f"{result['processor']}, one core, load average {result['load']:.0f}; {versions}."
    return "\n".join([*parts, "", about])


if __name__ == "__main__":
    sys.exit(main())
