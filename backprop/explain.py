"""What `backprop explain` prints: one sample turned forward and back, gear by gear, with numbers.

`explain(net, x, y)` follows a single path, in each layer one unit: the one along which the cost is
steepest. Nothing is simplified, only most of it left out where the network is wide.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from backprop import passes, validation
from backprop.activations import ACTIVATIONS, Array
from backprop.network import Network

NUDGE = 2.0**-13  # a central difference then has about seven digits right, steep slope or not
_SHOWN = 4  # numbers of a row
_ROOM = 60  # columns for a sum


@dataclass(frozen=True, kw_only=True)
class _Worked:
    """All that one sample gives: a and z by layer, delta and the weights' gradient by layer."""

    net: Network
    x: Array
    y: Array
    a: list[Array]
    z: list[Array]
    delta: list[Array]
    dW: list[Array]


def explain(net: Network, x: Array, y: Array) -> str:
    """The worked example as text, at most 80 columns wide.

    Parameters
    ----------
    net
        The network; the numbers are worked out in float64.
    x, y
        One sample: inputs (1, n_in), and a target (1, n_out) or a label (1,).

    Raises
    ------
    ValueError, TypeError
        Where `x` or `y` do not fit the network.
    """
    worked = _work(net, x, y)
    units = _path(worked)
    kinds = f"{', '.join(worked.net.activations)}; cost: {worked.net.cost}"
    title = f"A {net.shape_text} gear train ({kinds})"
    blocks = [title], _forward(worked, units), _backward(worked, units), _nudge(worked, units)
    return "\n\n".join("\n".join(_fold(block)) for block in blocks)


def _work(net: Network, x: Array, y: Array) -> _Worked:
    net = net.astype(np.float64)
    x = validation.inputs(net, x)
    if len(x) != 1:
        raise ValueError(f"x: expected one sample, shape (1, {net.shape[0]}), got {x.shape}")
    y = validation.targets(net, y, 1)
    a = passes.forward(net, x)
    gradients = passes.gradients(net, x, y)
    return _Worked(
        net=net,
        x=x,
        y=y,
        a=[row[0] for row in a],
        z=[(row @ W + b)[0] for row, W, b in zip(a, net.weights, net.biases, strict=False)],
        # b is added to z as it is, so the slope along b is the slope along z.
        delta=[db for _, db in gradients],
        dW=[dW for dW, _ in gradients],
    )


def _path(worked: _Worked) -> list[int]:
    """One unit a layer, from the input on.

    The steepest first weight, so that there is something to see in its check; and from there, in
    each layer the unit that most of the slope comes back from.
    """
    steepest = int(np.abs(worked.dW[0]).argmax())
    units = [int(i) for i in np.unravel_index(steepest, worked.dW[0].shape)]
    for W, delta in zip(worked.net.weights[1:], worked.delta[1:], strict=True):
        units.append(int(np.abs(W[units[-1]] * delta).argmax()))
    return units


def _forward(worked: _Worked, units: list[int]) -> Iterator[str]:
    """From the input to the cost."""
    yield "Forward: each layer turns the next."
    yield f"  x = {_row(worked.a[0])}"
    layers = zip(worked.net.weights, worked.net.biases, worked.net.activations, strict=True)
    for layer, (W, b, name) in enumerate(layers, start=1):
        unit, a_in = units[layer], worked.a[layer - 1]
        yield f"layer {layer}, unit {unit} of {len(b)}"
        z, a = f"z{layer}[{unit}]", worked.a[layer]
        yield f"  {z} = {_sum(a_in, W[:, unit], b[unit])}"
        yield f"  {'':{len(z)}} = {_number(worked.z[layer - 1][unit])}"
        yield f"  a{layer}[{unit}] = {name}({z}) = {_number(a[unit])}"
        if layer < len(worked.net.weights) and len(b) > 1:
            yield f"  a{layer} = {_row(a)}, the others likewise"
    yield "the cost"
    yield f"  prediction a{layer} = {_row(worked.a[-1])}"
    yield f"  target      y = {_row(worked.y[0])}"
    yield f"  C = {_number(_cost(worked))}"


def _backward(worked: _Worked, units: list[int]) -> Iterator[str]:
    """From the cost to the first weight: every ratio, and the checkpoint it leads to."""
    yield "Backward: the ratios are multiplied. delta = dC/dz is kept as a checkpoint."
    for layer in range(len(worked.net.weights), 0, -1):
        unit, before = units[layer], units[layer - 1]
        d = worked.delta[layer - 1][unit]
        yield f"layer {layer}, unit {unit}"
        yield from _ratios(worked, layer, unit)
        a_in = "x" if layer == 1 else f"a{layer - 1}"
        yield f"  db{layer}[{unit}] = delta{layer}[{unit}] = {_number(d)}"
        yield (
            f"  dW{layer}[{before}, {unit}] = {a_in}[{before}] * delta{layer}[{unit}]"
            f" = {_factor(worked.a[layer - 1][before])} * {_factor(d)}"
            f" = {_number(worked.dW[layer - 1][before, unit])}"
        )


def _ratios(worked: _Worked, layer: int, unit: int) -> Iterator[str]:
    """How delta of one unit comes about."""
    name, d = f"[{unit}]", worked.delta[layer - 1][unit]
    f = ACTIVATIONS[worked.net.activations[layer - 1]]
    da = None if f.coupled else float(f.slope(worked.a[layer])[unit])
    if layer < len(worked.net.weights):
        assert da is not None  # noqa: S101 - softmax stands only at the output
        W, following = worked.net.weights[layer], worked.delta[layer]
        dC = float(W[unit] @ following)
        label = f"dC/da{layer}{name}"
        yield f"  {label} = {_sum(following, W[unit])}"
        yield f"  {'':{len(label)}} = {_number(dC)}"
    elif da is not None and worked.net.cost == "quadratic":
        a, y = worked.a[layer][unit], worked.y[0, unit]
        dC = float(a - y)
        yield f"  dC/da{layer}{name} = a - y = {_number(a)} - {_factor(y)} = {_number(dC)}"
    else:
        yield f"  dC/da and da/dz are taken together by the cost, {worked.net.cost}"
        yield f"  delta{layer}{name} = {_together(worked, unit)}{_number(d)}"
        return
    yield f"  da{layer}/dz{layer}{name} = {_number(da)}"
    yield f"  delta{layer}{name} = {_factor(dC)} * {_factor(da)} = {_number(d)}"


def _together(worked: _Worked, unit: int) -> str:
    """How the output's delta comes about, where a - y is all that is left of it."""
    a, y = worked.a[-1][unit], worked.y[0, unit]
    simple = np.isclose(worked.delta[-1][unit], a - y, rtol=1e-9, atol=0)
    return f"a - y = {_number(a)} - {_number(y)} = " if simple else ""


def _nudge(worked: _Worked, units: list[int]) -> Iterator[str]:
    """The same slope the slow way: turn one weight a little and run the cost again."""
    row, column = units[0], units[1]
    up, down = (_cost(worked, (row, column), step) for step in (NUDGE, -NUDGE))
    nudged, above = (up - down) / (2 * NUDGE), worked.dW[0][row, column]
    name = f"W1[{row}, {column}]"
    yield f"The check: nudge {name} by h = {NUDGE:.3g} each way and run the cost again."
    yield f"  C(W + h)      = {up:.15f}"
    yield f"  C(W - h)      = {down:.15f}"
    yield f"  their difference / 2h = {nudged:.8g}"
    yield f"  d{name}, from above  = {above:.8g}"
    yield _agreement(nudged, above, max(abs(up), abs(down)))
    if len(worked.net.weights) > 1:
        yield f"Two runs for one of {worked.net.size:,} parameters: hence backpropagation."


def _agreement(nudged: float, above: float, cost: float) -> str:
    """How far apart the two slopes are, and how far the rounding of the cost alone takes them."""
    size = max(abs(nudged), abs(above))
    if not size:
        return "Both are zero: a slope that shows nothing."
    rounding = np.spacing(cost) / (2 * NUDGE)
    return (
        f"They differ by {abs(nudged - above) / size:.1g} of their size; the last digit of C is"
        f" worth {rounding / size:.1g} of it."
    )


def _cost(worked: _Worked, where: tuple[int, int] | None = None, step: float = 0.0) -> float:
    net = worked.net
    if where is not None:
        first = net.weights[0].copy()
        first[where] += step
        net = replace(net, weights=[first, *net.weights[1:]])
    return float(passes.cost(net, worked.x, worked.y))


def _number(value: Any) -> str:
    return f"{float(value):.5g}"


def _factor(value: Any) -> str:
    return f"({_number(value)})" if value < 0 else _number(value)


def _row(values: Array) -> str:
    """The first few numbers; one more takes no more room than to say that it is left out."""
    count = _SHOWN + 1 if len(values) == _SHOWN + 1 else _SHOWN
    shown = ", ".join(_number(v) for v in values[:count])
    more = f", … {len(values) - count} more" if len(values) > count else ""
    return f"[{shown}{more}]"


def _sum(a: Array, w: Array, b: Any = None) -> str:
    """The products that make a sum, or the largest two where more do not fit, and the bias."""
    order = np.argsort(-np.abs(a * w), kind="stable")

    def shown(count: int) -> str:
        terms = [f"{_factor(a[k])} * {_factor(w[k])}" for k in np.sort(order[:count])]
        terms += [f"… {len(a) - count} more"] if len(a) > count else []
        terms += [_number(b)] if b is not None else []
        return " + ".join(terms).replace("+ -", "- ")

    return shown(3) if len(a) <= 3 and len(shown(3)) <= _ROOM else shown(2)


def _fold(lines: Iterator[str] | list[str]) -> Iterator[str]:
    """Lines of at most 80 columns, broken before an equals sign."""
    for line in lines:
        while len(line) > 80 and " = " in line[8:80]:
            at = line.rindex(" = ", 8, 80)
            yield line[:at]
            line = f"      {line[at:]}"
        yield line
