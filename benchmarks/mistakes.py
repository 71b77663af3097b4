"""What the diagnosis says of known mistakes: named rightly, described truly, or misnamed.

    python benchmarks/mistakes.py [--seeds 5]

Networks of two layers are written out by hand, as students hand them in, and checked through the
front door as functions of which nothing is known. Each mistake is planted in several of them. A
diagnosis that names a cause has to name this one; one that only describes where the error sits is
neither right nor wrong. The self-test's faults, in our own networks, come below.
"""

from __future__ import annotations

import argparse
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import measure  # sets the threads before NumPy is loaded
import numpy as np

from checks import check_gradients
from checks.diagnosis.codes import DESCRIPTIONS
from checks.network.faults import selftest

Arrays = dict[str, Any]

OUTPUT = ("cost-derivative", "wrong-samples", "wrong-targets")


@dataclass(frozen=True, kw_only=True)
class Mistake:
    """What is wrong, as a change of the gradient, and the codes that name it."""

    title: str
    gradient: Callable[[Network, Arrays], Arrays]
    codes: tuple[str, ...]
    network: dict[str, Any]


class Network:
    """Tanh in the middle, squares at the end, a penalty; with one of several ways to be wrong."""

    def __init__(
        self,
        seed: int,
        *,
        shape: tuple[int, int, int] = (5, 6, 4),
        axis: int | None = None,
        penalty: str = "",
        flat: bool = False,
    ) -> None:
        rng = np.random.default_rng(seed)
        a, b, c = shape
        self.x, self.y = rng.normal(size=(9, a)), rng.normal(size=(9, c))
        self.flat, self.penalty = flat, penalty
        self.params: Arrays = {"W1": rng.normal(size=(a, b)), "b1": rng.normal(size=b),
                               "W2": rng.normal(size=(b, c)), "b2": rng.normal(size=c)}  # fmt: skip
        if axis is not None:
            for name in ("b1", "b2"):
                self.params[name] = np.expand_dims(self.params[name], axis)
        self.rates = {"W1": 0.3, "W2": 0.2}
        if penalty == "on biases too":
            self.rates |= {"b1": 0.3, "b2": 0.2}

    def given(self) -> Any:
        """The parameters as they are handed to a check."""
        return self.join(self.params) if self.flat else self.params

    def join(self, arrays: Arrays) -> Any:
        """All of them in one vector."""
        return np.concatenate([np.reshape(v, -1) for v in arrays.values()])

    def split(self, given: Any) -> Arrays:
        """The parameters by name."""
        if not self.flat:
            return dict(given)
        found, start = {}, 0
        for name, v in self.params.items():
            found[name] = np.reshape(given[start : start + v.size], v.shape)
            start += v.size
        return found

    def forward(self, p: Arrays) -> tuple[Any, Any]:
        """Hidden and output activations, (batch, n)."""
        hidden = np.tanh(self.x @ p["W1"] + p["b1"].reshape(-1))
        return hidden, hidden @ p["W2"] + p["b2"].reshape(-1)

    def cost(self, given: Any) -> Any:
        """The mean of half the squared error, and the penalty."""
        p = self.split(given)
        loss = ((self.forward(p)[1] - self.y) ** 2).sum() / 2 / len(self.x)
        for name, rate in self.rates.items() if self.penalty else ():
            loss = loss + rate * PENALTIES[self.penalty][0](p[name])
        return loss

    def loss_gradient(self, p: Arrays, **wrong: Any) -> Arrays:
        """The gradient without the penalty's; `wrong` replaces some piece of it."""
        hidden, out = self.forward(p)
        delta2 = wrong.get("delta", lambda out, y: out - y)(out, self.y) / len(self.x)
        slope = wrong.get("slope", lambda h: 1 - h**2)(hidden)
        delta1 = wrong.get("carry", lambda d, W: d @ W.T)(delta2, p["W2"]) * slope
        summed = wrong.get("bias", lambda d: d.sum(axis=0))
        source = wrong.get("source", lambda x, h: (x, h))
        first, second = source(self.x, hidden)
        found = {"W1": first.T @ delta1, "b1": summed(delta1),
                 "W2": second.T @ delta2, "b2": summed(delta2)}  # fmt: skip
        return {name: np.reshape(g, p[name].shape) for name, g in found.items()}

    def slope_of_penalty(self, p: Arrays, factor: float = 1.0) -> Arrays:
        """The penalty's part of the gradient, times a factor."""
        if not self.penalty:
            return {name: np.zeros_like(v) for name, v in p.items()}
        slope = PENALTIES[self.penalty][1]
        return {name: factor * self.rates[name] * slope(v) if name in self.rates else 0 * v
                for name, v in p.items()}  # fmt: skip


def _add(one: Arrays, other: Arrays) -> Arrays:
    return {name: one[name] + other[name] for name in one}


def _norm(p: Any, axis: int | None = None) -> Any:
    return np.sqrt((p * p).sum(axis=axis, keepdims=axis is not None))


PENALTIES: dict[str, tuple[Callable[[Any], Any], Callable[[Any], Any]]] = {
    "L2": (lambda p: (p * p).sum() / 2, lambda p: p),
    "L1": (lambda p: (np.sign(p.real) * p).sum(), np.sign),
    "elastic": (lambda p: (np.sign(p.real) * p + p * p / 2).sum(), lambda p: np.sign(p) + p),
    "quartic": (lambda p: (p**4).sum() / 4, lambda p: p**3),
    "norm": (_norm, lambda p: p / _norm(p)),
    "groups": (lambda p: _norm(p, 1).sum(), lambda p: p / _norm(p, 1)),
    "towards a value": (lambda p: ((p - 0.5) ** 2).sum() / 2, lambda p: p - 0.5),
    "log cosh": (lambda p: np.log(np.cosh(p)).sum(), np.tanh),
    "Huber-like": (lambda p: np.sqrt(1 + p * p).sum(), lambda p: p / np.sqrt(1 + p * p)),
    "on biases too": (lambda p: (p * p).sum() / 2, lambda p: p),
    "orthogonality": (
        lambda p: (((p.T @ p) - np.eye(p.shape[1])) ** 2).sum() / 4,
        lambda p: p @ (p.T @ p - np.eye(p.shape[1])),
    ),
}


def _loss(**wrong: Any) -> Callable[[Network, Arrays], Arrays]:
    return lambda net, p: _add(net.loss_gradient(p, **wrong), net.slope_of_penalty(p))


def _changed(change: Callable[[Arrays], Arrays]) -> Callable[[Network, Arrays], Arrays]:
    return lambda net, p: change(_loss()(net, p))


def _times(factor: float, names: str = "W1 b1 W2 b2") -> Callable[[Network, Arrays], Arrays]:
    return _changed(lambda g: {n: factor * v if n in names.split() else v for n, v in g.items()})


def _in_part(change: Callable[[Any], Any], name: str) -> Callable[[Network, Arrays], Arrays]:
    def changed(g: Arrays) -> Arrays:
        values = np.array(g[name])
        return {**g, name: np.asarray(change(values))}

    return _changed(changed)


def _set(at: Any, factor: float) -> Callable[[Any], Any]:
    def change(values: Any) -> Any:
        values[at] *= factor
        return values

    return change


def _stale(net: Network, p: Arrays) -> Arrays:
    """The gradient of an earlier batch is still in the accumulators."""
    return _add(net.loss_gradient(p), Network(99, shape=(5, 6, 4)).loss_gradient(p))


def mistakes() -> Iterator[Mistake]:
    """All of them."""
    for title, gradient, codes in GENERAL:
        yield Mistake(title=title, gradient=gradient, codes=codes, network={})
    square = {"shape": (4, 4, 4)}
    for title, gradient, codes in SQUARE:
        yield Mistake(title=title, gradient=gradient, codes=codes, network=square)
    for axis, which in ((None, "(n,)"), (0, "(1, n)"), (1, "(n, 1)")):
        for title, gradient, codes in BIASES:
            yield Mistake(title=f"{title}, biases {which}", gradient=gradient, codes=codes,
                          network={"axis": axis})  # fmt: skip
    for penalty in PENALTIES:
        missing = ("penalty-missing",)
        for what, factor, codes in (("forgotten", 0.0, missing), ("half of it", 0.5, missing),
                                    ("of the wrong sign", -1.0, missing),
                                    ("twice", 2.0, ("weight-decay",))):  # fmt: skip
            yield Mistake(
                title=f"penalty {penalty}, {what}", network={"penalty": penalty},
                codes=codes if penalty != "orthogonality" else (*missing, "weight-decay"),
                gradient=lambda net, p, factor=factor: _add(  # type: ignore[misc]
                    net.loss_gradient(p), net.slope_of_penalty(p, factor)
                ),
            )  # fmt: skip
    for factor, codes in ((9.0, ("sum-for-mean", "constant-factor")), (-1.0, ("sign-flipped",)),
                          (0.5, ("constant-factor",))):  # fmt: skip
        yield Mistake(
            title=f"all but the penalty times {factor:g}", network={"penalty": "on biases too"},
            codes=codes,
            gradient=lambda net, p, factor=factor: _add(  # type: ignore[misc]
                {n: factor * g for n, g in net.loss_gradient(p).items()}, net.slope_of_penalty(p)
            ),
        )  # fmt: skip
    for title, gradient, codes in FLAT:
        yield Mistake(title=f"{title}, in one vector", gradient=gradient, codes=codes,
                      network={"flat": True, "shape": (4, 4, 4)})  # fmt: skip


Listed = list[tuple[str, Callable[[Network, Arrays], Arrays], tuple[str, ...]]]

GENERAL: Listed = [
    ("sign", _times(-1), ("sign-flipped",)),
    ("sign of the first layer", _times(-1, "W1 b1"), ("sign-flipped",)),
    ("not divided by the batch", _times(9), ("sum-for-mean", "constant-factor")),
    ("divided by the batch twice", _times(1 / 9), ("constant-factor",)),
    ("factor 2", _times(2), ("constant-factor",)),
    ("half", _times(0.5), ("constant-factor",)),
    ("learning rate in it", _times(0.1), ("constant-factor",)),
    ("biases zero", _times(0, "b1 b2"), ("bias-missing",)),
    ("first layer zero", _times(0, "W1 b1"), ("gradient-missing",)),
    ("clipped", _changed(lambda g: {n: np.clip(v, -0.5, 0.5) for n, v in g.items()}), ("clipped",)),
    ("half precision", _changed(lambda g: {n: v.astype("f2").astype(float) for n, v in g.items()}),
     ("low-precision",)),
    ("delta in half precision", _loss(delta=lambda out, y: (out - y).astype("f2").astype(float)),
     ("low-precision",)),
    ("last column zero", _in_part(_set((slice(None), -1), 0), "W2"), ("left-out",)),
    ("last row zero", _in_part(_set(-1, 0), "W2"), ("left-out",)),
    ("sign of one entry", _in_part(_set((1, 2), -1), "W2"), ("sign-flipped",)),
    ("one row twice", _in_part(_set(1, 2), "W1"), ("constant-factor",)),
    ("1 % too much in one entry", _in_part(_set((1, 2), 1.01), "W2"), ()),
    ("slope of tanh left out", _loss(slope=np.ones_like), ("missing-derivative",)),
    ("slope of tanh squared", _loss(slope=lambda h: (1 - h**2) ** 2), ("doubled-derivative",)),
    ("slope of the sigmoid", _loss(slope=lambda h: h * (1 - h)), ("wrong-derivative",)),
    ("slope 1 + a^2", _loss(slope=lambda h: 1 + h**2), ("wrong-derivative",)),
    ("slope of tanh approximated", _loss(slope=lambda h: 0.99 - h**2), ("wrong-derivative",)),
    ("delta not transposed but reshaped", _loss(carry=lambda d, W: d @ W.reshape(W.T.shape)),
     ("wrong-weights",)),
    ("delta carried by |W|", _loss(carry=lambda d, W: d @ np.abs(W).T), ("wrong-weights",)),
    ("output's delta a + y", _loss(delta=lambda out, y: out + y), OUTPUT),
    ("output's delta y - a", _loss(delta=lambda out, y: y - out), ("sign-flipped",)),
    ("absolute error", _loss(delta=lambda out, y: np.sign(out - y)), OUTPUT),
    ("targets shifted", _loss(delta=lambda out, y: out - np.roll(y, 1, axis=0)), OUTPUT),
    ("last sample left out", _loss(delta=lambda out, y: (out - y) * (np.arange(9) < 8)[:, None]),
     OUTPUT),
    ("samples of inputs reversed", _loss(source=lambda x, h: (x[::-1], h[::-1])),
     ("wrong-activation", "wrong-samples")),
    ("hidden activations doubled", _loss(source=lambda x, h: (x, 2 * h)), ("constant-factor",)),
    ("hidden activations positive part", _loss(source=lambda x, h: (x, np.maximum(h, 0))),
     ("wrong-activation",)),
    ("an earlier batch still in it", _stale, OUTPUT),
    ("a thousandth added", _changed(lambda g: {n: v + 1e-3 for n, v in g.items()}),
     ("constant-added",)),
    ("a constant with three digits", _times(3.14 / np.pi), ("constant-factor",)),
]  # fmt: skip

SQUARE: Listed = [
    ("transposed", _in_part(lambda v: v.T, "W2"), ("transposed",)),
    ("layers swapped", _changed(lambda g: {**g, "W1": g["W2"], "W2": g["W1"]}),
     ("layers-swapped",)),
    ("symmetric part", _in_part(lambda v: (v + v.T) / 2, "W2"), ("symmetric-convention",)),
    ("rows rolled", _in_part(lambda v: np.roll(v, 1, axis=0), "W2"), ("misplaced",)),
    ("without the mean of each row", _in_part(lambda v: v - v.mean(1, keepdims=True), "W2"),
     ("projected",)),
]  # fmt: skip

BIASES: Listed = [
    ("biases of one sample", _loss(bias=lambda d: d[0]), ("bias-not-summed",)),
    ("biases by their mean", _loss(bias=lambda d: d.mean(axis=0)),
     ("bias-not-summed", "constant-factor")),
    ("biases zero", _times(0, "b1 b2"), ("bias-missing",)),
    ("first slope left out", _loss(slope=np.ones_like), ("missing-derivative",)),
    ("output's delta squared", _loss(delta=lambda out, y: (out - y) ** 2), OUTPUT),
    ("weights of other activations", _loss(source=lambda x, h: (x**2, h)), ("wrong-activation",)),
]  # fmt: skip

FLAT: Listed = [
    ("sign of a layer", _times(-1, "W2 b2"), ("sign-flipped",)),
    ("a layer zero", _times(0, "W1 b1"), ("gradient-missing", "left-out")),
    ("a layer times 3", _times(3, "W1 b1"), ("constant-factor",)),
    ("layers swapped", _changed(lambda g: {**g, "W1": g["W2"], "W2": g["W1"]}),
     ("misplaced", "layers-swapped")),
    ("a matrix unrolled by columns", _in_part(lambda v: v.T, "W1"), ("misplaced", "transposed")),
    ("slope left out", _loss(slope=np.ones_like), ("missing-derivative",)),
    ("biases of one sample", _loss(bias=lambda d: d[0]), ("bias-not-summed",)),
    ("penalty on all but the biases too much",
     lambda net, p: _add(_loss()(net, p), {n: 0.1 * v * (n[0] == "W") for n, v in p.items()}),
     ("weight-decay",)),
]  # fmt: skip


def verdict(mistake: Mistake, seed: int) -> str:
    """What is said of one: "named", "described", "misnamed" or, of no use at all, "missed"."""
    net = Network(seed, **mistake.network)

    def gradient(given: Any) -> Any:
        found = mistake.gradient(net, net.split(given))
        return net.join(found) if net.flat else found

    report = check_gradients(net.cost, gradient, net.given(), seed=seed)
    if report.verdict != "fail" or report.diagnosis is None:
        return "missed"
    code = report.diagnosis.code
    if code in mistake.codes:
        return "named"
    return "described" if code in DESCRIPTIONS else "misnamed"


HEAD = ("mistake", "planted", "named", "described", "misnamed", "missed")
COUNTED = ("named", "described", "misnamed", "missed")


def table(seeds: int) -> list[list[str]]:
    """A row for each mistake, for the self-test's faults, and the sum."""
    rows, total = [], Counter[str]()
    for mistake in mistakes():
        found = Counter(verdict(mistake, seed) for seed in range(seeds))
        total += found
        rows.append([mistake.title, str(seeds), *(str(found[key]) for key in COUNTED)])
    found = _selftest(seeds)
    total += found
    rows.append([f"the self-test's {len(selftest.FAULTS)} faults", str(found.total()),
                 *(str(found[key]) for key in COUNTED)])  # fmt: skip
    rows.append(["all", str(total.total()), *(str(total[key]) for key in COUNTED)])
    return rows


def _selftest(rounds: int) -> Counter[str]:
    found: Counter[str] = Counter()
    for outcome in selftest.run(seed=0, rounds=rounds, clean=0).outcomes:
        described = sum(n for code, n in outcome.misread.items() if code in DESCRIPTIONS)
        found += Counter(
            named=outcome.diagnosed, described=described, missed=outcome.planted - outcome.caught,
            misnamed=outcome.caught - outcome.diagnosed - described,
        )  # fmt: skip
    return found


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--seeds", type=int, default=5, help="networks for each mistake")
    print(measure.text_table(HEAD, table(parser.parse_args().seeds)))


if __name__ == "__main__":
    main()
