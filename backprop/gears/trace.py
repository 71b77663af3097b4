"""From one named weight to the cost: each gear with its ratio, each path with its product.

A gear's ratio is had twice: from its formula, and by nudging what drives it and nothing else. The
whole slope is had three times: as the sum over all paths, from the checkpoint that `backward`
keeps, and by running the cost again with the weight nudged.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterator
from itertools import pairwise

import numpy as np

from backprop import passes, validation
from backprop.activations import ACTIVATIONS, Array
from backprop.costs import COSTS
from backprop.gears.gear_train import NUDGE, SHOWN, Gear, GearTrain, Path, multiplications
from backprop.network import Network

Ways = tuple[Array, list[tuple[int, ...]]]  # products, and the units that each goes through

# As the text writes them; `a` is put in its place. Of others only the value is known.
SLOPES = {
    "sigmoid": "a * (1 - a)",
    "tanh": "1 - a**2",
    "relu": "1 if a > 0, else 0",
    "softplus": "1 - exp(-a)",
    "identity": "1",
}
DELTAS = {"cross-entropy": "a - y", "softmax-cross-entropy": "a * sum(y) - y"}


def trace(net: Network, x: Array, y: Array, weight: str) -> GearTrain:
    """Follow one weight or bias to the cost.

    Parameters
    ----------
    net
        The network; the numbers are worked out in float64.
    x, y
        One sample: inputs (1, n_in), and a target (1, n_out) or a label (1,).
    weight
        A coordinate, such as "W1[0, 1]" or "b2[0]".

    Raises
    ------
    ValueError, TypeError
        Where the network has no such weight, or `x` or `y` do not fit it.
    """
    tensor, index = coordinate(net, weight)
    net = net.astype(np.float64)
    x = validation.inputs(net, x)
    if len(x) != 1:
        raise ValueError(f"x: expected one sample, shape (1, {net.shape[0]}), got {x.shape}")
    return _Follower(net, x, validation.targets(net, y, 1), tensor, index).train()


def coordinate(net: Network, text: str) -> tuple[str, tuple[int, ...]]:
    """The tensor and the index in a name such as W1[0, 1].

    Raises
    ------
    ValueError
        Where it is no such name, or the network has no such weight.
    """
    found = re.fullmatch(r"\s*([Wb]\d+)\s*\[\s*(\d+)\s*(?:,\s*(\d+)\s*)?\]\s*", text, re.ASCII)
    if found is None:
        raise ValueError(
            f"weight: expected a name such as W1[0, 1] or b1[0], got {text!r}; in a shell, put it"
            " in quotes"
        )
    tensor, *indices = found.groups()
    tensors = net.parameters
    if tensor not in tensors:
        raise ValueError(
            f"weight: expected one of {', '.join(tensors)}, the tensors of {net.shape_text}, got"
            f" {tensor}"
        )
    index = tuple(int(i) for i in indices if i is not None)
    shape = tensors[tensor].shape
    if len(index) != len(shape) or any(i >= n for i, n in zip(index, shape, strict=True)):
        last = ", ".join(str(n - 1) for n in shape)
        first = ", ".join("0" for _ in shape)
        raise ValueError(
            f"weight: expected {tensor}[{first}] to {tensor}[{last}], counted from 0, got"
            f" {text.strip()}"
        )
    return tensor, index


def steepest(net: Network, x: Array, y: Array) -> str:
    """The name of the first-layer weight along which the cost is steepest."""
    dW = np.abs(passes.gradients(net, x, y)[0][0])
    row, column = np.unravel_index(int(dW.argmax()), dW.shape)
    return f"W1[{row}, {column}]"


class _Follower:
    """One sample turned forward, and the ratios from one weight on."""

    def __init__(
        self, net: Network, x: Array, y: Array, tensor: str, index: tuple[int, ...]
    ) -> None:
        self.net, self.x, self.y = net, x, y
        self.tensor, self.index, self.unit = tensor, index, index[-1]
        self.first, self.last = int(tensor[1:]), len(net.weights)
        self.a = passes.forward(net, x)
        layers = zip(self.a, net.weights, net.biases, strict=False)
        self.z = [a @ W + b for a, W, b in layers]
        self.functions = [ACTIVATIONS[name] for name in net.activations]
        self.gradients = passes.gradients(net, x, y)
        # Only half the squared error has a slope along a of its own; the others need z as well.
        self.apart = net.cost == "quadratic"
        self.slopes = [
            np.ones_like(z[0]) if f.coupled else np.asarray(f.slope(a[0]), float)
            for f, a, z in zip(self.functions, self.a[1:], self.z, strict=True)
        ]
        if self.apart:
            self.end = (self.a[-1] - y)[0]
        else:
            self.end = COSTS[net.cost].delta(self.a[-1], y, self.functions[-1].slope)[0]
            self.slopes[-1] = np.ones_like(self.end)  # it is in the cost's ratio already

    def train(self) -> GearTrain:
        """What there is to say."""
        name = f"{self.tensor}[{', '.join(map(str, self.index))}]"
        widths = self.net.shape[self.first + 1 :]
        count = math.prod(widths)
        products, units = self._strongest(count if count <= SHOWN + 1 else SHOWN)
        paths = tuple(
            Path(stops=(name, *self._stops(way)), product=float(product))
            for product, way in zip(products, units, strict=True)
        )
        gears: dict[tuple[str, str], tuple[int, Gear]] = {}
        for way, path in zip(units, paths, strict=True):
            pairs = zip(pairwise(path.stops), self._gears(way), strict=True)
            for place, ((driver, driven), ratio) in enumerate(pairs):
                gears[driver, driven] = (place, self._gear(driver, driven, *ratio))
        value = self.net.parameters[self.tensor][self.index]
        dW, db = self.gradients[self.first - 1]
        above, below = self._reruns()
        return GearTrain(
            net=self.net,
            name=name,
            value=float(value),
            turns=self._turns(units),
            gears={
                names: gear
                for names, (_, gear) in sorted(
                    gears.items(), key=lambda item: (item[1][0], _places(*item[0]))
                )
            },
            paths=paths,
            path_count=count,
            total=self._total(),
            checkpoints=self._checkpoints(units),
            analytic=float((dW if self.tensor[0] == "W" else db)[self.index]),
            cost_above=above,
            cost_below=below,
            multiplications=multiplications(self.net.shape, apart=self.apart),
        )

    # --- paths --------------------------------------------------------------------------------

    @property
    def entrance(self) -> float:
        """How far z turns for the weight: what enters it; a bias is added as it is."""
        return float(self.a[self.first - 1][0, self.index[0]]) if self.tensor[0] == "W" else 1.0

    def _strongest(self, count: int) -> Ways:
        """The largest products, and the units that each goes through, from the weight's on.

        From the cost back, each unit keeps its best `count` ways on: a longer way that is among the
        best goes on along one of these.
        """
        ends = enumerate(self.end * self.slopes[-1])
        ways: list[Ways] = [(np.array([d]), [(k,)]) for k, d in ends]
        for layer in range(self.last - 1, self.first - 1, -1):
            on = [(v, k, j) for k, (values, _) in enumerate(ways) for j, v in enumerate(values)]
            value = np.array([v for v, _, _ in on])
            unit = np.array([k for _, k, _ in on])
            before: list[Ways] = []
            rows = range(self.net.shape[layer]) if layer > self.first else [self.unit]
            for row in rows:
                product = value * self.net.weights[layer][row, unit] * self.slopes[layer - 1][row]
                best = np.argsort(-np.abs(product), kind="stable")[:count]
                before.append((product[best], [(row, *ways[on[i][1]][1][on[i][2]]) for i in best]))
            ways = before
        values, units = ways[0] if self.first < self.last else ways[self.unit]
        return values * self.entrance, units

    def _total(self) -> float:
        """The sum over all paths: the ratios carried forward, layer by layer."""
        turned = np.zeros(self.net.shape[self.first])
        turned[self.unit] = self.entrance
        for layer in range(self.first, self.last):
            turned = (turned * self.slopes[layer - 1]) @ self.net.weights[layer]
        return float(turned * self.slopes[-1] @ self.end)

    def _stops(self, units: tuple[int, ...]) -> Iterator[str]:
        for layer, unit in enumerate(units, start=self.first):
            yield f"z{layer}[{unit}]"
            if layer < self.last or self.apart:
                yield f"a{layer}[{unit}]"
        yield "C"

    # --- gears --------------------------------------------------------------------------------

    def _gears(self, units: tuple[int, ...]) -> Iterator[tuple[str, float, float]]:
        """Formula, value and measured value of each contact of a path."""
        yield self._formula_of_entrance(), self.entrance, self._nudged_entrance()
        for layer, unit in enumerate(units, start=self.first):
            if layer == self.last and not self.apart:
                formula = _with(DELTAS.get(self.net.cost, "dC/dz"), f"a{layer}[{unit}]", unit)
                yield formula, float(self.end[unit]), self._nudged_cost(unit)
                return
            slope = _with(SLOPES.get(self.net.activations[layer - 1], "f'(z)"), f"a{layer}[{unit}]")
            yield slope, float(self.slopes[layer - 1][unit]), self._nudged_slope(layer, unit)
            if layer == self.last:
                formula = f"a{layer}[{unit}] - y[{unit}]"
                yield formula, float(self.end[unit]), self._nudged_error(unit)
                return
            after = units[layer - self.first + 1]
            yield (
                f"W{layer + 1}[{unit}, {after}]",
                float(self.net.weights[layer][unit, after]),
                self._nudged_weight(layer, unit, after),
            )

    @staticmethod
    def _gear(driver: str, driven: str, formula: str, value: float, measured: float) -> Gear:
        return Gear(driver=driver, driven=driven, formula=formula, value=value, measured=measured)

    def _formula_of_entrance(self) -> str:
        if self.tensor[0] == "b":
            return "1"
        return f"x[{self.index[0]}]" if self.first == 1 else f"a{self.first - 1}[{self.index[0]}]"

    def _nudged_entrance(self) -> float:
        def z(step: float) -> float:
            moved = self._moved(step)
            a = self.a[self.first - 1]
            row = a @ moved.weights[self.first - 1] + moved.biases[self.first - 1]
            return float(row[0, self.unit])

        return _slope(z(NUDGE), z(-NUDGE))

    def _nudged_slope(self, layer: int, unit: int) -> float:
        def a(step: float) -> float:
            z = self.z[layer - 1].copy()
            z[0, unit] += step
            return float(self.functions[layer - 1].function(z)[0, unit])

        return _slope(a(NUDGE), a(-NUDGE))

    def _nudged_weight(self, layer: int, unit: int, after: int) -> float:
        W, b = self.net.weights[layer][:, after], self.net.biases[layer][after]

        def z(step: float) -> float:
            a = self.a[layer].copy()
            a[0, unit] += step
            return float((a @ W + b)[0])

        return _slope(z(NUDGE), z(-NUDGE))

    def _nudged_error(self, unit: int) -> float:
        def cost(step: float) -> float:
            a = self.a[-1].copy()
            a[0, unit] += step
            return float(COSTS[self.net.cost].value(self.z[-1], a, self.y)[0])

        return _slope(cost(NUDGE), cost(-NUDGE))

    def _nudged_cost(self, unit: int) -> float:
        def cost(step: float) -> float:
            z = self.z[-1].copy()
            z[0, unit] += step
            return float(passes.resume(self.net, self.last - 1, z, self.y))

        return _slope(cost(NUDGE), cost(-NUDGE))

    # --- the whole ----------------------------------------------------------------------------

    def _moved(self, step: float) -> Network:
        """The network with the weight nudged."""
        values = {name: p.copy() for name, p in self.net.parameters.items()}
        values[self.tensor][self.index] += step
        return self.net.with_parameters(values.values())

    def _reruns(self) -> tuple[float, float]:
        above, below = (
            float(passes.cost(self._moved(step), self.x, self.y)) for step in (NUDGE, -NUDGE)
        )
        return above, below

    def _turns(self, units: list[tuple[int, ...]]) -> dict[str, float]:
        found = {"C": float(passes.cost(self.net, self.x, self.y))}
        if self.tensor[0] == "W":
            found[self._formula_of_entrance()] = self.entrance
        for layer in range(self.first, self.last + 1):
            for unit in sorted({way[layer - self.first] for way in units}):
                found[f"z{layer}[{unit}]"] = float(self.z[layer - 1][0, unit])
                found[f"a{layer}[{unit}]"] = float(self.a[layer][0, unit])
        return found

    def _checkpoints(self, units: list[tuple[int, ...]]) -> dict[str, float]:
        """delta by the name of its pre-activation; it is the slope along the bias as well."""
        found = {}
        for layer in range(self.first, self.last + 1):
            for unit in sorted({way[layer - self.first] for way in units}):
                found[f"z{layer}[{unit}]"] = float(self.gradients[layer - 1][1][unit])
        return found


def _places(driver: str, driven: str) -> list[int]:
    """What to sort names by: the numbers in them, so that unit 10 comes after unit 9."""
    return [int(n) for n in re.findall(r"\d+", f"{driver} {driven}")]


def _slope(above: float, below: float) -> float:
    return (above - below) / (2 * NUDGE)


def _with(formula: str, a: str, unit: int | None = None) -> str:
    """A formula with the names of this unit in it."""
    formula = re.sub(r"\ba\b", a, formula)
    return formula if unit is None else re.sub(r"(?<!\()\by\b", f"y[{unit}]", formula)
