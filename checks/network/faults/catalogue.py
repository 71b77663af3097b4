"""Faults: bugs that people really write into backpropagation, ready to be planted.

Each fault is the real code minus one thing: an edit of the source of `backprop.passes.backward`,
or of one entry of the tables of activations and costs. `plant` puts one into the live code for as
long as a `with` block lasts; `FAULTS` is the catalogue.
"""

from __future__ import annotations

import inspect
import textwrap
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, replace
from typing import Any
from unittest import mock

import numpy as np

from backprop import passes
from backprop.activations import ACTIVATIONS, sigmoid
from backprop.costs import COSTS

# The lines of `backward` that the edits replace.
TARGETS = "y = validation.targets(net, y, validation.activation_shapes(net, activations))"
EMPTY = "zero_grad(net)"
OUTPUT = "delta = COSTS[net.cost].delta(activations[-1], y, slopes[-1])"
LOOP = "for layer in reversed(range(len(net.weights))):"
SOURCE = "a = activations[layer]"
WEIGHTS = "net.dW[layer] += a.T @ delta"
BIASES = "net.db[layer] += delta.sum(axis=0)"
CARRY = "delta = (delta @ net.weights[layer].T) * slopes[layer - 1](a)"
COUNT = "net.samples += len(y)"

Edits = dict[str, str]


@dataclass(frozen=True, kw_only=True)
class Fault:
    """A known bug, how it is planted, and where it shows.

    Attributes
    ----------
    code, title
        A stable name, and what is wrong in a few words.
    expected
        The codes of the diagnoses that are right, the most telling first.
    edits
        Lines of `backward`, each with what stands there instead.
    slope, delta
        An activation, or a cost, with the derivative that stands in its entry instead.
    layers
        The least number of layers in which it shows.
    square
        Whether all layers have to be of one width.
    activation, costs
        The activation and the costs with which it shows; any where there is none.
    """

    code: str
    title: str
    expected: tuple[str, ...]
    edits: Edits | None = None
    slope: tuple[str, Callable[..., Any]] | None = None
    delta: tuple[str, Callable[..., Any]] | None = None
    layers: int = 1
    square: bool = False
    activation: str | None = None
    costs: tuple[str, ...] = ()


class EditError(LookupError):
    """Code that no longer has the lines which the faults edit."""


@contextmanager
def plant(fault: Fault) -> Iterator[None]:
    """The live code with `fault` in it; what was there before comes back at the end.

    Raises
    ------
    EditError
        When `backward` no longer has, exactly once, a line that the fault edits.
    """
    with ExitStack() as stack:
        stack.enter_context(np.errstate(all="ignore"))  # a bug may divide by zero
        if fault.edits:
            faulty = edited(passes.backward, fault.edits)
            stack.enter_context(mock.patch.object(passes, "backward", faulty))
        if fault.slope:
            name, slope = fault.slope
            entry = replace(ACTIVATIONS[name], slope=slope)
            stack.enter_context(mock.patch.dict(ACTIVATIONS, {name: entry}))
        if fault.delta:
            name, delta = fault.delta
            stack.enter_context(mock.patch.dict(COSTS, {name: replace(COSTS[name], delta=delta)}))
        yield


def edited(function: Callable[..., Any], edits: Edits) -> Callable[..., Any]:
    """`function` with lines of its source replaced, in a copy of its module's names."""
    source = patched(textwrap.dedent(inspect.getsource(function)), edits)
    names = {**vars(inspect.getmodule(function)), "np": np, "STATE": {}}
    # What is executed is the project's own source with an edit from the table below.
    exec(compile(source, f"<planted in {function.__name__}>", "exec"), names)  # noqa: S102
    return names[function.__name__]  # type: ignore[no-any-return]


def patched(source: str, edits: Edits) -> str:
    """`source` with each line of `edits` replaced, keeping its indentation."""
    lines = source.split("\n")
    found = {old: [i for i, line in enumerate(lines) if line.strip() == old] for old in edits}
    for old, at in found.items():
        if len(at) != 1:
            raise EditError(
                f"edits: expected exactly one line {old!r}, found {len(at)}; faults are edits of"
                " the code as it came: undo what was changed there, or bring"
                " checks/network/faults/catalogue.py in step"
            )
        indent = lines[at[0]][: -len(old)]
        lines[at[0]] = "\n".join(indent + line for line in edits[old].split("\n"))
    return "\n".join(lines)


def _fault(code: str, title: str, expected: str, edits: Edits | None = None, **more: Any) -> Fault:
    return Fault(code=code, title=title, expected=tuple(expected.split()), edits=edits, **more)


def _carry(weights: str = "net.weights[layer].T", slope: str = "slopes[layer - 1](a)") -> Edits:
    return {CARRY: f"delta = (delta @ {weights}) * {slope}"}


DEEP: dict[str, Any] = {"layers": 2}
SQUARE: dict[str, Any] = {"layers": 2, "square": True}
QUADRATIC: dict[str, Any] = {"costs": ("quadratic",)}
Z = "activations[layer - 1] @ net.weights[layer - 1] + net.biases[layer - 1]"
FRESH = "[np.zeros_like(W) for W in net.weights], [np.zeros_like(b) for b in net.biases]"

FAULTS: tuple[Fault, ...] = (
    # --- signs, transposes, factors
    _fault("sign", "y - a for a - y", "sign-flipped", {OUTPUT: OUTPUT.replace("= ", "= -")}),
    _fault("sign-weights", "dW subtracted", "sign-flipped", {WEIGHTS: WEIGHTS.replace("+", "-")}),
    _fault("sign-bias", "db subtracted", "sign-flipped", {BIASES: BIASES.replace("+", "-")}),
    _fault("sign-layer", "one layer's dW negated", "sign-flipped",
           {WEIGHTS: WEIGHTS + " if layer else -a.T @ delta"}, **DEEP),
    _fault("transpose", "dW transposed", "transposed",
           {WEIGHTS: "net.dW[layer] += delta.T @ a"}, square=True),
    _fault("reshape", "dW reshaped, not transposed", "transposed",
           {WEIGHTS: "net.dW[layer] += (delta.T @ a).reshape(a.shape[1], -1)"}),
    _fault("sum-for-mean", "summed, not averaged", "sum-for-mean", {COUNT: "net.samples += 1"}),
    _fault("mean-twice", "divided by the batch size twice", "constant-factor",
           {OUTPUT: OUTPUT + " / len(y)"}),
    _fault("factor-2", "2 (a - y) for half the square", "constant-factor",
           {OUTPUT: OUTPUT.replace("= ", "= 2 * ")}),
    _fault("factor-half", "halved once more", "constant-factor", {OUTPUT: OUTPUT + " / 2"}),
    _fault("learning-rate", "learning rate in the gradient", "constant-factor",
           {WEIGHTS: WEIGHTS.replace("+= ", "+= 5.0 * "),
            BIASES: BIASES.replace("+= ", "+= 5.0 * ")}),
    _fault("mean-each-layer", "averaged anew at each layer", "constant-factor",
           {CARRY: CARRY + " / len(y)"}, **DEEP),
    _fault("norm-clip", "each dW scaled to norm 1", "constant-factor",
           {WEIGHTS: "dW = a.T @ delta\nnet.dW[layer] += dW / np.sqrt((dW**2).sum())"}),
    _fault("value-clip", "clipping left in", "clipped",
           {WEIGHTS: "net.dW[layer] += np.clip(a.T @ delta, -0.1, 0.1)"}),
    _fault("weight-decay", "decay that the cost lacks", "weight-decay",
           {WEIGHTS: WEIGHTS + " + 0.01 * net.weights[layer]"}),
    _fault("decay-sign", "decay subtracted", "penalty-missing",
           {WEIGHTS: WEIGHTS + " - 0.01 * net.weights[layer]"}),
    _fault("normalised-twice", "x divided by 255 once more", "constant-factor",
           {SOURCE: "a = activations[layer] / (1 if layer else 255)"}),
    # --- derivatives of activations
    _fault("no-derivative", "hidden derivative missing", "missing-derivative",
           {CARRY: "delta = delta @ net.weights[layer].T"}, **DEEP),
    _fault("no-derivative-output", "output derivative missing", "missing-derivative",
           {OUTPUT: "delta = activations[-1] - y"}, **QUADRATIC),
    _fault("no-derivative-layer", "one layer's derivative missing", "missing-derivative",
           _carry(slope="(slopes[layer - 1](a) if layer > 1 else 1)"), **DEEP),
    _fault("derivative-twice", "hidden derivative doubled", "doubled-derivative",
           {CARRY: CARRY + " * slopes[layer - 1](a)"}, **DEEP),
    _fault("derivative-kept", "sigmoid' kept with cross-entropy", "doubled-derivative",
           {OUTPUT: OUTPUT + " * slopes[-1](activations[-1])"}, costs=("cross-entropy",)),
    _fault("derivative-at-z", "derivative taken at z for a", "derivative-misplaced",
           _carry(slope=f"slopes[layer - 1]({Z})"), **DEEP),
    _fault("sigmoid-of-a", "sigmoid'(z) given a", "derivative-misplaced",
           slope=("sigmoid", lambda a: sigmoid(a) * (1 - sigmoid(a))), activation="sigmoid",
           **DEEP),
    _fault("tanh-of-a", "tanh'(z) given a", "derivative-misplaced",
           slope=("tanh", lambda a: 1 - np.tanh(a) ** 2), activation="tanh", **DEEP),
    _fault("softplus-of-a", "softplus'(z) given a", "derivative-misplaced",
           slope=("softplus", sigmoid), activation="softplus", **DEEP),
    _fault("derivative-next-layer", "derivative at the next layer's a", "derivative-misplaced",
           _carry(slope="slopes[layer - 1](activations[layer + 1])"), **SQUARE),
    _fault("tanh-as-sigmoid", "a (1 - a) for tanh", "wrong-derivative",
           slope=("tanh", lambda a: a * (1 - a)), activation="tanh", **DEEP),
    _fault("sigmoid-as-tanh", "1 - a² for sigmoid", "wrong-derivative",
           slope=("sigmoid", lambda a: 1 - a * a), activation="sigmoid", **DEEP),
    _fault("tanh-square-forgotten", "1 - a for tanh", "wrong-derivative",
           slope=("tanh", lambda a: 1 - a), activation="tanh", **DEEP),
    _fault("tanh-sign", "1 + a² for tanh", "wrong-derivative",
           slope=("tanh", lambda a: 1 + a * a), activation="tanh", **DEEP),
    _fault("relu-leak", "leaky slope for ReLU", "wrong-derivative",
           slope=("relu", lambda a: np.where(a > 0, 1, 0.01)), activation="relu", **DEEP),
    _fault("relu-at-least", "a >= 0 for ReLU", "missing-derivative wrong-derivative",
           slope=("relu", lambda a: a >= 0), activation="relu", **DEEP),
    _fault("relu-value", "a itself for ReLU's slope", "wrong-derivative",
           slope=("relu", lambda a: a), activation="relu", **DEEP),
    _fault("softplus-as-relu", "ReLU's slope for softplus", "missing-derivative wrong-derivative",
           slope=("softplus", lambda a: a > 0), activation="softplus", **DEEP),
    _fault("slope-of-neighbour", "the next layer's derivative", "wrong-derivative",
           _carry(slope="slopes[layer](a)"), activation="mixed", layers=3, **QUADRATIC),
    # --- biases and accumulators
    _fault("bias-forgotten", "bias gradient forgotten", "bias-missing", {BIASES: "pass"}),
    _fault("bias-first", "first bias forgotten", "bias-missing",
           {BIASES: f"if layer:\n    {BIASES}"}, **DEEP),
    _fault("bias-last-sample", "last sample's delta as db", "bias-not-summed",
           {BIASES: "net.db[layer] += delta[-1]"}),
    _fault("bias-mean", "mean of delta as db", "bias-not-summed",
           {BIASES: BIASES.replace("sum", "mean")}),
    _fault("bias-all", "delta summed over both axes", "bias-not-summed",
           {BIASES: "net.db[layer] += delta.sum()"}),
    _fault("bias-axis", "delta summed over the wrong axis", "bias-not-summed",
           {BIASES: "net.db[layer] += np.resize(delta.sum(axis=1), delta.shape[1])"}),
    _fault("stale", "accumulator never zeroed", "accumulates",
           {EMPTY: f"net.dW, net.db = STATE.setdefault(net.shape, ({FRESH}))"}),
    _fault("momentum", "momentum left over", "accumulates not-repeatable",
           {WEIGHTS: "STATE[layer] = 0.9 * STATE.get(layer, 0) + a.T @ delta\n"
                     "net.dW[layer] += STATE[layer]"}),
    # --- layers
    _fault("swapped", "gradients of layers swapped", "layers-swapped",
           {WEIGHTS: WEIGHTS.replace("[layer]", "[-1 - layer]"),
            BIASES: BIASES.replace("[layer]", "[-1 - layer]")}, **SQUARE),
    _fault("loop-short", "loop ends before the first layer", "gradient-missing",
           {LOOP: LOOP.replace("(len", "(1, len")}, **DEEP),
    _fault("detached", "delta not handed on", "gradient-missing",
           {CARRY: CARRY + " * 0"}, **DEEP),
    _fault("delta-too-early", "delta carried on too early", "wrong-delta",
           {WEIGHTS: f"if layer > 0:\n    {CARRY}\n{WEIGHTS}", CARRY: "pass"}, **SQUARE),
    _fault("own-output", "dW from the layer's own output", "wrong-activation",
           {WEIGHTS: "net.dW[layer] += activations[layer + 1].T @ delta"}, square=True),
    _fault("z-for-a", "dW from z for a", "wrong-activation",
           {WEIGHTS: f"net.dW[layer] += (({Z}) if layer else a).T @ delta"}, **DEEP),
    _fault("centred", "dW from centred activations", "wrong-activation",
           {WEIGHTS: "net.dW[layer] += (a - a.mean(axis=0)).T @ delta"}),
    _fault("overwritten", "activation overwritten in place", "overwritten-activation",
           {SOURCE: f"{SOURCE}\nif layer > 0:\n    a[...] = slopes[layer - 1](a)",
            **_carry(slope="a")}, **DEEP),
    _fault("untransposed", "W not transposed", "wrong-weights",
           _carry("net.weights[layer]"), **SQUARE),
    _fault("neighbour-weights", "weights of the layer before", "wrong-weights",
           _carry("net.weights[layer - 1].T"), **SQUARE),
    _fault("reshaped-weights", "W reshaped, not transposed", "wrong-weights",
           _carry("net.weights[layer].reshape(net.weights[layer].T.shape)"), **DEEP),
    _fault("no-weights", "delta not carried through W", "wrong-weights",
           {CARRY: "delta = delta * slopes[layer - 1](a)"}, **SQUARE),
    _fault("updated-weights", "delta through updated weights", "wrong-weights",
           _carry("(net.weights[layer] - 0.1 * net.dW[layer]).T"), **DEEP),
    _fault("updated-in-place", "weights updated in the loop", "changes-parameters",
           {CARRY: f"net.weights[layer] -= 0.1 * net.dW[layer]\n{CARRY}"}, **DEEP),
    _fault("squashed", "delta squashed between layers", "errors-enter-here",
           {CARRY: f"{CARRY}\ndelta = np.tanh(40 * delta)"}, **DEEP),
    # --- the cost's derivative, targets, samples
    _fault("no-target", "the target forgotten", "cost-derivative",
           {OUTPUT: OUTPUT.replace(", y,", ", 0 * y,")}, costs=("quadratic", "cross-entropy")),
    _fault("error-squared", "the error squared", "cost-derivative",
           delta=("quadratic", lambda a, y, slope: (a - y) ** 2 * slope(a)), **QUADRATIC),
    _fault("error-sign", "absolute error's derivative", "cost-derivative",
           delta=("quadratic", lambda a, y, slope: np.sign(a - y) * slope(a)), **QUADRATIC),
    _fault("slope-divided", "dC/da taken for dC/dz", "cost-derivative",
           delta=("cross-entropy", lambda a, y, slope: (a - y) / slope(a)),
           costs=("cross-entropy",)),
    _fault("targets-shifted", "targets of another sample", "wrong-targets",
           {TARGETS: f"{TARGETS}\ny = np.roll(y, 1, axis=0)"}),
    _fault("label-off-by-one", "labels off by one", "wrong-targets",
           {TARGETS: f"{TARGETS}\ny = np.roll(y, 1, axis=1)"}),
    _fault("first-sample-lost", "first sample left out", "wrong-samples",
           {OUTPUT: f"{OUTPUT}\ndelta[0] = 0"}),
    _fault("one-sample", "only the first sample counted", "wrong-samples",
           {OUTPUT: f"{OUTPUT}\ndelta[1:] = 0"}),
    _fault("last-delta", "last sample's delta for all", "wrong-samples",
           {OUTPUT: f"{OUTPUT}\ndelta = np.broadcast_to(delta[-1], delta.shape)"}),
    _fault("batch-reversed", "activations of other samples", "wrong-samples",
           {WEIGHTS: "net.dW[layer] += a[::-1].T @ delta"}),
    # --- parts left out, and the dtype
    _fault("column-lost", "last column left out", "left-out",
           {WEIGHTS: "net.dW[layer][:, :-1] += (a.T @ delta)[:, :-1]"}),
    _fault("row-lost", "last row left out", "left-out",
           {WEIGHTS: "net.dW[layer][:-1] += (a.T @ delta)[:-1]"}),
    _fault("unit-lost", "last output unit left out", "left-out",
           {OUTPUT: f"{OUTPUT}\ndelta[:, -1] = 0"}),
    _fault("dropout", "dropout mask left in", "left-out gradient-missing",
           {CARRY: f"{CARRY}\ndelta[:, ::2] = 0"}, **DEEP),
    _fault("noise", "fresh noise in every call", "not-repeatable",
           {CARRY: f"{CARRY}\ndelta *= np.random.default_rng().normal(1, 0.1, delta.shape)"},
           **DEEP),
    _fault("float32", "delta in float32", "low-precision",
           {OUTPUT: OUTPUT + ".astype(np.float32)"}),
    _fault("float32-product", "product in float32", "low-precision",
           {WEIGHTS: "net.dW[layer] += a.T.astype(np.float32) @ delta.astype(np.float32)"}),
)  # fmt: skip
